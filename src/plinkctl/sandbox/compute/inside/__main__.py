"""The process in which a Lambda function runs: one invocation, then it ends.

It stands alone (standard library only) and is run by the path of its folder, isolated (`python -I`), so that nothing
of the sandbox and nothing of the user's Python settings is in it. What to do comes as one JSON line on standard input;
what became of it goes, as JSON lines, to the descriptor named there: `ready` after loading, then `result` or `error`.
Whatever the function prints goes to standard output and error, which the sandbox keeps as its log.

Its network is `network`'s affair.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from plinkctl.sandbox.compute.inside import network
else:
    import network

    # From here on the function's modules are the only ones found, and none of its names is taken.
    sys.path.pop(0)
    del sys.modules["network"]

#: Where this file is; its frames are not the function's.
HERE = os.path.dirname(__file__)  # noqa: PTH120 - compared as text
LARGEST_FILE = 512 * 1024 * 1024  # what Lambda gives as /tmp unless told otherwise
LARGEST_RESULT = 6 * 1024 * 1024  # bytes of JSON, Lambda's limit for a synchronous answer


# ---------------------------------------------------------------------------------------- the invocation


class Context:
    """Lambda's context object."""

    identity = None
    client_context = None

    def __init__(self, values: dict[str, Any], deadline: float) -> None:
        self.__dict__.update(values)
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the timeout."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class Refusal(Exception):  # noqa: N818 - what it is is in `kind`
    """An error of Lambda's own: its `errorType`, and a message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def load(handler: str) -> Callable[..., Any]:
    """The function named `module.function`. Raises Refusal in Lambda's words."""
    name, dot, attribute = handler.rpartition(".")
    if not dot:
        raise Refusal("Runtime.MalformedHandlerName", f"Bad handler '{handler}': not enough values to unpack")
    try:
        module = importlib.import_module(name.replace("/", "."))
    except ImportError as error:
        raise Refusal("Runtime.ImportModuleError", f"Unable to import module '{name}': {error}") from error
    except SyntaxError as error:
        raise Refusal("Runtime.UserCodeSyntaxError", f"Syntax error in module '{name}': {error}") from error
    if not hasattr(module, attribute):
        raise Refusal("Runtime.HandlerNotFound", f"Handler '{attribute}' missing on module '{name}'")
    return getattr(module, attribute)  # type: ignore[no-any-return]  # whatever the zip has there


def told(error: Exception, root: str) -> dict[str, Any]:
    """An exception as Lambda reports it; the frames of this file are not the function's."""
    if isinstance(error, Refusal):
        return {"errorMessage": str(error), "errorType": error.kind, "stackTrace": []}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if os.path.dirname(frame.filename) != HERE]  # noqa: PTH120
    lines = [line.replace(root, "/var/task") for line in traceback.format_list(frames)]
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": lines}


def invoke(order: dict[str, Any], say: Callable[[str, Any], None]) -> None:
    """Load the function, call it, say what came of it."""
    try:
        function = load(order["handler"])
        say("ready", None)
        context = Context(order["context"], time.monotonic() + order["timeout"])
        answer = function(order["event"], context)
        try:
            text = json.dumps(answer)
        except (TypeError, ValueError) as error:
            raise Refusal("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
        if len(text) > LARGEST_RESULT:
            message = f"Response payload size exceeded maximum allowed payload size ({LARGEST_RESULT} bytes)."
            raise Refusal("Function.ResponseSizeTooLarge", message)
    except Exception as error:  # noqa: BLE001 - whatever a function raises is its answer
        report = told(error, order["root"])
        sys.stdout.flush()
        sys.stderr.write(f"[ERROR] {report['errorType']}: {report['errorMessage']}\n")
        if report["stackTrace"]:
            sys.stderr.write("Traceback (most recent call last):\n" + "".join(report["stackTrace"]))
        say("error", report)
    else:
        say("result", text)


def leave_with(stream: int) -> None:
    """End with the sandbox: when it dies, its end of our standard input closes."""
    while os.read(stream, 4096):
        pass
    os.killpg(0, signal.SIGKILL)


def read_order(stream: int) -> Any:
    """The JSON line that says what to do."""
    got = b""
    while not got.endswith(b"\n"):
        more = os.read(stream, 65536)
        if not more:
            sys.exit("the sandbox went away")
        got += more
    return json.loads(got)


def main() -> None:
    """One invocation."""
    stream = os.dup(0)
    order = read_order(stream)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.set_inheritable(order["report"], False)
    if order["network"]["channel"] is not None:
        os.set_inheritable(order["network"]["channel"], False)
        network.enter_namespace()
    threading.Thread(target=leave_with, args=(stream,), daemon=True).start()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115 - a line is in the log when it is printed
    network.Network(**order["network"]).install()
    os.chdir(order["root"])
    sys.path.insert(0, order["root"])
    # The function must not find this file as the main module, nor its name in the arguments.
    sys.argv = [""]

    def say(kind: str, content: Any) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        with os.fdopen(os.dup(order["report"]), "wb") as pipe:
            pipe.write(json.dumps({"kind": kind, "content": content}).encode() + b"\n")

    invoke(order, say)


if __name__ == "__main__":
    main()
