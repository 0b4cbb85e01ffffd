"""What comes out, and where: results on stdout in four forms, all else on stderr, for people and programs."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import yaml
from e2e_tools import BOTH, CONSUMER, PROOF, envelope, on_a_terminal
from shells import PLINKCTL

from plinkctl import __version__

if TYPE_CHECKING:
    from shells import Shell

    from plinkctl.sandbox.daemon import Running


def test_progress_as_json_is_one_event_a_line_and_the_first_names_the_schema(shell: Shell, sandbox: Running) -> None:
    done = shell("up", *BOTH, "--progress", "json", "-o", "json", "-v")
    assert done.code == 0
    envelope(done.out)
    events = [json.loads(line) for line in done.err.splitlines()]
    assert (events[0]["type"], events[0]["schema"]) == ("version", "plinkctl-events/1")
    kinds = [event["type"] for event in events]
    assert kinds[-1] == "run_finished"
    assert events[-1]["exit_code"] == 0
    assert {"run_started", "walk_planned", "node_done", "check_done"} <= set(kinds)
    done_nodes = {event["node"] for event in events if event["type"] == "node_done"}
    (planned,) = [event["nodes"] for event in events if event["type"] == "walk_planned"]
    assert done_nodes == {node["node"] for node in planned}


def test_the_result_in_every_form(shell: Shell, sandbox: Running) -> None:
    wanted = ("provider", "up", "--allow", CONSUMER)
    as_json = shell(*wanted, "-o", "json")
    data = envelope(as_json.out)["data"]
    as_yaml = shell(*wanted, "-o", "yaml")
    assert yaml.safe_load(as_yaml.out) == {**envelope(as_json.out), "data": data}
    text = shell(*wanted, "-o", "text", "--query", "data.[service_id, service_name]")
    assert text.out == f"{data['service_id']}\t{data['service_name']}\n"
    name = shell(*wanted, "-o", "text", "--query", "data.service_name", "--progress", "none")
    assert (name.out, name.err) == (f"{data['service_name']}\n", "")
    table = shell(*wanted)
    assert data["service_name"] in table.out
    assert "{" not in table.out
    for done in (as_json, as_yaml, text, table):
        assert done.code == 0
        assert "\x1b" not in done.out + done.err
        assert "finished in" in done.err


def test_colour_is_forced_or_left_out_as_asked(shell: Shell, sandbox: Running) -> None:
    shell.ok("provider", "up", "--allow", CONSUMER)
    assert "\x1b[" in shell("status", env={"FORCE_COLOR": "1"}).out
    assert "\x1b" not in shell("status", "--no-color", env={"FORCE_COLOR": "1"}).out
    assert "\x1b" not in shell("status", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).out
    assert "\x1b" not in shell("status", "-o", "json", env={"FORCE_COLOR": "1"}).out
    code, screen = on_a_terminal(shell, "status", env={"FORCE_COLOR": ""})
    assert code == 0
    assert "\x1b[" in screen


def test_the_commands_printed_as_next_do_what_they_say(shell: Shell, sandbox: Running) -> None:
    """Copied and run as they stand, in the same terminal."""
    done = shell("up", *BOTH, "--progress", "plain")
    following = _following(done.err)
    assert [words[1] for words in following] == ["status", "teardown"]
    for words in following:
        command = [*words[1:], "--yes"] if words[1] == "teardown" else words[1:]
        ran = shell(*command, "--progress", "plain")
        assert ran.code == 0, f"{' '.join(words)}\n{ran.err}"
        assert "cannot be seen" not in ran.err, f"{' '.join(words)}\n{ran.err}"


def test_each_party_is_told_its_next_command(shell: Shell, sandbox: Running) -> None:
    consumer = {"AWS_PROFILE": "consumer"}
    (asking,) = _following(shell("provider", "up", "--allow", CONSUMER, "--name", "mine").err)
    assert asking[1:3] == ["consumer", "up"]
    held = shell(*asking[1:], env=consumer)
    assert held.code == 8, held.err
    accept = held.err.partition("the provider runs: plinkctl ")[2].splitlines()[0]
    assert shell(*shlex.split(accept), "--name", "mine").code == 0
    (verify,) = _following(shell(*asking[1:], env=consumer).err)
    assert verify[1] == "verify"
    assert shell(*verify[1:], env=consumer).code == 0


def _following(err: str) -> list[list[str]]:
    """The commands below `next:`."""
    lines = err.partition("\nnext:\n")[2].splitlines()
    return [shlex.split(line) for line in lines if line.startswith("    plinkctl ")]


def test_status_and_state_show_the_whole_link(shell: Shell, sandbox: Running) -> None:
    both = shell.ok("up", *BOTH, "--name", "shown")
    status = shell("status", *BOTH, "--name", "shown")
    assert status.code == 0
    assert both["provider"]["service_id"] in status.out
    assert both["consumer"]["endpoint_id"] in status.out
    assert max(map(len, status.out.splitlines())) < 250, "no line that nobody can read"
    states = shell.ok("state", "list")["states"]
    assert [(s["name"], s["side"], s["account"]) for s in states] == [
        ("shown", "consumer", CONSUMER),
        ("shown", "provider", "111111111111"),
    ]
    whole = shell.ok("state", "show", "--name", "shown")
    assert [side["side"] for side in whole["sides"]] == ["provider", "consumer"]
    assert Counter(record["side"] for record in whole["records"]) == {"provider": 18, "consumer": 11}
    table = shell("state", "show", "--name", "shown").out
    assert both["consumer"]["endpoint_id"] in table, "the help says: the states whole"
    assert shell("state", "show", "--name", "unknown").code == 4
    assert shell.ok("status", "--name", "unknown")["sides"] == []


def test_verify_tells_the_body_to_a_script(shell: Shell, sandbox: Running) -> None:
    shell.ok("up", *BOTH)
    done = shell("verify", *BOTH, "-o", "text", "--query", "data.request.body", "--progress", "none")
    assert (done.code, done.out, done.err) == (0, f"{PROOF}\n", "")


@pytest.mark.parametrize(("interpreter", "check"), [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")])
def test_the_completion_script_parses(shell: Shell, interpreter: str, check: str) -> None:
    done = shell("completion", interpreter)
    assert done.code == 0
    assert "_PLINKCTL_COMPLETE" in done.out
    script = shell.folder / "completion"
    script.write_text(done.out)
    if shutil.which(interpreter) is None:
        pytest.skip(f"there is no {interpreter} here to parse it")
    parsed = subprocess.run([interpreter, check, str(script)], capture_output=True, text=True, check=False)
    assert (parsed.returncode, parsed.stderr) == (0, "")


def test_completion_completes(shell: Shell) -> None:
    words = {"_PLINKCTL_COMPLETE": "bash_complete", "COMP_WORDS": "plinkctl tea", "COMP_CWORD": "1"}
    assert shell(env=words).out == "plain,teardown\n"


def test_version_and_help(shell: Shell) -> None:
    version = shell("--version")
    assert version.code == 0
    assert version.out.startswith(f"plinkctl {__version__} ")
    for command in ((), ("provider", "up"), ("teardown",), ("sandbox", "start"), ("demo",)):
        for flag in ("-h", "--help"):
            done = shell(*command, flag)
            assert done.code == 0
            assert done.out.startswith("Usage: plinkctl")
            assert done.err == ""


def test_the_sandbox_is_started_used_by_a_shell_and_stopped(shell: Shell) -> None:
    """As the README has it: `eval "$(plinkctl sandbox env)"`, then any AWS client."""
    script = f"""
        set -e
        {PLINKCTL} sandbox start --profile instant -o json >started.json
        {PLINKCTL} sandbox start >again.txt
        eval "$({PLINKCTL} sandbox env)"
        {PLINKCTL} provider up --allow {CONSUMER} -o text --query data.service_name --progress none
        {PLINKCTL} sandbox status -o text --query data.running
        {PLINKCTL} sandbox calls -o text --query 'length(data.calls)'
        {PLINKCTL} sandbox reset >/dev/null
        {PLINKCTL} sandbox calls -o text --query 'length(data.calls)'
        {PLINKCTL} sandbox stop >/dev/null
        {PLINKCTL} sandbox status -o text --query data.running
    """
    env = {name: value for name, value in shell.env.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        ["bash", "-c", script], cwd=shell.folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    service, running, calls, none_left, still = done.stdout.split()
    assert service.startswith("com.amazonaws.vpce.us-east-1.vpce-svc-")
    assert (running, none_left, still) == ("True", "0", "False")
    assert int(calls) > 20
    refused = shell("sandbox", "env", "-o", "json")
    assert refused.code != 0
    assert refused.json["errors"][0]["hint"] == "plinkctl sandbox start"
