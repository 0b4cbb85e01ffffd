"""A private hosted zone in the consumer's VPC, for a name of the consumer's own."""

from collections.abc import Mapping, Sequence
from typing import Any

from plinkctl.errors import AwsError
from plinkctl.kinds.base import (
    ABSENT,
    TAG_PREFIX,
    Attrs,
    Ctx,
    Kind,
    Presence,
    Seen,
    Tagged,
    as_dict,
    as_list,
    ignore_gone,
)


class HostedZone(Kind):
    """`domain`, `vpc_id`. CallerReference, which Route 53 takes once only, is the op.

    CreateHostedZone takes no tags, so they are a setting, `tagged`, that is brought about by the next call.
    """

    name = "hosted_zone"
    title = "private hosted zone"
    client = "route53"
    prunable = True
    settings = frozenset({"tagged"})

    def find(self, ctx: Ctx) -> Attrs | None:
        """By the caller reference among the zones of that name."""
        reply = ctx.aws.read("route53", "list_hosted_zones_by_name", DNSName=ctx.params["domain"])
        for zone in reply["HostedZones"]:
            if zone["CallerReference"] == ctx.op:
                return self._attrs(zone)
        return None

    def create(self, ctx: Ctx) -> Attrs:
        """CreateHostedZone, private from the start."""
        reply = ctx.aws.write(
            "route53",
            "create_hosted_zone",
            Name=ctx.params["domain"],
            CallerReference=ctx.op,
            HostedZoneConfig={"Comment": f"plinkctl {ctx.link}", "PrivateZone": True},
            VPC={"VPCRegion": ctx.region, "VPCId": ctx.params["vpc_id"]},
        )
        return self._attrs(reply["HostedZone"])

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """Whether it is there, by its caller reference ours, and tagged."""
        reply = ctx.aws.peek("route53", "get_hosted_zone", Id=attrs["id"])
        if reply is None:
            return ABSENT
        tags = self._tags(ctx, attrs)
        ours = {f"{TAG_PREFIX}op": reply["HostedZone"]["CallerReference"]}
        settings = {"tagged": all(tags.get(key) == value for key, value in ctx.tags.items())}
        vpcs = reply.get("VPCs", ())  # a read that lags has none
        frozen = {
            "domain": str(reply["HostedZone"]["Name"]).rstrip("."),
            "vpc_id": vpcs[0]["VPCId"] if vpcs else None,
        }
        return Seen(presence=Presence.READY, attrs=attrs, settings=settings, frozen=frozen, tags={**tags, **ours})

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        """ChangeTagsForResource."""
        self.retag(ctx, attrs, put=ctx.tags, drop=())

    def retag(self, ctx: Ctx, attrs: Attrs, *, put: Mapping[str, str], drop: Sequence[str]) -> None:
        """ChangeTagsForResource."""
        tags: dict[str, Any] = {"AddTags": as_list(put)} if put else {}
        if drop:
            tags["RemoveTagKeys"] = list(drop)
        ctx.aws.write("route53", "change_tags_for_resource", ResourceType="hostedzone", ResourceId=attrs["id"], **tags)

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """DeleteHostedZone; HostedZoneNotEmpty while somebody has records of their own in it."""
        try:
            ctx.aws.write("route53", "delete_hosted_zone", Id=attrs["id"])
        except AwsError as error:
            ignore_gone(error)

    def sweep(self, ctx: Ctx, tag: str, value: str) -> list[Tagged]:
        """All private zones of the account, by tag."""
        zones = ctx.aws.pages("route53", "list_hosted_zones", "HostedZones")
        private = [self._attrs(zone) for zone in zones if zone.get("Config", {}).get("PrivateZone")]
        found = [Tagged(attrs=attrs, tags=self._tags(ctx, attrs)) for attrs in private]
        return [item for item in found if item.tags.get(tag) == value]

    def _tags(self, ctx: Ctx, attrs: Attrs) -> dict[str, str]:
        reply = ctx.aws.peek("route53", "list_tags_for_resource", ResourceType="hostedzone", ResourceId=attrs["id"])
        return as_dict(reply["ResourceTagSet"]["Tags"]) if reply else {}

    def _attrs(self, zone: Mapping[str, Any]) -> Attrs:
        return {"id": str(zone["Id"]).rpartition("/")[2]}
