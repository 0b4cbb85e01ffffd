"""Faults on request, through real HTTP: what the caller sees, and what has happened behind it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, ReadTimeoutError
from botocore.parsers import ResponseParserError
from test_gateway import ask, bearer
from whole import TRUST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Side
    from plinkctl.sandbox import world
    from plinkctl.sandbox.door import gateway


@pytest.fixture
def faults(served: gateway.Server, sandbox: world.World) -> Callable[..., None]:
    """Sets one rule."""

    def call(action: str, effect: str, **more: Any) -> None:
        rule = {"name": "it", "action": action, "effect": effect, **more}
        status, text = ask(served, "POST", "/_sandbox/faults?replace=1", {"rules": [rule]}, **bearer(served))
        assert status == 200, text

    return call


def blocks(side: Side) -> list[str]:
    """The blocks of all VPCs but the default one."""
    found = [one["CidrBlock"] for one in side.client("ec2").describe_vpcs()["Vpcs"] if not one["IsDefault"]]
    return sorted(found)


def make(side: Side) -> Any:
    return side.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[str, int]:
    """Code and status of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def last(served: gateway.Server) -> Any:
    return served.gateway.calls[-1]


# ------------------------------------------------------------------------------------------- errors


def test_an_error_before_the_effect_leaves_nothing(
    served: gateway.Server, provider: Side, faults: Callable[..., None]
) -> None:
    faults("ec2:CreateVpc", "error", code="VpcLimitExceeded", message="no more", status=400, times=1)
    with pytest.raises(ClientError, match="no more"):
        make(provider)
    assert (last(served).error, last(served).fault) == ("VpcLimitExceeded", "it: error, before")
    assert blocks(provider) == []
    make(provider)
    assert last(served).fault is None
    assert blocks(provider) == ["10.9.0.0/16"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_after_the_effect_hides_that_it_is_done(
    provider: Side, faults: Callable[..., None], status: int
) -> None:
    faults("ec2:CreateVpc", "error", when="after", status=status)
    assert refusal(make, side=provider) == ("InternalError", status)
    assert blocks(provider) == ["10.9.0.0/16"]


@pytest.mark.parametrize("body", ["html", "empty"])
def test_an_error_can_come_as_no_aws_would_say_it(provider: Side, faults: Callable[..., None], body: str) -> None:
    faults("ec2:CreateVpc", "error", when="after", status=502, body=body)
    with pytest.raises(Exception, match=r"502|invalid XML") as caught:
        make(provider)
    assert not isinstance(caught.value, AssertionError)
    assert blocks(provider) == ["10.9.0.0/16"]


_FIRST: dict[str, tuple[str, str]] = {
    "ec2": ("describe_vpcs", "ec2:DescribeVpcs"),
    "elbv2": ("describe_load_balancers", "elbv2:DescribeLoadBalancers"),
    "iam": ("list_roles", "iam:ListRoles"),
    "sts": ("get_caller_identity", "sts:GetCallerIdentity"),
    "lambda": ("list_functions", "lambda:ListFunctions"),
    "logs": ("describe_log_groups", "logs:DescribeLogGroups"),
}


@pytest.mark.parametrize(
    ("effect", "service", "code", "status"),
    [
        ("throttle", "ec2", "RequestLimitExceeded", 503),
        ("throttle", "elbv2", "Throttling", 400),
        ("throttle", "iam", "Throttling", 400),
        ("throttle", "lambda", "TooManyRequestsException", 429),
        ("throttle", "logs", "ThrottlingException", 400),
        ("expired", "ec2", "RequestExpired", 400),
        ("expired", "elbv2", "ExpiredToken", 403),
        ("expired", "sts", "ExpiredToken", 403),
        ("expired", "lambda", "ExpiredTokenException", 403),
        ("expired", "logs", "ExpiredTokenException", 400),
        ("denied", "ec2", "UnauthorizedOperation", 403),
        ("denied", "elbv2", "AccessDenied", 403),
        ("denied", "iam", "AccessDenied", 403),
        ("denied", "lambda", "AccessDeniedException", 403),
        ("denied", "logs", "AccessDeniedException", 400),
    ],
)
def test_each_service_refuses_in_its_own_words(
    provider: Side, faults: Callable[..., None], effect: str, service: str, code: str, status: int
) -> None:
    method, action = _FIRST[service]
    faults(action, effect)
    assert refusal(getattr(provider.client(service), method)) == (code, status)


def test_the_other_account_is_left_in_peace(provider: Side, consumer: Side, faults: Callable[..., None]) -> None:
    faults("*", "expired", account="provider", after=1)
    provider.client("ec2").describe_vpcs()
    assert refusal(provider.client("ec2").describe_vpcs)[0] == "RequestExpired"
    assert consumer.client("sts").get_caller_identity()["Account"] == consumer.account


# ------------------------------------------------------------------------------------- the connection


@pytest.mark.parametrize(("when", "left"), [("before", []), ("after", ["10.9.0.0/16"])])
def test_a_reset_tells_nothing_of_what_is_done(
    served: gateway.Server, provider: Side, faults: Callable[..., None], when: str, left: list[str]
) -> None:
    faults("ec2:CreateVpc", "reset", when=when, times=1)
    with pytest.raises(HTTPClientError, match=r"reset|closed"):
        make(provider)
    assert last(served).fault == f"it: reset, {when}"
    assert blocks(provider) == left


def test_half_a_body_is_noticed_and_the_call_is_done(provider: Side, faults: Callable[..., None]) -> None:
    faults("ec2:CreateVpc", "half", times=1)
    with pytest.raises(ResponseParserError):  # botocore does not compare with the length that was stated
        make(provider)
    assert blocks(provider) == ["10.9.0.0/16"]


@pytest.fixture
def impatient(provider: Side) -> Any:
    """An EC2 client that reads for half a second at most."""
    settings = Config(read_timeout=0.5, retries={"total_max_attempts": 1})
    return provider.session.client("ec2", endpoint_url=provider.url, config=settings)


def test_a_hanging_answer_ends_when_its_client_leaves(
    provider: Side, impatient: Any, faults: Callable[..., None]
) -> None:
    faults("ec2:CreateVpc", "hang", when="after", times=1)
    with pytest.raises(ReadTimeoutError):
        impatient.create_vpc(CidrBlock="10.9.0.0/16")
    assert blocks(provider) == ["10.9.0.0/16"]


def test_a_hanging_answer_ends_by_itself(provider: Side, faults: Callable[..., None]) -> None:
    faults("ec2:CreateVpc", "hang", seconds=0.05)
    with pytest.raises(ConnectionClosedError):
        make(provider)
    assert blocks(provider) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_latency_is_in_the_log_and_the_call_is_done(
    served: gateway.Server, provider: Side, faults: Callable[..., None], when: str
) -> None:
    faults("ec2:CreateVpc", "latency", when=when, seconds=0.1)
    make(provider)
    assert last(served).ms >= 100
    assert last(served).fault == f"it: latency of 0.1 s, {when}"
    assert blocks(provider) == ["10.9.0.0/16"]


def test_one_connection_serves_many_requests_and_a_fault_ends_only_its_own(
    served: gateway.Server, provider: Side, faults: Callable[..., None]
) -> None:
    faults("ec2:CreateVpc", "reset", nth=2)
    make(provider)
    with pytest.raises(HTTPClientError):
        make(provider)
    make(provider)
    assert blocks(provider) == ["10.9.0.0/16", "10.9.0.0/16"]


# ------------------------------------------------------------------------------------------ late effects


@pytest.mark.parametrize("effect", ["reset", "error"])
def test_an_effect_can_land_long_after_its_answer_was_lost(
    served: gateway.Server, sandbox: world.World, provider: Side, faults: Callable[..., None], effect: str
) -> None:
    before = served.gateway.calls.last
    faults("ec2:CreateVpc", effect, when="late", delay=30, times=1)
    with contextlib.suppress(HTTPClientError, ClientError):
        make(provider)
    sandbox.clock.advance(29)
    assert blocks(provider) == []
    sandbox.clock.advance(1)
    assert blocks(provider) == ["10.9.0.0/16"]
    landed = [call for call in served.gateway.calls.above(before) if call.fault == "it: landed late"]
    assert [(call.action, call.status, call.account) for call in landed] == [("CreateVpc", 200, provider.account)]


def test_an_effect_lands_as_soon_as_the_clock_is_advanced(
    served: gateway.Server, sandbox: world.World, provider: Side, faults: Callable[..., None]
) -> None:
    faults("ec2:CreateVpc", "reset", when="late", delay=30)
    with pytest.raises(HTTPClientError):
        make(provider)
    status = json.loads(ask(served, "GET", "/_sandbox/faults", **bearer(served))[1])
    assert status["landing"] == 1
    assert json.loads(ask(served, "POST", "/_sandbox/clock", {"advance": 30}, **bearer(served))[1])["landing"] == 0
    assert last(served).fault == "it: landed late"


# ------------------------------------------------------------------------------------------- the answer


@pytest.mark.parametrize(
    ("prefix", "method", "parameter", "code"),
    [
        ("vpc", "describe_vpcs", "VpcIds", "InvalidVpcID.NotFound"),
        ("subnet", "describe_subnets", "SubnetIds", "InvalidSubnetID.NotFound"),
        ("sg", "describe_security_groups", "GroupIds", "InvalidGroup.NotFound"),
        ("vpce", "describe_vpc_endpoints", "VpcEndpointIds", "InvalidVpcEndpointId.NotFound"),
    ],
)
def test_an_id_is_not_found_for_its_first_reads_only(
    provider: Side, faults: Callable[..., None], prefix: str, method: str, parameter: str, code: str
) -> None:
    faults("ec2:Describe*", "missing", resource=f"{prefix}-*", each=True, times=2)
    read, one, other = (
        getattr(provider.client("ec2"), method),
        f"{prefix}-0123456789abcdef0",
        f"{prefix}-0fedcba9876543210",
    )
    assert [refusal(read, **{parameter: [one]})[0] for _ in range(2)] == [code, code]
    assert refusal(read, **{parameter: [other]})[0] == code


def test_missing_things_of_other_services_have_their_words_too(provider: Side, faults: Callable[..., None]) -> None:
    faults("*", "missing", resource="thing*")
    assert refusal(provider.client("iam").get_role, RoleName="thing") == ("NoSuchEntity", 404)
    assert refusal(provider.client("lambda").get_function, FunctionName="thing") == ("ResourceNotFoundException", 404)
    elb = provider.client("elbv2")
    assert refusal(elb.describe_load_balancers, Names=["thing"]) == ("LoadBalancerNotFound", 400)
    assert refusal(elb.describe_target_groups, Names=["thing"]) == ("TargetGroupNotFound", 400)


def test_a_list_comes_without_the_item_or_empty(provider: Side, faults: Callable[..., None]) -> None:
    ec2 = provider.client("ec2")
    first, second = (make(provider)["Vpc"]["VpcId"] for _ in range(2))
    faults("ec2:DescribeVpcs", "empty", resource=first)
    assert [one["VpcId"] for one in ec2.describe_vpcs(VpcIds=[first, second])["Vpcs"]] == [second]
    faults("ec2:DescribeVpcs", "empty")
    assert ec2.describe_vpcs()["Vpcs"] == []
    faults("elbv2:DescribeLoadBalancers", "empty")
    assert provider.client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    provider.client("logs").create_log_group(logGroupName="here")
    faults("logs:DescribeLogGroups", "empty")
    assert provider.client("logs").describe_log_groups()["logGroups"] == []
    s3 = provider.client("s3")
    s3.create_bucket(Bucket="ours")
    s3.put_object(Bucket="ours", Key="here/now", Body=b"")
    assert s3.list_objects_v2(Bucket="ours")["KeyCount"] == 1
    faults("s3:ListObjectsV2", "empty")
    answer = s3.list_objects_v2(Bucket="ours")
    assert (answer["KeyCount"], answer.get("Contents")) == (0, None)


def test_some_items_of_a_200_fail_and_the_others_are_done(
    place: Callable[..., Any], offer: Callable[..., Any], faults: Callable[..., None]
) -> None:
    service, consumer = offer(acceptance=False), place("use1-az1")
    first, second = (consumer.connect(service.name) for _ in range(2))
    faults("ec2:DeleteVpcEndpoints", "unsuccessful", resource=first, code="Busy", message="{} is busy", times=1)
    answer = consumer.ec2.delete_vpc_endpoints(VpcEndpointIds=[first, second])
    assert [(one["ResourceId"], one["Error"]) for one in answer["Unsuccessful"]] == [
        (first, {"Code": "Busy", "Message": f"{first} is busy"})
    ]
    assert [one["VpcEndpointId"] for one in consumer.ec2.describe_vpc_endpoints()["VpcEndpoints"]] == [first]
    faults("ec2:DeleteVpcEndpoints", "unsuccessful", times=1)
    answer = consumer.ec2.delete_vpc_endpoints(VpcEndpointIds=[first])
    assert [one["ResourceId"] for one in answer["Unsuccessful"]] == [first]
    assert consumer.ec2.delete_vpc_endpoints(VpcEndpointIds=[first])["Unsuccessful"] == []
    assert consumer.ec2.describe_vpc_endpoints()["VpcEndpoints"] == []


@pytest.mark.parametrize(
    ("service", "method", "key", "action"),
    [
        ("ec2", "describe_vpcs", "Vpcs", "ec2:DescribeVpcs"),
        ("ec2", "describe_subnets", "Subnets", "ec2:DescribeSubnets"),
        ("iam", "list_roles", "Roles", "iam:ListRoles"),
        ("logs", "describe_log_groups", "logGroups", "logs:DescribeLogGroups"),
        ("elbv2", "describe_target_groups", "TargetGroups", "elbv2:DescribeTargetGroups"),
    ],
)
def test_a_list_can_begin_with_an_empty_page(
    provider: Side, faults: Callable[..., None], service: str, method: str, key: str, action: str
) -> None:
    provider.client("iam").create_role(RoleName="here", AssumeRolePolicyDocument=json.dumps(TRUST))
    provider.client("logs").create_log_group(logGroupName="here")
    vpc = make(provider)["Vpc"]["VpcId"]
    provider.client("elbv2").create_target_group(Name="here", Protocol="TCP", Port=80, VpcId=vpc)
    client = provider.client(service)
    whole = getattr(client, method)()[key]
    faults(action, "page", times=1)
    first, *others = [page[key] for page in client.get_paginator(method).paginate()]
    assert whole
    assert (first, others) == ([], [whole])


def test_a_read_can_go_on_telling_what_was(provider: Side, faults: Callable[..., None]) -> None:
    ec2, vpc = provider.client("ec2"), make(provider)["Vpc"]["VpcId"]

    def tags(**more: Any) -> list[str]:
        return [tag["Key"] for one in ec2.describe_vpcs(**more)["Vpcs"] if one["VpcId"] == vpc for tag in one["Tags"]]

    faults("ec2:DescribeVpcs", "stale", times=3)
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "first", "Value": "1"}])
    assert tags() == ["first"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "later", "Value": "2"}])
    assert [tags(), tags(), sorted(tags())] == [["first"], ["first"], ["first", "later"]]


def test_an_answer_can_have_words_no_client_knows(provider: Side, faults: Callable[..., None]) -> None:
    make(provider)
    faults("ec2:DescribeVpcs", "rewrite", find="<state>available</state>", put="<state>dreaming</state>")
    assert {one["State"] for one in provider.client("ec2").describe_vpcs()["Vpcs"]} == {"dreaming"}
    faults("ec2:DescribeVpcs", "rewrite", find="<state>available</state>", put="")
    assert not any("State" in one for one in provider.client("ec2").describe_vpcs()["Vpcs"])


# ------------------------------------------------------------------------------------------------ signals

#: Makes a VPC as a process that names itself, and says on stdout what became of it.
_CALLER = """
    import os, signal, sys
    os.environ["AWS_SDK_UA_APP_ID"] = f"pid-{os.getpid()}"
    for name in sys.argv[1:]:
        signal.signal(getattr(signal, name), lambda number, _: os.write(1, f"{signal.Signals(number).name} ".encode()))
    import boto3
    from botocore.config import Config
    ec2 = boto3.client("ec2", config=Config(retries={"total_max_attempts": 1}))
    print("vpc" if ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"] else "nothing", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def caller(served: gateway.Server, provider: Side) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process that calls as the provider, and handles the signals named."""
    begun: list[subprocess.Popen[str]] = []
    credentials = provider.session.get_credentials()

    def start(*handled: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_CALLER), *handled],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                "PATH": os.environ["PATH"],
                "AWS_ACCESS_KEY_ID": credentials.access_key,
                "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": provider.url,
            },
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize(("when", "left"), [("before", []), ("after", ["10.9.0.0/16"]), ("reply", ["10.9.0.0/16"])])
def test_a_caller_is_killed_at_the_very_moment(
    provider: Side, faults: Callable[..., None], caller: Callable[..., Any], when: str, left: list[str]
) -> None:
    faults("ec2:CreateVpc", "signal", signals="KILL", when=when)
    process = caller()
    assert process.wait(timeout=30) == -signal.SIGKILL
    assert blocks(provider) == left


@pytest.mark.slow
def test_a_caller_is_killed_and_its_call_lands_later(
    sandbox: world.World, provider: Side, faults: Callable[..., None], caller: Callable[..., Any]
) -> None:
    faults("ec2:CreateVpc", "signal", signals="KILL", when="late", delay=60)
    assert caller().wait(timeout=30) == -signal.SIGKILL
    assert blocks(provider) == []
    sandbox.clock.advance(60)
    assert blocks(provider) == ["10.9.0.0/16"]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_other_signals_come_and_the_call_goes_on(
    served: gateway.Server, provider: Side, faults: Callable[..., None], caller: Callable[..., Any], when: str
) -> None:
    faults("ec2:CreateVpc", "signal", signals=["INT", "HUP"], when=when)
    process = caller("SIGINT", "SIGHUP")
    said, _ = process.communicate(timeout=30)
    assert sorted(said.split()) == ["SIGHUP", "SIGINT", "vpc"]
    assert last(served).fault == f"it: INT+HUP to {process.pid}, {when}"


@pytest.mark.slow
def test_a_stopped_caller_goes_on_when_it_is_continued(
    provider: Side, faults: Callable[..., None], caller: Callable[..., Any]
) -> None:
    faults("ec2:CreateVpc", "signal", signals=["STOP", "CONT"], gap=0.2, when="after")
    process = caller("SIGCONT")
    said, _ = process.communicate(timeout=30)
    assert sorted(said.split()) == ["SIGCONT", "vpc"]


def test_who_does_not_name_itself_is_not_signalled_and_told_so(
    served: gateway.Server, provider: Side, faults: Callable[..., None]
) -> None:
    faults("ec2:CreateVpc", "signal", signals="KILL")
    with pytest.raises(ClientError, match="AWS_SDK_UA_APP_ID=pid-") as caught:
        make(provider)
    assert caught.value.response["Error"]["Code"] == "SandboxFault"
    assert blocks(provider) == []


@pytest.mark.parametrize(
    ("pid", "why"), [("1", "no process of a caller"), ("self", "the sandbox itself"), ("999999999", "no process")]
)
def test_a_process_that_is_no_callers_is_not_signalled(
    provider: Side, faults: Callable[..., None], pid: str, why: str
) -> None:
    faults("ec2:CreateVpc", "signal", signals="KILL")
    named = f"pid-{os.getpid() if pid == 'self' else pid}"
    settings = Config(user_agent_appid=named, retries={"total_max_attempts": 1})
    with pytest.raises(ClientError, match=why):
        provider.session.client("ec2", endpoint_url=provider.url, config=settings).create_vpc(CidrBlock="10.9.0.0/16")


# ------------------------------------------------------------------------------------- the control path


def test_rules_are_told_with_their_counts_and_taken_away(
    served: gateway.Server, provider: Side, faults: Callable[..., None]
) -> None:
    faults("ec2:DescribeVpcs", "denied", nth=2)
    provider.client("ec2").describe_vpcs()
    refusal(provider.client("ec2").describe_vpcs)
    told = json.loads(ask(served, "GET", "/_sandbox/faults", **bearer(served))[1])
    assert told["rules"] == [
        {
            "name": "it",
            "action": "ec2:DescribeVpcs",
            "effect": "denied",
            "when": "before",
            "nth": [2],
            "matched": 2,
            "fired": 1,
        }
    ]
    assert ask(served, "DELETE", "/_sandbox/faults?name=other", **bearer(served))[0] == 404
    assert json.loads(ask(served, "DELETE", "/_sandbox/faults?name=it", **bearer(served))[1])["cleared"] == 1
    assert json.loads(ask(served, "GET", "/_sandbox/faults", **bearer(served))[1])["rules"] == []


def test_a_file_with_a_mistake_changes_nothing(
    served: gateway.Server, provider: Side, faults: Callable[..., None]
) -> None:
    faults("ec2:DescribeVpcs", "denied")
    good = {"action": "ec2:CreateVpc", "effect": "reset"}
    bad = {"action": "ec2:CreatVpc", "effect": "rest"}
    status, text = ask(served, "POST", "/_sandbox/faults?replace=1", {"rules": [good, bad]}, **bearer(served))
    assert status == 400
    assert len(json.loads(text)["problems"]) == 2
    told = json.loads(ask(served, "GET", "/_sandbox/faults", **bearer(served))[1])
    assert [one["name"] for one in told["rules"]] == ["it"]


def test_a_reset_takes_the_rules_and_what_was_to_land(
    served: gateway.Server, sandbox: world.World, provider: Side, faults: Callable[..., None]
) -> None:
    faults("ec2:CreateVpc", "reset", when="late", delay=5)
    with pytest.raises(HTTPClientError):
        make(provider)
    ask(served, "POST", "/_sandbox/reset", **bearer(served))
    sandbox.clock.advance(10)
    assert blocks(provider) == []
    make(provider)
    assert blocks(provider) == ["10.9.0.0/16"]
