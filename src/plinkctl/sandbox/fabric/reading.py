"""What the decisions read from moto's objects: groups and their rules, listeners, targets and where they are.

Pure, as `decide` is; nothing is decided here beyond one rule or one setting.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Literal

from moto.elbv2.models import elbv2_backends

from plinkctl.sandbox import interfaces, world

if TYPE_CHECKING:
    from collections.abc import Sequence


def describe(eni: Any) -> str:
    """An interface in the flow log: what it is for and where."""
    owner = getattr(eni, "sandbox", None)
    return f"{owner.kind if owner else 'interface'} {eni.id} ({eni.private_ip_address})"


def enforces(balancer: Any) -> bool:
    """Whether the load balancer's groups filter what comes by private links; AWS's default is that they do."""
    return bool(balancer.enforce_private_link != "off")


def crosses_zones(balancer: Any, group: Any) -> bool:
    """Whether a node may use targets of other zones: the group's own setting, else the load balancer's."""
    key = "load_balancing.cross_zone.enabled"
    own = str(group.attributes.get(key, "")) if group else ""
    return own == "true" or (own != "false" and str(balancer.attrs.get(key, "false")) == "true")


def addresses(balancer: Any, group: Any, node: Any, target_id: str) -> list[str]:
    """The addresses of a target a node may use: those in its own zone, unless it crosses zones."""
    if not target_id.startswith("arn:"):
        return [target_id]
    target = world.load_balancer(target_id)
    nodes = interfaces.nodes(target) if target else []
    if not crosses_zones(balancer, group):
        nodes = [one for one in nodes if one.subnet.availability_zone_id == node.subnet.availability_zone_id]
    return [str(one.private_ip_address) for one in nodes]


def listener_on(balancer: Any, port: int) -> Any:
    """The listener of a load balancer on a port; None when it has none."""
    return next((one for one in balancer.listeners.values() if int(one.port) == port), None)


def target_group(listener: Any) -> Any:
    """The target group a network listener forwards to; None when it has none."""
    for action in listener.default_actions:
        groups = (action.data.get("ForwardConfig") or {}).get("TargetGroups") or [action.data]
        if arn := groups[0].get("TargetGroupArn"):
            _, _, _, region, account, _ = arn.split(":", 5)
            return elbv2_backends[account][region].target_groups.get(arn)
    return None


def groups_of(eni: Any) -> list[Any]:
    """The security groups of an interface."""
    return list(eni._group_set)


def ids(groups: Sequence[Any]) -> str:
    """The IDs of groups, in words."""
    return ", ".join(sorted(group.id for group in groups))


def allowed(
    groups: Sequence[Any], way: Literal["ingress", "egress"], port: int, address: str, others: Sequence[Any]
) -> bool:
    """Whether a rule of one of the groups lets TCP to `port` pass.

    `address` and `others` are the address and the groups of the far end. Without any group, as network load balancers
    may be, everything passes.
    """
    rules = [rule for group in groups for rule in (group.ingress_rules if way == "ingress" else group.egress_rules)]
    return not groups or any(_matching(rule, port, address, {other.id for other in others}) for rule in rules)


def _matching(rule: Any, port: int, address: str, others: set[str]) -> bool:
    if rule.ip_protocol != "-1" and not (rule.ip_protocol == "tcp" and rule.from_port <= port <= rule.to_port):
        return False
    if cidr := rule.cidr_ipv4:
        return ipaddress.ip_address(address) in ipaddress.ip_network(cidr, strict=False)
    return rule.source_group.get("GroupId") in others
