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


def role(provider: Side, *principals: str) -> str:
    trust = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    made = provider.client("iam").create_role(RoleName="deploy", AssumeRolePolicyDocument=document)
    return str(made["Role"]["Arn"])


def session(side: Side, arn: str, **more: Any) -> Callable[[str], Any]:
    """A session of a role: what makes its clients."""
    given = side.client("sts").assume_role(RoleArn=arn, RoleSessionName="run", **more)["Credentials"]
    keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    settings = Config(retries={"total_max_attempts": 1})
    made = boto3.Session(*keys, region_name="us-east-1")
    return lambda service: made.client(service, endpoint_url=side.url, config=settings)


def test_a_session_has_the_rights_of_its_role_and_of_the_policy_it_was_begun_with(
    sandbox: world.World, provider: Side, consumer: Side, refused: Callable[..., str]
) -> None:
    sandbox.enforced = True
    arn = role(provider, "222222222222")
    message = refused("UnauthorizedOperation", session(consumer, arn)("ec2").describe_vpcs)
    assert "User: arn:aws:sts::111111111111:assumed-role/deploy/run is not authorized to perform" in message
    rights = json.dumps({"Version": "2012-10-17", "Statement": [allow("ec2:*")]})
    provider.client("iam").put_role_policy(RoleName="deploy", PolicyName="own", PolicyDocument=rights)
    assert session(consumer, arn)("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    looks = json.dumps({"Version": "2012-10-17", "Statement": [allow("ec2:Describe*")]})
    limited = session(consumer, arn, Policy=looks)("ec2")
    limited.describe_vpcs()
    message = refused("UnauthorizedOperation", limited.create_vpc, CidrBlock="10.0.0.0/16")
    assert "because no session policy allows the ec2:CreateVpc action" in message


def test_a_role_is_assumed_by_who_is_named_or_may(
    somebody: Callable[..., Any], provider: Side, refused: Callable[..., str]
) -> None:
    asked = {"RoleSessionName": "run", "RoleArn": role(provider, "111111111111")}
    refused("AccessDenied", somebody(allow("ec2:*"))("sts").assume_role, **asked)
    assert somebody(allow("sts:AssumeRole", resource=asked["RoleArn"]))("sts").assume_role(**asked)["Credentials"]
    named = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:user/somebody-2"},
        "Action": "sts:AssumeRole",
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [named]})
    provider.client("iam").update_assume_role_policy(RoleName="deploy", PolicyDocument=trust)
    assert somebody(allow("ec2:*"))("sts").assume_role(**asked)["Credentials"]


def test_objects_are_read_and_written_by_who_may(
    somebody: Callable[..., Any], provider: Side, refused: Callable[..., str]
) -> None:
    provider.client("s3").create_bucket(Bucket="state")
    link = "arn:aws:s3:::state/links/*"
    s3 = somebody(allow("s3:PutObject", resource=link), allow("s3:ListBucket", resource="arn:aws:s3:::state"))("s3")
    etag = s3.put_object(Bucket="state", Key="links/a", Body=b"x", IfNoneMatch="*")["ETag"]
    assert s3.list_objects_v2(Bucket="state")["KeyCount"] == 1
    message = refused("AccessDenied", s3.get_object, Bucket="state", Key="links/a")
    assert "s3:GetObject on resource: arn:aws:s3:::state/links/a because no identity-based policy" in message
    refused("AccessDenied", s3.put_object, Bucket="state", Key="other", Body=b"x")
    refused("AccessDenied", s3.list_buckets)
    # Who compares ETags reads them.
    refused("AccessDenied", s3.put_object, Bucket="state", Key="links/a", Body=b"y", IfMatch=etag)
    reads = somebody(allow("s3:PutObject", "s3:GetObject", resource=link))("s3")
    reads.put_object(Bucket="state", Key="links/a", Body=b"y", IfMatch=etag)


def test_a_key_no_request_is_given_here_allows_nothing(
    somebody: Callable[..., Any], refused: Callable[..., str]
) -> None:
    for condition in ({"Null": {"ec2:SourceInstanceARN": "true"}}, {"StringNotEquals": {"aws:ResourceAccount": "1"}}):
        ec2 = somebody(allow("ec2:*", Condition=condition))("ec2")
        refused("UnauthorizedOperation", ec2.create_vpc, CidrBlock="10.0.0.0/16")


def test_a_user_may_no_more_than_the_boundary_says(
    somebody: Callable[..., Any], provider: Side, refused: Callable[..., str]
) -> None:
    iam, ec2 = provider.client("iam"), somebody(allow("ec2:*"))("ec2")
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("ec2:Describe*")]})
    bound = iam.create_policy(PolicyName="bound", PolicyDocument=document)["Policy"]["Arn"]
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    iam.put_user_permissions_boundary(UserName="somebody-0", PermissionsBoundary=bound)
    told = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": bound}
    assert iam.get_user(UserName="somebody-0")["User"]["PermissionsBoundary"] == told
    assert not any("PermissionsBoundary" in one for one in iam.list_users()["Users"])
    ec2.describe_vpcs()
    message = refused("UnauthorizedOperation", ec2.create_vpc, CidrBlock="10.1.0.0/16")
    assert message.endswith("because no permissions boundary allows the ec2:CreateVpc action")
    refused("DeleteConflict", iam.delete_policy, PolicyArn=bound)
    iam.delete_user_permissions_boundary(UserName="somebody-0")
    refused("NoSuchEntity", iam.delete_user_permissions_boundary, UserName="somebody-0")
    ec2.create_vpc(CidrBlock="10.1.0.0/16")
    gone = {"PermissionsBoundary": f"{bound}x"}
    refused("NoSuchEntity", iam.put_user_permissions_boundary, UserName="somebody-0", **gone)
    refused("NoSuchEntity", iam.create_user, UserName="bounded", **gone)
    made = iam.create_user(UserName="bounded", PermissionsBoundary=bound)["User"]
    assert made["PermissionsBoundary"] == told


def test_load_balancers_of_one_scheme_and_callers_by_their_tags(
    somebody: Callable[..., Any], provider: Side, refused: Callable[..., str]
) -> None:
    ec2 = provider.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    scheme = {"StringEquals": {"elasticloadbalancing:Scheme": "internal", "aws:PrincipalTag/team": "links"}}
    elb = somebody(allow("elasticloadbalancing:*", Condition=scheme))("elbv2")
    asked = {"Name": "front", "Type": "network", "Scheme": "internal", "Subnets": [subnet]}
    refused("AccessDenied", elb.create_load_balancer, **asked)
    provider.client("iam").tag_user(UserName="somebody-0", Tags=[{"Key": "team", "Value": "links"}])
    refused("AccessDenied", elb.create_load_balancer, **{**asked, "Scheme": "internet-facing"})
    assert elb.create_load_balancer(**asked)["LoadBalancers"]
