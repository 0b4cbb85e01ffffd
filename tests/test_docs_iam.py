"""The table of IAM actions is exactly the AWS calls that the source makes; its policies are enough, and no more."""

import ast
import configparser
import json
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError
from docs_tools import REFERENCE, ROOT, cells, rows, section, text_of
from shells import Shell

from plinkctl.aws.faults import iam_action
from plinkctl.errors import AwsAnswer
from plinkctl.kinds import KINDS
from plinkctl.kinds.base_ec2 import Ec2Kind
from plinkctl.kinds.role import TRUST
from plinkctl.permissions import ACTIONS, MANAGED_LIMIT, NAMES, POLICIES, Scope, policy
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
    api = "".join("SSL" if part == "ssl" else part.capitalize() for part in operation.split("_"))
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


_PRINTED: dict[tuple[str, ...], str] = {}


@dataclass(frozen=True)
class Users:
    """The operators of both sides, and the AWS config file with their keys."""

    account: Callable[[str], boto3.Session]
    config: Path
    shell: Shell

    def allow(self, side: str, *, without: Collection[str] = (), more: tuple[str, ...] = ()) -> None:
        """Give the side's operator what its policies say as they are printed, but for some actions."""
        iam = self.account(side).client("iam")
        for name in (side, "verify", "teardown"):
            options = (*(("--side", side) if name in {"verify", "teardown"} else ()), *more)
            document = self._printed(name, *options)
            for statement in document["Statement"]:
                statement["Action"] = [action for action in statement["Action"] if action not in without]
            document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
            iam.put_user_policy(UserName="operator", PolicyName=name, PolicyDocument=json.dumps(document))

    def _printed(self, *command: str) -> Any:
        """What `iam-policy` prints, asked once a session: no process for the same words again."""
        if command not in _PRINTED:
            _PRINTED[command] = self.shell("iam-policy", *command).out
        return json.loads(_PRINTED[command])

    def client(self, side: str, service: str) -> Any:
        """A plain client with the operator's keys."""
        keys = configparser.ConfigParser()
        keys.read(self.config)
        of_side = keys[f"profile {side}"]
        session = boto3.Session(of_side["aws_access_key_id"], of_side["aws_secret_access_key"])
        return session.client(service, region_name="us-east-1")


@pytest.fixture
def users(sandbox: Running, account: Callable[[str], boto3.Session], shell: Shell, tmp_path: Path) -> Iterator[Users]:
    """Users who have what `iam-policy` prints and no more, in a sandbox that enforces IAM."""
    known = configparser.ConfigParser()
    known.read(sandbox.config_file)
    made = Users(account, tmp_path / "restricted", shell)
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
def test_what_is_printed_is_enough_for_states_in_a_bucket_and_for_this_link_only(shell: Shell, users: Users) -> None:
    users.account("provider").client("s3").create_bucket(Bucket="our-states")
    shell.env |= {"AWS_CONFIG_FILE": str(users.config), "AWS_PROFILE": "provider"}
    state = ("--state", "s3://our-states/links")
    refused = shell("provider", "up", "--allow", "222222222222", *state, "-o", "json")
    assert refused.code == 5
    assert "s3:PutObject" in refused.out
    users.allow("provider", without=["s3:GetObject"], more=state)
    refused = shell("provider", "up", "--allow", "222222222222", *state, "-o", "json")
    assert refused.code == 5
    assert "s3:GetObject" in refused.out
    users.allow("provider", more=state)
    shell.ok("state", "unlock", *state, "--yes")
    shell.ok("provider", "up", "--allow", "222222222222", *state)
    shell.ok("status", *state)
    with pytest.raises(ClientError, match="AccessDenied"):
        users.client("provider", "s3").get_object(Bucket="our-states", Key="links/other/provider.json")
    assert shell.ok("teardown", *state, "--yes")["leftovers"] == []


@pytest.mark.slow
def test_an_action_that_is_missing_is_named_and_the_same_command_goes_on_with_it(shell: Shell, users: Users) -> None:
    """Until it has all that is printed: that is enough for the whole job."""
    shell.env["AWS_CONFIG_FILE"] = str(users.config)
    missing = {
        "provider": {"elasticloadbalancing:AddTags", "ec2:CreateVpcEndpointServiceConfiguration"},
        "consumer": {"iam:PassRole", "ec2:CreateTags"},
    }
    while any(missing.values()):
        for side, actions in missing.items():
            users.allow(side, without=actions)
        refused = shell("up", *BOTH, "-o", "json")
        assert refused.code == 5, refused.err
        still = {side: {action for action in actions if action not in refused.out} for side, actions in missing.items()}
        assert still != missing, refused.out
        missing = still
    for side in missing:
        users.allow(side)
    shell.ok("up", *BOTH)
    shell.ok("up", *BOTH, "--tag", "a=b")
    shell.ok("verify", *BOTH)
    shell.ok("status", *BOTH)
    shell.ok("state", "rebuild", *BOTH, "--replace")
    assert shell.ok("teardown", *BOTH, "--yes")["leftovers"] == []


def test_the_table_has_every_action_the_source_calls_and_no_other() -> None:
    actions, _ = called()
    of_buckets = {name for name in actions if name.startswith("s3:")}
    assert sorted(action.name for action in ACTIONS if action.called) == sorted(actions - of_buckets)
    told = rows(section(text_of(PAGE), "States in a bucket"))
    assert sorted(cells(row)[0].strip("`") for row in told) == sorted(of_buckets)


def test_the_page_says_the_same() -> None:
    of_code = {action.name: {side.value: set(uses) for side, uses in action.uses.items()} for action in ACTIONS[::-1]}
    assert table() == {action.name: of_code[action.name] for action in ACTIONS if action.called}
    besides = {name.strip("`") for row in rows(section(text_of(PAGE), "The actions AWS asks for besides"))
               for name in cells(row)[0].split(", ")}  # fmt: skip
    assert {action.name for action in ACTIONS if not action.called} <= besides <= {action.name for action in ACTIONS}


BOUNDARY: Final = "arn:aws:iam::222222222222:policy/boundary"


def every_policy(**more: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """All policies, for a long name, account and region."""
    scope = Scope(link="a" * 31, account="1" * 12, region="ap-southeast-2", partition="aws-us-gov", **more)
    for name, commands in POLICIES.items():
        yield name, policy(scope, commands, names=name == NAMES)


@pytest.mark.parametrize(
    ("name", "document"),
    list(every_policy(vpc_id="vpc-1", subnet_ids=("subnet-1", "subnet-2"), boundary=BOUNDARY)),
)
def test_a_policy_fits_into_a_managed_one(name: str, document: dict[str, Any]) -> None:
    assert len(json.dumps(document, separators=(",", ":"))) <= MANAGED_LIMIT, name


# What changes something and yet cannot be held to a tag or a name, with the reason in the page.
_LOOSE = {
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:DeleteNetworkInterface",
    "route53:AssociateVPCWithHostedZone",
    "route53:ChangeTagsForResource",
    "route53:CreateHostedZone",
    "route53:DeleteHostedZone",
}


@pytest.mark.parametrize(("name", "document"), list(every_policy()))
def test_whatever_changes_something_is_held_to_our_tag_or_name(name: str, document: dict[str, Any]) -> None:
    reads = re.compile(r"\w+:(Describe|Get|List)")
    for statement in document["Statement"]:
        changing = [action for action in statement["Action"] if not reads.match(action)]
        if statement["Resource"] == "*" or "Condition" not in statement:
            assert set(changing) <= _LOOSE, (name, statement["Sid"])
        assert not [action for action in statement["Action"] if "*" in action], name


@pytest.mark.slow
def test_operators_cannot_touch_what_is_not_the_links(users: Users) -> None:
    """Plain calls with the keys of somebody who has every policy of a side."""
    theirs = users.account("provider").client("ec2")
    vpc = theirs.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    other = [{"ResourceType": "vpc", "Tags": [{"Key": "plinkctl:link", "Value": "other"}]}]
    neighbour = theirs.create_vpc(CidrBlock="10.8.0.0/16", TagSpecifications=other)["Vpc"]["VpcId"]
    ours = [{"Key": "plinkctl:link", "Value": "default"}]

    def spec(kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": ours}]

    ec2, elb = users.client("provider", "ec2"), users.client("provider", "elbv2")
    own = ec2.create_vpc(CidrBlock="10.7.0.0/16", TagSpecifications=spec("vpc"))["Vpc"]["VpcId"]
    iam, logs = users.client("consumer", "iam"), users.client("consumer", "logs")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    attempts: list[Callable[[], Any]] = [
        lambda: ec2.delete_vpc(VpcId=vpc),
        lambda: ec2.delete_vpc(VpcId=neighbour),
        lambda: ec2.create_vpc(CidrBlock="10.6.0.0/16"),
        lambda: ec2.create_vpc(CidrBlock="10.6.0.0/16", TagSpecifications=other),
        lambda: ec2.create_tags(Resources=[vpc], Tags=ours),
        lambda: ec2.create_tags(Resources=[own], Tags=[{"Key": "plinkctl:op", "Value": "x"}]),
        lambda: ec2.delete_tags(Resources=[own], Tags=[{"Key": "plinkctl:link"}]),
        lambda: ec2.delete_tags(Resources=[own]),
        lambda: ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24"),
        lambda: ec2.create_security_group(VpcId=neighbour, GroupName="x", Description="x"),
        lambda: elb.create_target_group(Name="theirs", Protocol="TCP", Port=80, VpcId=own, Tags=ours),
        lambda: elb.create_load_balancer(
            Name="plk-x", Scheme="internet-facing", Subnets=["subnet-12345678"], Tags=ours
        ),
        lambda: iam.create_role(RoleName="plk-x", Path="/", AssumeRolePolicyDocument=trust, Tags=ours),
        lambda: iam.create_role(RoleName="admin", Path="/plinkctl/", AssumeRolePolicyDocument=trust, Tags=ours),
        lambda: logs.create_log_group(logGroupName="/theirs", tags={"plinkctl:link": "default"}),
    ]
    for forbidden in attempts:
        with pytest.raises(ClientError, match=r"(?i)not authorized to perform"):
            forbidden()
    ec2.create_tags(Resources=[own], Tags=[{"Key": "team", "Value": "x"}])
    ec2.delete_vpc(VpcId=own)
    for name in (vpc, neighbour):
        theirs.delete_vpc(VpcId=name)


def test_every_computed_operation_is_met_in_the_source() -> None:
    _, met = called()
    assert met == set(COMPUTED)


def test_every_action_is_needed_by_a_command() -> None:
    groups = {"up", "accept", "reject", "verify", "status", "teardown"}
    for name, sides in table().items():
        assert sides["provider"] | sides["consumer"], name
        assert sides["provider"] | sides["consumer"] <= groups, name


@pytest.mark.slow
def test_an_operator_who_must_bound_roles_cannot_have_one_without(users: Users) -> None:
    theirs, trust = users.account("consumer").client("iam"), json.dumps(TRUST)
    nothing = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
    for name in ("boundary", "other"):
        theirs.create_policy(PolicyName=name, PolicyDocument=nothing)
    users.allow("consumer", more=("--permissions-boundary", BOUNDARY))
    iam, ours = users.client("consumer", "iam"), [{"Key": "plinkctl:link", "Value": "default"}]
    made = {"Path": "/plinkctl/", "AssumeRolePolicyDocument": trust, "Tags": ours}
    theirs.create_role(RoleName="plk-loose", **made)
    other = BOUNDARY.replace("boundary", "other")
    attempts: list[Callable[[], Any]] = [
        lambda: iam.create_role(RoleName="plk-a", **made),
        lambda: iam.create_role(RoleName="plk-a", PermissionsBoundary=other, **made),
        lambda: iam.put_role_policy(RoleName="plk-loose", PolicyName="x", PolicyDocument=nothing),
        lambda: iam.put_role_permissions_boundary(RoleName="plk-loose", PermissionsBoundary=other),
        lambda: iam.delete_role_permissions_boundary(RoleName="plk-bound"),
    ]
    iam.create_role(RoleName="plk-bound", PermissionsBoundary=BOUNDARY, **made)
    for forbidden in attempts:
        with pytest.raises(ClientError, match=r"not authorized to perform"):
            forbidden()
    iam.put_role_policy(RoleName="plk-bound", PolicyName="x", PolicyDocument=nothing)
    iam.put_role_permissions_boundary(RoleName="plk-loose", PermissionsBoundary=BOUNDARY)


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
    shell.ok("state", "rebuild", *both, "--replace")
    shutil.rmtree(shell.folder / ".plinkctl")
    shell.ok("sweep", *both)
    shell.ok("state", "rebuild", *both)
    shell.ok("teardown", *both, "--yes")
    shell.ok("sweep", *both, "--delete")
    since("teardown")
    assert seen
