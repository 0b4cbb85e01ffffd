"""Flags and variables over the file: who wins, and how their problems are told."""

from pathlib import Path

import pytest
from config_door import BOTH, CONSUMER, PROVIDER, Door

from plinkctl.config import Given
from plinkctl.link import Access, Network, Side


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_an_override_wins_over_the_file_and_the_file_over_defaults(door: Door) -> None:
    link = door.link(
        "name: file\nprovider:\n  profile: file\n  network: {cidr: 10.1.0.0/16, subnets: 3}\n"
        "  allow: ['111111111111']\n",
        {
            "name": "flag",
            "provider.allow": ("222222222222", "333333333333"),
            "provider.network.cidr": Given("10.2.0.0/16", "--provider-cidr"),
            "provider.profile": None,
        },
        sides=PROVIDER,
    )
    assert link.name == "flag"
    assert link.provider is not None
    assert link.provider.allow == ("222222222222", "333333333333")
    assert link.provider.network == Network(cidr="10.2.0.0/16", subnets=3)
    assert link.provider.access == Access(profile="file")
    assert link.consumer is None


def test_an_override_makes_the_sections_it_needs(door: Door) -> None:
    link = door.link("provider:\n", {"provider.response.status": 204, "consumer.network.subnets": 2})
    assert link.provider is not None
    assert link.consumer is not None
    assert link.provider.response.status == 204
    assert link.consumer.network.subnets == 2


def test_a_variable_for_the_other_side_does_not_bring_that_side_in(door: Door) -> None:
    link = door.link(
        None, {"provider.region": "us-east-1", "consumer.region": "eu-west-1"}, sides=CONSUMER, complete=False
    )
    assert link.provider is None
    assert link.consumer is not None
    assert link.consumer.access.region == "eu-west-1"


def test_tags_from_flags_join_those_of_the_file_and_may_have_dots(door: Door) -> None:
    link = door.link("tags: {a: '1', b: '2'}\n", {"tags.b": "3", "tags.example.com/team": "x"})
    assert link.tags == {"a": "1", "b": "3", "example.com/team": "x"}
    assert door.link("tags: {a: '1'}\n", {"tags": {"c": "4"}}).tags == {"c": "4"}


def test_a_problem_of_an_override_is_told_by_its_origin(door: Door) -> None:
    assert door.problems(
        "region: X\nprovider:\n  port: 80\n  allow: [x]\n",
        {
            "provider.port": Given(0, "--port"),
            "provider.allow": Given(("12", "222222222222"), "PLINKCTL_ALLOW"),
            "name": "X",
        },
    ) == [
        (
            'link.yaml:1: region: "X" is not allowed; expected a region such as eu-central-1 '
            "(not a zone such as eu-central-1a)"
        ),
        'name: "X" is not allowed; expected a small letter, then at most 30 small letters, digits or hyphens',
        'PLINKCTL_ALLOW: "12" has 2 digits; an account ID has 12; was a leading zero lost?',
        "--port: 0 is not allowed; expected a whole number from 1 to 65535",
    ]


def test_an_override_that_contradicts_the_file_is_told_by_its_origin(door: Door) -> None:
    content = "provider:\n  network: {vpc_id: vpc-01234567, subnet_ids: [subnet-01234567, subnet-89abcdef]}\n"
    assert door.problems(content, {"provider.network.cidr": Given("10.0.0.0/16", "--cidr")}) == [
        "--cidr: cannot stand beside vpc_id: an existing VPC has its block and its subnets already; give one of the two"
    ]


def test_a_section_that_is_no_section_is_told_and_not_overridden(door: Door) -> None:
    assert door.problems("provider: 5\n", {"provider.port": 80}) == [
        "link.yaml:1: provider: expected a section of keys and values, found a number, 5"
    ]


def test_an_unknown_override_is_told_like_an_unknown_key(door: Door) -> None:
    assert door.problems(None, {"provider.prot": Given(80, "PLINKCTL_PROT")}) == [
        "PLINKCTL_PROT: unknown key; did you mean port?"
    ]


@pytest.mark.parametrize("side", Side)
def test_bytes_that_are_no_utf8_are_refused_from_flags_too(door: Door, side: Side) -> None:
    broken = b"caf\xe9".decode("utf-8", "surrogateescape")
    overrides = {f"{side}.profile": Given(broken, "--profile"), "tags": {broken: "x"}}
    assert door.problems(None, overrides, sides=BOTH) == ["--profile: not UTF-8 text", "tags: not UTF-8 text"]


def test_overrides_are_not_changed(door: Door) -> None:
    tags = {"a": "1"}
    link = door.link(None, {"tags": tags, "tags.b": "2"})
    assert link.tags == {"a": "1", "b": "2"}
    assert tags == {"a": "1"}
