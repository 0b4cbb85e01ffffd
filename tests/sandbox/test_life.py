"""`sandbox start`, `stop`, `status`, `reset`, `purge` as installed commands, across several sandboxes in one folder."""

from __future__ import annotations

import configparser
import resource
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from shells import Shell, clean_environment, end

from plinkctl.sandbox import daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A terminal without any sandbox yet."""
    made = Shell(tmp_path, {**clean_environment(None), "XDG_STATE_HOME": str(tmp_path / "state")})
    yield made
    end(made)


def test_it_goes_on_where_it_was_until_it_is_purged(shell: Shell) -> None:
    first = shell.ok("sandbox", "start", "--profile", "instant")
    assert first["taken_up"] is None
    shell.ok("sandbox", "clock", "--freeze", "--advance", "90s")
    assert shell.ok("sandbox", "stop") == {"stopped": True}
    aside = shell.ok("sandbox", "status")["kept"]
    assert aside["taken"] > "20"
    assert aside["trouble"] is None
    done = shell("sandbox", "start", "-o", "json")
    assert "taken up as it was put aside at" in done.err
    second = done.data
    assert second["taken_up"] == aside["taken"]
    assert (second["url"], second["profile"]) == (first["url"], "instant")
    status = shell.ok("sandbox", "status")
    assert status["clock"]["speed"] == 0
    assert status["kept"]["trouble"] is None
    folder = Path(second["folder"])
    assert shell.ok("sandbox", "purge") == {"purged": True, "folder": str(folder)}
    assert not folder.exists()
    assert shell.ok("sandbox", "purge")["purged"] is False
    assert shell.ok("sandbox", "start")["taken_up"] is None


def test_a_second_start_says_in_what_the_running_one_differs(shell: Shell) -> None:
    first = shell.ok("sandbox", "start", "--profile", "instant", "--isolation", "shim")
    assert first["differing"] == []
    assert shell.ok("sandbox", "start", "--profile", "instant")["differing"] == []
    port = first["url"].rpartition(":")[2]
    other = ("--profile", "real", "--port", "1", "--idle", "90s", "--throw-away")
    done = shell("sandbox", "start", *other, "-o", "json")
    assert done.code == 0
    assert done.data["pid"] == first["pid"]
    assert done.data["differing"] == [
        "profile is instant, not real",
        f"port is {port}, not 1",
        "idle is 3600.0, not 90.0",
        "throw_away is False, not True",
    ]
    assert "it runs already, and not as asked: profile is instant, not real" in done.err
    fresh = shell("sandbox", "start", "--fresh")
    assert fresh.code == 1
    assert "plinkctl sandbox reset" in fresh.err


def test_a_damaged_snapshot_is_refused_with_the_command_that_helps(shell: Shell) -> None:
    folder = Path(shell.ok("sandbox", "start")["folder"])
    shell.ok("sandbox", "stop")
    (folder / "snapshot").write_bytes((folder / "snapshot").read_bytes()[:5000])
    done = shell("sandbox", "start")
    assert done.code == 4
    assert "ends too early: " in done.err
    assert f"plinkctl sandbox start --fresh --folder {folder}" in done.err
    assert "Traceback" not in done.err + done.out
    status = shell.ok("sandbox", "status")
    assert status["running"] is False
    assert "ends too early" in status["kept"]["trouble"]
    assert shell.ok("sandbox", "start", "--fresh", "--folder", str(folder))["taken_up"] is None


def test_a_service_that_cannot_be_put_aside_takes_nothing_else_with_it(shell: Shell) -> None:
    started = shell.ok("sandbox", "start", "--profile", "instant")
    made = configparser.ConfigParser()
    made.read(started["config_file"])
    keys = made["profile provider"]
    session = boto3.Session(keys["aws_access_key_id"], keys["aws_secret_access_key"], region_name="us-east-1")
    lake, ec2 = (session.client(name, endpoint_url=started["url"]) for name in ("lakeformation", "ec2"))
    lake.register_resource(ResourceArn="arn:aws:s3:::lake")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    done = shell("sandbox", "stop")
    assert done.code == 0
    assert "all is put aside but what is in lakeformation, which cannot be" in done.err
    aside = shell.ok("sandbox", "status")["kept"]
    assert aside["trouble"] is None
    assert "default_settings" in aside["unkept"]["lakeformation"]
    again = shell("sandbox", "start", "-o", "json")
    assert "without what was in lakeformation, which could not be put aside" in again.err
    assert again.data["url"] == started["url"]
    assert [one["VpcId"] for one in ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]] == [vpc]
    assert lake.list_resources()["ResourceInfoList"] == []


def test_it_does_not_stop_when_that_would_lose_something(shell: Shell) -> None:
    started = shell.ok("sandbox", "start", "--profile", "instant")
    _, hard = resource.prlimit(started["pid"], resource.RLIMIT_FSIZE)
    resource.prlimit(started["pid"], resource.RLIMIT_FSIZE, (1000, hard))
    done = shell("sandbox", "stop")
    assert done.code == 1
    assert "File too large" in done.err
    assert "plinkctl sandbox stop --force" in done.err
    assert "File too large" in shell.ok("sandbox", "status")["kept"]["trouble"]
    assert shell.ok("sandbox", "stop", "--force") == {"stopped": True}
    assert daemon.find(Path(started["folder"])) is None


def test_a_taken_port_is_named_with_the_next_command(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = shell("sandbox", "start", "--port", str(port))
    assert done.code == 1
    assert f"port {port} is in use by another program" in done.err
    assert "plinkctl sandbox start --port 0" in done.err


@pytest.mark.parametrize("folder", ["/proc/plinkctl", "/dev/null", "/dev/null/sandbox"])
def test_a_folder_nothing_can_be_written_to_is_told_in_words(shell: Shell, folder: str) -> None:
    done = shell("sandbox", "start", "--folder", folder)
    assert done.code == 2
    assert f"the folder {folder} cannot hold a sandbox" in done.err


def test_a_foreign_folder_is_not_purged(shell: Shell) -> None:
    (shell.folder / "thesis.txt").write_text("mine")
    done = shell("sandbox", "purge", "--folder", str(shell.folder))
    assert done.code == 6
    assert "is not a sandbox's" in done.err
    assert (shell.folder / "thesis.txt").read_text() == "mine"
