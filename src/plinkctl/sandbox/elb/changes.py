"""What is changed on a load balancer that stands: its groups, its subnets, its addresses, its tags."""

from __future__ import annotations

from typing import Any, Final

from moto.core.responses import ActionResult
from moto.elbv2.exceptions import ELBClientError, TooManyTagsError, ValidationError
from moto.elbv2.models import ELBv2Backend
from moto.elbv2.responses import ELBV2Response

from plinkctl.sandbox import interfaces
from plinkctl.sandbox.ec2.services import behind
from plinkctl.sandbox.elb import counts
from plinkctl.sandbox.elb.balancers import check_groups, check_subnets, enforce, stand_in
from plinkctl.sandbox.manners.visibility import changing
from plinkctl.sandbox.patch import override

TAGS: Final = 50


@override(ELBV2Response, "set_security_groups")
def _set_groups(_original: Any, self: Any) -> ActionResult:
    """SetSecurityGroups, the only call that turns the enforcement on PrivateLink traffic on or off."""
    backend = self.elbv2_backend
    [balancer] = backend.describe_load_balancers([self._get_param("LoadBalancerArn")], None)
    if balancer.type == "network" and not balancer.security_groups:
        raise ELBClientError(
            "InvalidConfigurationRequest",
            "You cannot set security groups on a Network Load Balancer that was created without security groups",
        )
    groups = check_groups(backend.ec2_backend, balancer.vpc_id, self._get_param("SecurityGroups", []))
    if not groups:
        raise ValidationError("A load balancer must have at least one security group")
    name = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"
    if asked := self._get_param(name):
        if balancer.type != "network":
            raise ValidationError(f"{name} is supported for Network Load Balancers only")
        enforce(balancer, asked)
    balancer.security_groups = groups
    balancer.sandbox.asked["groups"] = sorted(groups)
    for eni in interfaces.nodes(balancer):
        eni._group_set = [eni.ec2_backend.get_security_group_from_id(group) for group in groups]
    return ActionResult({"SecurityGroupIds": groups, name: balancer.enforce_private_link})


@override(ELBV2Response, "set_subnets")
def _set_subnets(_original: Any, self: Any) -> ActionResult:
    """SetSubnets: the interfaces follow. A subnet given up is left at once, its interface a little later.

    Not known of AWS: whether a network load balancer may leave a zone while a service stands on it; refusing is what a
    caller has to be ready for.
    """
    backend = self.elbv2_backend
    [balancer] = backend.describe_load_balancers([self._get_param("LoadBalancerArn")], None)
    mapped = [mapping["SubnetId"] for mapping in self._get_param("SubnetMappings", [])]
    wanted = list(dict.fromkeys([*self._get_param("Subnets", []), *mapped]))
    nodes = {eni.subnet.id: eni for eni in interfaces.nodes(balancer)}
    subnets = check_subnets(backend.ec2_backend, balancer.type, balancer.scheme, wanted, had=nodes)
    if subnets[0].vpc_id != balancer.vpc_id:
        raise ELBClientError("InvalidConfigurationRequest", "All subnets must belong to the VPC of the load balancer")
    given_up = {subnet.availability_zone for subnet in balancer.subnets} - {one.availability_zone for one in subnets}
    if given_up and behind(balancer.arn):
        raise ELBClientError(
            "InvalidConfigurationRequest", "A load balancer of a VPC endpoint service cannot leave an Availability Zone"
        )
    new = [subnet for subnet in subnets if subnet.id not in nodes]
    counts.refuse_interfaces(backend.ec2_backend, balancer.type, balancer.vpc_id, len(new))
    stand_in(balancer, subnets, nodes)
    if asked := self._get_param("IpAddressType"):
        backend.set_ip_address_type(balancer.arn, asked)
    zones = [{"ZoneName": subnet.availability_zone, "SubnetId": subnet.id} for subnet in subnets]
    return ActionResult({"AvailabilityZones": zones, "IpAddressType": balancer.ip_address_type})


@override(ELBv2Backend, "set_ip_address_type")
def _set_address_type(original: Any, self: Any, arn: str, ip_type: str) -> None:
    """SetIpAddressType; IPv6 is taken and told, and carries nothing."""
    original(self, arn, ip_type)
    self.load_balancers[arn].sandbox.asked["addresses"] = ip_type


@override(ELBv2Backend, "describe_tags")
def _describe_tags(original: Any, self: Any, resource_arns: list[str]) -> Any:
    """DescribeTags: of what exists."""
    for arn in resource_arns:
        self._get_resource_by_arn(arn)
    return original(self, resource_arns)


@override(ELBv2Backend, "add_tags")
def _add_tags(_original: Any, self: Any, resource_arns: list[str], tags: list[dict[str, str]]) -> None:
    """AddTags: up to fifty on a resource, where moto stops at ten."""
    for arn in resource_arns:
        self._get_resource_by_arn(arn)
        had = self.tagging_service.get_tag_dict_for_resource(arn)
        if len(had | self.tagging_service.flatten_tag_list(tags)) > TAGS:
            raise TooManyTagsError
        changing(self, "tags", arn, self.tagging_service.tags, arn)
        self.tagging_service.tag_resource(arn, tags)


@override(ELBv2Backend, "remove_tags")
def _remove_tags(original: Any, self: Any, resource_arns: list[str], tag_keys: list[str]) -> None:
    """RemoveTags, from what exists."""
    for arn in resource_arns:
        self._get_resource_by_arn(arn)
        changing(self, "tags", arn, self.tagging_service.tags, arn)
    original(self, resource_arns, tag_keys)
