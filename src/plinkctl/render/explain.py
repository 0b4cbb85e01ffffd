"""One error for a person: what is wrong, why, and the next command alone on its line, last, to be copied."""

from typing import TextIO

from plinkctl.errors import HeldError, PlinkError, StoppedError, UsageError
from plinkctl.render.terminal import Sink, clean, paint


def explain(error: PlinkError, stream: TextIO, color: bool) -> None:
    """Write one error.

    Args:
        error: What went wrong; all problems of a `UsageError` are told, one a line.
        stream: Usually stderr. A reader that went away is no further error.
        color: What `terminal.wants_color` said of this stream.
    """
    match error:
        case StoppedError():
            head = ""
        case HeldError():
            head = paint("pending: ", "warn", color=color)
        case _:
            head = paint("error: ", "bad", color=color)
    told = [f"{head}{paint(clean(error.message), 'strong', color=color)}"]
    if error.why:
        told.append(f"  {clean(error.why)}")
    if isinstance(error, UsageError):
        told += [f"  - {clean(problem)}" for problem in error.problems]
    if error.hint:
        told += ["", f"    {clean(error.hint)}", ""]
    Sink(stream).write("".join(f"{line}\n" for line in told))
