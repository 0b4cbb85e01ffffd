"""A DNS server on loopback that says what public DNS would say: UDP and TCP, one port.

It answers from the public zones of the sandbox and never asks anybody else. So a client with a DNS library can see that
a record is there before it starts a verification. What resolves in a VPC only is not told here.
"""

from __future__ import annotations

import logging
import socketserver
import struct
import threading
from typing import TYPE_CHECKING, Any, Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from plinkctl.sandbox.names.lookup import Line, look_up, strings

if TYPE_CHECKING:
    import socket

    from plinkctl.sandbox import world

_log: Final = logging.getLogger(__name__)
_HOST: Final = "127.0.0.1"
#: Bytes of a datagram for a client that does not say what it takes.
_SHORT: Final = 512
#: Seconds a client of the TCP port may be silent.
_PATIENCE: Final = 10.0
#: A free port for TCP may be taken for UDP.
_TRIES: Final = 20
_CODES: Final = {
    "ok": dns.rcode.NOERROR,
    "nodata": dns.rcode.NOERROR,
    "nxdomain": dns.rcode.NXDOMAIN,
    # Outside of every zone of the sandbox there is nothing.
    "refused": dns.rcode.NXDOMAIN,
}


class PublicDns:
    """The server, from its making until it is closed.

    Args:
        sandbox: whose zones it tells.
        rather: the port to take if it is free, so that a sandbox that begins again is asked where it was.

    Attributes:
        address: host and port, the same for UDP and TCP.
    """

    def __init__(self, sandbox: world.World, *, rather: int = 0) -> None:
        self.world = sandbox
        self._servers = _bound(self, rather)
        self.address = (_HOST, int(self._servers[0].server_address[1]))
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True, name="dns")
            for server in self._servers
        ]
        for thread in self._threads:
            thread.start()

    def answer(self, wire: bytes) -> dns.message.Message | None:
        """The answer to a question as it comes over the wire; None to what is no question."""
        try:
            asked = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        if asked.flags & dns.flags.QR:
            return None
        said = dns.message.make_response(asked, recursion_available=True)
        if asked.opcode() != dns.opcode.QUERY or len(asked.question) != 1:
            said.set_rcode(dns.rcode.NOTIMP)
            return said
        [question] = asked.question
        if question.rdclass != dns.rdataclass.IN:
            said.set_rcode(dns.rcode.REFUSED)
            return said
        kind = dns.rdatatype.to_text(question.rdtype)
        with self.world.lock:
            found = look_up(question.name.to_text(), kind)
            start = look_up(found.zone.name, "SOA") if found.zone and found.status != "ok" else None
        said.flags |= dns.flags.AA if found.zone else 0
        said.set_rcode(_CODES[found.status])
        said.answer = _sets(found.lines)
        said.authority = _sets(start.lines) if start else []
        return said

    def close(self) -> None:
        """Stop answering."""
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


def _sets(lines: tuple[Line, ...]) -> list[dns.rrset.RRset]:
    """The lines of an answer by name and kind; a value that is none of its kind is left out."""
    grouped: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        grouped.setdefault((line.name, line.kind), []).append(line)
    made = []
    for (name, kind), of_it in grouped.items():
        content: list[Any] = [_written(kind, line.value) for line in of_it]
        try:
            # A value may come without the dot at its end; it is absolute all the same.
            absolute: dict[str, Any] = {"origin": dns.name.root, "relativize": False}
            made.append(dns.rrset.from_text_list(name, of_it[0].ttl, "IN", kind, content, **absolute))
        except dns.exception.DNSException:
            _log.exception("a record of %s cannot be told", name)
    return made


def _written(kind: str, value: str) -> str:
    """A value as dnspython reads it: Route 53 takes the strings of a text with nothing between them."""
    return " ".join(f'"{part}"' for part in strings(value)) if kind in ("TXT", "SPF") else value


class _Datagrams(socketserver.UDPServer):
    max_packet_size = 4096

    def __init__(self, address: tuple[str, int], handler: Any, owner: PublicDns) -> None:
        self.owner = owner
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what went wrong in the log; the caller hears nothing and asks again."""
        _log.exception("a question of %s failed", client_address)


class _Streams(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True  # connections that ended a moment ago do not keep the port

    def __init__(self, address: tuple[str, int], handler: Any, owner: PublicDns) -> None:
        self.owner = owner
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what went wrong in the log; the caller sees its connection close."""
        _log.exception("a question of %s failed", client_address)


def _bound(owner: PublicDns, rather: int) -> tuple[_Streams, _Datagrams]:
    """Both servers on one port. Raises OSError when there is none."""
    for port in (rather, *[0] * _TRIES):
        try:
            streams = _Streams((_HOST, port), _Stream, owner)
        except (OSError, OverflowError):  # that one is taken, or there is none so high
            continue
        try:
            return streams, _Datagrams((_HOST, int(streams.server_address[1])), _Datagram, owner)
        except OSError:
            streams.server_close()
    raise OSError("no port is free for both TCP and UDP")


class _Datagram(socketserver.BaseRequestHandler):
    """One question over UDP; an answer too long for it says so, and is asked for again over TCP."""

    server: _Datagrams
    request: tuple[bytes, socket.socket]

    def handle(self) -> None:
        """Answer it."""
        wire, sock = self.request
        if (said := self.server.owner.answer(wire)) is None:
            return
        room = max(said.request_payload, _SHORT)
        try:
            sent = said.to_wire(max_size=room)
        except dns.exception.TooBig:
            said.answer, said.authority = [], []
            said.flags |= dns.flags.TC
            sent = said.to_wire(max_size=room)
        sock.sendto(sent, self.client_address)


class _Stream(socketserver.StreamRequestHandler):
    """Questions over TCP, each after its length."""

    server: _Streams
    timeout = _PATIENCE

    def handle(self) -> None:
        """Answer them until there are no more."""
        try:
            while len(head := self.rfile.read(2)) == 2:
                wire = self.rfile.read(struct.unpack("!H", head)[0])
                if (said := self.server.owner.answer(wire)) is None:
                    return
                self.wfile.write(said.to_wire(prepend_length=True))
        except OSError:
            return
