"""How fast the sandbox is, beside plain moto in the same run. Not a test: it measures, prints, and judges nothing.

    .venv/bin/python tests/bench/bench_sandbox.py [--endpoints 1000] [--rounds 300] [--json]

Both servers run as processes of their own on the first core; this process, which is the client, keeps to the others.
Plain moto has no acceptance, no health, no refusals; where it lacks a call the column is empty. Everything is on
127.0.0.1, bounded by its arguments, and ended before the figures are printed.
"""

from __future__ import annotations

import argparse
import configparser
import contextlib
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from plinkctl.sandbox import daemon, remote

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))

import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LIMIT = 60.0
#: What a new account may have is less than what is measured here.
_NO_QUOTAS = {"vpcs": 10**6, "interface-endpoints-per-vpc": 10**6, "network-interfaces": 10**6}


@dataclass
class Door:
    """One server as a client sees it: two accounts, and clients made once."""

    name: str
    url: str
    keys: dict[str, tuple[str, str]]
    started_in: float
    made: dict[tuple[str, str], Any] = field(default_factory=dict)

    def side(self, alias: str) -> Account:
        """One account of it."""
        return Account(self, alias)


@dataclass
class Account:
    """What `whole` wants: something that makes clients."""

    door: Door
    alias: str

    def client(self, service: str) -> Any:
        """A client without retries."""
        if (self.alias, service) not in self.door.made:
            key, secret = self.door.keys[self.alias]
            session = boto3.Session(key, secret, region_name="us-east-1")
            settings = Config(retries={"total_max_attempts": 1}, max_pool_connections=20)
            self.door.made[self.alias, service] = session.client(service, endpoint_url=self.door.url, config=settings)
        return self.door.made[self.alias, service]


# ------------------------------------------------------------------------------------------ the servers


def _on_first_core(pid: int) -> None:
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {min(os.sched_getaffinity(0))})


@contextlib.contextmanager
def ours() -> Iterator[Door]:
    """The sandbox of this project, profile instant, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="plinkctl-bench-"))
    try:
        begun = time.monotonic()
        running = daemon.start(folder / "sandbox", "instant", parent_pid=os.getpid(), keep=True)  # as users have it
        spent = time.monotonic() - begun
        remote.settings(running, quotas=_NO_QUOTAS)
        _on_first_core(running.pid)
        keys = {alias: _keys(running.config_file, alias) for alias in running.accounts}
        yield Door("sandbox", running.url, keys, spent)
    finally:
        daemon.stop(folder / "sandbox")
        shutil.rmtree(folder, ignore_errors=True)


def _keys(config_file: Path, profile: str) -> tuple[str, str]:
    """The keys of a profile in an AWS config file."""
    parsed = configparser.ConfigParser()
    parsed.read(config_file)
    section = parsed[f"profile {profile}"]
    return section["aws_access_key_id"], section["aws_secret_access_key"]


@contextlib.contextmanager
def plain() -> Iterator[Door]:
    """moto's own server, as it comes, without the machine images nobody needs here."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"},
    )
    try:
        door = Door("moto", f"http://127.0.0.1:{port}", {}, 0.0)
        door.keys = dict.fromkeys(("provider", "consumer"), ("AKIAIOSFODNN7EXAMPLE", "secret"))
        while True:
            if process.poll() is not None or time.monotonic() - begun > _LIMIT:
                sys.exit("plain moto did not start")
            with contextlib.suppress(Exception):
                door.side("provider").client("ec2").describe_vpcs()
                break
            time.sleep(0.02)
        door.started_in = time.monotonic() - begun
        _on_first_core(process.pid)
        yield door
    finally:
        process.kill()
        process.wait()


# ----------------------------------------------------------------------------------------- the measures


def median_ms(call: Callable[[], Any], rounds: int) -> float:
    """Median time of a call, in milliseconds."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def set_up(door: Door, *, count: int = 3) -> float:
    """Seconds for a whole link by boto3, warm: the best of a few, for the first one loads models on both ends."""
    best = float("inf")
    for number in range(count):
        begun = time.perf_counter()
        made = whole.provide(door.side("provider"))
        taken = whole.consume(door.side("consumer"), made.service_name)
        taken.function()
        best = min(best, time.perf_counter() - begun) if number else best
        _tear_down(made, taken)
    return best


def _tear_down(made: Any, taken: Any) -> None:
    taken.functions.delete_function(FunctionName="probe")
    taken.iam.delete_role_policy(RoleName="probe", PolicyName="rights")
    taken.iam.delete_role(RoleName="probe")
    taken.ec2.delete_vpc_endpoints(VpcEndpointIds=[taken.endpoint["VpcEndpointId"]])
    made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.service])
    made.elb.deregister_targets(TargetGroupArn=made.targets, Targets=[{"Id": made.alb, "Port": 80}])
    for arn in (made.nlb, made.alb):
        made.elb.delete_load_balancer(LoadBalancerArn=arn)
    made.elb.delete_target_group(TargetGroupArn=made.targets)
    made.ec2.delete_security_group(GroupId=made.alb_group)
    for vpc in (made, taken):
        for subnet in vpc.subnets:
            vpc.ec2.delete_subnet(SubnetId=subnet)


def signed(client: Any, call: Callable[[], Any]) -> tuple[str, str, bytes, dict[str, str]]:
    """The request behind a call, signed, as it went out: to be sent again without paying for the SDK."""
    caught: list[Any] = []

    def keep(request: Any, **_: Any) -> None:
        caught.append(request)

    client.meta.events.register("before-send.*", keep)
    try:
        call()
    finally:
        client.meta.events.unregister("before-send.*", keep)
    (request,) = caught
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}
    body = request.body or b""
    return request.method, request.url, body if isinstance(body, bytes) else body.encode(), headers


def per_second(door: Door, clients: int, rounds: int) -> float:
    """DescribeVpcs a second, sent by so many kept connections at once."""
    ec2 = door.side("provider").client("ec2")
    method, url, body, headers = signed(ec2, ec2.describe_vpcs)
    place = urlsplit(url)

    def send() -> None:
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=_LIMIT)
        for _ in range(rounds):
            connection.request(method, place.path or "/", body, headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clients * rounds / (time.perf_counter() - begun)


def many(door: Door, count: int, *, full: bool) -> dict[str, float]:
    """So many endpoints on one service: seconds for the first and the last tenth, and for what concerns them all."""
    provider, consumer = door.side("provider"), door.side("consumer")
    ec2, theirs = consumer.client("ec2"), provider.client("ec2")
    elb = provider.client("elbv2")
    home = whole.network(theirs, "use1-az1", "use1-az2")
    arn = elb.create_load_balancer(Name="many", Type="network", Scheme="internal", Subnets=home.subnets)[
        "LoadBalancers"
    ][0]["LoadBalancerArn"]
    service = theirs.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[arn], AcceptanceRequired=True)
    config = service["ServiceConfiguration"]
    theirs.modify_vpc_endpoint_service_permissions(
        ServiceId=config["ServiceId"], AddAllowedPrincipals=["arn:aws:iam::222222222222:root"]
    )
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/17", AvailabilityZoneId="use1-az1")["Subnet"]["SubnetId"]
    times, ids = [], []
    for _ in range(count):
        begun = time.perf_counter()
        endpoint = ec2.create_vpc_endpoint(
            VpcEndpointType="Interface", ServiceName=config["ServiceName"], VpcId=vpc, SubnetIds=[subnet]
        )["VpcEndpoint"]["VpcEndpointId"]
        times.append(time.perf_counter() - begun)
        ids.append(endpoint)
    tenth = max(1, count // 10)
    found = {"first tenth, ms each": _each(times[:tenth]), "last tenth, ms each": _each(times[-tenth:])}
    found["describe one, ms"] = median_ms(lambda: ec2.describe_vpc_endpoints(VpcEndpointIds=[ids[0]]), 20)
    found["list all, s"] = _seconds(lambda: list(ec2.get_paginator("describe_vpc_endpoints").paginate()))
    if not full:
        return found
    found["list connections, s"] = _seconds(
        lambda: list(theirs.get_paginator("describe_vpc_endpoint_connections").paginate())
    )
    one_by_one: list[float] = []
    for one in ids:
        begun = time.perf_counter()
        theirs.accept_vpc_endpoint_connections(ServiceId=config["ServiceId"], VpcEndpointIds=[one])
        one_by_one.append(time.perf_counter() - begun)
    found["accept, first tenth, ms each"] = _each(one_by_one[:tenth])
    found["accept, last tenth, ms each"] = _each(one_by_one[-tenth:])
    found["delete all, s"] = _seconds(lambda: [ec2.delete_vpc_endpoints(VpcEndpointIds=[one]) for one in ids])
    return found


def _each(times: list[float]) -> float:
    return statistics.median(times) * 1000


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def imports() -> dict[str, int]:
    """Modules of the sandbox and of moto that commands load which do not use it."""
    code = (
        "import sys; from plinkctl.cli.main import main\n"
        "try: main(['up', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sum(m.partition('.')[0] in ('moto', 'flask', 'werkzeug') or m.startswith('plinkctl.sandbox')"
        " for m in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {"modules of the sandbox loaded by `up --help`": int(done.stderr.strip().splitlines()[-1])}


def measure(door: Door, *, rounds: int, endpoints: int, full: bool) -> dict[str, float]:
    """All figures of one server."""
    ec2, elb = door.side("provider").client("ec2"), door.side("provider").client("elbv2")
    found = {"start, s": door.started_in, "set-up by boto3, warm, s": set_up(door)}
    found["DescribeVpcs, p50 ms"] = median_ms(ec2.describe_vpcs, rounds)
    found["DescribeVpcEndpoints, p50 ms"] = median_ms(ec2.describe_vpc_endpoints, rounds)
    found["DescribeLoadBalancers, p50 ms"] = median_ms(elb.describe_load_balancers, rounds)
    found["requests/s, 1 connection"] = per_second(door, 1, rounds)
    found["requests/s, 4 connections"] = per_second(door, 4, rounds)
    return found | {
        f"{endpoints} endpoints: {name}": figure for name, figure in many(door, endpoints, full=full).items()
    }


def main() -> None:
    """Measure both, print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoints", type=int, default=1000, help="endpoints on one service (default 1000)")
    parser.add_argument("--rounds", type=int, default=300, help="repetitions of each call (default 300)")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    asked = parser.parse_args()
    with contextlib.suppress(AttributeError, OSError):
        others = os.sched_getaffinity(0) - {min(os.sched_getaffinity(0))}
        os.sched_setaffinity(0, others or os.sched_getaffinity(0))
    figures: dict[str, dict[str, float]] = {}
    with ours() as door:
        figures["sandbox"] = measure(door, rounds=asked.rounds, endpoints=asked.endpoints, full=True)
    with plain() as door:
        figures["moto"] = measure(door, rounds=asked.rounds, endpoints=asked.endpoints, full=False)
    figures["sandbox"] |= imports()
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{'':44} {'sandbox':>10} {'plain moto':>10} {'ratio':>6}")
    for name, figure in figures["sandbox"].items():
        other = figures["moto"].get(name)
        beside = f"{other:10.2f} {figure / other:6.2f}" if other else ""
        print(f"{name:44} {figure:10.2f} {beside}")


if __name__ == "__main__":
    main()
