"""What a power cut may leave of a disk, after the model of ALICE (Pillai et al., OSDI 2014).

It is weaker than any file system one meets:

- what was written and not synced may be there, missing, cut short, zeros, or there in parts;
- each name that was made, replaced or removed since its folder was synced may be so or not, whatever came of others;
- a rename's new name and its old one are two such changes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations, product
from pathlib import Path

from disk import Call

Image = frozenset[tuple[str, bytes | None]]
"""A disk: the content of each file by its path, None for a folder."""


@dataclass
class File:
    """A file's content: what is durable, and the writes since, each of which may be lost."""

    durable: bytes = b""
    pending: list[Call] = field(default_factory=list)

    @property
    def whole(self) -> bytes:
        """What the running system sees."""
        return self._after(self.pending)

    def _after(self, writes: Sequence[Call]) -> bytes:
        content = self.durable
        for call in writes:
            if call.name == "truncate":
                content = content[: call.offset]
            else:
                before, behind = content[: call.offset], content[call.offset + len(call.data) :]
                content = before.ljust(call.offset, b"\0") + call.data + behind
        return content

    def variants(self) -> set[bytes]:
        """What a crash may leave of it: writes lost from some point on, or one of them, or all but one."""
        count, length = len(self.pending), len(self.whole)
        if not count:
            return {self.durable}
        kept = [self.pending[:n] for n in range(count + 1)]
        kept += [[*self.pending[:n], *self.pending[n + 1 :]] for n in range(count)]
        kept += [[call] for call in self.pending]
        found = {self._after(writes) for writes in kept}
        found |= {content.ljust(length, b"\0") for content in found}  # its length is known, its blocks are not there
        return found | {self.whole[: length // 2], self.whole[:-1], self.whole[:1]}


@dataclass
class Folder:
    """A folder's names: those that are durable, and the changes since, each of which may be lost."""

    durable: dict[str, "File | Folder"] = field(default_factory=dict)
    pending: list[tuple[str, "File | Folder | None"]] = field(default_factory=list)

    def names(self, changes: tuple[int, ...] | None = None) -> dict[str, "File | Folder"]:
        """The names after these of the changes; by default after all."""
        found = dict(self.durable)
        for number, (name, what) in enumerate(self.pending):
            if changes is not None and number not in changes:
                continue
            if what is None:
                found.pop(name, None)
            else:
                found[name] = what
        return found

    def variants(self) -> Iterator[dict[str, "File | Folder"]]:
        """What a crash may leave of it: each subset of the changes."""
        numbers = range(len(self.pending))
        for changes in chain.from_iterable(combinations(numbers, size) for size in range(len(self.pending) + 1)):
            yield self.names(changes)


def folder_of(path: Path) -> Folder:
    """What is at that path now, all of it durable."""
    return Folder({p.name: folder_of(p) if p.is_dir() else File(p.read_bytes()) for p in path.iterdir()})


def apply(root: Folder, call: Call) -> None:
    """Let the call happen to the model, as the running system sees it."""
    match call.name:
        case "open":
            _parent(root, call.path).pending.append((call.path.name, File()))
        case "mkdir":
            _parent(root, call.path).pending.append((call.path.name, Folder()))
        case "write" | "truncate":
            _file(root, call.path).pending.append(call)
        case "unlink":
            _parent(root, call.path).pending.append((call.path.name, None))
        case "rename":
            assert call.target is not None
            moved = _file(root, call.path)
            _parent(root, call.target).pending.append((call.target.name, moved))
            _parent(root, call.path).pending.append((call.path.name, None))
        case "fsync":
            synced = _at(root, call.path)
            if isinstance(synced, File):
                synced.durable, synced.pending = synced.whole, []
            else:
                synced.durable, synced.pending = synced.names(), []
        case _:
            raise ValueError(call.name)


def images(root: Folder) -> Iterator[Image]:
    """Every disk that a crash now may leave."""
    for chosen in root.variants():
        parts: list[list[list[tuple[str, bytes | None]]]] = []
        for name, what in chosen.items():
            if isinstance(what, File):
                parts.append([[(name, content)] for content in what.variants()])
            else:
                below = [[(f"{name}/{path}", content) for path, content in image] for image in images(what)]
                parts.append([[(name, None), *image] for image in below])
        for part in product(*parts):
            yield frozenset(chain.from_iterable(part))


def whole_of(root: Folder) -> Image:
    """The disk as the running system sees it."""
    found: set[tuple[str, bytes | None]] = set()
    for name, what in root.names().items():
        if isinstance(what, File):
            found.add((name, what.whole))
        else:
            found |= {(name, None), *((f"{name}/{path}", content) for path, content in whole_of(what))}
    return frozenset(found)


def _at(root: Folder, path: Path) -> "File | Folder":
    found: File | Folder = root
    for part in path.parts:
        assert isinstance(found, Folder)
        found = found.names()[part]
    return found


def _parent(root: Folder, path: Path) -> Folder:
    found = _at(root, path.parent)
    assert isinstance(found, Folder)
    return found


def _file(root: Folder, path: Path) -> File:
    found = _at(root, path)
    assert isinstance(found, File)
    return found
