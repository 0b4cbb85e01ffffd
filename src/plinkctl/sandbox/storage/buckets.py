"""Buckets: what a new one has, whose it is, and the preconditions of its objects.

moto checks some preconditions, of some calls; here they are checked in one place for all of them, before moto looks.
All calls are under the world's lock, so that a check and the write it guards are one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import xmltodict
from moto.iam.access_control import PermissionResult
from moto.s3 import models
from moto.s3.exceptions import InvalidContinuationToken, S3ClientError
from moto.s3.models import FakeBucket, PublicAccessBlock, S3Backend, s3_backends
from moto.s3.responses import S3Response
from moto.s3.utils import bucket_policy_is_public

from plinkctl.sandbox import world
from plinkctl.sandbox.access.policy import listed, parsed
from plinkctl.sandbox.door.wires import BEGUN
from plinkctl.sandbox.patch import override
from plinkctl.sandbox.storage import preconditions

if TYPE_CHECKING:
    from plinkctl.sandbox.storage.preconditions import Refusal

_DENIED: Final = preconditions.Refusal("AccessDenied", 403, "Access Denied", "")


@override(models, "utcnow")
def _utcnow(_original: Any) -> Any:
    """What is stored is stored at the sandbox's time."""
    return world.moment(world.now()).replace(tzinfo=None)


@override(S3Backend, "create_bucket")
def _create_bucket(original: Any, self: Any, bucket_name: str, *args: Any, **kwargs: Any) -> Any:
    """CreateBucket: since April 2023 a new bucket is private, without ACLs, and encrypted (S3's user guide)."""
    bucket = original(self, bucket_name, *args, **kwargs)
    bucket.creation_date = world.moment(world.now())
    bucket.public_access_block = PublicAccessBlock(True, True, True, True)
    bucket.ownership_rule = "BucketOwnerEnforced"
    bucket.encryption = _plain()
    bucket.sandbox_deleted = {}  # key -> when it was deleted, in real nanoseconds
    return bucket


def _plain() -> dict[str, Any]:
    return {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}}


@override(S3Backend, "delete_bucket_encryption")
def _delete_encryption(_original: Any, self: Any, bucket_name: str) -> None:
    """DeleteBucketEncryption: back to S3's own keys; nothing is unencrypted any more."""
    self.get_bucket(bucket_name).encryption = _plain()


@override(S3Backend, "put_bucket_policy")
def _put_policy(original: Any, self: Any, bucket_name: str, policy: bytes) -> None:
    """PutBucketPolicy: what is no policy is refused, and one for everybody where public access is blocked."""
    try:
        statements = listed(parsed(policy.decode())["Statement"])
        sound = bool(statements) and all(
            "Effect" in one and ({"Principal", "NotPrincipal"} & one.keys()) for one in statements
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        sound = False
    if not sound:
        raise S3ClientError("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")
    bucket = self.get_bucket(bucket_name)
    blocked = bucket.public_access_block is not None and bucket.public_access_block.block_public_policy
    if blocked and bucket_policy_is_public(policy):
        raise S3ClientError(
            "AccessDenied", "Access Denied because public policies are blocked by the BlockPublicPolicy setting"
        )
    original(self, bucket_name, policy)


@override(S3Backend, "delete_object")
def _delete_object(original: Any, self: Any, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
    """DeleteObject; that it happened is remembered for conditional writes that are under way."""
    bucket: Any = self.get_bucket(bucket_name)
    if hasattr(bucket, "sandbox_deleted") and self.get_object(bucket_name, key_name) is not None:
        bucket.sandbox_deleted[key_name] = time.time_ns()
    return original(self, bucket_name, key_name, *args, **kwargs)


@override(FakeBucket, "get_permission")
def _permission(_original: Any, *_args: Any, **_kwargs: Any) -> Any:
    """Policies are read at the door, conditions and all; moto would take an enforced precondition for a no to all."""
    return PermissionResult.NEUTRAL


@override(S3Backend, "_get_results_from_token")
def _after_token(original: Any, self: Any, result_keys: Any, token: Any) -> Any:
    """The rest of a list after a continuation token; one that is none is refused."""
    if token is None:
        raise InvalidContinuationToken
    return original(self, result_keys, token)


@override(S3Response, "_bucket_response")
def _bucket_response(original: Any, self: Any, request: Any, full_url: str) -> Any:
    """Whatever is asked of a bucket."""
    if refused := _other_owner(self, request):
        return _said(refused, request)
    return original(self, request, full_url)


@override(S3Response, "_key_response")
def _key_response(original: Any, self: Any, request: Any, full_url: str) -> Any:
    """Whatever is asked of an object."""
    if refused := _other_owner(self, request) or _unmet(self, request, full_url):
        return _said(refused, request)
    return original(self, request, full_url)


@override(S3Response, "_bucket_response_delete_keys")
def _delete_keys(original: Any, self: Any, bucket_name: str, authenticated: bool = True) -> Any:
    """DeleteObjects: each with its own precondition. What fails is told in `Errors`, the others are deleted."""
    asked = xmltodict.parse(self.body, strip_whitespace=False, force_list=("Object",))
    kept: list[tuple[Any, Refusal | None]] = []
    failed: list[tuple[Any, Refusal | None]] = []
    for one in asked.get("Delete", {}).get("Object") or []:
        refused = preconditions.of_delete(one.get("ETag"), _etag(self, one["Key"]))
        (failed if refused else kept).append((one, refused))
    if not failed:
        return original(self, bucket_name, authenticated)
    said = "".join(
        f"<Error><Key>{escape(one['Key'])}</Key><Code>{refused.code}</Code><Message>{refused.message}</Message></Error>"
        for one, refused in failed
        if refused
    )
    status, headers, content = 200, {"content-type": "application/xml"}, "<DeleteResult></DeleteResult>"
    if kept:
        asked["Delete"]["Object"] = [one for one, _ in kept]
        self.body = xmltodict.unparse(asked).encode()
        status, headers, content = original(self, bucket_name, authenticated)
    return status, headers, content.replace("</DeleteResult>", f"{said}</DeleteResult>")


def _other_owner(response: Any, request: Any) -> Refusal | None:
    """Access Denied for who expects the bucket, or what is copied from, to be somebody else's."""
    copied = request.headers.get("x-amz-copy-source", "").lstrip("/").partition("/")[0]
    places = (
        (response.bucket_name, request.headers.get("x-amz-expected-bucket-owner")),
        (copied, request.headers.get("x-amz-source-expected-bucket-owner")),
    )
    for bucket, expected in places:
        _, owner = s3_backends.bucket_accounts.get(bucket, (None, None))
        if owner is not None and expected not in (None, owner):
            return _DENIED
    return None


def _unmet(response: Any, request: Any, full_url: str) -> Refusal | None:
    """The precondition of a write or a delete that is not met."""
    query = parse_qs(urlsplit(full_url).query, keep_blank_values=True)
    if_match, if_none_match = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    if if_match is None and if_none_match is None:
        return None
    if response.bucket_name not in response.backend.buckets:
        return None
    key = response.parse_key_name()
    if request.method == "DELETE" and not {"uploadId", "tagging"} & query.keys():
        return preconditions.of_delete(if_match, _etag(response, key))
    writes = request.method == "PUT" and not {"partNumber", "retention", "legal-hold", "acl", "tagging"} & query.keys()
    if writes or (request.method == "POST" and "uploadId" in query):
        deleted = response.backend.buckets[response.bucket_name].sandbox_deleted.get(key, 0)
        conflict = deleted >= request.environ.get(BEGUN, deleted + 1)
        return preconditions.of_write(if_match, if_none_match, _etag(response, key), conflict=conflict)
    return None


def _etag(response: Any, key: str) -> str | None:
    found = response.backend.get_object(response.bucket_name, key)
    return None if found is None else str(found.etag)


def _said(refused: Refusal, request: Any) -> tuple[int, dict[str, str], str]:
    if request.method == "HEAD":
        return refused.status, {}, ""
    condition = f"<Condition>{refused.condition}</Condition>" if refused.code == "PreconditionFailed" else ""
    content = f"<Error><Code>{refused.code}</Code><Message>{escape(refused.message)}</Message>{condition}</Error>"
    return refused.status, {"content-type": "application/xml"}, content
