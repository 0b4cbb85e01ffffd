"""VPCs, subnets, route tables, security groups, tags: the refusals and lists a tool has to live with."""

from __future__ import annotations

from typing import Any

import pytest

from plinkctl.sandbox import world

HTTP = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
FROM_ALL = [{**HTTP, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]


def test_a_new_vpc_has_the_default_group_of_aws(place: Any) -> None:
    here = place()
    [group] = here.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [here.vpc]}])["SecurityGroups"]
    assert group["GroupName"] == "default"
    [inbound] = group["IpPermissions"]
    assert inbound["IpProtocol"] == "-1"
    assert [pair["GroupId"] for pair in inbound["UserIdGroupPairs"]] == [group["GroupId"]]
    [outbound] = group["IpPermissionsEgress"]
    assert [one["CidrIp"] for one in outbound["IpRanges"]] == ["0.0.0.0/0"]


def test_a_new_vpc_is_pending_in_the_answer_and_available_when_one_looks(consumer: Any) -> None:
    ec2 = consumer.client("ec2")
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]
    assert made["State"] == "pending"
    assert ec2.describe_vpcs(VpcIds=[made["VpcId"]])["Vpcs"][0]["State"] == "available"


def test_the_default_group_can_be_emptied_but_not_deleted(place: Any, refused: Any) -> None:
    here = place()
    ec2 = here.ec2
    [group] = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [here.vpc]}])["SecurityGroups"]
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group["GroupId"]]}])
    assert rules["SecurityGroupRules"] == []
    refused("CannotDelete", ec2.delete_security_group, GroupId=group["GroupId"])


def test_a_vpc_goes_only_when_all_made_in_it_is_gone(place: Any, refused: Any) -> None:
    here = place()
    ec2, vpc = here.ec2, here.vpc
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    for method, arguments in [
        (ec2.delete_subnet, {"SubnetId": here.subnets[0]}),
        (ec2.delete_security_group, {"GroupId": group}),
        (ec2.delete_route_table, {"RouteTableId": table}),
    ]:
        message = refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
        assert message == f"The vpc '{vpc}' has dependencies and cannot be deleted."
        method(**arguments)
    ec2.delete_vpc(VpcId=vpc)
    refused("InvalidVpcID.NotFound", ec2.delete_vpc, VpcId=vpc)


def test_dns_attributes_are_set_one_at_a_time(place: Any, refused: Any) -> None:
    here = place()
    both = {"EnableDnsSupport": {"Value": True}, "EnableDnsHostnames": {"Value": True}}
    refused("InvalidParameterCombination", here.ec2.modify_vpc_attribute, VpcId=here.vpc, **both)
    for name, setting in both.items():
        here.ec2.modify_vpc_attribute(VpcId=here.vpc, **{name: setting})
    answer = here.ec2.describe_vpc_attribute(VpcId=here.vpc, Attribute="enableDnsHostnames")
    assert answer["EnableDnsHostnames"]["Value"] is True


def test_a_second_subnet_over_the_same_addresses_conflicts(place: Any, refused: Any) -> None:
    here = place()
    message = refused("InvalidSubnet.Conflict", here.ec2.create_subnet, VpcId=here.vpc, CidrBlock="10.0.0.0/24")
    assert message == "The CIDR '10.0.0.0/24' conflicts with another subnet"
    refused("InvalidSubnet.Range", here.ec2.create_subnet, VpcId=here.vpc, CidrBlock="10.9.0.0/24")
    asked = {"VpcId": here.vpc, "CidrBlock": "10.0.8.0/24", "AvailabilityZoneId": "use1-az99"}
    refused("InvalidParameterValue", here.ec2.create_subnet, **asked)


def test_a_route_table_token_is_honoured_and_an_association_not_stolen(place: Any, refused: Any) -> None:
    here = place()
    ec2, subnet = here.ec2, here.subnets[0]
    first, again = (ec2.create_route_table(VpcId=here.vpc, ClientToken="t")["RouteTable"] for _ in range(2))
    assert first["RouteTableId"] == again["RouteTableId"]
    tags = [{"ResourceType": "route-table", "Tags": [{"Key": "a", "Value": "b"}]}]
    asked = {"VpcId": here.vpc, "ClientToken": "t", "TagSpecifications": tags}
    refused("IdempotentParameterMismatch", ec2.create_route_table, **asked)
    other = ec2.create_route_table(VpcId=here.vpc)["RouteTable"]["RouteTableId"]
    association = ec2.associate_route_table(RouteTableId=first["RouteTableId"], SubnetId=subnet)["AssociationId"]
    assert (
        ec2.associate_route_table(RouteTableId=first["RouteTableId"], SubnetId=subnet)["AssociationId"] == association
    )
    refused("Resource.AlreadyAssociated", ec2.associate_route_table, RouteTableId=other, SubnetId=subnet)
    refused("DependencyViolation", ec2.delete_route_table, RouteTableId=first["RouteTableId"])
    ec2.disassociate_route_table(AssociationId=association)
    refused("InvalidAssociationID.NotFound", ec2.disassociate_route_table, AssociationId=association)
    ec2.delete_route_table(RouteTableId=first["RouteTableId"])
    refused("InvalidRouteTableID.NotFound", ec2.delete_route_table, RouteTableId=first["RouteTableId"])


def test_a_deleted_subnet_frees_its_route_table_and_the_main_one_stays(place: Any, refused: Any) -> None:
    here = place()
    table = here.ec2.create_route_table(VpcId=here.vpc)["RouteTable"]["RouteTableId"]
    here.ec2.associate_route_table(RouteTableId=table, SubnetId=here.subnets[0])
    here.ec2.delete_subnet(SubnetId=here.subnets[0])
    here.ec2.delete_route_table(RouteTableId=table)
    main = [{"Name": "vpc-id", "Values": [here.vpc]}, {"Name": "association.main", "Values": ["true"]}]
    [left] = here.ec2.describe_route_tables(Filters=main)["RouteTables"]
    refused("DependencyViolation", here.ec2.delete_route_table, RouteTableId=left["RouteTableId"])


def test_a_second_group_or_rule_of_the_same_kind_is_refused_as_duplicate(place: Any, refused: Any) -> None:
    here = place()
    asked = {"GroupName": "g", "Description": "d", "VpcId": here.vpc}
    group = here.ec2.create_security_group(**asked)["GroupId"]
    message = refused("InvalidGroup.Duplicate", here.ec2.create_security_group, **asked)
    assert message == f"The security group 'g' already exists for VPC '{here.vpc}'"
    authorize = here.ec2.authorize_security_group_ingress
    [rule] = authorize(GroupId=group, IpPermissions=FROM_ALL)["SecurityGroupRules"]
    assert rule["SecurityGroupRuleId"].startswith("sgr-")
    message = refused("InvalidPermission.Duplicate", authorize, GroupId=group, IpPermissions=FROM_ALL)
    assert message == ('the specified rule "peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW" already exists')


def test_one_duplicate_in_a_call_keeps_the_whole_call_from_happening(place: Any, refused: Any) -> None:
    here = place()
    group = here.ec2.create_security_group(GroupName="g", Description="d", VpcId=here.vpc)["GroupId"]
    authorize = here.ec2.authorize_security_group_ingress
    authorize(GroupId=group, IpPermissions=FROM_ALL)
    more = [{**HTTP, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, *FROM_ALL]
    refused("InvalidPermission.Duplicate", authorize, GroupId=group, IpPermissions=more)
    [found] = here.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert [one["CidrIp"] for one in found["IpPermissions"][0]["IpRanges"]] == ["0.0.0.0/0"]


def test_rules_carry_tags_are_found_by_them_and_go_by_their_id(place: Any, refused: Any) -> None:
    here = place()
    ec2 = here.ec2
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=here.vpc)["GroupId"]
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "op", "Value": "1"}]}]
    answer = ec2.authorize_security_group_egress(GroupId=group, IpPermissions=FROM_ALL, TagSpecifications=tags)
    rule = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    by_tag = [{"Name": "tag:op", "Values": ["1"]}, {"Name": "group-id", "Values": [group]}]
    [found] = ec2.describe_security_group_rules(Filters=by_tag)["SecurityGroupRules"]
    assert (found["SecurityGroupRuleId"], found["IsEgress"], found["FromPort"]) == (rule, True, 80)
    wrong = {"GroupId": group, "SecurityGroupRuleIds": [rule]}
    refused("InvalidSecurityGroupRuleId.NotFound", ec2.revoke_security_group_ingress, **wrong)
    ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=[rule])
    assert ec2.describe_security_group_rules(Filters=by_tag)["SecurityGroupRules"] == []
    missing = {"GroupId": group, "IpPermissions": FROM_ALL}
    refused("InvalidPermission.NotFound", ec2.revoke_security_group_egress, **missing)


def test_a_group_another_one_refers_to_stays_until_the_rule_is_gone(place: Any, refused: Any) -> None:
    here = place()
    ec2 = here.ec2
    first, second = (
        ec2.create_security_group(GroupName=name, Description="d", VpcId=here.vpc)["GroupId"] for name in "ab"
    )
    rule = [{**HTTP, "UserIdGroupPairs": [{"GroupId": first}]}]
    ec2.authorize_security_group_ingress(GroupId=second, IpPermissions=rule)
    message = refused("DependencyViolation", ec2.delete_security_group, GroupId=first)
    assert message == f"resource {first} has a dependent object"
    by_group = [{"Name": "ip-permission.group-id", "Values": [first]}]
    assert [one["GroupId"] for one in ec2.describe_security_groups(Filters=by_group)["SecurityGroups"]] == [second]
    ec2.revoke_security_group_ingress(GroupId=second, IpPermissions=rule)
    ec2.delete_security_group(GroupId=first)
    refused("InvalidGroup.NotFound", ec2.delete_security_group, GroupId=first)


def test_a_group_in_use_by_an_interface_stays(offer: Any, place: Any, refused: Any) -> None:
    made, here = offer(), place()
    group = here.ec2.create_security_group(GroupName="g", Description="d", VpcId=here.vpc)["GroupId"]
    endpoint = here.connect(made.name, SecurityGroupIds=[group])
    refused("DependencyViolation", here.ec2.delete_security_group, GroupId=group)
    here.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    here.ec2.delete_security_group(GroupId=group)


@pytest.mark.parametrize("kind", ["vpc", "subnet", "security-group", "vpc-endpoint", "route-table"])
def test_tags_are_listed_while_their_resource_lives_and_no_longer(
    offer: Any, place: Any, refused: Any, kind: Any
) -> None:
    made, here = offer(), place()
    ec2 = here.ec2
    makers: dict[str, Any] = {
        "vpc-endpoint": lambda: (
            (one := here.connect(made.name)),
            lambda: ec2.delete_vpc_endpoints(VpcEndpointIds=[one]),
        ),
        "subnet": lambda: (here.subnets[0], lambda: ec2.delete_subnet(SubnetId=here.subnets[0])),
        "security-group": lambda: (
            (one := ec2.create_security_group(GroupName="g", Description="d", VpcId=here.vpc)["GroupId"]),
            lambda: ec2.delete_security_group(GroupId=one),
        ),
        "route-table": lambda: (
            (one := ec2.create_route_table(VpcId=here.vpc)["RouteTable"]["RouteTableId"]),
            lambda: ec2.delete_route_table(RouteTableId=one),
        ),
        "vpc": lambda: (
            (one := ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]),
            lambda: ec2.delete_vpc(VpcId=one),
        ),
    }
    resource, delete = makers[kind]()
    ec2.create_tags(Resources=[resource], Tags=[{"Key": "link", "Value": "demo"}])
    mine = [{"Name": "tag:link", "Values": ["demo"]}]
    [tag] = ec2.describe_tags(Filters=mine)["Tags"]
    assert tag == {"ResourceId": resource, "ResourceType": kind, "Key": "link", "Value": "demo"}
    delete()
    assert ec2.describe_tags(Filters=mine)["Tags"] == []
    codes = {
        "vpc": "InvalidVpcID.NotFound",
        "subnet": "InvalidSubnetID.NotFound",
        "security-group": "InvalidGroup.NotFound",
        "vpc-endpoint": "InvalidVpcEndpointId.NotFound",
        "route-table": "InvalidRouteTableID.NotFound",
    }
    refused(codes[kind], ec2.create_tags, Resources=[resource], Tags=[{"Key": "a", "Value": "b"}])


def test_lists_come_in_pages_and_by_tag(sandbox: world.World, consumer: Any) -> None:
    sandbox.quotas = {"vpcs": 10}
    ec2 = consumer.client("ec2")
    for number in range(6):
        tags = [{"ResourceType": "vpc", "Tags": [{"Key": "n", "Value": str(number)}]}]
        ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags)
    mine = [{"Name": "tag-key", "Values": ["n"]}]
    pages = list(ec2.get_paginator("describe_vpcs").paginate(MaxResults=5, Filters=mine))
    assert [len(page["Vpcs"]) for page in pages] == [5, 1]
    assert len(ec2.describe_vpcs(Filters=[{"Name": "tag:n", "Values": ["0", "2"]}])["Vpcs"]) == 2


def test_interfaces_are_found_when_any_value_of_a_filter_fits(offer: Any, place: Any) -> None:
    made, here = offer(), place()
    groups = [
        here.ec2.create_security_group(GroupName=name, Description="d", VpcId=here.vpc)["GroupId"] for name in "abc"
    ]
    here.connect(made.name, SecurityGroupIds=groups[:2])
    for values, count in [(groups[1:], 1), ([groups[2]], 0), ([groups[0]], 1)]:
        found = here.ec2.describe_network_interfaces(Filters=[{"Name": "group-id", "Values": values}])
        assert len(found["NetworkInterfaces"]) == count


def test_a_full_subnet_has_no_room_for_an_endpoint(offer: Any, place: Any, refused: Any) -> None:
    made, here = offer(), place()
    small = here.ec2.create_subnet(VpcId=here.vpc, CidrBlock="10.0.9.0/28", AvailabilityZoneId="use1-az1")["Subnet"]
    for _ in range(11):
        here.connect(made.name, SubnetIds=[small["SubnetId"]])
    [full] = here.ec2.describe_subnets(SubnetIds=[small["SubnetId"]])["Subnets"]
    assert full["AvailableIpAddressCount"] == 0
    refused("InsufficientFreeAddressesInSubnet", here.connect, service_name=made.name, SubnetIds=[small["SubnetId"]])
    assert len(here.ec2.describe_vpc_endpoints()["VpcEndpoints"]) == 11


def test_a_reset_forgets_the_resources_and_keeps_the_keys(sandbox: world.World, consumer: Any) -> None:
    ec2 = consumer.client("ec2")
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    world.reset()
    assert made not in [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]]
    assert consumer.client("sts").get_caller_identity()["Account"] == sandbox.account("consumer").id


def test_a_dry_run_of_a_creation_creates_nothing(consumer: Any, refused: Any) -> None:
    ec2 = consumer.client("ec2")
    before = len(ec2.describe_vpcs()["Vpcs"])
    refused("DryRunOperation", ec2.create_vpc, CidrBlock="10.0.0.0/16", DryRun=True)
    assert len(ec2.describe_vpcs()["Vpcs"]) == before


def test_the_id_that_does_not_exist_is_the_one_named(place: Any, refused: Any) -> None:
    here = place()
    lost = "vpc-00000000000000000"
    message = refused("InvalidVpcID.NotFound", here.ec2.describe_vpcs, VpcIds=[here.vpc, lost])
    assert message == f"The vpc ID '{lost}' does not exist"
    lost = "sg-00000000000000000"
    message = refused("InvalidGroup.NotFound", here.ec2.describe_security_groups, GroupIds=[lost])
    assert message == f"The security group '{lost}' does not exist"
    asked = {"GroupName": "g", "Description": "d", "VpcId": "vpc-00000000000000000"}
    refused("InvalidVpcID.NotFound", here.ec2.create_security_group, **asked)


@pytest.mark.parametrize(
    "method",
    ["describe_security_groups", "describe_security_group_rules", "describe_vpc_endpoints", "describe_tags"],
)
def test_a_filter_that_does_not_exist_is_refused_even_over_nothing(consumer: Any, refused: Any, method: str) -> None:
    call = getattr(consumer.client("ec2"), method)
    refused("InvalidFilter", call, Filters=[{"Name": "colour", "Values": ["red"]}])


def test_a_vpc_takes_its_default_acl_with_it_and_no_other(provider: Any, refused: Any) -> None:
    ec2 = provider.client("ec2")
    before = {acl["NetworkAclId"]: acl["Associations"] for acl in ec2.describe_network_acls()["NetworkAcls"]}
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZoneId="use1-az1")["Subnet"]["SubnetId"]
    own = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    ec2.delete_subnet(SubnetId=subnet)
    assert all(
        one["SubnetId"] != subnet for acl in ec2.describe_network_acls()["NetworkAcls"] for one in acl["Associations"]
    )
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
    ec2.delete_network_acl(NetworkAclId=own)
    ec2.delete_vpc(VpcId=vpc)
    assert {a["NetworkAclId"]: a["Associations"] for a in ec2.describe_network_acls()["NetworkAcls"]} == before
