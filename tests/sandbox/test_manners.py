"""What holds for every call: lists come in pages, dry runs tell the truth and change nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import whole
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Side
    from plinkctl.sandbox import world


# ---------------------------------------------------------------------------------------------- pages


def fill(side: Side) -> None:
    """Three of everything that is listed."""
    ec2, elb, iam = side.client("ec2"), side.client("elbv2"), side.client("iam")
    for number in range(3):
        vpc = ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.{number}.0.0/24")["Subnet"]["SubnetId"]
        ec2.create_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": str(number)}])
        nlb = elb.create_load_balancer(Name=f"n{number}", Type="network", Scheme="internal", Subnets=[subnet])
        arn = nlb["LoadBalancers"][0]["LoadBalancerArn"]
        elb.create_target_group(Name=f"t{number}", Protocol="TCP", Port=80, VpcId=vpc, TargetType="alb")
        ec2.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[arn])
        iam.create_role(RoleName=f"r{number}", AssumeRolePolicyDocument=json.dumps(whole.TRUST))
        side.client("logs").create_log_group(logGroupName=f"/g{number}")
        side.client("lambda").create_function(
            FunctionName=f"f{number}",
            Runtime="python3.12",
            Handler="index.handler",
            Role=iam.get_role(RoleName="r0")["Role"]["Arn"],
            Code={"ZipFile": whole.zipped("")},
        )


#: By service: the parameters for size and beginning of a page, where the answer says what follows, and the refusal.
WORDS = {
    "ec2": ("MaxResults", "NextToken", "NextToken", "InvalidNextToken"),
    "elbv2": ("PageSize", "Marker", "NextMarker", "ValidationError"),
    "iam": ("MaxItems", "Marker", "Marker", "ValidationError"),
    "lambda": ("MaxItems", "Marker", "NextMarker", "InvalidParameterValueException"),
    "logs": ("limit", "nextToken", "nextToken", "InvalidParameterException"),
}
LISTS = [
    ("ec2", "describe_vpcs", "Vpcs"),
    ("ec2", "describe_subnets", "Subnets"),
    ("ec2", "describe_tags", "Tags"),
    ("ec2", "describe_security_groups", "SecurityGroups"),
    ("ec2", "describe_network_interfaces", "NetworkInterfaces"),
    ("ec2", "describe_vpc_endpoint_service_configurations", "ServiceConfigurations"),
    ("ec2", "describe_vpc_endpoint_services", "ServiceDetails"),
    ("elbv2", "describe_load_balancers", "LoadBalancers"),
    ("elbv2", "describe_target_groups", "TargetGroups"),
    ("iam", "list_roles", "Roles"),
    ("iam", "list_policies", "Policies"),
    ("lambda", "list_functions", "Functions"),
    ("logs", "describe_log_groups", "logGroups"),
]


def test_lists_come_in_pages_and_every_service_has_its_own_words_for_it(provider: Side, refused: Any) -> None:
    fill(provider)
    for service, operation, key in LISTS:
        size, start, following, bad = WORDS[service]
        method = getattr(provider.client(service), operation)
        whole_list = method()
        assert not whole_list.get(following), operation
        count = len(whole_list[key])
        assert count >= 2, operation
        limit = max(1, count - 1)
        if service == "ec2":
            limit = 5  # boto3 itself refuses less
        first = method(**{size: limit})
        assert first[key] == whole_list[key][:limit], operation
        if count > limit:
            second = method(**{size: limit, start: first[following]})
            assert first[key] + second[key] == whole_list[key], operation
            assert not second.get(following), operation
        refused(bad, method, **{start: "bm90IG91cnM="})


def test_small_pages_find_out_who_does_not_turn_them(provider: Side, sandbox: world.World) -> None:
    fill(provider)
    for service, operation, key in LISTS:
        following = WORDS[service][2]
        client = provider.client(service)
        sandbox.page_size = None
        everything = getattr(client, operation)()[key]
        sandbox.page_size = 1
        page = getattr(client, operation)()
        assert len(page[key]) == 1, operation
        assert page[following], operation
        assert client.get_paginator(operation).paginate().build_full_result()[key] == everything, operation


def test_a_page_has_no_more_than_the_service_gives_whatever_is_asked(provider: Side) -> None:
    logs = provider.client("logs")
    for number in range(51):
        logs.create_log_group(logGroupName=f"/g{number:02}")
    assert len(logs.describe_log_groups()["logGroups"]) == 50
    assert len(logs.describe_log_groups(limit=50)["logGroups"]) == 50
    assert len(logs.get_paginator("describe_log_groups").paginate().build_full_result()["logGroups"]) == 51
    functions = provider.client("lambda")
    assert functions.list_functions(MaxItems=1000)["Functions"] == []


def test_a_token_is_good_for_the_list_it_came_from_only(provider: Side, sandbox: world.World, refused: Any) -> None:
    fill(provider)
    sandbox.page_size = 1
    ec2 = provider.client("ec2")
    token = ec2.describe_vpcs()["NextToken"]
    assert refused("InvalidNextToken", ec2.describe_subnets, NextToken=token)


# ------------------------------------------------------------------------------------------- dry runs


def dry(method: Callable[..., Any], **arguments: Any) -> str:
    """The code a dry run ends with."""
    with pytest.raises(ClientError) as caught:
        method(**arguments, DryRun=True)
    return str(caught.value.response["Error"]["Code"])


def test_a_list_that_goes_on_from_a_key_does_so(provider: Side, sandbox: world.World) -> None:
    table = provider.client("dynamodb")
    schema = {
        "TableName": "t",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    }
    table.create_table(**schema, AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}])
    for key in "abc":
        table.put_item(TableName="t", Item={"k": {"S": key}})
    sandbox.page_size = 1
    first = table.scan(TableName="t", Limit=2)
    assert len(first["Items"]) == 2
    rest = table.scan(TableName="t", ExclusiveStartKey=first["LastEvaluatedKey"])["Items"]
    assert sorted(one["k"]["S"] for one in first["Items"] + rest) == ["a", "b", "c"]


def test_dry_runs_say_what_the_call_would_have_said_and_change_nothing(
    offer: Any, place: Any, provider: Side, consumer: Side
) -> None:
    made, here = offer(), place()
    ec2 = here.ec2
    endpoint = here.connect(made.name)
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=here.vpc)["GroupId"]
    table = ec2.create_route_table(VpcId=here.vpc)["RouteTable"]["RouteTableId"]

    def state() -> list[Any]:
        return [
            client.get_paginator(operation).paginate().build_full_result()
            for client in (made.ec2, ec2)
            for operation in (
                "describe_vpcs", "describe_subnets", "describe_security_groups", "describe_security_group_rules",
                "describe_route_tables", "describe_network_interfaces", "describe_vpc_endpoints", "describe_tags",
                "describe_vpc_endpoint_service_configurations", "describe_vpc_endpoint_connections",
            )
        ]  # fmt: skip

    before = state()
    interface = {"VpcId": here.vpc, "SubnetIds": here.subnets, "VpcEndpointType": "Interface"}
    rule = {"GroupId": group, "IpPermissions": whole.tcp(80, cidr="10.0.0.0/8")}
    new = {"Description": "d", "VpcId": here.vpc}
    cases: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
        ("DryRunOperation", ec2.create_vpc, {"CidrBlock": "10.0.0.0/16"}),
        ("InvalidVpc.Range", ec2.create_vpc, {"CidrBlock": "10.0.0.0/8"}),
        ("DependencyViolation", ec2.delete_vpc, {"VpcId": here.vpc}),
        ("DryRunOperation", ec2.create_subnet, {"VpcId": here.vpc, "CidrBlock": "10.0.9.0/24"}),
        ("InvalidSubnet.Conflict", ec2.create_subnet, {"VpcId": here.vpc, "CidrBlock": "10.0.0.0/24"}),
        ("DependencyViolation", ec2.delete_subnet, {"SubnetId": here.subnets[0]}),
        ("DryRunOperation", ec2.create_security_group, {**new, "GroupName": "h"}),
        ("InvalidGroup.Duplicate", ec2.create_security_group, {**new, "GroupName": "g"}),
        ("DryRunOperation", ec2.delete_security_group, {"GroupId": group}),
        ("DryRunOperation", ec2.authorize_security_group_ingress, rule),
        ("InvalidPermission.NotFound", ec2.revoke_security_group_ingress, rule),
        ("DryRunOperation", ec2.associate_route_table, {"RouteTableId": table, "SubnetId": here.subnets[0]}),
        ("DryRunOperation", ec2.delete_route_table, {"RouteTableId": table}),
        ("DryRunOperation", ec2.create_tags, {"Resources": [group], "Tags": [{"Key": "a", "Value": "b"}]}),
        ("InvalidGroup.NotFound", ec2.create_tags, {"Resources": ["sg-1"], "Tags": [{"Key": "a", "Value": "b"}]}),
        ("DryRunOperation", ec2.create_vpc_endpoint, {**interface, "ServiceName": made.name}),
        ("InvalidServiceName", ec2.create_vpc_endpoint, {**interface, "ServiceName": f"{made.name}0"}),
        ("DryRunOperation", ec2.modify_vpc_endpoint, {"VpcEndpointId": endpoint, "AddSecurityGroupIds": [group]}),
        ("DryRunOperation", ec2.delete_vpc_endpoints, {"VpcEndpointIds": [endpoint]}),
        ("DryRunOperation", made.ec2.accept_vpc_endpoint_connections,
         {"ServiceId": made.id, "VpcEndpointIds": [endpoint]}),
        ("InvalidVpcEndpointServiceId.NotFound", made.ec2.reject_vpc_endpoint_connections,
         {"ServiceId": f"vpce-svc-{'0' * 17}", "VpcEndpointIds": [endpoint]}),
        ("InvalidParameter", made.ec2.create_vpc_endpoint_service_configuration,
         {"NetworkLoadBalancerArns": [made.arn]}),
        ("InvalidPrincipal", made.ec2.modify_vpc_endpoint_service_permissions,
         {"ServiceId": made.id, "AddAllowedPrincipals": ["nobody"]}),
        ("DryRunOperation", made.ec2.modify_vpc_endpoint_service_permissions,
         {"ServiceId": made.id, "AddAllowedPrincipals": ["*"]}),
        ("DryRunOperation", ec2.describe_vpcs, {}),
        ("InvalidVpcID.NotFound", ec2.describe_vpcs, {"VpcIds": ["vpc-1"]}),
    ]  # fmt: skip
    for code, method, arguments in cases:
        assert dry(method, **arguments) == code, (method, arguments)
        assert state() == before, (method, arguments)
    # And what was rehearsed can be done.
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    ec2.authorize_security_group_ingress(**rule)


def test_a_dry_run_does_not_use_up_a_client_token(offer: Any, place: Any) -> None:
    made, here = offer(), place()
    asked = {"VpcId": here.vpc, "SubnetIds": here.subnets, "VpcEndpointType": "Interface", "ServiceName": made.name}
    assert dry(here.ec2.create_vpc_endpoint, **asked, ClientToken="t") == "DryRunOperation"
    assert here.ec2.create_vpc_endpoint(**{**asked, "PrivateDnsEnabled": False}, ClientToken="t")["VpcEndpoint"]


def test_dry_runs_leave_alone_what_a_call_would_tell_others(offer: Any, place: Any, provider: Side) -> None:
    made, here = offer(), place()
    sns, sqs, zones = (provider.client(one) for one in ("sns", "sqs", "route53"))
    topic = sns.create_topic(Name="t")["TopicArn"]
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "vpce.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    zones.create_hosted_zone(Name="example.test", CallerReference="1")
    made.ec2.create_vpc_endpoint_connection_notification(
        ServiceId=made.id, ConnectionNotificationArn=topic, ConnectionEvents=["Connect"]
    )
    asked = {"VpcId": here.vpc, "SubnetIds": here.subnets, "VpcEndpointType": "Interface", "ServiceName": made.name}
    sqs.purge_queue(QueueUrl=queue)
    assert dry(here.ec2.create_vpc_endpoint, **asked) == "DryRunOperation"
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    here.ec2.create_vpc_endpoint(**asked)
    assert len(sqs.receive_message(QueueUrl=queue)["Messages"]) == 1
