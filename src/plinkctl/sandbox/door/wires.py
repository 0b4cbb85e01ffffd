"""The wires: HTTP/1.1 on a kept connection, and what a fault does to it instead of answering.

werkzeug's own handler closes every connection after one answer and looks for what else the client may have sent; here
the gateway has read each request whole before it answers, so the connection can be used again.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import struct
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Literal

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from plinkctl.sandbox.door import signals

_log: Final = logging.getLogger(__name__)

#: Where the gateway leaves, in a request's environ, what is to become of the connection.
WIRE: Final = "plinkctl.wire"
#: Set in the environ of a request that was not read to its end: its connection cannot be used again.
UNREAD: Final = "plinkctl.unread"
#: Set in the environ of a request when it began to come in (real nanoseconds since the epoch).
BEGUN: Final = "plinkctl.begun"
#: How long a connection may rest. Longer than any client lets it, so that none finds it just closed.
_IDLE: Final = 900.0
#: Loopback, in both families.
HOST: Final = "127.0.0.1"
_HOST6: Final = "::1"
#: What the system says where there is no IPv6, or none on loopback.
_NO_IPV6: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})
_BACKLOG: Final = 128


@dataclass(frozen=True, slots=True)
class Wire:
    """What becomes of an answer on the wire.

    Attributes:
        kind: it is sent; or the connection is reset; or nothing comes, for `seconds` at most; or half of it comes.
        seconds: real seconds a hanging connection is kept, unless the client leaves before.
        signals: sent to the process `pid` once the answer is out, each `gap` seconds after the other.
    """

    kind: Literal["answer", "reset", "hang", "half"] = "answer"
    seconds: float = 0.0
    signals: tuple[str, ...] = ()
    gap: float = 0.0
    pid: int = 0


class Handler(WSGIRequestHandler):
    """One connection. Nothing is printed for a request."""

    server: Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE

    def setup(self) -> None:
        """Begin; the server knows the connection, so that it can end it."""
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        """End."""
        self.server.open.discard(self.connection)
        super().finish()

    def run_wsgi(self) -> None:
        """Answer one request, or do to the connection what a fault says."""
        begun = time.time_ns()
        if self.headers.get("Expect", "").lower().strip() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        environ = self.make_environ()
        environ[BEGUN] = begun
        head: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            head.append((status, headers))

        body = b"".join(self.server.app(environ, start_response))
        if environ.get(UNREAD):
            self.close_connection = True
        wire: Wire = environ.get(WIRE) or Wire()
        if wire.kind == "hang":
            self._wait(wire.seconds)
        if wire.kind in ("hang", "reset"):
            self._reset()
            return
        status, headers = head[-1]
        if wire.kind == "half":
            self.close_connection = True
        self._send(status, headers, body, whole=wire.kind != "half")
        if wire.signals:
            signals.send(wire.pid, wire.signals, wire.gap)

    def _send(self, status: str, headers: list[tuple[str, str]], body: bytes, *, whole: bool) -> None:
        """Head and body in one write; half of the body if not `whole`, with the length of all of it."""
        code = int(status.split(None, 1)[0])
        bodiless = self.command == "HEAD" or code in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        lines = [f"HTTP/1.1 {status}", f"Date: {self.date_time_string()}", "Server: plinkctl-sandbox"]
        stated = [f"{name}: {value}" for name, value in headers if name.lower() not in ("connection", "date", "server")]
        if not any(name.lower() == "content-length" for name, _ in headers) and code != HTTPStatus.NO_CONTENT:
            stated.append(f"Content-Length: {len(body)}")
        lines += [*stated, f"Connection: {'close' if self.close_connection else 'keep-alive'}", "", ""]
        sent = b"" if bodiless else body if whole else body[: len(body) // 2]
        self.wfile.write("\r\n".join(lines).encode("latin-1", "replace") + sent)

    def _wait(self, seconds: float) -> None:
        """Until the client leaves, but no longer than so many real seconds."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.connection.settimeout(left)
            try:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    return
            except OSError:  # its time is over, or the client has reset it
                return
            time.sleep(min(left, 0.1))  # it speaks on, so it is still there

    def _reset(self) -> None:
        """Close so that the client gets a reset, not an end: with no lingering, and without werkzeug's farewell."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.connection.close()

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        """Nothing: callers come and go."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Keep it for who asks for everything."""
        _log.debug(message, *args)


def loopback(port: int, *, rather: int = 0) -> list[socket.socket]:
    """Sockets that listen on loopback at one port: that of IPv4 and, where the machine has it, that of IPv6.

    Bound here, not by werkzeug, which ends the process when a port is taken.

    Args:
        port: TCP port; 0 takes one that is free in both.
        rather: with port 0, the one to take if it is free.

    Raises:
        OSError: the port is taken in one of them.
    """
    if rather and not port:
        with contextlib.suppress(OSError):
            return loopback(rather)
    for chance in range(20):
        first = socket.create_server((HOST, port), backlog=_BACKLOG)
        try:
            address = (_HOST6, first.getsockname()[1])
            return [first, socket.create_server(address, family=socket.AF_INET6, backlog=_BACKLOG)]
        except OSError as error:
            if error.errno in _NO_IPV6:
                return [first]
            first.close()
            if port or error.errno != errno.EADDRINUSE or chance == 19:
                raise
    raise AssertionError("the last chance returns or raises")


class Listener(ThreadedWSGIServer):
    """A server that knows its open connections, and takes them along when it closes."""

    daemon_threads = True

    def __init__(self, bound: socket.socket, app: Any) -> None:
        """Listen at a socket that does so already; it may be closed afterwards."""
        self.open: set[socket.socket] = set()
        host, port = bound.getsockname()[:2]
        super().__init__(host, port, app, Handler, fd=bound.fileno())

    def server_close(self) -> None:
        """Stop listening, and end what is open: nobody may go on talking to a world that is gone."""
        super().server_close()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
