"""Endpoint services: what one is, and how it is found.

A service is moto's VPCServiceConfiguration (which gives it a place and tags) with the `Service` of this module as its
attribute `sandbox`. The provider's calls are in `service_calls`, who may use it is in `permissions`, and the endpoints
attached to it are in `endpoints`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from moto.ec2.exceptions import UnknownVpcEndpointService
from moto.ec2.models import ec2_backends

from plinkctl.sandbox import world, zones
from plinkctl.sandbox.ec2.answers import checked_ids, tags_of
from plinkctl.sandbox.ec2.shelf import shelf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plinkctl.sandbox.clock import Timeline
    from plinkctl.sandbox.ec2.endpoints import Endpoint
    from plinkctl.sandbox.ec2.notifications import Notification
    from plinkctl.sandbox.ec2.private_dns import PrivateName

STILL_CONNECTED: Final = (
    "ExistingVpcEndpointConnections",
    "Service has existing active VPC Endpoint connections!",
)

#: The end of every life: no longer even told to be deleted.
GONE: Final = "gone"

#: Connections in these states do not keep a service alive.
ENDED: Final = frozenset({"rejected", "failed", "expired", "deleted"})


@dataclass(frozen=True, slots=True)
class Grant:
    """An allowed principal: the ID of its permission, and from when on it is believed (seconds of the clock)."""

    id: str
    since: float


@dataclass(slots=True, eq=False, kw_only=True)
class Service:
    """What the sandbox knows of an endpoint service.

    Attributes:
        config: moto's object, which carries this one as `sandbox`.
        account, region: where it lives.
        load_balancers: ARNs of its network load balancers.
        acceptance: whether connections wait for the provider.
        zone_names: the zones it is offered in, as its own account names them; read from the load balancers when
            the service is made or modified, not when they change (as AWS does it).
        life: Available, then Deleting, Deleted and gone.
        ready: from when endpoints can be made (seconds of the sandbox's clock).
        ip_types: what clients may speak, of ipv4 and ipv6. The sandbox carries IPv4 only.
        regions: from where it can be used; its own comes first.
        owner_pays: whether the provider has taken over the costs of the endpoints.
        permissions: allowed principal -> its grant.
        withdrawn: principal that is allowed no more -> until when it still is believed to be.
        endpoints: endpoint ID -> endpoint, of all that are attached to it, from whichever account and region.
        notifications: notification ID -> who wants to hear of its connections.
    """

    config: Any
    account: str
    region: str
    load_balancers: list[str]
    acceptance: bool
    zone_names: list[str]
    private_dns: PrivateName | None = None
    life: Timeline
    ready: float
    ip_types: list[str]
    regions: list[str]
    owner_pays: bool = False
    permissions: dict[str, Grant] = field(default_factory=dict)
    withdrawn: dict[str, float] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    notifications: dict[str, Notification] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The service ID, `vpce-svc-` and 17 digits."""
        return str(self.config.id)

    @property
    def name(self) -> str:
        """The name by which consumers ask for it."""
        return str(self.config.service_name)

    @property
    def zone_ids(self) -> list[str]:
        """The physical zones it is offered in."""
        return [zones.id_of(self.account, name) for name in self.zone_names]

    def state(self, moment: float) -> str:
        """Its state at that moment, as AWS writes it (PascalCase)."""
        state = self.life.at(moment)
        return "Deleted" if state == GONE else state

    def admits(self, account: str, principals: frozenset[str]) -> bool:
        """Whether a caller of `account` may find and use it, by any of the `principals` the caller is.

        The owner's own account always may: not established of AWS, but public same-account tests rely on it. A grant is
        believed a little later, and so is its end.
        """
        now = world.now()
        return account == self.account or any(
            (principal in self.permissions and self.permissions[principal].since <= now)
            or self.withdrawn.get(principal, now) > now
            for principal in principals
        )

    def hold(self, arns: list[str]) -> None:
        """Stand on these load balancers, besides those it has."""
        self.load_balancers = [*self.load_balancers, *arns]
        shelf(self.config.ec2_backend).behind |= dict.fromkeys(arns, self)

    def let_go(self, arns: list[str]) -> None:
        """Stand on these load balancers no longer."""
        self.load_balancers = [arn for arn in self.load_balancers if arn not in arns]
        held = shelf(self.config.ec2_backend).behind
        for arn in arns:
            if held.get(arn) is self:
                del held[arn]

    def delete(self) -> None:
        """Go through Deleting and Deleted to gone. Endpoints that are attached still stay as they are."""
        profile = world.current().profile
        deleted = profile.service_deleting
        self.life.turn(world.now(), ("Deleting", 0), ("Deleted", deleted), (GONE, deleted + profile.deleted))
        shelf(self.config.ec2_backend).services[self.id] = self

    def refresh_zones(self) -> None:
        """Take over the zones the load balancers have now."""
        balancers = [found for arn in self.load_balancers if (found := world.load_balancer(arn))]
        self.zone_names = sorted({subnet.availability_zone for lb in balancers for subnet in lb.subnets})

    def answer(self) -> dict[str, Any]:
        """The provider's view: ServiceConfiguration."""
        return {
            **self._common(),
            "ServiceState": self.state(world.now()),
            "AvailabilityZones": self.zone_names,
            "AvailabilityZoneIds": self.zone_ids,
            "NetworkLoadBalancerArns": self.load_balancers,
            "PrivateDnsName": self.private_dns.domain if self.private_dns else None,
            "PrivateDnsNameConfiguration": self.private_dns.answer() if self.private_dns else None,
            "RemoteAccessEnabled": len(self.regions) > 1,
            "SupportedRegions": [{"Region": one, "ServiceState": "Available"} for one in self.regions],
            "Tags": tags_of(self.config.ec2_backend, self.id),
        }

    def detail(self, account: str) -> dict[str, Any]:
        """The consumer's view: ServiceDetail, with the zones common to both, as that account names them."""
        common = [zone for zone in zones.named(account, self.region) if zone.zone_id in self.zone_ids]
        return {
            **self._common(),
            "ServiceRegion": self.region,
            "Owner": self.account,
            "AvailabilityZones": [zone.name for zone in common],
            "AvailabilityZoneIds": [zone.zone_id for zone in common],
            "VpcEndpointPolicySupported": False,
            **(self.private_dns.detail() if self.private_dns else {}),
            "Tags": tags_of(self.config.ec2_backend, self.id) if account == self.account else [],
        }

    def _common(self) -> dict[str, Any]:
        return {
            "ServiceId": self.id,
            "ServiceName": self.name,
            "ServiceType": [{"ServiceType": "Interface"}],
            "AcceptanceRequired": self.acceptance,
            "ManagesVpcEndpoints": False,
            "BaseEndpointDnsNames": [f"{self.id}.{self.region}.vpce.amazonaws.com"],
            "SupportedIpAddressTypes": self.ip_types,
            "PayerResponsibility": "ServiceOwner" if self.owner_pays else None,
        }


def all_services(region: str | None = None) -> Iterator[Service]:
    """The services of every account, in one region or in all; those being deleted are among them."""
    for backend in world.ec2(region=region):
        yield from [config.sandbox for config in list(backend.configurations.values())]


def service_ids(ids: list[str]) -> list[str]:
    """These IDs of services, if all have the form. Raises EC2ClientError: InvalidVpcEndpointServiceId.Malformed."""
    return checked_ids("vpce-svc", "InvalidVpcEndpointServiceId.Malformed", ids)


def own_service(backend: Any, service_id: str) -> Service:
    """A service of the caller's own account.

    Raises:
        EC2ClientError: InvalidVpcEndpointServiceId.NotFound, or .Malformed for what is no such ID.
    """
    if config := backend.configurations.get(service_id):
        return config.sandbox  # type: ignore[no-any-return]  # set where the service is made
    service_ids([service_id])
    raise UnknownVpcEndpointService(service_id)


def called(name: str, region: str) -> Service | None:
    """The service of that name in a region, of whichever account, None if there is none. Its ID ends its name."""
    for backend in world.ec2(region=region):
        config = backend.configurations.get(name.rpartition(".")[2])
        if config and config.service_name == name:
            return config.sandbox  # type: ignore[no-any-return]  # set where the service is made
    return None


def behind(arn: str) -> Service | None:
    """The service a load balancer stands behind; None if there is none."""
    _, _, _, region, account, _ = arn.split(":", 5)
    return shelf(ec2_backends[account][region]).behind.get(arn)


def connections(service: Service, *, blocking: bool = False) -> list[Endpoint]:
    """The endpoints attached to a service, of any account; with `blocking` those that forbid its deletion.

    An endpoint that is still deleting forbids it as well: a public tool found so, though the guide does not say it.
    """
    now = world.now()
    return [one for one in list(service.endpoints.values()) if not blocking or one.state(now) not in ENDED]


@world.settler
def _settle(moment: float) -> None:
    for backend in world.ec2():
        ending = shelf(backend).services
        for service in list(ending.values()):
            if service.state(moment) == "Deleted":
                service.let_go(service.load_balancers)
            if service.life.at(moment) == GONE:
                del ending[service.id], backend.configurations[service.id]
