"""The interface endpoint in the consumer's VPC."""

from collections.abc import Mapping
from typing import Any, Final

from plinkctl.errors import AwsError
from plinkctl.kinds.base import ABSENT, Attrs, Ctx, Patience, Presence, Seen, as_dict, ignore_gone
from plinkctl.kinds.base_ec2 import ENDED, Ec2Kind

# Every state of botocore's enum, compared without case: the model says `PendingAcceptance`, the wire
# `pendingAcceptance`.
PRESENCE: Final[dict[str, Presence]] = {
    "pendingacceptance": Presence.HELD,
    "pending": Presence.PENDING,
    "available": Presence.READY,
    "deleting": Presence.PENDING,
    "deleted": Presence.ABSENT,
    "rejected": Presence.FAILED,
    "failed": Presence.FAILED,
    "expired": Presence.FAILED,
    "partial": Presence.PENDING,
}


class Endpoint(Ec2Kind):
    """`vpc_id`, `service_name`, `subnet_ids`, `security_group_ids`. Create takes a token."""

    name = "endpoint"
    title = "interface endpoint"
    describe, items, tag_type = "describe_vpc_endpoints", "VpcEndpoints", "vpc-endpoint"
    patience = Patience(ready_within=900, gone_within=900, usual="1 to 3 min", usual_end="1 to 5 min")
    way_there = (
        "a new endpoint has new DNS names, so its clients would have to be told: "
        "plinkctl teardown consumer, then the same command again"
    )

    def attrs_of(self, item: Mapping[str, Any]) -> Attrs:
        """Its ID, state and, as soon as AWS tells them, its regional and zonal DNS names.

        The service's private name is in that list too once it is switched on: the ones of its own begin with its ID.
        """
        entries = [entry for entry in item.get("DnsEntries", ()) if entry.get("DnsName")]
        own = [entry for entry in entries if entry["DnsName"].startswith(item["VpcEndpointId"])] or entries
        names = [entry["DnsName"] for entry in own]
        return {
            "id": item["VpcEndpointId"],
            "service_name": item["ServiceName"],
            "state": item["State"],
            **({"dns_name": names[0], "zonal_dns_names": names[1:]} if names else {}),
            **({"dns_zone_id": own[0].get("HostedZoneId")} if names else {}),
        }

    def create(self, ctx: Ctx) -> Attrs:
        """CreateVpcEndpoint; type and private DNS always said, since AWS's defaults are Gateway and unclear."""
        reply = ctx.aws.write(
            "ec2",
            "create_vpc_endpoint",
            VpcEndpointType="Interface",
            VpcId=ctx.params["vpc_id"],
            ServiceName=ctx.params["service_name"],
            SubnetIds=ctx.params["subnet_ids"],
            SecurityGroupIds=ctx.params["security_group_ids"],
            PrivateDnsEnabled=False,  # never at once: refused before acceptance (aws-facts.md 2)
            ClientToken=ctx.op,
            TagSpecifications=self.tagged(ctx),
        )
        return self.attrs_of(reply["VpcEndpoint"])

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """Its state."""
        item = self.one(ctx, VpcEndpointIds=[attrs["id"]])
        if item is None:
            return ABSENT
        presence = PRESENCE.get(str(item["State"]).lower(), Presence.PENDING)
        if presence is Presence.HELD and not item.get("DnsEntries"):
            presence = (
                Presence.PENDING
            )  # the names usually come at once (aws-facts.md 0.6), and the function needs them
        return Seen(
            presence=presence,
            why=_why(item, presence),
            attrs=self.attrs_of(item),
            frozen={
                "vpc_id": item["VpcId"],
                "service_name": item["ServiceName"],
                "subnet_ids": list(item.get("SubnetIds", ())),
                "security_group_ids": [group["GroupId"] for group in item.get("Groups", ())],
            },
            tags=as_dict(item.get("Tags")),
        )

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """DeleteVpcEndpoints, once: it shares a bucket of 4 calls with the other endpoint calls (aws-facts.md 9.1).

        One that a read does not show is deleted all the same: the read may lag, and the next ones may as well.
        """
        item = self.one(ctx, VpcEndpointIds=[attrs["id"]])
        if item is not None and str(item["State"]).lower() in ENDED:
            return
        try:
            ctx.aws.write("ec2", "delete_vpc_endpoints", VpcEndpointIds=[attrs["id"]])
        except AwsError as error:
            ignore_gone(error)

    def find(self, ctx: Ctx) -> Attrs | None:
        """By the op tag; one that is going or gone is none, though EC2 still lists it for a while."""
        found = self.look(ctx, "tag:plinkctl:op", ctx.op)
        return next((self.attrs_of(i) for i in found if str(i["State"]).lower() not in ENDED), None)

    def ended(self, item: Mapping[str, Any]) -> bool:
        """Listed for a while as `deleted`."""
        return str(item["State"]).lower() == "deleted"


def _why(item: Mapping[str, Any], presence: Presence) -> str:
    state = item["State"]
    if presence is Presence.HELD:
        return f"the provider must accept it: plinkctl accept --endpoint-id {item['VpcEndpointId']}"
    if presence is not Presence.FAILED:
        return f"endpoint is {state}"
    reason = item.get("FailureReason") or item.get("LastError", {}).get("Message") or ""
    cure = "it cannot be used again: plinkctl teardown consumer, then the same command again"
    return f"endpoint is {state}{f' ({reason})' if reason else ''}; {cure}"
