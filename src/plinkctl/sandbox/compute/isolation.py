"""The kernel's help in keeping a function to its network: a network namespace of its own, with nothing in it.

Without it only what goes through Python's `socket` module is held to the fabric; with it a function's child processes
and C libraries find no network at all. An ordinary user may make such a namespace on most Linux systems (inside a user
namespace), but containers and some distributions forbid it; so it is asked for, and tried first.

The function's process enters the namespace itself (`runner`), before it has a second thread. What stays open between it
and the outside is one channel, a Unix socket both ends of which were made here: over it the function hands out one
end of a stream for each connection it makes, and a `Relay` carries that stream to the fabric.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import socket
import threading
from typing import Final, Literal

Isolation = Literal["kernel", "shim"]

#: clone(2): a new user namespace, in which an ordinary user may make the new network namespace.
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000
_PIECE: Final = 65536


def hindrance() -> str | None:
    """Why functions cannot have a network namespace of their own here; None when they can.

    Tried in a child process, as the function's process will do it. Call it before there are threads.
    """
    try:
        child = os.fork()
        if child == 0:
            library = ctypes.CDLL(None, use_errno=True)
            failed = library.unshare(CLONE_NEWUSER | CLONE_NEWNET)
            os._exit(ctypes.get_errno() if failed else 0)
        _, status = os.waitpid(child, 0)
    except (OSError, AttributeError) as error:
        return str(error)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return "this system has no network namespaces"
    return os.strerror(code) if code else None


class Relay:
    """The way out of one function's namespace, and no other: to the fabric. Close it when the function has ended.

    Attributes:
        channel: the function's end of the channel, to be inherited by its process.
    """

    def __init__(self, fabric: tuple[str, int]) -> None:
        self._fabric = fabric
        self._ours, self.channel = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True, name="relay")
        self._thread.start()

    def _serve(self) -> None:
        """Carry each stream the function hands out, until the channel closes with its process."""
        with contextlib.suppress(OSError):
            while True:
                said, streams, _, _ = socket.recv_fds(self._ours, 1, 1)
                if not said:
                    return
                for stream in streams:
                    inner = socket.socket(fileno=stream)
                    threading.Thread(target=self._carry, args=(inner,), daemon=True, name="relayed").start()

    def _carry(self, inner: socket.socket) -> None:
        with inner, contextlib.suppress(OSError), socket.create_connection(self._fabric) as outer:
            outer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            towards = {inner: outer, outer: inner}
            while towards:
                for readable in select.select(list(towards), [], [])[0]:
                    if piece := readable.recv(_PIECE):
                        towards[readable].sendall(piece)
                    else:  # one direction is over; the other may go on
                        towards.pop(readable).shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Take the way out away."""
        self.channel.close()
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._ours.close()
