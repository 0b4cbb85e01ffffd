"""The end of an `up` for a person: what took the time, how many, the link as a drawing, and what to run next."""

from collections.abc import Iterator, Sequence
from typing import Final, TextIO

from plinkctl.render.diagram import LinkPicture, diagram
from plinkctl.render.terminal import Sink, clean, paint, speaks_utf8
from plinkctl.render.words import duration
from plinkctl.report import Counts, Report, Step

_BAR: Final = 32
"""Columns of the time line: with names and seconds the whole fits 80 columns."""


def summary(
    report: Report,
    stream: TextIO,
    *,
    color: bool,
    picture: LinkPicture | None = None,
    following: Sequence[str] = (),
) -> None:
    """Write the summary.

    Args:
        report: What came out.
        stream: Usually stderr, since it is not the result.
        color: What `terminal.wants_color` said of this stream.
        picture: The link, or None where there is nothing to draw.
        following: Commands that make sense next, each alone on its line.
    """
    unicode = speaks_utf8(stream)
    told: list[str] = []
    if report.counts.changed:
        told += [*time_line(report.slowest_path(), unicode=unicode, color=color), ""]
    told.append(tally(report.counts))
    if picture:
        told += ["", *diagram(picture, unicode=unicode).splitlines()]
    if following:
        told += ["", paint("next:", "strong", color=color), *(f"    {clean(command)}" for command in following)]
    Sink(stream).write("".join(f"{line}\n" for line in told))


def time_line(path: Sequence[Step], *, unicode: bool, color: bool) -> Iterator[str]:
    """The slowest path as bars under each other: each begins where it began and is as long as it took."""
    if not path:
        return
    total = max(step.start + step.seconds for step in path)
    name_width = max(len(step.node) for step in path)
    yield paint(f"slowest path, {duration(total)} in all", "strong", color=color)
    for step in path:
        before = min(_BAR - 1, round(step.start / total * _BAR)) if total else 0
        size = max(1, min(_BAR - before, round(step.seconds / total * _BAR))) if total else 1
        bar = " " * before + ("█" if unicode else "#") * size
        yield f"  {clean(step.node).ljust(name_width)}  {bar.ljust(_BAR)}  {duration(step.seconds).rjust(6)}"


def tally(counts: Counts) -> str:
    """How the nodes came out, in one line; what is zero is not said."""
    unchanged = counts.done - counts.changed
    if counts.planned and unchanged == counts.planned:
        return f"nothing to do: all {unchanged} are as they should be"
    told = [
        (counts.changed, "changed"),
        (unchanged, "as they should be"),
        (counts.held, "held"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
    ]
    return f"{counts.planned} nodes: " + ", ".join(f"{count} {word}" for count, word in told if count)
