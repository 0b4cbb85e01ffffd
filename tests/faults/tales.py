"""Tales: what somebody does to a link, and what befalls it meanwhile, as values that are drawn from a seed.

A tale does not depend on how it goes, so that a red one can be told again with something left out. What is left of it
then can be pasted into a test: seeds mean something else as soon as the drawing is changed.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from families import PACKED

#: The commands, and how many requests each makes at most: when it is done, or done for the first time.
COMMANDS: Final = {
    "up_": 206,
    "changed_up": 180,
    "filtered_up": 200,
    "provider_up": 110,
    "consumer_up": 80,
    "take_down": 154,
    "accept": 4,
    "verify": 10,
}
DEEDS: Final = (
    "delete a log group",
    "delete a function",
    "delete a listener",
    "delete an endpoint",
    "delete a rule",
    "delete a role",
    "take out a target",
    "change an answer",
    "change a retention",
    "lock a principal out",
)


@dataclass(frozen=True)
class Killed:
    """It dies at its nth request, which takes effect `after` all, never (`before`), or so many seconds late."""

    at: int
    effect: str = "before"
    seconds: float = 0.0


@dataclass(frozen=True)
class Struck:
    """Faults at its nth requests, by the names of their families."""

    faults: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Stopped:
    """Ctrl-C at its nth request."""

    at: int


@dataclass(frozen=True)
class Do:
    """A command, and what befalls it."""

    command: str
    meanwhile: Killed | Struck | Stopped | None = None


@dataclass(frozen=True)
class Wait:
    """Nothing, for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class ByHand:
    """Somebody with the same keys does something to the nth of the things it can be done to."""

    deed: str
    nth: int


@dataclass(frozen=True)
class Rebuild:
    """The states are lost, and made again from the tags."""


Step = Do | Wait | ByHand | Rebuild


@dataclass(frozen=True)
class Tale:
    """One history.

    Args:
        steps: One after the other.
        lag: Seconds within which what is new may not be seen yet.
        seed: What is hidden for how long.
    """

    steps: tuple[Step, ...]
    lag: float = 0.0
    seed: int = 0


def drawn(seed: int) -> Tale:
    """The tale of a seed."""
    draw = random.Random(seed)  # noqa: S311 - dice, not a secret
    first = draw.choice(["up_", "changed_up", "filtered_up", "provider_up"])  # without which there is little to do
    rest = tuple(_step(draw) for _ in range(draw.randint(1, 5)))
    return Tale(
        (Do(first, _meanwhile(draw, first)), *rest), lag=draw.choice([0.0, 0.0, 2.0, 6.0]), seed=draw.randrange(1000)
    )


def _step(draw: random.Random) -> Step:
    match draw.choices(["do", "wait", "by hand", "rebuild"], [14, 3, 4, 1])[0]:
        case "do":
            command = draw.choices(list(COMMANDS), [5, 3, 2, 2, 2, 4, 1, 1])[0]
            return Do(command, _meanwhile(draw, command))
        case "wait":
            return Wait(draw.choice([1.0, 30.0, 61.0, 900.0]))
        case "by hand":
            return ByHand(draw.choice(DEEDS), draw.randrange(100))
        case _:
            return Rebuild()


def _meanwhile(draw: random.Random, command: str) -> Killed | Struck | Stopped | None:
    def at() -> int:
        return draw.randint(1, min(COMMANDS[command], draw.choice([20, 60, 250])))

    match draw.choice(["killed", "killed", "struck", "struck", "stopped", "nothing"]):
        case "killed":
            effect = draw.choice(["before", "after", "late"])
            return Killed(at(), effect, draw.choice([1.0, 20.0]) if effect == "late" else 0.0)
        case "struck":
            return Struck(tuple((at(), draw.choice(PACKED).name) for _ in range(draw.randint(1, 4))))
        case "stopped":
            return Stopped(at())
        case _:
            return None


def shortest(tale: Tale, red: Callable[[Tale], bool]) -> Tale:
    """What is left of a red tale when all is left out that it is red without.

    Args:
        tale: A red one.
        red: Tells it.
    """
    while (found := next((less for less in _less(tale) if red(less)), None)) is not None:
        tale = found
    return tale


def _less(tale: Tale) -> Iterator[Tale]:
    """The tale, but for one thing."""
    for number, step in enumerate(tale.steps):
        before, after = tale.steps[:number], tale.steps[number + 1 :]
        yield replace(tale, steps=before + after)
        if isinstance(step, Do) and step.meanwhile is not None:
            yield replace(tale, steps=(*before, Do(step.command), *after))
            if isinstance(step.meanwhile, Struck) and len(step.meanwhile.faults) > 1:
                for fault in step.meanwhile.faults:
                    rest = Struck(tuple(other for other in step.meanwhile.faults if other != fault))
                    yield replace(tale, steps=(*before, Do(step.command, rest), *after))
    if tale.lag:
        yield replace(tale, lag=0.0)
