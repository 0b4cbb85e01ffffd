"""The audit file has every call that changed something, as AWS saw it, and who agreed to what."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from e2e_tools import CONSUMER, PROVIDER

from plinkctl.sandbox import remote

if TYPE_CHECKING:
    from pathlib import Path

    from shells import Shell

    from plinkctl.sandbox.daemon import Running

READS = re.compile(r"Describe|Get|List")


def lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / ".plinkctl" / "default" / "audit.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.slow
def test_every_change_is_written_up_with_its_request(shell: Shell, sandbox: Running) -> None:
    for command in (("provider", "up", "--allow", CONSUMER), ("teardown", "--yes")):
        shell.ok(*command, "--profile", "provider")
    refused = shell("teardown", "--yes", "--profile", "consumer", "--state", "elsewhere")
    assert refused.code == 0
    made = {
        call["request_id"]: (call["service"], call["action"], call["error"])
        for call in remote.calls(sandbox)
        if not READS.match(call["action"])
    }
    written = lines(shell.folder)
    calls = [line for line in written if line["event"] == "call"]
    assert {line["request_id"] for line in calls} == set(made)
    for line in calls:
        service, action, error = made[line["request_id"]]
        assert line["operation"].replace("_", "") == action.lower()
        assert line["service"].replace("elbv2", "elasticloadbalancing") == service
        assert line["outcome"] == (error or "ok")
        assert (line["account"], line["region"], line["side"]) == (PROVIDER, "us-east-1", "provider")
        assert line["caller"].startswith(f"arn:aws:iam::{PROVIDER}:")
        assert re.fullmatch(r"[a-z2-7]{26}", line["op"]), line
    (up,) = {line["run"] for line in calls if line["command"] == "provider up"}
    assert [(line["command"], line["exit_code"]) for line in written if line["event"] == "end"] == [
        ("provider up", 0),
        ("teardown", 0),
    ]
    (consent,) = [line for line in written if line["event"] == "consent"]
    assert consent["run"] != up
    assert not (shell.folder / "elsewhere").exists()


def test_a_refusal_is_written_up(shell: Shell) -> None:
    state = shell.folder / ".plinkctl" / "default"
    state.mkdir(parents=True, mode=0o700)
    state.parent.chmod(0o700)
    record = {"node": "vpc", "kind": "vpc", "phase": "ready", "op": "x", "attrs": {"id": "vpc-12345678"}}
    whole = {
        "schema": 1,
        "link": "default",
        "side": "provider",
        "account": PROVIDER,
        "region": "us-east-1",
        "partition": "aws",
        "lineage": "x",
        "serial": 1,
        "records": {"vpc": record},
    }
    (state / "provider.json").write_text(json.dumps(whole))
    for options, code in ((("--no-input",), 6), (("--yes", "--region", "eu-west-1"), 4)):
        assert shell("teardown", "provider", "--profile", "provider", *options).code == code
    refusals = [(line["event"], line.get("code"), line.get("exit_code")) for line in lines(shell.folder)]
    assert refusals == [
        ("refusal", "no_consent", None),
        ("end", None, 6),
        ("refusal", "other_region", None),
        ("end", None, 4),
    ]
