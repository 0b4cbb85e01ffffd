"""The wires."""

from __future__ import annotations

from collections import deque
from typing import Any

from plinkctl.sandbox import world


class Fabric:
    """The data path of a world."""

    def __init__(self, sandbox: world.World) -> None:
        self.world = sandbox
        self.flows: deque[Any] = deque(maxlen=10_000)
        self.url = "socks5h://127.0.0.1:0"

    def close(self) -> None:
        """Stop."""
