"""Progress as lines for a pipe, a log or a CI job: one line per change, no escape sequence ever.

A line is `seconds since the start, subject, what happened`; the subject is a node's key, so that
`grep provider/nlb` gives one node's story. Waits are repeated as a heartbeat: some CI systems end silent jobs.
"""

from collections.abc import Iterator
from functools import singledispatch
from typing import Final

from plinkctl.errors import MEANINGS, Exit, UsageError
from plinkctl.events import (
    Called,
    CheckDone,
    Event,
    ExtraFound,
    NodeActing,
    NodeDone,
    NodeFailed,
    NodeHeld,
    NodeSkipped,
    NodeWaiting,
    Noted,
    RunFinished,
    RunStarted,
    WalkPlanned,
)
from plinkctl.render.terminal import Sink, clean
from plinkctl.render.words import DID, DOING, duration, headline, whereabouts

HEARTBEAT: Final = 10.0
"""Seconds between two lines about the same wait of the same node."""


class Plain:
    """An observer that writes lines.

    Args:
        sink: Where the lines go.
        verbose: Show every AWS call too.
    """

    def __init__(self, sink: Sink, *, verbose: bool = False) -> None:
        self._sink = sink
        self._verbose = verbose
        self._began: float | None = None
        self._heard: dict[str, tuple[str, float]] = {}

    def __call__(self, event: Event) -> None:
        """Write what the event tells, if it is news."""
        if self._began is None:
            self._began = event.at
        if isinstance(event, Called) and not self._verbose:
            return
        if isinstance(event, NodeWaiting) and not self._is_news(event):
            return
        since = f"{max(0.0, event.at - self._began):8.1f}s  "
        self._sink.write("".join(f"{since}{clean(line)}\n" for line in lines(event)))

    def _is_news(self, event: NodeWaiting) -> bool:
        what, last = self._heard.get(event.node, ("", 0.0))
        if what == event.what and event.at - last < HEARTBEAT:
            return False
        self._heard[event.node] = (event.what, event.at)
        return True


@singledispatch
def lines(event: Event) -> Iterator[str]:  # noqa: ARG001 - the events without an overload below
    """What an event tells, line by line; nothing for events that are no change by themselves."""
    yield from ()


@lines.register
def _(event: RunStarted) -> Iterator[str]:
    yield headline(event)
    yield from whereabouts(event)


@lines.register
def _(event: WalkPlanned) -> Iterator[str]:
    yield f"plan  {event.direction}: {len(event.nodes)} nodes"


@lines.register
def _(event: NodeActing) -> Iterator[str]:
    yield f"{event.node}  {DOING[event.action]} {event.detail}".rstrip()


@lines.register
def _(event: NodeWaiting) -> Iterator[str]:
    usual = f", usually {event.usual}" if event.usual else ""
    yield f"{event.node}  waiting: {event.what}, {duration(event.waited)} so far{usual}"


@lines.register
def _(event: NodeDone) -> Iterator[str]:
    did = f"{DID[event.action]} {event.id} in {duration(event.seconds)}" if event.changed else f"unchanged {event.id}"
    yield f"{event.node}  {did}".rstrip()


@lines.register
def _(event: NodeHeld) -> Iterator[str]:
    yield f"{event.node}  held: {event.why}"


@lines.register
def _(event: NodeFailed) -> Iterator[str]:
    yield f"{event.node}  FAILED: {event.error.message}"
    if event.error.why:
        yield f"{event.node}  why: {event.error.why}"
    if isinstance(event.error, UsageError):
        yield from (f"{event.node}  problem: {problem}" for problem in event.error.problems)
    if event.error.hint:
        yield f"{event.node}  next: {event.error.hint}"


@lines.register
def _(event: NodeSkipped) -> Iterator[str]:
    yield f"{event.node}  skipped: because of {', '.join(event.because)}"


@lines.register
def _(event: ExtraFound) -> Iterator[str]:
    what = f"extra {event.id}, of a request that took effect late"
    yield f"{event.node}  {what}: {'deleted' if event.deleted else f'left alone: {event.why}'}"


@lines.register
def _(event: Noted) -> Iterator[str]:
    yield f"{'warning' if event.level == 'warning' else 'note'}  {event.message}"


@lines.register
def _(event: CheckDone) -> Iterator[str]:
    yield f"check  {event.result}  {event.side}/{event.layer}  {event.name}: {event.detail}"


@lines.register
def _(event: Called) -> Iterator[str]:
    request = f"  {event.request_id}" if event.request_id else ""
    yield f"call  {event.side}  {event.service}:{event.operation}  {event.outcome}  {event.seconds:.3f}s{request}"


@lines.register
def _(event: RunFinished) -> Iterator[str]:
    yield finish(event)


def finish(event: RunFinished) -> str:
    """The last line of a run: how long it took, its exit code, and what that means."""
    return f"finished in {duration(event.seconds)}, exit code {event.exit_code}: {MEANINGS[Exit(event.exit_code)]}"
