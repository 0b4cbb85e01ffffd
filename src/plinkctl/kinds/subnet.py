"""A private subnet in one zone, named by zone ID: zone names mean different places in different accounts."""

from collections.abc import Mapping
from typing import Any

from plinkctl.errors import AwsError
from plinkctl.kinds.base import ABSENT, Attrs, Ctx, Patience, Presence, Seen, as_dict, ignore_gone
from plinkctl.kinds.base_ec2 import Ec2Kind, held_by


class Subnet(Ec2Kind):
    """`vpc_id`, `cidr`, `zone_id`. A second create is refused by EC2 since blocks must not overlap."""

    name = "subnet"
    title = "subnet"
    describe, items, tag_type = "describe_subnets", "Subnets", "subnet"
    # Load balancer and Lambda interfaces hold it after their owner is gone: up to 45 min (aws-facts.md 3.4, 3.6)
    patience = Patience(ready_within=120, gone_within=2700, usual_end="minutes, while interfaces go")

    def attrs_of(self, item: Mapping[str, Any]) -> Attrs:
        """Its ID, block, zone and VPC."""
        return {
            "id": item["SubnetId"],
            "cidr": item["CidrBlock"],
            "zone_id": item["AvailabilityZoneId"],
            "vpc_id": item["VpcId"],
        }

    def create(self, ctx: Ctx) -> Attrs:
        """CreateSubnet; public addresses are off by default and stay so."""
        reply = ctx.aws.write(
            "ec2",
            "create_subnet",
            VpcId=ctx.params["vpc_id"],
            CidrBlock=ctx.params["cidr"],
            AvailabilityZoneId=ctx.params["zone_id"],
            TagSpecifications=self.tagged(ctx),
        )
        return self.attrs_of(reply["Subnet"])

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """Its state."""
        item = self.one(ctx, SubnetIds=[attrs["id"]])
        if item is None:
            return ABSENT
        ready = item["State"] == "available"
        return Seen(
            presence=Presence.READY if ready else Presence.PENDING,
            why=f"subnet is {item['State']}",
            attrs=self.attrs_of(item),
            frozen={"vpc_id": item["VpcId"], "cidr": item["CidrBlock"], "zone_id": item["AvailabilityZoneId"]},
            tags=as_dict(item.get("Tags")),
        )

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """Refused with DependencyViolation while an interface is in it."""
        try:
            ctx.aws.write("ec2", "delete_subnet", SubnetId=attrs["id"])
        except AwsError as error:
            ignore_gone(error)

    def blockers(self, ctx: Ctx, attrs: Attrs) -> str:
        """Interfaces still in it."""
        return held_by(ctx, "subnet-id", attrs["id"])
