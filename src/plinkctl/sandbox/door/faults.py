"""Which fault befalls which call: the rules that are set, how often each has matched and fired, what is yet to land.

Pure and picklable: the same calls in the same order get the same faults. Nothing is carried out here.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from plinkctl.sandbox.door.effects import FAILING, UNSUCCESSFUL
from plinkctl.sandbox.door.rules import Rule, fits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plinkctl.sandbox.door.protocol import Asked


@dataclass(frozen=True, slots=True)
class Strike:
    """A rule that fires on a call, and the value of the call its `resource` fitted (empty without one)."""

    rule: Rule
    value: str = ""


@dataclass(frozen=True, slots=True)
class Late:
    """A call whose effect is still to come: the request as it was, for the moment `due` (seconds of the clock)."""

    due: float
    rule: str
    account: str
    environ: dict[str, Any]
    body: bytes


@dataclass(slots=True)
class Faults:
    """The rules of a world, in the order they were set, and their tallies."""

    rules: list[Rule] = field(default_factory=list)
    matched: dict[tuple[str, str], int] = field(default_factory=dict)
    fired: dict[tuple[str, str], int] = field(default_factory=dict)
    late: list[Late] = field(default_factory=list)
    remembered: dict[tuple[str, str, str], bytes] = field(default_factory=dict)

    def add(self, rules: Iterable[Rule], *, replace: bool = False) -> None:
        """Set more rules, or these instead of all others. What is yet to land stays."""
        if replace:
            self.clear()
        self.rules += rules

    def clear(self, name: str | None = None) -> int:
        """Take the rule of that name away, or all; says how many went. What is yet to land lands."""
        gone = {rule.name for rule in self.rules if name in (None, rule.name)}
        self.rules = [rule for rule in self.rules if rule.name not in gone]
        self.matched = {key: count for key, count in self.matched.items() if key[0] not in gone}
        self.fired = {key: count for key, count in self.fired.items() if key[0] not in gone}
        self.remembered = {key: answer for key, answer in self.remembered.items() if key[0] not in gone}
        return len(gone)

    def strikes(self, asked: Asked, account: str) -> list[Strike]:
        """What befalls this call: any latencies, and at the end one other fault at most, that of the first rule.

        Every rule that matches counts the call, whichever fires, so that a rule's count does not hang on others.
        """
        found: list[Strike] = []
        struck = False
        for rule in self.rules:
            value = _matching(rule, asked, account)
            if value is None:
                continue
            key = (rule.name, value if rule.each else "")
            self.matched[key] = self.matched.get(key, 0) + 1
            if not self._due(rule, key) or (struck and rule.effect != "latency"):
                continue
            self.fired[key] = self.fired.get(key, 0) + 1
            struck = struck or rule.effect != "latency"
            found.append(Strike(rule, value))
        return sorted(found, key=lambda strike: strike.rule.effect != "latency")

    def _due(self, rule: Rule, key: tuple[str, str]) -> bool:
        number = self.matched[key]
        if number <= rule.after or (rule.nth and number not in rule.nth):
            return False
        if rule.times is not None and self.fired.get(key, 0) >= rule.times:
            return False
        # From the call's number alone, so that one rule's dice are not moved by another's.
        return rule.probability >= 1 or random.Random(f"{rule.seed} {key} {number}").random() < rule.probability  # noqa: S311 - dice, not a secret

    def first_answer(self, rule: Rule, account: str, digest: str, answer: bytes) -> bytes:
        """What the same call of the same account was answered when a rule fired on it first: this answer, then."""
        return self.remembered.setdefault((rule.name, account, digest), answer)

    def landing(self, moment: float) -> list[Late]:
        """The late effects whose moment has come, in their order; they are given out once."""
        due = sorted((late for late in self.late if late.due <= moment), key=lambda late: late.due)
        if due:
            self.late = [late for late in self.late if late.due > moment]
        return due

    def told(self) -> list[dict[str, Any]]:
        """Every rule with how many calls matched it and on how many it fired."""
        return [
            {
                **rule.told(),
                "matched": sum(count for (name, _), count in self.matched.items() if name == rule.name),
                "fired": sum(count for (name, _), count in self.fired.items() if name == rule.name),
            }
            for rule in self.rules
        ]


def _matching(rule: Rule, asked: Asked, account: str) -> str | None:
    """The value of the call that fits the rule's `resource` (empty without one); None when the rule is not for it."""
    if rule.action != "*" and not fits(rule.action, f"{asked.service}:{asked.action}"):
        return None
    if rule.effect == "unsuccessful" and asked.action not in UNSUCCESSFUL:
        return None
    if rule.effect == "failed" and f"{asked.service}:{asked.action}" not in FAILING:
        return None
    if rule.account not in (None, account) or rule.region not in (None, asked.region):
        return None
    if rule.resource is None:
        return ""
    return next((value for value in asked.values if fits(rule.resource, value)), None)
