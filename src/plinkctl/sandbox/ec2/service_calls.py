"""The provider's calls on endpoint services: making, listing, changing, deleting.

What a service is, is in `services`; what its connections are, in `connections`.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import vpc_service_configuration
from moto.ec2.responses.vpc_service_configuration import VPCEndpointServiceConfiguration as Services

from plinkctl.sandbox import world
from plinkctl.sandbox.clock import Timeline
from plinkctl.sandbox.ec2 import private_dns
from plinkctl.sandbox.ec2.answers import changed, filtered, given_tags, once, paged, unsuccessful
from plinkctl.sandbox.ec2.services import STILL_CONNECTED, Service, behind, connections, own_service, service_ids
from plinkctl.sandbox.manners.visibility import born
from plinkctl.sandbox.patch import action, override

#: Untyped on purpose: the sandbox gives moto's objects an attribute of its own.
Configuration: Any = vpc_service_configuration.VPCServiceConfiguration


def _check_load_balancers(backend: Any, arns: list[str]) -> None:
    """Refuse load balancers that cannot stand behind a service."""
    for arn in arns:
        balancer = backend.elbv2_backend.load_balancers.get(arn)
        if balancer is None:
            raise EC2ClientError(
                "InvalidNetworkLoadBalancerArn.NotFound", f"The Network Load Balancer Arn '{arn}' does not exist"
            )
        if balancer.type != "network":
            raise EC2ClientError("InvalidParameter", f"Load balancer with arn '{arn}' is not a network load balancer")
        if behind(arn):
            raise EC2ClientError(
                "InvalidParameter",
                f"The following LBs are already associated with another VPC Endpoint Service Configuration: [{arn}]",
            )
        if balancer.state != "active":
            # Not known of AWS whether it refuses; public tools all wait for active, so not waiting is an error here.
            raise EC2ClientError(
                "InvalidParameter", f"Load balancer with arn '{arn}' is not active: its state is {balancer.state}"
            )


def _check_alive(service: Service) -> None:
    """Refuse to change what is being deleted. Of AWS no words are known; `InvalidState` is its general code."""
    if (state := service.state(world.now())) != "Available":
        raise EC2ClientError("InvalidState", f"The service {service.id} is {state}")


def _ip_types(response: Any, types: list[str], arns: list[str]) -> list[str]:
    """What a service is to speak; IPv6 needs load balancers that are dual-stack (the guide's rule, our words)."""
    types = list(dict.fromkeys(types))
    if unknown := [one for one in types if one not in ("ipv4", "ipv6")]:
        raise EC2ClientError("InvalidParameter", f"The IP address type '{unknown[0]}' is not one of ipv4, ipv6")
    if not types:
        raise EC2ClientError("InvalidParameter", "An endpoint service supports at least one IP address type")
    if "ipv6" in types:
        for arn in arns:
            if response.ec2_backend.elbv2_backend.load_balancers[arn].ip_address_type != "dualstack":
                raise EC2ClientError("InvalidParameter", f"The load balancer {arn} does not support IPv6")
    return types


def _regions(response: Any, had: list[str], added: list[str]) -> list[str]:
    """From where a service can be used, its own region first."""
    known = {region.name for region in response.ec2_backend.regions}
    if unknown := [region for region in added if region not in known]:
        raise EC2ClientError("InvalidParameter", f"The Region '{unknown[0]}' does not exist")
    return list(dict.fromkeys([*had, *added]))


@override(Services, "create_vpc_endpoint_service_configuration")
def _create(_original: Any, self: Any) -> ActionResult:
    """CreateVpcEndpointServiceConfiguration: one service per load balancer, available at once."""
    backend = self.ec2_backend

    def make() -> Service:
        arns = self._get_param("NetworkLoadBalancerArns", [])
        if not arns or self._get_param("GatewayLoadBalancerArns", []):
            raise EC2ClientError(
                "InvalidParameter",
                "exactly one of network_load_balancer_arn or gateway_load_balancer_arn is a required member",
            )
        _check_load_balancers(backend, arns)
        ip_types = _ip_types(self, self._get_param("SupportedIpAddressTypes", []) or ["ipv4"], arns)
        tags = given_tags(self, "vpc-endpoint-service")
        balancers = [backend.elbv2_backend.load_balancers[arn] for arn in arns]
        config = Configuration(balancers, self.region, True, "", [], backend)
        config.id = world.new_id("vpce-svc")
        config.service_name = f"com.amazonaws.vpce.{self.region}.{config.id}"
        config.sandbox = service = Service(
            config=config,
            account=backend.account_id,
            region=self.region,
            load_balancers=[],
            acceptance=self._get_bool_param("AcceptanceRequired", True),
            zone_names=[],
            private_dns=private_dns.name(self._get_param("PrivateDnsName")),
            ip_types=ip_types,
            regions=_regions(self, [self.region], self._get_param("SupportedRegions", [])),
            life=Timeline(world.now(), ("Available", 0)),
            ready=world.now() + world.current().profile.service,
        )
        service.hold(list(dict.fromkeys(arns)))
        service.refresh_zones()
        backend.configurations[config.id] = config
        born(backend, "service", backend.configurations, config.id, config.id, config.service_name)
        config.add_tags(tags)
        return service

    made = once(self, backend, make)
    return ActionResult({"ServiceConfiguration": made.answer(), "ClientToken": self._get_param("ClientToken")})


@override(Services, "describe_vpc_endpoint_service_configurations")
def _describe(_original: Any, self: Any) -> ActionResult:
    """DescribeVpcEndpointServiceConfigurations: the provider's view."""
    ids = self._get_param("ServiceIds", [])
    found = [own_service(self.ec2_backend, one) for one in ids or self.ec2_backend.configurations]
    fields = {
        "service-name": "ServiceName",
        "service-id": "ServiceId",
        "service-state": "ServiceState",
        "supported-ip-address-types": "SupportedIpAddressTypes",
    }
    answers = filtered([service.answer() for service in found], self._get_param("Filters", []), fields)
    return paged(self, "ServiceConfigurations", answers)


@override(Services, "modify_vpc_endpoint_service_configuration")
def _modify(_original: Any, self: Any) -> ActionResult:
    """ModifyVpcEndpointServiceConfiguration; with nothing but the ID it takes over the load balancers' new zones."""
    service = own_service(self.ec2_backend, self._get_param("ServiceId"))
    _check_alive(service)
    if self._get_param("AddGatewayLoadBalancerArns", []) or self._get_param("RemoveGatewayLoadBalancerArns", []):
        raise EC2ClientError("InvalidParameter", f"The service {service.id} is not for Gateway Load Balancers")
    removed = self._get_param("RemoveNetworkLoadBalancerArns", [])
    added = [arn for arn in self._get_param("AddNetworkLoadBalancerArns", []) if arn not in service.load_balancers]
    added = list(dict.fromkeys(added))
    _check_load_balancers(self.ec2_backend, added)
    connected = connections(service, blocking=True)
    left = [*(arn for arn in service.load_balancers if arn not in removed), *added]
    if removed and connected:
        raise EC2ClientError(*STILL_CONNECTED)
    if not left:
        raise EC2ClientError("InvalidParameter", "An endpoint service needs at least one load balancer")
    types = changed(
        service.ip_types,
        self._get_param("AddSupportedIpAddressTypes", []),
        self._get_param("RemoveSupportedIpAddressTypes", []),
    )
    ip_types = _ip_types(self, types, left)
    regions = _regions(self, service.regions, self._get_param("AddSupportedRegions", []))
    closed = self._get_param("RemoveSupportedRegions", [])
    if service.region in closed:
        raise EC2ClientError("InvalidParameter", f"The Region {service.region} of the service cannot be removed")
    if any(one.region in closed for one in connected):
        raise EC2ClientError(*STILL_CONNECTED)
    wanted = private_dns.change(self, service, connected)
    service.let_go(removed)
    service.hold(added)
    service.acceptance = self._get_bool_param("AcceptanceRequired", service.acceptance)
    service.private_dns, service.ip_types = wanted, ip_types
    service.regions = [region for region in regions if region not in closed]
    service.refresh_zones()
    return ActionResult({"Return": True})


@action(Services, "modify_vpc_endpoint_service_payer_responsibility")
def _modify_payer(self: Any) -> ActionResult:
    """ModifyVpcEndpointServicePayerResponsibility: there is only one way, and no way back."""
    service = own_service(self.ec2_backend, self._get_param("ServiceId"))
    if (payer := self._get_param("PayerResponsibility")) != "ServiceOwner":
        raise EC2ClientError("InvalidParameterValue", f"The payer responsibility cannot be '{payer}'")
    service.owner_pays = True
    return ActionResult({"ReturnValue": True})


@action(Services, "start_vpc_endpoint_service_private_dns_verification")
def _start_verification(self: Any) -> ActionResult:
    """StartVpcEndpointServicePrivateDnsVerification; it can be repeated."""
    service = own_service(self.ec2_backend, self._get_param("ServiceId"))
    if service.private_dns is None:
        # AWS's words are not known.
        raise EC2ClientError("InvalidParameter", f"The service {service.id} does not have a private DNS name")
    service.private_dns.verify()
    return ActionResult({"ReturnValue": True})


@override(Services, "delete_vpc_endpoint_service_configurations")
def _delete(_original: Any, self: Any) -> ActionResult:
    """DeleteVpcEndpointServiceConfigurations: refusals come in the list, not as an error."""
    failed = []
    for service_id in service_ids(self._get_param("ServiceIds", [])):
        config = self.ec2_backend.configurations.get(service_id)
        if config is None or config.sandbox.state(world.now()) == "Deleted":
            message = f"The VpcEndpointService Id '{service_id}' does not exist"
            failed.append(unsuccessful(service_id, "InvalidVpcEndpointService.NotFound", message))
        elif connections(config.sandbox, blocking=True):
            failed.append(unsuccessful(service_id, *STILL_CONNECTED))
        elif config.sandbox.state(world.now()) == "Available":
            config.sandbox.delete()
    world.settle()
    return ActionResult({"Unsuccessful": failed})
