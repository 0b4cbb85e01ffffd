"""Network interfaces: those AWS manages for endpoints, load balancers and functions, and where each one is.

An interface is moto's NetworkInterface; one that AWS manages carries an `Owner` as its attribute `sandbox`. What is
looked up for every packet and every answer (by owner, by address) is kept in a `Shelf` on moto's backend, so that no
look-up walks through all interfaces, and a reset takes the shelf away with what is on it.

What may be done to an interface by an API call is in `ec2.network`.
"""

from __future__ import annotations

import heapq
import ipaddress
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from moto.ec2.exceptions import EC2ClientError, InvalidNetworkInterfaceIdError
from moto.ec2.models.elastic_network_interfaces import NetworkInterfaceBackend
from moto.ec2.models.subnets import Subnet

from plinkctl.sandbox import patch, world
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.manners.visibility import born

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Kind = Literal["endpoint", "nlb", "alb", "lambda", "nat"]

#: AWS keeps the first four addresses of a subnet and the last for itself.
_FIRST: Final = 4
_KEPT: Final = 5


@dataclass(frozen=True, slots=True)
class Owner:
    """What the sandbox made a network interface for: the attribute `sandbox` of moto's NetworkInterface.

    Attributes:
        kind: the kind of thing it belongs to.
        id: that thing's ID: an endpoint ID, a load balancer's ARN, a function's place.
        until: when it vanishes (seconds of the sandbox's clock, infinity for never); None while its owner lives.
        detached: when it becomes `available`, so that others may delete it; None while attached for good.
    """

    kind: Kind
    id: str
    until: float | None = None
    detached: float | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    """How AWS describes the interfaces it manages, by which other tools recognise them."""

    interface_type: str
    instance_owner: str
    requester: str


_LOOKS: Final[dict[Kind, _Look]] = {
    "endpoint": _Look("vpc_endpoint", "amazon-aws", "amazon-vpc"),
    "nlb": _Look("network_load_balancer", "amazon-aws", "amazon-elb"),
    "alb": _Look("interface", "amazon-elb", "amazon-elb"),
    "lambda": _Look("lambda", "amazon-aws", "amazon-lambda"),
    "nat": _Look("nat_gateway", "amazon-aws", "amazon-vpc"),
}


# ------------------------------------------------------------------------------------------- the shelf


@dataclass(slots=True)
class _Addresses:
    """The addresses of one subnet: which are taken, and which is the lowest free one.

    Numbers count from the network's own address. Everything below `reached` is taken or in `freed` (a heap, in which
    some may have been taken again).
    """

    taken: set[int] = field(default_factory=set)
    freed: list[int] = field(default_factory=list)
    reached: int = _FIRST

    def lowest(self) -> int:
        """The lowest number nobody has; it may lie past the end of the subnet."""
        while self.freed and self.freed[0] in self.taken:
            heapq.heappop(self.freed)
        if self.freed:
            return self.freed[0]
        while self.reached in self.taken:
            self.reached += 1
        return self.reached

    def give_back(self, number: int) -> None:
        """Let go of a taken number."""
        self.taken.discard(number)
        if number < self.reached:
            heapq.heappush(self.freed, number)


@dataclass(slots=True)
class Shelf:
    """Where the interfaces of one moto backend are found.

    Attributes:
        owned: owner's ID -> interface ID -> interface.
        placed: VPC ID and address -> interface.
        subnets: subnet ID -> its addresses.
        ending: interface ID -> interface, of those that were released and have something ahead of them.
    """

    owned: dict[str, dict[str, Any]] = field(default_factory=dict)
    placed: dict[tuple[str, str], Any] = field(default_factory=dict)
    subnets: dict[str, _Addresses] = field(default_factory=dict)
    ending: dict[str, Any] = field(default_factory=dict)


def _shelf(backend: Any) -> Shelf:
    return backend.__dict__.setdefault("sandbox_shelf", Shelf())  # type: ignore[no-any-return]  # moto's object


def _addresses(subnet: Any) -> _Addresses:
    return _shelf(subnet.ec2_backend).subnets.setdefault(subnet.id, _Addresses())


def _number(subnet: Any, address: str) -> int:
    """Which address of its subnet it is, counted from the network's own."""
    return int(ipaddress.ip_address(address)) - int(subnet.cidr.network_address)


@patch.override(NetworkInterfaceBackend, "create_network_interface")
def _created(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """An interface takes its place on the shelf, whoever made it."""
    refuse_more("network-interfaces", len(self.enis))
    eni = original(self, *args, **kwargs)
    _addresses(eni.subnet).taken.add(_number(eni.subnet, eni.private_ip_address))
    _shelf(self).placed[eni.vpc_id, str(eni.private_ip_address)] = eni
    born(self, "interface", self.enis, eni.id, eni.id)
    return eni


@patch.override(NetworkInterfaceBackend, "delete_network_interface")
def _deleted(original: Any, self: Any, eni_id: str) -> None:
    """An interface leaves the shelf, whatever deletes it."""
    eni = self.enis.get(eni_id)
    original(self, eni_id)
    shelf = _shelf(self)
    shelf.ending.pop(eni_id, None)
    shelf.placed.pop((eni.vpc_id, str(eni.private_ip_address)), None)
    _addresses(eni.subnet).give_back(_number(eni.subnet, eni.private_ip_address))
    owner = getattr(eni, "sandbox", None)
    if owner is not None and (held := shelf.owned.get(owner.id)) is not None:
        held.pop(eni_id, None)
        if not held:
            del shelf.owned[owner.id]


@patch.override(NetworkInterfaceBackend, "get_network_interface")
def _get(_original: Any, self: Any, eni_id: str) -> Any:
    """By its ID; moto walks through all of them."""
    if eni_id not in self.enis:
        raise InvalidNetworkInterfaceIdError(eni_id)
    return self.enis[eni_id]


@patch.override(Subnet, "available_ip_address_count")
def _available(_original: Any, self: Any) -> int:
    """How many addresses are free; moto counts all interfaces each time."""
    return int(self.cidr.num_addresses) - _KEPT - len(_addresses(self).taken)


# ---------------------------------------------------------------------------------- made and released


def make(subnet: Any, groups: Sequence[str], owner: Owner, *, description: str, address: str | None = None) -> Any:
    """A new network interface in `subnet`, managed by AWS on behalf of `owner`.

    It gets `address`, which must be free, or the lowest free one.

    Raises:
        EC2ClientError: InsufficientFreeAddressesInSubnet.
    """
    backend = subnet.ec2_backend
    eni = backend.create_network_interface(
        subnet, address or free_address(subnet), group_ids=list(groups), description=description
    )
    if not groups:
        eni._group_set = []  # moto falls back to the default group; a load balancer without groups has none
    look = _LOOKS[owner.kind]
    eni.sandbox = owner
    eni.interface_type = look.interface_type
    eni.requester_managed = True
    eni.requester_id = look.requester
    eni.instance_owner = look.instance_owner
    eni.attachment_id = world.new_id("ela-attach")
    eni.attach_time = world.moment(world.now())
    eni.status = "in-use"
    _shelf(backend).owned.setdefault(owner.id, {})[eni.id] = eni
    return eni


def refuse_crowd(backend: Any, more: int) -> None:
    """Refuse so many more interfaces than an account may have, before the first is made. Raises QuotaError."""
    if more:
        refuse_more("network-interfaces", len(backend.enis) + more - 1)


def free_address(subnet: Any) -> str:
    """The lowest address of the subnet nobody has. Raises EC2ClientError: InsufficientFreeAddressesInSubnet."""
    number = _addresses(subnet).lowest()
    if number < subnet.cidr.num_addresses - 1:
        return str(subnet.cidr[number])
    raise EC2ClientError(
        "InsufficientFreeAddressesInSubnet",
        f"There are not enough free addresses in subnet '{subnet.id}' to satisfy the requested number of instances.",
    )


def assignable(subnet: Any, address: str) -> bool:
    """Whether an address of the subnet is none of those that AWS keeps for itself."""
    return _FIRST <= _number(subnet, address) < int(subnet.cidr.num_addresses) - 1


def holder(subnet: Any, address: str) -> Any:
    """The interface that has that address of the subnet; None if it is free."""
    return _shelf(subnet.ec2_backend).placed.get((subnet.vpc_id, address))


def release(eni: Any, *, after: float, detach: float | None = None) -> None:
    """Let an interface vanish so many seconds from now, and be `available` after `detach` seconds if given."""
    started = world.now()
    eni.sandbox = replace(eni.sandbox, until=started + after, detached=None if detach is None else started + detach)
    _shelf(eni.ec2_backend).ending[eni.id] = eni
    world.settle()


def keep(eni: Any) -> None:
    """Let a released interface that is still attached belong to its owner again."""
    eni.sandbox = replace(eni.sandbox, until=None, detached=None)
    _shelf(eni.ec2_backend).ending.pop(eni.id, None)


def strand(eni: Any) -> None:
    """Let a released interface stay, once it is `available`, until somebody deletes it."""
    eni.sandbox = replace(eni.sandbox, until=math.inf)


@world.settler
def _settle(moment: float) -> None:
    for backend in world.ec2():
        for eni in list(_shelf(backend).ending.values()):
            owner = eni.sandbox
            if owner.detached is not None and owner.detached <= moment:
                # After detaching, only the description still tells whose it was.
                eni.status, eni.interface_type, eni.attachment_id = "available", "interface", None
            if owner.until <= moment:
                eni.attachment_id = None
                backend.delete_network_interface(eni.id)


# ---------------------------------------------------------------------------------------- looked up


def living(account_id: str | None = None) -> Iterator[Any]:
    """All network interfaces (moto's NetworkInterface) of one account, or of all."""
    for backend in world.ec2(account_id):
        yield from list(backend.enis.values())


def find(eni_id: str) -> Any:
    """The interface of that ID in whichever account; None if there is none."""
    return next((found for backend in world.ec2() if (found := backend.enis.get(eni_id))), None)


def at(source: Any, address: str) -> Any:
    """The interface with that private address in the VPC of the interface `source`; None if there is none."""
    return _shelf(source.ec2_backend).placed.get((source.vpc_id, address))


def free(subnet: Any, address: str) -> bool:
    """Whether nobody in that subnet has the address, AWS itself included."""
    number = _number(subnet, address)
    return number not in _addresses(subnet).taken and _FIRST <= number < subnet.cidr.num_addresses - 1


def occupied(subnet: Any) -> bool:
    """Whether any interface is in that subnet."""
    return bool(_addresses(subnet).taken)


def owned_by(owner_id: str) -> list[Any]:
    """The interfaces made for the endpoint, load balancer or function of that ID, ARN or place."""
    return [eni for backend in world.ec2() for eni in _shelf(backend).owned.get(owner_id, {}).values()]


def nodes(balancer: Any) -> list[Any]:
    """The interfaces of a load balancer, one for each of its zones."""
    return [eni for eni in owned_by(balancer.arn) if eni.sandbox.until is None]


def endpoint_of(eni: Any) -> Any:
    """The `endpoints.Endpoint` an interface belongs to; None when it is not an endpoint's."""
    owner = getattr(eni, "sandbox", None)
    if owner is None or owner.kind != "endpoint":
        return None
    found = eni.ec2_backend.vpc_end_points.get(owner.id)
    return found.sandbox if found else None
