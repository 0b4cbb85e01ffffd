"""Who may use an endpoint service: allowed principals, and what a consumer therefore finds.

The services themselves are in `services`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidServiceName
from moto.ec2.responses.vpc_service_configuration import VPCEndpointServiceConfiguration as Services
from moto.ec2.responses.vpcs import VPCs
from moto.iam.models import iam_backends

from plinkctl.sandbox import world
from plinkctl.sandbox.ec2.answers import filtered, paged
from plinkctl.sandbox.ec2.services import Service, all_services, own_service
from plinkctl.sandbox.patch import override

#: Users and roles without a path, whole accounts, or everybody: what AWS takes as an allowed principal.
PRINCIPAL: Final = re.compile(r"\*|arn:aws[a-z-]*:iam::(\d{12}):(root|user/[\w+=,.@-]+|role/[\w+=,.@-]+)")
PRINCIPAL_TYPES: Final = {"*": "All", "root": "Account", "user": "User", "role": "Role"}


def find_service(name: str, *, region: str, account: str, caller: str) -> Service:
    """The service a consumer asks for by name.

    Raises:
        EC2ClientError: InvalidServiceName; absent, not admitted, deleted and of another region all look alike.
    """
    for service in all_services(region):
        available = service.life.at(world.now()) == "Available"
        if service.name == name and available and service.admits(account, caller):
            return service
    raise InvalidServiceName(name)


def caller_arn(response: Any) -> str:
    """The ARN of the user whose key signed the request."""
    key = iam_backends[response.current_account]["aws"].access_keys.get(response.get_access_key())
    return f"arn:aws:iam::{response.current_account}:user/{key.user_name}" if key else ""


@override(Services, "modify_vpc_endpoint_service_permissions")
def _modify(_original: Any, self: Any) -> ActionResult:
    """ModifyVpcEndpointServicePermissions: adding what is there and removing what is not are no errors."""
    service = own_service(self.ec2_backend, self._get_param("ServiceId"))
    added = self._get_param("AddAllowedPrincipals", [])
    for principal in added:
        if not PRINCIPAL.fullmatch(principal):
            raise EC2ClientError("InvalidPrincipal", f"Invalid Principal: '{principal}'")
    for principal in self._get_param("RemoveAllowedPrincipals", []):
        service.permissions.pop(principal, None)
    new = [principal for principal in added if principal not in service.permissions]
    service.permissions |= {principal: world.new_id("vpce-svc-perm") for principal in new}
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
        "ServicePermissionId": service.permissions[principal],
        "ServiceId": service.id,
    }


@override(VPCs, "describe_vpc_endpoint_services")
def _offers(_original: Any, self: Any) -> ActionResult:
    """DescribeVpcEndpointServices: what the caller may connect to; AWS's own services are not in the sandbox."""
    account, caller = self.current_account, caller_arn(self)
    offers = {
        service.name: {**service.detail(account), "_types": ["Interface"]}
        for service in all_services(self.region)
        if service.admits(account, caller) and service.life.at(world.now()) == "Available"
    }
    names = self._get_param("ServiceNames", [])
    for name in names:
        if name not in offers:
            raise InvalidServiceName(name)
    fields = {
        "service-name": "ServiceName",
        "service-type": "_types",
        "owner": "Owner",
        "service-region": "ServiceRegion",
        "supported-ip-address-types": "SupportedIpAddressTypes",
    }
    chosen = [offers[name] for name in sorted(names or offers)]
    answers = filtered(chosen, self._get_param("Filters", []), fields)
    return paged(self, "ServiceDetails", answers, ServiceNames=[one["ServiceName"] for one in answers])
