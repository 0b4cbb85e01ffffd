"""What a call to S3 asks of IAM: actions on a bucket and its objects, with S3's condition keys.

By the Service Authorization Reference of S3. Calls that are not named here ask for an action of their own name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from moto.s3.models import s3_backends

from plinkctl.sandbox.access.policy import Question, parsed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plinkctl.sandbox.access.conditions import Context

_WRITES: Final = ("PutObject", "CopyObject", "CompleteMultipartUpload")
_PARTS: Final = ("CreateMultipartUpload", "UploadPart", "UploadPartCopy")
_COPIES: Final = ("CopyObject", "UploadPartCopy")
_ACTIONS: Final = {
    **dict.fromkeys((*_WRITES, *_PARTS), "PutObject"),
    **dict.fromkeys(("ListObjects", "ListObjectsV2", "HeadBucket"), "ListBucket"),
    "ListObjectVersions": "ListBucketVersions",
    "ListBuckets": "ListAllMyBuckets",
    "ListParts": "ListMultipartUploadParts",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "HeadObject": "GetObject",
    "GetObjectAttributes": "GetObject",
    "DeleteObjects": "DeleteObject",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    **dict.fromkeys(("PutBucketEncryption", "DeleteBucketEncryption"), "PutEncryptionConfiguration"),
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    **dict.fromkeys(("PutPublicAccessBlock", "DeletePublicAccessBlock"), "PutBucketPublicAccessBlock"),
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    **dict.fromkeys(("PutBucketLifecycleConfiguration", "DeleteBucketLifecycle"), "PutLifecycleConfiguration"),
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketTagging": "PutBucketTagging",
}


def questions(action: str, environ: Mapping[str, Any], body: bytes, common: Context) -> list[Question]:
    """Everything that must be allowed for a call to S3.

    Args:
        action: the API's name of the call.
        common: the keys every request has.
    """
    bucket, _, key = unquote(str(environ.get("PATH_INFO", ""))).lstrip("/").partition("/")
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if not bucket:
        return [Question(action="s3:ListAllMyBuckets", resource="*", context=common)]
    context = {**common, **_keys(action, environ, query)}
    name = _ACTIONS.get(action, action)
    if "versionId" in query and name in ("GetObject", "DeleteObject", "GetObjectTagging"):
        name = name.replace("Object", "ObjectVersion", 1)
    place = f"arn:aws:s3:::{bucket}"
    if action == "DeleteObjects":
        named = re.findall(r"<Key>([^<]*)</Key>", body.decode("utf-8", "replace"))
        return [Question(action="s3:DeleteObject", resource=f"{place}/{one}", context=context) for one in named]
    asked = [Question(action=f"s3:{name}", resource=f"{place}/{key}" if key else place, context=context)]
    # To compare ETags is to read; the user guide asks for both rights.
    if environ.get("HTTP_IF_MATCH", "*").strip() != "*" and name in ("PutObject", "DeleteObject"):
        asked.append(Question(action="s3:GetObject", resource=f"{place}/{key}", context=common))
    if action in _COPIES:
        source = unquote(environ.get("HTTP_X_AMZ_COPY_SOURCE", "")).lstrip("/").partition("?")[0]
        asked.append(Question(action="s3:GetObject", resource=f"arn:aws:s3:::{source}", context=common))
    return asked


def _keys(action: str, environ: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, str | None] = {
        "s3:if-match": environ.get("HTTP_IF_MATCH"),
        "s3:if-none-match": environ.get("HTTP_IF_NONE_MATCH"),
        "s3:x-amz-server-side-encryption": environ.get("HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION"),
    }
    if action in (*_WRITES, *_PARTS):
        found["s3:objectcreationoperation"] = str(action in _WRITES).lower()
    if action.startswith("ListObject"):
        found |= {f"s3:{name}": query.get(name) for name in ("prefix", "delimiter", "max-keys")}
    return {name: [value] for name, value in found.items() if value is not None}


def owner_of(resource: str) -> tuple[str | None, list[Mapping[str, Any]]]:
    """The account of the bucket an ARN of S3's is in, and its policy; None when there is no such bucket."""
    bucket = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
    place = s3_backends.bucket_accounts.get(bucket)
    if place is None:
        return None, []
    partition, account = place
    policy = s3_backends[account][partition].buckets[bucket].policy
    return account, [parsed(policy.decode())] if policy else []
