"""A create that was under way is finished as it was begun before a wish that was changed meanwhile is looked at."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from links import CONSUMER, Stories, die_making, ids

from plinkctl.app import up
from plinkctl.app.teardown import teardown
from plinkctl.errors import PlinkError, RefusedError
from plinkctl.link import Link, Network, Side
from plinkctl.sandbox import remote
from plinkctl.sandbox.daemon import Running
from plinkctl.state import Phase, Record

P = Side.PROVIDER


@pytest.fixture
def stories(account: Any, tmp_path: Path) -> Stories:
    return Stories(tmp_path / "states")


@pytest.fixture
def lose(sandbox: Running) -> Iterator[Callable[[str], bool]]:
    """Has the next call of an action do nothing and get no answer."""
    yield lambda action: bool(
        remote.set_faults(sandbox, {"rules": [{"action": action, "effect": "reset", "when": "before", "times": 1}]})
    )
    remote.clear_faults(sandbox)


def wish(stories: Stories, **wishes: Any) -> Link:
    return stories.provider(**{"allow": (CONSUMER,), "acceptance_required": False, **wishes})


def make(stories: Stories, link: Link) -> Any:
    """An `up` that ends well, and another that finds nothing to do."""
    data = stories(up.provider_up, link=link)
    assert (stories.last.failed, stories.last.exit) == ({}, 0)
    assert ids(stories(up.provider_up, link=link)) == ids(data)
    assert (stories.last.writes, stories.last.changed) == ([], {})
    return data


def ec2() -> Any:
    return boto3.Session(profile_name="provider").client("ec2")


def vpcs() -> list[dict[str, Any]]:
    return [vpc for vpc in ec2().describe_vpcs()["Vpcs"] if not vpc["IsDefault"]]


def record(stories: Stories, name: str) -> Record:
    state = stories.last.run.state(P)
    assert state is not None
    return state.records[name]


def test_what_the_new_wish_does_not_have_any_more_is_found_and_taken_away(stories: Stories) -> None:
    die_making(
        stories,
        "provider/nlb-from-10-7-0-0-16",
        wish(stories, enforce_inbound_rules=True, consumer_cidrs=("10.7.0.0/16",)),
    )
    make(stories, wish(stories))
    assert record(stories, "nlb-from-10-7-0-0-16").phase is Phase.ABSENT
    rules = ec2().describe_security_group_rules()["SecurityGroupRules"]
    assert "10.7.0.0/16" not in {rule.get("CidrIpv4") for rule in rules}


def test_what_the_link_would_stand_on_is_not_dropped_in_passing(stories: Stories) -> None:
    """It stays recorded as begun: for the old wish, which goes on with it, or for a teardown."""
    two, one = wish(stories), wish(stories, network=Network(subnets=1))
    die_making(stories, "provider/subnet-2", two)
    with pytest.raises(RefusedError) as caught:
        stories(up.provider_up, link=one)
    assert (caught.value.code, stories.last.writes) == ("replacement", [])
    assert record(stories, "subnet-2").phase is Phase.CREATING
    taken = stories(teardown, (P,), agree=lambda _: None)
    assert (stories.last.exit, taken["leftovers"], vpcs()) == (0, [], [])


def test_what_aws_refused_to_make_need_not_be_wanted_any_more(stories: Stories, sandbox: Running) -> None:
    name = make(stories, wish(stories))["service_name"]
    no = {"effect": "error", "code": "InvalidParameterValue", "message": "not here", "status": 400}
    remote.set_faults(sandbox, {"rules": [{"action": "ec2:CreateSubnet", "resource": "10.0.16.0/20", **no}]})
    stories(up.consumer_up, wait=False, link=stories.consumer(service_name=name, network=Network(subnets=2)))
    assert "consumer/subnet-2" in stories.last.failed
    remote.clear_faults(sandbox)
    stories(up.consumer_up, wait=False, link=stories.consumer(service_name=name, network=Network(subnets=1)))
    assert (stories.last.failed, stories.last.exit) == ({}, 0)
    taken = stories(teardown, tuple(Side), agree=lambda _: None)
    assert (stories.last.exit, taken["leftovers"]) == (0, [])


def test_a_changed_parameter_that_cannot_be_changed_is_refused_once_the_thing_is_known(stories: Stories) -> None:
    old, new = wish(stories), wish(stories, network=Network(cidr="10.7.0.0/16"))
    die_making(stories, "provider/vpc", old)
    stories(up.provider_up, link=new)
    error: PlinkError = stories.last.failed["provider/vpc"]
    assert error.code == "replacement"
    assert "10.7.0.0/16" in str(error.why)
    (vpc,) = vpcs()
    assert record(stories, "vpc").id == vpc["VpcId"]
    make(stories, old)
    assert [known["VpcId"] for known in vpcs()] == [vpc["VpcId"]]


def test_a_create_that_took_no_effect_gives_way_to_the_new_wish(stories: Stories, lose: Callable[[str], bool]) -> None:
    lose("ec2:CreateVpc")
    die_making(stories, "provider/vpc", wish(stories))
    make(stories, wish(stories, network=Network(cidr="10.7.0.0/16")))
    assert [vpc["CidrBlock"] for vpc in vpcs()] == ["10.7.0.0/16"]
    assert record(stories, "vpc").incarnation == 2


def test_a_changed_setting_is_set_once_the_thing_is_known(stories: Stories) -> None:
    die_making(stories, "provider/service", wish(stories))
    make(stories, replace(wish(stories, acceptance_required=True), tags={"team": "a"}))
    (service,) = ec2().describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert service["AcceptanceRequired"] is True
    assert {"Key": "team", "Value": "a"} in service["Tags"]
    assert record(stories, "service").incarnation == 1


def test_tags_are_frozen_too_and_changed_afterwards(
    stories: Stories, sandbox: Running, lose: Callable[[str], bool]
) -> None:
    """A token that comes again with other tags would be refused for ever."""
    lose("ec2:CreateVpcEndpointServiceConfiguration")
    die_making(stories, "provider/service", replace(wish(stories), tags={"team": "a"}))
    make(stories, replace(wish(stories), tags={"team": "b"}))
    calls = [c for c in remote.calls(sandbox) if c["action"] == "CreateVpcEndpointServiceConfiguration"]
    assert len(calls) == 2
    assert len({call["digest"] for call in calls}) == 1
    (service,) = ec2().describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert {"Key": "team", "Value": "b"} in service["Tags"]
