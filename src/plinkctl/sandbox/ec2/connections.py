"""Connections: the endpoints attached to a service, as its provider sees, accepts and rejects them.

moto has none of these three calls. A connection has no state of its own; it is the consumer's endpoint looked at from
the other side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from plinkctl.sandbox import world
from plinkctl.sandbox.ec2.answers import filtered, paged, unsuccessful
from plinkctl.sandbox.ec2.services import all_services, connections, own_service
from plinkctl.sandbox.patch import action

if TYPE_CHECKING:
    from plinkctl.sandbox.ec2.endpoints import Endpoint

#: States from which a connection can be accepted, and rejected. What AWS does with the others is not established;
#: refusing is what a caller has to be ready for.
ACCEPTABLE: Final = frozenset({"pendingAcceptance"})
REJECTABLE: Final = frozenset({"pendingAcceptance", "available"})


def _answer(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "ServiceId": endpoint.service.id,
        "VpcEndpointId": endpoint.id,
        "VpcEndpointOwner": endpoint.account,
        "VpcEndpointRegion": endpoint.region,
        "VpcEndpointState": endpoint.state(world.now()),
        "VpcEndpointConnectionId": endpoint.connection_id,
        "CreationTimestamp": world.moment(endpoint.created),
        "DnsEntries": endpoint.dns_entries(),
        "NetworkLoadBalancerArns": endpoint.service.load_balancers,
        "IpAddressType": "ipv4",
    }


@action(EC2Response, "describe_vpc_endpoint_connections")
def _describe(self: Any) -> ActionResult:
    """DescribeVpcEndpointConnections: those of all services of the caller.

    The filter `vpc-endpoint-id` is documented, but was found refused on AWS; so it is refused here.
    """
    mine = [service for service in all_services(self.region) if service.account == self.current_account]
    answers = [_answer(endpoint) for service in mine for endpoint in connections(service)]
    fields = {
        "service-id": "ServiceId",
        "vpc-endpoint-owner": "VpcEndpointOwner",
        "vpc-endpoint-region": "VpcEndpointRegion",
        "vpc-endpoint-state": "VpcEndpointState",
        "ip-address-type": "IpAddressType",
    }
    return paged(self, "VpcEndpointConnections", filtered(answers, self._get_param("Filters", []), fields))


@action(EC2Response, "accept_vpc_endpoint_connections")
def _accept(self: Any) -> ActionResult:
    """AcceptVpcEndpointConnections."""
    return _decide(self, "accept", ACCEPTABLE)


@action(EC2Response, "reject_vpc_endpoint_connections")
def _reject(self: Any) -> ActionResult:
    """RejectVpcEndpointConnections: also works on a connection accepted before."""
    return _decide(self, "reject", REJECTABLE)


def _decide(response: Any, decision: str, allowed: frozenset[str]) -> ActionResult:
    """Accept or reject each named connection; an unknown service is an error, all else is in the list."""
    service = own_service(response.ec2_backend, response._get_param("ServiceId"))
    attached = {endpoint.id: endpoint for endpoint in connections(service)}
    failed = []
    for endpoint_id in response._get_param("VpcEndpointIds", []):
        endpoint = attached.get(endpoint_id)
        if endpoint is None:
            message = f"The Vpc Endpoint Id '{endpoint_id}' does not exist"
            failed.append(unsuccessful(endpoint_id, "InvalidVpcEndpointId.NotFound", message))
        elif (state := endpoint.state(world.now())) not in allowed:
            message = f"The connection of endpoint '{endpoint_id}' is in state {state}; it cannot be {decision}ed"
            failed.append(unsuccessful(endpoint_id, "InvalidState", message))
        elif decision == "accept":
            endpoint.accept()
        else:
            endpoint.reject()
    world.settle()
    return ActionResult({"Unsuccessful": failed})
