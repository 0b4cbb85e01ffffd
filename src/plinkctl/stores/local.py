"""States as files in a folder: `<folder>/<link>/<side>.json`, each replaced whole and atomically.

The lock is a separate file that is never renamed or removed: a lock on the state file itself is lost the moment
that file is replaced. The kernel frees the lock when the process dies, so there is no stale lock. Files are 0600,
folders 0700, since the state names accounts and resources.
"""

import fcntl
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Final

from plinkctl.errors import StateError
from plinkctl.link import Side
from plinkctl.state import Record, State
from plinkctl.stores.content import decode, encode

DEFAULT_FOLDER: Final = Path(".plinkctl")


class LocalStore:
    """One side's state in a file, locked until `close`. Use as a context manager.

    Args:
        folder: The state folder, e.g. `.plinkctl`; made when it is missing.
        link: The link's name.
        side: Which side.

    Raises:
        StateError: The folder cannot be used, another process holds the lock, or the state is unreadable.
    """

    def __init__(self, folder: Path, link: str, side: Side) -> None:
        self._path = path_of(folder, link, side)
        _private_folder(folder)
        _private_folder(self._path.parent)
        self._lock = _locked(self._path.with_suffix(".lock"))
        try:
            self._state = read(folder, link, side)
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> "LocalStore":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def state(self) -> State | None:
        """The state as last made durable or begun."""
        return self._state

    def begin(self, state: State) -> None:
        """Start with this state; it becomes durable with the first commit, so a refused run leaves no file."""
        self._state = state

    def commit(self, record: Record) -> None:
        """Replace the file by one that has this record in it.

        Raises:
            StateError: Disk full, folder read-only, …; the file is as it was.
        """
        if self._state is None:
            raise RuntimeError("commit before begin")
        after = self._state.put(record)
        with _told_as_state_error(self._path):
            _replace(self._path, encode(after))
        self._state = after

    def close(self) -> None:
        """Give the lock back. Closing twice is harmless."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def path_of(folder: Path, link: str, side: Side) -> Path:
    """The file of one side's state."""
    return folder / link / f"{side}.json"


def read(folder: Path, link: str, side: Side) -> State | None:
    """Read a state without the lock, for commands that only look.

    Returns:
        The state, or None when there is none.

    Raises:
        StateError: It cannot be read, is damaged, too new, or not this link's.
    """
    path = path_of(folder, link, side)
    with _told_as_state_error(path):
        try:
            raw = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
    return decode(raw, link, side, place=str(path))


def set_aside(folder: Path, link: str, side: Side) -> str:
    """Rename a state, damaged or not, to `<side>.aside-<n>.json`, with its lock held.

    Returns:
        The new name; an empty string when there was no state.

    Raises:
        StateError: Another process holds the lock, or the folder cannot be changed.
    """
    path = path_of(folder, link, side)
    if not path.parent.is_dir():
        return ""
    lock = _locked(path.with_suffix(".lock"))
    try:
        with _told_as_state_error(path):
            number = next(n for n in count(1) if not os.path.lexists(path.with_suffix(f".aside-{n}.json")))
            beside = path.with_suffix(f".aside-{number}.json")
            try:
                path.rename(beside)
            except FileNotFoundError:
                return ""
            _sync_folder(path.parent)
            return str(beside)
    finally:
        os.close(lock)


def links(folder: Path) -> list[tuple[str, Side]]:
    """Every link and side that has a state in the folder, by name."""
    found = [(p.parent.name, p.stem) for p in folder.glob("*/*.json")]
    return sorted((link, Side(stem)) for link, stem in found if stem in set(Side))


def holder(folder: Path, link: str, side: Side) -> str | None:
    """In words who holds the lock of one side's file now, or None.

    Raises:
        StateError: It cannot be told.
    """
    path = path_of(folder, link, side).with_suffix(".lock")
    with _told_as_state_error(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _named(descriptor)
        finally:
            os.close(descriptor)
    return None


def _named(descriptor: int) -> str:
    """Who wrote himself into the lock file."""
    return os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "an unknown process"


def _private_folder(folder: Path) -> None:
    """Make the folder 0700, or refuse one that others could change under us."""
    with _told_as_state_error(folder):
        # One by one: mkdir(parents=True) would leave those above to the umask, and whoever may write above may replace.
        for place in (*reversed(folder.parents), folder):
            if not os.path.lexists(place):
                with suppress(FileExistsError):  # another process was quicker
                    place.mkdir(mode=0o700)
                    _sync_folder(place.parent)
        info = folder.lstat()
    if not stat.S_ISDIR(info.st_mode):
        raise StateError(f"the state folder {folder} is not a folder", why="it is a link or a file")
    if info.st_uid != os.geteuid():
        raise StateError(
            f"the state folder {folder} belongs to another user",
            why=f"its owner has uid {info.st_uid}, you have {os.geteuid()}",
            hint="--state FOLDER names another place",
        )
    if info.st_mode & 0o022:
        raise StateError(
            f"the state folder {folder} can be changed by others",
            why=f"its mode is {stat.S_IMODE(info.st_mode):o}",
            hint=f"chmod 700 {folder}",
        )


def _locked(path: Path) -> int:
    with _told_as_state_error(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holding = _named(descriptor)
        os.close(descriptor)
        raise StateError(
            "another plinkctl is working on this side of the link",
            why=f"the lock {path} is held by {holding}",
            hint="wait for it to end, then run the same command again",
            code="state_locked",
        ) from error
    # The content is information for the message above; the lock itself is the kernel's.
    with suppress(OSError):  # so a full disk is told by the commit that needs the space
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()}: {Path(sys.argv[0]).name} {' '.join(sys.argv[1:3])}\n".encode(), 0)
    return descriptor


def _replace(path: Path, content: bytes) -> None:
    """Write beside, fsync, rename, fsync the folder: after a power cut there is the old file or the new one."""
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)  # what a killed process left; we hold the lock
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told_as_state_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateError(
            f"cannot use the state at {path}",
            why=error.strerror or str(error),
            hint="free the disk or fix the permissions, or name another place with --state FOLDER",
            code="state_unusable",
        ) from error
