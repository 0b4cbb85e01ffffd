"""The one door of the local AWS: an HTTP server on loopback in front of moto.

What concerns every call is here and nowhere else: who may come in, one lock around moto's state, latency, the log of
calls, and errors a client can read. What an action does is moto's and the patches' affair; what the function's traffic
does is `fabric`'s. The functions of the sandbox really run code, so a stranger at this door would own the account of
whoever started it: browsers, other hosts and unknown keys are turned away before anything is looked at.
"""

from __future__ import annotations

import contextlib
import io
import ipaddress
import logging
import secrets
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from plinkctl.sandbox import world
from plinkctl.sandbox.door import control, protocol
from plinkctl.sandbox.fabric.wire import Fabric
from plinkctl.sandbox.names.server import PublicDns

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from flask import Flask

_log: Final = logging.getLogger(__name__)
_HOST: Final = "127.0.0.1"
#: Lambda takes 50 MB of zip, which base64 makes 67; nothing else comes near.
_LARGEST: Final = 70 * 1024 * 1024
_REMEMBERED: Final = 10_000
#: Loaded before the first caller comes, who would otherwise wait for their modules.
_WARM: Final = ("ec2", "elbv2", "iam", "sts", "awslambda", "logs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One line of the call log. `number` counts from 1 and survives forgetting; `ms` is the time until the answer."""

    number: int
    time: str
    account: str | None
    service: str
    action: str
    region: str
    request_id: str
    status: int
    error: str | None
    ms: float


class Gateway:
    """The WSGI application. It holds the log of calls and knows how long nobody has called.

    Args:
        sandbox: the world behind it; it must be the current one of the process.
        fabric: the data path of that world.
        token: what opens the control paths.
    """

    def __init__(self, sandbox: world.World, fabric: Fabric, *, token: str) -> None:
        self.world = sandbox
        self.fabric = fabric
        self.calls: deque[Call] = deque(maxlen=_REMEMBERED)
        self._token = token
        self._moto = DomainDispatcherApplication(_backend_app)
        self._tally = threading.Lock()
        self._count = 0
        self._inside = 0
        self._last = time.monotonic()

    def warm_up(self) -> None:
        """Load the services a link needs, so that no first call has to wait for imports."""
        for service in _WARM:
            self._moto.app_instances[service] = _backend_app(service)

    def idle(self) -> float:
        """Seconds since the last API call ended; 0 while one is being answered."""
        with self._tally:
            return 0.0 if self._inside else time.monotonic() - self._last

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        return self._answer(environ)(environ, start_response)

    def _answer(self, environ: dict[str, Any]) -> Response:
        if refused := _unwelcome(environ):
            return Response(f"plinkctl sandbox: {refused}\n", status=403, content_type="text/plain")
        stated = environ.get("CONTENT_LENGTH") or "0"
        if not stated.isdecimal():
            return Response("plinkctl sandbox: no such length\n", status=400, content_type="text/plain")
        if (length := int(stated)) > _LARGEST:
            return Response(f"plinkctl sandbox: more than {_LARGEST} bytes\n", status=413, content_type="text/plain")
        # The whole body before the lock: a slow caller must not hold up the others.
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)
        if environ.get("PATH_INFO", "").startswith(control.PREFIX):
            return control.answer(self, environ, body, token=self._token)
        with self._tally:
            self._inside += 1
        try:
            return self._logged(environ, body)
        finally:
            with self._tally:
                self._inside -= 1
                self._last = time.monotonic()

    def _logged(self, environ: dict[str, Any], body: bytes) -> Response:
        started = time.monotonic()
        asked = protocol.read(environ, body)
        account = self._account(asked.key)
        if account is None:
            response = protocol.stranger(asked)
        else:
            # Latency is the sandbox's time; a frozen clock has none.
            if (speed := self.world.clock.speed) > 0:
                time.sleep(self.world.profile.latency / speed)
            response = self._guarded(environ, asked)
        if asked.service == "ec2":  # moto writes these words in every answer; the log must be able to find a call
            given = response.headers.get("x-amzn-RequestId", "-").encode()
            response.set_data(response.get_data().replace(b">request-id<", b">" + given + b"<"))
        with self._tally:
            self._count += 1
            self.calls.append(
                Call(
                    number=self._count,
                    time=datetime.now(UTC).isoformat(timespec="milliseconds"),
                    account=account,
                    service=asked.service,
                    action=asked.action,
                    region=asked.region,
                    request_id=response.headers.get("x-amzn-RequestId", "-"),
                    status=response.status_code,
                    error=protocol.error_code(response),
                    ms=round((time.monotonic() - started) * 1000, 1),
                )
            )
        return response

    def forget_calls(self) -> None:
        """Empty the call log; numbers go on."""
        with self._tally:
            self.calls.clear()

    def _account(self, key: str) -> str | None:
        """The account a key belongs to: one of the two seeded, or one made inside the sandbox (IAM, STS)."""
        for account in self.world.accounts:
            if secrets.compare_digest(key, account.access_key):
                return account.id
        with self.world.lock:
            for account in self.world.accounts:
                if key in iam_backends[account.id]["aws"].access_keys:
                    return account.id
        return None

    def _guarded(self, environ: dict[str, Any], asked: protocol.Asked) -> Response:
        """moto's answer, or an answer in its place: whatever goes wrong, the client gets something it can read."""
        # moto would believe this header before the key, and answer for the other account.
        environ.pop("HTTP_X_MOTO_ACCOUNT_ID", None)
        try:
            with self.world.lock:
                return Response.from_app(self._moto, environ, buffered=True)
        except NotImplementedError as error:
            return protocol.refusal(
                asked, "InvalidAction", f"The local AWS does not implement {asked.service}:{asked.action} ({error})"
            )
        except (NotFound, MethodNotAllowed):
            return protocol.refusal(
                asked,
                "UnknownOperationException",
                f"The local AWS knows no {asked.service}: {asked.action}",
                status=404,
            )
        except HTTPException as error:
            return Response.force_type(error.get_response(environ), environ)
        except Exception:  # noqa: BLE001 - the traceback is for the sandbox's own log, never for a client
            _log.exception("%s:%s failed", asked.service, asked.action)
            code = "InternalError" if asked.protocol in ("ec2", "rest-xml") else "InternalFailure"
            return protocol.refusal(asked, code, "An internal error of the local AWS; its log has more", status=500)


def _unwelcome(environ: dict[str, Any]) -> str | None:
    """Why a request is turned away unread, or None.

    The Host header is looked at because a web page can make its own name resolve to 127.0.0.1 and then is not
    foreign to the browser; moto's own pages are closed because they need no key.
    """
    if not ipaddress.ip_address(environ.get("REMOTE_ADDR", "0.0.0.0")).is_loopback:  # noqa: S104 - no address is bound
        return "only this machine may call"
    if "HTTP_ORIGIN" in environ:
        return "browsers may not call"
    if environ.get("HTTP_HOST", "").rpartition(":")[0] not in (_HOST, "localhost"):
        return "call it as 127.0.0.1"
    if environ.get("PATH_INFO", "").startswith(("/moto-api", "/latest/", "/favicon.ico")):
        return "no such path"
    return None


def _backend_app(service: Any) -> Flask:
    """moto's application for one service, with errors let through to the gateway instead of made into web pages."""
    app = create_backend_app(service)
    app.debug = False
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.config["TRAP_HTTP_EXCEPTIONS"] = True
    return app


class _Handler(WSGIRequestHandler):
    """HTTP/1.1 with kept connections; nothing printed for a request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        _log.debug(message, *args)


class Server:
    """A sandbox that is being served from a thread of this process. Close it, or use it with `with`.

    Attributes:
        url: what clients take as endpoint URL.
        token: what opens the control paths (see `control`).
        gateway: the application.
        dns: what answers as public DNS would.
    """

    def __init__(self, gateway: Gateway, dns: PublicDns, *, token: str, port: int) -> None:
        self.gateway = gateway
        self.dns = dns
        self.world = gateway.world
        self.token = token
        # Bound here, not by werkzeug, which ends the process when a port is taken.
        with socket.create_server((_HOST, port), backlog=128) as listener:
            self._server = make_server(
                _HOST, listener.getsockname()[1], gateway, threaded=True, request_handler=_Handler, fd=listener.fileno()
            )
        self.url = f"http://{_HOST}:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="gateway")
        self._thread.start()

    def close(self) -> None:
        """Stop serving. Running requests of this process are not waited for."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.dns.close()
        self.gateway.fabric.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(sandbox: world.World, port: int = 0, *, token: str | None = None) -> Server:
    """Begin a world, so that it is the one of this process, and serve it on 127.0.0.1.

    Args:
        sandbox: the world.
        port: TCP port; 0 takes a free one.
        token: what opens the control paths; a random one if not given.

    Raises:
        OSError: the port is taken.
        patch.IncompatibleMoto: the installed moto does not fit.
    """
    world.begin(sandbox)
    token = token or secrets.token_urlsafe(32)
    with contextlib.ExitStack() as opened:
        fabric = Fabric(sandbox)
        opened.callback(fabric.close)
        dns = PublicDns(sandbox)
        opened.callback(dns.close)
        gateway = Gateway(sandbox, fabric, token=token)
        gateway.warm_up()
        server = Server(gateway, dns, token=token, port=port)
        opened.pop_all()  # from here on they are the server's to close
        return server
