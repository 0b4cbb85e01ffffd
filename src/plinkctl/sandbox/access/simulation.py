"""IAM's policy simulator: the same verdicts as when policies are enforced, told without a call being made.

SimulatePrincipalPolicy asks of a user, group or role as it stands, with further policies if such are given;
SimulateCustomPolicy of the given policies alone. Condition keys have the values of the request, no others; a resource
that is not named is `*`. Of several resources the answer for all is that of the worst: our reading, as is the name it
then bears. Policies of resources are not simulated, and exclusions are not made: who gives one is told so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.iam.exceptions import InvalidInput, NotFoundException
from moto.iam.responses import IamResponse

from plinkctl.sandbox.access.policy import Policies, Question, about, decide, listed, parsed, says
from plinkctl.sandbox.access.principals import boundary, written_for
from plinkctl.sandbox.access.users import boundary_of
from plinkctl.sandbox.patch import action

_ENTITY: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(user|group|role)/(?:.*/)?([^/]+)")
_UNKNOWN: Final = ("ResourcePolicy", "ResourceOwner", "CallerArn", "ResourceHandlingOption", "PolicyExclusionList")
#: From bad to good.
_DECISIONS: Final = ("explicitDeny", "implicitDeny", "allowed")


@dataclass(frozen=True, slots=True)
class _Subject:
    """Whose rights are looked at: policies by the names the simulator gives them, and a boundary if there is one."""

    written: list[tuple[str, Any]]
    bound: Any = None


@action(IamResponse, "simulate_principal_policy")
def _principal(self: Any) -> ActionResult:
    """SimulatePrincipalPolicy."""
    subject = _of(self.backend, str(self._get_param("PolicySourceArn")))
    return _simulated(self, _Subject(subject.written + _given(self, "PolicyInputList"), subject.bound))


@action(IamResponse, "simulate_custom_policy")
def _custom(self: Any) -> ActionResult:
    """SimulateCustomPolicy."""
    return _simulated(self, _Subject(_given(self, "PolicyInputList")))


def _of(backend: Any, arn: str) -> _Subject:
    """A user with their groups, a group, or a role. Raises InvalidInput and NotFoundException."""
    if not (found := _ENTITY.fullmatch(arn)):
        raise InvalidInput(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    kind, name = found.groups()
    here = {
        "user": backend.users,
        "group": backend.groups,
        "role": {role.name: role for role in backend.get_roles()},
    }[kind]
    if name not in here or here[name].arn != arn:
        raise NotFoundException(f"The {kind} with name {name} cannot be found.")
    holder = here[name]
    written = [_identified(kind, name, one) for one in _sorted(holder)]
    if kind == "group":
        return _Subject(written)
    if kind == "role":
        return _Subject(written, boundary(backend, holder.permissions_boundary_arn))
    for group in backend.get_groups_for_user(name):
        written += [_identified("group", group.name, one) for one in _sorted(group)]
    return _Subject(written, boundary(backend, boundary_of(holder)))


def _sorted(holder: Any) -> list[tuple[str, Any, bool]]:
    """The policies of a holder, and of each whether it is an inline one."""
    return [(name, document, name in holder.policies) for name, document in written_for(holder)]


def _identified(kind: str, holder: str, policy: tuple[str, Any, bool]) -> tuple[str, Any]:
    name, document, inline = policy
    return (f"{kind}_{holder}_{name}" if inline else name), document


def _given(response: Any, parameter: str) -> list[tuple[str, Any]]:
    """The policies of a request. Raises InvalidInput for what is no policy."""
    found = []
    for number, text in enumerate(response._get_param(parameter) or [], 1):
        try:
            document = parsed(text)
        except ValueError:
            raise InvalidInput(f"{parameter}.{number} is not a JSON policy document.") from None
        found.append((f"{parameter}.{number}", document))
    return found


def _simulated(self: Any, subject: _Subject) -> ActionResult:
    if unknown := [name for name in _UNKNOWN if self._get_param(name)]:
        raise NotImplementedError(", ".join(unknown))
    given = _given(self, "PermissionsBoundaryPolicyInputList")
    subject = _Subject(subject.written, given[0][1] if given else subject.bound)
    entries = self._get_param("ContextEntries") or []
    context = {str(one["ContextKeyName"]).lower(): list(one.get("ContextKeyValues") or []) for one in entries}
    results = []
    for name in self._get_param("ActionNames"):
        if ":" not in name:
            raise InvalidInput(f"Invalid action name: {name}; it must be service:action.")
        named = self._get_param("ResourceArns") or []
        each = [_result(subject, Question(action=name, resource=one, context=context)) for one in named or ["*"]]
        worst = min(each, key=lambda one: _DECISIONS.index(one["EvalDecision"]))
        specific = [
            {"EvalResourceDecision" if key == "EvalDecision" else key: value for key, value in one.items()}
            for one in each
        ]
        results.append({"EvalActionName": name, **worst, "ResourceSpecificResults": specific if named else []})
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})


def _result(subject: _Subject, question: Question) -> dict[str, Any]:
    """The verdict on one question in the simulator's form."""
    documents = [document for _, document in subject.written]
    verdict = decide(Policies(identity=documents, boundary=subject.bound), question)
    effect = "Deny" if verdict.denied else "Allow"
    held = [name for name, document in subject.written if says(document, effect, question, [])]
    result: dict[str, Any] = {
        "EvalResourceName": question.resource,
        "EvalDecision": "allowed" if verdict.allowed else "explicitDeny" if verdict.denied else "implicitDeny",
        "MatchedStatements": [{"SourcePolicyId": name, "SourcePolicyType": "IAM Policy"} for name in held],
        "MissingContextValues": _missing(documents, question),
    }
    if subject.bound is not None:
        alone = decide(Policies(identity=[subject.bound]), question)
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": alone.allowed}
    return result


def _missing(documents: list[Any], question: Question) -> list[str]:
    """The condition keys that statements about the question look at, and the request gives no value for."""
    asked = [
        key
        for document in documents
        for statement in listed(document.get("Statement"))
        if about(statement, question)
        for tests in (statement.get("Condition") or {}).values()
        for key in tests
    ]
    return list(dict.fromkeys(key for key in asked if key.lower() not in question.context))
