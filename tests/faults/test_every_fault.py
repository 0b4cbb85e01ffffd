"""Every command, struck by faults at its requests; a sample of what `report.py` holds in full.

One request in so many is struck here; with PLINKCTL_TEST_ALL=1 each is, and killed at, and every fault in each class.
"""

import os
import re

import pytest
from campaign import Campaign
from house import House
from scenes import Stage
from tap import Request
from trial import Trials

ALL = bool(os.environ.get("PLINKCTL_TEST_ALL"))
"""Every request, and not one in so many; it takes minutes."""


class Theatre:
    """A house where each scene is set once, and what follows from one end is followed once."""

    def __init__(self, house: House) -> None:
        self._trials, self._stage = Trials(house), Stage(house)

    def held(self, *names: str, photograph: bool = False) -> Campaign:
        return Campaign(self._trials, self._stage.scenes(*names, photograph=photograph))


@pytest.fixture(scope="module")
def theatre(house: House) -> Theatre:
    return Theatre(house)


def assert_green(campaign: Campaign, *, at_least: int) -> None:
    assert campaign.tally.red == [], "\n".join(campaign.tally.red)
    assert campaign.tally.total >= at_least
    assert len(campaign.tally.unreached) * 10 <= campaign.tally.total, campaign.tally.unreached


def about_names(request: Request) -> bool:
    return bool(re.search("Certificate|HostedZone|ResourceRecord|GetChange|PrivateDns|ModifyVpcEndpoint", request.base))


@pytest.mark.parametrize(
    ("name", "share", "at_least"),
    [
        ("up", 9, 13),
        ("teardown", 8, 10),
        ("up after a change", 20, 6),
        ("accept", 1, 4),
        ("verify", 1, 6),
        ("provider up", 24, 2),
        ("consumer up", 16, 2),
        ("up on existing", 24, 2),
    ],
)
def test_every_request_is_struck_by_a_fault_in_turn(theatre: Theatre, name: str, share: int, at_least: int) -> None:
    campaign = theatre.held(name)
    campaign.rotated(name, share=1 if ALL else share)
    assert_green(campaign, at_least=at_least)


def test_whatever_befalls_what_gives_a_link_its_name(theatre: Theatre) -> None:
    """Certificate, hosted zone, records, and the name itself; all other requests are those of a link without."""
    campaign = theatre.held("up with a name", "teardown with a name")
    campaign.rotated("up with a name", share=6, only=about_names)
    campaign.rotated("teardown with a name", share=6, only=about_names)
    assert_green(campaign, at_least=7)


thorough = pytest.mark.skipif(not ALL, reason="minutes: PLINKCTL_TEST_ALL=1 runs it")


@thorough
@pytest.mark.parametrize("what", ["a name", "a certificate"])
def test_a_link_with_a_name_is_struck_at_every_request_and_killed_at_any_instant(theatre: Theatre, what: str) -> None:
    up, down = f"up with {what}", f"teardown with {what}"
    campaign = theatre.held(up, down, photograph=True)
    for name in (up, down):
        campaign.rotated(name)
        campaign.kills(name, share=5)
    assert_green(campaign, at_least=400)


@thorough
def test_every_fault_that_ends_a_run_at_a_read_and_at_a_write(theatre: Theatre) -> None:
    campaign = theatre.held("up")
    campaign.each_class("up")
    assert_green(campaign, at_least=15)


@pytest.mark.parametrize(
    ("name", "at_least"),
    [
        pytest.param("up", 6, marks=thorough),
        pytest.param("teardown", 4, marks=thorough),
        pytest.param("up after a change", 2, marks=thorough),
        ("accept", 3),
    ],
)
def test_a_process_killed_at_any_instant(theatre: Theatre, name: str, at_least: int) -> None:
    campaign = theatre.held(name, *(["up"] if name == "teardown" else []), photograph=True)
    campaign.kills(name, share=29 if name != "accept" else 1)
    assert_green(campaign, at_least=at_least)


@thorough
def test_signals_credentials_clocks_and_disks(theatre: Theatre) -> None:
    campaign = theatre.held("up")
    campaign.stops("up", share=71)
    campaign.clocks("up", share=101)
    campaign.disks("up", share=149)
    assert_green(campaign, at_least=8)


@pytest.mark.parametrize("name", ["up", "teardown"])
def test_a_second_process_is_turned_away_at_every_request(theatre: Theatre, name: str) -> None:
    campaign = theatre.held(name)
    campaign.seconds(name)
    assert_green(campaign, at_least=100)


@thorough
def test_whoever_has_a_name_of_ours_already_is_left_alone(theatre: Theatre) -> None:
    campaign = theatre.held("up")
    campaign.strangers("up")
    assert_green(campaign, at_least=5)
