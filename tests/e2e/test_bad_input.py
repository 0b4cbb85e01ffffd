"""Bad input through the command: the right exit code, a message that names the place, and no call to AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e_tools import CONSUMER, Meter, link_file, refused

if TYPE_CHECKING:
    from shells import Shell

    from plinkctl.sandbox.daemon import Running

OTHER_REGION = "com.amazonaws.vpce.eu-west-1.vpce-svc-0123456789abcdef0"
SESSION = f"arn:aws:sts::{CONSUMER}:assumed-role/reader/alice"
PATH = f"arn:aws:iam::{CONSUMER}:role/team/reader"
CHINA = f"arn:aws-cn:iam::{CONSUMER}:root"


def allow(value: str) -> str:
    return f"provider:\n  allow:\n    - {value}\n"


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        pytest.param("provider:\n  alow: ['222222222222']\n", 2, "alow", id="unknown key"),
        pytest.param("provider:\n  port: eighty\n", 2, "eighty", id="wrong type"),
        pytest.param("name: one\nname: two\n", 2, "name", id="duplicate key"),
        pytest.param("provider:\n\tport: 80\n", 2, "tab", id="tab"),
        pytest.param("", None, "empty", id="empty file"),
        pytest.param("# nothing but a comment\n", None, "empty", id="only a comment"),
        pytest.param("name: !!python/object/apply:os.getcwd []\n", 1, "tag", id="YAML tag"),
        pytest.param("provider: &all {port: 80}\n", 1, "anchor", id="YAML anchor"),
        pytest.param("name: Bad_Name\n", 1, "Bad_Name", id="name"),
        pytest.param("provider:\n  network:\n    cidr: 10.0.0.1/16\n", 3, "10.0.0.1/16", id="CIDR with host bits"),
        pytest.param("provider:\n  network:\n    cidr: 10.0.0.0/8\n", 3, "10.0.0.0/8", id="CIDR too large"),
        pytest.param("provider:\n  port: 70000\n", 2, "65535", id="port"),
        pytest.param("provider:\n  response:\n    status: 302\n", 3, "302", id="status code"),
        pytest.param(allow(PATH), 3, "path", id="principal with a path"),
        pytest.param(allow(SESSION), 3, f"arn:aws:iam::{CONSUMER}:role/reader", id="assumed role"),
        pytest.param("region: us-east-1\n" + allow(CHINA), 4, "partition", id="other partition"),
        pytest.param(allow("222222222222"), 3, "quote it", id="account as integer"),
        pytest.param(allow("012345670123"), 3, "quote it", id="account as octal"),
        pytest.param(allow("'22222222222'"), 3, "12", id="account too short"),
        pytest.param("provider:\n  account: 012345670123\n", 2, "quote it", id="own account as octal"),
        pytest.param(
            f"region: us-east-1\nconsumer:\n  service_name: {OTHER_REGION}\n", 3, "eu-west-1", id="service elsewhere"
        ),
        pytest.param("provider:\n  port: 80\n---\nname: two\n", 3, "second document", id="two documents"),
    ],
)
def test_a_bad_link_file_is_told_with_its_line(
    shell: Shell, sandbox: Running, content: str, line: int | None, word: str
) -> None:
    name = link_file(shell, content)
    done = refused(shell, "up", "-f", name, code=2, running=sandbox)
    place = f"{name}:{line}:" if line else f"{name}:"
    told = [problem for error in done.json["errors"] for problem in error["problems"]]
    (mine,) = [problem for problem in told if problem.startswith(place) and word in problem]
    assert mine in done.err, "the same sentence for people"
    assert not (shell.folder / ".plinkctl").exists()


def test_all_problems_are_told_at_once(shell: Shell, sandbox: Running) -> None:
    name = link_file(shell, f"name: Bad_Name\nprovider:\n  port: 0\n  alow: []\n  allow: ['{PATH}']\n")
    done = refused(shell, "provider", "up", "-f", name, "--cidr", "10.0.0.0/8", code=2, running=sandbox)
    (error,) = done.json["errors"]
    assert [problem.partition(": ")[0] for problem in error["problems"]] == [
        *(f"{name}:{line}" for line in (1, 3, 4, 5)),
        "--cidr",
    ]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("provider", "up", "--allow", CONSUMER, "--port", "0"), "--port"),
        (("provider", "up", "--allow", CONSUMER, "--port", "eighty"), "--port"),
        (("provider", "up", "--allow", CONSUMER, "--cidr", "10.0.0.0/33"), "--cidr"),
        (("provider", "up", "--allow", CONSUMER, "--subnets", "1"), "--subnets"),
        (("provider", "up", "--allow", CONSUMER, "--response-status", "302"), "--response-status"),
        (("provider", "up", "--allow", CONSUMER, "--name", "Bad_Name"), "--name"),
        (("provider", "up", "--allow", CONSUMER, "--tag", "plinkctl:link=mine"), "--tag"),
        (("provider", "up", "--allow", CONSUMER, "--tag", "without-a-value"), "--tag"),
        (("provider", "up", "--allow", PATH), "--allow"),
        (("provider", "up", "--allow", SESSION), "--allow"),
        (("provider", "up", "--allow", CHINA, "--region", "us-east-1"), "--allow"),
        (("provider", "up"), "--allow"),
        (("provider", "up", "--allow", CONSUMER, "--vpc-id", "vpc-00000000"), "subnet"),
        (("provider", "up", "--allow", CONSUMER, "--load-balancer-arn", "arn:aws:nonsense"), "--load-balancer-arn"),
        (("provider", "up", "--allow", CONSUMER, "--timeout", "soon"), "--timeout"),
        (("provider", "up", "--allow", CONSUMER, "-f", "missing.yaml"), "missing.yaml"),
        (("consumer", "up"), "--service-name"),
        (("consumer", "up", "--service-name", "vpce-svc-0123456789abcdef0"), "--service-name"),
        (("consumer", "up", "--service-name", OTHER_REGION, "--region", "us-east-1"), "--service-name"),
        (("consumer", "up", "--service-name", OTHER_REGION), "eu-west-1"),
        (("consumer", "up", "--service-name", OTHER_REGION, "--retention-days", "15"), "--retention-days"),
        (("up", "--no-such-option"), "--no-such-option"),
        (("frobnicate",), "frobnicate"),
        (("teardown", "everything"), "everything"),
        (("accept", "--endpoint-id", "not-an-id"), "--endpoint-id"),
        (("reject",), "--endpoint-id"),
    ],
    ids=" ".join,
)
def test_a_bad_option_is_named(shell: Shell, sandbox: Running, arguments: tuple[str, ...], names: str) -> None:
    done = refused(shell, *arguments, code=2, running=sandbox)
    assert names in done.err
    assert not (shell.folder / ".plinkctl").exists()


def test_a_bad_query_is_told_once_and_before_the_first_call(shell: Shell, sandbox: Running) -> None:
    meter = Meter(sandbox)
    done = shell("status", "--query", "data.[", "-o", "json")
    assert done.code == 2
    assert done.err.count("error: --query 'data.['") == 1, done.err
    assert meter.all() == []


def test_a_bad_variable_is_named(shell: Shell, sandbox: Running) -> None:
    wanted = ("provider", "up", "--allow", CONSUMER)
    for variable, value in (("PLINKCTL_PORT", "0"), ("PLINKCTL_RECOVERY_GRACE", "soon"), ("PLINKCTL_CIDR", "x")):
        done = refused(shell, *wanted, code=2, running=sandbox, env={variable: value})
        assert variable in done.err


@pytest.mark.parametrize(
    ("more", "word"),
    [((), "allow_public"), (("--allow-public", "open beta", "--no-acceptance-required"), "acceptance_required")],
)
def test_everybody_is_let_in_only_with_a_reason_and_by_hand(
    shell: Shell, sandbox: Running, more: tuple[str, ...], word: str
) -> None:
    done = refused(shell, "provider", "up", "--allow", "*", *more, code=6, running=sandbox)
    (error,) = done.json["errors"]
    assert error["code"] == "public_principal"
    assert word in error["message"]
    assert not (shell.folder / ".plinkctl").exists()
