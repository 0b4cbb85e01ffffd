"""A state as bytes, the same in every place."""

import json
from typing import Any

from plinkctl import state as states
from plinkctl.errors import StateError
from plinkctl.link import Side
from plinkctl.state import State


def encode(state: State, **more: Any) -> bytes:
    """The bytes that are kept. `more` is written beside the state's own fields and passed over when it is read."""
    return json.dumps({**state.to_json(), **more}, indent=1).encode() + b"\n"


def decode(raw: bytes, link: str, side: Side, *, place: str) -> State:
    """The state that these bytes are.

    Args:
        raw: The bytes.
        link: The link's name.
        side: Which side.
        place: Where they were found, for messages.

    Raises:
        StateError: They are damaged, too new, or not this link's.
    """
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        what = "it is empty" if not raw.strip() else f"it is not whole JSON: {error}"
        raise StateError(
            f"the state {place} is damaged",
            why=what,
            hint="restore the file from a backup",
            code="state_damaged",
        ) from error
    found = states.from_json(data, place=place)
    if (found.link, found.side) != (link, side):
        raise StateError(
            f"the state {place} belongs to another link",
            why=f"it holds the {found.side} side of {found.link!r}",
            hint="move the file back to where it came from",
            code="state_elsewhere",
        )
    return found
