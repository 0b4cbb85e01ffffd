"""How the tests of the documentation read it: its files, its fenced blocks, its tables, and the commands it shows."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from plinkctl.cli.main import cli

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
REFERENCE: Final = DOCS / "reference"
PAGES: Final = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])

_FENCE: Final = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_ENDS: Final = frozenset({"|", "||", "&&", ";", ">", "2>", ">>", "2>&1", "<", "&"})


def text_of(page: Path) -> str:
    """The page's text."""
    return page.read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    """The text without fenced blocks."""
    return _FENCE.sub("", text)


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Language and content of every fenced block."""
    for found in _FENCE.finditer(text):
        yield found[2], found[3]


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"there is no heading {heading!r}"
    rest = text[found.end() :]
    following = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def rows(text: str) -> list[str]:
    """The rows of every table whose first cell is code."""
    return re.findall(r"^\| `.*\|$", text, re.MULTILINE)


def cells(row: str) -> list[str]:
    """The cells of a row."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip())[1:-1]]


def slugs(text: str) -> set[str]:
    """The anchors of the headings, as forges make them."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands() -> dict[str, click.Command]:
    """Every command that is no group, by its words after `plinkctl`."""
    found: dict[str, click.Command] = {}

    def walk(group: click.Group, path: tuple[str, ...]) -> None:
        ctx = click.Context(group, info_name="plinkctl")
        for name in group.list_commands(ctx):
            command = group.get_command(ctx, name)
            assert command is not None
            if isinstance(command, click.Group):
                walk(command, (*path, name))
            else:
                found[" ".join((*path, name))] = command

    walk(cli, ())
    return found


def shown(text: str) -> Iterator[list[str]]:
    """The arguments of every plinkctl command line a page shows, in shell blocks and in code within a sentence."""
    lines: list[str] = []
    for language, content in blocks(text):
        if language in {"sh", "bash"}:
            lines += content.replace("\\\n", " ").splitlines()
    lines += re.findall(r"`(plinkctl [^`]+)`", without_blocks(text))
    for line in lines:
        for found in re.finditer(r"(?:^|[\s(/])plinkctl (?=[a-z-])", line.partition(" # ")[0]):
            yield _arguments(line.partition(" # ")[0][found.end() :])


def _arguments(rest: str) -> list[str]:
    """The words up to what the shell takes for itself."""
    words: list[str] = []
    for word in shlex.split(rest.partition(")")[0] if rest.count(")") > rest.count("(") else rest):
        if word in _ENDS:
            break
        if word.endswith(";"):
            words.append(word[:-1])
            break
        words.append(word)
    return words


def refuse(arguments: list[str]) -> str:
    """Why click would refuse these arguments; empty when it would take them. Nothing is run."""
    group: click.Command = cli
    ctx = click.Context(cli, info_name="plinkctl")
    rest = list(arguments)
    while isinstance(group, click.Group) and rest and not rest[0].startswith("-"):
        found = group.get_command(ctx, rest[0])
        if found is None:
            return f"there is no command {rest[0]!r}"
        group, ctx = found, click.Context(found, info_name=rest.pop(0), parent=ctx)
    if isinstance(group, click.Group):
        return "" if not rest or rest[0] in {"--help", "-h", "--version"} else f"{rest[0]!r} is no command"
    if not rest or {"--help", "-h"} & set(rest):  # a command that is only named
        return ""
    try:
        group.make_context(group.name, rest, parent=ctx.parent)
    except click.ClickException as error:
        return error.format_message()
    return ""


def recording() -> str:
    """What the README shows of the demo."""
    found = re.search(
        r"<!-- demo:begin -->\n```text\n(.*)```\n<!-- demo:end -->", text_of(ROOT / "README.md"), re.DOTALL
    )
    assert found
    return found[1]
