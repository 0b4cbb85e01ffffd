"""What the live view keeps when the screen is small, and what its last listing keeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render_story import REFUSAL, T0, done, plan, planned, story

from plinkctl.events import Event, NodeFailed, NodeSkipped, NodeStarted, WalkPlanned
from plinkctl.render.board import Board, Detail, Folded, Item, Row, SideLine, Standing


def board_of(*finished: int, of: int = 10) -> Board:
    board = Board(plan(*(planned(f"provider/n{number}") for number in range(of))))
    for number in finished:
        board.take(done(f"provider/n{number}", T0 + number))
    return board


def names(items: list[Item]) -> list[str]:
    return [item.name for item in items if isinstance(item, Row)]


def folds(items: list[Item]) -> list[tuple[str, int]]:
    return [(item.standing.value, item.count) for item in items if isinstance(item, Folded)]


def test_all_rows_are_shown_in_plan_order_where_there_is_room() -> None:
    items = board_of(0, 1).fitting(11)
    assert items[0] == SideLine(side="provider", finished=2, of=10)
    assert names(items) == [f"n{number}" for number in range(10)]


def test_long_finished_rows_are_folded_first_then_the_far_future() -> None:
    board = board_of(0, 1, 2, 3)
    board.take(NodeStarted(at=T0, node="provider/n5"))
    items = board.fitting(10)
    assert names(items) == ["n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"][:8]
    items = board.fitting(6)
    assert (names(items), folds(items)) == (["n4", "n5", "n6"], [("done", 4), ("to come", 3)])


def test_what_is_worked_on_and_what_failed_stays_longest() -> None:
    board = board_of(0, 1, 2)
    board.take(NodeStarted(at=T0, node="provider/n4"))
    board.take(NodeFailed(at=T0, node="provider/n5", error=REFUSAL))
    assert names(board.fitting(3)) == ["n4", "n5"]
    assert names(board.fitting(2)) == ["n4", "n5"]
    assert board.fitting(0) == []


@given(st.integers(0, 40), st.sets(st.integers(0, 19)), st.sets(st.integers(0, 19)), st.sets(st.integers(0, 19)))
def test_a_frame_is_never_higher_than_the_screen(
    height: int, finished: set[int], active: set[int], failed: set[int]
) -> None:
    board = board_of(*finished, of=20)
    for number in active:
        board.take(NodeStarted(at=T0, node=f"provider/n{number}"))
    for number in failed:
        board.take(NodeFailed(at=T0, node=f"provider/n{number}", error=REFUSAL))
    assert len(board.fitting(height)) <= height


def test_a_failed_row_brings_its_reason_and_the_next_command() -> None:
    board = board_of(of=2)
    board.take(NodeFailed(at=T0, node="provider/n0", error=REFUSAL))
    items = board.fitting(20)
    assert isinstance(items[1], Row)
    assert items[1].text == "the load balancer failed"
    assert items[2] == Detail(text="elbv2:DescribeLoadBalancers answered Failed: no addresses (request r-1)")
    assert items[3] == Detail(text="plinkctl up --name demo", is_hint=True)


def test_the_last_listing_counts_what_needed_nothing() -> None:
    board = board_of(0, 1, of=3)
    board.take(done("provider/n1", T0, changed=False))
    assert (names(board.final()), folds(board.final())) == (["n0"], [("unchanged", 1), ("to come", 1)])


def test_a_row_that_is_to_come_says_what_it_waits_for() -> None:
    needy = planned("provider/b", "provider/a", "consumer/x")
    board = Board(plan(planned("provider/a"), planned("consumer/x"), needy))
    row = next(item for item in board.fitting(20) if isinstance(item, Row) and item.name == "b")
    assert board.waits_for(row) == "after a, consumer/x"
    board.take(done("provider/a", T0))
    assert board.waits_for(row) == "after consumer/x"


def test_the_story_ends_with_every_row_in_its_standing() -> None:
    events = story()
    board = Board(next(event for event in events if isinstance(event, WalkPlanned)))
    seen: list[type[Event]] = []
    for event in events:
        board.take(event)
        if board.is_over:
            seen.append(type(event))
    rows = {item.node: item.standing for item in board.final() if isinstance(item, Row)}
    assert rows == {
        "provider/vpc": Standing.DONE,
        "provider/nlb": Standing.FAILED,
        "provider/service": Standing.SKIPPED,
        "consumer/endpoint": Standing.HELD,
    }
    assert seen[0] is NodeSkipped  # the last event of a node


@pytest.mark.parametrize("node", ["provider/new", "odd"])
def test_a_node_nobody_planned_gets_a_row(node: str) -> None:
    board = board_of(of=1)
    board.take(done(node, T0))
    assert node.rpartition("/")[2] in names(board.final())
