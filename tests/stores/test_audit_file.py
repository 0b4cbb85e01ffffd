"""The audit file: private, appended to, bounded, and never a reason to stop."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from plinkctl.stores import audit
from plinkctl.stores.audit import Audit


def pen(folder: Path, told: list[str] | None = None) -> Audit:
    return Audit(folder, "shop", trouble=(told if told is not None else []).append)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_are_appended_by_one_run_after_the_other(tmp_path: Path) -> None:
    one = pen(tmp_path / "states")
    for number in (1, 2):
        one = pen(tmp_path / "states")
        assert not one.begun
        one.put(number=number, nothing=None)
        one.close()
        one.close()
    assert lines(one.path) == [{"number": 1}, {"number": 2}]


def test_only_its_owner_can_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        pen(tmp_path / "states").put(a=1)
    finally:
        os.umask(before)
    path = pen(tmp_path / "states").path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_line_break_in_a_text_makes_no_line(tmp_path: Path) -> None:
    pen(tmp_path / "states").put(reason='x\n{"event":"end"}')
    assert len(lines(pen(tmp_path / "states").path)) == 1


@pytest.mark.parametrize("trap", ["link", "folder", "open"])
def test_where_it_cannot_be_written_that_is_told_once_and_nothing_is_raised(tmp_path: Path, trap: str) -> None:
    told: list[str] = []
    one = pen(tmp_path / "states", told)
    one.path.parent.mkdir(parents=True, mode=0o700)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    if trap == "link":
        one.path.symlink_to(victim)
    elif trap == "folder":
        one.path.mkdir()
    else:
        one.path.parent.chmod(0o777)
    one.put(a=1)
    one.put(a=2)
    assert len(told) == 1
    assert str(one.path) in told[0]
    assert victim.read_text() == "mine"
    assert not one.begun


def test_a_large_one_is_put_aside_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "LIMIT", 10)
    first, second = pen(tmp_path / "states"), pen(tmp_path / "states")
    first.put(number=1)
    second.put(number=2)  # what is there is large by now
    first.put(number=3)  # and this goes on in the file it began
    aside = first.path.with_name("audit.1.jsonl")
    assert lines(aside) == [{"number": 1}, {"number": 3}]
    assert lines(first.path) == [{"number": 2}]
    assert {p.name for p in first.path.parent.iterdir()} == {"audit.jsonl", "audit.1.jsonl"}
