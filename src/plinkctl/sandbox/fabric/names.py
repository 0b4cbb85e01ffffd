"""What a name resolves to, as seen from an interface: DNS as in `names.lookup`, asked in the VPC of the interface.

Security groups never filter queries to AWS's own resolver, so they play no part. The rest of the internet is not there
at all.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

from plinkctl.sandbox import world
from plinkctl.sandbox.names.lookup import look_up


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
        pass
    world.settle()
    place = None
    if source is not None:
        place = (source.ec2_backend.region_name, source.vpc_id)
        if not source.ec2_backend.get_vpc(source.vpc_id).enable_dns_support:
            return Resolved((), f"enableDnsSupport is off in {source.vpc_id}")
    found = look_up(name, "A", place)
    return Resolved(found.values("A"), found.reason)
