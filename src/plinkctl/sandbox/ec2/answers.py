"""What EC2's answers have in common: filters, pages, tags given at creation, client tokens.

The sandbox builds its own answers for endpoint services, endpoints and connections as plain dictionaries with AWS's
names, and pages those of moto that moto gives whole. Only forms are handled here, no resource and no rule.
"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, TypeVar

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")

#: The API references' bound for client tokens.
_LONGEST_TOKEN: Final = 64


def filtered(
    answers: Iterable[dict[str, Any]], filters: Iterable[Mapping[str, Any]], fields: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The answers that pass every filter; a filter passes when any of its values does (`*` and `?` are wild).

    Args:
        answers: dictionaries in AWS's form; tag filters look at their `Tags`.
        filters: as sent: `Name` and `Values`.
        fields: filter name -> key in the answer.

    Raises:
        EC2ClientError: InvalidFilter, for a filter this call does not know.
    """
    kept = list(answers)
    for one in filters:
        name, patterns = one["Name"], one.get("Values", [])
        if name not in fields and name != "tag-key" and not name.startswith("tag:"):
            raise EC2ClientError("InvalidFilter", f"The filter '{name}' is invalid")
        kept = [a for a in kept if _matches(_values(a, name, fields), patterns)]
    return kept


def _values(answer: Mapping[str, Any], name: str, fields: Mapping[str, str]) -> list[str]:
    tags = answer.get("Tags", [])
    if name.startswith("tag:"):
        return [tag["Value"] for tag in tags if tag["Key"] == name[4:]]
    if name == "tag-key":
        return [tag["Key"] for tag in tags]
    value = answer.get(fields[name])
    values = value if isinstance(value, list) else [value]
    return [str(v).lower() if isinstance(v, bool) else str(v) for v in values if v is not None]


def _matches(values: list[str], patterns: list[str]) -> bool:
    return any(fnmatchcase(value, pattern) for value in values for pattern in patterns)


def paged(_response: Any, key: str, answers: list[Any], **more: Any) -> ActionResult:
    """All the `answers` under `key`, with `more` beside it; `manners.pages` cuts the page."""
    return ActionResult({**more, key: answers})


def given_tags(response: Any, resource_type: str) -> dict[str, str]:
    """The tags of the request's TagSpecifications for `resource_type`.

    Raises:
        EC2ClientError: InvalidParameterValue, when tags are given for another type, as AWS refuses it.
    """
    tags: dict[str, str] = {}
    for specification in response._get_param("TagSpecifications", []):
        kind = specification.get("ResourceType")
        if kind != resource_type:
            raise EC2ClientError(
                "InvalidParameterValue", f"'{kind}' is not a valid taggable resource type for this operation."
            )
        tags |= {tag["Key"]: tag.get("Value", "") for tag in specification.get("Tags", [])}
    return tags


def tags_of(backend: Any, resource_id: str) -> list[dict[str, str]]:
    """The tags of an EC2 resource as AWS writes them."""
    return [{"Key": key, "Value": value} for key, value in backend.tags.get(resource_id, {}).items()]


def once(response: Any, backend: Any, make: Callable[[], T]) -> T:
    """Do `make` once for the request's ClientToken: the same token with the same parameters gets the same result again.

    The result is given again even when the resource has been deleted meanwhile; a token is a promise about one
    creation, never the order for a second.

    Raises:
        EC2ClientError: IdempotentParameterMismatch, for the same token with other parameters; InvalidClientToken, for
            what cannot be one.
    """
    parameters = dict(response._get_params())
    token = parameters.pop("ClientToken", None)
    if not token:
        return make()
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        raise EC2ClientError(
            "InvalidClientToken", f"The client token must be of at most {_LONGEST_TOKEN} ASCII characters"
        )
    kept: dict[tuple[str, str], tuple[str, Any]] = backend.__dict__.setdefault("sandbox_tokens", {})
    key = (response._get_action(), token)
    asked = json.dumps(parameters, sort_keys=True, default=str)
    if key in kept:
        first, result = kept[key]
        if first != asked:
            raise EC2ClientError(
                "IdempotentParameterMismatch",
                "The client token was used before, with parameters other than those of this request.",
            )
        return result  # type: ignore[no-any-return]  # kept under the action that made it
    made = make()
    kept[key] = (asked, made)
    return made


def checked_ids(prefix: str, code: str, ids: list[str]) -> list[str]:
    """The IDs of a request; all must have the form of one: the prefix, a hyphen and 8 or 17 hexadecimal digits.

    Raises:
        EC2ClientError: `code`, for the first that has not. Nothing may have been done for the others by then.
    """
    for one in ids:
        if not re.fullmatch(rf"{prefix}-(?:[0-9a-f]{{8}}|[0-9a-f]{{17}})", str(one)):
            raise EC2ClientError(code, f"Invalid Id: '{one}' (expecting '{prefix}-...')")
    return ids


def changed(had: list[str], added: list[str], removed: list[str]) -> list[str]:
    """A list after a request's `Add...` and `Remove...`; what is added twice or removed in vain is no error."""
    return [one for one in dict.fromkeys([*had, *added]) if one not in removed]


def unsuccessful(resource_id: str, code: str, message: str) -> dict[str, Any]:
    """One entry of an `Unsuccessful` list: how EC2 refuses one of several items while answering 200."""
    return {"ResourceId": resource_id, "Error": {"Code": code, "Message": message}}
