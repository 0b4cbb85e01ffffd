"""Connections: the endpoints attached to a service, as its provider sees, accepts and rejects them.

moto has none of these calls. A connection has no state of its own; it is the consumer's endpoint looked at from the
other side, and it is seen there a little later than by the consumer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidVpcEndPointIdError
from moto.ec2.responses import EC2Response

from plinkctl.sandbox import world
from plinkctl.sandbox.ec2.answers import filtered, paged, unsuccessful
from plinkctl.sandbox.ec2.endpoints import endpoint_ids
from plinkctl.sandbox.ec2.notifications import announce
from plinkctl.sandbox.ec2.services import connections, own_service
from plinkctl.sandbox.manners.doom import fate
from plinkctl.sandbox.patch import action

if TYPE_CHECKING:
    from plinkctl.sandbox.ec2.endpoints import Endpoint

#: States from which a connection can be accepted, and rejected. What AWS does with the others is not established;
#: refusing is what a caller has to be ready for. So `pending` is to be waited out before a rejection, and what was
#: rejected or has expired is never accepted: the consumer makes a new endpoint.
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
        "IpAddressType": endpoint.ip_type,
        "PayerResponsibilities": endpoint.payers(),
        "_regions": [endpoint.region, *(["cross-region"] if endpoint.region != endpoint.service.region else [])],
    }


@action(EC2Response, "describe_vpc_endpoint_connections")
def _describe(self: Any) -> ActionResult:
    """DescribeVpcEndpointConnections: those of all services the caller has in the region asked.

    The filter `vpc-endpoint-id` is documented, but was found refused on AWS; so it is refused here.
    """
    mine = [config.sandbox for config in list(self.ec2_backend.configurations.values())]
    answers = [_answer(endpoint) for service in mine for endpoint in connections(service)]
    fields = {
        "service-id": "ServiceId",
        "vpc-endpoint-owner": "VpcEndpointOwner",
        "vpc-endpoint-region": "_regions",
        "vpc-endpoint-state": "VpcEndpointState",
        "ip-address-type": "IpAddressType",
        "transit-gateway-attachment-id": "_none",
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
    """Accept or reject each named connection; an unknown service is an error, all else is in the list.

    A connection the provider cannot see yet does not exist for these calls either.
    """
    service = own_service(response.ec2_backend, response._get_param("ServiceId"))
    failed = []
    for endpoint_id in endpoint_ids(response._get_param("VpcEndpointIds", [])):
        endpoint = service.endpoints.get(endpoint_id)
        if endpoint is None:
            message = f"The Vpc Endpoint Id '{endpoint_id}' does not exist"
            failed.append(unsuccessful(endpoint_id, "InvalidVpcEndpointId.NotFound", message))
        elif (state := _decided(endpoint)) not in allowed:
            message = f"The connection of endpoint '{endpoint_id}' is in state {state}; it cannot be {decision}ed"
            failed.append(unsuccessful(endpoint_id, "InvalidState", message))
        elif decision == "accept":
            endpoint.accept()
            if doom := fate():
                endpoint.fail(doom)
            announce("Accept", endpoint)
        else:
            endpoint.reject()
            announce("Reject", endpoint)
    world.settle()
    return ActionResult({"Unsuccessful": failed})


def _decided(endpoint: Endpoint) -> str:
    """The state of a connection; `rejected` as soon as that is said, though it is seen only later."""
    return "rejected" if endpoint.life.end == "rejected" else endpoint.state(world.now())


@action(EC2Response, "modify_vpc_endpoint_payer_responsibility")
def _modify_payer(self: Any) -> ActionResult:
    """ModifyVpcEndpointPayerResponsibility: by the provider, for one endpoint. It is told, and nothing costs anything.

    The API reference says little of it: that the provider calls it with the service's ID is our reading.
    """
    service = own_service(self.ec2_backend, self._get_param("ServiceId"))
    [endpoint_id] = endpoint_ids([self._get_param("VpcEndpointId")])
    endpoint = service.endpoints.get(endpoint_id)
    if endpoint is None:
        raise InvalidVpcEndPointIdError(endpoint_id)
    scope, payer = self._get_param("Scope"), self._get_param("PayerResponsibility")
    if scope != "vpc-endpoint-charges" or payer not in ("vpc-endpoint-account", "vpc-endpoint-service-account"):
        raise EC2ClientError("InvalidParameter", f"An interface endpoint has no {scope} for {payer}")
    endpoint.payer = payer
    return ActionResult({"VpcEndpointId": endpoint.id, "PayerResponsibilities": endpoint.payers()})
