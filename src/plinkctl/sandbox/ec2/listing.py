"""What all of EC2's calls have in common, for those that are moto's: filters and tags.

A filter means "any of these"; a tag goes when its resource goes. The calls the sandbox answers itself use `answers`.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from moto.ec2 import utils
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.tags import TagBackend
from moto.ec2.responses.tags import TagResponse
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

from plinkctl.sandbox.ec2.answers import filtered, paged
from plinkctl.sandbox.manners.visibility import changing
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from moto.core.responses import ActionResult


@override(utils, "is_filter_matching")
def _matching(original: Any, obj: Any, _filter: str, filter_value: Any) -> Any:
    """A filter on a list passes when any of its values is in the list; moto wanted one to contain the other."""
    value = obj.get_filter_value(_filter)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return any(fnmatchcase(str(one), pattern) for one in value for pattern in filter_value)
    return original(obj, _filter, filter_value)


#: How EC2 says that there is nothing of that ID to be tagged, by the ID's prefix. Terraform waits for such codes to
#: pass after a creation; of other kinds EC2 says InvalidID.
_NOT_FOUND: Final = {
    "vpc": ("InvalidVpcID.NotFound", "The vpc ID '{}' does not exist"),
    "subnet": ("InvalidSubnetID.NotFound", "The subnet ID '{}' does not exist"),
    "rtb": ("InvalidRouteTableID.NotFound", "The routeTable ID '{}' does not exist"),
    "sg": ("InvalidGroup.NotFound", "The security group '{}' does not exist"),
    "sgr": ("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '{}' does not exist"),
    "eni": ("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '{}' does not exist"),
    "vpce": ("InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '{}' does not exist"),
    "vpce-svc": ("InvalidVpcEndpointServiceId.NotFound", "The VpcEndpointService Id '{}' does not exist"),
}


def _living(backend: Any) -> dict[str, set[str]]:
    """The IDs there are, for each ID prefix the sandbox keeps account of."""
    groups = [group for groups in backend.groups.values() for group in groups.values()]
    rules = [rule for group in groups for rule in [*group.ingress_rules, *group.egress_rules]]
    return {
        "vpc": set(backend.vpcs),
        "subnet": {subnet.id for subnet in backend.describe_subnets()},
        "rtb": set(backend.route_tables),
        "sg": {group.id for group in groups},
        "sgr": {rule.id for rule in rules},
        "eni": set(backend.enis),
        "vpce": set(backend.vpc_end_points),
        "vpce-svc": set(backend.configurations),
        "acl": set(backend.network_acls),
        "dopt": set(backend.dhcp_options_sets),
        "igw": set(backend.internet_gateways),
        "eigw": set(backend.egress_only_internet_gateways),
        "eipalloc": {address.allocation_id for address in backend.addresses},
        "pl": set(backend.managed_prefix_lists),
    }


def _gone(resource_id: str, living: dict[str, set[str]]) -> bool:
    prefix = get_prefix(resource_id)
    return prefix in living and resource_id not in living[prefix]


@override(TaggedEC2Resource, "get_tags")
def _get_tags(_original: Any, self: Any) -> list[dict[str, str]]:
    """The tags of one resource; moto looks through those of all."""
    tags = self.ec2_backend.tags.get(self.id, {})
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "")
    return [{"resource_id": self.id, "key": key, "value": tags[key], "resource_type": kind} for key in tags]


@override(TagBackend, "create_tags")
def _put_tags(original: Any, self: Any, resource_ids: list[str], tags: dict[str, str]) -> bool:
    """Tags, seen a little later."""
    for one in resource_ids:
        changing(self, "tags", one, self.tags, one)
    return bool(original(self, resource_ids, tags))


@override(TagBackend, "delete_tags")
def _take_tags(original: Any, self: Any, resource_ids: list[str], tags: dict[str, str]) -> bool:
    """Tags, still seen for a little while."""
    for one in resource_ids:
        changing(self, "tags", one, self.tags, one)
    return bool(original(self, resource_ids, tags))


@override(TagResponse, "describe_tags")
def _describe_tags(_original: Any, self: Any) -> ActionResult:
    """DescribeTags: of what exists; moto would list the tags of the deleted for ever."""
    living = _living(self.ec2_backend)
    answers = [
        {
            "ResourceId": one["resource_id"],
            "ResourceType": one["resource_type"],
            "Key": one["key"],
            "Value": one["value"],
            "Tags": [{"Key": one["key"], "Value": one["value"]}],
        }
        for one in self.ec2_backend.describe_tags()
        if not _gone(one["resource_id"], living)
    ]
    fields = {
        "resource-id": "ResourceId",
        "resource-type": "ResourceType",
        "key": "Key",
        "value": "Value",
    }
    return paged(self, "Tags", filtered(answers, self._get_param("Filters", []), fields))


@override(TagResponse, "create_tags")
def _create_tags(original: Any, self: Any) -> Any:
    """CreateTags: only on what exists."""
    living = _living(self.ec2_backend)
    for resource_id in self._get_param("Resources", []):
        if _gone(resource_id, living):
            code, message = _NOT_FOUND[get_prefix(resource_id)]
            raise EC2ClientError(code, message.format(resource_id))
    return original(self)
