"""The private DNS name: its verification on the service, the consumer's wait for it, and its switch on the endpoint."""

from collections.abc import Mapping
from typing import Any

from plinkctl.errors import AwsError
from plinkctl.kinds.base import ABSENT, Attrs, Ctx, Kind, Patience, Presence, Seen, ignore_gone
from plinkctl.kinds.base_awaited import Awaited
from plinkctl.kinds.base_ec2 import ENDED


class PrivateDnsVerification(Kind):
    """`service_id`, `domain`, `record`: AWS looks up the TXT record and believes the name from then on.

    It begins only when it is started, and ends in `verified` or `failed` within minutes. A relation that ends with the
    service; one that failed later, because the record went away, is simply started again.
    """

    name = "private_dns_verification"
    title = "verification of the private DNS name"
    patience = Patience(ready_within=3600, usual="1 to 10 min")
    attached = True
    renewable = True

    def find(self, ctx: Ctx) -> Attrs | None:
        """Whether it is verified already."""
        return self._attrs(ctx) if self._state(ctx, ctx.params) == "verified" else None

    def create(self, ctx: Ctx) -> Attrs:
        """StartVpcEndpointServicePrivateDnsVerification."""
        ctx.aws.write("ec2", "start_vpc_endpoint_service_private_dns_verification", ServiceId=ctx.params["service_id"])
        return self._attrs(ctx)

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """The state of the service's name."""
        state = self._state(ctx, attrs)
        if state is None:
            return ABSENT
        presence = {"verified": Presence.READY, "failed": Presence.FAILED}.get(state, Presence.PENDING)
        why = f"the name {attrs['domain']} is {state}"
        if presence is Presence.FAILED:
            why += ": AWS did not find the TXT record; the same command starts the verification again"
        return Seen(presence=presence, why=why, attrs=attrs)

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """Nothing to delete: it ends with the name."""

    def _attrs(self, ctx: Ctx) -> Attrs:
        params = ctx.params
        return {"id": params["domain"], "domain": params["domain"], "service_id": params["service_id"]}

    def _state(self, ctx: Ctx, of: Mapping[str, Any]) -> str | None:
        reply = ctx.aws.peek("ec2", "describe_vpc_endpoint_service_configurations", ServiceIds=[of["service_id"]])
        found = reply["ServiceConfigurations"] if reply else []
        if not found or found[0].get("PrivateDnsName") != of["domain"]:
            return None
        return str(found[0].get("PrivateDnsNameConfiguration", {}).get("State", "pendingVerification")).lower()


class PrivateDnsOffer(Awaited):
    """The consumer's wait until the service has a verified name: `about` the service's name.

    AWS refuses to switch private DNS on before (aws-facts.md 6.8).
    """

    name = "private_dns_offer"
    title = "verified private DNS name"
    patience = Patience(ready_within=3600, usual="minutes")

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """The service as its consumer sees it."""
        reply = ctx.aws.peek("ec2", "describe_vpc_endpoint_services", ServiceNames=[attrs["id"]])
        found = reply["ServiceDetails"] if reply else []
        state = str(found[0].get("PrivateDnsNameVerificationState")) if found else "unknown"
        domain = found[0].get("PrivateDnsName") if found else None
        if domain and state.lower() == "verified":
            return Seen(presence=Presence.READY, attrs={**attrs, "domain": domain})
        why = (
            f"the provider must verify the name {domain} ({state}): plinkctl provider up"
            if domain
            else "the service has no private DNS name; the provider gives it one: provider up --private-dns-name NAME"
        )
        return Seen(presence=Presence.HELD, why=why, attrs=attrs)


class EndpointPrivateDns(Kind):
    """`endpoint_id`, `domain`: the service's name resolves to the endpoint inside its VPC.

    A switch on the endpoint, but a thing of its own: it can be on only after acceptance and verification, and teardown
    turns it off first.
    """

    name = "endpoint_private_dns"
    title = "private DNS"
    patience = Patience(ready_within=900, usual="1 to 2 min")
    prunable = True
    renewable = True

    def find(self, ctx: Ctx) -> Attrs | None:
        """Whether it is on."""
        item = self._endpoint(ctx, ctx.params["endpoint_id"])
        return self._attrs(ctx.params) if item and item.get("PrivateDnsEnabled") else None

    def create(self, ctx: Ctx) -> Attrs:
        """ModifyVpcEndpoint: on."""
        self._switch(ctx, ctx.params["endpoint_id"], on=True)
        return self._attrs(ctx.params)

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """On, and whether the endpoint is through with the change."""
        item = self._endpoint(ctx, attrs["endpoint_id"])
        if item is None or not item.get("PrivateDnsEnabled"):
            return ABSENT
        ready = str(item["State"]).lower() == "available"
        return Seen(
            presence=Presence.READY if ready else Presence.PENDING, why=f"endpoint is {item['State']}", attrs=attrs
        )

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """ModifyVpcEndpoint: off, unless the endpoint is seen without it, or on its way out. A read may lag."""
        try:
            reply = ctx.aws.peek("ec2", "describe_vpc_endpoints", VpcEndpointIds=[attrs["endpoint_id"]])
            seen = reply["VpcEndpoints"] if reply else []
            if not seen or (seen[0].get("PrivateDnsEnabled") and str(seen[0]["State"]).lower() not in ENDED):
                self._switch(ctx, attrs["endpoint_id"], on=False)
        except AwsError as error:
            ignore_gone(error)

    def _switch(self, ctx: Ctx, endpoint_id: str, *, on: bool) -> None:
        ctx.aws.write("ec2", "modify_vpc_endpoint", VpcEndpointId=endpoint_id, PrivateDnsEnabled=on)

    def _endpoint(self, ctx: Ctx, endpoint_id: str) -> dict[str, Any] | None:
        reply = ctx.aws.peek("ec2", "describe_vpc_endpoints", VpcEndpointIds=[endpoint_id])
        found = reply["VpcEndpoints"] if reply else []
        if not found or str(found[0]["State"]).lower() in ENDED:
            return None
        return dict(found[0])

    def _attrs(self, params: Mapping[str, Any]) -> Attrs:
        return {"id": params["domain"], "domain": params["domain"], "endpoint_id": params["endpoint_id"]}
