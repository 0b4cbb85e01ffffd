"""S3 for shared state: conditional writes that are atomic, and whose bucket it is."""

from __future__ import annotations

import http.client
import json
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from plinkctl.sandbox.door import control

if TYPE_CHECKING:
    from collections.abc import Callable

    from plinkctl.sandbox import world
    from plinkctl.sandbox.door import gateway


@pytest.fixture
def s3(provider: Any) -> Any:
    """The provider's client, with a bucket `state`."""
    client = provider.client("s3")
    client.create_bucket(Bucket="state")
    return client


def status(call: Callable[..., Any], **arguments: Any) -> tuple[int, str]:
    """HTTP status and error code of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def upload(client: Any, key: str) -> dict[str, Any]:
    """The arguments that complete an upload in one part."""
    place = {"Bucket": "state", "Key": key}
    started = client.create_multipart_upload(**place)["UploadId"]
    part = client.upload_part(**place, UploadId=started, PartNumber=1, Body=b"part")
    return {
        **place,
        "UploadId": started,
        "MultipartUpload": {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]},
    }


def ways(client: Any, key: str) -> dict[str, Callable[..., Any]]:
    """The three calls that write an object under a precondition."""
    client.put_object(Bucket="state", Key="source", Body=b"source")
    return {
        "put": lambda **more: client.put_object(Bucket="state", Key=key, Body=b"new", **more),
        "copy": lambda **more: client.copy_object(Bucket="state", Key=key, CopySource="state/source", **more),
        "multipart": lambda **more: client.complete_multipart_upload(**upload(client, key), **more),
    }


@pytest.mark.parametrize("way", ["put", "copy", "multipart"])
def test_a_write_that_wants_nothing_there_is_done_once(s3: Any, way: str) -> None:
    write = ways(s3, "link/state.json")[way]
    write(IfNoneMatch="*")
    before = s3.head_object(Bucket="state", Key="link/state.json")["ETag"]
    assert status(write, IfNoneMatch="*") == (412, "PreconditionFailed")
    assert s3.head_object(Bucket="state", Key="link/state.json")["ETag"] == before


@pytest.mark.parametrize("way", ["put", "copy", "multipart"])
def test_a_write_that_wants_a_certain_one_there(s3: Any, way: str) -> None:
    write = ways(s3, "state.json")[way]
    assert status(write, IfMatch='"0123"') == (404, "NoSuchKey")
    etag = s3.put_object(Bucket="state", Key="state.json", Body=b"old")["ETag"]
    assert status(write, IfMatch='"0123"') == (412, "PreconditionFailed")
    assert s3.get_object(Bucket="state", Key="state.json")["Body"].read() == b"old"
    write(IfMatch=etag)
    assert s3.get_object(Bucket="state", Key="state.json")["Body"].read() != b"old"
    assert status(write, IfMatch=etag) == (412, "PreconditionFailed")


@pytest.mark.parametrize(
    "conditions", [{"IfNoneMatch": '"0123"'}, {"IfMatch": "*"}, {"IfMatch": "x", "IfNoneMatch": "*"}]
)
def test_preconditions_s3_has_not_are_refused(s3: Any, conditions: dict[str, str]) -> None:
    refused = status(s3.put_object, Bucket="state", Key="a", Body=b"x", **conditions)
    assert refused == (501, "NotImplemented")


def test_a_conditional_delete(s3: Any) -> None:
    etag = s3.put_object(Bucket="state", Key="lock", Body=b"mine")["ETag"]
    assert status(s3.delete_object, Bucket="state", Key="lock", IfMatch='"0123"') == (412, "PreconditionFailed")
    s3.delete_object(Bucket="state", Key="lock", IfMatch=etag)
    assert status(s3.delete_object, Bucket="state", Key="lock", IfMatch=etag) == (404, "NoSuchKey")
    s3.delete_object(Bucket="state", Key="lock")  # without a precondition, deleting what is not there is no error


def test_many_deletes_each_with_its_own_precondition(s3: Any) -> None:
    etag = s3.put_object(Bucket="state", Key="<a>", Body=b"a")["ETag"]
    s3.put_object(Bucket="state", Key="b", Body=b"b")
    asked = [{"Key": "<a>", "ETag": etag}, {"Key": "b", "ETag": '"0123"'}, {"Key": "c", "ETag": etag}]
    answer = s3.delete_objects(Bucket="state", Delete={"Objects": asked})
    assert [one["Key"] for one in answer["Deleted"]] == ["<a>"]
    assert {one["Key"]: one["Code"] for one in answer["Errors"]} == {"b": "PreconditionFailed", "c": "NoSuchKey"}
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="state")["Contents"]] == ["b"]


@pytest.mark.parametrize("first", [True, False], ids=["creating", "replacing"])
def test_of_many_writers_at_the_same_time_one_wins(provider: Any, s3: Any, first: bool) -> None:
    condition = {"IfNoneMatch": "*"}
    if not first:
        condition = {"IfMatch": s3.put_object(Bucket="state", Key="lock", Body=b"before")["ETag"]}
    outcomes: list[tuple[int, str]] = []
    together = threading.Barrier(8)
    clients = [provider._make("s3") for _ in range(8)]

    def write(number: int) -> None:
        together.wait()
        try:
            clients[number].put_object(Bucket="state", Key="lock", Body=str(number).encode(), **condition)
            outcomes.append((number, "won"))
        except ClientError as error:
            outcomes.append((number, error.response["Error"]["Code"]))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [number for number, outcome in outcomes if outcome == "won"]
    assert len(won) == 1
    assert [outcome for _, outcome in outcomes].count("PreconditionFailed") == 7
    assert s3.get_object(Bucket="state", Key="lock")["Body"].read() == str(won[0]).encode()


def test_a_delete_while_a_conditional_write_comes_in_is_a_conflict(
    served: gateway.Server, provider: Any, s3: Any
) -> None:
    s3.put_object(Bucket="state", Key="lock", Body=b"before")
    body = b"slowly"
    request = AWSRequest("PUT", f"{served.url}/state/lock", {"If-None-Match": "*"}, body)
    SigV4Auth(provider.session.get_credentials().get_frozen_credentials(), "s3", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(served.url).port, timeout=10)
    connection.putrequest("PUT", "/state/lock")
    for name, value in request.headers.items():
        connection.putheader(name, value)
    connection.putheader("Expect", "100-continue")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    # The server asks for the body, so the request has begun; the body is what it waits for now.
    assert connection.sock.recv(1024).startswith(b"HTTP/1.1 100")
    connection.send(body[:2])
    s3.delete_object(Bucket="state", Key="lock")
    connection.send(body[2:])
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    assert (answer.status, b"<Code>ConditionalRequestConflict</Code>" in said) == (409, True)
    s3.put_object(Bucket="state", Key="lock", Body=b"again", IfNoneMatch="*")  # as S3 says: try again


def test_versions_are_kept_and_a_delete_marker_is_no_object(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="state", VersioningConfiguration={"Status": "Enabled"})
    etag = s3.put_object(Bucket="state", Key="state.json", Body=b"1", IfNoneMatch="*")["ETag"]
    second = s3.put_object(Bucket="state", Key="state.json", Body=b"2", IfMatch=etag)
    assert len(s3.list_object_versions(Bucket="state")["Versions"]) == 2
    s3.delete_object(Bucket="state", Key="state.json", IfMatch=second["ETag"])
    assert status(s3.put_object, Bucket="state", Key="state.json", Body=b"3", IfMatch=etag) == (404, "NoSuchKey")
    assert status(s3.delete_object, Bucket="state", Key="state.json", IfMatch=etag) == (404, "NoSuchKey")
    s3.put_object(Bucket="state", Key="state.json", Body=b"3", IfNoneMatch="*")
    assert len(s3.list_object_versions(Bucket="state")["Versions"]) == 3


def test_a_new_bucket_is_private_and_encrypted(s3: Any) -> None:
    block = s3.get_public_access_block(Bucket="state")["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    rule = s3.get_bucket_encryption(Bucket="state")["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    owner = s3.get_bucket_ownership_controls(Bucket="state")["OwnershipControls"]["Rules"]
    assert owner == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert "Status" not in s3.get_bucket_versioning(Bucket="state")
    s3.delete_bucket_encryption(Bucket="state")
    assert s3.put_object(Bucket="state", Key="a", Body=b"x")["ServerSideEncryption"] == "AES256"


def test_a_public_policy_needs_the_block_to_be_lifted_and_is_told(s3: Any) -> None:
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::state/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    assert status(s3.put_bucket_policy, Bucket="state", Policy=policy) == (403, "AccessDenied")
    s3.delete_public_access_block(Bucket="state")
    s3.put_bucket_policy(Bucket="state", Policy=policy)
    assert s3.get_bucket_policy_status(Bucket="state")["PolicyStatus"] == {"IsPublic": True}


@pytest.mark.parametrize("policy", ["{", "[]", "{}", '{"Statement": []}', '{"Statement": "x"}', '{"Statement": [{}]}'])
def test_what_is_no_policy_is_refused(s3: Any, policy: str) -> None:
    assert status(s3.put_bucket_policy, Bucket="state", Policy=policy) == (400, "MalformedPolicy")


def test_names_are_everybodys_and_buckets_are_not(provider: Any, consumer: Any, s3: Any) -> None:
    other = consumer.client("s3")
    assert status(other.create_bucket, Bucket="state") == (409, "BucketAlreadyExists")
    s3.put_object(Bucket="state", Key="a", Body=b"x")
    assert status(other.get_object, Bucket="state", Key="a") == (403, "AccessDenied")
    assert status(other.list_objects_v2, Bucket="state") == (403, "AccessDenied")
    assert status(other.put_object, Bucket="state", Key="a", Body=b"y") == (403, "AccessDenied")
    assert status(other.delete_bucket, Bucket="state") == (403, "AccessDenied")
    assert status(other.head_bucket, Bucket="state") == (403, "403")
    other.create_bucket(Bucket="elsewhere")
    assert status(other.copy_object, Bucket="elsewhere", Key="a", CopySource="state/a") == (403, "AccessDenied")
    assert [one["Name"] for one in other.list_buckets()["Buckets"]] == ["elsewhere"]


def test_a_bucket_of_another_region(provider: Any) -> None:
    west = provider.session.client("s3", endpoint_url=provider.url, region_name="eu-west-1")
    place = {"Bucket": "west", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    west.create_bucket(**place)
    assert status(west.create_bucket, **place) == (409, "BucketAlreadyOwnedByYou")
    assert provider.client("s3").get_bucket_location(Bucket="west")["LocationConstraint"] == "eu-west-1"
    assert west.head_bucket(Bucket="west")["BucketRegion"] == "eu-west-1"


def test_an_expected_owner_who_is_not_the_owner(provider: Any, consumer: Any, s3: Any) -> None:
    s3.put_object(Bucket="state", Key="a", Body=b"x", ExpectedBucketOwner=provider.account)
    for call in (s3.get_object, s3.head_object, s3.delete_object):
        refused, _ = status(call, Bucket="state", Key="a", ExpectedBucketOwner=consumer.account)
        assert refused == 403
    written = status(s3.put_object, Bucket="state", Key="a", Body=b"y", ExpectedBucketOwner=consumer.account)
    assert written == (403, "AccessDenied")
    assert s3.get_object(Bucket="state", Key="a")["Body"].read() == b"x"


def test_lists_come_in_pages_and_a_token_that_is_none_is_refused(s3: Any) -> None:
    for number in range(5):
        s3.put_object(Bucket="state", Key=f"links/{number}", Body=b"x")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket="state", Prefix="links/", PaginationConfig={"PageSize": 2}
    )
    assert [[one["Key"] for one in page["Contents"]] for page in pages] == [
        ["links/0", "links/1"],
        ["links/2", "links/3"],
        ["links/4"],
    ]
    assert status(s3.list_objects_v2, Bucket="state", ContinuationToken="x") == (400, "InvalidArgument")


def test_what_is_stored_has_the_sandboxs_time(sandbox: world.World, s3: Any) -> None:
    sandbox.clock.advance(3600)
    s3.put_object(Bucket="state", Key="a", Body=b"x")
    written = s3.head_object(Bucket="state", Key="a")["LastModified"].timestamp()
    assert 0 <= sandbox.clock.now() - written < 1


def test_a_conflict_can_be_asked_for(served: gateway.Server, s3: Any) -> None:
    rule = {"name": "conflict", "action": "s3:PutObject", "effect": "error", "times": 1, "status": 409}
    document = {"rules": [{**rule, "code": "ConditionalRequestConflict"}]}
    control.set_faults(served.gateway, document, replace=True)
    write = {"Bucket": "state", "Key": "a", "Body": b"x", "IfNoneMatch": "*"}
    assert status(s3.put_object, **write) == (409, "ConditionalRequestConflict")
    s3.put_object(**write)
