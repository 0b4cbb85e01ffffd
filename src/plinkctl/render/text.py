"""`--output text`, as the AWS CLI writes it, so that `cut`, `read` and `awk` habits keep working.

Values of one object stand on one line, separated by tabs, in the order of their keys' names; what is nested
follows on lines that begin with the key in capitals. Objects of one list have the same columns.
"""

from collections.abc import Iterator
from typing import Any

from plinkctl.render.terminal import clean


def text_of(document: Any) -> str:
    """The document as lines of tab separated values; null is `None`, as in the AWS CLI."""
    return "".join("\t".join(fields) + "\n" for fields in _lines(document, None, None))


def _lines(item: Any, label: str | None, columns: list[str] | None) -> Iterator[list[str]]:
    head = [label.upper()] if label else []
    if isinstance(item, dict):
        keys = columns if columns is not None else sorted(key for key, value in item.items() if _is_scalar(value))
        if keys:
            yield head + [clean(item.get(key, "")) for key in keys]
        for key in sorted(key for key, value in item.items() if not _is_scalar(value)):
            yield from _lines(item[key], key, None)
    elif isinstance(item, list):
        yield from _list_lines(item, label, head)
    else:
        yield [*head, clean(item)]


def _list_lines(items: list[Any], label: str | None, head: list[str]) -> Iterator[list[str]]:
    if any(isinstance(item, dict) for item in items):
        objects = [item for item in items if isinstance(item, dict)]
        columns = sorted({key for item in objects for key, value in item.items() if _is_scalar(value)})
        for item in items:
            yield from _lines(item, label, columns)
        return
    scalars = [clean(item) for item in items if _is_scalar(item)]
    if label:
        yield from ([*head, word] for word in scalars)
    elif scalars:
        yield scalars
    for item in items:
        if not _is_scalar(item):
            yield from _lines(item, label, None)


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, (dict, list))
