"""States as files in a folder: `<folder>/<link>/<side>.json`, each replaced whole and atomically.

The lock is a separate file that is never renamed or removed: a lock on the state file itself is lost the moment
that file is replaced. The kernel frees the lock when the process dies, so there is no stale lock. Files are 0600,
folders 0700, since the state names accounts and resources.

Every run that changes something leaves a copy of what it ended with in `<folder>/<link>/backups/`, the last ten of
each side. A run that was killed leaves none; the next one keeps what it found before its own first change.
"""

import os
import shlex
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Final

from plinkctl.errors import StateError
from plinkctl.link import Side
from plinkctl.state import Change, State
from plinkctl.stores import files
from plinkctl.stores.content import decode, encode

DEFAULT_FOLDER: Final = Path(".plinkctl")
KEPT: Final = 10  # backups of each side


class LocalStore:
    """One side's state in a file, locked until `close`. Use as a context manager.

    Args:
        folder: The state folder, e.g. `.plinkctl`; made when it is missing.
        link: The link's name.
        side: Which side.

    Raises:
        StateError: The folder cannot be used, another process holds the lock, or the state is unreadable, or older
            than the newest backup.
    """

    def __init__(self, folder: Path, link: str, side: Side) -> None:
        self._path = path_of(folder, link, side)
        self._changed = False
        files.private_folder(folder)
        files.private_folder(self._path.parent)
        self._lock = files.lock(self._path.with_suffix(".lock"))
        try:
            self._raw = files.read_private(self._path)
            self._state = _checked(self._raw, self._path, link, side)
            _refuse_outdated(self._path, self._state)
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
        """Start with this state; it becomes durable with the first commit, so a refused run leaves no file.

        Its serial goes on where the backups end, so that the newest of them always has the highest.
        """
        newest = max(map(_serial, _backups(self._path)), default=0)
        self._state = replace(state, serial=max(state.serial, newest))

    def commit(self, change: Change) -> None:
        """Replace the file by one that has this change in it.

        Raises:
            StateError: Disk full, folder read-only, …; the file is as it was, or it is the new one and may not last.
        """
        if self._state is None:
            raise RuntimeError("commit before begin")
        after = self._state.put(change)
        content = encode(after)
        with files.told(self._path):
            if not self._changed and self._raw is not None:
                self._back_up(self._raw, self._state.serial)
            files.replace(self._path, content)
            # From here the file is the new one. If it cannot be synced the memory goes with it all the same: the
            # next commit would write the older state over it.
            self._state, self._raw, self._changed = after, content, True
            files.sync_folder(self._path.parent)

    def close(self) -> None:
        """Keep a copy of what was changed, and give the lock back. Closing twice is harmless."""
        if self._lock < 0:
            return
        try:
            if self._changed and self._raw is not None and self._state is not None:
                with suppress(OSError, StateError):  # a copy too few; the state itself is durable
                    self._back_up(self._raw, self._state.serial)
        finally:
            os.close(self._lock)
            self._lock = -1

    def _back_up(self, content: bytes, serial: int) -> None:
        """Keep this content, in the schema it has, and of all kept the last ten."""
        folder = self._path.parent / "backups"
        files.private_folder(folder)
        copy = folder / f"{self._path.stem}.{serial:06d}.json"
        if files.read_private(copy) == content:
            return
        files.replace(copy, content)
        files.sync_folder(folder)
        for old in _backups(self._path)[:-KEPT]:
            with suppress(OSError):  # one too many is no harm
                old.unlink()


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
    return _checked(files.read_private(path), path, link, side)


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
    lock = files.lock(path.with_suffix(".lock"))
    try:
        with files.told(path):
            number = next(n for n in count(1) if not os.path.lexists(path.with_suffix(f".aside-{n}.json")))
            beside = path.with_suffix(f".aside-{number}.json")
            try:
                path.rename(beside)
            except FileNotFoundError:
                return ""
            files.sync_folder(path.parent)
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
    return files.holder(path_of(folder, link, side).with_suffix(".lock"))


def _checked(raw: bytes | None, path: Path, link: str, side: Side) -> State | None:
    """What a file of that name holds; where it is damaged, the way back is named: the newest copy, or the tags."""
    try:
        return None if raw is None else decode(raw, link, side, place=str(path))
    except StateError as error:
        if error.code == "state_damaged":
            copy, _ = _newest(path, link, side)
            rebuild = ["plinkctl", "state", "rebuild", side, "--name", link, "--replace"]
            error.hint = shlex.join(rebuild if copy is None else ["cp", str(copy), str(path)])
        raise


def _refuse_outdated(path: Path, state: State | None) -> None:
    """A state that was put back from an older copy would use numbers, and so client tokens, a second time."""
    if state is None:
        return
    copy, newer = _newest(path, state.link, state.side)
    if newer is not None and newer.lineage == state.lineage and newer.serial > state.serial:
        raise StateError(
            f"the state {path} is older than its own backup",
            why=f"it has serial {state.serial}, {copy} has {newer.serial}: what was made and deleted between them "
            "would be made again under a number that AWS remembers",
            hint=shlex.join(["cp", str(copy), str(path)]),
            code="state_outdated",
        )


def _backups(path: Path) -> list[Path]:
    """The copies of a state, oldest first."""
    found = (path.parent / "backups").glob(f"{path.stem}.*.json")
    return sorted((copy for copy in found if copy.suffixes[0][1:].isdecimal()), key=_serial)


def _serial(copy: Path) -> int:
    return int(copy.suffixes[0][1:])


def _newest(path: Path, link: str, side: Side) -> tuple[Path, State] | tuple[None, None]:
    """The newest copy of a state that can be read, and what it holds."""
    for copy in reversed(_backups(path)):
        with suppress(StateError):
            return copy, decode(files.read_private(copy) or b"", link, side, place=str(copy))
    return None, None
