"""The resources of all accounts as bytes, and back: moto's backends in use, with all that hangs on them.

moto's objects are plain but for a few things pickle cannot take: locks, dictionaries of weak references, private keys,
functions without a name inside others. Those are helped here, by type; what the sandbox hangs on moto's objects needs
no help and must not begin to. Bytes fit only the versions that wrote them.

**A pickle is code.** Reading takes classes of moto and of the sandbox, and a short list of others, and calls nothing
else by name. That keeps accidents out, not somebody who writes such bytes on purpose: read only what is your own.
"""

from __future__ import annotations

import importlib
import io
import pickle
import threading
import types
import weakref
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives import serialization
from moto.core.base_backend import BackendDict, backend_lock
from moto.core.common_models import BaseModel

from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Callable

_OURS: Final = ("moto.", "plinkctl.sandbox.")
#: What else there may be: what moto keeps its values in. By name, as pickle has them.
_OTHERS: Final = frozenset(
    f"{module}.{name}"
    for module, names in {
        "builtins": "bool bytearray bytes complex dict float frozenset int list object range set slice str tuple",
        "collections": "Counter OrderedDict defaultdict deque",
        "copyreg": "_reconstructor",
        "datetime": "date datetime time timedelta timezone",
        "dateutil.tz.tz": "tzlocal tzutc",
        "decimal": "Decimal",
        "io": "BytesIO StringIO",
        "_io": "BytesIO StringIO",
        "ipaddress": "IPv4Address IPv4Interface IPv4Network IPv6Address IPv6Interface IPv6Network",
        "random": "Random",
        "re": "_compile",
        "requests.structures": "CaseInsensitiveDict",
        "uuid": "SafeUUID UUID",
        "weakref": "WeakValueDictionary",
        "werkzeug.datastructures.headers": "Headers",
        "zoneinfo": "ZoneInfo",
    }.items()
    for name in names.split()
)

Place = tuple[str, str, str, Any]
"""A backend in use: service, account, region, and moto's backend."""


# ------------------------------------------------------------------------------------------- to bytes


def dumps(value: Any) -> bytes:
    """A value as bytes.

    Raises:
        TypeError: something in it cannot be written; it is named.
    """
    written = io.BytesIO()
    try:
        _Pickler(written, protocol=5).dump(value)
    except (pickle.PicklingError, AttributeError, RecursionError) as error:
        raise TypeError(str(error)) from error
    return written.getvalue()


class _Pickler(pickle.Pickler):
    """Helps where pickle cannot go; asked for every object, so that it only looks up the type."""

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        if kind not in _HELP:
            _HELP[kind] = _help_for(kind)
        help_of = _HELP[kind]
        return NotImplemented if help_of is None else help_of(value)


def _function(value: types.FunctionType) -> Any:
    """A function inside another is told by where its code is; a named one needs no help."""
    if "<locals>" not in value.__qualname__:
        return NotImplemented
    if value.__closure__ or value.__defaults__ or value.__kwdefaults__:
        raise pickle.PicklingError(f"{value.__module__}.{value.__qualname__} holds on to values")
    *outer, _ = value.__qualname__.split(".<locals>.")
    place = (value.__module__, tuple(outer), value.__qualname__)
    same = _codes(*place)
    return _inner, (*place, same.index(value.__code__))


def _codes(module: str, outer: tuple[str, ...], qualified: str) -> list[types.CodeType]:
    """The code of all functions of that qualified name inside a function: several may be without a name."""
    found: Any = importlib.import_module(module)
    for name in outer[0].split("."):
        found = found.__dict__[name]
    waiting, codes = [getattr(found, "__wrapped__", found).__code__], []
    while waiting:
        inside = [one for one in waiting.pop(0).co_consts if isinstance(one, types.CodeType)]
        codes += [one for one in inside if one.co_qualname == qualified]
        waiting += inside
    return codes


_Reduction = tuple[Any, ...]

_HELP: dict[type, Callable[[Any], Any] | None] = {
    types.FunctionType: _function,
    types.MethodType: lambda value: (_method, (value.__self__, value.__func__.__name__)),
    type(threading.Lock()): lambda _: (_lock, ()),
    type(threading.RLock()): lambda _: (_rlock, ()),
    threading.Condition: lambda _: (_condition, ()),
    weakref.WeakValueDictionary: lambda value: (weakref.WeakValueDictionary, (), None, None, iter(value.items())),
}


def _help_for(kind: type) -> Callable[[Any], Any] | None:
    if kind.__module__.startswith("cryptography.") and hasattr(kind, "private_bytes"):
        return _private_key
    if issubclass(kind, defaultdict) and kind is not defaultdict:
        return _default
    return None


def _default(value: Any) -> _Reduction:
    """A kind of defaultdict that wants other arguments than those pickle would give it."""
    return _filled, (type(value), value.default_factory), value.__dict__, None, iter(value.items())


def _private_key(value: Any) -> _Reduction:
    none = serialization.NoEncryption()
    der = value.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, none)
    return _key, (der,)


# ----------------------------------------------------------------------------------------- from bytes


def loads(data: bytes) -> Any:
    """What `dumps` wrote.

    Raises:
        ValueError: it did not write this, or it was another version.
    """
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except Exception as error:
        # Broken bytes end in whatever the classes they name say to them.
        raise ValueError(f"{type(error).__name__}: {error}") from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" in _OTHERS:
            return super().find_class(module, name)
        if module == __name__ and name in _MAKERS:
            return _MAKERS[name]
        if module.startswith(_OURS):
            found = super().find_class(module, name)
            # By its own name, so that nothing comes in by way of a module that happens to import it.
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is nothing a sandbox is made of")


def _inner(module: str, outer: tuple[str, ...], qualified: str, number: int) -> Any:
    if not module.startswith(_OURS):
        raise pickle.UnpicklingError(f"{module} is nothing a sandbox is made of")
    code = _codes(module, outer, qualified)[number]
    return types.FunctionType(code, importlib.import_module(module).__dict__)


def _method(owner: Any, name: str) -> Any:
    if not isinstance(getattr(type(owner), name), types.FunctionType):
        raise pickle.UnpicklingError(f"{name} is no method")
    return getattr(owner, name)


def _lock() -> Any:
    return threading.Lock()


def _rlock() -> Any:
    return threading.RLock()


def _condition() -> Any:
    return threading.Condition()


def _key(der: bytes) -> Any:
    # Not proven again: that takes a tenth of a second, and it was a key when it was written.
    return serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)


def _filled(kind: type, factory: Any) -> Any:
    made: Any = defaultdict.__new__(kind)
    defaultdict.__init__(made, factory)
    return made


_MAKERS: Final[dict[str, Callable[..., Any]]] = {
    made.__name__: made for made in (_inner, _method, _lock, _rlock, _condition, _key, _filled)
}


# -------------------------------------------------------------------------------------- moto's backends


def unkept(places: list[Place]) -> dict[str, str]:
    """The services among them that cannot be written and read back, each with the reason; asked one by one.

    A service whose backends hold on to those of a faulty one is told as well, as it takes them along.
    """
    found = {}
    for service in dict.fromkeys(place[0] for place in places):
        try:
            loads(dumps([place for place in places if place[0] == service]))
        except (TypeError, ValueError) as error:
            found[service] = str(error)
    return found


def in_use() -> list[Place]:
    """moto's backends, of every service, account and region that has come into use."""
    return [
        (service.service_name, account, region, backend)
        for service in list(_services())
        for account, regions in list(service.items())
        for region, backend in list(regions.items())
    ]


def put(places: list[Place]) -> None:
    """Let these be moto's backends, and no others."""
    with backend_lock:
        named = {service.service_name: service for service in _services()}
        for service in named.values():
            for regions in service.values():
                regions.clear()
            if hasattr(service, "bucket_accounts"):  # whose each bucket is: moto keeps it beside the backends
                service.bucket_accounts.clear()
        for name, account, region, backend in places:
            if name not in named:
                named[name] = _service_of(backend)
            named[name][account][region] = backend
            if hasattr(named[name], "bucket_accounts"):
                named[name].bucket_accounts.update(dict.fromkeys(backend.buckets, (region, account)))


def _services() -> list[Any]:
    known: Any = BackendDict
    return list(known._instances)


def _service_of(backend: Any) -> Any:
    """Where moto keeps the backends of this one's service, of which none has been asked for yet."""
    kind = type(backend)
    beside = vars(importlib.import_module(kind.__module__)).values()
    return next(one for one in beside if isinstance(one, BackendDict) and one.backend is kind)


@override(BaseModel, "__new__")
def _untracked(_original: Any, cls: Any, *_args: Any, **_kwargs: Any) -> Any:
    """moto keeps every object it ever made, for a page of its own that is closed here; copies would pile up."""
    return super(BaseModel, cls).__new__(cls)
