"""The list itself: every fact has its test or the reason why not, and the page says what the list says."""

from __future__ import annotations

import re

import pytest
from facts import CONFIDENCES, REAL, facts, left_out, proofs
from page import PAGE, render


@pytest.mark.parametrize("name", facts())
def test_a_fact_is_whole(name: str) -> None:
    fact = facts()[name]
    assert re.fullmatch(r"[a-z0-9-]+\.[a-z0-9-]+", name)
    assert fact.says.endswith(".")
    assert fact.section in {*"01234567", "10"}
    assert fact.confidence in CONFIDENCES
    assert fact.real in REAL
    assert fact.reproduced == (not fact.why), "why a fact is not reproduced must be said, and only then"


def test_every_fact_is_proven_or_said_not_to_be_reproduced() -> None:
    proven = set(proofs())
    assert {name for name, fact in facts().items() if fact.reproduced} - proven == set()
    assert {name for name, fact in facts().items() if not fact.reproduced} & proven == set()


def test_what_is_left_out_has_a_reason() -> None:
    assert left_out()
    assert all(one.place and one.says and one.why for one in left_out())


def test_no_sentence_is_there_twice() -> None:
    sentences = [fact.says for fact in facts().values()]
    assert len(sentences) == len(set(sentences))


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "stale: run python tests/conformance/suite/page.py"
