"""Load balancers, listeners, target groups: what comes up when, what may be joined to what, what may go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from plinkctl.sandbox import world

ZONES = ("use1-az1", "use1-az2")
HELLO = [
    {
        "Type": "fixed-response",
        "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "Hello", "ContentType": "text/plain"},
    }
]


@pytest.fixture
def here(provider: Any) -> Any:
    ec2, elb = provider.client("ec2"), provider.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZoneId=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(ZONES)
    ]
    group = ec2.create_security_group(GroupName="web", Description="d", VpcId=vpc)["GroupId"]

    def balancer(name: str, kind: str, **more: Any) -> Any:
        asked = {"Name": name, "Type": kind, "Scheme": "internal", "Subnets": subnets, **more}
        return elb.create_load_balancer(**asked)["LoadBalancers"][0]

    def front(*, status: str = "200", group: str | None = None) -> SimpleNamespace:
        """Both load balancers, a target group between them, both listeners: the provider's whole chain."""
        more = {"SecurityGroups": [group]} if group else {}
        app = balancer("app", "application", **more)["LoadBalancerArn"]
        net = balancer("net", "network")["LoadBalancerArn"]
        actions = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": status}}]
        elb.create_listener(LoadBalancerArn=app, Protocol="HTTP", Port=80, DefaultActions=actions)
        targets = elb.create_target_group(Name="tg", Protocol="TCP", Port=80, VpcId=vpc, TargetType="alb")
        arn = targets["TargetGroups"][0]["TargetGroupArn"]
        elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": app}])
        forward = [{"Type": "forward", "TargetGroupArn": arn}]
        listener = elb.create_listener(LoadBalancerArn=net, Protocol="TCP", Port=80, DefaultActions=forward)
        return SimpleNamespace(app=app, net=net, targets=arn, listener=listener["Listeners"][0]["ListenerArn"])

    def health(arn: str) -> tuple[str, str | None]:
        [found] = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return found["TargetHealth"]["State"], found["TargetHealth"].get("Reason")

    return SimpleNamespace(
        ec2=ec2, elb=elb, vpc=vpc, subnets=subnets, group=group, balancer=balancer, front=front, health=health
    )


def test_a_load_balancer_provisions_however_often_one_looks(sandbox: world.World, here: Any) -> None:
    sandbox.profile = world.REAL
    arn = here.balancer("net", "network")["LoadBalancerArn"]
    for seconds, state in [(0, "provisioning"), (149, "provisioning"), (1, "active")]:
        sandbox.clock.advance(seconds)
        [found] = here.elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
        assert found["State"]["Code"] == state


@pytest.mark.parametrize(
    ("kind", "short", "owner", "interface_type"),
    [("network", "net", "amazon-aws", "network_load_balancer"), ("application", "app", "amazon-elb", "interface")],
)
def test_names_and_interfaces_are_of_the_kind(
    here: Any, kind: Any, short: Any, owner: Any, interface_type: Any
) -> None:
    made = here.balancer("front", kind)
    label = made["LoadBalancerArn"].rpartition("/")[2]
    assert made["LoadBalancerArn"].endswith(f":loadbalancer/{short}/front/{label}")
    if kind == "network":
        assert made["DNSName"] == f"front-{label}.elb.us-east-1.amazonaws.com"
    else:
        assert made["DNSName"].startswith("internal-front-")
    found = here.ec2.describe_network_interfaces(
        Filters=[{"Name": "description", "Values": [f"ELB {short}/front/{label}"]}]
    )["NetworkInterfaces"]
    assert {eni["SubnetId"] for eni in found} == set(here.subnets)
    assert {eni["Attachment"]["InstanceOwnerId"] for eni in found} == {owner}
    assert {eni["InterfaceType"] for eni in found} == {interface_type}


def test_the_same_settings_give_the_same_load_balancer_and_others_a_refusal(here: Any, refused: Any) -> None:
    first = here.balancer("front", "network")
    assert here.balancer("front", "network")["LoadBalancerArn"] == first["LoadBalancerArn"]
    assert len(here.ec2.describe_network_interfaces()["NetworkInterfaces"]) == len(ZONES)
    text = "A load balancer with the same name 'front' exists, but with different settings"
    for more in (
        {"Subnets": here.subnets[:1]},
        {"Tags": [{"Key": "a", "Value": "b"}]},
        {"SecurityGroups": [here.group]},
    ):
        assert refused("DuplicateLoadBalancerName", here.balancer, name="front", kind="network", **more) == text


def test_what_a_load_balancer_cannot_be_made_of_is_refused(here: Any, refused: Any) -> None:
    def asking(code: str, **more: Any) -> Any:
        return refused(code, here.balancer, **{"name": "front", "kind": "application", **more})

    one = "At least two subnets in two different Availability Zones must be specified"
    assert asking("ValidationError", Subnets=here.subnets[:1]) == one
    asking("SubnetNotFound", Subnets=["subnet-00000000000000000", here.subnets[0]])
    asking("InvalidSecurityGroup", SecurityGroups=["sg-00000000000000000"])
    asking("InvalidSubnet", Scheme="internet-facing")
    asking("ValidationError", name="internal-front")
    asking("ValidationError", name="x" * 33)
    same = here.ec2.create_subnet(VpcId=here.vpc, CidrBlock="10.0.9.0/24", AvailabilityZoneId=ZONES[0])["Subnet"]
    asking("InvalidConfigurationRequest", Subnets=[here.subnets[0], same["SubnetId"]])
    small = here.ec2.create_subnet(VpcId=here.vpc, CidrBlock="10.0.8.0/28", AvailabilityZoneId="use1-az4")["Subnet"]
    here.balancer("first", "network", Subnets=[small["SubnetId"]])
    for name in ("second", "third", "fourth"):
        here.balancer(name, "network", Subnets=[small["SubnetId"]])
    asking("InvalidSubnet", kind="network", Subnets=[small["SubnetId"]])


def test_unknown_load_balancers_are_not_found_even_beside_known_ones(here: Any, refused: Any) -> None:
    known = here.balancer("front", "network")["LoadBalancerArn"]
    describe = here.elb.describe_load_balancers
    for arns in ([known.replace("front", "gone")], [known, known.replace("front", "gone")]):
        refused("LoadBalancerNotFound", describe, LoadBalancerArns=arns)
    refused("LoadBalancerNotFound", describe, Names=["gone"])


def test_groups_are_for_life_and_enforcement_is_set_with_them(here: Any, refused: Any) -> None:
    bare, grouped = here.balancer("bare", "network"), here.balancer("grouped", "network", SecurityGroups=[here.group])
    name = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"
    assert name not in bare
    assert grouped[name] == "on"
    refused(
        "InvalidConfigurationRequest",
        here.elb.set_security_groups,
        LoadBalancerArn=bare["LoadBalancerArn"],
        SecurityGroups=[here.group],
    )
    arn = grouped["LoadBalancerArn"]
    answer = here.elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[here.group], **{name: "off"})
    assert (answer["SecurityGroupIds"], answer[name]) == ([here.group], "off")
    [now] = here.elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
    assert now[name] == "off"
    other = here.ec2.create_security_group(GroupName="other", Description="d", VpcId=here.vpc)["GroupId"]
    assert here.elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[other])[name] == "off"
    by_group = [{"Name": "group-id", "Values": [other]}]
    assert len(here.ec2.describe_network_interfaces(Filters=by_group)["NetworkInterfaces"]) == len(ZONES)
    here.ec2.delete_security_group(GroupId=here.group)
    refused("DependencyViolation", here.ec2.delete_security_group, GroupId=other)


def test_an_application_load_balancer_is_a_target_only_where_it_listens(here: Any, refused: Any) -> None:
    app = here.balancer("app", "application")["LoadBalancerArn"]
    made = here.elb.create_target_group(Name="tg", Protocol="TCP", Port=80, VpcId=here.vpc, TargetType="alb")
    group = made["TargetGroups"][0]
    assert (group["HealthCheckProtocol"], group["HealthCheckPath"], group["HealthCheckTimeoutSeconds"]) == (
        "HTTP",
        "/",
        6,
    )
    assert (group["HealthyThresholdCount"], group["UnhealthyThresholdCount"]) == (5, 2)
    assert group["Matcher"] == {"HttpCode": "200-399"}
    asked = {"TargetGroupArn": group["TargetGroupArn"], "Targets": [{"Id": app}]}
    message = refused("ValidationError", here.elb.register_targets, **asked)
    assert message.startswith("If the target type is ALB, the target must have at least one listener that matches")
    here.elb.create_listener(LoadBalancerArn=app, Protocol="HTTP", Port=8080, DefaultActions=HELLO)
    refused("ValidationError", here.elb.register_targets, **asked)
    here.elb.create_listener(LoadBalancerArn=app, Protocol="HTTP", Port=80, DefaultActions=HELLO)
    here.elb.register_targets(**asked)
    here.elb.register_targets(**asked)
    network = here.balancer("net", "network")["LoadBalancerArn"]
    refused("InvalidTarget", here.elb.register_targets, **{**asked, "Targets": [{"Id": network}]})


def test_listeners_and_target_groups_are_made_once(here: Any, refused: Any) -> None:
    app = here.balancer("app", "application")["LoadBalancerArn"]
    asked = {"LoadBalancerArn": app, "Protocol": "HTTP", "Port": 80, "DefaultActions": HELLO}
    first, again = (here.elb.create_listener(**asked)["Listeners"][0] for _ in range(2))
    assert first["ListenerArn"] == again["ListenerArn"]
    other = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    message = refused("DuplicateListener", here.elb.create_listener, **{**asked, "DefaultActions": other})
    assert message == f"A listener already exists on this port for this load balancer '{app}'"
    asked = {"Name": "tg", "Protocol": "TCP", "Port": 80, "VpcId": here.vpc, "TargetType": "alb"}
    first, again = (here.elb.create_target_group(**asked)["TargetGroups"][0] for _ in range(2))
    assert first["TargetGroupArn"] == again["TargetGroupArn"]
    refused("DuplicateTargetGroupName", here.elb.create_target_group, **{**asked, "Port": 81})


def test_a_default_that_is_named_is_the_same_as_one_that_is_not(here: Any, refused: Any) -> None:
    usual = here.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [here.vpc]}])["SecurityGroups"]
    default = next(one["GroupId"] for one in usual if one["GroupName"] == "default")
    arns = {
        here.balancer("app", "application", **more)["LoadBalancerArn"]
        for more in ({}, {"SecurityGroups": [default]}, {"IpAddressType": "ipv4"}, {"Subnets": here.subnets[::-1]})
    }
    assert len(arns) == 1
    group = {"Name": "tg", "Protocol": "TCP", "Port": 80, "VpcId": here.vpc, "TargetType": "alb"}
    named: dict[str, Any] = {
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckPath": "/",
        "HealthCheckEnabled": True,
        "HealthCheckIntervalSeconds": 30,
        "HealthyThresholdCount": 5,
        "Matcher": {"HttpCode": "200-399"},
    }
    create = here.elb.create_target_group
    made = {create(**group, **more)["TargetGroups"][0]["TargetGroupArn"] for more in ({}, named, {})}
    assert len(made) == 1
    assert len(here.elb.describe_target_groups()["TargetGroups"]) == 1
    refused("DuplicateTargetGroupName", create, **group, Matcher={"HttpCode": "200"})
    # What was changed since counts as it is now.
    here.elb.modify_target_group(TargetGroupArn=made.pop(), Matcher={"HttpCode": "200"})
    refused("DuplicateTargetGroupName", create, **group)
    create(**group, Matcher={"HttpCode": "200"})
    listener = {"LoadBalancerArn": arns.pop(), "Protocol": "HTTP", "Port": 80}
    answer, away = {"StatusCode": "200"}, {"StatusCode": "HTTP_302", "Path": "/new"}
    for port, kind, key, short, long in (
        (80, "fixed-response", "FixedResponseConfig", answer, {"ContentType": "text/plain", **answer}),
        (81, "redirect", "RedirectConfig", away, {"Host": "#{host}", "Port": "#{port}", "Query": "#{query}", **away}),
    ):
        listener["Port"] = port
        made = {
            here.elb.create_listener(**listener, DefaultActions=[{"Type": kind, key: config}])["Listeners"][0][
                "ListenerArn"
            ]
            for config in (short, long)
        }
        assert len(made) == 1
        other = [{"Type": kind, key: {**short, "StatusCode": "HTTP_301" if kind == "redirect" else "404"}}]
        refused("DuplicateListener", here.elb.create_listener, **listener, DefaultActions=other)


def test_a_listener_takes_only_what_fits_its_load_balancer(here: Any, refused: Any) -> None:
    made = here.front()
    forward = [{"Type": "forward", "TargetGroupArn": made.targets}]
    create = here.elb.create_listener
    refused(
        "InvalidLoadBalancerAction", create, LoadBalancerArn=made.net, Protocol="TCP", Port=81, DefaultActions=HELLO
    )
    refused("IncompatibleProtocols", create, LoadBalancerArn=made.app, Protocol="HTTP", Port=81, DefaultActions=forward)
    other = here.balancer("other", "network")["LoadBalancerArn"]
    refused(
        "TargetGroupAssociationLimit", create, LoadBalancerArn=other, Protocol="TCP", Port=80, DefaultActions=forward
    )
    long = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "x" * 1025}}]
    refused("ValidationError", create, LoadBalancerArn=made.app, Protocol="HTTP", Port=82, DefaultActions=long)
    wrong = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "302"}}]
    refused("ValidationError", create, LoadBalancerArn=made.app, Protocol="HTTP", Port=82, DefaultActions=wrong)
    refused(
        "TargetGroupNotFound",
        create,
        LoadBalancerArn=made.net,
        Protocol="TCP",
        Port=82,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": made.targets.replace("/tg/", "/no/")}],
    )


def test_a_listeners_answer_can_be_changed(here: Any) -> None:
    made = here.front()
    [listener] = here.elb.describe_listeners(LoadBalancerArn=made.app)["Listeners"]
    here.elb.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=HELLO)
    [listener] = here.elb.describe_listeners(ListenerArns=[listener["ListenerArn"]])["Listeners"]
    assert listener["DefaultActions"][0]["FixedResponseConfig"]["MessageBody"] == "Hello"


def test_health_goes_from_initial_to_what_the_rules_make_of_it(sandbox: world.World, here: Any) -> None:
    sandbox.profile = world.REAL
    made = here.front(group=here.group)
    assert here.health(made.targets) == ("initial", "Elb.RegistrationInProgress")
    sandbox.clock.advance(sandbox.profile.load_balancer)
    assert here.health(made.targets) == ("unhealthy", "Target.Timeout")
    open_door = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}]
    here.ec2.authorize_security_group_ingress(GroupId=here.group, IpPermissions=open_door)
    assert here.health(made.targets) == ("healthy", None)


def test_a_target_registered_later_is_initial_for_a_while(sandbox: world.World, here: Any) -> None:
    made = here.front()
    app = {"TargetGroupArn": made.targets, "Targets": [{"Id": made.app}]}
    here.elb.deregister_targets(**app)
    assert here.elb.describe_target_health(TargetGroupArn=made.targets)["TargetHealthDescriptions"] == []
    sandbox.profile = world.REAL
    here.elb.register_targets(**app)
    assert here.health(made.targets) == ("initial", "Elb.InitialHealthChecking")
    sandbox.clock.advance(sandbox.profile.target)
    assert here.health(made.targets)[0] != "initial"


@pytest.mark.parametrize(
    ("status", "health"), [("204", ("healthy", None)), ("404", ("unhealthy", "Target.ResponseCodeMismatch"))]
)
def test_the_answer_of_the_target_decides_its_health(here: Any, status: Any, health: Any) -> None:
    made = here.front(status=status, group=here.group)
    open_door = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    here.ec2.authorize_security_group_ingress(GroupId=here.group, IpPermissions=open_door)
    assert here.health(made.targets) == health


def test_without_a_listener_a_target_is_unused(here: Any) -> None:
    made = here.front()
    [group] = here.elb.describe_target_groups(TargetGroupArns=[made.targets])["TargetGroups"]
    assert group["LoadBalancerArns"] == [made.net]
    here.elb.delete_listener(ListenerArn=made.listener)
    assert here.health(made.targets) == ("unused", "Target.NotInUse")
    [group] = here.elb.describe_target_groups(TargetGroupArns=[made.targets])["TargetGroups"]
    assert group["LoadBalancerArns"] == []


def test_things_go_in_order_only_and_the_absent_are_no_error(here: Any, refused: Any) -> None:
    made, elb = here.front(), here.elb
    message = refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=made.targets)
    assert message == f"Target group '{made.targets}' is currently in use by a listener or a rule"
    refused("ResourceInUse", elb.delete_load_balancer, LoadBalancerArn=made.app)
    app = {"TargetGroupArn": made.targets, "Targets": [{"Id": made.app}]}
    elb.deregister_targets(**app)
    elb.deregister_targets(**app)
    elb.delete_load_balancer(LoadBalancerArn=made.app)
    elb.delete_listener(ListenerArn=made.listener)
    refused("ListenerNotFound", elb.delete_listener, ListenerArn=made.listener)
    elb.delete_target_group(TargetGroupArn=made.targets)
    elb.delete_target_group(TargetGroupArn=made.targets)
    refused("TargetGroupNotFound", elb.describe_target_groups, TargetGroupArns=[made.targets])
    for _ in range(2):
        elb.delete_load_balancer(LoadBalancerArn=made.net)
    refused("LoadBalancerNotFound", elb.describe_load_balancers, LoadBalancerArns=[made.net])


def test_deletion_protection_protects(here: Any, refused: Any) -> None:
    arn = here.balancer("net", "network")["LoadBalancerArn"]
    for value in ("true", "false"):
        here.elb.modify_load_balancer_attributes(
            LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": value}]
        )
        if value == "true":
            refused("OperationNotPermitted", here.elb.delete_load_balancer, LoadBalancerArn=arn)
    here.elb.delete_load_balancer(LoadBalancerArn=arn)


def test_interfaces_outlive_their_load_balancer_and_hold_subnet_and_group(
    sandbox: world.World, here: Any, refused: Any
) -> None:
    sandbox.profile = world.REAL
    arn = here.balancer("app", "application", SecurityGroups=[here.group])["LoadBalancerArn"]
    here.elb.delete_load_balancer(LoadBalancerArn=arn)
    refused("DependencyViolation", here.ec2.delete_subnet, SubnetId=here.subnets[0])
    refused("DependencyViolation", here.ec2.delete_security_group, GroupId=here.group)
    sandbox.clock.advance(sandbox.profile.load_balancer_interface)
    assert here.ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    here.ec2.delete_subnet(SubnetId=here.subnets[0])
    here.ec2.delete_security_group(GroupId=here.group)


def test_tags_of_all_four_kinds_are_kept_changed_and_gone_with_their_resource(here: Any, refused: Any) -> None:
    made = here.front()
    [listener] = here.elb.describe_listeners(LoadBalancerArn=made.net)["Listeners"]
    arns = [made.net, made.app, made.targets, listener["ListenerArn"]]
    here.elb.add_tags(ResourceArns=arns, Tags=[{"Key": str(number), "Value": "v"} for number in range(20)])
    here.elb.remove_tags(ResourceArns=arns, TagKeys=[str(number) for number in range(1, 20)])
    described = here.elb.describe_tags(ResourceArns=arns)["TagDescriptions"]
    assert {one["ResourceArn"]: one["Tags"] for one in described} == {arn: [{"Key": "0", "Value": "v"}] for arn in arns}
    here.elb.delete_load_balancer(LoadBalancerArn=made.net)
    refused("LoadBalancerNotFound", here.elb.describe_tags, ResourceArns=[made.net])


def test_a_wider_matcher_makes_a_target_healthy_again(here: Any) -> None:
    made = here.front(status="404", group=here.group)
    open_door = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    here.ec2.authorize_security_group_ingress(GroupId=here.group, IpPermissions=open_door)
    assert here.health(made.targets) == ("unhealthy", "Target.ResponseCodeMismatch")
    here.elb.modify_target_group(TargetGroupArn=made.targets, Matcher={"HttpCode": "200-599"})
    assert here.health(made.targets) == ("healthy", None)
