"""CloudWatch, as far as PrivateLink publishes there: metrics of endpoints, services and their load balancers.

What `fabric` carries over a link is counted in `Meters`, one for each account and region, which hang on moto's
CloudWatch backends. The names and dimensions are those of the PrivateLink guide's page on CloudWatch metrics and of the
Network Load Balancer guide's. Links over regions publish nothing there, as that guide says.

Everything else of CloudWatch (alarms, dashboards, custom metrics) is moto's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from moto.cloudwatch.models import CloudWatchBackend, MetricDatum, cloudwatch_backends
from moto.core.common_models import CloudWatchMetricProvider

from plinkctl.sandbox import world
from plinkctl.sandbox.ec2.services import all_services, connections
from plinkctl.sandbox.fabric.decide import Kind
from plinkctl.sandbox.fabric.meters import MINUTE, Meters, Reading, Series
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plinkctl.sandbox.fabric.decide import Crossing, Verdict

ENDPOINTS: Final = "AWS/PrivateLinkEndpoints"
SERVICES: Final = "AWS/PrivateLinkServices"
BALANCERS: Final = "AWS/NetworkELB"
#: How far back the number of endpoints is told; it is worked out from their states, not counted.
_RECENT: Final = 15


def _meters(account: str, region: str) -> Meters:
    backend = cloudwatch_backends[account][region]
    return backend.__dict__.setdefault("sandbox_meters", Meters())  # type: ignore[no-any-return]  # moto's object


def _series(namespace: str, metric: str, *groupings: dict[str, str]) -> list[Series]:
    return [Series(namespace, metric, tuple(sorted(grouping.items()))) for grouping in groupings]


def _of_endpoint(crossing: Crossing, metric: str) -> list[Series]:
    endpoint = crossing.endpoint
    whole = {
        "Endpoint Type": "Interface",
        "Service Name": endpoint.service.name,
        "VPC Endpoint Id": endpoint.id,
        "VPC Id": endpoint.vpc_id,
    }
    return _series(ENDPOINTS, metric, whole, whole | {"Subnet Id": crossing.interface.subnet.id})


def _of_service(crossing: Crossing, metric: str) -> list[Series]:
    service = {"Service Id": crossing.endpoint.service.id}
    groupings = [service, service | {"VPC Endpoint Id": crossing.endpoint.id}]
    if node := crossing.node:
        zone, arn = {"Az": node.subnet.availability_zone}, {"Load Balancer Arn": node.sandbox.id}
        groupings += [service | zone, service | arn, service | zone | arn]
    return _series(SERVICES, metric, *groupings)


def _of_balancer(crossing: Crossing, metric: str) -> list[Series]:
    node = crossing.node
    balancer = {"LoadBalancer": node.sandbox.id.partition(":loadbalancer/")[2]}
    return _series(BALANCERS, metric, balancer, balancer | {"AvailabilityZone": node.subnet.availability_zone})


class Passage:
    """One connection over a link, from its decision to its end, as the meters see it. The caller holds the lock."""

    def __init__(self, verdict: Verdict) -> None:
        self._crossing = crossing = verdict.crossing
        self._published = crossing is not None and crossing.endpoint.region == crossing.endpoint.service.region
        match verdict.kind:
            case Kind.OK:
                self._both("NewConnections", "NewConnections")
                self._level(+1)
            case Kind.REFUSE:
                self._both("RstPacketsReceived", "RstPacketsSent")
            case Kind.DROP if crossing is not None and (crossing.node is None or crossing.blocked):
                self._both("PacketsDropped", None)
            case Kind.DROP:
                pass  # on one of the two sides of the link, which the link does not see
        if crossing is not None and crossing.blocked:
            service = crossing.endpoint.service
            meters = _meters(service.account, service.region)
            meters.count(_of_balancer(crossing, "SecurityGroupBlockedFlowCount_Inbound"), world.now())

    def end(self, carried: int) -> None:
        """The connection is over, and so many bytes were carried, both ways."""
        self._both("BytesProcessed", "BytesProcessed", carried)
        self._level(-1)

    def _both(self, of_endpoint: str, of_service: str | None, amount: int = 1) -> None:
        if not self._published or (crossing := self._crossing) is None:
            return
        endpoint, service, moment = crossing.endpoint, crossing.endpoint.service, world.now()
        _meters(endpoint.account, endpoint.region).count(_of_endpoint(crossing, of_endpoint), moment, amount)
        if of_service:
            _meters(service.account, service.region).count(_of_service(crossing, of_service), moment, amount)

    def _level(self, change: int) -> None:
        if not self._published or (crossing := self._crossing) is None:
            return
        endpoint, service, name = crossing.endpoint, crossing.endpoint.service, "ActiveConnections"
        _meters(endpoint.account, endpoint.region).level(_of_endpoint(crossing, name), world.now(), change)
        _meters(service.account, service.region).level(_of_service(crossing, name), world.now(), change)


# --------------------------------------------------------------------------------------- the answers


class _Datum(MetricDatum):
    """A reading as moto wants it. A question for statistics means exactly the dimensions it names, as on AWS."""

    def __init__(self, reading: Reading) -> None:
        dimensions = [{"Name": name, "Value": value} for name, value in reading.series.dimensions]
        unit = "Bytes" if reading.series.metric == "BytesProcessed" else "Count"
        moment = world.moment(reading.moment).replace(tzinfo=None)  # moto compares with moments without a zone
        super().__init__(reading.series.namespace, reading.series.metric, reading.value, dimensions, moment, unit)
        self.series = reading.series

    def filter(self, namespace: Any, name: Any, dimensions: Any, already_present_metrics: Any = None) -> bool:
        if namespace is None and name is None and already_present_metrics is None:
            return self.series.dimensions == tuple(sorted((one["Name"], one["Value"]) for one in dimensions))
        return bool(super().filter(namespace, name, dimensions))


class PrivateLinkMetrics(CloudWatchMetricProvider):
    """What moto asks for the metrics of AWS's own services; it finds this class among the subclasses."""

    @staticmethod
    def get_cloudwatch_metrics(account_id: str, region: str) -> list[_Datum]:
        """Every reading of that account and region."""
        readings = [*_meters(account_id, region).readings(world.now()), *_endpoint_counts(account_id, region)]
        return [_Datum(reading) for reading in readings]


def _endpoint_counts(account: str, region: str) -> Iterator[Reading]:
    """How many endpoints each service had connected, in each of the last minutes of its life."""
    this_minute = int(world.now() // MINUTE)
    for service in all_services(region):
        if service.account != account:
            continue
        attached = connections(service)
        (series,) = _series(SERVICES, "EndpointsCount", {"Service Id": service.id})
        for minute in range(this_minute - _RECENT + 1, this_minute + 1):
            moment = min((minute + 1) * MINUTE - 1, world.now())
            count = sum(one.created <= moment and one.state(moment) == "available" for one in attached)
            if count:
                yield Reading(series, minute * MINUTE, count)


@override(CloudWatchBackend, "get_filtered_metrics")
def _filtered(_original: Any, self: Any, metric_name: Any, namespace: Any, dimensions: Any) -> list[Any]:
    """ListMetrics: each metric once; moto tells two apart only while they have a single dimension."""
    found = {
        (one.namespace, one.name, tuple(sorted((d.name, d.value) for d in one.dimensions))): one
        for one in self.get_all_metrics()
        if one.filter(namespace or "", metric_name or "", dimensions or [])
    }
    return list(found.values())


@override(CloudWatchBackend, "get_metric_statistics")
def _statistics(original: Any, self: Any, namespace: str, *args: Any, **kwargs: Any) -> Any:
    """GetMetricStatistics: without dimensions it means a metric that has none, and PrivateLink's all have some."""
    dimensions = kwargs.get("dimensions", args[5] if len(args) > 5 else None)
    if not dimensions and namespace in (ENDPOINTS, SERVICES, BALANCERS):
        return []
    return original(self, namespace, *args, **kwargs)
