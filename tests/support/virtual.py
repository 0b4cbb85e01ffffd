"""Time in the test's hand: sleeping moves the clock and takes no time."""

import threading
from collections.abc import Callable

from plinkctl.aws.patience import Stop
from plinkctl.errors import Stopped


class VirtualClock:
    """A clock whose sleep is over at once.

    Args:
        stop: Sleep raises Stopped once this is set, as the real clock's does.
        at: Its seconds since the epoch at the start; `now` counts from 0.
        on_sleep: Called after each sleep with the seconds passed so far: the place to let something happen meanwhile.
    """

    def __init__(
        self,
        stop: Stop | None = None,
        *,
        at: float = 1_800_000_000.0,
        on_sleep: Callable[[float], object] = lambda _: None,
    ) -> None:
        self.slept: list[float] = []
        self.epoch = at
        self._stop = Stop() if stop is None else stop  # one that is not set counts as false
        self.on_sleep = on_sleep
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds slept so far."""
        return sum(self.slept)

    def wall(self) -> float:
        """Seconds since the epoch."""
        return self.epoch + self.now()

    def sleep(self, seconds: float) -> None:
        """Let that time pass."""
        if self._stop:
            raise Stopped
        with self._lock:
            self.slept.append(seconds)
        self.on_sleep(self.now())
