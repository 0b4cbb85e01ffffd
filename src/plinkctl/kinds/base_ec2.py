"""What all kinds of EC2 share: one describe call that finds by ID, by tag, and sweeps."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from plinkctl.aws.session import Clients
from plinkctl.errors import AwsError
from plinkctl.kinds.base import TAG_PREFIX, Attrs, Ctx, Kind, Tagged, as_dict, as_list, gone

#: States of an endpoint that is none any more, compared without case.
ENDED: Final = frozenset({"deleting", "deleted"})


class Ec2Kind(Kind):
    """A kind that EC2 describes with filters and tags: find, probe's lookup, tags and sweep come for free.

    Subclasses say which describe call, which list and which tag resource type.
    """

    describe: ClassVar[str]
    items: ClassVar[str]
    tag_type: ClassVar[str]

    @abstractmethod
    def attrs_of(self, item: Mapping[str, Any]) -> Attrs:
        """The attributes worth remembering."""

    def find(self, ctx: Ctx) -> Attrs | None:
        """By the op tag, which EC2 can filter on; eventual consistency may hide a fresh one."""
        found = self.look(ctx, f"tag:{TAG_PREFIX}op", ctx.op)
        return self.attrs_of(found[0]) if found else None

    def sweep(self, ctx: Ctx, tag: str, value: str) -> list[Tagged]:
        """By the tag, less what EC2 still lists as deleted for a while."""
        found = [item for item in self.look(ctx, f"tag:{tag}", value) if not self.ended(item)]
        return [Tagged(attrs=self.attrs_of(item), tags=as_dict(item.get("Tags"))) for item in found]

    def ended(self, item: Mapping[str, Any]) -> bool:
        """Whether EC2 lists what is deleted already."""
        return False

    def retag(self, ctx: Ctx, attrs: Attrs, *, put: Mapping[str, str], drop: Sequence[str]) -> None:
        """CreateTags overwrites, DeleteTags ignores what is not there: both repeatable."""
        if put:
            ctx.aws.write("ec2", "create_tags", Resources=[attrs["id"]], Tags=as_list(put))
        if drop:
            ctx.aws.write("ec2", "delete_tags", Resources=[attrs["id"]], Tags=[{"Key": key} for key in drop])

    def look(self, ctx: Ctx, name: str, value: str) -> list[dict[str, Any]]:
        """All items that match one filter."""
        return ctx.aws.pages("ec2", self.describe, self.items, Filters=[{"Name": name, "Values": [value]}])

    def one(self, ctx: Ctx, **by_id: Any) -> dict[str, Any] | None:
        """The item with the given ID, or None when EC2 says it is not there."""
        reply = ctx.aws.peek("ec2", self.describe, **by_id)
        return dict(reply[self.items][0]) if reply and reply[self.items] else None

    def tagged(self, ctx: Ctx) -> list[dict[str, Any]]:
        """The TagSpecifications of a create call."""
        return [{"ResourceType": self.tag_type, "Tags": as_list(ctx.tags)}]


def interfaces(ctx: Ctx, name: str, value: str) -> list[dict[str, Any]]:
    """Network interfaces that match one filter: what holds a subnet or a security group."""
    return ctx.aws.pages(
        "ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=[{"Name": name, "Values": [value]}]
    )


def held_by(ctx: Ctx, name: str, value: str) -> str:
    """The same in words, e.g. `eni-1 (ELB app/…), eni-2 (AWS Lambda VPC ENI-…)`."""
    found = interfaces(ctx, name, value)
    return ", ".join(f"{eni['NetworkInterfaceId']} ({eni.get('Description') or 'no description'})" for eni in found)


def connections(aws: Clients, service_id: str) -> list[dict[str, Any]]:
    """The service's connections; filtered by service only, since AWS may refuse other filters (aws-facts.md 1.3)."""
    try:
        return aws.pages(
            "ec2",
            "describe_vpc_endpoint_connections",
            "VpcEndpointConnections",
            Filters=[{"Name": "service-id", "Values": [service_id]}],
        )
    except AwsError as error:
        if gone(error):
            return []
        raise
