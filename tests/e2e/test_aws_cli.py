"""The AWS CLI as a second pair of eyes and hands: it sees what plinkctl made, can accept, and finds nothing after.

What it can do alone is in test_by_hand.py; here are only as many of its commands as tell that both speak of the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from e2e_tools import BOTH, CONSUMER, PROOF, Aws

if TYPE_CHECKING:
    from shells import Shell

    from plinkctl.sandbox.daemon import Running

AWS = str(Path(sys.executable).parent / "aws")


def aws(shell: Shell, profile: str, *arguments: str) -> Any:
    """Run the AWS CLI to its end; what it answered."""
    done = subprocess.run(
        [AWS, *arguments, "--profile", profile, "--output", "json"],
        cwd=shell.folder,
        env={**shell.env, "AWS_PAGER": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.mark.slow
def test_the_aws_cli_sees_accepts_and_misses_the_same_resources(shell: Shell, sandbox: Running) -> None:
    before = Aws(sandbox).census()
    offered = shell.ok("provider", "up", "--allow", CONSUMER)
    asking = ("consumer", "up", "--service-name", offered["service_name"], "--profile", "consumer")
    asked = shell.ok(*asking, code=8)
    ids = {r["node"]: r["id"] for r in offered["resources"]}

    services = aws(shell, "provider", "ec2", "describe-vpc-endpoint-service-configurations")
    assert [s["ServiceName"] for s in services["ServiceConfigurations"]] == [offered["service_name"]]
    balancers = aws(shell, "provider", "elbv2", "describe-load-balancers")["LoadBalancers"]
    assert {b["LoadBalancerArn"]: b["State"]["Code"] for b in balancers} == {
        ids["provider/alb"]: "active",
        ids["provider/nlb"]: "active",
    }

    # By hand, in place of `plinkctl accept`.
    waiting = aws(shell, "provider", "ec2", "describe-vpc-endpoint-connections")["VpcEndpointConnections"]
    assert [(c["VpcEndpointId"], c["VpcEndpointState"]) for c in waiting] == [
        (asked["endpoint_id"], "pendingAcceptance")
    ]
    service, endpoint = ("--service-id", offered["service_id"]), ("--vpc-endpoint-ids", asked["endpoint_id"])
    answer = aws(shell, "provider", "ec2", "accept-vpc-endpoint-connections", *service, *endpoint)
    assert answer["Unsuccessful"] == []
    stands = shell.ok(*asking, "--wait")
    assert stands["endpoint_state"] == "available"

    (found,) = aws(shell, "consumer", "ec2", "describe-vpc-endpoints", *endpoint)["VpcEndpoints"]
    assert found["State"] == "available"
    assert found["DnsEntries"][0]["DnsName"] == stands["dns_name"]
    answered = shell.folder / "response.json"
    invoked = aws(shell, "consumer", "lambda", "invoke", "--function-name", stands["function_name"], str(answered))
    assert "FunctionError" not in invoked
    assert json.loads(answered.read_text())["body"] == PROOF

    shell.ok("teardown", *BOTH, "--yes")
    for profile, command, key in (
        ("provider", ("ec2", "describe-vpc-endpoint-service-configurations"), "ServiceConfigurations"),
        ("provider", ("elbv2", "describe-load-balancers"), "LoadBalancers"),
        ("consumer", ("lambda", "list-functions"), "Functions"),
    ):
        assert aws(shell, profile, *command)[key] == []
    left = aws(shell, "consumer", "ec2", "describe-vpc-endpoints")["VpcEndpoints"]
    assert [e["State"] for e in left if e["State"] != "deleted"] == []
    assert Aws(sandbox).census() == before
