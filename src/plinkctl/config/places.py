"""Where a value came from, and how a problem with it is told. A leaf of the package.

A `Key` is the way to a value: ("provider", "allow", 0). A `Tree` holds all values of a link with their places;
it is what reading and merging make, and what schema, rules and building look at.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from plinkctl.errors import UsageError

Key = tuple[str | int, ...]

LONGEST_SHOWN: Final = 80


@dataclass(frozen=True)
class Given:
    """An override with its origin in the user's words, such as `--allow` or `PLINKCTL_NAME`."""

    value: object
    origin: str


@dataclass(frozen=True)
class Place:
    """A line of a file, a whole file (no line), or the origin of an override (no line, not `in_file`)."""

    label: str
    line: int | None = None
    in_file: bool = True


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: what, why, what is allowed, in one sentence without a full stop."""

    key: Key
    place: Place | None
    text: str

    def __str__(self) -> str:
        place = self.place
        if place is None:
            return f"{dotted(self.key)}: {self.text}" if self.key else self.text
        if not place.in_file:
            return f"{place.label}: {self.text}"
        where = place.label if place.line is None else f"{place.label}:{place.line}"
        return f"{where}: {dotted(self.key)}: {self.text}" if self.key else f"{where}: {self.text}"


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Plain values (text, numbers, booleans, None, lists, mappings with text keys) and their places.

    Args:
        values: The link's top level.
        places: The place of every key that has one of its own; see `place`.
        written: How scalars without quotes stand in the file, where YAML reads them as something else than text.
        problems: What reading has found already; the values concerned are None.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[Key, Place] = field(default_factory=dict)
    written: Mapping[Key, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def place(self, key: Key) -> Place | None:
        """The place of a key, or of the nearest section around it, or None when there is no file."""
        for length in range(len(key), -1, -1):
            if found := self.places.get(key[:length]):
                return found
        return None

    def problem(self, key: Key, text: str) -> Problem:
        """A problem with this key, at its place."""
        return Problem(key, self.place(key), text)

    def get(self, *key: str) -> Any:
        """The value at a key, or None."""
        value: Any = self.values
        for step in key:
            value = value.get(step) if isinstance(value, Mapping) else None
        return value


def usage_error(problems: Iterable[Problem]) -> UsageError:
    """One error that tells all problems, those of the file first and by line."""
    ordered = sorted(problems, key=_reading_order)
    lines = tuple(dict.fromkeys(str(problem) for problem in ordered))
    count = "one problem" if len(lines) == 1 else f"{len(lines)} problems"
    files = dict.fromkeys(p.place.label for p in ordered if p.place is not None and p.place.in_file)
    subject = " and ".join(escaped(name) for name in files) if files else "what was given"
    return UsageError(
        f"{subject} does not describe a link: {count}",
        hint="correct this and run the same command again; nothing was called on AWS",
        problems=lines,
    )


def _reading_order(problem: Problem) -> tuple[bool, int, list[str]]:
    place = problem.place
    outside = place is None or not place.in_file
    return (outside, (place.line or 0) if place else 0, [str(step) for step in problem.key])


def dotted(key: Key) -> str:
    """A key as users write it: provider.allow[0]."""
    text = ""
    for step in key:
        text += f"[{step}]" if isinstance(step, int) else f".{printable(step)}"
    return text.removeprefix(".")


def shown(value: object) -> str:
    """A value for a message: short, on one line, safe on a terminal, without a URL's user and password."""
    match value:
        case str():
            return f'"{printable(_without_password(value))}"'
        case bool():
            return "true" if value else "false"
        case None:
            return "nothing"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a section"
        case _:
            return printable(str(value))


def printable(text: str) -> str:
    """The text with control characters escaped and its end cut off where it gets long."""
    safe = escaped(text[:LONGEST_SHOWN])
    return safe if len(text) <= LONGEST_SHOWN else f"{safe}…"


def escaped(text: str) -> str:
    """The whole text with control characters escaped: a file's name must be told to its end, however long."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _without_password(text: str) -> str:
    head, slashes, rest = text.partition("://")
    user, at, host = rest.rpartition("@")
    return f"{head}{slashes}…@{host}" if at and user else text
