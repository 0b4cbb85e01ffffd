"""What a caller can see yet: AWS tells of a new thing, or of a change, a little after it has answered the call.

Every change that is seen late is written down as a `Change`: what was there before, and since when it is otherwise.
While a call is answered, the changes it cannot see yet are taken back; so every list, filter, and read by ID says what
it says of a thing that is not there, in its own words. Afterwards they are put in place again. What really is never
depends on it: traffic, refusals because of names and addresses, and the sandbox itself see everything.

Reads see nothing of what is too new. Other calls lack only what they name, since a name given twice or an address used
twice is refused at once on AWS.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from moto.awslambda.models import lambda_backends
from moto.ec2.models import EC2Backend, ec2_backends
from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import elbv2_backends
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends

from plinkctl.sandbox import world
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Calls that change nothing begin with one of these.
READS: Final = ("Describe", "List", "Get", "Filter", "Search", "Head", "Lookup", "Simulate")

#: Calls that answer alike whether they did it or there was nothing to do, and how they refuse what is too new. What
#: AWS says then is not known; that nothing was deleted must not look like a success.
_SILENT: Final = {
    "DeleteLoadBalancer": ("LoadBalancerNotFound", "One or more load balancers not found"),
    "DeleteTargetGroup": ("TargetGroupNotFound", "One or more target groups not found"),
}

#: Kinds whose name is given by the caller, and the call that gives it: there the name means another one to be.
_NAMED: Final = {"role": "CreateRole", "function": "CreateFunction"}

_BACKENDS: Final[tuple[Any, ...]] = (ec2_backends, elbv2_backends, iam_backends, lambda_backends, logs_backends)


def visible(kind: str, resource_id: str, since: float, now: float, *, seed: int, longest: float) -> bool:
    """Whether a change made at `since` can be seen at `now` (seconds).

    Each takes its own time of at most `longest` seconds: the same for the same seed, kind and ID.
    """
    digest = hashlib.blake2b(f"{seed} {kind} {resource_id}".encode(), digest_size=4).digest()
    return now >= since + longest * (int.from_bytes(digest, "big") + 1) / 2**32


@dataclass(slots=True, eq=False, kw_only=True)
class Change:
    """One change that is seen late.

    Attributes:
        kind: of what: `vpc`, `subnet`, ...; `tags` for the tags of any of them.
        id: what its delay is worked out from.
        since: when it was made (seconds of the sandbox's clock).
        home, key: where it was made: an entry of a dictionary, or an attribute of an object.
        before: what was there; None for nothing.
        names: by which callers may name it.
    """

    kind: str
    id: str
    since: float
    home: Any
    key: Any
    before: Any
    names: frozenset[str]

    def swap(self, value: Any) -> Any:
        """Put `value` in its place, and return what was there."""
        if not isinstance(self.home, dict):
            found = getattr(self.home, self.key)
            setattr(self.home, self.key, value)
            return found
        found = self.home.pop(self.key, None)
        if value is not None:
            self.home[self.key] = value
        return found


def born(backend: Any, kind: str, home: dict[Any, Any], key: Any, *names: str) -> None:
    """Say that `home[key]` of moto's `backend` is new. The first of `names` is its ID."""
    _note(backend, kind, names[0], home, key, None, names)


@override(EC2Backend, "__init__")
def _begun(original: Any, self: Any, region_name: str, account_id: str) -> None:
    """What a region has when it is looked at first, its default VPC, has been there for ever."""
    original(self, region_name, account_id)
    self.__dict__.pop("sandbox_changes", None)


def changing(backend: Any, kind: str, resource_id: str, home: Any, key: Any, *, new: bool = False) -> None:
    """Say that an entry (of a dictionary) or an attribute, a list or a dictionary, is about to change.

    With `new` it has changed already: it was empty before, as are the tags of a thing just made.
    """
    now = home.get(key, {}) if isinstance(home, dict) else getattr(home, key)
    _note(backend, kind, resource_id, home, key, type(now)() if new else now.copy(), ())


def _note(backend: Any, kind: str, resource_id: str, home: Any, key: Any, before: Any, names: Iterable[str]) -> None:
    if not world.current().lag:
        return
    changes = backend.__dict__.setdefault("sandbox_changes", deque())
    changes.append(
        Change(
            kind=kind,
            id=resource_id,
            since=world.now(),
            home=home,
            key=key,
            before=before,
            names=frozenset(names),
        )
    )


def _unseen() -> list[Change]:
    """The changes nobody can see yet, oldest first. What everybody sees is forgotten."""
    sandbox, now = world.current(), world.now()
    found: list[Change] = []
    for backends in _BACKENDS:
        for regions in list(backends.values()):
            for backend in list(regions.values()):
                if changes := backend.__dict__.get("sandbox_changes"):
                    while changes and changes[0].since + sandbox.lag <= now:
                        changes.popleft()
                    found += _late(changes, now, sandbox.seed, sandbox.lag)
    return found


def _late(changes: Iterable[Change], now: float, seed: int, longest: float) -> list[Change]:
    """Of each place, the changes after the last one that can be seen: who sees a change sees what was before it."""
    places: dict[tuple[int, Any], list[Change]] = {}
    for change in changes:
        place = places.setdefault((id(change.home), change.key), [])
        if visible(change.kind, change.id, change.since, now, seed=seed, longest=longest):
            place.clear()
        else:
            place.append(change)
    return [change for place in places.values() for change in place]


@contextlib.contextmanager
def view(response: Any, action: str) -> Iterator[Exception | None]:
    """Let moto's objects be for a moment what the caller of `action` can see of them, until the answer is written.

    What it gives is an error to answer with, or None: NotFound, for calls that would be silent about what is too new.
    """
    if not world.current().lag or not (changes := _unseen()):
        yield None
        return
    refusal = None
    if not action.startswith(READS):
        asked = set(_strings(_parameters(response)))
        changes = [one for one in changes if one.names & asked and action != _NAMED.get(one.kind)]
        if changes and action in _SILENT:
            refusal = ELBClientError(*_SILENT[action])
    held = [(change, change.swap(change.before)) for change in reversed(changes)]
    try:
        yield refusal
    finally:
        for change, value in reversed(held):
            change.swap(value)


def _parameters(response: Any) -> Any:
    """All that a request says, whatever its protocol: moto's parsed parameters, path, query, body."""
    if response.automated_parameter_parsing:
        return response.params
    body = None
    with contextlib.suppress(ValueError, TypeError):
        body = json.loads(response.body)
    return [response.uri_match, response.querystring, body]


def _strings(value: Any) -> Iterator[str]:
    """Every string within."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)
