"""A probe function that somebody changed proves nothing: `verify` says so, and does not ask it."""

import io
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from links import Stories, ids

from plinkctl.app import up
from plinkctl.app.proof import prove

LIE = "def handler(event, context): return {'url': 'x', 'status': 200, 'body': 'Hello from ALB!', 'duration_ms': 1}"


@pytest.fixture
def stories(account: Any, tmp_path: Path) -> Stories:
    return Stories(tmp_path / "states")


def function_check(stories: Stories) -> tuple[bool, str, str]:
    data = stories(prove)
    (check,) = [check for check in data["checks"] if check["layer"] == "function"]
    return data["ok"], check["result"], check["detail"]


def test_other_code_or_another_target_is_told_and_put_right_by_up(stories: Stories) -> None:
    name = ids(stories(up.both_up))["consumer/function"]
    functions = boto3.Session(profile_name="consumer").client("lambda")
    assert function_check(stories)[:2] == (True, "ok")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", LIE)
    functions.update_function_code(FunctionName=name, ZipFile=buffer.getvalue())
    ok, result, detail = function_check(stories)
    assert (ok, result) == (False, "failed")
    assert "changed by somebody" in detail
    assert stories.last.exit == 3
    stories(up.both_up)
    assert stories.last.changed == {"consumer/function": "update"}
    assert function_check(stories)[:2] == (True, "ok")
    environment = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    elsewhere = {**environment, "CONSUMER_VPC_ENDPOINT_DNS_NAME": "elsewhere.example"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": elsewhere})
    assert function_check(stories)[:2] == (False, "failed")
