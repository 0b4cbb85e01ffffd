"""Files and folders as a state needs them: private, never followed through a link, replaced whole, locked.

Everything here fails with a `StateError` in words (`told`), or with the plain `OSError` where the caller is within
`told` already.
"""

import errno
import fcntl
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from plinkctl.errors import StateError

_NO_SUCH_SYNC: Final = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}
"""What file systems say whose folders need no fsync, or know none (CIFS, some FUSE)."""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what the operating system says into a `StateError` about that file."""
    try:
        yield
    except OSError as error:
        raise StateError(
            f"cannot use the state at {path}",
            why=error.strerror or str(error),
            # Not simply another folder: a link that has a state would be made a second time from an empty one.
            hint="free the disk or fix the permissions, then the same command again: nothing is lost; "
            "a new link may have its state elsewhere with --state FOLDER",
            code="state_unusable",
        ) from error


def private_folder(folder: Path) -> None:
    """Make the folder 0700, or refuse one that others could change under us."""
    with told(folder):
        # One by one: mkdir(parents=True) would leave those above to the umask, and whoever may write above may replace.
        for place in (*reversed(folder.parents), folder):
            if not os.path.lexists(place):
                with suppress(FileExistsError):  # another process was quicker
                    place.mkdir(mode=0o700)
                    sync_folder(place.parent)
        info = folder.lstat()
    if not stat.S_ISDIR(info.st_mode):
        raise StateError(f"the state folder {folder} is not a folder", why="it is a link or a file")
    _refuse_shared(folder, info, what="state folder", cure=f"chmod 700 {folder}")


def read_private(path: Path) -> bytes | None:
    """The content of a file that is ours alone, or None when there is none.

    Raises:
        StateError: It cannot be read, is no plain file, is another user's, or can be changed by others.
    """
    with told(path):
        try:
            # NONBLOCK: a pipe in its place is refused below, not waited for.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _no_plain_file(path) from error
            raise
        with os.fdopen(descriptor, "rb") as file:
            _refuse_strange(path, descriptor)
            return file.read()


def lock(path: Path) -> int:
    """Lock a file of its own, made when missing; the kernel frees the lock when the process ends.

    Returns:
        The descriptor; closing it gives the lock back.

    Raises:
        StateError: Another process holds it (`state_locked`), or it cannot be used.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    with told(path):
        descriptor = os.open(path, flags, 0o600)
        try:
            _refuse_strange(path, descriptor)
            _take(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
    # The content is information for whoever finds it locked; the lock itself is the kernel's.
    with suppress(OSError):  # so a full disk is told by the commit that needs the space
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()}: {Path(sys.argv[0]).name} {' '.join(sys.argv[1:3])}\n".encode(), 0)
    return descriptor


def holder(path: Path) -> str | None:
    """In words who holds this lock now, or None.

    Raises:
        StateError: It cannot be told.
    """
    with told(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _named(descriptor)
        finally:
            os.close(descriptor)
    return None


def replace(path: Path, content: bytes) -> None:
    """Write beside, fsync, rename: there is the old file or the new one. Durable only after `sync_folder`.

    When it fails the file is as it was. What a failed fsync left is thrown away and never synced again: the kernel
    may have dropped the pages and call the next fsync of them a success.
    """
    beside = path.with_name(f"{path.name.partition('.')[0]}.new")  # one for all, so that none is left for good
    beside.unlink(missing_ok=True)  # what a killed process left; we hold the lock
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        beside.replace(path)
    except BaseException:
        with suppress(OSError):  # on a full disk its space is what the next attempt needs
            beside.unlink()
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SUCH_SYNC:
            raise
    finally:
        os.close(descriptor)


def _take(path: Path, descriptor: int) -> None:
    """Lock it, and look whether that locks anybody out."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StateError(
            "another plinkctl is working on this side of the link",
            why=f"the lock {path} is held by {_named(descriptor)}",
            hint="wait for it to end, then run the same command again",
            code="state_locked",
        ) from error
    second = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    finally:
        os.close(second)
    raise StateError(
        f"the file system of {path.parent} has no working locks",
        why="a file that is locked could be locked a second time; two commands at once would undo each other's notes",
        hint="--state FOLDER on a local disk",
        code="state_unusable",
    )


def _named(descriptor: int) -> str:
    """Who wrote himself into the lock file."""
    return os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "an unknown process"


def _refuse_strange(path: Path, descriptor: int) -> None:
    info = os.fstat(descriptor)
    if not stat.S_ISREG(info.st_mode):
        raise _no_plain_file(path)
    _refuse_shared(path, info, what="file", cure=f"chmod 600 {path}")


def _refuse_shared(path: Path, info: os.stat_result, *, what: str, cure: str) -> None:
    if info.st_uid != os.geteuid():
        raise StateError(
            f"the {what} {path} belongs to another user",
            why=f"its owner has uid {info.st_uid}, you have {os.geteuid()}",
            hint="--state FOLDER names another place",
        )
    if info.st_mode & 0o022:
        raise StateError(
            f"the {what} {path} can be changed by others",
            why=f"its mode is {stat.S_IMODE(info.st_mode):o}",
            hint=cure,
        )


def _no_plain_file(path: Path) -> StateError:
    return StateError(
        f"{path} is not a plain file",
        why="it is a link, a folder or a device; it would be replaced, or followed to somewhere else",
        hint="--state FOLDER names another place",
    )
