"""Target groups and the health of their targets.

A health check is not sent; it is decided from the same rules that carry the traffic, at the moment somebody asks. So a
closed security group shows up here as it would on AWS, with the reason beside it.
"""

from __future__ import annotations

import inspect
from typing import Any, Final

from moto.elbv2 import models
from moto.elbv2.exceptions import (
    DuplicateTargetGroupName,
    ELBClientError,
    InvalidTargetError,
    ResourceInUseError,
    TargetGroupNotFoundError,
    ValidationError,
)
from moto.elbv2.models import ELBv2Backend

from plinkctl.sandbox import world
from plinkctl.sandbox.elb.listeners import bound_groups
from plinkctl.sandbox.fabric import decide
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.manners.visibility import born, changing
from plinkctl.sandbox.patch import override

NO_LISTENER: Final = (
    "If the target type is ALB, the target must have at least one listener that matches the target group port or any "
    "specified port overrides"
)


@override(ELBv2Backend, "create_target_group")
def _create(original: Any, self: Any, name: str, **kwargs: Any) -> Any:
    """CreateTargetGroup: the same settings again give the same one, other settings a refusal."""
    asked = {key: value for key, value in kwargs.items() if value is not None}
    for existing in self.target_groups.values():
        if existing.name == name and existing.sandbox_asked == asked:
            return existing
        if existing.name == name:
            raise DuplicateTargetGroupName(
                f"A target group with the same name '{name}' exists, but with different settings"
            )
    if kwargs.get("target_type") == "alb" and kwargs.get("protocol") != "TCP":
        raise ValidationError("Protocol must be TCP for target groups with target type 'alb'")
    refuse_more("target-groups", len(self.target_groups))
    group = original(self, name, **kwargs)
    group.sandbox_asked, group.sandbox_since = asked, {}
    born(self, "target group", self.target_groups, group.arn, group.arn)
    changing(self, "tags", group.arn, self.tagging_service.tags, group.arn, new=True)
    return group


@override(ELBv2Backend, "delete_target_group")
def _delete(original: Any, self: Any, target_group_arn: str) -> Any:
    """DeleteTargetGroup: no error when it is not there; refused while a listener or a rule uses it."""
    if target_group_arn not in self.target_groups:
        return None
    if self._any_listener_using(target_group_arn):
        raise ResourceInUseError(f"Target group '{target_group_arn}' is currently in use by a listener or a rule")
    self.tagging_service.delete_all_tags_for_resource(target_group_arn)
    return original(self, target_group_arn)


@override(ELBv2Backend, "modify_target_group")
def _modify(original: Any, self: Any, arn: str, *args: Any, **kwargs: Any) -> Any:
    """ModifyTargetGroup: the matcher also where the group itself is TCP and only its health checks are HTTP."""
    codes = inspect.signature(original).bind(self, arn, *args, **kwargs).arguments.get("http_codes")
    group = original(self, arn, *args, **kwargs)
    if codes and group.health_check_protocol in ("HTTP", "HTTPS"):
        group.matcher = {"HttpCode": codes}
    return group


def _group(backend: Any, arn: str) -> Any:
    if arn not in backend.target_groups:
        raise TargetGroupNotFoundError
    return backend.target_groups[arn]


@override(ELBv2Backend, "register_targets")
def _register(original: Any, self: Any, target_group_arn: str, instances: list[dict[str, Any]]) -> None:
    """RegisterTargets; a load balancer as target must already listen on the port."""
    group = _group(self, target_group_arn)
    for target in instances:
        if group.target_type == "alb":
            _check_balancer(self, group, target)
    original(self, target_group_arn, instances)
    for target in instances:
        group.sandbox_since.setdefault(target["Id"], world.now())


def _check_balancer(backend: Any, group: Any, target: dict[str, Any]) -> None:
    balancer = backend.load_balancers.get(target["Id"])
    if balancer is None or balancer.type != "application" or balancer.vpc_id != group.vpc_id:
        raise InvalidTargetError
    port = int(target.get("Port") or group.port)
    if all(int(listener.port) != port for listener in balancer.listeners.values()):
        raise ValidationError(NO_LISTENER)
    if any(other != target["Id"] for other in group.targets):
        raise ELBClientError("TooManyTargets", "A target group of type 'alb' takes one load balancer only")


@override(ELBv2Backend, "deregister_targets")
def _deregister(original: Any, self: Any, target_group_arn: str, instances: list[dict[str, Any]]) -> None:
    """DeregisterTargets: no error for a target that is not registered."""
    group = _group(self, target_group_arn)
    original(self, target_group_arn, [target for target in instances if target["Id"] in group.targets])
    for target in instances:
        group.sandbox_since.pop(target["Id"], None)


@override(models.FakeTargetGroup, "health_for")
def _health(original: Any, self: Any, target: dict[str, Any], ec2_backend: Any) -> Any:
    """DescribeTargetHealth, one target."""
    known = self.targets.get(target["Id"])
    if known is None or self.target_type not in ("alb", "ip"):
        return original(self, target, ec2_backend)
    found = health(self, known)
    return models.FakeHealthStatus(known["Id"], known["Port"], self.health_check_port, *found)


def health(group: Any, target: dict[str, Any]) -> tuple[str, str | None, str | None]:
    """The health of a target of type `alb` or `ip`: AWS's state, reason code and description.

    Seen from the first network load balancer that uses the group; a group can have only one.
    """
    users = [found for arn in group.load_balancer_arns if (found := world.load_balancer(arn))]
    if not users:
        return (
            "unused",
            "Target.NotInUse",
            "Target group is not configured to receive traffic from the load balancer",
        )
    if users[0].state != "active":
        return "initial", "Elb.RegistrationInProgress", "Target registration is in progress"
    if world.now() < _checked_since(group, target, users) + world.current().profile.target:
        return "initial", "Elb.InitialHealthChecking", "Initial health checks in progress"
    itself = world.load_balancer(target["Id"])
    if itself is not None and itself.state != "active":
        return "unused", "Target.InvalidState", "Target is in an invalid state"
    seen = decide.check(users[0], group, target)
    return seen.state, seen.reason or None, seen.description or None


def _checked_since(group: Any, target: dict[str, Any], users: list[Any]) -> float:
    """When health checks began: the target registered and a listener there, whichever came last."""
    bound: list[float] = [
        listener.sandbox_since
        for balancer in users
        for listener in balancer.listeners.values()
        if group.arn in bound_groups(listener)
    ]
    return max(float(group.sandbox_since[target["Id"]]), *bound[:1])
