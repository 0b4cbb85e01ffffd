"""Invoke: a function of the sandbox really runs, in a process of its own, and its network is the fabric.

What is asked is read under the world's lock, the process runs without it (the function may call the sandbox's API, and
takes its time), and its log is written under the lock again. This module reads and writes moto's objects; the process
is `execution`'s affair.

Not here: layers, images, memory limits, runtimes (all run on the Python of the sandbox), warm starts.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import uuid
from typing import TYPE_CHECKING, Any, Final

from moto.awslambda import models
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaBackend

from plinkctl.sandbox import world
from plinkctl.sandbox.compute import logs
from plinkctl.sandbox.compute.execution import Job, run
from plinkctl.sandbox.compute.functions import ConflictError, state_of
from plinkctl.sandbox.compute.plugs import interfaces_of
from plinkctl.sandbox.fabric import wire
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Iterator

_TAIL: Final = 4096  # bytes of the log in the answer


@override(LambdaBackend, "invoke")
def _invoke_by_name(
    _original: Any,
    self: Any,
    function_name: str,
    qualifier: str | None,
    body: Any,
    headers: Any,
    response_headers: Any,
) -> str | bytes:
    """Invoke, by name and perhaps by version or alias, which the function is then told as part of its ARN."""
    function = self.get_function(function_name, qualifier)
    return _invoked(function, qualifier, body, headers, response_headers)


@override(models.LambdaFunction, "invoke")
def _invoke(_original: Any, self: Any, body: Any, request_headers: Any, response_headers: Any) -> str | bytes:
    return _invoked(self, None, body, request_headers, response_headers)


def _invoked(self: Any, qualifier: str | None, body: Any, request_headers: Any, response_headers: Any) -> str | bytes:
    """Invoke, waiting for the answer or (invocation type Event) not; DryRun only looks whether it could be done."""
    if (state := state_of(self)) != "Active":
        raise ConflictError(f"The function is currently in the following state: {state}")
    job = _prepare(self, qualifier, body)
    response_headers["X-Amz-Executed-Version"] = job.version
    kind = request_headers.get("X-Amz-Invocation-Type", "RequestResponse")
    if kind == "DryRun":
        return ""
    sandbox = world.current()
    if kind == "Event":
        threading.Thread(target=_run_apart, args=(self, job, sandbox), daemon=True, name=f"event {job.name}").start()
        return ""
    with _without(sandbox.lock):
        ended = run(job)
    logs.send(self, job.group, job.stream, ended.log)
    tail = "".join(ended.log).encode()[-_TAIL:]
    response_headers["x-amz-log-result"] = base64.b64encode(tail).decode()
    if ended.failed:
        response_headers["x-amz-function-error"] = "Unhandled"
    return ended.payload.encode()


@contextlib.contextmanager
def _without(lock: threading.RLock) -> Iterator[None]:
    """Let others at the world meanwhile. The caller holds the lock once, as the gateway takes it."""
    lock.release()
    try:
        yield
    finally:
        lock.acquire()


def _run_apart(function: Any, job: Job, sandbox: world.World) -> None:
    """An invocation nobody waits for."""
    ended = run(job)
    with sandbox.lock:
        logs.send(function, job.group, job.stream, ended.log)


def _prepare(function: Any, qualifier: str | None, body: Any) -> Job:
    """Everything of a function (moto's) that an invocation needs. Raises LambdaClientError."""
    try:
        event = json.loads(body or b"{}")
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        raise LambdaClientError("InvalidRequestContentException", message) from error
    if function.package_type != "Zip":
        raise LambdaClientError("InvalidRuntimeException", "The local AWS runs functions from zip files only")
    fabric = wire.current()
    enis = interfaces_of(function)
    user = enis[0].id if enis else wire.INTERNET
    moment = world.moment(world.now())
    version = str(function.version)
    plain = function.function_arn.removesuffix(f":{version}")
    stream = f"{moment:%Y/%m/%d}/[{version}]{uuid.uuid4().hex}"
    settings = {
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "_HANDLER": function.handler,
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TZ": ":UTC",
    }
    return Job(
        request_id=str(uuid.uuid4()),
        name=function.function_name,
        arn=f"{plain}:{qualifier}" if qualifier else plain,
        version=version,
        code=function.code_bytes,
        handler=function.handler,
        event=event,
        timeout=float(function.timeout),
        memory=int(function.memory_size),
        environment=settings | {str(key): str(value) for key, value in function.environment_vars.items()},
        fabric=fabric.address,
        user=user,
        password=fabric.password(user),
        isolation=world.current().isolation,
        group=function.logs_group_name,
        stream=stream,
        authorities=world.current().authority.root,
    )
