"""The names AWS itself gives: of interface endpoints and load balancers, known everywhere, answered with addresses."""

from __future__ import annotations

import re
from typing import Any, Final

from moto.elbv2.models import elbv2_backends

from plinkctl.sandbox import interfaces, world

#: An endpoint's name begins with its ID.
_ENDPOINT: Final = re.compile(r"(vpce-[0-9a-f]{17})-.*\.vpce\.amazonaws\.com")
#: An address of the range kept for documentation: AWS's own APIs resolve, but nothing in an isolated VPC gets there.
_ELSEWHERE: Final = "192.0.2.1"


def addresses(name: str) -> tuple[tuple[str, ...], str] | None:
    """The addresses behind a name of AWS, and why in words; None when it is not such a name.

    An endpoint's names resolve while it is available; what AWS answers before is not established.
    """
    if endpoint := endpoint_named(name):
        if not endpoint.carries(world.now()):
            return (), f"{endpoint.id} is {endpoint.state(world.now())}, not available"
        zone = {zonal.lower(): zone for zone, zonal in endpoint.zonal_names.items()}.get(name)
        enis = [eni for eni in endpoint.interfaces if zone in (None, eni.subnet.availability_zone)]
        return _addresses(enis), f"{'zonal' if zone else 'regional'} name of {endpoint.id}"
    if balancer := balancer_named(name):
        return _addresses(interfaces.nodes(balancer)), f"name of load balancer {balancer.name}"
    if name.endswith(".amazonaws.com") and ".vpce." not in f".{name}" and ".elb." not in f".{name}":
        return (_ELSEWHERE,), "a public name of AWS; nothing here leads to it"
    return None


def endpoint_named(name: str) -> Any:
    """The `endpoints.Endpoint` with that DNS name, regional or zonal; None if there is none."""
    if not (found := _ENDPOINT.fullmatch(name)):
        return None
    for backend in world.ec2():
        if known := backend.vpc_end_points.get(found.group(1)):
            own = {known.sandbox.name.lower(), *(one.lower() for one in known.sandbox.zonal_names.values())}
            return known.sandbox if name in own else None
    return None


def balancer_named(name: str) -> Any:
    """moto's load balancer with that DNS name; None if there is none."""
    if ".elb." not in name:
        return None
    for regions in list(elbv2_backends.values()):
        for backend in list(regions.values()):
            for balancer in list(backend.load_balancers.values()):
                if balancer.dns_name.lower() == name:
                    return balancer
    return None


def zone_ids(name: str) -> set[str]:
    """The IDs of AWS's own zones an alias to that name has to give; empty when nothing has the name."""
    if endpoint := endpoint_named(name):
        return {entry["HostedZoneId"] for entry in endpoint.dns_entries()}
    balancer = balancer_named(name)
    return {str(balancer.canonical_hosted_zone_id)} if balancer else set()


def _addresses(enis: list[Any]) -> tuple[str, ...]:
    return tuple(str(eni.private_ip_address) for eni in enis)
