"""IAM in the way of a call: asked before anything is done, and before a dry run too."""

from __future__ import annotations

import logging
from typing import Any, Final

from plinkctl.sandbox import world
from plinkctl.sandbox.access.policy import decide
from plinkctl.sandbox.access.principals import context, find, policies
from plinkctl.sandbox.access.questions import Asking, questions

_log: Final = logging.getLogger(__name__)

#: Under the name moto has a service by, IAM has it under another.
_SERVICES: Final = {"elbv2": "elasticloadbalancing", "awslambda": "lambda"}
#: What needs no permission, or was judged at the gate.
_FREE: Final = frozenset({("sts", "GetCallerIdentity"), ("sts", "GetSessionToken"), ("sts", "AssumeRole")})


class DeniedError(Exception):
    """The caller may not; the message is AWS's. The door answers it in the protocol of the call."""


def check(response: Any, action: str) -> None:
    """Refuse a call that the caller's policies do not allow, where the world enforces them.

    Args:
        response: moto's response object, which has the request parsed.
        action: the API action.

    Raises:
        DeniedError: with who, what, on which resource, and why.
    """
    if not world.current().enforced:
        return
    service = response.service_name or ""
    service = _SERVICES.get(service, service)
    if (service, action) in _FREE:
        return
    asker = find(response.get_access_key())
    if asker is None:
        return  # the door has turned strangers away; what is left is the sandbox's own
    asking = Asking(
        service=service,
        action=action,
        account=asker.account,
        region=response.region,
        parameters=_parameters(response),
        context=context(asker, response.region),
    )
    own = policies(asker)
    for question in questions(asking):
        verdict = decide(own, question)
        for puzzle in verdict.puzzles:
            _log.warning("a policy of %s has something the sandbox does not know: %s", asker.arn, puzzle)
        if not verdict.allowed:
            raise DeniedError(
                f"User: {asker.arn} is not authorized to perform: {question.action} on resource: {question.resource} "
                f"{verdict.reason}"
            )


def _parameters(response: Any) -> dict[str, Any]:
    """The parameters of the call by AWS's names, wherever its protocol puts them."""
    if not response.automated_parameter_parsing:  # moto parses those by hand where it needs them
        response.parse_parameters(response.normalized_request)
    return dict(response.params)
