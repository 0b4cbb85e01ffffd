"""STS: keys for a while. Who may have them is decided in `gate`, by the trust policy of the role.

By the API reference of STS and IAM's guide ("Methods to assume a role"). Sessions end by the sandbox's clock.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.iam.models import iam_backends
from moto.sts.exceptions import STSClientError, STSValidationError
from moto.sts.responses import TokenResponse
from moto.sts.utils import random_session_token

from plinkctl.sandbox import world
from plinkctl.sandbox.access.principals import Caller, Session, find
from plinkctl.sandbox.patch import override

_SHORTEST: Final = 900
_USUAL: Final = 3600
#: A session that assumes a role gets an hour at most, whatever the role allows.
_CHAINED: Final = 3600
_USERS_USUAL: Final = 43200
_USERS_LONGEST: Final = 129600
#: Session tags at most (IAM's guide, "Pass session tags in AWS STS").
_TAGS: Final = 50
_NAME: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_ROLE: Final = re.compile(r"arn:aws:iam::(?P<account>\d{12}):role/(?:.*/)?(?P<name>[^/]+)")


def role_of(arn: str) -> Any:
    """The role of an ARN, in whichever account of the sandbox; None if there is none."""
    found = _ROLE.fullmatch(arn)
    sandbox = world.current()
    if found is None or found["account"] not in {account.id for account in sandbox.accounts}:
        return None
    roles = iam_backends[found["account"]]["aws"].roles.values()
    return next((role for role in roles if role.arn == arn), None)


@override(TokenResponse, "assume_role")
def _assume_role(_original: Any, self: Any) -> ActionResult:
    """AssumeRole: keys, and a token that must come with them."""
    name, arn = self._get_param("RoleSessionName"), self._get_param("RoleArn")
    if arn is None or name is None:
        raise _invalid("roleArn" if arn is None else "roleSessionName", None, "not be null")
    if not _NAME.fullmatch(name):
        raise _invalid("roleSessionName", name, r"satisfy regular expression pattern: [\w+=,.@-]*, of length 2 to 64")
    role, caller = role_of(arn), find(self.get_access_key())
    if role is None or caller is None:
        raise STSClientError("AccessDenied", f"The role {arn} is gone")
    longest = int(role.max_session_duration or _USUAL)
    seconds = _seconds(self, min(_USUAL, longest), 43200)
    if seconds > longest:
        raise STSValidationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    if caller.session and caller.session.role_arn and seconds > _CHAINED:
        raise STSValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
        )
    policy = self._get_param("Policy")
    if policy is not None:
        _checked(policy)
    tags, transitive = _tags(self, caller.session)
    session = Session(
        token=random_session_token(),
        expires=world.now() + seconds,
        name=name,
        role_arn=role.arn,
        role_id=role.id,
        policy=policy,
        tags=tags,
        transitive=transitive,
    )
    key = _given(role.account_id, session)
    assumed = Caller(role.account_id, key.secret_access_key, None, session)
    user = {"AssumedRoleId": assumed.id, "Arn": assumed.arn}
    return ActionResult({"Credentials": _credentials(key, session), "AssumedRoleUser": user})


@override(TokenResponse, "get_session_token")
def _get_session_token(_original: Any, self: Any) -> ActionResult:
    """GetSessionToken: keys of the user who asks. A session cannot ask; the gate says so."""
    caller = find(self.get_access_key())
    if caller is None or caller.user is None:
        raise STSClientError("AccessDenied", "Cannot call GetSessionToken")
    seconds = _seconds(self, _USERS_USUAL, _USERS_LONGEST)
    session = Session(token=random_session_token(), expires=world.now() + seconds)
    return ActionResult({"Credentials": _credentials(_given(caller.account, session, caller.user), session)})


@override(TokenResponse, "get_caller_identity")
def _get_caller_identity(_original: Any, self: Any) -> ActionResult:
    """GetCallerIdentity: the user, or the session as its own."""
    caller = find(self.get_access_key())
    if caller is None:
        raise STSClientError("InvalidClientTokenId", "The security token included in the request is invalid.")
    return ActionResult({"UserId": caller.id, "Account": caller.account, "Arn": caller.arn})


def _given(account: str, session: Session, user: Any = None) -> Any:
    """A key of moto's for a session."""
    key: Any = iam_backends[account]["aws"].create_temp_access_key()
    key.sandbox_session = session
    key.user_name = user.name if user else None
    return key


def _credentials(key: Any, session: Session) -> dict[str, Any]:
    return {
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret_access_key,
        "SessionToken": session.token,
        "Expiration": world.moment(session.expires),
    }


def _seconds(response: Any, usual: int, longest: int) -> int:
    """DurationSeconds. Raises STSValidationError when it is too short or too long for any role."""
    seconds = int(response._get_int_param("DurationSeconds", usual))
    if seconds < _SHORTEST:
        raise _invalid("durationSeconds", seconds, f"have value greater than or equal to {_SHORTEST}")
    if seconds > longest:
        raise _invalid("durationSeconds", seconds, f"have value less than or equal to {longest}")
    return seconds


def _tags(response: Any, former: Session | None) -> tuple[dict[str, str], frozenset[str]]:
    """The tags of a new session, and which of them go on: those asked for, and the former session's that go on.

    Raises:
        STSValidationError: they cannot be. AWS's codes and words are not known for each of these.
    """
    asked = {str(tag["Key"]): str(tag.get("Value", "")) for tag in response._get_param("Tags", [])}
    onwards = {str(key) for key in response._get_param("TransitiveTagKeys", [])}
    inherited = {key: former.tags[key] for key in former.transitive} if former else {}
    if len({key.lower() for key in asked}) < len(response._get_param("Tags", [])):
        raise STSValidationError("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if wrong := [key for key, value in asked.items() if not 0 < len(key) <= 128 or len(value) > 256]:
        raise _invalid("tags", wrong[0], "have a key of 1 to 128 and a value of at most 256 characters")
    if len(asked) > _TAGS:
        raise _invalid("tags", len(asked), f"have length less than or equal to {_TAGS}")
    if strange := sorted(onwards - asked.keys()):
        raise STSValidationError(f"The transitive tag key '{strange[0]}' is not among the tags of the session.")
    if again := sorted(key for key in asked if key.lower() in {one.lower() for one in inherited}):
        raise STSValidationError(f"The tag '{again[0]}' is inherited from the session before and cannot be given anew.")
    return {**inherited, **asked}, frozenset(onwards | inherited.keys())


def _checked(policy: str) -> None:
    try:
        fits = len(policy) <= 2048 and "Statement" in json.loads(policy)
    except (ValueError, TypeError):
        fits = False
    if not fits:
        raise STSClientError("MalformedPolicyDocument", "The policy is not in the valid JSON format, or too long.")


def _invalid(name: str, value: Any, wanted: str) -> STSValidationError:
    given = "null" if value is None else f"'{value}'"
    return STSValidationError(
        f"1 validation error detected: Value {given} at '{name}' failed to satisfy constraint: Member must {wanted}"
    )
