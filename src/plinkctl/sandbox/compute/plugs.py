"""Where functions are plugged in: their interfaces, which outlive them, and what a VpcConfig must fulfil.

Functions with the same subnet and the same groups share one interface, as on AWS.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from moto.awslambda import models
from moto.awslambda.exceptions import InvalidParameterValueException
from moto.ec2.exceptions import EC2ClientError
from moto.iam.models import IAMBackend

from plinkctl.sandbox import interfaces, world
from plinkctl.sandbox.compute.roles import find_role
from plinkctl.sandbox.door.protocol import Asked
from plinkctl.sandbox.interfaces import Owner
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plinkctl.sandbox.clock import Timeline

#: Why a function has no interfaces, by what EC2 said: Lambda's code and sentence.
FAILURES: Final = {
    "InsufficientFreeAddressesInSubnet": ("SubnetOutOfIPAddresses", "The subnet has no free IP addresses."),
    "NetworkInterfaceLimitExceeded": ("EniLimitExceeded", "The account has no network interface left in this Region."),
    "EniLimitExceeded": ("EniLimitExceeded", "The VPC has as many network interfaces of functions as it may have."),
}


@dataclass(slots=True, eq=False, kw_only=True)
class Function:
    """What the sandbox knows of a function. Plain values only: moto copies functions deeply.

    Attributes:
        life: Pending, then Active or Failed.
        update: InProgress, then Successful; of the last change.
        account, region: where it lives.
        places: what names its interfaces, one for each subnet; see `_place`.
        failure: why it, or its last change, has failed: Lambda's code and sentence.
        revision: changes with each change.
        log_format: its LoggingConfig but for the group.
        told: further settings, by the names the API has for them; see `functions.TOLD`.
    """

    life: Timeline
    update: Timeline
    account: str
    region: str
    places: list[str]
    log_format: dict[str, str]
    told: dict[str, Any] = field(default_factory=dict)
    failure: tuple[str, str] = ("", "")
    revision: str = field(default_factory=lambda: str(uuid.uuid4()))


def every() -> list[Any]:
    """All functions, and all their versions."""
    return [
        one
        for regions in list(models.lambda_backends.values())
        for backend in list(regions.values())
        for group in list(backend._lambdas._functions.values())
        for one in (group["latest"], *group["versions"])
    ]


def interfaces_of(function: Any) -> list[Any]:
    """The interfaces a function (moto's) can send from, one for each of its subnets; empty when it is in no VPC."""
    return [eni for place in function.sandbox.places for eni in interfaces.owned_by(place) if eni.attachment_id]


def _place(subnet_id: str, groups: Sequence[str]) -> str:
    """The name of the interface all functions with this subnet and these groups share."""
    return "+".join([subnet_id, *sorted(groups)])


def subnets_of(ec2: Any, vpc: dict[str, Any]) -> list[Any]:
    """The subnets of a VpcConfig, with its groups in the same VPC. Raises InvalidParameterValueException."""
    subnet_ids, group_ids = vpc.get("SubnetIds") or [], vpc.get("SecurityGroupIds") or []
    if bool(subnet_ids) != bool(group_ids):
        raise InvalidParameterValueException("SecurityGroupIds and SubnetIds must coexist or be both empty list.")
    subnets = []
    for subnet_id in subnet_ids:
        try:
            subnets.append(ec2.get_subnet(subnet_id))
        except EC2ClientError as error:
            raise InvalidParameterValueException(_quoted("DescribeSubnets", error.code, error.message)) from error
    if len({subnet.vpc_id for subnet in subnets}) > 1:
        raise InvalidParameterValueException("All subnets must be in the same VPC.")
    for subnet in subnets:
        if (zone := subnet.availability_zone_id) in world.current().constrained_zones:
            # That it is refused so is our reading: nobody has published the words.
            raise InvalidParameterValueException(f"Lambda is not available in the Availability Zone {zone}.")
    for group_id in group_ids:
        group = ec2.get_security_group_from_id(group_id)
        if group is None:
            missing = f"The security group '{group_id}' does not exist"
            raise InvalidParameterValueException(_quoted("DescribeSecurityGroups", "InvalidGroup.NotFound", missing))
        if group.vpc_id != subnets[0].vpc_id:
            raise InvalidParameterValueException("All security groups must be in the VPC of the subnets.")
    return subnets


def _quoted(action: str, code: str, message: str) -> str:
    return f"Error occurred while {action}. EC2 Error Code: {code}. EC2 Error Message: {message}"


def ask_ec2(ec2: Any, subnets: list[Any], groups: Sequence[str]) -> None:
    """Ask EC2's throttle for the interfaces that are not there yet, as Lambda makes them by calls like anybody's.

    Raises:
        InvalidParameterValueException: there were too many calls.
    """
    sandbox = world.current()
    asked = Asked(key="", service="ec2", region=ec2.region_name, action="CreateNetworkInterface", protocol="ec2")
    for subnet in subnets:
        if any(eni.attachment_id for eni in interfaces.owned_by(_place(subnet.id, groups))):
            continue
        if not sandbox.buckets.take(asked, ec2.account_id, sandbox.clock.now(), sandbox.profile.throttle):
            raise InvalidParameterValueException(
                "Your request has been throttled by EC2, please make sure you have enough API rate limit."
            )


def plug(function: Any, subnets: list[Any]) -> None:
    """Give a function its interfaces, and take away those nobody uses any more.

    Raises:
        EC2ClientError, QuotaError: there is no address or no interface left; `failure` says it in Lambda's words.
    """
    groups = (function._vpc_config or {}).get("SecurityGroupIds") or []
    before = function.sandbox.places
    function.sandbox.places = []
    for subnet in subnets:
        place = _place(subnet.id, groups)
        held = [eni for eni in interfaces.owned_by(place) if eni.attachment_id]
        for eni in held:
            interfaces.keep(eni)
        if not held:
            shelf = subnet.ec2_backend.enis
            refuse_more(
                "lambda-interfaces-per-vpc",
                len(shelf),
                lambda: sum(one.interface_type == "lambda" and one.vpc_id == subnet.vpc_id for one in shelf.values()),  # noqa: B023 - asked at once
            )
            description = f"AWS Lambda VPC ENI-{function.function_name}-{uuid.uuid4()}"
            interfaces.make(subnet, groups, Owner("lambda", place), description=description)
        function.sandbox.places.append(place)
    release(function, [place for place in before if place not in function.sandbox.places])


def release(function: Any, places: list[str]) -> None:
    """Let the interfaces of these places linger and go, unless another function is there.

    Lambda takes them away by the function's role. When that is gone before they are, they are detached all the same,
    and then stay until somebody deletes them.
    """
    others = [other for other in every() if other is not function]
    used = {place for other in others for place in other.sandbox.places}
    linger = world.current().profile.function_interface
    for place in places:
        for eni in interfaces.owned_by(place) if place not in used else ():
            eni.sandbox_role = function.role
            after = linger if find_role(function.account_id, function.role) else math.inf
            interfaces.release(eni, after=after, detach=linger / 2)


@override(IAMBackend, "delete_role")
def _delete_role(original: Any, self: Any, role_name: str) -> None:
    """DeleteRole: the interfaces that role was still to take away are left behind."""
    arn = self.get_role(role_name).arn
    original(self, role_name)
    for eni in interfaces.living(self.account_id):
        if getattr(eni, "sandbox_role", None) == arn and eni.sandbox.until is not None:
            interfaces.strand(eni)
