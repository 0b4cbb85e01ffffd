"""Who may connect to an endpoint service, and the AWS names that carry a region or partition. Pure text.

The service takes whole accounts, users and roles (ModifyVpcEndpointServicePermissions). It answers
InvalidPrincipal to the session of a role and to an IAM path, and only after everything else has been made;
so both are caught here.
"""

import re
from typing import Final

from plinkctl.config.places import shown
from plinkctl.errors import UsageError

ANYBODY: Final = "*"

_PARTITIONS: Final = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "us-isof-": "aws-iso-f",
    "eu-isoe-": "aws-iso-e",
    "eusc-": "aws-eusc",
}
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_ARN: Final = re.compile(
    r"arn:(?P<partition>[^:]*):(?P<service>[^:]*):[^:]*:(?P<account>[^:]*):(?P<resource>.*)", re.DOTALL
)
_IAM_NAME: Final = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")
_SERVICE_NAME: Final = re.compile(r"(?:cn\.)?com\.amazonaws\.vpce\.([a-z0-9-]+)\.vpce-svc-[0-9a-f]{8,17}")


def partition_of(region: str) -> str:
    """The partition of a region: `aws`, or that of China, GovCloud, the isolated or the European regions."""
    return next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def principal_arn(text: str, partition: str) -> str:
    """The principal as AWS wants it: a bare account becomes its root ARN, ARNs and `*` stay as they are.

    Raises:
        UsageError: AWS would not take this principal in this partition.
    """
    if wrong := principal_problem(text) or partition_problem(text, partition):
        raise UsageError(f"cannot allow this principal: {wrong}")
    return f"arn:{partition}:iam::{text}:root" if _ACCOUNT.fullmatch(text) else text


def account_problem(text: str) -> str | None:
    """What is wrong with an account ID, or None."""
    if _ACCOUNT.fullmatch(text):
        return None
    digits = re.sub(r"[\s-]", "", text)
    if digits != text and _ACCOUNT.fullmatch(digits):
        return f'{shown(text)} has separators; write "{digits}"'
    if digits.isascii() and digits.isdigit():
        lost = "; was a leading zero lost?" if len(digits) < 12 else ""
        return f"{shown(text)} has {len(digits)} digits; an account ID has 12{lost}"
    return f"{shown(text)} is not an account ID; it has 12 digits"


def principal_problem(text: str) -> str | None:
    """What is wrong with a principal as such, or None. Partition and consent for `*` are told elsewhere."""
    if text == ANYBODY or _ACCOUNT.fullmatch(text):
        return None
    if not text.startswith("arn:"):
        if text and not text.strip("0123456789- "):
            return account_problem(text)
        return (
            f"{shown(text)} is not a principal; allowed are a 12-digit account and the ARN of an account's root, "
            "a role or a user"
        )
    arn = _ARN.fullmatch(text)
    if arn is None:
        return f"{shown(text)} is not a whole ARN; such as arn:aws:iam::222222222222:role/NAME"
    partition, service, account, resource = arn.group("partition", "service", "account", "resource")
    if partition not in {"aws", *_PARTITIONS.values()}:
        return f"{shown(text)} names an unknown partition, {shown(partition)}"
    if not _ACCOUNT.fullmatch(account):
        return f"{shown(text)}: {account_problem(account)}"
    if service == "sts":
        return _session_problem(text, partition, account, resource)
    if service != "iam":
        return f"{shown(text)} belongs to {shown(service)}; only IAM accounts, roles and users can be allowed"
    return _iam_problem(text, partition, account, resource)


def _session_problem(text: str, partition: str, account: str, resource: str) -> str:
    kind, _, rest = resource.partition("/")
    role = rest.partition("/")[0]
    use = f"role/{role}" if kind == "assumed-role" and _IAM_NAME.fullmatch(role) else "root"
    return (
        f"{shown(text)} is a session, which AWS refuses as a principal; allow what stands behind it: "
        f"arn:{partition}:iam::{account}:{use}"
    )


def _iam_problem(text: str, partition: str, account: str, resource: str) -> str | None:
    if resource == "root":
        return None
    kind, _, path = resource.partition("/")
    *folders, name = path.split("/")
    if kind not in {"role", "user"} or not _IAM_NAME.fullmatch(name):
        return f"{shown(text)} is neither an account's root nor one role or user (root, role/NAME, user/NAME)"
    if folders:
        return (
            f"{shown(text)} has an IAM path, which AWS does not support in principals; strip it: "
            f"arn:{partition}:iam::{account}:{kind}/{name}"
        )
    return None


def partition_problem(text: str, partition: str) -> str | None:
    """What is wrong with a well-formed principal for a service in this partition, or None."""
    own = text.split(":")[1] if text.startswith("arn:") else partition
    if own == partition:
        return None
    return (
        f"{shown(text)} is in partition {own}, the provider's region in {partition}; "
        "PrivateLink does not reach over partitions"
    )


def service_region(name: str) -> str | None:
    """The region in an endpoint service's name, or None if it is no such name."""
    found = _SERVICE_NAME.fullmatch(name)
    return found.group(1) if found else None


def service_region_problem(name: str, region: str) -> str | None:
    """What is wrong with a service's name for a consumer in this region, or None."""
    own = service_region(name)
    if own == region:
        return None
    return (
        f"{shown(name)} is a service in {own}, the consumer is in {region}; links over regions are not built yet, "
        f"so the consumer's region must be {own}"
    )


def check_service_region(name: str, region: str) -> None:
    """Refuse a service of another region, once the region is known from the environment or profile.

    AWS itself would only say that the service does not exist (InvalidServiceName), as it says to strangers.

    Raises:
        UsageError: The service's name is malformed or names another region.
    """
    if wrong := service_region_problem(name, region):
        raise UsageError(wrong, hint=f"run the same command with --region {service_region(name)}")
