"""What every region of an account has before anybody makes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Side


def _empty(ec2: Any, vpc: str) -> None:
    """Take away what is in the default VPC, in AWS's order."""
    for gateway in ec2.describe_internet_gateways()["InternetGateways"]:
        ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
        ec2.delete_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"])
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])


def test_the_default_vpc_leads_to_the_internet(provider: Side) -> None:
    ec2 = provider.client("ec2")
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    assert (vpc["IsDefault"], vpc["CidrBlock"]) == (True, "172.31.0.0/16")
    (gateway,) = ec2.describe_internet_gateways()["InternetGateways"]
    assert gateway["Attachments"] == [{"State": "available", "VpcId": vpc["VpcId"]}]
    (table,) = ec2.describe_route_tables()["RouteTables"]
    routes = {route["DestinationCidrBlock"]: (route["GatewayId"], route["Origin"]) for route in table["Routes"]}
    assert routes == {
        "172.31.0.0/16": ("local", "CreateRouteTable"),
        "0.0.0.0/0": (gateway["InternetGatewayId"], "CreateRoute"),
    }
    zones = {zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]}
    subnets = ec2.describe_subnets()["Subnets"]
    assert {subnet["AvailabilityZone"] for subnet in subnets} == zones
    assert all(subnet["DefaultForAz"] and subnet["MapPublicIpOnLaunch"] for subnet in subnets)


def test_all_vpcs_share_the_region_s_dhcp_options(provider: Side, refused: Callable[..., str]) -> None:
    ec2 = provider.client("ec2")
    (options,) = ec2.describe_dhcp_options()["DhcpOptions"]
    values = {one["Key"]: [value["Value"] for value in one["Values"]] for one in options["DhcpConfigurations"]}
    assert values == {"domain-name": ["ec2.internal"], "domain-name-servers": ["AmazonProvidedDNS"]}
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]
    assert made["DhcpOptionsId"] == options["DhcpOptionsId"]
    refused("DependencyViolation", ec2.delete_dhcp_options, DhcpOptionsId=options["DhcpOptionsId"])
    ec2.delete_vpc(VpcId=made["VpcId"])
    assert len(ec2.describe_dhcp_options()["DhcpOptions"]) == 1


def test_the_default_vpc_can_go_and_come_back(provider: Side, refused: Callable[..., str]) -> None:
    ec2 = provider.client("ec2")
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    refused("DefaultVpcAlreadyExists", ec2.create_default_vpc)
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc["VpcId"])
    _empty(ec2, vpc["VpcId"])
    ec2.delete_vpc(VpcId=vpc["VpcId"])
    refused("VPCIdNotSpecified", ec2.create_security_group, GroupName="lost", Description="lost")
    again = ec2.create_default_vpc()["Vpc"]
    assert again["IsDefault"] is True
    found = ec2.create_security_group(GroupName="found", Description="found")["GroupId"]
    assert ec2.describe_security_groups(GroupIds=[found])["SecurityGroups"][0]["VpcId"] == again["VpcId"]
    assert len(ec2.describe_dhcp_options()["DhcpOptions"]) == 1
