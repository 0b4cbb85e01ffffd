"""IAM in the way of a call: asked before anything is done, and before a dry run too."""

from __future__ import annotations

import logging
from typing import Any, Final

from plinkctl.sandbox import world
from plinkctl.sandbox.access.policy import decide
from plinkctl.sandbox.access.principals import caller
from plinkctl.sandbox.access.questions import Asking, questions

_log: Final = logging.getLogger(__name__)

#: Under the name moto has a service by, IAM has it under another.
_SERVICES: Final = {"elbv2": "elasticloadbalancing", "awslambda": "lambda", "cloudwatch": "cloudwatch"}
#: What needs no permission.
_FREE: Final = frozenset({("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")})


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
    account = response.current_account
    service = response.service_name or ""
    service = _SERVICES.get(service, service)
    if (service, action) in _FREE:
        return
    asker = caller(account, response.get_access_key())
    if asker is None:
        return  # the door has turned strangers away; what is left is the sandbox's own
    moment = world.moment(world.now())
    context = {
        "aws:principalarn": [asker.principal],
        "aws:principalaccount": [account],
        "aws:username": [asker.name],
        "aws:requestedregion": [response.region],
        "aws:currenttime": [moment.isoformat()],
        "aws:epochtime": [str(int(moment.timestamp()))],
        "aws:securetransport": ["false"],
        "aws:sourceip": ["127.0.0.1"],
        "ec2:region": [response.region],
    }
    asking = Asking(
        service=service,
        action=action,
        account=account,
        region=response.region,
        parameters=_parameters(response),
        context=context,
    )
    for question in questions(asking):
        verdict = decide(asker.policies, question)
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
