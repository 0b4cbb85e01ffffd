"""The door to progress: which of the four faces a stream gets, as one observer."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import TextIO

from plinkctl.events import Event, Observer
from plinkctl.render.jsonlines import JsonLines
from plinkctl.render.plain import Plain
from plinkctl.render.terminal import Sink, can_move


class Mode(StrEnum):
    """The values of `--progress`."""

    AUTO = "auto"
    LIVE = "live"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"


@contextmanager
def progress(
    mode: Mode | str,
    stream: TextIO,
    *,
    clock: Callable[[], float] = time.time,
    color: bool,
    verbose: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[Observer]:
    """Show a run on a stream for as long as the context lasts.

    The observer may be called from any thread, and never raises because of the stream.

    Args:
        mode: `auto` is live on a terminal and plain elsewhere; live without a terminal that can move its cursor
            (a pipe, `TERM=dumb`) is plain too, since escape sequences would be all that is left of it.
        stream: Usually stderr.
        clock: Seconds since the epoch, as in events.
        color: What `terminal.wants_color` said of this stream.
        verbose: Show every AWS call.
        environ: Where `TERM` is looked up.

    Raises:
        ValueError: The mode is none of the five words.
    """
    chosen = Mode(mode)
    if chosen in {Mode.AUTO, Mode.LIVE}:
        chosen = Mode.LIVE if can_move(stream, environ) else Mode.PLAIN
    match chosen:
        case Mode.LIVE:
            from plinkctl.render.live import Live  # noqa: PLC0415 - pipes must not pay for it

            with Live(stream, clock=clock, color=color, verbose=verbose) as live:
                yield live
        case Mode.JSON:
            yield _one_at_a_time(JsonLines(Sink(stream)))
        case Mode.NONE:
            yield _nothing
        case _:
            yield _one_at_a_time(Plain(Sink(stream), verbose=verbose))


def _one_at_a_time(observer: Observer) -> Observer:
    """AWS calls are told by worker threads: without the lock two lines could run into each other."""
    lock = threading.RLock()

    def observe(event: Event) -> None:
        with lock:
            observer(event)

    return observe


def _nothing(event: Event) -> None:
    """Show nothing of an event."""
