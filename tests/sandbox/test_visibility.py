"""What was made a moment ago is not seen by everybody yet: not found by ID, missing in lists, without its tags."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
import whole
from botocore.exceptions import ClientError
from moto.ec2.models import ec2_backends

from plinkctl.sandbox.manners.visibility import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Side
    from plinkctl.sandbox import world

LAG = 10.0


def test_each_thing_takes_its_own_time_and_the_same_again() -> None:
    moments = [number / 10 for number in range(101)]

    def seen(kind: str, resource_id: str, seed: int) -> float:
        return next(now for now in moments if visible(kind, resource_id, 0, now, seed=seed, longest=LAG))

    delays = [seen("vpc", f"vpc-{number}", 1) for number in range(50)]
    assert delays == [seen("vpc", f"vpc-{number}", 1) for number in range(50)]
    assert delays != [seen("vpc", f"vpc-{number}", 2) for number in range(50)]
    assert delays != [seen("tags", f"vpc-{number}", 1) for number in range(50)]
    assert 0 < min(delays) < LAG / 3
    assert LAG * 2 / 3 < max(delays) <= LAG


def test_without_a_lag_a_thing_is_seen_in_the_moment_it_is_made() -> None:
    assert visible("vpc", "vpc-1", 5.0, 5.0, seed=0, longest=0)


class Late:
    """Makes things that are not seen yet."""

    def __init__(self, sandbox: world.World) -> None:
        self.sandbox = sandbox

    def __call__(self, make: Callable[..., Any], **arguments: Any) -> Any:
        """Call `make`; afterwards no time has passed since, and what was made before has been seen."""
        self.settled()
        return make(**arguments)

    def settled(self) -> None:
        """Let everything be seen."""
        self.sandbox.clock.advance(LAG)


@pytest.fixture
def late(sandbox: world.World) -> Late:
    sandbox.visibility = LAG
    return Late(sandbox)


def everything(side: Side, sandbox: world.World, late: Late) -> Iterator[tuple[str, Callable[[], Any], Any]]:
    """One of each kind: the code of its absence, a read by ID, a list and whether it is in it."""
    ec2, elb, iam = side.client("ec2"), side.client("elbv2"), side.client("iam")
    vpc = late(ec2.create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    yield (
        "InvalidVpcID.NotFound",
        lambda: ec2.describe_vpcs(VpcIds=[vpc]),
        lambda: vpc in {one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]},
    )
    subnets = []
    for number in (0, 1):
        subnet = late(
            ec2.create_subnet, VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZoneId=f"use1-az{number + 1}"
        )
        subnets.append(subnet["Subnet"]["SubnetId"])
    yield (
        "InvalidSubnetID.NotFound",
        lambda: ec2.describe_subnets(SubnetIds=subnets[1:]),
        lambda: subnets[1] in {one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]},
    )
    table = late(ec2.create_route_table, VpcId=vpc)["RouteTable"]["RouteTableId"]
    yield (
        "InvalidRouteTableID.NotFound",
        lambda: ec2.describe_route_tables(RouteTableIds=[table]),
        lambda: table in {one["RouteTableId"] for one in ec2.describe_route_tables()["RouteTables"]},
    )
    group = late(ec2.create_security_group, GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    yield (
        "InvalidGroup.NotFound",
        lambda: ec2.describe_security_groups(GroupIds=[group]),
        lambda: group in {one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]},
    )
    rules = late(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=whole.tcp(80, cidr="10.0.0.0/8"))
    rule = rules["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    yield (
        "InvalidSecurityGroupRuleId.NotFound",
        lambda: ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule]),
        lambda: ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"],
    )
    eni = late(ec2.create_network_interface, SubnetId=subnets[0])["NetworkInterface"]["NetworkInterfaceId"]
    yield (
        "InvalidNetworkInterfaceID.NotFound",
        lambda: ec2.describe_network_interfaces(NetworkInterfaceIds=[eni]),
        lambda: ec2.describe_network_interfaces()["NetworkInterfaces"],
    )
    made = late(elb.create_load_balancer, Name="nlb", Type="network", Scheme="internal", Subnets=subnets)
    nlb = made["LoadBalancers"][0]["LoadBalancerArn"]
    yield (
        "LoadBalancerNotFound",
        lambda: elb.describe_load_balancers(Names=["nlb"]),
        lambda: elb.describe_load_balancers()["LoadBalancers"],
    )
    made = late(elb.create_target_group, Name="t", Protocol="TCP", Port=80, VpcId=vpc, TargetType="alb")
    targets = made["TargetGroups"][0]["TargetGroupArn"]
    yield (
        "TargetGroupNotFound",
        lambda: elb.describe_target_groups(TargetGroupArns=[targets]),
        lambda: elb.describe_target_groups()["TargetGroups"],
    )
    forward = [{"Type": "forward", "TargetGroupArn": targets}]
    made = late(elb.create_listener, LoadBalancerArn=nlb, Protocol="TCP", Port=80, DefaultActions=forward)
    listener = made["Listeners"][0]["ListenerArn"]
    yield (
        "ListenerNotFound",
        lambda: elb.describe_listeners(ListenerArns=[listener]),
        lambda: elb.describe_listeners(LoadBalancerArn=nlb)["Listeners"],
    )
    made = late(ec2.create_vpc_endpoint_service_configuration, NetworkLoadBalancerArns=[nlb], AcceptanceRequired=False)
    service, name = made["ServiceConfiguration"]["ServiceId"], made["ServiceConfiguration"]["ServiceName"]
    yield (
        "InvalidVpcEndpointServiceId.NotFound",
        lambda: ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[service]),
        lambda: ec2.describe_vpc_endpoint_services()["ServiceNames"],
    )
    late.settled()
    made = late(
        ec2.create_vpc_endpoint, VpcEndpointType="Interface", ServiceName=name, VpcId=vpc, SubnetIds=subnets[:1]
    )
    endpoint = made["VpcEndpoint"]["VpcEndpointId"]
    yield (
        "InvalidVpcEndpointId.NotFound",
        lambda: ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint]),
        lambda: ec2.describe_vpc_endpoint_connections()["VpcEndpointConnections"],
    )
    role = late(iam.create_role, RoleName="r", AssumeRolePolicyDocument=json.dumps(whole.TRUST))["Role"]["Arn"]
    yield "NoSuchEntity", lambda: iam.get_role(RoleName="r"), lambda: iam.list_roles()["Roles"]
    late.settled()
    functions = side.client("lambda")
    late(
        functions.create_function,
        FunctionName="f",
        Runtime="python3.12",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": whole.zipped("def handler(event, context): return 1")},
    )
    yield (
        "ResourceNotFoundException",
        lambda: functions.get_function(FunctionName="f"),
        lambda: functions.list_functions()["Functions"],
    )


def test_new_things_of_every_kind_are_not_found_by_id_and_missing_in_lists_for_a_while(
    provider: Side, sandbox: world.World, late: Late, refused: Any
) -> None:
    seen = 0
    for code, by_id, listed in everything(provider, sandbox, late):
        with pytest.raises(ClientError) as caught:
            by_id()
        assert caught.value.response["Error"]["Code"] == code
        assert not listed()
        late.settled()
        assert by_id()
        assert listed()
        seen += 1
    assert seen == 13


def test_calls_that_name_a_new_thing_are_refused_as_if_it_were_not_there(
    provider: Side, late: Late, refused: Any
) -> None:
    ec2, elb, iam = provider.client("ec2"), provider.client("elbv2"), provider.client("iam")
    vpc = late(ec2.create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    for method, more in (
        (ec2.create_subnet, {"CidrBlock": "10.0.0.0/24"}),
        (ec2.delete_vpc, {}),
        (ec2.modify_vpc_attribute, {"EnableDnsHostnames": {"Value": True}}),
    ):
        assert refused("InvalidVpcID.NotFound", method, VpcId=vpc, **more) == f"The vpc ID '{vpc}' does not exist"
    refused("InvalidVpcID.NotFound", ec2.create_tags, Resources=[vpc], Tags=[{"Key": "a", "Value": "b"}])
    late.settled()
    subnet = late(ec2.create_subnet, VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    refused("SubnetNotFound", elb.create_load_balancer, Name="nlb", Type="network", Subnets=[subnet])
    refused("InvalidSubnetID.NotFound", ec2.delete_subnet, SubnetId=subnet)
    late.settled()
    balancer = elb.create_load_balancer(Name="nlb", Type="network", Scheme="internal", Subnets=[subnet])
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    create = ec2.create_vpc_endpoint_service_configuration
    refused("InvalidNetworkLoadBalancerArn.NotFound", create, NetworkLoadBalancerArns=[arn])
    # What is silent about the absent must not be silent here, or a tool would believe it deleted.
    refused("LoadBalancerNotFound", elb.delete_load_balancer, LoadBalancerArn=arn)
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(whole.TRUST))
    refused("NoSuchEntity", iam.delete_role, RoleName="r")
    refused("NoSuchEntity", iam.put_role_policy, RoleName="r", PolicyName="p", PolicyDocument=json.dumps(whole.RIGHTS))


def test_what_every_region_has_is_there_from_the_beginning(provider: Side, late: Late) -> None:
    ec2 = provider.session.client("ec2", region_name="us-west-2", endpoint_url=provider.url)
    assert [one["IsDefault"] for one in ec2.describe_vpcs()["Vpcs"]] == [True]
    assert len(ec2.describe_subnets()["Subnets"]) > 1
    assert len(ec2.describe_security_groups()["SecurityGroups"]) == 1


def test_names_and_addresses_are_taken_at_once(provider: Side, late: Late, refused: Any) -> None:
    ec2, elb, iam, logs = (provider.client(one) for one in ("ec2", "elbv2", "iam", "logs"))
    vpc = late(ec2.create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    late.settled()
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    refused("InvalidSubnet.Conflict", ec2.create_subnet, VpcId=vpc, CidrBlock="10.0.0.0/24")
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
    group = {"GroupName": "g", "Description": "d", "VpcId": vpc}
    ec2.create_security_group(**group)
    refused("InvalidGroup.Duplicate", ec2.create_security_group, **group)
    role = {"RoleName": "r", "AssumeRolePolicyDocument": json.dumps(whole.TRUST)}
    iam.create_role(**role)
    refused("EntityAlreadyExists", iam.create_role, **role)
    logs.create_log_group(logGroupName="/g")
    refused("ResourceAlreadyExistsException", logs.create_log_group, logGroupName="/g")
    late.settled()
    made = [elb.create_load_balancer(Name="n", Type="network", Scheme="internal", Subnets=[subnet]) for _ in range(2)]
    assert made[0]["LoadBalancers"][0]["LoadBalancerArn"] == made[1]["LoadBalancers"][0]["LoadBalancerArn"]


def test_a_connection_is_accepted_only_once_it_is_seen(
    offer: Any, place: Any, sandbox: world.World, late: Late
) -> None:
    sandbox.visibility = 0
    made, here = offer(), place()
    sandbox.visibility = LAG
    endpoint = here.connect(made.name)
    assert made.ec2.describe_vpc_endpoint_connections()["VpcEndpointConnections"] == []
    accept = {"ServiceId": made.id, "VpcEndpointIds": [endpoint]}
    [failed] = made.ec2.accept_vpc_endpoint_connections(**accept)["Unsuccessful"]
    assert failed["Error"]["Code"] == "InvalidVpcEndpointId.NotFound"
    late.settled()
    assert made.ec2.accept_vpc_endpoint_connections(**accept)["Unsuccessful"] == []


def test_tags_lag_on_their_own_and_filters_by_them_too(provider: Side, late: Late) -> None:
    ec2, elb = provider.client("ec2"), provider.client("elbv2")
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "a", "Value": "1"}]}]
    made = [late(ec2.create_vpc, CidrBlock="10.0.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"] for _ in range(3)]
    late.settled()
    ec2.create_tags(Resources=made, Tags=[{"Key": "a", "Value": "2"}])
    old, new = ({"Filters": [{"Name": "tag:a", "Values": [value]}]} for value in "12")
    assert len(ec2.describe_vpcs(**old)["Vpcs"]) == 3
    assert ec2.describe_vpcs(**new)["Vpcs"] == []
    assert {tag["Value"] for tag in ec2.describe_tags(Filters=[{"Name": "key", "Values": ["a"]}])["Tags"]} == {"1"}
    seen = []
    for _ in range(int(LAG)):
        late.sandbox.clock.advance(1)
        seen.append(len(ec2.describe_vpcs(**new)["Vpcs"]))
        assert len(ec2.describe_vpcs(**old)["Vpcs"]) == 3 - seen[-1]
    assert seen == sorted(seen)
    assert seen[-1] == 3

    group = elb.create_target_group(
        Name="t", Protocol="TCP", Port=80, VpcId=made[0], Tags=[{"Key": "a", "Value": "1"}]
    )["TargetGroups"][0]["TargetGroupArn"]
    late.settled()
    elb.add_tags(ResourceArns=[group], Tags=[{"Key": "a", "Value": "2"}])

    def tag() -> str:
        return str(elb.describe_tags(ResourceArns=[group])["TagDescriptions"][0]["Tags"][0]["Value"])

    assert tag() == "1"
    late.settled()
    assert tag() == "2"


def test_what_deleted_tags_were_is_seen_a_while_longer(provider: Side, late: Late) -> None:
    iam, ec2 = provider.client("iam"), provider.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(whole.TRUST), Tags=[{"Key": "a", "Value": "1"}])
    late.settled()
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": "1"}])
    late.settled()
    ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "a"}])
    iam.untag_role(RoleName="r", TagKeys=["a"])
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Tags"] == [{"Key": "a", "Value": "1"}]
    assert iam.list_role_tags(RoleName="r")["Tags"] == [{"Key": "a", "Value": "1"}]
    late.settled()
    assert not ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0].get("Tags")
    assert iam.list_role_tags(RoleName="r")["Tags"] == []


def test_what_is_not_seen_yet_survives_a_snapshot(provider: Side, late: Late) -> None:
    ec2 = provider.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    kept = pickle.loads(pickle.dumps(dict(ec2_backends[provider.account])))  # noqa: S301 - written here
    place = ec2_backends[provider.account]
    place.clear()
    place.update(kept)
    assert vpc not in {one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]}
    late.settled()
    assert vpc in {one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]}


def test_tags_of_functions_and_log_groups_lag_as_well(consumer: Side, late: Late) -> None:
    functions, logs, iam = consumer.client("lambda"), consumer.client("logs"), consumer.client("iam")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(whole.TRUST))["Role"]["Arn"]
    late.settled()
    code = {"ZipFile": whole.zipped("")}
    functions.create_function(
        FunctionName="f", Runtime="python3.12", Handler="index.handler", Role=role, Code=code, Tags={"a": "1"}
    )
    logs.create_log_group(logGroupName="/g", tags={"a": "1"})
    late.settled()
    function = functions.get_function(FunctionName="f")["Configuration"]["FunctionArn"]
    group = logs.describe_log_groups()["logGroups"][0]["logGroupArn"]
    functions.tag_resource(Resource=function, Tags={"a": "2"})
    logs.tag_resource(resourceArn=group, tags={"a": "2"})

    def tags() -> list[dict[str, str]]:
        return [
            functions.list_tags(Resource=function)["Tags"],
            functions.get_function(FunctionName="f")["Tags"],
            logs.list_tags_for_resource(resourceArn=group)["tags"],
        ]

    assert tags() == [{"a": "1"}] * 3
    late.settled()
    assert tags() == [{"a": "2"}] * 3


def test_what_is_not_seen_yet_works_all_the_same(provider: Side, consumer: Side, sandbox: world.World) -> None:
    made = whole.provide(provider)
    here = whole.consume(consumer, made.service_name)
    sandbox.visibility = LAG
    here.function()
    sandbox.clock.advance(LAG)
    assert here.invoke().value["body"] == "Hello from ALB!"


def test_a_target_whose_listener_is_not_seen_yet_is_unused(sandbox: world.World, provider: Side) -> None:
    made = whole.provide(provider, listening=False)
    sandbox.visibility = LAG
    forward = {"Type": "forward", "TargetGroupArn": made.targets}
    made.elb.create_listener(LoadBalancerArn=made.nlb, Protocol="TCP", Port=80, DefaultActions=[forward])

    def health() -> dict[str, str]:
        (found,) = made.elb.describe_target_health(TargetGroupArn=made.targets)["TargetHealthDescriptions"]
        return dict(found["TargetHealth"])

    assert (health()["State"], health()["Reason"]) == ("unused", "Target.NotInUse")
    sandbox.clock.advance(LAG)
    assert health()["State"] == "healthy"
