"""The folder of a sandbox: what is in it, who may be in it, and the two locks that tell.

    lock         held by the daemon as long as it lives, with its pid in it; who finds it free knows that none runs
    info.json    where it listens, its pid, the token of its control paths
    aws-config   the AWS config file with the profiles `provider` and `consumer`: region, keys, endpoint URL
    credentials  empty, so that clients do not mix in the user's real credentials file
    authority.pem  the root of the authority that signs the certificates of the sandbox's ACM
    functions/   where the code of functions that run is unpacked
    snapshot     the world put aside, keys included; see `snapshot`
    log          what the daemon had to say

All of it is for its owner alone. The lock of the folder itself is held by a command while it starts, ends or removes a
sandbox there, so that two of them do not cross.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plinkctl.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The module the daemon is run as.
PROCESS: Final = "plinkctl.sandbox.process"
LOCK: Final = "lock"
INFO: Final = "info.json"
CONFIG: Final = "aws-config"
CREDENTIALS: Final = "credentials"
AUTHORITY: Final = "authority.pem"
FUNCTIONS: Final = "functions"
SNAPSHOT: Final = "snapshot"
LOG: Final = "log"
#: What a file is called until it is whole.
FRESH: Final = ".new"
#: A look at the lock lasts microseconds; so much longer may the one who takes it for good wait.
_LOOKS_WITHIN: Final = 2.0

_OURS: Final = frozenset(
    {LOCK, INFO, INFO + FRESH, CONFIG, CREDENTIALS, AUTHORITY, FUNCTIONS, SNAPSHOT, SNAPSHOT + FRESH, LOG}
)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only command that starts, ends or removes a sandbox there; others wait. The folder must exist.

    Raises:
        FileNotFoundError: there is none, or it went away while this waited.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not os.path.samestat(os.fstat(descriptor), folder.stat()):
            raise FileNotFoundError(folder)  # removed meanwhile, and made anew by somebody else
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def prepared(folder: Path) -> Iterator[None]:
    """Make the folder a sandbox's, if it is none yet, and be `alone` in it.

    Raises:
        UsageError: it belongs to somebody else, holds other things, or cannot be made.
    """
    with contextlib.ExitStack() as held:
        try:
            _enter(folder, held)
            if folder.stat().st_uid != os.getuid():
                raise UsageError(f"the folder {folder} belongs to somebody else", hint="choose another folder")
            if (there := _names(folder)) and LOCK not in there:
                raise UsageError(f"the folder {folder} holds other things", hint="choose an empty folder")
            folder.chmod(0o700)
            (folder / LOCK).touch(mode=0o600)
        except OSError as error:
            hint = "choose another"
            raise UsageError(f"the folder {folder} cannot hold a sandbox", why=str(error), hint=hint) from error
        yield


def _enter(folder: Path, held: contextlib.ExitStack) -> None:
    """Make it if it is missing, and be alone in it; again when it is removed in between."""
    for chance in range(10):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            held.enter_context(alone(folder))
        except FileNotFoundError:
            if chance == 9:
                raise
        else:
            return


def take_lock(folder: Path) -> int | None:
    """The daemon's lock as an open descriptor, or None when somebody holds it or there is no such folder.

    Who only looks at the lock holds it for a moment, which is waited for.
    """
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return None
    deadline = time.monotonic() + _LOOKS_WITHIN
    while not _flock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            os.close(descriptor)
            return None
        time.sleep(0.005)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor


def holder(folder: Path) -> int | None:
    """The process ID of the daemon that runs there; None if none does, or it cannot be told for sure.

    Whoever ends a process must be sure which: `info.json` can be damaged, or come from elsewhere. Where the system has
    /proc, the process must say by its command line that it is the daemon of this folder.
    """
    if lock_is_free(folder):
        return None
    try:
        pid = int((folder / LOCK).read_text())
    except (OSError, ValueError):
        return None
    if not Path("/proc/self/cmdline").exists():
        return pid
    try:
        said = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return pid if PROCESS.encode() in said and os.fsencode(folder) in said else None


def lock_is_free(folder: Path) -> bool:
    """Whether no daemon runs there. Looks share the lock: two at once must not take each other for a daemon."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return True
    try:
        return _flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _flock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def wait_until_free(folder: Path, seconds: float) -> bool:
    """Wait until no daemon runs there; whether it came to that."""
    deadline = time.monotonic() + seconds
    while not (free := lock_is_free(folder)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return free


def clear(folder: Path) -> None:
    """Delete what is of use only while a daemon runs: first what makes it findable, then keys and code."""
    for name in (INFO, CONFIG, CREDENTIALS, AUTHORITY):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / FUNCTIONS, ignore_errors=True)


def refuse_strange(folder: Path) -> None:
    """Say no to a folder that is not a sandbox's, or not only. Raises RefusedError."""
    there = _names(folder)
    if LOCK not in there or not (folder / LOCK).is_file() or folder.stat().st_uid != os.getuid():
        raise RefusedError(f"the folder {folder} is not a sandbox's", hint="name the sandbox's folder with --folder")
    if others := sorted(there - _OURS):
        raise RefusedError(
            f"the folder {folder} holds other things", why=", ".join(others), hint="take them out of it first"
        )


def _names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}
