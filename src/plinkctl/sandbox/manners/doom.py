"""What a fault rule lets fail after its call was answered well: a thing is made, says so at first, and ends `failed`.

The rule's words are there only while the call takes effect, in the thread it takes effect in. Whoever makes a thing
that can end so asks for them there; everybody else knows nothing of it.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A code and a sentence: why the thing will have failed.
Fate = tuple[str, str]

_fate: Final[ContextVar[Fate | None]] = ContextVar("fate", default=None)


@contextlib.contextmanager
def doomed(fate: Fate) -> Iterator[None]:
    """Let what is made meanwhile end `failed`."""
    token = _fate.set(fate)
    try:
        yield
    finally:
        _fate.reset(token)


def fate() -> Fate | None:
    """Why what is being made will have failed; None when it will not."""
    return _fate.get()
