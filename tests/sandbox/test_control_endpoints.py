"""Interface endpoints and their other side, the connections."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from plinkctl.sandbox import world


def _connection(made: Any) -> Any:
    found = made.ec2.describe_vpc_endpoint_connections(Filters=[{"Name": "service-id", "Values": [made.id]}])
    return [(one["VpcEndpointId"], one["VpcEndpointState"]) for one in found["VpcEndpointConnections"]]


def test_an_endpoint_waits_for_the_provider_then_is_pending_then_available(
    sandbox: world.World, offer: Any, place: Any
) -> None:
    made, here = offer(), place()
    sandbox.profile = world.REAL
    endpoint = here.connect(made.name)
    sandbox.clock.advance(3600)
    assert here.state() == "pendingAcceptance"
    assert _connection(made) == [(endpoint, "pendingAcceptance")]
    answer = made.ec2.accept_vpc_endpoint_connections(ServiceId=made.id, VpcEndpointIds=[endpoint])
    assert answer["Unsuccessful"] == []
    assert here.state() == "pending"
    sandbox.clock.advance(59)
    assert here.state() == "pending"
    sandbox.clock.advance(1)
    assert here.state() == "available"
    assert _connection(made) == [(endpoint, "available")]


def test_a_service_that_accepts_all_leaves_out_the_waiting(sandbox: world.World, offer: Any, place: Any) -> None:
    made, here = offer(acceptance=False), place()
    sandbox.profile = world.REAL
    here.connect(made.name)
    assert here.endpoint["State"] == "pending"
    sandbox.clock.advance(60)
    assert here.state() == "available"


def test_the_answer_already_has_interfaces_and_names_in_aws_form(offer: Any, place: Any) -> None:
    made, here = offer(), place("use1-az1", "use1-az2")
    endpoint = here.connect(made.name)
    zones = {
        one["SubnetId"]: one["AvailabilityZone"] for one in here.ec2.describe_subnets(SubnetIds=here.subnets)["Subnets"]
    }
    names = [one["DnsName"] for one in here.endpoint["DnsEntries"]]
    regional = re.fullmatch(rf"({endpoint}-[a-z0-9]{{8}})\.{made.id}\.us-east-1\.vpce\.amazonaws\.com", names[0])
    assert regional
    domain = f"{made.id}.us-east-1.vpce.amazonaws.com"
    assert set(names[1:]) == {f"{regional[1]}-{zone}.{domain}" for zone in zones.values()}
    assert here.endpoint["PrivateDnsEnabled"] is False
    assert set(here.endpoint["SubnetIds"]) == set(here.subnets)
    found = here.ec2.describe_network_interfaces(NetworkInterfaceIds=here.endpoint["NetworkInterfaceIds"])
    for eni in found["NetworkInterfaces"]:
        assert eni["Description"] == f"VPC Endpoint Interface {endpoint}"
        assert eni["InterfaceType"] == "vpc_endpoint"
        assert eni["RequesterManaged"] is True
        assert eni["Status"] == "in-use"
        assert eni["PrivateIpAddress"].startswith(f"10.0.{here.subnets.index(eni['SubnetId'])}.")


def test_without_groups_the_vpcs_default_group_is_taken_with_groups_those(offer: Any, place: Any) -> None:
    made, here = offer(), place()
    here.connect(made.name)
    assert [group["GroupName"] for group in here.endpoint["Groups"]] == ["default"]
    group = here.ec2.create_security_group(GroupName="door", Description="d", VpcId=here.vpc)["GroupId"]
    here.connect(made.name, SecurityGroupIds=[group])
    [eni] = here.ec2.describe_network_interfaces(Filters=[{"Name": "group-id", "Values": [group]}])["NetworkInterfaces"]
    assert [one["GroupId"] for one in eni["Groups"]] == [group]


def test_the_same_token_gives_the_same_endpoint_and_another_a_second_one(offer: Any, place: Any, refused: Any) -> None:
    made, here = offer(), place()
    first = here.connect(made.name, ClientToken="t1")
    assert here.connect(made.name, ClientToken="t1") == first
    assert here.connect(made.name, ClientToken="t2") != first
    refused(
        "IdempotentParameterMismatch", here.connect, service_name=made.name, ClientToken="t1", PrivateDnsEnabled=False
    )
    assert len(here.ec2.describe_vpc_endpoints()["VpcEndpoints"]) == 2
    assert len(here.ec2.describe_network_interfaces()["NetworkInterfaces"]) == 2


def test_a_zone_the_service_is_not_in_is_refused_by_physical_zone(offer: Any, place: Any, refused: Any) -> None:
    made, here = offer(), place("use1-az4")
    message = refused("InvalidParameter", here.connect, service_name=made.name)
    assert message == (
        f"The VPC endpoint service {made.name} does not support the availability zone of the subnet: {here.subnets[0]}."
    )
    assert here.ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_a_zone_of_the_same_name_does_not_help(offer: Any, place: Any, provider: Any, refused: Any) -> None:
    made = offer("use1-az1")
    zones = provider.client("ec2").describe_availability_zones(ZoneIds=["use1-az1"])["AvailabilityZones"]
    here = place()
    subnet = here.ec2.create_subnet(VpcId=here.vpc, CidrBlock="10.0.9.0/24", AvailabilityZone=zones[0]["ZoneName"])[
        "Subnet"
    ]
    assert subnet["AvailabilityZoneId"] != "use1-az1"
    refused("InvalidParameter", here.connect, service_name=made.name, SubnetIds=[subnet["SubnetId"]])


def test_two_subnets_of_one_zone_are_refused(offer: Any, place: Any, refused: Any) -> None:
    made, here = offer(), place("use1-az1", "use1-az1")
    message = refused("DuplicateSubnetsInSameZone", here.connect, service_name=made.name)
    assert message == "For an interface VPC endpoint, you can specify only one subnet per Availability Zone."


def test_leaving_out_the_type_asks_for_a_gateway_which_no_service_offers(offer: Any, place: Any, refused: Any) -> None:
    made, here = offer(), place()
    asked = {"VpcId": here.vpc, "ServiceName": made.name}
    message = refused("InvalidParameter", here.ec2.create_vpc_endpoint, **asked)
    assert message == "Endpoint type (Gateway) does not match available service types ([Interface])."


def test_private_dns_is_refused_in_the_words_of_what_is_missing(offer: Any, place: Any, refused: Any) -> None:
    made, here = offer(), place()
    message = refused("InvalidParameter", here.connect, service_name=made.name, PrivateDnsEnabled=True)
    assert message == (
        f"Private DNS can't be enabled because the service {made.name} does not provide a private DNS name."
    )
    made.ec2.modify_vpc_endpoint_service_configuration(ServiceId=made.id, PrivateDnsName="api.example.org")
    message = refused("InvalidParameter", here.connect, service_name=made.name, PrivateDnsEnabled=True)
    assert message.endswith("has not verified the private DNS name.")


def test_missing_vpc_subnet_and_group_are_named(offer: Any, place: Any, refused: Any) -> None:
    made, here = offer(), place()
    refused("InvalidVpcID.NotFound", here.connect, service_name=made.name, VpcId="vpc-00000000000000000")
    refused("InvalidSubnetID.NotFound", here.connect, service_name=made.name, SubnetIds=["subnet-00000000000000000"])
    refused("InvalidGroup.NotFound", here.connect, service_name=made.name, SecurityGroupIds=["sg-00000000000000000"])


def test_rejecting_works_before_and_after_acceptance(sandbox: world.World, offer: Any, place: Any) -> None:
    made, here = offer(), place()
    first, second = here.connect(made.name), here.connect(made.name)
    made.ec2.accept_vpc_endpoint_connections(ServiceId=made.id, VpcEndpointIds=[second])
    answer = made.ec2.reject_vpc_endpoint_connections(ServiceId=made.id, VpcEndpointIds=[first, second])
    assert answer["Unsuccessful"] == []
    assert dict(_connection(made)) == {first: "rejected", second: "rejected"}
    assert made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id])["Unsuccessful"] == []
    assert {one["State"] for one in here.ec2.describe_vpc_endpoints()["VpcEndpoints"]} == {"rejected"}
    assert here.ec2.delete_vpc_endpoints(VpcEndpointIds=[first, second])["Unsuccessful"] == []
    assert here.ec2.describe_vpc_endpoints()["VpcEndpoints"] == []


def test_a_rejection_takes_a_while_to_be_seen_and_until_then_the_service_stays(
    sandbox: world.World, offer: Any, place: Any
) -> None:
    made, here = offer(acceptance=False), place()
    endpoint = here.connect(made.name)
    sandbox.profile = world.REAL
    made.ec2.reject_vpc_endpoint_connections(ServiceId=made.id, VpcEndpointIds=[endpoint])
    assert here.state() == "available"
    [failed] = made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id])["Unsuccessful"]
    assert failed["Error"]["Code"] == "ExistingVpcEndpointConnections"
    sandbox.clock.advance(sandbox.profile.rejection)
    assert here.state() == "rejected"
    assert made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id])["Unsuccessful"] == []


@pytest.mark.parametrize(
    ("before", "decision", "code"),
    [
        (["accept"], "accept", "InvalidState"),
        (["reject"], "accept", "InvalidState"),
        (["reject"], "reject", "InvalidState"),
        ([], "accept", None),
        ([], "reject", None),
        (["accept"], "reject", None),
    ],
)
def test_decisions_that_do_not_fit_the_state_are_refused_one_by_one(
    offer: Any, place: Any, before: Any, decision: Any, code: Any
) -> None:
    made, here = offer(), place()
    endpoint = here.connect(made.name)
    decide = {
        "accept": made.ec2.accept_vpc_endpoint_connections,
        "reject": made.ec2.reject_vpc_endpoint_connections,
    }
    for one in before:
        assert decide[one](ServiceId=made.id, VpcEndpointIds=[endpoint])["Unsuccessful"] == []
    absent = "vpce-00000000000000000"
    failed = decide[decision](ServiceId=made.id, VpcEndpointIds=[absent, endpoint])["Unsuccessful"]
    found = {one["ResourceId"]: one["Error"]["Code"] for one in failed}
    assert found.pop(absent) == "InvalidVpcEndpointId.NotFound"
    assert found == ({endpoint: code} if code else {})


def test_an_unknown_service_is_an_error_not_an_entry(offer: Any, consumer: Any, refused: Any) -> None:
    made = offer()
    absent = {"ServiceId": "vpce-svc-00000000000000000", "VpcEndpointIds": ["vpce-00000000000000000"]}
    refused("InvalidVpcEndpointServiceId.NotFound", made.ec2.accept_vpc_endpoint_connections, **absent)
    foreign = {"ServiceId": made.id, "VpcEndpointIds": ["vpce-00000000000000000"]}
    refused("InvalidVpcEndpointServiceId.NotFound", consumer.client("ec2").reject_vpc_endpoint_connections, **foreign)


def test_connections_are_listed_to_the_provider_only_and_not_by_endpoint(
    offer: Any, place: Any, consumer: Any, refused: Any
) -> None:
    made, here = offer(), place()
    here.connect(made.name)
    [connection] = made.ec2.describe_vpc_endpoint_connections()["VpcEndpointConnections"]
    assert connection["VpcEndpointOwner"] == "222222222222"
    assert connection["NetworkLoadBalancerArns"] == [made.arn]
    assert consumer.client("ec2").describe_vpc_endpoint_connections()["VpcEndpointConnections"] == []
    by_endpoint = [{"Name": "vpc-endpoint-id", "Values": [connection["VpcEndpointId"]]}]
    refused("InvalidFilter", made.ec2.describe_vpc_endpoint_connections, Filters=by_endpoint)


def test_deleting_takes_its_time_keeps_the_subnet_and_ends_in_nothing(
    sandbox: world.World, offer: Any, place: Any, refused: Any
) -> None:
    made, here = offer(acceptance=False), place()
    endpoint = here.connect(made.name)
    sandbox.profile = world.REAL
    assert here.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"] == []
    assert here.state() == "deleting"
    assert _connection(made) == [(endpoint, "deleting")]
    refused("DependencyViolation", here.ec2.delete_subnet, SubnetId=here.subnets[0])
    [failed] = made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id])["Unsuccessful"]
    assert failed["Error"]["Code"] == "ExistingVpcEndpointConnections"
    sandbox.clock.advance(sandbox.profile.endpoint_deleting)
    assert here.state() == "deleted"
    assert _connection(made) == [(endpoint, "deleted")]
    [failed] = here.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"]
    assert failed["Error"]["Code"] == "InvalidVpcEndpoint.NotFound"
    sandbox.clock.advance(sandbox.profile.deleted)
    refused("InvalidVpcEndpointId.NotFound", here.ec2.describe_vpc_endpoints, VpcEndpointIds=[endpoint])
    [failed] = here.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"]
    assert failed["Error"]["Code"] == "InvalidVpcEndpoint.NotFound"
    assert _connection(made) == []
    here.ec2.delete_subnet(SubnetId=here.subnets[0])
    here.ec2.delete_vpc(VpcId=here.vpc)


def test_endpoints_are_found_by_state_service_vpc_id_and_tag(offer: Any, place: Any) -> None:
    made, here = offer(), place()
    tags = [{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "op", "Value": "one"}]}]
    endpoint = here.connect(made.name, TagSpecifications=tags)
    here.connect(made.name)
    for name, value in {
        "tag:op": "one",
        "vpc-endpoint-id": endpoint,
    }.items():
        found = here.ec2.describe_vpc_endpoints(Filters=[{"Name": name, "Values": [value]}])["VpcEndpoints"]
        assert [one["VpcEndpointId"] for one in found] == [endpoint]
    for name, value in {
        "vpc-id": here.vpc,
        "service-name": made.name,
        "vpc-endpoint-state": "pendingAcceptance",
        "vpc-endpoint-type": "Interface",
    }.items():
        found = here.ec2.describe_vpc_endpoints(Filters=[{"Name": name, "Values": ["x", value]}])["VpcEndpoints"]
        assert len(found) == 2
    available = [{"Name": "vpc-endpoint-state", "Values": ["available"]}]
    assert here.ec2.describe_vpc_endpoints(Filters=available)["VpcEndpoints"] == []


def test_groups_and_subnets_of_an_endpoint_can_be_changed(sandbox: world.World, offer: Any, place: Any) -> None:
    made, here = offer(acceptance=False), place()
    endpoint = here.connect(made.name)
    group = here.ec2.create_security_group(GroupName="g", Description="d", VpcId=here.vpc)["GroupId"]
    had = here.endpoint["Groups"][0]["GroupId"]
    here.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddSecurityGroupIds=[group], RemoveSecurityGroupIds=[had])
    [eni] = here.ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert [one["GroupId"] for one in eni["Groups"]] == [group]
    assert here.state() == "available"
    sandbox.profile = world.REAL
    second = here.ec2.create_subnet(VpcId=here.vpc, CidrBlock="10.0.7.0/24", AvailabilityZoneId="use1-az2")["Subnet"]
    here.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddSubnetIds=[second["SubnetId"]])
    assert here.state() == "pending"
    sandbox.clock.advance(60)
    [now] = here.ec2.describe_vpc_endpoints()["VpcEndpoints"]
    assert now["State"] == "available"
    assert len(now["NetworkInterfaceIds"]) == len(now["DnsEntries"]) - 1 == 2


def test_an_endpoints_interface_cannot_be_deleted_detached_or_given_other_groups(
    offer: Any, place: Any, refused: Any
) -> None:
    made, here = offer(), place()
    here.connect(made.name)
    [eni] = here.ec2.describe_network_interfaces()["NetworkInterfaces"]
    eni_id = eni["NetworkInterfaceId"]
    message = refused("InvalidParameterValue", here.ec2.delete_network_interface, NetworkInterfaceId=eni_id)
    assert message == f"Network interface '{eni_id}' is currently in use."
    attachment = eni["Attachment"]["AttachmentId"]
    refused("OperationNotPermitted", here.ec2.detach_network_interface, AttachmentId=attachment)
    group = here.ec2.create_security_group(GroupName="g", Description="d", VpcId=here.vpc)["GroupId"]
    change = {"NetworkInterfaceId": eni_id, "Groups": [group]}
    refused("OperationNotPermitted", here.ec2.modify_network_interface_attribute, **change)


def test_a_new_service_is_unavailable_for_a_moment_though_it_says_available(
    sandbox: world.World, offer: Any, place: Any, refused: Any
) -> None:
    here = place()
    sandbox.profile = world.REAL
    made = offer()
    [service] = made.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert service["ServiceState"] == "Available"
    sandbox.clock.advance(sandbox.profile.permission)
    with pytest.raises(ClientError) as caught:
        here.connect(made.name)
    assert caught.value.response["Error"]["Code"] == "Unavailable"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    sandbox.clock.advance(sandbox.profile.service)
    here.connect(made.name)


def test_a_token_used_before_a_deletion_gives_the_deleted_endpoint_again(offer: Any, place: Any) -> None:
    made, here = offer(), place()
    first = here.connect(made.name, ClientToken="t")
    here.ec2.delete_vpc_endpoints(VpcEndpointIds=[first])
    assert here.connect(made.name, ClientToken="t") == first
    assert here.endpoint["State"] == "deleted"
    assert here.ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
