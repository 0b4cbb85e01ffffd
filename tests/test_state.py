"""States as values: what is written is read back, and what is not a state is refused with words."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plinkctl import state as states
from plinkctl.errors import Exit, StateError
from plinkctl.link import Side
from plinkctl.state import Phase, Record, State

names = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    phase = draw(st.sampled_from(Phase))
    attrs = draw(st.dictionaries(st.text(), values, max_size=3))
    if phase not in {Phase.CREATING, Phase.ABSENT}:
        attrs["id"] = draw(st.text(min_size=1))
    return Record(
        node=draw(names),
        kind=draw(names),
        phase=phase,
        incarnation=draw(st.integers(1, 9)),
        op=draw(st.text(max_size=26)),
        params=draw(st.dictionaries(st.text(), values, max_size=3)),
        attrs=attrs,
        tags=draw(st.dictionaries(st.text(), st.text(), max_size=3)),
        needs=tuple(draw(st.lists(names, max_size=3))),
        borrowed=draw(st.booleans()),
        attempt=draw(st.integers(0, 9)),
        sent_at=draw(st.none() | st.floats(0, 2e9)),
    )


def empty(side: Side = Side.PROVIDER) -> State:
    return states.new(link="shop", side=side, account="1" * 12, region="us-east-1", partition="aws")


def sample() -> dict[str, Any]:
    """A state with one ready record, as the file has it."""
    record = Record(node="vpc", kind="vpc", phase=Phase.READY, op="o" * 26, attrs={"id": "vpc-1"}, needs=("a",))
    state = replace(empty(), lineage="fixed").put(record)
    found: dict[str, Any] = json.loads(json.dumps(state.to_json()))
    return found


@settings(deadline=None)
@given(st.sampled_from(Side), st.lists(records(), max_size=4))
def test_what_is_written_is_read_back(side: Side, made: list[Record]) -> None:
    state = empty(side)
    for record in made:
        state = state.put(record)
    assert states.from_json(json.loads(json.dumps(state.to_json())), place="x.json") == state


def test_every_change_raises_the_serial_and_leaves_the_old_state_alone() -> None:
    before = empty()
    after = before.put(Record(node="vpc", kind="vpc", phase=Phase.CREATING))
    assert (before.serial, after.serial) == (0, 1)
    assert before.records == {}
    assert after.put(after.records["vpc"]).serial == 2


def test_only_what_is_absent_is_not_live() -> None:
    state = empty()
    for phase in Phase:
        state = state.put(Record(node=phase, kind="k", phase=phase, attrs={"id": "1"}))
    assert set(state.live) == set(Phase) - {Phase.ABSENT}


@settings(deadline=None)
@given(st.tuples(st.uuids(), names, st.integers(1, 99)), st.tuples(st.uuids(), names, st.integers(1, 99)))
def test_op_ids_differ_when_lineage_node_or_incarnation_do(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    first, second = (states.op_id(str(i[0]), f"provider/{i[1]}", i[2]) for i in (one, other))
    assert (first == second) is (one == other)
    # EC2 takes 64 ASCII characters as a token, and names take letters and digits everywhere.
    assert re.fullmatch(r"[a-z2-7]{26}", first)


def test_the_sides_of_one_link_never_share_an_op_id() -> None:
    one, other = empty(Side.PROVIDER), replace(empty(Side.CONSUMER), lineage="same")
    assert replace(one, lineage="same").next_record("vpc")[1] != other.next_record("vpc")[1]


def test_the_next_record_of_a_node_is_another_incarnation_even_after_it_is_gone() -> None:
    state = empty()
    incarnation, op = state.next_record("vpc")
    assert incarnation == 1
    gone = state.put(Record(node="vpc", kind="vpc", phase=Phase.ABSENT, incarnation=1, op=op))
    assert gone.next_record("vpc")[0] == 2
    assert gone.next_record("vpc")[1] != op


def test_above_the_floor_of_a_state_that_was_made_again_nothing_was_ever_used() -> None:
    state = replace(empty(), floor=100)
    assert state.next_record("vpc")[0] == 101
    old = state.put(Record(node="vpc", kind="vpc", phase=Phase.READY, incarnation=7, attrs={"id": "vpc-7"}))
    assert old.next_record("vpc")[0] == 101
    assert replace(old, floor=0).next_record("vpc")[0] == 8
    assert states.from_json(json.loads(json.dumps(old.to_json())), place="x").floor == 100


@pytest.mark.parametrize("incarnation", [1, 2, 101, 9_999])
def test_an_op_id_tells_its_incarnation_and_only_with_its_own_lineage_and_node(incarnation: int) -> None:
    op = states.op_id("mine", "provider/vpc", incarnation)
    assert states.incarnation_of("mine", "provider/vpc", op) == incarnation
    for lineage, key, told in (
        ("other", "provider/vpc", op),
        ("mine", "consumer/vpc", op),
        ("mine", "provider/subnet-1", op),
        ("mine", "provider/vpc", op[:-1]),
        ("mine", "provider/vpc", ""),
    ):
        assert states.incarnation_of(lineage, key, told) is None


def test_two_new_states_have_lineages_of_their_own() -> None:
    assert empty().lineage != empty().lineage


def test_a_newer_schema_is_refused_and_the_way_out_is_an_upgrade() -> None:
    with pytest.raises(StateError) as caught:
        states.from_json(
            {**sample(), "schema": states.SCHEMA + 1, "records": "of a shape nobody knows"}, place="x.json"
        )
    assert caught.value.code == "state_too_new"
    assert caught.value.exit_code == Exit.STATE
    assert "upgrade" in str(caught.value.hint)


WRONG: list[object] = [
    None,
    [],
    "text",
    {},
    {"schema": "1"},
    {"schema": True},
    {"schema": 0},
    sample() | {"records": None},
    sample() | {"records": []},
    sample() | {"records": {"vpc": None}},
    sample() | {"side": "middle"},
    sample() | {"serial": "7"},
    sample() | {"serial": True},
    sample() | {"account": None},
    {key: value for key, value in sample().items() if key != "lineage"},
]
WRONG_RECORD: list[dict[str, Any]] = [
    {"phase": "sleeping"},
    {"colour": "red"},
    {"attrs": {}},
    {"attrs": []},
    {"attrs": None},
    {"params": 5},
    {"tags": "no"},
    {"needs": "vpc"},
    {"needs": [1]},
    {"needs": None},
    {"incarnation": "1"},
    {"incarnation": None},
    {"incarnation": 0},
    {"attempt": 1.5},
    {"borrowed": "yes"},
    {"sent_at": "now"},
    {"op": None},
    {"kind": 1},
    {"node": "subnet"},
]


@pytest.mark.parametrize("data", WRONG, ids=range(len(WRONG)))
def test_what_is_no_state_is_refused_with_words(data: object) -> None:
    with pytest.raises(StateError) as caught:
        states.from_json(data, place="x.json")
    assert caught.value.code == "state_damaged"
    assert "x.json" in caught.value.message
    assert caught.value.why


@pytest.mark.parametrize("change", WRONG_RECORD, ids=str)
def test_a_record_of_another_shape_is_refused_with_words(change: dict[str, Any]) -> None:
    data = sample()
    data["records"]["vpc"] |= change
    with pytest.raises(StateError) as caught:
        states.from_json(data, place="x.json")
    assert caught.value.code == "state_damaged"


@settings(deadline=None)
@given(st.data())
def test_any_value_anywhere_in_a_state_is_read_or_refused_but_never_a_traceback(data: st.DataObject) -> None:
    damaged = sample()
    inside = data.draw(st.sampled_from([damaged, damaged["records"], damaged["records"]["vpc"]]))
    inside[data.draw(st.sampled_from(sorted(inside)))] = data.draw(values)
    try:
        read = states.from_json(damaged, place="x.json")
    except StateError:
        return
    assert states.from_json(json.loads(json.dumps(read.to_json())), place="x.json") == read
    assert read.next_record("vpc")[0] >= 1
