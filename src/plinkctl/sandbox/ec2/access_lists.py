"""Network ACLs: kept, answered, and gone with what they belonged to. They decide nothing."""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import EC2ClientError, InvalidNetworkAclIdError
from moto.ec2.models.network_acls import NetworkAclBackend

from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.patch import override


@override(NetworkAclBackend, "create_network_acl")
def _create(original: Any, self: Any, vpc_id: str, tags: Any = None, default: bool = False) -> Any:
    """CreateNetworkAcl: like the default one, each ends in an entry that denies the rest; AWS shows it as `*`."""
    if not default:
        refuse_more(
            "network-acls-per-vpc",
            len(self.network_acls),
            lambda: sum(one.vpc_id == vpc_id for one in self.network_acls.values()),
        )
    acl = original(self, vpc_id, tags, default)
    if not default:
        self.add_default_entries(acl.id)
        acl.network_acl_entries = [one for one in acl.network_acl_entries if one.rule_action == "deny"]
    return acl


@override(NetworkAclBackend, "describe_network_acls")
def _describe(original: Any, self: Any, network_acl_ids: list[str] | None = None, filters: Any = None) -> Any:
    """DescribeNetworkAcls, which names an unknown list a list; moto takes it for a route table."""
    for acl_id in network_acl_ids or []:
        if acl_id not in self.network_acls:
            raise InvalidNetworkAclIdError(acl_id)
    return original(self, network_acl_ids, filters)


@override(NetworkAclBackend, "delete_network_acl")
def _delete(original: Any, self: Any, network_acl_id: str) -> Any:
    """DeleteNetworkAcl: never the default one, which goes with its VPC."""
    if self.get_network_acl(network_acl_id).default:
        raise EC2ClientError("InvalidParameterValue", f"cannot delete default network ACL {network_acl_id}")
    return original(self, network_acl_id)


@override(NetworkAclBackend, "delete_network_acl_entry")
def _delete_entry(original: Any, self: Any, network_acl_id: str, rule_number: int, egress: bool) -> Any:
    """DeleteNetworkAclEntry, with AWS's words when there is no such entry."""
    entries = self.get_network_acl(network_acl_id).network_acl_entries
    if not any(one.egress == egress and one.rule_number == rule_number for one in entries):
        side = "egress" if egress else "ingress"
        raise EC2ClientError(
            "InvalidNetworkAclEntry.NotFound",
            f"The {side} entry with the specified rule number does not exist in network ACL {network_acl_id}",
        )
    return original(self, network_acl_id, rule_number, egress)
