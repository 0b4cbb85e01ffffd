"""Changed wishes: each costs exactly its calls, there and back. Two links stand for all tests here."""

from dataclasses import replace
from typing import Any

import boto3
import pytest
from links import CONSUMER, PROVIDER, Stories, Story, ids, offered

from plinkctl.app import up
from plinkctl.errors import RefusedError
from plinkctl.events import Called, Event
from plinkctl.link import Network, Response


@pytest.fixture(scope="module")
def stories(standing_sandbox: None, tmp_path_factory: pytest.TempPathFactory) -> Stories:
    """A provider side that stands; every test leaves it as it was."""
    made = Stories(tmp_path_factory.mktemp("states"))
    offered(made)
    return made


PERMISSIONS = "modify_vpc_endpoint_service_permissions"
CHANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "one more principal": ({"allow": (CONSUMER, PROVIDER)}, [PERMISSIONS]),
    "another principal, and acceptance": (
        {"allow": (PROVIDER,), "acceptance_required": True},
        ["modify_vpc_endpoint_service_configuration", PERMISSIONS],
    ),
    "another body": ({"response": Response(body="Good evening")}, ["modify_listener"]),
    "an unhealthy status": ({"response": Response(status=503)}, ["modify_listener", "modify_target_group"]),
    "a filter": (
        {"enforce_inbound_rules": True, "consumer_cidrs": ("10.8.0.0/16",)},
        ["authorize_security_group_ingress", "set_security_groups"],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_wish_of_the_provider_costs_exactly_its_calls_there_and_back(stories: Stories, change: str) -> None:
    before = offered(stories)
    assert stories.last.writes == []
    wish, calls = CHANGES[change]
    after = offered(stories, **wish)
    assert sorted(stories.last.writes) == calls
    assert after["service_id"] == before["service_id"]
    back = offered(stories)
    undone = ["revoke_security_group_ingress" if call.startswith("authorize") else call for call in calls]
    assert sorted(stories.last.writes) == sorted(undone)
    assert ids(back) == ids(before)


def test_changed_wishes_of_the_consumer_cost_exactly_their_calls(stories: Stories) -> None:
    name = offered(stories)["service_name"]

    def consume(**wishes: Any) -> list[str]:
        stories(up.consumer_up, wait=False, link=stories.consumer(service_name=name, **wishes))
        assert stories.last.exit == 0, stories.last.errors
        return stories.last.writes

    consume()
    assert consume(retention_days=30) == ["put_retention_policy"]
    assert consume(retention_days=30, function_timeout=20, request_timeout=9) == ["update_function_configuration"]
    assert consume(retention_days=30, function_timeout=20, request_timeout=9) == []


def test_changed_tags_are_set_on_everything_that_carries_tags_and_nothing_else_is_sent(stories: Stories) -> None:
    wish = stories.provider(allow=(CONSUMER,), acceptance_required=False)
    stories(up.provider_up, link=replace(wish, tags={"team": "a"}))
    stories(up.provider_up, link=replace(wish, tags={"team": "b"}))
    tagged = [node for node in stories.last.changed if node != "provider/target"]
    assert set(stories.last.writes) == {"create_tags", "add_tags"}
    assert len(stories.last.writes) == len(tagged) == 16
    stories(up.provider_up, link=wish)
    assert set(stories.last.writes) == {"delete_tags", "remove_tags"}
    stories(up.provider_up, link=wish)
    assert stories.last.writes == []


def test_tags_that_a_killed_run_had_set_are_removed_when_they_are_not_wanted(stories: Stories) -> None:
    offered(stories)
    killed = Story(stories.folder, replace(stories.provider(allow=(CONSUMER,)), tags={"team": "a"}))

    def observe(event: Event) -> None:
        if isinstance(event, Called) and event.operation in {"create_tags", "add_tags"}:
            raise RuntimeError("killed")

    killed.run.observer = observe
    with pytest.raises(RuntimeError, match="killed"):
        up.provider_up(killed.run)
    known = ids(offered(stories)).values()
    assert "delete_tags" in stories.last.writes
    ec2 = boto3.Session(profile_name="provider").client("ec2")
    assert not [tag for tag in ec2.describe_tags()["Tags"] if tag["Key"] == "team" and tag["ResourceId"] in known]


def test_a_rule_that_is_not_wanted_any_more_goes_and_nothing_else_does(stories: Stories) -> None:
    offered(stories, enforce_inbound_rules=True, consumer_cidrs=("10.8.0.0/16", "10.9.0.0/16"))
    offered(stories, enforce_inbound_rules=True, consumer_cidrs=("10.9.0.0/16",))
    assert stories.last.writes == ["revoke_security_group_ingress"]
    assert stories.last.changed == {"provider/nlb-from-10-8-0-0-16": "delete"}
    offered(stories)


@pytest.mark.parametrize("wish", [{"port": 8080}, {"network": Network(cidr="10.5.0.0/16")}])
def test_what_would_have_to_be_replaced_is_refused_before_anything_is_sent(stories: Stories, wish: Any) -> None:
    offered(stories)
    with pytest.raises(RefusedError) as caught:
        offered(stories, **wish)
    assert caught.value.code == "replacement"
    assert stories.last.writes == []
