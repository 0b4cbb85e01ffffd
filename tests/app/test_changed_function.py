"""What proves nothing of the link: a probe function that somebody changed, and one that could not be asked."""

import io
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from links import Stories, ids

from plinkctl.app import up
from plinkctl.app.proof import prove
from plinkctl.aws.faults import Nature
from plinkctl.errors import AccessError, AwsError
from plinkctl.sandbox import remote
from plinkctl.sandbox.daemon import Running

LIE = "def handler(event, context): return {'url': 'x', 'status': 200, 'body': 'Hello from ALB!', 'duration_ms': 1}"


@pytest.fixture
def stories(account: Any, tmp_path: Path) -> Stories:
    return Stories(tmp_path / "states")


def function_check(stories: Stories) -> tuple[bool, str, str]:
    data = stories(prove)
    (check,) = [check for check in data["checks"] if check["layer"] == "function"]
    return data["ok"], check["result"], check["detail"]


def test_other_code_or_another_target_is_told_and_put_right_by_up(stories: Stories, sandbox: Running) -> None:
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
    could_not_be_asked(stories, sandbox)


def could_not_be_asked(stories: Stories, sandbox: Running) -> None:
    """A link that stands is not called broken because AWS did not take or answer the request of the function."""
    stories(up.both_up)
    invoke = {"action": "lambda:Invoke"}
    cured = [{**invoke, "effect": "throttle", "times": 2}, {**invoke, "effect": "reset", "when": "after", "times": 1}]
    remote.set_faults(sandbox, {"rules": cured})
    assert stories(prove)["ok"]
    assert "AWS did not take or answer the request (TooManyRequestsException)" in stories.last.notes
    remote.set_faults(sandbox, {"rules": [{**invoke, "effect": "reset", "when": "before"}]})
    with pytest.raises(AwsError) as unclear:
        stories(prove, timeout=5.0)
    assert unclear.value.nature == Nature.UNCLEAR
    remote.clear_faults(sandbox)
    remote.set_faults(sandbox, {"rules": [{**invoke, "effect": "denied"}]})
    with pytest.raises(AccessError, match="not allowed to call lambda:Invoke"):
        stories(prove)
    remote.clear_faults(sandbox)
