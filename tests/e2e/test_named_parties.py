"""Two companies and whoever runs the DNS: by the commands of the how-to to HTTPS by a name, and back to nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from e2e_tools import CONSUMER, PROOF, Aws

from plinkctl.sandbox import remote

if TYPE_CHECKING:
    from shells import Shell

    from plinkctl.sandbox.daemon import Running

NAME = "api.example.com"


def terminal(shell: Shell, profile: str) -> Shell:
    """A terminal of one party, in a folder of its own."""
    folder = shell.folder / profile
    folder.mkdir()
    return replace(shell, folder=folder, env={**shell.env, "AWS_PROFILE": profile})


def paste(route53: Any, zone: str, record: dict[str, str]) -> None:
    """Publish a record as it was printed."""
    value = f'"{record["value"]}"' if record["type"] == "TXT" else record["value"]
    content = {"Name": record["name"], "Type": record["type"], "TTL": 60, "ResourceRecords": [{"Value": value}]}
    changes = [{"Action": "CREATE", "ResourceRecordSet": content}]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


@pytest.mark.slow
def test_two_companies_come_to_https_by_a_name_that_somebody_else_publishes(brisk_shell: Shell, brisk: Running) -> None:
    provider, consumer = (terminal(brisk_shell, side) for side in ("provider", "consumer"))
    route53 = Aws(brisk).client("consumer", "route53")  # the provider has no access to where its DNS is
    zone = route53.create_hosted_zone(Name="example.com", CallerReference="theirs")["HostedZone"]["Id"]

    offering = ("provider", "up", "--allow", CONSUMER, "--private-dns-name", NAME, "--certificate", "requested")
    offered = provider(*offering, "-o", "json", "--progress", "plain")
    assert offered.code == 8, offered.err
    proofs = [offered.data["private_dns"]["record"], offered.data["certificate"]["record"]]
    for record in proofs:
        assert f"publish this DNS record: {record['name']} {record['type']} " in offered.err
        assert record["value"] in offered.err
    asking = f"consumer up --service-name {offered.data['service_name']} --private-dns --https"
    assert f"plinkctl {asking}\n" in offered.err

    asked = consumer(*asking.split(), "-o", "json")  # the consumer may come before the name is there
    assert asked.code == 8, asked.err
    assert provider.ok("accept")["pending"] == []

    for record in proofs:
        paste(route53, zone, record)
    pasted = remote.census(brisk)
    assert provider.ok(*offering, "--wait")["private_dns"]["verified"] is True
    assert consumer.ok(*asking.split())["endpoint_state"] == "available"
    proven = consumer.ok("verify")
    assert proven["request"]["body"] == PROOF
    assert proven["request"]["tls"]["names"] == [NAME]
    assert any(f"https://{NAME}/" in check["detail"] for check in proven["checks"])

    gone = provider.ok("teardown", "--reject-connections", "--confirm", "default")
    assert gone["leftovers"] == []
    assert consumer.ok("teardown", "--yes")["leftovers"] == []
    left = [one for one in remote.census(brisk) if one["kind"] not in ("user", "role") and one["tags"]]
    assert left == []
    theirs = [one for one in pasted if one["kind"] in ("hosted zone", "record")]
    assert [one for one in remote.census(brisk) if one["kind"] in ("hosted zone", "record", "certificate")] == theirs
