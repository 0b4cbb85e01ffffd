"""Zones: chosen by ID from what the user names and the service offers."""

from shells import Shell


def test_named_zones_are_taken_in_their_order_and_kept(shell: Shell) -> None:
    made = ("provider", "up", "--allow", "222222222222", "--zone-id", "use1-az3", "--zone-id", "use1-az2")
    assert shell.ok(*made)["availability_zone_ids"] == ["use1-az2", "use1-az3"]
    again = shell.ok("provider", "up", "--allow", "222222222222")
    assert again["availability_zone_ids"] == ["use1-az2", "use1-az3"], "what stands keeps its zones"


def test_a_zone_the_service_is_not_offered_in_is_told_before_anything_is_made(shell: Shell) -> None:
    offered = shell.ok("provider", "up", "--allow", "222222222222", "--zone-id", "use1-az1", "--zone-id", "use1-az2")
    wish = ("consumer", "up", "--profile", "consumer", "--service-name", offered["service_name"])
    refused = shell(*wish, "--zone-id", "use1-az4")
    assert refused.code == 1
    assert "the service is offered in use1-az1, use1-az2" in refused.err
    assert "consumer.network.zone_ids" in refused.err
    assert shell("state", "list", "-o", "json").data["states"][0]["side"] == "provider"


def test_a_zones_name_is_no_zone_id(shell: Shell) -> None:
    refused = shell("provider", "up", "--allow", "222222222222", "--zone-id", "us-east-1a")
    assert refused.code == 2
    assert "--zone-id" in refused.err
    assert "use1-az1" in refused.err
