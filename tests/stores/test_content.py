"""A state as bytes: what is read is what was written, or it is refused; older forms are read, newer ones never."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from plinkctl import __version__
from plinkctl import state as states
from plinkctl.errors import StateError
from plinkctl.kinds import KINDS
from plinkctl.link import Side
from plinkctl.state import Phase, Record, State
from plinkctl.stores.content import decode, encode

DATA = Path(__file__).parent / "data"


def sample() -> State:
    empty = states.new(link="shop", side=Side.PROVIDER, account="1" * 12, region="us-east-1", partition="aws")
    vpc = Record(node="vpc", kind="vpc", phase=Phase.READY, op="o" * 26, attrs={"id": "vpc-0a1b"}, tags={"Käse": "ja"})
    return replace(empty, lineage="fixed").put(vpc).put(replace(vpc, node="nlb", needs=("vpc",), sent_at=1.7e9 + 0.1))


def read(raw: bytes) -> State:
    return decode(raw, "shop", Side.PROVIDER, place="x.json")


def test_what_is_written_is_read_back() -> None:
    assert read(encode(sample())) == sample()
    empty = replace(sample(), records={})
    assert read(encode(empty)) == empty


def test_every_record_has_a_line_of_its_own_and_keeps_its_place() -> None:
    lines = encode(sample()).decode().splitlines()
    assert [line.partition(":")[0] for line in lines[1:-1]] == ['"vpc"', '"nlb"']
    assert list(read(encode(sample())).records) == ["vpc", "nlb"]


def test_no_single_wrong_byte_changes_what_is_read() -> None:
    """A wrong letter in an ID would read as a resource that is gone, and be made a second time."""
    whole, right = encode(sample()), sample()
    refused = 0
    for place, byte in enumerate(whole):
        for wrong in {byte ^ 1, byte ^ 4, byte ^ 128, ord(" "), ord("0")} - {byte}:
            try:
                found = read(whole[:place] + bytes([wrong]) + whole[place + 1 :])
            except StateError:
                refused += 1
            else:
                assert found == right, whole[max(0, place - 20) : place + 20]
    assert refused > 4 * len(whole) * 0.9


def test_a_file_cut_short_anywhere_is_refused() -> None:
    whole = encode(sample()).rstrip()
    for length in range(len(whole)):
        with pytest.raises(StateError) as caught:
            read(whole[:length])
        assert caught.value.code == "state_damaged"


def test_a_file_may_be_formatted_anew() -> None:
    data = json.loads(encode(sample()))
    assert read(json.dumps(data, indent=4, ensure_ascii=False).encode()) == sample()


def test_who_changes_it_by_hand_takes_the_checksum_out() -> None:
    data = json.loads(encode(sample()))
    data["records"]["vpc"]["attrs"]["id"] = "vpc-other"
    with pytest.raises(StateError, match="damaged") as caught:
        read(json.dumps(data).encode())
    assert "checksum" in str(caught.value.why)
    del data["checksum"]
    assert read(json.dumps(data).encode()).records["vpc"].id == "vpc-other"


def test_it_says_who_wrote_it_and_whose_state_is_too_new() -> None:
    data = json.loads(encode(sample()))
    assert data["written_by"] == f"plinkctl {__version__}"
    with pytest.raises(StateError) as caught:
        states.from_json(data | {"schema": states.SCHEMA + 1, "written_by": "plinkctl 99.1"}, place="x.json")
    assert "plinkctl 99.1" in str(caught.value.why)


# --------------------------------------------------------------------------------------------- older schemas


def recorded(name: str) -> tuple[dict[str, Any], State]:
    """A file as an older plinkctl left it: what it says, and what is made of it."""
    raw = (DATA / name).read_bytes()
    return json.loads(raw), decode(raw, "default", Side(name.partition(".")[0]), place=name)


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.iterdir()))
def test_a_recorded_state_of_an_older_schema_is_read_and_nothing_of_it_is_lost(name: str) -> None:
    old, state = recorded(name)
    assert old["schema"] < states.SCHEMA
    assert (state.lineage, state.serial, list(state.records)) == (old["lineage"], old["serial"], list(old["records"]))
    for node, record in old["records"].items():
        assert json.loads(json.dumps(state.to_json()["records"][node])) == record
        assert record["kind"] in KINDS
        # What an interrupted run left is found by this; and it is on every resource that is out there.
        assert record["op"] == states.op_id(old["lineage"], f"{old['side']}/{node}", record["incarnation"])
    assert decode(encode(state), state.link, state.side, place=name) == state


def test_the_recorded_states_have_what_can_be_lost() -> None:
    phases = {record.phase for path in DATA.iterdir() for record in recorded(path.name)[1].records.values()}
    assert {Phase.READY, Phase.ABSENT} <= phases


def test_migrating_is_pure_and_leaves_a_state_of_today_alone() -> None:
    old = json.loads((DATA / "provider.schema-1.json").read_bytes())
    before = json.dumps(old)
    today = states.migrate(old)
    assert json.dumps(old) == before
    assert today["schema"] == states.SCHEMA
    assert states.migrate(today) is today


@pytest.mark.parametrize("schema", [0, -1, True, "2", None, 2.0])
def test_a_schema_that_is_no_version_is_damage(schema: object) -> None:
    with pytest.raises(StateError) as caught:
        states.from_json({**sample().to_json(), "schema": schema}, place="x.json")
    assert caught.value.code == "state_damaged"


FIELDS = {
    3: (
        "account floor lineage link partition protected records region serial side",
        "attempt attrs borrowed incarnation kind needs node op params phase sent_at tags",
    )
}


def test_a_field_more_or_less_is_a_schema_more() -> None:
    """A state of today's schema is out there with just these fields; another set of them needs a step of its own."""
    found = tuple(" ".join(sorted(f.name for f in fields(kind))) for kind in (State, Record))
    assert FIELDS[states.SCHEMA] == found
