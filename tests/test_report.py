"""The report: exit codes, statuses, counts and the slowest path, from events only."""

import itertools
import signal

import pytest

from plinkctl.errors import (
    AccessError,
    AwsAnswer,
    AwsError,
    Exit,
    HeldError,
    PlinkError,
    RefusedError,
    StateError,
    StoppedError,
    TimedOutError,
    UsageError,
    VerifyError,
)
from plinkctl.events import (
    Action,
    Event,
    NodeDone,
    NodeFailed,
    NodeHeld,
    NodeSkipped,
    NodeStarted,
    PlannedNode,
    WalkPlanned,
)
from plinkctl.report import MOST_TELLING, Report

ANSWER = AwsAnswer(service="ec2", operation="X", code="No", message="no")
RANKED: list[PlinkError] = [
    StoppedError(signal.SIGINT),
    StateError("damaged"),
    AccessError("denied", answer=ANSWER, nature="access"),
    UsageError("wrong"),
    RefusedError("not ours"),
    AwsError("refused", answer=ANSWER, nature="final"),
    VerifyError("no answer"),
    TimedOutError("too long"),
    HeldError("somebody else"),
]


def plan(**needs: tuple[str, ...]) -> WalkPlanned:
    nodes = [PlannedNode(node=node, kind="k", title=node, needs=of, usual="") for node, of in needs.items()]
    return WalkPlanned(at=0, direction="up", nodes=tuple(nodes))


def ran(node: str, start: float, end: float, *, changed: bool = True) -> list[Event]:
    ended = NodeDone(at=end, node=node, action=Action.CREATE, id="i", seconds=end - start, changed=changed)
    return [NodeStarted(at=start, node=node), ended]


def report_of(*events: Event) -> Report:
    report = Report()
    for event in events:
        report(event)
    return report


def test_nothing_wrong_is_success() -> None:
    report = report_of(plan(a=(), b=()), *ran("a", 0, 1), *ran("b", 0, 1, changed=False))
    assert (report.exit_code, report.status) == (Exit.OK, "success")
    counts = report.counts
    assert (counts.planned, counts.done, counts.changed) == (2, 2, 1)


def test_every_exit_code_has_its_rank() -> None:
    assert set(MOST_TELLING) == set(Exit)
    assert len(MOST_TELLING) == len(Exit)


@pytest.mark.parametrize(("worse", "better"), list(itertools.combinations(RANKED, 2)))
def test_the_most_telling_root_cause_decides_in_whatever_order_they_came(worse: PlinkError, better: PlinkError) -> None:
    for first, second in ((worse, better), (better, worse)):
        report = report_of(NodeFailed(at=0, node="a", error=first), NodeFailed(at=1, node="b", error=second))
        assert report.exit_code == worse.exit_code


def test_skipped_nodes_never_count_as_errors() -> None:
    report = report_of(plan(a=()), NodeSkipped(at=0, node="a", because=("b",)))
    assert (report.exit_code, report.status, report.errors) == (Exit.OK, "success", [])
    assert report.counts.skipped == 1


def test_something_done_and_something_failed_is_partial_and_nothing_done_is_an_error() -> None:
    failed = NodeFailed(at=3, node="b", error=TimedOutError("too long"))
    assert report_of(failed).status == "error"
    assert report_of(*ran("a", 0, 1), failed).status == "partial"


def test_a_held_node_is_pending_whether_told_or_raised() -> None:
    for event in (NodeHeld(at=1, node="a", why="accept it"), NodeFailed(at=1, node="a", error=HeldError("accept it"))):
        report = report_of(plan(a=()), event)
        assert (report.exit_code, report.status) == (Exit.HELD, "pending")
        assert report.held == {"a": "accept it"}
        assert report.errors == []
        assert (report.counts.held, report.counts.failed) == (1, 0)


def test_an_error_outside_the_walk_counts_and_knows_no_node() -> None:
    report = report_of(*ran("a", 0, 1))
    report.fail(StoppedError(signal.SIGTERM))
    assert (report.exit_code, report.status) == (Exit.TERMINATED, "partial")
    assert report.errors[0].node is None


def test_the_slowest_path_follows_the_needs_that_ended_last() -> None:
    report = report_of(
        plan(vpc=(), role=(), nlb=("vpc",), group=("vpc",), service=("nlb", "group"), last=("role",)),
        *ran("vpc", 10, 12),
        *ran("role", 10, 20),
        *ran("group", 12, 13),
        *ran("nlb", 12, 100),
        *ran("last", 20, 21),
        *ran("service", 101, 105),
    )
    path = report.slowest_path()
    assert [(step.node, step.start, step.seconds) for step in path] == [
        ("vpc", 0, 2),
        ("nlb", 2, 88),
        ("service", 91, 4),
    ]


def test_a_need_that_still_runs_is_no_wait_of_the_path() -> None:
    report = report_of(
        plan(nlb=(), group=(), listener=("nlb", "group"), service=("listener",)),
        *ran("nlb", 0, 5),
        *ran("group", 0, 3),
        NodeStarted(at=3, node="listener"),
        *ran("listener", 3, 4)[1:],
        *ran("service", 4, 50),
    )
    assert [step.node for step in report.slowest_path()] == ["group", "listener", "service"]


def test_a_failed_node_can_be_the_end_of_the_slowest_path() -> None:
    report = report_of(
        plan(a=(), b=("a",)),
        *ran("a", 0, 2),
        NodeStarted(at=2, node="b"),
        NodeFailed(at=60, node="b", error=TimedOutError("too long")),
    )
    assert [step.node for step in report.slowest_path()] == ["a", "b"]


def test_before_anything_ended_there_is_no_path() -> None:
    assert report_of(plan(a=()), NodeStarted(at=1, node="a")).slowest_path() == ()


def test_a_second_walk_over_the_same_nodes_starts_from_nothing_but_keeps_errors() -> None:
    report = report_of(
        plan(a=(), b=()),
        *ran("a", 0, 1),
        NodeFailed(at=2, node="b", error=TimedOutError("too long")),
        NodeHeld(at=2, node="c", why="w"),
        plan(a=(), b=()),
    )
    counts = report.counts
    assert (counts.planned, counts.done, counts.failed, counts.held) == (2, 0, 0, 1)
    assert [failure.node for failure in report.errors] == ["b"]
