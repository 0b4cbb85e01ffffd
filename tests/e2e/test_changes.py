"""Running `up` again: nothing to do means nothing sent, what may change changes in place, the rest is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from e2e_tools import BOTH, CONSUMER, PROVIDER, Aws, Meter, calls, link_file, network, zone_names

if TYPE_CHECKING:
    from shells import Shell

    from plinkctl.sandbox.daemon import Running


def test_up_again_sends_nothing(shell: Shell, sandbox: Running) -> None:
    link = link_file(shell, "tags: {team: payments}")
    first = shell.ok("up", "-f", link, *BOTH)
    before = calls(shell, sandbox)
    again = shell("up", "-f", link, *BOTH, "-o", "json", "--progress", "json")
    assert again.code == 0, again.err
    made = [call["action"] for call in calls(shell, sandbox)[len(before) :]]
    assert made, "it looked"
    # Invoking the probe is how `up` verifies; it changes nothing.
    assert [action for action in made if not re.match("Describe|Get|List|Invoke", action)] == []
    assert again.data["provider"] == first["provider"]
    assert again.data["consumer"] == first["consumer"]
    plain = shell("up", "-f", link, *BOTH, "--progress", "plain")
    assert "nothing to do: all 29 are as they should be" in plain.err


def test_mutable_settings_of_the_provider_change_in_place(shell: Shell, sandbox: Running) -> None:
    ec2, elb = Aws(sandbox).client("provider", "ec2"), Aws(sandbox).client("provider", "elbv2")
    before = shell.ok("provider", "up", "--allow", CONSUMER, "--tag", "team=payments", "--tag", "stage=test")
    role = f"arn:aws:iam::{CONSUMER}:role/reader"
    allowed = ("--allow", PROVIDER, "--allow", role, "--no-acceptance-required")
    response = ("--response-body", "Good evening", "--response-status", "503")
    changed = ("provider", "up", *allowed, *response, "--tag", "team=risk")
    after = shell.ok(*changed)

    assert after["service_id"] == before["service_id"]
    assert after["resources"] == before["resources"], "nothing was replaced"
    (service,) = ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert service["AcceptanceRequired"] is False
    principals = ec2.describe_vpc_endpoint_service_permissions(ServiceId=after["service_id"])["AllowedPrincipals"]
    assert sorted(p["Principal"] for p in principals) == sorted([f"arn:aws:iam::{PROVIDER}:root", role])
    ids = {r["node"]: r["id"] for r in after["resources"]}
    (listener,) = elb.describe_listeners(LoadBalancerArn=ids["provider/alb"])["Listeners"]
    fixed = listener["DefaultActions"][0]["FixedResponseConfig"]
    assert (fixed["StatusCode"], fixed["MessageBody"]) == ("503", "Good evening")
    (group,) = elb.describe_target_groups()["TargetGroups"]
    assert group["Matcher"]["HttpCode"] == "503", "else the only target would count as unhealthy"

    for tags in (
        ec2.describe_vpcs(VpcIds=[ids["provider/vpc"]])["Vpcs"][0]["Tags"],
        service["Tags"],
        elb.describe_tags(ResourceArns=[ids["provider/nlb"]])["TagDescriptions"][0]["Tags"],
    ):
        seen = {tag["Key"]: tag["Value"] for tag in tags}
        assert seen["team"] == "risk"
        assert "stage" not in seen, "a tag of ours that is not wanted any more goes"
        assert seen["plinkctl:link"] == "default"

    meter = Meter(sandbox)
    shell.ok(*changed)
    assert meter.mutating() == []


def test_mutable_settings_of_the_consumer_change_in_place(shell: Shell, sandbox: Running) -> None:
    aws = Aws(sandbox)
    offered = shell.ok("provider", "up", "--allow", CONSUMER, "--no-acceptance-required")
    asking = ("consumer", "up", "--profile", "consumer", "--service-name", offered["service_name"])
    before = shell.ok(*asking, "--tag", "team=payments")
    changes = ("--retention-days", "30", "--function-timeout", "20", "--request-timeout", "9", "--tag", "team=risk")
    after = shell.ok(*asking, *changes)

    assert after["resources"] == before["resources"], "nothing was replaced"
    (group,) = aws.client("consumer", "logs").describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 30
    function = aws.client("consumer", "lambda").get_function(FunctionName=after["function_name"])
    assert function["Configuration"]["Timeout"] == 20
    assert function["Configuration"]["Environment"]["Variables"]["REQUEST_TIMEOUT"] == "9"
    assert function["Tags"]["team"] == "risk"
    role = next(r["id"] for r in after["resources"] if r["node"] == "consumer/role").rpartition("/")[2]
    tags = aws.client("consumer", "iam").list_role_tags(RoleName=role)["Tags"]
    assert {"Key": "team", "Value": "risk"} in tags

    meter = Meter(sandbox)
    shell.ok(*asking, *changes)
    assert meter.mutating() == []


def test_what_somebody_else_changed_is_put_back(shell: Shell, sandbox: Running) -> None:
    ec2 = Aws(sandbox).client("provider", "ec2")
    offered = shell.ok("provider", "up", "--allow", CONSUMER)
    ids = {r["node"]: r["id"] for r in offered["resources"]}
    ec2.modify_vpc_endpoint_service_configuration(ServiceId=offered["service_id"], AcceptanceRequired=False)
    ec2.revoke_security_group_ingress(
        GroupId=ids["provider/alb-group"], SecurityGroupRuleIds=[ids["provider/alb-from-subnet-1"]]
    )
    meter = Meter(sandbox)
    shell.ok("provider", "up", "--allow", CONSUMER)
    assert sorted(meter.mutating()) == ["AuthorizeSecurityGroupIngress", "ModifyVpcEndpointServiceConfiguration"]
    (service,) = ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert service["AcceptanceRequired"] is True


def test_what_would_replace_the_service_is_refused_whole(shell: Shell, sandbox: Running) -> None:
    """Another block, port or number of subnets; and a borrowed network for its own."""
    ec2 = Aws(sandbox).client("provider", "ec2")
    vpc_id, (one, other) = network(ec2, "10.50", sorted(zone_names(ec2).values())[:2])
    wanted = ("provider", "up", "--allow", CONSUMER)
    shell.ok(*wanted)
    _refused(shell, sandbox, (*wanted, "--cidr", "10.9.0.0/16"), "provider/vpc")
    for wish in (
        ("--port", "8080"),
        ("--subnets", "3"),
        ("--vpc-id", vpc_id, "--subnet-id", one, "--subnet-id", other),
    ):
        _refused(shell, sandbox, (*wanted, *wish), "provider/")
    meter = Meter(sandbox)
    shell.ok(*wanted)
    assert meter.mutating() == [], "the way back is open"


def test_what_would_replace_the_endpoint_is_refused(shell: Shell, sandbox: Running) -> None:
    one = shell.ok("provider", "up", "--allow", CONSUMER, "--no-acceptance-required")
    other = shell.ok("provider", "up", "--allow", CONSUMER, "--no-acceptance-required", "--name", "other")
    asking = ("consumer", "up", "--profile", "consumer", "--service-name")
    shell.ok(*asking, one["service_name"])
    _refused(shell, sandbox, (*asking, other["service_name"]), "consumer/endpoint")


def _refused(shell: Shell, sandbox: Running, command: tuple[str, ...], node: str) -> None:
    """Insist that the command is refused with the way there, and that nothing of the standing link was touched."""
    before, state = Aws(sandbox).census(), _states(shell)
    meter = Meter(sandbox)
    refused = shell(*command, "-o", "json", "--progress", "plain")
    assert refused.code == 6, refused.err
    errors = refused.json["errors"]
    assert {error["code"] for error in errors} == {"replacement"}
    assert any(node in error["message"] for error in errors)
    assert all("plinkctl teardown" in error["hint"] for error in errors)
    assert meter.mutating() == [], refused.err
    assert Aws(sandbox).census() == before
    assert _states(shell) == state


def _states(shell: Shell) -> dict[str, Any]:
    """The state files, byte by byte."""
    folder = shell.folder / ".plinkctl"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/*.json")}
