"""Whether a conditional write or delete of S3 may be done: pure, from the headers and what is there.

By S3's user guide ("How to prevent object overwrites with conditional writes", "How to perform conditional deletes").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_ABSENT: Final = ("NoSuchKey", 404, "The specified key does not exist.")
_FAILED: Final = ("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold")
_CONFLICT: Final = (
    "ConditionalRequestConflict",
    409,
    "The conditional request cannot succeed due to a conflicting operation against this resource.",
)
#: What S3 says of preconditions it has not: an ETag in If-None-Match, `*` in the If-Match of a write, both at once.
_UNKNOWN: Final = ("NotImplemented", 501, "A header you provided implies functionality that is not implemented")


@dataclass(frozen=True, slots=True)
class Refusal:
    """S3's no: code, HTTP status, message, and the condition that failed."""

    code: str
    status: int
    message: str
    condition: str


def of_write(if_match: str | None, if_none_match: str | None, etag: str | None, *, conflict: bool) -> Refusal | None:
    """Why an object may not be written, or None.

    Args:
        if_match, if_none_match: the headers; None when they are not given.
        etag: of the object that is there now; None for none, or a delete marker.
        conflict: the object was deleted while this request was on its way. Of writers at the same time the first to
            end wins and the others get 412; only a delete in between makes the outcome unclear, and that is 409.
    """
    condition = "If-Match" if if_match is not None else "If-None-Match"
    words = None
    if if_match is not None and if_none_match is not None:
        words = _UNKNOWN
    elif if_none_match is not None:
        if if_none_match.strip() != "*":
            words = _UNKNOWN
        elif etag is not None:
            words = _FAILED
        elif conflict:
            words = _CONFLICT
    elif if_match is not None:
        if if_match.strip() == "*":
            words = _UNKNOWN
        elif etag is None:
            words = _ABSENT
        elif not _same(if_match, etag):
            words = _FAILED
    return Refusal(*words, condition) if words else None


def of_delete(if_match: str | None, etag: str | None) -> Refusal | None:
    """Why an object may not be deleted, or None. Only the current version is looked at, whichever is to be deleted."""
    if if_match is None:
        return None
    if etag is None:
        return Refusal(*_ABSENT, "If-Match")
    if if_match.strip() != "*" and not _same(if_match, etag):
        return Refusal(*_FAILED, "If-Match")
    return None


def _same(given: str, etag: str) -> bool:
    """ETags are quoted; S3 takes them without quotes as well."""
    return given.strip().strip('"') == etag.strip('"')
