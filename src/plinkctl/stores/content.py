"""A state as bytes, the same in every place: JSON with one record a line, and a checksum over what it says.

JSON alone notices half a file, not one wrong letter in an ID; and a wrong ID reads as a resource that is gone, so that
it would be made a second time. The checksum is over the values, not the layout: a file may be formatted anew.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from plinkctl import state as states
from plinkctl.errors import StateError
from plinkctl.link import Side
from plinkctl.state import ONE_WAY, State

_CHECKSUM: Final = "checksum"


def encode(state: State, **more: Any) -> bytes:
    """The bytes that are kept. `more` is written beside the state's own fields and passed over when it is read."""
    head = state.head() | more
    lines = [f"{ONE_WAY.encode(name)}: {record.text}" for name, record in state.records.items()]
    head[_CHECKSUM] = _checksum(head, lines)
    records = ",\n".join(lines)
    return f'{json.dumps(head)[:-1]}, "records": {{\n{records}\n}}}}\n'.encode()


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
        intact = _intact(data)
    except (ValueError, RecursionError) as error:
        what = "it is empty" if not raw.strip() else f"it is not whole JSON: {error}"
        raise states.damaged(place, what) from error
    found = states.from_json(data, place=place)
    if not intact:
        raise states.damaged(place, "its checksum does not match: the disk or somebody's hand changed what it says")
    if (found.link, found.side) != (link, side):
        raise StateError(
            f"the state {place} belongs to another link",
            why=f"it holds the {found.side} side of {found.link!r}",
            hint="move the file back to where it came from",
            code="state_elsewhere",
        )
    return found


def _intact(data: object) -> bool:
    """Whether the values are those that were written. Schema 1 had no checksum; who edits by hand takes it out."""
    if not isinstance(data, dict) or _CHECKSUM not in data or not isinstance(data.get("records"), dict):
        return True  # whatever else is wrong with it is told in from_json's words
    head = {key: value for key, value in data.items() if key not in {_CHECKSUM, "records"}}
    lines = [f"{ONE_WAY.encode(name)}: {ONE_WAY.encode(record)}" for name, record in data["records"].items()]
    return bool(data[_CHECKSUM] == _checksum(head, lines))


def _checksum(head: Mapping[str, Any], lines: list[str]) -> str:
    return hashlib.sha256("\n".join([ONE_WAY.encode(head), *lines]).encode()).hexdigest()
