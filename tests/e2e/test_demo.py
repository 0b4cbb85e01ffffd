"""`plinkctl demo`: a newcomer's first command. It ends in the proof, may be interrupted, leaves nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docs_tools import recording
from e2e_tools import PROOF, Meter, envelope, in_foreground, on_a_terminal, read_until, untroubled

if TYPE_CHECKING:
    from shells import Shell

    from plinkctl.sandbox.daemon import Running


def home(shell: Shell) -> Path:
    return shell.folder / "xdg" / "plinkctl"


def pid_of_its_sandbox(shell: Shell) -> int:
    return int(json.loads((home(shell) / "demo" / "sandbox" / "info.json").read_text())["pid"])


def gone(pid: int) -> bool:
    """Whether the process has ended, or is about to be reaped."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def masked(text: str) -> str:
    """The text without what differs from one demo to the next: IDs, times, durations."""
    named = re.sub(r"\b(vpce-svc|vpce)-[0-9a-f]{17}(-\w{8})?|\bplk-demo-function-\w{10}", "ID", text)
    return re.sub(r" +", " ", re.sub(r"(\d+m ?)?\d+(?:[.:T+-]\d+)*", "N", named))


@pytest.mark.slow
def test_it_ends_in_the_proof_as_the_readme_shows_it_and_leaves_nothing(
    shell: Shell, sandbox: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    others = Meter(sandbox)
    begun = time.monotonic()
    demo = shell.start("demo", "--progress", "plain")
    heard = read_until(demo, r"provider/vpc  created")
    pid = pid_of_its_sandbox(shell)
    out, err = demo.communicate(timeout=120)
    seconds = time.monotonic() - begun

    assert demo.returncode == 0, err
    end = "".join(err.splitlines(keepends=True)[-2:])
    assert masked(end + out) == masked(recording())
    assert re.search(r"^deleted +28$", out, re.MULTILINE)
    assert re.search(r"^ +status +200\n +body +" + PROOF, out, re.MULTILINE)
    assert "\x1b" not in out + heard + err
    assert gone(pid)
    assert not (home(shell) / "demo").exists()
    assert not (shell.folder / ".plinkctl").exists()
    assert others.all() == [], "it uses its own sandbox, whatever the user's AWS settings say"
    with capsys.disabled():
        print(f"\n[benchmark] demo from start to exit: {seconds:.1f} s (meant to stay below 30 s on two cores)")  # noqa: T201


@pytest.mark.slow
def test_it_is_interrupted_in_three_places_and_goes_on_each_time(shell: Shell) -> None:
    moments = (r"provider/nlb  waiting", r"consumer/endpoint  creating", r"consumer/endpoint  deleting")
    pids: set[int] = set()
    for moment in moments:
        demo = in_foreground(shell, "demo", "-o", "json", "--progress", "plain")
        heard = read_until(demo, moment)
        pids.add(pid_of_its_sandbox(shell))
        os.killpg(demo.pid, signal.SIGINT)
        out, rest = demo.communicate(timeout=60)
        assert demo.returncode == 130, heard + rest
        answer = envelope(out)
        assert answer["exit_code"] == 130
        assert answer["errors"][0]["hint"] == "plinkctl demo -o json --progress plain"
        assert "    plinkctl demo -o json --progress plain\n" in rest
        untroubled(heard, rest)
    assert len(pids) == 1, "the sandbox outlives the interruptions"

    # The last time on a terminal, as JSON between the lines of progress, and colourless since that is asked for.
    code, screen = on_a_terminal(shell, "demo", "-o", "json", env={"NO_COLOR": "1"})
    assert code == 0, screen
    assert re.findall(r"\x1b\[[0-9;]*m", screen) == [], "no colour, no bold, nothing of that kind"
    assert "nothing of 'demo' is left" in screen
    answer, _ = json.JSONDecoder().raw_decode(screen, screen.index('{\r\n  "schema"'))
    assert (answer["command"], answer["status"], answer["exit_code"]) == ("demo", "success", 0)
    assert answer["data"]["deleted"]
    assert answer["data"]["leftovers"] == []
    assert all(gone(pid) for pid in pids)
    assert not (home(shell) / "demo").exists()


def test_a_terminal_that_cannot_move_its_cursor_gets_lines_without_escapes(shell: Shell) -> None:
    code, screen = on_a_terminal(shell, "status", env={"TERM": "dumb"})
    assert code == 0
    assert "\x1b" not in screen
    code, screen = on_a_terminal(shell, "status", "--progress", "plain", env={"NO_COLOR": "1"})
    assert code == 0
    assert "\x1b" not in screen
