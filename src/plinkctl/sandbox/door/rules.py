"""Fault rules as data: which calls they are for, and what happens to those. Read, checked, and told back as JSON.

A rule says when the effect of a call lands and what its caller gets; the two are independent, since only together they
are what happens on a network: done, and the answer lost.

Nothing here knows of sockets or moto; `faults` decides with rules, `wires` and `altered` carry them out.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from plinkctl.sandbox.door.effects import BODIES, EFFECTS, FAILING, LONGEST, SIGNALS, UNSUCCESSFUL

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

#: What people write for a service, and what it signs its requests with.
_SERVICES: Final = {"elbv2": "elasticloadbalancing", "elb": "elasticloadbalancing", "cloudwatch": "monitoring"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One fault. All matching keys must fit; `nth`, `after` and `times` count the calls that do.

    Attributes:
        name: unique; by it a rule is told in the call log and taken away.
        action: `service:Action`, with `*` and `?`.
        effect: one of EFFECTS.
        when: one of WHENS.
        account: an account ID; None for all.
        region: None for all.
        resource: a pattern some value among the call's parameters must fit: an ID, an ARN, a name.
        each: count for each such value by itself, instead of for the rule.
        nth: only these of the matching calls, counted from 1; empty for all.
        after: not the first so many.
        times: at most so often; None without end.
        probability: of the calls that are left; which ones is fixed by `seed`.
        seconds: of `hang` and `latency`, in real seconds.
        find, put: of `rewrite`: the text to find in the answer, and the one to put there.
        delay: after how many seconds of the sandbox's clock a late effect lands.
        gap: real seconds between two signals.
    """

    name: str
    action: str
    effect: str
    when: str
    account: str | None = None
    region: str | None = None
    resource: str | None = None
    each: bool = False
    nth: tuple[int, ...] = ()
    after: int = 0
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    code: str | None = None
    message: str | None = None
    status: int | None = None
    body: str = "aws"
    seconds: float | None = None
    delay: float = 0.0
    signals: tuple[str, ...] = ()
    gap: float = 0.0
    find: str | None = None
    put: str | None = None

    def told(self) -> dict[str, Any]:
        """The rule as it could have been written: without what is as if not said."""
        empty = {field.name: field.default for field in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value != empty[name]
        }


class RulesError(ValueError):
    """Rules that cannot be used. `problems` are all of them, one sentence each; none of the rules was taken."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def read(
    document: Any,
    *,
    accounts: Mapping[str, str],
    actions: Callable[[str], Collection[str]],
    taken: Collection[str] = (),
) -> list[Rule]:
    """The rules of a JSON document, `{"rules": [...]}`, with a `seed` for all of them if given.

    Args:
        document: what was parsed from JSON.
        accounts: account ID by alias; both may be written.
        actions: the actions of a service by its signing name; empty when there is no such service.
        taken: names of rules there are already.

    Raises:
        RulesError: with everything that is wrong.
    """
    if not isinstance(document, dict) or not isinstance(document.get("rules"), list):
        raise RulesError(['a fault file is {"rules": [{"action": "ec2:CreateVpc", "effect": "reset"}, ...]}'])
    problems = [
        f"there is no key {key!r} beside `rules`{_meant(key, {'seed'})}" for key in document.keys() - {"rules", "seed"}
    ]
    if not _whole(seed := document.get("seed", 0)):
        problems.append(f"seed must be a whole number, not {seed!r}")
    names = set(taken)
    found = []
    for number, written in enumerate(document["rules"], 1):
        name, wrong = _Check(written, accounts, actions).name_and_problems(number, names)
        problems += [
            f"rule {number}{f' ({name})' if isinstance(written, dict) and 'name' in written else ''}: {one}"
            for one in wrong
        ]
        names.add(name)
        if not wrong:
            found.append(_made({"seed": seed, **written, "name": name}, accounts))
    if problems:
        raise RulesError(problems)
    return found


def _made(written: dict[str, Any], accounts: Mapping[str, str]) -> Rule:
    """A rule from what was found to be right."""
    given = dict(written)
    given["action"] = _signed(given["action"])
    given.setdefault("when", EFFECTS[given["effect"]].whens[0])
    if "account" in given:
        given["account"] = accounts.get(given["account"], given["account"])
    for key in ("nth", "signals"):
        if key in given:
            given[key] = tuple(given[key]) if isinstance(given[key], list) else (given[key],)
    return Rule(**given)


def _signed(action: str) -> str:
    """An action under the name its service signs its requests with."""
    service, colon, name = action.partition(":")
    return f"{_SERVICES.get(service, service)}{colon}{name}"


class _Check:
    """Everything that is wrong with one rule as it was written."""

    def __init__(self, written: Any, accounts: Mapping[str, str], actions: Callable[[str], Collection[str]]) -> None:
        self._written = written
        self._accounts = accounts
        self._actions = actions

    def name_and_problems(self, number: int, taken: Collection[str]) -> tuple[str, list[str]]:
        """The rule's name, given or made, and its problems."""
        written = self._written
        if not isinstance(written, dict):
            return f"rule-{number}", [f"must be an object, not {written!r}"]
        name = written.get("name")
        problems = list(self._problems(written))
        if name is None:
            while (name := f"rule-{number}") in taken:
                number += 1
        elif not isinstance(name, str) or not re.fullmatch(r"[\w.:-]{1,64}", name):
            problems.append(f"name must be letters, digits, or any of _.:-, not {name!r}")
        elif name in taken:
            problems.append(f"there is a rule {name!r} already")
        return str(name), problems

    def _problems(self, rule: dict[str, Any]) -> Iterator[str]:
        known = {field.name for field in fields(Rule)}
        for key in rule.keys() - known:
            yield f"there is no key {key!r}{_meant(key, known)}"
        yield from self._action(rule.get("action"))
        yield from self._effect(rule)
        if "account" in rule and rule["account"] not in (*self._accounts, *self._accounts.values()):
            here = ", ".join(f"{alias} ({number})" for alias, number in self._accounts.items())
            yield f"account {rule['account']!r} is not one of {here}"
        for key, right, words in _VALUES:
            if key in rule and not right(rule[key]):
                yield f"{key} must be {words}, not {rule[key]!r}"
        if rule.get("each") and "resource" not in rule:
            yield "each counts for each resource, so it needs `resource`"
        if rule.get("when") == "late" and "delay" not in rule:
            yield "when: late needs `delay`, in seconds of the sandbox's clock"
        if "delay" in rule and rule.get("when") != "late":
            yield "delay is for when: late"

    def _effect(self, rule: dict[str, Any]) -> Iterator[str]:
        effect = rule.get("effect")
        if not isinstance(effect, str) or effect not in EFFECTS:
            said = f"{effect!r} is no effect{_meant(effect, EFFECTS)}" if "effect" in rule else "has no effect"
            yield f"{said}; there are {', '.join(EFFECTS)}"
            return
        form = EFFECTS[effect]
        if effect == "missing" and "resource" not in rule:
            yield "missing needs `resource`: the ID, ARN or name that is not found"
        name = str(rule.get("action")).rpartition(":")[2]
        if effect == "unsuccessful" and not any(fits(name, one) for one in UNSUCCESSFUL):
            yield f"{name} has no list of what was unsuccessful; {', '.join(sorted(UNSUCCESSFUL))} have"
        wanted = str(rule.get("action"))
        if effect == "failed" and not any(fits(_signed(wanted), one) for one in FAILING):
            yield f"{wanted} makes nothing that can end failed; {', '.join(sorted(FAILING))} do"
        if "when" in rule and rule["when"] not in form.whens:
            yield f"{effect} comes {' or '.join(form.whens)}, not {rule['when']!r}{_meant(rule['when'], form.whens)}"
        for key in sorted(form.needs - rule.keys()):
            yield f"{effect} needs `{key}`"
        for key in sorted((_OF_EFFECTS & rule.keys()) - form.needs - form.may):
            yield f"{effect} takes no `{key}`"

    def _action(self, action: Any) -> Iterator[str]:
        if not isinstance(action, str) or not re.fullmatch(r"[\w*?-]+:[\w*?]+|\*", action):
            said = f"not {action!r}" if action is not None else "and is missing"
            yield f"action must be service:Action, such as ec2:CreateVpc or elbv2:*, {said}"
            return
        service, _, name = action.partition(":")
        if "*" in service or "?" in service:
            return
        known = self._actions(_SERVICES.get(service, service))
        if not known:
            yield f"there is no service {service!r}"
        elif name not in known and not any(fits(name, one) for one in known):
            close = difflib.get_close_matches(name, known, n=1)
            yield f"{service} has no action {name}" + (f"; did you mean {service}:{close[0]}?" if close else "")


def fits(pattern: str, text: str) -> bool:
    """Whether the text is what a pattern with `*` and `?` says, upper and lower case apart."""
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return bool(
        re.fullmatch("".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern), text, re.DOTALL)
    )


def _meant(word: Any, known: Collection[str]) -> str:
    close = difflib.get_close_matches(str(word), known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _whole(value: Any, least: int | None = None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and (least is None or value >= least)


def _number(value: Any, least: float, most: float) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and least <= value <= most
    )


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


#: Keys that belong to some effects only.
_OF_EFFECTS: Final = frozenset().union(*(form.needs | form.may for form in EFFECTS.values()))

_COUNTS: Final = "a whole number of 1 or more"
_WAITS: Final = f"seconds from 0 to {LONGEST:.0f}"
_VALUES: Final[tuple[tuple[str, Callable[[Any], bool], str], ...]] = (
    ("region", _text, "a text"),
    ("resource", _text, "a text"),
    ("each", lambda value: isinstance(value, bool), "true or false"),
    (
        "nth",
        lambda value: (
            _whole(value, 1) or (isinstance(value, list) and bool(value) and all(_whole(n, 1) for n in value))
        ),
        f"{_COUNTS}, or a list of such",
    ),
    ("after", lambda value: _whole(value, 0), "a whole number of 0 or more"),
    ("times", lambda value: _whole(value, 1), _COUNTS),
    ("probability", lambda value: _number(value, 0, 1), "a number from 0 to 1"),
    ("seed", _whole, "a whole number"),
    ("code", _text, "a text"),
    ("message", _text, "a text"),
    ("status", lambda value: _whole(value, 400) and value <= 599, "an HTTP status from 400 to 599"),
    ("body", lambda value: value in BODIES, f"one of {', '.join(BODIES)}"),
    ("seconds", lambda value: _number(value, 0, LONGEST), _WAITS),
    ("delay", lambda value: _number(value, 0, math.inf), "a number of seconds of 0 or more"),
    (
        "signals",
        lambda value: (
            value in SIGNALS or (isinstance(value, list) and bool(value) and all(one in SIGNALS for one in value))
        ),
        f"one or a list of {', '.join(SIGNALS)}",
    ),
    ("gap", lambda value: _number(value, 0, LONGEST), _WAITS),
    ("find", _text, "a text"),
    ("put", lambda value: isinstance(value, str), "a text"),
)
