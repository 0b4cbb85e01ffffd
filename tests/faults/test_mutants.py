"""Is the harness blind? With a line of the recipe switched off a trial must be red that is green with it.

Three here, which share the green one; all with PLINKCTL_TEST_ALL=1, and in the report.
"""

import os

import pytest
from house import House
from mutants import MUTANTS, Blindness

ALL = bool(os.environ.get("PLINKCTL_TEST_ALL"))
SOON = ("no fsync", "the intent after the call", "the lock on the state file")


def test_each_line_of_the_recipe_is_missed_when_it_is_switched_off(house: House) -> None:
    blindness = Blindness(house)
    assert {name: why for name in (MUTANTS if ALL else SOON) if (why := blindness.of(name))} == {}


def test_a_mutant_that_does_nothing_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from mutants import Mutant

    monkeypatch.setitem(MUTANTS, "none", Mutant(lambda _house, _patch: None, lambda _trials, _verdict: None))
    assert Blindness(house).of("none") == "not seen"
