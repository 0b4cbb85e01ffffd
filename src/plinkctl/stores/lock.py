"""A lock as an object in a bucket: politeness, so that two do not start at once. It protects nothing.

What protects is that each commit is written over exactly the state that was read (s3.py). So a lock may be taken over
when it is older than it says it may become, or when its process is dead: the worst that follows is that one of two
is stopped at its next commit.
"""

import json
import os
import socket
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from plinkctl.errors import AwsError, StateError
from plinkctl.stores.objects import Note, Object, Objects, Overtaken

LASTS: Final = 3600.0
"""Seconds after which anybody may take the lock. Longer than the longest wait without a commit: a function's network
interfaces are given back after up to 45 min (aws-facts.md 8)."""
_RENEWED: Final = 600.0  # seconds after which a commit renews it
_TRIES: Final = 5


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a lock.

    Args:
        command: What is being done.
        host: On which machine.
        pid: By which process there.
        machine: Names the machine since its start, and the process's view of pids, so that only a pid that means the
            same to both is asked after; empty where that is not known.
        since: Seconds since the epoch.
        until: When anybody may take it.
        mark: Random, so that no two locks are alike.
    """

    command: str
    host: str
    pid: int
    machine: str
    since: float
    until: float
    mark: str

    def __str__(self) -> str:
        since, until = (
            datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S") for at in (self.since, self.until)
        )
        return f"{self.command} (pid {self.pid} on {self.host}), since {since} UTC, until {until} UTC at the latest"

    def encode(self) -> bytes:
        """The lock's content."""
        return json.dumps(asdict(self)).encode()

    def over(self, now: float) -> bool:
        """Whether the lock may be taken: its time is over, or its process is dead."""
        return now >= self.until or (bool(self.machine) and self.machine == _machine() and not _alive(self.pid))


def decode(content: bytes) -> Holder | None:
    """Who holds the lock with this content; None when it says nothing that can be read."""
    try:
        data = json.loads(content)
        holder = Holder(**data)
        str(holder)
    except (ValueError, TypeError, OverflowError, OSError, RecursionError):
        return None
    sound = all(type(data[key]) is str for key in ("command", "host", "machine", "mark"))
    return holder if sound and type(holder.pid) is int and holder.pid > 0 else None


class Lock:
    """A lock that this process holds.

    Args:
        objects: Where.
        key: The lock's key.
        wall: Seconds since the epoch, now.
        note: Tells the user what could not be done.

    Raises:
        StateError: Somebody holds it, or the bucket writes without looking at conditions.
        AwsError: S3 refused it.
    """

    def __init__(self, objects: Objects, key: str, *, wall: Callable[[], float], note: Note) -> None:
        self._objects = objects
        self._key = key
        self._wall = wall
        self._note = note
        self._holder = _me(wall())
        self._etag: str | None = self._take()
        self._check_conditions()

    def keep(self) -> None:
        """Renew it when it is old. It is politeness only, so nothing that goes wrong here matters."""
        now = self._wall()
        if self._etag is None or now < self._holder.until - LASTS + _RENEWED:
            return
        self._holder = replace(self._holder, until=now + LASTS)
        with suppress(Overtaken, AwsError):
            self._etag = self._objects.put(self._key, self._holder.encode(), over=self._etag, within=0)

    def release(self) -> None:
        """Give it back. Doing so twice is harmless."""
        etag, self._etag = self._etag, None
        if etag is None:
            return
        try:
            self._objects.delete(self._key, at=etag)
        except AwsError as error:
            self._note(f"the lock {self._key} stays behind: {error.why}; plinkctl state unlock removes it", "warning")

    def _take(self) -> str:
        over: str | None = None
        for _ in range(_TRIES):
            try:
                return self._objects.put(self._key, self._holder.encode(), over=over)
            except Overtaken as overtaken:
                over = None  # nobody has it any more
                if overtaken.found is not None:
                    self._check_free(overtaken.found)
                    over = overtaken.found.etag
        raise _locked(self._key, "others, one after the other")

    def _check_free(self, found: Object) -> None:
        holder = decode(found.content)
        if holder is None or not holder.over(self._wall()):
            raise _locked(self._key, str(holder or "somebody whose lock cannot be read"))
        self._note(f"took over the lock of {holder}", "warning")

    def _check_conditions(self) -> None:
        """A store that is like S3 but passes over conditions would let two write: seen here, before anything is."""
        with suppress(Overtaken):
            self._etag = self._objects.put(self._key, self._holder.encode() + b"\n", over=None)
            self.release()
            raise StateError(
                f"{self._objects.address} cannot hold shared states",
                why="it wrote over an object that it was told not to write over (If-None-Match)",
                hint="use a bucket of Amazon S3, or a store that does conditional writes",
                code="no_conditions",
            )


def _locked(key: str, who: str) -> StateError:
    return StateError(
        "another plinkctl is working on this side of the link",
        why=f"the lock {key} is held by {who}",
        hint="wait for it to end, then run the same command again; if it is dead: plinkctl state unlock",
        code="state_locked",
    )


def _me(now: float) -> Holder:
    return Holder(
        command=" ".join([Path(sys.argv[0]).name, *sys.argv[1:3]]),
        host=socket.gethostname(),
        pid=os.getpid(),
        machine=_machine(),
        since=now,
        until=now + LASTS,
        mark=uuid.uuid4().hex,
    )


def _machine() -> str:
    """This machine since its start, and this view of its processes (containers have views of their own)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
