"""IPv6 addresses of network interfaces. They are given, told and refused as on AWS; the data path is IPv4 alone."""

from __future__ import annotations

import ipaddress
import secrets
from typing import Any


def blocks(subnet: Any) -> list[ipaddress.IPv6Network]:
    """The IPv6 ranges of a subnet."""
    return [
        ipaddress.IPv6Network(one["ipv6CidrBlock"])
        for one in subnet.ipv6_cidr_block_associations.values()
        if one["ipv6CidrBlockState"]["State"] == "associated"
    ]


def holder(subnet: Any, address: str) -> Any:
    """The interface in the subnet that has that IPv6 address; None if it is free."""
    wanted = ipaddress.ip_address(address)
    everybody = [eni for eni in list(subnet.ec2_backend.enis.values()) if eni.subnet.id == subnet.id]
    return next((eni for eni in everybody if wanted in map(ipaddress.ip_address, eni.ipv6_addresses)), None)


def dress(eni: Any, *, six: str | None, wanted: bool) -> None:
    """Give an interface the IPv6 address `six`, or one of AWS's choice if it has none yet; take it, if not `wanted`."""
    if not wanted:
        eni.ipv6_addresses = []
    elif six:
        eni.ipv6_addresses = [six]
    elif not eni.ipv6_addresses:
        [block, *_] = blocks(eni.subnet)
        eni.ipv6_addresses = [str(block[secrets.randbelow(2**63) + 4])]
    eni.ipv6_address = next(iter(eni.ipv6_addresses), None)  # the interface's own, which AWS tells besides the list
