"""The threshold: who is turned away unread, and how much is read of the others.

The Host header is looked at because a web page can make its own name resolve to 127.0.0.1 and then is not foreign to
the browser; moto's own pages are closed because they need no key.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Final

from werkzeug.wrappers import Response

from plinkctl.sandbox.door.wires import UNREAD

#: Lambda takes 50 MB of zip, which base64 makes 67; nothing else comes near.
_LARGEST: Final = 70 * 1024 * 1024
_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")


class UnreadableError(Exception):
    """A body that is not read; `status` is what HTTP says of it."""

    def __init__(self, words: str, status: int) -> None:
        self.status = status
        super().__init__(words)


def unwelcome(environ: dict[str, Any]) -> str | None:
    """Why a request is turned away unread, or None."""
    if not ipaddress.ip_address(environ.get("REMOTE_ADDR", "0.0.0.0")).is_loopback:  # noqa: S104 - no address is bound
        return "only this machine may call"
    if "HTTP_ORIGIN" in environ:
        return "browsers may not call"
    if environ.get("HTTP_HOST", "").rpartition(":")[0] not in _HOSTS:
        return "call it as 127.0.0.1"
    if environ.get("PATH_INFO", "").startswith(("/moto-api", "/latest/", "/favicon.ico")):
        return "no such path"
    return None


def turned_away(environ: dict[str, Any], words: str, status: int) -> Response:
    """A refusal of what was not read; its connection ends with it, for what comes next on it is unknown."""
    environ[UNREAD] = True
    return Response(f"plinkctl sandbox: {words}\n", status=status, content_type="text/plain")


def body(environ: dict[str, Any]) -> bytes:
    """The whole body of a request. Raises UnreadableError when it is too long, too short, or of no length."""
    stated = environ.get("CONTENT_LENGTH") or "0"
    if not (stated.isascii() and stated.isdecimal()):
        raise UnreadableError("no such length", 400)
    length = int(stated)
    if length > _LARGEST:
        raise UnreadableError(f"more than {_LARGEST} bytes", 413)
    stream = environ["wsgi.input"]
    read = _in_chunks(stream) if environ.get("wsgi.input_terminated") else bytes(stream.read(length))
    if len(read) > _LARGEST:
        raise UnreadableError(f"more than {_LARGEST} bytes", 413)
    if len(read) < length:
        raise UnreadableError("the body is shorter than it says", 400)
    return read


def _in_chunks(stream: Any) -> bytes:
    """A body that comes in chunks and states no length, read to its end or to where it is too long."""
    read = bytearray()
    while len(read) <= _LARGEST and (chunk := stream.read(65536)):
        read += chunk
    return bytes(read)
