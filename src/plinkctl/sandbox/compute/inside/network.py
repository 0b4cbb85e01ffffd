"""The network of a function's process: Python's sockets, bent so that the fabric of the sandbox is all there is.

Names are resolved and TCP connections made in the fabric, on behalf of the function's network interface. Everything
else of the network is unreachable. What does not go through Python's `socket` module (child processes, C libraries) is
not held back, unless the process has a network namespace of its own.

Standard library only: it is loaded by path, see `__main__`.
"""

from __future__ import annotations

import _socket
import contextlib
import errno
import ipaddress
import os
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Linux gives up on a silent peer after about this many seconds when nobody set a timeout.
SYSTEM_TIMEOUT = 127.0
ANY = "0.0.0.0"  # noqa: S104 - what an empty name stands for
#: clone(2)'s CLONE_NEWUSER and CLONE_NEWNET.
NEW_USER_AND_NETWORK = 0x10000000 | 0x40000000


class Network:
    """The fabric as a function sees it, with Python's own calls as its interface.

    Args:
        address: host and port of the fabric's SOCKS5 port; None where this process has no network to reach it by.
        channel: the descriptor of the Unix socket over which streams to the fabric are handed out instead.
        user, password: the network interface this function speaks for, and its proof.
    """

    def __init__(self, address: list[Any] | None, channel: int | None, user: str, password: str) -> None:
        self.address = tuple(address or ())
        self.channel = None if channel is None else socket.socket(fileno=channel)
        self.user = user.encode()
        self.password = password.encode()

    def install(self) -> None:
        """Bend Python's sockets and name look-ups."""
        network = self

        def connect(sock: socket.socket, address: Any) -> None:
            network.connect(sock, address)

        def connect_ex(sock: socket.socket, address: Any) -> int:
            try:
                network.connect(sock, address)
            except socket.gaierror:
                raise
            except OSError as error:
                return error.errno or errno.EAGAIN
            return 0

        def unreachable(original: Callable[..., Any]) -> Callable[..., Any]:
            def send(sock: socket.socket, *args: Any, **kwargs: Any) -> Any:
                if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_DGRAM:
                    raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
                return original(sock, *args, **kwargs)

            return send

        socket.socket.connect = connect  # type: ignore[method-assign, assignment]  # the point of it
        socket.socket.connect_ex = connect_ex  # type: ignore[method-assign, assignment]  # the point of it

        def setsockopt(sock: socket.socket, level: int, *option: Any) -> None:
            # What stands in for a TCP socket here need not know TCP's options, and nobody should notice.
            if level != socket.IPPROTO_TCP or network.channel is None:
                _socket.socket.setsockopt(sock, level, *option)

        socket.socket.setsockopt = setsockopt  # type: ignore[method-assign, assignment]  # the point of it
        socket.socket.sendto = unreachable(_socket.socket.sendto)  # type: ignore[method-assign]  # the point of it
        socket.socket.sendmsg = unreachable(_socket.socket.sendmsg)  # type: ignore[method-assign]  # the point of it
        socket.getaddrinfo = self.getaddrinfo
        socket.gethostbyname = lambda name: self.resolve(name)[0]
        socket.gethostbyname_ex = lambda name: (name, [], self.resolve(name))
        socket.gethostbyaddr = self.gethostbyaddr

    def connect(self, sock: socket.socket, address: Any) -> None:
        """What `sock.connect(address)` means in the VPC."""
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            _socket.socket.connect(sock, address)
            return
        if sock.family == socket.AF_INET6 or sock.type != socket.SOCK_STREAM:
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        host = self.resolve(address[0])[0]
        if ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified:
            # A function's own loopback is empty; the one of this machine is not the function's.
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        wanted = sock.gettimeout()
        # A non-blocking connect is made to wait: nobody could tell the fabric's answer from the socket later.
        patience = wanted or SYSTEM_TIMEOUT
        try:
            code, _ = self.converse(sock, b"\x01", socket.inet_aton(host), address[1], time.monotonic() + patience)
        except TimeoutError:
            self.spoil(sock)
            if wanted:
                raise TimeoutError("timed out") from None
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
        finally:
            with contextlib.suppress(OSError):
                sock.settimeout(wanted)
        if code:
            self.spoil(sock)
            number = errno.ECONNREFUSED if code == 5 else errno.EHOSTUNREACH
            raise OSError(number, os.strerror(number))

    def reach(self, sock: socket.socket) -> None:
        """Connect a socket with the fabric.

        In a namespace of its own this process hands one end of a new pair to the sandbox, and puts the other end in the
        place of what `sock` was, under the same descriptor.
        """
        if self.channel is None:
            _socket.socket.connect(sock, self.address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return
        ours, theirs = socket.socketpair()
        with ours, theirs:
            socket.send_fds(self.channel, [b"+"], [theirs.fileno()])
            ours.settimeout(sock.gettimeout())  # the flag that makes a socket wait is the new one's own
            os.dup2(ours.fileno(), sock.fileno(), inheritable=False)

    @staticmethod
    def spoil(sock: socket.socket) -> None:
        """Make a socket that did not get through useless, as it is after a failed connect."""
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    def resolve(self, name: Any) -> list[str]:
        """The addresses of a name; an address is its own. Raises socket.gaierror."""
        name = name.decode() if isinstance(name, (bytes, bytearray)) else name
        if name in ("", "localhost"):
            return ["127.0.0.1" if name else ANY]
        try:
            return [str(ipaddress.IPv4Address(name))]
        except ValueError:
            pass
        encoded = name.rstrip(".").encode("idna")
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            kind = bytes([len(encoded)]) + encoded
            code, text = self.converse(sock, b"\xf0", kind, 0, time.monotonic() + SYSTEM_TIMEOUT, domain=True)
        if code:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return text.split(",")

    def getaddrinfo(
        self,
        host: Any,
        port: Any,
        family: int = 0,
        type: int = 0,  # noqa: A002 - socket's own parameter
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """As socket.getaddrinfo, for IPv4."""
        if host is None:
            host = ANY if flags & socket.AI_PASSIVE else "127.0.0.1"
        if family not in (0, socket.AF_INET):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if isinstance(port, (str, bytes)):
            text = port.decode() if isinstance(port, bytes) else port
            port = int(text) if text.isdigit() else socket.getservbyname(text)
        kinds = [
            (kind, number)
            for kind, number in ((socket.SOCK_STREAM, socket.IPPROTO_TCP), (socket.SOCK_DGRAM, socket.IPPROTO_UDP))
            if type in (0, kind) and proto in (0, number)
        ]
        return [
            (socket.AF_INET, kind, number, "", (address, port or 0))
            for address in self.resolve(host)
            for kind, number in kinds
        ]

    @staticmethod
    def gethostbyaddr(address: Any) -> Any:  # noqa: ARG004 - socket's own parameter
        """Nothing has a reverse name here."""
        raise socket.herror(1, "Unknown host")

    def converse(
        self, sock: socket.socket, command: bytes, host: bytes, port: int, deadline: float, *, domain: bool = False
    ) -> tuple[int, str]:
        """The SOCKS5 conversation; the reply's code and the text in it.

        Raises TimeoutError when the fabric keeps silent until the deadline: that is how it drops a packet.
        """

        def left() -> None:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))

        def read(count: int) -> bytes:
            got = b""
            while len(got) < count:
                left()
                more = sock.recv(count - len(got))
                if not more:
                    raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
                got += more
            return got

        left()
        self.reach(sock)
        proof = bytes([len(self.user)]) + self.user + bytes([len(self.password)]) + self.password
        request = b"\x05" + command + b"\x00" + (b"\x03" if domain else b"\x01") + host + struct.pack("!H", port)
        # All at once: the fabric takes its part of the conversation from the stream as it comes.
        sock.sendall(b"\x05\x01\x02" + b"\x01" + proof + request)
        if read(4) != b"\x05\x02\x01\x00":
            raise OSError(errno.EACCES, "the sandbox's fabric does not know this function")
        _, code, _, kind = read(4)
        text = read(read(1)[0]).decode() if kind == 3 else str(read(4))
        read(2)
        return code, text


def enter_namespace() -> None:
    """Leave this machine's network for an empty one. Raises OSError; the process must have one thread only."""
    import ctypes  # noqa: PLC0415 - most functions run without

    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_USER_AND_NETWORK):
        raise OSError(ctypes.get_errno(), "the function cannot have a network namespace of its own")
    # Its owner stays who it is; without this every file it makes would belong to nobody.
    for name, words in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - one write, as the kernel wants it
            file.write(words)
