"""Interface endpoints: sections 0, 1.4, 4, 5 and 6."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from builds import balancer, code, connect, joined, network, offer, service, settle
from facts import fact
from target import state_of


def _told(side: Any, endpoint: str) -> Any:
    [found] = side.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    return found


@fact(
    "endpoint.dns-entries-at-once", "endpoint.interfaces-at-once", "endpoint.auto-accept", "endpoint.tags-at-creation"
)
@fact("name.endpoint", "name.dns-regional-first", "name.dns-zonal", "endpoint.default-group", "iptype.echoed")
@fact("private-dns.default-off", "endpoint.delete-gone")
def test_an_endpoint_from_beginning_to_end(target: Any, consumer: Any) -> None:
    made, here = offer(target, acceptance=False), network(consumer, *target.zones[:2])
    tags = [{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "proof", "Value": target.name("x")}]}]
    asked = {"VpcEndpointType": "Interface", "VpcId": here.vpc, "SubnetIds": here.subnets, "ServiceName": made.name}
    assert target.until(lambda: consumer.ec2.describe_vpc_endpoint_services(ServiceNames=[made.name]))
    target.pass_by(10)
    endpoint = consumer.ec2.create_vpc_endpoint(**asked, TagSpecifications=tags)["VpcEndpoint"]
    made_id = endpoint["VpcEndpointId"]
    assert endpoint["State"] == "pending"
    assert endpoint["PrivateDnsEnabled"] is False
    assert re.fullmatch(r"vpce-[0-9a-f]{17}", made_id)
    names = [one["DnsName"] for one in endpoint["DnsEntries"]]
    domain = f"{made.id}.{target.region}.vpce.amazonaws.com"
    regional = re.fullmatch(rf"({made_id}-[a-z0-9]{{8}})\.{re.escape(domain)}", names[0])
    assert regional
    found = consumer.ec2.describe_subnets(SubnetIds=here.subnets)["Subnets"]
    zones = {subnet["AvailabilityZone"] for subnet in found}
    assert set(names[1:3]) == {f"{regional[1]}-{zone}.{domain}" for zone in zones}
    assert len(endpoint["NetworkInterfaceIds"]) == 2
    assert [one["GroupName"] for one in endpoint["Groups"]] == ["default"]
    settle(target, consumer, made_id, "available")
    told = _told(consumer, made_id)
    assert (told["IpAddressType"], told["VpcEndpointType"]) == ("ipv4", "Interface")
    by_tag = [{"Name": "tag:proof", "Values": [target.name("x")]}]
    assert [one["VpcEndpointId"] for one in consumer.ec2.describe_vpc_endpoints(Filters=by_tag)["VpcEndpoints"]] == [
        made_id
    ]
    assert consumer.ec2.delete_vpc_endpoints(VpcEndpointIds=[made_id])["Unsuccessful"] == []
    settle(target, consumer, made_id, "gone")
    answer = consumer.ec2.delete_vpc_endpoints(VpcEndpointIds=[made_id])
    assert code(answer["Unsuccessful"]) in ("InvalidVpcEndpoint.NotFound", "InvalidVpcEndpointId.NotFound")


@fact("endpoint.token-same", "endpoint.no-token-second", "endpoint.token-length", "token.mismatch")
def test_tokens(target: Any, consumer: Any, refused: Any) -> None:
    made, here = offer(target), network(consumer, target.zones[0])
    token = uuid.uuid4().hex
    first, second, other = (
        connect(target, consumer, made.name, here, ClientToken=one)["VpcEndpointId"]
        for one in (token, token, uuid.uuid4().hex)
    )
    assert first == second
    assert other != first
    asked = {"VpcEndpointType": "Interface", "VpcId": here.vpc, "SubnetIds": here.subnets, "ServiceName": made.name}
    create = consumer.ec2.create_vpc_endpoint
    refused("IdempotentParameterMismatch", create, **asked, ClientToken=token, PrivateDnsEnabled=True)
    for bad in ("x" * 65, "ä"):
        refused("InvalidClientToken InvalidParameterValue InvalidParameter", create, **asked, ClientToken=bad)
    in_vpc = [{"Name": "vpc-id", "Values": [here.vpc]}]
    assert len(consumer.ec2.describe_vpc_endpoints(Filters=in_vpc)["VpcEndpoints"]) == 2


@fact("token.of-deleted")
def test_the_token_of_a_deleted_endpoint_makes_no_second(target: Any, consumer: Any) -> None:
    made, here = offer(target), network(consumer, target.zones[0])
    token = uuid.uuid4().hex
    first = connect(target, consumer, made.name, here, ClientToken=token)["VpcEndpointId"]
    consumer.ec2.delete_vpc_endpoints(VpcEndpointIds=[first])
    settle(target, consumer, first, "gone")
    if not target.real:  # not known of AWS
        assert connect(target, consumer, made.name, here, ClientToken=token)["VpcEndpointId"] == first
        assert state_of(consumer, first) == "gone"


@fact("zone.unsupported", "zone.one-subnet-each", "endpoint.wrong-vpc-subnet", "endpoint.default-gateway")
@fact("endpoint.no-policy", "iptype.must-fit")
def test_what_an_endpoint_cannot_be(target: Any, consumer: Any, refused: Any) -> None:
    made, here = offer(target), network(consumer, target.zones[0], target.zones[0], target.zones[2])
    away = network(consumer, target.zones[0])
    create = consumer.ec2.create_vpc_endpoint
    near, twin, far = here.subnets
    asked = {"VpcEndpointType": "Interface", "VpcId": here.vpc, "ServiceName": made.name, "PrivateDnsEnabled": False}
    assert target.until(lambda: consumer.ec2.describe_vpc_endpoint_services(ServiceNames=[made.name]))
    target.pass_by(10)
    assert refused("InvalidParameter", create, **asked, SubnetIds=[far]) == (
        f"The VPC endpoint service {made.name} does not support the availability zone of the subnet: {far}."
    )
    message = refused("DuplicateSubnetsInSameZone", create, **asked, SubnetIds=[near, twin])
    assert message == "For an interface VPC endpoint, you can specify only one subnet per Availability Zone."
    refused("InvalidParameter InvalidSubnetId.NotFound", create, **asked, SubnetIds=away.subnets)
    refused("InvalidParameter", create, VpcId=here.vpc, ServiceName=made.name)
    refused("InvalidParameter", create, **asked, SubnetIds=[near], IpAddressType="ipv6")
    policy = '{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}'
    refused("InvalidParameter", create, **asked, SubnetIds=[near], PolicyDocument=policy)
    [detail] = consumer.ec2.describe_vpc_endpoint_services(ServiceNames=[made.name])["ServiceDetails"]
    assert detail["VpcEndpointPolicySupported"] is False
    in_vpc = [{"Name": "vpc-id", "Values": [here.vpc]}]
    assert consumer.ec2.describe_vpc_endpoints(Filters=in_vpc)["VpcEndpoints"] == []


@fact("endpoint.no-addresses")
def test_a_full_subnet(target: Any, consumer: Any, refused: Any) -> None:
    """A /28 has eleven addresses."""
    made, here = offer(target), network(consumer)
    asked = {"VpcId": here.vpc, "CidrBlock": "10.0.0.0/28", "AvailabilityZoneId": target.zones[0]}
    subnet = consumer.ec2.create_subnet(**asked)["Subnet"]["SubnetId"]
    wish = {"VpcEndpointType": "Interface", "VpcId": here.vpc, "SubnetIds": [subnet], "ServiceName": made.name}
    target.pass_by(60)
    for _ in range(11):
        consumer.ec2.create_vpc_endpoint(**wish)
    refused("InsufficientFreeAddressesInSubnet", consumer.ec2.create_vpc_endpoint, **wish)


@fact("endpoint.modify-pending", "endpoint.modify-lag", "endpoint.modify-one-at-a-time")
def test_a_change_of_subnets(target: Any, consumer: Any, refused: Any) -> None:
    made = joined(target, acceptance=False)
    asked = {"VpcId": made.net.vpc, "CidrBlock": "10.0.9.0/24", "AvailabilityZoneId": target.zones[1]}
    subnet = consumer.ec2.create_subnet(**asked)["Subnet"]["SubnetId"]
    consumer.ec2.modify_vpc_endpoint(VpcEndpointId=made.endpoint_id, AddSubnetIds=[subnet])
    assert state_of(consumer, made.endpoint_id) == "pending"
    again = {"VpcEndpointId": made.endpoint_id, "RemoveSubnetIds": [subnet]}
    message = refused("OperationInProgress", consumer.ec2.modify_vpc_endpoint, **again)
    assert message == "VpcEndpoint modify operation in progress"
    settle(target, consumer, made.endpoint_id, "available")
    assert target.until(lambda: len(_told(consumer, made.endpoint_id)["NetworkInterfaceIds"]) == 2)
    by_subnet = [{"Name": "subnet-id", "Values": [subnet]}]
    assert len(consumer.ec2.describe_network_interfaces(Filters=by_subnet)["NetworkInterfaces"]) == 1


@fact("endpoint.503-after-service")
def test_a_new_service_takes_no_endpoint_yet(target: Any, consumer: Any, refused: Any) -> None:
    made, here = offer(target), network(consumer, target.zones[0])
    assert made.answer["ServiceState"] == "Available"
    wish = {"VpcEndpointType": "Interface", "VpcId": here.vpc, "SubnetIds": here.subnets, "ServiceName": made.name}
    create = consumer.ec2.create_vpc_endpoint
    message = refused("Unavailable", create, **wish)
    assert message == "The service is unavailable. Please try again shortly."
    with pytest.raises(ClientError) as caught:
        create(**wish)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    target.pass_by(60)
    assert create(**wish)["VpcEndpoint"]["State"] == "pendingAcceptance"


@fact("endpoint.deleted-listed")
def test_a_deleted_endpoint_is_listed_as_such_for_a_while(target: Any, consumer: Any) -> None:
    made = joined(target, acceptance=False)
    consumer.ec2.delete_vpc_endpoints(VpcEndpointIds=[made.endpoint_id])
    assert state_of(consumer, made.endpoint_id) == "deleting"
    settle(target, consumer, made.endpoint_id, "deleted")
    settle(target, consumer, made.endpoint_id, "gone")


@fact("iptype.ipv6-needs-dualstack")
def test_ipv6_needs_a_dual_stack_load_balancer(target: Any, provider: Any, refused: Any) -> None:
    net = network(provider, target.zones[0])
    arn = balancer(target, provider, net.subnets, "front")
    create = provider.ec2.create_vpc_endpoint_service_configuration
    refused("InvalidParameter", create, NetworkLoadBalancerArns=[arn], SupportedIpAddressTypes=["ipv6"])


# ---------------------------------------------------------------------------------------- other regions


@fact("region.supported", "region.own-stays", "region.consumer-names-it", "region.accept-there")
@fact("zone.cross-region-free")
def test_a_link_over_regions(target: Any, provider: Any, consumer: Any, refused: Any) -> None:
    away = "eu-west-1"
    made = offer(target)
    modify = provider.ec2.modify_vpc_endpoint_service_configuration
    refused("InvalidParameter", modify, ServiceId=made.id, RemoveSupportedRegions=[target.region])
    far = consumer.client("ec2", away)
    vpc = far.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = far.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZoneId="euw1-az3")["Subnet"]["SubnetId"]
    asked = {"VpcEndpointType": "Interface", "VpcId": vpc, "SubnetIds": [subnet], "ServiceName": made.name}
    target.pass_by(60)
    there = asked | {"ServiceRegion": target.region}
    refused("InvalidServiceName", far.create_vpc_endpoint, **there)
    modify(ServiceId=made.id, AddSupportedRegions=[away])
    [config] = provider.ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[made.id])["ServiceConfigurations"]
    assert [one["Region"] for one in config["SupportedRegions"]] == [target.region, away]
    refused("InvalidServiceName", far.create_vpc_endpoint, **asked)
    endpoint = far.create_vpc_endpoint(**there)["VpcEndpoint"]["VpcEndpointId"]
    assert provider.client("ec2", away).describe_vpc_endpoint_connections()["VpcEndpointConnections"] == []
    wish = {"ServiceId": made.id, "VpcEndpointIds": [endpoint]}
    refused(
        "InvalidVpcEndpointServiceId.NotFound", provider.client("ec2", away).accept_vpc_endpoint_connections, **wish
    )
    assert provider.ec2.accept_vpc_endpoint_connections(**wish)["Unsuccessful"] == []
    assert target.until(lambda: far.describe_vpc_endpoints()["VpcEndpoints"][0]["State"] == "available")


@fact("zone.cross-region-excluded")
def test_a_zone_that_cannot_be_used_over_regions(target: Any, provider: Any, consumer: Any, refused: Any) -> None:
    ec2, elb = provider.client("ec2", "eu-west-1"), provider.client("elb", "eu-west-1")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZoneId="euw1-az1")["Subnet"]["SubnetId"]
    arn = elb.create_load_balancer(Name="far", Type="network", Scheme="internal", Subnets=[subnet])["LoadBalancers"][0][
        "LoadBalancerArn"
    ]
    target.pass_by(300)
    made = ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[arn], SupportedRegions=[target.region]
    )["ServiceConfiguration"]
    ec2.modify_vpc_endpoint_service_permissions(ServiceId=made["ServiceId"], AddAllowedPrincipals=["*"])
    target.pass_by(60)
    here = network(consumer, "use1-az3", "use1-az4")
    asked = {"VpcEndpointType": "Interface", "VpcId": here.vpc, "ServiceName": made["ServiceName"]}
    asked["ServiceRegion"] = "eu-west-1"
    create = consumer.ec2.create_vpc_endpoint
    message = refused("InvalidParameter", create, **asked, SubnetIds=here.subnets[:1])
    assert "availability zone" in message
    create(**asked, SubnetIds=here.subnets[1:])


# ------------------------------------------------------------------------------------ private DNS names


def _named(target: Any, provider: Any, domain: str) -> Any:
    net = network(provider, target.zones[0])
    arn = balancer(target, provider, net.subnets, "front")
    made = service(provider, arn, target.consumer.root, AcceptanceRequired=False, PrivateDnsName=domain)
    made.config = lambda: provider.ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[made.id])[
        "ServiceConfigurations"
    ][0]["PrivateDnsNameConfiguration"]
    target.pass_by(60)
    return made


def _publish(provider: Any, made: Any, domain: str, action: str = "UPSERT") -> None:
    """Put the record on a domain, in a public zone of example.com."""
    zones = provider.route53.list_hosted_zones()["HostedZones"]
    zone = (
        zones[0]
        if zones
        else provider.route53.create_hosted_zone(Name="example.com", CallerReference="z")["HostedZone"]
    )
    told = made.config()
    record = {
        "Name": f"{told['Name']}.{domain}",
        "Type": "TXT",
        "TTL": 1800,
        "ResourceRecords": [{"Value": f'"{told["Value"]}"'}],
    }
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    provider.route53.change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch=batch)


def _verify(target: Any, provider: Any, made: Any, state: str = "verified") -> None:
    provider.ec2.start_vpc_endpoint_service_private_dns_verification(ServiceId=made.id)
    assert target.until(lambda: made.config()["State"] == state, 3600), made.config()


@fact("private-dns.configuration", "state.private-dns-form", "private-dns.not-verified", "private-dns.lower-case")
@fact("private-dns.wildcard", "private-dns.unverified", "private-dns.none-provided")
def test_a_private_name_that_is_not_verified(target: Any, provider: Any, consumer: Any, refused: Any) -> None:
    made, here = _named(target, provider, "*.example.com"), network(consumer, target.zones[0])
    told = made.config()
    assert (told["State"], told["Type"]) == ("pendingVerification", "TXT")
    assert told["Name"].startswith("_")
    assert told["Value"].startswith("vpce:")
    modify = provider.ec2.modify_vpc_endpoint_service_configuration
    modify(ServiceId=made.id, PrivateDnsName="api.example.com")
    assert made.config()["State"] == "pendingVerification"
    refused("InvalidParameter", modify, ServiceId=made.id, PrivateDnsName="API.example.com")
    provider.ec2.start_vpc_endpoint_service_private_dns_verification(ServiceId=made.id)
    target.pass_by(600)
    assert made.config()["State"] in ("pendingVerification", "failed")
    asked = {"VpcEndpointType": "Interface", "VpcId": here.vpc, "SubnetIds": here.subnets, "ServiceName": made.name}
    create = consumer.ec2.create_vpc_endpoint
    consumer.ec2.modify_vpc_attribute(VpcId=here.vpc, EnableDnsHostnames={"Value": True})
    assert refused("InvalidParameter", create, **asked, PrivateDnsEnabled=True) == (
        f"Private DNS can't be enabled because the service {made.name} has not verified the private DNS name."
    )
    modify(ServiceId=made.id, RemovePrivateDnsName=True)
    assert refused("InvalidParameter", create, **asked, PrivateDnsEnabled=True) == (
        f"Private DNS can't be enabled because the service {made.name} does not provide a private DNS name."
    )


@fact("private-dns.verification-starts", "private-dns.verified", "private-dns.needs-vpc-attributes")
@fact("private-dns.conflict", "name.private-last", "order.private-dns-before-acceptance", "order.private-dns-after")
def test_a_private_name_that_is_verified(target: Any, provider: Any, consumer: Any, refused: Any) -> None:
    domain = "api.example.com"
    made, here = _named(target, provider, domain), network(consumer, target.zones[0])
    _publish(provider, made, domain)
    for _ in range(2):
        _verify(target, provider, made)
    asked = {"VpcEndpointType": "Interface", "VpcId": here.vpc, "SubnetIds": here.subnets, "ServiceName": made.name}
    create = consumer.ec2.create_vpc_endpoint
    assert refused("InvalidParameter", create, **asked, PrivateDnsEnabled=True) == (
        "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for "
        f"{here.vpc}"
    )
    consumer.ec2.modify_vpc_attribute(VpcId=here.vpc, EnableDnsHostnames={"Value": True})
    first = create(**asked, PrivateDnsEnabled=True)["VpcEndpoint"]
    settle(target, consumer, first["VpcEndpointId"], "available")
    told = _told(consumer, first["VpcEndpointId"])
    assert (told["PrivateDnsEnabled"], told["DnsEntries"][-1]["DnsName"]) == (True, domain)
    assert refused("InvalidParameter", create, **asked, PrivateDnsEnabled=True) == (
        f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for {domain} in the VPC "
        f"{here.vpc}"
    )
    provider.ec2.modify_vpc_endpoint_service_configuration(ServiceId=made.id, AcceptanceRequired=True)
    other = network(consumer, target.zones[0])
    consumer.ec2.modify_vpc_attribute(VpcId=other.vpc, EnableDnsHostnames={"Value": True})
    asked |= {"VpcId": other.vpc, "SubnetIds": other.subnets}
    message = refused("InvalidParameter", create, **asked, PrivateDnsEnabled=True)
    assert message.rstrip(".") == (
        f"Private DNS can only be enabled after the endpoint connection is accepted by the owner of {made.name}"
    )
    second = create(**asked, PrivateDnsEnabled=False)["VpcEndpoint"]["VpcEndpointId"]
    modify = consumer.ec2.modify_vpc_endpoint
    refused("InvalidParameter", modify, VpcEndpointId=second, PrivateDnsEnabled=True)
    provider.ec2.accept_vpc_endpoint_connections(ServiceId=made.id, VpcEndpointIds=[second])
    settle(target, consumer, second, "available")
    modify(VpcEndpointId=second, PrivateDnsEnabled=True)
    settle(target, consumer, second, "available")
    assert _told(consumer, second)["PrivateDnsEnabled"] is True


@fact("private-dns.parent-domain", "private-dns.failed-later")
def test_the_record_on_the_parent_and_its_end(target: Any, provider: Any, consumer: Any, refused: Any) -> None:
    made, here = _named(target, provider, "api.example.com"), network(consumer, target.zones[0])
    _publish(provider, made, "example.com")
    _verify(target, provider, made)
    consumer.ec2.modify_vpc_attribute(VpcId=here.vpc, EnableDnsHostnames={"Value": True})
    first = connect(target, consumer, made.name, here, PrivateDnsEnabled=True)["VpcEndpointId"]
    settle(target, consumer, first, "available")
    _publish(provider, made, "example.com", "DELETE")
    assert target.until(lambda: made.config()["State"] == "failed", 3 * 86400)
    assert state_of(consumer, first) == "available"
    assert _told(consumer, first)["PrivateDnsEnabled"] is True
    other = network(consumer, target.zones[0])
    consumer.ec2.modify_vpc_attribute(VpcId=other.vpc, EnableDnsHostnames={"Value": True})
    asked = {"VpcEndpointType": "Interface", "VpcId": other.vpc, "SubnetIds": other.subnets, "ServiceName": made.name}
    refused("InvalidParameter", consumer.ec2.create_vpc_endpoint, **asked, PrivateDnsEnabled=True)
