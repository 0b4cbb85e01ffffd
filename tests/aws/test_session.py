"""The one door to AWS, over real HTTP: what is sent once, what is sent again, and what comes back."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from plinkctl.aws import session
from plinkctl.aws.faults import Nature
from plinkctl.aws.patience import Stop
from plinkctl.aws.session import Clients, region_of
from plinkctl.errors import AccessError, AwsError, Exit, RefusedError, Stopped, UsageError
from plinkctl.link import Access


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment with keys and nothing else that AWS clients look at."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


class Endpoint:
    """An HTTP endpoint that answers with a script: each item one answer, the last one for ever.

    An item is (status, body), or None to close the connection once the request was read.
    """

    def __init__(self, *script: tuple[int, str] | None) -> None:
        self.script = list(script)
        self.asked = 0
        self.stated: int | None = None  # the length its answers say they have; the true one, if None
        self.agents: list[str] = []
        self.on_asked: Callable[[], object] = lambda: None

    def next(self, agent: str) -> tuple[int, str] | None:
        self.asked += 1
        self.agents.append(agent)
        self.on_asked()
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


@contextmanager
def serving(*script: tuple[int, str] | None) -> Iterator[tuple[Endpoint, str]]:
    endpoint = Endpoint(*script)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer = endpoint.next(self.headers["User-Agent"])
            self.close_connection = True
            if answer is None:
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(answer[0])
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(endpoint.stated or len(answer[1])))
            self.end_headers()
            self.wfile.write(answer[1].encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield endpoint, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def clients(url: str, **more: Any) -> Clients:
    access, services = Access(region="us-east-1", endpoint_url=url), more.pop("services", ("ec2",))
    return Clients(access, services, stop=more.pop("stop", Stop()), **more)


VPC = (200, "<CreateVpcResponse><requestId>r-1</requestId><vpc><vpcId>vpc-1</vpcId></vpc></CreateVpcResponse>")
VPCS = (200, "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet></DescribeVpcsResponse>")
BROKEN = (500, "<Response><Errors><Error><Code>InternalError</Code><Message>x</Message></Error></Errors></Response>")
GARBAGE = (200, "<CreateVpcResponse><vpc><vpcId>vpc-1</vpc")


LOST = {"dropped": None, "500": BROKEN, "garbage": GARBAGE, "a proxy's 502": (502, "<html>Bad Gateway</html>")}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_a_write_whose_answer_is_lost_was_sent_once_and_is_told_as_unclear(lost: tuple[int, str] | None) -> None:
    """An SDK retry here makes a second VPC and says ok."""
    with serving(lost, VPC) as (endpoint, url):
        with pytest.raises(AwsError) as caught:
            clients(url).write("ec2", "create_vpc", CidrBlock="10.0.0.0/16")
        assert caught.value.nature == Nature.UNCLEAR
        assert endpoint.asked == 1


def test_an_answer_that_breaks_off_is_unclear_and_never_an_empty_one() -> None:
    """botocore itself would take half a JSON document for one without members."""
    half = '{"logGroups": [{"logGroupName": "/plinkctl/'
    with serving((200, half)) as (endpoint, url):
        endpoint.stated = 2 * len(half)
        with pytest.raises(AwsError) as caught:
            clients(url, services=("logs",)).read("logs", "describe_log_groups")
    assert caught.value.nature == Nature.UNCLEAR
    assert endpoint.asked == 3


def test_a_read_whose_answer_is_lost_is_asked_again() -> None:
    half = (200, VPCS[1][:60])
    with serving(None, BROKEN, half, VPCS, half, VPCS) as (endpoint, url):
        aws = clients(url)
        assert aws.read("ec2", "describe_vpcs")["Vpcs"][0]["VpcId"] == "vpc-1"
        assert endpoint.asked == 4
        assert aws.pages("ec2", "describe_vpcs", "Vpcs") == [{"VpcId": "vpc-1"}]
        assert endpoint.asked == 6


def test_nobody_at_the_endpoint_is_final_since_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(AwsError) as caught:
        clients(url).write("ec2", "create_vpc", CidrBlock="10.0.0.0/16")
    assert caught.value.nature == Nature.REFUSED
    assert caught.value.code == "unreachable"
    with pytest.raises(UsageError) as refused:
        clients(url).identity()
    assert refused.value.exit_code == Exit.USAGE


def test_a_wrong_parameter_never_leaves_this_machine() -> None:
    with serving(VPC) as (endpoint, url):
        with pytest.raises(AwsError) as caught:
            clients(url).write("ec2", "create_vpc", CidrBlock=7)
        assert caught.value.nature == Nature.REFUSED
        assert endpoint.asked == 0


def test_a_write_reads_the_list_of_what_was_not_successful() -> None:
    body = (
        "<DeleteVpcEndpointsResponse><unsuccessful><item><resourceId>vpce-1</resourceId><error>"
        "<code>InvalidVpcEndpoint.NotFound</code><message>gone</message></error></item></unsuccessful>"
        "</DeleteVpcEndpointsResponse>"
    )
    with serving((200, body)) as (_, url), pytest.raises(AwsError) as caught:
        clients(url).write("ec2", "delete_vpc_endpoints", VpcEndpointIds=["vpce-1"])
    assert caught.value.nature == Nature.GONE


def test_after_a_stop_nothing_is_sent() -> None:
    stop = Stop()
    with serving(VPCS) as (endpoint, url):
        aws = clients(url, stop=stop)
        stop.set(2)
        with pytest.raises(Stopped):
            aws.write("ec2", "create_vpc", CidrBlock="10.0.0.0/16")
        with pytest.raises(Stopped):
            aws.read("ec2", "describe_vpcs")
        with pytest.raises(Stopped):
            aws.pages("ec2", "describe_vpcs", "Vpcs")
        assert endpoint.asked == 0


@pytest.mark.parametrize("lost", [None, BROKEN], ids=["dropped", "500"])
def test_a_read_under_way_when_the_stop_comes_is_not_tried_again(lost: tuple[int, str] | None) -> None:
    stop = Stop()
    with serving(lost) as (endpoint, url):
        aws = clients(url, stop=stop)
        endpoint.on_asked = lambda: stop.set(2)
        with pytest.raises(AwsError):
            aws.read("ec2", "describe_vpcs")
        assert endpoint.asked == 1


def test_writes_name_the_operation_they_are_for_and_reads_do_not() -> None:
    with serving(VPC) as (endpoint, url):
        aws = clients(url)
        aws.acting("abc123").write("ec2", "create_vpc", CidrBlock="10.0.0.0/16")
        aws.write("ec2", "create_vpc", CidrBlock="10.0.0.0/16")
        aws.acting("abc123").read("ec2", "describe_vpcs")
    first, *others = endpoint.agents
    assert re.search(r" plinkctl/[^ ]+ op/abc123$", first)
    assert not any(" op/" in agent for agent in others)


def test_every_call_is_told_with_its_outcome() -> None:
    told: list[tuple[str, str, str]] = []
    with serving(VPC, BROKEN) as (_, url):
        aws = clients(url, on_call=lambda call: told.append((call.service, call.operation, call.outcome)))
        aws.write("ec2", "create_vpc", CidrBlock="10.0.0.0/16")
        with pytest.raises(AwsError):
            aws.write("ec2", "create_vpc", CidrBlock="10.0.0.0/16")
    assert told == [("ec2", "create_vpc", "ok"), ("ec2", "create_vpc", "InternalError")]


def test_pages_are_joined() -> None:
    more = VPCS[1].replace("</DescribeVpcsResponse>", "<nextToken>t</nextToken></DescribeVpcsResponse>")
    with serving((200, more), VPCS) as (endpoint, url):
        assert len(clients(url).pages("ec2", "describe_vpcs", "Vpcs")) == 2
        assert endpoint.asked == 2


def test_a_list_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MOST_PAGES", 3)
    pages = [
        (200, VPCS[1].replace("</DescribeVpcsResponse>", f"<nextToken>t{n}</nextToken></DescribeVpcsResponse>"))
        for n in range(9)
    ]
    with serving(*pages) as (endpoint, url), pytest.raises(AwsError) as caught:
        clients(url).pages("ec2", "describe_vpcs", "Vpcs")
    assert caught.value.answer.code == "EndlessList"
    assert endpoint.asked == 4


def test_a_run_that_creates_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MOST_CREATIONS", 3)
    with serving(VPC) as (endpoint, url):
        aws = clients(url)
        for number in range(3):
            aws.acting(f"op{number}").write("ec2", "create_vpc", CidrBlock="10.0.0.0/16")
        with pytest.raises(RefusedError, match="has sent 3 creations"):
            aws.acting("another").write("ec2", "create_vpc", CidrBlock="10.0.0.0/16")
        assert endpoint.asked == 3


@pytest.mark.parametrize(
    ("urls", "told"),
    [
        (["https://ec2.us-east-1.amazonaws.com", "https://sts.cn-north-1.amazonaws.com.cn"], None),
        (["https://ec2.us-east-1.amazonaws.com", "http://127.0.0.1:4566"], "http://127.0.0.1:4566"),
        (["https://ec2.us-east-1.notamazonaws.com"], "https://ec2.us-east-1.notamazonaws.com"),
        (["http://b.example", "http://a.example", "http://b.example"], "http://a.example, http://b.example"),
        (["http://user:password@h.example"], "http://[redacted]@h.example"),
    ],
)
def test_endpoints_that_are_not_of_aws_are_told(urls: list[str], told: str | None) -> None:
    assert session.elsewhere(urls) == told


# ----------------------------------------------------------------------------------- who, and where


def test_the_region_comes_from_the_flag_then_the_environment_then_the_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        region_of(Access())
    assert "--region" in str(caught.value.hint)
    (tmp_path / "config").write_text("[profile p]\nregion = eu-west-1\n")
    assert region_of(Access(profile="p")) == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    assert region_of(Access()) == "eu-west-2"
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert region_of(Access(profile="p")) == "eu-west-3"
    assert region_of(Access(profile="p", region="eu-north-1")) == "eu-north-1"


@pytest.mark.parametrize(
    ("config", "access", "words"),
    [
        ("", Access(profile="ghost", region="us-east-1"), "no AWS profile 'ghost'"),
        ("[profile p\nregion=x", Access(profile="p", region="us-east-1"), "cannot be used"),
        (
            "[profile p]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = ghost\n",
            Access(profile="p", region="us-east-1"),
            "cannot be used",
        ),
        ("", Access(region="us east 1"), "cannot be used"),
        ("", Access(region="us-east-1", endpoint_url="not a url"), "cannot be used"),
        ("", Access(), "no AWS region"),
    ],
)
def test_a_wrong_configuration_is_told_before_anything_is_called(
    tmp_path: Path, config: str, access: Access, words: str
) -> None:
    (tmp_path / "config").write_text(config)
    with pytest.raises(UsageError) as caught:
        Clients(access, ("ec2",), stop=Stop())
    assert words in caught.value.message


def test_missing_credentials_are_told_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(AccessError) as caught:
        Clients(Access(region="us-east-1"), ("ec2",), stop=Stop())
    assert caught.value.code == "no_credentials"
    assert "plinkctl demo" in str(caught.value.hint)


def test_keys_in_the_environment_are_enough() -> None:
    """As in most CI systems: no profile, no config file."""
    assert Clients(Access(region="us-east-1"), ("ec2",), stop=Stop()).region == "us-east-1"


def test_an_endpoint_from_elsewhere_is_known_so_that_it_can_be_announced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert Clients(Access(region="us-east-1"), (), stop=Stop()).endpoint_url is None
    keys = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret\n"
    (tmp_path / "config").write_text(f"[profile p]\nendpoint_url = http://127.0.0.1:1\nregion = us-east-1\n{keys}")
    assert Clients(Access(profile="p"), (), stop=Stop()).endpoint_url == "http://127.0.0.1:1"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")
    assert Clients(Access(region="us-east-1"), (), stop=Stop()).endpoint_url == "http://127.0.0.1:2"


def test_whom_aws_sees(account: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    session = account("consumer")
    identity = Clients(Access(profile="consumer"), (), stop=Stop()).identity()
    assert (identity.account, identity.partition, identity.region) == ("222222222222", "aws", session.region_name)
    assert identity.arn.startswith("arn:aws:")
