"""The VPC endpoint service on the NLB: what the provider offers, to whom, and whether it asks first."""

from collections.abc import Mapping
from typing import Any

from plinkctl.aws.faults import Nature
from plinkctl.errors import AwsError, RefusedError
from plinkctl.kinds.base import ABSENT, Attrs, Ctx, Patience, Presence, Seen, as_dict, ignore_gone
from plinkctl.kinds.base_ec2 import Ec2Kind, connections

REJECT_CONNECTIONS = "reject-connections"
"""The consent without which live connections of others are never cut."""


def own_endpoint(endpoint_id: str) -> str:
    """The consent that says: this endpoint is the same user's, and goes in the same walk."""
    return f"own:{endpoint_id}"


_REJECTABLE = frozenset({"pendingacceptance", "pending", "available"})
_ENDED = frozenset({"deleted", "failed", "expired"})


class EndpointService(Ec2Kind):
    """`load_balancer_arn`; settings `acceptance_required`, `principals` (sorted ARNs), `private_dns_name` (or None).

    Create takes a client token.
    """

    name = "endpoint_service"
    title = "endpoint service"
    describe, items = "describe_vpc_endpoint_service_configurations", "ServiceConfigurations"
    tag_type = "vpc-endpoint-service"
    patience = Patience(ready_within=600, gone_within=900, usual_end="up to 2 min")
    settings = frozenset({"acceptance_required", "principals", "private_dns_name"})
    way_there = (
        "a new service has a new name, so every consumer would have to connect again: "
        "plinkctl teardown provider, then the same command again"
    )

    def attrs_of(self, item: Mapping[str, Any]) -> Attrs:
        """Its ID, its name, where it is offered, and by which TXT record its private DNS name is proven."""
        proof = item.get("PrivateDnsNameConfiguration") or {}
        domain = item.get("PrivateDnsName")
        # AWS gives the record's name without the domain it stands in (aws-facts.md 6.7).
        txt = (
            {"txt_name": f"{proof['Name']}.{domain.removeprefix('*.')}", "txt_value": proof["Value"]}
            if proof.get("Name") and domain
            else {}
        )
        return {
            **txt,
            "id": item["ServiceId"],
            "name": item["ServiceName"],
            "zone_ids": sorted(item.get("AvailabilityZoneIds", ())),
            "zones": sorted(item.get("AvailabilityZones", ())),
        }

    def create(self, ctx: Ctx) -> Attrs:
        """CreateVpcEndpointServiceConfiguration; nobody is allowed until the principals are set."""
        reply = ctx.aws.write(
            "ec2",
            "create_vpc_endpoint_service_configuration",
            NetworkLoadBalancerArns=[ctx.params["load_balancer_arn"]],
            AcceptanceRequired=ctx.params["acceptance_required"],
            ClientToken=ctx.op,
            TagSpecifications=self.tagged(ctx),
        )
        return self.attrs_of(reply["ServiceConfiguration"])

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """State, acceptance and principals."""
        item = self.one(ctx, ServiceIds=[attrs["id"]])
        state = str(item["ServiceState"]).lower() if item else "deleted"
        if item is None or state == "deleted":
            return ABSENT
        presence = {"available": Presence.READY, "failed": Presence.FAILED}.get(state, Presence.PENDING)
        return Seen(
            presence=presence,
            why=f"endpoint service is {item['ServiceState']}",
            attrs=self.attrs_of(item),
            settings={
                "acceptance_required": item["AcceptanceRequired"],
                "principals": self._principals(ctx, attrs) if presence is Presence.READY else None,
                "private_dns_name": item.get("PrivateDnsName"),
            },
            frozen={"load_balancer_arn": next(iter(item.get("NetworkLoadBalancerArns", ())), None)},
            tags=as_dict(item.get("Tags")),
        )

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        """Set acceptance; add and remove only the principals that differ from a fresh read."""
        if "acceptance_required" in changes:
            ctx.aws.write(
                "ec2",
                "modify_vpc_endpoint_service_configuration",
                ServiceId=attrs["id"],
                AcceptanceRequired=changes["acceptance_required"],
            )
        if "private_dns_name" in changes:
            self._rename(ctx, attrs, changes["private_dns_name"])
        if "principals" in changes:
            have, want = set(self._principals(ctx, attrs)), set(changes["principals"])
            difference = {"AddAllowedPrincipals": sorted(want - have), "RemoveAllowedPrincipals": sorted(have - want)}
            wanted = {key: value for key, value in difference.items() if value}
            if wanted:  # what the probe saw may have been older than this read
                ctx.aws.write("ec2", "modify_vpc_endpoint_service_permissions", ServiceId=attrs["id"], **wanted)

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """Reject what is connected, with consent, then delete.

        Both belong together: a connection may come between a look and the delete. The service stays deletable only a
        while after a rejection (aws-facts.md 3.1), so the engine comes here again on ExistingVpcEndpointConnections.

        Raises:
            RefusedError: Somebody is connected and the user did not agree to cut them off.
        """
        for connection in connections(ctx.aws, attrs["id"]):
            state = _state(connection)
            if state not in _REJECTABLE:
                continue
            endpoint_id = connection["VpcEndpointId"]
            if own_endpoint(endpoint_id) in ctx.consents:
                continue  # deleted a moment ago on its own side; the list lags, and the delete below waits for it
            if REJECT_CONNECTIONS not in ctx.consents:
                raise RefusedError(
                    f"{attrs['id']} has a live connection: {endpoint_id} of account {connection['VpcEndpointOwner']}",
                    why=f"its state is {connection['VpcEndpointState']}; deleting the service would cut it off",
                    hint="plinkctl teardown provider --reject-connections",
                    code="live_connections",
                )
            if state == "pending":  # sources disagree whether it can be rejected now; it settles within a minute
                continue
            try:
                ctx.aws.write(
                    "ec2", "reject_vpc_endpoint_connections", ServiceId=attrs["id"], VpcEndpointIds=[endpoint_id]
                )
            except AwsError as error:
                # Describe may say `available` for 90 s after a rejection, and a second one is an error of unknown
                # code (aws-facts.md 1.3, 3.1). Whether it worked is what the delete below says.
                if error.nature in {Nature.DENIED, Nature.CREDENTIALS, Nature.THROTTLED, Nature.UNCLEAR}:
                    raise
        try:
            ctx.aws.write("ec2", "delete_vpc_endpoint_service_configurations", ServiceIds=[attrs["id"]])
        except AwsError as error:
            ignore_gone(error)

    def blockers(self, ctx: Ctx, attrs: Attrs) -> str:
        """Connections that have not ended yet."""
        live = [
            f"{c['VpcEndpointId']} ({c['VpcEndpointState']})"
            for c in connections(ctx.aws, attrs["id"])
            if _state(c) not in _ENDED
        ]
        return "connected still: " + ", ".join(live) if live else "its connections have not quite ended"

    def ended(self, item: Mapping[str, Any]) -> bool:
        """Listed for a while as `Deleted`."""
        return str(item["ServiceState"]).lower() == "deleted"

    def _rename(self, ctx: Ctx, attrs: Attrs, domain: str | None) -> None:
        """Give it another private DNS name, or none.

        Raises:
            RefusedError: Consumers are connected. AWS removes a name only when there are none (PrivateLink guide,
                "Manage DNS names"), and waiting would not help: they are others' to end.
        """
        wish = {"PrivateDnsName": domain} if domain else {"RemovePrivateDnsName": True}
        try:
            ctx.aws.write("ec2", "modify_vpc_endpoint_service_configuration", ServiceId=attrs["id"], **wish)
        except AwsError as error:
            if error.nature != Nature.BUSY:
                raise
            live = [c["VpcEndpointId"] for c in connections(ctx.aws, attrs["id"]) if _state(c) not in _ENDED]
            first = "consumer up --no-private-dns" if domain else "teardown consumer"
            raise RefusedError(
                f"the private DNS name of {attrs['id']} cannot be {'changed' if domain else 'removed'} now",
                why=f"it is in use by {', '.join(live) or 'connections that have not quite ended'}; {error.why}",
                hint=f"its consumers let go of it first: plinkctl {first}",
                code="name_in_use",
            ) from error

    def _principals(self, ctx: Ctx, attrs: Attrs) -> list[str]:
        found = ctx.aws.pages(
            "ec2", "describe_vpc_endpoint_service_permissions", "AllowedPrincipals", ServiceId=attrs["id"]
        )
        return sorted(str(item["Principal"]) for item in found)


def _state(connection: Mapping[str, Any]) -> str:
    return str(connection["VpcEndpointState"]).lower()
