"""AWS says no in the middle of a run: expired credentials, a clock, a throttle, a missing right. Told once, sent once
where a second time is useless, everything recorded; and every change names its operation."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from e2e_tools import BOTH, CONSUMER, PROVIDER, Aws, Meter, in_foreground, read_until, untroubled

from plinkctl.sandbox import daemon, remote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shells import Shell

    from plinkctl.sandbox.daemon import Running

UP = ("provider", "up", "--allow", CONSUMER)


def resumed(shell: Shell, running: Running, *command: str) -> None:
    """With the cause gone the same command ends it, and teardown finds everything it made."""
    remote.clear_faults(running)
    done = shell(*command)
    assert done.code == 0, done.err
    down = shell.ok("teardown", *(BOTH if command[0] == "up" else ()), "--yes")
    assert down["leftovers"] == []


def test_credentials_that_expire_in_the_middle_are_told_once(shell: Shell, sandbox: Running) -> None:
    """Three times, each further on."""
    for after in (3, 14, 40):
        rule = {"action": "*", "account": "provider", "after": after, "effect": "expired"}
        remote.set_faults(sandbox, {"rules": [rule]}, replace=True)
        done = shell(*UP, "-o", "json", "--progress", "plain")
        assert done.code == 5, done.err
        untroubled(done.err)
        (error,) = done.json["errors"]
        assert error["code"] == "credentials"
        assert done.err.count("the credentials have expired") == 2, "where it happened, and at the end"
    resumed(shell, sandbox, *UP)


def test_credentials_that_expire_in_a_wait_for_others_end_it(shell: Shell, sandbox: Running) -> None:
    offered = shell.ok(*UP)
    command = ("consumer", "up", "--wait", "--profile", "consumer", "--service-name", offered["service_name"])
    process = in_foreground(shell, *command, "--progress", "plain")
    heard = read_until(process, "consumer/endpoint  waiting")
    remote.set_faults(sandbox, {"rules": [{"action": "*", "account": "consumer", "effect": "expired"}]})
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 5, heard + rest
    untroubled(heard, rest)
    remote.clear_faults(sandbox)
    assert shell("accept").code == 0
    assert shell(*command).code == 0


def test_a_wait_for_a_connection_ends_with_the_credentials(shell: Shell, sandbox: Running) -> None:
    shell.ok(*UP)
    process = in_foreground(shell, "accept", "--wait", "--progress", "plain")
    heard = read_until(process, "waiting for a connection")
    remote.set_faults(sandbox, {"rules": [{"action": "*", "account": "provider", "effect": "expired"}]})
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 5, heard + rest
    untroubled(heard, rest)


def test_credentials_that_expire_in_a_verification_say_nothing_of_the_link(shell: Shell, sandbox: Running) -> None:
    shell.ok("up", *BOTH)
    for after in (1, 3):
        rule = {"action": "*", "account": "consumer", "after": after, "effect": "expired"}
        remote.set_faults(sandbox, {"rules": [rule]}, replace=True)
        done = shell("verify", *BOTH, "-o", "json")
        assert done.code == 5, done.err
        assert [error["code"] for error in done.json["errors"]] == ["credentials"]


def test_a_clock_that_is_wrong_is_called_so(shell: Shell, sandbox: Running) -> None:
    message = "Signature expired: 20270101T000000Z is now earlier than 20270101T005500Z"
    rule = {"action": "elbv2:*", "effect": "error", "code": "InvalidSignatureException", "message": message}
    remote.set_faults(sandbox, {"rules": [{**rule, "status": 403}]})
    done = shell(*UP, "-o", "json")
    assert done.code == 5, done.err
    (error,) = done.json["errors"]
    assert error["code"] == "clock"
    assert "20270101T005500Z" in done.err
    resumed(shell, sandbox, *UP)


def test_a_missing_right_is_asked_for_once(shell: Shell, sandbox: Running) -> None:
    remote.set_faults(sandbox, {"rules": [{"action": "ec2:CreateSubnet", "effect": "denied"}]})
    meter = Meter(sandbox)
    done = shell(*UP)
    assert done.code == 5, done.err
    state = json.loads((shell.folder / ".plinkctl/default/provider.json").read_text())
    subnets = [record for record in state["records"].values() if record["kind"] == "subnet"]
    assert Counter(meter.all())["CreateSubnet"] == len(subnets)
    assert all(record["attempt"] == 0 and record["sent_at"] is None for record in subnets)
    resumed(shell, sandbox, *UP)


def test_a_throttle_without_end_is_given_up_in_time(shell: Shell, sandbox: Running) -> None:
    remote.set_faults(sandbox, {"rules": [{"action": "ec2:CreateVpc", "effect": "throttle"}]})
    meter = Meter(sandbox)
    done = shell(*UP, "--timeout", "4s")
    assert done.code == 7, done.err
    assert "RequestLimitExceeded" in done.err
    assert 2 <= Counter(meter.all())["CreateVpc"] <= 5
    resumed(shell, sandbox, *UP)


def test_every_change_of_a_walk_names_its_operation(shell: Shell, sandbox: Running) -> None:
    """In the user agent, where CloudTrail shows it."""
    shell.ok("up", *BOTH)
    known: dict[str, str] = {}
    for side in ("provider", "consumer"):
        state = json.loads((shell.folder / f".plinkctl/default/{side}.json").read_text())
        known |= {record["op"]: f"{side}/{name}" for name, record in state["records"].items()}
    created: Counter[str] = Counter()
    for call in remote.calls(sandbox):
        found = re.search(r" plinkctl/\S+ op/([a-z2-7]{26})$", call["agent"])
        if found:
            assert found[1] in known, call
            created[known[found[1]]] += call["action"].startswith("Create")
        else:
            assert re.match("Describe|Get|List|Invoke", call["action"]), call
    once = {node for node, times in created.items() if times == 1}
    assert {"provider/vpc", "provider/nlb", "provider/service", "consumer/endpoint", "consumer/function"} <= once


@pytest.fixture
def punctual(tmp_path: Path) -> Iterator[Running]:
    """A sandbox whose clock no other test has moved: one that is ahead lends its credentials for longer."""
    running = daemon.start(tmp_path / "punctual", "instant", parent_pid=os.getpid())
    yield running
    daemon.stop(running.folder)


def test_credentials_that_are_renewed_meanwhile_are_no_trouble(shell: Shell, punctual: Running) -> None:
    """A role for the shortest time AWS knows: the SDK renews what ends within 15 minutes, so with each request."""
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{PROVIDER}:root"}, "Action": "sts:AssumeRole"}
    rights = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam = Aws(punctual).client("provider", "iam")
    iam.create_role(
        RoleName="maker", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    iam.put_role_policy(
        RoleName="maker", PolicyName="all", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [rights]})
    )
    own = shell.folder / "aws-config"
    role = f"role_arn = arn:aws:iam::{PROVIDER}:role/maker\nsource_profile = provider\nduration_seconds = 900\n"
    url, region = punctual.url, punctual.region
    own.write_text(
        f"{punctual.config_file.read_text()}\n[profile maker]\n{role}region = {region}\nendpoint_url = {url}\n"
    )
    meter = Meter(punctual)
    done = shell(*UP, "--profile", "maker", env={"AWS_CONFIG_FILE": str(own)})
    assert done.code == 0, done.err
    assert Counter(meter.all())["AssumeRole"] > 2
