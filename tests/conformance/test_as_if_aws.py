"""The way to real AWS, walked with a sandbox in another process in AWS's place: two profiles lead there, no more."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from facts import HERE

from plinkctl.sandbox import daemon

if TYPE_CHECKING:
    from plinkctl.sandbox.daemon import Running

PROFILES = {
    "PLINKCTL_CONFORMANCE_PROVIDER_PROFILE": "provider",
    "PLINKCTL_CONFORMANCE_CONSUMER_PROFILE": "consumer",
    "PLINKCTL_CONFORMANCE_PATIENCE": "0.02",
}

#: Runs pytest and says whether anything of plinkctl was imported on the way.
RUN = """
import sys, pytest
code = pytest.main(sys.argv[1:])
print("imported:", sorted(name for name in sys.modules if name.split(".")[0] in ("plinkctl", "moto")))
sys.exit(code)
"""

SAMPLE = (
    "test_network_facts.py",
    "test_balancer_facts.py::test_a_load_balancer_and_its_service",
    "test_service_facts.py::test_a_request_is_accepted",
    "test_service_facts.py::test_a_request_nobody_answers_expires",
    "test_function_facts.py::test_log_groups",
    "test_function_facts.py::test_roles",
)


def _run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PLINKCTL_", "PYTEST_"))}
    common = [f"--confcutdir={HERE}", "-p", "no:cacheprovider", "-rs", "-q", "--tb=short"]
    return subprocess.run(
        [sys.executable, "-c", RUN, *common, *arguments],
        env=kept | environment,
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _left(running: Running) -> dict[str, Any]:
    """What a sandbox still holds besides what each account has from the start."""
    found: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in daemon.environment(running).items():
            patch.setenv(name, value)
        for profile in ("provider", "consumer"):
            session = boto3.Session(profile_name=profile)
            ec2, elb = session.client("ec2"), session.client("elbv2")
            found[profile] = [
                *(one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"] if not one["IsDefault"]),
                *(one["VpcEndpointId"] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]),
                *(one["LoadBalancerArn"] for one in elb.describe_load_balancers()["LoadBalancers"]),
                *(one["TargetGroupArn"] for one in elb.describe_target_groups()["TargetGroups"]),
                *(one["RoleName"] for one in session.client("iam").list_roles()["Roles"]),
                *(one["logGroupName"] for one in session.client("logs").describe_log_groups()["logGroups"]),
            ]
    return found


@pytest.mark.slow
def test_a_sample_passes_and_leaves_nothing(brisk: Running) -> None:
    done = _run(daemon.environment(brisk) | PROFILES, "--real-aws", *SAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "costs up to about" in done.stdout
    assert "not against AWS: it would take days" in done.stdout
    assert "imported: []" in done.stdout
    assert _left(brisk) == {"provider": [], "consumer": []}


@pytest.mark.slow
def test_what_a_failing_test_made_is_deleted_all_the_same(brisk: Running) -> None:
    """A copy of the suite with one test that makes things and fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test_broken.py"
        path.write_text(
            "from builds import group, network\n\n"
            "def test_broken(target, provider):\n"
            "    made = network(provider, *target.zones[:1])\n"
            "    group(provider, made.vpc, 'g')\n"
            "    provider.iam.create_role(RoleName=target.name('r'), AssumeRolePolicyDocument="
            '\'{"Version": "2012-10-17", "Statement": []}\')\n'
            "    raise AssertionError('broken')\n"
        )
        (Path(folder) / "conftest.py").write_text((HERE / "conftest.py").read_text())
        where = {"PYTHONPATH": str(HERE / "suite")}
        done = _run(
            daemon.environment(brisk) | PROFILES | where,
            "--real-aws",
            f"--confcutdir={folder}",
            f"--rootdir={folder}",
            str(path),
        )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "broken" in done.stdout
    assert _left(brisk) == {"provider": [], "consumer": []}


def test_the_switch_alone_is_not_enough() -> None:
    done = _run({}, "--real-aws", "test_network_facts.py")
    assert done.returncode == 4
    assert "--real-aws needs PLINKCTL_CONFORMANCE_PROVIDER_PROFILE" in done.stderr + done.stdout
