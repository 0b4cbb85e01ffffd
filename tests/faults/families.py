"""The table of faults: what can befall a request, and how often.

`packed` faults may befall many requests of one run, one for each node, since the nodes' stories are told apart. The
others end the run, or concern all of it, and have one of their own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from tap import Request, Shot

from plinkctl.sandbox.door.effects import UNSUCCESSFUL
from plinkctl.sandbox.door.rules import Rule

FOR_EVER: Final = float("inf")
#: Seconds after which the writing client gives a silent connection up, and more.
_GIVEN_UP: Final = 75.0
#: Seconds for which AWS hides a thing at most: less than the grace period, which believes that it does not for longer.
_HIDDEN: Final = 50.0


@dataclass(frozen=True)
class Family:
    """One kind of fault.

    Args:
        name: In the report.
        rule: What the sandbox does.
        times: How many requests in a row of the same base; FOR_EVER until it is repaired.
        on: `all`, `reads`, `writes`, or `lists`, the calls that tell failures in a 200.
        passes: Seconds that go by meanwhile.
        lasts: Seconds after which it is over at the latest.
        once: Whether a caller that is told so must not ask again (I12).
    """

    name: str
    rule: Rule
    times: float = 1
    on: str = "all"
    passes: float = 0.0
    lasts: float = FOR_EVER
    once: bool = False

    def befalls(self, request: Request) -> bool:
        """Whether it can befall this request."""
        match self.on:
            case "reads":
                return not request.writes and request.action not in ("Invoke", "GetCallerIdentity")
            case "writes":
                return request.writes
            case "lists":
                return request.action in UNSUCCESSFUL
            case _:
                return True

    def at(self, request: Request) -> Shot:
        """The fault, aimed at a request."""
        return Shot(replace(self.rule, name=self.name), request.nth, self.times, self.passes, self.lasts)


def rule_of(effect: str, when: str, **more: Any) -> Rule:
    return Rule(name="-", action="*", effect=effect, when=when, **more)


def _families() -> Iterable[Family]:
    """A read has no effect, so that before and after it is one; what comes after is for writes."""
    for when, on in (("before", "all"), ("after", "writes")):
        reset, error = rule_of("reset", when), rule_of("error", when, status=500)
        yield Family(f"reset {when} the effect", reset, on=on)
        yield Family(f"reset {when} the effect, twice", reset, 2, on)
        yield Family(f"hang {when} the effect", reset, on=on, passes=_GIVEN_UP)
        yield Family(f"500 {when} the effect", error, on=on)
        yield Family(f"503 {when} the effect, in HTML", rule_of("error", when, status=503, body="html"), on=on)
        yield Family(f"502 {when} the effect, empty", rule_of("error", when, status=502, body="empty"), on=on)
        yield Family(f"reset {when} the effect, until repaired", reset, FOR_EVER, on)
        yield Family(f"hang {when} the effect, until repaired", reset, FOR_EVER, on, _GIVEN_UP)
        yield Family(f"500 {when} the effect, until repaired", error, FOR_EVER, on)
    yield Family("half the answer", rule_of("half", "after"))
    yield Family("half the answer, until repaired", rule_of("half", "after"), FOR_EVER)
    yield Family("effect 5 s late", rule_of("reset", "late", delay=5.0), on="writes")
    yield Family("effect 30 s late", rule_of("reset", "late", delay=30.0), on="writes")
    throttle = rule_of("throttle", "before")
    yield Family("throttled once", throttle)
    yield Family("throttled 50 times", throttle, 50)
    yield Family("denied until repaired", rule_of("denied", "before"), FOR_EVER, once=True)
    yield Family("credentials expired until renewed", rule_of("expired", "before"), FOR_EVER, once=True)
    for times in (1, 3, 12):
        yield Family(f"empty for {times} reads", rule_of("empty", "after"), times, on="reads", lasts=_HIDDEN)
    yield Family("an empty first page", rule_of("page", "after"), on="reads")
    yield Family("Unsuccessful in a 200", rule_of("unsuccessful", "before"), on="lists")
    yield Family("Unsuccessful in a 200, until repaired", rule_of("unsuccessful", "before"), FOR_EVER, on="lists")
    yield Family("a state nobody knows", rule_of("rewrite", "after", find=">available<", put=">sleeping<"), 2, "reads")


PACKED: Final = tuple(_families())
#: Those that one run survives, as far as is known; of the others few fit into one.
LIGHT: Final = tuple(f for f in PACKED if f.times < 20 and "half" not in f.name)
HEAVY: Final = tuple(f for f in PACKED if f not in LIGHT)
