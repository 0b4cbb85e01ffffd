"""What all of EC2's calls have in common, for those that are moto's: filters, pages, dry runs, tags.

A filter means "any of these"; a list comes in pages; a dry run changes nothing; a tag goes when its resource goes. The
calls the sandbox answers itself use `answers`.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from moto.ec2 import utils
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces
from moto.ec2.responses.route_tables import RouteTables
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.responses.subnets import Subnets
from moto.ec2.responses.tags import TagResponse
from moto.ec2.responses.vpcs import VPCs
from moto.ec2.utils import get_prefix

from plinkctl.sandbox.ec2.answers import filtered, paged, refuse_dry_run
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


def _paginate(owner: Any, method: str, key: str) -> None:
    @override(owner, method)
    def _page(original: Any, self: Any) -> ActionResult:
        return paged(self, key, list(original(self).result[key]))


_paginate(VPCs, "describe_vpcs", "Vpcs")
_paginate(Subnets, "describe_subnets", "Subnets")
_paginate(RouteTables, "describe_route_tables", "RouteTables")
_paginate(SecurityGroups, "describe_security_groups", "SecurityGroups")
_paginate(SecurityGroups, "describe_security_group_rules", "SecurityGroupRules")
_paginate(ElasticNetworkInterfaces, "describe_network_interfaces", "NetworkInterfaces")


def _refuse_dry_runs(owner: Any, *methods: str) -> None:
    """Let calls that moto would carry out end before they begin, when only asked for."""
    for method in methods:

        @override(owner, method)
        def _dry(original: Any, self: Any) -> Any:
            refuse_dry_run(self)
            return original(self)


_refuse_dry_runs(VPCs, "create_vpc", "delete_vpc")
_refuse_dry_runs(Subnets, "create_subnet", "delete_subnet")
_refuse_dry_runs(RouteTables, "associate_route_table", "disassociate_route_table", "delete_route_table")


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
    }


def _gone(resource_id: str, living: dict[str, set[str]]) -> bool:
    prefix = get_prefix(resource_id)
    return prefix in living and resource_id not in living[prefix]


@override(TagResponse, "describe_tags")
def _describe_tags(_original: Any, self: Any) -> ActionResult:
    """DescribeTags: of what exists; moto would list the tags of the deleted for ever."""
    self.error_on_dryrun()
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
            raise EC2ClientError("InvalidID", f"The ID '{resource_id}' is not valid")
    return original(self)
