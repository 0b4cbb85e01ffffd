"""Target groups and the health of their targets.

A health check is not sent; it is decided from the same rules that carry the traffic, at the moment somebody asks. So a
closed security group shows up here as it would on AWS, with the reason beside it.
"""

from __future__ import annotations

import inspect
import secrets
from typing import TYPE_CHECKING, Any, Final

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
from plinkctl.sandbox.elb import attributes, counts
from plinkctl.sandbox.elb.members import Group, bound_groups, key_of, refuse_third
from plinkctl.sandbox.fabric import decide
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.manners.visibility import born, changing
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FakeTargetGroup: Any = models.FakeTargetGroup
#: What is a setting of a target group, by moto's names.
_TOLD_APART: Final = (
    *("target_type", "protocol", "protocol_version", "port", "vpc_id", "ip_address_type", "matcher"),
    *("health_check_protocol", "health_check_port", "health_check_path", "health_check_enabled"),
    *("health_check_interval_seconds", "health_check_timeout_seconds"),
    *("healthy_threshold_count", "unhealthy_threshold_count"),
)
_Found = tuple[str, str | None, str | None]
NO_LISTENER: Final = (
    "If the target type is ALB, the target must have at least one listener that matches the target group port or any "
    "specified port overrides"
)


def _all_groups() -> Iterator[Any]:
    for regions in list(models.elbv2_backends.values()):
        for backend in list(regions.values()):
            yield from list(backend.target_groups.values())


@world.settler
def _settle(moment: float) -> None:
    for group in _all_groups():
        if group.sandbox.draining:
            group.sandbox.draining = {key: end for key, end in group.sandbox.draining.items() if end > moment}


@override(ELBv2Backend, "create_target_group")
def _create(original: Any, self: Any, name: str, **kwargs: Any) -> Any:
    """CreateTargetGroup: the same settings again give the same one, other settings a refusal."""
    tags = {tag["Key"]: tag.get("Value", "") for tag in kwargs.get("tags") or []}
    for existing in self.target_groups.values():
        if existing.name == name:
            if existing.sandbox.tags == tags and _settings(existing) == _settings(_like(original, self, kwargs)):
                return existing
            raise DuplicateTargetGroupName(
                f"A target group with the same name '{name}' exists, but with different settings"
            )
    if kwargs.get("target_type") == "alb" and kwargs.get("protocol") != "TCP":
        raise ValidationError("Protocol must be TCP for target groups with target type 'alb'")
    _check_health(kwargs)
    refuse_more("target-groups", len(self.target_groups))
    group = original(self, name, **kwargs)
    group.sandbox = Group(tags=tags)
    group.attributes = attributes.of_group(group.target_type, group.protocol)
    born(self, "target group", self.target_groups, group.arn, group.arn)
    changing(self, "tags", group.arn, self.tagging_service.tags, group.arn, new=True)
    return group


def _like(original: Any, backend: Any, asked: dict[str, Any]) -> Any:
    """The target group a request asks for, under a name of its own, and at once forgotten again."""
    made = original(backend, f"like-{secrets.token_hex(8)}", **{**asked, "tags": None})
    del backend.target_groups[made.arn]
    return made


def _settings(group: Any) -> list[str]:
    """What two target groups of one name are told apart by: what they are, whether it was said or is the default.

    AWS's reference says "the same settings" and no more; that a default counts as if it had been said is our choice.
    """
    return [str(getattr(group, name, None)) for name in _TOLD_APART]


def _check_health(asked: Mapping[str, Any]) -> None:
    """The health check of a new group: in the API reference's bounds, and in HTTP where the target is a load balancer.

    Raises:
        ValidationError: it is not; the words are ours.
    """
    for name, low, high in (
        ("healthcheck_interval_seconds", 5, 300),
        ("healthy_threshold_count", 2, 10),
        ("unhealthy_threshold_count", 2, 10),
    ):
        if asked.get(name) is not None and not low <= int(asked[name]) <= high:
            what = name.replace("_", " ").capitalize()
            raise ValidationError(f"{what} '{asked[name]}' must be at least {low} and at most {high}")
    protocol = asked.get("healthcheck_protocol")
    if asked.get("target_type") == "alb" and protocol not in (None, "HTTP", "HTTPS"):
        raise ValidationError(
            f"Health check protocol '{protocol}' must be one of 'HTTP, HTTPS' for target groups with target type 'alb'"
        )


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
    """RegisterTargets: all that are given, or none; a load balancer as target must already listen on the port."""
    group = _group(self, target_group_arn)
    for target in instances:
        if group.target_type == "alb":
            _check_balancer(self, group, target)
        if group.target_type == "lambda":
            _check_function(group, target)
    users = [found for arn in group.load_balancer_arns if (found := world.load_balancer(arn))]
    counts.refuse_targets(self, group, {*group.targets, *[key_of(group, target) for target in instances]}, users)
    original(self, target_group_arn, instances)


def _check_balancer(backend: Any, group: Any, target: dict[str, Any]) -> None:
    balancer = backend.load_balancers.get(target["Id"])
    if balancer is None or balancer.type != "application" or balancer.vpc_id != group.vpc_id:
        raise InvalidTargetError
    key = key_of(group, target)
    if all(int(listener.port) != key[1] for listener in balancer.listeners.values()):
        raise ValidationError(NO_LISTENER)
    if any(other != key for other in group.targets):
        raise ELBClientError("TooManyTargets", "A target group of type 'alb' takes one load balancer only")
    refuse_third(backend, group, [target["Id"]], group.load_balancer_arns)


def _check_function(group: Any, target: dict[str, Any]) -> None:
    if not target["Id"].startswith("arn:") or ":lambda:" not in target["Id"]:
        raise InvalidTargetError
    if any(other != key_of(group, target) for other in group.targets):
        raise ELBClientError("TooManyTargets", "A target group of type 'lambda' takes one function only")


@override(FakeTargetGroup, "register")
def _take_in(_original: Any, self: Any, targets: list[dict[str, Any]]) -> None:
    for target in targets:
        key = key_of(self, target)
        self.targets[key] = {"Id": key[0], "Port": key[1]}
        self.sandbox.since.setdefault(key, world.now())
        self.sandbox.draining.pop(key, None)


@override(ELBv2Backend, "deregister_targets")
def _deregister(_original: Any, self: Any, target_group_arn: str, instances: list[dict[str, Any]]) -> None:
    """DeregisterTargets: no error for a target that is not registered. Without a port it means every one of that ID."""
    group = _group(self, target_group_arn)
    delay = float(group.attributes.get("deregistration_delay.timeout_seconds", 0)) * world.current().profile.draining
    for target in instances:
        meant = (
            [key_of(group, target)] if target.get("Port") else [key for key in group.targets if key[0] == target["Id"]]
        )
        for key in meant:
            if group.targets.pop(key, None) and group.load_balancer_arns and delay > 0:
                group.sandbox.draining[key] = world.now() + delay
            group.sandbox.since.pop(key, None)


@override(FakeTargetGroup, "deregister_terminated_instances")
def _terminated(_original: Any, self: Any, instance_ids: list[str]) -> None:
    for key in [key for key in self.targets if key[0] in instance_ids]:
        del self.targets[key]
        self.sandbox.since.pop(key, None)


@override(ELBv2Backend, "describe_target_health")
def _describe_health(_original: Any, self: Any, target_group_arn: str, targets: list[dict[str, Any]]) -> list[Any]:
    """DescribeTargetHealth: of the targets asked for, or of all, those that are draining among them."""
    group = _group(self, target_group_arn)
    every = [{"Id": target_id, "Port": port} for target_id, port in (*group.targets, *group.sandbox.draining)]
    return [group.health_for(target, self.ec2_backend) for target in targets or every]


@override(FakeTargetGroup, "health_for")
def _health(_original: Any, self: Any, target: dict[str, Any], ec2_backend: Any) -> Any:  # noqa: ARG001 - moto's
    """The health of one target. Those that are instances or functions are never looked at, and always fine."""
    key = key_of(self, target)
    if key in self.sandbox.draining:
        found: _Found = ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
    elif key not in self.targets:
        found = ("unused", "Target.NotRegistered", "Target is not registered to the target group")
    elif not self.health_check_enabled:
        found = ("unavailable", "Target.HealthCheckDisabled", "Health checks are not enabled for this target")
    else:
        found = health(self, self.targets[key])
    answer: Any = models.FakeHealthStatus
    return answer(key[0], key[1] or None, self.health_check_port, *found)


def health(group: Any, target: dict[str, Any]) -> _Found:
    """The health of a registered target: AWS's state, reason code and description.

    Seen from the first network load balancer that uses the group; a group can have only one.
    """
    users = [found for arn in group.load_balancer_arns if (found := world.load_balancer(arn))]
    bound = _bound_since(group, users)
    if bound is None:
        return (
            "unused",
            "Target.NotInUse",
            "Target group is not configured to receive traffic from the load balancer",
        )
    if users[0].state != "active":
        return "initial", "Elb.RegistrationInProgress", "Target registration is in progress"
    # Checks began when the target was registered and a listener there, whichever came last.
    checked_since = max(bound, float(group.sandbox.since[target["Id"], target["Port"]]))
    if world.now() < checked_since + world.current().profile.target:
        return "initial", "Elb.InitialHealthChecking", "Initial health checks in progress"
    if group.target_type not in ("alb", "ip"):
        return "healthy", None, None
    itself = world.load_balancer(target["Id"])
    if itself is not None and itself.state != "active":
        return "unused", "Target.InvalidState", "Target is in an invalid state"
    seen = decide.check(users[0], group, target)
    return seen.state, seen.reason or None, seen.description or None


def _bound_since(group: Any, users: list[Any]) -> float | None:
    """Since when a listener forwards to the group; None when there is none, or none the caller sees yet."""
    return next(
        (
            float(listener.sandbox_since)
            for balancer in users
            for listener in balancer.listeners.values()
            if group.arn in bound_groups(listener)
        ),
        None,
    )
