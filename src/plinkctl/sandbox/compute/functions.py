"""Functions, all but their running: roles checked, Pending before Active, one change at a time.

A function is moto's LambdaFunction with the `Function` of `plugs` as its attribute `sandbox`. Where it is in a VPC, is
the affair of `plugs`; running it, that of `invoke`.
"""

from __future__ import annotations

import io
import uuid
import zipfile
from typing import Any, Final

from moto.awslambda import models
from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError, PreconditionFailedException
from moto.awslambda.models import LambdaBackend, LambdaStorage
from moto.core.utils import get_service_model
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends

from plinkctl.sandbox import world
from plinkctl.sandbox.clock import Timeline
from plinkctl.sandbox.compute.plugs import FAILURES, Function, ask_ec2, every, plug, release, subnets_of
from plinkctl.sandbox.compute.roles import INTERFACE_RIGHTS, allows, assumable, find_role
from plinkctl.sandbox.manners.doom import fate
from plinkctl.sandbox.manners.quotas import QuotaError
from plinkctl.sandbox.manners.visibility import born, changing
from plinkctl.sandbox.patch import override

#: What a LoggingConfig has by itself, for each format.
LOGS: Final = {
    "Text": {"LogFormat": "Text"},
    "JSON": {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"},
}

#: Settings that are kept and told; a function runs here as if it had none of them.
TOLD: Final = ("DeadLetterConfig", "FileSystemConfigs", "KMSKeyArn")


class ConflictError(LambdaClientError):
    """ResourceConflictException: the function is busy with something else."""

    code = 409

    def __init__(self, reason: str) -> None:
        super().__init__("ResourceConflictException", f"The operation cannot be performed at this time. {reason}")


@world.settler
def _settle(moment: float) -> None:
    for function in every():
        function.state = function.sandbox.life.at(moment)


def state_of(function: Any) -> str:
    """Pending, Active or Failed, at this moment."""
    return str(function.sandbox.life.at(world.now()))


def refuse_unless_ready(function: Any) -> None:
    """Refuse to work on a function that is being made or changed. Raises ConflictError (409)."""
    if (state := state_of(function)) == "Pending":
        raise ConflictError(f"The function is currently in the following state: {state}")
    if function.sandbox.update.at(world.now()) == "InProgress":
        raise ConflictError(f"An update is in progress for resource: {function.function_arn}")


def _check_role(account: str, arn: str, spec: dict[str, Any], *, in_vpc: bool) -> None:
    """Refuse a role Lambda cannot use, in Lambda's words. Raises InvalidParameterValueException.

    KMS, which has to let the role read variables that are encrypted with a key of the caller's own, hears of a new role
    as long after Lambda as Lambda after IAM: that it is later is known, how much is not.
    """
    role = find_role(account, arn)
    if not assumable(role):
        raise InvalidParameterValueException("The role defined for the function cannot be assumed by Lambda.")
    for action in INTERFACE_RIGHTS if in_vpc else ():
        if not allows(role, action):
            name = action.removeprefix("ec2:")
            raise InvalidParameterValueException(
                f"The provided execution role does not have permissions to call {name} on EC2"
            )
    encrypted = spec.get("KMSKeyArn") and (spec.get("Environment") or {}).get("Variables")
    if encrypted and world.now() < role.sandbox_since + 2 * world.current().profile.role:
        raise InvalidParameterValueException(
            "Lambda was unable to configure access to your environment variables because the KMS key is invalid for "
            "CreateGrant. Please check your KMS key settings. KMS Exception: InvalidArnException KMS Message: ARN does "
            "not refer to a valid principal"
        )


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
    subnets = subnets_of(ec2, vpc)
    _check_role(self.account_id, spec["Role"], spec, in_vpc=bool(subnets))
    ask_ec2(ec2, subnets, vpc.get("SecurityGroupIds") or [])
    _check_letters(spec["Role"], self.account_id, spec)
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
    if failure := _plugged(function, subnets):
        function.sandbox.failure = failure
        function.sandbox.life.turn(moment, ("Pending", 0), ("Failed", delay))
    return self.publish_version(function.function_name) if spec.get("Publish") else function


def _plugged(function: Any, subnets: list[Any]) -> tuple[str, str] | None:
    """Plug a function in; Lambda's code and sentence when it will have failed."""
    try:
        plug(function, subnets)
    except (EC2ClientError, QuotaError) as error:
        return FAILURES[error.code]
    return fate()


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


def _check_letters(role_arn: str, account: str, spec: dict[str, Any]) -> None:
    """Refuse a place for failed events that the role may not write to. Raises InvalidParameterValueException."""
    target = (spec.get("DeadLetterConfig") or {}).get("TargetArn") or ""
    for service, action in (("sqs", "SendMessage"), ("sns", "Publish")):
        if f":{service}:" in target and not allows(find_role(account, role_arn), f"{service}:{action}"):
            raise InvalidParameterValueException(
                f"The provided execution role does not have permissions to call {action} on {service.upper()}"
            )


def _settings(function: Any, spec: dict[str, Any]) -> None:
    """Take over what moto leaves out of a request: the log group, storage, tracing, and what is told only."""
    function.sandbox.told = {**function.sandbox.told, **{key: spec[key] for key in TOLD if key in spec}}
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
    six = bool(config.get("Ipv6AllowedForDualStack"))
    return {**config, "VpcId": subnet.vpc_id, "Ipv6AllowedForDualStack": six}


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
    told = {key: value for key, value in self.sandbox.told.items() if value and value != {"TargetArn": ""}}
    return {**{key: value for key, value in config.items() if key not in TOLD}, **told}


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
    subnets = subnets_of(ec2, body.get("VpcConfig", had))
    if "Role" in body or "VpcConfig" in body:
        _check_role(self.account_id, body.get("Role", function.role), body, in_vpc=bool(subnets))
        ask_ec2(ec2, subnets, body.get("VpcConfig", had).get("SecurityGroupIds") or [])
    _check_letters(body.get("Role", function.role), self.account_id, body)
    log_format = _log_format(function.sandbox.log_format, body)
    if "Environment" in body:
        body = {**body, "Environment": {"Variables": (body["Environment"] or {}).get("Variables") or {}}}
    original(self, function_name, qualifier, body)
    function.sandbox.log_format = log_format
    _settings(function, body)
    _changing(function)
    if failure := _plugged(function, subnets):
        function.sandbox.failure = failure
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
        release(one, one.sandbox.places)


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


@override(LambdaStorage, "all")
def _all(_original: Any, self: Any) -> list[Any]:
    """Every version; without moto's deep copies, which would copy the logs and all else a function refers to."""
    return [one for group in self._functions.values() for one in (group["latest"], *group["versions"])]
