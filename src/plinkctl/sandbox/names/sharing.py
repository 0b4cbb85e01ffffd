"""Private zones and the VPCs they answer in, also those of other accounts.

For a VPC of another account, the zone's owner authorizes first, then the VPC's owner associates; both are calls of
their own, which moto lacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult
from moto.route53 import urls
from moto.route53.exceptions import LastVPCAssociation, NoSuchHostedZone, PublicZoneVPCAssociation, Route53ClientError
from moto.route53.responses import Route53

from plinkctl.sandbox.names.zones import (
    Zone,
    all_zones,
    change_info,
    own_vpc,
    own_zone,
    refuse_conflict,
    vpc_account,
)
from plinkctl.sandbox.patch import action, override, path

if TYPE_CHECKING:
    from plinkctl.sandbox.names.hidden import Place

path(urls, r"{0}/(?P<api_version>[\d_-]+)/hostedzone/(?P<zone_id>[^/]+)/authorizevpcassociation/?$", Route53.dispatch)
path(urls, r"{0}/(?P<api_version>[\d_-]+)/hostedzone/(?P<zone_id>[^/]+)/deauthorizevpcassociation/?$", Route53.dispatch)


def _zone(zone_id: str) -> Zone:
    """A private zone of whichever account. Raises Route53ClientError."""
    wanted = zone_id.removeprefix("/hostedzone/")
    found = next((zone for zone in all_zones() if zone.id == wanted), None)
    if found is None:
        raise NoSuchHostedZone(wanted)
    if not found.private:
        raise PublicZoneVPCAssociation
    return found


def _asked(response: Any) -> Place:
    return (str(response._get_param("VPC.VPCRegion")), str(response._get_param("VPC.VPCId")))


@override(Route53, "associate_vpc_with_hosted_zone")
def _associate(_original: Any, self: Any) -> ActionResult:
    """AssociateVPCWithHostedZone, called by the VPC's owner."""
    zone = _zone(self._get_param("HostedZoneId"))
    place, caller = _asked(self), self.current_account
    if caller not in (zone.account, vpc_account(place)):
        raise NoSuchHostedZone(zone.id)
    if vpc_account(place) != caller or (zone.account != caller and place not in zone.authorized):
        if vpc_account(place) is None:
            own_vpc(self)
        raise Route53ClientError(
            "NotAuthorizedException", f"The VPC: {place[1]} has not authorized to associate with your hosted zone."
        )
    if place not in zone.vpcs:
        refuse_conflict(place, zone.name, but=zone)
    zone.vpcs[place] = caller
    return ActionResult({"ChangeInfo": change_info(self, self._get_param("Comment"))})


@override(Route53, "disassociate_vpc_from_hosted_zone")
def _disassociate(_original: Any, self: Any) -> ActionResult:
    """DisassociateVPCFromHostedZone, by the owner of the zone or of the VPC; never the last VPC."""
    zone, place = _zone(self._get_param("HostedZoneId")), _asked(self)
    if self.current_account not in (zone.account, zone.vpcs.get(place)):
        raise NoSuchHostedZone(zone.id)
    if place not in zone.vpcs:
        raise Route53ClientError(
            "VPCAssociationNotFound", f"The VPC {place[1]} in region {place[0]} is not associated with the hosted zone."
        )
    if len(zone.vpcs) == 1:
        raise LastVPCAssociation
    del zone.vpcs[place]
    return ActionResult({"ChangeInfo": change_info(self, self._get_param("Comment"))})


@override(Route53, "list_hosted_zones_by_vpc")
def _by_vpc(_original: Any, self: Any) -> ActionResult:
    """ListHostedZonesByVPC: those of other accounts too."""
    place = (str(self._get_param("VPCRegion")), str(self._get_param("VPCId")))
    found = [
        {"HostedZoneId": zone.id, "Name": zone.name, "Owner": {"OwningAccount": zone.account}}
        for zone in all_zones()
        if place in zone.vpcs
    ]
    return ActionResult({"HostedZoneSummaries": found, "MaxItems": "100"})


@action(Route53, "create_vpc_association_authorization")
def _authorize(self: Any) -> ActionResult:
    """CreateVPCAssociationAuthorization, by the zone's owner."""
    zone, place = own_zone(self, self._get_param("HostedZoneId")), _asked(self)
    if not zone.private:
        raise PublicZoneVPCAssociation
    if vpc_account(place) is None:
        own_vpc(self)
    zone.authorized[place] = None
    return ActionResult({"HostedZoneId": zone.id, "VPC": _told(place)})


@action(Route53, "delete_vpc_association_authorization")
def _deauthorize(self: Any) -> ActionResult:
    """DeleteVPCAssociationAuthorization; what is associated stays so."""
    zone, place = own_zone(self, self._get_param("HostedZoneId")), _asked(self)
    if place not in zone.authorized:
        raise Route53ClientError(
            "VPCAssociationAuthorizationNotFound",
            f"The VPC {place[1]} in region {place[0]} is not authorized for the hosted zone.",
        )
    del zone.authorized[place]
    return EmptyResult()


@action(Route53, "list_vpc_association_authorizations")
def _authorizations(self: Any) -> ActionResult:
    """ListVPCAssociationAuthorizations."""
    zone = own_zone(self, self._get_param("HostedZoneId"))
    return ActionResult({"HostedZoneId": zone.id, "VPCs": [_told(place) for place in zone.authorized]})


def _told(place: Place) -> dict[str, str]:
    return {"VPCRegion": place[0], "VPCId": place[1]}
