"""A route table of a subnet's own, with no route but the VPC's: that is what makes the subnet isolated."""

from collections.abc import Mapping
from typing import Any

from plinkctl.errors import AwsError
from plinkctl.kinds.base import ABSENT, Attrs, Ctx, Presence, Seen, as_dict, ignore_gone
from plinkctl.kinds.base_ec2 import Ec2Kind


class RouteTable(Ec2Kind):
    """`vpc_id`; setting `subnet_ids`: the subnets it serves. Create takes a client token."""

    name = "route_table"
    title = "route table"
    describe, items, tag_type = "describe_route_tables", "RouteTables", "route-table"
    settings = frozenset({"subnet_ids"})

    def attrs_of(self, item: Mapping[str, Any]) -> Attrs:
        """Its ID."""
        return {"id": item["RouteTableId"]}

    def create(self, ctx: Ctx) -> Attrs:
        """CreateRouteTable; the association is a setting."""
        reply = ctx.aws.write(
            "ec2",
            "create_route_table",
            VpcId=ctx.params["vpc_id"],
            ClientToken=ctx.op,
            TagSpecifications=self.tagged(ctx),
        )
        return self.attrs_of(reply["RouteTable"])

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """Its associations."""
        item = self.one(ctx, RouteTableIds=[attrs["id"]])
        if item is None:
            return ABSENT
        subnets = sorted(a["SubnetId"] for a in item.get("Associations", ()) if "SubnetId" in a)
        return Seen(
            presence=Presence.READY,
            attrs=self.attrs_of(item),
            settings={"subnet_ids": subnets},
            frozen={"vpc_id": item["VpcId"]},
            tags=as_dict(item.get("Tags")),
        )

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        """Associate with those of the wanted subnets that a fresh read does not show: AWS refuses a second time."""
        shown = self.probe(ctx, attrs).settings.get("subnet_ids", ())  # a read that lags may not even show the table
        for subnet_id in sorted(set(changes["subnet_ids"]) - set(shown)):
            try:
                ctx.aws.write("ec2", "associate_route_table", RouteTableId=attrs["id"], SubnetId=subnet_id)
            except AwsError as error:
                if error.answer.code != "Resource.AlreadyAssociated":  # the read above lagged; the next probe decides
                    raise

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """Disassociate, then delete: EC2 refuses a table that serves a subnet."""
        item = self.one(ctx, RouteTableIds=[attrs["id"]])
        try:
            for association in (item or {}).get("Associations", ()):
                ctx.aws.write("ec2", "disassociate_route_table", AssociationId=association["RouteTableAssociationId"])
            ctx.aws.write("ec2", "delete_route_table", RouteTableId=attrs["id"])
        except AwsError as error:
            ignore_gone(error)
