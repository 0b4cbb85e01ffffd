"""Putting a served world aside, so that a stop, a crash or a reboot takes nothing away: what, and how often.

What is put aside: the resources of all accounts, the accounts with their keys, profile, clock, settings, fault rules,
and the numbers the logs have come to. What is not: the logs themselves, how full the throttle's buckets are, streams
that stand, functions that run, and a service of moto's that cannot be written: that one is left out, and named. A world
taken up again goes on as if nothing had been; its clock has gone on meanwhile, at the speed it had, as AWS's would, so
what was pending is settled by then.

A change is put aside within hundredths of a second, by a thread of its own; what changes meanwhile is put aside
together. Each is read back before it takes the place of the last one. In a large world, where one takes long, there
are fewer, so that no more than a tenth of the time goes to it. Calls that only read cost nothing.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from plinkctl.errors import StateError
from plinkctl.sandbox import pickles, snapshot
from plinkctl.sandbox.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from plinkctl.sandbox.door.gateway import Server

_log: Final = logging.getLogger(__name__)

#: Seconds from a change to its being put aside; between two, so many times what one took; after a failure.
_SOON: Final = 0.01
_SHARE: Final = 9
_AGAIN: Final = 2.0
#: What is not of the world but of the process that serves it.
_NOT_KEPT: Final = frozenset({"lock", "buckets", "isolation"})


@dataclass(frozen=True, slots=True)
class Kept:
    """A world as it was put aside.

    Attributes:
        settings: the fields of World.
        resources: moto's backends.
        numbers: of the last call and the last flow.
    """

    settings: dict[str, Any]
    resources: list[pickles.Place]
    numbers: tuple[int, int]


def take(server: Server, *, careful: bool = False) -> tuple[bytes, dict[str, str]]:
    """The served world as bytes, of one moment, and which services are not in it, each with the reason.

    Args:
        server: what serves it.
        careful: whether each service is to be read back before it is taken; else only when the whole cannot be written.

    Raises:
        TypeError: something in it cannot be written, and it is no service that could be left out.
    """
    with server.gateway.still():
        sandbox = server.world
        settings = {one.name: getattr(sandbox, one.name) for one in fields(World) if one.name not in _NOT_KEPT}
        places, numbers = pickles.in_use(), server.gateway.numbers
        if not careful:
            with contextlib.suppress(TypeError):
                return pickles.dumps((settings, places, numbers)), {}
        unkept = pickles.unkept(places)
        kept = [place for place in places if place[0] not in unkept]
        return pickles.dumps((settings, kept, numbers)), unkept


def _readable(server: Server) -> tuple[bytes, dict[str, str]]:
    """As `take`, and what it takes can be read back: better found out now than at the next start.

    Raises:
        TypeError, ValueError: nothing can be taken that could be.
    """
    body, unkept = take(server)
    try:
        pickles.loads(body)
    except ValueError:
        body, unkept = take(server, careful=True)
        pickles.loads(body)
    return body, unkept


def read(path: Path) -> tuple[snapshot.Head, Kept] | None:
    """The world put aside there, or None. Raises StateError when it cannot be taken up."""
    if (found := snapshot.read(path)) is None:
        return None
    head, body = found
    try:
        return head, Kept(*pickles.loads(body))
    except (ValueError, TypeError) as error:
        raise snapshot.refusal(path, f"it is damaged: {error}") from error


class Keeper:
    """Puts a served world aside when it has changed, until closed.

    Attributes:
        taken: when it was last put aside (ISO 8601); None before.
        size: how many bytes that were.
        trouble: why it cannot be put aside at present; None when it can.
        unkept: the services that were left out of it, each with the reason.
    """

    def __init__(self, path: Path, server: Server) -> None:
        self._path, self._server = path, server
        self._changed, self._over = threading.Event(), threading.Event()
        self._writing = threading.Lock()
        self.taken: str | None = None
        self.size = 0
        self.trouble: str | None = None
        self.unkept: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, daemon=True, name="keeper")
        self._thread.start()

    def changed(self) -> None:
        """Say that there is something new to put aside."""
        self._changed.set()

    def told(self) -> dict[str, Any]:
        """`taken`, `size`, `trouble`, `unkept`, and whether a change is `pending`, which is not put aside yet."""
        pending = self._changed.is_set() or self._writing.locked()
        told = {"taken": self.taken, "size": self.size, "trouble": self.trouble, "unkept": self.unkept}
        return {**told, "pending": pending}

    def write(self) -> float:
        """Put it aside now. How many seconds were taken from those who call.

        Raises:
            StateError: that failed; `trouble` says why, and what was put aside before stands.
        """
        with self._writing:
            self._changed.clear()
            begun = time.monotonic()
            try:
                body, unkept = _readable(self._server)
                spent = time.monotonic() - begun
                taken = datetime.now(UTC).isoformat(timespec="milliseconds")
                snapshot.write(self._path, body, taken=taken, port=self._server.port, unkept=unkept)
            except (OSError, TypeError, ValueError, RuntimeError) as error:
                self._failed(str(error))
                raise StateError("the sandbox could not be put aside", why=self.trouble) from error
            if self.trouble:
                _log.info("the world can be put aside again")
            for service in unkept.keys() - self.unkept.keys():
                _log.warning("what is in %s is not put aside: %s", service, unkept[service])
            self.taken, self.size, self.trouble, self.unkept = taken, len(body), None, unkept
            return spent

    def _failed(self, why: str) -> None:
        if why != self.trouble:
            _log.error("the world cannot be put aside: %s; it is tried again every %.0f s", why, _AGAIN)
        self.trouble = why
        self._changed.set()

    def _run(self) -> None:
        pause = _SOON
        while not self._over.is_set():
            self._changed.wait()
            self._over.wait(pause)
            if self._over.is_set():
                return
            try:
                pause = max(_SOON, self.write() * _SHARE)
            except StateError:
                pause = _AGAIN

    def close(self) -> None:
        """Put it aside for the last time, when nobody changes it any more. A failure is in the log."""
        self._over.set()
        self._changed.set()
        self._thread.join()
        with contextlib.suppress(StateError):
            self.write()
