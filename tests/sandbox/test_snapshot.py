"""What a sandbox puts aside, and takes up again: after a stop, after a crash, whole or not at all."""

from __future__ import annotations

import configparser
import copy
import json
import os
import pickle
import resource
import signal
import socket
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from papers import paper
from whole import consume, provide

from plinkctl.errors import PlinkError, StateError, UsageError
from plinkctl.sandbox import clock, daemon, remote, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def start(folder: Path) -> Callable[..., daemon.Running]:
    """Starts the sandbox of the test, which keeps its world; it ends with the test's process at the latest."""

    def call(profile: str | None = None, **options: Any) -> daemon.Running:
        return daemon.start(folder, profile, **{"keep": True, "parent_pid": os.getpid(), **options})

    return call


class Account:
    """One account of a running sandbox, by plain boto3."""

    def __init__(self, running: daemon.Running, profile: str) -> None:
        known = configparser.ConfigParser()
        known.read(running.config_file)
        section = known[f"profile {profile}"]
        self.keys = (section["aws_access_key_id"], section["aws_secret_access_key"])
        self._session = boto3.Session(*self.keys, region_name=running.region)
        self._url = running.url

    def client(self, service: str) -> Any:
        """A client without retries."""
        settings = Config(retries={"total_max_attempts": 1})
        return self._session.client(service, endpoint_url=self._url, config=settings)


def crash(running: daemon.Running) -> None:
    """End it as a power cut would."""
    os.kill(running.pid, signal.SIGKILL)
    while daemon.find(running.folder):
        time.sleep(0.01)


def settled(running: daemon.Running) -> dict[str, Any]:
    """What it says of its snapshot, once nothing is pending. Only looks; it does not ask for one."""
    while (kept := remote.status(running)["kept"])["pending"] and not kept["trouble"]:
        time.sleep(0.01)
    return dict(kept)


# ------------------------------------------------------------------------------- what is taken up again


def everything(running: daemon.Running) -> Any:
    """A whole link, and beside it something of every family; the consumer's side, to ask through the link."""
    provider, consumer = Account(running, "provider"), Account(running, "consumer")
    made = provide(provider)
    here = consume(consumer, made.service_name)
    here.function()
    assert here.invoke().value["body"] == "Hello from ALB!"
    topic = provider.client("sns").create_topic(Name="events")["TopicArn"]
    url = provider.client("sqs").create_queue(QueueName="events")["QueueUrl"]
    arn = provider.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    provider.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    allow = {"Effect": "Allow", "Principal": {"Service": "vpce.amazonaws.com"}, "Action": "SNS:Publish"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Resource": topic}]})
    provider.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)
    made.ec2.create_vpc_endpoint_connection_notification(
        ServiceId=made.service, ConnectionNotificationArn=topic, ConnectionEvents=["Connect"]
    )
    zone = provider.client("route53").create_hosted_zone(Name="example.com", CallerReference="one")["HostedZone"]["Id"]
    record = {"Name": "x.example.com", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"here"'}]}
    provider.client("route53").change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    )
    acm = provider.client("acm")
    home_made = paper("x.example.com")
    imported = acm.import_certificate(Certificate=home_made.body, PrivateKey=home_made.key)["CertificateArn"]
    acm.request_certificate(DomainName="y.example.com", ValidationMethod="DNS")
    fixed = {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": "secret"}
    made.elb.create_listener(
        LoadBalancerArn=made.alb,
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": imported}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": fixed}],
    )
    storage = consumer.client("s3")
    storage.create_bucket(Bucket="states")
    storage.put_object(Bucket="states", Key="one.json", Body=b"{}", IfNoneMatch="*")
    # What moto keeps in ways pickle cannot take by itself.
    consumer.client("kms").create_key()
    consumer.client("ssm").put_parameter(Name="one", Value="1", Type="String")
    consumer.client("dynamodb").create_table(
        TableName="locks",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    user = consumer.client("iam")
    user.create_user(UserName="guest")
    user.create_access_key(UserName="guest")
    here.lent = consumer.client("sts").get_session_token()["Credentials"]
    return here


#: What describes a world, by service; the answers must be the same before and after.
READS = {
    "ec2": (
        "describe_vpcs describe_subnets describe_security_groups describe_security_group_rules "
        "describe_network_interfaces describe_vpc_endpoints describe_vpc_endpoint_service_configurations "
        "describe_vpc_endpoint_connections describe_vpc_endpoint_connection_notifications describe_route_tables "
        "describe_internet_gateways describe_dhcp_options"
    ),
    "elbv2": "describe_load_balancers describe_target_groups",
    "iam": "list_roles list_users list_access_keys get_account_authorization_details",
    "lambda": "list_functions",
    "logs": "describe_log_groups",
    "acm": "list_certificates",
    "route53": "list_hosted_zones",
    "s3": "list_buckets",
    "sns": "list_topics list_subscriptions",
    "sqs": "list_queues",
    "kms": "list_keys",
    "ssm": "describe_parameters",
    "dynamodb": "list_tables",
    "cloudwatch": "list_metrics",
}


def described(running: daemon.Running) -> dict[str, Any]:
    """Every answer of READS, of both accounts, and the census."""
    answers: dict[str, Any] = {"census": remote.census(running)}
    for alias in running.accounts:
        account = Account(running, alias)
        for service, calls in READS.items():
            client = account.client(service)
            for call in calls.split():
                answer = getattr(client, call)()
                del answer["ResponseMetadata"]
                answers[f"{alias} {service} {call}"] = answer
        for balancer in account.client("elbv2").describe_load_balancers()["LoadBalancers"]:
            place = balancer["LoadBalancerArn"]
            answers[place] = account.client("elbv2").describe_listeners(LoadBalancerArn=place)["Listeners"]
        for group in account.client("elbv2").describe_target_groups()["TargetGroups"]:
            place = group["TargetGroupArn"]
            health = account.client("elbv2").describe_target_health(TargetGroupArn=place)
            answers[place] = health["TargetHealthDescriptions"]
    return answers


@pytest.mark.slow
def test_everything_is_there_again_after_a_stop_and_after_a_crash(
    start: Callable[..., daemon.Running], folder: Path
) -> None:
    running = start("instant")
    remote.set_clock(running, speed=0)
    here = everything(running)
    remote.settings(running, quotas={"vpcs": 9}, page_size=7)
    remote.set_faults(running, {"rules": [{"name": "r", "action": "ec2:CreateVpc", "effect": "error"}]})
    for how in ("stop", "crash"):
        before, calls = described(running), remote.status(running)["calls"]
        # Without this the test would hold for an empty world too.
        assert all(
            before[f"provider {one}"] for one in ("ec2 describe_vpc_endpoint_connections", "acm list_certificates")
        )
        if how == "stop":
            assert daemon.stop(folder)
        else:
            settled(running)
            crash(running)
        again = start()
        is_there_again(running, again, here.lent)
        after = described(again)
        assert after.keys() == before.keys()
        for name in before:
            assert after[name] == before[name], f"{how}: {name}"
        number = remote.status(again)["calls"]
        assert number > (calls if how == "stop" else 0)  # numbers go on; a crash may forget those of reads
        # The clients made before still work, and so does the link.
        assert here.invoke().value["body"] == "Hello from ALB!"
        stored = Account(again, "consumer").client("s3").get_object(Bucket="states", Key="one.json")
        assert stored["Body"].read() == b"{}"
        assert [flow["outcome"] for flow in remote.flows(again)] == ["ok", "ok"]
        running = again


def is_there_again(running: daemon.Running, again: daemon.Running, lent: dict[str, str]) -> None:
    """The same addresses, accounts, keys, settings and rules, in another process."""
    assert again.pid != running.pid
    told = ("url", "dns", "profile", "accounts")
    assert [getattr(again, one) for one in told] == [getattr(running, one) for one in told]
    assert again.taken_up
    assert again.moved_from is None
    assert Account(again, "consumer").keys == Account(running, "consumer").keys
    assert remote.settings(again)["quotas"]["vpcs"] == 9
    assert remote.settings(again)["page_size"] == 7
    assert [rule["name"] for rule in remote.faults(again)["rules"]] == ["r"]
    client = boto3.client(
        "sts",
        aws_access_key_id=lent["AccessKeyId"],
        aws_secret_access_key=lent["SecretAccessKey"],
        aws_session_token=lent["SessionToken"],
        region_name=again.region,
        endpoint_url=again.url,
    )
    assert client.get_caller_identity()["Account"] == "222222222222"


@pytest.mark.slow
def test_what_is_pending_goes_on_and_the_clock_with_it(start: Callable[..., daemon.Running], folder: Path) -> None:
    running = start("real")
    remote.set_clock(running, speed=0, advance=86400)
    frozen = remote.status(running)["clock"]
    side = Account(running, "provider")
    ec2, elb = side.client("ec2"), side.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    remote.set_clock(running, advance=60)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    remote.set_clock(running, advance=60)
    elb.create_load_balancer(Name="front", Type="network", Scheme="internal", Subnets=[subnet])
    remote.set_clock(running, advance=60)

    def state() -> str:
        return str(elb.describe_load_balancers()["LoadBalancers"][0]["State"]["Code"])

    assert state() == "provisioning"
    late = {"action": "ec2:CreateVpc", "effect": "error", "when": "late", "delay": 50, "times": 1}
    remote.set_faults(running, {"rules": [{"name": "late", **late}]})
    with pytest.raises(ClientError):
        ec2.create_vpc(CidrBlock="10.8.0.0/16")
    daemon.stop(folder)
    again = start()
    assert again.profile == "real"
    assert remote.faults(again)["landing"] == 1
    now = remote.status(again)["clock"]
    assert now["speed"] == 0
    assert now["now"] > frozen["now"]  # by what it was advanced since, and by nothing else
    assert state() == "provisioning"
    remote.set_clock(again, advance=100)
    assert state() == "active"
    remote.set_clock(again, advance=60)  # until it is seen
    assert "10.8.0.0/16" in [one["CidrBlock"] for one in ec2.describe_vpcs()["Vpcs"]]
    assert remote.faults(again)["landing"] == 0
    remote.set_clock(again, speed=1_000_000)
    daemon.stop(folder)
    stopped = time.time()
    time.sleep(0.01)
    begun = time.time()
    third = start("brisk")  # a profile that is asked for wins
    assert third.profile == "brisk"
    moved = clock_of(third) - clock_of_text(now["now"])
    assert moved >= (begun - stopped) * 1_000_000


def clock_of(running: daemon.Running) -> float:
    return clock_of_text(remote.status(running)["clock"]["now"])


def clock_of_text(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_a_clock_goes_on_while_it_is_put_aside_and_never_back() -> None:
    kept = clock.Clock(speed=10, source=lambda: 1000.0).__getstate__()
    assert kept == (1000.0, 1000.0, 10)
    again = clock.Clock.__new__(clock.Clock)
    again.__setstate__(kept)
    assert again.now() >= 1000 + (time.time() - 1000 - 60) * 10
    ahead = time.time() + 5000
    again.__setstate__((50.0, ahead, 1.0))  # the machine's clock was set back meanwhile
    assert 50 <= again.now() < 50 + 600
    frozen = clock.Clock(speed=0)
    assert copy.copy(frozen).now() == frozen.now()


# ------------------------------------------------------------------------------------- when and when not


@pytest.mark.slow
def test_reads_put_nothing_aside_and_changes_do_at_once(start: Callable[..., daemon.Running], folder: Path) -> None:
    running = start("instant")
    ec2 = Account(running, "provider").client("ec2")
    ec2.describe_vpcs()
    first = settled(running)
    assert not first["pending"]
    for _ in range(20):
        ec2.describe_vpcs()
        ec2.describe_subnets()
    assert settled(running) == first
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    second = settled(running)
    assert second["taken"] > first["taken"]
    assert second["trouble"] is None
    crash(running)
    ec2 = Account(start(), "provider").client("ec2")
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]


@pytest.mark.slow
def test_a_reset_empties_what_is_put_aside_and_leaves_the_keys(
    start: Callable[..., daemon.Running], folder: Path
) -> None:
    running = start("instant")
    side = Account(running, "provider")
    side.client("s3").create_bucket(Bucket="one")
    empty = len(side.client("ec2").describe_vpcs()["Vpcs"])
    side.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")
    remote.reset(running)
    assert len(side.client("ec2").describe_vpcs()["Vpcs"]) == empty
    Account(running, "consumer").client("s3").create_bucket(Bucket="one")  # its name is free again
    remote.reset(running)
    settled(running)
    crash(running)
    again = start()
    assert len(side.client("ec2").describe_vpcs()["Vpcs"]) == empty
    assert side.client("s3").list_buckets()["Buckets"] == []
    assert Account(again, "provider").keys == side.keys


@pytest.mark.slow
def test_a_throw_away_sandbox_puts_nothing_aside_and_passes_nothing_over(
    start: Callable[..., daemon.Running], folder: Path
) -> None:
    running = start(keep=False)
    Account(running, "provider").client("ec2").create_vpc(CidrBlock="10.9.0.0/16")
    assert remote.status(running)["kept"] is None
    with pytest.raises(PlinkError, match="not put aside"):
        remote.keep(running)
    daemon.stop(folder)
    assert sorted(file.name for file in folder.iterdir()) == ["lock", "log"]
    start()
    daemon.stop(folder)
    with pytest.raises(UsageError, match="put aside") as caught:
        start(keep=False)
    assert "--fresh" in str(caught.value.hint)
    start(keep=False, fresh=True)
    assert not (folder / "snapshot").exists()


@pytest.mark.slow
def test_a_port_that_is_taken_meanwhile_is_left_and_told(start: Callable[..., daemon.Running], folder: Path) -> None:
    before = start()
    daemon.stop(folder)
    with socket.create_server(("127.0.0.1", before.port)):
        again = start()
        assert again.moved_from == before.port
        assert again.port != before.port
        assert f"endpoint_url = {again.url}" in again.config_file.read_text()
    daemon.stop(folder)
    assert start().port == again.port


@pytest.mark.slow
def test_a_full_disk_stops_nothing_and_is_told(start: Callable[..., daemon.Running], folder: Path) -> None:
    running = start("instant")
    ec2 = Account(running, "provider").client("ec2")
    before = settled(running)
    _, hard = resource.prlimit(running.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (before["size"] // 2, hard))
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    assert "File too large" in settled(running)["trouble"]
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert "cannot be put aside" in running.log_file.read_text()
    assert sorted(file.name for file in folder.glob("snapshot*")) == ["snapshot"]
    assert snapshot.read(folder / "snapshot") is not None  # the one before, whole
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert remote.keep(running)["trouble"] is None
    crash(running)
    assert Account(start(), "provider").client("ec2").describe_vpcs(VpcIds=[vpc])["Vpcs"]


@pytest.mark.slow
def test_it_does_not_end_of_idleness_while_its_world_cannot_be_put_aside(
    start: Callable[..., daemon.Running], folder: Path
) -> None:
    running = start("instant", idle_seconds=2)
    _, hard = resource.prlimit(running.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (1000, hard))
    assert remote.keep(running)["trouble"]
    (folder / "snapshot").unlink()
    while remote.status(running)["idle_seconds"] < 3:
        time.sleep(0.05)
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (hard, hard))
    while daemon.find(folder):
        time.sleep(0.05)
    assert start().taken_up


# ----------------------------------------------------------------------------------- what is not taken up


class Evil:
    """What somebody else's snapshot would do."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.place),)


@pytest.fixture
def aside(tmp_path: Path) -> Path:
    """A snapshot that is whole, of nothing."""
    place = tmp_path / "aside" / "snapshot"
    place.parent.mkdir()
    snapshot.write(place, b"something", taken="2026-01-01T00:00:00+00:00", port=1)
    found = snapshot.read(place)
    assert found is not None
    assert found[1] == b"something"
    return place


def _version(name: str) -> Callable[[Path], None]:
    def change(place: Path) -> None:
        head, _, rest = place.read_bytes().partition(b"\n")
        said = json.loads(head)
        said["versions"][name] = "0.0"
        place.write_bytes(json.dumps(said).encode() + b"\n" + rest)

    return change


def _symlinked(place: Path) -> None:
    place.rename(place.with_name("real"))
    place.symlink_to(place.with_name("real"))


def _folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda place: place.write_bytes(b""), "no snapshot of a sandbox"),
        (lambda place: place.write_bytes(b"\x80\x05K\x01."), "no snapshot of a sandbox"),
        (lambda place: place.write_text('{"what": "something else"}\n'), "no snapshot of a sandbox"),
        (lambda place: place.write_text("[]\n"), "no snapshot of a sandbox"),
        (lambda place: place.write_bytes(place.read_bytes()[:-1]), "ends too early: 8 bytes of 9"),
        (lambda place: place.write_bytes(place.read_bytes()[:-1] + b"G"), "damaged"),
        (lambda place: place.write_bytes(place.read_bytes() + b"!"), "damaged"),
        (_version("moto"), "written by moto 0.0; this is moto 5"),
        (_version("plinkctl"), "written by plinkctl 0.0"),
        (_version("Python"), "written by Python 0.0"),
        (_version("snapshot format"), "written by snapshot format 0.0; this is snapshot format 2"),
        (lambda place: place.chmod(0o640), "others have access to it (mode 0640)"),
        (lambda place: place.chmod(0o602), "others have access to it (mode 0602)"),
        (_symlinked, "symbolic link"),
        (_folder, "not a plain file"),
    ],
)
def test_a_snapshot_that_is_not_as_it_should_be_is_refused(
    aside: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(aside)
    with pytest.raises(StateError, match="cannot be taken up") as caught:
        snapshot.read(aside)
    assert words in str(caught.value.why)
    assert caught.value.hint == f"plinkctl sandbox start --fresh --folder {aside.parent}"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_somebody_elses_snapshot_is_refused(aside: Path) -> None:
    os.chown(aside, 12345, -1)
    with pytest.raises(StateError) as caught:
        snapshot.read(aside)
    assert "belongs to somebody else" in str(caught.value.why)


def test_a_new_snapshot_is_for_its_owner_alone_and_half_a_one_is_never_seen(aside: Path) -> None:
    assert aside.stat().st_mode & 0o777 == 0o600
    half = aside.with_name("snapshot.new")
    half.symlink_to("/etc/passwd")  # what a crash, or somebody else, has left there
    snapshot.write(aside, b"other", taken="2026-01-01T00:00:00+00:00", port=1)
    assert not half.exists()
    assert aside.stat().st_mode & 0o777 == 0o600
    assert snapshot.read(aside.with_name("nothing")) is None


@pytest.mark.slow
def test_a_snapshot_that_runs_code_is_refused_and_the_next_command_helps(
    start: Callable[..., daemon.Running], folder: Path, tmp_path: Path
) -> None:
    old = start("instant")
    daemon.stop(folder)
    file, trap = folder / "snapshot", tmp_path / "sprung"
    snapshot.write(file, pickle.dumps(Evil(trap)), taken="2026-01-01T00:00:00+00:00", port=old.port)
    content = file.read_bytes()
    with pytest.raises(StateError, match="cannot be taken up") as caught:
        start()
    assert "mkdir" in str(caught.value.why)
    assert "--fresh" in str(caught.value.hint)
    assert not trap.exists()
    assert file.read_bytes() == content  # neither used nor deleted
    assert daemon.find(folder) is None
    fresh = start(fresh=True)
    assert fresh.taken_up is None
    assert Account(fresh, "provider").keys != ("", "")
    daemon.stop(folder)
    assert start().taken_up
