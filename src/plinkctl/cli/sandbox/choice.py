"""Which rows of a log are asked for; and when none is there, what is there instead. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Final

Row = Mapping[str, Any]

#: What the SDKs call a service that signs under another name; both will do.
_ALSO: Final = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}
_FEW: Final = 10


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing asked of a row: whether it fits, how to say that none does, what was meant, what rows have of it."""

    fits: Callable[[Row], bool]
    none: str
    meant: str = ""
    has: Callable[[Row], str] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked of the rows of a log, all of it at once; `noun` is what one row is of."""

    noun: str
    conditions: Sequence[Condition] = ()

    def fits(self, row: Row) -> bool:
        """Whether a row is asked for."""
        return all(one.fits(row) for one in self.conditions)

    def why_none(self, rows: Sequence[Row], since: int | None) -> str:
        """Why no row is asked for, when none is: the first condition that leaves none, and what there is."""
        if not rows:
            return f"there is no {self.noun} " + ("yet" if since is None else f"with a number above {since}")
        for one in self.conditions:
            if not (left := [row for row in rows if one.fits(row)]):
                return one.none + _instead(sorted({one.has(row) for row in rows}) if one.has else [], one.meant)
            rows = left
        return ""


def of_calls(*, account: str | None, service: str | None, action: str | None, errors: bool) -> Choice:
    """The calls of an account, of a service, of an action (`*` and `?` stand for anything), refused or struck."""
    asked = []
    if account is not None:
        none = f"there is no call of {account}"
        asked.append(Condition(lambda call: account in (call["account"], call["alias"]), none))
    if service is not None:
        none = f"there is no call to a service {service}"
        asked.append(
            Condition(lambda call: service in _services(call), none, service, lambda call: str(call["service"]))
        )
    if action is not None:
        none = f"there is no call of an action {action}"
        asked.append(Condition(lambda call: _acts(call, action), none, action, lambda call: str(call["action"])))
    if errors:
        none = "no call was refused, or hit by a fault"
        asked.append(Condition(lambda call: call["status"] >= 400 or bool(call["fault"]), none))
    return Choice("call", asked)


def of_flows(*, dropped: bool) -> Choice:
    """The flows, or only those that did not get through."""
    through = Condition(lambda flow: flow["outcome"] != "ok", "every connection got through")
    return Choice("connection", [through] if dropped else [])


def _services(call: Row) -> tuple[str, ...]:
    signed = str(call["service"])
    return (signed, _ALSO.get(signed, signed))


def _acts(call: Row, action: str) -> bool:
    """Whether it is a call of that action, written with its service (`ec2:CreateVpc`) or without."""
    names = (call["action"], *(f"{service}:{call['action']}" for service in _services(call)))
    return any(fnmatchcase(name, action) for name in names)


def _instead(names: list[str], meant: str) -> str:
    """What there is: all of it when that is little, else what is like it."""
    told = names if len(names) <= _FEW else get_close_matches(meant.rpartition(":")[2], names, cutoff=0.4)
    return f"; there are {', '.join(told)}" if told else ""
