"""What policies say to a question: may this caller do this action to this resource?

Pure: documents and a question in, a verdict with AWS's reason out. A denial anywhere outweighs; an allowance must come
from the caller's own policies and, where there are such, from the permissions boundary and the session policy as well
(IAM user guide, "Policy evaluation logic"). Organisations' policies are not here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from plinkctl.sandbox.access.conditions import Context, UnknownCondition, holds, matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing a call asks for.

    Attributes:
        action: such as `ec2:CreateVpc`.
        resource: an ARN, or `*` where the action knows no resources.
        context: condition key, in lower case -> values.
    """

    action: str
    resource: str = "*"
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What was written for a caller, each document parsed.

    Attributes:
        identity: of the user and their groups, or of the role.
        boundary: the permissions boundary, if there is one.
        session: the policy a session was begun with, if any.
    """

    identity: Sequence[Mapping[str, Any]]
    boundary: Mapping[str, Any] | None = None
    session: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a question is answered yes; else why not, in AWS's words, and what could not be understood."""

    allowed: bool
    reason: str = ""
    puzzles: tuple[str, ...] = ()

    @property
    def denied(self) -> bool:
        """Whether a statement denies it; else, if it is not allowed, none allows it."""
        return self.reason.startswith("with an explicit deny")


_KINDS: Final = (
    ("identity-based policy", "identity"),
    ("permissions boundary", "boundary"),
    ("session policy", "session"),
)


def decide(policies: Policies, question: Question) -> Verdict:
    """The verdict on one question."""
    puzzles: list[str] = []
    given = {
        "identity": list(policies.identity),
        "boundary": None if policies.boundary is None else [policies.boundary],
        "session": None if policies.session is None else [policies.session],
    }
    for name, kind in _KINDS:
        documents = given[kind]
        if documents and any(says(document, "Deny", question, puzzles) for document in documents):
            article = "an" if name[0] in "aeiou" else "a"
            return Verdict(False, f"with an explicit deny in {article} {name}", tuple(puzzles))
    for name, kind in _KINDS:
        documents = given[kind]
        if documents is not None and not any(says(document, "Allow", question, puzzles) for document in documents):
            return Verdict(False, f"because no {name} allows the {question.action} action", tuple(puzzles))
    return Verdict(True, "", tuple(puzzles))


def says(document: Mapping[str, Any], effect: str, question: Question, puzzles: list[str]) -> bool:
    """Whether a statement with that effect is about the question. What cannot be understood is added to `puzzles`.

    A statement that cannot be understood allows nothing, and denies what it may be about.
    """
    for statement in listed(document.get("Statement")):
        if statement.get("Effect") != effect or not about(statement, question):
            continue
        try:
            if holds(statement.get("Condition") or {}, question.context):
                return True
        except UnknownCondition as puzzle:
            puzzles.append(str(puzzle))
            if effect == "Deny":
                return True
    return False


def about(statement: Mapping[str, Any], question: Question) -> bool:
    """Whether action and resource are those of the statement."""
    action = question.action.lower()
    if "Action" in statement:
        acts = any(matches(one.lower(), action) for one in listed(statement["Action"]))
    else:
        acts = not any(matches(one.lower(), action) for one in listed(statement.get("NotAction", "*")))
    if "NotResource" in statement:
        return acts and not any(matches(one, question.resource) for one in listed(statement["NotResource"]))
    wanted = listed(statement.get("Resource", "*"))
    return acts and any(one == "*" or matches(_filled(one, question.context), question.resource) for one in wanted)


def _filled(pattern: str, context: Context) -> str:
    """A resource with the policy variables in it replaced, as far as the request has them."""
    for key in ("aws:username", "aws:PrincipalAccount", "aws:userid"):
        if values := context.get(key.lower()):
            pattern = pattern.replace(f"${{{key}}}", values[0])
    return pattern


def parsed(document: Any) -> Mapping[str, Any]:
    """A policy document, whether as text or already read."""
    return json.loads(document) if isinstance(document, str) else dict(document)


def listed(value: Any) -> list[Any]:
    """One or several, as several; none as none."""
    return list(value) if isinstance(value, list) else [] if value is None else [value]
