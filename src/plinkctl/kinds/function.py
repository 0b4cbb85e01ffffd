"""The probe function: a Lambda in the consumer's subnet that may talk to nothing but the endpoint."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

from plinkctl.aws import faults
from plinkctl.errors import AwsAnswer, AwsError
from plinkctl.kinds.base import (
    ABSENT,
    NAME_PREFIX,
    Attrs,
    Ctx,
    Kind,
    Patience,
    Presence,
    Seen,
    Tagged,
    ignore_gone,
    ours,
)
from plinkctl.kinds.base_ec2 import interfaces

RUNTIME: Final = "python3.13"
HANDLER: Final = "index.handler"
MEMORY: Final = 128


class Function(Kind):
    """`subnet_ids`, `security_group_ids`; settings `role_arn`, `log_group`, `environment`, `timeout`, `code`.

    Role and log group are settings since they may be deleted by hand, and then are made anew under other names.
    `code` is the SHA-256 of the zip as Lambda tells it, so an upgraded plinkctl updates the function.
    """

    name = "function"
    title = "probe function"
    client = "lambda"
    way_there = "plinkctl teardown consumer, then the same command again"
    # ENIs: 20 min documented, P99 35 min, over an hour seen (aws-facts.md 3.6)
    patience = Patience(ready_within=900, gone_within=4500, usual="about 1 min", usual_end="4 to 45 min")
    settings = frozenset({"role_arn", "log_group", "environment", "timeout", "code"})

    def find(self, ctx: Ctx) -> Attrs | None:
        """By name, then by tag."""
        found = self._function(ctx, ctx.unique_name(64))
        if found is None or not ours(ctx, found.get("Tags", {}), f"the function {ctx.unique_name(64)}"):
            return None
        return self._attrs(ctx, found["Configuration"])

    def create(self, ctx: Ctx) -> Attrs:
        """CreateFunction. A role that has not spread yet is NOT_YET in the table of faults."""
        reply = ctx.aws.write(
            "lambda",
            "create_function",
            FunctionName=ctx.unique_name(64),
            Runtime=RUNTIME,
            Handler=HANDLER,
            MemorySize=MEMORY,
            Role=ctx.params["role_arn"],
            Code={"ZipFile": code_zip()},
            Timeout=ctx.params["timeout"],
            Environment={"Variables": ctx.params["environment"]},
            VpcConfig={
                "SubnetIds": ctx.params["subnet_ids"],
                "SecurityGroupIds": ctx.params["security_group_ids"],
            },
            LoggingConfig={"LogGroup": ctx.params["log_group"]},
            Tags=ctx.tags,
        )
        return self._attrs(ctx, reply)

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """State, last update, and what it runs."""
        found = self._function(ctx, attrs["id"])
        if found is None:
            return ABSENT
        item = found["Configuration"]
        state, update = item.get("State", "Active"), item.get("LastUpdateStatus", "Successful")
        presence, why = Presence.READY, f"function is {state}"
        if state == "Failed":  # a failed update is another thing: the settings show that it must be sent again
            reason = item.get("StateReason") or "no reason given"
            presence, why = Presence.FAILED, f"function is Failed: {reason}"
        elif state in {"Pending", "Deleting"} or update == "InProgress":
            presence = Presence.PENDING
        return Seen(
            presence=presence,
            why=why,
            attrs=self._attrs(ctx, item),
            settings={
                "role_arn": item["Role"],
                "log_group": item.get("LoggingConfig", {}).get("LogGroup"),
                "environment": item.get("Environment", {}).get("Variables", {}),
                "timeout": item["Timeout"],
                "code": item["CodeSha256"],
            },
            untold=frozenset() if "LoggingConfig" in item else frozenset({"log_group"}),
            frozen={
                "subnet_ids": list(item.get("VpcConfig", {}).get("SubnetIds", ())),
                "security_group_ids": list(item.get("VpcConfig", {}).get("SecurityGroupIds", ())),
            },
            tags=found.get("Tags", {}),
        )

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        """One of the two update calls: Lambda refuses a second while the first is in progress."""
        if "code" in changes:
            ctx.aws.write("lambda", "update_function_code", FunctionName=attrs["id"], ZipFile=code_zip())
            return
        ctx.aws.write(
            "lambda",
            "update_function_configuration",
            FunctionName=attrs["id"],
            Role=ctx.params["role_arn"],
            LoggingConfig={"LogGroup": ctx.params["log_group"]},
            Timeout=ctx.params["timeout"],
            Environment={"Variables": ctx.params["environment"]},
        )

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """The function, then its network interfaces.

        Lambda keeps them for minutes and needs the role to delete them, so the function counts as gone only when they
        are. One that Lambda has detached but not deleted is deleted here, as Terraform does (aws-facts.md 0.18).

        Raises:
            AwsError: Of nature BUSY while Lambda still holds one.
        """
        try:
            ctx.aws.write("lambda", "delete_function", FunctionName=attrs["id"])
        except AwsError as error:
            ignore_gone(error)
        found = self._interfaces(ctx, attrs)
        for interface in found:
            if interface["Status"] != "available":
                continue
            try:
                ctx.aws.write("ec2", "delete_network_interface", NetworkInterfaceId=interface["NetworkInterfaceId"])
            except AwsError as error:
                ignore_gone(error)
        for interface in found:
            if interface["Status"] != "available":
                raise _held(interface)

    def blockers(self, ctx: Ctx, attrs: Attrs) -> str:
        """The interfaces Lambda still holds."""
        held = ", ".join(i["NetworkInterfaceId"] for i in self._interfaces(ctx, attrs))
        return f"Lambda still holds {held}" if held else ""

    def retag(self, ctx: Ctx, attrs: Attrs, *, put: Mapping[str, str], drop: Sequence[str]) -> None:
        """TagResource and UntagResource."""
        if put:
            ctx.aws.write("lambda", "tag_resource", Resource=attrs["arn"], Tags=dict(put))
        if drop:
            ctx.aws.write("lambda", "untag_resource", Resource=attrs["arn"], TagKeys=list(drop))

    def sweep(self, ctx: Ctx, tag: str, value: str) -> list[Tagged]:
        """By the prefix of our names, then by tag."""
        found: list[Tagged] = []
        for item in ctx.aws.pages("lambda", "list_functions", "Functions"):
            if not item["FunctionName"].startswith(NAME_PREFIX):
                continue
            reply = ctx.aws.peek("lambda", "list_tags", Resource=item["FunctionArn"])
            if reply and reply.get("Tags", {}).get(tag) == value:
                found.append(Tagged(attrs=self._attrs(ctx, item), tags=reply["Tags"]))
        return found

    def _function(self, ctx: Ctx, name: str) -> dict[str, Any] | None:
        return ctx.aws.peek("lambda", "get_function", FunctionName=name)

    def _interfaces(self, ctx: Ctx, attrs: Attrs) -> list[dict[str, Any]]:
        """By our group, which nobody else uses, and Lambda's description: after detaching, the type says nothing."""
        found: list[dict[str, Any]] = []
        for group_id in attrs["security_group_ids"]:
            found.extend(interfaces(ctx, "group-id", group_id))
        return [i for i in found if str(i.get("Description", "")).startswith("AWS Lambda VPC ENI")]

    def _attrs(self, ctx: Ctx, item: Mapping[str, Any]) -> Attrs:
        groups = item.get("VpcConfig", {}).get("SecurityGroupIds") or ctx.params.get("security_group_ids", ())
        return {"id": item["FunctionName"], "arn": item["FunctionArn"], "security_group_ids": list(groups)}


@cache
def code_zip() -> bytes:
    """The function's code as a zip that is the same on every machine, so that its SHA-256 can be compared."""
    source = resources.files("plinkctl").joinpath("probe.py").read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # zlib's output differs between versions
        entry = zipfile.ZipInfo("index.py", date_time=(1980, 1, 1, 0, 0, 0))
        entry.create_system = 3
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, source)
    return buffer.getvalue()


def code_sha256() -> str:
    """The zip's SHA-256 as Lambda tells it."""
    return base64.b64encode(hashlib.sha256(code_zip()).digest()).decode()


def _held(interface: Mapping[str, Any]) -> AwsError:
    return faults.from_answer(
        AwsAnswer(
            service="lambda",
            operation="DeleteFunction",
            code="DependencyViolation",
            message=f"Lambda still holds {interface['NetworkInterfaceId']}, which is {interface['Status']}",
        )
    )
