"""Interface endpoints: what one is, and the states it goes through.

An endpoint is moto's VPCEndPoint with the `Endpoint` of this module as its attribute `sandbox`. The consumer's calls
are in `endpoint_calls`; the provider's side of the same thing, the connection, is in `connections`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from moto.ec2.exceptions import InvalidVpcEndPointIdError

from plinkctl.sandbox import interfaces, world
from plinkctl.sandbox.clock import Timeline
from plinkctl.sandbox.ec2 import private_dns as private_names
from plinkctl.sandbox.ec2 import six
from plinkctl.sandbox.ec2.admission import FULL_ACCESS, Addresses
from plinkctl.sandbox.ec2.answers import checked_ids, tags_of
from plinkctl.sandbox.ec2.services import GONE
from plinkctl.sandbox.ec2.shelf import shelf
from plinkctl.sandbox.interfaces import Owner

if TYPE_CHECKING:
    from plinkctl.sandbox.ec2.admission import Shape
    from plinkctl.sandbox.ec2.notifications import Notification
    from plinkctl.sandbox.ec2.services import Service
    from plinkctl.sandbox.manners.doom import Fate

#: How long a provider may leave a request unanswered (seconds). That it expires is documented, after what time is not;
#: a week is our choice.
EXPIRY: Final = 7 * 24 * 3600.0

#: For how much of its `pending` a change of subnets keeps others off: a minute is enough, Terraform found.
_MOVING: Final = 0.5

HOSTED_ZONE: Final = "Z7HUB22UULQXV"  # of the interface endpoints' public names in us-east-1


@dataclass(slots=True, eq=False, kw_only=True)
class Endpoint:
    """What the sandbox knows of an interface endpoint.

    Attributes:
        moto: moto's object, which carries this one as `sandbox`.
        account, region, vpc_id: where it lives.
        service: the service it is attached to, even when that has been deleted meanwhile.
        life: pendingAcceptance, pending, available, rejected, expired, failed, deleting, deleted, gone.
        name: its regional DNS name.
        groups, ip_type, records, private_dns, policy: what the consumer has chosen; see `admission.Shape`.
        moving: until when a change of its subnets takes no other change besides (seconds of the clock).
        connection_id: how the provider's side calls the same thing.
        payer: who pays for it, when somebody has said so.
        notifications: notification ID -> who wants to hear of it.
        failure: the code and the sentence of why it has failed, or will have.
    """

    moto: Any
    account: str
    region: str
    vpc_id: str
    service: Service
    name: str
    groups: list[str] = field(default_factory=list)
    ip_type: str = "ipv4"
    records: str = "ipv4"
    private_dns: bool = False
    policy: str = FULL_ACCESS
    life: Timeline = field(default_factory=lambda: Timeline(world.now(), ("pendingAcceptance", 0), ("expired", EXPIRY)))
    moving: float = 0.0
    connection_id: str = field(default_factory=lambda: world.new_id("vpce-con"))
    created: float = field(default_factory=world.now)
    payer: str | None = None
    notifications: dict[str, Notification] = field(default_factory=dict)
    failure: Fate = ("", "")

    @property
    def id(self) -> str:
        """The endpoint ID, `vpce-` and 17 digits."""
        return str(self.moto.id)

    def state(self, moment: float) -> str:
        """Its state at that moment, as AWS writes it (camelCase)."""
        state = self.life.at(moment)
        return "deleted" if state == GONE else state

    @property
    def holds(self) -> bool:
        """Whether its VPC cannot be deleted because of it."""
        return self.state(world.now()) != "deleted"

    def carries(self, moment: float) -> bool:
        """Whether traffic goes through it, and its names resolve.

        That nothing flows before it is available is the guide's. What was available carries on while it is `pending`
        because of a change: not established, but nobody reports an outage by a change of groups.
        """
        state = self.state(moment)
        return state == "available" or (state == "pending" and self.life.was("available", moment))

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
            "PolicyDocument": self.policy,
            "IpAddressType": self.ip_type,
            "DnsOptions": {"DnsRecordIpType": self.records},
            "PrivateDnsEnabled": self.private_dns,
            "RequesterManaged": False,
            "NetworkInterfaceIds": [eni.id for eni in enis],
            "DnsEntries": self.dns_entries(),
            "CreationTimestamp": world.moment(self.created),
            "Tags": tags_of(backend, self.id),
            "OwnerId": self.account,
            "PayerResponsibilities": self.payers(),
            **self._why_failed(),
        }

    def _why_failed(self) -> dict[str, Any]:
        """What the answer says of a failure. That it is told in both places is our reading of the API reference."""
        if self.state(world.now()) != "failed":
            return {}
        code, message = self.failure
        return {"LastError": {"Code": code, "Message": message}, "FailureReason": message}

    def dns_entries(self) -> list[dict[str, str]]:
        """The regional name, then the zonal ones, then the private name if it has one."""
        names = [self.name, *self.zonal_names.values()]
        entries = [{"DnsName": name, "HostedZoneId": HOSTED_ZONE} for name in names]
        if self.private_dns and self.service.private_dns:
            entries.append({"DnsName": self.service.private_dns.domain, "HostedZoneId": HOSTED_ZONE})
        return entries

    def payers(self) -> list[dict[str, str]] | None:
        """Who pays for what, as AWS writes it; None while nobody has said so."""
        if self.payer is None:
            return None
        return [{"Scope": "vpc-endpoint-charges", "PayerResponsibilityType": self.payer}]

    def accept(self) -> None:
        """Go from waiting for the provider to available, through pending."""
        self._pending()

    def fail(self, fate: Fate) -> None:
        """Fail, when it would be available. It stays until its owner deletes it, and its interfaces as well."""
        self.failure = fate
        self.life.turn(world.now(), ("failed", world.current().profile.endpoint_pending))

    def reject(self) -> None:
        """Become rejected, a little later. The endpoint stays until its owner deletes it, its interfaces too."""
        self.life.turn(world.now(), ("rejected", world.current().profile.rejection))

    def delete(self) -> None:
        """Go through deleting and deleted to gone; the interfaces vanish at the end of deleting."""
        profile = world.current().profile
        after = profile.endpoint_deleting
        self.life.turn(world.now(), ("deleting", 0), ("deleted", after), (GONE, after + profile.deleted))
        shelf(self.moto.ec2_backend).endpoints[self.id] = self
        for eni in self.interfaces:
            interfaces.release(eni, after=after)

    def _pending(self) -> None:
        delay = world.current().profile.endpoint_pending
        self.life.turn(world.now(), ("pending", 0), ("available", delay))

    def change(self, shape: Shape) -> None:
        """Take over what the consumer wants; an endpoint that was available is pending once more.

        An interface that gets another address is replaced by a new one, as the API reference says.

        Raises:
            EC2ClientError: InsufficientFreeAddressesInSubnet.
        """
        had = {eni.subnet.id: eni for eni in self.interfaces}
        wanted = {subnet.id: shape.addresses.get(subnet.id, Addresses()) for subnet in shape.subnets}
        kept = {one for one, eni in had.items() if one in wanted and _has(eni, wanted[one])}
        new = [subnet for subnet in shape.subnets if subnet.id not in kept]
        interfaces.refuse_crowd(self.moto.ec2_backend, len(new))
        for subnet in new:
            if wanted[subnet.id].four is None:
                interfaces.free_address(subnet)  # a full subnet is refused before anything is changed
        before = self._chosen()
        self.groups, self.ip_type, self.records = shape.groups, shape.ip_type, shape.records
        self.policy = shape.policy
        private_names.switch(self, on=shape.private_dns)
        for subnet_id, eni in had.items():
            if subnet_id not in kept:
                interfaces.release(eni, after=0)
            else:
                eni._group_set = [eni.ec2_backend.get_security_group_from_id(group) for group in shape.groups]
        owner = Owner("endpoint", self.id)
        for subnet in new:
            description = f"VPC Endpoint Interface {self.id}"
            interfaces.make(subnet, shape.groups, owner, description=description, address=wanted[subnet.id].four)
        for eni in self.interfaces:
            six.dress(eni, six=wanted[eni.subnet.id].six, wanted=shape.ip_type != "ipv4")
        # A rejection on its way is not undone by a change.
        if self._chosen() != before and self.life.end == "available":
            self._pending()
            if self._chosen()[0] != before[0]:
                self.moving = world.now() + _MOVING * world.current().profile.endpoint_pending

    def _chosen(self) -> tuple[Any, ...]:
        enis = sorted(eni.id for eni in self.interfaces)
        return enis, sorted(self.groups), self.ip_type, self.records, self.private_dns


def _has(eni: Any, asked: Addresses) -> bool:
    """Whether an interface has the addresses asked for; one without an IPv6 address can be given any."""
    four = asked.four in (None, str(eni.private_ip_address))
    return four and (asked.six is None or not eni.ipv6_addresses or asked.six in eni.ipv6_addresses)


@world.settler
def _settle(moment: float) -> None:
    for backend in world.ec2():
        ending = shelf(backend).endpoints
        for endpoint in list(ending.values()):
            if endpoint.state(moment) == "deleted":
                private_names.switch(endpoint, on=False)
            if endpoint.life.at(moment) == GONE:
                del ending[endpoint.id], backend.vpc_end_points[endpoint.id]
                endpoint.service.endpoints.pop(endpoint.id, None)


def endpoint_ids(ids: list[str]) -> list[str]:
    """These IDs of endpoints, if they all have the form. Raises EC2ClientError: InvalidVpcEndpointId.Malformed."""
    return checked_ids("vpce", "InvalidVpcEndpointId.Malformed", ids)


def own_endpoint(backend: Any, endpoint_id: str) -> Endpoint:
    """An endpoint of the caller's own account.

    Raises:
        EC2ClientError: InvalidVpcEndpointId.NotFound, or .Malformed for what is no such ID.
    """
    if found := backend.vpc_end_points.get(endpoint_id):
        return found.sandbox  # type: ignore[no-any-return]  # set where the endpoint is made
    endpoint_ids([endpoint_id])
    raise InvalidVpcEndPointIdError(endpoint_id)
