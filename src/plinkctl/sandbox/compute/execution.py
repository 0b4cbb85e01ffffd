"""One invocation of a function, in a process of its own, from start to end.

The process is given the function's code and settings and nothing of ours: no credentials, no environment, no folder but
its own. It leads a process group and a session, so that whatever the function starts ends with it. `inside` is what
runs in it. Nothing here knows of moto or holds a lock.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from plinkctl.sandbox.compute.isolation import Isolation, Relay

_INSIDE: Final = Path(__file__).with_name("inside")
#: Seconds Lambda gives a function to load, apart from its timeout.
_INIT: Final = 10.0
#: Lambda's limit for unzipped code, and what is read of a log, in bytes.
_LARGEST_CODE: Final = 250 * 1024 * 1024
_LARGEST_LOG: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that one invocation needs, so that it can run while the world goes on.

    Attributes:
        code: the zip.
        timeout: seconds.
        fabric: the fabric's address.
        user, password: the interface the function speaks for, and its proof.
        isolation: `kernel` for a network namespace of its own, `shim` for Python's sockets bent and no more.
        group, stream: where its log goes.
    """

    request_id: str
    name: str
    arn: str
    version: str
    code: bytes
    handler: str
    event: Any
    timeout: float
    memory: int
    environment: dict[str, str]
    fabric: tuple[str, int]
    user: str
    password: str = field(repr=False)
    isolation: Isolation
    group: str
    stream: str
    authorities: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What came of an invocation: the payload (JSON), whether it is an error, and the log."""

    payload: str
    failed: bool
    log: list[str] = field(default_factory=list)


def run(job: Job) -> Ended:
    """Run an invocation to its end, which is at the latest the timeout. Nothing of it is left behind."""
    with tempfile.TemporaryDirectory(prefix="plinkctl-function-") as folder, tempfile.TemporaryFile() as log:
        root, scratch, trusted = Path(folder) / "task", Path(folder) / "tmp", Path(folder) / "authorities.pem"
        root.mkdir()
        scratch.mkdir()
        begun = time.monotonic()
        if problem := _unpack(job.code, root):
            said, spent = _error("Runtime.InvalidZip", problem), 0.0
        else:
            # What Lambda's image does with Amazon's: what ACM issues is trusted without a word.
            trusted.write_text(job.authorities)
            environment = (
                {"SSL_CERT_FILE": str(trusted)}
                | job.environment
                | {
                    "LAMBDA_TASK_ROOT": str(root),
                    "HOME": str(scratch),
                    "TMPDIR": str(scratch),
                }
            )
            said, spent = _supervise(job, root, environment, log)
        loading = time.monotonic() - begun - spent
        return _ended(job, said, _printed(log), spent=spent, loading=loading)


def _unpack(code: bytes, root: Path) -> str | None:
    """Unpack the zip; what is wrong with it, or None."""
    try:
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LARGEST_CODE:
                return f"The unzipped code is larger than {_LARGEST_CODE} bytes"
            archive.extractall(root)
    except (zipfile.BadZipFile, OSError, RuntimeError) as error:
        return f"The code cannot be unzipped: {error}"
    return None


def _supervise(job: Job, root: Path, environment: dict[str, str], log: IO[bytes]) -> tuple[dict[str, Any], float]:
    """Run the process; what it said or what is to be said in its place, and the seconds the function took."""
    relay = Relay(job.fabric) if job.isolation == "kernel" else None
    channel = relay.channel.fileno() if relay else None
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-I", str(_INSIDE)],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        env=environment,
        cwd=root,
        pass_fds=(writing,) if channel is None else (writing, channel),
        start_new_session=True,
    )
    os.close(writing)
    report = _Report(reading)
    started = time.monotonic()
    try:
        _order(process, job, root, writing, channel)
        said = report.next(started + _INIT)
        if said["kind"] == "ready":
            # The timeout counts from here: loading is Lambda's business, not the function's.
            started = time.monotonic()
            said = report.next(started + job.timeout)
    except TimeoutError:
        said = _error(
            "Sandbox.Timedout", f"RequestId: {job.request_id} Error: Task timed out after {job.timeout:.2f} seconds"
        )
    except (EOFError, BrokenPipeError):
        said = _error("Runtime.ExitError", f"RequestId: {job.request_id} Error: {_exit_of(process)}")
    finally:
        spent = time.monotonic() - started
        _end(process)
        os.close(reading)
        if relay:
            relay.close()
    return said, spent


def _order(process: subprocess.Popen[bytes], job: Job, root: Path, report: int, channel: int | None) -> None:
    """Tell the process what to do. Its input stays open: when it closes, the process ends itself."""
    context = {
        "function_name": job.name,
        "function_version": job.version,
        "invoked_function_arn": job.arn,
        "memory_limit_in_mb": str(job.memory),
        "aws_request_id": job.request_id,
        "log_group_name": job.group,
        "log_stream_name": job.stream,
    }
    order = {
        "handler": job.handler,
        "event": job.event,
        "timeout": job.timeout,
        "context": context,
        "network": {
            "user": job.user,
            "password": job.password,
            "address": job.fabric if channel is None else None,
            "channel": channel,
        },
        "root": str(root),
        "report": report,
    }
    assert process.stdin is not None  # noqa: S101 - it was asked for as a pipe
    process.stdin.write(json.dumps(order).encode() + b"\n")
    process.stdin.flush()


class _Report:
    """The lines a process sends about itself, read with patience."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._got = b""

    def next(self, deadline: float) -> dict[str, Any]:
        """The next line. Raises TimeoutError at the deadline, EOFError when the process has let go of the pipe."""
        while b"\n" not in self._got:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._descriptor], [], [], left)[0]:
                raise TimeoutError
            more = os.read(self._descriptor, 65536)
            if not more:
                raise EOFError
            self._got += more
        line, _, self._got = self._got.partition(b"\n")
        return dict(json.loads(line))


def _exit_of(process: subprocess.Popen[bytes]) -> str:
    """How a process ended that said nothing, in Lambda's words."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1)
    code = process.returncode
    if code is None or code == 0:
        return "Runtime exited without providing a reason"
    how = f"exit status {code}" if code > 0 else f"signal: {signal.Signals(-code).name}"
    return f"Runtime exited with error: {how}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything it has started; it leads a group of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


# ---------------------------------------------------------------------------------------------- the log


def _timed_out(job: Job) -> str:
    return f"Task timed out after {job.timeout:.2f} seconds"


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"kind": "error", "content": {"errorType": kind, "errorMessage": message}}


def _printed(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read(_LARGEST_LOG).decode("utf-8", "replace")


def _ended(job: Job, said: dict[str, Any], printed: str, *, spent: float, loading: float) -> Ended:
    """The invocation with its log between the lines Lambda writes around it."""
    failed = said["kind"] != "result"
    duration = spent * 1000
    lines = [f"START RequestId: {job.request_id} Version: {job.version}\n", *printed.splitlines(keepends=True)]
    if failed and said["content"]["errorType"] == "Sandbox.Timedout":
        moment = datetime.now(UTC)
        lines.append(f"{moment:%Y-%m-%dT%H:%M:%S}Z {job.request_id} {_timed_out(job)}\n")
    elif failed and said["content"]["errorType"].startswith("Runtime.Exit"):
        lines.append(f"{said['content']['errorMessage']}\n")
    figures = [
        f"REPORT RequestId: {job.request_id}",
        f"Duration: {duration:.2f} ms",
        f"Billed Duration: {math.ceil(duration)} ms",
        f"Memory Size: {job.memory} MB",
        f"Init Duration: {loading * 1000:.2f} ms",
    ]
    lines += [f"END RequestId: {job.request_id}\n", "\t".join(figures) + "\n"]
    if not failed:
        return Ended(payload=said["content"], failed=False, log=lines)
    content = {**said["content"], "requestId": job.request_id}
    return Ended(payload=json.dumps(content), failed=True, log=lines)
