"""Who calls: signatures that are checked, roles that are assumed, keys whose time ends."""

from __future__ import annotations

import http.client
import json
import pickle
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends

if TYPE_CHECKING:
    from collections.abc import Callable

    from plinkctl.sandbox import world
    from plinkctl.sandbox.door import gateway

ROLE = "arn:aws:iam::111111111111:role/deploy"
CONSUMER = "arn:aws:iam::222222222222:root"
#: Service, a call that changes nothing, and its arguments.
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("ec2", "describe_vpcs", {}),
    ("sts", "get_caller_identity", {}),
    ("iam", "list_roles", {}),
    ("elbv2", "describe_load_balancers", {}),
    ("logs", "describe_log_groups", {}),
    ("lambda", "list_functions", {}),
    ("s3", "list_buckets", {}),
    ("route53", "list_hosted_zones", {}),
]


def trusting(*principals: str, **condition: Any) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def role(provider: Any) -> Callable[..., str]:
    """Makes a role of the provider's with that trust; its ARN."""

    def make(trust: str, **more: Any) -> str:
        made = provider.client("iam").create_role(RoleName="deploy", AssumeRolePolicyDocument=trust, **more)
        return str(made["Role"]["Arn"])

    return make


def assume(side: Any, **more: Any) -> dict[str, Any]:
    asked = {"RoleArn": ROLE, "RoleSessionName": "run", **more}
    return dict(side.client("sts").assume_role(**asked))


def client(url: str, credentials: dict[str, Any], service: str, **changed: Any) -> Any:
    keys = {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials.get("SessionToken"),
        **changed,
    }
    settings = Config(retries={"total_max_attempts": 1})
    return boto3.Session(region_name="us-east-1", **keys).client(service, endpoint_url=url, config=settings)


def answer(method: Callable[..., Any], **arguments: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        method(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def send(url: str, method: str = "GET", body: bytes = b"", headers: Any = None) -> tuple[int, str]:
    """One plain request; status and text of the answer."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=10)
    try:
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        connection.request(method, f"{place.path or '/'}?{place.query}", body or None, {**kind, **dict(headers or {})})
        said = connection.getresponse()
        return said.status, said.read().decode()
    finally:
        connection.close()


# ---------------------------------------------------------------------------------------- signatures


@pytest.mark.parametrize(
    ("service", "method", "code", "status"),
    [
        ("ec2", "describe_vpcs", "AuthFailure", 401),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch", 403),
        ("iam", "list_roles", "SignatureDoesNotMatch", 403),
        ("elbv2", "describe_load_balancers", "SignatureDoesNotMatch", 403),
        ("logs", "describe_log_groups", "InvalidSignatureException", 400),
        ("lambda", "list_functions", "InvalidSignatureException", 403),
        ("s3", "list_buckets", "SignatureDoesNotMatch", 403),
        ("route53", "list_hosted_zones", "SignatureDoesNotMatch", 403),
    ],
)
def test_a_wrong_secret_is_refused_in_the_words_of_each_service(
    served: gateway.Server, provider: Any, service: str, method: str, code: str, status: int
) -> None:
    key = served.world.account("provider").access_key
    wrong = client(served.url, {"AccessKeyId": key, "SecretAccessKey": "wrong"}, service)
    assert answer(getattr(wrong, method)) == (code, status)
    assert served.gateway.calls[-1].error == code


@pytest.mark.parametrize("key", ["a b+c/d~e", "ä/ö", "x=y&z?q", "a//b", "a/../b", "p(1)!*'@:,;$"])
def test_names_with_odd_characters_are_signed_as_they_are(provider: Any, key: str) -> None:
    s3 = provider.client("s3")
    s3.create_bucket(Bucket="state")
    s3.put_object(Bucket="state", Key=key, Body=b"x")
    assert s3.list_objects_v2(Bucket="state", Prefix=key)["KeyCount"] == 1


def test_a_signature_is_for_one_body(served: gateway.Server, provider: Any) -> None:
    account = served.world.account("provider")
    request = AWSRequest("POST", served.url, data=b"Action=DescribeVpcs&Version=2016-11-15")
    SigV4Auth(Credentials(account.access_key, account.secret), "ec2", "us-east-1").add_auth(request)
    other = b"Action=CreateDefaultVpc&Version=2016-11-15"
    status, said = send(served.url, "POST", other, request.headers)
    assert (status, "AuthFailure" in said) == (401, True)


def _signed_at(served: gateway.Server, service: str, timestamp: str) -> str:
    """What is answered to a request that is signed rightly, for that moment."""
    account = served.world.account("provider")
    body = b"Action=DescribeVpcs&Version=2016-11-15" if service != "s3" else b""
    request = AWSRequest("POST" if body else "GET", served.url + "/", data=body)
    signer = SigV4Auth(Credentials(account.access_key, account.secret), service, "us-east-1")
    request.context["timestamp"] = timestamp
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    request.headers["X-Amz-Content-SHA256"] = signer.payload(request)
    canonical = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(canonical, request))
    return send(served.url + "/", "POST" if body else "GET", body, request.headers)[1]


@pytest.mark.parametrize(
    ("service", "code"), [("ec2", "RequestExpired"), ("sts", "SignatureDoesNotMatch"), ("s3", "RequestTimeTooSkewed")]
)
@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_request_signed_at_another_time_is_refused(
    served: gateway.Server, provider: Any, service: str, code: str, minutes: int
) -> None:
    timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() + 60 * minutes))
    assert f"<Code>{code}</Code>" in _signed_at(served, service, timestamp)


def test_a_request_signed_on_no_day_of_any_year_is_refused(served: gateway.Server, provider: Any) -> None:
    assert "<Code>AuthFailure</Code>" in _signed_at(served, "ec2", "20261399T000000Z")


def test_the_sandboxs_own_time_does_not_matter_to_signatures(sandbox: world.World, provider: Any) -> None:
    sandbox.clock.advance(30 * 24 * 3600)
    assert provider.client("ec2").describe_vpcs()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_presigned_address_opens_what_it_was_signed_for(served: gateway.Server, provider: Any) -> None:
    settings = Config(signature_version="s3v4")
    s3 = provider.session.client("s3", endpoint_url=served.url, config=settings)
    s3.create_bucket(Bucket="state")
    s3.put_object(Bucket="state", Key="a b", Body=b"content")
    address = s3.generate_presigned_url("get_object", Params={"Bucket": "state", "Key": "a b"})
    assert send(address) == (200, "content")
    assert (served.gateway.calls[-1].action, served.gateway.calls[-1].account) == ("GetObject", provider.account)
    for broken in (address.replace("a%20b", "c"), address.replace("Expires=3600", "Expires=9999")):
        assert "SignatureDoesNotMatch" in send(broken)[1]
    over = s3.generate_presigned_url("get_object", Params={"Bucket": "state", "Key": "a b"}, ExpiresIn=-1)
    status, said = send(over)
    assert (status, "Request has expired" in said) == (403, True)


def test_an_older_signature_is_told_apart_from_none(served: gateway.Server, provider: Any) -> None:
    s3 = provider.session.client("s3", endpoint_url=served.url, config=Config(signature_version="s3"))
    address = s3.generate_presigned_url("get_object", Params={"Bucket": "state", "Key": "a"})
    status, said = send(address)
    assert (status, "Please use AWS4-HMAC-SHA256" in said) == (400, True)


def test_an_inactive_or_deleted_key_is_nobodys(served: gateway.Server, provider: Any) -> None:
    iam = provider.client("iam")
    iam.create_user(UserName="ada")
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    ada = client(served.url, key, "sts")
    assert ada.get_caller_identity()["Arn"] == f"arn:aws:iam::{provider.account}:user/ada"
    iam.update_access_key(UserName="ada", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert answer(ada.get_caller_identity) == ("InvalidClientTokenId", 403)
    iam.update_access_key(UserName="ada", AccessKeyId=key["AccessKeyId"], Status="Active")
    ada.get_caller_identity()
    iam.delete_access_key(UserName="ada", AccessKeyId=key["AccessKeyId"])
    assert answer(ada.get_caller_identity) == ("InvalidClientTokenId", 403)


# ------------------------------------------------------------------------------------------- roles


def test_a_session_works_in_the_roles_account_for_every_service(
    served: gateway.Server, provider: Any, consumer: Any, role: Callable[..., str]
) -> None:
    role(trusting(CONSUMER))
    provider.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")
    given = assume(consumer)
    assert given["AssumedRoleUser"]["Arn"] == "arn:aws:sts::111111111111:assumed-role/deploy/run"
    credentials = given["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    who = client(served.url, credentials, "sts").get_caller_identity()
    assert (who["Account"], who["Arn"]) == (provider.account, given["AssumedRoleUser"]["Arn"])
    assert who["UserId"] == given["AssumedRoleUser"]["AssumedRoleId"]
    for service, method, arguments in CALLS:
        getattr(client(served.url, credentials, service), method)(**arguments)
    vpcs = client(served.url, credentials, "ec2").describe_vpcs()["Vpcs"]
    assert "10.9.0.0/16" in [one["CidrBlock"] for one in vpcs]


@pytest.mark.parametrize(
    "principal",
    ["*", "222222222222", CONSUMER, "arn:aws:iam::222222222222:user/consumer"],
)
def test_a_trust_policy_names_its_callers(consumer: Any, role: Callable[..., str], principal: str) -> None:
    role(trusting(principal))
    assert assume(consumer)["Credentials"]["SessionToken"]


@pytest.mark.parametrize(
    "principal",
    ["333333333333", "arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:user/other"],
)
def test_who_is_not_named_is_refused(consumer: Any, role: Callable[..., str], principal: str) -> None:
    role(trusting(principal))
    with pytest.raises(ClientError) as caught:
        assume(consumer)
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("AccessDenied", 403)
    assert error["Error"]["Message"].startswith(
        "User: arn:aws:iam::222222222222:user/consumer is not authorized to perform: sts:AssumeRole on resource: "
        f"{ROLE}"
    )


def test_a_role_that_is_not_there_is_refused_as_one_that_does_not_trust(consumer: Any) -> None:
    assert answer(assume, side=consumer) == ("AccessDenied", 403)
    assert answer(assume, side=consumer, RoleArn="arn:aws:iam::999999999999:role/x") == ("AccessDenied", 403)


def test_an_external_id_must_be_given(consumer: Any, role: Callable[..., str]) -> None:
    role(trusting(CONSUMER, StringEquals={"sts:ExternalId": "secret"}))
    assert answer(assume, side=consumer) == ("AccessDenied", 403)
    assert answer(assume, side=consumer, ExternalId="other") == ("AccessDenied", 403)
    assert assume(consumer, ExternalId="secret")["Credentials"]["SessionToken"]


def test_a_condition_nobody_knows_lets_nobody_in(consumer: Any, role: Callable[..., str], caplog: Any) -> None:
    role(trusting(CONSUMER, StringEquals={"aws:Moon": "full"}))
    assert answer(assume, side=consumer) == ("AccessDenied", 403)
    assert "aws:moon" in caplog.text


def test_a_session_can_assume_the_next_role(
    served: gateway.Server, provider: Any, consumer: Any, role: Callable[..., str]
) -> None:
    role(trusting(CONSUMER), MaxSessionDuration=7200)
    credentials = assume(consumer)["Credentials"]
    provider.client("iam").create_role(
        RoleName="next", AssumeRolePolicyDocument=trusting(ROLE), MaxSessionDuration=7200
    )
    sts = client(served.url, credentials, "sts")
    asked = {"RoleArn": "arn:aws:iam::111111111111:role/next", "RoleSessionName": "two"}
    assert sts.assume_role(**asked)["AssumedRoleUser"]["Arn"].endswith(":assumed-role/next/two")
    assert answer(sts.assume_role, **asked, DurationSeconds=7200) == ("ValidationError", 400)
    assert answer(assume, side=consumer, RoleArn=asked["RoleArn"]) == ("AccessDenied", 403)


def test_the_tags_of_a_session_are_allowed_by_the_trust_policy_and_seen_by_conditions(
    served: gateway.Server, sandbox: world.World, provider: Any, consumer: Any, role: Callable[..., str]
) -> None:
    def trust(*actions: str, who: str = CONSUMER, **condition: Any) -> str:
        statement = {"Effect": "Allow", "Principal": {"AWS": who}, "Action": list(actions), "Condition": condition}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    iam = provider.client("iam")
    role(trust("sts:AssumeRole"), Tags=[{"Key": "Team", "Value": "red"}, {"Key": "floor", "Value": "1"}])
    tags = [{"Key": "team", "Value": "blue"}, {"Key": "stage", "Value": "one"}]
    assert answer(assume, side=consumer, Tags=tags) == ("AccessDenied", 403)
    only: dict[str, Any] = {
        "StringEquals": {"aws:RequestTag/team": "blue"},
        "ForAllValues:StringEquals": {"sts:TransitiveTagKeys": "stage"},
    }
    iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=trust("sts:AssumeRole", "sts:TagSession", **only))
    assert answer(assume, side=consumer, Tags=[{"Key": "team", "Value": "green"}]) == ("AccessDenied", 403)
    assert answer(assume, side=consumer, Tags=tags, TransitiveTagKeys=["team"]) == ("AccessDenied", 403)
    first = assume(consumer, Tags=tags, TransitiveTagKeys=["stage"])["Credentials"]
    # The session's own tag comes before the role's; the role's others are still there.
    rights = trust("ec2:CreateVpc")
    document = json.loads(rights)
    document["Statement"][0] |= {"Resource": "*", "Condition": {"StringEquals": {
        "aws:PrincipalTag/team": "blue", "aws:PrincipalTag/floor": "1"}}}  # fmt: skip
    del document["Statement"][0]["Principal"]
    iam.put_role_policy(RoleName="deploy", PolicyName="p", PolicyDocument=json.dumps(document))
    sandbox.enforced = True
    assert client(served.url, first, "ec2").create_vpc(CidrBlock="10.8.0.0/16")
    iam.tag_role(RoleName="deploy", Tags=[{"Key": "floor", "Value": "2"}])
    assert answer(client(served.url, first, "ec2").create_vpc, CidrBlock="10.7.0.0/16")[0] == "UnauthorizedOperation"
    # What is transitive goes over into the next session, and cannot be given anew; the rest stays behind.
    sandbox.enforced = False
    by_tag: dict[str, Any] = {
        "StringEquals": {"aws:PrincipalTag/stage": "one"},
        "Null": {"aws:PrincipalTag/team": "true"},
    }
    iam.create_role(RoleName="next", AssumeRolePolicyDocument=trust("sts:AssumeRole", "sts:TagSession", who=ROLE))
    iam.create_role(RoleName="last", AssumeRolePolicyDocument=trust("sts:AssumeRole", who="*", **by_tag))
    sts = client(served.url, first, "sts")
    asked = {"RoleArn": "arn:aws:iam::111111111111:role/next", "RoleSessionName": "two"}
    last = asked | {"RoleArn": "arn:aws:iam::111111111111:role/last"}
    assert answer(sts.assume_role, **last) == ("AccessDenied", 403)
    refused = answer(sts.assume_role, **asked, Tags=[{"Key": "Stage", "Value": "two"}])
    assert refused == ("ValidationError", 400)
    second = sts.assume_role(**asked)["Credentials"]
    assert client(served.url, second, "sts").assume_role(**last)["Credentials"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]},
        {"Tags": [{"Key": f"k{number}", "Value": "v"} for number in range(51)]},
        {"Tags": [{"Key": "a", "Value": "x" * 257}]},
        {"Tags": [{"Key": "a", "Value": "1"}], "TransitiveTagKeys": ["b"]},
    ],
)
def test_tags_a_session_cannot_have(consumer: Any, role: Callable[..., str], wrong: dict[str, Any]) -> None:
    both = ["sts:AssumeRole", "sts:TagSession"]
    statement = {"Effect": "Allow", "Principal": {"AWS": CONSUMER}, "Action": both}
    role(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    settings = Config(parameter_validation=False)
    sts = consumer.session.client("sts", endpoint_url=consumer.url, config=settings)
    assert answer(sts.assume_role, RoleArn=ROLE, RoleSessionName="run", **wrong) == ("ValidationError", 400)


@pytest.mark.parametrize("seconds", [899, 3601, 43201])
def test_a_session_is_neither_too_short_nor_too_long(consumer: Any, role: Callable[..., str], seconds: int) -> None:
    role(trusting(CONSUMER))
    settings = Config(parameter_validation=False)
    sts = consumer.session.client("sts", endpoint_url=consumer.url, config=settings)
    refused = answer(sts.assume_role, RoleArn=ROLE, RoleSessionName="run", DurationSeconds=seconds)
    assert refused == ("ValidationError", 400)


@pytest.mark.parametrize(
    ("service", "method", "code"),
    [
        ("ec2", "describe_vpcs", "RequestExpired"),
        ("sts", "get_caller_identity", "ExpiredToken"),
        ("elbv2", "describe_load_balancers", "ExpiredToken"),
        ("logs", "describe_log_groups", "ExpiredTokenException"),
        ("lambda", "list_functions", "ExpiredTokenException"),
        ("s3", "list_buckets", "ExpiredToken"),
    ],
)
def test_a_session_ends_by_the_sandboxs_clock(
    served: gateway.Server, sandbox: world.World, consumer: Any, role: Any, service: str, method: str, code: str
) -> None:
    role(trusting(CONSUMER))
    credentials = assume(consumer, DurationSeconds=900)["Credentials"]
    assert credentials["Expiration"].timestamp() == pytest.approx(sandbox.clock.now() + 900, abs=1)
    call = getattr(client(served.url, credentials, service), method)
    sandbox.clock.advance(899)
    call()
    sandbox.clock.advance(1)
    assert answer(call)[0] == code


def test_a_session_without_its_token_is_nobody(served: gateway.Server, consumer: Any, role: Callable[..., str]) -> None:
    role(trusting(CONSUMER))
    one, other = assume(consumer)["Credentials"], assume(consumer)["Credentials"]
    for token in (None, other["SessionToken"], "x"):
        sts = client(served.url, one, "sts", aws_session_token=token)
        assert answer(sts.get_caller_identity) == ("InvalidClientTokenId", 403)
    s3 = client(served.url, one, "s3", aws_session_token=other["SessionToken"])
    assert answer(s3.list_buckets) == ("InvalidToken", 400)
    key = served.world.account("consumer")
    user = client(
        served.url, {"AccessKeyId": key.access_key, "SecretAccessKey": key.secret}, "sts", aws_session_token="x"
    )
    assert answer(user.get_caller_identity) == ("InvalidClientTokenId", 403)


def test_a_user_can_have_a_session_of_their_own(served: gateway.Server, consumer: Any) -> None:
    credentials = consumer.client("sts").get_session_token()["Credentials"]
    sts = client(served.url, credentials, "sts")
    assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::222222222222:user/consumer"
    assert answer(sts.get_session_token) == ("AccessDenied", 403)


def test_sessions_and_objects_come_back_with_what_they_hang_on(
    served: gateway.Server, provider: Any, consumer: Any, role: Callable[..., str]
) -> None:
    """Whoever keeps moto's state keeps these as well."""
    role(trusting(CONSUMER))
    credentials = assume(consumer)["Credentials"]
    s3 = provider.client("s3")
    s3.create_bucket(Bucket="state")
    s3.put_object(Bucket="state", Key="a", Body=b"content")
    s3.put_object(Bucket="state", Key="gone", Body=b"x")
    s3.delete_object(Bucket="state", Key="gone")
    with served.world.lock:
        for backends in (iam_backends, s3_backends):
            account = backends[provider.account]
            kept = pickle.dumps(dict(account))
            account.clear()
            account.update(pickle.loads(kept))  # noqa: S301 - written a moment ago, by us
    assert client(served.url, credentials, "sts").get_caller_identity()["Account"] == provider.account
    assert client(served.url, credentials, "s3").get_object(Bucket="state", Key="a")["Body"].read() == b"content"


def test_a_bucket_policy_lets_another_account_in(provider: Any, consumer: Any) -> None:
    s3, other = provider.client("s3"), consumer.client("s3")
    s3.create_bucket(Bucket="state")
    allowed = {"Effect": "Allow", "Principal": {"AWS": CONSUMER}, "Action": "s3:*Object"}
    statement = {**allowed, "Resource": "arn:aws:s3:::state/links/*"}
    s3.put_bucket_policy(Bucket="state", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    other.put_object(Bucket="state", Key="links/a", Body=b"x", IfNoneMatch="*")
    assert s3.get_object(Bucket="state", Key="links/a")["Body"].read() == b"x"
    assert answer(other.put_object, Bucket="state", Key="other", Body=b"x") == ("AccessDenied", 403)
    assert answer(other.list_objects_v2, Bucket="state") == ("AccessDenied", 403)


def test_a_bucket_policy_can_demand_conditional_writes(provider: Any) -> None:
    """AWS's example "only allow object uploads that include the if-none-match or if-match header"."""
    s3 = provider.client("s3")
    s3.create_bucket(Bucket="state")
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::state/*",
        "Condition": {
            "Null": {"s3:if-none-match": "true", "s3:if-match": "true"},
            "Bool": {"s3:ObjectCreationOperation": "true"},
        },
    }
    s3.put_bucket_policy(Bucket="state", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    place = {"Bucket": "state", "Key": "state.json"}
    assert answer(s3.put_object, **place, Body=b"x") == ("AccessDenied", 403)
    etag = s3.put_object(**place, Body=b"x", IfNoneMatch="*")["ETag"]
    s3.put_object(**place, Body=b"y", IfMatch=etag)
    upload = s3.create_multipart_upload(**place)["UploadId"]
    part = s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"z")["ETag"]
    parts = {"UploadId": upload, "MultipartUpload": {"Parts": [{"ETag": part, "PartNumber": 1}]}}
    assert answer(s3.complete_multipart_upload, **place, **parts) == ("AccessDenied", 403)
    etag = s3.head_object(**place)["ETag"]
    s3.complete_multipart_upload(**place, **parts, IfMatch=etag)
