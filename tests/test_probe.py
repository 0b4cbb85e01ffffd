"""The probe function's code: it asks one place, which no event can change, and takes no more than it needs."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from plinkctl import probe


class Endpoint:
    """A server on loopback that stands where a name leads, and what it was asked."""

    def __init__(self, patch: pytest.MonkeyPatch, body: bytes) -> None:
        asked: list[tuple[str, str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append((self.command, self.path, self.headers["Host"]))
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.asked = asked
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.leads(patch, "10.0.0.5")

    def leads(self, patch: pytest.MonkeyPatch, *addresses: str) -> None:
        """Let every name resolve to these addresses, and every connection come here."""
        here, real = self.server.server_address, socket.socket.connect

        def resolve(_host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        patch.setattr(socket, "getaddrinfo", resolve)
        patch.setattr(socket.socket, "connect", lambda sock, _: real(sock, here))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Endpoint]]:
    made: list[Endpoint] = []
    monkeypatch.setenv("CONSUMER_VPC_ENDPOINT_DNS_NAME", "vpce.example")
    monkeypatch.setenv("PORT", "8080")
    monkeypatch.setenv("REQUEST_TIMEOUT", "5")

    def make(body: bytes = b"hello") -> Endpoint:
        made.append(Endpoint(monkeypatch, body))
        return made[-1]

    yield make
    for one in made:
        one.close()


def run(event: Any = None) -> dict[str, Any]:
    """The function, invoked."""
    said: dict[str, Any] = probe.handler(event, None)  # type: ignore[no-untyped-call]
    return said


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"host": "169.254.169.254", "CONSUMER_VPC_ENDPOINT_DNS_NAME": "169.254.169.254", "port": 22, "path": "/x"},
        {"url": "http://elsewhere.example/", "environment": {"PORT": "22"}},
        ["http://elsewhere.example/"],
        None,
    ],
)
def test_no_event_leads_it_elsewhere(endpoint: Callable[..., Endpoint], event: Any) -> None:
    there = endpoint()
    said = run(event)
    assert there.asked == [("GET", "/", "vpce.example:8080")]
    assert (said["url"], said["status"], said["body"]) == ("http://vpce.example:8080/", 200, "hello")


def test_it_takes_a_bounded_piece_of_a_long_answer(endpoint: Callable[..., Endpoint]) -> None:
    endpoint(b"x" * 1_000_000)
    assert run()["body"] == "x" * 65536


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", "0.0.0.0", "fe80::1%eth0", "::1", "fd00:ec2::254"])  # noqa: S104
def test_it_does_not_ask_the_machine_it_runs_on(
    endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    there = endpoint()
    there.leads(monkeypatch, "10.0.0.5", address)
    with pytest.raises(ValueError, match="where no endpoint can be"):
        run()
    assert there.asked == []
