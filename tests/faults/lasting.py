"""The disk as the application sees it: what is really on it, and, on request, its errors.

It stands in for the operating system: `os.write`, `os.fsync`, `os.open` and `os.replace` are watched, and fail when
told.
"""

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CALLS = ("write", "fsync", "open", "replace")


class Disk:
    """Watches the state folder.

    Args:
        folder: The state folder; calls on other files are let through.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._synced: set[int] = set()
        self._lasting: dict[str, bytes] = {}
        self.count = 0
        self.quiet()

    def quiet(self) -> None:
        """No errors, and nobody is told."""
        self.fail: Callable[[str, int], int | None] = lambda _call, _number: None
        self.at_replace: Callable[[str], object] = lambda _when: None

    def records(self) -> dict[str, dict[str, Any]]:
        """Every record that would survive a power cut, by node: of files synced before they were put in their place,
        in folders synced after that.
        """
        states = [json.loads(content) for content in list(self._lasting.values())]
        return {f"{s['side']}/{name}": record for s in states for name, record in s["records"].items()}

    def settle(self) -> None:
        """What is in the folder now was put there by somebody else, and is durable."""
        self._lasting = {str(path): path.read_bytes() for path in Path(self._folder).glob("*/*er.json")}
        self.count = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch, and fail when told."""
        real = {name: getattr(os, name) for name in _CALLS}
        for name in _CALLS:
            setattr(os, name, self._watch(name, real[name]))
        try:
            yield
        finally:
            for name, function in real.items():
                setattr(os, name, function)

    def _watch(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def called(first: Any, *more: Any, **named: Any) -> Any:
            path = self._path(first)
            if not path.startswith(self._folder) or path.endswith(".lock"):
                return real(first, *more, **named)
            if name != "open" or more[0] & os.O_CREAT:
                self.count += 1
                if number := self.fail(name, self.count):
                    raise OSError(number, os.strerror(number), path)
            commit = name == "replace" and str(more[0]).endswith("er.json")
            if commit:
                self.at_replace("written beside")
            answer = real(first, *more, **named)
            if commit:
                self.at_replace("in its place")
            if name == "open" and more[0] & os.O_CREAT:  # a number may be that of a file that is gone
                self._synced.discard(os.fstat(answer).st_ino)
            elif name == "fsync" and Path(path).is_dir():
                self._lasting |= {str(p): p.read_bytes() for p in Path(path).glob("*er.json") if self._is_synced(p)}
            elif name == "fsync":
                self._synced.add(os.fstat(first).st_ino)
            return answer

        return called

    def _is_synced(self, path: Path) -> bool:
        return path.stat().st_ino in self._synced

    @staticmethod
    def _path(first: Any) -> str:
        if isinstance(first, int):
            try:
                return str(Path(f"/proc/self/fd/{first}").readlink())
            except OSError:
                return ""
        return os.fspath(first) if not isinstance(first, bytes) else ""


ERRORS = {
    "no space": errno.ENOSPC,
    "input/output": errno.EIO,
    "over quota": errno.EDQUOT,
    "read-only": errno.EROFS,
    "denied": errno.EACCES,
}
