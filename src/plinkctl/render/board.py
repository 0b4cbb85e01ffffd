"""What the live view shows, before it is drawn: one row per node, and which rows fit the screen.

Pure: knows no terminal and no clock. When a screen is too small, rows are folded into a count in the order in
which nobody misses them: long finished first, then those furthest in the future. What is being worked on and
what failed stays as long as there is a line left.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from plinkctl.errors import HeldError, PlinkError
from plinkctl.events import (
    Event,
    NodeActing,
    NodeDone,
    NodeFailed,
    NodeHeld,
    NodeSkipped,
    NodeStarted,
    NodeWaiting,
    PlannedNode,
    WalkPlanned,
)
from plinkctl.render.terminal import clean
from plinkctl.render.words import DID, DOING, near, short_id


class Standing(StrEnum):
    """How far a row is."""

    TO_COME = "to come"
    ACTIVE = "active"
    DONE = "done"
    UNCHANGED = "unchanged"
    HELD = "held"
    FAILED = "failed"
    SKIPPED = "skipped"


UNFINISHED: Final = frozenset({Standing.TO_COME, Standing.ACTIVE})


@dataclass(frozen=True, kw_only=True)
class Row:
    """One node. `text` is what is being done, waited for or was made; `start` and `end` are epoch seconds."""

    node: str
    needs: tuple[str, ...] = ()
    usual: str = ""
    standing: Standing = Standing.TO_COME
    text: str = ""
    start: float | None = None
    end: float | None = None
    error: PlinkError | None = None

    @property
    def side(self) -> str:
        """The part of the key before the slash."""
        return self.node.partition("/")[0]

    @property
    def name(self) -> str:
        """The part of the key after the slash."""
        return self.node.partition("/")[2] or self.node


@dataclass(frozen=True, kw_only=True)
class SideLine:
    """The head of one side's rows: how many of them are finished."""

    side: str
    finished: int
    of: int


@dataclass(frozen=True, kw_only=True)
class Folded:
    """Several rows of one side in one line."""

    standing: Standing
    count: int


@dataclass(frozen=True, kw_only=True)
class Detail:
    """A line under a failed row. The `hint` is never cut in the final listing: it is there to be copied."""

    text: str
    is_hint: bool = False


Item = SideLine | Row | Folded | Detail


class Board:
    """The rows of one walk.

    Args:
        plan: The walk's plan; rows keep its order, grouped by side.
    """

    def __init__(self, plan: WalkPlanned) -> None:
        self._rows = {planned.node: _row_of(planned) for planned in plan.nodes}

    def take(self, event: Event) -> None:
        """Change the row the event is about; a node nobody planned gets a row of its own."""
        match event:
            case NodeStarted(node=node):
                self._change(node, at=event.at, standing=Standing.ACTIVE, text="looking")
            case NodeActing(node=node, action=action, detail=detail):
                text = f"{DOING[action]} {short_id(clean(detail))}".rstrip()
                self._change(node, at=event.at, standing=Standing.ACTIVE, text=text)
            case NodeWaiting(node=node, what=what, usual=usual):
                text = f"waiting: {clean(what)}"
                self._change(node, at=event.at, standing=Standing.ACTIVE, text=text, usual=clean(usual))
            case NodeDone(node=node, action=action, changed=changed):
                standing = Standing.DONE if changed else Standing.UNCHANGED
                text = f"{DID[action] if changed else 'unchanged'} {short_id(clean(event.id))}".rstrip()
                self._end(node, at=event.at, standing=standing, text=text)
            case _:
                self._take_setback(event)

    def _take_setback(self, event: Event) -> None:
        match event:
            case NodeHeld(node=node, why=why):
                self._end(node, at=event.at, standing=Standing.HELD, text=clean(why))
            case NodeFailed(node=node, error=HeldError() as error):
                self._end(node, at=event.at, standing=Standing.HELD, text=clean(error.message))
            case NodeFailed(node=node, error=error):
                self._end(node, at=event.at, standing=Standing.FAILED, text=clean(error.message), error=error)
            case NodeSkipped(node=node, because=because):
                side = node.partition("/")[0]
                text = f"skipped, because of {', '.join(near(other, side) for other in because)}"
                self._rows[node] = replace(self._row(node), standing=Standing.SKIPPED, text=clean(text))
            case _:
                pass

    @property
    def is_over(self) -> bool:
        """Whether every row came to an end."""
        return not any(row.standing in UNFINISHED for row in self._rows.values())

    @property
    def name_width(self) -> int:
        """Columns the longest node name takes; names are plinkctl's own, hence ASCII."""
        return max((len(row.name) for row in self._rows.values()), default=0)

    @property
    def usual_width(self) -> int:
        """Columns the longest `usual` takes."""
        return max((len(row.usual) for row in self._rows.values()), default=0)

    def waits_for(self, row: Row) -> str:
        """What a row that is to come waits for: the needs that are not finished yet."""
        missing = [need for need in row.needs if need in self._rows and self._rows[need].standing in UNFINISHED]
        return f"after {', '.join(near(need, row.side) for need in missing)}" if missing else ""

    def fitting(self, height: int) -> list[Item]:
        """The lines to show while the walk goes on, at most `height` of them."""
        hidden: set[str] = set()
        items = list(self._items(hidden))
        for row in self._expendable():
            if len(items) <= height:
                return items
            hidden.add(row.node)
            items = list(self._items(hidden))
        for lesser in (Detail, Folded, SideLine):
            if len(items) > height:
                items = [item for item in items if not isinstance(item, lesser)]
        return items[: max(0, height)]

    def final(self) -> list[Item]:
        """The lines that stay: what changed or went wrong; the rest as counts."""
        quiet = {Standing.UNCHANGED, Standing.TO_COME}
        return list(self._items({row.node for row in self._rows.values() if row.standing in quiet}))

    def _expendable(self) -> list[Row]:
        def by(*standings: Standing) -> list[Row]:
            return [row for row in self._rows.values() if row.standing in standings]

        finished = sorted(by(Standing.DONE, Standing.UNCHANGED), key=lambda row: row.end or 0.0)
        return [*finished, *reversed(by(Standing.TO_COME)), *by(Standing.SKIPPED)]

    def _items(self, hidden: set[str]) -> Iterator[Item]:
        sides = dict.fromkeys(row.side for row in self._rows.values())
        for side in sides:
            rows = [row for row in self._rows.values() if row.side == side]
            finished = sum(row.standing not in UNFINISHED for row in rows)
            yield SideLine(side=side, finished=finished, of=len(rows))
            yield from _folded(rows, hidden, (Standing.DONE, Standing.UNCHANGED))
            for row in rows:
                if row.node not in hidden:
                    yield row
                    if row.error:
                        yield from _details(row.error)
            yield from _folded(rows, hidden, (Standing.SKIPPED, Standing.TO_COME))

    def _row(self, node: str) -> Row:
        return self._rows.get(node) or Row(node=node)

    def _change(self, node: str, *, at: float, standing: Standing, text: str, usual: str | None = None) -> None:
        row = self._row(node)
        start = at if row.start is None else row.start
        kept = row.usual if usual is None else usual
        self._rows[node] = replace(row, standing=standing, text=text, start=start, usual=kept)

    def _end(self, node: str, *, at: float, standing: Standing, text: str, error: PlinkError | None = None) -> None:
        row = self._row(node)
        start = at if row.start is None else row.start
        self._rows[node] = replace(row, standing=standing, text=text, start=start, end=at, error=error)


def _row_of(planned: PlannedNode) -> Row:
    return Row(node=planned.node, needs=planned.needs, usual=clean(planned.usual))


def _folded(rows: list[Row], hidden: set[str], standings: tuple[Standing, ...]) -> Iterator[Folded]:
    for standing in standings:
        if count := sum(row.node in hidden and row.standing is standing for row in rows):
            yield Folded(standing=standing, count=count)


def _details(error: PlinkError) -> Iterator[Detail]:
    if error.why:
        yield Detail(text=clean(error.why))
    if error.hint:
        yield Detail(text=clean(error.hint), is_hint=True)
