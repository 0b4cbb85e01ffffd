"""What policies of resources say, together with the caller's own: pure."""

from __future__ import annotations

from typing import Any

import pytest

from plinkctl.sandbox.access.grants import EVERYTHING, judge
from plinkctl.sandbox.access.policy import Policies, Question, Verdict

OWN, OTHER = "111111111111", "222222222222"
ADA = f"arn:aws:iam::{OWN}:user/ada"
ROLE, RUN = f"arn:aws:iam::{OWN}:role/deploy", f"arn:aws:sts::{OWN}:assumed-role/deploy/run"
NOTHING = Policies(identity=[])
ALL = Policies(identity=[EVERYTHING])


def ask(
    policies: Policies,
    *statements: dict[str, Any],
    owner: str | None = OWN,
    arns: tuple[str, ...] = (ADA, ADA),
    demanded: bool = False,
) -> Verdict:
    question = Question(action="s3:GetObject", resource="arn:aws:s3:::b/k", context={})
    documents = [{"Statement": list(statements)}] if statements else []
    return judge(policies, question, documents, account=OWN, arns=arns, owner=owner, demanded=demanded)


def statement(principal: Any, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": "s3:*", "Resource": "*", **more}


@pytest.mark.parametrize(
    ("named", "arns", "true"),
    [
        ("*", (ADA, ADA), True),
        ({"AWS": "*"}, (ADA, ADA), True),
        ({"AWS": OWN}, (ADA, ADA), True),
        ({"AWS": f"arn:aws:iam::{OWN}:root"}, (RUN, ROLE), True),
        ({"AWS": [f"arn:aws:iam::{OTHER}:root", ADA]}, (ADA, ADA), True),
        ({"AWS": f"arn:aws:iam::{OTHER}:root"}, (ADA, ADA), False),
        ({"AWS": ROLE}, (RUN, ROLE), True),
        ({"AWS": RUN}, (RUN, ROLE), True),
        ({"AWS": ROLE}, (ADA, ADA), False),
        ({"AWS": f"arn:aws:iam::{OWN}:user/*"}, (ADA, ADA), False),
        ({"Service": "lambda.amazonaws.com"}, (ADA, ADA), False),
        (None, (ADA, ADA), False),
    ],
)
def test_whom_a_policy_names(named: Any, arns: tuple[str, ...], true: bool) -> None:
    assert ask(ALL, statement(named), owner=OTHER, arns=arns).allowed is true


def test_from_another_account_both_sides_must_allow() -> None:
    assert ask(ALL, statement({"AWS": OWN}), owner=OTHER).allowed
    assert not ask(NOTHING, statement({"AWS": ADA}), owner=OTHER).allowed
    assert ask(ALL, owner=OTHER).reason == "because no resource-based policy allows the s3:GetObject action"


def test_in_the_same_account_only_who_names_the_caller_allows_by_itself() -> None:
    assert ask(NOTHING, statement({"AWS": ADA})).allowed
    assert not ask(NOTHING, statement({"AWS": OWN})).allowed
    assert ask(ALL).allowed


def test_a_denial_of_either_side_outweighs() -> None:
    denied = statement("*", "Deny")
    assert ask(ALL, denied).reason == "with an explicit deny in a resource-based policy"
    own = {"Statement": [{"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}]}
    refused = ask(Policies(identity=[EVERYTHING, own]), statement({"AWS": ADA}))
    assert refused.reason == "with an explicit deny in an identity-based policy"


def test_a_boundary_and_a_session_policy_hold_back_what_a_resource_grants() -> None:
    nothing: dict[str, Any] = {"Statement": []}
    assert not ask(Policies(identity=[EVERYTHING], boundary=nothing), statement({"AWS": ADA})).allowed
    assert not ask(Policies(identity=[EVERYTHING], session=nothing), statement({"AWS": ADA})).allowed


def test_a_role_wants_a_word_of_its_own() -> None:
    assert not ask(ALL, demanded=True).allowed
    assert ask(ALL, statement({"AWS": OWN}), demanded=True).allowed
    assert not ask(NOTHING, statement({"AWS": OWN}), demanded=True).allowed


def test_what_is_not_known_allows_nobody_and_denies_everybody() -> None:
    moon: dict[str, Any] = {"Condition": {"StringEquals": {"aws:Moon": "full"}}}
    allowed = ask(ALL, statement({"AWS": OWN}, **moon), owner=OTHER)
    assert (allowed.allowed, "aws:moon" in allowed.puzzles[0]) == (False, True)
    denied = ask(ALL, statement({"AWS": OWN}, "Deny", **moon))
    assert (denied.allowed, "aws:moon" in denied.puzzles[0]) == (False, True)
    strangers = {"NotPrincipal": {"AWS": ADA}, "Action": "s3:*", "Resource": "*"}
    assert not ask(ALL, {**strangers, "Effect": "Deny"}).allowed
    assert not ask(ALL, {**strangers, "Effect": "Allow"}, owner=OTHER).allowed
