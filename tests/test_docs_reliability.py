"""The page of reliability tells the figures kept beside it, of everything the campaign knows; none of them is red."""

import json
import re
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from docs_tools import ROOT, cells, section, text_of

AGAIN = "write the page anew: .venv/bin/python tests/faults/report.py --only NOTHING --add --write, or hold what is new"


@pytest.fixture(scope="module")
def reliability() -> Iterator[ModuleType]:
    """What writes the page; its folders are on the path only meanwhile."""
    folders = [str(ROOT / "tests" / name) for name in ("faults", "stores")]
    sys.path[:0] = folders
    import reliability

    yield reliability
    for folder in folders:
        sys.path.remove(folder)


def told(text: str, heading: str) -> set[str]:
    rows = re.findall(r"^\|.*\|$", section(text, heading), re.MULTILINE)
    return {cells(row)[0].strip("`") for row in rows}


def test_the_page_and_the_readme_tell_what_is_kept(reliability: ModuleType) -> None:
    kept = json.loads(text_of(reliability.KEPT))
    assert text_of(reliability.PAGE) == reliability.page(kept), AGAIN
    readme = text_of(ROOT / "README.md")
    assert readme == reliability.in_readme(readme, kept), AGAIN


def test_the_page_has_every_command_fault_and_mutant(reliability: ModuleType) -> None:
    from families import PACKED
    from mutants import MUTANTS
    from scenes import PLAYS

    text = text_of(reliability.PAGE)
    assert told(text, "What is done") >= {*PLAYS, *(family.name for family in PACKED)}, AGAIN
    assert told(text, "Is the harness blind?") >= set(MUTANTS), AGAIN


def test_nothing_is_red_and_every_mutant_was_seen(reliability: ModuleType) -> None:
    kept = json.loads(text_of(reliability.KEPT))
    assert (kept["red"], kept["broken"]) == ([], {})
    assert all(passed == run > 0 for passed, run in kept["cases"].values())
    mutants = {key.partition("/")[2] for key in kept["cases"] if key.startswith("mutants/")}
    from mutants import MUTANTS

    assert mutants == set(MUTANTS)
