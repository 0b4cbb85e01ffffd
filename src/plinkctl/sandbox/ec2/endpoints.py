"""Interface endpoints: what the consumer makes, changes and deletes.

An endpoint is moto's VPCEndPoint with the `Endpoint` of this module as its attribute `sandbox`. The provider's side of
the same thing, the connection, is in `connections`. Gateway endpoints, and those for AWS's own services, are outside
the sandbox's subject and refused.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from moto.core.responses import ActionResult
from moto.ec2.exceptions import (
    EC2ClientError,
    InvalidVpcEndPointIdError,
)
from moto.ec2.models import vpcs
from moto.ec2.responses.vpcs import VPCs

from plinkctl.sandbox import interfaces, world
from plinkctl.sandbox.clock import Timeline
from plinkctl.sandbox.ec2 import private_dns as private_names
from plinkctl.sandbox.ec2.admission import check_groups, check_ready, check_subnets
from plinkctl.sandbox.ec2.answers import (
    filtered,
    given_tags,
    once,
    paged,
    tags_of,
    unsuccessful,
)
from plinkctl.sandbox.ec2.permissions import caller_arn, find_service
from plinkctl.sandbox.interfaces import Owner
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.manners.visibility import born
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from plinkctl.sandbox.ec2.services import Service

#: Untyped on purpose: the sandbox gives moto's objects an attribute of its own.
VPCEndPoint: Any = vpcs.VPCEndPoint

HOSTED_ZONE: Final = "Z7HUB22UULQXV"  # of the interface endpoints' public names in us-east-1


@dataclass(slots=True, eq=False, kw_only=True)
class Endpoint:
    """What the sandbox knows of an interface endpoint.

    Attributes:
        moto: moto's object, which carries this one as `sandbox`.
        account, region, vpc_id: where it lives.
        service: the service it is attached to, even when that has been deleted meanwhile.
        life: pendingAcceptance, pending, available, rejected, deleting, deleted.
        name: its regional DNS name.
        connection_id: how the provider's side calls the same thing.
    """

    moto: Any
    account: str
    region: str
    vpc_id: str
    service: Service
    life: Timeline
    name: str
    groups: list[str]
    private_dns: bool = False
    connection_id: str = field(default_factory=lambda: world.new_id("vpce-con"))
    created: float = field(default_factory=world.now)

    @property
    def id(self) -> str:
        """The endpoint ID, `vpce-` and 17 digits."""
        return str(self.moto.id)

    def state(self, moment: float) -> str:
        """Its state at that moment, as AWS writes it (camelCase)."""
        return self.life.at(moment)

    @property
    def interfaces(self) -> list[Any]:
        """Its network interfaces, one for each subnet."""
        return interfaces.owned_by(self.id)

    @property
    def zonal_names(self) -> dict[str, str]:
        """Its zonal DNS names: zone name as the consumer calls it -> DNS name."""
        host, _, domain = self.name.partition(".")
        zones = [eni.subnet.availability_zone for eni in self.interfaces]
        return {zone: f"{host}-{zone}.{domain}" for zone in zones}

    def answer(self) -> dict[str, Any]:
        """The consumer's view: VpcEndpoint."""
        enis = self.interfaces
        backend = self.moto.ec2_backend
        return {
            "VpcEndpointId": self.id,
            "VpcEndpointType": "Interface",
            "VpcId": self.vpc_id,
            "ServiceName": self.service.name,
            "ServiceRegion": self.service.region,
            "State": self.state(world.now()),
            "RouteTableIds": [],
            "SubnetIds": [eni.subnet.id for eni in enis],
            "Groups": [
                {"GroupId": group.id, "GroupName": group.name}
                for group in map(backend.get_security_group_from_id, self.groups)
                if group
            ],
            "IpAddressType": "ipv4",
            "DnsOptions": {"DnsRecordIpType": "ipv4"},
            "PrivateDnsEnabled": self.private_dns,
            "RequesterManaged": False,
            "NetworkInterfaceIds": [eni.id for eni in enis],
            "DnsEntries": self.dns_entries(),
            "CreationTimestamp": world.moment(self.created),
            "Tags": tags_of(backend, self.id),
            "OwnerId": self.account,
        }

    def dns_entries(self) -> list[dict[str, str]]:
        """The regional name, then the zonal ones, then the private name if it has one."""
        names = [self.name, *self.zonal_names.values()]
        entries = [{"DnsName": name, "HostedZoneId": HOSTED_ZONE} for name in names]
        if self.private_dns and self.service.private_dns:
            entries.append({"DnsName": self.service.private_dns.domain, "HostedZoneId": HOSTED_ZONE})
        return entries

    def accept(self) -> None:
        """Go from waiting for the provider to available, through pending."""
        self._pending()

    def reject(self) -> None:
        """Become rejected, a little later. The endpoint stays until its owner deletes it, its interfaces too."""
        self.life.turn(world.now(), ("rejected", world.current().profile.rejection))

    def delete(self) -> None:
        """Go through deleting to gone, the interfaces with it."""
        after = world.current().profile.endpoint_deleting
        self.life.turn(world.now(), ("deleting", 0), ("deleted", after))
        for eni in self.interfaces:
            interfaces.release(eni, after=after)

    def _pending(self) -> None:
        delay = world.current().profile.endpoint_pending
        self.life.turn(world.now(), ("pending", 0), ("available", delay))

    def change(self, *, subnets: list[Any], groups: list[str], private_dns: bool) -> None:
        """Take over other subnets, groups or private DNS; new subnets make it pending once more.

        Raises:
            EC2ClientError: InsufficientFreeAddressesInSubnet.
        """
        wanted = {subnet.id for subnet in subnets}
        had = {eni.subnet.id for eni in self.interfaces}
        for subnet in subnets:
            if subnet.id not in had:
                interfaces.free_address(subnet)  # a full subnet is refused before anything is changed
        self.groups = groups
        private_names.switch(self, on=private_dns)
        for eni in self.interfaces:
            if eni.subnet.id not in wanted:
                interfaces.release(eni, after=0)
            else:
                eni._group_set = [eni.ec2_backend.get_security_group_from_id(group) for group in groups]
        for subnet in subnets:
            if subnet.id not in had:
                self._plug(subnet)
        if wanted != had and self.state(world.now()) == "available":
            self._pending()

    def _plug(self, subnet: Any) -> None:
        owner = Owner("endpoint", self.id)
        interfaces.make(subnet, self.groups, owner, description=f"VPC Endpoint Interface {self.id}")


@world.settler
def _settle(moment: float) -> None:
    for backend in world.ec2():
        for found in list(backend.vpc_end_points.values()):
            if found.sandbox.state(moment) == "deleted":
                private_names.switch(found.sandbox, on=False)
                del backend.vpc_end_points[found.id]


@override(VPCs, "create_vpc_endpoint")
def _create(_original: Any, self: Any) -> ActionResult:
    """CreateVpcEndpoint, for interface endpoints to a service of the sandbox."""
    backend = self.ec2_backend

    def make() -> Endpoint:
        vpc = backend.get_vpc(self._get_param("VpcId"))
        account, region = backend.account_id, backend.region_name
        name = self._get_param("ServiceName")
        service = find_service(name, region=region, account=account, caller=caller_arn(self))
        kind = self._get_param("VpcEndpointType", "Gateway")
        if kind != "Interface":
            raise EC2ClientError(
                "InvalidParameter",
                f"Endpoint type ({kind}) does not match available service types ([Interface]).",
            )
        check_ready(service)
        subnets = check_subnets(backend, vpc.id, self._get_param("SubnetIds", []), service)
        groups = check_groups(backend, vpc.id, self._get_param("SecurityGroupIds", []))
        private_dns = self._get_bool_param("PrivateDnsEnabled", False)
        if private_dns:
            private_names.check(vpc, service, waiting=service.acceptance)
        tags = given_tags(self, "vpc-endpoint")
        refuse_more(
            "interface-endpoints-per-vpc",
            len(backend.vpc_end_points),
            lambda: sum(one.vpc_id == vpc.id for one in backend.vpc_end_points.values()),
        )

        endpoint_id = world.new_id("vpce")
        moto = VPCEndPoint(backend, endpoint_id, vpc.id, name, "Interface", None, [], tags=tags)
        label = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
        moto.sandbox = endpoint = Endpoint(
            moto=moto,
            account=account,
            region=region,
            vpc_id=vpc.id,
            service=service,
            life=Timeline(world.now(), ("pendingAcceptance", 0)),
            name=f"{endpoint_id}-{label}.{service.id}.{region}.vpce.amazonaws.com",
            groups=groups,
        )
        endpoint.change(subnets=subnets, groups=groups, private_dns=private_dns)
        backend.vpc_end_points[endpoint_id] = moto
        born(backend, "endpoint", backend.vpc_end_points, endpoint_id, endpoint_id)
        if not service.acceptance:
            endpoint.accept()
        return endpoint

    endpoint = once(self, backend, make)
    return ActionResult({"VpcEndpoint": endpoint.answer(), "ClientToken": self._get_param("ClientToken")})


@override(VPCs, "modify_vpc_endpoint")
def _modify(_original: Any, self: Any) -> ActionResult:
    """ModifyVpcEndpoint: subnets, groups, private DNS."""
    backend = self.ec2_backend
    endpoint = own_endpoint(backend, self._get_param("VpcEndpointId"))
    state = endpoint.state(world.now())
    if state not in ("available", "pendingAcceptance"):
        raise EC2ClientError("InvalidState", f"The endpoint {endpoint.id} cannot be modified in state {state}")
    subnet_ids = [eni.subnet.id for eni in endpoint.interfaces]
    subnet_ids = _changed(subnet_ids, self._get_param("AddSubnetIds", []), self._get_param("RemoveSubnetIds", []))
    groups = _changed(
        endpoint.groups,
        self._get_param("AddSecurityGroupIds", []),
        self._get_param("RemoveSecurityGroupIds", []),
    )
    if not groups:
        raise EC2ClientError("InvalidParameter", "An interface endpoint needs at least one security group")
    private_dns = self._get_bool_param("PrivateDnsEnabled", endpoint.private_dns)
    if private_dns:
        vpc = backend.get_vpc(endpoint.vpc_id)
        private_names.check(vpc, endpoint.service, waiting=state == "pendingAcceptance", endpoint=endpoint)
    subnets = check_subnets(backend, endpoint.vpc_id, subnet_ids, endpoint.service)
    groups = check_groups(backend, endpoint.vpc_id, groups)
    endpoint.change(subnets=subnets, groups=groups, private_dns=private_dns)
    return ActionResult({"Return": True})


def _changed(had: list[str], added: list[str], removed: list[str]) -> list[str]:
    return [one for one in dict.fromkeys([*had, *added]) if one not in removed]


def own_endpoint(backend: Any, endpoint_id: str) -> Endpoint:
    """An endpoint of the caller's own account. Raises EC2ClientError: InvalidVpcEndpointId.NotFound."""
    if found := backend.vpc_end_points.get(endpoint_id):
        return found.sandbox  # type: ignore[no-any-return]  # set where the endpoint is made
    raise InvalidVpcEndPointIdError(endpoint_id)


@override(VPCs, "describe_vpc_endpoints")
def _describe(_original: Any, self: Any) -> ActionResult:
    """DescribeVpcEndpoints: an unknown ID is an error, an unmatched filter an empty list."""
    ids = self._get_param("VpcEndpointIds", [])
    found = [own_endpoint(self.ec2_backend, one) for one in ids or self.ec2_backend.vpc_end_points]
    fields = {
        "vpc-endpoint-id": "VpcEndpointId",
        "vpc-endpoint-state": "State",
        "vpc-endpoint-type": "VpcEndpointType",
        "vpc-id": "VpcId",
        "service-name": "ServiceName",
        "service-region": "ServiceRegion",
        "ip-address-type": "IpAddressType",
    }
    answers = filtered([endpoint.answer() for endpoint in found], self._get_param("Filters", []), fields)
    return paged(self, "VpcEndpoints", answers)


@override(VPCs, "delete_vpc_endpoints")
def _delete(_original: Any, self: Any) -> ActionResult:
    """DeleteVpcEndpoints: works in every state; refusals come in the list, not as an error."""
    failed = []
    for endpoint_id in self._get_param("VpcEndpointIds", []):
        found = self.ec2_backend.vpc_end_points.get(endpoint_id)
        if found is None:
            message = f"The Vpc Endpoint Id '{endpoint_id}' does not exist"
            failed.append(unsuccessful(endpoint_id, "InvalidVpcEndpoint.NotFound", message))
        elif found.sandbox.state(world.now()) != "deleting":
            found.sandbox.delete()
    world.settle()
    return ActionResult({"Unsuccessful": failed})
