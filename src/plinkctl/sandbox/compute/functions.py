"""Functions, all but their running: roles checked, Pending before Active, interfaces in the VPC that outlive them.

A function is moto's LambdaFunction with the `Function` of this module as its attribute `sandbox`. Functions with the
same subnet and the same groups share one interface, as on AWS. Running them is the affair of `invoke`.
"""

from __future__ import annotations

import io
import math
import uuid
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from moto.awslambda import models
from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError, PreconditionFailedException
from moto.awslambda.models import LambdaBackend, LambdaStorage
from moto.core.utils import get_service_model
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.iam.models import IAMBackend

from plinkctl.sandbox import interfaces, world
from plinkctl.sandbox.clock import Timeline
from plinkctl.sandbox.compute.roles import INTERFACE_RIGHTS, allows, assumable, find_role
from plinkctl.sandbox.interfaces import Owner
from plinkctl.sandbox.manners.quotas import QuotaError, refuse_more
from plinkctl.sandbox.manners.visibility import born, changing
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Why a function has no interfaces, by what EC2 said: Lambda's code and sentence.
_FAILURES: Final = {
    "InsufficientFreeAddressesInSubnet": ("SubnetOutOfIPAddresses", "The subnet has no free IP addresses."),
    "NetworkInterfaceLimitExceeded": ("EniLimitExceeded", "The account has no network interface left in this Region."),
    "EniLimitExceeded": ("EniLimitExceeded", "The VPC has as many network interfaces of functions as it may have."),
}

#: What a LoggingConfig has by itself, for each format.
LOGS: Final = {
    "Text": {"LogFormat": "Text"},
    "JSON": {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"},
}


class ConflictError(LambdaClientError):
    """ResourceConflictException: the function is busy with something else."""

    code = 409

    def __init__(self, reason: str) -> None:
        super().__init__("ResourceConflictException", f"The operation cannot be performed at this time. {reason}")


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
    """

    life: Timeline
    update: Timeline
    account: str
    region: str
    places: list[str]
    log_format: dict[str, str]
    failure: tuple[str, str] = ("", "")
    revision: str = field(default_factory=lambda: str(uuid.uuid4()))


def _functions() -> list[Any]:
    """All functions, and all their versions."""
    return [
        one
        for regions in list(models.lambda_backends.values())
        for backend in list(regions.values())
        for group in list(backend._lambdas._functions.values())
        for one in (group["latest"], *group["versions"])
    ]


@world.settler
def _settle(moment: float) -> None:
    for function in _functions():
        function.state = function.sandbox.life.at(moment)


def interfaces_of(function: Any) -> list[Any]:
    """The interfaces a function (moto's) can send from, one for each of its subnets; empty when it is in no VPC."""
    return [eni for place in function.sandbox.places for eni in interfaces.owned_by(place) if eni.attachment_id]


def state_of(function: Any) -> str:
    """Pending, Active or Failed, at this moment."""
    return str(function.sandbox.life.at(world.now()))


def refuse_unless_ready(function: Any) -> None:
    """Refuse to work on a function that is being made or changed. Raises ConflictError (409)."""
    if (state := state_of(function)) == "Pending":
        raise ConflictError(f"The function is currently in the following state: {state}")
    if function.sandbox.update.at(world.now()) == "InProgress":
        raise ConflictError(f"An update is in progress for resource: {function.function_arn}")


def _place(subnet_id: str, groups: Sequence[str]) -> str:
    """The name of the interface all functions with this subnet and these groups share."""
    return "+".join([subnet_id, *sorted(groups)])


def _check_role(account: str, arn: str, *, in_vpc: bool) -> None:
    """Refuse a role Lambda cannot use, in Lambda's words. Raises InvalidParameterValueException."""
    role = find_role(account, arn)
    if not assumable(role):
        raise InvalidParameterValueException("The role defined for the function cannot be assumed by Lambda.")
    for action in INTERFACE_RIGHTS if in_vpc else ():
        if not allows(role, action):
            name = action.removeprefix("ec2:")
            raise InvalidParameterValueException(
                f"The provided execution role does not have permissions to call {name} on EC2"
            )


def _subnets(ec2: Any, vpc: dict[str, Any]) -> list[Any]:
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


def _plug(function: Any, subnets: list[Any]) -> None:
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
    _release(function, [place for place in before if place not in function.sandbox.places])


def _release(function: Any, places: list[str]) -> None:
    """Let the interfaces of these places linger and go, unless another function is there.

    Lambda takes them away by the function's role. When that is gone before they are, they are detached all the same,
    and then stay until somebody deletes them.
    """
    others = [other for other in _functions() if other is not function]
    used = {place for other in others for place in other.sandbox.places}
    linger = world.current().profile.function_interface
    for place in places:
        for eni in interfaces.owned_by(place) if place not in used else ():
            eni.sandbox_role = function.role
            after = linger if find_role(function.account_id, function.role) else math.inf
            interfaces.release(eni, after=after, detach=linger / 2)


def _check_runtime(spec: dict[str, Any], *, needed: bool) -> None:
    """Refuse a runtime Lambda does not have, or none where one is needed. Raises InvalidParameterValueException."""
    if needed and not (spec.get("Runtime") and spec.get("Handler")):
        raise InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    known = get_service_model("lambda").shape_for("Runtime").enum
    if (runtime := spec.get("Runtime")) and runtime not in known:
        raise InvalidParameterValueException(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{', '.join(known)}] or be a valid ARN"
        )


@override(LambdaBackend, "create_function")
def _create(original: Any, self: Any, spec: dict[str, Any]) -> Any:
    """CreateFunction."""
    _check_runtime(spec, needed=spec.get("PackageType", "Zip") == "Zip")
    ec2 = ec2_backends[self.account_id][self.region_name]
    vpc = spec.get("VpcConfig") or {}
    subnets = _subnets(ec2, vpc)
    _check_role(self.account_id, spec["Role"], in_vpc=bool(subnets))
    log_format = _log_format(LOGS["Text"], spec)
    function = original(self, {**spec, "Publish": False})
    if function.package_type == "Zip" and not zipfile.is_zipfile(io.BytesIO(function.code_bytes)):
        self._lambdas.del_function(function.function_name)
        raise InvalidParameterValueException(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        )
    name, stored = function.function_name, self._lambdas._functions
    born(self, "function", stored, name, name, function.function_arn)
    changing(self, "tags", name, function, "tags", new=True)
    moment, delay = world.now(), world.current().profile.function
    function.sandbox = Function(
        life=Timeline(moment, ("Pending", 0), ("Active", delay)),
        update=Timeline(moment, ("Successful", 0)),
        account=self.account_id,
        region=self.region_name,
        places=[],
        log_format=log_format,
    )
    _settings(function, spec)
    try:
        _plug(function, subnets)
    except (EC2ClientError, QuotaError) as error:
        function.sandbox.failure = _FAILURES[error.code]
        function.sandbox.life.turn(moment, ("Pending", 0), ("Failed", delay))
    return self.publish_version(function.function_name) if spec.get("Publish") else function


def _log_format(had: dict[str, str], spec: dict[str, Any]) -> dict[str, str]:
    """How a function writes its logs after a request; levels are for logs in JSON only.

    Raises:
        InvalidParameterValueException: levels with another format.
    """
    asked = {key: value for key, value in (spec.get("LoggingConfig") or {}).items() if value and key != "LogGroup"}
    kind = asked.get("LogFormat", had["LogFormat"])
    if kind != "JSON" and len(asked.keys() - {"LogFormat"}):
        raise InvalidParameterValueException("Log levels are not supported when LogFormat is set to Text.")
    before = had if had["LogFormat"] == kind else {}
    return {**LOGS[kind], **before, **asked}


def _settings(function: Any, spec: dict[str, Any]) -> None:
    """Take over what moto leaves out of a request: the log group, storage, tracing."""
    function.logs_group_name = (spec.get("LoggingConfig") or {}).get("LogGroup") or function.logs_group_name
    function.ephemeral_storage = (spec.get("EphemeralStorage") or {}).get("Size") or function.ephemeral_storage
    function.tracing_config = spec.get("TracingConfig") or function.tracing_config


@override(models.LambdaFunction, "vpc_config")
def _vpc_config(_original: Any, self: Any) -> dict[str, Any] | None:
    """The VpcConfig with the VPC the subnets are really in."""
    config = self._vpc_config or {}
    if not config.get("SubnetIds"):
        return None
    subnet = ec2_backends[self.account_id][self.region].get_subnet(config["SubnetIds"][0])
    return {**config, "VpcId": subnet.vpc_id, "Ipv6AllowedForDualStack": False}


@override(models.LambdaFunction, "get_configuration")
def _configuration(original: Any, self: Any, on_create: bool = False) -> dict[str, Any]:
    """FunctionConfiguration, with the state of this moment."""
    config = dict(original(self, on_create))
    config["State"] = state = state_of(self)
    if state == "Pending":
        config["StateReasonCode"], config["StateReason"] = "Creating", "The function is being created."
    elif state == "Failed":
        config["StateReasonCode"], config["StateReason"] = self.sandbox.failure
    config["LastUpdateStatus"] = update = self.sandbox.update.at(world.now())
    if update == "Failed":
        config["LastUpdateStatusReasonCode"], config["LastUpdateStatusReason"] = self.sandbox.failure
    config["RevisionId"] = self.sandbox.revision
    config["LoggingConfig"] = {**self.sandbox.log_format, "LogGroup": self.logs_group_name}
    return config


@override(LambdaBackend, "update_function_configuration")
def _update_configuration(original: Any, self: Any, function_name: str, qualifier: str, body: dict[str, Any]) -> Any:
    """UpdateFunctionConfiguration: one change at a time; another VpcConfig takes other interfaces."""
    function = self.get_function(function_name, qualifier)
    refuse_unless_ready(function)
    _check_runtime(body, needed=False)
    _check_revision(function, body)
    ec2 = ec2_backends[self.account_id][self.region_name]
    had = function._vpc_config or {}
    if "VpcConfig" in body:
        # A list that is not named stays as it is; public tools change the groups alone.
        body = {**body, "VpcConfig": {**had, **{k: v for k, v in body["VpcConfig"].items() if v is not None}}}
    subnets = _subnets(ec2, body.get("VpcConfig", had))
    if "Role" in body or "VpcConfig" in body:
        _check_role(self.account_id, body.get("Role", function.role), in_vpc=bool(subnets))
    log_format = _log_format(function.sandbox.log_format, body)
    original(self, function_name, qualifier, body)
    function.sandbox.log_format = log_format
    _settings(function, body)
    _changing(function)
    try:
        _plug(function, subnets)
    except (EC2ClientError, QuotaError) as error:
        function.sandbox.failure = _FAILURES[error.code]
        delay = world.current().profile.function
        function.sandbox.update.turn(world.now(), ("InProgress", 0), ("Failed", delay))
    return function.get_configuration()


@override(LambdaBackend, "update_function_code")
def _update_code(original: Any, self: Any, function_name: str, qualifier: str, body: dict[str, Any]) -> Any:
    """UpdateFunctionCode: one change at a time."""
    function = self.get_function(function_name, qualifier)
    refuse_unless_ready(function)
    _check_revision(function, body)
    original(self, function_name, qualifier, body)
    if not body.get("DryRun"):
        _changing(function)
    return function.get_configuration()


def _check_revision(function: Any, body: dict[str, Any]) -> None:
    """Refuse a change of another state of the function than the caller knows. Raises PreconditionFailedException."""
    if body.get("RevisionId") not in (None, function.sandbox.revision):
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
            "retrieve the latest Revision Id"
        )


def _changing(function: Any) -> None:
    delay = world.current().profile.function
    function.sandbox.revision = str(uuid.uuid4())
    function.sandbox.update.turn(world.now(), ("InProgress", 0), ("Successful", delay))


@override(LambdaBackend, "delete_function")
def _delete(original: Any, self: Any, function_name: str, qualifier: str | None = None) -> None:
    """DeleteFunction: not in the middle of something; its interfaces stay a while."""
    function = self.get_function(function_name, qualifier)
    refuse_unless_ready(function)
    left = [function] if qualifier else [function, *self._lambdas._functions[function.function_name]["versions"]]
    original(self, function_name, qualifier)
    for one in left:
        _release(one, one.sandbox.places)


@override(LambdaBackend, "tag_resource")
def _tag(original: Any, self: Any, resource_arn: str, tags: dict[str, str]) -> None:
    """TagResource, seen a little later."""
    changing(self, "tags", resource_arn, self._get_resource_by_arn(resource_arn), "tags")
    original(self, resource_arn, tags)


@override(LambdaBackend, "untag_resource")
def _untag(original: Any, self: Any, resource_arn: str, tag_keys: list[str]) -> None:
    """UntagResource, seen a little later."""
    changing(self, "tags", resource_arn, self._get_resource_by_arn(resource_arn), "tags")
    original(self, resource_arn, tag_keys)


@override(IAMBackend, "delete_role")
def _delete_role(original: Any, self: Any, role_name: str) -> None:
    """DeleteRole: the interfaces that role was still to take away are left behind."""
    arn = self.get_role(role_name).arn
    original(self, role_name)
    for eni in interfaces.living(self.account_id):
        if getattr(eni, "sandbox_role", None) == arn and eni.sandbox.until is not None:
            interfaces.strand(eni)


@override(LambdaStorage, "all")
def _all(_original: Any, self: Any) -> list[Any]:
    """Every version; without moto's deep copies, which would copy the logs and all else a function refers to."""
    return [one for group in self._functions.values() for one in (group["latest"], *group["versions"])]
