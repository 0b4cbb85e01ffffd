"""What the end-to-end tests look with: boto3 as a stranger sees the sandbox, the sandbox's own log, and progress lines.

Nothing here knows how plinkctl works inside; it asks AWS's doors and reads what a user can read.
"""

from __future__ import annotations

import configparser
import json
import os
import pty
import re
import select
import shlex
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from shells import PLINKCTL

from plinkctl.sandbox import remote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shells import Finished, Shell

    from plinkctl.sandbox.daemon import Running

PROVIDER, CONSUMER = "111111111111", "222222222222"
BOTH = ("--provider-profile", "provider", "--consumer-profile", "consumer")
PROOF = "Hello from ALB!"
BUCKET = "our-states"

#: Operations that change nothing; whatever else is called counts as a change.
_READS = re.compile(r"(Describe|Get|List)")


class Aws:
    """Both accounts of a sandbox through plain boto3."""

    def __init__(self, running: Running) -> None:
        self._known = configparser.ConfigParser()
        self._known.read(running.config_file)

    def client(self, profile: str, service: str) -> Any:
        """A client of that account."""
        known = self._known[f"profile {profile}"]
        keys = (known["aws_access_key_id"], known["aws_secret_access_key"])
        return _client(*keys, known["region"], known["endpoint_url"], service)

    def census(self) -> dict[str, list[Any]]:
        """Everything a link could leave behind, in both accounts, as IDs; equal censuses mean equal worlds."""
        return {f"{p} {kind}": sorted(ids) for p in ("provider", "consumer") for kind, ids in self._things(p)}

    def _things(self, profile: str) -> Iterable[tuple[str, list[Any]]]:
        ec2, elb = self.client(profile, "ec2"), self.client(profile, "elbv2")
        for operation, key, identifier in (
            ("describe_vpcs", "Vpcs", "VpcId"),
            ("describe_subnets", "Subnets", "SubnetId"),
            ("describe_route_tables", "RouteTables", "RouteTableId"),
            ("describe_security_groups", "SecurityGroups", "GroupId"),
            ("describe_security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId"),
            ("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
            ("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
            ("describe_vpc_endpoint_service_configurations", "ServiceConfigurations", "ServiceId"),
            ("describe_vpc_endpoint_connections", "VpcEndpointConnections", "VpcEndpointId"),
        ):
            found = getattr(ec2, operation)()[key]
            live = [i for i in found if str(i.get("VpcEndpointState", i.get("State"))).lower() != "deleted"]
            yield key, [item[identifier] for item in live]
        yield "LoadBalancers", [i["LoadBalancerArn"] for i in elb.describe_load_balancers()["LoadBalancers"]]
        yield "TargetGroups", [i["TargetGroupArn"] for i in elb.describe_target_groups()["TargetGroups"]]
        yield "Roles", [i["Arn"] for i in self.client(profile, "iam").list_roles()["Roles"]]
        yield "LogGroups", [i["arn"] for i in self.client(profile, "logs").describe_log_groups()["logGroups"]]
        yield "Functions", [i["FunctionArn"] for i in self.client(profile, "lambda").list_functions()["Functions"]]


@cache
def _client(key: str, secret: str, region: str, url: str, service: str) -> Any:
    """Made once: a census asks ten of them."""
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
    return session.client(service, endpoint_url=url)


def link_file(shell: Shell, content: str, name: str = "link.yaml") -> str:
    """Write a link file into the shell's folder; its name."""
    (shell.folder / name).write_text(content)
    return name


def network(ec2: Any, cidr: str, zone_ids: list[str]) -> tuple[str, list[str]]:
    """A VPC and one subnet in each zone, made by hand; `cidr` is the first two numbers of its block."""
    vpc_id = ec2.create_vpc(CidrBlock=f"{cidr}.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    subnets = [
        ec2.create_subnet(VpcId=vpc_id, CidrBlock=f"{cidr}.{n}.0/24", AvailabilityZoneId=zone_id)["Subnet"]["SubnetId"]
        for n, zone_id in enumerate(zone_ids)
    ]
    return vpc_id, subnets


def zone_names(ec2: Any) -> dict[str, str]:
    """Zone IDs by the names this account has for them."""
    zones = ec2.describe_availability_zones(Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}])
    return {zone["ZoneName"]: zone["ZoneId"] for zone in zones["AvailabilityZones"]}


def calls(shell: Shell, running: Running) -> list[dict[str, Any]]:
    """The API calls the sandbox has answered, as `plinkctl sandbox calls` tells them."""
    done = shell("sandbox", "calls", "--folder", str(running.folder), "-o", "json")
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = done.data["calls"]
    return found


def make_bucket(running: Running) -> Any:
    """The provider's bucket, in which the consumer may work too; the client."""
    s3 = Aws(running).client("provider", "s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    both = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{CONSUMER}:root"},
        "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
    }
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [both]}))
    return s3


class Meter:
    """Counts the calls made since it was made."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._since = int(remote.status(running)["calls"])

    def all(self) -> list[str]:
        """The actions called."""
        return [str(call["action"]) for call in remote.calls(self._running, since=self._since)]

    def mutating(self) -> list[str]:
        """The actions called that change something."""
        return [action for action in self.all() if not _READS.match(action)]


def in_foreground(shell: Shell, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start plinkctl as a shell does in a terminal's foreground: a process group of its own, which Ctrl-C reaches."""
    process = subprocess.Popen(
        [PLINKCTL, *arguments],
        cwd=shell.folder,
        env={**shell.env, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    shell.started.append(process)
    return process


def named(shell: Shell, *arguments: str, before: str = ":", stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start plinkctl as a process that names itself to the sandbox, whose rules may then send it signals.

    Args:
        shell: Where.
        arguments: Of plinkctl.
        before: Shell commands that come first, in the same process.
        stderr: Where its stderr goes.
    """
    line = f"{before}; export AWS_SDK_UA_APP_ID=pid-$$; exec {shlex.join([PLINKCTL, *arguments])}"
    process = subprocess.Popen(
        ["bash", "-c", line],
        cwd=shell.folder,
        env=shell.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    shell.started.append(process)
    return process


class Terminal:
    """A terminal with plinkctl in its foreground."""

    def __init__(self, process: subprocess.Popen[str], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self._seen = ""

    def read_until(self, pattern: str, *, within: float = 60) -> str:
        """Everything on the screen so far, once it has a place that matches."""
        deadline = time.monotonic() + within
        while not re.search(pattern, self._seen):
            assert select.select([self._descriptor], [], [], max(0.0, deadline - time.monotonic()))[0], self._seen
            assert self._read(), self._seen
        return self._seen

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._descriptor, keys.encode())

    def rest(self) -> str:
        """Everything that was ever on the screen, once nobody writes there any more."""
        while self._read():
            pass
        return self._seen

    def _read(self) -> bool:
        try:
            chunk = os.read(self._descriptor, 65536)
        except OSError:  # how a terminal says that nobody writes any more
            return False
        self._seen += chunk.decode()
        return bool(chunk)


_TAKE_THE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


@contextmanager
def on_a_pty(shell: Shell, *arguments: str) -> Iterator[Terminal]:
    """Start plinkctl in the foreground of a terminal of its own. Leaving the context closes it: SIGHUP."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_THE_TERMINAL, PLINKCTL, *arguments],
        cwd=shell.folder,
        env={**shell.env, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        text=True,
        start_new_session=True,
    )
    shell.started.append(process)
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        os.close(ours)


def on_a_terminal(shell: Shell, *arguments: str, env: dict[str, str], timeout: float = 60) -> tuple[int, str]:
    """Run plinkctl with stdout and stderr on one terminal; exit code and everything written there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PLINKCTL, *arguments],
        cwd=shell.folder,
        env={**shell.env, "TERM": "xterm-256color", **env},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        text=True,
    )
    shell.started.append(process)
    os.close(theirs)
    written, deadline = b"", time.monotonic() + timeout
    with os.fdopen(ours, "rb", buffering=0) as screen:
        while select.select([screen], [], [], max(0.0, deadline - time.monotonic()))[0]:
            try:
                chunk = screen.read(65536)
            except OSError:  # how a terminal says that nobody writes any more
                break
            if not chunk:
                break
            written += chunk
    return process.wait(max(0.1, deadline - time.monotonic())), written.decode()


def read_until(process: subprocess.Popen[str], pattern: str, *, within: float = 30) -> str:
    """Read the process's stderr up to a line that matches; what was read is returned."""
    assert process.stderr is not None
    heard, deadline = "", time.monotonic() + within
    descriptor = process.stderr.fileno()
    while not re.search(pattern, heard):
        left = deadline - time.monotonic()
        assert left > 0, f"no line like {pattern!r} within {within} s:\n{heard}"
        if select.select([descriptor], [], [], left)[0]:
            chunk = os.read(descriptor, 65536).decode()
            assert chunk, f"it ended before a line like {pattern!r}:\n{heard}"
            heard += chunk
    return heard


def envelope(text: str) -> dict[str, Any]:
    """The text as one whole envelope and nothing else."""
    found: dict[str, Any] = json.loads(text)
    assert found["schema"] == "plinkctl/1"
    return found


def untroubled(*texts: str) -> None:
    """No traceback and no bug report in what a user sees."""
    for text in texts:
        assert "Traceback" not in text
        assert "a bug in plinkctl" not in text


def refused(
    shell: Shell, *arguments: str, code: int, running: Running | None = None, env: dict[str, str] | None = None
) -> Finished:
    """Insist on a refusal with that exit code: a clean envelope, something to read, no traceback, no call to AWS."""
    meter = Meter(running) if running is not None else None
    done = shell(*arguments, "-o", "json", env=env)
    assert done.code == code, done.err + done.out
    answer = envelope(done.out)
    assert (answer["status"], answer["exit_code"]) == ("error", code)
    assert answer["errors"]
    assert all(error["message"] for error in answer["errors"])
    assert done.err.strip()
    untroubled(done.out, done.err)
    if meter is not None:
        assert meter.all() == []
    return done
