"""What came of trials: how many were held and how many of them passed, by command and kind; what did not hold."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

#: What must hold: the column it has in the report, and its statement.
INVARIANTS: Final = {
    "I1": ("lost", "at every instant everything of the link is known to a state, by its ID or by an open intent"),
    "I2": ("duplicated", "once a command has succeeded, each node stands for one thing at most"),
    "I3": ("stuck", "the same command again succeeds, at the third time at the latest"),
    "I4": ("restless", "once more it changes nothing, neither in an account nor in the state"),
    "I5": ("left over", "a teardown leaves nothing, and a second one sends nothing that changes anything"),
    "I6": ("foreign touched", "other people's things are never named in a change, nor adopted, and stay as they were"),
    "I7": (
        "false successes",
        "it succeeds only where the goal is reached; it neither crashes nor ends with other codes",
    ),
    "I8": ("unannounced", "whatever creates or deletes arrives when its intent is durable, and not before"),
    "I9": ("thawed", "what is sent again for one operation has the same parameters and the same token"),
    "I10": ("unreadable", "states can be read after every crash, and are for their owner only"),
    "I11": ("interleaved", "a second command on the same link is turned away at every request"),
    "I12": ("unbounded", "no command takes for ever; what was denied is not asked again"),
    "I13": ("unstoppable", "after a signal nothing new is begun, and the exit code says so"),
    "I14": ("told", "no secret is in a file or an event"),
}

Kind = tuple[str, str]
"""Of which command, and what befell it."""


@dataclass
class Tally:
    """What came of trials.

    Args:
        cases: How many were held, by kind.
        failed: How many of them were red.
        broken: In how many each invariant did not hold; "other" where the harness itself failed.
        red: What was wrong, in words.
        unreached: Faults whose request did not come again while they were set.
        requests: Those of each command when nothing befalls it.
        equal: Instants of a kill that leave the very house that another one leaves, and are not tried again.
        seconds: Real ones.
    """

    cases: Counter[Kind] = field(default_factory=Counter)
    failed: Counter[Kind] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    red: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    equal: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def take(self, kind: Kind, name: str, wrong: Iterable[str], *, cases: int = 1, passed: int | None = None) -> None:
        """Count so many cases of a kind: red all of them when something is wrong, or all but those that passed."""
        wrong = list(wrong)
        self.cases[kind] += cases
        if not wrong:
            return
        self.failed[kind] += cases - (passed or 0)
        self.red += [f"{name}: {said}" for said in wrong]
        self.broken.update({found[0] for said in wrong if (found := re.match(r"I\d+(?=: )", said))} or {"other"})

    def add(self, other: "Tally") -> None:
        """Count what another one has counted."""
        for name in ("cases", "failed", "broken"):
            getattr(self, name).update(getattr(other, name))
        self.red += other.red
        self.unreached += other.unreached
        self.requests = other.requests | self.requests
        self.equal |= other.equal
        self.seconds += other.seconds

    @property
    def total(self) -> int:
        """All cases."""
        return self.cases.total()

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "cases": {"/".join(kind): [n - self.failed[kind], n] for kind, n in sorted(self.cases.items())},
            "broken": dict(sorted(self.broken.items())),
            "red": self.red,
            "unreached": len(self.unreached),
            "requests": self.requests,
            "equal": dict(self.equal),
        }
