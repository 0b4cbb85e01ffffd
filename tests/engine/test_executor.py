"""The walk: what can run together does, failures stay where they are, and a stop loses nothing."""

import threading
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from scripted import Bench, Lost, fault, stopped, thing

from plinkctl.aws.faults import Nature
from plinkctl.errors import AwsError, StateError
from plinkctl.events import Event, NodeActing, NodeDone, NodeFailed, NodeSkipped, NodeStarted
from plinkctl.graph import Ref
from plinkctl.kinds.base import Presence, Seen
from plinkctl.state import Phase


@pytest.fixture
def bench() -> Bench:
    return Bench()


def told(bench: Bench, kind: type[Event]) -> list[str]:
    """The nodes an event was told of, in order."""
    return [str(getattr(event, "node")).partition("/")[2] for event in bench.events if isinstance(event, kind)]  # noqa: B009


def test_nodes_that_do_not_need_each_other_run_at_once(bench: Bench) -> None:
    """Each create waits until the other has begun: one after the other, they would wait for ever."""
    both = threading.Barrier(2, timeout=10)
    bench.service.creates |= {"a": [both.wait], "b": [both.wait]}
    assert bench.up(thing("a"), thing("b")).failed == {}
    assert not both.broken


def test_a_node_starts_after_all_it_needs_is_ready(bench: Bench) -> None:
    bench.up(thing("c", "a", "b"), thing("a"), thing("b"))
    log = bench.service.log
    assert log.index("creating c") > max(log.index("ready a"), log.index("ready b"))


def test_who_needs_only_the_id_starts_while_the_other_still_provisions(bench: Bench) -> None:
    begun = threading.Event()
    pending = Seen(presence=Presence.PENDING, why="provisioning")
    bench.service.probes["balancer"] = [pending] * 5
    bench.service.creates["listener"] = [begun.set]
    bench.clock.on_sleep = lambda _: begun.wait(10)
    bench.up(thing("balancer"), thing("listener", Ref("balancer", settled=False)))
    log = bench.service.log
    assert log.index("created balancer") < log.index("create listener") < log.index("ready balancer")


def test_a_failure_skips_what_depends_on_it_and_nothing_else(bench: Bench) -> None:
    bench.service.creates["a"] = [fault(Nature.DENIED)]
    walked = bench.up(thing("a"), thing("b", "a"), thing("c", "b"), thing("other"), thing("far", "other"))
    assert set(walked.failed) == {"provider/a"}
    assert walked.skipped == {"provider/b", "provider/c"}
    assert walked.done == {"provider/other", "provider/far"}
    assert told(bench, NodeFailed) == ["a"]
    assert told(bench, NodeSkipped) == ["b", "c"]
    assert {event.because for event in bench.events if isinstance(event, NodeSkipped)} == {("provider/a",)}


def test_every_root_cause_is_told(bench: Bench) -> None:
    bench.service.creates |= {"a": [fault(Nature.DENIED)], "b": [fault(Nature.QUOTA)]}
    walked = bench.up(thing("a"), thing("b"), thing("c", "a", "b"))
    assert set(walked.failed) == {"provider/a", "provider/b"}
    (skipped,) = [event for event in bench.events if isinstance(event, NodeSkipped)]
    assert skipped.because == ("provider/a", "provider/b")


def test_credentials_that_end_are_told_once_and_everything_under_way_is_recorded(bench: Bench) -> None:
    """Three nodes are in the middle of something when the credentials expire; each is told no at its next call."""
    both = threading.Barrier(3, timeout=10)
    bench.service.creates = {"a": [both.wait], "b": [both.wait], "c": [both.wait]}
    bench.service.probes = {name: [fault(Nature.CREDENTIALS)] for name in ("a", "b", "c")}
    elsewhere = replace(thing("elsewhere"), key="consumer/elsewhere")
    walked = bench.up(thing("a"), thing("b"), thing("c"), thing("d", "a"), thing("e", "b", "c"), elsewhere)
    ((root, error),) = walked.failed.items()
    assert isinstance(error, AwsError)
    assert error.nature == Nature.CREDENTIALS
    assert {bench.record(name).phase for name in ("a", "b", "c")} == {Phase.CREATED}
    assert walked.skipped == {f"provider/{name}" for name in "abcde"} - {root}
    assert walked.done == {"consumer/elsewhere"}, "the other side has credentials of its own"
    assert all(root in event.because for event in bench.events if isinstance(event, NodeSkipped))
    bench.up(thing("a"), thing("b"), thing("c"), thing("d", "a"), thing("e", "b", "c"))
    assert len(bench.service.there) == 6


def test_events_come_in_the_order_of_the_story(bench: Bench) -> None:
    bench.up(thing("a"), thing("b", "a"))
    story: list[tuple[str, str]] = []
    for event in bench.events:
        detail = event.action.value if isinstance(event, NodeActing | NodeDone) else ""
        story.append((type(event).__name__, f"{getattr(event, 'node', '')} {detail}".strip()))
    assert story == [
        item
        for node in ("provider/a", "provider/b")
        for item in (
            ("NodeStarted", node),
            ("NodeActing", f"{node} create"),
            ("NodeActing", f"{node} update"),
            ("NodeDone", f"{node} create"),
        )
    ]


def test_nodes_that_are_done_without_any_call_do_not_end_the_walk(bench: Bench) -> None:
    """Forgetting needs no call; a chain of nodes that are only forgotten must still reach its end."""
    needs: dict[str, list[str]] = {"a": [], "b": ["a"], "c": ["b"]}
    lent = {name: {"id": bench.service.make(name, "theirs", {}, {})} for name in needs}
    nodes = [thing(name, *refs, borrowed=lent[name]) for name, refs in needs.items()]
    bench.up(*nodes)
    walked = bench.down()
    assert walked.done == {"provider/a", "provider/b", "provider/c"}
    assert walked.skipped == set()
    assert bench.state.live == {}


def test_many_nodes_all_get_their_turn(bench: Bench) -> None:
    names = [f"n{number}" for number in range(60)]
    walked = bench.up(*(thing(name, *names[max(0, place - 2) : place]) for place, name in enumerate(names)))
    assert len(walked.done) == 60
    assert len(bench.service.there) == 60
    assert len(bench.down().done) == 60
    assert bench.service.there == {}


# ------------------------------------------------------------------------------------------------ stop


def test_after_a_stop_no_call_is_given_out_but_what_was_under_way_is_recorded(bench: Bench) -> None:
    bench.service.creates["a"] = [bench.asked_to_stop()]
    walked = bench.up(thing("a"), thing("b", "a"), thing("c"))
    assert walked.stopped
    assert (bench.record("a").phase, bench.record("a").id) == (Phase.CREATED, "a-1")
    assert bench.service.log[-1] == "created a" or bench.service.log[-1].endswith(" c")
    assert "b" not in bench.state.records
    assert "probe a" not in bench.service.log
    assert told(bench, NodeSkipped) == [], "a stopped walk has no skipped nodes: they were only not reached"
    bench.new_process()
    assert bench.up(thing("a"), thing("b", "a"), thing("c")).failed == {}
    assert len(bench.service.there) == 3


def test_a_stop_ends_a_wait_at_once(bench: Bench) -> None:
    bench.service.probes["a"] = [Seen(presence=Presence.PENDING, why="provisioning")] * 99
    bench.clock.on_sleep = lambda now: bench.stop.set(15) if now > 3 else None
    walked = bench.up(thing("a"))
    assert walked.stopped
    assert walked.failed == {}, "a stop is not the node's failure"
    assert bench.clock.now() < 8
    assert bench.record("a").phase is Phase.CREATED


def test_a_call_that_the_stop_kept_from_being_sent_leaves_its_intent(bench: Bench) -> None:
    def refuse() -> None:
        bench.stop.set(2)
        stopped()

    bench.service.creates["a"] = [refuse]
    assert bench.up(thing("a")).stopped
    assert bench.record("a").phase is Phase.CREATING
    bench.new_process()
    bench.up(thing("a"))
    assert len(bench.service.of("a")) == 1


def test_a_stop_before_the_first_node_starts_nothing(bench: Bench) -> None:
    bench.stop.set(2)
    assert bench.up(thing("a")).stopped
    assert bench.service.log == []
    assert told(bench, NodeStarted) == []


@pytest.mark.parametrize("lost", [Lost(effect=True), Lost(effect=False)])
def test_a_stop_while_an_answer_is_lost_is_resolved_by_the_next_run(bench: Bench, lost: Lost) -> None:
    bench.service.creates["a"] = [lost]
    bench.clock.on_sleep = lambda _: bench.stop.set(2)
    assert bench.up(thing("a")).stopped
    bench.new_process()
    bench.up(thing("a"))
    assert len(bench.service.of("a")) == 1
    assert bench.record("a").phase is Phase.READY


# --------------------------------------------------------------------------------- a store that fails


def test_a_commit_that_fails_stops_all_new_work_and_is_raised(bench: Bench) -> None:
    bench.store.breaks_at = 2  # the mark that the create is being sent
    with pytest.raises(StateError, match="disk is full"):
        bench.up(thing("a"), thing("b", "a"))
    assert bench.service.calls("create") == [], "what cannot be recorded must not be made"


@pytest.mark.parametrize("breaks_at", range(1, 14))
def test_wherever_commits_begin_to_fail_the_next_run_ends_with_each_thing_once(bench: Bench, breaks_at: int) -> None:
    nodes = (thing("a"), thing("b", "a"), thing("c"))
    bench.store.breaks_at = breaks_at
    try:
        bench.up(*nodes)
    except StateError:
        pass
    else:
        assert breaks_at > 12
    bench.store.breaks_at = 0
    bench.new_process()
    assert bench.up(*nodes).failed == {}
    assert sorted(real.node for real in bench.service.there.values()) == ["a", "b", "c"]
    bench.store.breaks_at = len(bench.store.history) + breaks_at
    with suppress(StateError):
        bench.down()
    bench.store.breaks_at = 0
    bench.new_process()
    assert bench.down().failed == {}
    assert bench.service.there == {}
    assert bench.state.live == {}


def test_what_is_under_way_when_a_commit_fails_is_waited_for_and_recorded_if_it_can_be(bench: Bench) -> None:
    """The disk is full for one node's commit while another node's create is at AWS."""
    at_aws, failed = threading.Event(), threading.Event()

    def slow() -> None:
        at_aws.set()
        assert failed.wait(10)

    bench.service.creates["slow"] = [slow]
    commit = bench.store.commit

    def one_failure(change: Any) -> None:
        if change.node == "quick" and change.phase is Phase.CREATED:
            assert at_aws.wait(10)
            failed.set()
            raise StateError("the disk is full")
        commit(change)

    bench.store.commit = one_failure  # type: ignore[method-assign]
    with pytest.raises(StateError):
        bench.up(thing("slow"), thing("quick"))
    assert bench.record("slow").phase is Phase.CREATED


def test_a_bug_in_a_kind_ends_the_walk_after_what_was_under_way(bench: Bench) -> None:
    def bug() -> None:
        raise ZeroDivisionError

    bench.service.creates["a"] = [bug]
    with pytest.raises(ZeroDivisionError):
        bench.up(thing("a"), thing("b"))
    assert bench.record("a").phase is Phase.CREATING
    bench.new_process()
    bench.up(thing("a"), thing("b"))
    assert len(bench.service.there) == 2
