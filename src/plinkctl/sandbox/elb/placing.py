"""The private addresses an internal Network Load Balancer is told to take, one for each of its subnets."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from moto.elbv2 import models
from moto.elbv2.exceptions import ELBClientError, ValidationError

from plinkctl.sandbox import interfaces
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plinkctl.sandbox.manners.doom import Fate


def addresses_of(mappings: Iterable[Mapping[str, str]] | None, kind: str, scheme: str) -> dict[str, str]:
    """What the SubnetMappings of a request say of addresses: subnet ID -> private address. Raises ValidationError."""
    found = {one["SubnetId"]: one["PrivateIPv4Address"] for one in mappings or [] if one.get("PrivateIPv4Address")}
    if found and (kind, scheme) != ("network", "internal"):
        raise ValidationError("Private IPv4 addresses can only be specified for internal Network Load Balancers")
    return found


def check(subnets: Iterable[Any], addresses: Mapping[str, str]) -> Fate | None:
    """Refuse an address that is not in its subnet; why a load balancer will have failed that wants one not free.

    By the guide's page on troubleshooting it goes from provisioning to failed then; that none of the addresses it
    wanted is taken meanwhile is our own choice.

    Raises:
        ELBClientError: InvalidConfigurationRequest.
    """
    taken = None
    for subnet in subnets:
        address = addresses.get(subnet.id)
        if address and ipaddress.ip_address(address) not in subnet.cidr:
            raise ELBClientError("InvalidConfigurationRequest", f"The address {address} is not in subnet {subnet.id}")
        if address and not interfaces.free(subnet, address):
            taken = ("InvalidConfigurationRequest", f"The address {address} is in use in {subnet.id}")
    return taken


class _Zone:
    """An AvailabilityZone of the answer; with an address only where one was asked for, as on AWS."""

    def __init__(self, subnet: Any, address: str | None) -> None:
        self.subnet_id, self.zone_name = subnet.id, subnet.availability_zone
        self.load_balancer_addresses = [{"PrivateIPv4Address": address}] if address else []


@override(models.FakeLoadBalancer, "availability_zones")
def _availability_zones(_original: Any, self: Any) -> list[_Zone]:
    """The zones, each with the address the load balancer was told to take there."""
    return [_Zone(subnet, self.sandbox.addresses.get(subnet.id)) for subnet in self.subnets]
