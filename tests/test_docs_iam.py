"""docs/reference/iam.md names exactly the AWS calls that the source makes, and enough for each group of commands."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

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
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"))):
                pass
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


def test_the_table_has_every_action_the_source_calls_and_no_other() -> None:
    actions, _ = called()
    assert sorted(table()) == sorted(actions)


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
