"""The data path, seen from a real function: what is open arrives, what is closed or missing fails as on AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from whole import consume, group, provide, tcp

if TYPE_CHECKING:
    from types import SimpleNamespace

    from plinkctl.sandbox.door.gateway import Server
    from plinkctl.sandbox.fabric.wire import Flow

QUICK = {"timeout": 0.3}


@pytest.fixture
def there(provider: Any) -> SimpleNamespace:
    return provide(provider)


@pytest.fixture
def here(there: SimpleNamespace, consumer: Any) -> SimpleNamespace:
    made = consume(consumer, there.service_name)
    made.function()
    return made


def last(served: Server) -> Flow:
    return served.gateway.fabric.flows[-1]


def test_the_flow_log_tells_the_whole_way(here: Any, there: Any, served: Server) -> None:
    number = last(served).number if served.gateway.fabric.flows else 0
    assert here.invoke().value["status"] == 200
    name, connection = [flow for flow in served.gateway.fabric.flows if flow.number > number]
    assert (name.kind, name.target, name.outcome) == ("resolve", here.host, "ok")
    assert (connection.kind, connection.outcome) == ("connect", "ok")
    assert [hop.split()[0] for hop in (*connection.path, connection.hop)] == ["lambda", "endpoint", "nlb", "alb"]
    assert connection.source.startswith("eni-")


def test_a_closed_egress_of_the_function_is_a_timeout(here: Any, served: Server) -> None:
    here.ec2.revoke_security_group_egress(GroupId=here.function_group, IpPermissions=tcp(80, peer=here.endpoint_group))
    assert here.invoke(QUICK).value["errorType"] == "TimeoutError"
    assert last(served).outcome == "drop"
    assert f"no egress rule of {here.function_group} allows tcp/80 to " in last(served).reason


def test_a_closed_ingress_of_the_endpoint_is_a_timeout(here: Any, served: Server) -> None:
    here.ec2.revoke_security_group_ingress(GroupId=here.endpoint_group, IpPermissions=tcp(80, peer=here.function_group))
    assert here.invoke(QUICK).value["errorType"] == "TimeoutError"
    assert f"no ingress rule of {here.endpoint_group} allows tcp/80 from " in last(served).reason


def test_a_load_balancer_closed_to_the_other_is_a_timeout_and_unhealthy(here: Any, there: Any, served: Server) -> None:
    there.ec2.revoke_security_group_ingress(GroupId=there.alb_group, IpPermissions=tcp(80, cidr="10.0.0.0/16"))
    assert here.invoke(QUICK).value["errorType"] == "TimeoutError"
    assert f"no ingress rule of {there.alb_group}" in last(served).reason
    health = there.elb.describe_target_health(TargetGroupArn=there.targets)["TargetHealthDescriptions"][0]
    assert health["TargetHealth"]["State"] == "unhealthy"
    assert health["TargetHealth"]["Reason"] == "Target.Timeout"


def test_the_load_balancer_sees_the_other_ones_address_not_the_clients(here: Any, there: Any) -> None:
    """The consumer's range is the provider's too; only the address of the node in the way may be let in."""
    there.ec2.revoke_security_group_ingress(GroupId=there.alb_group, IpPermissions=tcp(80, cidr="10.0.0.0/16"))
    nodes = there.ec2.describe_network_interfaces(
        Filters=[{"Name": "interface-type", "Values": ["network_load_balancer"]}]
    )["NetworkInterfaces"]
    for node in nodes:
        permission = tcp(80, cidr=f"{node['PrivateIpAddress']}/32")
        there.ec2.authorize_security_group_ingress(GroupId=there.alb_group, IpPermissions=permission)
    assert here.invoke().value["status"] == 200


def test_a_missing_listener_is_a_refusal(here: Any, there: Any, served: Server) -> None:
    there.elb.delete_listener(ListenerArn=there.nlb_listener)
    assert here.invoke().value["errorType"] == "ConnectionRefusedError"
    assert last(served).reason == "nlb has no listener on port 80"


def test_a_target_group_without_targets_is_a_refusal(here: Any, there: Any, served: Server) -> None:
    there.elb.deregister_targets(TargetGroupArn=there.targets, Targets=[{"Id": there.alb}])
    assert here.invoke().value["errorType"] == "ConnectionRefusedError"
    assert "has no target" in last(served).reason


def test_an_unknown_name_is_no_such_name(here: Any, served: Server) -> None:
    got = here.invoke({"host": "api.example.test"}).value
    assert (got["errorType"], got["errorMessage"]) == ("gaierror", "[Errno -2] Name or service not known")
    assert (last(served).outcome, last(served).target) == ("nxdomain", "api.example.test")


def test_the_internet_and_the_apis_of_aws_are_out_of_reach(here: Any) -> None:
    for host in ("192.0.2.7", "ec2.us-east-1.amazonaws.com"):
        assert here.invoke({"host": host, **QUICK}).value["errorType"] == "TimeoutError"


def test_names_are_answered_in_the_vpc_only_if_it_has_dns(here: Any, served: Server) -> None:
    here.ec2.modify_vpc_attribute(VpcId=here.vpc, EnableDnsSupport={"Value": False})
    assert here.invoke().value["errorType"] == "gaierror"
    assert "enableDnsSupport is off" in last(served).reason


def test_each_zone_has_a_name_of_its_own(here: Any, served: Server) -> None:
    eni = here.ec2.describe_network_interfaces(NetworkInterfaceIds=here.endpoint["NetworkInterfaceIds"])
    zonal = here.endpoint["DnsEntries"][1]["DnsName"]
    assert f"-{eni['NetworkInterfaces'][0]['AvailabilityZone']}." in zonal
    assert here.invoke({"host": zonal}).value["status"] == 200


def test_a_load_balancers_name_is_known_everywhere_but_of_use_in_its_own_vpc_only(
    there: Any, consumer: Any, served: Server
) -> None:
    here = consume(consumer, there.service_name)
    here.function()
    name = there.elb.describe_load_balancers(Names=["nlb"])["LoadBalancers"][0]["DNSName"]
    assert here.invoke({"host": name, **QUICK}).value["errorType"] == "TimeoutError"
    asked, *tried = list(served.gateway.fabric.flows)[-3:]  # one address in each of its two zones
    assert (asked.target, asked.outcome) == (name, "ok")
    assert [flow.outcome for flow in tried] == ["drop", "drop"]


def test_nothing_passes_before_acceptance_and_after_rejection(there: Any, consumer: Any, served: Server) -> None:
    there.ec2.modify_vpc_endpoint_service_configuration(ServiceId=there.service, AcceptanceRequired=True)
    here = consume(consumer, there.service_name)
    here.function()
    asked = {"ServiceId": there.service, "VpcEndpointIds": [here.endpoint["VpcEndpointId"]]}
    eni = here.ec2.describe_network_interfaces(NetworkInterfaceIds=here.endpoint["NetworkInterfaceIds"])
    address = eni["NetworkInterfaces"][0]["PrivateIpAddress"]
    assert here.invoke().value["errorType"] == "gaierror"
    assert here.invoke({"host": address, **QUICK}).value["errorType"] == "TimeoutError"
    assert last(served).reason.endswith(" is pendingAcceptance, not available")
    there.ec2.accept_vpc_endpoint_connections(**asked)
    assert here.invoke().value["status"] == 200
    there.ec2.reject_vpc_endpoint_connections(**asked)
    assert here.invoke({"host": address, **QUICK}).value["errorType"] == "TimeoutError"
    assert last(served).reason.endswith(" is rejected, not available")


def _guarded(provider: Any) -> SimpleNamespace:
    """A provider whose network load balancer has a group, which lets nothing in and everything out."""
    made = provide(provider, listening=False)
    guard = group(made.ec2, made.vpc, "nlb")
    made.ec2.authorize_security_group_egress(GroupId=guard, IpPermissions=tcp(80, cidr="0.0.0.0/0"))
    made.guard = guard
    made.nlb = made.elb.create_load_balancer(
        Name="guarded", Type="network", Scheme="internal", Subnets=made.subnets, SecurityGroups=[guard]
    )["LoadBalancers"][0]["LoadBalancerArn"]
    forward = {"Type": "forward", "TargetGroupArn": made.targets}
    made.elb.create_listener(LoadBalancerArn=made.nlb, Protocol="TCP", Port=80, DefaultActions=[forward])
    service = made.ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[made.nlb], AcceptanceRequired=False
    )["ServiceConfiguration"]
    made.ec2.modify_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"], AddAllowedPrincipals=["*"])
    made.service_name = service["ServiceName"]
    return made


def test_the_group_of_the_network_load_balancer_holds_until_told_otherwise(
    provider: Any, consumer: Any, served: Server
) -> None:
    there = _guarded(provider)
    here = consume(consumer, there.service_name)
    here.function()
    assert here.invoke(QUICK).value["errorType"] == "TimeoutError"
    assert f"no ingress rule of {there.guard} allows tcp/80 from the client 10.0." in last(served).reason
    switch = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"
    there.elb.set_security_groups(LoadBalancerArn=there.nlb, SecurityGroups=[there.guard], **{switch: "off"})
    assert here.invoke().value["status"] == 200
    there.elb.set_security_groups(LoadBalancerArn=there.nlb, SecurityGroups=[there.guard], **{switch: "on"})
    there.ec2.authorize_security_group_ingress(GroupId=there.guard, IpPermissions=tcp(80, cidr="10.0.0.0/16"))
    assert here.invoke().value["status"] == 200


def test_the_egress_of_the_network_load_balancer_counts_even_without_enforcement(
    provider: Any, consumer: Any, served: Server
) -> None:
    there = _guarded(provider)
    switch = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"
    there.elb.set_security_groups(LoadBalancerArn=there.nlb, SecurityGroups=[there.guard], **{switch: "off"})
    there.ec2.revoke_security_group_egress(GroupId=there.guard, IpPermissions=tcp(80, cidr="0.0.0.0/0"))
    here = consume(consumer, there.service_name)
    here.function()
    assert here.invoke(QUICK).value["errorType"] == "TimeoutError"
    assert f"no egress rule of {there.guard} allows tcp/80 to " in last(served).reason


def test_rules_are_tried_by_priority_then_the_default(here: Any, there: Any) -> None:
    def rule(priority: int, fields: list[dict[str, Any]], action: dict[str, Any]) -> None:
        there.elb.create_rule(ListenerArn=there.alb_listener, Priority=priority, Conditions=fields, Actions=[action])

    def fixed(status: str, text: str) -> dict[str, Any]:
        config = {"StatusCode": status, "ContentType": "text/plain", "MessageBody": text}
        return {"Type": "fixed-response", "FixedResponseConfig": config}

    rule(20, [{"Field": "path-pattern", "Values": ["/api/*"]}], fixed("404", "second"))
    rule(10, [{"Field": "path-pattern", "Values": ["/api/v?"]}], fixed("200", "first"))
    moved = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301", "Host": "#{host}", "Path": "/new/#{path}"}
    rule(30, [{"Field": "path-pattern", "Values": ["/old"]}], {"Type": "redirect", "RedirectConfig": moved})
    assert here.invoke({"path": "/api/v1"}).value["body"] == "first"
    second = here.invoke({"path": "/api/other?x=1"}).value
    assert (second["status"], second["body"]) == (404, "second")
    assert here.invoke({"path": "/"}).value["body"] == "Hello from ALB!"
    went = here.invoke({"path": "/old?a=b"}).value
    assert (went["status"], went["location"]) == (301, f"https://{here.host}/new/old?a=b")


def test_an_answer_the_matcher_does_not_take_makes_the_target_unhealthy_but_still_arrives(
    here: Any, there: Any
) -> None:
    fixed = {"StatusCode": "503", "ContentType": "text/plain", "MessageBody": "closed"}
    there.elb.modify_listener(
        ListenerArn=there.alb_listener, DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": fixed}]
    )
    health = there.elb.describe_target_health(TargetGroupArn=there.targets)["TargetHealthDescriptions"][0]
    assert health["TargetHealth"]["Reason"] == "Target.ResponseCodeMismatch"
    assert "[503]" in health["TargetHealth"]["Description"]
    got = here.invoke().value  # with no healthy target the load balancer fails open
    assert (got["status"], got["body"]) == (503, "closed")


def test_each_zone_of_an_endpoint_goes_through_the_node_of_that_zone(there: Any, consumer: Any, served: Server) -> None:
    """Cross-zone is off by default."""
    here = consume(consumer, there.service_name, "use1-az1", "use1-az2")
    here.function()
    zones = {}
    for entry in here.endpoint["DnsEntries"][1:]:
        assert here.invoke({"host": entry["DnsName"]}).value["status"] == 200
        node = next(hop for hop in last(served).path if hop.startswith("nlb"))
        zones[entry["DnsName"]] = node
    assert len(set(zones.values())) == 2
