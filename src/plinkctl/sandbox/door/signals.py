"""Signals to the calling process, at the very moment a rule names. It names itself, and must be ours to signal.

A process says who it is by `AWS_SDK_UA_APP_ID=pid-<its pid>`, which the SDKs put into each request; nothing else
does, so that no program is ever signalled that was not started for it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def refused(pid: int | None) -> str | None:
    """Why that process is not signalled; None when it may be."""
    if pid is None:
        return "the caller does not name itself; start it with AWS_SDK_UA_APP_ID=pid-<its pid>"
    if pid <= 1:
        return f"{pid} is no process of a caller"
    if pid == os.getpid():
        return f"{pid} is the sandbox itself"
    try:
        owner = Path(f"/proc/{pid}").stat().st_uid
    except FileNotFoundError:
        return _unreachable(pid)
    return None if owner == os.getuid() else f"process {pid} belongs to another user"


def _unreachable(pid: int) -> str | None:
    """The same where there is no /proc: whom the system lets us signal is ours."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return f"there is no process {pid}"
    except PermissionError:
        return f"process {pid} belongs to another user"
    return None


def send(pid: int, names: Sequence[str], gap: float) -> None:
    """Send the first signal now, and the others each `gap` seconds after the one before, without waiting for them."""
    first, *others = names
    _send(pid, first)
    if not gap:
        for name in others:
            _send(pid, name)
    elif others:
        threading.Thread(target=_send_apart, args=(pid, others, gap), daemon=True, name=f"signals to {pid}").start()


def _send_apart(pid: int, names: Sequence[str], gap: float) -> None:
    for name in names:
        time.sleep(gap)
        if refused(pid):  # ended, and the number may be another's by now
            return
        _send(pid, name)


def _send(pid: int, name: str) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.Signals[f"SIG{name}"])
