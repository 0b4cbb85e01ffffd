"""The gate: who a caller is, proved by the signature, and whether what they come to lets them in.

Trust policies and bucket policies count always, as they belong to what they are on; the policies of users and roles
only while IAM is enforced (`World.enforced`). Calls to S3 are judged here altogether, as they name their things in
their own way; those to the other services in `enforce`. Both functions want the world's lock held.
"""

from __future__ import annotations

import logging
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from plinkctl.sandbox import world
from plinkctl.sandbox.access import objects, principals, sessions, signature
from plinkctl.sandbox.access.grants import EVERYTHING, judge
from plinkctl.sandbox.access.policy import Policies, Question, parsed
from plinkctl.sandbox.door import refusals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from werkzeug.wrappers import Response

    from plinkctl.sandbox.access.principals import Caller
    from plinkctl.sandbox.door.protocol import Asked

_log: Final = logging.getLogger(__name__)
_TAG: Final = re.compile(r"Tags\.member\.\d+\.Key")


def identify(asked: Asked, environ: dict[str, Any], body: bytes) -> Caller | Response:
    """Who calls, or the refusal of who cannot prove it.

    A presigned request is given the header it does without: moto looks only there.
    """
    signed, caller = signature.read(environ), principals.find(asked.key)
    if "AWSAccessKeyId=" in environ.get("QUERY_STRING", "") or environ.get("HTTP_AUTHORIZATION", "").startswith("AWS "):
        # Signature Version 2, which only S3 ever presigned with; it is off for every newer bucket.
        words = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        return refusals.refusal(replace(asked, service="s3", protocol="rest-xml"), "InvalidRequest", words)
    if signed is None or caller is None:
        return refusals.stranger(asked)
    # The machine's time, as callers sign by it; the sandbox's may be frozen, or years ahead.
    if fault := signature.fault(signed, environ, body, caller.secret, time.time()):
        return refusals.unproved(asked, fault, signed.moment, presigned=signed.lasts is not None)
    if signed.token != (caller.session.token if caller.session else ""):
        return refusals.unproved(asked, "token", signed.moment) if signed.token else refusals.stranger(asked)
    if caller.session and world.now() >= caller.session.expires:
        return refusals.expired(asked)
    if signed.lasts is not None:
        names = ";".join(signed.headers)
        scope = f"{signed.key}/{signed.day}/{signed.region}/{signed.service}/aws4_request"
        environ["HTTP_AUTHORIZATION"] = (
            f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signed.signature}"
        )
    return caller


def refused(asked: Asked, environ: Mapping[str, Any], body: bytes, caller: Caller) -> Response | None:
    """The refusal of a call to S3, or of one for a session, that policies do not allow; None for all others."""
    if caller.session and (asked.service, asked.action) == ("sts", "GetSessionToken"):
        return refusals.denied(asked, "Cannot call GetSessionToken with session credentials")
    role = asked.service == "sts" and asked.action == "AssumeRole"
    if not role and asked.service != "s3":
        return None
    own = principals.policies(caller) if world.current().enforced else Policies(identity=[EVERYTHING])
    asking = _for_role(asked, environ, body, caller) if role else _for_objects(asked, environ, body, caller)
    for question, owner, documents in asking:
        verdict = judge(
            own,
            question,
            documents,
            account=caller.account,
            arns=(caller.arn, caller.principal),
            owner=owner,
            demanded=role,
        )
        for puzzle in verdict.puzzles:
            _log.warning("a policy about %s has something the sandbox does not know: %s", question.resource, puzzle)
        if not verdict.allowed:
            on = f"{question.action} on resource: {question.resource} {verdict.reason}"
            return refusals.denied(asked, f"User: {caller.arn} is not authorized to perform: {on}")
    return None


_Asking = tuple[Question, str | None, list["Mapping[str, Any]"]]


def _for_objects(asked: Asked, environ: Mapping[str, Any], body: bytes, caller: Caller) -> Iterator[_Asking]:
    for question in objects.questions(asked.action, environ, body, principals.context(caller, asked.region)):
        # A bucket that is still to be made is nobody's, and if it is somebody's, that is moto's to say.
        owner, documents = objects.owner_of(question.resource) if asked.action != "CreateBucket" else (None, [])
        yield question, owner, documents


def _for_role(asked: Asked, environ: Mapping[str, Any], body: bytes, caller: Caller) -> Iterator[_Asking]:
    given = dict(parse_qsl(environ.get("QUERY_STRING", ""))) | dict(parse_qsl(body.decode("utf-8", "replace")))
    arn = given.get("RoleArn", "")
    if not (arn and given.get("RoleSessionName")):
        return  # what is missing is told first, and without it there is no session
    context = principals.context(caller, asked.region)
    context["sts:rolesessionname"] = [given.get("RoleSessionName", "")]
    if "ExternalId" in given:
        context["sts:externalid"] = [given["ExternalId"]]
    role = sessions.role_of(arn)
    # A role that is not there trusts nobody; AWS does not say which it is.
    documents = [parsed(role.assume_role_policy_document)] if role else []
    owner = role.account_id if role else None
    tags = {value: given.get(f"{name[:-3]}Value", "") for name, value in given.items() if _TAG.fullmatch(name)}
    onwards = [value for name, value in given.items() if name.startswith("TransitiveTagKeys.member.")]
    context |= {f"aws:requesttag/{key.lower()}": [value] for key, value in tags.items()}
    context |= {"aws:tagkeys": list(tags)} if tags else {}
    context |= {"sts:transitivetagkeys": onwards} if onwards else {}
    yield Question(action="sts:AssumeRole", resource=arn, context=context), owner, documents
    if tags:
        yield Question(action="sts:TagSession", resource=arn, context=context), owner, documents
