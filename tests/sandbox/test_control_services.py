"""Endpoint services as the provider makes them and as consumers find them."""

from __future__ import annotations

from typing import Any

import pytest

from plinkctl.sandbox import world

WORLD_ALLOWED = "arn:aws:iam::222222222222:root"


def test_a_service_is_available_at_once_and_named_after_its_id(offer: Any) -> None:
    made = offer()
    [service] = made.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert service["ServiceState"] == "Available"
    assert service["ServiceName"] == f"com.amazonaws.vpce.us-east-1.{service['ServiceId']}"
    assert len(service["ServiceId"]) == len("vpce-svc-") + 17
    assert service["ServiceType"] == [{"ServiceType": "Interface"}]
    assert service["AvailabilityZoneIds"] == ["use1-az1", "use1-az2"]
    assert service["NetworkLoadBalancerArns"] == [made.arn]


def test_zone_names_mean_different_zones_in_the_two_accounts(provider: Any, consumer: Any) -> None:
    maps = [
        {
            zone["ZoneName"]: zone["ZoneId"]
            for zone in side.client("ec2").describe_availability_zones()["AvailabilityZones"]
        }
        for side in (provider, consumer)
    ]
    assert set(maps[0]) == set(maps[1])
    assert set(maps[0].values()) == set(maps[1].values())
    assert all(maps[0][name] != maps[1][name] for name in maps[0])


def test_a_consumer_sees_the_services_zones_by_its_own_names(offer: Any, consumer: Any) -> None:
    made = offer()
    ec2 = consumer.client("ec2")
    [detail] = ec2.describe_vpc_endpoint_services(ServiceNames=[made.name])["ServiceDetails"]
    zones = ec2.describe_availability_zones(ZoneNames=detail["AvailabilityZones"])["AvailabilityZones"]
    assert {zone["ZoneId"] for zone in zones} == {"use1-az1", "use1-az2"}
    assert detail["Owner"] == "111111111111"
    assert detail["AcceptanceRequired"] is True


@pytest.mark.parametrize(
    "principals", [(), ("arn:aws:iam::333333333333:root",), ("arn:aws:iam::222222222222:role/other",)]
)
def test_a_service_one_may_not_use_looks_as_if_it_did_not_exist(
    offer: Any, place: Any, consumer: Any, refused: Any, principals: Any
) -> None:
    made, here = offer(principals=principals), place()
    absent = "com.amazonaws.vpce.us-east-1.vpce-svc-00000000000000000"
    for name in (made.name, absent):
        text = f"The Vpc Endpoint Service '{name}' does not exist"
        assert refused("InvalidServiceName", here.ec2.describe_vpc_endpoint_services, ServiceNames=[name]) == text
        assert refused("InvalidServiceName", here.connect, service_name=name) == text


@pytest.mark.parametrize("principal", [WORLD_ALLOWED, "*", "arn:aws:iam::222222222222:user/consumer"])
def test_account_user_and_everybody_are_principals_that_admit(offer: Any, place: Any, principal: Any) -> None:
    made, here = offer(principals=(principal,)), place()
    here.connect(made.name)
    assert here.state() == "pendingAcceptance"


def test_the_owners_own_account_needs_no_permission(offer: Any) -> None:
    made = offer(principals=())
    [detail] = made.ec2.describe_vpc_endpoint_services(ServiceNames=[made.name])["ServiceDetails"]
    assert detail["ServiceId"] == made.id


@pytest.mark.parametrize(
    "principal",
    [
        "222222222222",
        "arn:aws:sts::222222222222:assumed-role/admin/me",
        "arn:aws:iam::222222222222:role/with/a/path",
        "arn:aws:iam::2222:root",
        "nonsense",
    ],
)
def test_a_principal_aws_does_not_take_is_refused_and_nothing_is_added(
    offer: Any, refused: Any, principal: Any
) -> None:
    made = offer(principals=())
    asked = {"ServiceId": made.id, "AddAllowedPrincipals": [WORLD_ALLOWED, principal]}
    message = refused("InvalidPrincipal", made.ec2.modify_vpc_endpoint_service_permissions, **asked)
    assert message == f"Invalid Principal: '{principal}'"
    assert made.ec2.describe_vpc_endpoint_service_permissions(ServiceId=made.id)["AllowedPrincipals"] == []


def test_permissions_are_added_once_listed_with_their_kind_and_removed(offer: Any) -> None:
    made = offer(principals=())
    modify = made.ec2.modify_vpc_endpoint_service_permissions
    first = modify(ServiceId=made.id, AddAllowedPrincipals=[WORLD_ALLOWED])["AddedPrincipals"]
    assert [(one["Principal"], one["PrincipalType"]) for one in first] == [(WORLD_ALLOWED, "Account")]
    assert modify(ServiceId=made.id, AddAllowedPrincipals=[WORLD_ALLOWED]).get("AddedPrincipals", []) == []
    listed = made.ec2.describe_vpc_endpoint_service_permissions(ServiceId=made.id)["AllowedPrincipals"]
    assert [one["ServicePermissionId"] for one in listed] == [first[0]["ServicePermissionId"]]
    modify(ServiceId=made.id, RemoveAllowedPrincipals=[WORLD_ALLOWED, "arn:aws:iam::999999999999:root"])
    assert made.ec2.describe_vpc_endpoint_service_permissions(ServiceId=made.id)["AllowedPrincipals"] == []


def test_a_removed_permission_cuts_no_connection(offer: Any, place: Any) -> None:
    made, here = offer(acceptance=False), place()
    here.connect(made.name)
    made.ec2.modify_vpc_endpoint_service_permissions(ServiceId=made.id, RemoveAllowedPrincipals=[WORLD_ALLOWED])
    assert here.state() == "available"


def test_a_load_balancer_stands_behind_one_service_only(offer: Any, refused: Any) -> None:
    made = offer()
    create = made.ec2.create_vpc_endpoint_service_configuration
    message = refused("InvalidParameter", create, NetworkLoadBalancerArns=[made.arn])
    assert "already associated with another VPC Endpoint Service Configuration" in message
    assert made.arn in message


def test_a_service_needs_one_active_network_load_balancer(sandbox: world.World, offer: Any, refused: Any) -> None:
    made = offer()
    create = made.ec2.create_vpc_endpoint_service_configuration
    assert refused("InvalidParameter", create).startswith("exactly one of network_load_balancer_arn")
    absent = made.arn.replace("front", "gone")
    refused("InvalidNetworkLoadBalancerArn.NotFound", create, NetworkLoadBalancerArns=[absent])
    application = made.elb.create_load_balancer(Name="app", Scheme="internal", Subnets=made.subnets)
    arn = application["LoadBalancers"][0]["LoadBalancerArn"]
    assert "not a network load balancer" in refused("InvalidParameter", create, NetworkLoadBalancerArns=[arn])
    sandbox.profile = world.REAL
    young = made.elb.create_load_balancer(Name="young", Type="network", Scheme="internal", Subnets=made.subnets)
    arn = young["LoadBalancers"][0]["LoadBalancerArn"]
    assert "provisioning" in refused("InvalidParameter", create, NetworkLoadBalancerArns=[arn])
    sandbox.clock.advance(150)
    assert create(NetworkLoadBalancerArns=[arn])["ServiceConfiguration"]["ServiceState"] == "Available"


def test_a_client_token_makes_one_service_however_often_it_is_sent(offer: Any, refused: Any) -> None:
    made = offer()
    create = made.ec2.create_vpc_endpoint_service_configuration
    lb = made.elb.create_load_balancer(Name="two", Type="network", Scheme="internal", Subnets=made.subnets)
    arns = [lb["LoadBalancers"][0]["LoadBalancerArn"]]
    first = create(NetworkLoadBalancerArns=arns, ClientToken="once")
    again = create(NetworkLoadBalancerArns=arns, ClientToken="once")
    assert first["ServiceConfiguration"]["ServiceId"] == again["ServiceConfiguration"]["ServiceId"]
    assert again["ClientToken"] == "once"
    other = {"NetworkLoadBalancerArns": arns, "ClientToken": "once", "AcceptanceRequired": False}
    refused("IdempotentParameterMismatch", create, **other)
    assert len(made.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]) == 2


def test_services_are_found_by_tag_by_id_and_page_by_page(offer: Any, refused: Any) -> None:
    made = offer()
    for number in range(2):
        lb = made.elb.create_load_balancer(
            Name=f"more{number}", Type="network", Scheme="internal", Subnets=made.subnets
        )["LoadBalancers"][0]
        made.ec2.create_vpc_endpoint_service_configuration(
            NetworkLoadBalancerArns=[lb["LoadBalancerArn"]],
            TagSpecifications=[{"ResourceType": "vpc-endpoint-service", "Tags": [{"Key": "n", "Value": str(number)}]}],
        )
    describe = made.ec2.describe_vpc_endpoint_service_configurations
    [tagged] = describe(Filters=[{"Name": "tag:n", "Values": ["1"]}])["ServiceConfigurations"]
    assert tagged["Tags"] == [{"Key": "n", "Value": "1"}]
    pages = list(made.ec2.get_paginator("describe_vpc_endpoint_service_configurations").paginate(MaxResults=1))
    assert [len(page["ServiceConfigurations"]) for page in pages] == [1, 1, 1]
    refused("InvalidVpcEndpointServiceId.NotFound", describe, ServiceIds=["vpce-svc-00000000000000000"])
    refused("InvalidFilter", describe, Filters=[{"Name": "colour", "Values": ["red"]}])


def test_acceptance_can_be_changed_for_the_connections_to_come(offer: Any, place: Any) -> None:
    made, first, second = offer(), place(), place("use1-az2")
    first.connect(made.name)
    made.ec2.modify_vpc_endpoint_service_configuration(ServiceId=made.id, AcceptanceRequired=False)
    [service] = made.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert service["AcceptanceRequired"] is False
    second.connect(made.name)
    states = {one["VpcId"]: one["State"] for one in first.ec2.describe_vpc_endpoints()["VpcEndpoints"]}
    assert states == {first.vpc: "pendingAcceptance", second.vpc: "available"}


def test_deleting_reports_what_it_could_not_delete_in_a_list(offer: Any, place: Any) -> None:
    made, here = offer(), place()
    endpoint = here.connect(made.name)
    absent = "vpce-svc-00000000000000000"
    failed = made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id, absent])["Unsuccessful"]
    assert [(one["ResourceId"], one["Error"]["Code"], one["Error"]["Message"]) for one in failed] == [
        (made.id, "ExistingVpcEndpointConnections", "Service has existing active VPC Endpoint connections!"),
        (
            absent,
            "InvalidVpcEndpointService.NotFound",
            f"The VpcEndpointService Id '{absent}' does not exist",
        ),
    ]
    here.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    assert made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id])["Unsuccessful"] == []
    assert made.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"] == []


def test_a_deleted_service_holds_its_load_balancer_a_little_longer(
    sandbox: world.World, offer: Any, refused: Any
) -> None:
    sandbox.profile = world.REAL
    made = offer()
    message = refused("ResourceInUse", made.elb.delete_load_balancer, LoadBalancerArn=made.arn)
    assert (
        message
        == f"Load balancer '{made.arn}' cannot be deleted because it is currently associated with another service"
    )
    made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id])
    [service] = made.ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[made.id])["ServiceConfigurations"]
    assert service["ServiceState"] == "Deleting"
    refused("ResourceInUse", made.elb.delete_load_balancer, LoadBalancerArn=made.arn)
    sandbox.clock.advance(sandbox.profile.service_deleting)
    made.elb.delete_load_balancer(LoadBalancerArn=made.arn)


def test_new_zones_of_a_load_balancer_are_taken_over_when_the_service_is_modified(offer: Any) -> None:
    made = offer("use1-az1")
    [service] = made.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert service["AvailabilityZoneIds"] == ["use1-az1"]
    second = made.ec2.create_subnet(VpcId=made.vpc, CidrBlock="10.0.9.0/24", AvailabilityZoneId="use1-az4")["Subnet"]
    lb = made.elb.create_load_balancer(Name="wide", Type="network", Scheme="internal", Subnets=[second["SubnetId"]])[
        "LoadBalancers"
    ][0]
    made.ec2.modify_vpc_endpoint_service_configuration(
        ServiceId=made.id, AddNetworkLoadBalancerArns=[lb["LoadBalancerArn"]]
    )
    [service] = made.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert sorted(service["AvailabilityZoneIds"]) == ["use1-az1", "use1-az4"]


def test_a_dry_run_changes_nothing(offer: Any, refused: Any) -> None:
    made = offer()
    delete = made.ec2.delete_vpc_endpoint_service_configurations
    refused("DryRunOperation", delete, ServiceIds=[made.id], DryRun=True)
    assert made.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]


def test_a_consumer_lists_what_it_may_use_and_filters_it(offer: Any, consumer: Any) -> None:
    made = offer()
    describe = consumer.client("ec2").describe_vpc_endpoint_services
    assert describe()["ServiceNames"] == [made.name]
    for name, value, found in [
        ("service-type", "Interface", [made.name]),
        ("service-type", "Gateway", []),
        ("service-name", made.name, [made.name]),
        ("owner", "222222222222", []),
    ]:
        assert describe(Filters=[{"Name": name, "Values": [value]}])["ServiceNames"] == found
    made.ec2.modify_vpc_endpoint_service_permissions(ServiceId=made.id, RemoveAllowedPrincipals=[WORLD_ALLOWED])
    assert describe()["ServiceNames"] == []
