"""How much a load balancer bears: targets, rules, certificates, target groups, interfaces. Which figures, say `quotas`.

Counted as the guides count ("Quotas for your Network Load Balancers", "... Application Load Balancers"): an application
load balancer as a target is fifty, or a hundred where zones are crossed, and rules do not count the default ones.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Final

from moto.elbv2.models import ELBv2Backend

from plinkctl.sandbox import interfaces, world
from plinkctl.sandbox.elb.members import bound_groups
from plinkctl.sandbox.fabric.reading import crosses_zones
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plinkctl.sandbox.elb.members import Target

#: What an application load balancer counts as a target; with cross-zone load balancing twice.
_BALANCER: Final = 50


def refuse_targets(backend: Any, group: Any, targets: Iterable[Target], users: Iterable[Any]) -> None:
    """Refuse what would give a load balancer more targets than it bears.

    Args:
        backend: moto's ELBv2 backend.
        group: the target group that is changed, or newly forwarded to.
        targets: all it will have.
        users: the load balancers (moto's) that forward, or will forward, to it.

    Raises:
        QuotaError: TooManyTargets.
    """
    for balancer in users:
        others = [
            (one, list(one.targets))
            for one in backend.target_groups.values()
            if one is not group and balancer.arn in one.load_balancer_arns
        ]
        total, zones = 0, dict[str, int]()
        for one, keys in [*others, (group, list(targets))]:
            crossing = crosses_zones(balancer, one)
            weight = _BALANCER * (2 if crossing else 1) if one.target_type == "alb" else 1
            total += weight * len(keys)
            for zone in [zone for key in keys for zone in (_zones(one, key[0]) or [""])]:
                place = "" if crossing else zone
                zones[place] = zones.get(place, 0) + weight
        refuse_more(f"targets-per-{balancer.type}-load-balancer", total - 1)
        if balancer.type == "network":
            most = max(zones.values(), default=0)
            refuse_more("targets-per-availability-zone-per-network-load-balancer", most - 1)


def _zones(group: Any, target_id: str) -> list[str]:
    """The zones a target is in: of an address that of its subnet, of a load balancer all its own; empty if unknown."""
    if group.target_type == "alb":
        balancer = world.load_balancer(target_id)
        return [node.subnet.availability_zone for node in interfaces.nodes(balancer)] if balancer else []
    if group.target_type != "ip":
        return []
    address = ipaddress.ip_address(target_id)
    return [
        subnet.availability_zone
        for backend in world.ec2()
        for subnets in backend.subnets.values()
        for subnet in subnets.values()
        if subnet.vpc_id == group.vpc_id and address in subnet.cidr
    ]


def refuse_groups(backend: Any, balancer: Any, actions: Iterable[Mapping[str, Any]]) -> None:
    """Refuse actions that forward to more target groups than one action, or the load balancer, bears.

    Raises:
        QuotaError: InvalidLoadBalancerAction (which code AWS has for one action is not known);
            TooManyUniqueTargetGroupsPerLoadBalancer; TooManyTargets.
    """
    wanted: set[str] = set()
    for action in actions:
        arns = set(backend._get_target_group_arns_from(action_data=action))
        if arns:
            refuse_more(f"target-groups-per-action-on-{balancer.type}-load-balancer", len(arns) - 1)
        wanted |= arns
    had = {arn for listener in balancer.listeners.values() for arn in bound_groups(listener)}
    if balancer.type == "application" and wanted - had:
        refuse_more("target-groups-per-application-load-balancer", len(wanted | had) - 1)
    for arn in wanted - had:
        refuse_targets(backend, backend.target_groups[arn], list(backend.target_groups[arn].targets), [balancer])


def refuse_interfaces(ec2: Any, kind: str, vpc_id: str, more: int) -> None:
    """Refuse a load balancer so many more interfaces than there may be: of all, and of network ones in a VPC.

    Raises:
        QuotaError: NetworkInterfaceLimitExceeded; InvalidConfigurationRequest, for which AWS's code is not known.
    """
    interfaces.refuse_crowd(ec2, more)
    if more and kind == "network":
        mine = ("network_load_balancer", vpc_id)
        used = sum((one.interface_type, one.vpc_id) == mine for one in ec2.enis.values())
        refuse_more("network-load-balancer-enis-per-vpc", used + more - 1)


@override(ELBv2Backend, "create_rule")
def _create_rule(
    original: Any,
    self: Any,
    listener_arn: str,
    conditions: list[dict[str, Any]],
    priority: int,
    actions: list[dict[str, Any]],
    tags: list[dict[str, str]] | None = None,
) -> Any:
    """CreateRule: no more than the load balancer bears, over all its listeners."""
    for listener in self.describe_listeners(None, [listener_arn]):
        balancer = self.load_balancers[listener.load_balancer_arn]
        rules = sum(len(one.rules) - 1 for one in balancer.listeners.values())
        refuse_more("rules-per-application-load-balancer", rules)
        _check_forwards(self, balancer, actions)
    return original(self, listener_arn, conditions, priority, actions, tags)


@override(ELBv2Backend, "modify_rule")
def _modify_rule(
    original: Any, self: Any, rule_arn: str, conditions: list[dict[str, Any]], actions: list[dict[str, Any]]
) -> Any:
    """ModifyRule: not to more target groups than there may be."""
    for balancer in self.load_balancers.values():
        if actions and any(rule_arn in listener.rules for listener in balancer.listeners.values()):
            _check_forwards(self, balancer, actions)
    return original(self, rule_arn, conditions, actions)


def _check_forwards(backend: Any, balancer: Any, actions: Iterable[Mapping[str, Any]]) -> None:
    """As `refuse_groups`; what names a group that is not there is refused by whoever looks at the actions."""
    known = backend.target_groups
    if all(arn in known for action in actions for arn in backend._get_target_group_arns_from(action_data=action)):
        refuse_groups(backend, balancer, actions)
