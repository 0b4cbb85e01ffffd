"""A VPC: DNS on, default security group emptied. The one kind without token or unique name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from plinkctl.errors import AwsError
from plinkctl.kinds.base import ABSENT, Attrs, Ctx, Patience, Presence, Seen, as_dict, ignore_gone
from plinkctl.kinds.base_ec2 import Ec2Kind, held_by


class Vpc(Ec2Kind):
    """`cidr`; settings `dns_support`, `dns_hostnames`, `default_group` ("empty")."""

    name = "vpc"
    title = "VPC"
    describe, items, tag_type = "describe_vpcs", "Vpcs", "vpc"
    patience = Patience(ready_within=120, gone_within=600)
    settings = frozenset({"dns_support", "dns_hostnames", "default_group"})
    blind = True  # two CreateVpc calls make two VPCs, same CIDR or not (reliability.md 3.5)

    def attrs_of(self, item: Mapping[str, Any]) -> Attrs:
        """Its ID and block."""
        return {"id": item["VpcId"], "cidr": item["CidrBlock"]}

    def create(self, ctx: Ctx) -> Attrs:
        """CreateVpc; the attributes and the default group are settings."""
        reply = ctx.aws.write(
            "ec2",
            "create_vpc",
            CidrBlock=ctx.params["cidr"],
            InstanceTenancy="default",
            TagSpecifications=self.tagged(ctx),
        )
        return self.attrs_of(reply["Vpc"])

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """State, DNS attributes and the default group's rules."""
        item = self.one(ctx, VpcIds=[attrs["id"]])
        if item is None:
            return ABSENT
        seen = Seen(presence=Presence.PENDING, attrs=self.attrs_of(item), frozen={"cidr": item["CidrBlock"]})
        if item["State"] != "available":
            return replace(seen, why=f"VPC is {item['State']}")
        _, ingress, egress, whole = self._default_rules(ctx, attrs)
        if not whole:  # it is there, for AWS makes it with the VPC; without it nothing can be said of its rules
            return replace(seen, why="its default security group is not wholly visible yet")
        settings = {
            "dns_support": self._attribute(ctx, attrs, "enableDnsSupport", "EnableDnsSupport"),
            "dns_hostnames": self._attribute(ctx, attrs, "enableDnsHostnames", "EnableDnsHostnames"),
            "default_group": "open" if ingress or egress else "empty",
        }
        return replace(seen, presence=Presence.READY, settings=settings, tags=as_dict(item.get("Tags")))

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        """DNS support before hostnames, which need it; the two cannot go in one call (EC2 model text)."""
        for setting, parameter in (("dns_support", "EnableDnsSupport"), ("dns_hostnames", "EnableDnsHostnames")):
            if setting in changes:
                ctx.aws.write(
                    "ec2", "modify_vpc_attribute", VpcId=attrs["id"], **{parameter: {"Value": changes[setting]}}
                )
        if "default_group" in changes:
            group_id, ingress, egress, _ = self._default_rules(ctx, attrs)
            if ingress:
                ctx.aws.write("ec2", "revoke_security_group_ingress", GroupId=group_id, SecurityGroupRuleIds=ingress)
            if egress:
                ctx.aws.write("ec2", "revoke_security_group_egress", GroupId=group_id, SecurityGroupRuleIds=egress)

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """DeleteVpc takes the default group, main route table and network ACL with it."""
        try:
            ctx.aws.write("ec2", "delete_vpc", VpcId=attrs["id"])
        except AwsError as error:
            ignore_gone(error)

    def blockers(self, ctx: Ctx, attrs: Attrs) -> str:
        """Interfaces still in it."""
        return held_by(ctx, "vpc-id", attrs["id"])

    def _attribute(self, ctx: Ctx, attrs: Attrs, name: str, key: str) -> bool:
        reply = ctx.aws.read("ec2", "describe_vpc_attribute", VpcId=attrs["id"], Attribute=name)
        return bool(reply[key]["Value"])

    def _default_rules(self, ctx: Ctx, attrs: Attrs) -> tuple[str, list[str], list[str], bool]:
        """The default group's ID, its rule IDs, inbound and outbound, and whether all of it is seen.

        The group tells its rules too, without IDs. Where it has some and the list of rules has none, the list lags:
        to take it for empty would leave the group open.
        """
        filters = [{"Name": "vpc-id", "Values": [attrs["id"]]}, {"Name": "group-name", "Values": ["default"]}]
        groups = ctx.aws.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=filters)
        if not groups:
            return "", [], [], False
        group_id = str(groups[0]["GroupId"])
        rules = ctx.aws.pages(
            "ec2",
            "describe_security_group_rules",
            "SecurityGroupRules",
            Filters=[{"Name": "group-id", "Values": [group_id]}],
        )
        ingress = [r["SecurityGroupRuleId"] for r in rules if not r["IsEgress"]]
        egress = [r["SecurityGroupRuleId"] for r in rules if r["IsEgress"]]
        told = bool(groups[0].get("IpPermissions")), bool(groups[0].get("IpPermissionsEgress"))
        return group_id, ingress, egress, (not told[0] or bool(ingress)) and (not told[1] or bool(egress))
