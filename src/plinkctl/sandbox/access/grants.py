"""Policies of resources, which name whom they are for: those of buckets, and the trust policies of roles.

Pure. By IAM's user guide ("Policy evaluation logic", "AWS JSON policy elements: Principal"): within an account, a
policy that names the caller allows it by itself; one that names the account leaves it to the account's own policies.
From another account both sides must allow it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from plinkctl.sandbox.access.policy import Policies, Question, Verdict, decide, listed, says

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EVERYTHING: Final = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def judge(
    policies: Policies,
    question: Question,
    documents: Sequence[Mapping[str, Any]],
    *,
    account: str,
    arns: tuple[str, ...],
    owner: str | None,
    demanded: bool = False,
) -> Verdict:
    """The verdict on a question about something that has policies of its own.

    Args:
        policies: the caller's.
        documents: those of the resource.
        account, arns: whose the caller is, and by which ARNs policies may name them.
        owner: the account the resource belongs to; None for nobody's.
        demanded: nobody gets in without a word of the resource's policy, as with roles.
    """
    puzzles: list[str] = []
    named = [_for(document, {"*", *arns}) for document in documents]
    known = [_for(document, {"*", account, f"arn:aws:iam::{account}:root", *arns}) for document in documents]
    if any(says(document, "Deny", question, puzzles) for document in known):
        return Verdict(False, "with an explicit deny in a resource-based policy", tuple(puzzles))
    foreign = owner is not None and owner != account
    if not foreign and any(says(document, "Allow", question, puzzles) for document in named):
        policies = replace(policies, identity=[*policies.identity, EVERYTHING])
    elif (foreign or demanded) and not any(says(document, "Allow", question, puzzles) for document in known):
        reason = f"because no resource-based policy allows the {question.action} action"
        return Verdict(False, reason, tuple(dict.fromkeys(puzzles)))
    verdict = decide(policies, question)
    return replace(verdict, puzzles=tuple(dict.fromkeys([*puzzles, *verdict.puzzles])))


def _for(document: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """The statements of a policy that are for whoever has one of these names."""
    return {"Statement": [one for one in listed(document.get("Statement")) if _names(one, names)]}


def _names(statement: Mapping[str, Any], names: set[str]) -> bool:
    if "NotPrincipal" in statement:  # not told apart here: such a denial is for everybody, such an allowance for nobody
        return statement.get("Effect") == "Deny"
    principal = statement.get("Principal")
    return principal == "*" or (
        isinstance(principal, dict) and any(str(one) in names for one in listed(principal.get("AWS")))
    )
