"""`state rebuild`: a state that was lost comes back from the tags, so well that nobody notices.

One link stands for most tests here; each leaves it standing, with its states.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from links import CONSUMER, Stories, die_making, ids, offered

from plinkctl.app import proof, up
from plinkctl.app.rebuild import rebuild
from plinkctl.app.sweep import sweep
from plinkctl.app.teardown import teardown
from plinkctl.errors import RefusedError, StateError
from plinkctl.link import Network, Side
from plinkctl.state import op_id
from plinkctl.topology import ACCEPTANCE, TARGET

P, C = Side.PROVIDER, Side.CONSUMER
SIDES = (P, C)
Account = Callable[[str], Any]


@pytest.fixture(scope="module")
def stories(standing_sandbox: None, tmp_path_factory: pytest.TempPathFactory) -> Stories:
    """Both sides of a link."""
    made = Stories(tmp_path_factory.mktemp("states"))
    made(up.both_up)
    return made


@pytest.fixture(scope="module")
def account(standing_sandbox: None) -> Account:
    """boto3 as somebody else."""
    return lambda profile: boto3.Session(profile_name=profile)


def records(stories: Stories) -> dict[str, Any]:
    """What the states of the folder record, by node key."""
    states = {side: stories.folder / "shop" / f"{side}.json" for side in SIDES}
    whole = {side: json.loads(path.read_bytes())["records"] for side, path in states.items() if path.exists()}
    return {f"{side}/{name}": record for side, found in whole.items() for name, record in found.items()}


def lose(stories: Stories, *sides: Side) -> None:
    """Delete the states of these sides, and all backups."""
    shutil.rmtree(stories.folder / "shop" / "backups", ignore_errors=True)
    for side in sides:
        (stories.folder / "shop" / f"{side}.json").unlink()


def again(stories: Stories, sides: tuple[Side, ...] = SIDES, *, anew: bool = False, lineages: Any = ()) -> Any:
    """Rebuild, which changes nothing on AWS."""
    told = stories(rebuild, sides, lineages=lineages, anew=anew)
    assert stories.last.writes == []
    assert stories.last.exit == 0
    return told


def assert_nothing_to_do(stories: Stories) -> dict[str, str]:
    """An `up` finds all as it should be; the IDs."""
    data = stories(up.both_up)
    assert (stories.last.writes, stories.last.changed, stories.last.failed) == ([], {}, {})
    return ids(data)


def test_both_states_come_back_as_they_were(stories: Stories) -> None:
    made, was = ids(stories(up.both_up)), records(stories)
    lose(stories, P, C)
    told = again(stories)
    assert {item["node"]: item["id"] for item in told["resources"]} == made
    assert told["extras"] == []
    now = records(stories)
    assert set(now) == set(was)
    for name, record in was.items():
        same = ("kind", "phase", "incarnation", "op", "attrs")
        assert {key: now[name][key] for key in same} == {key: record[key] for key in same}, name
        assert set(now[name]["params"]) >= set(record["params"]), name
    assert assert_nothing_to_do(stories) == made
    assert stories(proof.prove)["ok"] is True


def test_one_side_comes_back_and_the_other_is_left_as_it_is(stories: Stories) -> None:
    other = (stories.folder / "shop" / "consumer.json").read_bytes()
    lose(stories, P)
    told = again(stories)
    assert [side["side"] for side in told["sides"]] == ["provider"]
    assert {TARGET, ACCEPTANCE} <= {item["node"] for item in told["resources"]}
    assert (stories.folder / "shop" / "consumer.json").read_bytes() == other
    assert_nothing_to_do(stories)


def test_a_state_that_is_there_is_not_made_again_unless_asked_to(stories: Stories) -> None:
    before = records(stories)
    with pytest.raises(RefusedError) as caught:
        again(stories)
    assert caught.value.code == "state_there"
    assert records(stories) == before
    again(stories, (C,), anew=True)
    aside = stories.folder / "shop" / "consumer.aside-1.json"
    assert str(aside) in stories.last.notes
    assert json.loads(aside.read_bytes())["records"]["endpoint"] == before["consumer/endpoint"]
    assert_nothing_to_do(stories)


def test_a_damaged_state_is_put_aside_only_when_asked_to(stories: Stories) -> None:
    path = stories.folder / "shop" / "provider.json"
    path.write_bytes(b"{")
    with pytest.raises(StateError) as caught:
        again(stories)
    assert "backups/provider." in str(caught.value.hint), "a copy is the better way, where there is one"
    assert path.read_bytes() == b"{"
    again(stories, (P,), anew=True)
    assert (path.parent / "provider.aside-1.json").read_bytes() == b"{"
    assert_nothing_to_do(stories)


def test_an_incarnation_that_a_lost_state_may_have_used_is_never_used_again(stories: Stories, account: Account) -> None:
    ec2 = account("consumer").client("ec2")

    def remade() -> Any:
        ec2.delete_vpc_endpoints(VpcEndpointIds=[records(stories)["consumer/endpoint"]["attrs"]["id"]])
        stories(up.both_up)
        assert stories.last.failed == {}
        return records(stories)["consumer/endpoint"]["incarnation"]

    known = remade()
    lose(stories, P, C)
    again(stories)
    assert records(stories)["consumer/endpoint"]["incarnation"] == known
    after = remade()
    assert (known < after, after % 100) == (True, 1)
    lose(stories, P, C)
    again(stories)
    assert records(stories)["consumer/endpoint"]["incarnation"] == after
    assert records(stories)["provider/vpc"]["incarnation"] == 1
    assert remade() == after + 100
    assert_nothing_to_do(stories)


def test_of_two_with_one_op_the_one_that_others_stand_on_is_recorded(stories: Stories, account: Account) -> None:
    ec2 = account("provider").client("ec2")
    known = records(stories)["provider/vpc"]["attrs"]["id"]
    tags = ec2.describe_vpcs(VpcIds=[known])["Vpcs"][0]["Tags"]
    specification = [{"ResourceType": "vpc", "Tags": tags}]
    twins = [ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=specification)["Vpc"] for _ in range(3)]
    extras = {vpc["VpcId"] for vpc in twins}
    lose(stories, P)
    told = again(stories, (P,))
    assert {extra["id"] for extra in told["extras"]} == extras
    assert records(stories)["provider/vpc"]["attrs"]["id"] == known
    assert all(extra in stories.last.notes for extra in extras)
    for extra in extras:
        ec2.delete_vpc(VpcId=extra)
    assert_nothing_to_do(stories)


def test_what_carries_our_tags_without_being_ours_is_left_out(stories: Stories, account: Account) -> None:
    """Somebody copied tags: from a subnet of ours to a VPC, from another link's VPC; or only some of them."""
    ec2 = account("provider").client("ec2")
    state = stories.last.run.state(P)
    assert state is not None
    ours = {"plinkctl:link": "shop", "plinkctl:side": "provider", "plinkctl:lineage": state.lineage}
    copied = [
        ours | {"plinkctl:node": "vpc", "plinkctl:op": op_id(state.lineage, "provider/subnet-1", 1)},
        ours | {"plinkctl:node": "vpc", "plinkctl:op": op_id("another", "provider/vpc", 1)},
        ours,
    ]
    strange = []
    for tags in copied:
        specification = [{"ResourceType": "vpc", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}]
        strange.append(ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=specification)["Vpc"]["VpcId"])
    lose(stories, P)
    told = again(stories, (P,))
    assert not set(strange) & {item["id"] for item in [*told["resources"], *told["extras"]]}
    assert all(vpc in stories.last.notes for vpc in strange)
    for vpc in strange:
        ec2.delete_vpc(VpcId=vpc)


def test_of_two_links_with_one_name_somebody_must_say_which(stories: Stories, tmp_path: Path) -> None:
    before = records(stories)
    theirs = Stories(tmp_path / "theirs")
    offered(theirs, network=Network(cidr="10.8.0.0/16"))
    other = theirs.last.run.state(P)
    mine = stories.last.run.state(P)
    assert other is not None
    assert mine is not None
    lose(stories, P)
    with pytest.raises(RefusedError) as caught:
        again(stories)
    assert caught.value.code == "several_lineages"
    assert other.lineage in str(caught.value.why)
    assert mine.lineage in str(caught.value.why)
    told = again(stories, lineages=(mine.lineage,))
    assert told["sides"][0]["lineage"] == mine.lineage
    assert records(stories)["provider/vpc"]["attrs"] == before["provider/vpc"]["attrs"]
    assert_nothing_to_do(stories)
    theirs(teardown, (P,), agree=lambda _: None)
    assert theirs.last.exit == 0


def test_a_link_of_which_nothing_is_there_has_no_state_to_rebuild(stories: Stories, tmp_path: Path) -> None:
    elsewhere = Stories(tmp_path / "none", replace(stories.link, name="shops"))
    with pytest.raises(RefusedError) as caught:
        again(elsewhere)
    assert caught.value.code == "nothing_found"
    assert not list(elsewhere.folder.rglob("*.json"))


def test_what_came_back_is_taken_down_to_the_last_thing(stories: Stories, account: Account) -> None:
    """The last test: without a configuration, from tags alone."""
    lose(stories, P, C)
    again(stories)
    taken = stories(teardown, SIDES, agree=lambda _: None)
    assert (stories.last.exit, taken["leftovers"]) == (0, [])
    for profile in ("provider", "consumer"):
        assert [vpc for vpc in account(profile).client("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []


def test_what_is_borrowed_is_no_part_of_it_and_taken_up_by_the_next_up(
    stories: Stories, account: Account, tmp_path: Path
) -> None:
    ec2, elb = account("provider").client("ec2"), account("provider").client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.6.0.0/16")["Vpc"]["VpcId"]
    subnets = tuple(
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.6.{n}.0/24", AvailabilityZoneId=f"use1-az{n}")["Subnet"]["SubnetId"]
        for n in (2, 1)
    )
    arn = elb.create_load_balancer(Name="theirs", Type="network", Scheme="internal", Subnets=list(subnets))[
        "LoadBalancers"
    ][0]["LoadBalancerArn"]
    for wishes in ({"network": Network(vpc_id=vpc, subnet_ids=subnets)}, {"load_balancer_arn": arn}):
        mine = Stories(tmp_path / "borrowing" / next(iter(wishes)))
        made = offered(mine, **wishes)
        lose(mine, P)
        told = again(mine, (P,))
        assert not {vpc, *subnets, arn} & {item["id"] for item in told["resources"]}
        assert ids(offered(mine, **wishes)) == ids(made)
        assert (mine.last.writes, mine.last.failed) == ([], {})
        mine(teardown, (P,), agree=lambda _: None)
        assert mine.last.exit == 0


def test_a_state_that_is_lost_in_the_middle_of_an_up_comes_back_for_the_rest(stories: Stories, tmp_path: Path) -> None:
    """What was under way is found by its tags like all else, and made once only."""
    mine = Stories(tmp_path / "middle", replace(stories.link, name="middle"))
    link = mine.provider(allow=(CONSUMER,), acceptance_required=False)
    die_making(mine, "provider/nlb", link)
    mine.link = link
    for path in mine.folder.rglob("provider.json"):
        path.unlink()
    told = again(mine, (P,))
    found = {item["node"]: item["id"] for item in told["resources"]}
    assert "provider/nlb" in found
    after = ids(offered(mine))
    assert mine.last.failed == {}
    assert found.items() <= after.items()
    listed = mine(sweep, (P,), lineages=(), agree=None)
    assert listed["leftovers"] == []
    mine(teardown, (P,), agree=lambda _: None)
    assert mine.last.exit == 0


def test_other_wishes_than_the_usual_come_back_too(stories: Stories, tmp_path: Path) -> None:
    stories(teardown, SIDES, agree=lambda _: None)  # of the same name, and there if this test comes first
    mine = Stories(tmp_path / "wishes", replace(stories.link, tags={"team": "a"}))
    wishes = {"enforce_inbound_rules": True, "consumer_cidrs": ("10.0.0.0/16", "10.1.0.0/16"), "port": 8080}
    made = offered(mine, allow=("333333333333", CONSUMER), **wishes)
    lose(mine, P)
    again(mine, (P,))
    assert ids(offered(mine, allow=("333333333333", CONSUMER), **wishes)) == ids(made)
    assert (mine.last.writes, mine.last.failed) == ([], {})
    mine(teardown, (P,), agree=lambda _: None)
    assert mine.last.exit == 0
