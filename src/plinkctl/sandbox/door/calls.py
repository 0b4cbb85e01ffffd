"""The call log: one line for each API call, the last ten thousand of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from plinkctl.sandbox.door import protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.wrappers import Response

_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One line of the call log.

    Attributes:
        number: counts from 1 and survives forgetting.
        time: when it was answered, by the clock on the wall (ISO 8601).
        account: whose key it was signed with; None for a stranger's.
        ms: the time until the answer.
        digest: a hash of action and parameters, by which equal calls are told (see `protocol.Asked`).
        fault: the rule that fired on it and what that did; None without.
        agent: the User-Agent, in which plinkctl names the operation a change is for (`op/...`).
    """

    number: int
    time: str
    account: str | None
    service: str
    action: str
    region: str
    request_id: str
    status: int
    error: str | None
    ms: float
    digest: str
    fault: str | None = None
    agent: str = ""


class Calls:
    """The log. Numbers are given in the order of answers, and go on when the log is emptied."""

    def __init__(self) -> None:
        self._kept: deque[Call] = deque(maxlen=_REMEMBERED)
        self._count = 0
        self._lock = threading.Lock()

    def note(
        self, asked: protocol.Asked, account: str | None, response: Response, *, since: float, fault: str | None
    ) -> None:
        """Write one call down. `since` is the monotonic moment at which it came."""
        error = protocol.error_code(response)
        with self._lock:
            self._count += 1
            self._kept.append(
                Call(
                    number=self._count,
                    time=datetime.now(UTC).isoformat(timespec="milliseconds"),
                    account=account,
                    service=asked.service,
                    action=asked.action,
                    region=asked.region,
                    request_id=response.headers.get("x-amzn-RequestId", "-"),
                    status=response.status_code,
                    error=error,
                    ms=round((time.monotonic() - since) * 1000, 1),
                    digest=asked.digest,
                    fault=fault,
                    agent=asked.agent,
                )
            )

    def above(self, number: int) -> list[Call]:
        """The calls with a greater number, oldest first."""
        with self._lock:
            missing = self._count - number
            if missing <= 0:
                return []
            # From the end: who follows the log asks for few of many.
            return list(self._kept)[-missing:]

    @property
    def last(self) -> int:
        """The number of the last call ever; 0 before the first."""
        return self._count

    def go_on_from(self, number: int) -> None:
        """Let the next call be the one after that number, which another process has come to."""
        with self._lock:
            self._count = number

    def forget(self) -> None:
        """Empty the log; numbers go on."""
        with self._lock:
            self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(list(self._kept))

    def __getitem__(self, index: int) -> Call:
        return self._kept[index]
