"""What an interface endpoint must fulfil to be made or changed, in the order and the words of AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError, InvalidSecurityGroupNotFoundError
from werkzeug.exceptions import HTTPException

from plinkctl.sandbox import world
from plinkctl.sandbox.manners.quotas import refuse_more

if TYPE_CHECKING:
    from plinkctl.sandbox.ec2.services import Service


class UnavailableError(HTTPException):
    """EC2's 503 `Unavailable`; moto's own errors are always answered with 400."""

    code = 503
    description = (
        "<Response><Errors><Error><Code>Unavailable</Code><Message>The service is unavailable. Please try again "
        "shortly.</Message></Error></Errors><RequestID>unavailable</RequestID></Response>"
    )


def check_ready(service: Service) -> None:
    """Refuse a service so new that it takes no endpoint yet, though it is `Available`. Raises UnavailableError."""
    if world.now() < service.ready:
        raise UnavailableError


def check_subnets(backend: Any, vpc_id: str, subnet_ids: list[str], service: Service) -> list[Any]:
    """The subnets of an endpoint, checked as AWS checks them. Raises EC2ClientError."""
    subnets = [backend.get_subnet(one) for one in subnet_ids]
    for subnet in subnets:
        if subnet.vpc_id != vpc_id:
            raise EC2ClientError("InvalidParameter", f"The subnet {subnet.id} does not belong to VPC {vpc_id}.")
    if len({subnet.availability_zone for subnet in subnets}) < len(subnets):
        raise EC2ClientError(
            "DuplicateSubnetsInSameZone",
            "For an interface VPC endpoint, you can specify only one subnet per Availability Zone.",
        )
    for subnet in subnets:
        if subnet.availability_zone_id not in service.zone_ids:
            raise EC2ClientError(
                "InvalidParameter",
                f"The VPC endpoint service {service.name} does not support the availability zone of the subnet: "
                f"{subnet.id}.",
            )
    return subnets


def check_groups(backend: Any, vpc_id: str, group_ids: list[str]) -> list[str]:
    """The groups of an endpoint; the VPC's default group when none is given. Raises EC2ClientError."""
    for group_id in group_ids:
        if group_id not in backend.groups[vpc_id]:
            raise InvalidSecurityGroupNotFoundError(group_id)
    refuse_more("security-groups-per-interface", len(group_ids) - 1)
    return group_ids or [backend.get_default_security_group(vpc_id).id]
