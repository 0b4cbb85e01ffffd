"""With IAM enforced, a call does what the caller's policies allow, and is refused in AWS's words where they do not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from whole import TRUST, zipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Side
    from plinkctl.sandbox import world

VPC = "arn:aws:ec2:us-east-1:111111111111:vpc/*"


@pytest.fixture
def somebody(sandbox: world.World, provider: Side) -> Callable[..., Any]:
    """Makes a user of the provider's account with one policy; gives what makes their clients."""
    sandbox.enforced = True
    made = iter(range(100))

    def make(*statements: dict[str, Any], boundary: str | None = None) -> Callable[[str], Any]:
        iam, name = provider.client("iam"), f"somebody-{next(made)}"
        iam.create_user(UserName=name)
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=sandbox.region)
        settings = Config(retries={"total_max_attempts": 1})
        return lambda service: session.client(service, endpoint_url=provider.url, config=settings)

    return make


def allow(*actions: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def tags(**pairs: str) -> list[dict[str, Any]]:
    return [{"ResourceType": "vpc", "Tags": [{"Key": key, "Value": value} for key, value in pairs.items()]}]


def test_the_seeded_users_may_do_everything(sandbox: world.World, provider: Side) -> None:
    sandbox.enforced = True
    assert provider.client("ec2").create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags(a="b"))["Vpc"]["VpcId"]


def test_what_no_policy_allows_is_refused_in_aws_s_words(somebody: Callable[..., Any], provider: Side) -> None:
    ec2 = somebody(allow("ec2:Describe*"))("ec2")
    before = len(ec2.describe_vpcs()["Vpcs"])
    with pytest.raises(ClientError) as caught:
        ec2.create_vpc(CidrBlock="10.0.0.0/16")
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("UnauthorizedOperation", 403)
    assert answer["Error"]["Message"] == (
        "You are not authorized to perform this operation. User: arn:aws:iam::111111111111:user/somebody-0 is not "
        f"authorized to perform: ec2:CreateVpc on resource: {VPC} because no identity-based policy allows the "
        "ec2:CreateVpc action"
    )
    assert len(ec2.describe_vpcs()["Vpcs"]) == before


def test_a_dry_run_tells_of_rights_too(somebody: Callable[..., Any], refused: Callable[..., str]) -> None:
    ec2 = somebody(allow("ec2:CreateVpc"))("ec2")
    refused("DryRunOperation", ec2.create_vpc, CidrBlock="10.0.0.0/16", DryRun=True)
    refused("UnauthorizedOperation", ec2.create_security_group, GroupName="g", Description="g", DryRun=True)


@pytest.mark.parametrize(
    ("service", "method", "arguments", "code", "status"),
    [
        ("elbv2", "describe_load_balancers", {}, "AccessDenied", 403),
        ("iam", "list_roles", {}, "AccessDenied", 403),
        ("logs", "describe_log_groups", {}, "AccessDeniedException", 400),
        ("lambda", "list_functions", {}, "AccessDeniedException", 403),
    ],
)
def test_each_service_has_its_own_code(
    somebody: Callable[..., Any], service: str, method: str, arguments: Any, code: str, status: int
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(somebody(allow("ec2:*"))(service), method)(**arguments)
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)


def test_tags_at_creation_need_the_right_to_tag_and_can_be_demanded(
    somebody: Callable[..., Any], refused: Callable[..., str]
) -> None:
    demanded = allow("ec2:CreateVpc", Condition={"StringEquals": {"aws:RequestTag/plinkctl:link": "shop"}})
    only_then = allow("ec2:CreateTags", Condition={"StringEquals": {"ec2:CreateAction": "CreateVpc"}})
    asked = {"CidrBlock": "10.0.0.0/16", "TagSpecifications": tags(**{"plinkctl:link": "shop"})}
    message = refused("UnauthorizedOperation", somebody(demanded)("ec2").create_vpc, **asked)
    assert "ec2:CreateTags" in message

    ec2 = somebody(demanded, only_then)("ec2")
    vpc = ec2.create_vpc(**asked)["Vpc"]["VpcId"]
    refused("UnauthorizedOperation", ec2.create_vpc, CidrBlock="10.1.0.0/16")
    refused("UnauthorizedOperation", ec2.create_tags, Resources=[vpc], Tags=[{"Key": "a", "Value": "b"}])


def test_what_carries_the_tag_may_be_deleted_and_nothing_else(
    somebody: Callable[..., Any], provider: Side, refused: Callable[..., str]
) -> None:
    mine = {"StringEquals": {"aws:ResourceTag/plinkctl:link": "shop"}}
    ec2, theirs = somebody(allow("ec2:DeleteVpc", Condition=mine))("ec2"), provider.client("ec2")
    tagged = theirs.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags(**{"plinkctl:link": "shop"}))["Vpc"]
    other = theirs.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]
    refused("UnauthorizedOperation", ec2.delete_vpc, VpcId=other["VpcId"])
    ec2.delete_vpc(VpcId=tagged["VpcId"])


def test_whom_a_consumer_may_connect_to(
    somebody: Callable[..., Any], offer: Callable[..., Any], provider: Side, refused: Callable[..., str]
) -> None:
    offered = offer()
    owner = {"StringEquals": {"ec2:VpceServiceOwner": "111111111111"}}
    stranger = {"StringEquals": {"ec2:VpceServiceOwner": "333333333333"}}
    asked = {
        "VpcEndpointType": "Interface",
        "ServiceName": offered.name,
        "VpcId": offered.vpc,
        "SubnetIds": offered.subnets[:1],
    }
    reads = allow("ec2:Describe*")
    right = somebody(allow("ec2:CreateVpcEndpoint", Condition=owner), reads)("ec2")
    assert right.create_vpc_endpoint(**asked)["VpcEndpoint"]["ServiceName"] == offered.name
    wrong = somebody(allow("ec2:CreateVpcEndpoint", Condition=stranger), reads)("ec2")
    refused("UnauthorizedOperation", wrong.create_vpc_endpoint, **asked)
    blind = somebody(allow("ec2:CreateVpcEndpoint"))("ec2")
    assert "ec2:DescribeVpcs" in refused("UnauthorizedOperation", blind.create_vpc_endpoint, **asked)


def test_a_role_is_passed_only_to_whom_the_policy_says(
    somebody: Callable[..., Any], provider: Side, refused: Callable[..., str]
) -> None:
    role = provider.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    asked: dict[str, Any] = {
        "FunctionName": "f",
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": role,
        "Code": {"ZipFile": zipped("def handler(event, context): pass")},
    }
    makes = allow("lambda:CreateFunction")
    message = refused("AccessDeniedException", somebody(makes)("lambda").create_function, **asked)
    assert f"iam:PassRole on resource: {role}" in message
    for service, code in (("ec2.amazonaws.com", "AccessDeniedException"), ("lambda.amazonaws.com", None)):
        condition = {"StringEquals": {"iam:PassedToService": service}}
        functions = somebody(makes, allow("iam:PassRole", resource=role, Condition=condition))("lambda")
        if code:
            refused(code, functions.create_function, **asked)
        else:
            assert functions.create_function(**asked)["FunctionName"] == "f"


def test_without_enforcement_anybody_may_do_anything(sandbox: world.World, somebody: Callable[..., Any]) -> None:
    ec2 = somebody(allow("s3:*"))("ec2")
    sandbox.enforced = False
    assert ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
