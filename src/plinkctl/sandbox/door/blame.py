"""Whose failure an exception was, told by its traceback.

moto fails on much it never expected: an ID of nothing, a text where it takes a number, a module it has not got. That
is for the caller to put right, and a service says so with a 4xx. What fails in the sandbox's own code is a fault of
the sandbox, and has to look like one.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

import moto

from plinkctl.sandbox import patch

_OURS: Final = str(Path(__file__).parents[2]) + "/"
_MOTOS: Final = str(Path(moto.__file__).parent) + "/"
#: Files of ours that hand every call on as it came.
_PASSING: Final = tuple(
    f"{_OURS}sandbox/{name}.py"
    for name in ("patch", "door/moto", "manners/every_call", "manners/pages", "manners/rehearsal")
)


def motos(error: BaseException) -> bool:
    """Whether moto failed at what the caller sent.

    It did when the last code of ours on the way did no more than hand the call on: to moto's own dispatcher, or to the
    very function it replaces. moto's helpers, called by our code with values of our choosing, fail on our account.
    """
    codes = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    last = max((place for place, code in enumerate(codes) if code.co_filename.startswith(_OURS)), default=-1)
    beyond = codes[last + 1 :]
    if not any(code.co_filename.startswith(_MOTOS) for code in beyond):
        return False
    return last < 0 or codes[last].co_filename in _PASSING or beyond[0] in patch.originals()
