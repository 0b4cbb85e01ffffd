"""What the data path counts, minute by minute: plain numbers, from which CloudWatch's answers are made.

Pure: moments come from outside, nothing here knows of moto. Who counts what is in `monitoring`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Minutes kept of each series: a day. CloudWatch keeps two weeks of them; nobody leaves the sandbox that long.
KEPT: Final = 24 * 60
MINUTE: Final = 60

Dimensions = tuple[tuple[str, str], ...]


class Series(NamedTuple):
    """What one line of a chart shows: a metric with exactly these dimensions (name and value, sorted)."""

    namespace: str
    metric: str
    dimensions: Dimensions


class Reading(NamedTuple):
    """The value of a series in the minute that begins at `moment` (seconds of the clock)."""

    series: Series
    moment: float
    value: float


@dataclass(slots=True)
class Meters:
    """The meters of one account in one region.

    Attributes:
        minutes: series -> number of the minute -> value.
        levels: series -> what stands at present, for those that go up and down.
    """

    minutes: dict[Series, dict[int, float]] = field(default_factory=dict)
    levels: dict[Series, int] = field(default_factory=dict)

    def __reduce__(self) -> tuple[type[Meters], tuple[dict[Series, dict[int, float]]]]:
        """What is put aside: not what stands at present, for no stream lives on with it to take its part away."""
        return Meters, (self.minutes,)

    def count(self, all_series: Iterable[Series], moment: float, amount: float = 1) -> None:
        """Add an amount to this minute of each of the series."""
        for series in all_series:
            values = self.minutes.setdefault(series, {})
            minute = int(moment // MINUTE)
            values[minute] = values.get(minute, 0) + amount
            _prune(values)

    def level(self, all_series: Iterable[Series], moment: float, change: int) -> None:
        """Let what stands go up or down; a minute's value is the highest in it."""
        for series in all_series:
            values = self.minutes.setdefault(series, {})
            before = self.levels.get(series, 0)
            self._carry(series, moment)
            self.levels[series] = after = max(0, before + change)
            minute = int(moment // MINUTE)
            values[minute] = max(values.get(minute, 0), before, after)
            _prune(values)

    def readings(self, moment: float) -> Iterator[Reading]:
        """Every value there is at that moment."""
        for series, level in self.levels.items():
            if level:
                self._carry(series, moment)
        for series, values in self.minutes.items():
            yield from (Reading(series, minute * MINUTE, value) for minute, value in sorted(values.items()))

    def _carry(self, series: Series, moment: float) -> None:
        """Fill the minutes since the last change, in which the level stood."""
        values, level, minute = self.minutes[series], self.levels.get(series, 0), int(moment // MINUTE)
        if level and values:
            for between in range(max(*values, minute - KEPT) + 1, minute + 1):
                values[between] = level


def _prune(values: dict[int, float]) -> None:
    """Forget the oldest minutes; they come in order, so they stand in front."""
    while len(values) > KEPT:
        del values[next(iter(values))]
