"""Two people, two terminals, two profiles, no credentials in common: the main story and its unhappy variant.

Each party has a folder of its own, so neither sees the other's state. In the main story things take a moment.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from e2e_tools import CONSUMER, PROOF, PROVIDER, Aws, Meter, envelope, read_until, untroubled

if TYPE_CHECKING:
    from shells import Shell

    from plinkctl.sandbox.daemon import Running


def terminal(shell: Shell, profile: str) -> Shell:
    """Another terminal with that profile, in a folder of its own."""
    folder = shell.folder / profile
    folder.mkdir()
    return replace(shell, folder=folder, env={**shell.env, "AWS_PROFILE": profile})


@pytest.mark.slow
def test_the_provider_offers_the_consumer_asks_and_the_proof_comes(brisk_shell: Shell, brisk: Running) -> None:
    provider, consumer = terminal(brisk_shell, "provider"), terminal(brisk_shell, "consumer")
    before = Aws(brisk).census()

    offered = provider.ok("provider", "up", "--allow", CONSUMER)
    assert (offered["side"], offered["account"], offered["region"]) == ("provider", PROVIDER, "us-east-1")
    assert offered["acceptance_required"] is True
    assert offered["allowed_principals"] == [f"arn:aws:iam::{CONSUMER}:root"]
    assert offered["service_name"] == f"com.amazonaws.vpce.us-east-1.{offered['service_id']}"
    assert len(offered["availability_zone_ids"]) == 2

    asking = ("consumer", "up", "--service-name", offered["service_name"])
    held = consumer(*asking, "-o", "json")
    assert held.code == 8, held.err
    assert held.json["status"] == "pending"
    asked = held.data
    assert asked["endpoint_state"] == "pendingAcceptance"
    assert asked["account"] == CONSUMER
    assert asked["function_name"], "everything but the acceptance is finished"
    assert f"plinkctl accept --endpoint-id {asked['endpoint_id']}" in held.err

    seen = provider.ok("status")
    assert [(c["endpoint_id"], c["owner"], c["state"]) for c in seen["connections"]] == [
        (asked["endpoint_id"], CONSUMER, "pendingAcceptance")
    ]
    assert [side["side"] for side in seen["sides"]] == ["provider"]

    too_early = consumer("verify", "-o", "json")
    assert too_early.code == 3
    assert too_early.data["ok"] is False
    untroubled(too_early.err)

    accepted = provider.ok("accept", "--wait")
    assert [c["endpoint_id"] for c in accepted["accepted"]] == [asked["endpoint_id"]]
    assert accepted["pending"] == []

    proven = consumer.ok("verify")
    assert proven["ok"] is True
    assert (proven["request"]["status"], proven["request"]["body"]) == (200, PROOF)
    assert asked["dns_name"] in proven["request"]["url"]

    again = consumer.ok(*asking)
    assert again["endpoint_state"] == "available"
    meter = Meter(brisk)
    consumer.ok(*asking)
    assert meter.mutating() == []

    gone = consumer.ok("teardown", "--yes")
    assert {item["node"].partition("/")[0] for item in gone["deleted"]} == {"consumer"}
    assert gone["leftovers"] == []
    assert provider.ok("teardown", "--yes")["leftovers"] == []
    assert Aws(brisk).census() == before

    meter = Meter(brisk)
    for party in (provider, consumer):
        assert party.ok("teardown", "--yes") == {"deleted": [], "leftovers": []}
    assert meter.mutating() == []


def test_a_provider_does_not_cut_a_live_connection_unless_told(shell: Shell, sandbox: Running) -> None:
    provider, consumer = terminal(shell, "provider"), terminal(shell, "consumer")
    before = Aws(sandbox).census()
    offered = provider.ok("provider", "up", "--allow", CONSUMER, "--no-acceptance-required")
    asked = consumer.ok("consumer", "up", "--service-name", offered["service_name"])
    standing = Aws(sandbox).census()

    meter = Meter(sandbox)
    refused = provider("teardown", "--yes", "-o", "json")
    assert refused.code == 6
    (error,) = refused.json["errors"]
    assert error["code"] == "live_connections"
    assert asked["endpoint_id"] in error["why"]
    assert CONSUMER in error["why"]
    assert "--reject-connections" in error["hint"]
    assert "ExistingVpcEndpointConnections" not in refused.out + refused.err
    assert meter.mutating() == [], "refused before anything was touched"
    assert Aws(sandbox).census() == standing

    unconfirmed = provider("teardown", "--reject-connections", "--confirm", "another-link")
    assert unconfirmed.code == 6
    assert Aws(sandbox).census() == standing

    gone = provider.ok("teardown", "--reject-connections", "--confirm", "default")
    assert gone["leftovers"] == []
    endpoint = Aws(sandbox).client("consumer", "ec2").describe_vpc_endpoints()["VpcEndpoints"][0]
    assert endpoint["State"].lower() == "rejected", "it stays the consumer's until the consumer deletes it"

    broken = consumer("verify", "-o", "json")
    assert broken.code == 3
    assert "rejected" in broken.json["errors"][0]["why"]
    assert consumer.ok("teardown", "--yes")["leftovers"] == []
    assert Aws(sandbox).census() == before


def test_a_stranger_is_shown_and_left_alone(shell: Shell, sandbox: Running) -> None:
    provider, consumer = terminal(shell, "provider"), terminal(shell, "consumer")
    # The provider's own account is allowed and asks as well; only the consumer is expected by `accept`.
    offered = provider.ok("provider", "up", "--allow", CONSUMER)
    asked = consumer.ok("consumer", "up", "--service-name", offered["service_name"], code=8)
    provider.ok("provider", "up", "--allow", PROVIDER)

    left = provider("accept", "-o", "json")
    assert left.code == 8
    assert left.data["accepted"] == []
    assert [c["owner"] for c in left.data["pending"]] == [CONSUMER]
    assert asked["endpoint_id"] in left.err

    named = provider.ok("accept", "--endpoint-id", asked["endpoint_id"], "--wait")
    assert [c["state"].lower() for c in named["accepted"]] == ["available"]
    rejected = provider.ok("reject", "--endpoint-id", asked["endpoint_id"])
    assert [c["endpoint_id"] for c in rejected["rejected"]] == [asked["endpoint_id"]]
    nobody = provider("accept", "--endpoint-id", "vpce-00000000000000000", "--timeout", "1s", "-o", "json")
    assert nobody.code in {1, 7}
    untroubled(nobody.err)


def test_waiting_for_the_other_party_ends_when_told(shell: Shell, sandbox: Running) -> None:
    provider, consumer = terminal(shell, "provider"), terminal(shell, "consumer")
    offered = provider.ok("provider", "up", "--allow", CONSUMER)
    nobody = provider("accept", "--wait", "--timeout", "1s", "-o", "json")
    assert nobody.code == 8
    assert "plinkctl consumer up" in nobody.json["errors"][0]["hint"]

    asking = ("consumer", "up", "--service-name", offered["service_name"], "--wait")
    late = consumer(*asking, "--timeout", "2s", "-o", "json")
    assert late.code == 7, late.err
    assert "accept" in late.json["errors"][0]["why"]
    waiting = consumer.start(*asking, "-o", "json", "--progress", "plain")
    read_until(waiting, r"consumer/endpoint  waiting")
    provider.ok("accept")
    out, err = waiting.communicate(timeout=30)
    assert waiting.returncode == 0, err
    assert envelope(out)["data"]["endpoint_state"] == "available"
