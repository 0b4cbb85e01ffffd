"""The provider's yes to one endpoint: a relation between service and endpoint that ends with either."""

from typing import Any

from plinkctl.kinds.base import ABSENT, Attrs, Ctx, Kind, Patience, Presence, Seen
from plinkctl.kinds.base_ec2 import connections

_ACCEPTED = frozenset({"pending", "available"})


class Acceptance(Kind):
    """`service_id`, `endpoint_id`. Reads the state first: AWS's answer to accepting twice is unknown."""

    name = "acceptance"
    title = "acceptance"
    patience = Patience(ready_within=900, usual="1 to 2 min")
    attached = True

    def find(self, ctx: Ctx) -> Attrs | None:
        """Whether it is accepted already, by us, by hand, or because the service does not ask."""
        connection = self._connection(ctx, ctx.params)
        return self._attrs(ctx) if connection and _state(connection) in _ACCEPTED else None

    def create(self, ctx: Ctx) -> Attrs:
        """AcceptVpcEndpointConnections for exactly this endpoint, never for all that wait."""
        ctx.aws.write(
            "ec2",
            "accept_vpc_endpoint_connections",
            ServiceId=ctx.params["service_id"],
            VpcEndpointIds=[ctx.params["endpoint_id"]],
        )
        return self._attrs(ctx)

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """The connection's state as the provider sees it."""
        connection = self._connection(ctx, attrs)
        if connection is None:
            return ABSENT
        state = _state(connection)
        presence = {
            "available": Presence.READY,
            "pending": Presence.PENDING,
            "pendingacceptance": Presence.PENDING,
            "deleting": Presence.PENDING,
        }.get(state, Presence.FAILED)
        if state == "deleted":
            presence = Presence.ABSENT
        return Seen(presence=presence, why=f"connection is {connection['VpcEndpointState']}", attrs=attrs)

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """Nothing to delete: it ends with its endpoint."""

    def _attrs(self, ctx: Ctx) -> Attrs:
        return {
            "id": ctx.params["endpoint_id"],
            "service_id": ctx.params["service_id"],
            "endpoint_id": ctx.params["endpoint_id"],
        }

    def _connection(self, ctx: Ctx, of: Attrs) -> dict[str, Any] | None:
        found = connections(ctx.aws, of["service_id"])
        return next((c for c in found if c["VpcEndpointId"] == of["endpoint_id"]), None)


def _state(connection: dict[str, Any]) -> str:
    return str(connection["VpcEndpointState"]).lower()
