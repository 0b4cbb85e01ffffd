"""A disk that really is full, or read-only, under the installed command: it stops, says so, and goes on afterwards."""

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from e2e_tools import BOTH
from shells import PLINKCTL, Shell

from plinkctl.sandbox import remote
from plinkctl.sandbox.daemon import Running

UP = ("up", *BOTH, "--state", "disk/states")
DOWN = ("teardown", *BOTH, "--state", "disk/states", "--yes")


@pytest.fixture
def remount(shell: Shell) -> Iterator[Callable[[str], None]]:
    """A disk of its own in memory, at `disk`: `remount("size=24k")`."""
    disk = shell.folder / "disk"
    disk.mkdir(mode=0o700)

    def mount(*arguments: str) -> bool:
        return subprocess.run(["mount", *arguments, str(disk)], capture_output=True, check=False).returncode == 0

    if not mount("-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs"):
        pytest.skip("only root can mount a disk")

    def again(options: str) -> None:
        assert mount("-o", f"remount,{options}")

    yield again
    subprocess.run(["umount", str(disk)], check=True)


def changes(sandbox: Running) -> list[str]:
    """The calls that changed something."""
    reads = ("Describe", "Get", "List", "Invoke")
    return [call["action"] for call in remote.calls(sandbox) if not call["action"].startswith(reads)]


def held(shell: Shell) -> set[str]:
    """The IDs in the states, which must be readable."""
    records = shell.ok("state", "show", "--state", "disk/states")["records"]
    return {record["id"] for record in records if record["id"]}


def test_a_disk_that_fills_up_in_the_middle_stops_the_work_and_loses_nothing(
    shell: Shell, sandbox: Running, remount: Callable[[str], None]
) -> None:
    remount("size=28k")
    done = shell(*UP, "-o", "json", "--progress", "plain")
    assert done.code == 4
    (error,) = done.json["errors"]
    assert error["code"] == "state_unusable"
    assert "No space left on device" in done.err
    assert "disk" in error["hint"]
    made, sent = held(shell), len(changes(sandbox))
    assert made, "it was to fill up in the middle"
    with (shell.folder / "disk" / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:  # what is left might be enough for a commit
            filler.write(bytes(512))
    for command in (UP, DOWN):
        assert shell(*command).code == 4
    assert changes(sandbox)[sent:] == [], "while the disk is full nothing is sent"
    assert held(shell) == made
    shell.ok("status", *BOTH, "--state", "disk/states")

    remount("size=1m")
    shell.ok(*UP)
    assert made <= held(shell)
    before = len(changes(sandbox))
    shell.ok(*UP)
    assert changes(sandbox)[before:] == []
    assert shell.ok(*DOWN)["leftovers"] == []


def test_a_disk_that_is_read_only_stops_every_command_before_its_first_call(
    shell: Shell, sandbox: Running, remount: Callable[[str], None]
) -> None:
    shell.ok(*UP)
    made, calls = held(shell), len(remote.calls(sandbox))
    remount("ro")
    for command in (UP, DOWN):
        done = shell(*command)
        assert done.code == 4
        assert "Read-only file system" in done.err
    assert len(remote.calls(sandbox)) == calls
    assert held(shell) == made
    shell.ok("status", *BOTH, "--state", "disk/states")
    remount("rw")
    assert shell.ok(*DOWN)["leftovers"] == []


def test_a_state_that_may_not_grow_stops_the_work_and_loses_nothing(shell: Shell, sandbox: Running) -> None:
    """A limit on the size of files does what a full disk does, and nobody must be root for it."""
    limit = 5000

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    (shell.folder / "disk").mkdir(mode=0o700)
    done = subprocess.run(
        [PLINKCTL, *UP],
        cwd=shell.folder,
        env=shell.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=limited,
    )
    assert done.returncode == 4
    assert "File too large" in done.stderr
    made = held(shell)
    assert made
    file = shell.folder / "disk" / "states" / "default" / "provider.json"
    assert 0 < file.stat().st_size <= limit
    shell.ok(*UP)
    assert made <= held(shell)
    assert shell.ok(*DOWN)["leftovers"] == []
