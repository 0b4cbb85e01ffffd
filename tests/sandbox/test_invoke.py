"""Invoke: functions really run, in a process of their own that has nothing of ours and leaves nothing behind."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from whole import RIGHTS, consume, provide

from plinkctl.sandbox import world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import SimpleNamespace


@pytest.fixture
def there(provider: Any) -> SimpleNamespace:
    return provide(provider)


@pytest.fixture
def here(there: SimpleNamespace, consumer: Any) -> SimpleNamespace:
    return consume(consumer, there.service_name)


@pytest.fixture
def within() -> Iterator[None]:
    """Whatever blocks in a test is ended by an alarm, so that a failure is a failure and not a hang."""

    def late(*_: Any) -> None:
        raise TimeoutError("nothing happened within 20 seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_a_function_fetches_the_answer_of_the_load_balancer_through_the_link(here: Any) -> None:
    here.function()
    got = here.invoke()
    assert got.error is None, got.value
    assert got.value == {"status": 200, "body": "Hello from ALB!", "server": "awselb/2.0", "location": None}


def test_a_function_in_no_vpc_reaches_nothing(here: Any) -> None:
    here.function(vpc=False)
    got = here.invoke({"timeout": 0.3})
    assert got.error == "Unhandled"
    assert got.value["errorType"] == "TimeoutError"


def test_event_and_context_are_what_lambda_gives(here: Any) -> None:
    here.function(
        """
        def handler(event, context):
            return {"event": event, "name": context.function_name, "arn": context.invoked_function_arn,
                    "memory": context.memory_limit_in_mb, "group": context.log_group_name,
                    "left": context.get_remaining_time_in_millis()}
        """,
        MemorySize=256,
    )
    got = here.invoke({"text": "grün", "list": [1, None]}).value
    assert got["event"] == {"text": "grün", "list": [1, None]}
    assert got["arn"].endswith(":222222222222:function:probe")
    assert (got["name"], got["memory"], got["group"]) == ("probe", "256", "/aws/lambda/probe")
    assert 0 < got["left"] <= 10_000


def test_the_process_has_no_environment_and_no_credentials_of_ours(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ours")
    monkeypatch.setenv("PYTHONPATH", "/ours")
    here.function(
        """
        import os, sys
        def handler(event, context):
            return {"environment": dict(os.environ), "isolated": sys.flags.isolated, "path": sys.path,
                    "modules": list(sys.modules),
                    "here": os.getcwd(), "input": sys.stdin.read(), "leader": os.getpgid(0) == os.getpid()}
        """
    )
    got = here.invoke().value
    assert set(got["environment"]) - {"LC_CTYPE"} == {
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "LAMBDA_TASK_ROOT",
        "SSL_CERT_FILE",
        "_HANDLER",
        "HOME",
        "HOST",
        "LANG",
        "PATH",
        "TMPDIR",
        "TZ",
    }
    assert got["isolated"] == 1
    assert "network" not in got["modules"]  # ours; the function may have one of that name
    assert "/ours" not in got["path"]
    assert got["here"] == got["environment"]["LAMBDA_TASK_ROOT"]
    assert (got["input"], got["leader"]) == ("", True)
    assert not os.path.exists(got["here"])  # noqa: PTH110 - one word for one question


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("def handler(event, context):\n    raise KeyError('gone')", "KeyError", "'gone'"),
        ("def other(event, context): pass", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'"),
        ("import nowhere", "Runtime.ImportModuleError", "Unable to import module 'index': No module named 'nowhere'"),
        ("def handler(:", "Runtime.UserCodeSyntaxError", "Syntax error in module 'index'"),
        ("def handler(event, context): return {1, 2}", "Runtime.MarshalError", "not JSON serializable"),
        ("import sys\ndef handler(event, context): sys.exit(3)", "Runtime.ExitError", "exit status 3"),
        ("import os\ndef handler(event, context): os.abort()", "Runtime.ExitError", "SIGABRT"),
    ],
)
def test_what_goes_wrong_in_a_function_is_reported_as_lambda_does(here: Any, code: str, kind: str, words: str) -> None:
    here.function(code)
    got = here.invoke()
    assert got.error == "Unhandled"
    assert got.value["errorType"] == kind
    assert words in got.value["errorMessage"]
    assert got.answer["StatusCode"] == 200


def test_a_stack_trace_shows_the_function_and_nothing_of_ours(here: Any) -> None:
    here.function("def handler(event, context):\n    return deeper()\ndef deeper():\n    return 1 / 0")
    trace = here.invoke().value["stackTrace"]
    assert len(trace) == 2
    assert all('File "/var/task/index.py"' in frame for frame in trace)


def test_a_function_that_takes_too_long_is_ended_with_all_it_has_started(
    here: Any, tmp_path: Path, within: None
) -> None:
    held = tmp_path / "held"
    held.touch()
    here.function(
        """
        import os, subprocess, sys
        def handler(event, context):
            hold = "import fcntl, sys, time; file = open(sys.argv[1]); fcntl.flock(file, 2); "
            hold += "print(1, flush=True); time.sleep(60)"
            child = subprocess.Popen([sys.executable, "-c", hold, event["file"]], stdout=subprocess.PIPE)
            child.stdout.readline()
            print("the child holds it")
            while True:
                pass
        """,
        Timeout=1,
    )
    got = here.invoke({"file": str(held)}, LogType="Tail")
    assert got.error == "Unhandled"
    assert got.value["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in got.value["errorMessage"]
    assert "the child holds it" in base64.b64decode(got.answer["LogResult"]).decode()
    with held.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # returns only when the child is dead


def test_the_world_goes_on_while_a_function_runs(here: Any, tmp_path: Path, within: None) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    here.function('def handler(event, context):\n    return open(event["gate"]).read()')
    got: list[Any] = []
    caller = threading.Thread(target=lambda: got.append(here.invoke({"gate": str(gate)})))
    caller.start()
    with gate.open("w") as file:  # opens when the function has opened its end
        assert here.ec2.describe_vpcs()["Vpcs"]
        file.write("through")
    caller.join()
    assert got[0].value == "through"


def test_what_a_function_prints_is_in_the_answer_and_in_its_log_group(here: Any) -> None:
    here.logs.create_log_group(logGroupName="/our/own")
    here.function(
        'import sys\ndef handler(event, context):\n    print("to out")\n    print("to err", file=sys.stderr)',
        LoggingConfig={"LogGroup": "/our/own"},
    )
    got = here.invoke(LogType="Tail")
    tail = base64.b64decode(got.answer["LogResult"]).decode().splitlines()
    assert tail[0].startswith("START RequestId: ")
    assert tail[1:3] == ["to out", "to err"]
    assert tail[3].startswith("END RequestId: ")
    assert tail[4].startswith("REPORT RequestId: ")
    kept = here.logs.filter_log_events(logGroupName="/our/own")["events"]
    assert [one["message"].rstrip("\n") for one in kept] == tail
    assert "LogResult" not in here.invoke().answer


@pytest.mark.parametrize(("rights", "made"), [(["logs:CreateLogGroup"], True), ([], False)])
def test_a_missing_log_group_is_made_only_if_the_role_may(here: Any, rights: list[str], made: bool) -> None:
    actions = [*RIGHTS["Statement"][0]["Action"], *rights]
    document = {**RIGHTS, "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    here.iam.put_role_policy(RoleName="probe", PolicyName="rights", PolicyDocument=json.dumps(document))
    here.function()
    assert here.invoke().error is None
    assert bool(here.logs.describe_log_groups()["logGroups"]) is made


def test_an_event_is_taken_at_once_and_run_apart(here: Any) -> None:
    here.logs.create_log_group(logGroupName="/aws/lambda/probe")
    here.function('def handler(event, context):\n    print("was here")')
    answer = here.invoke(InvocationType="Event").answer
    assert answer["StatusCode"] == 202
    for thread in [one for one in threading.enumerate() if one.name == "event probe"]:
        thread.join(20)
    kept = here.logs.filter_log_events(logGroupName="/aws/lambda/probe")["events"]
    assert "was here\n" in [one["message"] for one in kept]


def test_a_dry_run_runs_nothing(here: Any) -> None:
    here.logs.create_log_group(logGroupName="/aws/lambda/probe")
    here.function()
    assert here.invoke(InvocationType="DryRun").answer["StatusCode"] == 204
    assert here.logs.filter_log_events(logGroupName="/aws/lambda/probe")["events"] == []


def test_a_pending_function_cannot_be_invoked(here: Any, sandbox: world.World, refused: Callable[..., str]) -> None:
    sandbox.profile = world.REAL
    sandbox.clock.advance(3600)
    here.function()
    message = refused("ResourceConflictException", here.functions.invoke, FunctionName="probe")
    assert "following state: Pending" in message
    sandbox.clock.advance(45)
    assert here.invoke().value["body"] == "Hello from ALB!"


def test_bad_requests_are_refused_before_anything_runs(here: Any, refused: Callable[..., str]) -> None:
    here.function()
    refused("InvalidRequestContentException", here.functions.invoke, FunctionName="probe", Payload=b"{not json")
    with pytest.raises(ClientError) as caught:
        here.functions.invoke(FunctionName="nobody")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
