"""Ctrl-C, kill, a closed terminal, a reader that goes away: the state stays readable, the same command finishes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from e2e_tools import BOTH, CONSUMER, PROOF, Aws, envelope, in_foreground, read_until, untroubled
from shells import PLINKCTL

if TYPE_CHECKING:
    from shells import Shell

    from plinkctl.sandbox.daemon import Running


#: Each later than the one before, so that the same command can be stopped at one after the other.
STOPS = (
    (signal.SIGINT, 130, r"provider/vpc  creating"),
    (signal.SIGTERM, 143, r"provider/nlb  waiting"),
    (signal.SIGHUP, 129, r"consumer/endpoint  (creating|waiting)"),
)


@pytest.mark.slow
def test_a_signal_during_up_leaves_a_state_that_the_same_command_finishes(brisk_shell: Shell, brisk: Running) -> None:
    shell, before = brisk_shell, Aws(brisk).census()
    up = ("up", *BOTH, "-o", "json", "--progress", "plain")
    for number, code, moment in STOPS:
        process = in_foreground(shell, *up)
        heard = read_until(process, moment)
        os.killpg(process.pid, number)
        out, rest = process.communicate(timeout=30)
        assert process.returncode == code, heard + rest
        assert f"    plinkctl {' '.join(up)}\n" in rest, "the resuming command, alone on its line"
        untroubled(heard, rest)
        answer = envelope(out)
        assert answer["exit_code"] == code
        assert answer["errors"][0]["code"] == "stopped"
        for path in shell.folder.glob(".plinkctl/*/*.json"):
            json.loads(path.read_text())
        assert shell("state", "show", "-o", "json").code == 0

    done = shell.ok("up", *BOTH)
    assert done["verify"]["request"]["body"] == PROOF
    assert len(Aws(brisk).client("provider", "ec2").describe_vpcs()["Vpcs"]) == 2, "the account's own and one more"
    shell.ok("teardown", *BOTH, "--yes")
    assert Aws(brisk).census() == before


def test_a_second_signal_ends_it_at_once_and_still_nothing_is_lost(brisk_shell: Shell, brisk: Running) -> None:
    shell, before = brisk_shell, Aws(brisk).census()
    process = in_foreground(shell, "provider", "up", "--allow", CONSUMER, "--progress", "plain")
    read_until(process, r"provider/(alb|nlb)-group  creating")
    os.killpg(process.pid, signal.SIGINT)
    os.killpg(process.pid, signal.SIGTERM)
    _, rest = process.communicate(timeout=30)
    # Two signals at once may be handled as one and another, in either order; which number wins is the kernel's affair.
    assert process.returncode in {130, 143}, rest
    untroubled(rest)
    # A create whose answer was lost is looked for until it is old enough to be believed missing.
    grace = {"PLINKCTL_RECOVERY_GRACE": "1"}
    again = shell("provider", "up", "--allow", CONSUMER, env=grace)
    assert again.code == 0, again.err
    assert shell("teardown", "--yes").code == 0
    assert Aws(brisk).census() == before


def test_an_interrupted_teardown_is_finished_by_the_same_command(brisk_shell: Shell, brisk: Running) -> None:
    shell, before = brisk_shell, Aws(brisk).census()
    shell.ok("provider", "up", "--allow", CONSUMER)
    process = in_foreground(shell, "teardown", "--yes", "--progress", "plain")
    read_until(process, r"provider/nlb  deleting|provider/service  deleting")
    os.killpg(process.pid, signal.SIGINT)
    _, rest = process.communicate(timeout=30)
    assert process.returncode == 130, rest
    assert "    plinkctl teardown --yes --progress plain\n" in rest
    assert shell.ok("teardown", "--yes")["leftovers"] == []
    assert Aws(brisk).census() == before


@pytest.mark.parametrize("deaf", ["2>&1 >/dev/null", ">/dev/null 2>&1; true", ""])
def test_a_reader_that_goes_away_does_no_harm(shell: Shell, sandbox: Running, deaf: str) -> None:
    """stderr into a pipe that closes at once, neither, and stdout into such a pipe: the work is done in each."""
    status = shell.folder / "status"
    command = f"{{ {PLINKCTL} provider up --allow {CONSUMER} -v; echo $? >{status}; }} {deaf}"
    piped = f"({command}) | head -c 1"
    done = subprocess.run(
        ["bash", "-c", piped], cwd=shell.folder, env=shell.env, capture_output=True, text=True, timeout=60, check=False
    )
    untroubled(done.stdout, done.stderr)
    assert status.read_text().strip() == "0"
    assert "Broken pipe" not in done.stderr
    assert _service(shell)["phase"] == "ready"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_stream_that_was_never_open_does_no_harm(shell: Shell, sandbox: Running, closed: str) -> None:
    """As under some cron and service managers."""
    done = subprocess.run(
        ["bash", "-c", f"{PLINKCTL} provider up --allow {CONSUMER} {closed}"],
        cwd=shell.folder,
        env=shell.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    untroubled(done.stdout, done.stderr)
    assert done.returncode == 0, done.stderr
    assert _service(shell)["phase"] == "ready"


def _service(shell: Shell) -> dict[str, Any]:
    """The record of the service: the last thing that a provider makes."""
    (found,) = [one for one in shell.ok("state", "show")["records"] if one["node"] == "service"]
    return dict(found)
