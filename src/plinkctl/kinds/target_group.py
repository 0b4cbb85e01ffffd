"""The target group of type `alb`, and the ALB's registration in it."""

from collections.abc import Mapping
from typing import Any

from plinkctl.errors import AwsError
from plinkctl.kinds.base import ABSENT, Attrs, Ctx, Kind, Patience, Presence, Seen, Tagged, as_list, ignore_gone, ours
from plinkctl.kinds.base_elb import ElbKind, tagged, tags_of


class TargetGroup(ElbKind):
    """`vpc_id`, `port`, `https` (the health check's protocol; missing means HTTP). TCP, as alb targets want it.

    Setting `matcher`: the HTTP codes that count as healthy.
    """

    name = "target_group"
    title = "target group"
    settings = frozenset({"matcher"})
    prunable = True

    def find(self, ctx: Ctx) -> Attrs | None:
        """By name, then by tag."""
        item = self._one(ctx, Names=[ctx.unique_name(32)])
        if item is None or not ours(ctx, tags_of(ctx, item["TargetGroupArn"]), ctx.unique_name(32)):
            return None
        return {"id": item["TargetGroupArn"]}

    def create(self, ctx: Ctx) -> Attrs:
        """CreateTargetGroup with AWS's own health check: `/` on the traffic port, every 30 s.

        HTTP unless told otherwise, and an ALB that listens by HTTPS only would never be healthy (aws-facts.md 7.5).
        """
        checked = {"HealthCheckProtocol": "HTTPS"} if ctx.params.get("https") else {}
        reply = ctx.aws.write(
            "elbv2",
            "create_target_group",
            Name=ctx.unique_name(32),
            TargetType="alb",
            Protocol="TCP",
            Port=ctx.params["port"],
            VpcId=ctx.params["vpc_id"],
            **checked,
            Tags=as_list(ctx.tags),
        )
        return {"id": reply["TargetGroups"][0]["TargetGroupArn"]}

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """Its matcher."""
        item = self._one(ctx, TargetGroupArns=[attrs["id"]])
        if item is None:
            return ABSENT
        return Seen(
            presence=Presence.READY,
            attrs={"id": item["TargetGroupArn"]},
            settings={"matcher": item.get("Matcher", {}).get("HttpCode")},
            frozen={
                "vpc_id": item.get("VpcId"),
                "port": item.get("Port"),
                **({"https": True} if item.get("HealthCheckProtocol") == "HTTPS" else {}),
            },
            tags=tags_of(ctx, attrs["id"]),
        )

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        """A fixed response outside 200-399 is healthy too when the user asked for it (aws-facts.md 7.5)."""
        ctx.aws.write(
            "elbv2", "modify_target_group", TargetGroupArn=attrs["id"], Matcher={"HttpCode": changes["matcher"]}
        )

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """ResourceInUse while a listener forwards to it."""
        try:
            ctx.aws.write("elbv2", "delete_target_group", TargetGroupArn=attrs["id"])
        except AwsError as error:
            ignore_gone(error)

    def sweep(self, ctx: Ctx, tag: str, value: str) -> list[Tagged]:
        """All target groups of the region, by name and tag."""
        pages = ctx.aws.pages("elbv2", "describe_target_groups", "TargetGroups")
        found = tagged(ctx, [item["TargetGroupArn"] for item in pages], tag, value)
        return [Tagged(attrs={"id": arn}, tags=tags) for arn, tags in found.items()]

    def _one(self, ctx: Ctx, **by: Any) -> dict[str, Any] | None:
        reply = ctx.aws.peek("elbv2", "describe_target_groups", **by)
        return dict(reply["TargetGroups"][0]) if reply and reply["TargetGroups"] else None


class Target(Kind):
    """`target_group_arn`, `load_balancer_arn`, `port`, and the ALB's `listener_arn`, which must be there first.

    The listener only orders the work and may be another one later; so it is a setting that is always as it should be.
    """

    name = "target"
    title = "target"
    patience = Patience(ready_within=900, gone_within=300, usual="1 to 4 min")
    settings = frozenset({"listener_arn"})
    prunable = True

    def find(self, ctx: Ctx) -> Attrs | None:
        """A registration is a member of a set: there or not."""
        health = self._health(ctx, ctx.params)
        return self._attrs(ctx.params) if health and health["State"] != "draining" else None

    def create(self, ctx: Ctx) -> Attrs:
        """RegisterTargets; repeating it is harmless."""
        ctx.aws.write("elbv2", "register_targets", **self._target(ctx.params))
        return self._attrs(ctx.params)

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """Its health, with AWS's reason when it is not healthy."""
        health = self._health(ctx, attrs)
        if health is None or health["State"] == "draining":  # draining lasts 300 s and cannot be shortened for an ALB
            return ABSENT
        why = f"target is {health['State']}"
        if reason := health.get("Reason"):
            why += f" ({reason}: {health.get('Description', '')})"
        presence = Presence.READY if health["State"] == "healthy" else Presence.PENDING
        return Seen(presence=presence, why=why, attrs=attrs, settings={"listener_arn": ctx.params.get("listener_arn")})

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """DeregisterTargets succeeds for one that is not registered."""
        try:
            ctx.aws.write("elbv2", "deregister_targets", **self._target(attrs))
        except AwsError as error:
            if error.answer.code != "InvalidTarget":
                ignore_gone(error)

    def _attrs(self, params: Mapping[str, Any]) -> Attrs:
        return {
            "id": params["load_balancer_arn"],
            "target_group_arn": params["target_group_arn"],
            "load_balancer_arn": params["load_balancer_arn"],
            "port": params["port"],
        }

    def _target(self, of: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "TargetGroupArn": of["target_group_arn"],
            "Targets": [{"Id": of["load_balancer_arn"], "Port": of["port"]}],
        }

    def _health(self, ctx: Ctx, of: Mapping[str, Any]) -> dict[str, Any] | None:
        reply = ctx.aws.peek("elbv2", "describe_target_health", TargetGroupArn=of["target_group_arn"])
        if reply is None:
            return None
        for described in reply["TargetHealthDescriptions"]:
            if described["Target"]["Id"] == of["load_balancer_arn"]:
                return dict(described["TargetHealth"])
        return None
