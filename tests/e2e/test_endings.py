"""Every way to end: signals at any moment, one or two; terminals and readers that go away; nothing is lost by any."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest
from e2e_tools import CONSUMER, Aws, Meter, envelope, in_foreground, named, on_a_pty, read_until, untroubled
from shells import PLINKCTL

from plinkctl.sandbox import remote

if TYPE_CHECKING:
    from pathlib import Path

    from shells import Shell

    from plinkctl.sandbox.daemon import Running

#: With every option that the resuming command must have.
UP = ("provider", "up", "--name", "shop", "--state", "kept here", "--profile", "provider", "--allow", CONSUMER)
RESUME = f"    plinkctl provider up --name shop --state 'kept here' --profile provider --allow {CONSUMER}"
SOON = {"PLINKCTL_RECOVERY_GRACE": "1"}


def record(shell: Shell, name: str = "vpc") -> dict[str, Any]:
    """One record of the provider's state, as it is on disk."""
    found: dict[str, Any] = json.loads((shell.folder / "kept here/shop/provider.json").read_text())["records"][name]
    return found


def finishes(shell: Shell, running: Running) -> None:
    """The same command ends it, nothing was made twice, and its rerun has nothing to do."""
    remote.clear_faults(running)
    again = shell(*UP, env=SOON)
    assert again.code == 0, again.err
    assert len(Aws(running).client("provider", "ec2").describe_vpcs()["Vpcs"]) == 2, "the account's own and one more"
    meter = Meter(running)
    assert shell(*UP).code == 0
    assert meter.mutating() == []


# ------------------------------------------------------------------------------------------ one signal


@pytest.mark.parametrize(
    ("name", "code", "when"), [("INT", 130, "before"), ("TERM", 143, "after"), ("HUP", 129, "after")]
)
def test_the_call_under_way_is_finished_and_recorded_and_no_other_is_sent(
    shell: Shell, sandbox: Running, name: str, code: int, when: str
) -> None:
    rule = {"action": "ec2:CreateVpc", "effect": "signal", "signals": name, "when": when}
    remote.set_faults(sandbox, {"rules": [rule]})
    meter = Meter(sandbox)
    process = named(shell, *UP, "--progress", "plain")
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    untroubled(out, err)
    assert err.rstrip().endswith(f"\n{RESUME} --progress plain"), err
    assert meter.mutating() == ["CreateVpc"]
    assert (record(shell)["phase"], len(record(shell)["attrs"]["id"]) > 4) == ("created", True)
    finishes(shell, sandbox)


def test_a_hangup_that_nohup_ignores_is_ignored(shell: Shell, sandbox: Running) -> None:
    remote.set_faults(sandbox, {"rules": [{"action": "ec2:CreateVpc", "effect": "signal", "signals": "HUP"}]})
    process = named(shell, *UP, before="trap '' HUP")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


# ----------------------------------------------------------------------------------------- two signals


@pytest.mark.parametrize("gap", [0, 0.01, 0.5])
def test_two_signals_lose_nothing(shell: Shell, sandbox: Running, gap: float) -> None:
    """However far apart: the second may find it still at work, on its way out, or gone."""
    rule = {"action": "ec2:CreateVpc", "effect": "signal", "signals": ["INT", "INT"], "gap": gap}
    remote.set_faults(sandbox, {"rules": [rule]})
    process = named(shell, *UP)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    untroubled(out, err)
    assert RESUME in err
    finishes(shell, sandbox)


def stopped_twice(shell: Shell, moment: str, *command: str) -> str:
    """Send a second signal as soon as the first was answered, with a call under way; what was said then."""
    process = in_foreground(shell, *command, "--progress", "plain")
    heard = read_until(process, moment)
    process.send_signal(signal.SIGINT)
    heard += read_until(process, "stopping: ")
    process.send_signal(signal.SIGTERM)
    out, rest = process.communicate(timeout=30)
    assert process.returncode == 143, heard + rest
    assert out == ""
    untroubled(heard, rest)
    return rest


def test_the_second_tells_what_is_unresolved(shell: Shell, sandbox: Running) -> None:
    silent = {"action": "ec2:CreateVpc", "effect": "hang", "when": "after"}
    remote.set_faults(sandbox, {"rules": [silent]})
    said = stopped_twice(shell, "provider/vpc  creating", *UP)
    assert re.search(r"\n  unresolved: provider/vpc: its creation was sent \d s ago\n", said)
    assert said.rstrip().endswith(f"\n{RESUME} --progress plain")
    assert record(shell)["phase"] == "creating"
    finishes(shell, sandbox)


def test_the_second_tells_what_was_being_deleted(shell: Shell, sandbox: Running) -> None:
    assert shell(*UP).code == 0
    service = record(shell, "service")["attrs"]["id"]
    silent = {"action": "ec2:DeleteVpcEndpointServiceConfigurations", "effect": "hang"}
    remote.set_faults(sandbox, {"rules": [silent]})
    down = ("teardown", "--name", "shop", "--state", "kept here", "--profile", "provider", "--yes")
    said = stopped_twice(shell, "provider/service  deleting", *down)
    assert f"\n  unresolved: provider/service: {service} is being deleted\n" in said
    remote.clear_faults(sandbox)
    assert shell(*down, env=SOON).code == 0
    assert len(Aws(sandbox).client("provider", "ec2").describe_vpcs()["Vpcs"]) == 1


# ---------------------------------------------------------------------------------------- odd moments

_SENDS_ITSELF_A_SIGNAL = """
    import os, sys

    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == os.environ["MOMENT"]:
                os.kill(os.getpid(), int(os.environ["SIGNAL"]))

    sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize(
    ("module", "number", "code"),
    [
        ("plinkctl.cli.main", signal.SIGINT, 130),
        ("click", signal.SIGINT, 130),
        ("plinkctl.cli.provider", signal.SIGTERM, 143),
        ("botocore", signal.SIGINT, 130),
        ("boto3", signal.SIGHUP, 129),
    ],
)
def test_a_signal_before_anything_was_begun_ends_it_without_a_word(
    shell: Shell, sandbox: Running, tmp_path: Path, module: str, number: signal.Signals, code: int
) -> None:
    """At the very import of a module, where Python's own handler would raise out of the import machinery."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(textwrap.dedent(_SENDS_ITSELF_A_SIGNAL))
    meter = Meter(sandbox)
    done = subprocess.run(
        [sys.executable, "-m", "plinkctl", *UP],
        cwd=shell.folder,
        env={**shell.env, "PYTHONPATH": str(tmp_path / "site"), "MOMENT": module, "SIGNAL": str(int(number))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")
    assert meter.all() == []


#: What a question may get: keys, or a signal; and the exit code.
ANSWERS: tuple[tuple[str | signal.Signals, int], ...] = (
    ("\x03", 130),  # Ctrl-C
    (signal.SIGTERM, 143),
    (signal.SIGHUP, 129),
    ("\x04", 6),  # Ctrl-D
    ("n\n", 6),
)


def test_a_question_is_left_at_once(shell: Shell, sandbox: Running) -> None:
    """Asked five times of the same link, of which nothing is touched."""
    assert shell(*UP).code == 0
    meter = Meter(sandbox)
    for answer, code in ANSWERS:
        with on_a_pty(shell, "teardown", "--name", "shop", "--state", "kept here") as terminal:
            terminal.read_until("Go on\\?")
            if isinstance(answer, str):
                terminal.type(answer)
            else:
                os.kill(terminal.process.pid, answer)
            seen = terminal.rest()
            assert terminal.process.wait(30) == code, f"{answer!r}: {seen}"
        untroubled(seen)
        assert meter.mutating() == [], repr(answer)
        if code != 6:
            assert "plinkctl teardown --name shop --state 'kept here'" in seen


def test_a_demo_is_stopped_while_its_sandbox_starts(shell: Shell) -> None:
    process = in_foreground(shell, "demo", "--progress", "plain")
    sandbox = shell.folder / "xdg/plinkctl/demo/sandbox"
    while not sandbox.exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    untroubled(err)
    assert err.rstrip().endswith("\n    plinkctl demo --progress plain")
    assert "creating" not in err


def test_a_wait_for_others_ends_at_once(shell: Shell, sandbox: Running) -> None:
    """The provider's for a connection, then the consumer's for being accepted."""
    offered = shell.ok("provider", "up", "--allow", CONSUMER)
    asking = ("consumer", "up", "--wait", "--profile", "consumer", "--service-name", offered["service_name"])
    for command, moment in (
        (("accept", "--wait"), "waiting for a connection to accept"),
        (asking, r"consumer/endpoint  waiting"),
    ):
        process = in_foreground(shell, *command, "--progress", "plain")
        heard = read_until(process, moment)
        os.killpg(process.pid, signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 143, heard + err
        untroubled(heard, err)
        assert err.rstrip().endswith(f"\n    plinkctl {' '.join(command)} --progress plain")


def test_verify_is_stopped_with_its_request_under_way(shell: Shell, sandbox: Running) -> None:
    both = ("--provider-profile", "provider", "--consumer-profile", "consumer")
    shell.ok("up", *both)
    remote.set_faults(sandbox, {"rules": [{"action": "lambda:Invoke", "effect": "signal", "signals": "INT"}]})
    process = named(shell, "verify", *both, "-o", "json")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert envelope(out)["errors"][0]["code"] == "stopped"
    untroubled(err)


# ----------------------------------------------------------------------------- terminals and readers


def test_a_terminal_that_is_closed_ends_the_run_cleanly(shell: Shell, sandbox: Running) -> None:
    """The kernel sends SIGHUP, and from then on nothing can be written: neither progress nor a word of farewell."""
    remote.set_faults(sandbox, {"rules": [{"action": "ec2:CreateVpc", "effect": "latency", "seconds": 1}]})
    with on_a_pty(shell, *UP) as terminal:
        terminal.read_until("creating")
    assert terminal.process.wait(30) == 129
    assert record(shell)["phase"] == "created"
    finishes(shell, sandbox)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("--help",), 0),
        (("completion", "bash"), 0),
        (("status", "-o", "json"), 0),
        (("teardown", "--yes", "--progress", "json"), 0),
        (("verify",), 4),
        (("no-such-command", "-o", "json"), 2),
    ],
    ids=["help", "completion", "status", "teardown", "verify", "no such command"],
)
def test_a_reader_that_is_gone_changes_no_exit_code(
    shell: Shell, sandbox: Running, command: tuple[str, ...], code: int, stream: str
) -> None:
    """As `plinkctl ... | head -0`, but with the reader gone for sure: the pipe breaks at the first write."""
    reading, writing = os.pipe()
    os.close(reading)
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writing}
    done = subprocess.run(
        [PLINKCTL, *command],
        cwd=shell.folder,
        env=shell.env,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
        **pipes,
    )
    os.close(writing)
    told = (done.stdout or b"").decode() + (done.stderr or b"").decode()
    assert done.returncode == code, told
    untroubled(told)
    assert "BrokenPipe" not in told
    assert "Broken pipe" not in told


def test_the_reader_of_progress_that_goes_away_does_not_end_the_run(shell: Shell, sandbox: Running) -> None:
    """`--progress json` is for programs; one that dies must not take the link with it."""
    process = in_foreground(shell, *UP, "--progress", "json", "-o", "json")
    assert process.stderr is not None
    process.stderr.readline()
    process.stderr.close()
    assert process.stdout is not None
    assert envelope(process.stdout.read())["status"] == "success"
    assert process.wait(60) == 0


def test_a_reader_that_stops_reading_does_not_keep_a_second_signal_from_ending_it(
    shell: Shell, sandbox: Running
) -> None:
    """A full pipe: whoever writes into it waits, and so would a handler that says something first."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    while True:
        try:
            os.write(writing, b"x" * 4096)
        except BlockingIOError:
            break
    os.set_blocking(writing, True)
    meter = Meter(sandbox)
    process = named(shell, *UP, "--progress", "plain", stderr=writing)
    os.close(writing)
    while not meter.all():  # after its first call it wants to say where it works
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(30) in {130, 143}
    finally:
        os.close(reading)


# --------------------------------------------------------------------------------------- stopped


def test_a_process_that_is_stopped_in_the_middle_of_a_call_goes_on(shell: Shell, sandbox: Running) -> None:
    rule = {"action": "ec2:CreateVpc", "effect": "signal", "signals": ["STOP", "CONT"], "gap": 1, "when": "after"}
    remote.set_faults(sandbox, {"rules": [rule]})
    process = named(shell, *UP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    finishes(shell, sandbox)
