"""Load balancers: an internal ALB or NLB, guarded by its unique name."""

from collections.abc import Mapping
from typing import Any

from plinkctl.errors import AwsError
from plinkctl.kinds.base import ABSENT, Attrs, Ctx, Patience, Presence, Seen, Tagged, as_list, ignore_gone, ours
from plinkctl.kinds.base_elb import ElbKind, tagged, tags_of


class LoadBalancer(ElbKind):
    """`type` (application, network), `subnet_ids`, `security_group_ids`; setting `enforce` (NLB: on, off)."""

    name = "load_balancer"
    title = "load balancer"
    client = "elbv2"
    patience = Patience(ready_within=900, gone_within=600, usual="2 to 3 min", usual_end="under a minute")
    settings = frozenset({"enforce"})

    def find(self, ctx: Ctx) -> Attrs | None:
        """By name, then by tag."""
        item = self._one(ctx, Names=[ctx.unique_name(32)])
        if item is None or not ours(ctx, tags_of(ctx, item["LoadBalancerArn"]), ctx.unique_name(32)):
            return None
        return self._attrs(item)

    def create(self, ctx: Ctx) -> Attrs:
        """CreateLoadBalancer. The NLB gets its group now or never (aws-facts.md 0.10)."""
        reply = ctx.aws.write(
            "elbv2",
            "create_load_balancer",
            Name=ctx.unique_name(32),
            Type=ctx.params["type"],
            Scheme="internal",
            Subnets=ctx.params["subnet_ids"],
            SecurityGroups=ctx.params["security_group_ids"],
            Tags=as_list(ctx.tags),
        )
        return self._attrs(reply["LoadBalancers"][0])

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """State, and whether its group filters PrivateLink traffic."""
        item = self._one(ctx, LoadBalancerArns=[attrs["id"]])
        if item is None:
            return ABSENT
        state, reason = item["State"]["Code"], item["State"].get("Reason", "")
        presence = {
            "active": Presence.READY,
            "active_impaired": Presence.READY,
            "failed": Presence.FAILED,
        }.get(state, Presence.PENDING)
        # An NLB that has groups but does not tell is one that enforces: that is AWS's default.
        enforce = item.get("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic")
        return Seen(
            presence=presence,
            why=f"{item['Type']} load balancer is {state}{f': {reason}' if reason else ''}",
            attrs=self._attrs(item),
            settings={"enforce": enforce or "on"} if item["Type"] == "network" else {},
            untold=frozenset() if enforce else self.settings,
            frozen={
                "type": item["Type"],
                "subnet_ids": [zone["SubnetId"] for zone in item["AvailabilityZones"]],
                "security_group_ids": list(item.get("SecurityGroups", ())),
            },
            tags=tags_of(ctx, attrs["id"]),
        )

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        """SetSecurityGroups is the only call that has the flag; it wants the groups again."""
        ctx.aws.write(
            "elbv2",
            "set_security_groups",
            LoadBalancerArn=attrs["id"],
            SecurityGroups=ctx.params["security_group_ids"],
            EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic=changes["enforce"],
        )

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """Succeeds for one that is gone; ResourceInUse while an endpoint service still has it."""
        try:
            ctx.aws.write("elbv2", "delete_load_balancer", LoadBalancerArn=attrs["id"])
        except AwsError as error:
            ignore_gone(error)

    def blockers(self, ctx: Ctx, attrs: Attrs) -> str:
        """AWS releases the balancer some time after its endpoint service is gone."""
        return "an endpoint service or target group still holds it"

    def sweep(self, ctx: Ctx, tag: str, value: str) -> list[Tagged]:
        """All balancers of the region, by name and tag."""
        pages = ctx.aws.pages("elbv2", "describe_load_balancers", "LoadBalancers")
        found = {str(item["LoadBalancerArn"]): self._attrs(item) for item in pages}
        tags = tagged(ctx, list(found), tag, value)
        return [Tagged(attrs=found[arn], tags=tags[arn]) for arn in tags]

    def _one(self, ctx: Ctx, **by: Any) -> dict[str, Any] | None:
        reply = ctx.aws.peek("elbv2", "describe_load_balancers", **by)
        return dict(reply["LoadBalancers"][0]) if reply and reply["LoadBalancers"] else None

    def _attrs(self, item: Mapping[str, Any]) -> Attrs:
        return {
            "id": item["LoadBalancerArn"],
            "name": item["LoadBalancerName"],
            "dns_name": item["DNSName"],
            "type": item["Type"],
            "scheme": item.get("Scheme", ""),
        }
