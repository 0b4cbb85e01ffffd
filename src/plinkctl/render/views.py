"""Tables for people: one way to show any command's data, and a list of what each table's columns are.

Scalars become `label  value` lines, lists of objects become tables, nested objects sections. No boxes; colour only
where asked. Nothing is cut and nothing folded: an ID that is broken over two lines cannot be copied.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from plinkctl.render.diagram import diagram
from plinkctl.render.terminal import Style, cells, clean, paint

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "resources": ("side", "node", "kind", "id", "state"),
    "records": ("side", "node", "kind", "phase", "id", "borrowed"),
    "links": ("name", "side", "account", "region", "records"),
    "sides": ("side", "account", "region", "service_id", "endpoint_id", "endpoint_state", "serial", "lineage"),
    "connections": ("endpoint_id", "owner", "state", "since"),
    "accepted": ("endpoint_id", "owner", "state", "since"),
    "pending": ("endpoint_id", "owner", "state", "since"),
    "rejected": ("endpoint_id", "owner", "state", "since"),
    "checks": ("side", "layer", "name", "result", "detail"),
    "leftovers": ("side", "node", "kind", "id", "state", "lineage"),
    "extras": ("side", "node", "kind", "id"),
    "rules": ("name", "action", "account", "resource", "effect", "when", "matched", "fired"),
}
"""The columns of known tables, in order; a column that is empty in all rows is left out. Unknown tables show all."""

NOTHING: Final[dict[str, str]] = {"leftovers": "nothing is left", "pending": "none is waiting"}
"""What an empty list means, where `none` would not be enough."""

COUNTED: Final = frozenset({"deleted"})
"""Lists of which a person wants to know the length; the progress has told each item."""

_STYLES: Final[dict[str, Style]] = {
    **dict.fromkeys(("ok", "ready", "available", "active", "healthy", "accepted"), "good"),
    **dict.fromkeys(("failed", "rejected", "unhealthy", "expired", "error"), "bad"),
    **dict.fromkeys(("warning", "pending", "pendingacceptance", "creating", "created", "deleting"), "warn"),
    **dict.fromkeys(("unknown", "absent", "deleted"), "dim"),
}
_TELLING: Final = frozenset({"state", "result", "phase", "status"})


def view(data: Mapping[str, Any], *, color: bool, unicode: bool) -> str:
    """A command's data for a person.

    Args:
        data: JSON values. `picture` is drawn (see diagram.LinkPicture); `checks` end in the first broken layer.
        color: Whether headings and states are styled.
        unicode: Whether the drawing may use lines beyond ASCII.
    """
    blocks = [block for block in _blocks(data, color=color, unicode=unicode) if block]
    return "".join(f"{line}\n" for line in _joined(blocks))


def _blocks(data: Mapping[str, Any], *, color: bool, unicode: bool) -> Iterator[list[str]]:
    facts = {key: value for key, value in data.items() if not _is_block(key, value)}
    yield _facts(facts, color=color)
    for key, value in data.items():
        if not _is_block(key, value):
            continue
        title = paint(_label(key), "strong", color=color)
        if key == "picture":
            yield diagram(value, unicode=unicode).splitlines()
        elif isinstance(value, Mapping):
            inner = view(value, color=color, unicode=unicode).splitlines()
            yield [title, *(f"  {line}".rstrip() for line in inner)]
        elif key in COUNTED and value:
            yield [f"{title}  {len(value)}"]
        elif value:
            yield [title, *(f"  {line}" for line in table(value, COLUMNS.get(key), color=color))]
        else:
            yield [f"{title}  {NOTHING.get(key, 'none')}"]
        if key == "checks":
            yield _first_broken(value, color=color)


def _is_block(key: str, value: Any) -> bool:
    """Whether the value needs lines of its own rather than a place behind its label."""
    if isinstance(value, Mapping):
        return bool(value)
    if not isinstance(value, list):
        return False
    return any(isinstance(item, Mapping) for item in value) or (not value and key in COLUMNS)


def _facts(facts: Mapping[str, Any], *, color: bool) -> list[str]:
    width = max((len(_label(key)) for key in facts), default=0)
    return [
        f"{paint(_label(key).ljust(width), 'dim', color=color)}  {_cell(key, value, color=color)}".rstrip()
        for key, value in facts.items()
    ]


def table(rows: Sequence[Any], columns: Iterable[str] | None, *, color: bool) -> list[str]:
    """Rows in aligned columns with a heading.

    Args:
        rows: Objects; anything else in the list gets the first column.
        columns: The keys to show, or None for all in the order in which they come.
        color: Whether the heading and states are styled.
    """
    wanted = (
        list(columns)
        if columns
        else list(dict.fromkeys(key for row in rows if isinstance(row, Mapping) for key in row))
    )
    objects = [row if isinstance(row, Mapping) else {wanted[0]: row} for row in rows]
    shown = [key for key in wanted if any(row.get(key) not in (None, "", []) for row in objects)]
    widths = {key: max(cells(_label(key)), *(cells(_plain(row.get(key))) for row in objects)) for key in shown}

    def line(texts: Iterable[tuple[str, str, str]]) -> str:
        """Each text as key, what is seen, and what is written (with styles): only what is seen has a width."""
        return "  ".join(written + " " * (widths[key] - cells(seen)) for key, seen, written in texts).rstrip()

    heads = ((key, _label(key), paint(_label(key).upper(), "dim", color=color)) for key in shown)
    bodies = (((key, _plain(row.get(key)), _cell(key, row.get(key), color=color)) for key in shown) for row in objects)
    return [line(heads), *map(line, bodies)]


def _first_broken(checks: Sequence[Mapping[str, Any]], *, color: bool) -> list[str]:
    """The answer at three in the morning: not twenty greens, but the first layer that does not work, and its fix."""
    broken = next((check for check in checks if check.get("result") == "failed"), None)
    if broken is None:
        return []
    where = clean(f"{broken.get('side', '')} {broken.get('layer') or broken.get('name', '')}".strip())
    told = [f"{paint('first broken layer:', 'bad', color=color)} {where}"]
    if fix := broken.get("fix"):
        told += ["", f"    {clean(fix)}"]
    return told


def _label(key: str) -> str:
    return clean(key).replace("_", " ")


def _plain(value: Any) -> str:
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_plain, value)) or "none"
        case Mapping():
            return ", ".join(f"{_label(str(key))} {_plain(item)}" for key, item in value.items()) or "none"
        case _:
            return clean(value)


def _cell(key: str, value: Any, *, color: bool) -> str:
    text = _plain(value)
    style = _STYLES.get(text.lower(), "") if key in _TELLING or key.endswith("_state") else ""
    return paint(text, style, color=color)


def _joined(blocks: Iterable[list[str]]) -> Iterator[str]:
    for number, block in enumerate(blocks):
        if number:
            yield ""
        yield from block
