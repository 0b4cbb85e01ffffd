"""What is in every region of an account before anybody makes anything: the default VPC and what belongs to it.

moto has the VPC and its subnets. On AWS the default VPC also has a way to the internet, and all VPCs share a set of
DHCP options until they are given another one (Amazon VPC user guide, "Default VPCs" and "DHCP option sets").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models.dhcp_options import DHCPOptionsSetBackend
from moto.ec2.models.vpcs import VPC, VPCBackend
from moto.ec2.responses.dhcp_options import DHCPOptions

from plinkctl.sandbox.ec2.answers import given_tags
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from moto.core.responses import ActionResult

_ANYWHERE: Final = "0.0.0.0/0"


@override(VPCBackend, "create_default_vpc")
def _create(original: Any, self: Any) -> Any:
    """CreateDefaultVpc: with an internet gateway, and the route that leads to it."""
    vpc = self.default_vpc = original(self)
    gateway = self.create_internet_gateway()
    self.attach_internet_gateway(gateway.id, vpc.id)
    (table,) = [table for table in self.route_tables.values() if table.vpc_id == vpc.id]
    self.create_route(table.id, _ANYWHERE, gateway_id=gateway.id)
    if not self.dhcp_options_sets:
        home = "ec2.internal" if self.region_name == "us-east-1" else f"{self.region_name}.compute.internal"
        self.sandbox_dhcp = self.create_dhcp_options(["AmazonProvidedDNS"], [home]).id
    return vpc


def default_vpc(backend: Any) -> Any:
    """The default VPC of a moto backend; None when it has been deleted."""
    return next((vpc for vpc in backend.vpcs.values() if vpc.is_default), None)


@override(VPC, "dhcp_options_id")
def _dhcp_options_id(original: Any, self: Any) -> str:
    """The region's own set, until another one is associated."""
    return str(original(self) if self.dhcp_options else self.ec2_backend.sandbox_dhcp)


@override(DHCPOptionsSetBackend, "delete_dhcp_options_set")
def _delete_dhcp_options(original: Any, self: Any, options_id: str | None) -> None:
    """DeleteDhcpOptions: not while a VPC has them."""
    if any(vpc.dhcp_options_id == options_id for vpc in self.vpcs.values()):
        raise DependencyViolationError(f"The dhcpOptions '{options_id}' has dependencies and cannot be deleted.")
    original(self, options_id)


@override(DHCPOptions, "create_dhcp_options")
def _create_dhcp_options(original: Any, self: Any) -> ActionResult:
    """CreateDhcpOptions, with the tags of the request."""
    tags = given_tags(self, "dhcp-options")
    answer: ActionResult = original(self)
    made = list(self.ec2_backend.dhcp_options_sets.values())[-1]
    made.add_tags(tags)
    return answer
