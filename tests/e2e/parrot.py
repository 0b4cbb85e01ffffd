"""An AWS that says whatever a test wants, over real HTTP, and remembers what it was asked."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Parrot:
    """What it was asked, and by which signatures."""

    url: str
    asked: list[str] = field(default_factory=list)
    signatures: set[str] = field(default_factory=set)


def caller(arn: str) -> str:
    """STS's answer to who asks."""
    account = arn.split(":")[4]
    result = f"<GetCallerIdentityResult><Arn>{arn}</Arn><Account>{account}</Account></GetCallerIdentityResult>"
    return f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"


@contextmanager
def parrot(answer: Callable[[str, str], tuple[int, str]]) -> Iterator[Parrot]:
    """Serve what `answer` says to an action and the headers it came with: status and body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            headers = "\n".join(f"{name.lower()}:{value}" for name, value in self.headers.items())
            bird.asked.append(asked["Action"][0])
            bird.signatures |= set(re.findall(r"Signature=([0-9a-f]{64})", headers))
            status, text = answer(asked["Action"][0], headers)
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    bird = Parrot(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield bird
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
