"""NAT gateways, as far as other things are held by them: their interface is in a subnet until they are deleted.

They carry nothing: the sandbox has no internet. moto gives them an interface like anybody's, with an address of no
subnet, and never takes it away, so that the subnet could not be deleted.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.nat_gateways import NatGateway, NatGatewayBackend

from plinkctl.sandbox import interfaces, world
from plinkctl.sandbox.interfaces import Owner
from plinkctl.sandbox.patch import override


@override(NatGateway, "__init__")
def _begin(
    _original: Any,
    self: Any,
    backend: Any,
    subnet_id: str,
    allocation_id: str,
    tags: dict[str, str] | None = None,
    connectivity_type: str = "public",
) -> None:
    """CreateNatGateway: available at once, with an interface AWS manages, and the Elastic IP address on it."""
    subnet = backend.get_subnet(subnet_id)
    public = allocation_id and connectivity_type != "private"
    if public and backend.address_by_allocation([allocation_id])[0].association_id:
        raise EC2ClientError("Resource.AlreadyAssociated", f"resource {allocation_id} is already associated")
    self.id, self.subnet_id, self.vpc_id = world.new_id("nat"), subnet_id, subnet.vpc_id
    self.ec2_backend, self.state, self.connectivity_type = backend, "available", connectivity_type
    self.address_set = []
    self._created_at = world.moment(world.now()).replace(tzinfo=None)
    self._eni = interfaces.make(subnet, [], Owner("nat", self.id), description=f"Interface for NAT Gateway {self.id}")
    self.private_ip = self._eni.private_ip_address
    if public:
        backend.associate_address(eni=self._eni, allocation_id=allocation_id)
    self.add_tags(tags or {})


@override(NatGatewayBackend, "delete_nat_gateway")
def _delete(original: Any, self: Any, nat_gateway_id: str) -> Any:
    """DeleteNatGateway: its interface goes, and its Elastic IP address is free again."""
    if nat_gateway_id not in self.nat_gateways:
        raise EC2ClientError("NatGatewayNotFound", f"NatGateway {nat_gateway_id} was not found")
    gateway = original(self, nat_gateway_id)
    for address in self.addresses:
        if address.eni is not None and address.eni.id == gateway._eni.id:
            self.disassociate_address(association_id=address.association_id)
    for eni in interfaces.owned_by(gateway.id):
        interfaces.release(eni, after=0)
    return gateway
