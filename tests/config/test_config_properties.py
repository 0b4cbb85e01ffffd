"""Whatever stands in a file, load gives a Link, a UsageError or a RefusedError; never anything else."""

import ipaddress
from pathlib import Path

import pytest
import yaml
from config_door import Door
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plinkctl.config.formats import cidr_problem
from plinkctl.config.schema import keys
from plinkctl.errors import RefusedError, UsageError
from plinkctl.link import Link, Side

FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SIDES = st.sets(st.sampled_from(Side), min_size=1).map(frozenset)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.binary(max_size=5),
    st.sampled_from(["*", "222222222222", "10.0.0.0/16", "eu-central-1", "cn-north-1", 80, 200, 14, 30, 10**400]),
)
NAMES = st.sampled_from(sorted({str(key[-1]) for key, _ in keys()})) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=12,
)
SIDE_VALUES = st.dictionaries(NAMES, VALUES, max_size=6)
FILES = st.fixed_dictionaries(
    {}, optional={"provider": SIDE_VALUES, "consumer": SIDE_VALUES, "name": VALUES, "tags": VALUES}
)
PIECES = st.sampled_from(
    [
        "name",
        "provider",
        "consumer",
        "tags",
        "allow",
        "network",
        "cidr",
        "port",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "-",
        "?",
        "|",
        ">",
        "&",
        "*",
        "!",
        "%",
        "@",
        "#",
        "'",
        '"',
        "\\",
        "~",
        "012",
        "0x1",
        "1:30",
        ".inf",
        "yes",
        "2001-01-01",
        "&a",
        "*a",
        "!!str",
        "!x",
        "<<:",
        "---",
        "...",
        "\\ud800",
        "\\U11111111",
        "\ufeff",
        "\x00",
        "😀",
        " ",
        "  ",
        "\n",
        "\n  ",
        "\t",
        ": ",
        ":\n",
        "- ",
    ]
)


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def outcome(door: Door, content: str | bytes, sides: frozenset[Side], complete: bool) -> None:
    told: tuple[str, ...] = ()
    try:
        link = door.link(content, sides=sides, complete=complete)
    except UsageError as error:
        told = error.problems
    except RefusedError as error:
        told = (error.message,)
    else:
        assert isinstance(link, Link)
        assert sides <= {side for side in Side if getattr(link, side) is not None}
        return
    assert told
    assert all(problem.isprintable() and len(problem) < 1000 for problem in told)


@FUZZ
@given(value=FILES | VALUES, sides=SIDES, complete=st.booleans())
def test_any_values_under_any_keys_give_a_link_or_a_reason(
    door: Door, value: object, sides: frozenset[Side], complete: bool
) -> None:
    outcome(door, yaml.safe_dump(value, allow_unicode=True), sides, complete)


@FUZZ
@given(pieces=st.lists(PIECES, max_size=25), sides=SIDES)
def test_any_pieces_of_yaml_give_a_link_or_a_reason(door: Door, pieces: list[str], sides: frozenset[Side]) -> None:
    outcome(door, "".join(pieces), sides, complete=False)


@FUZZ
@given(content=st.binary(max_size=80), sides=SIDES)
def test_any_bytes_give_a_link_or_a_reason(door: Door, content: bytes, sides: frozenset[Side]) -> None:
    outcome(door, content, sides, complete=False)


@given(address=st.ip_addresses(v=4), length=st.integers(0, 32))
def test_a_block_is_taken_just_if_a_vpc_can_have_it(address: ipaddress.IPv4Address, length: int) -> None:
    network = ipaddress.IPv4Network((address, length), strict=False)
    usable = 16 <= length <= 24 and not (
        network.is_loopback or network.is_link_local or network.is_multicast or network.is_reserved
        or network.network_address.packed[0] == 0
    )  # fmt: skip
    assert (cidr_problem(str(network)) is None) == usable
    if network.network_address != address:
        assert cidr_problem(f"{address}/{length}") is not None


@given(st.text(max_size=30) | st.from_regex(r"[0-9./]{1,20}", fullmatch=True))
def test_any_text_is_a_block_or_has_a_reason(text: str) -> None:
    if cidr_problem(text) is None:
        assert str(ipaddress.IPv4Network(text)) == text
