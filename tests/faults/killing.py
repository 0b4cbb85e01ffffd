"""Kill -9 at the n-th durable write: a forked process runs a use case and is killed by its own audit hook.

A durable write ends in `os.replace` onto a state file, and Python announces each rename to audit hooks. So the
process dies exactly between two states of the file, with whatever calls its other threads have under way, and
nothing of plinkctl is changed for it.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from plinkctl.app import teardown, up
from plinkctl.app.run import Run
from plinkctl.aws.patience import Stop, SystemClock
from plinkctl.aws.session import Clients
from plinkctl.errors import PlinkError
from plinkctl.link import Access, Consumer, Link, Provider, Side

BOTH = (Side.PROVIDER, Side.CONSUMER)
LINK = Link(
    name="kill",
    provider=Provider(access=Access(profile="provider")),
    consumer=Consumer(access=Access(profile="consumer")),
)

# The sandbox shows at once what it made, so the grace period may be short; it must not be nothing, since a call that
# was under way when its process died may land a moment later.
GRACE = 0.5

Moment = Literal["before", "after"]


@dataclass(frozen=True)
class Ended:
    """How a forked run ended: its exit code, or None when it was killed."""

    code: int | None


def both_up(folder: Path) -> dict[str, Any]:
    run = begin("up", folder)
    data = up.both_up(run)
    raise_first(run)
    return data


def take_down(folder: Path) -> dict[str, Any]:
    run = begin("teardown", folder)
    data = teardown.teardown(run, BOTH, agree=lambda _: None)
    raise_first(run)
    return data


def forked(work: Callable[[Path], object], folder: Path, *, die_at: int = 0, moment: Moment = "after") -> Ended:
    """Run in a process of its own; with `die_at`, kill it at that durable write (counted from 1)."""
    _read_the_models()
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            if die_at:
                _arm(folder, die_at, moment)
            work(folder)
            code = 0
        except PlinkError as error:
            os.write(2, f"{error.message}: {error.why}\n".encode())
            code = int(error.exit_code)
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return Ended(None) if os.WIFSIGNALED(status) else Ended(os.waitstatus_to_exitcode(status))


@cache
def _read_the_models() -> None:
    """Here, where it is done once: each process that is forked has them by birth."""
    Clients(LINK.provider.access if LINK.provider else Access(), stop=Stop())


def _arm(folder: Path, die_at: int, moment: Moment) -> None:
    """Die at the rename (before it happens), or at the sync of the folder that follows it (after)."""
    count = 0
    renamed = False

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count, renamed
        if event == "os.rename" and Path(arguments[1]).stem in {*Side}:  # a backup's name has its serial in it
            count += 1
            renamed = count == die_at
            if renamed and moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        elif renamed and event == "open":  # the folder is opened to be synced: the new file is in place
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def begin(command: str, folder: Path) -> Run:
    stop = Stop()
    return Run(
        command=command,
        link=LINK,
        place=folder,
        observer=lambda _: None,
        stop=stop,
        clock=SystemClock(stop),
        grace=GRACE,
    )


def raise_first(run: Run) -> None:
    if run.report.errors:
        raise run.report.errors[0].error
