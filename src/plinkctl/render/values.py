"""Events, errors and data as JSON values: the one place that decides how a thing looks to a script."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from plinkctl.errors import AwsError, PlinkError, UsageError


def jsonable(value: object) -> Any:
    """The value in dicts, lists, strings, numbers, booleans and None. Seconds are rounded to milliseconds."""
    match value:
        case None | bool():
            return value
        case str():
            return str.__str__(value)  # an enum's word
        case int():
            return int(value)
        case float():
            return round(value, 3)
        case PlinkError():
            return error_object(value)
        case Mapping():
            return {str(key): jsonable(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            items = value if isinstance(value, (list, tuple)) else sorted(value, key=str)
            return [jsonable(item) for item in items]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: jsonable(getattr(value, field.name)) for field in fields(value)}
        case _:
            return str(value)


def error_object(error: PlinkError) -> dict[str, Any]:
    """One error: `code`, `message`, `why`, `hint`, `aws` (what AWS answered, or null).

    `problems` is there only when a configuration has several.
    """
    told: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "why": error.why,
        "hint": error.hint,
        "aws": jsonable(error.answer) if isinstance(error, AwsError) else None,
    }
    if isinstance(error, UsageError) and error.problems:
        told["problems"] = list(error.problems)
    return told
