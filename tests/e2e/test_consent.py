"""Nothing is deleted before somebody agreed: the answers, and what each of them lets happen."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from e2e_tools import PROVIDER
from parrot import caller, parrot
from shells import PLINKCTL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parrot import Parrot
    from shells import Shell


def aws(action: str, _headers: str) -> tuple[int, str]:
    if action == "GetCallerIdentity":
        return 200, caller(f"arn:aws:iam::{PROVIDER}:user/somebody")
    return 400, "<Response><Errors><Error><Code>Odd</Code><Message>no</Message></Error></Errors></Response>"


@pytest.fixture
def bird() -> Iterator[Parrot]:
    with parrot(aws) as made:
        yield made


@pytest.fixture
def user(shell: Shell, bird: Parrot) -> Shell:
    """A terminal whose states record a VPC."""
    folder = shell.folder / ".plinkctl" / "shop"
    folder.mkdir(parents=True, mode=0o700)
    folder.parent.chmod(0o700)
    op = "abcdefghijklmnopqrstuvwxyz"
    record = {"node": "vpc", "kind": "vpc", "phase": "ready", "op": op, "attrs": {"id": "vpc-0123456789abcdef0"}}
    whole = {
        "schema": 1,
        "link": "shop",
        "side": "provider",
        "account": PROVIDER,
        "region": "us-east-1",
        "partition": "aws",
        "lineage": "lineage",
        "serial": 1,
        "records": {"vpc": record},
    }
    (folder / "provider.json").write_text(json.dumps(whole))
    kept = {name: value for name, value in shell.env.items() if not name.startswith("AWS_")}
    keys = {"AWS_ACCESS_KEY_ID": "AKIAAAAAAAAAAAAAAAAA", "AWS_SECRET_ACCESS_KEY": "x" * 40, "AWS_REGION": "us-east-1"}
    given = {"AWS_ENDPOINT_URL": bird.url, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(shell.folder)}
    return replace(shell, env={**kept, **keys, **given})


TEARDOWN = ("teardown", "provider", "--name", "shop", "--progress", "plain")


@pytest.mark.parametrize(
    "options", [(), ("--no-input",), ("--confirm", "other"), ("--confirm", ""), ("--yes", "--confirm", "other")]
)
def test_without_an_answer_or_with_the_wrong_one_nothing_is_called(
    user: Shell, bird: Parrot, options: tuple[str, ...]
) -> None:
    done = user(*TEARDOWN, *options, "-o", "json")
    assert done.code == 6, done.err
    assert done.json["errors"][0]["code"] == "no_consent"
    assert bird.asked == ["GetCallerIdentity"]


@pytest.mark.parametrize("options", [("--yes",), ("--confirm", "shop")])
def test_with_the_answer_it_goes_on(user: Shell, bird: Parrot, options: tuple[str, ...]) -> None:
    assert user(*TEARDOWN, *options).code == 1, "this AWS says no to everything else"
    assert len(bird.asked) > 1


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 6), (b"\n", 6), (b"shop\ny\n", 6), (b"y\n", 1)])
def test_on_a_terminal_it_asks(user: Shell, bird: Parrot, answer: bytes, code: int) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer)
        done = subprocess.run(
            [PLINKCTL, *TEARDOWN],
            cwd=user.folder,
            env=user.env,
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == code, done.stderr
    assert f"1 resources of the link shop in provider account {PROVIDER} will be deleted" in done.stderr
    assert (len(bird.asked) > 1) is (code == 1)
