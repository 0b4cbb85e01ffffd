"""Every command, struck by faults at its requests; a sample of what `report.py` holds in full.

Every request of the main commands is struck once, every fault at least once in each class of operations.
"""

import os

import pytest
from campaign import Campaign
from house import House
from scenes import scenes
from trial import Trials


def held(house: House, *names: str, photograph: bool = False) -> Campaign:
    return Campaign(Trials(house), scenes(house, *names, photograph=photograph))


def assert_green(campaign: Campaign, *, at_least: int) -> None:
    assert campaign.tally.red == [], "\n".join(campaign.tally.red)
    assert campaign.tally.total >= at_least
    assert len(campaign.tally.unreached) * 10 <= campaign.tally.total, campaign.tally.unreached


@pytest.mark.parametrize(
    ("name", "share", "at_least"),
    [
        ("up", 1, 150),
        ("teardown", 1, 100),
        ("up after a change", 4, 40),
        ("accept", 1, 4),
        ("verify", 1, 6),
        ("provider up", 8, 8),
        ("consumer up", 8, 6),
        ("up on existing", 8, 6),
    ],
)
def test_every_request_is_struck_by_a_fault_in_turn(house: House, name: str, share: int, at_least: int) -> None:
    campaign = held(house, name)
    campaign.rotated(name, share=share)
    assert_green(campaign, at_least=at_least)


thorough = pytest.mark.skipif(not os.environ.get("PLINKCTL_TEST_ALL"), reason="minutes: PLINKCTL_TEST_ALL=1 runs it")


@thorough
def test_every_fault_that_ends_a_run_at_a_read_and_at_a_write(house: House) -> None:
    campaign = held(house, "up")
    campaign.each_class("up")
    assert_green(campaign, at_least=15)


@pytest.mark.parametrize(("name", "share", "at_least"), [("up", 29, 6), ("teardown", 29, 4), ("accept", 1, 3)])
def test_a_process_killed_at_any_instant(house: House, name: str, share: int, at_least: int) -> None:
    campaign = held(house, name, *(["up"] if name == "teardown" else []), photograph=True)
    campaign.kills(name, share=share)
    assert_green(campaign, at_least=at_least)


@thorough
def test_signals_credentials_clocks_and_disks(house: House) -> None:
    campaign = held(house, "up")
    campaign.stops("up", share=71)
    campaign.clocks("up", share=101)
    campaign.disks("up", share=149)
    assert_green(campaign, at_least=8)


@pytest.mark.parametrize("name", ["up", "teardown"])
def test_a_second_process_is_turned_away_at_every_request(house: House, name: str) -> None:
    campaign = held(house, name)
    campaign.seconds(name)
    assert_green(campaign, at_least=100)


@thorough
def test_whoever_has_a_name_of_ours_already_is_left_alone(house: House) -> None:
    campaign = held(house, "up")
    campaign.strangers("up")
    assert_green(campaign, at_least=5)
