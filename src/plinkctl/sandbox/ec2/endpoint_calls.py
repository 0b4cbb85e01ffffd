"""The consumer's calls on interface endpoints: making, listing, changing, deleting.

Gateway endpoints, and those for AWS's own services, are outside the sandbox's subject and refused. What an endpoint is,
is in `endpoints`; what it must fulfil, in `admission`.
"""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, Any, Final

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import vpcs
from moto.ec2.responses import EC2Response
from moto.ec2.responses.vpcs import VPCs

from plinkctl.sandbox import world
from plinkctl.sandbox.ec2 import admission, private_dns
from plinkctl.sandbox.ec2.admission import FULL_ACCESS
from plinkctl.sandbox.ec2.answers import changed, filtered, given_tags, once, paged, unsuccessful
from plinkctl.sandbox.ec2.endpoints import Endpoint, endpoint_ids, own_endpoint
from plinkctl.sandbox.ec2.notifications import announce
from plinkctl.sandbox.ec2.permissions import find_service
from plinkctl.sandbox.manners.doom import fate
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.manners.visibility import born
from plinkctl.sandbox.patch import action, override

if TYPE_CHECKING:
    from plinkctl.sandbox.ec2.services import Service

#: Untyped on purpose: the sandbox gives moto's objects an attribute of its own.
VPCEndPoint: Any = vpcs.VPCEndPoint


#: The parameters of ModifyVpcEndpoint that are about where an endpoint is.
_PLACES: Final = ("AddSubnetIds", "RemoveSubnetIds", "SubnetConfigurations")


@override(VPCs, "create_vpc_endpoint")
def _create(_original: Any, self: Any) -> ActionResult:
    """CreateVpcEndpoint, for interface endpoints to a service of the sandbox, in this region or another."""
    backend = self.ec2_backend

    def make() -> Endpoint:
        vpc = backend.get_vpc(self._get_param("VpcId"))
        name = self._get_param("ServiceName")
        if not name:
            raise EC2ClientError("InvalidParameter", "The sandbox has endpoints to endpoint services: name one")
        service = find_service(self, name, self._get_param("ServiceRegion"))
        kind = self._get_param("VpcEndpointType", "Gateway")
        if kind != "Interface":
            raise EC2ClientError(
                "InvalidParameter",
                f"Endpoint type ({kind}) does not match available service types ([Interface]).",
            )
        admission.check_ready(service)
        shape = _shape(self, vpc, service, None)
        tags = given_tags(self, "vpc-endpoint")
        refuse_more(
            "interface-endpoints-per-vpc",
            len(backend.vpc_end_points),
            lambda: sum(one.vpc_id == vpc.id and one.sandbox.holds for one in backend.vpc_end_points.values()),
        )

        endpoint_id = world.new_id("vpce")
        moto = VPCEndPoint(backend, endpoint_id, vpc.id, name, "Interface", None, [], tags=tags)
        label = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
        moto.sandbox = endpoint = Endpoint(
            moto=moto,
            account=backend.account_id,
            region=backend.region_name,
            vpc_id=vpc.id,
            service=service,
            # Over regions the name is the service's region's: the guide's page on sharing services.
            name=f"{endpoint_id}-{label}.{service.id}.{service.region}.vpce.amazonaws.com",
        )
        endpoint.change(shape)
        backend.vpc_end_points[endpoint_id] = moto
        born(backend, "endpoint", backend.vpc_end_points, endpoint_id, endpoint_id)
        service.endpoints[endpoint_id] = endpoint
        born(service.config.ec2_backend, "connection", service.endpoints, endpoint_id, endpoint_id)
        if not service.acceptance:
            endpoint.accept()
        if doom := fate():
            endpoint.fail(doom)
        announce("Connect", endpoint)
        return endpoint

    made = once(self, backend, make)
    return ActionResult({"VpcEndpoint": made.answer(), "ClientToken": self._get_param("ClientToken")})


def _shape(response: Any, vpc: Any, service: Service, endpoint: Endpoint | None) -> admission.Shape:
    """What a request wants of an endpoint that is to be made (None) or changed, checked. Raises EC2ClientError."""
    backend, ask = response.ec2_backend, response._get_param
    if ask("RouteTableIds", []) or ask("AddRouteTableIds", []) or ask("RemoveRouteTableIds", []):
        raise EC2ClientError("InvalidParameter", "Route table IDs are only supported for Gateway type VPC Endpoint.")
    policy = admission.check_policy(ask("PolicyDocument"), service)
    if policy is None:
        policy = endpoint.policy if endpoint and not response._get_bool_param("ResetPolicy", False) else FULL_ACCESS
    if endpoint is None:
        subnet_ids, groups = list(dict.fromkeys(ask("SubnetIds", []))), ask("SecurityGroupIds", [])
        private, ip_type, records, waiting = False, "ipv4", None, service.acceptance
    else:
        had = [eni.subnet.id for eni in endpoint.interfaces]
        subnet_ids = changed(had, ask("AddSubnetIds", []), ask("RemoveSubnetIds", []))
        groups = changed(endpoint.groups, ask("AddSecurityGroupIds", []), ask("RemoveSecurityGroupIds", []))
        if not groups:
            raise EC2ClientError("InvalidParameter", "An interface endpoint needs at least one security group")
        private, ip_type, records = endpoint.private_dns, endpoint.ip_type, endpoint.records
        waiting = endpoint.state(world.now()) == "pendingAcceptance"
    subnets = admission.check_subnets(backend, vpc.id, subnet_ids, service)
    groups = admission.check_groups(backend, vpc.id, groups)
    ip_type = admission.check_ip_type(ask("IpAddressType") or ip_type, service, subnets)
    own = endpoint.id if endpoint else None
    wanted = response._get_bool_param("PrivateDnsEnabled", private)
    if wanted:
        private_dns.check(vpc, service, waiting=waiting, endpoint=endpoint)
    return admission.Shape(
        subnets=subnets,
        addresses=admission.check_addresses(ask("SubnetConfigurations", []), subnets, ip_type, own),
        groups=groups,
        ip_type=ip_type,
        records=admission.check_records(ask("DnsOptions", {}), records, ip_type),
        private_dns=wanted,
        policy=policy,
    )


@override(VPCs, "modify_vpc_endpoint")
def _modify(_original: Any, self: Any) -> ActionResult:
    """ModifyVpcEndpoint: subnets, addresses, groups, DNS, the spelling of the policy.

    While subnets are changed, AWS takes no other change; groups alone it changes at once, for Terraform adds one and
    removes one without looking in between. What it says of a rejected endpoint is not established. Here groups are
    changed and subnets are not, in the code Terraform takes for an association that has gone: it destroys an acceptance
    by a rejection, and would wait in vain for a rejected endpoint to be available.
    """
    endpoint = own_endpoint(self.ec2_backend, self._get_param("VpcEndpointId"))
    state = endpoint.state(world.now())
    if state not in ("available", "pending", "pendingAcceptance", "rejected"):
        raise EC2ClientError("InvalidState", f"The endpoint {endpoint.id} cannot be modified in state {state}")
    if endpoint.moving > world.now():
        raise EC2ClientError("OperationInProgress", "VpcEndpoint modify operation in progress")
    if state == "rejected" and any(self._get_param(name) for name in _PLACES):
        raise EC2ClientError(
            "InvalidParameter", f"The subnets of the endpoint {endpoint.id} cannot be modified: rejected"
        )
    vpc = self.ec2_backend.get_vpc(endpoint.vpc_id)
    endpoint.change(_shape(self, vpc, endpoint.service, endpoint))
    return ActionResult({"Return": True})


@override(VPCs, "describe_vpc_endpoints")
def _describe(_original: Any, self: Any) -> ActionResult:
    """DescribeVpcEndpoints: an unknown ID is an error, an unmatched filter an empty list."""
    ids = self._get_param("VpcEndpointIds", [])
    found = [own_endpoint(self.ec2_backend, one) for one in ids or self.ec2_backend.vpc_end_points]
    fields = {
        "vpc-endpoint-id": "VpcEndpointId",
        "vpc-endpoint-state": "State",
        "vpc-endpoint-type": "VpcEndpointType",
        "vpc-id": "VpcId",
        "service-name": "ServiceName",
        "service-region": "ServiceRegion",
        "ip-address-type": "IpAddressType",
    }
    answers = filtered([endpoint.answer() for endpoint in found], self._get_param("Filters", []), fields)
    return paged(self, "VpcEndpoints", answers)


@action(EC2Response, "describe_vpc_endpoint_associations")
def _associations(self: Any) -> ActionResult:
    """DescribeVpcEndpointAssociations: of resource and service network endpoints, of which the sandbox has none."""
    for endpoint_id in self._get_param("VpcEndpointIds", []):
        own_endpoint(self.ec2_backend, endpoint_id)
    known = (
        "vpc-endpoint-id",
        "associated-resource-accessibility",
        "association-id",
        "associated-resource-id",
        "service-network-arn",
        "resource-configuration-group-arn",
    )
    answers = filtered([], self._get_param("Filters", []), dict.fromkeys(known, ""))
    return paged(self, "VpcEndpointAssociations", answers)


@override(VPCs, "delete_vpc_endpoints")
def _delete(_original: Any, self: Any) -> ActionResult:
    """DeleteVpcEndpoints: works in every state; refusals come in the list, not as an error."""
    failed = []
    for endpoint_id in endpoint_ids(self._get_param("VpcEndpointIds", [])):
        found = self.ec2_backend.vpc_end_points.get(endpoint_id)
        state = found.sandbox.state(world.now()) if found else "deleted"
        if state == "deleted":
            message = f"The Vpc Endpoint Id '{endpoint_id}' does not exist"
            failed.append(unsuccessful(endpoint_id, "InvalidVpcEndpoint.NotFound", message))
        elif state != "deleting":
            found.sandbox.delete()
            announce("Delete", found.sandbox)
    world.settle()
    return ActionResult({"Unsuccessful": failed})
