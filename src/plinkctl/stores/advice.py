"""What a bucket for states should be: versioned, and nobody's but its own. Said once, never insisted on."""

from collections.abc import Callable
from typing import Any, Final

from plinkctl.errors import AwsError
from plinkctl.stores.objects import Note, Objects

_WHERE: Final = "docs/how-to/shared-state.md"
_EVERYBODY: Final = ("groups/global/AllUsers", "groups/global/AuthenticatedUsers")


def advise(objects: Objects, note: Note) -> None:
    """Warn about a bucket without versions, and about one that the public may read.

    Whoever may not ask is not bothered: the questions need permissions that the work does not.
    """
    bucket = objects.address.bucket
    aws, where = objects.aws, objects.where
    versioning = _asked(lambda: aws.peek("s3", "get_bucket_versioning", **where))
    if versioning is not None and versioning.get("Status") != "Enabled":
        note(f"the bucket {bucket!r} keeps no versions, so it has no backup of a state ({_WHERE})", "warning")
    block = _asked(lambda: aws.peek("s3", "get_public_access_block", **where)) or {}
    settings = block.get("PublicAccessBlockConfiguration", {})
    by_policy = not settings.get("RestrictPublicBuckets") and _public_by_policy(objects)
    if by_policy or (not settings.get("IgnorePublicAcls") and _public_by_list(objects)):
        note(f"the bucket {bucket!r} is public: everybody can see what the states name ({_WHERE})", "warning")


def _public_by_policy(objects: Objects) -> bool:
    status = _asked(lambda: objects.aws.peek("s3", "get_bucket_policy_status", **objects.where)) or {}
    return bool(status.get("PolicyStatus", {}).get("IsPublic"))


def _public_by_list(objects: Objects) -> bool:
    acl = _asked(lambda: objects.aws.peek("s3", "get_bucket_acl", **objects.where)) or {}
    return any(str(one.get("Grantee", {}).get("URI", "")).endswith(_EVERYBODY) for one in acl.get("Grants", ()))


def _asked(question: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    try:
        return question()
    except AwsError:
        return None
