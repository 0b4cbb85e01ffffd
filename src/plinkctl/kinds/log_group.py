"""The probe function's one log group, with retention."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from plinkctl.errors import AwsError
from plinkctl.kinds.base import ABSENT, Attrs, Ctx, Kind, Presence, Seen, Tagged, ignore_gone, ours

PREFIX: Final = "/plinkctl/"


class LogGroup(Kind):
    """Setting `retention_days`. Names are unique, so a second create is refused."""

    name = "log_group"
    title = "log group"
    client = "logs"
    settings = frozenset({"retention_days"})

    def find(self, ctx: Ctx) -> Attrs | None:
        """By name, then by tag."""
        group = self._group(ctx, self._name(ctx))
        if group is None or not ours(ctx, self._tags(ctx, self._attrs(group)), f"the log group {self._name(ctx)}"):
            return None
        return self._attrs(group)

    def create(self, ctx: Ctx) -> Attrs:
        """CreateLogGroup; it answers nothing, so the ARN is read."""
        ctx.aws.write("logs", "create_log_group", logGroupName=self._name(ctx), tags=ctx.tags)
        arn = f"arn:{ctx.partition}:logs:{ctx.region}:{ctx.account}:log-group:{self._name(ctx)}"
        return {"id": self._name(ctx), "arn": arn}

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """Its retention."""
        group = self._group(ctx, attrs["id"])
        if group is None:
            return ABSENT
        return Seen(
            presence=Presence.READY,
            attrs=self._attrs(group),
            settings={"retention_days": group.get("retentionInDays")},
            tags=self._tags(ctx, attrs),
        )

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        """PutRetentionPolicy."""
        ctx.aws.write(
            "logs", "put_retention_policy", logGroupName=attrs["id"], retentionInDays=changes["retention_days"]
        )

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """DeleteLogGroup; the function is gone by then and its role cannot bring the group back."""
        try:
            ctx.aws.write("logs", "delete_log_group", logGroupName=attrs["id"])
        except AwsError as error:
            ignore_gone(error)

    def retag(self, ctx: Ctx, attrs: Attrs, *, put: Mapping[str, str], drop: Sequence[str]) -> None:
        """TagResource and UntagResource, which want the ARN without a trailing `:*`."""
        if put:
            ctx.aws.write("logs", "tag_resource", resourceArn=attrs["arn"], tags=dict(put))
        if drop:
            ctx.aws.write("logs", "untag_resource", resourceArn=attrs["arn"], tagKeys=list(drop))

    def sweep(self, ctx: Ctx, tag: str, value: str) -> list[Tagged]:
        """By prefix, then by tag."""
        groups = ctx.aws.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=PREFIX)
        return [
            Tagged(attrs=attrs, tags=reply["tags"])
            for attrs in map(self._attrs, groups)
            if (reply := ctx.aws.peek("logs", "list_tags_for_resource", resourceArn=attrs["arn"]))
            and reply["tags"].get(tag) == value
        ]

    def _name(self, ctx: Ctx) -> str:
        return f"{PREFIX}{ctx.link}/{ctx.side}-{ctx.op[:10]}"

    def _group(self, ctx: Ctx, name: str) -> dict[str, Any] | None:
        groups = ctx.aws.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        return next((group for group in groups if group["logGroupName"] == name), None)

    def _tags(self, ctx: Ctx, attrs: Attrs) -> dict[str, str]:
        return dict(ctx.aws.read("logs", "list_tags_for_resource", resourceArn=attrs["arn"])["tags"])

    def _attrs(self, group: Mapping[str, Any]) -> Attrs:
        return {"id": group["logGroupName"], "arn": str(group["arn"]).removesuffix(":*")}
