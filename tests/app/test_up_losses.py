"""What somebody deleted by hand is made anew, and what depends on it brought along.

One link stands for all tests here; each repairs it by what it tests.
"""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from links import Stories, ids

from plinkctl.app import proof, up
from plinkctl.app.teardown import teardown
from plinkctl.link import Side

Account = Callable[[str], Any]


@pytest.fixture(scope="module")
def stories(standing_sandbox: None, tmp_path_factory: pytest.TempPathFactory) -> Stories:
    """Both sides, which every test repairs."""
    return Stories(tmp_path_factory.mktemp("states"))


@pytest.fixture(scope="module")
def account(standing_sandbox: None) -> Account:
    """boto3 as whoever deletes by hand."""
    return lambda profile: boto3.Session(profile_name=profile)


Loss = Callable[[Account, dict[str, str]], None]


def _lose_listener(account: Account, known: dict[str, str]) -> None:
    account("provider").client("elbv2").delete_listener(ListenerArn=known["provider/alb-listener"])


def _lose_rule(account: Account, known: dict[str, str]) -> None:
    account("provider").client("ec2").revoke_security_group_egress(
        GroupId=known["provider/nlb-group"], SecurityGroupRuleIds=[known["provider/nlb-to-alb"]]
    )


def _lose_route_table(account: Account, known: dict[str, str]) -> None:
    ec2, table = account("provider").client("ec2"), known["provider/route-table-1"]
    for found in ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Associations"]:
        ec2.disassociate_route_table(AssociationId=found["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=table)


def _lose_log_group(account: Account, known: dict[str, str]) -> None:
    account("consumer").client("logs").delete_log_group(logGroupName=known["consumer/log-group"])


def _lose_role(account: Account, known: dict[str, str]) -> None:
    iam, name = account("consumer").client("iam"), known["consumer/role"].rpartition("/")[2]
    iam.delete_role_policy(RoleName=name, PolicyName="probe")
    iam.delete_role(RoleName=name)


def _lose_function(account: Account, known: dict[str, str]) -> None:
    account("consumer").client("lambda").delete_function(FunctionName=known["consumer/function"])


def _lose_endpoint(account: Account, known: dict[str, str]) -> None:
    account("consumer").client("ec2").delete_vpc_endpoints(VpcEndpointIds=[known["consumer/endpoint"]])


def _lose_much(account: Account, known: dict[str, str]) -> None:
    for lose in (_lose_listener, _lose_rule, _lose_route_table, _lose_log_group, _lose_endpoint):
        lose(account, known)


LOSSES: dict[str, tuple[Loss, dict[str, str]]] = {
    "the role": (_lose_role, {"consumer/role": "create", "consumer/function": "update"}),
    "the function": (_lose_function, {"consumer/function": "create"}),
    "listener, rule, route table, log group and endpoint": (
        _lose_much,
        {
            "provider/alb-listener": "create",
            "provider/nlb-to-alb": "create",
            "provider/route-table-1": "create",
            "consumer/log-group": "create",
            "consumer/role": "update",
            "consumer/endpoint": "create",
            "consumer/function": "update",
            "provider/acceptance": "create",
        },
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_somebody_deleted_is_made_anew_and_the_rest_is_brought_along(
    stories: Stories, account: Account, loss: str
) -> None:
    before = ids(stories(up.both_up))
    lose, wanted = LOSSES[loss]
    lose(account, before)
    after = ids(stories(up.both_up))
    assert stories.last.failed == {}
    assert stories.last.changed == wanted
    remade = {node for node, action in wanted.items() if action == "create"}
    assert {node for node in before if before[node] != after[node]} == remade
    assert stories(proof.prove)["ok"] is True


def test_a_rule_that_somebody_opened_to_the_world_is_put_back(stories: Stories, account: Account) -> None:
    known = ids(stories(up.both_up))
    ec2, rule = account("provider").client("ec2"), known["provider/alb-from-subnet-1"]
    before = ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule])["SecurityGroupRules"][0]
    wide = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIpv4": "0.0.0.0/0"}
    ec2.modify_security_group_rules(
        GroupId=known["provider/alb-group"],
        SecurityGroupRules=[{"SecurityGroupRuleId": rule, "SecurityGroupRule": wide}],
    )
    stories(up.both_up)
    assert stories.last.changed == {"provider/alb-from-subnet-1": "update"}
    assert ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule])["SecurityGroupRules"][0] == before


def test_what_was_deleted_altogether_is_made_anew(stories: Stories) -> None:
    """Somebody cleaned the accounts; only our states still believe in the link."""
    first = ids(stories(up.both_up))
    memory = {path: path.read_bytes() for path in stories.folder.rglob("*.json")}
    stories(teardown, (Side.PROVIDER, Side.CONSUMER), agree=lambda _: None)
    for path in set(stories.folder.rglob("*.json")) - set(memory):
        path.unlink()  # a state that is older than its own backup would be refused
    for path, content in memory.items():
        path.write_bytes(content)
    second = ids(stories(up.both_up))
    assert stories.last.failed == {}
    relations = {"provider/target", "provider/acceptance"}
    assert {node for node in first if first[node] == second[node]} <= relations
    stories(up.both_up)
    assert stories.last.writes == []
    assert stories(proof.prove)["ok"] is True
