"""Connections of a service as the provider sees them: list, accept, reject, watch."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from plinkctl.aws.patience import Clock, Tell, poll
from plinkctl.aws.session import Clients
from plinkctl.errors import TimedOutError
from plinkctl.kinds.base_ec2 import connections as described

PENDING_ACCEPTANCE = "pendingacceptance"
LIVE = frozenset({PENDING_ACCEPTANCE, "pending", "available"})


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One endpoint attached to the service.

    Args:
        endpoint_id: The consumer's endpoint.
        owner: The consumer's account.
        state: As AWS writes it, e.g. `pendingAcceptance`.
        since: When it was made, ISO 8601, or an empty string.
    """

    endpoint_id: str
    owner: str
    state: str
    since: str

    @property
    def known_state(self) -> str:
        """The state to compare with: AWS is not of one mind about capitals."""
        return self.state.lower()

    def to_json(self) -> dict[str, str]:
        """As the CLI's contract has it."""
        return {"endpoint_id": self.endpoint_id, "owner": self.owner, "state": self.state, "since": self.since}


def connections(aws: Clients, service_id: str) -> list[Connection]:
    """All connections, oldest first, those that ended a moment ago included; none when the service is gone."""
    found = described(aws, service_id)
    return sorted((_connection(item) for item in found), key=lambda c: (c.since, c.endpoint_id))


def allowed_accounts(aws: Clients, service_id: str) -> frozenset[str]:
    """The accounts whose principals may connect; `*` is in it when anybody may."""
    found = aws.pages("ec2", "describe_vpc_endpoint_service_permissions", "AllowedPrincipals", ServiceId=service_id)
    return accounts_of(str(item["Principal"]) for item in found)


def accounts_of(principals: Iterable[str]) -> frozenset[str]:
    """The accounts of principals; `*` is in it when it is among them."""
    return frozenset(filter(None, map(_account_of, principals)))


def accept(aws: Clients, service_id: str, endpoint_id: str) -> None:
    """Accept one connection, by name: never all that wait.

    Raises:
        AwsError: Also when AWS hides the failure in an `Unsuccessful` list.
    """
    aws.write("ec2", "accept_vpc_endpoint_connections", ServiceId=service_id, VpcEndpointIds=[endpoint_id])


def reject(aws: Clients, service_id: str, endpoint_id: str) -> None:
    """Reject one connection, be it waiting or in use.

    Raises:
        AwsError: Also when AWS hides the failure in an `Unsuccessful` list.
    """
    aws.write("ec2", "reject_vpc_endpoint_connections", ServiceId=service_id, VpcEndpointIds=[endpoint_id])


def watch(
    aws: Clients,
    service_id: str,
    *,
    until: Callable[[list[Connection]], bool],
    what: str,
    within: float,
    clock: Clock,
    tell: Tell,
) -> list[Connection]:
    """Look at the connections until it is so; what was seen last when it does not come in time."""
    last: list[Connection] = []

    def look() -> list[Connection]:
        last[:] = connections(aws, service_id)
        return list(last)

    try:
        return poll(look, until=until, what=lambda _: what, within=within, clock=clock, tell=tell)
    except TimedOutError:
        return last


def in_states(found: Iterable[Connection], *states: str) -> list[Connection]:
    """Those whose state is one of the given (lower case)."""
    return [connection for connection in found if connection.known_state in states]


def _account_of(principal: str) -> str:
    """Empty for what names no account: another AWS service, or the bare ID that is left of a deleted role."""
    return "*" if principal == "*" else next(iter(principal.split(":")[4:5]), "")


def _connection(item: dict[str, Any]) -> Connection:
    made = item.get("CreationTimestamp")
    return Connection(
        endpoint_id=item["VpcEndpointId"],
        owner=item["VpcEndpointOwner"],
        state=item["VpcEndpointState"],
        since=made.isoformat() if made else "",
    )
