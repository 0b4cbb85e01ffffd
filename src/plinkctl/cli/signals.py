"""What SIGINT, SIGTERM and SIGHUP do: at the door, while a command works, while a question waits for its answer.

While something may be under way a handler never raises: between an answer of AWS and the commit of its ID is where an
exception would lose a resource. It sets a flag, and writes with nothing but a system call, since it may have
interrupted a print half done.
"""

import os
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from plinkctl.aws.patience import Stop

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STOPPING: Final = "\nstopping: calls under way are finished and recorded; once more stops at once\n"

_heard: Final[list[int]] = []
"""The signals that came while the command works."""


def at_the_door() -> None:
    """Until a command takes over: leave at once, without a word.

    Nothing was called yet. Python's own KeyboardInterrupt would come out of an import, with a traceback.
    """
    for signum in _heeded():
        signal.signal(signum, _leave)


def too_late() -> None:
    """Once the exit code is settled: the interpreter's end takes a moment, and no signal then may change it."""
    for signum in _SIGNALS:
        signal.signal(signum, signal.SIG_IGN)


@contextmanager
def heeded(stop: "Stop", *, unresolved: Callable[[], Sequence[str]], resume: str) -> Iterator[None]:
    """While a command works: the first signal sets the flag; the second ends the process, which is safe.

    Args:
        stop: The flag.
        unresolved: What AWS was asked for and has not answered, in words. Asked by the handler, so it only looks.
        resume: The command that goes on.
    """
    _heard.clear()

    def handle(signum: int, _frame: FrameType | None) -> None:
        if _heard:
            _say(_at_once(unresolved(), resume))
            _leave(signum, None)
        _heard.append(signum)
        stop.set(signum)
        _say(_STOPPING)

    with _handled_by(handle):
        yield


@contextmanager
def answering(error: Callable[[int], Exception]) -> Iterator[Callable[[int], None]]:
    """While a question is put nothing is under way: a signal is an answer too, also one that came just before.

    A handler that only sets a flag would leave the question waiting. So would one that comes a moment before a read
    blocks, for Python looks at signals between two instructions: hence a pipe, which a signal makes readable.

    Args:
        error: Makes of a signal's number what is raised.

    Returns:
        What waits until that descriptor can be read.
    """

    def handle(signum: int, _frame: FrameType | None) -> None:
        raise error(signum)

    hear, tell = os.pipe()
    os.set_blocking(tell, False)
    before = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    try:
        with _handled_by(handle):
            if _heard:
                raise error(_heard[0])
            yield lambda descriptor: _first_of(descriptor, hear)
    finally:
        signal.set_wakeup_fd(before)
        os.close(hear)
        os.close(tell)


def _first_of(*descriptors: int) -> None:
    select.select(descriptors, [], [])


def _at_once(unresolved: Sequence[str], resume: str) -> str:
    lines = ["", "stopped at once; nothing is lost: the same command finds what was under way"]
    lines += [f"  unresolved: {what}" for what in unresolved]
    return "\n".join([*lines, "", f"    {resume}", "", ""])


def _heeded() -> list[signal.Signals]:
    """A SIGHUP that is ignored stays so: that is what nohup is for."""
    return [one for one in _SIGNALS if one is not signal.SIGHUP or signal.getsignal(one) is not signal.SIG_IGN]


@contextmanager
def _handled_by(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {signum: signal.signal(signum, handle) for signum in _heeded()}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _leave(signum: int, _frame: FrameType | None) -> None:
    os._exit(128 + signum)


def _say(text: str) -> None:
    """To stderr if it takes it: a closed terminal, a reader that is gone or has stopped reading is in nobody's way."""
    with suppress(OSError, ValueError):
        if select.select([], [2], [], 0)[1]:
            os.write(2, text.encode())
