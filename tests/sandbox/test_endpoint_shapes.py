"""What a consumer chooses of an endpoint besides its subnets: addresses, kinds of addresses, records, policy."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest
import whole

from plinkctl.sandbox import world as worlds

FULL = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}


def _dual(made: Any) -> str:
    """A dual-stack load balancer with a service of its own, for both kinds of addresses; its name."""
    lb = made.elb.create_load_balancer(
        Name="dual", Type="network", Scheme="internal", Subnets=made.subnets, IpAddressType="dualstack"
    )["LoadBalancers"][0]["LoadBalancerArn"]
    service = made.ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[lb], SupportedIpAddressTypes=["ipv4", "ipv6"], AcceptanceRequired=False
    )["ServiceConfiguration"]
    made.ec2.modify_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"], AddAllowedPrincipals=["*"])
    assert service["SupportedIpAddressTypes"] == ["ipv4", "ipv6"]
    return str(service["ServiceName"])


def test_a_service_speaks_ipv6_only_over_a_dual_stack_load_balancer(offer: Any, refused: Any) -> None:
    made = offer()
    modify = made.ec2.modify_vpc_endpoint_service_configuration
    message = refused("InvalidParameter", modify, ServiceId=made.id, AddSupportedIpAddressTypes=["ipv6"])
    assert message == f"The load balancer {made.arn} does not support IPv6"
    refused("InvalidParameter", modify, ServiceId=made.id, AddSupportedIpAddressTypes=["dualstack"])
    refused("InvalidParameter", modify, ServiceId=made.id, RemoveSupportedIpAddressTypes=["ipv4"])
    [config] = made.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert config["SupportedIpAddressTypes"] == ["ipv4"]


def test_an_endpoint_has_what_its_service_speaks_and_its_subnets_have(offer: Any, place: Any, refused: Any) -> None:
    made, here = offer(), place()
    message = refused("InvalidParameter", here.connect, service_name=made.name, IpAddressType="dualstack")
    assert message == f"The VPC endpoint service {made.name} does not support the IP address type dualstack"
    name = _dual(made)
    message = refused("InvalidParameter", here.connect, service_name=name, IpAddressType="dualstack")
    assert message == f"The subnet {here.subnets[0]} has no IPv6 CIDR block"
    here.ec2.associate_vpc_cidr_block(VpcId=here.vpc, AmazonProvidedIpv6CidrBlock=True)
    [vpc] = here.ec2.describe_vpcs(VpcIds=[here.vpc])["Vpcs"]
    block = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
    here.ec2.associate_subnet_cidr_block(SubnetId=here.subnets[0], Ipv6CidrBlock=block)
    endpoint = here.connect(name, IpAddressType="dualstack")
    network = ipaddress.ip_network(block)

    def shown() -> Any:
        enis = here.ec2.describe_network_interfaces()["NetworkInterfaces"]
        found = [[one["Ipv6Address"] for one in eni["Ipv6Addresses"]] for eni in enis]
        assert [eni.get("Ipv6Address") for eni in enis] == [next(iter(all_of_it), None) for all_of_it in found]
        return found

    [[address]] = shown()
    assert ipaddress.ip_address(address) in network
    assert (here.endpoint["IpAddressType"], here.endpoint["DnsOptions"]) == (
        "dualstack",
        {"DnsRecordIpType": "dualstack"},
    )
    by_type = [{"Name": "ip-address-type", "Values": ["dualstack"]}]
    [found] = here.ec2.describe_vpc_endpoints(Filters=by_type)["VpcEndpoints"]
    assert found["VpcEndpointId"] == endpoint
    modify = here.ec2.modify_vpc_endpoint
    modify(VpcEndpointId=endpoint, DnsOptions={"DnsRecordIpType": "ipv4"})
    [found] = here.ec2.describe_vpc_endpoints()["VpcEndpoints"]
    assert found["DnsOptions"] == {"DnsRecordIpType": "ipv4"}
    # Another address is another interface, as with IPv4.
    [interface] = found["NetworkInterfaceIds"]
    own = [{"SubnetId": here.subnets[0], "Ipv6": str(network[0x77])}]
    modify(VpcEndpointId=endpoint, SubnetConfigurations=own)
    assert shown() == [[str(network[0x77])]]
    assert here.ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["NetworkInterfaceIds"] != [interface]
    second = {"service_name": name, "SubnetConfigurations": own}
    refused("InvalidIPAddress.InUse", here.connect, IpAddressType="dualstack", **second)
    refused("InvalidParameter", here.connect, **second)  # an endpoint of IPv4 has none
    # Back to IPv4 alone, and the records with it.
    modify(VpcEndpointId=endpoint, IpAddressType="ipv4")
    refused("InvalidParameter", modify, VpcEndpointId=endpoint, DnsOptions={"DnsRecordIpType": "ipv6"})
    assert shown() == [[]]
    [connection] = made.ec2.describe_vpc_endpoint_connections()["VpcEndpointConnections"]
    assert connection["IpAddressType"] == "ipv4"


@pytest.mark.parametrize(
    "more",
    [
        {"IpAddressType": "ipv5"},
        {"DnsOptions": {"DnsRecordIpType": "dualstack"}},
        {"DnsOptions": {"PrivateDnsPreference": "ALL_DOMAINS"}},
        {"DnsOptions": {"PrivateDnsOnlyForInboundResolverEndpoint": True}},
        {"RouteTableIds": ["rtb-00000000000000000"]},
    ],
)
def test_what_does_not_go_with_an_interface_endpoint_is_refused(
    offer: Any, place: Any, refused: Any, more: Any
) -> None:
    made, here = offer(), place()
    refused("InvalidParameter", here.connect, service_name=made.name, **more)
    assert here.ec2.describe_vpc_endpoints()["VpcEndpoints"] == []


def test_an_address_can_be_chosen_and_changed_which_replaces_the_interface(
    sandbox: worlds.World, offer: Any, place: Any, refused: Any
) -> None:
    made, here = offer(acceptance=False), place()
    [subnet] = here.subnets

    def wish(address: str, where: str = subnet) -> Any:
        return [{"SubnetId": where, "Ipv4": address}]

    endpoint = here.connect(made.name, SubnetConfigurations=wish("10.0.0.77"))
    [before] = here.ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert before["PrivateIpAddress"] == "10.0.0.77"
    modify = here.ec2.modify_vpc_endpoint
    modify(VpcEndpointId=endpoint, SubnetConfigurations=wish("10.0.0.77"))  # as it is
    assert [one["PrivateIpAddress"] for one in here.ec2.describe_network_interfaces()["NetworkInterfaces"]] == [
        "10.0.0.77"
    ]
    sandbox.profile = worlds.REAL
    modify(VpcEndpointId=endpoint, SubnetConfigurations=wish("10.0.0.78"))
    assert here.state() == "pending"
    [after] = here.ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert after["PrivateIpAddress"] == "10.0.0.78"
    assert after["NetworkInterfaceId"] != before["NetworkInterfaceId"]
    sandbox.profile = worlds.INSTANT
    other = {"service_name": made.name}
    refused("InvalidIPAddress.InUse", here.connect, SubnetConfigurations=wish("10.0.0.78"), **other)
    for wrong in ("10.0.9.1", "10.0.0.1", "10.0.0.255", "nonsense"):
        refused("InvalidParameter", here.connect, SubnetConfigurations=wish(wrong), **other)
    strange = wish("10.0.0.79", "subnet-00000000000000000")
    refused("InvalidParameter", here.connect, SubnetConfigurations=strange, **other)


def test_every_change_makes_an_available_endpoint_pending_and_none_does_not(
    sandbox: worlds.World, offer: Any, place: Any
) -> None:
    made, here = offer(acceptance=False), place()
    endpoint = here.connect(made.name)
    sandbox.profile = worlds.REAL
    modify = here.ec2.modify_vpc_endpoint
    modify(VpcEndpointId=endpoint, PrivateDnsEnabled=False, ResetPolicy=True)
    assert here.state() == "available"
    group = here.ec2.create_security_group(GroupName="g", Description="d", VpcId=here.vpc)["GroupId"]
    modify(VpcEndpointId=endpoint, AddSecurityGroupIds=[group])
    assert here.state() == "pending"
    modify(VpcEndpointId=endpoint, RemoveSecurityGroupIds=[group])  # one change after the other
    sandbox.clock.advance(sandbox.profile.endpoint_pending)
    assert here.state() == "available"


def test_traffic_goes_on_while_an_available_endpoint_is_changed(
    sandbox: worlds.World, provider: Any, consumer: Any
) -> None:
    """And none goes before it is available for the first time."""
    made = whole.provide(provider)
    sandbox.profile = worlds.Profile(name="slow", endpoint_pending=60)
    here = whole.consume(consumer, made.service_name)
    here.function()
    assert here.invoke().error, "the endpoint's name does not resolve yet"
    sandbox.clock.advance(60)
    assert here.invoke().value["status"] == 200
    group = here.ec2.create_security_group(GroupName="more", Description="d", VpcId=here.vpc)["GroupId"]
    here.ec2.modify_vpc_endpoint(VpcEndpointId=here.endpoint["VpcEndpointId"], AddSecurityGroupIds=[group])
    assert here.ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["State"] == "pending"
    assert here.invoke().value["status"] == 200


def test_a_policy_is_full_access_and_nothing_else(offer: Any, place: Any, refused: Any) -> None:
    made, here = offer(acceptance=False), place()
    narrow = {"Statement": [{**FULL["Statement"][0], "Action": "s3:*"}]}
    refused("InvalidParameter", here.connect, service_name=made.name, PolicyDocument=json.dumps(narrow))
    refused("InvalidPolicyDocument", here.connect, service_name=made.name, PolicyDocument="nonsense")
    endpoint = here.connect(made.name, PolicyDocument=json.dumps(FULL))
    assert json.loads(here.endpoint["PolicyDocument"])["Statement"] == FULL["Statement"]
    modify = here.ec2.modify_vpc_endpoint
    message = refused("InvalidParameter", modify, VpcEndpointId=endpoint, PolicyDocument=json.dumps(narrow))
    assert message == f"Service {made.name} only supports the full-access endpoint policy."
    spelled = {"Sid": "All", "Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["*"], "Resource": ["*"]}
    asked = json.dumps({"Version": "2012-10-17", "Statement": spelled})
    modify(VpcEndpointId=endpoint, PolicyDocument=asked)
    modify(VpcEndpointId=endpoint, PrivateDnsEnabled=False)

    def policy() -> str:
        return str(here.ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["PolicyDocument"])

    assert policy() == asked
    modify(VpcEndpointId=endpoint, ResetPolicy=True)
    assert json.loads(policy())["Statement"] == FULL["Statement"]
    [detail] = here.ec2.describe_vpc_endpoint_services()["ServiceDetails"]
    assert detail["VpcEndpointPolicySupported"] is False


def test_tags_are_given_at_creation_and_later(offer: Any, place: Any) -> None:
    made, here = offer(), place()
    tags = [{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "a", "Value": "1"}]}]
    endpoint = here.connect(made.name, TagSpecifications=tags)
    here.ec2.create_tags(Resources=[endpoint], Tags=[{"Key": "b", "Value": "2"}])
    made.ec2.create_tags(Resources=[made.id], Tags=[{"Key": "c", "Value": "3"}])
    [found] = here.ec2.describe_vpc_endpoints(Filters=[{"Name": "tag-key", "Values": ["b"]}])["VpcEndpoints"]
    assert {one["Key"]: one["Value"] for one in found["Tags"]} == {"a": "1", "b": "2"}
    [config] = made.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert config["Tags"] == [{"Key": "c", "Value": "3"}]


def test_a_deleted_endpoint_holds_neither_its_subnet_nor_its_vpc(sandbox: worlds.World, offer: Any, place: Any) -> None:
    made, here = offer(), place()
    endpoint = here.connect(made.name)
    sandbox.profile = worlds.REAL
    here.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    sandbox.clock.advance(sandbox.profile.endpoint_deleting)
    assert here.state() == "deleted"
    here.ec2.delete_subnet(SubnetId=here.subnets[0])
    here.ec2.delete_vpc(VpcId=here.vpc)
    [found] = here.ec2.describe_vpc_endpoints()["VpcEndpoints"]
    assert (found["State"], found["SubnetIds"]) == ("deleted", [])
    sandbox.clock.advance(sandbox.profile.deleted)
    assert here.ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
