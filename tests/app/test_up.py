"""`up`: exactly the calls that are needed, none when nothing is, and what was lost is made anew."""

import configparser
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from links import CONSUMER, PROVIDER, Stories, offered

from plinkctl.app import up
from plinkctl.errors import AccessError, PlinkError, RefusedError, StateError, StoppedError, UsageError
from plinkctl.link import Access, Network, Response, Side
from plinkctl.state import Phase


@pytest.fixture
def stories(account: Any, tmp_path: Path) -> Stories:
    return Stories(tmp_path / "states")


# ------------------------------------------------------------------------------------------ nothing to do


def test_a_second_up_writes_nothing_neither_to_aws_nor_to_the_state(stories: Stories) -> None:
    first = stories(up.both_up)
    assert stories.last.exit == 0
    assert stories.last.writes
    before = {path: path.read_bytes() for path in stories.folder.rglob("*.json")}
    second = stories(up.both_up)
    assert stories.last.writes == []
    assert stories.last.changed == {}
    assert second == first
    assert {path: path.read_bytes() for path in stories.folder.rglob("*.json")} == before


def test_both_sides_made_apart_are_known_to_the_walk_over_both(stories: Stories) -> None:
    name = offered(stories)["service_name"]
    consumer = stories.consumer(service_name=name)
    stories(up.consumer_up, wait=False, link=consumer)
    assert stories.last.exit == 0
    both = replace(consumer, provider=stories.provider(acceptance_required=False).provider)
    stories(up.both_up, link=both)
    assert stories.last.writes == []
    assert stories.last.exit == 0


# ----------------------------------------------------------------------------------------- refusals


def test_a_consumer_that_its_own_provider_does_not_allow_is_told_before_anything_is_made(stories: Stories) -> None:
    with pytest.raises(RefusedError) as caught:
        stories(up.both_up, link=stories.provider(allow=(PROVIDER,)))
    assert caught.value.code == "consumer_not_allowed"
    assert stories.last.writes == []


def test_the_wrong_account_is_told_before_anything_is_made(stories: Stories) -> None:
    with pytest.raises(StateError) as caught:
        stories(up.provider_up, link=stories.provider(access=Access(profile="provider", account=CONSUMER)))
    assert caught.value.code == "other_account"
    offered(stories)
    with pytest.raises(StateError) as caught:
        offered(stories, access=Access(profile="consumer"))
    assert caught.value.code == "other_account"
    with pytest.raises(StateError) as caught:
        offered(stories, access=Access(profile="provider", region="us-west-2"))
    assert caught.value.code == "other_region"
    assert stories.last.writes == []


def test_keys_that_aws_does_not_know_are_told_as_such(stories: Stories, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    url = _endpoint(stories)
    with pytest.raises(AccessError):
        offered(stories, access=Access(region="us-east-1", endpoint_url=url))
    assert not list(stories.folder.rglob("*.json")), "a refused run leaves no state"


def _endpoint(stories: Stories) -> str:
    config = configparser.ConfigParser()
    config.read(os.environ["AWS_CONFIG_FILE"])
    return config["profile provider"]["endpoint_url"]


def test_a_service_that_this_account_may_not_see_is_told_with_what_it_may_mean(stories: Stories) -> None:
    name = offered(stories, allow=(PROVIDER,))["service_name"]
    with pytest.raises(PlinkError) as caught:
        stories(up.consumer_up, wait=False, link=stories.consumer(service_name=name))
    assert caught.value.code == "service_not_visible"
    assert "provider up --allow" in str(caught.value.hint)
    assert stories.last.writes == []


def test_a_service_of_another_region_is_told_before_anything_is_called(stories: Stories) -> None:
    name = "com.amazonaws.vpce.eu-west-1.vpce-svc-0123456789abcdef0"
    with pytest.raises(UsageError):
        stories(up.consumer_up, wait=False, link=stories.consumer(service_name=name))
    assert stories.last.events == []


def test_more_subnets_than_zones_with_the_service_are_told_with_both_lists(stories: Stories) -> None:
    data = offered(stories)
    wish = stories.consumer(service_name=data["service_name"], network=Network(subnets=3))
    with pytest.raises(PlinkError) as caught:
        stories(up.consumer_up, wait=False, link=wish)
    assert caught.value.code == "zones"
    assert all(zone in str(caught.value.why) for zone in data["availability_zone_ids"])
    assert stories.last.writes == []


def test_the_consumers_subnets_lie_in_zones_of_the_service(stories: Stories) -> None:
    data = offered(stories)
    wish = stories.consumer(service_name=data["service_name"], network=Network(subnets=2))
    stories(up.consumer_up, wait=False, link=wish)
    assert stories.last.exit == 0
    state = stories.last.run.state(Side.CONSUMER)
    assert state is not None
    zones = [state.records[f"subnet-{n}"].params["zone_id"] for n in (1, 2)]
    assert zones == data["availability_zone_ids"]


# ---------------------------------------------------------------------------------- held, and stopped


def test_a_consumer_that_must_be_accepted_first_finishes_everything_else(stories: Stories) -> None:
    name = offered(stories, acceptance_required=True)["service_name"]
    asked = stories(up.consumer_up, wait=False, link=stories.consumer(service_name=name))
    assert stories.last.exit == 8
    assert asked["endpoint_state"] == "pendingAcceptance"
    assert asked["function_name"]
    state = stories.last.run.state(Side.CONSUMER)
    assert state is not None
    assert {n for n, record in state.records.items() if record.phase is not Phase.READY} == {"endpoint"}


def test_a_consumer_that_waits_for_acceptance_gives_up_at_its_timeout(stories: Stories) -> None:
    name = offered(stories, acceptance_required=True)["service_name"]
    stories(up.consumer_up, wait=True, link=stories.consumer(service_name=name), timeout=120)
    assert stories.last.exit == 7
    assert 120 <= stories.last.clock.now() < 130


def test_a_stop_in_the_middle_is_raised_and_the_next_up_finishes(stories: Stories) -> None:
    wish = stories.provider(allow=(CONSUMER,))

    class StopAtThe:
        """Asks to stop when the n-th write came back."""

        def __init__(self, number: int) -> None:
            self.left = number

        def __call__(self, event: Any) -> None:
            story = stories.last
            story.events.append(event)
            if len(story.writes) >= self.left:
                story.stop.set(15)

    def stopped_up(run: Any) -> Any:
        run.observer = StopAtThe(5)
        return up.provider_up(run)

    with pytest.raises(StoppedError) as caught:
        stories(stopped_up, link=wish)
    assert caught.value.exit_code == 143
    stories(up.provider_up, link=wish)
    assert stories.last.exit == 0
    stories(up.provider_up, link=wish)
    assert stories.last.writes == []


def test_a_refused_node_fails_with_its_dependents_skipped_and_the_corrected_wish_goes_through(stories: Stories) -> None:
    offered(stories, response=Response(status=999))  # no status that a listener takes
    assert set(stories.last.failed) == {"provider/alb-listener"}
    assert stories.last.exit == 1
    state = stories.last.run.state(Side.PROVIDER)
    assert state is not None
    assert "target" not in state.records, "it needs the listener"
    assert state.records["service"].phase is Phase.READY, "it does not"
    offered(stories)
    assert stories.last.failed == {}
    assert stories.last.exit == 0
    assert stories.last.writes.count("create_listener") == 1
