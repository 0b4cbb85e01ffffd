"""VPCs, subnets, groups and interfaces: sections 1.1, 3.4, 3.5 and 5."""

from __future__ import annotations

from typing import Any

from builds import connect, group, network, offer, tcp
from facts import fact


def _tags(kind: str, value: str = "v") -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "proof", "Value": value}]}]


def _by_tag(value: str = "v") -> list[dict[str, Any]]:
    return [{"Name": "tag:proof", "Values": [value]}]


@fact("zone.fields", "zone.filters")
def test_zones(provider: Any) -> None:
    usual = [
        {"Name": "zone-type", "Values": ["availability-zone"]},
        {"Name": "opt-in-status", "Values": ["opt-in-not-required", "opted-in"]},
    ]
    found = provider.ec2.describe_availability_zones(Filters=usual)["AvailabilityZones"]
    assert len(found) >= 2
    for zone in found:
        assert zone["ZoneName"].startswith(zone["RegionName"])
        assert zone["ZoneId"] != zone["ZoneName"]
        assert (zone["ZoneType"], zone["State"]) == ("availability-zone", "available")
        assert zone["OptInStatus"] in ("opt-in-not-required", "opted-in")
    other = [{"Name": "zone-type", "Values": ["local-zone"]}]
    local = provider.ec2.describe_availability_zones(Filters=other)["AvailabilityZones"]
    assert not {zone["ZoneId"] for zone in local} & {zone["ZoneId"] for zone in found}


@fact("zone.names-relative")
def test_zone_names_mean_what_their_account_says(target: Any, provider: Any, consumer: Any) -> None:
    maps = [
        {zone["ZoneName"]: zone["ZoneId"] for zone in side.ec2.describe_availability_zones()["AvailabilityZones"]}
        for side in (provider, consumer)
    ]
    assert set(maps[0].values()) & set(maps[1].values())
    if not target.real:  # of two accounts of AWS they may be alike by chance
        assert maps[0] != maps[1]


@fact("vpc.no-token", "vpc.tags-at-creation", "vpc.pending", "vpc.delete-gone", "vpc.delete-takes-defaults")
def test_a_vpc_is_made_each_time_and_takes_its_defaults_with_it(target: Any, provider: Any, refused: Any) -> None:
    ec2 = provider.ec2
    value = target.name("two")
    made = [ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=_tags("vpc", value))["Vpc"] for _ in range(2)]
    assert {vpc["State"] for vpc in made} <= {"pending", "available"}

    def told() -> Any:
        return ec2.describe_vpcs(Filters=_by_tag(value))["Vpcs"]

    assert target.until(lambda: {vpc["State"] for vpc in told()} == {"available"}, 60)
    ids = [vpc["VpcId"] for vpc in made]
    assert sorted(vpc["VpcId"] for vpc in told()) == sorted(ids)
    assert ids[0] != ids[1]
    of_it = [{"Name": "vpc-id", "Values": [ids[0]]}]
    assert len(ec2.describe_security_groups(Filters=of_it)["SecurityGroups"]) == 1
    assert len(ec2.describe_route_tables(Filters=of_it)["RouteTables"]) == 1
    assert len(ec2.describe_network_acls(Filters=of_it)["NetworkAcls"]) == 1
    ec2.delete_vpc(VpcId=ids[0])
    assert ec2.describe_security_groups(Filters=of_it)["SecurityGroups"] == []
    assert ec2.describe_route_tables(Filters=of_it)["RouteTables"] == []
    assert ec2.describe_network_acls(Filters=of_it)["NetworkAcls"] == []
    refused("InvalidVpcID.NotFound", ec2.delete_vpc, VpcId=ids[0])


@fact("vpc.bad-range")
def test_a_range_that_is_too_large(provider: Any, refused: Any) -> None:
    refused("InvalidVpcRange InvalidVpc.Range InvalidParameterValue", provider.ec2.create_vpc, CidrBlock="10.0.0.0/8")


@fact("vpc.attributes-one-by-one", "vpc.attributes-idempotent", "vpc.attribute-one-read", "dryrun.no-vpc-attribute")
def test_attributes_of_a_vpc(provider: Any, refused: Any) -> None:
    ec2, vpc = provider.ec2, network(provider).vpc

    def told(name: str) -> Any:
        answer = ec2.describe_vpc_attribute(VpcId=vpc, Attribute=name)
        return {key: value["Value"] for key, value in answer.items() if key.startswith("Enable")}

    assert told("enableDnsSupport") == {"EnableDnsSupport": True}
    assert told("enableDnsHostnames") == {"EnableDnsHostnames": False}
    both = {"EnableDnsSupport": {"Value": True}, "EnableDnsHostnames": {"Value": True}}
    refused("InvalidParameterCombination", ec2.modify_vpc_attribute, VpcId=vpc, **both)
    assert told("enableDnsHostnames") == {"EnableDnsHostnames": False}
    for _ in range(2):
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        assert told("enableDnsHostnames") == {"EnableDnsHostnames": True}
    assert "DryRun" not in ec2.meta.service_model.operation_model("ModifyVpcAttribute").input_shape.members


@fact("subnet.tags-at-creation", "subnet.available", "subnet.conflict", "subnet.out-of-range", "subnet.delete-gone")
def test_subnets(target: Any, provider: Any, refused: Any) -> None:
    ec2, vpc = provider.ec2, network(provider).vpc
    asked = {"VpcId": vpc, "CidrBlock": "10.0.0.0/24", "AvailabilityZoneId": target.zones[0]}
    value = target.name("subnet")
    made = ec2.create_subnet(**asked, TagSpecifications=_tags("subnet", value))["Subnet"]
    assert made["State"] in ("pending", "available")

    def told() -> Any:
        return ec2.describe_subnets(Filters=_by_tag(value))["Subnets"]

    assert target.until(lambda: [one["State"] for one in told()] == ["available"], 60)
    assert told()[0]["SubnetId"] == made["SubnetId"]
    assert "10.0.0.0/24" in refused("InvalidSubnet.Conflict", ec2.create_subnet, **asked)
    refused("InvalidSubnet.Conflict", ec2.create_subnet, **asked | {"CidrBlock": "10.0.0.128/25"})
    refused("InvalidSubnet.Range", ec2.create_subnet, **asked | {"CidrBlock": "10.9.0.0/24"})
    message = refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
    assert message == f"The vpc '{vpc}' has dependencies and cannot be deleted."
    ec2.delete_subnet(SubnetId=made["SubnetId"])
    refused("InvalidSubnetID.NotFound InvalidSubnetId.NotFound", ec2.delete_subnet, SubnetId=made["SubnetId"])
    ec2.delete_vpc(VpcId=vpc)


@fact("vpc.delete-in-use")
def test_a_vpc_with_a_group_stays(provider: Any, refused: Any) -> None:
    vpc = network(provider).vpc
    made = group(provider, vpc, "g")
    refused("DependencyViolation", provider.ec2.delete_vpc, VpcId=vpc)
    provider.ec2.delete_security_group(GroupId=made)
    provider.ec2.delete_vpc(VpcId=vpc)


@fact(
    "subnet.not-found", "group.not-found", "interface.not-found", "endpoint.describe-unknown", "endpoint.filter-empty"
)
def test_ids_of_nothing(provider: Any, refused: Any) -> None:
    ec2, digits = provider.ec2, "0123456789abcdef0"
    subnet_codes = "InvalidSubnetID.NotFound InvalidSubnetId.NotFound"
    refused(subnet_codes, ec2.describe_subnets, SubnetIds=[f"subnet-{digits}"])
    refused("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=[f"sg-{digits}"])
    of_interface = {"NetworkInterfaceIds": [f"eni-{digits}"]}
    refused("InvalidNetworkInterfaceID.NotFound", ec2.describe_network_interfaces, **of_interface)
    refused("InvalidVpcEndpointId.NotFound", ec2.describe_vpc_endpoints, VpcEndpointIds=[f"vpce-{digits}"])
    nothing = [{"Name": "service-name", "Values": [f"com.amazonaws.vpce.us-east-1.vpce-svc-{digits}"]}]
    assert ec2.describe_vpc_endpoints(Filters=nothing)["VpcEndpoints"] == []


@fact("error.malformed-id")
def test_what_is_no_id(provider: Any, refused: Any) -> None:
    ec2 = provider.ec2
    refused("InvalidVpcEndpointId.Malformed", ec2.delete_vpc_endpoints, VpcEndpointIds=["vpce-xyz"])
    services = {"ServiceIds": ["vpce-svc-xyz"]}
    refused("InvalidVpcEndpointServiceId.Malformed", ec2.delete_vpc_endpoint_service_configurations, **services)


@fact("group.duplicate", "group.found-by-name", "group.open-egress", "group.delete-gone")
@fact("group.revoke-absent", "group.revoke-absent-ipv6")
def test_groups(provider: Any, refused: Any) -> None:
    ec2, vpc = provider.ec2, network(provider).vpc
    made = group(provider, vpc, "door", closed=False)
    message = refused("InvalidGroup.Duplicate", ec2.create_security_group, GroupName="door", Description="d", VpcId=vpc)
    assert message == f"The security group 'door' already exists for VPC '{vpc}'"
    by_name = [{"Name": "group-name", "Values": ["door"]}, {"Name": "vpc-id", "Values": [vpc]}]
    [found] = ec2.describe_security_groups(Filters=by_name)["SecurityGroups"]
    assert (found["GroupId"], found["IpPermissions"]) == (made, [])
    [everything] = found["IpPermissionsEgress"]
    assert (everything["IpProtocol"], everything["Ipv6Ranges"]) == ("-1", [])
    assert [one["CidrIp"] for one in everything["IpRanges"]] == ["0.0.0.0/0"]
    out = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_egress(GroupId=made, IpPermissions=out)
    refused("InvalidPermission.NotFound", ec2.revoke_security_group_egress, GroupId=made, IpPermissions=out)
    refused(
        "InvalidPermission.NotFound",
        ec2.revoke_security_group_ingress,
        GroupId=made,
        IpPermissions=tcp(1, cidr="10.0.0.0/8"),
    )
    six = [{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]
    codes = "InvalidPermission.NotFound InvalidParameterValue"
    refused(codes, ec2.revoke_security_group_egress, GroupId=made, IpPermissions=six)
    ec2.delete_security_group(GroupId=made)
    refused("InvalidGroup.NotFound", ec2.delete_security_group, GroupId=made)


@fact("group.rule-duplicate", "group.rule-all-or-none", "group.rule-tags")
def test_rules(target: Any, provider: Any, refused: Any) -> None:
    ec2, vpc = provider.ec2, network(provider).vpc
    made = group(provider, vpc, "door")
    first, second = tcp(80, cidr="10.0.0.0/24"), tcp(81, cidr="10.0.0.0/24")
    tags = _tags("security-group-rule")
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=first, TagSpecifications=tags)
    message = refused(
        "InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, GroupId=made, IpPermissions=first
    )
    assert '"peer: 10.0.0.0/24, TCP, from port: 80, to port: 80, ALLOW" already exists' in message
    both = {"GroupId": made, "IpPermissions": [*second, *first]}
    refused("InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, **both)
    mine = [{"Name": "group-id", "Values": [made]}]

    def told() -> Any:
        return ec2.describe_security_group_rules(Filters=mine)["SecurityGroupRules"]

    assert [rule["FromPort"] for rule in told()] == [80]
    assert target.until(lambda: {"Key": "proof", "Value": "v"} in told()[0]["Tags"], 60)


@fact("group.reference-blocks", "group.reference-found")
def test_a_group_others_refer_to(provider: Any, refused: Any) -> None:
    ec2, vpc = provider.ec2, network(provider).vpc
    named, naming = group(provider, vpc, "named"), group(provider, vpc, "naming")
    ec2.authorize_security_group_ingress(GroupId=naming, IpPermissions=tcp(80, peer=named))
    ec2.authorize_security_group_egress(GroupId=naming, IpPermissions=tcp(81, peer=named))
    message = refused("DependencyViolation", ec2.delete_security_group, GroupId=named)
    assert message == f"resource {named} has a dependent object"
    for name in ("ip-permission.group-id", "egress.ip-permission.group-id"):
        found = ec2.describe_security_groups(Filters=[{"Name": name, "Values": [named]}])["SecurityGroups"]
        assert [one["GroupId"] for one in found] == [naming]
    ec2.revoke_security_group_ingress(GroupId=naming, IpPermissions=tcp(80, peer=named))
    refused("DependencyViolation", ec2.delete_security_group, GroupId=named)
    ec2.revoke_security_group_egress(GroupId=naming, IpPermissions=tcp(81, peer=named))
    ec2.delete_security_group(GroupId=named)


@fact("subnet.delete-in-use", "group.delete-in-use", "interface.endpoint", "endpoint.interface-in-use")
@fact("interface.guardduty")
@fact("interface.group-not-modifiable", "endpoint.takes-interfaces", "endpoint.deleting", "name.addresses-stay")
def test_the_interfaces_of_an_endpoint(target: Any, consumer: Any, refused: Any) -> None:
    made, here = offer(target, acceptance=False), network(consumer, target.zones[0])
    ec2, door = consumer.ec2, group(consumer, here.vpc, "door")
    endpoint = connect(target, consumer, made.name, here, SecurityGroupIds=[door])["VpcEndpointId"]
    by_group = [{"Name": "group-id", "Values": [door]}]
    [eni] = ec2.describe_network_interfaces(Filters=by_group)["NetworkInterfaces"]
    assert eni["InterfaceType"] == "vpc_endpoint"
    assert endpoint in eni["Description"]
    assert eni["RequesterManaged"] is True
    assert eni["PrivateIpAddress"].startswith("10.0.0.")
    interface = eni["NetworkInterfaceId"]
    message = refused("InvalidParameterValue", ec2.delete_network_interface, NetworkInterfaceId=interface)
    assert message == f"Network interface '{interface}' is currently in use."
    other = {"NetworkInterfaceId": interface, "Groups": [group(consumer, here.vpc, "other")]}
    refused("OperationNotPermitted AuthFailure", ec2.modify_network_interface_attribute, **other)
    assert target.until(
        lambda: ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]["State"] == "available"
    )
    [later] = ec2.describe_network_interfaces(Filters=by_group)["NetworkInterfaces"]
    assert later["PrivateIpAddress"] == eni["PrivateIpAddress"]
    subnet = here.subnets[0]
    message = refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnet)
    assert message == f"The subnet '{subnet}' has dependencies and cannot be deleted."
    message = refused("DependencyViolation", ec2.delete_security_group, GroupId=door)
    assert message == f"resource {door} has a dependent object"
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"] == []
    states = [one["State"] for one in ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]]
    assert states == ["deleting"]
    assert target.until(lambda: not ec2.describe_network_interfaces(Filters=by_group)["NetworkInterfaces"])
    ec2.delete_security_group(GroupId=door)
    ec2.delete_subnet(SubnetId=subnet)


@fact("dryrun.ec2")
def test_a_dry_run_says_that_it_would_and_does_nothing(target: Any, provider: Any, refused: Any) -> None:
    ec2, vpc = provider.ec2, network(provider).vpc
    message = refused("DryRunOperation", ec2.delete_vpc, VpcId=vpc, DryRun=True)
    assert message == "Request would have succeeded, but DryRun flag is set."
    assert [one["VpcId"] for one in ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]] == [vpc]
    asked = {"VpcId": vpc, "CidrBlock": "10.0.0.0/24", "AvailabilityZoneId": target.zones[0]}
    refused("DryRunOperation", ec2.create_subnet, **asked, DryRun=True)
    assert ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"] == []
    gone = {"VpcId": "vpc-0123456789abcdef0", "DryRun": True}
    refused("InvalidVpcID.NotFound", ec2.delete_vpc, **gone)


@fact("paging.services")
def test_lists_come_in_pages(target: Any, provider: Any) -> None:
    ids = {network(provider).vpc for _ in range(3)}
    client = provider.ec2
    pages = client.get_paginator("describe_vpcs").paginate(PaginationConfig={"PageSize": 5})
    found = [[vpc["VpcId"] for vpc in page["Vpcs"]] for page in pages]
    assert ids <= {one for page in found for one in page}
    many = [group(provider, min(ids), f"g{number}") for number in range(6)]
    first = client.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [min(ids)]}], MaxResults=5)
    assert len(first["SecurityGroups"]) == 5
    rest = client.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [min(ids)]}], MaxResults=5, NextToken=first["NextToken"]
    )
    both = [one["GroupId"] for one in first["SecurityGroups"] + rest["SecurityGroups"]]
    assert len(both) == len(set(both)) == len(many) + 1
