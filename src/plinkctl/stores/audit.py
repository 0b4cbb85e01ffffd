"""Who did what, when, and which request it was: a file of JSON lines beside the states, only ever appended to.

It is for people who ask afterwards; plinkctl itself never reads it. So it is not synced, and when it cannot be
written, nothing stops: the state is the journal, and work half done is worse than work not written up. What goes in
are names and IDs, never parameters or bodies.
"""

import fcntl
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final

from plinkctl.errors import StateError
from plinkctl.stores.files import private_folder

SCHEMA: Final = "plinkctl-audit/1"
LIMIT: Final = 8 * 1024 * 1024  # bytes after which a file is put aside: some 20,000 calls


class Audit:
    """One run's pen. Opened by the first line, so that a run that changes nothing leaves no file.

    Args:
        folder: The folder for this machine's files, e.g. `.plinkctl`.
        link: The link's name.
        trouble: Told once, in words, when lines cannot be written.
    """

    def __init__(self, folder: Path, link: str, *, trouble: Callable[[str], None]) -> None:
        self._folder = folder
        self.path = folder / link / "audit.jsonl"
        self._trouble = trouble
        self._lock = Lock()
        self._file = -1
        self._broken = False

    @property
    def begun(self) -> bool:
        """Whether this run has written a line."""
        return self._file >= 0

    def put(self, **fields: Any) -> None:
        """Append one line. May be called from any thread; never raises because of the file."""
        line = json.dumps({key: value for key, value in fields.items() if value is not None}, separators=(",", ":"))
        with self._lock:
            if self._broken:
                return
            try:
                if self._file < 0:
                    self._file = self._opened()
                os.write(self._file, f"{line}\n".encode())  # one call: lines of two processes do not mix
            except (OSError, StateError) as error:
                self._broken = True
                self._trouble(f"the audit file {self.path} cannot be written, so it lacks this run: {error}")

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _opened(self) -> int:
        private_folder(self._folder)
        private_folder(self.path.parent)
        file = self._open()
        if os.fstat(file).st_size < LIMIT:
            return file
        with suppress(BlockingIOError):  # another process is putting it aside
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file), self.path.stat()):
                self.path.replace(self.path.with_name("audit.1.jsonl"))
        os.close(file)
        return self._open()

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(self.path, flags, 0o600)
