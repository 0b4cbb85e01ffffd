"""What public tools rely on beyond plinkctl's own calls; each line here was once the reason of a failed run of one."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from plinkctl.sandbox.clock import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Side
    from plinkctl.sandbox.world import World


ZONES = ("use1-az1", "use1-az2", "use1-az4")


def vpc(side: Side, **more: Any) -> tuple[Any, str, list[str]]:
    """A VPC with a subnet in each of three zones: 10.0.0.0/24 and so on."""
    ec2 = side.client("ec2")
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16", **more)["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc_id, CidrBlock=f"10.0.{n}.0/24", AvailabilityZoneId=zone)["Subnet"]["SubnetId"]
        for n, zone in enumerate(ZONES)
    ]
    return ec2, vpc_id, subnets


# ------------------------------------------------------------------------------------------- access lists


def test_the_default_access_list_goes_with_its_vpc_and_a_subnet_leaves_it(provider: Side) -> None:
    ec2, vpc_id, subnets = vpc(provider)
    mine = [{"Name": "vpc-id", "Values": [vpc_id]}]
    (acl,) = ec2.describe_network_acls(Filters=mine)["NetworkAcls"]
    assert {one["SubnetId"] for one in acl["Associations"]} == set(subnets)
    ec2.delete_subnet(SubnetId=subnets[0])
    (acl,) = ec2.describe_network_acls(Filters=mine)["NetworkAcls"]
    assert {one["SubnetId"] for one in acl["Associations"]} == set(subnets[1:])
    for subnet in subnets[1:]:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc_id)
    assert ec2.describe_network_acls(Filters=mine)["NetworkAcls"] == []


def test_a_made_access_list_denies_keeps_its_vpc_and_is_named_when_it_is_gone(
    provider: Side, refused: Callable[..., str]
) -> None:
    ec2, vpc_id, subnets = vpc(provider)
    acl = ec2.create_network_acl(VpcId=vpc_id)["NetworkAcl"]
    last = {(one["Egress"], one["RuleAction"], one["RuleNumber"]) for one in acl["Entries"]}
    assert last == {(True, "deny", 32767), (False, "deny", 32767)}
    where = {"NetworkAclId": acl["NetworkAclId"], "Egress": False}
    refused("InvalidNetworkAclEntry.NotFound", ec2.delete_network_acl_entry, RuleNumber=7, **where)
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc_id)
    ec2.delete_network_acl(NetworkAclId=acl["NetworkAclId"])
    refused("InvalidNetworkAclID.NotFound", ec2.describe_network_acls, NetworkAclIds=[acl["NetworkAclId"]])
    (default,) = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["NetworkAcls"]
    refused("InvalidParameterValue", ec2.delete_network_acl, NetworkAclId=default["NetworkAclId"])
    ec2.delete_vpc(VpcId=vpc_id)


# ------------------------------------------------------------------------------------------- NAT gateways


def test_a_nat_gateway_holds_its_subnet_and_lets_go_of_all_when_it_is_deleted(
    provider: Side, refused: Callable[..., str]
) -> None:
    ec2, _, subnets = vpc(provider)
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=allocation)["NatGateway"]
    (where,) = gateway["NatGatewayAddresses"]
    (eni,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[where["NetworkInterfaceId"]])["NetworkInterfaces"]
    assert (eni["SubnetId"], eni["InterfaceType"], eni["RequesterManaged"]) == (subnets[0], "nat_gateway", True)
    assert where["PrivateIp"] == eni["PrivateIpAddress"] == "10.0.0.4"
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnets[0])
    again = {"SubnetId": subnets[1], "AllocationId": allocation}
    refused("Resource.AlreadyAssociated", ec2.create_nat_gateway, **again)
    ec2.delete_subnet(SubnetId=subnets[1])
    ec2.delete_nat_gateway(NatGatewayId=gateway["NatGatewayId"])
    assert "AssociationId" not in ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]
    ec2.release_address(AllocationId=allocation)
    ec2.delete_subnet(SubnetId=subnets[0])
    refused("NatGatewayNotFound", ec2.delete_nat_gateway, NatGatewayId="nat-00000000000000000")


# --------------------------------------------------------------------------------------- networks at large


def test_a_subnet_is_found_by_its_ipv6_block(provider: Side) -> None:
    ec2, vpc_id, _ = vpc(provider, AmazonProvidedIpv6CidrBlock=True)
    (block,) = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"]
    six = block["Ipv6CidrBlock"].replace("/56", "/64")
    made = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.9.0/24", Ipv6CidrBlock=six)["Subnet"]
    (association,) = made["Ipv6CidrBlockAssociationSet"]
    assert association["Ipv6CidrBlockState"]["State"] == "associated"
    for name, value in (
        ("association-id", association["AssociationId"]),
        ("ipv6-cidr-block", six),
        ("state", "associated"),
    ):
        asked = [{"Name": f"ipv6-cidr-block-association.{name}", "Values": [value]}]
        found = ec2.describe_subnets(Filters=asked)["Subnets"]
        assert [one["SubnetId"] for one in found] == [made["SubnetId"]], name


def test_a_subnet_is_found_by_its_zone_in_every_spelling(provider: Side) -> None:
    ec2, vpc_id, subnets = vpc(provider)
    zone = ec2.describe_subnets(SubnetIds=subnets[:1])["Subnets"][0]["AvailabilityZone"]
    for name, value in (
        ("availability-zone-id", ZONES[0]),
        ("availabilityZoneId", ZONES[0]),
        ("availability-zone", zone),
        ("availabilityZone", zone),
    ):
        asked = [{"Name": name, "Values": [value]}, {"Name": "vpc-id", "Values": [vpc_id]}]
        found = ec2.describe_subnets(Filters=asked)["Subnets"]
        assert [one["SubnetId"] for one in found] == subnets[:1], name


def test_dhcp_options_are_tagged_as_they_are_made(provider: Side) -> None:
    ec2 = provider.client("ec2")
    tags = [{"Key": "Name", "Value": "mine"}]
    made = ec2.create_dhcp_options(
        DhcpConfigurations=[{"Key": "domain-name", "Values": ["example.internal"]}],
        TagSpecifications=[{"ResourceType": "dhcp-options", "Tags": tags}],
    )["DhcpOptions"]
    assert made["Tags"] == tags
    found = ec2.describe_dhcp_options(DhcpOptionsIds=[made["DhcpOptionsId"]])["DhcpOptions"]
    assert found[0]["Tags"] == tags


def test_tags_go_with_what_surrounds_a_network(provider: Side) -> None:
    ec2, vpc_id, _ = vpc(provider)

    def tagged(kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": [{"Key": "mine", "Value": kind}]}]

    acl = ec2.create_network_acl(VpcId=vpc_id, TagSpecifications=tagged("network-acl"))["NetworkAcl"]["NetworkAclId"]
    gateway = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))["InternetGateway"]
    options = ec2.create_dhcp_options(
        DhcpConfigurations=[{"Key": "domain-name", "Values": ["example.internal"]}],
        TagSpecifications=tagged("dhcp-options"),
    )["DhcpOptions"]["DhcpOptionsId"]
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"]
    gateway_id = gateway["InternetGatewayId"]
    mine = [{"Name": "key", "Values": ["mine"]}]
    found = {one["ResourceId"] for one in ec2.describe_tags(Filters=mine)["Tags"]}
    assert found == {acl, gateway_id, options, address}
    ec2.delete_network_acl(NetworkAclId=acl)
    ec2.delete_internet_gateway(InternetGatewayId=gateway_id)
    ec2.delete_dhcp_options(DhcpOptionsId=options)
    ec2.release_address(AllocationId=address)
    assert ec2.describe_tags(Filters=mine)["Tags"] == []


# ---------------------------------------------------------------------------------------------- endpoints


def test_a_rejected_endpoint_gives_up_groups_and_keeps_its_subnets(
    offer: Callable[..., Any], place: Callable[..., Any], refused: Callable[..., str]
) -> None:
    made, here = offer("use1-az1", "use1-az2"), place("use1-az1", "use1-az2")
    endpoint = here.connect(made.name)
    made.ec2.accept_vpc_endpoint_connections(ServiceId=made.id, VpcEndpointIds=[endpoint])
    made.ec2.reject_vpc_endpoint_connections(ServiceId=made.id, VpcEndpointIds=[endpoint])
    group = here.ec2.create_security_group(GroupName="g", Description="g", VpcId=here.vpc)["GroupId"]
    modify = here.ec2.modify_vpc_endpoint
    modify(VpcEndpointId=endpoint, AddSecurityGroupIds=[group])
    modify(VpcEndpointId=endpoint, RemoveSecurityGroupIds=[group])
    refused("InvalidParameter", modify, VpcEndpointId=endpoint, RemoveSubnetIds=here.subnets[1:])
    (found,) = here.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    assert (found["State"], sorted(found["SubnetIds"])) == ("rejected", sorted(here.subnets))


def test_while_subnets_are_changed_an_endpoint_takes_no_other_change(
    offer: Callable[..., Any], place: Callable[..., Any], refused: Callable[..., str], sandbox: World
) -> None:
    made, here = offer("use1-az1", "use1-az2", acceptance=False), place("use1-az1", "use1-az2")
    endpoint = here.connect(made.name)
    group = here.ec2.create_security_group(GroupName="g", Description="g", VpcId=here.vpc)["GroupId"]
    modify, wait = here.ec2.modify_vpc_endpoint, 60.0
    sandbox.profile = Profile(name="slow", endpoint_pending=wait)
    modify(VpcEndpointId=endpoint, AddSecurityGroupIds=[group])
    modify(VpcEndpointId=endpoint, RemoveSecurityGroupIds=[group])  # without waiting for the first
    modify(VpcEndpointId=endpoint, RemoveSubnetIds=here.subnets[1:])
    for more in ({"AddSubnetIds": here.subnets[1:]}, {"AddSecurityGroupIds": [group]}, {"PrivateDnsEnabled": False}):
        message = refused("OperationInProgress", modify, VpcEndpointId=endpoint, **more)
        assert message == "VpcEndpoint modify operation in progress"
    sandbox.clock.advance(wait)
    modify(VpcEndpointId=endpoint, AddSubnetIds=here.subnets[1:])


# ---------------------------------------------------------------------------------------- load balancers


def standing(side: Side, arn: str) -> set[tuple[str, str]]:
    """Where a load balancer has its interfaces: subnet and address."""
    name = arn.partition("loadbalancer/")[2]
    asked = [{"Name": "description", "Values": [f"ELB {name}"]}]
    found = side.client("ec2").describe_network_interfaces(Filters=asked)["NetworkInterfaces"]
    return {(one["SubnetId"], one["PrivateIpAddress"]) for one in found}


def test_a_network_load_balancer_takes_the_addresses_it_is_told(provider: Side, refused: Callable[..., str]) -> None:
    _, _, subnets = vpc(provider)
    elb = provider.client("elbv2")
    asked = [
        {"SubnetId": subnets[0], "PrivateIPv4Address": "10.0.0.20"},
        {"SubnetId": subnets[1], "PrivateIPv4Address": "10.0.1.20"},
    ]
    settings = {"Type": "network", "Scheme": "internal"}
    made = elb.create_load_balancer(Name="nlb", SubnetMappings=asked, **settings)["LoadBalancers"][0]
    told = {
        (zone["SubnetId"], address["PrivateIPv4Address"])
        for zone in made["AvailabilityZones"]
        for address in zone["LoadBalancerAddresses"]
    }
    assert told == {(subnets[0], "10.0.0.20"), (subnets[1], "10.0.1.20")}
    assert standing(provider, made["LoadBalancerArn"]) == told
    again = elb.create_load_balancer(Name="nlb", SubnetMappings=asked, **settings)["LoadBalancers"][0]
    assert again["LoadBalancerArn"] == made["LoadBalancerArn"]
    other = [{"SubnetId": subnets[0], "PrivateIPv4Address": "10.0.0.20"}]
    taken = elb.create_load_balancer(Name="taken", SubnetMappings=other, **settings)["LoadBalancers"][0]
    assert (taken["State"]["Code"], standing(provider, taken["LoadBalancerArn"])) == ("failed", set())
    outside = [{"SubnetId": subnets[0], "PrivateIPv4Address": "10.9.9.9"}]
    refused("InvalidConfigurationRequest", elb.create_load_balancer, Name="two", SubnetMappings=outside, **settings)
    refused("ValidationError", elb.create_load_balancer, Name="two", SubnetMappings=asked, Scheme="internal")


# --------------------------------------------------------------------------------- functions and their roles

TRUST = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"Service": "lambda.amazonaws.com"}}]}"""


@pytest.fixture
def role(consumer: Side) -> str:
    """A role a function in a VPC can have."""
    iam = consumer.client("iam")
    policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
    arn = iam.create_role(RoleName="fn", Description="first", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.attach_role_policy(RoleName="fn", PolicyArn=policy)
    return str(arn)


def function(side: Side, role: str, **more: Any) -> Any:
    """Make a function that answers nothing; its client."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): pass\n")
    client = side.client("lambda")
    code = {"ZipFile": packed.getvalue()}
    client.create_function(
        FunctionName="f", Role=role, Handler="index.handler", Runtime="python3.12", Code=code, **more
    )
    return client


def test_a_function_is_a_target_without_a_port(consumer: Side, role: str, refused: Callable[..., str]) -> None:
    function(consumer, role)
    arn = consumer.client("lambda").get_function(FunctionName="f")["Configuration"]["FunctionArn"]
    elb = consumer.client("elbv2")
    group = elb.create_target_group(Name="fn", TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"]
    refused("InvalidTarget", elb.register_targets, TargetGroupArn=group, Targets=[{"Id": "10.0.0.1"}])
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": arn}])
    [told] = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert told["Target"] == {"Id": arn}
    assert told["TargetHealth"]["State"] == "unavailable"
    refused("TooManyTargets", elb.register_targets, TargetGroupArn=group, Targets=[{"Id": f"{arn}:1"}])
    elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": arn}])
    assert elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"] == []
    elb.delete_target_group(TargetGroupArn=group)


def test_a_function_changes_its_groups_and_keeps_its_subnets(
    consumer: Side, role: str, refused: Callable[..., str]
) -> None:
    ec2, vpc_id, subnets = vpc(consumer)
    (default,) = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["SecurityGroups"]
    group = ec2.create_security_group(GroupName="fn", Description="fn", VpcId=vpc_id)["GroupId"]
    client = function(consumer, role, VpcConfig={"SubnetIds": subnets[:2], "SecurityGroupIds": [group]})
    changed = client.update_function_configuration(
        FunctionName="f", VpcConfig={"SecurityGroupIds": [default["GroupId"]]}
    )["VpcConfig"]
    assert (changed["SubnetIds"], changed["SecurityGroupIds"]) == (subnets[:2], [default["GroupId"]])
    refused(
        "InvalidParameterValueException",
        client.update_function_configuration,
        FunctionName="f",
        VpcConfig={"SubnetIds": []},
    )
    client.update_function_configuration(FunctionName="f", VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
    assert not client.get_function_configuration(FunctionName="f").get("VpcConfig", {}).get("SubnetIds")


def test_a_function_says_how_it_logs_and_what_it_was_given(
    consumer: Side, role: str, refused: Callable[..., str]
) -> None:
    asked = {"LogFormat": "JSON", "SystemLogLevel": "WARN", "LogGroup": "/mine"}
    client = function(consumer, role, LoggingConfig=asked, EphemeralStorage={"Size": 600})
    config = client.get_function_configuration(FunctionName="f")
    assert config["LoggingConfig"] == {**asked, "ApplicationLogLevel": "INFO"}
    client.update_function_configuration(
        FunctionName="f", EphemeralStorage={"Size": 700}, TracingConfig={"Mode": "Active"}
    )
    config = client.get_function_configuration(FunctionName="f")
    assert (config["EphemeralStorage"], config["TracingConfig"]) == ({"Size": 700}, {"Mode": "Active"})
    assert config["LoggingConfig"] == {**asked, "ApplicationLogLevel": "INFO"}
    text = {"LogFormat": "Text"}
    wrong = {**text, "SystemLogLevel": "WARN"}
    refused(
        "InvalidParameterValueException", client.update_function_configuration, FunctionName="f", LoggingConfig=wrong
    )
    changed = client.update_function_configuration(FunctionName="f", LoggingConfig=text)
    assert changed["LoggingConfig"] == {**text, "LogGroup": "/mine"}


def test_a_function_tells_where_failed_events_go_and_loses_its_variables(
    consumer: Side, role: str, refused: Callable[..., str]
) -> None:
    queue = {"TargetArn": f"arn:aws:sqs:us-east-1:{consumer.account}:events"}
    client = function(consumer, role, Environment={"Variables": {"A": "1"}})
    change = client.update_function_configuration
    message = refused("InvalidParameterValueException", change, FunctionName="f", DeadLetterConfig=queue)
    assert message == "The provided execution role does not have permissions to call SendMessage on SQS"
    policy = TRUST.replace("sts:AssumeRole", "sqs:SendMessage").replace(
        '"Principal": {"Service": "lambda.amazonaws.com"}', '"Resource": "*"'
    )
    consumer.client("iam").put_role_policy(RoleName="fn", PolicyName="send", PolicyDocument=policy)
    change(FunctionName="f", DeadLetterConfig=queue)
    assert change(FunctionName="f", Timeout=9)["DeadLetterConfig"] == queue
    assert "DeadLetterConfig" not in change(FunctionName="f", DeadLetterConfig={"TargetArn": ""})
    assert change(FunctionName="f", Timeout=8)["Environment"] == {"Variables": {"A": "1"}}
    assert "Environment" not in change(FunctionName="f", Environment={})


def test_an_updated_role_keeps_what_was_not_named(consumer: Side, role: str) -> None:
    iam = consumer.client("iam")
    iam.update_role(RoleName="fn", MaxSessionDuration=7200)
    found = iam.get_role(RoleName="fn")["Role"]
    assert (found["Arn"], found["Description"], found["MaxSessionDuration"]) == (role, "first", 7200)
    iam.update_role(RoleName="fn", Description="second")
    found = iam.get_role(RoleName="fn")["Role"]
    assert (found["Description"], found["MaxSessionDuration"]) == ("second", 7200)
