"""YAML's nodes to plain values with their places. No key is known here, only what a value is.

YAML 1.1 reads `012345670123` as octal, `1:30` as 90 and drops the first of two equal keys, all without a word.
Whatever could mean two things is refused here; numbers are plain decimal, dates are text.
"""

import math
import re
from typing import Any, Final

import yaml

from plinkctl.config.places import Key, Place, Problem, Tree, printable

_YAML: Final = "tag:yaml.org,2002:"
_WHOLE: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,99})")
_DECIMAL: Final = re.compile(r"[-+]?[0-9]+\.[0-9]*([eE][-+]?[0-9]{1,3})?")
_LEADING_ZERO: Final = re.compile(r"0[0-9]+")


def to_tree(root: yaml.MappingNode, file: str) -> Tree:
    """The values below the root node; where a node is refused, its value is None and the tree has a problem."""
    reader = _Walk(file)
    values = reader.value(root, ())
    return Tree(
        values=values if isinstance(values, dict) else {},
        places=reader.places,
        written=reader.written,
        problems=tuple(reader.problems),
    )


class _Walk:
    """One walk over the nodes, and what it gathers on its way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.places: dict[Key, Place] = {(): Place(file)}
        self.written: dict[Key, str] = {}
        self.problems: list[Problem] = []

    def refuse(self, key: Key, text: str, node: yaml.Node | None = None) -> None:
        """Tells a problem at the line of the node, or of the key itself."""
        place = self.places[key] if node is None else self.place(node)
        self.problems.append(Problem(key, place, text))

    def place(self, node: yaml.Node) -> Place:
        return Place(self.file, node.start_mark.line + 1)

    def value(self, node: yaml.Node, key: Key) -> Any:
        if node.tag.startswith("!"):
            tag = printable(node.tag[1:].replace(_YAML, "!!"))
            self.refuse(key, f"YAML tags ({tag}) are not allowed; write the plain value")
            return None
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            values = []
            for index, item in enumerate(node.value):
                self.places[*key, index] = self.place(item)
                values.append(self.value(item, (*key, index)))
            return values
        return self.scalar(node, key) if isinstance(node, yaml.ScalarNode) else None

    def mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, item in node.value:
            if wrong := _wrong_name(name):
                self.refuse((*key, str(name.value)), wrong, name)
                continue
            own = (*key, name.value)
            if name.value in values:
                first = self.places[own].line
                self.refuse(own, f"this key stands in line {first} already; write it once", name)
                continue
            self.places[own] = self.place(name)
            values[name.value] = self.value(item, own)
        return values

    def scalar(self, node: yaml.ScalarNode, key: Key) -> str | float | bool | None:
        text, kind = str(node.value), _kind(node)
        if kind == "text":
            if _is_whole(text):
                return text
            self.refuse(key, "half a Unicode character in the text")
            return None
        self.written[key] = printable(text)
        if kind == "null":
            return None
        if kind == "bool":
            return yaml.SafeLoader.bool_values[text.lower()]
        if _WHOLE.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text) and math.isfinite(number := float(text)):
            return number
        text = printable(text)
        self.refuse(
            key,
            f"YAML readers disagree about the number {text}; quote it if it is text, such as an account ID: "
            f'"{text}"; else write a plain decimal number',
        )
        return None


def _kind(node: yaml.ScalarNode) -> str:
    """What a scalar is: text, number, bool or null. A date stays text; so does `=`, which is nothing else here."""
    if node.style is None and _LEADING_ZERO.fullmatch(node.value):
        return "number"  # 089 is text to YAML 1.1, 89 to YAML 1.2
    kind = node.tag.removeprefix(_YAML)
    return {"int": "number", "float": "number", "bool": "bool", "null": "null"}.get(kind, "text")


def _wrong_name(node: yaml.Node) -> str | None:
    """Why this node cannot be a key, or None."""
    if node.tag.startswith("!") or not isinstance(node, yaml.ScalarNode):
        return "a key is plain text, without a YAML tag"
    if node.tag == f"{_YAML}merge":
        return "merge keys (<<) are not allowed; write the values themselves"
    if not _is_whole(node.value):
        return "half a Unicode character in a key"
    if _kind(node) != "text":
        name = printable(node.value)
        return f'YAML does not read the key {name} as text; put it in quotes: "{name}"'
    return None


def _is_whole(text: str) -> bool:
    """Whether the text can be written as UTF-8; "\\ud800" in double quotes makes one that cannot."""
    return not any("\ud800" <= c <= "\udfff" for c in text)
