"""The condition block of a policy statement, as the IAM user guide defines its operators.

Pure. A key's values come as a list of texts; a key that is not in the request has none, and then most operators do not
hold. What is not known here never holds silently: it is named, so that its author learns of it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

Context = Mapping[str, Sequence[str]]


class UnknownCondition(ValueError):  # noqa: N818 - it is what the policy has
    """An operator or a key the sandbox does not know; the message names it."""


def matches(pattern: str, text: str) -> bool:
    """Whether `pattern`, with `*` for any characters and `?` for one, is the whole of `text`."""
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(escaped, text, re.DOTALL) is not None


def _arn(pattern: str, text: str) -> bool:
    """ARNs are compared part by part, so that a star does not reach over a colon before the resource."""
    wanted, given = pattern.split(":", 5), text.split(":", 5)
    return len(wanted) == len(given) and all(map(matches, wanted, given))


def _moment(text: str) -> datetime:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), UTC)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _in_network(pattern: str, text: str) -> bool:
    return ipaddress.ip_address(text) in ipaddress.ip_network(pattern, strict=False)


#: What holds between the policy's value and the request's; each has a twin with `Not` that is its opposite.
_TESTS: Final[dict[str, Callable[[str, str], bool]]] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": matches,
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "NumericEquals": lambda wanted, given: float(given) == float(wanted),
    "DateEquals": lambda wanted, given: _moment(given) == _moment(wanted),
    "IpAddress": _in_network,
    "BinaryEquals": lambda wanted, given: wanted == given,
}
_OPPOSITES: Final = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
}
_ORDERED: Final[dict[str, Callable[[str, str], bool]]] = {
    "NumericLessThan": lambda wanted, given: float(given) < float(wanted),
    "NumericLessThanEquals": lambda wanted, given: float(given) <= float(wanted),
    "NumericGreaterThan": lambda wanted, given: float(given) > float(wanted),
    "NumericGreaterThanEquals": lambda wanted, given: float(given) >= float(wanted),
    "DateLessThan": lambda wanted, given: _moment(given) < _moment(wanted),
    "DateLessThanEquals": lambda wanted, given: _moment(given) <= _moment(wanted),
    "DateGreaterThan": lambda wanted, given: _moment(given) > _moment(wanted),
    "DateGreaterThanEquals": lambda wanted, given: _moment(given) >= _moment(wanted),
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
}

#: The keys that requests are given here where AWS gives them, so that their absence means something, too; those that
#: end in a slash have a tag's key behind it. All are compared without case.
KEYS: Final = frozenset(
    key.lower()
    for key in (
        "aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalType", "aws:PrincipalTag/", "aws:username",
        "aws:userid", "aws:RequestedRegion", "aws:CurrentTime", "aws:EpochTime", "aws:SecureTransport", "aws:SourceIp",
        "aws:ViaAWSService", "aws:CalledVia", "aws:MultiFactorAuthPresent", "aws:RequestTag/", "aws:ResourceTag/",
        "aws:TagKeys", "ec2:ResourceTag/", "ec2:CreateAction", "ec2:Region", "ec2:VpceServiceName",
        "ec2:VpceServiceOwner", "ec2:VpceServiceRegion", "ec2:VpceServicePrivateDnsName",
        "elasticloadbalancing:ResourceTag/", "elasticloadbalancing:CreateAction", "elasticloadbalancing:Scheme",
        "elasticloadbalancing:Subnet", "elasticloadbalancing:SecurityGroup", "iam:PassedToService",
        "iam:PermissionsBoundary", "iam:PolicyARN", "iam:ResourceTag/", "lambda:VpcIds", "lambda:SubnetIds",
        "lambda:SecurityGroupIds", "lambda:SourceFunctionArn",
        "s3:if-none-match", "s3:if-match", "s3:ObjectCreationOperation", "s3:prefix",
        "s3:delimiter", "s3:max-keys", "s3:x-amz-server-side-encryption", "sts:ExternalId", "sts:RoleSessionName",
        "sts:TransitiveTagKeys", "ec2:VpceSupportedRegion", "ec2:VpceMultiRegion",
    )
)  # fmt: skip


def holds(block: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Whether all of a condition block holds in a request.

    Args:
        block: operator -> key -> value or values.
        context: key, in lower case -> its values.

    Raises:
        UnknownCondition: an operator or key that is not known, or a value that cannot be read.
    """
    return all(
        _holds(operator, key.lower(), _listed(values), context)
        for operator, tests in block.items()
        for key, values in tests.items()
    )


def _holds(operator: str, key: str, values: list[str], context: Context) -> bool:
    whole, _, tag = key.partition("/")
    if (f"{whole}/" if tag else whole) not in KEYS:
        raise UnknownCondition(f"the condition key {key}")
    given = list(context.get(key, ()))
    quantifier, _, bare = operator.rpartition(":")
    if quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise UnknownCondition(f"the condition operator {operator}")
    if bare == "Null":
        return any((value.lower() == "true") == (not given) for value in values)
    if_exists, name = bare.endswith("IfExists"), bare.removesuffix("IfExists")
    test = _TESTS.get(_OPPOSITES.get(name, name)) or _ORDERED.get(name)
    if test is None:  # also where the key is absent: an IfExists of something unknown would hold
        raise UnknownCondition(f"the condition operator {operator}")
    if not given and quantifier != "ForAnyValue":
        # An opposite holds when there is nothing, and so does "all of none".
        return if_exists or quantifier == "ForAllValues" or name in _OPPOSITES
    try:
        found = [any(test(value, one) for value in values) != (name in _OPPOSITES) for one in given]
    except ValueError as error:
        raise UnknownCondition(f"{operator} of {', '.join(values)}: {error}") from error
    return any(found) if quantifier == "ForAnyValue" else all(found)


def _listed(values: Any) -> list[str]:
    some = values if isinstance(values, list) else [values]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in some]
