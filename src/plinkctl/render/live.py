"""Progress on a terminal: a tree that is painted over itself five times a second, and a listing that stays.

The painting is done here rather than by a library, for three properties together: it stays on the normal screen,
so that what it says can be scrolled to afterwards; a frame never is higher than the screen, so that nothing
scrolls away half painted; and after a resize, which re-wraps lines and makes every count of rows wrong, it
begins again at the top of the screen. The cursor is never hidden, so no way to end can leave it hidden.
"""

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self, TextIO

from plinkctl.events import Called, CheckDone, Event, ExtraFound, Noted, RunFinished, RunStarted, WalkPlanned
from plinkctl.render import plain
from plinkctl.render.board import Board, Detail, Folded, Item, Row, SideLine, Standing
from plinkctl.render.terminal import Sink, Style, cells, clean, fitted, paint, speaks_utf8
from plinkctl.render.words import duration, headline, whereabouts

TICK: Final = 0.2
"""Seconds between two frames."""

_SPINNERS: Final = ("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\")
_MARKS: Final[dict[Standing, tuple[str, str, Style]]] = {
    Standing.TO_COME: ("·", ".", "dim"),
    Standing.ACTIVE: ("*", "*", "strong"),
    Standing.DONE: ("✓", "+", "good"),
    Standing.UNCHANGED: ("=", "=", "dim"),
    Standing.HELD: ("!", "!", "warn"),
    Standing.FAILED: ("✗", "x", "bad"),
    Standing.SKIPPED: ("–", "-", "dim"),  # noqa: RUF001 - a dash is meant
}
_ELAPSED: Final = 6
_USUAL: Final = 28
_USUALLY: Final = len("  usually ")
_NAME: Final = 28
_MIDDLE: Final = 24
_LEAST: Final = 8


class Live:
    """An observer that paints. A context manager: leaving it paints the last listing and ends its thread.

    Args:
        stream: A terminal.
        clock: Seconds since the epoch, as in events.
        color: Whether styles are written.
        verbose: Show every AWS call too.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float], color: bool, verbose: bool = False) -> None:
        self._stream = stream
        self._sink = Sink(stream)
        self._clock = clock
        self._color = color
        self._verbose = verbose
        self._unicode = speaks_utf8(stream)
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._painter: threading.Thread | None = None
        self._board: Board | None = None
        self._said: list[str] = []
        self._painted = 0
        self._last = os.terminal_size((0, 0))
        self._ticks = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._painter:
            self._painter.join()
        with self._lock:
            self._settle()

    def __call__(self, event: Event) -> None:
        """Take the event onto the board, or say what belongs to no node above it."""
        with self._lock:
            match event:
                case WalkPlanned():
                    self._settle()
                    self._board = Board(event)
                    self._paint()
                    self._start()
                case RunStarted():
                    self._say(self._styled(headline(event), "strong"), *("  " + line for line in whereabouts(event)))
                case RunFinished():
                    self._settle()
                    self._say(self._styled(clean(plain.finish(event)), "dim"))
                case Called() if not self._verbose:
                    pass
                case Noted(level="info", message=message):
                    self._say(clean(message))
                case Noted() | CheckDone() | Called() | ExtraFound():
                    self._say(*(self._styled(clean(line), _weight(event)) for line in plain.lines(event)))
                case _ if self._board:
                    self._board.take(event)
                    if self._board.is_over:
                        self._settle()
                case _:
                    self._say(*(clean(line) for line in plain.lines(event)))

    def _start(self) -> None:
        if self._painter is None:
            self._painter = threading.Thread(target=self._keep_painting, name="plinkctl-live", daemon=True)
            self._painter.start()

    def _keep_painting(self) -> None:
        while not self._over.wait(TICK):
            with self._lock:
                self._ticks += 1
                if self._board:
                    self._paint()

    def _say(self, *lines: str) -> None:
        """Lines that stay, above the tree. They are remembered to be said again when a resize clears the screen."""
        self._said += lines
        if self._board:
            self._paint(lines)
        else:
            self._sink.write("".join(f"{line}\n" for line in lines))

    def _settle(self) -> None:
        """Replace the tree by the listing that stays."""
        if board := self._board:
            size = self._size()
            self._replace([], self._drawn(board, board.final(), size.columns, cut=False), size)
            self._board, self._painted = None, 0

    def _paint(self, said: Sequence[str] = ()) -> None:
        if board := self._board:
            size = self._size()
            items = board.fitting(size.lines - 1)  # the cursor stands on a line of its own below
            lines = self._drawn(board, items, size.columns, cut=True)
            self._replace(said, lines, size)
            self._painted = len(lines)

    def _replace(self, said: Sequence[str], frame: list[str], size: os.terminal_size) -> None:
        """Write the frame over the last one, with newly said lines above it."""
        resized, self._last = size != self._last, size
        if resized and self._painted:
            start = "\x1b[H"
            said = _tail(self._said, size.lines - 1 - len(frame), size.columns)
        else:
            start = f"\r\x1b[{self._painted}A" if self._painted else "\r"
        # Each line is erased behind its text and the rest below at the end, so that nothing flickers.
        self._sink.write(start + "".join(f"{line}\x1b[K\n" for line in [*said, *frame]) + "\x1b[J")

    def _size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            size = shutil.get_terminal_size()
        return size if size.columns and size.lines else os.terminal_size((80, 24))

    def _styled(self, text: str, style: Style) -> str:
        return paint(text, style, color=self._color)

    def _drawn(self, board: Board, items: list[Item], width: int, *, cut: bool) -> list[str]:
        return [self._line(board, item, width - 1, cut=cut) for item in items]

    def _line(self, board: Board, item: Item, width: int, *, cut: bool) -> str:
        """One item in at most `width` columns; `cut` False lets what must be readable run over the edge."""
        match item:
            case SideLine(side=side, finished=finished, of=of):
                rest = self._cut(f"  {finished} of {of}", width - len(side)).rstrip()
                return self._styled(self._cut(side, width).rstrip(), "strong") + self._styled(rest, "dim")
            case Folded(standing=standing, count=count):
                rest = self._cut(f"{count} {standing.value}", width - 4).rstrip()
                return f"  {self._mark(standing, spin=False)} {self._styled(rest, 'dim')}"
            case Detail(text=text, is_hint=is_hint):
                text = f"      {text}" if is_hint else f"    {text}"
                return self._styled(self._cut(text, width).rstrip() if cut else text, "" if is_hint else "dim")
            case Row():
                return self._row(board, item, width, cut=cut)

    def _row(self, board: Board, row: Row, width: int, *, cut: bool) -> str:
        name_width = min(board.name_width, _NAME)
        room = width - 4 - name_width - 2 - 1 - _ELAPSED
        if room < _LEAST:
            return f"  {self._mark(row.standing, spin=cut)} {self._cut(row.name, width - 4)}".rstrip()
        usual_width = min(board.usual_width + _USUALLY, _USUAL, room - _MIDDLE) if cut else 0
        if usual_width < _USUALLY:
            usual_width = 0
        text = board.waits_for(row) if row.standing is Standing.TO_COME else row.text
        runs_over = not cut and row.standing in _SPEAKING and cells(text) > room
        middle = text if runs_over else self._cut(text, room - usual_width)
        elapsed = "" if runs_over else self._elapsed(row).rjust(_ELAPSED)
        usual = f"  usually {row.usual}" if usual_width and row.usual and row.standing is Standing.ACTIVE else ""
        if not elapsed.strip():  # inside a style, spaces at the end would survive and wrap after a resize
            middle = middle.rstrip()
        body: Style = "bad" if row.standing is Standing.FAILED else "dim" if row.standing in _QUIET else ""
        head = f"  {self._mark(row.standing, spin=cut)} {self._cut(row.name, name_width)}  "
        tail = self._styled(self._cut(usual, usual_width).rstrip(), "dim")
        return f"{head}{self._styled(middle, body)} {elapsed}{tail}".rstrip()

    def _elapsed(self, row: Row) -> str:
        if row.start is None:
            return ""
        end = row.end if row.end is not None else self._clock()
        return duration(end - row.start)

    def _mark(self, standing: Standing, *, spin: bool) -> str:
        fine, ascii_only, style = _MARKS[standing]
        mark = fine if self._unicode else ascii_only
        if spin and standing is Standing.ACTIVE:
            spinner = _SPINNERS[0 if self._unicode else 1]
            mark = spinner[self._ticks % len(spinner)]
        return self._styled(mark, style)

    def _cut(self, text: str, width: int) -> str:
        return fitted(text, width, more="…" if self._unicode else "~")


_SPEAKING: Final = frozenset({Standing.FAILED, Standing.HELD})
_QUIET: Final = frozenset({Standing.TO_COME, Standing.SKIPPED, Standing.UNCHANGED})


def _weight(event: Event) -> Style:
    match event:
        case Noted(level="warning") | CheckDone(result="warning") | ExtraFound(deleted=False):
            return "warn"
        case CheckDone(result="failed"):
            return "bad"
        case CheckDone(result="ok"):
            return "good"
        case Called():
            return "dim"
        case _:
            return ""


def _tail(lines: list[str], height: int, width: int) -> list[str]:
    """The last lines that fit; a long one takes as many rows as it wraps to."""
    kept: list[str] = []
    for line in reversed(lines):
        height -= max(1, -(-len(line) // width))
        if height < 0:
            break
        kept.insert(0, line)
    return kept
