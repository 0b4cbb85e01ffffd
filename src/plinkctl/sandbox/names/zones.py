"""Hosted zones of Route 53: made, listed, deleted. What is in one is in `content`, how it is changed in `records`.

A zone is moto's FakeZone with the `Zone` of this module as its attribute `sandbox`. Every public zone of the sandbox
counts as delegated: its records are public DNS. A private one answers in the VPCs it is associated with (`sharing`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.route53 import models
from moto.route53.exceptions import Route53ClientError
from moto.route53.responses import Route53

from plinkctl.sandbox import world
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.names import hidden
from plinkctl.sandbox.names.content import Content, normal, reversed_labels
from plinkctl.sandbox.names.domains import is_domain
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plinkctl.sandbox.names.hidden import Place

FakeZone: Any = models.FakeZone

_NAME_SERVERS: Final = ("com", "net", "org", "co.uk")
_PAGE: Final = 100


@dataclass(slots=True, eq=False, kw_only=True)
class Zone:
    """What the sandbox knows of a hosted zone.

    Attributes:
        moto: moto's object, which carries this one as `sandbox`.
        account: whose it is.
        name: in its normal form, a dot at the end.
        private: whether it answers in VPCs only.
        vpcs: where a private one answers; VPC -> the account that has the VPC.
        authorized: VPCs of other accounts that may be associated.
        created: order in time, for two public zones of one name: the older one answers.
    """

    moto: Any
    account: str
    name: str
    private: bool
    content: Content = field(default_factory=Content)
    vpcs: dict[Place, str] = field(default_factory=dict)
    authorized: dict[Place, None] = field(default_factory=dict)
    created: float = field(default_factory=world.now)

    @property
    def id(self) -> str:
        """The zone's ID without its prefix."""
        return str(self.moto.resource_id)


def all_zones() -> Iterator[Zone]:
    """The hosted zones of every account."""
    backends: Any = models.route53_backends  # the sandbox gives its zones an attribute of its own
    for partitions in list(backends.values()):
        for backend in list(partitions.values()):
            yield from [zone.sandbox for zone in list(backend.zones.values())]


def _closest(name: str, zones: Iterator[Zone]) -> Zone | None:
    fitting = [zone for zone in zones if name == zone.name or name.endswith(f".{zone.name}")]
    return max(fitting, key=lambda zone: (len(zone.name), -zone.created), default=None)


def closest_public(name: str) -> Zone | None:
    """The public zone that answers for a name (in its normal form): the one with the longest fitting name."""
    return _closest(name, (zone for zone in all_zones() if not zone.private))


def closest_private(name: str, vpc: Place | None) -> Zone | None:
    """The private zone that answers for a name in a VPC; None outside of every VPC."""
    return _closest(name, (zone for zone in all_zones() if vpc in zone.vpcs)) if vpc else None


def page_size(response: Any, usual: int) -> int:
    """How many items the page of a list has, as the request and the world want it. Raises Route53ClientError."""
    wanted = str(response._get_param("MaxItems") or usual)
    if not wanted.isdecimal() or int(wanted) < 1:
        raise Route53ClientError("InvalidInput", f"MaxItems must be a number of 1 or more, not '{wanted}'.")
    asked = min(int(wanted), usual)
    return min(asked, world.current().page_size or asked)


def own_zone(response: Any, zone_id: str) -> Zone:
    """A zone of the caller's own account. Raises Route53ClientError: NoSuchHostedZone."""
    return response.backend.get_hosted_zone(zone_id).sandbox  # type: ignore[no-any-return]  # set where it is made


def vpc_account(place: Place) -> str | None:
    """The account that has a VPC; None when there is no such VPC."""
    region, vpc_id = place
    for account, regions in list(ec2_backends.items()):
        backend = regions.get(region)  # to ask for one that is not there would make it, with all a region begins with
        if backend is not None and vpc_id in backend.vpcs:
            return str(account)
    return None


def own_vpc(response: Any) -> Place:
    """The VPC a request names, which must be the caller's own. Raises Route53ClientError: InvalidVPCId."""
    place = (str(response._get_param("VPC.VPCRegion")), str(response._get_param("VPC.VPCId")))
    if vpc_account(place) != response.current_account:
        raise Route53ClientError(
            "InvalidVPCId",
            f"The VPC {place[1]} in region {place[0]} is not a valid ID, or the current account is not authorized to "
            "access this VPC.",
        )
    return place


def refuse_conflict(place: Place, name: str, *, but: Zone | None = None) -> None:
    """Refuse a second domain of the same name in a VPC. Raises Route53ClientError: ConflictingDomainExists.

    An endpoint's private DNS name is such a domain too: AWS keeps it in a hidden private zone.
    """
    zones = [zone for zone in all_zones() if zone is not but and place in zone.vpcs and zone.name == name]
    if zones or name in {normal(domain.removeprefix("*.")) for domain in hidden.in_vpc(place)}:
        raise Route53ClientError(
            "ConflictingDomainExists",
            f"The VPC {place[1]} in region {place[0]} has already been associated with the hosted zone "
            f"{zones[0].id if zones else 'of an interface endpoint'} with the same domain name.",
        )


# --------------------------------------------------------------------------------------------- changes


def change_info(response: Any, comment: str | None = None) -> dict[str, Any]:
    """A change that has just been made, as answers tell it: PENDING until all of Route 53 has it."""
    kept: dict[str, float] = response.backend.__dict__.setdefault("sandbox_route53_changes", {})
    change_id = "C" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") for _ in range(20))
    kept[change_id] = world.now()
    return _told(change_id, world.now()) | {"Comment": comment}


def _told(change_id: str, submitted: float) -> dict[str, Any]:
    done = world.now() >= submitted + world.current().profile.dns_change
    status = "INSYNC" if done else "PENDING"
    return {"Id": f"/change/{change_id}", "Status": status, "SubmittedAt": world.moment(submitted)}


@override(Route53, "get_change")
def _get_change(_original: Any, self: Any) -> ActionResult:
    """GetChange."""
    change_id = str(self._get_param("Id")).removeprefix("/change/")
    submitted = self.backend.__dict__.get("sandbox_route53_changes", {}).get(change_id)
    if submitted is None:
        raise Route53ClientError("NoSuchChange", f"A change with id {change_id} does not exist")
    return ActionResult({"ChangeInfo": _told(change_id, submitted)})


# ----------------------------------------------------------------------------------------------- zones


@override(Route53, "create_hosted_zone")
def _create(_original: Any, self: Any) -> ActionResult:
    """CreateHostedZone: private exactly when a VPC is given; the caller's reference makes one zone only."""
    name = normal(self._get_param("Name"))
    if name.startswith("*."):
        raise Route53ClientError(
            "InvalidDomainName", "Creation of hosted zone with a wildcard domain name is not supported."
        )
    if not is_domain(name.rstrip("."), labels=1):
        raise Route53ClientError("InvalidDomainName", f"The domain name '{name}' is not valid.")
    reference = self._get_param("CallerReference")
    if any(zone.caller_reference == reference for zone in self.backend.zones.values()):
        raise Route53ClientError(
            "HostedZoneAlreadyExists",
            f"A hosted zone has already been created with the specified caller reference: {reference}",
        )
    asked = self._get_param("VPC.VPCId")
    if self._get_bool_param("HostedZoneConfig.PrivateZone", False) and not asked:
        raise Route53ClientError("InvalidInput", "A private hosted zone needs the VPC it is to be associated with.")
    place = own_vpc(self) if asked else None
    if place:
        refuse_conflict(place, name)
    refuse_more("hosted-zones", len(self.backend.zones))
    made = self.backend.create_hosted_zone(
        name,
        private_zone=place is not None,
        caller_reference=reference,
        comment=self._get_param("HostedZoneConfig.Comment"),
        delegation_set_id=self._get_param("DelegationSetId"),
    )
    del self.backend.zones[made.resource_id]
    made.resource_id = f"Z{made.resource_id[1:]}"  # as all of AWS's begin
    self.backend.zones[made.resource_id] = made
    made.sandbox = zone = Zone(moto=made, account=self.current_account, name=name, private=place is not None)
    if not self._get_param("DelegationSetId"):
        made.delegation_set.name_servers = _name_servers()
    if place:
        zone.vpcs[place] = self.current_account
    _found(zone)
    return ActionResult(
        {
            **_whole(zone),
            "VPC": _vpcs(zone)[0] if place else None,
            "ChangeInfo": change_info(self),
            "Location": f"https://route53.amazonaws.com/2013-04-01/hostedzone/{zone.id}",
        }
    )


def _name_servers() -> list[str]:
    """Four name servers, as different for each zone as AWS makes them. They exist as names only."""
    return [
        f"ns-{512 * i + secrets.randbelow(512)}.awsdns-{secrets.randbelow(64):02d}.{end}"
        for i, end in enumerate(_NAME_SERVERS)
    ]


def _found(zone: Zone) -> None:
    """Give a new zone the two record sets AWS gives it."""
    servers = zone.moto.delegation_set.name_servers
    soa = f"{servers[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
    records = [
        {"Name": zone.name, "Type": "NS", "TTL": 172800, "ResourceRecords": [{"Value": f"{one}."} for one in servers]},
        {"Name": zone.name, "Type": "SOA", "TTL": 900, "ResourceRecords": [{"Value": soa}]},
    ]
    zone.content.apply([], records, now=world.now(), visible=world.now())


def _vpcs(zone: Zone) -> list[dict[str, str]]:
    return [{"VPCRegion": region, "VPCId": vpc_id} for region, vpc_id in zone.vpcs]


def _whole(zone: Zone) -> dict[str, Any]:
    return {"HostedZone": zone.moto, "DelegationSet": None if zone.private else zone.moto.delegation_set}


@override(Route53, "get_hosted_zone")
def _get(_original: Any, self: Any) -> ActionResult:
    """GetHostedZone."""
    zone = own_zone(self, self._get_param("Id"))
    return ActionResult({**_whole(zone), "VPCs": _vpcs(zone) if zone.private else None})


@override(models.FakeZone, "resource_record_set_count")
def _count(_original: Any, self: Any) -> int:
    return len(self.sandbox.content.records)


@override(Route53, "list_hosted_zones_by_name")
def _by_name(_original: Any, self: Any) -> ActionResult:
    """ListHostedZonesByName: from a name on, in the order of reversed labels; not only the zones of that name."""
    start, start_id = self._get_param("DNSName"), self._get_param("HostedZoneId")
    size = page_size(self, _PAGE)
    zones = sorted((zone.sandbox for zone in self.backend.zones.values()), key=_order)
    if start:
        wanted = reversed_labels(normal(start))
        zones = [zone for zone in zones if _order(zone) >= (wanted, start_id or "")]
    page, after = zones[:size], zones[size : size + 1]
    return ActionResult(
        {
            "HostedZones": [zone.moto for zone in page],
            "DNSName": start,
            "HostedZoneId": start_id,
            "IsTruncated": bool(after),
            "NextDNSName": after[0].name if after else None,
            "NextHostedZoneId": after[0].id if after else None,
            "MaxItems": str(size),
        }
    )


def _order(zone: Zone) -> tuple[tuple[str, ...], str]:
    return reversed_labels(zone.name), zone.id


@override(Route53, "delete_hosted_zone")
def _delete(_original: Any, self: Any) -> ActionResult:
    """DeleteHostedZone: refused while anything is in it but the two record sets it began with."""
    zone = own_zone(self, self._get_param("Id"))
    if any(name != zone.name or kind not in ("NS", "SOA") for name, kind, _ in zone.content.records):
        raise Route53ClientError(
            "HostedZoneNotEmpty",
            "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
        )
    del self.backend.zones[zone.id]
    self.backend.resource_tags.pop(zone.id, None)
    return ActionResult({"ChangeInfo": change_info(self)})
