"""`sweep`: what no state records is found by tag, and with consent taken away; nothing else is touched.

One link stands for most tests here, with its states; each leaves it standing.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from links import Stories, ids, offered

from plinkctl.app import proof, up
from plinkctl.app.sweep import sweep
from plinkctl.app.teardown import Plan, teardown
from plinkctl.errors import RefusedError, StateError
from plinkctl.kinds.endpoint_service import REJECT_CONNECTIONS
from plinkctl.link import Network, Side
from plinkctl.sandbox import remote
from plinkctl.sandbox.daemon import Running
from plinkctl.stores.local import LocalStore

P, C = Side.PROVIDER, Side.CONSUMER
SIDES = (P, C)
Account = Callable[[str], Any]


@pytest.fixture(scope="module")
def running(sandbox_factory: Callable[[str], Running], standing_sandbox: None) -> Running:
    return sandbox_factory("instant")


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


def yes(_: Plan) -> None:
    """The user agrees."""


def listed(stories: Stories, **more: Any) -> list[dict[str, str]]:
    """The leftovers, which to list changes nothing."""
    told = stories(sweep, SIDES, **{"lineages": (), "agree": None, **more})
    assert stories.last.writes == []
    assert (stories.last.exit, told["deleted"]) == (0, [])
    found: list[dict[str, str]] = told["leftovers"]
    return found


def twin(account: Account, vpc: str, *, without: str = "") -> str:
    """Another VPC with the tags of this one, as a second CreateVpc makes it."""
    ec2 = account("provider").client("ec2")
    tags = [tag for tag in ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Tags"] if tag["Key"] != without]
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])
    return str(made["Vpc"]["VpcId"])


def vpcs(account: Account, profile: str) -> set[str]:
    return {v["VpcId"] for v in account(profile).client("ec2").describe_vpcs()["Vpcs"] if not v["IsDefault"]}


def test_what_the_states_record_is_no_leftover(stories: Stories) -> None:
    assert listed(stories) == []
    assert "nothing of 'shop' is left" in stories.last.notes
    stories(sweep, SIDES, lineages=(), agree=yes)
    assert stories.last.writes == []


def test_an_extra_beside_a_living_link_goes_and_the_link_stays(stories: Stories, account: Account) -> None:
    known = ids(stories(up.both_up))
    extra, strange = twin(account, known["provider/vpc"]), twin(account, known["provider/vpc"], without="plinkctl:op")
    (found,) = listed(stories)
    assert (found["node"], found["id"], found["account"]) == ("provider/vpc", extra, "111111111111")
    assert strange in stories.last.notes, "what is not proven to be ours is only named"
    account("provider").client("ec2").delete_vpc(VpcId=strange)
    plans: list[Plan] = []
    told = stories(sweep, SIDES, lineages=(), agree=plans.append)
    assert (stories.last.exit, stories.last.writes) == (0, ["delete_vpc"])
    assert [item["id"] for item in told["deleted"]] == [extra]
    assert told["leftovers"] == []
    assert plans[0].resources == ("provider/vpc",)
    assert ids(stories(up.both_up)) == known
    assert stories.last.writes == []


def test_a_no_touches_nothing(stories: Stories, account: Account) -> None:
    extra = twin(account, ids(stories(up.both_up))["provider/vpc"])

    def no(_: Plan) -> None:
        raise RefusedError("the answer was no")

    with pytest.raises(RefusedError, match="the answer was no"):
        stories(sweep, SIDES, lineages=(), agree=no)
    assert stories.last.writes == []
    account("provider").client("ec2").delete_vpc(VpcId=extra)


def test_while_a_command_works_only_a_list_is_given(stories: Stories) -> None:
    with LocalStore(stories.folder, "shop", P):
        assert listed(stories) == []
        with pytest.raises(StateError) as caught:
            stories(sweep, SIDES, lineages=(), agree=yes)
    assert caught.value.code == "state_locked"


def test_of_two_lost_links_with_one_name_somebody_must_say_which(
    stories: Stories, account: Account, tmp_path: Path
) -> None:
    known = ids(stories(up.both_up))
    lost = [Stories(tmp_path / name) for name in ("one", "two")]
    networks = [Network(cidr=cidr) for cidr in ("10.8.0.0/16", "10.9.0.0/16")]
    made = [ids(offered(one, network=network)) for one, network in zip(lost, networks, strict=True)]
    states = [one.last.run.state(P) for one in lost]
    lineages = [state.lineage for state in states if state is not None]
    found = listed(stories)
    for lineage, wanted in zip(lineages, made, strict=True):
        mine = {item["id"] for item in found if item["lineage"] == lineage}
        assert mine == set(wanted.values())
        assert {item["id"] for item in listed(stories, lineages=(lineage,))} == mine
    with pytest.raises(RefusedError) as caught:
        stories(sweep, SIDES, lineages=(), agree=yes)
    assert (caught.value.code, stories.last.writes) == ("several_lineages", [])
    for lineage in lineages:
        told = stories(sweep, SIDES, lineages=(lineage,), agree=yes)
        assert (stories.last.exit, told["leftovers"]) == (0, [])
    assert vpcs(account, "provider") == {known["provider/vpc"]}
    assert ids(stories(up.both_up)) == known
    assert stories.last.writes == []


def test_a_lost_link_goes_in_the_order_of_a_teardown(stories: Stories, account: Account, running: Running) -> None:
    """And a sweep that failed in the middle is just run again."""
    made = stories(up.both_up)
    for path in stories.folder.rglob("*r.json"):
        path.unlink()
    found = listed(stories)
    order = [item["node"] for item in found]
    assert set(order) == set(ids(made)) - {"provider/target", "provider/acceptance"}
    for first, then in (
        ("consumer/endpoint", "provider/service"),
        ("provider/service", "provider/nlb-listener"),
        ("provider/nlb-listener", "provider/nlb"),
        ("provider/target-group", "provider/vpc"),
        ("provider/nlb", "provider/nlb-group"),
        ("consumer/function", "consumer/role"),
        ("consumer/role", "consumer/log-group"),
        ("consumer/function", "consumer/function-group"),
        ("consumer/subnet-1", "consumer/vpc"),
    ):
        assert order.index(first) < order.index(then), (first, then)

    remote.set_faults(running, {"rules": [{"action": "ec2:DeleteSubnet", "effect": "denied", "times": 1}]})
    stories(sweep, SIDES, lineages=(), agree=yes)
    assert stories.last.exit == 5
    remote.clear_faults(running)
    told = stories(sweep, SIDES, lineages=(), agree=yes)
    assert (stories.last.exit, told["leftovers"]) == (0, [])
    assert vpcs(account, "provider") | vpcs(account, "consumer") == set()
    assert listed(stories) == []
    stories(up.both_up)
    assert stories.last.failed == {}
    assert stories(proof.prove)["ok"] is True


def test_what_the_configuration_protects_is_not_swept(stories: Stories, tmp_path: Path) -> None:
    """The state that would refuse is lost."""
    lost = Stories(tmp_path / "lost", replace(stories.link, name="kept", protect=True))
    made = ids(offered(lost))
    elsewhere = Stories(tmp_path / "elsewhere", lost.link)
    assert {item["id"] for item in listed(elsewhere)} == set(made.values())
    with pytest.raises(RefusedError) as caught:
        elsewhere(sweep, SIDES, lineages=(), agree=yes)
    assert (caught.value.code, elsewhere.last.writes) == ("protected", [])
    told = elsewhere(sweep, SIDES, lineages=(), agree=yes, link=replace(lost.link, protect=None))
    assert (elsewhere.last.exit, told["leftovers"]) == (0, [])


def test_the_living_connection_of_somebody_else_is_not_cut_without_consent(stories: Stories, tmp_path: Path) -> None:
    name = offered(Stories(tmp_path / "lost", replace(stories.link, name="lost")))["service_name"]
    theirs = Stories(tmp_path / "theirs", replace(stories.link, name="theirs"))
    theirs(up.consumer_up, wait=False, link=theirs.consumer(service_name=name))
    elsewhere = Stories(tmp_path / "elsewhere", replace(stories.link, name="lost"))
    with pytest.raises(RefusedError) as caught:
        elsewhere(sweep, SIDES, lineages=(), agree=yes)
    assert (caught.value.code, elsewhere.last.writes) == ("live_connections", [])
    told = elsewhere(sweep, SIDES, lineages=(), agree=yes, consents=frozenset({REJECT_CONNECTIONS}))
    assert (elsewhere.last.exit, told["leftovers"]) == (0, [])
    assert not list(elsewhere.folder.rglob("*.json")), "a sweep leaves no state behind"
    theirs(teardown, (C,), agree=yes)
    assert theirs.last.exit == 0
