"""What CloudWatch tells of a link: counted from the connections that were really made, refused and dropped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import whole

from plinkctl.sandbox import pickles
from plinkctl.sandbox.fabric.meters import Meters, Series

if TYPE_CHECKING:
    from conftest import Side
    from plinkctl.sandbox import world

ENDPOINTS, SERVICES = "AWS/PrivateLinkEndpoints", "AWS/PrivateLinkServices"


@pytest.fixture
def link(sandbox: world.World, provider: Side, consumer: Side) -> Any:
    made = whole.provide(provider)
    taken = whole.consume(consumer, made.service_name)
    taken.function()
    taken.offered = made
    taken.whole = {
        "Endpoint Type": "Interface",
        "Service Name": made.service_name,
        "VPC Endpoint Id": taken.endpoint["VpcEndpointId"],
        "VPC Id": taken.vpc,
    }
    return taken


def statistics(
    sandbox: world.World, side: Side, namespace: str, metric: str, dimensions: dict[str, str], *, period: int = 60
) -> list[dict[str, Any]]:
    """The readings of the last hour, oldest first."""
    end = datetime.fromtimestamp(sandbox.clock.now(), UTC) + timedelta(minutes=1)
    points = side.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=end - timedelta(hours=1),
        EndTime=end,
        Period=period,
        Statistics=["Sum", "Maximum"],
    )["Datapoints"]
    return sorted(points, key=lambda point: point["Timestamp"])


def sums(*asked: Any) -> list[float]:
    return [point["Sum"] for point in statistics(*asked)]


def test_a_request_is_counted_on_both_sides_minute_by_minute(
    sandbox: world.World, provider: Side, consumer: Side, link: Any
) -> None:
    assert link.invoke().value["body"] == "Hello from ALB!"
    sandbox.clock.advance(60)
    assert link.invoke().value["status"] == 200
    assert link.invoke().value["status"] == 200

    service = {"Service Id": link.offered.service}
    assert sums(sandbox, consumer, ENDPOINTS, "NewConnections", link.whole) == [1, 2]
    assert sums(sandbox, provider, SERVICES, "NewConnections", service) == [1, 2]
    per_subnet = link.whole | {"Subnet Id": link.subnets[0]}
    assert sums(sandbox, consumer, ENDPOINTS, "NewConnections", per_subnet) == [1, 2]
    (maximum,) = {p["Maximum"] for p in statistics(sandbox, consumer, ENDPOINTS, "ActiveConnections", link.whole)}
    assert maximum == 1


def test_bytes_are_those_that_went_through_the_stream(
    sandbox: world.World, provider: Side, consumer: Side, link: Any
) -> None:
    link.invoke()
    (one,) = sums(sandbox, consumer, ENDPOINTS, "BytesProcessed", link.whole)
    sandbox.clock.advance(60)
    link.invoke({"path": "/" + "x" * 1000})
    _, longer = sums(sandbox, consumer, ENDPOINTS, "BytesProcessed", link.whole)
    assert longer - one == 1000  # the path is longer by a slash and thousand letters, less the slash it replaces
    assert sums(sandbox, provider, SERVICES, "BytesProcessed", {"Service Id": link.offered.service}) == [one, longer]


def test_a_listener_that_is_missing_is_seen_as_resets(
    sandbox: world.World, provider: Side, consumer: Side, link: Any
) -> None:
    link.offered.elb.delete_listener(ListenerArn=link.offered.nlb_listener)
    assert link.invoke().error == "Unhandled"
    assert sums(sandbox, consumer, ENDPOINTS, "RstPacketsReceived", link.whole) == [1]
    assert sums(sandbox, provider, SERVICES, "RstPacketsSent", {"Service Id": link.offered.service}) == [1]
    assert sums(sandbox, consumer, ENDPOINTS, "NewConnections", link.whole) == []


def test_a_flow_the_nlb_s_groups_block_is_counted_at_both_ends(
    sandbox: world.World, provider: Side, consumer: Side, link: Any
) -> None:
    elb, made = provider.client("elbv2"), link.offered
    closed = whole.group(made.ec2, made.vpc, "closed")
    guarded = elb.create_load_balancer(
        Name="guarded", Type="network", Scheme="internal", Subnets=made.subnets, SecurityGroups=[closed]
    )["LoadBalancers"][0]["LoadBalancerArn"]
    made.ec2.modify_vpc_endpoint_service_configuration(ServiceId=made.service, AddNetworkLoadBalancerArns=[guarded])
    # With the old one gone from the service, everything comes by the guarded one.
    link.ec2.delete_vpc_endpoints(VpcEndpointIds=[link.endpoint["VpcEndpointId"]])
    made.ec2.modify_vpc_endpoint_service_configuration(ServiceId=made.service, RemoveNetworkLoadBalancerArns=[made.nlb])
    endpoint = link.ec2.create_vpc_endpoint(
        VpcEndpointType="Interface",
        ServiceName=made.service_name,
        VpcId=link.vpc,
        SubnetIds=link.subnets,
        SecurityGroupIds=[link.endpoint_group],
    )["VpcEndpoint"]
    assert link.invoke({"host": endpoint["DnsEntries"][0]["DnsName"], "timeout": 0.2}).error == "Unhandled"

    short = {"LoadBalancer": guarded.partition(":loadbalancer/")[2]}
    assert sums(sandbox, provider, "AWS/NetworkELB", "SecurityGroupBlockedFlowCount_Inbound", short) == [1]
    dropped = link.whole | {"VPC Endpoint Id": endpoint["VpcEndpointId"]}
    assert sums(sandbox, consumer, ENDPOINTS, "PacketsDropped", dropped) == [1]


def test_the_number_of_connected_endpoints_is_told(sandbox: world.World, provider: Side, link: Any) -> None:
    service = {"Service Id": link.offered.service}
    (now,) = statistics(sandbox, provider, SERVICES, "EndpointsCount", service)
    assert now["Maximum"] == 1
    sandbox.clock.advance(120)
    link.ec2.delete_vpc_endpoints(VpcEndpointIds=[link.endpoint["VpcEndpointId"]])
    assert statistics(sandbox, provider, SERVICES, "EndpointsCount", service) == []


def test_metrics_are_listed_once_and_only_in_the_account_they_belong_to(
    sandbox: world.World, provider: Side, consumer: Side, link: Any
) -> None:
    for _ in range(2):
        link.invoke()
        sandbox.clock.advance(60)
    listed = consumer.client("cloudwatch").list_metrics(Namespace=ENDPOINTS)["Metrics"]
    named = [(one["MetricName"], len(one["Dimensions"])) for one in listed]
    assert sorted(named) == sorted(
        (metric, count) for metric in ("NewConnections", "ActiveConnections", "BytesProcessed") for count in (4, 5)
    )
    assert consumer.client("cloudwatch").list_metrics(Namespace=SERVICES)["Metrics"] == []
    assert provider.client("cloudwatch").list_metrics(Namespace=ENDPOINTS)["Metrics"] == []
    one = consumer.client("cloudwatch").list_metrics(
        Namespace=ENDPOINTS, MetricName="NewConnections", Dimensions=[{"Name": "Subnet Id"}]
    )["Metrics"]
    assert [len(metric["Dimensions"]) for metric in one] == [5]


def test_what_stands_does_not_outlive_the_process_and_what_was_counted_does() -> None:
    series, meters = Series(ENDPOINTS, "ActiveConnections", ()), Meters()
    meters.level([series], 0.0, +1)
    again = pickles.loads(pickles.dumps(meters))
    assert [(reading.moment, reading.value) for reading in again.readings(600.0)] == [(0, 1)]
    assert [reading.moment for reading in meters.readings(60.0)] == [0, 60]


def test_dimensions_mean_exactly_themselves(sandbox: world.World, consumer: Side, link: Any) -> None:
    link.invoke()
    assert sums(sandbox, consumer, ENDPOINTS, "NewConnections", {"VPC Id": link.vpc}) == []
    assert sums(sandbox, consumer, ENDPOINTS, "NewConnections", {}) == []
    end = datetime.fromtimestamp(sandbox.clock.now(), UTC) + timedelta(minutes=1)
    (answer,) = consumer.client("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {
                "Id": "new",
                "MetricStat": {
                    "Metric": {
                        "Namespace": ENDPOINTS,
                        "MetricName": "NewConnections",
                        "Dimensions": [{"Name": name, "Value": value} for name, value in link.whole.items()],
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
        ],
        StartTime=end - timedelta(minutes=10),
        EndTime=end,
    )["MetricDataResults"]
    assert sum(answer["Values"]) == 1
