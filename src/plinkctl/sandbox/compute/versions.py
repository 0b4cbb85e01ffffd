"""Versions, aliases and permissions of functions: what is kept of a function, and by which names it is run.

A version is moto's copy of the function as it was, with a `Function` of its own as its attribute `sandbox`: what is
changed afterwards does not reach it, and its interfaces are its own.
"""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from moto.awslambda.exceptions import ConflictException, LambdaClientError
from moto.awslambda.models import LambdaBackend
from moto.awslambda.responses import LambdaResponse

from plinkctl.sandbox import world
from plinkctl.sandbox.compute.functions import ConflictError
from plinkctl.sandbox.patch import override


class AlreadyThereError(LambdaClientError):
    """ResourceConflictException: there is one of that name."""

    code = 409

    def __init__(self, message: str) -> None:
        super().__init__("ResourceConflictException", message)


@override(LambdaBackend, "publish_version")
def _publish(original: Any, self: Any, function_name: str, description: str = "") -> Any:
    """PublishVersion: not in the middle of a change; without a change since the last version, that one again."""
    function = self.get_function(function_name)
    if function.sandbox.update.at(world.now()) == "InProgress":
        raise ConflictError(f"An update is in progress for resource: {function.function_arn}")
    version = original(self, function_name, description)
    if version.sandbox is function.sandbox:
        version.sandbox = copy.deepcopy(function.sandbox)
    return version


@override(LambdaBackend, "create_alias")
def _create_alias(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """CreateAlias, which refuses a second one in the words of Lambda; moto's code is none of Lambda's."""
    try:
        return original(self, *args, **kwargs)
    except ConflictException as error:
        raise AlreadyThereError(error.message) from error


@override(LambdaResponse, "invoke")
def _invoke(original: Any, self: Any) -> Any:
    """Invoke, of the version or alias that was asked for; moto looks for the parameter by another name."""
    if "Qualifier" in self.querystring:
        self.querystring["qualifier"] = self.querystring["Qualifier"]
    return original(self)


@override(LambdaBackend, "add_permission")
def _permit(original: Any, self: Any, function_name: str, qualifier: str, raw: str) -> Any:
    """AddPermission: one statement of a name; an account is told as its root, as everywhere in IAM."""
    asked = json.loads(raw)
    statements = self.get_function(function_name, qualifier).policy.statements
    if any(one.get("Sid") == asked.get("StatementId") for one in statements):
        raise AlreadyThereError(
            f"The statement id ({asked['StatementId']}) provided already exists. Please provide a new statement id, or "
            "remove the existing statement."
        )
    principal = str(asked.get("Principal", ""))
    if re.fullmatch(r"\d{12}", principal):
        asked["Principal"] = f"arn:{self.partition}:iam::{principal}:root"
    return original(self, function_name, qualifier, json.dumps(asked))
