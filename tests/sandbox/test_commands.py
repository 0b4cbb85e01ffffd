"""`sandbox calls`, `flows`, `clock`, `faults` as installed commands against a running sandbox."""

from __future__ import annotations

import configparser
import json
import os
import signal
import subprocess
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from shells import PLINKCTL, Shell, clean_environment, end
from whole import consume, provide, tcp

from plinkctl.sandbox import daemon, remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[daemon.Running]:
    folder = tmp_path_factory.mktemp("state") / "plinkctl" / "sandbox"
    yield daemon.start(folder, "instant", parent_pid=os.getpid())
    daemon.stop(folder)


@pytest.fixture
def shell(running: daemon.Running, tmp_path: Path) -> Iterator[Shell]:
    """A terminal whose usual sandbox is the running one, which is emptied."""
    remote.reset(running)
    remote.set_clock(running, speed=1)
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    made = Shell(tmp_path, {**clean_environment(None), **state, "PLINKCTL_SANDBOX": str(running.folder)})
    yield made
    end(made)


class Account:
    """One account of the running sandbox, by plain boto3."""

    def __init__(self, running: daemon.Running, profile: str) -> None:
        known = configparser.ConfigParser()
        known.read(running.config_file)
        section = known[f"profile {profile}"]
        keys = (section["aws_access_key_id"], section["aws_secret_access_key"])
        self._session = boto3.Session(*keys, region_name=running.region)
        self._url = running.url

    def client(self, service: str) -> Any:
        """A client without retries."""
        settings = Config(retries={"total_max_attempts": 1})
        return self._session.client(service, endpoint_url=self._url, config=settings)


@pytest.fixture
def ec2(running: daemon.Running, shell: Shell) -> Any:
    return Account(running, "provider").client("ec2")


def write(folder: Path, *rules: dict[str, Any]) -> str:
    """A fault file with these rules."""
    place = folder / "faults.json"
    place.write_text(json.dumps({"rules": rules}))
    return str(place)


RESET = {"name": "no-vpc", "action": "ec2:CreateVpc", "effect": "denied"}

# ------------------------------------------------------------------------------------------- faults


def test_rules_are_loaded_seen_to_fire_and_cleared(shell: Shell, ec2: Any) -> None:
    assert [one["name"] for one in shell.ok("sandbox", "faults", "load", write(shell.folder, RESET))["rules"]] == [
        "no-vpc"
    ]
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        ec2.create_vpc(CidrBlock="10.9.0.0/16")
    (rule,) = shell.ok("sandbox", "faults", "list")["rules"]
    assert (rule["matched"], rule["fired"]) == (1, 1)
    table = shell("sandbox", "faults", "list")
    assert "no-vpc" in table.out
    assert "ec2:CreateVpc" in table.out
    assert shell.ok("sandbox", "faults", "clear", "no-vpc") == {"cleared": 1}
    assert shell("sandbox", "faults", "clear", "no-vpc").code == 1
    assert shell.ok("sandbox", "faults", "list") == {"rules": [], "landing": 0}


def test_rules_are_added_or_put_in_place_of_the_others(shell: Shell) -> None:
    shell.ok("sandbox", "faults", "load", write(shell.folder, RESET))
    other = {**RESET, "name": "other"}
    assert len(shell.ok("sandbox", "faults", "load", write(shell.folder, other))["rules"]) == 2
    twice = shell("sandbox", "faults", "load", write(shell.folder, other))
    assert (twice.code, "there is a rule 'other' already" in twice.err) == (2, True)
    assert len(shell.ok("sandbox", "faults", "load", write(shell.folder, other), "--replace")["rules"]) == 1


def test_rules_come_from_stdin_too(shell: Shell) -> None:
    done = subprocess.run(
        [PLINKCTL, "sandbox", "faults", "load", "-", "-o", "json"],
        input=json.dumps({"rules": [RESET]}),
        env=shell.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout)["data"]["rules"][0]["name"] == "no-vpc"


def test_every_mistake_of_a_file_is_told_and_nothing_taken(shell: Shell) -> None:
    wrong: list[dict[str, Any]] = [
        {**RESET, "action": "ec2:CreatVpc"},
        {**RESET, "name": "b", "times": -1, "effect": "rest"},
    ]
    done = shell("sandbox", "faults", "load", write(shell.folder, RESET | {"name": "good"}, *wrong))
    assert done.code == 2
    for words in (
        "rule 2 (no-vpc): ec2 has no action CreatVpc; did you mean ec2:CreateVpc?",
        "rule 3 (b): 'rest' is no",
    ):
        assert words in done.err
    assert "times must be a whole number of 1 or more, not -1" in done.err
    assert "Traceback" not in done.err
    assert shell.ok("sandbox", "faults", "list")["rules"] == []


@pytest.mark.parametrize("content", [None, "", "{", "rules: []", "[]", "\xff"])
def test_a_file_that_is_none_is_told(shell: Shell, content: str | None) -> None:
    place = shell.folder / "faults.json"
    if content is not None:
        place.write_bytes(content.encode("latin-1"))
    done = shell("sandbox", "faults", "load", str(place))
    assert done.code == 2
    assert "faults.json" in done.err or "a fault file is" in done.err
    assert "Traceback" not in done.err


def test_a_sandbox_begins_with_rules_or_not_at_all(shell: Shell, tmp_path: Path) -> None:
    place = str(tmp_path / "another")
    wrong = shell("sandbox", "start", "--folder", place, "--faults", write(shell.folder, {"action": "x"}))
    assert wrong.code == 2
    assert shell.ok("sandbox", "status", "--folder", place) == {"running": False, "kept": None}
    try:
        shell.ok("sandbox", "start", "--folder", place, "--faults", write(shell.folder, RESET))
        assert len(shell.ok("sandbox", "faults", "list", "--folder", place)["rules"]) == 1
    finally:
        shell.ok("sandbox", "stop", "--folder", place)


# -------------------------------------------------------------------------------------------- clock


def test_the_clock_is_shown_moved_stopped_and_run(shell: Shell) -> None:
    frozen = shell.ok("sandbox", "clock", "--freeze")
    assert frozen == shell.ok("sandbox", "clock")
    assert (frozen["speed"], frozen["profile"]) == (0, "instant")
    later = shell.ok("sandbox", "clock", "--advance", "2d")
    before, after = (datetime.fromisoformat(one["now"]) for one in (frozen, later))
    assert after - before == timedelta(days=2)
    assert shell.ok("sandbox", "clock", "--run")["speed"] == 1
    assert shell.ok("sandbox", "clock", "--speed", "60", "--advance", "10m")["speed"] == 60


@pytest.mark.parametrize(
    "wrong", [("--speed", "2", "--freeze"), ("--run", "--freeze"), ("--speed", "-1"), ("--advance", "soon")]
)
def test_a_clock_that_makes_no_sense_is_wrong_usage(shell: Shell, wrong: tuple[str, ...]) -> None:
    assert shell("sandbox", "clock", *wrong).code == 2


# --------------------------------------------------------------------------------------------- logs


def test_calls_are_lines_for_people_and_json_for_programs(shell: Shell, ec2: Any) -> None:
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    with pytest.raises(ClientError):
        ec2.delete_vpc(VpcId="vpc-00000000000000000")
    lines = shell("sandbox", "calls").out.splitlines()
    assert len(lines) == 2
    assert "provider  ec2:CreateVpc  200" in lines[0]
    assert lines[1].endswith("InvalidVpcID.NotFound")
    made, refused = shell.ok("sandbox", "calls")["calls"]
    assert (made["action"], made["account"], made["alias"]) == ("CreateVpc", "111111111111", "provider")
    assert len(made["digest"]) == 16
    assert refused["fault"] is None
    assert vpc not in shell("sandbox", "calls", "-o", "json").out


def test_calls_are_chosen_by_account_service_action_error_and_number(
    shell: Shell, running: daemon.Running, ec2: Any
) -> None:
    ec2.describe_vpcs()
    ec2.describe_subnets()
    Account(running, "consumer").client("iam").list_roles()
    shell.ok("sandbox", "faults", "load", write(shell.folder, {**RESET, "effect": "latency", "seconds": 0}))
    ec2.create_vpc(CidrBlock="10.9.0.0/16")
    with pytest.raises(ClientError):
        ec2.delete_vpc(VpcId="vpc-00000000000000000")

    def chosen(*options: str) -> list[str]:
        return [one["action"] for one in shell.ok("sandbox", "calls", *options)["calls"]]

    assert chosen() == ["DescribeVpcs", "DescribeSubnets", "ListRoles", "CreateVpc", "DeleteVpc"]
    assert chosen("--account", "consumer") == chosen("--account", "222222222222") == ["ListRoles"]
    assert chosen("--service", "iam") == ["ListRoles"]
    assert chosen("--action", "Describe*") == chosen("--action", "ec2:Desc*") == ["DescribeVpcs", "DescribeSubnets"]
    assert chosen("--errors") == ["CreateVpc", "DeleteVpc"]
    first = shell.ok("sandbox", "calls")["calls"][0]["number"]
    assert chosen("--since", str(first + 2)) == ["CreateVpc", "DeleteVpc"]
    assert shell("sandbox", "calls", "--account", "nobody").code == 2
    nothing = shell("sandbox", "calls", "--service", "nope")
    assert (nothing.code, nothing.out) == (0, "")
    assert "there is no call to a service nope; there are ec2, iam" in nothing.err


def test_flows_name_what_dropped_them(shell: Shell, running: daemon.Running) -> None:
    provider, consumer = Account(running, "provider"), Account(running, "consumer")
    there = consume(consumer, provide(provider).service_name)
    there.function()
    assert there.invoke({"timeout": 2}).value["status"] == 200
    there.ec2.revoke_security_group_ingress(
        GroupId=there.endpoint_group, IpPermissions=tcp(80, peer=there.function_group)
    )
    assert there.invoke({"timeout": 0.3}).error
    dropped = shell.ok("sandbox", "flows", "--dropped")["flows"]
    assert dropped
    assert all(
        one["outcome"] == "drop" and f"no ingress rule of {there.endpoint_group}" in one["reason"] for one in dropped
    )
    everything = shell("sandbox", "flows").out.splitlines()
    assert len(everything) > len(dropped)
    assert any(" ok " in line for line in everything)


@pytest.fixture
def following(shell: Shell) -> Callable[..., subprocess.Popen[str]]:
    """Starts a command that follows from the first call on."""

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        return shell.start("sandbox", *arguments, "--follow", "--since", "0", env=environment)

    return start


def test_following_shows_calls_as_they_come_and_ends_cleanly(ec2: Any, following: Callable[..., Any]) -> None:
    process = following("calls", "--action", "*Vpc*")
    for _ in range(3):
        ec2.describe_vpcs()
        ec2.describe_subnets()
        assert "provider  ec2:DescribeVpcs  200" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "")


def test_following_as_json_is_one_object_a_line_without_colour(ec2: Any, following: Callable[..., Any]) -> None:
    process = following("calls", "-o", "json", FORCE_COLOR="1")
    ec2.describe_vpcs()
    assert json.loads(process.stdout.readline())["action"] == "DescribeVpcs"
    process.stdout.close()  # like `| head -1`: nobody reads any more
    ec2.describe_vpcs()
    assert process.wait(timeout=30) == 0


def test_colour_is_only_where_it_is_wanted(shell: Shell, ec2: Any) -> None:
    ec2.describe_vpcs()
    assert "\x1b[" not in shell("sandbox", "calls").out
    assert "\x1b[" in shell("sandbox", "calls", env={"FORCE_COLOR": "1"}).out
    assert "\x1b[" not in shell("sandbox", "calls", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).out


@pytest.mark.parametrize("wrong", [("-o", "yaml"), ("-o", "json", "--query", "data")])
def test_following_in_a_form_that_has_no_end_is_wrong_usage(shell: Shell, wrong: tuple[str, ...]) -> None:
    assert shell("sandbox", "flows", "--follow", *wrong).code == 2


def test_without_a_sandbox_each_command_says_how_to_start_one(shell: Shell, tmp_path: Path) -> None:
    for command in (("calls", "--follow"), ("flows",), ("clock",), ("faults", "list")):
        done = shell("sandbox", *command, "--folder", str(tmp_path / "none"))
        assert (done.code, "plinkctl sandbox start" in done.err) == (1, True)


def test_settings_are_shown_set_and_taken_back(shell: Shell, ec2: Any) -> None:
    usual = shell("sandbox", "settings", "-o", "json").data
    assert (usual["visibility"], usual["page_size"], usual["quotas"]["vpcs"]) == (0, None, 5)
    options = ("--visibility", "30", "--page-size", "1", "--quota", "vpcs=2", "--seed", "9")
    zones = ("--constrained-zone", "use1-az3", "--constrained-zone", "use1-az1")
    done = shell("sandbox", "settings", *options, *zones, "-o", "json")
    assert done.code == 0, done.err
    assert (done.data["visibility"], done.data["page_size"], done.data["seed"]) == (30, 1, 9)
    assert done.data["constrained_zones"] == ["use1-az1", "use1-az3"]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    with pytest.raises(ClientError, match=r"InvalidVpcID\.NotFound"):
        ec2.describe_vpcs(VpcIds=[vpc])
    with pytest.raises(ClientError, match="VpcLimitExceeded"):
        ec2.create_vpc(CidrBlock="10.1.0.0/16")
    assert len(ec2.describe_subnets()["Subnets"]) == 1
    assert shell("sandbox", "settings", "--usual", "-o", "json").data == usual
    assert len(ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--quota", "vpcs"), "not NAME=N"),
        (("--quota", "vpcs=many"), "not NAME=N"),
        (("--quota", "cats=1"), "there is no quota 'cats'"),
        (("--constrained-zone", "us-east-1a"), "there is no zone 'us-east-1a'"),
        (("--page-size", "0"), "0 is not in the range"),
        (("--visibility", "-1"), "-1"),
    ],
)
def test_settings_that_make_no_sense_are_told_and_change_nothing(
    shell: Shell, options: tuple[str, ...], said: str
) -> None:
    before = shell("sandbox", "settings", "-o", "json").data
    done = shell("sandbox", "settings", *options)
    assert done.code == 2
    assert said in done.err
    assert shell("sandbox", "settings", "-o", "json").data == before
