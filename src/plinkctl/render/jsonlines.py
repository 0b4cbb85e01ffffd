"""Progress for programs: one JSON object a line, the first names the schema (docs/reference/json-output.md)."""

import json
from dataclasses import fields
from typing import Any, Final

from plinkctl import __version__
from plinkctl.events import Event, name_of
from plinkctl.render.terminal import Sink
from plinkctl.render.values import jsonable

SCHEMA: Final = "plinkctl-events/1"


class JsonLines:
    """An observer that writes events as they are. Events carry no secrets, so nothing is left out.

    Args:
        sink: Where the lines go; the version line is written at once.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._write({"type": "version", "schema": SCHEMA, "plinkctl": __version__})

    def __call__(self, event: Event) -> None:
        """Write one event."""
        self._write(event_object(event))

    def _write(self, value: dict[str, Any]) -> None:
        # ASCII only: every control character is escaped, and no terminal or log can misread a line.
        self._sink.write(json.dumps(value, separators=(",", ":")) + "\n")


def event_object(event: Event) -> dict[str, Any]:
    """The event as JSON: `type`, then its own fields. It is not called `name`, since checks have a name."""
    return {"type": name_of(event), **{field.name: jsonable(getattr(event, field.name)) for field in fields(event)}}
