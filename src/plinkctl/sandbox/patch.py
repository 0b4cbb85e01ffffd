"""The only writer to moto's classes: a registry of what is replaced, applied once per process.

moto is extended in place, not forked and not subclassed: its backends name their own classes and modules in too
many places for a subclass to hold. Each part of the sandbox declares what it changes with `override` (something moto
has) or `action` (an API call moto lacks); nothing happens until `install`, which first compares every declaration
with the moto at hand. A seam that moved is thereby a clear sentence at start, not a wrong answer later.

This module knows nothing of AWS.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import threading
from collections.abc import Callable, Set
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from types import CodeType

#: moto's response layer was rewritten in 5.2.0; the seams are checked against this line of releases only.
SUPPORTED: Final = "5.2"

#: The modules that declare changes. `install` imports them, so that declaring is all they have to do.
PARTS: Final = (
    "plinkctl.sandbox.world",
    "plinkctl.sandbox.pickles",
    "plinkctl.sandbox.manners.every_call",
    "plinkctl.sandbox.manners.queues",
    "plinkctl.sandbox.manners.quotas",
    "plinkctl.sandbox.interfaces",
    "plinkctl.sandbox.ec2.network",
    "plinkctl.sandbox.ec2.defaults",
    "plinkctl.sandbox.ec2.access_lists",
    "plinkctl.sandbox.ec2.nat",
    "plinkctl.sandbox.ec2.groups",
    "plinkctl.sandbox.ec2.listing",
    "plinkctl.sandbox.ec2.services",
    "plinkctl.sandbox.ec2.service_calls",
    "plinkctl.sandbox.ec2.permissions",
    "plinkctl.sandbox.ec2.endpoints",
    "plinkctl.sandbox.ec2.endpoint_calls",
    "plinkctl.sandbox.ec2.connections",
    "plinkctl.sandbox.ec2.notifications",
    "plinkctl.sandbox.elb.attributes",
    "plinkctl.sandbox.elb.balancers",
    "plinkctl.sandbox.elb.placing",
    "plinkctl.sandbox.elb.tls",
    "plinkctl.sandbox.elb.changes",
    "plinkctl.sandbox.elb.listeners",
    "plinkctl.sandbox.elb.counts",
    "plinkctl.sandbox.elb.targets",
    "plinkctl.sandbox.names.zones",
    "plinkctl.sandbox.names.records",
    "plinkctl.sandbox.names.sharing",
    "plinkctl.sandbox.names.acm",
    "plinkctl.sandbox.compute.roles",
    "plinkctl.sandbox.compute.functions",
    "plinkctl.sandbox.compute.versions",
    "plinkctl.sandbox.compute.logs",
    "plinkctl.sandbox.compute.invoke",
    "plinkctl.sandbox.compute.account",
    "plinkctl.sandbox.monitoring",
    "plinkctl.sandbox.storage.buckets",
    "plinkctl.sandbox.access.sessions",
    "plinkctl.sandbox.access.users",
    "plinkctl.sandbox.access.simulation",
)

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Seam:
    """One declared change: the attribute `name` of `owner` (a class or a module), and what takes its place.

    `added` is true for an API action that moto does not have.
    """

    owner: Any
    name: str
    function: Callable[..., Any]
    added: bool

    def __str__(self) -> str:
        return (
            f"{self.owner.__module__ if inspect.isclass(self.owner) else ''}.{self.owner.__name__}.{self.name}".lstrip(
                "."
            )
        )


class IncompatibleMoto(RuntimeError):  # noqa: N818 - a state of the installation, named as such
    """The installed moto is not the one the sandbox was written for; `problems` says in which ways."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        listed = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            f"the installed moto does not fit the sandbox:\n{listed}\nRun: pip install 'moto>={SUPPORTED},<5.3'"
        )


_seams: list[Seam] = []
_paths: list[tuple[Any, str, Any]] = []
_originals: set[CodeType] = set()
_lock = threading.Lock()
_installed = False


def override(owner: Any, name: str) -> Callable[[F], F]:
    """Declare that `owner.name` is replaced by the decorated function.

    The function receives what it replaces as its first argument, `original` (for a property: its getter), then the
    arguments of the call. Its parameters must be those of the original, or `*args, **kwargs`.
    """

    def declare(function: F) -> F:
        _seams.append(Seam(owner, name, function, added=False))
        return function

    return declare


def action(owner: Any, name: str) -> Callable[[F], F]:
    """Declare that the response class `owner` gains the API action `name` (snake case), which moto lacks.

    moto finds actions by their method name and serializes the returned ActionResult from botocore's model.
    """

    def declare(function: F) -> F:
        _seams.append(Seam(owner, name, function, added=True))
        return function

    return declare


def path(owner: Any, pattern: str, handler: Any) -> None:
    """Declare that the module `owner` (moto's `urls` of a service) gains a path, for REST actions moto lacks."""
    _paths.append((owner, pattern, handler))


def self_check() -> list[str]:
    """What of moto is not as the registry needs it, one sentence each; empty when all is well. Before `install`."""
    problems = []
    version = metadata.version("moto")
    if ".".join(version.split(".")[:2]) != SUPPORTED:
        problems.append(f"moto is {version}, the sandbox needs {SUPPORTED}.x")
    for seam in _seams:
        present = inspect.getattr_static(seam.owner, seam.name, None)
        if seam.added:
            if present is not None:
                problems.append(f"{seam} is now in moto itself; the addition here is to be reviewed")
        elif present is None:
            problems.append(f"{seam} is gone")
        elif not _fits(present, seam.function):
            problems.append(f"{seam} has other parameters than the function that replaces it")
    problems += [f"{owner.__name__} has no url_paths" for owner, _, _ in _paths if not hasattr(owner, "url_paths")]
    return problems


def _fits(present: Any, function: Callable[..., Any]) -> bool:
    """Whether every parameter the original takes can be given to the replacement, by the same name."""
    original: Any = present.fget if isinstance(present, property) else getattr(present, "__func__", present)
    ours = list(inspect.signature(function).parameters.values())[1:]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in ours):
        return True
    theirs = inspect.signature(original).parameters
    return [parameter.name for parameter in ours] == list(theirs)


def originals() -> Set[CodeType]:
    """The code of everything that was replaced: what a replacement hands a call on to."""
    return _originals


def install() -> None:
    """Apply every declared change, once per process; later calls do nothing.

    Raises:
        IncompatibleMoto: a seam is missing or has changed; nothing was applied.
    """
    global _installed
    with _lock:
        if _installed:
            return
        for part in PARTS:
            importlib.import_module(part)
        if problems := self_check():
            raise IncompatibleMoto(problems)
        for seam in _seams:
            setattr(seam.owner, seam.name, seam.function if seam.added else _bound(seam))
        for owner, pattern, handler in _paths:
            owner.url_paths[pattern] = handler
        _installed = True


def _bound(seam: Seam) -> Any:
    """The replacement in the clothes of what it replaces: property, static method or plain function."""
    present = inspect.getattr_static(seam.owner, seam.name)
    function = seam.function
    if isinstance(present, property):
        getter: Any = present.fget
        _originals.add(getter.__code__)
        return property(lambda self: function(getter, self), present.fset)
    original = present.__func__ if isinstance(present, staticmethod) else present
    _originals.add(original.__code__)

    @functools.wraps(original)
    def replacement(*args: Any, **kwargs: Any) -> Any:
        return function(original, *args, **kwargs)

    return staticmethod(replacement) if isinstance(present, staticmethod) else replacement
