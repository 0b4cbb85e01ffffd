"""Links over regions: a service that is offered in others, and endpoints there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import whole

HOME, AWAY = "us-east-1", "eu-west-1"
CONSUMER = "arn:aws:iam::222222222222:root"


class Away:
    """An account in the other region, as far as a link needs it."""

    def __init__(self, side: Any) -> None:
        self._side = side

    def client(self, service: str) -> Any:
        return self._side.session.client(service, endpoint_url=self._side.url, region_name=AWAY)


@pytest.fixture
def far(consumer: Any) -> Any:
    """The consumer's account in the other region, with a VPC there; `connect(name)` makes an endpoint."""
    ec2 = Away(consumer).client("ec2")
    made = whole.network(ec2, "euw1-az1", "euw1-az2")

    def connect(service_name: str, **more: Any) -> Any:
        asked = {"VpcId": made.vpc, "SubnetIds": made.subnets, "VpcEndpointType": "Interface", "ServiceRegion": HOME}
        return ec2.create_vpc_endpoint(ServiceName=service_name, **{**asked, **more})["VpcEndpoint"]

    return SimpleNamespace(ec2=ec2, vpc=made.vpc, subnets=made.subnets, connect=connect)


def _open(made: Any, *regions: str) -> None:
    made.ec2.modify_vpc_endpoint_service_configuration(ServiceId=made.id, AddSupportedRegions=list(regions))


def test_a_service_names_the_regions_it_is_offered_in_its_own_first(offer: Any, provider: Any, refused: Any) -> None:
    made = offer()

    def regions() -> Any:
        [config] = made.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
        assert {one["ServiceState"] for one in config["SupportedRegions"]} == {"Available"}
        return [one["Region"] for one in config["SupportedRegions"]], config["RemoteAccessEnabled"]

    modify = made.ec2.modify_vpc_endpoint_service_configuration
    assert regions() == ([HOME], False)
    _open(made, AWAY, HOME, "us-west-2")
    assert regions() == ([HOME, AWAY, "us-west-2"], True)
    modify(ServiceId=made.id, RemoveSupportedRegions=["us-west-2", "eu-north-1"])
    assert regions() == ([HOME, AWAY], True)
    refused("InvalidParameter", modify, ServiceId=made.id, RemoveSupportedRegions=[HOME])
    refused("InvalidParameter", modify, ServiceId=made.id, AddSupportedRegions=["mars-north-1"])
    lb = made.elb.create_load_balancer(Name="two", Type="network", Scheme="internal", Subnets=made.subnets)
    config = made.ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[lb["LoadBalancers"][0]["LoadBalancerArn"]], SupportedRegions=[AWAY]
    )["ServiceConfiguration"]
    assert [one["Region"] for one in config["SupportedRegions"]] == [HOME, AWAY]


def test_a_service_is_found_from_a_region_only_where_it_is_offered_and_named(
    offer: Any, far: Any, refused: Any
) -> None:
    made = offer()
    describe = far.ec2.describe_vpc_endpoint_services
    named = {"ServiceNames": [made.name], "ServiceRegions": [HOME]}
    refused("InvalidServiceName", describe, **named)
    refused("InvalidServiceName", far.connect, service_name=made.name)
    _open(made, AWAY)
    [detail] = describe(**named)["ServiceDetails"]
    assert (detail["ServiceRegion"], detail["ServiceName"]) == (HOME, made.name)
    assert describe(ServiceRegions=[HOME, AWAY])["ServiceNames"] == [made.name]
    by_region = [{"Name": "service-region", "Values": [HOME]}]
    assert describe(ServiceRegions=[HOME, AWAY], Filters=by_region)["ServiceNames"] == [made.name]
    # Without the region the name is that of nothing.
    refused("InvalidServiceName", describe, ServiceNames=[made.name])
    assert describe()["ServiceNames"] == []
    refused("InvalidServiceName", far.connect, service_name=made.name, ServiceRegion=AWAY)
    made.ec2.modify_vpc_endpoint_service_permissions(ServiceId=made.id, RemoveAllowedPrincipals=[CONSUMER])
    refused("InvalidServiceName", far.connect, service_name=made.name)


def test_a_connection_over_regions_is_seen_and_decided_in_the_services_region_only(
    offer: Any, far: Any, provider: Any, refused: Any
) -> None:
    made, away = offer(), Away(provider).client("ec2")
    _open(made, AWAY)
    endpoint = far.connect(made.name)
    assert endpoint["ServiceRegion"] == HOME
    host, _, domain = endpoint["DnsEntries"][0]["DnsName"].partition(".")
    assert host.startswith(endpoint["VpcEndpointId"])
    assert domain == f"{made.id}.{HOME}.vpce.amazonaws.com"  # the service's region, not the endpoint's
    assert {one["DnsName"].partition(".")[0][-len(AWAY) - 1 :] for one in endpoint["DnsEntries"][1:]} == {
        f"{AWAY}a",
        f"{AWAY}b",
    }
    [connection] = made.ec2.describe_vpc_endpoint_connections()["VpcEndpointConnections"]
    assert (connection["VpcEndpointRegion"], connection["VpcEndpointOwner"]) == (AWAY, "222222222222")
    for region in (AWAY, "cross-region"):
        by_region = [{"Name": "vpc-endpoint-region", "Values": [region]}]
        assert made.ec2.describe_vpc_endpoint_connections(Filters=by_region)["VpcEndpointConnections"]
    at_home = [{"Name": "vpc-endpoint-region", "Values": [HOME]}]
    assert made.ec2.describe_vpc_endpoint_connections(Filters=at_home)["VpcEndpointConnections"] == []
    assert away.describe_vpc_endpoint_connections()["VpcEndpointConnections"] == []
    decide = {"ServiceId": made.id, "VpcEndpointIds": [endpoint["VpcEndpointId"]]}
    refused("InvalidVpcEndpointServiceId.NotFound", away.accept_vpc_endpoint_connections, **decide)
    assert made.ec2.accept_vpc_endpoint_connections(**decide)["Unsuccessful"] == []
    found = far.ec2.describe_vpc_endpoints(Filters=[{"Name": "service-region", "Values": [HOME]}])["VpcEndpoints"]
    assert [one["State"] for one in found] == ["available"]
    # A region with connections is not given up.
    modify = made.ec2.modify_vpc_endpoint_service_configuration
    refused("ExistingVpcEndpointConnections", modify, ServiceId=made.id, RemoveSupportedRegions=[AWAY])
    far.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])
    modify(ServiceId=made.id, RemoveSupportedRegions=[AWAY])


def test_some_zones_are_left_out_over_regions(offer: Any, consumer: Any, provider: Any, refused: Any) -> None:
    """`use1-az3` is among them; so the service has to be in another region for this."""
    ec2, elb = Away(provider).client("ec2"), Away(provider).client("elbv2")
    home = whole.network(ec2, "euw1-az1")
    lb = elb.create_load_balancer(Name="far", Type="network", Scheme="internal", Subnets=home.subnets)
    service = ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[lb["LoadBalancers"][0]["LoadBalancerArn"]], SupportedRegions=[HOME]
    )["ServiceConfiguration"]
    ec2.modify_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"], AddAllowedPrincipals=["*"])
    here = whole.network(consumer.client("ec2"), "use1-az3", "use1-az4")
    ask = {"VpcId": here.vpc, "VpcEndpointType": "Interface", "ServiceRegion": AWAY}
    ask["ServiceName"] = service["ServiceName"]
    message = refused("InvalidParameter", here.ec2.create_vpc_endpoint, SubnetIds=here.subnets, **ask)
    assert f"does not support the availability zone of the subnet: {here.subnets[0]}" in message
    assert here.ec2.create_vpc_endpoint(SubnetIds=here.subnets[1:], **ask)["VpcEndpoint"]


def test_a_request_goes_through_a_link_over_regions(provider: Any, consumer: Any, sandbox: Any) -> None:
    made = whole.provide(provider)
    made.ec2.modify_vpc_endpoint_service_configuration(ServiceId=made.service, AddSupportedRegions=[AWAY])
    here = whole.consume(Away(consumer), made.service_name, "euw1-az3", service_region=HOME)
    here.function()
    sandbox.clock.advance(60)
    answer = here.invoke({"path": "/"})
    assert answer.error is None, answer.value
    assert answer.value["body"] == "Hello from ALB!"
