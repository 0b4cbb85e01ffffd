"""The tap on the wire between plinkctl and the sandbox: it numbers requests, lets faults befall them, and sees to it
that what must hold at each of them holds.

Requests pass one at a time, so that "at the k-th request" is one instant. The faults are the sandbox's own rules; only
which request one befalls is decided here, since it is told by what the request is about.
"""

import io
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from words import digest

from plinkctl.sandbox.door import protocol
from plinkctl.sandbox.door.faults import Faults, Strike
from plinkctl.sandbox.door.rules import Rule

if TYPE_CHECKING:
    from house import House

    from plinkctl.sandbox.door.gateway import Server

_READS: Final = re.compile(r"Describe|Get|List|Invoke")
_ALIASES: Final = {"111111111111": "provider", "222222222222": "consumer"}
#: In the User-Agent of whoever is not the application under trial; their requests pass by.
BYSTANDER: Final = "bystander"
#: Requests of one command; more is a loop without end (I12).
_MOST: Final = 4000


class Violation(AssertionError):  # noqa: N818 - it is what it is
    """An invariant does not hold."""


@dataclass(frozen=True)
class Request:
    """One request of the application.

    Args:
        base: Side, action and what it is about, in words.
        nth: Which one of its base it is in this command, counted from 1.
        node: The node it is about; empty where there is none.
        writes: Whether it changes something.
        makes: Whether it makes something that carries its operation.
        ends: Whether it takes something away.
        late: What the sandbox needs to let it take effect later: account, environ and body.
    """

    base: str
    nth: int
    node: str
    action: str
    writes: bool
    makes: bool
    ends: bool
    values: tuple[str, ...]
    late: tuple[str, dict[str, Any], bytes]

    @property
    def key(self) -> str:
        """Its stable number."""
        return f"{self.base} #{self.nth}"


@dataclass
class Shot:
    """A fault aimed at a request: from its nth on, so many times.

    Args:
        rule: What befalls it.
        nth: The first one of its base that is hit.
        times: How many are.
        passes: Seconds that go by meanwhile: a hanging connection is given up by then.
        lasts: Seconds after the first hit when it is over, however few were hit by then.
    """

    rule: Rule
    nth: int
    times: float = 1
    passes: float = 0.0
    lasts: float = float("inf")
    hits: int = 0
    over: float = float("inf")

    def hits_now(self, nth: int, now: float) -> bool:
        """Whether the nth request of its base is hit, at that time; if so, it is counted."""
        hit = self.nth <= nth < self.nth + self.times and now < self.over
        if hit and not self.hits:
            self.over = now + self.lasts
        self.hits += hit
        return hit


class Aimed(Faults):
    """The sandbox's rules, but for which request one is for."""

    shot: Shot | None = None

    def strikes(self, asked: protocol.Asked, account: str) -> list[Strike]:
        """The fault aimed at the request that is passing."""
        return [Strike(self.shot.rule)] if self.shot is not None else []


@dataclass
class Tap:
    """See above. Hooks are called while the request waits: before it takes effect, and after."""

    house: "House"
    shots: dict[str, list[Shot]] = field(default_factory=dict)
    passed: list[Request] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    before: Callable[[Request], None] = lambda _: None
    after: Callable[[Request], None] = lambda _: None
    always: Shot | None = None
    changes: int = 0
    watching: bool = True

    def __post_init__(self) -> None:
        self._turn = threading.RLock()
        self._count: Counter[str] = Counter()
        self._sent: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._before_the_stop: dict[str, dict[str, Any]] | None = None

    def must(self, holds: bool, invariant: str, words: str) -> None:
        """Note what does not hold; raising here would only be one more lost answer."""
        if not holds and self.watching:
            self.violations.append(f"{invariant}: {words}")

    def begin(self) -> None:
        """A command begins."""
        self._count.clear()
        self.passed = []
        self._before_the_stop = None

    def renew(self, late: list[Any]) -> None:
        """Another world: rules are none, and this is yet to land."""
        self.house.server.world.faults = Aimed(late=late)
        self._sent.clear()

    @contextmanager
    def on(self, server: "Server") -> Iterator[None]:
        """Every request goes through here meanwhile."""
        apps = [(listener, listener.app) for listener in server._listeners]
        for listener, app in apps:
            listener.app = self._through(app)
        try:
            yield
        finally:
            for listener, app in apps:
                listener.app = app

    def _through(self, app: Any) -> Any:
        def tapped(environ: dict[str, Any], start_response: Any) -> Any:
            if environ["PATH_INFO"].startswith("/_sandbox") or BYSTANDER in environ.get("HTTP_USER_AGENT", ""):
                return app(environ, start_response)
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            asked = protocol.read(environ, body)
            with self._turn:
                return self._pass(app, environ, start_response, asked, body)

        return tapped

    def _pass(self, app: Any, environ: dict[str, Any], start_response: Any, asked: protocol.Asked, body: bytes) -> Any:
        request = self._read(asked, environ, body)
        self.passed.append(request)
        self.must(len(self.passed) < _MOST, "I12", f"more than {_MOST} requests")
        if request.writes:
            self._look_at(request, asked.digest)
        faults: Any = self.house.server.world.faults
        self.before(request)
        now = self.house.clock.now()
        shot = next((s for s in self.shots.get(request.base, ()) if s.hits_now(request.nth, now)), None)
        if shot is not None:
            self.house.clock.advance(shot.passes)
        faults.shot = shot or self.always
        try:
            answer = list(app(environ, start_response))
        finally:
            faults.shot = None
            self.changes += request.writes
        self.after(request)
        return answer

    def _read(self, asked: protocol.Asked, environ: dict[str, Any], body: bytes) -> Request:
        words = self.house.words
        account = self.house.account_of(asked.key)
        about = sorted(words(value) for value in asked.values)
        values = (*asked.values, *(op for value in asked.values for op in _OPS.findall(value)))
        node = words.node_of(values)
        base = f"{_ALIASES.get(account, account)} {asked.action} {node} {digest(about)[:6]}"
        self._count[base] += 1
        kept = {k: v for k, v in environ.items() if isinstance(v, str | int | tuple)}
        writes = not _READS.match(asked.action)
        late = (account, kept, body)
        return Request(base, self._count[base], node, asked.action, writes, *_does(asked), values, late)

    # -------------------------------------------------------------------------- what holds at each write

    def _look_at(self, request: Request, said: str) -> None:
        named = self.house.decoys.intersection(request.values)
        self.must(not named, "I6", f"{request.key} names somebody else's {named}")
        records = self.house.disk.records()
        if request.makes:
            record = next((r for r in records.values() if r["op"] and r["op"] in request.values), None)
            self.must(record is not None, "I8", f"{request.key} arrives and no durable record has its operation")
            if record is not None:
                begun = record["phase"] == "creating" and record["sent_at"] is not None
                self.must(begun, "I8", f"{request.key} arrives in phase {record['phase']}")
                sent = self._sent[(request.action, record["op"])]
                sent.add(said)
                # A certificate made here has another key each time, since its key is kept nowhere.
                alike = len(sent) == 1 or request.action == "ImportCertificate"
                self.must(alike, "I9", f"{request.key} is sent again with other parameters")
        if request.ends and request.node in records:
            phase, sent_at = records[request.node]["phase"], records[request.node]["sent_at"]
            late = phase == "absent" and sent_at is not None  # what came of a send that is not accounted for
            self.must(phase == "deleting" or late, "I8", f"{request.key} arrives in phase {phase}")
        if self.house.stop:
            self._after_the_stop(request, records)

    def _after_the_stop(self, request: Request, records: dict[str, Any]) -> None:
        """Only what was already on its way may come: its intent is older than the signal (I13)."""
        if self._before_the_stop is None or not request.makes:
            return
        before = self._before_the_stop.get(request.node)
        known = before is not None and before["phase"] == "creating" and before["sent_at"] is not None
        self.must(known, "I13", f"{request.key} was begun after the signal")

    def signal(self, signum: int) -> None:
        """What a signal handler does: the flag, and nothing else."""
        self._before_the_stop = self.house.disk.records()
        self.house.stop.set(signum)


def _does(asked: protocol.Asked) -> tuple[bool, bool]:
    """Whether a request makes something with an operation of ours, and whether it takes something away."""
    match asked.action:
        case "ImportCertificate":  # with an ARN it is brought again, in place
            return "CertificateArn" not in asked.names, False
        case "RequestCertificate":
            return True, False
        case "ChangeResourceRecordSets":
            said = " ".join(asked.values)
            return "<Action>CREATE<" in said, "<Action>DELETE<" in said
        case action:
            return action.startswith("Create") and action != "CreateTags", action in _DELETES


#: An operation inside a value: in the mark beside a record, and in a zone's document.
_OPS: Final = re.compile(r"(?:\bop=|<CallerReference>)(\w+)")
_DELETES: Final = frozenset(
    {
        "DeleteVpc",
        "DeleteSubnet",
        "DeleteRouteTable",
        "DeleteSecurityGroup",
        "DeleteLoadBalancer",
        "DeleteTargetGroup",
        "DeleteListener",
        "DeleteVpcEndpoints",
        "DeleteVpcEndpointServiceConfigurations",
        "DeleteFunction",
        "DeleteRole",
        "DeleteLogGroup",
        "DeleteCertificate",
        "DeleteHostedZone",
    }
)
