"""The world of the sandbox: its clock, its delays, its two accounts, and every network interface in it.

A process holds one world. The resources themselves are moto's objects in moto's backends; what the sandbox knows beyond
moto hangs on them as an attribute `sandbox`, so that a reset takes both away together. Nothing here runs by itself:
a state is a function of time, worked out when somebody looks, and what has passed its end is dropped at the next look.

The world decides nothing about AWS's rules; those are in the modules named in `patch.PARTS`.
"""

from __future__ import annotations

import ipaddress
import math
import secrets
import string
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from moto.core.base_backend import BackendDict
from moto.core.responses import BaseResponse
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend, Zone
from moto.elbv2.models import elbv2_backends
from moto.iam.models import iam_backends

from plinkctl.sandbox import patch
from plinkctl.sandbox.clock import BRISK, INSTANT, PROFILES, REAL, Clock, Profile, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["BRISK", "INSTANT", "PROFILES", "REAL", "Clock", "Profile", "Timeline"]  # with what is defined below

REGION: Final = "us-east-1"
ADMINISTRATOR: Final = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account of the sandbox, and the one key that opens it. The secret is not shown in its representation."""

    id: str
    alias: str
    access_key: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls, account_id: str, alias: str) -> Account:
        """An account with random credentials, shaped as moto recognises them (20 of A-Z0-9)."""
        letters = string.ascii_uppercase + string.digits
        key = "AKIA" + "".join(secrets.choice(letters) for _ in range(16))
        return cls(account_id, alias, key, secrets.token_urlsafe(30))


def two_accounts() -> tuple[Account, ...]:
    """The accounts every sandbox has: `provider` and `consumer`."""
    return (Account.new("111111111111", "provider"), Account.new("222222222222", "consumer"))


@dataclass(slots=True, kw_only=True, eq=False)
class World:
    """What one sandbox is made of. `lock` guards moto's state; never wait on the network while holding it."""

    profile: Profile = INSTANT
    clock: Clock = field(default_factory=Clock)
    accounts: tuple[Account, ...] = field(default_factory=two_accounts)
    region: str = REGION
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def account(self, alias: str) -> Account:
        """The account of that alias. Raises KeyError."""
        return {account.alias: account for account in self.accounts}[alias]


_current: World | None = None
_settlers: list[Callable[[float], None]] = []


def begin(world: World) -> World:
    """Make `world` the one of this process: install the patches, forget all resources, seed its accounts.

    Raises:
        patch.IncompatibleMoto: the installed moto does not fit.
    """
    global _current
    patch.install()
    with world.lock:
        _current = world
        reset()
    return world


def current() -> World:
    """The world of this process. Raises RuntimeError before `begin`."""
    if _current is None:
        raise RuntimeError("no sandbox has begun in this process; call world.begin() first")
    return _current


def reset() -> None:
    """Forget every resource of every account. Accounts and keys stay the same; so does the clock."""
    world = current()
    with world.lock:
        BackendDict.reset()
        for account in world.accounts:
            backend = iam_backends[account.id]["aws"]
            user = backend.create_user(world.region, account.alias)
            user.put_policy("Administrator", ADMINISTRATOR)
            key = user.create_access_key(prefix="AKIA", status="Active")
            key.access_key_id, key.secret_access_key = account.access_key, account.secret
            backend.access_keys[account.access_key] = key


def now() -> float:
    """The present moment of the current world's clock."""
    return current().clock.now()


def moment(seconds: float) -> datetime:
    """A time of the sandbox's clock as moto wants it in answers (UTC)."""
    return datetime.fromtimestamp(seconds, UTC)


def new_id(prefix: str) -> str:
    """An AWS resource ID: the prefix, a hyphen and 17 hexadecimal digits."""
    return f"{prefix}-{secrets.token_hex(9)[:17]}"


def settler(function: Callable[[float], None]) -> Callable[[float], None]:
    """Declare a function that brings its resources to the present moment; `settle` calls it with that moment."""
    _settlers.append(function)
    return function


def settle() -> None:
    """Bring everything to the present moment. Called before each API action, and by whoever reads the state."""
    moment_now = now()
    for function in _settlers:
        function(moment_now)


@patch.override(BaseResponse, "call_action")
def call_action(original: Any, self: Any) -> Any:
    """Every API action of every service sees the world as it is at this moment."""
    settle()
    return original(self)


# ---------------------------------------------------------------------------------------------- zones


def zones(account_id: str, region: str) -> list[Zone]:
    """The availability zones of a region as one account names them.

    AWS maps zone names to physical zones per account, and so does the sandbox: the second account's names are
    shifted by one against the first's, so that no name means the same place in both. Only IDs can be compared.
    """
    known = RegionsAndZonesBackend.zones.get(region, [])
    order = [account.id for account in current().accounts]
    shift = order.index(account_id) if account_id in order else 0
    return [
        Zone(name=zone.name, region_name=region, zone_id=known[(number + shift) % len(known)].zone_id)
        for number, zone in enumerate(known)
    ]


def zone_id(account_id: str, zone_name: str) -> str:
    """The physical zone behind a name of that account. Raises KeyError."""
    named = {zone.name: zone.zone_id for zone in zones(account_id, zone_name.rstrip(string.ascii_lowercase))}
    return str(named[zone_name])


# ----------------------------------------------------------------------------------- network interfaces

Kind = Literal["endpoint", "nlb", "alb", "lambda"]


@dataclass(frozen=True, slots=True)
class Owner:
    """What the sandbox made a network interface for: the attribute `sandbox` of moto's NetworkInterface.

    Attributes:
        kind: the kind of thing it belongs to.
        id: that thing's ID: an endpoint ID, a load balancer's ARN, a function's ARN.
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
}


def make_interface(subnet: Any, groups: Sequence[str], owner: Owner, *, description: str) -> Any:
    """A new network interface in `subnet` with its lowest free address, managed by AWS on behalf of `owner`.

    Raises:
        EC2ClientError: InsufficientFreeAddressesInSubnet.
    """
    backend = subnet.ec2_backend
    eni = backend.create_network_interface(
        subnet, free_address(subnet), group_ids=list(groups), description=description
    )
    if not groups:
        eni._group_set = []  # moto falls back to the default group; a load balancer without groups has none
    look = _LOOKS[owner.kind]
    eni.sandbox = owner
    eni.interface_type = look.interface_type
    eni.requester_managed = True
    eni.requester_id = look.requester
    eni.instance_owner = look.instance_owner
    eni.attachment_id = new_id("ela-attach")
    eni.attach_time = moment(now())
    eni.status = "in-use"
    return eni


def free_address(subnet: Any) -> str:
    """The lowest address of the subnet nobody has; AWS keeps the first four and the last for itself."""
    taken = {eni.private_ip_address for eni in subnet.ec2_backend.enis.values() if eni.subnet.id == subnet.id}
    network = ipaddress.ip_network(subnet.cidr_block)
    for number in range(4, network.num_addresses - 1):
        if (address := str(network[number])) not in taken:
            return address
    raise EC2ClientError(
        "InsufficientFreeAddressesInSubnet",
        f"There are not enough free addresses in subnet '{subnet.id}' to satisfy the requested number of instances.",
    )


def release(eni: Any, *, after: float, detach: float | None = None) -> None:
    """Let an interface vanish so many seconds from now, and be `available` after `detach` seconds if given."""
    started = now()
    eni.sandbox = replace(eni.sandbox, until=started + after, detached=None if detach is None else started + detach)
    settle()


def strand(eni: Any) -> None:
    """Let a released interface stay, once it is `available`, until somebody deletes it."""
    eni.sandbox = replace(eni.sandbox, until=math.inf)


@settler
def _drop_interfaces(moment_now: float) -> None:
    for eni in list(_interfaces(None)):
        owner = getattr(eni, "sandbox", None)
        if owner is None:
            continue
        if owner.until is not None and owner.until <= moment_now:
            eni.ec2_backend.enis.pop(eni.id, None)
        elif owner.detached is not None and owner.detached <= moment_now:
            # After detaching, only the description still tells whose it was.
            eni.status, eni.interface_type, eni.attachment_id = "available", "interface", None


def ec2(account_id: str | None = None, region: str | None = None) -> Iterator[Any]:
    """moto's EC2 backends, one for each account and region in use; of one account, of one region, or all."""
    for holder, regions in list(ec2_backends.items()):
        for name, backend in list(regions.items()):
            if account_id in (None, holder) and region in (None, name):
                yield backend


def _interfaces(account_id: str | None) -> Iterator[Any]:
    for backend in ec2(account_id):
        yield from list(backend.enis.values())


def interfaces(account_id: str | None = None) -> Iterator[Any]:
    """The living network interfaces (moto's NetworkInterface) of one account, or of all."""
    settle()
    return _interfaces(account_id)


def interface(eni_id: str) -> Any:
    """The living interface of that ID in whichever account; None if there is none."""
    return next((eni for eni in interfaces() if eni.id == eni_id), None)


def interface_at(vpc_id: str, address: str) -> Any:
    """The living interface with that private address in that VPC; None if there is none."""
    return next((e for e in interfaces() if e.vpc_id == vpc_id and e.private_ip_address == address), None)


# --------------------------------------------------------------------------------- whose is what


def owned_by(owner_id: str) -> list[Any]:
    """The living interfaces made for the endpoint, load balancer or function of that ID or ARN."""
    return [
        eni for eni in interfaces() if (owner := getattr(eni, "sandbox", None)) is not None and owner.id == owner_id
    ]


def load_balancer(arn: str) -> Any:
    """moto's load balancer of that ARN, in whichever account and region it is; None if there is none."""
    for regions in list(elbv2_backends.values()):
        for backend in list(regions.values()):
            if found := backend.load_balancers.get(arn):
                return found
    return None


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
