"""A damaged state, put back from its newest copy as the error says: the same command finds what it had made."""

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from census import census
from killing import BOTH, Ended, both_up, forked, take_down

from plinkctl.errors import StateError
from plinkctl.sandbox import daemon, remote
from plinkctl.sandbox.daemon import Running
from plinkctl.stores.local import path_of, read

OK = Ended(0)
KILLED = Ended(None)


@pytest.fixture
def empty(sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    for name, value in daemon.environment(sandbox).items():
        monkeypatch.setenv(name, value)
    return sandbox


def damage_and_restore(folder: Path) -> None:
    """Spoil both states, and do what the errors say."""
    for side in BOTH:
        path_of(folder, "kill", side).write_bytes(b"{")
        with pytest.raises(StateError) as caught:
            read(folder, "kill", side)
        subprocess.run(shlex.split(str(caught.value.hint)), check=True)


def died(work: Callable[[Path], object], folder: Path, at: int) -> None:
    assert forked(work, folder, die_at=at) == KILLED


def test_what_a_killed_up_made_is_found_again_though_its_state_is_lost(empty: Running, tmp_path: Path) -> None:
    """The copy is from before that run: dozens of resources are there that it knows nothing of."""
    before, folder = census(), tmp_path / "s"
    assert forked(both_up, folder) == OK
    wanted = census()
    assert forked(take_down, folder) == OK
    died(both_up, folder, 75)
    known = {side: read(folder, "kill", side) for side in BOTH}
    damage_and_restore(folder)
    for side in BOTH:
        restored, lost = read(folder, "kill", side), known[side]
        assert restored is not None
        assert lost is not None
        assert restored.serial < lost.serial
        assert restored.live == {}
    assert forked(both_up, folder) == OK
    assert census() == wanted
    calls = len(remote.calls(empty))
    assert forked(both_up, folder) == OK
    reads = ("Describe", "Get", "List")
    assert [c["action"] for c in remote.calls(empty)[calls:] if not c["action"].startswith(reads)] == []
    assert forked(take_down, folder) == OK
    assert census() == before


def test_what_a_killed_teardown_deleted_is_no_trouble_though_its_state_is_lost(empty: Running, tmp_path: Path) -> None:
    before, folder = census(), tmp_path / "s"
    assert forked(both_up, folder) == OK
    died(take_down, folder, 30)
    damage_and_restore(folder)
    assert forked(take_down, folder) == OK
    assert census() == before
