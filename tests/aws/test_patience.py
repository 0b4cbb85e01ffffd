"""Waiting: the first look at once, then 1 s growing to 5 s, a deadline, a stop, and words for what is waited for."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from virtual import VirtualClock

from plinkctl.aws.patience import Stop, SystemClock, persist, poll
from plinkctl.errors import Stopped, TimedOutError


class Told:
    """Remembers what a wait says."""

    def __init__(self) -> None:
        self.words: list[tuple[str, float]] = []

    def __call__(self, what: str, waited: float) -> None:
        self.words.append((what, waited))


def count() -> Callable[[], int]:
    numbers: Iterator[int] = iter(range(1, 1000))
    return lambda: next(numbers)


def poll_until(number: int, clock: VirtualClock, *, within: float = 100, told: Told | None = None) -> int:
    return poll(
        count(),
        until=lambda n: n >= number,
        what=lambda n: f"look {n}",
        within=within,
        clock=clock,
        tell=told or Told(),
    )


def test_the_first_look_is_at_once_and_costs_no_wait() -> None:
    clock, told = VirtualClock(), Told()
    assert poll_until(1, clock, told=told) == 1
    assert clock.slept == []
    assert told.words == []


def test_pauses_grow_from_one_second_to_five() -> None:
    clock = VirtualClock()
    assert poll_until(7, clock) == 7
    assert clock.slept == [1, 2, 4, 5, 5, 5]


def test_each_wait_says_what_it_waits_for_and_how_long_so_far() -> None:
    told = Told()
    poll_until(4, VirtualClock(), told=told)
    assert told.words == [("look 1", 0), ("look 2", 1), ("look 3", 3)]


def test_the_last_look_is_at_the_deadline_and_not_after_it() -> None:
    clock = VirtualClock()
    with pytest.raises(TimedOutError) as caught:
        poll_until(99, clock, within=10)
    assert clock.now() == 10
    assert clock.slept == [1, 2, 4, 3]
    assert caught.value.why == "look 5", "what was seen last is the reason"


@pytest.mark.parametrize(("at", "within"), [(76.38, 15.3), (49.54, 26.97), (9.39, 1.7)])
def test_a_deadline_that_sums_miss_by_a_hair_is_one_all_the_same(at: float, within: float) -> None:
    assert at + within - at < within
    clock = VirtualClock()
    clock.slept.append(at)
    with pytest.raises(TimedOutError):
        poll_until(999, clock, within=within)
    with pytest.raises(LookupError):
        persist(Flaky(999), again=str, within=within, clock=clock, tell=Told())


def test_what_comes_just_at_the_deadline_still_counts() -> None:
    assert poll_until(5, VirtualClock(), within=10) == 5


def test_without_time_there_is_still_one_look() -> None:
    clock = VirtualClock()
    assert poll_until(1, clock, within=0) == 1
    with pytest.raises(TimedOutError):
        poll_until(2, clock, within=0)
    assert clock.slept == []


def test_a_look_that_fails_ends_the_wait_with_its_own_error() -> None:
    def look() -> int:
        raise LookupError("broken")

    with pytest.raises(LookupError, match="broken"):
        poll(look, until=bool, what=str, within=10, clock=VirtualClock(), tell=Told())


def test_asked_to_stop_no_further_look_is_made() -> None:
    stop, looks = Stop(), []

    def look() -> int:
        looks.append(1)
        stop.set(2)
        return 0

    with pytest.raises(Stopped):
        poll(look, until=bool, what=str, within=10, clock=VirtualClock(stop), tell=Told())
    assert looks == [1]


def test_a_stop_wakes_a_real_wait_at_once() -> None:
    stop = Stop()
    waiting = threading.Event()

    def tell(_what: str, _waited: float) -> None:
        waiting.set()

    def ask() -> None:
        waiting.wait(10)
        stop.set(15)

    asker = threading.Thread(target=ask)
    asker.start()
    begun = time.monotonic()
    with pytest.raises(Stopped):
        poll(lambda: 0, until=bool, what=str, within=3600, clock=SystemClock(stop), tell=tell)
    asker.join()
    assert time.monotonic() - begun < 0.9, "the first pause alone would be a second"
    assert (bool(stop), stop.signum) == (True, 15)


class Flaky:
    """A call that fails so many times."""

    def __init__(self, failures: int) -> None:
        self.left = failures
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise LookupError(f"{self.left} left")
        return "done"


def test_a_call_is_tried_again_while_its_fault_says_so() -> None:
    clock, told, call = VirtualClock(), Told(), Flaky(3)
    assert persist(call, again=str, within=100, clock=clock, tell=told) == "done"
    assert call.calls == 4
    assert [what for what, _ in told.words] == ["2 left", "1 left", "0 left"]
    # Each pause is 1, 2, 4 s and up to half a second on top, so that parallel nodes do not ask in step.
    assert all(base <= slept <= base + 0.5 for base, slept in zip((1, 2, 4), clock.slept, strict=True))


def test_a_final_fault_is_raised_as_it_is_and_at_once() -> None:
    clock, call = VirtualClock(), Flaky(3)
    with pytest.raises(LookupError, match="2 left"):
        persist(call, again=lambda _: None, within=100, clock=clock, tell=Told())
    assert (call.calls, clock.slept) == (1, [])


def test_after_the_deadline_the_last_fault_is_raised_as_it_is() -> None:
    clock, call = VirtualClock(), Flaky(99)
    with pytest.raises(LookupError):
        persist(call, again=str, within=10, clock=clock, tell=Told())
    assert clock.now() == pytest.approx(10)


def test_why_it_tries_again_is_asked_once_for_each_fault() -> None:
    """Asking may be a call to AWS: what keeps a subnet from being deleted."""
    asked: list[str] = []

    def again(fault: Exception) -> str:
        asked.append(str(fault))
        return "because"

    persist(Flaky(2), again=again, within=100, clock=VirtualClock(), tell=Told())
    assert asked == ["1 left", "0 left"]


def test_a_stop_is_not_a_fault_to_try_again() -> None:
    def call() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        persist(call, again=lambda _: None, within=100, clock=VirtualClock(), tell=Told())


def test_a_signal_at_any_moment_of_a_wait_ends_it() -> None:
    """A handler runs between two instructions of the main thread, and so maybe in the middle of the wait itself.

    With a lock in the flag that is a deadlock: the handler waits for what its own thread holds.
    """
    moments = 0
    for moment in range(1, 200):
        stop, passed = Stop(), 0

        def step(frame: FrameType, event: str, _: Any, stop: Stop = stop, moment: int = moment) -> Any:
            nonlocal passed
            frame.f_trace_opcodes = True
            if event == "opcode":
                passed += 1
                if passed == moment:
                    stop.set(2)
            return step

        sys.settrace(step)
        try:
            stop.wait(0.001)
        finally:
            sys.settrace(None)
        if passed < moment:
            break
        moments += 1
        assert stop.wait(60), "and every later wait ends at once"
    assert moments > 10


def test_a_stop_wakes_all_who_wait() -> None:
    stop = Stop()
    clock = SystemClock(stop)
    ended: list[type[Exception]] = []

    def wait() -> None:
        try:
            clock.sleep(60)
        except Stopped:
            ended.append(Stopped)

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    stop.set(2)
    for thread in threads:
        thread.join(20)
    assert ended == [Stopped] * 8
