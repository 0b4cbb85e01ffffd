"""VPCs, subnets, route tables, network interfaces: where moto is kinder than AWS, AWS's refusals.

What belongs together may only go in order: a subnet with an interface in it, a VPC with anything in it, a route table
in use are refused with DependencyViolation, and an interface AWS manages is not the caller's to delete. Security groups
are in `groups`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import (
    DependencyViolationError,
    EC2ClientError,
    InvalidAvailabilityZoneError,
    InvalidParameterCombination,
    InvalidVPCIdError,
)
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface, NetworkInterfaceBackend
from moto.ec2.models.route_tables import RouteBackend
from moto.ec2.models.subnets import Subnet, SubnetBackend
from moto.ec2.models.vpcs import VPCBackend
from moto.ec2.responses.route_tables import RouteTables
from moto.ec2.responses.vpcs import VPCs

from plinkctl.sandbox import interfaces, zones
from plinkctl.sandbox.ec2.answers import given_tags, once
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.manners.visibility import born
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from datetime import datetime

# ---------------------------------------------------------------------------------------------- zones


@override(RegionsAndZonesBackend, "describe_availability_zones")
def _zones(_original: Any, self: Any, filters: Any = None, zone_names: Any = None, zone_ids: Any = None) -> list[Any]:
    """Zones as the calling account names them; all are open to everybody, as in a region without local zones."""
    wanted = dict(filters or {})
    for name, chosen in (("zone-name", zone_names), ("zone-id", zone_ids)):
        if chosen:
            wanted[name] = [one for one in chosen if one in wanted.get(name, chosen)]
    found = []
    zone: Any
    for zone in zones.named(self.account_id, self.region_name):
        zone.opt_in_status, zone.group_name = "opt-in-not-required", self.region_name
        known = {
            "zone-id": zone.zone_id,
            "zone-type": zone.zone_type,
            "zone-name": zone.name,
            "region-name": self.region_name,
            "state": zone.state,
            "opt-in-status": zone.opt_in_status,
            "group-name": zone.group_name,
        }
        if all(known.get(name) in values for name, values in wanted.items()):
            found.append(zone)
    return found


@override(SubnetBackend, "create_subnet")
def _create_subnet(
    original: Any,
    self: Any,
    vpc_id: str,
    cidr_block: str,
    ipv6_cidr_block: str | None = None,
    availability_zone: str | None = None,
    availability_zone_id: str | None = None,
    ipv6_native: bool = False,
    tags: Any = None,
) -> Any:
    """CreateSubnet in the zone the calling account means, by its name or by ID."""
    known = zones.named(self.account_id, self.region_name)
    zone = next((z for z in known if availability_zone_id == z.zone_id or availability_zone == z.name), None)
    if zone is None:
        wrong = availability_zone or availability_zone_id
        raise InvalidAvailabilityZoneError(wrong, ", ".join(one.name for one in known))
    refuse_more(
        "subnets-per-vpc",
        sum(len(subnets) for subnets in self.subnets.values()),
        lambda: sum(one.vpc_id == vpc_id for subnets in self.subnets.values() for one in subnets.values()),
    )
    subnet = original(self, vpc_id, cidr_block, ipv6_cidr_block, zone.name, None, ipv6_native, tags)
    born(self, "subnet", self.subnets[zone.name], subnet.id, subnet.id)
    subnet._availability_zone = zone
    subnet.default_for_az = subnet.map_public_ip_on_launch = self.get_vpc(vpc_id).is_default
    return subnet


@override(VPCBackend, "create_vpc")
def _create_vpc(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """CreateVpc, seen a little later."""
    refuse_more("vpcs", len(self.vpcs))
    vpc = original(self, *args, **kwargs)
    born(self, "vpc", self.vpcs, vpc.id, vpc.id)
    return vpc


@override(VPCs, "create_vpc")
def _answer_pending(original: Any, self: Any) -> ActionResult:
    """CreateVpc answers with a VPC that is `pending`; who looks finds it available."""
    made = copy.copy(original(self).result["Vpc"])
    made.state = "pending"
    return ActionResult({"Vpc": made})


@override(VPCBackend, "describe_vpcs")
def _describe_vpcs(original: Any, self: Any, vpc_ids: list[str] | None = None, filters: Any = None) -> Any:
    """DescribeVpcs, which names the ID that does not exist; moto names all that were asked for."""
    for vpc_id in vpc_ids or []:
        self.get_vpc(vpc_id)
    return original(self, vpc_ids, filters)


@override(VPCBackend, "get_vpc")
def _get_vpc(_original: Any, self: Any, vpc_id: str) -> Any:
    """The VPC of that ID, or AWS's words for there being none."""
    if vpc_id not in self.vpcs:
        error = InvalidVPCIdError(vpc_id)  # of this class, for moto catches it here and there
        error.message = f"The vpc ID '{vpc_id}' does not exist"
        raise error
    return self.vpcs[vpc_id]


# ------------------------------------------------------------------------------- what cannot be deleted


@override(SubnetBackend, "delete_subnet")
def _delete_subnet(original: Any, self: Any, subnet_id: str) -> Any:
    """DeleteSubnet: not while an interface is in it; its associations go with it."""
    if interfaces.occupied(self.get_subnet(subnet_id)):
        raise DependencyViolationError(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
    for table in self.route_tables.values():
        table._associations = {key: one for key, one in table._associations.items() if one != subnet_id}
    for acl in self.network_acls.values():
        acl._associations = {key: one for key, one in acl._associations.items() if one.subnet_id != subnet_id}
    return original(self, subnet_id)


@override(VPCBackend, "delete_vpc")
def _delete_vpc(original: Any, self: Any, vpc_id: str) -> Any:
    """DeleteVpc: takes the default group, the main route table and the default ACL with it, and nothing else."""
    vpc = self.get_vpc(vpc_id)
    groups = list(self.groups[vpc_id].values())
    tables = [table for table in self.route_tables.values() if table.vpc_id == vpc_id]
    blockers = [
        *[subnet for subnet in self.describe_subnets() if subnet.vpc_id == vpc_id],
        *[group for group in groups if not group.is_default],
        *[table for table in tables if table.main_association_id is None],
        *[one for one in self.vpc_end_points.values() if one.vpc_id == vpc_id and one.sandbox.holds],
        *[acl for acl in self.network_acls.values() if acl.vpc_id == vpc_id and not acl.default],
        *[gateway for gateway in self.internet_gateways.values() if gateway.vpc is vpc],
    ]
    if blockers:
        raise DependencyViolationError(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
    vpc.dhcp_options = None  # moto would delete them with the VPC
    for group in groups:
        group.is_default = False  # moto deletes these two by the calls that refuse them to callers
    for table in tables:
        table.main_association_id = None
    for acl in [acl for acl in self.network_acls.values() if acl.vpc_id == vpc_id]:
        del self.network_acls[acl.id]  # which moto forgets
    return original(self, vpc_id)


@override(Subnet, "ipv6_cidr_block_association_set")
def _ipv6_blocks(_original: Any, self: Any) -> list[dict[str, Any]]:
    """A subnet's IPv6 blocks; moto wraps their state once too often."""
    blocks = self.ipv6_cidr_block_associations.values()
    return [one for one in blocks if one["ipv6CidrBlockState"]["State"] == "associated"]


@override(Subnet, "get_filter_value")
def _subnet_filter(original: Any, self: Any, filter_name: str, method_name: str | None = None) -> Any:
    """The filters of DescribeSubnets moto lacks; those of IPv6 blocks are how public tools wait for them."""
    six = list(self.ipv6_cidr_block_associations.values())
    ours = {
        "availability-zone-id": self.availability_zone_id,
        "availabilityZoneId": self.availability_zone_id,  # its other spelling, which Terraform has
        "available-ip-address-count": str(self.available_ip_address_count),
        "ipv6-cidr-block-association.association-id": list(self.ipv6_cidr_block_associations),
        "ipv6-cidr-block-association.ipv6-cidr-block": [one["ipv6CidrBlock"] for one in six],
        "ipv6-cidr-block-association.state": [one["ipv6CidrBlockState"]["State"] for one in six],
        "map-public-ip-on-launch": str(self.map_public_ip_on_launch).lower(),
        "owner-id": self.ec2_backend.account_id,
        "subnet-arn": self.arn,
    }
    return ours[filter_name] if filter_name in ours else original(self, filter_name, method_name)


@override(RouteBackend, "delete_route_table")
def _delete_route_table(original: Any, self: Any, route_table_id: str) -> None:
    """DeleteRouteTable: never the main one, which goes with its VPC."""
    if self.get_route_table(route_table_id).main_association_id is not None:
        raise DependencyViolationError(f"The routeTable '{route_table_id}' has dependencies and cannot be deleted.")
    original(self, route_table_id)


# ------------------------------------------------------------------------------ attributes and routes


@override(VPCs, "modify_vpc_attribute")
def _modify_vpc_attribute(original: Any, self: Any) -> Any:
    """ModifyVpcAttribute: one attribute a call; host names need DNS support."""
    asked = [
        name
        for name in ("EnableDnsSupport", "EnableDnsHostnames", "EnableNetworkAddressUsageMetrics")
        if self._get_param(f"{name}.Value") is not None
    ]
    if len(asked) != 1:
        raise InvalidParameterCombination(f"Exactly one attribute can be modified in a call, not {len(asked)}")
    vpc = self.ec2_backend.get_vpc(self._get_param("VpcId"))
    if self._get_bool_param("EnableDnsHostnames.Value") and not vpc.enable_dns_support:
        raise EC2ClientError(
            "InvalidParameterCombination", "enableDnsHostnames requires enableDnsSupport to be enabled"
        )
    return original(self)


@override(RouteBackend, "create_route_table")
def _make_route_table(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """A route table, seen a little later."""
    vpc_id = args[0] if args else kwargs["vpc_id"]
    refuse_more(
        "route-tables-per-vpc",
        len(self.route_tables),
        lambda: sum(table.vpc_id == vpc_id for table in self.route_tables.values()),
    )
    table = original(self, *args, **kwargs)
    born(self, "route table", self.route_tables, table.id, table.id)
    return table


@override(RouteTables, "create_route_table")
def _create_route_table(_original: Any, self: Any) -> ActionResult:
    """CreateRouteTable, once for each client token."""
    backend = self.ec2_backend

    def make() -> Any:
        tags = given_tags(self, "route-table")
        wanted = [{"Key": key, "Value": value} for key, value in tags.items()]
        return backend.create_route_table(self._get_param("VpcId"), wanted)

    table = once(self, backend, make)
    return ActionResult({"RouteTable": table, "ClientToken": self._get_param("ClientToken")})


@override(RouteBackend, "associate_route_table")
def _associate_route_table(
    original: Any, self: Any, route_table_id: str, gateway_id: str | None = None, subnet_id: str | None = None
) -> Any:
    """AssociateRouteTable: again with the same table is answered again, with another one refused."""
    table = self.get_route_table(route_table_id)
    for other in self.route_tables.values():
        if subnet_id and subnet_id in other._associations.values() and other is not table:
            raise EC2ClientError(
                "Resource.AlreadyAssociated",
                f"the specified association for route table {route_table_id} conflicts with an existing association",
            )
    return original(self, route_table_id, gateway_id, subnet_id)


# ----------------------------------------------------------------------------------- network interfaces


@dataclass(frozen=True, slots=True)
class _Attachment:
    """An attachment to something of AWS's own, which is no instance; moto knows only instances."""

    attachment_id: str
    attach_time: datetime
    instance_owner_id: str
    device_index: int = 1
    delete_on_termination: bool = False
    status: str = "attached"


def _managed(eni: Any) -> bool:
    """Whether AWS holds this interface, so that its owner may not touch it."""
    return getattr(eni, "sandbox", None) is not None and eni.attachment_id is not None


@override(NetworkInterface, "attachment")
def _attachment(original: Any, self: Any) -> Any:
    if _managed(self):
        return _Attachment(self.attachment_id, self.attach_time, self.instance_owner)
    return original(self)


@override(NetworkInterface, "get_filter_value")
def _interface_filter(original: Any, self: Any, filter_name: str, method_name: str | None = None) -> Any:
    """The filters of DescribeNetworkInterfaces moto lacks or answers wrongly for AWS's own interfaces."""
    attachment = self.attachment
    ours = {
        "attachment.instance-owner-id": attachment.instance_owner_id if attachment else None,
        "attachment.status": attachment.status if attachment else None,
        "group-name": [group.name for group in self._group_set],
        "availability-zone-id": self.subnet.availability_zone_id,
    }
    return ours[filter_name] if filter_name in ours else original(self, filter_name, method_name)


@override(NetworkInterfaceBackend, "delete_network_interface")
def _delete_interface(original: Any, self: Any, eni_id: str) -> None:
    """DeleteNetworkInterface: only what is attached to nothing."""
    eni = self.get_network_interface(eni_id)
    if _managed(eni) or eni.attachment_id:
        raise EC2ClientError("InvalidParameterValue", f"Network interface '{eni_id}' is currently in use.")
    original(self, eni_id)


@override(NetworkInterfaceBackend, "detach_network_interface")
def _detach_interface(original: Any, self: Any, attachment_id: str) -> None:
    """DetachNetworkInterface: not from a service of AWS."""
    if any(_managed(eni) and eni.attachment_id == attachment_id for eni in self.enis.values()):
        raise EC2ClientError("OperationNotPermitted", "You are not allowed to manage 'ela-attach' attachments.")
    original(self, attachment_id)


@override(NetworkInterfaceBackend, "modify_network_interface_attribute")
def _modify_interface(
    original: Any,
    self: Any,
    eni_id: str,
    group_ids: list[str],
    source_dest_check: bool | None = None,
    description: str | None = None,
) -> None:
    """ModifyNetworkInterfaceAttribute: the groups of a managed interface are changed where it is managed."""
    if group_ids and _managed(self.get_network_interface(eni_id)):
        raise EC2ClientError(
            "OperationNotPermitted", "The security group can not be modified for this type of interface"
        )
    original(self, eni_id, group_ids, source_dest_check, description)
