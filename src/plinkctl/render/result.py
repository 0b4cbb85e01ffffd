"""The result of a command on stdout: the versioned envelope, as table, JSON, YAML or text, through a query or not.

The keys are a contract (docs/reference/json-output.md, tests/render/test_contract.py): they are only added to.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TextIO

from plinkctl.errors import PlinkError, UsageError
from plinkctl.render.terminal import Sink, speaks_utf8
from plinkctl.render.text import text_of
from plinkctl.render.values import error_object, jsonable
from plinkctl.render.views import view
from plinkctl.report import Failure, Status

SCHEMA: Final = "plinkctl/1"
BAD_QUERY: Final = "bad_query"

Output = Literal["table", "json", "yaml", "text"]


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What every command answers.

    Args:
        command: As the user says it: `provider up`.
        status: The report's word.
        exit_code: The process's exit code.
        data: The command's own result, JSON values.
        errors: What `envelope_errors` made of the root causes.
    """

    command: str
    status: Status
    exit_code: int
    data: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[Mapping[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The envelope as JSON values, `schema` first."""
        return {
            "schema": SCHEMA,
            "command": self.command,
            "status": self.status,
            "exit_code": int(self.exit_code),
            "data": jsonable(self.data),
            "errors": jsonable(self.errors),
        }


def envelope_errors(errors: Iterable[Failure]) -> tuple[Mapping[str, Any], ...]:
    """Root causes as the envelope holds them: the error object of the event stream, and `node` (or null)."""
    return tuple({**error_object(failure.error), "node": failure.node} for failure in errors)


def render(envelope: Envelope, *, output: Output, query: str | None, stream: TextIO, color: bool) -> None:
    """Write the result.

    Args:
        envelope: What to write.
        output: `table` is for people and shows the data; the others show the whole envelope.
        query: A JMESPath expression over the envelope, or None.
        stream: Usually stdout. A reader that went away (`| head`) is no error.
        color: What `terminal.wants_color` said of this stream; only tables use it.

    Raises:
        UsageError: The query cannot be read or applied, or was asked for with `table`.
        PlinkError: The stream cannot be written: its disk is full, or it is closed.
    """
    check_query(query, output)
    document: Any = envelope.to_json()
    if query is not None:
        document = _searched(query, document)
    sink = Sink(stream)
    sink.write(_written(document, output, color=color, unicode=speaks_utf8(stream)))
    if sink.broken and not isinstance(sink.broken, BrokenPipeError):
        raise PlinkError("the result cannot be written", why=str(sink.broken), code="unwritable") from sink.broken


def _written(document: Any, output: Output, *, color: bool, unicode: bool) -> str:
    match output:
        case "table":
            return view(document["data"], color=color, unicode=unicode)
        case "json":
            return json.dumps(document, indent=2) + "\n"  # ASCII only, so that every control is escaped
        case "yaml":
            import yaml  # noqa: PLC0415 - only for this output

            # After a lone scalar PyYAML ends the document with a line of dots, which no shell script wants.
            return str(yaml.safe_dump(document, sort_keys=False, width=10_000)).removesuffix("...\n")
        case "text":
            return text_of(document)


def check_query(query: str | None, output: Output) -> None:
    """Refuse a query that cannot work. To be asked before the first call, so that no result is lost to a typo.

    Raises:
        UsageError: With the position of the mistake.
    """
    if query is None:
        return
    if output == "table":
        raise UsageError(
            "--query works on json, yaml and text, not on table",
            hint="add --output json",
            code="query_with_table",
        )
    from jmespath.exceptions import ArityError, JMESPathError, UnknownFunctionError  # noqa: PLC0415 - as below

    try:
        _compiled(query).search({})
    except (ArityError, UnknownFunctionError) as error:
        raise _bad_query(query, error, None) from error
    except JMESPathError:
        return  # a function dislikes null; the real result may please it


def _compiled(query: str) -> Any:
    import jmespath  # noqa: PLC0415 - only with --query
    from jmespath.exceptions import JMESPathError  # noqa: PLC0415

    try:
        return jmespath.compile(query)
    except JMESPathError as error:
        raise _bad_query(query, error, getattr(error, "lex_position", None)) from error


def _searched(query: str, document: Any) -> Any:
    from jmespath.exceptions import JMESPathError  # noqa: PLC0415 - only with --query

    try:
        return _compiled(query).search(document)
    except JMESPathError as error:  # an unknown function, or a function on the wrong type
        raise _bad_query(query, error, None) from error


def _bad_query(query: str, error: Exception, position: int | None) -> UsageError:
    # The library says the position too, counted from 0 and in another place of each message.
    reason = str(error).splitlines()[0].partition(": Parse error at")[0].partition("jmespath expression: ")
    told = (reason[2] or reason[0]).rstrip(":, ")
    return UsageError(
        f"--query {query!r} is not a JMESPath expression that works here",
        why=told if position is None else f"at position {position + 1}: {told}",
        hint="--query data.service_name",
        code=BAD_QUERY,
    )
