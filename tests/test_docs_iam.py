"""docs/reference/iam.md names exactly the AWS calls that the source makes, and enough for each group of commands."""

import ast
import configparser
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import boto3
import pytest
from docs_tools import REFERENCE, ROOT, cells, rows, section, text_of
from shells import Shell

from plinkctl.aws.faults import iam_action
from plinkctl.errors import AwsAnswer
from plinkctl.kinds import KINDS
from plinkctl.kinds.base_ec2 import Ec2Kind
from plinkctl.sandbox import remote
from plinkctl.sandbox.daemon import Running

PAGE: Final = REFERENCE / "iam.md"
SOURCES: Final = sorted(
    path for path in (ROOT / "src" / "plinkctl").rglob("*.py") if "sandbox" not in path.relative_to(ROOT).parts
)

# The operations that are not written out where they are called, by the expression that stands there.
COMPUTED: Final[dict[str, frozenset[str]]] = {
    "self.describe": frozenset(kind.describe for kind in KINDS.values() if isinstance(kind, Ec2Kind)),
    "f\"authorize_security_group_{ctx.params['direction']}\"": frozenset(
        {"authorize_security_group_ingress", "authorize_security_group_egress"}
    ),
    "f\"revoke_security_group_{ctx.params['direction']}\"": frozenset(
        {"revoke_security_group_ingress", "revoke_security_group_egress"}
    ),
    "operation": frozenset({"delete_role_policy", "delete_role"}),  # kinds/role.py
}


def calls(path: Path) -> Iterator[tuple[ast.Call, ast.expr, ast.expr]]:
    """Every call through the door to AWS: `read`, `peek`, `pages`, `write`, with service and operation."""
    for node in ast.walk(ast.parse(text_of(path))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os" | "local") | ast.Attribute(attr="states"))):
                pass  # of files, and of states
            case ast.Call(func=ast.Attribute(attr="read" | "peek" | "pages" | "write"), args=[service, operation, *_]):
                yield node, service, operation
            case _:
                pass


def action(service: str, operation: str) -> str:
    """The IAM action of a call."""
    api = "".join(part.capitalize() for part in operation.split("_"))
    return iam_action(AwsAnswer(service=service, operation=api, code="", message=""))


def called() -> tuple[set[str], set[str]]:
    """The actions of all calls in the source, and the computed expressions that were met."""
    actions: set[str] = set()
    met: set[str] = set()
    for path in SOURCES:
        if path.name == "session.py":  # the door itself; it calls one thing of its own
            continue
        for node, service, operation in calls(path):
            assert isinstance(service, ast.Constant), f"{path.name}:{node.lineno}: which service?"
            if isinstance(operation, ast.Constant):
                actions.add(action(str(service.value), str(operation.value)))
                continue
            expression = ast.unparse(operation)
            met.add(expression)
            actions |= {action(str(service.value), each) for each in COMPUTED[expression]}
    return actions, met


def table() -> dict[str, dict[str, set[str]]]:
    """The page's table: the commands of each side that need an action."""
    return {
        cells(row)[0].strip("`"): {
            "provider": set(cells(row)[1].split(", ")) - {""},
            "consumer": set(cells(row)[2].split(", ")) - {""},
        }
        for row in rows(section(text_of(PAGE), "The actions that are called"))
    }


def policy(side: str, *, without: str = "") -> str:
    """What a user of a side needs after the page: everything in both its tables."""
    besides = {
        action.strip("`")
        for row in rows(section(text_of(PAGE), "The actions AWS asks for besides"))
        if cells(row)[1] in (side, "both")
        for action in cells(row)[0].split(", ")
    }
    actions = sorted({name for name, sides in table().items() if sides[side]} | besides - {without})
    allowed = [name for name in actions if name != without]
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": allowed, "Resource": "*"}]})


@dataclass(frozen=True)
class Users:
    """The operators of both sides, and the AWS config file with their keys."""

    account: Callable[[str], boto3.Session]
    known: configparser.ConfigParser
    config: Path

    def allow(self, side: str, *, without: str = "") -> None:
        """Give the side's operator what the page says, but for one action."""
        iam = self.account(side).client("iam")
        iam.put_user_policy(UserName="operator", PolicyName="page", PolicyDocument=policy(side, without=without))


@pytest.fixture
def users(sandbox: Running, account: Callable[[str], boto3.Session], tmp_path: Path) -> Iterator[Users]:
    """Users who have what the page says and no more, in a sandbox that enforces IAM."""
    known = configparser.ConfigParser()
    known.read(sandbox.config_file)
    made = Users(account, known, tmp_path / "restricted")
    for side in sandbox.accounts:
        iam = account(side).client("iam")
        iam.create_user(UserName="operator")
        key = iam.create_access_key(UserName="operator")["AccessKey"]
        known[f"profile {side}"]["aws_access_key_id"] = key["AccessKeyId"]
        known[f"profile {side}"]["aws_secret_access_key"] = key["SecretAccessKey"]
        made.allow(side)
    with made.config.open("w") as file:
        known.write(file)
    remote.settings(sandbox, enforced=True)
    yield made
    remote.settings(sandbox, enforced=False)


BOTH: Final = ("--provider-profile", "provider", "--consumer-profile", "consumer")


@pytest.mark.slow
def test_what_the_page_lists_is_enough_for_the_whole_job(shell: Shell, users: Users) -> None:
    shell.env["AWS_CONFIG_FILE"] = str(users.config)
    shell.ok("up", *BOTH)
    shell.ok("up", *BOTH, "--tag", "a=b")
    shell.ok("verify", *BOTH)
    shell.ok("status", *BOTH)
    assert shell.ok("teardown", *BOTH, "--yes")["leftovers"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("side", "action"),
    [
        ("provider", "elasticloadbalancing:AddTags"),
        ("provider", "ec2:CreateVpcEndpointServiceConfiguration"),
        ("consumer", "iam:PassRole"),
        ("consumer", "ec2:CreateTags"),
    ],
)
def test_an_action_that_is_missing_is_named_and_the_same_command_goes_on_with_it(
    shell: Shell, users: Users, side: str, action: str
) -> None:
    shell.env["AWS_CONFIG_FILE"] = str(users.config)
    users.allow(side, without=action)
    refused = shell("up", *BOTH, "-o", "json")
    assert refused.code == 5, refused.err
    assert action in refused.out
    users.allow(side)
    shell.ok("up", *BOTH)
    assert shell.ok("teardown", *BOTH, "--yes")["leftovers"] == []


def test_the_table_has_every_action_the_source_calls_and_no_other() -> None:
    actions, _ = called()
    of_buckets = {name for name in actions if name.startswith("s3:")}
    assert sorted(table()) == sorted(actions - of_buckets)
    told = rows(section(text_of(PAGE), "States in a bucket"))
    assert sorted(cells(row)[0].strip("`") for row in told) == sorted(of_buckets)


def test_every_computed_operation_is_met_in_the_source() -> None:
    _, met = called()
    assert met == set(COMPUTED)


def test_every_action_is_needed_by_a_command() -> None:
    groups = {"up", "accept", "reject", "verify", "status", "teardown"}
    for name, sides in table().items():
        assert sides["provider"] | sides["consumer"], name
        assert sides["provider"] | sides["consumer"] <= groups, name


@pytest.mark.slow
def test_no_command_calls_what_the_table_does_not_allow_it(shell: Shell, sandbox: Running) -> None:
    allowed = table()
    accounts = {account: side for side, account in sandbox.accounts.items()}
    seen = 0

    def since(command: str) -> None:
        nonlocal seen
        for call in remote.calls(sandbox):
            if call["number"] <= seen or call["service"] == "sts":
                continue
            seen = call["number"]
            name = f"{call['service']}:{call['action']}".replace("lambda:Invoke", "lambda:InvokeFunction")
            assert command in allowed[name][accounts[call["account"]]], f"{command}: {accounts[call['account']]} {name}"

    both = ("--provider-profile", "provider", "--consumer-profile", "consumer")
    provider, consumer = ("--profile", "provider"), ("--profile", "consumer")
    name = shell.ok("provider", "up", *provider, "--allow", sandbox.accounts["consumer"])["service_name"]
    shell.ok("provider", "up", *provider, "--allow", "333333333333", "--tag", "a=b", "--enforce-inbound-rules",
             "--consumer-cidr", "10.0.0.0/16", "--response-status", "404")  # fmt: skip
    shell.ok("provider", "up", *provider, "--allow", sandbox.accounts["consumer"])
    since("up")
    endpoint = shell.ok("consumer", "up", *consumer, "--service-name", name, "--tag", "a=b", code=8)["endpoint_id"]
    shell.ok("consumer", "up", *consumer, "--service-name", name, "--retention-days", "30", code=8)
    since("up")
    shell.ok("accept", *provider)
    since("accept")
    shell.ok("verify", *both)
    since("verify")
    shell.ok("status", *both)
    since("status")
    shell.ok("reject", *provider, "--endpoint-id", endpoint)
    since("reject")
    shell.ok("teardown", *both, "--yes")
    since("teardown")
    assert seen
