"""The fabric's port by hand, and every way a function's Python code may use the network."""

from __future__ import annotations

import errno
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest
from whole import consume, provide

if TYPE_CHECKING:
    from types import SimpleNamespace

    from plinkctl.sandbox.door.gateway import Server


@pytest.fixture
def here(provider: Any, consumer: Any) -> SimpleNamespace:
    return consume(consumer, provide(provider).service_name)


def _talk(served: Server, user: str, password: str, request: bytes = b"") -> bytes:
    """What the port says to a caller that gives this name and password, and asks this."""
    with socket.create_connection(served.gateway.fabric.address, timeout=10) as sock:
        sock.sendall(b"\x05\x01\x02\x01" + bytes([len(user)]) + user.encode())
        sock.sendall(bytes([len(password)]) + password.encode() + request)
        sock.shutdown(socket.SHUT_WR)
        got = b""
        while more := sock.recv(4096):
            got += more
        return got


def _function_interface(here: Any) -> str:
    found = here.ec2.describe_network_interfaces(Filters=[{"Name": "interface-type", "Values": ["lambda"]}])
    return str(found["NetworkInterfaces"][0]["NetworkInterfaceId"])


def test_a_wrong_password_is_refused_and_anothers_too(here: Any, served: Server) -> None:
    here.function()
    fabric, mine = served.gateway.fabric, _function_interface(here)
    assert _talk(served, mine, "wrong") == b"\x05\x02\x01\x01"
    assert _talk(served, mine, fabric.password("eni-another")) == b"\x05\x02\x01\x01"
    assert _talk(served, mine, "").startswith(b"\x05\x02\x01\x01")
    assert _talk(served, mine, fabric.password(mine), b"\x05\x01\x00\x03\x01x\x00\x50")[:4] == b"\x05\x02\x01\x00"


def test_without_a_password_nobody_is_heard(served: Server, sandbox: Any) -> None:
    with socket.create_connection(served.gateway.fabric.address, timeout=10) as sock:
        sock.sendall(b"\x05\x01\x00")
        assert sock.recv(16) == b"\x05\xff"
        assert sock.recv(16) == b""


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"\x05\x02\x00\x01\x0a\x00\x00\x04\x00\x50", 7),  # BIND
        (b"\x05\x03\x00\x01\x0a\x00\x00\x04\x00\x50", 7),  # UDP
        (b"\x05\x01\x00\x04" + b"\x00" * 16 + b"\x00\x50", 8),  # IPv6
        (b"\x05\x01\x00\x03\x07nowhere\x00\x50", 4),
    ],
)
def test_what_the_port_cannot_do_is_answered_with_the_right_code(
    here: Any, served: Server, request_: bytes, code: int
) -> None:
    here.function()
    mine = _function_interface(here)
    assert _talk(served, mine, served.gateway.fabric.password(mine), request_)[5] == code


def test_a_name_can_be_asked_for_and_connected_to(here: Any, served: Server) -> None:
    """As `curl --proxy socks5h://` does it."""
    here.function()
    mine = _function_interface(here)
    host = here.host.encode()
    request = b"\x05\x01\x00\x03" + bytes([len(host)]) + host + struct.pack("!H", 80)
    request += b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    got = _talk(served, mine, served.gateway.fabric.password(mine), request)
    assert got[4:6] == b"\x05\x00"
    assert got[14:].startswith(b"HTTP/1.1 200 OK\r\n")
    assert got.endswith(b"Hello from ALB!")


def test_an_interface_that_is_gone_is_heard_no_more(here: Any, served: Server) -> None:
    here.function()
    mine = _function_interface(here)
    here.functions.delete_function(FunctionName="probe")
    got = _talk(served, mine, served.gateway.fabric.password(mine), b"\x05\x01\x00\x01\x0a\x00\x00\x04\x00\x50")
    assert got == b"\x05\x02\x01\x00"


LIBRARIES = """
    import asyncio, errno, http.client, os, select, socket, time, urllib.request

    HOST = os.environ["HOST"]
    ASK = f"GET / HTTP/1.1\\r\\nHost: {HOST}\\r\\nConnection: close\\r\\n\\r\\n".encode()

    def tried(function):
        try:
            return function()
        except OSError as error:
            return [type(error).__name__, error.errno]

    def opened():
        with urllib.request.urlopen(f"http://{HOST}/", timeout=5) as answer:
            return answer.read().decode()

    def kept():
        connection = http.client.HTTPConnection(HOST, timeout=5)
        got = []
        for method in ("GET", "POST", "HEAD", "GET"):
            connection.request(method, "/", body=b"x" * 100_000 if method == "POST" else None)
            got.append(connection.getresponse().read().decode())
        return got

    async def streamed():
        reader, writer = await asyncio.open_connection(HOST, 80)
        writer.write(ASK)
        return (await reader.read()).decode()[-15:]

    def raw(blocking):
        with socket.socket() as sock:
            sock.setblocking(blocking)
            address = (socket.gethostbyname(HOST), 80)
            code = sock.connect_ex(address)
            select.select([], [sock], [], 5)
            sock.sendall(ASK)
            sock.setblocking(True)
            got = b""
            while more := sock.recv(4096):
                got += more
            return [code, got.decode()[-15:]]

    def datagram():
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", ("192.0.2.1", 53))

    def six():
        with socket.socket(socket.AF_INET6) as sock:
            sock.connect(("::1", 80))

    def dropped(wait):
        with socket.socket() as sock:
            sock.settimeout(wait)
            return sock.connect_ex(("10.0.0.99", 80))

    def handler(event, context):
        started = time.monotonic()
        timed_out = tried(lambda: socket.create_connection(("10.0.0.99", 80), timeout=0.2))
        return {
            "urllib": opened(),
            "kept": kept(),
            "asyncio": asyncio.run(streamed()),
            "raw": raw(True),
            "raw, not blocking": raw(False),
            "addresses": sorted({info[4] for info in socket.getaddrinfo(HOST, "http", type=socket.SOCK_STREAM)}),
            "all": socket.gethostbyname_ex(HOST)[2],
            "host's port": tried(lambda: socket.create_connection(("127.0.0.1", event["port"]), timeout=2)),
            "localhost": tried(lambda: socket.create_connection(("localhost", event["port"]), timeout=2)),
            "datagram": tried(datagram),
            "six": tried(six),
            "only six": tried(lambda: socket.getaddrinfo(HOST, 80, socket.AF_INET6)),
            "reverse": tried(lambda: socket.gethostbyaddr("10.0.0.4")),
            "dropped": timed_out,
            "dropped, by code": dropped(0.2),
        }
"""


def test_every_way_python_uses_the_network_goes_through_the_fabric(here: Any, served: Server) -> None:
    here.function(LIBRARIES, Timeout=30)
    port = int(served.url.rpartition(":")[2])
    got = here.invoke({"port": port})
    assert got.error is None, got.value
    eni = here.ec2.describe_network_interfaces(NetworkInterfaceIds=here.endpoint["NetworkInterfaceIds"])
    address = eni["NetworkInterfaces"][0]["PrivateIpAddress"]
    hello = "Hello from ALB!"
    assert got.value == {
        "urllib": hello,
        "kept": [hello, hello, "", hello],
        "asyncio": hello,
        "raw": [0, hello],
        "raw, not blocking": [0, hello],
        "addresses": [[address, 80]],
        "all": [address],
        "host's port": ["ConnectionRefusedError", errno.ECONNREFUSED],
        "localhost": ["ConnectionRefusedError", errno.ECONNREFUSED],
        "datagram": ["OSError", errno.ENETUNREACH],
        "six": ["OSError", errno.ENETUNREACH],
        "only six": ["gaierror", socket.EAI_NONAME],
        "reverse": ["herror", 1],
        "dropped": ["TimeoutError", None],
        "dropped, by code": errno.EAGAIN,
    }
