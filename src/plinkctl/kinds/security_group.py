"""A security group, and one rule of it. Rules are nodes of their own since two groups may refer to each other."""

from collections.abc import Mapping
from typing import Any, Final

from plinkctl.errors import AwsError
from plinkctl.kinds.base import ABSENT, Attrs, Ctx, Patience, Presence, Seen, as_dict, ignore_gone
from plinkctl.kinds.base_ec2 import Ec2Kind, held_by

_EVERYWHERE: Final = frozenset({"0.0.0.0/0", "::/0"})


class SecurityGroup(Ec2Kind):
    """`vpc_id`, `description` (EC2 takes no apostrophe in it); setting `open_egress` (always wanted False)."""

    name = "security_group"
    title = "security group"
    describe, items, tag_type = "describe_security_groups", "SecurityGroups", "security-group"
    settings = frozenset({"open_egress"})
    patience = Patience(
        ready_within=120, gone_within=2700, usual_end="minutes, while interfaces go"
    )  # held as long as a subnet is

    def attrs_of(self, item: Mapping[str, Any]) -> Attrs:
        """Its ID."""
        return {"id": item["GroupId"]}

    def create(self, ctx: Ctx) -> Attrs:
        """CreateSecurityGroup; EC2 gives it an allow-all egress rule, which the setting takes away."""
        reply = ctx.aws.write(
            "ec2",
            "create_security_group",
            GroupName=f"plinkctl-{ctx.link}-{ctx.side}-{ctx.node}-{ctx.op[:10]}",
            Description=ctx.params["description"],
            VpcId=ctx.params["vpc_id"],
            TagSpecifications=self.tagged(ctx),
        )
        return self.attrs_of(reply)

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """Whether EC2's own egress rule is still there."""
        item = self.one(ctx, GroupIds=[attrs["id"]])
        if item is None:
            return ABSENT
        found = self._open_egress(ctx, attrs)
        if not found and _open(item):  # the list of rules lags; to believe it would leave the group open
            return Seen(presence=Presence.PENDING, why="its rules are not visible yet", attrs=self.attrs_of(item))
        return Seen(
            presence=Presence.READY,
            attrs=self.attrs_of(item),
            settings={"open_egress": bool(found)},
            frozen={"vpc_id": item["VpcId"], "description": item["Description"]},
            tags=as_dict(item.get("Tags")),
        )

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        """Revoke by rule ID, never by tuple: in a default VPC a tuple that matches nothing is a silent success."""
        if rules := self._open_egress(ctx, attrs):
            ctx.aws.write("ec2", "revoke_security_group_egress", GroupId=attrs["id"], SecurityGroupRuleIds=rules)

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """Refused with DependencyViolation while an interface or a rule uses it."""
        try:
            ctx.aws.write("ec2", "delete_security_group", GroupId=attrs["id"])
        except AwsError as error:
            ignore_gone(error)

    def blockers(self, ctx: Ctx, attrs: Attrs) -> str:
        """Interfaces that use it."""
        return held_by(ctx, "group-id", attrs["id"])

    def _open_egress(self, ctx: Ctx, attrs: Attrs) -> list[str]:
        """All-protocol egress rules to everywhere: IPv4, and IPv6 in VPCs that have it."""
        rules = ctx.aws.pages(
            "ec2",
            "describe_security_group_rules",
            "SecurityGroupRules",
            Filters=[{"Name": "group-id", "Values": [attrs["id"]]}],
        )
        return [
            r["SecurityGroupRuleId"]
            for r in rules
            if r["IsEgress"] and r["IpProtocol"] == "-1" and {r.get("CidrIpv4"), r.get("CidrIpv6")} & _EVERYWHERE
        ]


def _open(group: Mapping[str, Any]) -> bool:
    """Whether the group itself says that it lets everything out."""
    for permission in group.get("IpPermissionsEgress", ()):
        ranges = {one.get("CidrIp") for one in permission.get("IpRanges", ())}
        ranges |= {one.get("CidrIpv6") for one in permission.get("Ipv6Ranges", ())}
        if permission["IpProtocol"] == "-1" and ranges & _EVERYWHERE:
            return True
    return False


class SecurityGroupRule(Ec2Kind):
    """`group_id`, `direction` (ingress, egress); settings `port`, and one of `peer_group_id`, `peer_cidr`."""

    name = "security_group_rule"
    title = "security group rule"
    describe, items, tag_type = "describe_security_group_rules", "SecurityGroupRules", "security-group-rule"
    settings = frozenset({"port", "peer_group_id", "peer_cidr"})
    prunable = True

    def attrs_of(self, item: Mapping[str, Any]) -> Attrs:
        """Its ID."""
        return {"id": item["SecurityGroupRuleId"]}

    def create(self, ctx: Ctx) -> Attrs:
        """Authorize one rule a call: one duplicate among several would have the whole call refused."""
        reply = ctx.aws.write(
            "ec2",
            f"authorize_security_group_{ctx.params['direction']}",
            GroupId=ctx.params["group_id"],
            IpPermissions=[{"IpProtocol": "tcp", **_ports(ctx.params["port"]), **_peer(ctx.params)}],
            TagSpecifications=self.tagged(ctx),
        )
        return self.attrs_of(reply["SecurityGroupRules"][0])

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """Its port and peer: a rule that somebody opened to the world is put back."""
        item = self.one(ctx, SecurityGroupRuleIds=[attrs["id"]])
        if item is None:
            return ABSENT
        ports = {item.get("FromPort"), item.get("ToPort")}  # missing where the protocol has none
        port = ports.pop() if len(ports) == 1 and item["IpProtocol"] == "tcp" else None
        return Seen(
            presence=Presence.READY,
            attrs=self.attrs_of(item),
            settings={
                "port": port,
                "peer_group_id": item.get("ReferencedGroupInfo", {}).get("GroupId"),
                "peer_cidr": item.get("CidrIpv4"),
            },
            frozen={"group_id": item["GroupId"], "direction": "egress" if item["IsEgress"] else "ingress"},
            tags=as_dict(item.get("Tags")),
        )

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        """ModifySecurityGroupRules replaces the rule's content and keeps its ID and tags."""
        peer = {"CidrIpv4": ctx.params["peer_cidr"]} if ctx.params.get("peer_cidr") else {}
        if group := ctx.params.get("peer_group_id"):
            peer = {"ReferencedGroupId": group}
        rule = {"IpProtocol": "tcp", **_ports(ctx.params["port"]), **peer}
        ctx.aws.write(
            "ec2",
            "modify_security_group_rules",
            GroupId=ctx.params["group_id"],
            SecurityGroupRules=[{"SecurityGroupRuleId": attrs["id"], "SecurityGroupRule": rule}],
        )

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """Revoke by rule ID: an equal rule that somebody else made has another ID and stays."""
        try:
            ctx.aws.write(
                "ec2",
                f"revoke_security_group_{ctx.params['direction']}",
                GroupId=ctx.params["group_id"],
                SecurityGroupRuleIds=[attrs["id"]],
            )
        except AwsError as error:
            ignore_gone(error)


def _ports(port: int) -> dict[str, int]:
    return {"FromPort": port, "ToPort": port}


def _peer(params: Mapping[str, Any]) -> dict[str, Any]:
    if group := params.get("peer_group_id"):
        return {"UserIdGroupPairs": [{"GroupId": group}]}
    return {"IpRanges": [{"CidrIp": params["peer_cidr"]}]}
