"""The list of facts, the mark that says which a test proves, and which test proves which."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

HERE: Final = Path(__file__).parents[1]
LIST: Final = HERE / "facts.toml"

CONFIDENCES: Final = ("sourced", "weak", "inferred", "unknown")

#: What it takes to see a fact on real AWS; None where the suite can, else why it does not try.
REAL: Final[Mapping[str, str | None]] = {
    "free": None,
    "balancers": None,
    "link": None,
    "luck": "it cannot be provoked on AWS, only met",
    "quota": "it would take a quota used up",
    "days": "it would take days",
    "setup": "it needs what the suite does not have: a public domain, another region or a limited user",
}

T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact, see the head of `facts.toml`; `why` is empty when the sandbox does so."""

    id: str
    says: str
    place: str
    source: str
    confidence: str
    real: str
    reproduced: bool = True
    why: str = ""

    @property
    def section(self) -> str:
        return self.place.partition(",")[0].partition(".")[0]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What no client of an API can see, and why it is not among the facts."""

    place: str
    says: str
    why: str


@cache
def facts() -> dict[str, Fact]:
    """Every fact by its ID, in the order of the list."""
    return {name: Fact(id=name, **told) for name, told in _read()["facts"].items()}


@cache
def left_out() -> tuple[LeftOut, ...]:
    """What is not among the facts."""
    return tuple(LeftOut(**told) for told in _read()["left_out"])


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads(LIST.read_text(encoding="utf-8"))


def fact(*names: str) -> Callable[[T], T]:
    """Mark a test with the facts it proves. Raises ValueError, when the tests are collected, for one there is not."""
    if unknown := [name for name in names if name not in facts()]:
        raise ValueError(f"facts.toml has no fact {', '.join(unknown)}")
    return pytest.mark.fact(*names)


@cache
def proofs() -> dict[str, list[str]]:
    """Fact -> the tests that prove it, `file::test`. Read from the source, whatever is selected to run."""
    found: dict[str, list[str]] = {}
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            marks = [
                one for one in node.decorator_list if isinstance(one, ast.Call) and ast.unparse(one.func) == "fact"
            ]
            for name in [ast.literal_eval(argument) for mark in marks for argument in mark.args]:
                found.setdefault(name, []).append(f"{path.name}::{node.name}")
    return found


def sorted_places(places: list[str]) -> list[str]:
    """Places in the order of the document."""
    return sorted(places, key=lambda place: [int(number) for number in re.findall(r"\d+", place)])
