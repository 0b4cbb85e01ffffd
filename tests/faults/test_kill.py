"""Kill -9 at every durable write: running the same command again ends in the same world, and teardown in none."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import killing
import pytest
from census import census
from killing import BOTH, Ended, Moment, both_up, forked, take_down
from killing_at_requests import RealKills

from plinkctl.sandbox import daemon, remote
from plinkctl.sandbox.daemon import Running
from plinkctl.stores.local import read

OK = Ended(0)
KILLED = Ended(None)
UP_WRITES = 129  # of an undisturbed `up`; asserted below, so that a new node widens the range
DOWN_WRITES = 57
ALL = bool(os.environ.get("PLINKCTL_TEST_ALL"))
MOMENTS: tuple[Moment, ...] = ("before", "after")
EVERY = [(die_at, moment) for die_at in range(1, UP_WRITES + 1) for moment in MOMENTS]
CASES = EVERY if ALL else EVERY[::87]  # an odd number, so that the moments take turns


@pytest.fixture
def empty(sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    """An empty sandbox that this process and its forks talk to."""
    for name, value in daemon.environment(sandbox).items():
        monkeypatch.setenv(name, value)
    return sandbox


def serials(folder: Path) -> int:
    found = [read(folder, "kill", side) for side in BOTH]
    return sum(state.serial for state in found if state is not None)


def test_an_undisturbed_run_makes_everything_once_and_takes_everything_away(empty: Running, tmp_path: Path) -> None:
    before = census()
    assert forked(both_up, tmp_path / "s") == OK
    assert serials(tmp_path / "s") == UP_WRITES
    assert forked(take_down, tmp_path / "s") == OK
    assert serials(tmp_path / "s") == UP_WRITES + DOWN_WRITES
    assert census() == before


@pytest.mark.parametrize("seed", [1, 2] if ALL else [1])
def test_up_killed_again_and_again_still_ends_in_the_same_world(empty: Running, tmp_path: Path, seed: int) -> None:
    """Process after process dies at one of its first writes, until one has nothing left to write."""
    before, wanted = census(), _world_of_an_undisturbed_up(empty, tmp_path / "reference")
    assert _die_until_done(both_up, tmp_path / "s", seed=seed, most=8 if ALL else 20) > 5
    assert census() == wanted
    assert forked(take_down, tmp_path / "s") == OK
    assert census() == before


def test_teardown_killed_after_each_of_its_writes_in_turn_leaves_nothing(empty: Running, tmp_path: Path) -> None:
    """A delete is repeated from its intent, so every process gets one write further than the one before.

    Three further at a time; one, as the name says, with PLINKCTL_TEST_ALL=1.
    """
    step = 1 if ALL else 3
    before = census()
    assert forked(both_up, tmp_path / "s") == OK
    assert _die_until_done(take_down, tmp_path / "s", most=step) >= DOWN_WRITES // step
    assert census() == before


@pytest.mark.parametrize(("die_at", "moment"), CASES)
def test_up_killed_in_full_flight_ends_in_the_same_world(
    empty: Running, tmp_path: Path, die_at: int, moment: Moment
) -> None:
    """As many calls are under way as the walk has at that write. All 258 cases: PLINKCTL_TEST_ALL=1."""
    before, wanted = census(), _world_of_an_undisturbed_up(empty, tmp_path / "reference")
    assert forked(both_up, tmp_path / "s", die_at=die_at, moment=moment) == KILLED
    assert forked(both_up, tmp_path / "s") == OK
    assert census() == wanted
    calls = len(remote.calls(empty))
    assert forked(both_up, tmp_path / "s") == OK, "a second run has nothing to do"
    assert not _changes(empty, calls)
    assert forked(take_down, tmp_path / "s") == OK
    assert census() == before


@pytest.mark.parametrize("name", ["up", "teardown"])
def test_a_process_that_the_sandbox_kills_at_a_request(empty: Running, tmp_path: Path, name: str) -> None:
    """One request, or one of 20 with PLINKCTL_TEST_ALL=1; all of them: `report.py --real 1`."""
    cases = list(RealKills(empty, tmp_path).cases(name, every=20 if ALL else 150))
    assert {what: wrong for what, wrong in cases if wrong} == {}
    assert any(wrong is not None for _, wrong in cases), "no process was killed"


@pytest.mark.parametrize("die_at", range(4, UP_WRITES, 20 if ALL else 70))
def test_what_aws_hides_still_is_taken_away_all_the_same(
    empty: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, die_at: int
) -> None:
    """A delete of what is not seen yet is answered as if it did not exist; teardown must not believe it."""
    monkeypatch.setattr(killing, "GRACE", 2.5)
    before = census()
    remote.settings(empty, visibility=1.5, seed=die_at)
    try:
        assert forked(both_up, tmp_path / "s", die_at=die_at) == KILLED
        assert forked(take_down, tmp_path / "s") == OK
    finally:
        remote.settings(empty, visibility=None, seed=None)
    assert census() == before


def _die_until_done(work: Callable[[Path], object], folder: Path, *, most: int, seed: int | None = None) -> int:
    """Kill one process after the other at one of its first `most` writes, or after the last of them without a seed."""
    draw = random.Random(seed)  # noqa: S311
    for deaths in range(4 * UP_WRITES):
        at = most if seed is None else draw.randint(1, most)
        moment: Moment = "after" if seed is None else draw.choice(MOMENTS)
        ended = forked(work, folder, die_at=at, moment=moment)
        if ended != KILLED:
            assert ended == OK
            return deaths
    raise AssertionError("still not done")


_reference: list[object] = []


def _world_of_an_undisturbed_up(sandbox: Running, folder: Path) -> object:
    """Counted once a session; the sandbox is empty again afterwards."""
    if not _reference:
        assert forked(both_up, folder) == OK
        _reference.append(census())
        remote.reset(sandbox)
    return _reference[0]


def _changes(sandbox: Running, since: int) -> list[str]:
    reads = ("Describe", "Get", "List")
    return [c["action"] for c in remote.calls(sandbox)[since:] if not c["action"].startswith(reads)]
