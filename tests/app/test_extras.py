"""A CreateVpc that takes effect after everybody has given it up makes a second VPC. It does not stay.

The sandbox loses the answer and lets the effect land when its clock is moved; the grace period passes at once here.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from links import CONSUMER, Stories, Story, die_making

from plinkctl.app import up
from plinkctl.app.teardown import Plan, teardown
from plinkctl.events import Called, Event, ExtraFound
from plinkctl.link import Link, Network, Side
from plinkctl.sandbox import remote
from plinkctl.sandbox.daemon import Running

P = Side.PROVIDER
DELAY = 3600.0


@pytest.fixture
def stories(account: Any, tmp_path: Path) -> Stories:
    return Stories(tmp_path / "states")


@pytest.fixture
def land(sandbox: Running) -> Iterator[Callable[[], bool]]:
    """Sets a trap for the first CreateVpc; called, it lets the effect land."""
    late = {"effect": "reset", "when": "late", "delay": DELAY, "times": 1}
    remote.set_faults(sandbox, {"rules": [{"action": "ec2:CreateVpc", **late}]})
    yield lambda: bool(remote.set_clock(sandbox, advance=DELAY + 1))
    remote.clear_faults(sandbox)


def provider(stories: Stories, **wishes: Any) -> Link:
    return stories.provider(**{"allow": (CONSUMER,), "acceptance_required": False, **wishes})


def make(stories: Stories, **wishes: Any) -> Any:
    data = stories(up.provider_up, link=provider(stories, **wishes))
    assert (stories.last.failed, stories.last.exit) == ({}, 0)
    return data


def take_down(stories: Stories) -> Any:
    data = stories(teardown, (P,), agree=lambda _: None)
    assert (stories.last.failed, stories.last.exit) == ({}, 0)
    return data


def told(story: Story) -> list[tuple[str, bool]]:
    return [(event.node, event.deleted) for event in story.events if isinstance(event, ExtraFound)]


def vpcs() -> list[str]:
    found = boto3.Session(profile_name="provider").client("ec2").describe_vpcs()["Vpcs"]
    return [vpc["VpcId"] for vpc in found if not vpc["IsDefault"]]


def test_one_that_lands_after_the_run_goes_with_the_next_run(stories: Stories, land: Callable[[], bool]) -> None:
    make(stories)
    (kept,) = vpcs()
    land()
    assert len(vpcs()) == 2
    make(stories)
    assert stories.last.writes == ["delete_vpc"]
    assert told(stories.last) == [("provider/vpc", True)]
    assert vpcs() == [kept]
    make(stories)
    assert (stories.last.writes, told(stories.last)) == ([], [])


def test_one_that_lands_during_the_run_is_gone_at_its_end(stories: Stories, land: Callable[[], bool]) -> None:
    story = Story(stories.folder, provider(stories))
    seen: list[Event] = []

    def observe(event: Event) -> None:
        seen.append(event)
        if isinstance(event, Called) and event.operation == "create_vpc_endpoint_service_configuration":
            land()

    story.run.observer = observe
    up.provider_up(story.run)
    assert story.exit == 0
    assert [event.deleted for event in seen if isinstance(event, ExtraFound)] == [True]
    assert len(vpcs()) == 1


def test_one_that_lands_before_the_teardown_goes_with_it(stories: Stories, land: Callable[[], bool]) -> None:
    make(stories)
    land()
    taken = take_down(stories)
    assert [item["node"] for item in taken["deleted"]].count("provider/vpc") == 2
    assert (taken["leftovers"], vpcs()) == ([], [])


def test_one_that_lands_after_the_teardown_goes_with_the_next_one(stories: Stories, land: Callable[[], bool]) -> None:
    make(stories)
    take_down(stories)
    land()
    (late,) = vpcs()

    def nobody_is_asked(plan: Plan) -> None:
        raise AssertionError(plan)

    taken = stories(teardown, (P,), agree=nobody_is_asked)
    assert taken["deleted"] == [{"node": "provider/vpc", "kind": "vpc", "id": late}]
    assert (stories.last.exit, stories.last.writes, vpcs()) == (0, ["delete_vpc"], [])
    take_down(stories)
    assert stories.last.writes == []


def test_one_of_a_run_that_died_and_was_taken_down_goes_too(stories: Stories, land: Callable[[], bool]) -> None:
    """The state holds nothing and never held an ID."""
    die_making(stories, "provider/vpc", provider(stories))
    taken = take_down(stories)
    assert taken["deleted"] == []
    land()
    assert len(vpcs()) == 1
    make(stories)
    assert told(stories.last) == [("provider/vpc", True)]
    assert len(vpcs()) == 1


def test_one_of_an_intent_that_was_given_up_for_another_wish_goes_too(
    stories: Stories, land: Callable[[], bool]
) -> None:
    die_making(stories, "provider/vpc", provider(stories))
    wish = {"network": Network(cidr="10.7.0.0/16")}
    make(stories, **wish)
    state = stories.last.run.state(P)
    assert state is not None
    assert (state.records["vpc"].incarnation, state.records["vpc~1"].op) != (1, state.records["vpc"].op)
    land()
    make(stories, **wish)
    assert told(stories.last) == [("provider/vpc", True)]
    assert len(vpcs()) == 1


def test_one_of_another_kind_goes_too(stories: Stories, sandbox: Running) -> None:
    """A log group whose wish was changed while its creation was in doubt: under its new name the old is not found."""
    name = make(stories)["service_name"]
    link = stories.consumer(service_name=name)
    trap = {"action": "logs:CreateLogGroup", "effect": "reset", "when": "late", "delay": DELAY, "times": 1}
    remote.set_faults(sandbox, {"rules": [trap]})
    die_making(stories, "consumer/log-group", link)
    changed = stories.consumer(service_name=name, retention_days=30)
    stories(up.consumer_up, wait=False, link=changed)
    assert stories.last.failed == {}
    remote.set_clock(sandbox, advance=DELAY + 1)
    logs = boto3.Session(profile_name="consumer").client("logs")
    assert len(logs.describe_log_groups()["logGroups"]) == 2
    stories(up.consumer_up, wait=False, link=changed)
    assert (told(stories.last), stories.last.writes) == ([("consumer/log-group", True)], ["delete_log_group"])
    (kept,) = logs.describe_log_groups()["logGroups"]
    assert kept["retentionInDays"] == 30
    remote.clear_faults(sandbox)


def test_one_that_somebody_uses_is_told_and_left_alone(stories: Stories, land: Callable[[], bool]) -> None:
    make(stories)
    (kept,) = vpcs()
    land()
    (extra,) = set(vpcs()) - {kept}
    ec2 = boto3.Session(profile_name="provider").client("ec2")
    ec2.create_subnet(VpcId=extra, CidrBlock="10.0.0.0/24")
    make(stories)
    assert told(stories.last) == [("provider/vpc", False)]
    assert set(vpcs()) == {kept, extra}


def test_a_state_that_is_older_than_the_link_takes_nothing_away(stories: Stories) -> None:
    """A copy from the middle of the first `up`: what it does not know of is found by tag and name, and taken in."""
    die_making(stories, "provider/vpc", provider(stories))
    path = stories.folder / "shop" / "provider.json"
    old = path.read_bytes()
    data = make(stories)
    path.write_bytes(old)
    shutil.rmtree(path.parent / "backups")  # the folder comes from an older copy; beside newer backups it is refused
    assert {r["id"] for r in make(stories)["resources"]} == {r["id"] for r in data["resources"]}
    assert (stories.last.writes, told(stories.last)) == ([], [])
