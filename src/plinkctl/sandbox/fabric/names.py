"""What a name resolves to, as seen from an interface: worked out from moto's objects, like everything in `fabric`.

The public names of endpoints and load balancers answer private addresses, wherever they are asked; a private DNS name
answers only inside the VPC that has it. Security groups never filter queries to AWS's own resolver, so they play no
part. Other names of AWS exist but lead nowhere, and the rest of the internet is not there at all.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, Final

from plinkctl.sandbox import interfaces, world
from plinkctl.sandbox.elb.balancers import all_balancers

#: An address of the range kept for documentation: AWS's own APIs resolve, but nothing in an isolated VPC gets there.
_ELSEWHERE: Final = "192.0.2.1"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The addresses of a name, none if there is no such name; and why, in words."""

    addresses: tuple[str, ...]
    reason: str


def resolve(source: Any, name: str) -> Resolved:
    """What `name` resolves to for an interface (moto's NetworkInterface), or for a function in no VPC (None)."""
    try:
        return Resolved((str(ipaddress.IPv4Address(name)),), "it is an address")
    except ValueError:
        name = name.rstrip(".").lower()
    if source is not None and not source.ec2_backend.get_vpc(source.vpc_id).enable_dns_support:
        return Resolved((), f"enableDnsSupport is off in {source.vpc_id}")
    for look in (_private, _endpoint, _load_balancer):
        if found := look(source, name):
            return found
    if name.endswith(".amazonaws.com") and ".vpce." not in f".{name}" and ".elb." not in f".{name}":
        return Resolved((_ELSEWHERE,), "a public name of AWS; nothing here leads to it")
    return Resolved((), "no such name")


def _endpoints() -> list[Any]:
    return [found.sandbox for backend in world.ec2() for found in list(backend.vpc_end_points.values())]


def _private(source: Any, name: str) -> Resolved | None:
    for endpoint in _endpoints():
        if source is None or endpoint.vpc_id != source.vpc_id or not endpoint.private_dns:
            continue
        if endpoint.service.private_dns.get("Domain") == name and endpoint.state(world.now()) == "available":
            return Resolved(_addresses(endpoint.interfaces), f"private DNS name of {endpoint.id}")
    return None


def _endpoint(_source: Any, name: str) -> Resolved | None:
    """The names of an endpoint resolve while it is available; what AWS answers before is not established."""
    for endpoint in _endpoints():
        zones = {zonal.lower(): zone for zone, zonal in endpoint.zonal_names.items()}
        if name != endpoint.name.lower() and name not in zones:
            continue
        if (state := endpoint.state(world.now())) != "available":
            return Resolved((), f"{endpoint.id} is {state}, not available")
        zone = zones.get(name)
        enis = [eni for eni in endpoint.interfaces if zone in (None, eni.subnet.availability_zone)]
        return Resolved(_addresses(enis), f"{'zonal' if zone else 'regional'} name of {endpoint.id}")
    return None


def _load_balancer(_source: Any, name: str) -> Resolved | None:
    for balancer in all_balancers():
        if balancer.dns_name.lower() == name:
            return Resolved(_addresses(interfaces.nodes(balancer)), f"name of load balancer {balancer.name}")
    return None


def _addresses(enis: list[Any]) -> tuple[str, ...]:
    return tuple(str(eni.private_ip_address) for eni in enis)
