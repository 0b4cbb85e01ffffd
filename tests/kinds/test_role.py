"""The probe function's role: what it may do, who may use it, and its permissions boundary."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest

from plinkctl.aws.patience import Stop
from plinkctl.aws.session import Clients
from plinkctl.errors import AwsError
from plinkctl.kinds.base import Ctx
from plinkctl.kinds.role import POLICY, TRUST, Role, policy
from plinkctl.link import Access, Side
from plinkctl.state import op_id

LOGS = "arn:aws:logs:us-east-1:222222222222:log-group:/plinkctl/shop"


def test_only_lambda_may_assume_it() -> None:
    (statement,) = TRUST["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }


def test_it_writes_to_one_log_group_and_lambda_holds_its_interface() -> None:
    write, interface, code = policy(LOGS)["Statement"]
    assert write == {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"{LOGS}:*",
    }
    assert (code["Effect"], code["Action"]) == ("Deny", interface["Action"]), "the code needs none of these"
    assert list(code["Condition"]["ArnLike"]) == ["lambda:SourceFunctionArn"]
    assert not [action for action in interface["Action"] if not action.startswith("ec2:")]
    text = json.dumps(policy(LOGS))
    assert "CreateLogGroup" not in text
    assert '"Action": "*"' not in text


@pytest.fixture
def iam(account: Callable[[str], boto3.Session]) -> Any:
    return account("consumer").client("iam")


@pytest.fixture
def ctx(iam: Any) -> Ctx:
    """A role that is wanted with a boundary."""
    aws = Clients(Access(profile="consumer"), ("iam",), stop=Stop())
    allowed = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=allowed)["Policy"]["Arn"]
    return Ctx(
        aws=aws,
        link="shop",
        side=Side.CONSUMER,
        node="role",
        lineage="lineage",
        account="222222222222",
        region="us-east-1",
        partition="aws",
        op=op_id("lineage", "consumer/role", 1),
        params={"log_group_arn": LOGS, "boundary": boundary},
        user_tags={},
    )


def bounded(iam: Any, attrs: Any) -> str | None:
    found: str | None = (
        iam.get_role(RoleName=attrs["name"])["Role"].get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    )
    return found


def test_it_is_made_with_its_boundary_and_gets_it_back(iam: Any, ctx: Ctx) -> None:
    role = Role()
    attrs = role.create(ctx)
    assert bounded(iam, attrs) == ctx.params["boundary"], "in the create call itself: else it may not be made"
    iam.delete_role_permissions_boundary(RoleName=attrs["name"])
    assert role.probe(ctx, attrs).settings["boundary"] is None
    role.update(ctx, attrs, {"boundary": ctx.params["boundary"]})
    assert bounded(iam, attrs) == ctx.params["boundary"]
    assert iam.list_role_policies(RoleName=attrs["name"])["PolicyNames"] == []
    role.update(ctx, attrs, {"log_group_arn": LOGS})
    assert iam.list_role_policies(RoleName=attrs["name"])["PolicyNames"] == [POLICY]
    assert role.probe(ctx, attrs).settings == dict(ctx.params)
    role.delete(ctx, attrs)
    assert role.find(ctx) is None


def test_a_boundary_that_does_not_exist_is_refused_by_aws_in_its_words(ctx: Ctx) -> None:
    wrong = replace(ctx, params={**ctx.params, "boundary": "arn:aws:iam::222222222222:policy/none"})
    with pytest.raises(AwsError, match="CreateRole"):
        Role().create(wrong)
    assert Role().find(ctx) is None


def test_a_policy_changed_by_hand_is_drift(iam: Any, ctx: Ctx) -> None:
    role = Role()
    attrs = role.create(ctx)
    wider = policy(LOGS)
    wider["Statement"].pop()
    iam.put_role_policy(RoleName=attrs["name"], PolicyName=POLICY, PolicyDocument=json.dumps(wider))
    assert role.probe(ctx, attrs).settings["log_group_arn"] is None
