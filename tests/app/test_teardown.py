"""`teardown`: what the states hold and nothing else, never others' connections without consent, to the proof."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from links import BOTH, CONSUMER, Stories, offered

from plinkctl.app import up
from plinkctl.app.teardown import Plan, teardown
from plinkctl.errors import PlinkError, RefusedError
from plinkctl.kinds.endpoint_service import REJECT_CONNECTIONS
from plinkctl.link import Network, Side

P, C = Side.PROVIDER, Side.CONSUMER
SIDES = (P, C)
MISSING = "arn:aws:elasticloadbalancing:us-east-1:111111111111:loadbalancer/net/none/0123456789abcdef"


@pytest.fixture
def stories(account: Any, tmp_path: Path) -> Stories:
    return Stories(tmp_path / "states")


def yes(_: Plan) -> None:
    """The user agrees."""


def vpcs(profile: str) -> list[str]:
    found = boto3.Session(profile_name=profile).client("ec2").describe_vpcs()["Vpcs"]
    return [vpc["VpcId"] for vpc in found if not vpc["IsDefault"]]


def test_both_sides_go_to_the_last_thing_and_the_proof_is_told(stories: Stories) -> None:
    made = stories(up.both_up)
    taken = stories(teardown, SIDES, agree=yes)
    assert stories.last.exit == 0
    assert taken["leftovers"] == []
    relation = {"provider/acceptance"}
    wanted = {item["node"] for side in made.values() for item in side["resources"]} - relation
    assert {item["node"] for item in taken["deleted"]} == wanted
    assert "nothing of 'shop' is left" in stories.last.notes
    assert vpcs("provider") == vpcs("consumer") == []
    again = stories(teardown, SIDES, agree=yes)
    assert again == {"deleted": [], "leftovers": []}
    assert stories.last.writes == []


def test_the_plan_names_accounts_and_resources_before_anything_is_touched(stories: Stories) -> None:
    offered(stories)

    def no(plan: Plan) -> None:
        assert plan.link == "shop"
        assert plan.accounts == {"provider": "111111111111"}
        assert "provider/service" in plan.resources
        assert plan.connections == ()
        raise RefusedError("the answer was no")

    with pytest.raises(RefusedError, match="the answer was no"):
        stories(teardown, SIDES, agree=no)
    assert stories.last.writes == []
    stories(up.provider_up, link=stories.provider(allow=(CONSUMER,), acceptance_required=False))
    assert stories.last.writes == []


def test_a_live_connection_of_another_is_not_cut_without_consent(stories: Stories, tmp_path: Path) -> None:
    name = offered(stories)["service_name"]
    theirs = Stories(tmp_path / "theirs")
    asked = theirs(up.consumer_up, wait=False, link=theirs.consumer(service_name=name))
    with pytest.raises(RefusedError) as caught:
        stories(teardown, SIDES, agree=yes)
    assert caught.value.code == "live_connections"
    assert asked["endpoint_id"] in str(caught.value.why)
    assert CONSUMER in str(caught.value.why)
    assert stories.last.writes == []

    plans: list[Plan] = []
    stories(teardown, SIDES, agree=plans.append, consents=frozenset({REJECT_CONNECTIONS}))
    assert [c.endpoint_id for c in plans[0].connections] == [asked["endpoint_id"]]
    assert stories.last.exit == 0
    assert vpcs("provider") == []
    assert len(vpcs("consumer")) == 1, "what is theirs is theirs to delete"
    theirs(teardown, SIDES, agree=yes)
    assert vpcs("consumer") == []


def test_a_connection_of_our_own_other_side_needs_no_consent_but_that_side_first(stories: Stories) -> None:
    stories(up.both_up)
    with pytest.raises(RefusedError) as caught:
        stories(teardown, (P,), agree=yes)
    assert caught.value.hint == "plinkctl teardown consumer"
    stories(teardown, (C,), agree=yes)
    assert stories.last.exit == 0
    assert (len(vpcs("provider")), vpcs("consumer")) == (1, [])
    stories(teardown, (P,), agree=yes)
    assert vpcs("provider") == []


def test_what_carries_our_lineage_and_is_in_no_state_is_reported_as_left_over(stories: Stories) -> None:
    offered(stories)
    state = stories.last.run.state(P)
    assert state is not None
    ec2 = boto3.Session(profile_name="provider").client("ec2")
    tags = [{"Key": "plinkctl:lineage", "Value": state.lineage}]
    extra = ec2.create_vpc(CidrBlock="10.7.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])["Vpc"][
        "VpcId"
    ]
    taken = stories(teardown, SIDES, agree=yes)
    assert taken["leftovers"] == [{"side": "provider", "kind": "vpc", "id": extra}]
    assert stories.last.exit == 1
    (error,) = stories.last.errors
    assert (error.code, extra in str(error.why)) == ("leftovers", True)
    assert 60 <= stories.last.clock.now() < 70, "tag filters lag, so it is looked for again for a minute"


def test_what_others_put_into_our_vpc_is_not_deleted_and_keeps_the_vpc(stories: Stories) -> None:
    data = offered(stories)
    vpc = next(item["id"] for item in data["resources"] if item["node"] == "provider/vpc")
    ec2 = boto3.Session(profile_name="provider").client("ec2")
    group = ec2.create_security_group(GroupName="theirs", Description="x", VpcId=vpc)["GroupId"]
    taken = stories(teardown, SIDES, agree=yes, timeout=60)
    assert set(stories.last.failed) == {"provider/vpc"}
    assert stories.last.exit == 7
    assert "provider/vpc" not in {item["node"] for item in taken["deleted"]}
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    ec2.delete_security_group(GroupId=group)
    stories(teardown, SIDES, agree=yes)
    assert stories.last.exit == 0
    assert vpcs("provider") == []


def test_a_borrowed_network_is_only_forgotten(stories: Stories, account: Any) -> None:
    """A whole chain of things that need no call to be let go of."""
    ec2 = account("provider").client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.6.0.0/16")["Vpc"]["VpcId"]
    subnets = tuple(
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.6.{n}.0/24", AvailabilityZoneId=f"use1-az{n}")["Subnet"]["SubnetId"]
        for n in (1, 2)
    )
    offered(stories, network=Network(vpc_id=vpc, subnet_ids=subnets))
    assert stories.last.exit == 0
    taken = stories(teardown, SIDES, agree=yes)
    assert (stories.last.exit, taken["leftovers"]) == (0, [])
    assert not {vpc, *subnets} & {item["id"] for item in taken["deleted"]}
    state = stories.last.run.state(P)
    assert state is not None
    assert state.live == {}
    assert vpcs("provider") == [vpc]
    assert len(ec2.describe_subnets(SubnetIds=list(subnets))["Subnets"]) == 2


def test_teardown_needs_nothing_but_the_states(stories: Stories) -> None:
    """The configuration may be lost or changed by then."""
    stories(up.both_up)
    assert BOTH.provider is not None
    assert BOTH.consumer is not None
    bare = replace(
        BOTH,
        provider=replace(BOTH.provider, port=9, allow=("3" * 12,)),
        consumer=replace(BOTH.consumer, retention_days=1, port=7),
    )
    stories(teardown, SIDES, agree=yes, link=bare)
    assert stories.last.exit == 0
    assert vpcs("provider") == vpcs("consumer") == []


def test_a_protected_side_is_refused_before_the_first_call_whatever_the_configuration_says(stories: Stories) -> None:
    offered(stories)
    guarded = replace(stories.provider(allow=(CONSUMER,), acceptance_required=False), protect=True)
    stories(up.provider_up, link=guarded)
    assert stories.last.writes == []
    for link in (BOTH, guarded, replace(BOTH, provider=None, consumer=None)):
        with pytest.raises(RefusedError, match="provider side of 'shop' is protected") as caught:
            stories(teardown, SIDES, agree=yes, link=link)
        assert caught.value.hint == "plinkctl provider up --no-protect"
        assert stories.last.events == []
    stories(up.provider_up, link=replace(guarded, protect=None))
    with pytest.raises(RefusedError):
        stories(teardown, (P,), agree=yes)
    stories(up.provider_up, link=replace(guarded, protect=False))
    assert stories(teardown, SIDES, agree=yes)["leftovers"] == []


def test_what_is_half_made_is_not_protected(stories: Stories) -> None:
    """`up` that failed may have to be taken back: it comes on once the side stands."""
    link = replace(stories.provider(allow=(CONSUMER,), load_balancer_arn=MISSING), protect=True)
    with pytest.raises(PlinkError):
        stories(up.provider_up, link=link)
    assert stories(teardown, SIDES, agree=yes) == {"deleted": [], "leftovers": []}
