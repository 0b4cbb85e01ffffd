"""What goes over a link, and what its parts say of it: sections 2, 5, 6 and 7. A function asks, as a user's would."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from builds import (
    FETCH,
    accept,
    alb_group,
    backend,
    fixed,
    forward,
    function,
    group,
    health,
    invoke,
    link,
    role,
    settle,
    tcp,
)
from facts import fact
from own_papers import certificate


@pytest.fixture
def linked(target: Any, provider: Any) -> Any:
    """A whole link whose target is healthy."""
    made = link(target, backend(target, provider))
    assert target.until(lambda: health(provider, made.there.targets)[0] == "healthy")
    return made


def _timed_out(answer: Any) -> bool:
    return answer.get("error") in ("TimeoutError", "timeout")


@fact("path.whole", "logs.without-internet", "function.no-internet", "symptom.no-listener-is-refusal")
@fact("symptom.closed-is-timeout", "endpoint.group-filters", "symptom.unknown-name", "dns.no-group-filters")
@fact("name.public-record", "name.resolves-with-dns-support", "symptom.no-rule-503")
def test_a_link(target: Any, provider: Any, consumer: Any, linked: Any) -> None:
    assert linked.ask() == {"status": 200, "body": "Hello from ALB!"}
    name = f"/aws/lambda/{target.name('probe')}"
    assert target.until(lambda: list(consumer.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]), 300)
    assert "error" in linked.ask(host="example.com", timeout=2)
    for side in (linked.endpoint_group, linked.function_group):
        way = "ingress" if side == linked.endpoint_group else "egress"
        peer = linked.function_group if way == "ingress" else linked.endpoint_group
        getattr(consumer.ec2, f"authorize_security_group_{way}")(GroupId=side, IpPermissions=tcp(81, peer=peer))
    assert linked.ask(port=81)["error"] in ("ConnectionRefusedError", "ConnectionResetError")
    rule = {"GroupId": linked.endpoint_group, "IpPermissions": tcp(80, peer=linked.function_group)}
    consumer.ec2.revoke_security_group_ingress(**rule)
    assert _timed_out(linked.ask(timeout=2))
    consumer.ec2.authorize_security_group_ingress(**rule)
    for port in (80, 81):
        out = {"GroupId": linked.function_group, "IpPermissions": tcp(port, peer=linked.endpoint_group)}
        consumer.ec2.revoke_security_group_egress(**out)
    found = consumer.ec2.describe_network_interfaces(NetworkInterfaceIds=linked.endpoint["NetworkInterfaceIds"])
    addresses = [eni["PrivateIpAddress"] for eni in found["NetworkInterfaces"]]
    assert linked.ask(resolve=True) == {"addresses": addresses}
    consumer.ec2.authorize_security_group_egress(
        GroupId=linked.function_group, IpPermissions=tcp(80, peer=linked.endpoint_group)
    )
    provider.elb.modify_listener(
        ListenerArn=linked.there.alb_listener, DefaultActions=_nowhere(target, provider, linked)
    )
    assert target.until(lambda: linked.ask().get("status") == 503, 60)
    unknown = linked.host.replace("vpce-", "vpce-0", 1)
    assert linked.ask(host=unknown, resolve=True)["error"] == "gaierror"
    consumer.ec2.modify_vpc_attribute(VpcId=linked.vpc, EnableDnsSupport={"Value": False})
    assert target.until(lambda: linked.ask(resolve=True).get("error") == "gaierror", 300)


def _nowhere(target: Any, provider: Any, linked: Any) -> Any:
    """The action that forwards to a group without targets."""
    made = provider.elb.create_target_group(
        Name=target.name("empty"), Protocol="HTTP", Port=80, VpcId=linked.there.vpc, TargetType="ip"
    )
    return forward(made["TargetGroups"][0]["TargetGroupArn"])


@fact("path.alb-group", "path.source-is-nlb", "zone.fail-open")
def test_the_way_to_the_alb(target: Any, provider: Any, consumer: Any, linked: Any) -> None:
    wide = {"GroupId": linked.there.alb_group, "IpPermissions": tcp(80, cidr="10.0.0.0/16")}
    provider.ec2.revoke_security_group_ingress(**wide)
    assert _timed_out(linked.ask(timeout=2))
    assert target.until(lambda: health(provider, linked.there.targets) == ("unhealthy", "Target.Timeout"))
    # The client's own address helps nothing, those of the load balancer do.
    described = [{"Name": "description", "Values": ["ELB net/*"]}, {"Name": "vpc-id", "Values": [linked.there.vpc]}]
    nodes = provider.ec2.describe_network_interfaces(Filters=described)["NetworkInterfaces"]
    for node in nodes:
        rule = tcp(80, cidr=f"{node['PrivateIpAddress']}/32")
        provider.ec2.authorize_security_group_ingress(GroupId=linked.there.alb_group, IpPermissions=rule)
    assert target.until(lambda: health(provider, linked.there.targets)[0] == "healthy")
    assert linked.ask()["status"] == 200
    addresses = [f"{node['PrivateIpAddress']}/32" for node in nodes]
    seen = [{"Field": "source-ip", "SourceIpConfig": {"Values": addresses}}]
    asked = {"ListenerArn": linked.there.alb_listener, "Priority": 1, "Conditions": seen}
    provider.elb.create_rule(**asked, Actions=fixed("200", "from the load balancer"))
    assert linked.ask()["body"] == "from the load balancer"
    provider.elb.deregister_targets(TargetGroupArn=linked.there.targets, Targets=[{"Id": linked.there.alb, "Port": 80}])
    assert target.until(lambda: "error" in linked.ask(timeout=2), 600)
    assert linked.ask(resolve=True)["addresses"]


@fact("path.nlb-group-closed", "path.nlb-group-off", "path.client-address", "path.nlb-egress")
def test_the_group_of_the_network_load_balancer(target: Any, provider: Any, consumer: Any) -> None:
    made = backend(target, provider, listening=False)
    door = group(provider, made.vpc, "nlb")
    out = {"GroupId": door, "IpPermissions": tcp(80, peer=made.alb_group)}
    provider.ec2.authorize_security_group_egress(**out)
    from builds import balancer

    provider.elb.delete_load_balancer(LoadBalancerArn=made.nlb)
    made.nlb = balancer(target, provider, made.subnets, "grouped", SecurityGroups=[door])
    provider.elb.create_listener(
        LoadBalancerArn=made.nlb, Protocol="TCP", Port=80, DefaultActions=forward(made.targets)
    )
    assert target.until(lambda: health(provider, made.targets)[0] == "healthy")
    linked = link(target, made)
    assert _timed_out(linked.ask(timeout=2))
    by_group = [{"Name": "group-id", "Values": [linked.function_group]}]
    [client] = consumer.ec2.describe_network_interfaces(Filters=by_group)["NetworkInterfaces"]
    rule = {"GroupId": door, "IpPermissions": tcp(80, cidr=f"{client['PrivateIpAddress']}/32")}
    provider.ec2.authorize_security_group_ingress(**rule)
    assert linked.ask()["status"] == 200
    provider.ec2.revoke_security_group_ingress(**rule)
    assert _timed_out(linked.ask(timeout=2))
    provider.elb.set_security_groups(
        LoadBalancerArn=made.nlb, SecurityGroups=[door], EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic="off"
    )
    assert target.until(lambda: linked.ask(timeout=2).get("status") == 200, 120)
    provider.ec2.revoke_security_group_egress(**out)
    assert _timed_out(linked.ask(timeout=2))
    assert target.until(lambda: health(provider, made.targets) == ("unhealthy", "Target.Timeout"))


@fact("zone.zonal-names")
def test_each_zone_has_its_name(target: Any, provider: Any, consumer: Any) -> None:
    linked = link(target, backend(target, provider), zones=2)
    assert target.until(lambda: health(provider, linked.there.targets)[0] == "healthy")
    found = consumer.ec2.describe_network_interfaces(NetworkInterfaceIds=linked.endpoint["NetworkInterfaceIds"])
    where = {eni["AvailabilityZone"]: eni["PrivateIpAddress"] for eni in found["NetworkInterfaces"]}
    assert len(where) == 2
    names = [one["DnsName"] for one in linked.endpoint["DnsEntries"]]
    for zone, address in where.items():
        [name] = [one for one in names if f"-{zone}." in one]
        assert linked.ask(host=name, resolve=True) == {"addresses": [address]}
        assert linked.ask(host=name)["status"] == 200
    assert linked.ask(resolve=True) == {"addresses": sorted(where.values())}


@fact("order.no-traffic-before-available", "order.name-before-acceptance", "order.function-before-endpoint")
def test_before_and_after_acceptance(target: Any, provider: Any, consumer: Any) -> None:
    from types import SimpleNamespace

    from builds import connect, network, service

    made = backend(target, provider)
    there = service(provider, made.nlb, consumer.root)
    here = network(consumer, target.zones[0])
    open_group = group(consumer, here.vpc, "open", closed=False)
    consumer.ec2.authorize_security_group_ingress(GroupId=open_group, IpPermissions=tcp(80, cidr="10.0.0.0/16"))
    config = {"SubnetIds": here.subnets, "SecurityGroupIds": [open_group]}
    function(target, consumer, role(target, consumer), code=FETCH, VpcConfig=config)
    endpoint = connect(target, consumer, there.name, here, SecurityGroupIds=[open_group])
    ask = {"host": endpoint["DnsEntries"][0]["DnsName"], "timeout": 2}
    assert "error" in invoke(target, consumer, ask)
    if not target.real:  # not known of AWS
        assert invoke(target, consumer, ask | {"resolve": True}) == {"error": "gaierror"}
    joined = SimpleNamespace(id=there.id, endpoint_id=endpoint["VpcEndpointId"])
    assert accept(target, joined) == []
    settle(target, consumer, joined.endpoint_id, "available")
    assert target.until(lambda: invoke(target, consumer, ask).get("status") == 200, 300)


@fact("tls.at-the-alb")
def test_tls_ends_at_the_alb(target: Any, provider: Any, consumer: Any, linked: Any) -> None:
    body, key = certificate("api.example.com")
    held = provider.acm.import_certificate(Certificate=body, PrivateKey=key)["CertificateArn"]
    there = linked.there
    inside = {"GroupId": there.alb_group, "IpPermissions": tcp(443, cidr="10.0.0.0/16")}
    provider.ec2.authorize_security_group_ingress(**inside)
    secure = {"Protocol": "HTTPS", "Port": 443, "Certificates": [{"CertificateArn": held}]}
    provider.elb.create_listener(LoadBalancerArn=there.alb, DefaultActions=fixed(), **secure)
    targets = alb_group(target, provider, there.vpc, "secure", Port=443, HealthCheckProtocol="HTTPS")
    provider.elb.register_targets(TargetGroupArn=targets, Targets=[{"Id": there.alb, "Port": 443}])
    asked = {"LoadBalancerArn": there.nlb, "Protocol": "TCP", "Port": 443}
    provider.elb.create_listener(**asked, DefaultActions=forward(targets))
    assert target.until(lambda: health(provider, targets)[0] == "healthy")
    peer = {"peer": linked.function_group}
    consumer.ec2.authorize_security_group_ingress(GroupId=linked.endpoint_group, IpPermissions=tcp(443, **peer))
    out = tcp(443, peer=linked.endpoint_group)
    consumer.ec2.authorize_security_group_egress(GroupId=linked.function_group, IpPermissions=out)
    shown = linked.ask(tls=True, port=443)["certificate"]
    assert ssl.PEM_cert_to_DER_cert(shown) == ssl.PEM_cert_to_DER_cert(body.decode())


@fact("metrics.endpoint", "metrics.service")
def test_metrics(target: Any, provider: Any, consumer: Any, linked: Any) -> None:
    assert linked.ask()["status"] == 200

    def names(side: Any, namespace: str) -> set[str]:
        pages = side.cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace)
        return {metric["MetricName"] for page in pages for metric in page["Metrics"]}

    wanted = {"ActiveConnections", "BytesProcessed", "NewConnections"}
    assert target.until(lambda: wanted <= names(consumer, "AWS/PrivateLinkEndpoints"), 1200)
    assert target.until(lambda: wanted | {"EndpointsCount"} <= names(provider, "AWS/PrivateLinkServices"), 1200)
    assert names(provider, "AWS/PrivateLinkEndpoints") == set() or target.real
