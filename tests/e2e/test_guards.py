"""Who may not act, and where calls go: told before anything is made."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from e2e_tools import CONSUMER, PROVIDER
from parrot import caller, parrot

from plinkctl.sandbox import remote

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import boto3
    from shells import Shell

    from plinkctl.sandbox.daemon import Running

UP = ("provider", "up", "--allow", CONSUMER)
BORROWED = f"arn:aws:elasticloadbalancing:us-east-1:{PROVIDER}:loadbalancer/net/none/0123456789abcdef"


def anybody(shell: Shell, **environment: str) -> Shell:
    """A terminal with keys of its own, and nothing else that AWS clients look at."""
    kept = {name: value for name, value in shell.env.items() if not name.startswith("AWS_")}
    keys = {"AWS_ACCESS_KEY_ID": "AKIAAAAAAAAAAAAAAAAA", "AWS_SECRET_ACCESS_KEY": "x" * 40, "AWS_REGION": "us-east-1"}
    return replace(
        shell, env={**kept, **keys, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(shell.folder), **environment}
    )


def nothing_else(action: str, _headers: str) -> tuple[int, str]:
    if action == "GetCallerIdentity":
        return 200, caller(f"arn:aws:iam::{PROVIDER}:root")
    return 400, "<Response><Errors><Error><Code>Odd</Code><Message>no</Message></Error></Errors></Response>"


def test_the_root_user_changes_nothing(shell: Shell) -> None:
    with parrot(nothing_else) as bird:
        done = anybody(shell, AWS_ENDPOINT_URL=bird.url)(*UP, "-o", "json")
        assert done.code == 6, done.err
        assert done.json["errors"][0]["code"] == "root_user"
        assert bird.asked == ["GetCallerIdentity"]
    assert not list(shell.folder.glob(".plinkctl/*/*.json"))


@pytest.mark.parametrize("how", ["flag", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "profile"])
def test_another_endpoint_is_announced_however_it_was_said(shell: Shell, how: str) -> None:
    """A person who acts, so that the head of the run comes, at an endpoint for all services or one of them."""

    def user(action: str, headers: str) -> tuple[int, str]:
        status, text = nothing_else(action, headers)
        return status, text.replace(":root", ":user/somebody")

    with parrot(user) as bird:
        config = shell.folder / "config"
        config.write_text(f"[profile p]\nendpoint_url = {bird.url}\n")
        given = {
            "flag": {},
            "profile": {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "p"},
            "AWS_ENDPOINT_URL": {how: bird.url},
            # The other services are nowhere, so that nothing leaves this machine.
            "AWS_ENDPOINT_URL_STS": {how: bird.url, "AWS_ENDPOINT_URL_EC2": "http://127.0.0.1:9"},
        }[how]
        flag = ("--endpoint-url", bird.url) if how == "flag" else ()
        done = anybody(shell, **given)(*UP, *flag, "--load-balancer-arn", BORROWED)
        assert done.code != 0
        assert f"  at {bird.url}" in done.err, done.err
        assert "warning" not in done.err, "it is this machine"


def test_an_endpoint_elsewhere_is_warned_about(shell: Shell) -> None:
    """An address of documentation, at a proxy on this machine, so that nothing leaves it."""

    def user(action: str, headers: str) -> tuple[int, str]:
        status, text = nothing_else(action, headers)
        return status, text.replace(":root", ":user/somebody")

    with parrot(user) as bird:
        there = anybody(shell, HTTP_PROXY=bird.url, http_proxy=bird.url, NO_PROXY="", no_proxy="")
        done = there(*UP, "--endpoint-url", "http://192.0.2.1:4566", "-v", "--load-balancer-arn", BORROWED)
        assert "calls go to http://192.0.2.1:4566, not to AWS" in done.err, done.err


def test_a_role_that_asks_for_an_external_id_is_assumed_with_the_profiles(
    shell: Shell, sandbox: Running, account: Callable[[str], boto3.Session], tmp_path: Path
) -> None:
    iam = account("provider").client("iam")
    condition = {"StringEquals": {"sts:ExternalId": "handshake-0123456789"}}
    consumer = {"AWS": f"arn:aws:iam::{CONSUMER}:root"}
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": consumer,
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    role = iam.create_role(
        RoleName="links", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )["Role"]["Arn"]
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="links", PolicyName="all", PolicyDocument=json.dumps(everything))
    assumed = (
        f"[profile NAME]\nregion = us-east-1\nendpoint_url = {sandbox.url}\nsource_profile = consumer\n"
        f"role_arn = {role}\n"
    )
    config = tmp_path / "assumed"
    config.write_text(
        sandbox.config_file.read_text()
        + assumed.replace("NAME", "without")
        + assumed.replace("NAME", "with")
        + "external_id = handshake-0123456789\n"
    )
    shell.env["AWS_CONFIG_FILE"] = str(config)
    refused = shell(*UP, "--profile", "without", "-o", "json")
    assert refused.code == 5, refused.err
    assert "AssumeRole" in refused.json["errors"][0]["why"]
    done = shell(*UP, "--profile", "with", "--load-balancer-arn", BORROWED, "-o", "json")
    assert done.code == 1, "as far as the load balancer, which is not there"
    assert f"{PROVIDER}:assumed-role/links/" in done.err
    assert "handshake-0123456789" not in done.err + done.out + refused.err + refused.out
    assert all(call["account"] == CONSUMER for call in remote.calls(sandbox) if call["action"] == "AssumeRole")


def test_no_name_leads_out_of_the_folder(shell: Shell) -> None:
    for name in ("../x", "/x", "~root", "a\nb"):
        done = shell("provider", "up", "--allow", CONSUMER, "--name", name, "-o", "json")
        assert done.code == 2, name
    assert not (shell.folder / ".plinkctl").exists()
    assert not (shell.folder.parent / "x").exists()
