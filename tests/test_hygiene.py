"""What no module of ours does, and what of the security rules is written down where."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from docs_tools import DOCS, ROOT, cells, rows, section, text_of

SOURCE: Final = ROOT / "src" / "plinkctl"
FILES: Final = sorted(SOURCE.rglob("*.py"))
RULES: Final = rows(section(text_of(DOCS / "explanation" / "security.md"), "Every rule and its test"))


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call, by what is called."""
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_no_module_opens_a_door(path: Path) -> None:
    """No shell, no evaluated text, no pickle but the sandbox's own, no TLS without verification, no SDK debug log."""
    apart = "sandbox" in path.relative_to(SOURCE).parts[0]
    for name, call in calls(path):
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert name not in {"eval", "exec", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load"}, call.lineno
        assert not name.endswith("set_stream_logger"), call.lineno
        assert given.get("shell", "False") == "False", call.lineno
        assert given.get("verify", "True") != "False", call.lineno
        assert apart or not name.startswith(("pickle.", "marshal.", "shelve.")), call.lineno


def test_the_linter_looks_for_more_of_the_kind() -> None:
    ruff = tomllib.loads(text_of(ROOT / "pyproject.toml"))["tool"]["ruff"]["lint"]
    assert "S" in ruff["select"]
    waived = [rule for rule in ruff["ignore"] if rule.startswith("S")]
    assert waived == ["S603", "S607"], "subprocesses are named in full where they are started"


def test_every_rule_has_its_place_and_its_test() -> None:
    assert [int(cells(row)[0].strip("`")) for row in RULES] == list(range(1, 26))
    for row in RULES:
        number, _, where, tests = cells(row)
        assert where, number
        assert "`tests/" in tests or tests.startswith("none"), f"{number} has no test"
        for name in re.findall(r"`((?:tests|src)/[^`]+)`", f"{where} {tests}"):
            assert (ROOT / name).exists(), f"{number}: {name}"
        for name in re.findall(r"`([a-z_]+(?:/[a-z_0-9]+)*\.(?:py|json))`", where):
            assert (SOURCE / name).exists(), f"{number}: {name}"
