"""The world of the sandbox: its clock, its delays, its two accounts.

A process holds one world. The resources themselves are moto's objects in moto's backends; what the sandbox knows beyond
moto hangs on them as an attribute `sandbox`, so that a reset takes both away together. Nothing here runs by itself:
a state is a function of time, worked out when somebody looks, and what has passed its end is dropped at the next look.

The world decides nothing about AWS's rules; those are in the modules named in `patch.PARTS`.
"""

from __future__ import annotations

import secrets
import string
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends
from moto.iam.models import iam_backends

from plinkctl.sandbox import patch, pickles
from plinkctl.sandbox.clock import BRISK, INSTANT, PROFILES, REAL, Clock, Profile, Timeline
from plinkctl.sandbox.door.faults import Faults
from plinkctl.sandbox.door.throttle import Buckets
from plinkctl.sandbox.names.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plinkctl.sandbox.compute.isolation import Isolation

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
    """What one sandbox is made of.

    Attributes:
        profile, clock: how long things take, and the time they take it of.
        seed: what chance is drawn from, so that it is the same the next time.
        visibility: the longest time a new thing is not seen yet (seconds); the profile's, if None.
        page_size: no page of any list has more items than this, if given.
        quotas: those that differ from AWS's; see `manners.quotas`.
        constrained_zones: IDs of the zones that take neither load balancers nor functions; AWS has a few.
        enforced: whether IAM policies are, see `access`.
        isolation: how functions are kept to their network, see `compute.isolation`.
        authority: signs the certificates ACM issues. It outlives a reset, as accounts and keys do.
        lock: guards moto's state; never wait on the network while holding it.
        faults, buckets: what goes wrong on request, and how many calls are let in; the door's, see `door`.
    """

    profile: Profile = INSTANT
    clock: Clock = field(default_factory=Clock)
    accounts: tuple[Account, ...] = field(default_factory=two_accounts)
    region: str = REGION
    seed: int = 0
    visibility: float | None = None
    page_size: int | None = None
    quotas: dict[str, int] = field(default_factory=dict)
    constrained_zones: frozenset[str] = frozenset()
    isolation: Isolation = "shim"
    enforced: bool = False
    authority: Authority = field(default_factory=Authority.new, repr=False)
    faults: Faults = field(default_factory=Faults)
    buckets: Buckets = field(default_factory=Buckets)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def lag(self) -> float:
        """The longest time a new thing, or a change of tags, is not seen yet (seconds)."""
        return self.profile.visibility if self.visibility is None else self.visibility

    def account(self, alias: str) -> Account:
        """The account of that alias. Raises KeyError."""
        return {account.alias: account for account in self.accounts}[alias]


_current: World | None = None
#: The resources a world begins with, as bytes: taking these up again is faster than making them anew.
_empty: bytes = b""
_settlers: list[Callable[[float], None]] = []


def begin(world: World, resources: list[pickles.Place] | None = None) -> World:
    """Make `world` the one of this process: install the patches, forget all resources, seed its accounts.

    Args:
        world: the world.
        resources: what was put aside of it, to take up again in place of an empty one.

    Raises:
        patch.IncompatibleMoto: the installed moto does not fit.
    """
    global _current, _empty
    patch.install()
    with world.lock:
        _current = world
        pickles.put([])
        for account in world.accounts:
            _seed(account, world.region)
        _empty = pickles.dumps(pickles.in_use())
        if resources is not None:
            pickles.put(resources)
    return world


def _seed(account: Account, region: str) -> None:
    """Give an account its user, who may do everything, and the key."""
    backend = iam_backends[account.id]["aws"]
    user = backend.create_user(region, account.alias)
    user.put_policy("Administrator", ADMINISTRATOR)
    key = user.create_access_key(prefix="AKIA", status="Active")
    key.access_key_id, key.secret_access_key = account.access_key, account.secret
    backend.access_keys[account.access_key] = key


def current() -> World:
    """The world of this process. Raises RuntimeError before `begin`."""
    if _current is None:
        raise RuntimeError("no sandbox has begun in this process; call world.begin() first")
    return _current


def reset() -> None:
    """Forget every resource of every account, and every fault rule. Accounts, keys and the clock stay the same."""
    world = current()
    with world.lock:
        world.faults, world.buckets = Faults(), Buckets()
        pickles.put(pickles.loads(_empty))


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


def ec2(account_id: str | None = None, region: str | None = None) -> Iterator[Any]:
    """moto's EC2 backends, one for each account and region in use; of one account, of one region, or all."""
    for holder, regions in list(ec2_backends.items()):
        for name, backend in list(regions.items()):
            if account_id in (None, holder) and region in (None, name):
                yield backend


def elbv2(account_id: str, region: str) -> Any:
    """moto's ELBv2 backend of an account in a region; None while nobody has used it."""
    return next((found for name, found in list(elbv2_backends[account_id].items()) if name == region), None)


def load_balancer(arn: str) -> Any:
    """moto's load balancer of that ARN, in whichever account and region it is; None if there is none."""
    for regions in list(elbv2_backends.values()):
        for backend in list(regions.values()):
            if found := backend.load_balancers.get(arn):
                return found
    return None
