"""Load balancers, listeners, target groups, targets and their health: sections 1.2, 2, 3.3, 3.4, 5 and 7."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from builds import alb_group, backend, balancer, balancer_state, fixed, forward, group, health, network, service, tcp
from facts import fact

ABSENT = "arn:aws:elasticloadbalancing:{}:{}:loadbalancer/{}/absent/0123456789abcdef"


def _healthy(target: Any, side: Any, group_arn: str) -> bool:
    return bool(target.until(lambda: health(side, group_arn)[0] == "healthy"))


# ------------------------------------------------------------------------------------ load balancers


@fact("elb.create-same-settings", "elb.create-other-settings", "elb.create-other-tags", "elb.provisioning")
@fact("elb.tags-at-creation", "nlb.one-subnet", "elb.short-codes", "elb.delete-gone", "elb.deleted-not-described")
def test_a_network_load_balancer_from_beginning_to_end(target: Any, provider: Any, refused: Any) -> None:
    elb, net = provider.elb, network(provider, *target.zones[:2])
    asked = {"Type": "network", "Scheme": "internal", "Subnets": net.subnets[:1], "Tags": [{"Key": "a", "Value": "b"}]}
    name = target.name("one")
    made = elb.create_load_balancer(Name=name, **asked)["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    assert made["State"]["Code"] == "provisioning"
    again = elb.create_load_balancer(Name=name, **asked)["LoadBalancers"][0]
    assert again["LoadBalancerArn"] == arn
    other = asked | {"Subnets": net.subnets}
    message = refused("DuplicateLoadBalancerName", elb.create_load_balancer, Name=name, **other)
    assert message == f"A load balancer with the same name '{name}' exists, but with different settings"
    retagged = asked | {"Tags": [{"Key": "a", "Value": "c"}]}
    refused("DuplicateLoadBalancerName", elb.create_load_balancer, Name=name, **retagged)
    assert target.until(lambda: balancer_state(provider, arn) == "active")
    [told] = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    assert {"Key": "a", "Value": "b"} in told["Tags"]
    for _ in range(2):
        elb.delete_load_balancer(LoadBalancerArn=arn)
    assert target.until(lambda: not elb.describe_load_balancers().get("LoadBalancers"), 120) or target.real
    refused("LoadBalancerNotFound", elb.describe_load_balancers, LoadBalancerArns=[arn])


@fact("elb.default-said")
def test_a_default_that_is_said_again_is_no_other_setting(target: Any, provider: Any) -> None:
    if target.real:
        pytest.skip("nobody says so; the sandbox holds our own choice")
    asked = {"Name": "t", "Protocol": "TCP", "Port": 80, "VpcId": network(provider).vpc, "TargetType": "alb"}
    said = {"HealthCheckProtocol": "HTTP", "HealthCheckPath": "/", "HealthCheckIntervalSeconds": 30}
    create = provider.elb.create_target_group
    assert len({create(**asked, **more)["TargetGroups"][0]["TargetGroupArn"] for more in ({}, said)}) == 1


@fact("elb.no-dry-run")
def test_calls_of_elb_have_no_dry_run_and_no_token(provider: Any) -> None:
    model = provider.elb.meta.service_model
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        assert not {"DryRun", "ClientToken"} & set(shape.members if shape else ())


@fact("alb.two-zones", "alb.two-subnets-one-zone", "elb.subnet-not-found", "elb.bad-group")
def test_where_a_load_balancer_cannot_be(target: Any, provider: Any, refused: Any) -> None:
    create, net = provider.elb.create_load_balancer, network(provider, target.zones[0], target.zones[0])
    asked = {"Name": target.name("no"), "Scheme": "internal", "Type": "application"}
    message = refused("ValidationError InvalidConfigurationRequest", create, **asked, Subnets=net.subnets[:1])
    assert message == "At least two subnets in two different Availability Zones must be specified"
    network_one = asked | {"Type": "network", "Subnets": net.subnets}
    refused("InvalidConfigurationRequest", create, **network_one)
    refused("SubnetNotFound", create, **asked, Subnets=["subnet-0123456789abcdef0"])
    grouped = {"Subnets": net.subnets[:1], "SecurityGroups": ["sg-0123456789abcdef0"]}
    refused("InvalidSecurityGroup", create, **asked | {"Type": "network"}, **grouped)


@fact("elb.attributes-idempotent", "nlb.cross-zone-off", "order.attributes-while-provisioning")
@fact("nlb.group-enforced-by-default", "nlb.enforcement-by-setsecuritygroups", "nlb.enforcement-needs-groups")
@fact("nlb.setgroups-idempotent", "order.listener-while-provisioning", "elb.deletion-protection")
def test_settings_of_a_network_load_balancer(target: Any, provider: Any, refused: Any) -> None:
    elb, net = provider.elb, network(provider, target.zones[0])
    door = group(provider, net.vpc, "door")
    arn = balancer(target, provider, net.subnets, "set", wait=False, SecurityGroups=[door])

    def attributes() -> Any:
        told = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        return {one["Key"]: one["Value"] for one in told}

    def put(key: str, value: str) -> None:
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": key, "Value": value}])

    def enforced() -> Any:
        [told] = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
        return told.get("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic")

    assert balancer_state(provider, arn) == "provisioning"
    assert attributes()["load_balancing.cross_zone.enabled"] == "false"
    for _ in range(2):
        put("load_balancing.cross_zone.enabled", "true")
        assert attributes()["load_balancing.cross_zone.enabled"] == "true"
    assert enforced() == "on"
    for _ in range(2):
        elb.set_security_groups(
            LoadBalancerArn=arn, SecurityGroups=[door], EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic="off"
        )
        assert enforced() == "off"
    required = elb.meta.service_model.operation_model("SetSecurityGroups").input_shape.required_members
    assert "SecurityGroups" in required
    targets = elb.create_target_group(Name=target.name("ips"), Protocol="TCP", Port=80, VpcId=net.vpc, TargetType="ip")[
        "TargetGroups"
    ][0]["TargetGroupArn"]
    asked = {"LoadBalancerArn": arn, "Protocol": "TCP", "Port": 80, "DefaultActions": forward(targets)}
    elb.create_listener(**asked)
    assert balancer_state(provider, arn) == "provisioning"
    put("deletion_protection.enabled", "true")
    message = refused("OperationNotPermitted", elb.delete_load_balancer, LoadBalancerArn=arn)
    assert "deletion protection" in message
    put("deletion_protection.enabled", "false")
    elb.delete_load_balancer(LoadBalancerArn=arn)


@fact("nlb.group-only-at-creation")
def test_a_group_cannot_be_given_later(target: Any, provider: Any, refused: Any) -> None:
    net = network(provider, target.zones[0])
    arn = balancer(target, provider, net.subnets, "bare")
    asked = {"LoadBalancerArn": arn, "SecurityGroups": [group(provider, net.vpc, "door")]}
    refused("InvalidConfigurationRequest ValidationError", provider.elb.set_security_groups, **asked)
    [told] = provider.elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
    assert not told.get("SecurityGroups")


@fact("interface.alb", "interface.nlb", "balancer.interface-not-yours", "balancer.interfaces-linger")
@fact("balancer.interfaces-block-subnet", "balancer.interfaces-block-group", "elb.delete-takes-listeners")
@fact("targetgroup.free-after-listener")
def test_interfaces_of_load_balancers_outlive_them(target: Any, provider: Any, refused: Any) -> None:
    ec2, elb, made = provider.ec2, provider.elb, backend(target, provider)
    for arn, begin, kind in ((made.alb, "ELB app/", "interface"), (made.nlb, "ELB net/", "network_load_balancer")):
        described = [{"Name": "description", "Values": [f"ELB {arn.partition(':loadbalancer/')[2]}"]}]
        found = ec2.describe_network_interfaces(Filters=described)["NetworkInterfaces"]
        assert sorted(eni["SubnetId"] for eni in found) == sorted(made.subnets)
        for eni in found:
            assert eni["Description"].startswith(begin)
            assert (eni["InterfaceType"], eni["RequesterManaged"]) == (kind, True)
            owners = {eni["Attachment"]["InstanceOwnerId"], eni.get("RequesterId")}
            assert owners & {"amazon-elb", "amazon-aws"}
        attachment = {"AttachmentId": found[0]["Attachment"]["AttachmentId"]}
        message = refused("OperationNotPermitted", ec2.detach_network_interface, **attachment)
        assert message == "You are not allowed to manage 'ela-attach' attachments."
    elb.delete_load_balancer(LoadBalancerArn=made.nlb)
    refused("ListenerNotFound", elb.describe_listeners, ListenerArns=[made.listener])
    elb.delete_target_group(TargetGroupArn=made.targets)
    elb.delete_load_balancer(LoadBalancerArn=made.alb)
    in_vpc = [{"Name": "vpc-id", "Values": [made.vpc]}]
    assert ec2.describe_network_interfaces(Filters=in_vpc)["NetworkInterfaces"]
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=made.subnets[0])
    refused("DependencyViolation", ec2.delete_security_group, GroupId=made.alb_group)
    assert target.until(lambda: not ec2.describe_network_interfaces(Filters=in_vpc)["NetworkInterfaces"])
    ec2.delete_security_group(GroupId=made.alb_group)
    ec2.delete_subnet(SubnetId=made.subnets[0])


# ------------------------------------------------------------------------------------- target groups


@fact("targetgroup.create-same", "targetgroup.create-other", "targetgroup.alb-health-defaults")
@fact("targetgroup.delay-default", "targetgroup.delete-gone", "targetgroup.attributes-fixed", "targetgroup.not-found")
@fact("health.not-registered")
def test_target_groups(target: Any, provider: Any, refused: Any) -> None:
    elb, vpc, name = provider.elb, network(provider).vpc, target.name("alone")
    asked = {"Name": name, "Protocol": "TCP", "Port": 80, "VpcId": vpc, "TargetType": "alb"}
    made = elb.create_target_group(**asked)["TargetGroups"][0]
    arn = made["TargetGroupArn"]
    assert (made["HealthCheckProtocol"], made["HealthCheckPort"], made["HealthCheckPath"]) == (
        "HTTP",
        "traffic-port",
        "/",
    )
    assert made["Matcher"] == {"HttpCode": "200-399"}
    assert (made["HealthCheckIntervalSeconds"], made["HealthCheckTimeoutSeconds"]) == (30, 6)
    assert (made["HealthyThresholdCount"], made["UnhealthyThresholdCount"]) == (5, 2)
    assert elb.create_target_group(**asked)["TargetGroups"][0]["TargetGroupArn"] == arn
    message = refused("DuplicateTargetGroupName", elb.create_target_group, **asked | {"Port": 81})
    assert message == f"A target group with the same name '{name}' exists, but with different settings"
    told = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "300"}
    assert delay in told
    change = {"TargetGroupArn": arn, "Attributes": [delay | {"Value": "10"}]}
    refused("InvalidConfigurationRequest ValidationError", elb.modify_target_group_attributes, **change)
    assert delay in elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    unknown = ABSENT.format(target.region, provider.account, "app")
    asked_for = {"TargetGroupArn": arn, "Targets": [{"Id": unknown, "Port": 80}]}
    try:
        [found] = elb.describe_target_health(**asked_for)["TargetHealthDescriptions"]
    except elb.exceptions.InvalidTargetException:
        pass
    else:
        assert (found["TargetHealth"]["State"], found["TargetHealth"]["Reason"]) == ("unused", "Target.NotRegistered")
    elb.delete_target_group(TargetGroupArn=arn)
    refused("TargetGroupNotFound", elb.describe_target_groups, TargetGroupArns=[arn])
    with contextlib.suppress(elb.exceptions.TargetGroupNotFoundException):
        elb.delete_target_group(TargetGroupArn=arn)


@fact("targetgroup.alb-is-tcp", "targetgroup.health-protocols", "health.bounds")
@pytest.mark.parametrize(
    "more",
    [
        {"Protocol": "TLS"},
        {"Protocol": "UDP"},
        {"HealthCheckProtocol": "TCP"},
        {"HealthyThresholdCount": 1},
        {"HealthyThresholdCount": 11},
        {"HealthCheckIntervalSeconds": 4},
        {"HealthCheckIntervalSeconds": 301},
    ],
)
def test_what_a_group_of_a_load_balancer_cannot_be(target: Any, provider: Any, refused: Any, more: Any) -> None:
    asked = {
        "Name": target.name("no"),
        "Protocol": "TCP",
        "Port": 80,
        "VpcId": network(provider).vpc,
        "TargetType": "alb",
    }
    refused("ValidationError InvalidConfigurationRequest", provider.elb.create_target_group, **asked | more)


# ------------------------------------------------------------------------------- targets and listeners


@fact("target.alb-needs-listener", "target.port-is-listeners", "order.register-while-provisioning")
@fact("order.unused-without-listener", "target.register-again", "target.one-alb", "target.unknown-alb")
@fact("order.register-after-listener", "target.deregister-absent")
def test_registering_an_alb(target: Any, provider: Any, refused: Any) -> None:
    elb, net = provider.elb, network(provider, *target.zones[:2])
    alb = balancer(target, provider, net.subnets, "alb", wait=False, Type="application")
    targets = alb_group(target, provider, net.vpc)
    wish = {"TargetGroupArn": targets, "Targets": [{"Id": alb, "Port": 80}]}
    message = refused("ValidationError", elb.register_targets, **wish)
    assert "the target must have at least one listener that matches the target group port" in message
    elb.create_listener(LoadBalancerArn=alb, Protocol="HTTP", Port=81, DefaultActions=fixed())
    refused("ValidationError", elb.register_targets, **wish)
    elb.create_listener(LoadBalancerArn=alb, Protocol="HTTP", Port=80, DefaultActions=fixed())
    assert balancer_state(provider, alb) == "provisioning"
    for _ in range(2):
        elb.register_targets(**wish)
        assert health(provider, targets) == ("unused", "Target.NotInUse")
    absent = {"Id": ABSENT.format(target.region, provider.account, "app"), "Port": 80}
    codes = "InvalidTarget ValidationError LoadBalancerNotFound"
    refused(codes, elb.register_targets, TargetGroupArn=targets, Targets=[absent])
    second = balancer(target, provider, net.subnets, "second", wait=False, Type="application")
    elb.create_listener(LoadBalancerArn=second, Protocol="HTTP", Port=80, DefaultActions=fixed())
    more = {"TargetGroupArn": targets, "Targets": [{"Id": second, "Port": 80}]}
    refused("TooManyTargets InvalidConfigurationRequest ValidationError", elb.register_targets, **more)
    nlb = balancer(target, provider, net.subnets, "nlb", wait=False)
    elb.create_listener(LoadBalancerArn=nlb, Protocol="TCP", Port=80, DefaultActions=forward(targets))
    assert health(provider, targets)[1] != "Target.NotInUse"
    for _ in range(2):
        elb.deregister_targets(**wish)


@fact("target.initial-then-healthy", "health.initial-reason", "target.draining", "health.draining-reason")
@fact("health.no-paginator", "error.invalid-target")
def test_the_life_of_a_target(target: Any, provider: Any) -> None:
    elb, made = provider.elb, backend(target, provider, listening=False)
    elb.deregister_targets(TargetGroupArn=made.targets, Targets=[{"Id": made.alb, "Port": 80}])
    elb.create_listener(LoadBalancerArn=made.nlb, Protocol="TCP", Port=80, DefaultActions=forward(made.targets))
    elb.register_targets(TargetGroupArn=made.targets, Targets=[{"Id": made.alb, "Port": 80}])
    state, reason = health(provider, made.targets)
    assert state == "initial"
    assert reason in ("Elb.RegistrationInProgress", "Elb.InitialHealthChecking")
    assert not elb.can_paginate("describe_target_health")
    assert _healthy(target, provider, made.targets)
    elb.deregister_targets(TargetGroupArn=made.targets, Targets=[{"Id": made.alb, "Port": 80}])
    assert health(provider, made.targets) == ("draining", "Target.DeregistrationInProgress")
    assert target.until(lambda: not elb.describe_target_health(TargetGroupArn=made.targets)["TargetHealthDescriptions"])


@fact("listener.create-same", "listener.duplicate", "listener.group-of-another", "listener.delete-gone")
@fact("targetgroup.delete-in-use", "listener.bad-protocol", "listener.incompatible", "order.group-before-listener")
@fact("listener.tls-to-alb-group", "listener.certificate-not-found", "listener.policy-not-found", "nlb.idle-timeout")
def test_listeners(target: Any, provider: Any, refused: Any) -> None:
    elb, made = provider.elb, backend(target, provider, listening=False)
    asked = {"LoadBalancerArn": made.nlb, "Protocol": "TCP", "Port": 80, "DefaultActions": forward(made.targets)}
    gone = made.targets.rpartition("/")[0] + "/0123456789abcdef"
    refused("TargetGroupNotFound", elb.create_listener, **asked | {"DefaultActions": forward(gone)})
    arn = elb.create_listener(**asked)["Listeners"][0]["ListenerArn"]
    assert elb.create_listener(**asked)["Listeners"][0]["ListenerArn"] == arn
    told = elb.describe_listener_attributes(ListenerArn=arn)["Attributes"]
    assert {"Key": "tcp.idle_timeout.seconds", "Value": "350"} in told
    other = alb_group(target, provider, made.vpc, "others")
    message = refused("DuplicateListener", elb.create_listener, **asked | {"DefaultActions": forward(other)})
    assert message == f"A listener already exists on this port for this load balancer '{made.nlb}'"
    second = balancer(target, provider, made.subnets, "second", wait=False)
    refused("TargetGroupAssociationLimit", elb.create_listener, **asked | {"LoadBalancerArn": second})
    message = refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=made.targets)
    assert message == f"Target group '{made.targets}' is currently in use by a listener or a rule"
    http = {"LoadBalancerArn": made.nlb, "Protocol": "HTTP", "Port": 81, "DefaultActions": forward(other)}
    refused("ValidationError UnsupportedProtocol", elb.create_listener, **http)
    web = elb.create_target_group(Name=target.name("web"), Protocol="HTTP", Port=80, VpcId=made.vpc, TargetType="ip")
    mixed = asked | {"Port": 82, "DefaultActions": forward(web["TargetGroups"][0]["TargetGroupArn"])}
    refused("IncompatibleProtocols InvalidConfigurationRequest ValidationError", elb.create_listener, **mixed)
    certificate = f"arn:aws:acm:{target.region}:{provider.account}:certificate/00000000-0000-0000-0000-000000000000"
    secure = {"Protocol": "HTTPS", "Port": 443, "Certificates": [{"CertificateArn": certificate}]}
    https = {"LoadBalancerArn": made.alb, "DefaultActions": fixed(), **secure}
    refused("CertificateNotFound", elb.create_listener, **https)
    elb.delete_listener(ListenerArn=arn)
    refused("ListenerNotFound", elb.delete_listener, ListenerArn=arn)
    elb.delete_target_group(TargetGroupArn=other)
    from own_papers import certificate as paper

    body, key = paper("api.example.com")
    held = provider.acm.import_certificate(Certificate=body, PrivateKey=key)["CertificateArn"]
    real = https | {"Certificates": [{"CertificateArn": held}]}
    refused("SSLPolicyNotFound", elb.create_listener, **real, SslPolicy="ELBSecurityPolicy-None")
    refused("SSLPolicyNotFound", elb.describe_ssl_policies, Names=["ELBSecurityPolicy-None"])
    tls = asked | {"Protocol": "TLS", "Port": 443, "Certificates": [{"CertificateArn": held}]}
    refused("InvalidConfigurationRequest IncompatibleProtocols ValidationError", elb.create_listener, **tls)


@fact("alb.delete-as-target")
def test_an_alb_that_is_a_target_stays(target: Any, provider: Any, refused: Any) -> None:
    elb, made = provider.elb, backend(target, provider)
    refused("ResourceInUse", elb.delete_load_balancer, LoadBalancerArn=made.alb)
    elb.deregister_targets(TargetGroupArn=made.targets, Targets=[{"Id": made.alb, "Port": 80}])

    def deleted() -> bool:
        try:
            elb.delete_load_balancer(LoadBalancerArn=made.alb)
        except elb.exceptions.ResourceInUseException:
            return False
        return True

    assert target.until(deleted)


@fact("target.alb-two-nlbs", "target.alb-same-vpc")
def test_an_alb_serves_two_network_load_balancers_of_its_vpc(target: Any, provider: Any, refused: Any) -> None:
    elb, made = provider.elb, backend(target, provider)
    codes = "InvalidConfigurationRequest ValidationError InvalidTarget TooManyTargets TooManyRegistrationsForTargetId"
    wish = [{"Id": made.alb, "Port": 80}]

    def another(number: int) -> None:
        arn = balancer(target, provider, made.subnets, f"more{number}", wait=False)
        targets = alb_group(target, provider, made.vpc, f"more{number}")
        elb.register_targets(TargetGroupArn=targets, Targets=wish)
        elb.create_listener(LoadBalancerArn=arn, Protocol="TCP", Port=80, DefaultActions=forward(targets))

    another(1)
    with pytest.raises(elb.exceptions.ClientError) as caught:
        another(2)
    assert caught.value.response["Error"]["Code"] in codes.split()
    away = network(provider)
    elsewhere = alb_group(target, provider, away.vpc, "away")
    refused(codes, elb.register_targets, TargetGroupArn=elsewhere, Targets=wish)


# -------------------------------------------------------------------------------------------- health


@fact("health.code-mismatch", "health.wide-matcher")
def test_a_fixed_answer_and_the_matcher(target: Any, provider: Any) -> None:
    made = backend(target, provider, status="503")
    assert target.until(lambda: health(provider, made.targets)[0] == "unhealthy")
    assert health(provider, made.targets) == ("unhealthy", "Target.ResponseCodeMismatch")
    provider.elb.modify_target_group(TargetGroupArn=made.targets, Matcher={"HttpCode": "200-599"})
    assert _healthy(target, provider, made.targets)


@fact("health.timeout", "health.failed-checks")
def test_a_closed_group_and_a_missing_listener(target: Any, provider: Any) -> None:
    made = backend(target, provider)
    assert _healthy(target, provider, made.targets)
    inside = {"GroupId": made.alb_group, "IpPermissions": tcp(80, cidr="10.0.0.0/16")}
    provider.ec2.revoke_security_group_ingress(**inside)
    assert target.until(lambda: health(provider, made.targets) == ("unhealthy", "Target.Timeout"))
    provider.ec2.authorize_security_group_ingress(**inside)
    assert _healthy(target, provider, made.targets)
    provider.elb.delete_listener(ListenerArn=made.alb_listener)
    assert target.until(lambda: health(provider, made.targets)[0] in ("unhealthy", "unused"))


@fact("health.https-only", "health.tls13-only", "certificate.in-use")
def test_checks_over_https(target: Any, provider: Any, refused: Any) -> None:
    from own_papers import certificate

    elb, made = provider.elb, backend(target, provider)
    body, key = certificate("api.example.com")
    held = provider.acm.import_certificate(Certificate=body, PrivateKey=key)["CertificateArn"]
    inside = {"GroupId": made.alb_group, "IpPermissions": tcp(443, cidr="10.0.0.0/16")}
    provider.ec2.authorize_security_group_ingress(**inside)
    secure = {"Protocol": "HTTPS", "Port": 443, "Certificates": [{"CertificateArn": held}]}
    listener = elb.create_listener(
        LoadBalancerArn=made.alb, DefaultActions=fixed(), SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06", **secure
    )["Listeners"][0]["ListenerArn"]
    refused("ResourceInUseException", provider.acm.delete_certificate, CertificateArn=held)
    found = {}
    for protocol in ("HTTP", "HTTPS"):
        name = f"over-{protocol.lower()}"
        targets = alb_group(target, provider, made.vpc, name, Port=443, HealthCheckProtocol=protocol)
        elb.register_targets(TargetGroupArn=targets, Targets=[{"Id": made.alb, "Port": 443}])
        port = 443 if protocol == "HTTPS" else 444
        elb.create_listener(LoadBalancerArn=made.nlb, Protocol="TCP", Port=port, DefaultActions=forward(targets))
        found[protocol] = targets
    assert _healthy(target, provider, found["HTTPS"])
    assert target.until(lambda: health(provider, found["HTTP"])[0] == "unhealthy")
    elb.modify_listener(ListenerArn=listener, SslPolicy="ELBSecurityPolicy-TLS13-1-3-2021-06")
    assert target.until(lambda: health(provider, found["HTTPS"])[0] == "unhealthy")


@fact("zone.own-node-only", "zone.fail-open")
def test_a_node_uses_targets_of_its_own_zone(target: Any, provider: Any) -> None:
    """The ALB is in zones 1 and 2, the network load balancer in zone 3 alone."""
    elb, net = provider.elb, network(provider, *target.zones[:3])
    alb = balancer(target, provider, net.subnets[:2], "alb", wait=False, Type="application")
    elb.create_listener(LoadBalancerArn=alb, Protocol="HTTP", Port=80, DefaultActions=fixed())
    nlb = balancer(target, provider, net.subnets[2:], "nlb")
    door = group(provider, net.vpc, "alb")
    provider.ec2.authorize_security_group_ingress(GroupId=door, IpPermissions=tcp(80, cidr="10.0.0.0/16"))
    elb.set_security_groups(LoadBalancerArn=alb, SecurityGroups=[door])
    targets = alb_group(target, provider, net.vpc)
    elb.register_targets(TargetGroupArn=targets, Targets=[{"Id": alb, "Port": 80}])
    elb.create_listener(LoadBalancerArn=nlb, Protocol="TCP", Port=80, DefaultActions=forward(targets))
    assert target.until(lambda: health(provider, targets)[0] in ("unhealthy", "unused"))
    cross = [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=nlb, Attributes=cross)
    assert _healthy(target, provider, targets)


# -------------------------------------------------------------------------------------- fixed answers


@fact("alb.fixed-status", "alb.fixed-body", "alb.fixed-type")
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [("302", "x", "text/plain"), ("200", "x" * 1025, "text/plain"), ("200", "x", "application/xml")],
)
def test_what_a_fixed_answer_cannot_be(
    target: Any, provider: Any, refused: Any, status: str, body: str, kind: str
) -> None:
    net = network(provider, *target.zones[:2])
    alb = balancer(target, provider, net.subnets, "alb", wait=False, Type="application")
    asked = {"LoadBalancerArn": alb, "Protocol": "HTTP", "Port": 80}
    codes = "ValidationError InvalidLoadBalancerAction"
    refused(codes, provider.elb.create_listener, **asked, DefaultActions=fixed(status, body, kind))
    provider.elb.create_listener(**asked, DefaultActions=fixed("404", "x" * 1024, "application/json"))


# --------------------------------------------------------------------------- with a service behind it


@fact("nlb.delete-under-service", "service.delete-keeps-nlb", "service.one-per-nlb", "service.found-by-nlb")
@fact("service.unknown-nlb", "service.no-balancer", "order.service-without-listener")
def test_a_load_balancer_and_its_service(target: Any, provider: Any, refused: Any) -> None:
    ec2, elb, net = provider.ec2, provider.elb, network(provider, target.zones[0])
    arn = balancer(target, provider, net.subnets, "front")
    made = service(provider, arn)
    create = ec2.create_vpc_endpoint_service_configuration
    assert "associated with another" in refused("InvalidParameter", create, NetworkLoadBalancerArns=[arn])
    found = [
        one["ServiceId"]
        for page in ec2.get_paginator("describe_vpc_endpoint_service_configurations").paginate()
        for one in page["ServiceConfigurations"]
        if arn in one.get("NetworkLoadBalancerArns", [])
    ]
    assert found == [made.id]
    message = refused("ResourceInUse", elb.delete_load_balancer, LoadBalancerArn=arn)
    assert message == f"Load balancer '{arn}' cannot be deleted because it is currently associated with another service"
    absent = ABSENT.format(target.region, provider.account, "net")
    refused("InvalidNetworkLoadBalancerArn.NotFound", create, NetworkLoadBalancerArns=[absent])
    refused("InvalidParameter", create, AcceptanceRequired=True)
    assert ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id])["Unsuccessful"] == []
    assert balancer_state(provider, arn) == "active"

    def deleted() -> bool:
        try:
            elb.delete_load_balancer(LoadBalancerArn=arn)
        except elb.exceptions.ResourceInUseException:
            return False
        return True

    assert target.until(deleted)


@fact("order.service-on-provisioning")
def test_a_service_on_a_load_balancer_that_is_not_up_yet(target: Any, provider: Any, refused: Any) -> None:
    net = network(provider, target.zones[0])
    arn = balancer(target, provider, net.subnets, "front", wait=False)
    assert balancer_state(provider, arn) == "provisioning"
    create = provider.ec2.create_vpc_endpoint_service_configuration
    refused("InvalidParameter", create, NetworkLoadBalancerArns=[arn])


@fact("nlb.association-lingers")
def test_a_deleted_service_holds_its_load_balancer_a_little_longer(target: Any, provider: Any, refused: Any) -> None:
    net = network(provider, target.zones[0])
    arn = balancer(target, provider, net.subnets, "front")
    made = service(provider, arn)
    provider.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id])
    refused("ResourceInUse", provider.elb.delete_load_balancer, LoadBalancerArn=arn)
    target.pass_by(60)
    provider.elb.delete_load_balancer(LoadBalancerArn=arn)
