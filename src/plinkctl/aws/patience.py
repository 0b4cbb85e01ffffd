"""Waiting, in one place, on tenacity: first look at once, then 1 s growing to at most 5 s, a deadline, a stop,
and a description. Also the clock and the stop flag, which tests replace.

Two verbs: `poll` looks again until something is so; `persist` tries a call again while its fault says to. Both
end at once when the user asks to stop, and both tell what they wait for each time they look.
"""

import queue
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol, TypeVar

import tenacity

from plinkctl.errors import Stopped, TimedOutError

T = TypeVar("T")

Tell = Callable[[str, float], None]
"""Called with what is waited for and the seconds waited so far."""

FIRST: Final = 1.0
MOST: Final = 5.0  # PrivateLink reads share tight buckets (aws-facts.md 9.1); Terraform polls at this rhythm too
_LEAST: Final = 0.001  # up to a deadline: rounded sums may miss it by a hair, and would look again and again


class Clock(Protocol):
    """Time, as far as anything in plinkctl needs it."""

    def now(self) -> float:
        """Seconds on a clock that never goes backwards."""

    def wall(self) -> float:
        """Seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Wait; raises Stopped when the user asks to stop meanwhile."""


class Stop:
    """The flag that signal handlers set. Handlers only set it, so that no signal can land between an AWS answer
    and the commit of its ID.

    It must be set from a handler that interrupts this very code, so it has no lock that the main thread could hold
    meanwhile, as threading.Event has: SimpleQueue's `put` is documented to be reentrant.
    """

    def __init__(self) -> None:
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._asked = False
        self.signum = 0

    def __bool__(self) -> bool:
        return self._asked

    def set(self, signum: int) -> None:
        """Ask everything to stop."""
        self.signum = signum
        self._asked = True
        self._wake.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait that long or until stopped; True when stopped."""
        with suppress(queue.Empty):
            self._wake.get(timeout=max(0.0, seconds))
            self._wake.put(None)  # each who wakes up wakes the next
        return self._asked


class SystemClock:
    """The real clock; its sleep wakes up at once when `stop` is set (time.sleep would go on sleeping)."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def now(self) -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait; raises Stopped when asked to stop meanwhile."""
        if self._stop.wait(seconds):
            raise Stopped


def poll(
    look: Callable[[], T],
    *,
    until: Callable[[T], bool],
    what: Callable[[T], str],
    within: float,
    clock: Clock,
    tell: Tell,
) -> T:
    """Look until it is so.

    Args:
        look: One read; called at once, then again with growing pauses.
        until: Whether what was seen is what is waited for.
        what: Says in words what is waited for, from what was seen last.
        within: Seconds after which the wait is given up, from the first answer to the beginning of the last look: what
            lay about while the process was stopped, or was long on its way, says nothing of the time since.
        clock: The time.
        tell: Told before each pause.

    Returns:
        What was seen last, for which `until` holds.

    Raises:
        TimedOutError: The deadline passed.
        Stopped: The user asked to stop.
    """
    begun = asked = clock.now()
    last: list[T] = []

    def look_once() -> T:
        nonlocal asked, begun
        asked = clock.now()
        seen = look()
        if not last:
            begun = clock.now()
        last[:] = [seen]
        return seen

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda seen: not until(seen)),
        wait=tenacity.wait_exponential(multiplier=FIRST, min=FIRST, max=MOST),
        stop=lambda _: asked - begun >= within,
        # The last look is at the deadline, not after it.
        sleep=lambda seconds: clock.sleep(max(_LEAST, min(seconds, begun + within - clock.now()))),
        before_sleep=lambda _: tell(what(last[0]), clock.now() - begun),
    )
    try:
        return retrying(look_once)
    except tenacity.RetryError as error:
        raise TimedOutError(
            f"gave up waiting after {clock.now() - begun:.0f} s", why=what(last[0]) if last else None
        ) from error


def persist(
    call: Callable[[], T],
    *,
    again: Callable[[Exception], str | None],
    within: float,
    clock: Clock,
    tell: Tell,
    first: float = FIRST,
    most: float = MOST,
) -> T:
    """Try a call until it works or its fault is final.

    Args:
        call: One attempt.
        again: Given the exception, says in words why another attempt is worth it, or None when it is not.
        within: Seconds after which the last fault is raised as it is.
        clock: The time.
        tell: Told before each pause.
        first: Seconds of the first pause.
        most: Seconds of the longest pause.

    Raises:
        Stopped: The user asked to stop.
        Exception: The fault of the last attempt.
    """
    begun = clock.now()
    why: list[str] = []

    def worth_it(fault: BaseException) -> bool:
        words = again(fault) if isinstance(fault, Exception) else None
        why[:] = [words or ""]
        return words is not None

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(worth_it),
        # Jitter keeps the parallel nodes of one walk from asking AWS in step after a throttle.
        wait=tenacity.wait_exponential(multiplier=first, min=first, max=most) + tenacity.wait_random(0, first / 2),
        stop=lambda _: clock.now() - begun >= within,
        sleep=lambda seconds: clock.sleep(max(_LEAST, min(seconds, begun + within - clock.now()))),
        before_sleep=lambda _: tell(why[0], clock.now() - begun),
        reraise=True,
    )
    return retrying(call)
