"""The file in which a sandbox's world is put aside: how it is written whole or not at all, and when it is refused.

The first line is JSON and says what it is, which versions wrote it, and how long and of which digest the rest is; the
rest is `keeping`'s. **A snapshot is code**: taking up one that somebody else wrote would run what they like as you. So
only a plain file that is yours and closed to all others is read, and only one of the very same versions, for the
objects in it are those of moto and of the sandbox.

Nothing heavy is imported here and nothing of the rest is looked into.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import stat
import sys
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from plinkctl import __version__
from plinkctl.errors import StateError
from plinkctl.sandbox.folder import FRESH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Of this file; and of what the sandbox hangs on moto's objects, where that changes within one version of plinkctl.
FORMAT: Final = 2
#: The code of the error for a snapshot that is not taken up.
BAD_SNAPSHOT: Final = "bad_snapshot"
_WHAT: Final = "plinkctl sandbox snapshot"
_LONGEST_HEAD: Final = 4096
#: What of the services that were left out finds room there.
_LONGEST_REASON: Final = 100
_MOST_REASONS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a snapshot says of itself.

    Attributes:
        taken: when, in ISO 8601.
        port: where the sandbox listened.
        size, digest: length and SHA-256 of the rest.
        versions: of the format, plinkctl, moto and Python.
        unkept: the services that could not be put aside, each with the reason.
    """

    taken: str
    port: int
    size: int
    digest: str
    versions: dict[str, str]
    unkept: dict[str, str] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """What a snapshot must have been written by, to be read."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    known = {"snapshot format": str(FORMAT), "plinkctl": __version__}
    return {**known, "moto": metadata.version("moto"), "Python": python}


def write(path: Path, body: bytes, *, taken: str, port: int, unkept: Mapping[str, str] | None = None) -> None:
    """Put a new snapshot in the place of the old one: all of it or, when that fails, none of it.

    Raises:
        OSError: it could not be written; the old one stands.
    """
    digest = hashlib.sha256(body).hexdigest()
    told = {one: why[:_LONGEST_REASON] for one, why in list((unkept or {}).items())[:_MOST_REASONS]}
    head = Head(taken=taken, port=port, size=len(body), digest=digest, versions=versions(), unkept=told)
    fresh = path.with_name(path.name + FRESH)
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps({"what": _WHAT, **asdict(head)}).encode() + b"\n")
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)  # half a file fills the disk for nothing
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path) -> tuple[Head, bytes] | None:
    """The snapshot there, or None when there is none.

    Raises:
        StateError: it is not ours alone, not a snapshot, not whole, or of other versions; `why` says which.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refusal(path, "it is a symbolic link" if path.is_symlink() else str(error)) from error
    try:
        _look_at_owner(path, os.fstat(descriptor))
    except StateError:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        line = file.readline(_LONGEST_HEAD)
        body = file.read()
    head = _head(path, line)
    if other := [f"{name} {head.versions.get(name, '?')}" for name in _differing(head.versions)]:
        here = ", ".join(f"{name} {versions()[name]}" for name in _differing(head.versions))
        raise refusal(path, f"it was written by {', '.join(other)}; this is {here}")
    if len(body) < head.size:
        raise refusal(path, f"it ends too early: {len(body)} bytes of {head.size}")
    if len(body) > head.size or hashlib.sha256(body).hexdigest() != head.digest:
        raise refusal(path, "it is damaged: what it holds is not what was written")
    return head, body


def _look_at_owner(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise refusal(path, "it is not a plain file")
    if status.st_uid != os.getuid():
        raise refusal(path, "it belongs to somebody else, and taking it up would run their code")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise refusal(path, f"others have access to it (mode {mode:04o}), and taking it up might run their code")


def _head(path: Path, line: bytes) -> Head:
    try:
        said: Any = json.loads(line)
        if said.pop("what") != _WHAT:
            raise ValueError
        head = Head(**said)
        # Are they what they should be?
        _ = (head.size + head.port, head.versions.get, head.unkept.get, head.digest + head.taken)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise refusal(path, "it is no snapshot of a sandbox, or its beginning is damaged") from error
    return head


def _differing(written_by: dict[str, str]) -> list[str]:
    return [name for name, version in versions().items() if written_by.get(name) != version]


def refusal(path: Path, why: str) -> StateError:
    """The error for a snapshot that is not taken up."""
    return StateError(
        f"the sandbox put aside in {path} cannot be taken up",
        why=why,
        hint=f"plinkctl sandbox start --fresh --folder {shlex.quote(str(path.parent))}",
        code=BAD_SNAPSHOT,
    )
