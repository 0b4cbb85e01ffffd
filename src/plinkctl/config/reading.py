"""A YAML file to a tree of values: opens, bounds and parses it, and says in plain words why it cannot.

Together with nodes.py the only module that knows YAML. Objects are never constructed: PyYAML composes nodes,
which know their line, and nodes.py takes plain values from them.
"""

from pathlib import Path
from typing import Final

import yaml

from plinkctl.config.nodes import to_tree
from plinkctl.config.places import Place, Problem, Tree, escaped, shown, usage_error

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 20
MAX_NODES: Final = 10_000

_TAB: Final = "a tab stands where YAML wants spaces; indent with spaces"
_QUOTE: Final = "a quote is opened here and never closed"

# How PyYAML's sentences begin, and what they mean to somebody who only wanted to write down a link.
_MEANINGS: Final = (
    ("found character '\\t'", _TAB),
    ("but found another document", "a second document begins here; a link file holds one"),
    ("mapping values are not allowed", "a colon out of place; check the indentation, put text with `: ` in quotes"),
    ("sequence entries are not allowed", "a list begins on a line of its own, below its key"),
    ("could not find expected ':'", "this is no `key: value`; is a colon missing?"),
    ("found unexpected end of stream", _QUOTE),
    ("found unexpected document separator", _QUOTE),
    ("expected ',' or", "a bracket is opened here and not closed properly"),
    ("expected the node content", "a bracket is closed here and was never opened"),
    ("expected alphabetic or numeric", "`*` and `&` have a meaning of their own in YAML; put the value in quotes"),
    ("expected chomping", "behind `|` or `>` the text begins on the next line"),
    ("expected <block end>", "the indentation does not line up with the lines above"),
    ("found undefined tag handle", "YAML tags (`!…`) are not allowed; write the plain value"),
    ("found unknown escape", "an unknown escape in double quotes; write \\\\ for a backslash"),
    ("found character", "a value cannot begin with this character; put it in quotes"),
)
# What begins at one line and goes wrong at a later one is told at its beginning.
_TOLD_AT_BEGINNING: Final = ("could not find expected ':'", "found unexpected", "expected ',' or")


def read(path: Path) -> Tree:
    """The values of a link file, each with its line.

    Problems that leave the rest readable (a tag, a repeated key, ...) are in the tree.

    Raises:
        UsageError: The file cannot be opened or parsed, or holds no keys and values.
    """
    file = escaped(str(path))
    try:
        return to_tree(_compose(_text(path)), file)
    except _Unreadable as error:
        raise usage_error([Problem((), Place(file, error.line), error.text)]) from None


class _Unreadable(Exception):  # noqa: N818 - never leaves this module
    """The end of reading, at a line or before there was one."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.line = line


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _Unreadable("there is no such file") from None
    except IsADirectoryError:
        raise _Unreadable("this is a folder; name the link file in it") from None
    except OSError as error:
        raise _Unreadable(f"cannot be read: {error.strerror or error}") from None
    except ValueError:  # a NUL or half a Unicode character in the name
        raise _Unreadable("no file can have this name") from None
    if len(data) > MAX_BYTES:
        raise _Unreadable("larger than 1 MiB; this is no link file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Unreadable("not UTF-8 text; save the file as UTF-8", line) from None


class _Loader(yaml.SafeLoader):
    """PyYAML's composer within bounds: no anchors and aliases (small files that unfold to gigabytes), no tags
    that it would forget, no depth that ends in a RecursionError, no size that takes minutes.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0
        self.nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # missing in PyYAML's stubs
        line = event.start_mark.line + 1
        self.depth += 1
        self.nodes += 1
        if event.anchor is not None:  # an alias has its anchor's name here
            raise _Unreadable("YAML anchors and aliases are not allowed; write the value itself", line)
        if self.depth > MAX_DEPTH:
            raise _Unreadable(f"nested more than {MAX_DEPTH} levels deep; a link needs four", line)
        if self.nodes > MAX_NODES:
            raise _Unreadable(f"more than {MAX_NODES:,} values; this is no link file", line)
        node: yaml.Node | None = super().compose_node(parent, index)
        if node is not None and event.tag is not None:
            node.tag = f"!{node.tag}"  # told apart from the tags that plain values get by themselves
        self.depth -= 1
        return node


def _compose(text: str) -> yaml.MappingNode:
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _Unreadable(f"the control character {shown(chr(error.character))} cannot stand here", line) from None
    try:
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _unparsable(error, text) from None
    except (ValueError, OverflowError):
        # PyYAML lets int() and chr() speak for themselves: "\UFFFFFFFF", a %YAML version of 5,000 digits.
        line = loader.get_mark().line + 1
        raise _Unreadable("not YAML: a number or an escape out of all bounds", line) from None
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
        raise _Unreadable("the file is empty; a link file names at least a side, such as `consumer:`")
    if not isinstance(root, yaml.MappingNode):
        raise _Unreadable("expected keys and values, such as `name: demo`", root.start_mark.line + 1)
    return root


def _unparsable(error: yaml.MarkedYAMLError, text: str) -> _Unreadable:
    said = str(error.problem or error.context)
    meaning = next((words for begin, words in _MEANINGS if said.startswith(begin)), f"not YAML: {said}")
    beginning = error.context_mark if said.startswith(_TOLD_AT_BEGINNING) else None
    mark = beginning or error.problem_mark or error.context_mark
    if mark is None:
        return _Unreadable(meaning)
    line = "".join(text.splitlines()[mark.line : mark.line + 1])
    indentation = line[: len(line) - len(line.lstrip())]
    return _Unreadable(_TAB if "\t" in indentation else meaning, mark.line + 1)
