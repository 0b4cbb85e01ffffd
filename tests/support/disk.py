"""A disk in the test's hand: it stands at the system calls that change what is below a folder.

What is faked is the operating system, nothing of plinkctl: the functions of `os` that pathlib and plinkctl call. Each
call is told before it is made, when it may be refused, and after it has been made.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock


@dataclass(frozen=True, kw_only=True)
class Call:
    """One system call.

    Args:
        name: `open` (only where it makes a file), `write`, `truncate`, `fsync`, `rename`, `unlink`, `mkdir`.
        path: The file or folder, below the folder that is watched.
        target: Where a rename leads.
        data: What is written.
        offset: Where it is written; the new length of a truncation.
    """

    name: str
    path: Path
    target: Path | None = None
    data: bytes = b""
    offset: int = 0


class Disk:
    """Stands between this process and the disk while it is entered.

    Args:
        folder: Calls about what is below it are told, and those about itself.
        before: Told before each call; an OSError it raises is the call's.
        after: Told after each call that was made.
        at_once: At most so many bytes are written by one call, as a disk may choose.
    """

    def __init__(
        self,
        folder: Path,
        *,
        before: Callable[[Call], object] = lambda _: None,
        after: Callable[[Call], object] = lambda _: None,
        at_once: int | None = None,
    ) -> None:
        self.folder = folder
        self._before, self._after, self._at_once = before, after, at_once
        self._files: dict[int, Path] = {}

    def __enter__(self) -> "Disk":
        names = [name.removeprefix("os_") for name in vars(Disk) if name.startswith("os_")]
        self._real = {name: getattr(os, name) for name in names}
        self._patches = ExitStack()
        for name in names:
            self._patches.enter_context(mock.patch.object(os, name, getattr(self, f"os_{name}")))
        return self

    def __exit__(self, *exc: object) -> None:
        self._patches.close()

    def os_open(self, path: Any, flags: int, *rest: Any, **more: Any) -> int:
        here = self._below(path)
        makes = here is not None and flags & os.O_CREAT and not os.path.lexists(path)
        call = Call(name="open", path=here) if makes and here is not None else None
        descriptor: int = self._do(call, lambda: self._real["open"](path, flags, *rest, **more))
        if here is not None:
            self._files[descriptor] = here
        return descriptor

    def os_close(self, descriptor: int) -> None:
        self._files.pop(descriptor, None)
        self._real["close"](descriptor)

    def os_write(self, descriptor: int, data: Any) -> int:
        here = self._files.get(descriptor)
        part = data if here is None else bytes(data[: self._at_once])
        offset = 0 if here is None else os.lseek(descriptor, 0, os.SEEK_CUR)
        call = Call(name="write", path=here, data=bytes(part), offset=offset) if here is not None else None
        return int(self._do(call, lambda: self._real["write"](descriptor, part)))

    def os_pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        here = self._files.get(descriptor)
        call = Call(name="write", path=here, data=data, offset=offset) if here is not None else None
        return int(self._do(call, lambda: self._real["pwrite"](descriptor, data, offset)))

    def os_ftruncate(self, descriptor: int, length: int) -> None:
        here = self._files.get(descriptor)
        call = Call(name="truncate", path=here, offset=length) if here is not None else None
        self._do(call, lambda: self._real["ftruncate"](descriptor, length))

    def os_fsync(self, descriptor: int) -> None:
        here = self._files.get(descriptor)
        self._do(Call(name="fsync", path=here) if here is not None else None, lambda: self._real["fsync"](descriptor))

    def os_rename(self, source: Any, target: Any, **more: Any) -> None:
        here = self._below(source)
        call = Call(name="rename", path=here, target=self._below(target)) if here is not None else None
        self._do(call, lambda: self._real["rename"](source, target, **more))

    def os_replace(self, source: Any, target: Any, **more: Any) -> None:
        here = self._below(source)
        call = Call(name="rename", path=here, target=self._below(target)) if here is not None else None
        self._do(call, lambda: self._real["replace"](source, target, **more))

    def os_unlink(self, path: Any, **more: Any) -> None:
        here = self._below(path) if os.path.lexists(path) else None
        call = Call(name="unlink", path=here) if here is not None else None
        self._do(call, lambda: self._real["unlink"](path, **more))

    def os_mkdir(self, path: Any, *rest: Any, **more: Any) -> None:
        here = self._below(path)
        call = Call(name="mkdir", path=here) if here is not None else None
        self._do(call, lambda: self._real["mkdir"](path, *rest, **more))

    def _below(self, path: Any) -> Path | None:
        whole = Path(os.path.abspath(path))  # noqa: PTH100  (a link must not be followed here)
        return whole.relative_to(self.folder) if whole.is_relative_to(self.folder) else None

    def _do(self, call: Call | None, work: Callable[[], Any]) -> Any:
        if call is None:
            return work()
        self._before(call)
        result = work()
        self._after(call)
        return result
