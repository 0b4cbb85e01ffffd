"""The far end of a connection: the application load balancer, speaking HTTP/1.1, in TLS or plain.

What it says is `alb`'s affair, which certificate it shows is `secure`'s; here are the bytes.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from plinkctl.sandbox.fabric import alb, secure

if TYPE_CHECKING:
    from plinkctl.sandbox import world
    from plinkctl.sandbox.fabric import decide

_log: Final = logging.getLogger(__name__)
#: The first byte of a TLS handshake.
_HANDSHAKE: Final = b"\x16"
#: Seconds a client has for a handshake, and between requests: AWS's default idle timeout.
_PATIENCE: Final = 60


def answer(connection: socket.socket, sandbox: world.World, verdict: decide.Verdict) -> None:
    """Serve a connection that was decided to be good, until one side ends it."""
    end = _End(sandbox, verdict)
    if verdict.front is None:
        _Balancer(connection, ("", 0), end)  # type: ignore[arg-type]  # its server is only handed on
        return
    connection.settimeout(_PATIENCE)
    if connection.recv(1, socket.MSG_PEEK) not in (_HANDSHAKE, b""):
        _Deaf(connection, ("", 0), end)  # type: ignore[arg-type]  # its server is only handed on
        return
    with sandbox.lock:
        context = secure.context(verdict.front)
    try:
        with context.wrap_socket(connection.dup(), server_side=True) as wrapped:
            _Balancer(wrapped, ("", 0), end)  # type: ignore[arg-type]  # its server is only handed on
            # Said goodbye to properly: a client that reads to the end must not take it for an attack.
            with contextlib.suppress(OSError):
                wrapped.unwrap()
    except ssl.SSLError as error:
        # What a client does not like about the certificate is its own affair; it has been told in TLS.
        _log.debug("a handshake failed: %s", error)


@dataclass(frozen=True, slots=True)
class _End:
    """What the load balancer at the end of a connection has to know."""

    world: world.World
    verdict: decide.Verdict


class _Balancer(BaseHTTPRequestHandler):
    """One connection: requests answered by the listener's rules."""

    server: Any
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE
    disable_nagle_algorithm = True

    def version_string(self) -> str:
        """What the `Server` header says."""
        return "awselb/2.0"

    def answer(self) -> None:
        """Answer one request of any method."""
        listener = self.server.verdict.listener
        place = urlsplit(self.path)
        self._drain()
        request = alb.Request(
            method=self.command,
            path=place.path or "/",
            query=place.query,
            host=self.headers.get("Host", ""),
            source=self.server.verdict.seen_as,
            port=int(listener.port),
            scheme=listener.protocol.lower(),
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        # The rules of this moment: they may have changed since the connection was made.
        with self.server.world.lock:
            answer = alb.respond(listener, request)
        self.say(answer)

    def say(self, answer: alb.Answer) -> None:
        """Send an answer."""
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.content_type:
            self.send_header("Content-Type", f"{answer.content_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer  # noqa: N815 - http.server's names

    def _drain(self) -> None:
        """Read the body away; without a stated length the connection cannot be used again."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            return
        left = int(length)
        while left > 0 and (read := self.rfile.read(min(left, 65536))):
            left -= len(read)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing: the flow log has it."""


class _Deaf(_Balancer):
    """What is said to somebody who speaks plain HTTP where TLS is spoken; then it is over."""

    def answer(self) -> None:
        """Refuse, whatever was asked."""
        self.close_connection = True
        self.say(alb.page(HTTPStatus.BAD_REQUEST, "The plain HTTP request was sent to HTTPS port"))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer  # noqa: N815 - http.server's names
