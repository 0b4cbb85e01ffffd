"""What scripts rely on: the envelope's keys, the events' names and fields, and that the document tells of them all.

A change here is a change of the contract: keys are only added; anything else is a major version.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from render_story import REFUSAL, SIDES, T0, story

import plinkctl
from plinkctl import events
from plinkctl.errors import HeldError, UsageError
from plinkctl.events import Event, NodeFailed, name_of
from plinkctl.render.jsonlines import event_object
from plinkctl.render.progress import progress
from plinkctl.render.result import Envelope, envelope_errors
from plinkctl.render.values import error_object
from plinkctl.report import Failure

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "json-output.md"

ENVELOPE = ["schema", "command", "status", "exit_code", "data", "errors"]
ERROR = ["code", "message", "why", "hint", "aws"]
AWS = ["service", "operation", "code", "message", "request_id", "status"]
EVENTS = {
    "run_started": ["at", "command", "link", "sides"],
    "walk_planned": ["at", "direction", "nodes"],
    "node_started": ["at", "node"],
    "node_acting": ["at", "node", "action", "detail"],
    "node_waiting": ["at", "node", "what", "waited", "usual"],
    "node_done": ["at", "node", "action", "id", "seconds", "changed"],
    "node_held": ["at", "node", "why"],
    "node_failed": ["at", "node", "error"],
    "node_skipped": ["at", "node", "because"],
    "extra_found": ["at", "node", "kind", "id", "deleted", "why"],
    "noted": ["at", "message", "level"],
    "called": ["at", "side", "service", "operation", "outcome", "request_id", "seconds"],
    "check_done": ["at", "layer", "name", "side", "result", "detail"],
    "run_finished": ["at", "exit_code", "seconds"],
}
NESTED = {
    "sides": ["side", "account", "region", "caller", "endpoint_url"],
    "nodes": ["node", "kind", "title", "needs", "usual"],
}


def event_types() -> Iterator[type[Event]]:
    return (kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event))


def stream_of(*told: Event) -> list[dict[str, Any]]:
    stream = io.StringIO()
    with progress("json", stream, color=True) as observe:
        for event in told:
            observe(event)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_event_has_its_name_and_fields() -> None:
    names = {
        "".join(f"_{c.lower()}" if c.isupper() else c for c in kind.__name__).strip("_"): kind for kind in event_types()
    }
    del names["event"]
    assert {name: [field.name for field in fields(kind)] for name, kind in names.items()} == EVENTS


def test_the_stream_begins_with_its_version_and_has_one_object_per_event() -> None:
    first, *rest = stream_of(*story())
    assert first == {"type": "version", "schema": "plinkctl-events/1", "plinkctl": plinkctl.__version__}
    assert [told["type"] for told in rest] == [name_of(event) for event in story()]
    for told in rest:
        assert list(told) == ["type", *EVENTS[told["type"]]]


def test_the_story_holds_every_event_there_is() -> None:
    assert {name_of(event) for event in story()} == set(EVENTS)


@pytest.mark.parametrize("key", NESTED)
def test_what_is_inside_an_event_has_its_fields(key: str) -> None:
    values = next(told[key] for told in stream_of(*story()) if key in told)
    assert [list(value) for value in values] == [NESTED[key]] * len(values)


def test_an_error_is_an_object_with_what_aws_answered() -> None:
    told = stream_of(NodeFailed(at=T0, node="provider/nlb", error=REFUSAL))[1]["error"]
    assert list(told) == ERROR
    assert list(told["aws"]) == AWS
    assert told["aws"]["request_id"] == "r-1"


def test_an_error_of_ours_has_no_answer_of_aws() -> None:
    assert error_object(HeldError("wait")) == {
        "code": "held",
        "message": "wait",
        "why": None,
        "hint": None,
        "aws": None,
    }


def test_the_problems_of_a_configuration_are_a_list() -> None:
    assert error_object(UsageError("wrong", problems=("one", "two")))["problems"] == ["one", "two"]


def test_the_envelope_has_its_keys_in_order() -> None:
    errors = envelope_errors([Failure(error=REFUSAL, node="provider/nlb"), Failure(error=HeldError("wait"))])
    told = Envelope(command="up", status="partial", exit_code=1, data={}, errors=errors).to_json()
    assert list(told) == ENVELOPE
    assert told["schema"] == "plinkctl/1"
    assert [list(error) for error in told["errors"]] == [[*ERROR, "node"]] * 2
    assert [error["node"] for error in told["errors"]] == ["provider/nlb", None]


def test_json_lines_cannot_be_torn_or_obeyed_by_a_terminal() -> None:
    stream = io.StringIO()
    with progress("json", stream, color=True) as observe:
        observe(events.Noted(at=T0, message="a\x1b[2J\n\x9b\u202e\ud83d"))
    line = stream.getvalue().splitlines()[1]
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == "a\x1b[2J\n\x9b\u202e\ud83d"


def test_times_are_rounded_to_milliseconds() -> None:
    told = event_object(events.RunStarted(at=T0 + 0.123456, command="up", link="demo", sides=SIDES))
    assert told["at"] == T0 + 0.123


@pytest.mark.parametrize("name", EVENTS)
def test_the_document_tells_of_every_event_and_field(name: str) -> None:
    row = next((line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"| `{name}` |")), "")
    assert [field for field in EVENTS[name] if field != "at" and f"`{field}`" not in row] == []
    assert row


@pytest.mark.parametrize("key", [*ENVELOPE, *ERROR, *AWS, *NESTED["sides"], *NESTED["nodes"]])
def test_the_document_tells_of_every_other_key(key: str) -> None:
    assert f"`{key}`" in DOCUMENT.read_text()
