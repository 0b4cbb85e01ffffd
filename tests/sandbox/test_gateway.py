"""The gateway: who may come in, what a client is told when something is wrong, what is written down."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.parsers import create_parser

from plinkctl.sandbox import world
from plinkctl.sandbox.access.questions import Asking, questions
from plinkctl.sandbox.door import blame, gateway
from plinkctl.sandbox.door.wires import loopback

if TYPE_CHECKING:
    from collections.abc import Callable


def ask(server: gateway.Server, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
    """One plain HTTP request; status and text of the answer."""
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=10)
    try:
        content = json.dumps(body) if body is not None else None
        connection.request(method, path, body=content, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def signed(server: gateway.Server, service: str = "ec2", body: str = "", path: str = "/") -> dict[str, str]:
    """The headers by which a POST of that body proves who sends it."""
    account = server.world.account("provider")
    request = AWSRequest("POST", server.url + path, data=body.encode())
    SigV4Auth(Credentials(account.access_key, account.secret), service, "us-east-1").add_auth(request)
    return dict(request.headers)


def bearer(server: gateway.Server) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token}"}


@pytest.mark.parametrize(
    ("service", "method", "code", "status"),
    [
        ("ec2", "describe_vpcs", "AuthFailure", 401),
        ("sts", "get_caller_identity", "InvalidClientTokenId", 403),
        ("iam", "list_roles", "InvalidClientTokenId", 403),
        ("elbv2", "describe_load_balancers", "InvalidClientTokenId", 403),
        ("logs", "describe_log_groups", "UnrecognizedClientException", 400),
        ("lambda", "list_functions", "UnrecognizedClientException", 403),
        ("s3", "list_buckets", "InvalidAccessKeyId", 403),
    ],
)
def test_an_unknown_key_is_refused_in_the_words_of_each_service(
    served: gateway.Server, sandbox: world.World, service: str, method: str, code: str, status: int
) -> None:
    stranger = boto3.Session("AKIA" + "X" * 16, "secret", region_name="us-east-1")
    with pytest.raises(ClientError) as caught:
        getattr(stranger.client(service, endpoint_url=served.url), method)()
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert (served.gateway.calls[-1].account, served.gateway.calls[-1].error) == (None, code)


def test_the_usual_test_keys_and_account_numbers_are_unknown_too(served: gateway.Server, sandbox: world.World) -> None:
    for key in ("test", "testing", "111111111111", "AKIAIOSFODNN7EXAMPLE", "FKIA" + "0" * 16):
        stranger = boto3.Session(key, "test", region_name="us-east-1").client("sts", endpoint_url=served.url)
        with pytest.raises(ClientError):
            stranger.get_caller_identity()


def test_a_key_made_inside_the_sandbox_opens_its_account(served: gateway.Server, provider: Any) -> None:
    iam = provider.client("iam")
    iam.create_user(UserName="ada")
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
    who = session.client("sts", endpoint_url=served.url).get_caller_identity()
    assert (who["Account"], who["Arn"]) == (provider.account, f"arn:aws:iam::{provider.account}:user/ada")


def test_no_header_makes_a_caller_somebody_else(served: gateway.Server, provider: Any, consumer: Any) -> None:
    provider.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")
    body = "Action=DescribeVpcs&Version=2016-11-15"
    place = urlsplit(served.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=10)
    headers = {
        **signed(served, body=body),
        "Content-Type": "application/x-www-form-urlencoded",
        "x-moto-account-id": consumer.account,
    }
    connection.request("POST", "/", body=body, headers=headers)
    assert b"10.9.0.0/16" in connection.getresponse().read()
    connection.close()


@pytest.mark.parametrize("origin", ["https://example.test", "null", ""])
def test_a_browser_is_turned_away_whatever_key_it_has(
    served: gateway.Server, sandbox: world.World, origin: str
) -> None:
    number = served.gateway.calls[-1].number if served.gateway.calls else 0
    assert ask(served, "POST", "/", Origin=origin, **signed(served))[0] == 403
    assert ask(served, "OPTIONS", "/2015-03-31/functions/x/invocations", Origin=origin)[0] == 403
    assert ask(served, "GET", "/_sandbox/status", Origin=origin, **bearer(served))[0] == 403
    assert (served.gateway.calls[-1].number if served.gateway.calls else 0) == number


def test_a_name_that_was_made_to_lead_here_is_turned_away(served: gateway.Server, sandbox: world.World) -> None:
    port = served.url.rpartition(":")[2]
    for host in (f"attacker.test:{port}", "attacker.test", f"127.0.0.1.attacker.test:{port}"):
        assert ask(served, "GET", "/", Host=host, **signed(served))[0] == 403
    assert ask(served, "GET", "/_sandbox/status", Host=f"localhost:{port}", **bearer(served))[0] == 200


def test_only_loopback_is_listened_on_and_heard(served: gateway.Server, sandbox: world.World) -> None:
    assert served.url.startswith("http://127.0.0.1:")
    environ = {"REMOTE_ADDR": "192.0.2.1", "HTTP_HOST": "127.0.0.1:1", "PATH_INFO": "/", "REQUEST_METHOD": "GET"}
    said: list[str] = []
    served.gateway(environ, lambda status, *_: said.append(status))
    assert said[0].startswith("403")


def test_motos_own_pages_are_closed(served: gateway.Server, provider: Any) -> None:
    provider.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")
    for path in ("/moto-api/reset", "/moto-api/data.json", "/latest/meta-data/", "/moto-api/"):
        assert ask(served, "POST", path, **signed(served))[0] == 403
    assert "10.9.0.0/16" in [one["CidrBlock"] for one in provider.client("ec2").describe_vpcs()["Vpcs"]]


@pytest.mark.parametrize(
    ("service", "method", "arguments", "name"),
    [
        ("ec2", "describe_fpga_images", {}, "ec2:DescribeFpgaImages"),
        ("elbv2", "describe_trust_stores", {}, "elasticloadbalancing:DescribeTrustStores"),
        ("logs", "get_log_record", {"logRecordPointer": "x"}, "logs:GetLogRecord"),
        ("lambda", "get_runtime_management_config", {"FunctionName": "x"}, "GetRuntimeManagementConfig"),
    ],
)
def test_an_action_that_is_not_there_is_named_in_a_clear_refusal(
    provider: Any, service: str, method: str, arguments: dict[str, Any], name: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(provider.client(service), method)(**arguments)
    assert name in caught.value.response["Error"]["Message"]
    assert 400 <= caught.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500


def test_what_moto_has_only_on_request_is_named_in_a_clear_refusal(provider: Any) -> None:
    with pytest.raises(ClientError) as caught:
        provider.client("apigateway").get_rest_apis()
    assert caught.value.response["Error"]["Code"] == "InvalidAction"
    assert "apigateway:GetRestApis; it would need the Python module" in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("service", "method", "arguments", "code"),
    [
        ("ec2", "delete_transit_gateway", {"TransitGatewayId": "x"}, "InvalidParameterValue"),
        ("sns", "delete_platform_application", {"PlatformApplicationArn": "x"}, "InvalidParameter"),
        ("batch", "update_scheduling_policy", {"arn": "x"}, "ValidationException"),
    ],
)
def test_what_moto_fails_at_is_the_callers_to_put_right(
    provider: Any, caplog: pytest.LogCaptureFixture, service: str, method: str, arguments: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(provider.client(service), method)(**arguments)
    error = caught.value.response["Error"]
    assert (error["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]) == (code, 400)
    assert ".py" not in error["Message"]
    assert "Traceback" in caplog.text


def test_a_client_that_speaks_cbor_can_read_a_refusal(served: gateway.Server, sandbox: world.World) -> None:
    path = "/service/GraniteServiceVersion20100801/operation/DescribeAnomalyDetectors"
    place = urlsplit(served.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=10)
    headers = {"Smithy-Protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"}
    connection.request("POST", path, headers={**headers, **signed(served, "monitoring", path=path)})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert (answer.status, answer.headers["Smithy-Protocol"]) == (404, "rpc-v2-cbor")
    read = create_parser("smithy-rpc-v2-cbor").parse(
        {"status_code": answer.status, "headers": dict(answer.headers), "body": content}, None
    )
    assert read["Error"]["Code"] == "UnknownOperationException"
    assert "monitoring:DescribeAnomalyDetectors" in read["Error"]["Message"]
    assert served.gateway.calls[-1].action == "DescribeAnomalyDetectors"


def test_a_failure_of_our_own_is_a_plain_500_and_the_traceback_stays_at_home(
    served: gateway.Server, sandbox: world.World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "quotas", None)  # a state in which the sandbox's own code must fail
    body = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16"
    place = urlsplit(served.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=10)
    headers = {**signed(served, body=body), "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/", body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 500
    assert "<Code>InternalError</Code>" in text
    assert "Traceback" not in text
    assert ".py" not in text
    assert "Traceback" in caplog.text


def test_what_our_code_asks_of_moto_is_ours_to_answer_for(sandbox: world.World) -> None:
    asking = Asking(
        service="lambda", action="GetFunction", account="1" * 12, region="nowhere", parameters={"FunctionName": "x"}
    )
    with pytest.raises(KeyError) as caught:
        questions(asking)
    assert "/moto/" in str(caught.traceback[-1].path)
    assert not blame.motos(caught.value)


def test_a_request_that_is_too_large_is_not_read(served: gateway.Server, sandbox: world.World) -> None:
    assert ask(served, "POST", "/", Content_Length=str(10**9), **signed(served))[0] == 413


@pytest.mark.parametrize("length", ["-1", "many", "1e3"])
def test_a_length_that_is_none_is_refused(served: gateway.Server, sandbox: world.World, length: str) -> None:
    assert ask(served, "POST", "/", Content_Length=length, **signed(served))[0] == 400


def test_a_slow_caller_does_not_hold_up_the_others(served: gateway.Server, provider: Any) -> None:
    place = urlsplit(served.url)
    with socket.create_connection((place.hostname, place.port), timeout=10) as slow:
        head = (
            f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{place.port}\r\nAuthorization: {signed(served)['Authorization']}\r\n"
        )
        slow.sendall(f"{head}Content-Length: 100\r\n\r\nAction=".encode())
        assert provider.client("ec2").describe_vpcs()["Vpcs"]


@pytest.mark.parametrize(
    "begun", ["", "POST", "POST / HTTP/1.1\r\nHost: 127", "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"]
)
def test_many_who_stop_in_the_middle_hold_up_nobody(served: gateway.Server, provider: Any, begun: str) -> None:
    place = urlsplit(served.url)
    with contextlib.ExitStack() as opened:
        for _ in range(30):
            half = opened.enter_context(socket.create_connection((place.hostname, place.port), timeout=10))
            half.sendall(begun.encode())
        assert provider.client("ec2").describe_vpcs()["Vpcs"]


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 on loopback")
def test_the_same_port_answers_on_ipv6_and_turns_the_same_away(served: gateway.Server, sandbox: world.World) -> None:
    port = urlsplit(served.url).port

    def status(**headers: str) -> int:
        connection = http.client.HTTPConnection("::1", port, timeout=10)
        try:
            connection.request("GET", "/_sandbox/status", headers={**bearer(served), **headers})
            return connection.getresponse().status
        finally:
            connection.close()

    assert status() == 200
    assert status(Host=f"localhost:{port}") == 200
    assert status(Host="evil.example:80") == 403
    assert status(Host=f"[2001:db8::1]:{port}") == 403
    assert status(Origin="http://evil.example") == 403
    assert status(Authorization="Bearer guessed") == 403
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken, pytest.raises(OSError, match="in use"):
        loopback(taken.getsockname()[1])


def test_every_call_is_written_down(served: gateway.Server, provider: Any, refused: Callable[..., str]) -> None:
    ec2 = provider.client("ec2")
    answer = ec2.create_vpc(CidrBlock="10.9.0.0/16")
    refused("InvalidVpcID.NotFound", ec2.delete_vpc, VpcId="vpc-00000000000000000")
    provider.client("lambda").list_functions()
    made, failed, listed = list(served.gateway.calls)[-3:]
    assert (made.account, made.service, made.action, made.status) == ("111111111111", "ec2", "CreateVpc", 200)
    assert made.request_id == answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    assert made.region == "us-east-1"
    assert (failed.action, failed.status, failed.error) == ("DeleteVpc", 400, "InvalidVpcID.NotFound")
    assert (listed.service, listed.action, listed.error) == ("lambda", "ListFunctions", None)
    assert made.number < failed.number < listed.number


def test_parallel_callers_lose_nothing(served: gateway.Server, sandbox: world.World, provider: Any) -> None:
    sandbox.quotas = {"vpcs": 100}
    ec2 = provider.client("ec2")
    before = served.gateway.calls[-1].number if served.gateway.calls else 0

    def work(number: int) -> None:
        for step in range(5):
            ec2.create_vpc(CidrBlock=f"10.{number}.{step}.0/24")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([one for one in ec2.describe_vpcs()["Vpcs"] if one["CidrBlock"].endswith("/24")]) == 40
    assert served.gateway.calls[-1].number == before + 41


@pytest.mark.parametrize("path", ["status", "calls", "flows", "nothing"])
def test_control_paths_need_the_token(served: gateway.Server, sandbox: world.World, path: str) -> None:
    assert ask(served, "GET", f"/_sandbox/{path}")[0] == 403
    assert ask(served, "GET", f"/_sandbox/{path}", Authorization="Bearer wrong")[0] == 403
    assert ask(served, "GET", f"/_sandbox/{path}", **signed(served))[0] == 403


def test_control_paths_say_what_runs_and_what_happened(served: gateway.Server, provider: Any) -> None:
    status = json.loads(ask(served, "GET", "/_sandbox/status", **bearer(served))[1])
    assert status["profile"] == "instant"
    assert status["accounts"] == {"provider": "111111111111", "consumer": "222222222222"}
    provider.client("ec2").describe_vpcs()
    calls = json.loads(ask(served, "GET", f"/_sandbox/calls?since={status['calls']}", **bearer(served))[1])
    assert [one["action"] for one in calls] == ["DescribeVpcs"]
    assert json.loads(ask(served, "GET", "/_sandbox/flows?since=999999", **bearer(served))[1]) == []
    assert ask(served, "GET", "/_sandbox/nothing", **bearer(served))[0] == 404
    assert ask(served, "GET", "/_sandbox/calls?since=x", **bearer(served))[0] == 400


def test_the_clock_can_be_moved_and_its_speed_set(served: gateway.Server, sandbox: world.World) -> None:
    before = sandbox.clock.now()
    assert ask(served, "POST", "/_sandbox/clock", {"advance": 90, "speed": 0}, **bearer(served))[0] == 200
    assert sandbox.clock.now() == before + 90
    assert sandbox.clock.speed == 0


@pytest.mark.parametrize(
    "wish",
    [
        {},
        [],
        {"advance": -1},
        {"speed": "fast"},
        {"advance": True},
        {"back": 1},
        {"advance": 1e308},
        {"speed": 10**400},
    ],
)
def test_a_clock_that_makes_no_sense_is_refused(served: gateway.Server, sandbox: world.World, wish: Any) -> None:
    before = sandbox.clock.now()
    status, text = ask(served, "POST", "/_sandbox/clock", wish, **bearer(served))
    assert status == 400
    assert json.loads(text)["error"]
    assert sandbox.clock.now() == before


def test_a_clock_that_runs_ever_so_fast_comes_to_a_stand_and_everything_goes_on(
    served: gateway.Server, sandbox: world.World, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "clock", world.Clock())  # the world is other tests' too
    assert ask(served, "POST", "/_sandbox/clock", {"speed": 1e300}, **bearer(served))[0] == 200
    status, text = ask(served, "GET", "/_sandbox/status", **bearer(served))
    assert (status, json.loads(text)["clock"]["now"][:4]) == (200, "9000")
    assert provider.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


def test_a_body_that_is_nested_without_end_is_refused(served: gateway.Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    body = b"[" * 100_000 + b"]" * 100_000
    connection.request("POST", "/_sandbox/settings", body=body, headers=bearer(served))
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]) == (400, "the JSON is nested too deeply")
    connection.close()


def test_settings_are_told_and_taken_and_given_back(served: gateway.Server, sandbox: world.World) -> None:
    def settings(wish: Any = None) -> Any:
        status, text = ask(served, "POST" if wish else "GET", "/_sandbox/settings", wish, **bearer(served))
        assert status == 200, text
        return json.loads(text)

    before = settings()
    assert (before["visibility"], before["page_size"], before["quotas"]["vpcs"]) == (0, None, 5)
    taken = settings({"visibility": 2.5, "page_size": 1, "quotas": {"vpcs": 100, "roles": 3}, "seed": 7})
    assert (taken["visibility"], taken["page_size"], taken["seed"]) == (2.5, 1, 7)
    assert (taken["quotas"]["vpcs"], taken["quotas"]["roles"]) == (100, 3)
    assert settings({"quotas": {"vpcs": None}})["quotas"] == before["quotas"] | {"roles": 3}
    assert settings({"visibility": None, "page_size": None, "quotas": None, "seed": None}) == before


@pytest.mark.parametrize(
    "wish",
    [
        {}, [], {"pages": 1}, {"page_size": 0}, {"page_size": 1.5}, {"visibility": -1}, {"visibility": "long"},
        {"quotas": {"vpcs": -1}}, {"quotas": {"cats": 1}}, {"quotas": 3}, {"page_size": 1, "seed": True},
        {"page_size": 10**400},
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused_whole(served: gateway.Server, sandbox: world.World, wish: Any) -> None:
    status, text = ask(served, "POST", "/_sandbox/settings", wish, **bearer(served))
    assert status == 400
    assert json.loads(text)["error"]
    assert (sandbox.page_size, sandbox.visibility, sandbox.quotas, sandbox.seed) == (None, 0, {}, 0)


def test_reset_takes_the_resources_and_leaves_the_keys(served: gateway.Server, provider: Any) -> None:
    ec2 = provider.client("ec2")
    ec2.create_vpc(CidrBlock="10.9.0.0/16")
    assert ask(served, "POST", "/_sandbox/reset", **bearer(served))[0] == 200
    assert [one["CidrBlock"] for one in ec2.describe_vpcs()["Vpcs"]] == ["172.31.0.0/16"]
    assert [one.action for one in served.gateway.calls] == ["DescribeVpcs"]


def test_a_profile_with_latency_takes_its_time(served: gateway.Server, sandbox: world.World, provider: Any) -> None:
    ec2 = provider.client("ec2")
    sandbox.profile = world.REAL
    sandbox.clock.speed = 1
    ec2.describe_vpcs()
    assert served.gateway.calls[-1].ms >= 120


def test_a_taken_port_is_an_error_and_not_an_exit(served: gateway.Server, sandbox: world.World) -> None:
    taken = int(served.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        gateway.Server(served.gateway, token="x", port=taken)


def form(service: str, text: str, server: gateway.Server) -> tuple[int, str]:
    """A request of the query protocol with that body."""
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=10)
    try:
        headers = {**signed(server, service, text), "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/", body=text.encode(), headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("service", "text", "words"),
    [
        ("ec2", "Action=DescribeVpcs&Version=2009-11-30", "<Code>NoSuchVersion</Code>"),
        ("ec2", "Action=DescribeVpcs&Version=tomorrow", "for version tomorrow; the local AWS has 2016-11-15"),
        ("iam", "Action=ListRoles&Version=2016-11-15", "<Code>InvalidAction</Code>"),
        ("elasticloadbalancing", "Action=DescribeLoadBalancers&Version=2011-01-01", "2012-06-01 and 2015-12-01"),
        ("ec2", "", "<Code>MissingAction</Code>"),
        ("ec2", "Version=2016-11-15", "<Code>MissingAction</Code>"),
        ("ec2", "%ff%fe=&&&=;", "<Code>MissingAction</Code>"),
        ("ec2", "Action=MakeCoffee&Version=2016-11-15", "ec2:MakeCoffee"),
        ("sts", "Action=", "sts"),
        ("ec2", "Action=CreateTags&Version=2016-11-15", "<Code>MissingParameter</Code>"),
        ("elasticloadbalancing", "Action=CreateLoadBalancer&Version=2015-12-01", "Value null at 'Name' failed"),
        ("frobnicator", "Action=Frob", "The local AWS has no service frobnicator. It stands for "),
    ],
)
def test_what_cannot_be_answered_is_named_in_the_callers_protocol(
    served: gateway.Server, sandbox: world.World, service: str, text: str, words: str
) -> None:
    status, answer = form(service, text, served)
    assert 400 <= status < 500
    assert words in answer
    assert answer.startswith(("<", "<?xml"))


def test_a_service_that_is_not_here_is_told_which_are(served: gateway.Server, sandbox: world.World) -> None:
    status, text = ask(served, "POST", "/things", {"a": 1}, **signed(served, "frobnicator", '{"a": 1}', "/things"))
    assert (status, json.loads(text)["__type"]) == (404, "UnknownService")
    assert "acm, ec2, elasticloadbalancing, iam, lambda" in json.loads(text)["message"]


@pytest.mark.parametrize("body", ["{", "[]", "null", "\x00", '{"a":' * 3000])
def test_a_body_that_is_no_json_is_a_clear_refusal(served: gateway.Server, sandbox: world.World, body: str) -> None:
    place = urlsplit(served.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=10)
    headers = {**signed(served, "logs", body), "X-Amz-Target": "Logs_20140328.CreateLogGroup"}
    connection.request("POST", "/", body=body, headers={**headers, "Content-Type": "application/x-amz-json-1.1"})
    answer = connection.getresponse()
    assert 400 <= answer.status < 500
    assert json.loads(answer.read())["__type"] == "SerializationException"
    connection.close()


def test_a_body_in_chunks_is_read(served: gateway.Server, provider: Any) -> None:
    place = urlsplit(served.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=10)
    parts = ["Action=CreateVpc&Version=2016-11-15", "&CidrBlock=10.", "9.0.0%2F16"]
    headers = {**signed(served, body="".join(parts)), "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/", body=iter(part.encode() for part in parts), headers=headers, encode_chunked=True)
    assert b"10.9.0.0/16" in connection.getresponse().read()
    connection.close()


def test_one_connection_serves_one_request_after_the_other(served: gateway.Server, provider: Any) -> None:
    place = urlsplit(served.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=10)
    body = "Action=DescribeVpcs&Version=2016-11-15"
    headers = {**signed(served, body=body), "Content-Type": "application/x-www-form-urlencoded"}
    for _ in range(3):
        connection.request("POST", "/", body=body, headers=headers)
        answer = connection.getresponse()
        assert answer.getheader("Connection") == "keep-alive"
        assert b"vpcSet" in answer.read()
        first = connection.sock
        assert first is not None
    connection.request("POST", "/", body="x", headers={**headers, "Origin": "null"})
    refusal = connection.getresponse()
    assert (refusal.status, refusal.getheader("Connection")) == (403, "close")
    connection.close()


def test_equal_calls_have_equal_digests_whoever_signs_them_when(
    served: gateway.Server, provider: Any, consumer: Any
) -> None:
    def digest(side: Any, block: str) -> str:
        side.client("ec2").create_vpc(CidrBlock=block)
        return str(served.gateway.calls[-1].digest)

    first = digest(provider, "10.9.0.0/16")
    assert first == digest(provider, "10.9.0.0/16") == digest(consumer, "10.9.0.0/16")
    assert first != digest(provider, "10.8.0.0/16")
    logs = provider.client("logs")
    for name in ("one", "two"):
        logs.create_log_group(logGroupName=name)
    assert served.gateway.calls[-1].digest != served.gateway.calls[-2].digest
    assert len(first) == 16
    assert set(first) <= set("0123456789abcdef")


def test_the_call_log_holds_no_secret(served: gateway.Server, provider: Any) -> None:
    iam = provider.client("iam")
    iam.create_user(UserName="canary-user")
    iam.create_login_profile(UserName="canary-user", Password="canary-secret-1")
    session = provider.session.get_credentials()
    text = ask(served, "GET", "/_sandbox/calls", **bearer(served))[1]
    assert "CreateLoginProfile" in text
    for secret in ("canary-secret-1", session.secret_key, session.access_key, served.token):
        assert secret not in text
