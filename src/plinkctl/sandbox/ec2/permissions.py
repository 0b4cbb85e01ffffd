"""Who may use an endpoint service: allowed principals, and what a consumer therefore finds.

The services themselves are in `services`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses.vpc_service_configuration import VPCEndpointServiceConfiguration as Services
from moto.ec2.responses.vpcs import VPCs

from plinkctl.sandbox import world
from plinkctl.sandbox.access.principals import find as find_caller
from plinkctl.sandbox.ec2.answers import filtered, paged
from plinkctl.sandbox.ec2.services import Grant, Service, all_services, called, own_service
from plinkctl.sandbox.patch import override

#: Users and roles without a path, whole accounts, or everybody: what AWS takes as an allowed principal.
PRINCIPAL: Final = re.compile(r"\*|arn:aws[a-z-]*:iam::(\d{12}):(root|user/[\w+=,.@-]+|role/[\w+=,.@-]+)")
PRINCIPAL_TYPES: Final = {"*": "All", "root": "Account", "user": "User", "role": "Role"}


def find_service(response: Any, name: str, region: str | None) -> Service:
    """The service the caller of a request asks for by name, in the region named or else in the caller's own.

    Raises:
        EC2ClientError: InvalidServiceName; absent, not admitted, deleted, of another region, or not offered in the
            caller's region: all look alike.
    """
    service = called(name, region or response.region)
    if service is None or not _offered(service, response.region, response.current_account, principals(response)):
        raise unknown(name)
    return service


def unknown(name: str) -> EC2ClientError:
    """The refusal of a service; of one of AWS's own it says that it is the sandbox which has not got it."""
    owns = name.startswith("com.amazonaws.") and not name.startswith("com.amazonaws.vpce.")
    more = ": the local AWS has no endpoints of AWS's own services" if owns else ""
    return EC2ClientError("InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist{more}")


def _offered(service: Service, region: str, account: str, callers: frozenset[str]) -> bool:
    alive = service.state(world.now()) == "Available"
    return alive and region in service.regions and service.admits(account, callers)


def principals(response: Any) -> frozenset[str]:
    """All a caller is, in the words of allowed principals: everybody, an account, and a user or a role.

    A session of an assumed role counts as its role. A path is left out, for principals have none: public tools strip
    it from a role's ARN before they allow it.
    """
    account, key = response.current_account, response.get_access_key()
    found = {"*", f"arn:aws:iam::{account}:root"}
    known = find_caller(key)
    if known and known.session and (role := known.session.role_arn):
        found.add(f"arn:aws:iam::{account}:role/{role.rpartition('/')[2]}")
    elif known:
        found.add(f"arn:aws:iam::{account}:user/{known.user.name}")
    return frozenset(found)


@override(Services, "modify_vpc_endpoint_service_permissions")
def _modify(_original: Any, self: Any) -> ActionResult:
    """ModifyVpcEndpointServicePermissions: adding what is there and removing what is not are no errors."""
    service = own_service(self.ec2_backend, self._get_param("ServiceId"))
    added = self._get_param("AddAllowedPrincipals", [])
    for principal in added:
        if not PRINCIPAL.fullmatch(principal):
            raise EC2ClientError("InvalidPrincipal", f"Invalid Principal: '{principal}'")
    if self._get_param("PermissionType", "vpc-endpoint") != "vpc-endpoint":
        raise EC2ClientError(
            "InvalidParameter", "Other permissions than for VPC endpoints are for Gateway Load Balancers only"
        )
    now, delay = world.now(), world.current().profile.permission
    removed = [one for one in self._get_param("RemoveAllowedPrincipals", []) if one in service.permissions]
    # The provider sees the change at once; what consumers see follows a little later.
    service.withdrawn = {one: until for one, until in service.withdrawn.items() if until > now}
    for principal in removed:
        if service.permissions.pop(principal).since <= now:
            service.withdrawn[principal] = now + delay
    new = [principal for principal in dict.fromkeys(added) if principal not in service.permissions]
    service.permissions |= {principal: Grant(world.new_id("vpce-svc-perm"), now + delay) for principal in new}
    answers = [_permission(service, principal) for principal in new]
    return ActionResult({"AddedPrincipals": answers, "ReturnValue": True})


@override(Services, "describe_vpc_endpoint_service_permissions")
def _describe(_original: Any, self: Any) -> ActionResult:
    """DescribeVpcEndpointServicePermissions."""
    service = own_service(self.ec2_backend, self._get_param("ServiceId"))
    answers = [_permission(service, principal) for principal in service.permissions]
    fields = {"principal": "Principal", "principal-type": "PrincipalType"}
    return paged(self, "AllowedPrincipals", filtered(answers, self._get_param("Filters", []), fields))


def _permission(service: Service, principal: str) -> dict[str, Any]:
    kind = principal.rpartition(":")[2].partition("/")[0]
    return {
        "PrincipalType": PRINCIPAL_TYPES[kind],
        "Principal": principal,
        "ServicePermissionId": service.permissions[principal].id,
        "ServiceId": service.id,
    }


@override(VPCs, "describe_vpc_endpoint_services")
def _offers(_original: Any, self: Any) -> ActionResult:
    """DescribeVpcEndpointServices: what the caller may connect to; AWS's own services are not in the sandbox."""
    account, callers = self.current_account, principals(self)
    regions = self._get_param("ServiceRegions", []) or [self.region]
    names = self._get_param("ServiceNames", [])
    if names:
        asked = [next(filter(None, (called(name, region) for region in regions)), None) for name in names]
    else:
        asked = [service for region in regions for service in all_services(region)]
    found = {one.name: one for one in asked if one and _offered(one, self.region, account, callers)}
    for name in names:
        if name not in found:
            raise unknown(name)
    chosen = [{**found[name].detail(account), "_types": ["Interface"]} for name in sorted(found)]
    fields = {
        "service-name": "ServiceName",
        "service-type": "_types",
        "owner": "Owner",
        "service-region": "ServiceRegion",
        "supported-ip-address-types": "SupportedIpAddressTypes",
    }
    answers = filtered(chosen, self._get_param("Filters", []), fields)
    return paged(self, "ServiceDetails", answers, ServiceNames=[one["ServiceName"] for one in answers])
