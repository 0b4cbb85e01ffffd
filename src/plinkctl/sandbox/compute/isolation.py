"""The kernel's help in keeping a function to its network: a network namespace of its own, with nothing in it.

Without it only what goes through Python's `socket` module is held to the fabric; with it a function's child processes
and C libraries find no network at all. An ordinary user may make such a namespace on most Linux systems (inside a user
namespace), but containers and some distributions forbid it; so it is asked for, and tried first.

The function's process enters the namespace itself (`inside`), before it has a second thread. What stays open between it
and the outside is one channel, a Unix socket both ends of which were made here: over it the function hands out one
end of a stream for each connection it makes, and a `Relay` carries that stream to the fabric.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from typing import Final, Literal

from plinkctl.sandbox.compute.inside.network import enter_namespace

Isolation = Literal["kernel", "shim"]

_PIECE: Final = 65536
#: How the trial ends where the call itself is missing, as on systems other than Linux; no error number is so large.
_NO_SUCH_THING: Final = 255


def hindrance() -> str | None:
    """Why functions cannot have a network namespace of their own here; None when they can.

    Tried in a child process, by the very steps the function's process will take. Call it before there are threads.
    """
    child = os.fork()
    if child == 0:
        code = _NO_SUCH_THING
        try:
            enter_namespace()
            code = 0
        except OSError as error:
            code = error.errno or _NO_SUCH_THING
        finally:
            os._exit(code)  # whatever happens: a child that lived on would be a second sandbox
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        return None
    return os.strerror(code) if 0 < code < _NO_SUCH_THING else "this system has no network namespaces"


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
