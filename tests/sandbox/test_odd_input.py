"""Whatever is asked with whatever parameters, a client gets an answer it can read; 500 is for mistakes of the sandbox.

One action in so many is tried of each service the sandbox stands for; with PLINKCTL_TEST_ALL=1 each is, in every way.
"""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

if TYPE_CHECKING:
    from conftest import Side

ALL = bool(os.environ.get("PLINKCTL_TEST_ALL"))
#: Services, and which of their actions are tried: each so manyth.
SERVICES = {
    "acm": 4,
    "ec2": 40,
    "elbv2": 9,
    "iam": 15,
    "lambda": 9,
    "logs": 9,
    "route53": 9,
    "s3": 15,
    "sns": 5,
    "sts": 2,
}


def filled(shape: Any, text: str, *, whole: bool, depth: int = 0) -> Any:
    """A value of a botocore shape: as little as it must hold, or `whole`, with that text wherever a text goes."""
    match shape.type_name:
        case "structure":
            names = shape.members if whole and depth < 4 else shape.required_members if depth < 8 else ()
            return {name: filled(shape.members[name], text, whole=whole, depth=depth + 1) for name in names}
        case "list":
            return [filled(shape.member, text, whole=whole, depth=depth + 1)] if depth < 8 else []
        case "map":
            return {text: filled(shape.value, text, whole=whole, depth=depth + 1)}
        case "boolean":
            return True
        case "timestamp":
            return dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
        case "blob":
            return text.encode()
        case "string" | "character":
            return text
        case _:
            return -1


ODD = "arn:aws:x::\u00e9/../%00"
WAYS = [(ODD, False), ("x", False), (ODD, True), ("x", True)] if ALL else [(ODD, False)]


@pytest.mark.parametrize("service", SERVICES)
def test_no_parameters_make_a_500(provider: Side, service: str) -> None:
    settings = Config(retries={"total_max_attempts": 1}, parameter_validation=False, inject_host_prefix=False)
    client = provider.session.client(service, endpoint_url=provider.url, config=settings)
    model = client.meta.service_model
    failed = []
    for name in list(model.operation_names)[:: 1 if ALL else SERVICES[service]]:
        shape = model.operation_model(name).input_shape
        for text, whole in WAYS if shape else ():
            try:
                getattr(client, xform_name(name))(**filled(shape, text, whole=whole))
            except ParamValidationError:
                pass  # the client does not even ask
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                    failed.append((name, text, error.response["Error"]))
    assert failed == []
