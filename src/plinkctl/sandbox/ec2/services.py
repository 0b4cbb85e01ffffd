"""Endpoint services: what the provider makes, changes and deletes.

A service is moto's VPCServiceConfiguration (which gives it a place and tags) with the `Service` of this module as its
attribute `sandbox`. Who may use it is in `permissions`, the endpoints attached to it are in `endpoints`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, UnknownVpcEndpointService
from moto.ec2.models import vpc_service_configuration
from moto.ec2.responses.vpc_service_configuration import VPCEndpointServiceConfiguration as Services

from plinkctl.sandbox import world, zones
from plinkctl.sandbox.clock import Timeline
from plinkctl.sandbox.ec2 import private_dns
from plinkctl.sandbox.ec2.answers import filtered, given_tags, once, paged, tags_of, unsuccessful
from plinkctl.sandbox.manners.visibility import born
from plinkctl.sandbox.patch import action, override

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plinkctl.sandbox.ec2.private_dns import PrivateName

#: Untyped on purpose: the sandbox gives moto's objects an attribute of its own.
Configuration: Any = vpc_service_configuration.VPCServiceConfiguration

STILL_CONNECTED: Final = (
    "ExistingVpcEndpointConnections",
    "Service has existing active VPC Endpoint connections!",
)

#: Connections in these states do not keep a service alive.
ENDED: Final = frozenset({"rejected", "failed", "expired", "deleted"})


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
        life: Available, then Deleting, then Deleted.
        ready: from when endpoints can be made (seconds of the sandbox's clock).
        permissions: principal -> permission ID.
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
    permissions: dict[str, str] = field(default_factory=dict)

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

    def admits(self, account: str, caller: str) -> bool:
        """Whether a caller (ARN) of `account` may find and use it. The owner's own account always may."""
        root = f"arn:aws:iam::{account}:root"
        return account == self.account or any(p in self.permissions for p in ("*", root, caller))

    def refresh_zones(self) -> None:
        """Take over the zones the load balancers have now."""
        balancers = [found for arn in self.load_balancers if (found := world.load_balancer(arn))]
        self.zone_names = sorted({subnet.availability_zone for lb in balancers for subnet in lb.subnets})

    def answer(self) -> dict[str, Any]:
        """The provider's view: ServiceConfiguration."""
        return {
            **self._common(),
            "ServiceState": self.life.at(world.now()),
            "AvailabilityZones": self.zone_names,
            "AvailabilityZoneIds": self.zone_ids,
            "NetworkLoadBalancerArns": self.load_balancers,
            "PrivateDnsName": self.private_dns.domain if self.private_dns else None,
            "PrivateDnsNameConfiguration": self.private_dns.answer() if self.private_dns else None,
            "RemoteAccessEnabled": False,
            "SupportedRegions": [{"Region": self.region, "ServiceState": "Available"}],
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
            "SupportedIpAddressTypes": ["ipv4"],
        }


def all_services(region: str | None = None) -> Iterator[Service]:
    """The services of every account, in one region or in all; those being deleted are among them."""
    for backend in world.ec2(region=region):
        yield from [config.sandbox for config in list(backend.configurations.values())]


def own_service(backend: Any, service_id: str) -> Service:
    """A service of the caller's own account. Raises EC2ClientError: InvalidVpcEndpointServiceId.NotFound."""
    if config := backend.configurations.get(service_id):
        return config.sandbox  # type: ignore[no-any-return]  # set where the service is made
    raise UnknownVpcEndpointService(service_id)


def connections(service: Service, *, blocking: bool = False) -> list[Any]:
    """The `endpoints.Endpoint`s attached to a service, of any account; with `blocking` those that forbid its deletion.

    An endpoint that is still deleting forbids it as well: a public tool found so, though the guide does not say it.
    """
    endpoints = [
        found.sandbox
        for backend in world.ec2()
        for found in list(backend.vpc_end_points.values())
        if found.sandbox.service is service
    ]
    return [one for one in endpoints if not blocking or one.state(world.now()) not in ENDED]


@world.settler
def _settle(moment: float) -> None:
    for service in list(all_services()):
        if service.life.at(moment) == "Deleted":
            del service.config.ec2_backend.configurations[service.id]


def _check_load_balancers(backend: Any, arns: list[str]) -> None:
    """Refuse load balancers that cannot stand behind a service."""
    taken = {arn for service in all_services() for arn in service.load_balancers}
    for arn in arns:
        balancer = backend.elbv2_backend.load_balancers.get(arn)
        if balancer is None:
            raise EC2ClientError(
                "InvalidNetworkLoadBalancerArn.NotFound", f"The Network Load Balancer Arn '{arn}' does not exist"
            )
        if balancer.type != "network":
            raise EC2ClientError("InvalidParameter", f"Load balancer with arn '{arn}' is not a network load balancer")
        if arn in taken:
            raise EC2ClientError(
                "InvalidParameter",
                f"The following LBs are already associated with another VPC Endpoint Service Configuration: [{arn}]",
            )
        if balancer.state != "active":
            # Not known of AWS whether it refuses; public tools all wait for active, so not waiting is an error here.
            raise EC2ClientError(
                "InvalidParameter", f"Load balancer with arn '{arn}' is not active: its state is {balancer.state}"
            )


@override(Services, "create_vpc_endpoint_service_configuration")
def _create(_original: Any, self: Any) -> ActionResult:
    """CreateVpcEndpointServiceConfiguration: one service per load balancer, available at once."""
    backend = self.ec2_backend

    def make() -> Service:
        arns = self._get_param("NetworkLoadBalancerArns", [])
        if not arns or self._get_param("GatewayLoadBalancerArns", []):
            raise EC2ClientError(
                "InvalidParameter",
                "exactly one of network_load_balancer_arn or gateway_load_balancer_arn is a required member",
            )
        _check_load_balancers(backend, arns)
        tags = given_tags(self, "vpc-endpoint-service")
        balancers = [backend.elbv2_backend.load_balancers[arn] for arn in arns]
        config = Configuration(balancers, self.region, True, "", [], backend)
        config.id = world.new_id("vpce-svc")
        config.service_name = f"com.amazonaws.vpce.{self.region}.{config.id}"
        config.sandbox = Service(
            config=config,
            account=backend.account_id,
            region=self.region,
            load_balancers=list(arns),
            acceptance=self._get_bool_param("AcceptanceRequired", True),
            zone_names=[],
            private_dns=private_dns.name(self._get_param("PrivateDnsName")),
            life=Timeline(world.now(), ("Available", 0)),
            ready=world.now() + world.current().profile.service,
        )
        config.sandbox.refresh_zones()
        backend.configurations[config.id] = config
        born(backend, "service", backend.configurations, config.id, config.id, config.service_name)
        config.add_tags(tags)
        return config.sandbox  # type: ignore[no-any-return]  # moto's object is untyped

    service = once(self, backend, make)
    return ActionResult({"ServiceConfiguration": service.answer(), "ClientToken": self._get_param("ClientToken")})


@override(Services, "describe_vpc_endpoint_service_configurations")
def _describe(_original: Any, self: Any) -> ActionResult:
    """DescribeVpcEndpointServiceConfigurations: the provider's view."""
    ids = self._get_param("ServiceIds", [])
    found = [own_service(self.ec2_backend, one) for one in ids or self.ec2_backend.configurations]
    fields = {
        "service-name": "ServiceName",
        "service-id": "ServiceId",
        "service-state": "ServiceState",
        "supported-ip-address-types": "SupportedIpAddressTypes",
    }
    answers = filtered([service.answer() for service in found], self._get_param("Filters", []), fields)
    return paged(self, "ServiceConfigurations", answers)


@override(Services, "modify_vpc_endpoint_service_configuration")
def _modify(_original: Any, self: Any) -> ActionResult:
    """ModifyVpcEndpointServiceConfiguration; with nothing but the ID it takes over the load balancers' new zones."""
    service = own_service(self.ec2_backend, self._get_param("ServiceId"))
    added = self._get_param("AddNetworkLoadBalancerArns", [])
    removed = self._get_param("RemoveNetworkLoadBalancerArns", [])
    _check_load_balancers(self.ec2_backend, [arn for arn in added if arn not in service.load_balancers])
    left = [arn for arn in service.load_balancers if arn not in removed]
    left += [arn for arn in added if arn not in left]
    if removed and connections(service, blocking=True):
        raise EC2ClientError(*STILL_CONNECTED)
    if not left:
        raise EC2ClientError("InvalidParameter", "An endpoint service needs at least one load balancer")
    wanted = private_dns.change(self, service, connections(service, blocking=True))
    service.load_balancers = left
    service.acceptance = self._get_bool_param("AcceptanceRequired", service.acceptance)
    service.private_dns = wanted
    service.refresh_zones()
    return ActionResult({"Return": True})


@action(Services, "start_vpc_endpoint_service_private_dns_verification")
def _start_verification(self: Any) -> ActionResult:
    """StartVpcEndpointServicePrivateDnsVerification; it can be repeated."""
    service = own_service(self.ec2_backend, self._get_param("ServiceId"))
    if service.private_dns is None:
        # AWS's words are not known.
        raise EC2ClientError("InvalidParameter", f"The service {service.id} does not have a private DNS name")
    service.private_dns.verify()
    return ActionResult({"ReturnValue": True})


@override(Services, "delete_vpc_endpoint_service_configurations")
def _delete(_original: Any, self: Any) -> ActionResult:
    """DeleteVpcEndpointServiceConfigurations: refusals come in the list, not as an error."""
    failed = []
    for service_id in self._get_param("ServiceIds", []):
        config = self.ec2_backend.configurations.get(service_id)
        if config is None:
            message = f"The VpcEndpointService Id '{service_id}' does not exist"
            failed.append(unsuccessful(service_id, "InvalidVpcEndpointService.NotFound", message))
        elif connections(config.sandbox, blocking=True):
            failed.append(unsuccessful(service_id, *STILL_CONNECTED))
        elif config.sandbox.life.at(world.now()) == "Available":
            delay = world.current().profile.service_deleting
            config.sandbox.life.turn(world.now(), ("Deleting", 0), ("Deleted", delay))
    world.settle()
    return ActionResult({"Unsuccessful": failed})
