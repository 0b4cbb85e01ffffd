"""What stands behind whom: the targets of a group, and how often a load balancer may be one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from moto.elbv2.exceptions import ELBClientError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: A target: an ID (an address, or the ARN of a load balancer or a function) and a port; a function has port 0.
Target = tuple[str, int]

#: So many network load balancers may have the same application load balancer behind them (NLB guide).
_NETWORK_BALANCERS: Final = 2


@dataclass(slots=True, eq=False, kw_only=True)
class Group:
    """What the sandbox knows of a target group.

    A target is an ID and a port; the same ID on two ports is two targets, where moto has one.

    Attributes:
        tags: those of its creation; the same ones, and the same settings, are answered with the same group.
        since: when each target was registered (seconds of the sandbox's clock).
        draining: the targets that were deregistered, and until when each is still told of.
    """

    tags: dict[str, str]
    since: dict[Target, float] = field(default_factory=dict)
    draining: dict[Target, float] = field(default_factory=dict)

    def holds(self, target_id: str) -> bool:
        """Whether a target of that ID is registered, or draining still."""
        return any(one[0] == target_id for one in (*self.since, *self.draining))


def key_of(group: Any, target: Mapping[str, Any]) -> Target:
    """The target a request means; without a port it is the group's."""
    return str(target["Id"]), int(target.get("Port") or group.port or 0)


def bound_groups(listener: Any) -> set[str]:
    """The ARNs of the target groups a listener forwards to, by its default action or by a rule."""
    found: set[str] = set()
    for rule in listener.rules.values():
        for action in rule.actions:
            if arn := action.data.get("TargetGroupArn"):
                found.add(arn)
            for one in action.data.get("ForwardConfig", {}).get("TargetGroups", []):
                found.add(one["TargetGroupArn"])
    return found


def refuse_third(backend: Any, group: Any, targets: Iterable[str], users: Iterable[str]) -> None:
    """Refuse an application load balancer behind more than two network load balancers.

    Args:
        backend: moto's ELBv2 backend.
        group: the target group to be changed; it counts with what is given here.
        targets: the load balancers that are, or will be, its targets (ARNs).
        users: the network load balancers that forward, or will forward, to it (ARNs).

    Raises:
        ELBClientError: TooManyRegistrationsForTargetId; which code AWS has for it is not known.
    """
    for target in targets:
        others = [one for one in backend.target_groups.values() if one is not group and one.sandbox.holds(target)]
        if len({arn for one in others for arn in one.load_balancer_arns} | set(users)) > _NETWORK_BALANCERS:
            raise ELBClientError(
                "TooManyRegistrationsForTargetId",
                f"The load balancer '{target}' is a target of {_NETWORK_BALANCERS} network load balancers already",
            )
