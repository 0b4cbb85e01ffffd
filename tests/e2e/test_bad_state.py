"""States that cannot be used: empty, damaged, too new, locked, read-only. Exit 4, and no call to AWS."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from e2e_tools import CONSUMER, Meter, envelope, refused, untroubled
from shells import PLINKCTL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shells import Shell

    from plinkctl.sandbox.daemon import Running

UP = ("provider", "up", "--allow", CONSUMER)


def newer(text: str) -> str:
    return json.dumps({**json.loads(text), "schema": 99})


def foreign(text: str) -> str:
    data = json.loads(text)
    del data["checksum"]
    return json.dumps({**data, "link": "another"})


#: How a state is damaged, and what is said of it.
DAMAGES: tuple[tuple[Callable[[str], str], str], ...] = (
    (lambda _: "", "empty"),
    (lambda text: text[: len(text) // 2], "damaged"),
    (lambda _: "[]\n", "damaged"),
    (newer, "newer"),
    (foreign, "another"),
)


def test_a_state_that_cannot_be_read_ends_every_command(shell: Shell, sandbox: Running) -> None:
    shell.ok(*UP)
    path = shell.folder / ".plinkctl" / "default" / "provider.json"
    good = path.read_text()
    commands = (UP, ("teardown", "--yes"), ("status",), ("accept",), ("state", "show"))
    for damage, word in DAMAGES:
        damaged = damage(good)
        path.write_text(damaged)
        for command in commands:
            done = refused(shell, *command, code=4, running=sandbox)
            told = done.json["errors"][0]
            assert word in f"{told['message']} {told['why']}"
            assert "provider.json" in told["message"]
        assert path.read_text() == damaged, f"{word}: never repaired by guessing"


def test_a_state_that_is_in_use_is_left_alone(shell: Shell, sandbox: Running) -> None:
    folder = shell.folder / ".plinkctl" / "default"
    folder.mkdir(mode=0o700, parents=True)
    folder.parent.chmod(0o700)
    with (folder / "provider.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("pid 1: somebody\n")
        lock.flush()
        done = refused(shell, *UP, code=4, running=sandbox)
        (error,) = done.json["errors"]
        assert error["code"] == "state_locked"
        assert "pid 1: somebody" in error["why"]
        assert shell("status", "-o", "json").code == 0, "looking needs no lock"
    shell.ok(*UP)


def test_two_at_once_do_not_work_on_one_side(brisk_shell: Shell, brisk: Running) -> None:
    first = brisk_shell.start(*UP, "--progress", "none")
    lock = brisk_shell.folder / ".plinkctl" / "default" / "provider.json"
    while not lock.exists():
        assert first.poll() is None
        time.sleep(0.01)
    done = brisk_shell(*UP, "-o", "json")
    assert done.code == 4
    assert f"pid {first.pid}" in done.json["errors"][0]["why"]
    _, err = first.communicate(timeout=60)
    assert first.returncode == 0, err


def test_a_folder_that_cannot_be_written(shell: Shell, sandbox: Running) -> None:
    closed = shell.folder / "closed"
    closed.mkdir(mode=0o500)
    meter = Meter(sandbox)
    done = subprocess.run(
        [*_without_root_powers(), PLINKCTL, *UP, "--state", str(closed / "states"), "-o", "json"],
        cwd=shell.folder,
        env=shell.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    (error,) = envelope(done.stdout)["errors"]
    assert str(closed / "states") in error["message"]
    assert "--state" in error["hint"]
    untroubled(done.stdout, done.stderr)
    assert meter.all() == []


def _without_root_powers() -> list[str]:
    """What makes permissions count for root as well; nothing for anybody else."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root writes anywhere, and there is no setpriv to take that power away")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def test_a_folder_that_others_can_change_is_not_trusted(shell: Shell, sandbox: Running, tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    loose.mkdir()
    loose.chmod(0o777)
    done = refused(shell, *UP, "--state", str(loose), code=4, running=sandbox)
    assert f"chmod 700 {loose}" in done.json["errors"][0]["hint"]
