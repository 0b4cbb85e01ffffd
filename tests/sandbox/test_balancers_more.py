"""Load balancers in the detail a careful client meets: attributes, targets that drain, subnets that change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

    from conftest import Side
    from plinkctl.sandbox import world


@pytest.fixture
def made(provider: Side) -> SimpleNamespace:
    """A provider's side: ALB behind NLB."""
    return whole.provide(provider)


def attributes(elb: Any, arn: str) -> dict[str, str]:
    found = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    return {one["Key"]: one["Value"] for one in found}


def health(made: Any, **more: Any) -> list[tuple[int, str, str | None]]:
    found = made.elb.describe_target_health(TargetGroupArn=made.targets, **more)["TargetHealthDescriptions"]
    return [(one["Target"]["Port"], one["TargetHealth"]["State"], one["TargetHealth"].get("Reason")) for one in found]


def modify(elb: Any, arn: str, key: str, value: str) -> Any:
    return elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": key, "Value": value}])


def test_each_kind_of_load_balancer_has_its_own_attributes(made: Any) -> None:
    application, network = attributes(made.elb, made.alb), attributes(made.elb, made.nlb)
    assert application["idle_timeout.timeout_seconds"] == "60"
    assert application["load_balancing.cross_zone.enabled"] == "true"
    assert "idle_timeout.timeout_seconds" not in network
    assert network["load_balancing.cross_zone.enabled"] == "false"
    assert network["dns_record.client_routing_policy"] == "any_availability_zone"
    assert application["ipv6.deny_all_igw_traffic"] == network["ipv6.deny_all_igw_traffic"] == "true"
    answered = modify(made.elb, made.nlb, "load_balancing.cross_zone.enabled", "true")["Attributes"]
    assert {one["Key"]: one["Value"] for one in answered} == attributes(made.elb, made.nlb)
    assert attributes(made.elb, made.nlb) == network | {"load_balancing.cross_zone.enabled": "true"}


def test_attributes_a_kind_does_not_have_or_cannot_take_are_refused(made: Any, refused: Any) -> None:
    def no(code: str, arn: str, key: str, value: str) -> str:
        return str(
            refused(
                code,
                made.elb.modify_load_balancer_attributes,
                LoadBalancerArn=arn,
                Attributes=[{"Key": "deletion_protection.enabled", "Value": "true"}, {"Key": key, "Value": value}],
            )
        )

    message = no("ValidationError", made.nlb, "idle_timeout.timeout_seconds", "60")
    assert message == "Load balancer attribute key 'idle_timeout.timeout_seconds' is not recognized"
    no("ValidationError", made.alb, "idle_timeout.timeout_seconds", "0")
    no("ValidationError", made.alb, "routing.http.xff_header_processing.mode", "forget")
    no("ValidationError", made.nlb, "zonal_shift.config.enabled", "yes")
    no("InvalidConfigurationRequest", made.alb, "load_balancing.cross_zone.enabled", "false")
    modify(made.elb, made.nlb, "secondary_ips.auto_assigned.per_subnet", "2")
    no("InvalidConfigurationRequest", made.nlb, "secondary_ips.auto_assigned.per_subnet", "1")
    for arn in (made.alb, made.nlb):
        assert attributes(made.elb, arn)["deletion_protection.enabled"] == "false"


def test_each_kind_of_listener_has_its_own_attributes(made: Any, refused: Any) -> None:
    arns = [
        made.elb.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]["ListenerArn"] for arn in (made.alb, made.nlb)
    ]

    def told(arn: str) -> dict[str, str]:
        found = made.elb.describe_listener_attributes(ListenerArn=arn)["Attributes"]
        return {one["Key"]: one["Value"] for one in found}

    http, tcp = arns
    assert told(tcp) == {"tcp.idle_timeout.seconds": "350"}
    assert told(http)["routing.http.response.server.enabled"] == "true"
    assert "tcp.idle_timeout.seconds" not in told(http)
    change = made.elb.modify_listener_attributes
    change(ListenerArn=tcp, Attributes=[{"Key": "tcp.idle_timeout.seconds", "Value": "400"}])
    assert told(tcp) == {"tcp.idle_timeout.seconds": "400"}
    for arn, key, value in (
        (tcp, "tcp.idle_timeout.seconds", "9"),
        (tcp, "routing.http.response.server.enabled", "false"),
        (http, "routing.http.response.server.enabled", "never"),
    ):
        refused("ValidationError", change, ListenerArn=arn, Attributes=[{"Key": key, "Value": value}])
    header = "routing.http.response.x_frame_options.header_value"
    change(ListenerArn=http, Attributes=[{"Key": header, "Value": "DENY"}])
    assert told(http)[header] == "DENY"


def test_a_target_group_of_a_load_balancer_keeps_its_attributes_as_they_are(made: Any, refused: Any) -> None:
    elb = made.elb
    found = elb.describe_target_group_attributes(TargetGroupArn=made.targets)["Attributes"]
    known = {one["Key"]: one["Value"] for one in found}
    assert known["deregistration_delay.timeout_seconds"] == "300"
    assert known["stickiness.type"] == "source_ip"
    wish = [{"Key": "deregistration_delay.timeout_seconds", "Value": "0"}]
    modify_group = elb.modify_target_group_attributes
    refused("InvalidConfigurationRequest", modify_group, TargetGroupArn=made.targets, Attributes=wish)
    other = elb.create_target_group(Name="ip", Protocol="TCP", Port=80, VpcId=made.vpc, TargetType="ip")
    other = other["TargetGroups"][0]["TargetGroupArn"]
    modify_group(TargetGroupArn=other, Attributes=wish)
    refused(
        "ValidationError",
        modify_group,
        TargetGroupArn=other,
        Attributes=[{"Key": "lambda.multi_value_headers.enabled", "Value": "true"}],
    )


def test_a_deregistered_target_drains_for_the_fixed_delay(made: Any, sandbox: world.World, refused: Any) -> None:
    sandbox.profile = sandbox.profile.__class__(name="draining", draining=1)
    assert health(made) == [(80, "healthy", None)]
    made.elb.deregister_targets(TargetGroupArn=made.targets, Targets=[{"Id": made.alb}])
    draining = [(80, "draining", "Target.DeregistrationInProgress")]
    assert health(made) == draining
    sandbox.clock.advance(299)
    assert health(made) == draining
    message = refused("ResourceInUse", made.elb.delete_load_balancer, LoadBalancerArn=made.alb)
    assert "registered as a target" in message
    sandbox.clock.advance(1)
    assert health(made) == []
    assert health(made, Targets=[{"Id": made.alb, "Port": 80}]) == [(80, "unused", "Target.NotRegistered")]
    made.elb.delete_load_balancer(LoadBalancerArn=made.alb)


def test_a_target_that_comes_back_while_it_drains_is_registered_again(made: Any, sandbox: world.World) -> None:
    sandbox.profile = sandbox.profile.__class__(name="draining", draining=1)
    made.elb.deregister_targets(TargetGroupArn=made.targets, Targets=[{"Id": made.alb}])
    made.elb.register_targets(TargetGroupArn=made.targets, Targets=[{"Id": made.alb}])
    assert health(made) == [(80, "healthy", None)]
    sandbox.clock.advance(400)
    assert health(made) == [(80, "healthy", None)]


def test_the_same_address_on_two_ports_is_two_targets(made: Any) -> None:
    elb = made.elb
    made.targets = elb.create_target_group(Name="ip", Protocol="TCP", Port=80, VpcId=made.vpc, TargetType="ip")[
        "TargetGroups"
    ][0]["TargetGroupArn"]
    both = [{"Id": "10.0.0.50", "Port": 80}, {"Id": "10.0.0.50", "Port": 81}]
    elb.register_targets(TargetGroupArn=made.targets, Targets=both)
    assert [port for port, _, _ in health(made)] == [80, 81]
    elb.deregister_targets(TargetGroupArn=made.targets, Targets=both[:1])
    assert [port for port, _, _ in health(made)] == [81]
    elb.register_targets(TargetGroupArn=made.targets, Targets=both)
    elb.deregister_targets(TargetGroupArn=made.targets, Targets=[{"Id": "10.0.0.50"}])
    assert health(made) == []


def test_an_application_load_balancer_stands_behind_two_network_load_balancers_at_most(made: Any, refused: Any) -> None:
    elb = made.elb

    def another(number: int) -> tuple[str, Callable[[], Any]]:
        made_group = elb.create_target_group(
            Name=f"g{number}", Protocol="TCP", Port=80, VpcId=made.vpc, TargetType="alb", HealthCheckProtocol="HTTP"
        )
        group = made_group["TargetGroups"][0]["TargetGroupArn"]
        elb.register_targets(TargetGroupArn=group, Targets=[{"Id": made.alb}])
        balancer = elb.create_load_balancer(Name=f"n{number}", Type="network", Scheme="internal", Subnets=made.subnets)[
            "LoadBalancers"
        ][0]["LoadBalancerArn"]
        forward = [{"Type": "forward", "TargetGroupArn": group}]
        return group, lambda **_: elb.create_listener(
            LoadBalancerArn=balancer, Protocol="TCP", Port=80, DefaultActions=forward
        )

    another(2)[1]()
    group, listen = another(3)
    refused("TooManyRegistrationsForTargetId", listen)
    elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": made.alb}])
    listen()
    refused("TooManyRegistrationsForTargetId", elb.register_targets, TargetGroupArn=group, Targets=[{"Id": made.alb}])


def test_one_load_balancer_a_group_on_one_port(made: Any, refused: Any) -> None:
    fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]
    made.elb.create_listener(LoadBalancerArn=made.alb, Protocol="HTTP", Port=81, DefaultActions=fixed)
    twice = {"TargetGroupArn": made.targets, "Targets": [{"Id": made.alb, "Port": 81}]}
    refused("TooManyTargets", made.elb.register_targets, **twice)


@pytest.mark.parametrize("name", ["alb", "nlb"])
def test_subnets_can_be_changed_and_the_interfaces_follow(
    made: Any, sandbox: world.World, refused: Any, name: str
) -> None:
    sandbox.profile = sandbox.profile.__class__(name="lingering", load_balancer_interface=60)
    elb, ec2, arn = made.elb, made.ec2, getattr(made, name)
    third = ec2.create_subnet(VpcId=made.vpc, CidrBlock="10.0.9.0/24", AvailabilityZoneId="use1-az3")
    third = third["Subnet"]["SubnetId"]
    if name == "nlb":
        ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.service])

    def places() -> list[str]:
        by_owner = [{"Name": "description", "Values": [f"ELB *{arn.rpartition('/')[2]}"]}]
        return sorted(one["SubnetId"] for one in ec2.describe_network_interfaces(Filters=by_owner)["NetworkInterfaces"])

    assert places() == sorted(made.subnets)
    zones = elb.set_subnets(LoadBalancerArn=arn, Subnets=[made.subnets[0], third])["AvailabilityZones"]
    assert {one["SubnetId"] for one in zones} == {made.subnets[0], third}
    [balancer] = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
    assert {one["SubnetId"] for one in balancer["AvailabilityZones"]} == {made.subnets[0], third}
    assert places() == sorted([*made.subnets, third])
    sandbox.clock.advance(60)
    assert places() == sorted([made.subnets[0], third])
    refused("SubnetNotFound", elb.set_subnets, LoadBalancerArn=arn, Subnets=["subnet-1"])
    if name == "alb":
        refused("ValidationError", elb.set_subnets, LoadBalancerArn=arn, Subnets=[third])
    else:
        elb.set_subnets(LoadBalancerArn=arn, Subnets=[third])


def test_a_zone_a_service_is_offered_in_is_not_given_up(made: Any, refused: Any) -> None:
    refused("InvalidConfigurationRequest", made.elb.set_subnets, LoadBalancerArn=made.nlb, Subnets=made.subnets[:1])
    third = made.ec2.create_subnet(VpcId=made.vpc, CidrBlock="10.0.9.0/24", AvailabilityZoneId="use1-az3")
    made.elb.set_subnets(LoadBalancerArn=made.nlb, Subnets=[*made.subnets, third["Subnet"]["SubnetId"]])
    [service] = made.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert len(service["AvailabilityZones"]) == 2
    made.ec2.modify_vpc_endpoint_service_configuration(ServiceId=made.service)
    [service] = made.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert len(service["AvailabilityZones"]) == 3


def test_what_was_changed_counts_when_the_same_is_asked_for_again(made: Any, refused: Any) -> None:
    elb = made.elb
    elb.set_ip_address_type(LoadBalancerArn=made.nlb, IpAddressType="dualstack")
    again = {"Name": "nlb", "Type": "network", "Scheme": "internal", "Subnets": made.subnets}
    refused("DuplicateLoadBalancerName", elb.create_load_balancer, **again)
    same = elb.create_load_balancer(**again, IpAddressType="dualstack")["LoadBalancers"][0]
    assert same["LoadBalancerArn"] == made.nlb
    assert same["IpAddressType"] == "dualstack"


def test_a_group_made_with_nothing_said_checks_as_aws_does(made: Any) -> None:
    [group] = made.elb.create_target_group(Name="bare", Protocol="TCP", Port=80, VpcId=made.vpc, TargetType="alb")[
        "TargetGroups"
    ]
    assert {
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckPath": "/",
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 6,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "Matcher": {"HttpCode": "200-399"},
    }.items() <= group.items()
