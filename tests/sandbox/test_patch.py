"""The registry of what is changed in moto, and the clock everything goes by."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from plinkctl.sandbox import patch
from plinkctl.sandbox.clock import Clock, Timeline


class Shop:
    """Stands for a class of moto."""

    def sell(self, thing: str, price: int) -> str:
        return f"{thing} for {price}"

    @property
    def sign(self) -> str:
        return "open"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty one; what the parts declare as they are imported is in the other, for the tests that follow."""
    for part in patch.PARTS:
        importlib.import_module(part)
    monkeypatch.setattr(patch, "_seams", [])


def test_a_seam_that_moved_is_named_before_anything_is_changed(registry: None) -> None:
    @patch.override(Shop, "rent")
    def _rent(original: Any, self: Any) -> None: ...

    @patch.override(Shop, "sell")
    def _sell(original: Any, self: Any, thing: str) -> None: ...

    @patch.action(Shop, "sell")
    def _again(self: Any) -> None: ...

    name = f"{__name__}.Shop"
    assert patch.self_check() == [
        f"{name}.rent is gone",
        f"{name}.sell has other parameters than the function that replaces it",
        f"{name}.sell is now in moto itself; the addition here is to be reviewed",
    ]


def test_another_moto_is_refused_with_the_way_to_the_right_one(registry: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch, "SUPPORTED", "9.9")
    monkeypatch.setattr(patch, "_installed", False)
    with pytest.raises(patch.IncompatibleMoto) as caught:
        patch.install()
    assert "the sandbox needs 9.9.x" in str(caught.value)
    assert "pip install" in str(caught.value)


def test_an_override_gets_the_original_and_keeps_a_property_a_property() -> None:
    def sell(original: Any, self: Any, thing: str, price: int) -> Any:
        return original(self, thing, price * 2)

    def sign(original: Any, self: Any) -> Any:
        return original(self).upper()

    assert patch._bound(patch.Seam(Shop, "sell", sell, added=False))(Shop(), "bread", price=3) == "bread for 6"
    assert patch._bound(patch.Seam(Shop, "sign", sign, added=False)).fget(Shop()) == "OPEN"


def test_a_clock_runs_jumps_and_stands_still() -> None:
    seconds = [100.0]
    clock = Clock(speed=2, source=lambda: seconds[0])
    seconds[0] += 5
    assert clock.now() == 110
    clock.freeze()
    seconds[0] += 1000
    assert clock.now() == 110
    clock.advance(3)
    clock.speed = 1
    seconds[0] += 1
    assert clock.now() == 114


def test_a_timeline_forgets_the_future_it_had_when_it_turns() -> None:
    line = Timeline(0, ("new", 0), ("ready", 10))
    assert [line.at(moment) for moment in (0, 9, 10, 99)] == ["new", "new", "ready", "ready"]
    line.turn(5, ("ending", 0), ("gone", 2))
    assert [line.at(moment) for moment in (0, 5, 7, 99)] == ["new", "ending", "gone", "gone"]
    line.turn(6, ("new again", 1))
    assert [line.at(moment) for moment in (6, 7, 99)] == ["ending", "new again", "new again"]
