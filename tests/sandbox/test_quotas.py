"""Quotas: AWS's figures, AWS's refusals, and other figures for whoever needs them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Side
    from plinkctl.sandbox import world


def test_a_region_takes_five_vpcs_the_default_one_among_them(provider: Side, refused: Any) -> None:
    ec2 = provider.client("ec2")
    for number in range(4):
        ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")
    message = refused("VpcLimitExceeded", ec2.create_vpc, CidrBlock="10.9.0.0/16")
    assert message == "The maximum number of VPCs has been reached."
    assert len(ec2.describe_vpcs()["Vpcs"]) == 5
    # Another region has room of its own.
    provider.session.client("ec2", region_name="us-east-2", endpoint_url=provider.url).create_vpc(
        CidrBlock="10.0.0.0/16"
    )


def test_every_quota_refuses_one_more_in_its_services_words(
    sandbox: world.World, provider: Side, consumer: Side, refused: Any
) -> None:
    made = whole.provide(provider)
    here = whole.consume(consumer, made.service_name)
    ec2, elb, iam, logs = here.ec2, made.elb, consumer.client("iam"), consumer.client("logs")
    policies = [
        iam.create_policy(PolicyName=f"p{number}", PolicyDocument=json.dumps(whole.RIGHTS))["Policy"]["Arn"]
        for number in range(2)
    ]
    iam.attach_role_policy(RoleName="probe", PolicyArn=policies[0])
    logs.create_log_group(logGroupName="/g")
    group = {"Description": "d", "VpcId": here.vpc}
    another = {"Scheme": "internal", "Subnets": made.subnets}
    fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]
    listener = elb.describe_listeners(LoadBalancerArn=made.alb)["Listeners"][0]["ListenerArn"]
    by_path = [{"Field": "path-pattern", "Values": ["/x"]}]
    cases: list[tuple[str, int, str, Callable[..., Any], dict[str, Any]]] = [
        ("subnets-per-vpc", 1, "SubnetLimitExceeded", ec2.create_subnet,
         {"VpcId": here.vpc, "CidrBlock": "10.0.9.0/24"}),
        ("security-groups", 4, "SecurityGroupLimitExceeded", ec2.create_security_group, {"GroupName": "h", **group}),
        ("rules-per-security-group", 1, "RulesPerSecurityGroupLimitExceeded", ec2.authorize_security_group_ingress,
         {"GroupId": here.endpoint_group, "IpPermissions": whole.tcp(81, cidr="10.0.0.0/8")}),
        ("route-tables-per-vpc", 1, "RouteTableLimitExceeded", ec2.create_route_table, {"VpcId": here.vpc}),
        ("network-interfaces", 1, "NetworkInterfaceLimitExceeded", ec2.create_network_interface,
         {"SubnetId": here.subnets[0]}),
        ("interface-endpoints-per-vpc", 1, "VpcEndpointLimitExceeded", ec2.create_vpc_endpoint,
         {"VpcEndpointType": "Interface", "ServiceName": made.service_name, "VpcId": here.vpc,
          "SubnetIds": here.subnets}),
        ("security-groups-per-interface", 1, "SecurityGroupsPerInterfaceLimitExceeded", ec2.create_vpc_endpoint,
         {"VpcEndpointType": "Interface", "ServiceName": made.service_name, "VpcId": here.vpc,
          "SubnetIds": here.subnets, "SecurityGroupIds": [here.endpoint_group, here.function_group]}),
        ("network-load-balancers", 1, "TooManyLoadBalancers", elb.create_load_balancer,
         {"Name": "m", "Type": "network", **another}),
        ("application-load-balancers", 1, "TooManyLoadBalancers", elb.create_load_balancer,
         {"Name": "n", "Type": "application", **another}),
        ("target-groups", 1, "TooManyTargetGroups", elb.create_target_group,
         {"Name": "m", "Protocol": "TCP", "Port": 80, "VpcId": made.vpc, "TargetType": "alb"}),
        ("listeners-per-application-load-balancer", 1, "TooManyListeners", elb.create_listener,
         {"LoadBalancerArn": made.alb, "Protocol": "HTTP", "Port": 81, "DefaultActions": fixed}),
        ("managed-policies-per-role", 1, "LimitExceeded", iam.attach_role_policy,
         {"RoleName": "probe", "PolicyArn": policies[1]}),
        ("roles", 1, "LimitExceeded", iam.create_role,
         {"RoleName": "r", "AssumeRolePolicyDocument": json.dumps(whole.TRUST)}),
        ("log-groups", 1, "LimitExceededException", logs.create_log_group, {"logGroupName": "/h"}),
        ("internet-gateways", 1, "InternetGatewayLimitExceeded", ec2.create_internet_gateway, {}),
        ("network-acls-per-vpc", 1, "NetworkAclLimitExceeded", ec2.create_network_acl, {"VpcId": here.vpc}),
        ("rules-per-application-load-balancer", 0, "TooManyRules", elb.create_rule,
         {"ListenerArn": listener, "Priority": 5, "Conditions": by_path, "Actions": fixed}),
        ("network-load-balancer-enis-per-vpc", 5, "InvalidConfigurationRequest", elb.create_load_balancer,
         {"Name": "o", "Type": "network", **another}),
    ]  # fmt: skip
    for name, most, code, method, arguments in cases:
        sandbox.quotas = {name: most}
        refused(code, method, **arguments)
        sandbox.quotas = {name: most + 2}
        method(**arguments)


def test_a_route_table_takes_so_many_routes_besides_the_vpcs_own(
    sandbox: world.World, provider: Side, refused: Any
) -> None:
    ec2 = provider.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    sandbox.quotas = {"routes-per-route-table": 1}
    way = {"RouteTableId": table, "GatewayId": gateway}
    ec2.create_route(DestinationCidrBlock="0.0.0.0/0", **way)
    refused("RouteLimitExceeded", ec2.create_route, DestinationCidrBlock="192.0.2.0/24", **way)


def test_targets_are_counted_by_load_balancer_and_by_zone(sandbox: world.World, provider: Side, refused: Any) -> None:
    made = whole.provide(provider)
    elb = made.elb
    asked = {"Protocol": "TCP", "Port": 81, "VpcId": made.vpc, "TargetType": "ip"}
    group = elb.create_target_group(Name="addresses", **asked)["TargetGroups"][0]["TargetGroupArn"]

    def register(*addresses: str) -> Callable[[], Any]:
        return lambda: elb.register_targets(TargetGroupArn=group, Targets=[{"Id": one} for one in addresses])

    # What nothing forwards to counts for nobody; with the listener it does: fifty for the other load balancer.
    sandbox.quotas = {"targets-per-network-load-balancer": 52}
    register("10.0.0.50", "10.0.0.51", "10.0.1.50")()
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    listen = {"LoadBalancerArn": made.nlb, "Protocol": "TCP", "Port": 81, "DefaultActions": forward}
    refused("TooManyTargets", elb.create_listener, **listen)
    sandbox.quotas = {"targets-per-network-load-balancer": 53}
    elb.create_listener(**listen)
    register("10.0.0.50")()  # it is there already
    refused("TooManyTargets", register("10.0.1.51"))
    # Fifty and two in the one zone, fifty and one in the other: only the other has room.
    sandbox.quotas = {"targets-per-availability-zone-per-network-load-balancer": 52}
    refused("TooManyTargets", register("10.0.0.52"))
    register("10.0.1.51")()
    # Across zones all count together, and the other load balancer twice.
    crossing = [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=made.nlb, Attributes=crossing)
    sandbox.quotas = {"targets-per-availability-zone-per-network-load-balancer": 204}
    refused("TooManyTargets", register("10.0.0.52"))


def test_target_groups_are_counted_by_action_and_by_load_balancer(
    sandbox: world.World, provider: Side, refused: Any
) -> None:
    made = whole.provide(provider)
    elb = made.elb
    asked = {"Protocol": "HTTP", "Port": 80, "VpcId": made.vpc, "TargetType": "ip"}
    groups = [
        {"TargetGroupArn": elb.create_target_group(Name=name, **asked)["TargetGroups"][0]["TargetGroupArn"]}
        for name in "abc"
    ]

    def forward(*which: int) -> list[dict[str, Any]]:
        return [{"Type": "forward", "ForwardConfig": {"TargetGroups": [groups[one] for one in which]}}]

    listener = elb.describe_listeners(LoadBalancerArn=made.alb)["Listeners"][0]["ListenerArn"]
    rule = {"ListenerArn": listener, "Priority": 1, "Conditions": [{"Field": "path-pattern", "Values": ["/x"]}]}
    sandbox.quotas = {"target-groups-per-action-on-application-load-balancer": 1}
    refused("InvalidLoadBalancerAction", elb.create_rule, Actions=forward(0, 1), **rule)
    sandbox.quotas = {"target-groups-per-application-load-balancer": 2}
    arn = elb.create_rule(Actions=forward(0, 1), **rule)["Rules"][0]["RuleArn"]
    code = "TooManyUniqueTargetGroupsPerLoadBalancer"
    refused(code, elb.modify_rule, RuleArn=arn, Actions=forward(0, 1, 2))
    refused(code, elb.modify_listener, ListenerArn=listener, DefaultActions=forward(2))
    elb.modify_listener(ListenerArn=listener, DefaultActions=forward(1))
    unknown = [{"Type": "forward", "TargetGroupArn": groups[0]["TargetGroupArn"] + "0"}]
    refused("TargetGroupNotFound", elb.modify_rule, RuleArn=arn, Actions=unknown)


def test_every_interface_is_counted_before_the_first_is_made(
    sandbox: world.World, provider: Side, consumer: Side, refused: Any
) -> None:
    made = whole.provide(provider)
    here = whole.network(consumer.client("ec2"), "use1-az1", "use1-az2")
    endpoint = {"VpcEndpointType": "Interface", "ServiceName": made.service_name, "VpcId": here.vpc}
    for side, call, arguments in (
        (provider, made.elb.create_load_balancer, {"Name": "o", "Scheme": "internal", "Subnets": made.subnets}),
        (consumer, here.ec2.create_vpc_endpoint, {**endpoint, "SubnetIds": here.subnets}),
    ):
        every = side.client("ec2").describe_network_interfaces
        had = len(every()["NetworkInterfaces"])
        sandbox.quotas = {"network-interfaces": had + 1}
        refused("NetworkInterfaceLimitExceeded", call, **arguments)
        assert len(every()["NetworkInterfaces"]) == had


@pytest.mark.parametrize(
    ("quota", "code"),
    [("lambda-interfaces-per-vpc", "EniLimitExceeded"), ("network-interfaces", "EniLimitExceeded")],
)
def test_a_function_without_an_interface_left_for_it_fails_and_says_why(
    sandbox: world.World, provider: Side, consumer: Side, quota: str, code: str
) -> None:
    here = whole.consume(consumer, whole.provide(provider).service_name)
    sandbox.quotas = {quota: 0}
    here.function()
    found = here.functions.get_function_configuration(FunctionName="probe")
    assert (found["State"], found["StateReasonCode"]) == ("Failed", code)


def test_account_limits_and_service_quotas_tell_what_is_enforced(sandbox: world.World, provider: Side) -> None:
    elb, quotas = provider.client("elbv2"), provider.client("service-quotas")

    def limits() -> dict[str, str]:
        return {one["Name"]: one["Max"] for one in elb.describe_account_limits()["Limits"]}

    def quota(service: str, code: str) -> tuple[str, float]:
        found = quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]
        return found["QuotaName"], found["Value"]

    assert limits()["network-load-balancers"] == "50"
    assert limits()["network-load-balancer-enis-per-vpc"] == "1200"
    assert quota("vpc", "L-F678F1CE") == ("VPCs per Region", 5)
    assert quota("vpc", "L-29B6F2EB")[1] == 50
    assert quota("lambda", "L-9FEE3D26")[1] == 250
    assert quota("elasticloadbalancing", "L-69A177A2")[1] == 50
    sandbox.quotas = {"network-load-balancers": 7, "vpcs": 9}
    assert limits()["network-load-balancers"] == "7"
    assert quota("vpc", "L-F678F1CE")[1] == 9
    default = quotas.get_aws_default_service_quota(ServiceCode="vpc", QuotaCode="L-F678F1CE")["Quota"]["Value"]
    assert default == 5
    listed = {one["QuotaCode"]: one["Value"] for one in quotas.list_service_quotas(ServiceCode="vpc")["Quotas"]}
    assert listed["L-F678F1CE"] == 9
    assert len(listed) > 20
    with pytest.raises(quotas.exceptions.NoSuchResourceException):
        quotas.get_service_quota(ServiceCode="vpc", QuotaCode="L-00000000")
