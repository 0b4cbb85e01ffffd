"""What policies say, without any sandbox: the rules of the IAM user guide, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from plinkctl.sandbox.access.policy import Policies, Question, decide


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}]}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Deny", "Action": action, "Resource": resource, **more}]}


def ask(
    *documents: dict[str, Any],
    action: str = "ec2:CreateVpc",
    resource: str = "arn:aws:ec2:us-east-1:111111111111:vpc/vpc-1",
    context: dict[str, list[str]] | None = None,
    **more: Any,
) -> Any:
    question = Question(action=action, resource=resource, context=context or {})
    return decide(Policies(identity=documents, **more), question)


def when(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {"Condition": {operator: {key: value}}}


@pytest.mark.parametrize(
    ("action", "yes"),
    [("ec2:CreateVpc", True), ("EC2:createvpc", True), ("ec2:Create*", True), ("ec2:Create???", True), ("*", True),
     ("ec2:CreateVpcs", False), ("ec2:Create", False), (["s3:*", "ec2:*"], True)],
)  # fmt: skip
def test_actions_are_compared_without_case_and_with_wildcards(action: Any, yes: bool) -> None:
    assert ask(allow(action)).allowed is yes


def test_nothing_is_allowed_that_no_policy_allows() -> None:
    verdict = ask()
    assert (verdict.allowed, verdict.reason) == (
        False,
        "because no identity-based policy allows the ec2:CreateVpc action",
    )


def test_a_denial_anywhere_outweighs() -> None:
    assert ask(allow(), deny("ec2:CreateVpc")).reason == "with an explicit deny in an identity-based policy"
    assert ask(allow(), boundary=deny(), session=allow()).reason == "with an explicit deny in a permissions boundary"
    assert ask(allow(), session=deny()).reason == "with an explicit deny in a session policy"


def test_boundary_and_session_policy_must_allow_as_well() -> None:
    assert ask(allow(), boundary=allow("ec2:*"), session=allow("ec2:Create*")).allowed
    assert ask(allow(), boundary=allow("s3:*")).reason.startswith("because no permissions boundary allows")
    assert ask(allow(), session=allow("s3:*")).reason.startswith("because no session policy allows")
    assert not ask(boundary=allow(), session=allow()).allowed


def test_not_action_and_not_resource() -> None:
    everything_else = {"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}}
    assert ask(everything_else).allowed
    assert not ask(everything_else, action="iam:CreateUser").allowed
    elsewhere = {"Statement": {"Effect": "Allow", "Action": "*", "NotResource": "*:vpc/*"}}
    assert not ask(elsewhere).allowed
    assert ask(elsewhere, resource="arn:aws:ec2:us-east-1:111111111111:subnet/subnet-1").allowed


def test_resources_and_the_variables_in_them() -> None:
    mine = allow("iam:*", "arn:aws:iam::${aws:PrincipalAccount}:role/plinkctl/*")
    context = {"aws:principalaccount": ["111111111111"]}
    role = "arn:aws:iam::111111111111:role/plinkctl/probe"
    assert ask(mine, action="iam:GetRole", resource=role, context=context).allowed
    assert not ask(mine, action="iam:GetRole", resource=role.replace("plinkctl/", ""), context=context).allowed


@pytest.mark.parametrize(
    ("operator", "value", "given", "yes"),
    [
        ("StringEquals", "a", ["a"], True),
        ("StringEquals", ["a", "b"], ["b"], True),
        ("StringEquals", "a", ["A"], False),
        ("StringEqualsIgnoreCase", "a", ["A"], True),
        ("StringNotEquals", "a", ["b"], True),
        ("StringNotEquals", "a", [], True),
        ("StringEquals", "a", [], False),
        ("StringEqualsIfExists", "a", [], True),
        ("StringEqualsIfExists", "a", ["b"], False),
        ("StringLike", "com.amazonaws.vpce.*", ["com.amazonaws.vpce.us-east-1.x"], True),
        ("StringNotLike", ["a*", "b*"], ["c"], True),
        ("StringNotLike", ["a*", "b*"], ["b"], False),
        ("ArnLike", "arn:aws:iam::*:role/x*", ["arn:aws:iam::111111111111:role/xy"], True),
        ("ArnLike", "arn:aws:iam*", ["arn:aws:iam::111111111111:role/xy"], False),
        ("Bool", "true", ["true"], True),
        ("Bool", True, ["false"], False),
        ("Null", "true", [], True),
        ("Null", "true", ["a"], False),
        ("Null", "false", ["a"], True),
        ("NumericLessThan", "10", ["9"], True),
        ("NumericGreaterThanEquals", 10, ["9"], False),
        ("DateGreaterThan", "2026-01-01T00:00:00Z", ["2026-06-01T00:00:00+00:00"], True),
        ("IpAddress", "127.0.0.0/8", ["127.0.0.1"], True),
        ("NotIpAddress", "127.0.0.0/8", ["127.0.0.1"], False),
        ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringEquals", ["a"], [], True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], True),
        ("ForAnyValue:StringEquals", ["a"], [], False),
    ],
)
def test_conditions_hold_as_the_guide_says(operator: str, value: Any, given: list[str], yes: bool) -> None:
    verdict = ask(allow(**when(operator, "aws:TagKeys", value)), context={"aws:tagkeys": given} if given else {})
    assert (verdict.allowed, verdict.puzzles) == (yes, ())


@pytest.mark.parametrize(
    ("condition", "named"),
    [
        (when("StringResembles", "aws:TagKeys", "a"), "the condition operator StringResembles"),
        (when("ForSome:StringEquals", "aws:TagKeys", "a"), "the condition operator ForSome:StringEquals"),
        (when("StringEquals", "ec2:VpceServiceNme", "a"), "the condition key ec2:vpceservicenme"),
        (when("NumericLessThan", "aws:TagKeys", "ten"), "NumericLessThan of ten"),
    ],
)
def test_what_is_not_known_allows_nothing_denies_and_is_named(condition: Any, named: str) -> None:
    context = {"aws:tagkeys": ["a"]}
    allowing = ask(allow(**condition), context=context)
    assert not allowing.allowed
    assert named in allowing.puzzles[0]
    denying = ask(allow(), deny(**condition), context=context)
    assert not denying.allowed
    assert named in denying.puzzles[0]


@pytest.mark.parametrize("operator", ["StringResembles", "StringResemblesIfExists", "ForAllValues:StringResembles"])
def test_an_unknown_operator_is_named_where_its_key_is_absent_too(operator: str) -> None:
    verdict = ask(allow(**when(operator, "aws:TagKeys", "a")))
    assert (verdict.allowed, verdict.puzzles) == (False, (f"the condition operator {operator}",))


def test_all_of_a_condition_block_must_hold() -> None:
    both = {"Condition": {"StringEquals": {"aws:RequestTag/a": "1", "aws:RequestTag/b": "2"}}}
    assert ask(allow(**both), context={"aws:requesttag/a": ["1"], "aws:requesttag/b": ["2"]}).allowed
    assert not ask(allow(**both), context={"aws:requesttag/a": ["1"]}).allowed
