"""Clocks that are set, machines that sleep, processes that are stopped: no mark is old when its call is sent, no
absence believed too early, no patience lost. And what recovery costs."""

from collections.abc import Callable

import pytest
from scripted import Bench, fault, thing

from plinkctl.aws.faults import Nature
from plinkctl.graph import Node
from plinkctl.kinds.base import ABSENT, Presence, Seen
from plinkctl.state import Phase, Record

A = thing("a")
BLIND = thing("a", kind="blind")
HOUR = 3600.0


@pytest.fixture
def bench() -> Bench:
    return Bench()


def between_mark_and_send(bench: Bench, happens: Callable[[], object], *, times: int = 1) -> None:
    """Let something happen once the mark is durable and before any worker has the call."""
    left = [happens] * times

    def marked(record: Record) -> None:
        if record.phase is Phase.CREATING and record.sent_at is not None and left:
            left.pop()()

    bench.store.on_commit = marked


def passes(bench: Bench, seconds: float) -> Callable[[], object]:
    """The wall clock moves on, or back, and the steady one does not: asleep, or set."""

    def step() -> None:
        bench.clock.epoch += seconds

    return step


def marks(bench: Bench) -> list[float]:
    """The times of sending as they were made durable."""
    return [r.sent_at for r in bench.store.history if r.phase is Phase.CREATING and r.sent_at is not None]


# ------------------------------------------------------------------------------------------- the mark


@pytest.mark.parametrize("seconds", [5.1, HOUR, -HOUR, 7 * 24 * HOUR])
@pytest.mark.parametrize("node", [A, BLIND], ids=["named", "blind"])
def test_a_mark_that_is_old_at_the_moment_of_sending_is_made_anew(bench: Bench, node: Node, seconds: float) -> None:
    begun = bench.clock.wall()
    between_mark_and_send(bench, passes(bench, seconds), times=2)
    bench.up(node)
    assert marks(bench) == pytest.approx([begun, begun + seconds, begun + 2 * seconds])
    assert bench.service.calls("create") == ["create a"]
    assert bench.service.calls("find") == ["find a"], "nothing was sent, so there is nothing to look for"
    assert bench.record("a").attempt == 1
    assert bench.clock.slept == []


def test_a_mark_of_a_moment_ago_is_good(bench: Bench) -> None:
    between_mark_and_send(bench, passes(bench, 4.9))
    bench.up(A)
    assert len(marks(bench)) == 1


def test_a_stop_while_the_machine_slept_leaves_no_mark(bench: Bench) -> None:
    def wakes_up_to_a_stop() -> None:
        bench.clock.epoch += HOUR
        bench.stop.set(2)

    between_mark_and_send(bench, wakes_up_to_a_stop)
    assert bench.up(A).stopped
    assert bench.record("a").sent_at is None
    assert bench.service.calls("create") == []


# --------------------------------------------------------------------------------------- the absence


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_clock_set_while_an_answer_is_lost_does_not_shorten_the_grace_period(bench: Bench, seconds: float) -> None:
    """Else a create that lands a moment later is sent a second time, and makes a second VPC."""

    def set_and_lost() -> None:
        bench.clock.epoch += seconds
        raise fault(Nature.UNCLEAR)

    bench.service.creates["a"] = [set_and_lost]
    record: list[Record] = []

    def lands_late(passed: float) -> None:
        if passed >= 50 and not record:
            record.append(bench.record("a"))
            bench.service.make("a", record[0].op, {"plinkctl:op": record[0].op}, {})

    bench.clock.on_sleep = lands_late
    bench.up(BLIND)
    assert bench.service.calls("create") == ["create a"]
    assert len(bench.service.of("a")) == 1
    assert bench.record("a").phase is Phase.READY


def test_time_asleep_counts_for_who_looks_after_it(bench: Bench) -> None:
    """The next process has the wall clock alone; a machine that slept for an hour has waited long enough."""
    bench.interrupted("a", kind="blind", sent_at=bench.clock.wall(), attempt=1)
    bench.clock.epoch += HOUR
    bench.up(BLIND)
    assert bench.clock.slept == []
    assert len(bench.service.of("a")) == 1


# ---------------------------------------------------------------------------------------- the patience


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_wait_takes_no_notice_of_a_clock_that_is_set(bench: Bench, seconds: float) -> None:
    bench.service.probes["a"] = [Seen(presence=Presence.PENDING, why="provisioning")] * 8
    bench.clock.on_sleep = lambda _: passes(bench, seconds)()
    bench.up(A)
    assert bench.record("a").phase is Phase.READY
    assert bench.clock.slept[:8] == [1, 2, 4, 5, 5, 5, 5, 5]


def test_who_was_stopped_for_hours_in_a_wait_looks_once_more_before_giving_up(bench: Bench) -> None:
    """SIGSTOP: the steady clock goes on, the patience is over, and AWS was ready long ago."""
    bench.service.probes["a"] = [Seen(presence=Presence.PENDING, why="provisioning")]
    bench.clock.on_sleep = lambda _: bench.clock.slept.append(2 * HOUR) if len(bench.clock.slept) == 1 else None
    bench.up(A)
    assert bench.record("a").phase is Phase.READY


def stopped_with(bench: Bench, answer: Seen) -> Callable[[], Seen]:
    """The process is stopped for hours after AWS has answered and before it reads the answer."""

    def look() -> Seen:
        bench.clock.slept.append(2 * HOUR)
        return answer

    return look


def test_an_answer_as_old_as_the_patience_does_not_end_it(bench: Bench) -> None:
    bench.service.probes["a"] = [stopped_with(bench, Seen(presence=Presence.PENDING, why="provisioning"))]
    bench.up(A)
    assert bench.record("a").phase is Phase.READY


def test_an_absence_seen_before_the_process_was_stopped_is_not_believed_after_it(bench: Bench) -> None:
    """Else a second one is made, and the first is lost."""
    bench.up(A)
    bench.service.probes["a"] = [stopped_with(bench, ABSENT)]
    bench.up(A)
    assert bench.service.calls("create") == ["create a"]
    assert len(bench.service.of("a")) == 1


def test_an_absence_in_a_wait_is_not_believed_because_the_process_was_stopped(bench: Bench) -> None:
    pending = Seen(presence=Presence.PENDING, why="provisioning")
    bench.service.probes["a"] = [pending, ABSENT, stopped_with(bench, ABSENT)]
    assert bench.up(A).failed == {}
    assert bench.record("a").phase is Phase.READY


def test_what_goes_away_while_it_is_waited_for_is_told_after_some_seconds(bench: Bench) -> None:
    bench.service.probes["a"] = [Seen(presence=Presence.PENDING, why="provisioning"), *[ABSENT] * 5]
    assert bench.failure(bench.up(A), "a").code == "went_away"
    assert bench.clock.now() == pytest.approx(6, abs=3)


def test_what_was_not_found_before_the_process_was_stopped_is_looked_for_again(bench: Bench) -> None:
    record = bench.interrupted("a", kind="blind", sent_at=bench.clock.wall(), attempt=1)
    bench.service.make("a", record.op, {"plinkctl:op": record.op}, {"size": 1})
    bench.service.hidden["a"] = 1
    bench.service.on_find = lambda: bench.clock.slept.append(2 * HOUR)
    bench.up(BLIND)
    assert bench.service.calls("create") == []


# ------------------------------------------------------------------------------------- what it costs


@pytest.mark.parametrize("effect", [True, False], ids=["made", "not made"])
def test_recovery_adds_no_wait_where_a_name_or_token_tells(bench: Bench, effect: bool) -> None:
    record = bench.interrupted("a", sent_at=bench.clock.wall() - 0.1, attempt=1)
    if effect:
        bench.service.make("a", record.op, {"plinkctl:op": record.op}, {"size": 1})
    bench.up(A)
    assert bench.clock.slept == []
    assert len(bench.service.of("a")) == 1


@pytest.mark.parametrize(("age", "cost"), [(0.0, 60.0), (20.0, 40.0), (60.0, 0.0), (HOUR, 0.0)])
def test_recovery_of_a_blind_create_adds_what_is_left_of_the_grace_period(
    bench: Bench, age: float, cost: float
) -> None:
    bench.interrupted("a", kind="blind", sent_at=bench.clock.wall() - age, attempt=1)
    bench.up(BLIND)
    assert bench.clock.now() == pytest.approx(cost)
    assert len(bench.service.of("a")) == 1


def test_recovery_of_a_blind_create_that_took_effect_adds_nothing(bench: Bench) -> None:
    record = bench.interrupted("a", kind="blind", sent_at=bench.clock.wall(), attempt=1)
    bench.service.make("a", record.op, {"plinkctl:op": record.op}, {"size": 1})
    bench.up(BLIND)
    assert bench.clock.slept == []
