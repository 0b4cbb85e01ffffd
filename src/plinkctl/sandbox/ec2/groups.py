"""Security groups: the default group as AWS makes it, whole calls or nothing, and no deletion while in use."""

from __future__ import annotations

import re
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ec2.exceptions import (
    DependencyViolationError,
    EC2ClientError,
    InvalidPermissionDuplicateError,
    InvalidSecurityGroupNotFoundError,
    InvalidSecurityGroupRuleIdNotFoundError,
)
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupBackend, SecurityGroupRule
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.utils import is_tag_filter

from plinkctl.sandbox.ec2.defaults import default_vpc
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.manners.visibility import born, changing
from plinkctl.sandbox.patch import override

# The characters EC2's API reference allows in a group's description; an apostrophe is not among them.
_DESCRIPTION: Final = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}")


@override(SecurityGroupBackend, "create_security_group")
def _create(
    original: Any,
    self: Any,
    name: str,
    description: str,
    vpc_id: str | None = None,
    tags: dict[str, str] | None = None,
    force: bool = False,  # noqa: ARG001 - moto's parameters are kept
    is_default: bool | None = None,
) -> Any:
    """CreateSecurityGroup; a VPC's default group lets its own members in, as on AWS."""
    if not _DESCRIPTION.fullmatch(description or ""):
        raise EC2ClientError(
            "InvalidParameterValue", f"Value ({description}) for parameter GroupDescription is invalid."
        )
    vpc = self.get_vpc(vpc_id) if vpc_id else default_vpc(self)
    if vpc is None:
        raise EC2ClientError("VPCIdNotSpecified", "No default VPC for this user")
    if any(group.name == name for group in self.groups[vpc.id].values()):
        raise EC2ClientError("InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc.id}'")
    refuse_more("security-groups", sum(len(groups) for groups in self.groups.values()))
    group = original(self, name, description, vpc.id, tags, True, is_default)
    born(self, "group", self.groups[vpc.id], group.id, group.id)
    if is_default:
        itself = {"GroupId": group.id, "UserId": self.account_id, "OwnerId": self.account_id}
        rule = SecurityGroupRule(self, "-1", group.id, None, None, None, itself, is_egress=False)
        group.add_ingress_rule(rule)
    return group


@override(SecurityGroupBackend, "get_security_group_from_id")
def _from_id(_original: Any, self: Any, group_id: str) -> Any:
    """The group of that ID, or None; moto walks through all groups of all VPCs."""
    return next((groups[group_id] for groups in self.groups.values() if group_id in groups), None)


@override(SecurityGroupBackend, "describe_security_groups")
def _describe(
    original: Any, self: Any, group_ids: list[str] | None = None, groupnames: Any = None, filters: Any = None
) -> Any:
    """DescribeSecurityGroups, which names the ID that does not exist; moto names all that were asked for."""
    for group_id in group_ids or []:
        if self.get_security_group_from_id(group_id) is None:
            raise InvalidSecurityGroupNotFoundError(group_id)
    return original(self, group_ids, groupnames, filters)


@override(SecurityGroup, "matches_filter")
@override(SecurityGroupRule, "matches_filter")
def _matches_filter(original: Any, self: Any, key: str, filter_value: Any) -> Any:
    """Whether a group or a rule passes a filter. Raises EC2ClientError: InvalidFilter."""
    if not is_tag_filter(key) and key not in self.filters:
        raise EC2ClientError("InvalidFilter", f"The filter '{key}' is invalid")
    return original(self, key, filter_value)


@override(SecurityGroupRule, "description")
def _description(original: Any, self: Any) -> Any:
    """A rule's description, also when its peer is a group."""
    return original(self) or self.source_group.get("Description")


@override(SecurityGroupBackend, "delete_security_group")
def _delete(original: Any, self: Any, name: str | None = None, group_id: str | None = None) -> None:
    """DeleteSecurityGroup: not the default one, not while an interface has it or another group's rule names it."""
    group = self.get_security_group_by_name_or_id(group_id or name)
    if group is None:
        raise InvalidSecurityGroupNotFoundError(group_id or name)
    if group.is_default:
        raise EC2ClientError(
            "CannotDelete", f'the specified group: "{group.id}" name: "{group.name}" cannot be deleted by a user'
        )
    used = any(group in eni._group_set for eni in self.enis.values())
    named = any(
        rule.source_group.get("GroupId") == group.id
        for groups in self.groups.values()
        for other in groups.values()
        if other is not group
        for rule in [*other.ingress_rules, *other.egress_rules]
    )
    if used or named:
        raise DependencyViolationError(f"resource {group.id} has a dependent object")
    original(self, None, group.id)


def _all_or_nothing(response: Any, method: str) -> list[Any]:
    """Apply every permission of the request, or none: one refusal takes back those applied before it."""
    added: list[Any] = []
    backend, before = response.ec2_backend, None
    for arguments in response._process_rules_from_querystring():
        group = backend.get_security_group_by_name_or_id(arguments["group_name_or_id"])
        if group is None:
            raise InvalidSecurityGroupNotFoundError(arguments["group_name_or_id"])
        if before is None:
            before = (list(group.ingress_rules), list(group.egress_rules))
            changing(backend, "rule", f"{group.id} {len(before[0]) + len(before[1])}", group, _direction(method))
        if method.startswith("revoke"):
            del arguments["sgrule_tags"]
            _check_six(backend, group, arguments["ip_ranges"])
        try:
            _check_rule_ids(group, method, arguments["security_rule_ids"])
            result = getattr(backend, method)(**arguments)
        except EC2ClientError as error:
            group.ingress_rules, group.egress_rules = before
            if isinstance(error, InvalidPermissionDuplicateError):
                raise EC2ClientError("InvalidPermission.Duplicate", _already(arguments)) from error
            raise
        added += result[0] if result else []
    return added


def _direction(method: str) -> str:
    """The attribute of moto's group that a call changes."""
    return "egress_rules" if method.endswith("egress") else "ingress_rules"


def _check_six(backend: Any, group: Any, ranges: list[dict[str, str]]) -> None:
    """Refuse to take an IPv6 rule from a group whose VPC has no IPv6; moto would pass it over in silence."""
    if any("CidrIpv6" in one for one in ranges) and not backend.get_vpc(group.vpc_id).get_cidr_block_association_set(
        ipv6=True
    ):
        raise EC2ClientError("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")


def _check_rule_ids(group: Any, method: str, rule_ids: list[str]) -> None:
    for rule_id in rule_ids:
        if rule_id not in {rule.id for rule in getattr(group, _direction(method))}:
            raise InvalidSecurityGroupRuleIdNotFoundError(rule_id)


def _already(arguments: dict[str, Any]) -> str:
    peers = [one.get("CidrIp") or one.get("CidrIpv6") for one in arguments["ip_ranges"]]
    peers += [one.get("GroupId") for one in arguments["source_groups"]]
    protocol = arguments["ip_protocol"]
    ports = f"{protocol.upper()}, from port: {arguments['from_port']}, to port: {arguments['to_port']}"
    return f'the specified rule "peer: {peers[0]}, {"ALL" if protocol == "-1" else ports}, ALLOW" already exists'


@override(SecurityGroups, "authorize_security_group_ingress")
def _authorize_ingress(_original: Any, self: Any) -> ActionResult:
    """AuthorizeSecurityGroupIngress."""
    rules = _all_or_nothing(self, "authorize_security_group_ingress")
    return ActionResult({"Return": True, "SecurityGroupRules": rules})


@override(SecurityGroups, "authorize_security_group_egress")
def _authorize_egress(_original: Any, self: Any) -> ActionResult:
    """AuthorizeSecurityGroupEgress."""
    rules = _all_or_nothing(self, "authorize_security_group_egress")
    return ActionResult({"Return": True, "SecurityGroupRules": rules})


@override(SecurityGroups, "revoke_security_group_ingress")
def _revoke_ingress(_original: Any, self: Any) -> ActionResult:
    """RevokeSecurityGroupIngress, by permission or by rule ID."""
    _all_or_nothing(self, "revoke_security_group_ingress")
    return ActionResult({"Return": True})


@override(SecurityGroups, "revoke_security_group_egress")
def _revoke_egress(_original: Any, self: Any) -> ActionResult:
    """RevokeSecurityGroupEgress, by permission or by rule ID."""
    _all_or_nothing(self, "revoke_security_group_egress")
    return ActionResult({"Return": True})
