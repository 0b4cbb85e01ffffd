"""The wires: one loopback port through which every connection inside the sandbox's VPCs goes.

It speaks SOCKS5 (RFC 1928 and 1929). The user name is the network interface a connection comes from, the password is
that interface's own; so a function can speak for itself only. CONNECT is decided by `decide`: a refused connection is
refused, a dropped one is left without any answer until its maker gives up, and a good one is handed, as the same TCP
stream, to the load balancer that answers it. Command 0xF0, after Tor's RESOLVE, asks `names`; its answer is a domain
address holding all addresses, separated by commas, since a plain one has room for one only.

There is no listener per resource: what answers at an address is worked out when somebody connects. So there is
nothing to keep in step with the resources, and nothing to clean up.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import ipaddress
import logging
import secrets
import socket
import socketserver
import struct
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from plinkctl.sandbox import interfaces, world
from plinkctl.sandbox.fabric import decide, http, names
from plinkctl.sandbox.fabric.decide import Kind
from plinkctl.sandbox.monitoring import Passage

_log: Final = logging.getLogger(__name__)

#: The user name of a function that is in no VPC.
INTERNET: Final = "internet"
_HOST: Final = "127.0.0.1"
_REMEMBERED: Final = 10_000
_CONNECT: Final = 0x01
_RESOLVE: Final = 0xF0
#: Linux's struct tcp_info, and where tcpi_bytes_received and tcpi_bytes_sent are in it.
_TCP_INFO_SIZE, _TCP_INFO_BYTES = 256, (128, 200)
_IPV4: Final = 0x01
_DOMAIN: Final = 0x03
_IPV6: Final = 0x04
_OK, _NO_HOST, _REFUSED, _NO_COMMAND, _NO_ADDRESS_TYPE = b"\x00", b"\x04", b"\x05", b"\x07", b"\x08"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One line of the flow log: a connection that was tried, or a name that was asked for.

    Attributes:
        number: counts from 1.
        source: the interface it came from, or `internet`.
        target: address and port, or the name.
        outcome: ok, refuse or drop; for a name ok or nxdomain.
        hop: where it was decided.
        path: the hops it had passed.
        reason: why, in words.
    """

    number: int
    time: str
    kind: Literal["connect", "resolve"]
    source: str
    target: str
    outcome: str
    hop: str
    path: tuple[str, ...]
    reason: str


_current: Fabric | None = None


def current() -> Fabric:
    """The fabric of this process. Raises RuntimeError when none is open."""
    if _current is None:
        raise RuntimeError("no fabric is open in this process; the gateway's serve() opens it")
    return _current


class Fabric:
    """The data path of a world, served from threads of this process until closed. There is one per process.

    Attributes:
        flows: the flow log.
        url: where it listens, as a SOCKS5 proxy URL.
        address: the same, as host and port.
    """

    def __init__(self, sandbox: world.World) -> None:
        self.world = sandbox
        self.flows: deque[Flow] = deque(maxlen=_REMEMBERED)
        self._secret = secrets.token_bytes(32)
        self._count = 0
        self._tally = threading.Lock()
        self._server = _Server((_HOST, 0), _Caller, self)
        self.address = (_HOST, int(self._server.server_address[1]))
        self.url = f"socks5h://{_HOST}:{self.address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="fabric")
        self._thread.start()
        global _current
        _current = self

    def password(self, eni_id: str) -> str:
        """What proves that a caller may speak for that interface, or for INTERNET."""
        return hmac.new(self._secret, eni_id.encode(), hashlib.sha256).hexdigest()

    def connect(self, source_id: str, address: str, port: int) -> tuple[decide.Verdict, Passage]:
        """Decide on a connection, note it, and begin to count it."""
        with self.world.lock:
            world.settle()
            verdict = decide.connect(_source(source_id), address, port)
            passage = Passage(verdict)
        self._note("connect", source_id, f"{address}:{port}", verdict.kind, verdict.reason, verdict)
        return verdict, passage

    def resolve(self, source_id: str, name: str) -> tuple[str, ...]:
        """Look up a name and note it; no addresses when there is no such name."""
        with self.world.lock:
            world.settle()
            found = names.resolve(_source(source_id), name)
        self._note("resolve", source_id, name, "ok" if found.addresses else "nxdomain", found.reason)
        return found.addresses

    def _note(
        self,
        kind: Literal["connect", "resolve"],
        source: str,
        target: str,
        outcome: str,
        reason: str,
        verdict: decide.Verdict | None = None,
    ) -> None:
        with self._tally:
            self._count += 1
            self.flows.append(
                Flow(
                    number=self._count,
                    time=datetime.now(UTC).isoformat(timespec="milliseconds"),
                    kind=kind,
                    source=source,
                    target=target,
                    outcome=str(outcome),
                    hop=verdict.hop if verdict else "resolver",
                    path=verdict.path if verdict else (),
                    reason=reason,
                )
            )

    @property
    def last(self) -> int:
        """The number of the last flow ever; 0 before the first."""
        return self._count

    def go_on_from(self, number: int) -> None:
        """Let the next flow be the one after that number, which another process has come to."""
        with self._tally:
            self._count = number

    def close(self) -> None:
        """Stop listening. Streams that stand are not waited for."""
        global _current
        if _current is self:
            _current = None
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _carried(stream: socket.socket) -> int:
    """Bytes that have gone through a TCP stream, both ways; 0 where the system does not count them."""
    try:
        counted = stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
        received, sent = (struct.unpack_from("=Q", counted, offset)[0] for offset in _TCP_INFO_BYTES)
    except (AttributeError, OSError, struct.error):
        return 0
    return int(received + sent)


def _source(source_id: str) -> Any:
    """The interface of that ID. Raises _Ended when it is gone, as those of a deleted function are."""
    if source_id == INTERNET:
        return None
    found = interfaces.find(source_id)
    if found is None:
        raise _Ended
    return found


class _Ended(Exception):  # noqa: N818 - the end of a conversation, not an error
    """The caller went away, or said something that ends the conversation."""


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: Any, fabric: Fabric) -> None:
        self.fabric = fabric
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what went wrong in the log; the caller sees its connection close."""
        _log.exception("a connection of %s failed", client_address)


class _Caller(socketserver.BaseRequestHandler):
    """One connection to the port: the SOCKS conversation, then whatever was decided."""

    server: _Server
    request: socket.socket

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(_Ended, OSError):
            self._serve(self._greet())

    def _greet(self) -> str:
        """Let the caller say who it is; its interface."""
        version, count = self._read(2)
        methods = self._read(count)
        if version != 5 or 2 not in methods:
            self.request.sendall(b"\x05\xff")
            raise _Ended
        self.request.sendall(b"\x05\x02")
        _, length = self._read(2)
        user = self._read(length).decode("ascii", "replace")
        password = self._read(self._read(1)[0]).decode("ascii", "replace")
        right = hmac.compare_digest(password.encode(), self.server.fabric.password(user).encode())
        self.request.sendall(b"\x01\x00" if right else b"\x01\x01")
        if not right:
            raise _Ended
        return user

    def _serve(self, source: str) -> None:
        fabric = self.server.fabric
        _, command, _, kind = self._read(4)
        # Always to the end of the request: what is left unread would turn the answer into a reset.
        length = {_IPV4: 4, _IPV6: 16}.get(kind) or self._read(1)[0]
        raw = self._read(length)
        (port,) = struct.unpack("!H", self._read(2))
        if kind not in (_IPV4, _DOMAIN):
            self._reply(_NO_ADDRESS_TYPE)
            return
        host = str(ipaddress.IPv4Address(raw)) if kind == _IPV4 else raw.decode("ascii", "replace")
        if command not in (_CONNECT, _RESOLVE):
            self._reply(_NO_COMMAND)
            return
        addresses = (host,) if kind == _IPV4 else fabric.resolve(source, host)
        if not addresses:
            self._reply(_NO_HOST)
        elif command == _RESOLVE:
            self._reply(_OK, ",".join(addresses))
        else:
            self._connect(source, addresses[0], port)

    def _connect(self, source: str, address: str, port: int) -> None:
        verdict, passage = self.server.fabric.connect(source, address, port)
        if verdict.kind is Kind.DROP:
            # Silence, as from a firewall, until the caller has had enough.
            while self.request.recv(4096):
                pass
        elif verdict.kind is Kind.REFUSE:
            self._reply(_REFUSED)
        else:
            # Counted before the answer goes out: the caller's first bytes may be here as soon as it is.
            before = _carried(self.request)
            before += self._reply(_OK)
            try:
                http.answer(self.request, self.server.fabric.world, verdict)
            finally:
                with self.server.fabric.world.lock:
                    passage.end(_carried(self.request) - before)

    def _reply(self, code: bytes, text: str = "") -> int:
        """Answer the caller's request; how many bytes that took."""
        bound = bytes([_DOMAIN, len(text)]) + text.encode() if text else bytes([_IPV4]) + b"\x00\x00\x00\x00"
        said = b"\x05" + code + b"\x00" + bound + b"\x00\x00"
        self.request.sendall(said)
        return len(said)

    def _read(self, count: int) -> bytes:
        """Exactly so many bytes: not one of the stream that follows may be taken."""
        got = b""
        while len(got) < count:
            more = self.request.recv(count - len(got))
            if not more:
                raise _Ended
            got += more
        return got
