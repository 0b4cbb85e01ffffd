"""The two failures the article ends with, and their kin: plinkctl says beforehand what AWS would say too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from e2e_tools import BOTH, CONSUMER, Aws, Meter, link_file, refused, untroubled

if TYPE_CHECKING:
    from shells import Shell

    from plinkctl.sandbox.daemon import Running

RAW = (
    "ExistingVpcEndpointConnections",
    "ResourceInUse",
    "InvalidParameter",
    "OperationNotPermitted",
    "An error occurred",
)


def test_private_dns_on_a_service_without_a_name_is_refused_before_the_endpoint_is_made_and_after(
    shell: Shell, sandbox: Running
) -> None:
    offered = shell.ok("provider", "up", "--allow", CONSUMER, "--no-acceptance-required")
    before, meter = Aws(sandbox).census(), Meter(sandbox)
    asking = ("consumer", "up", "--profile", "consumer", "--service-name", offered["service_name"])
    done = refused(shell, *asking, "--private-dns", code=2)
    (error,) = done.json["errors"]
    assert error["code"] == "no_private_dns_name"
    assert offered["service_name"] in error["message"]
    assert "private_dns" in error["hint"]
    assert meter.mutating() == []
    assert Aws(sandbox).census() == before
    assert not (shell.folder / ".plinkctl" / "default" / "consumer.json").exists()
    assert not any(raw in done.out + done.err for raw in RAW)

    shell.ok(*asking)
    meter = Meter(sandbox)
    done = refused(shell, *asking, "--private-dns", code=2)
    assert "private DNS" in done.json["errors"][0]["message"], "it cannot be switched on later either"
    assert meter.mutating() == []
    assert not any(raw in done.out + done.err for raw in RAW)


def test_private_dns_is_refused_as_well_when_both_sides_are_made_in_one_walk(shell: Shell, sandbox: Running) -> None:
    """The service plinkctl makes has no private DNS name, so nothing needs to be made to know the answer."""
    meter = Meter(sandbox)
    done = refused(shell, "up", "-f", link_file(shell, "consumer: {private_dns: true}"), *BOTH, code=2)
    assert "private" in done.json["errors"][0]["message"]
    assert meter.mutating() == []


def test_a_live_endpoint_stops_a_teardown_ours_the_providers_and_a_strangers_the_whole(
    shell: Shell, sandbox: Running
) -> None:
    """Each is named with what to do; a stranger's is cut only when asked for."""
    both = shell.ok("up", "-f", link_file(shell, "provider: {acceptance_required: false}"), *BOTH)
    meter = Meter(sandbox)
    done = refused(shell, "teardown", "provider", "--yes", code=6)
    (error,) = done.json["errors"]
    assert both["consumer"]["endpoint_id"] in error["why"]
    assert error["hint"].startswith("plinkctl teardown consumer")
    assert not any(raw in done.out + done.err for raw in RAW)
    assert meter.mutating() == []

    ec2 = Aws(sandbox).client("consumer", "ec2")
    ours = ec2.describe_vpc_endpoints(VpcEndpointIds=[both["consumer"]["endpoint_id"]])["VpcEndpoints"][0]
    stranger = ec2.create_vpc_endpoint(
        VpcEndpointType="Interface",
        VpcId=ours["VpcId"],
        ServiceName=ours["ServiceName"],
        SubnetIds=ours["SubnetIds"],
        PrivateDnsEnabled=False,
    )["VpcEndpoint"]["VpcEndpointId"]

    before, meter = Aws(sandbox).census(), Meter(sandbox)
    done = refused(shell, "teardown", *BOTH, "--yes", code=6)
    (error,) = done.json["errors"]
    assert stranger in error["why"]
    assert both["consumer"]["endpoint_id"] not in error["why"], "ours is no stranger"
    assert "--reject-connections" in error["hint"]
    assert not any(raw in done.out + done.err for raw in RAW)
    assert meter.mutating() == []
    assert Aws(sandbox).census() == before

    ec2.delete_vpc_endpoints(VpcEndpointIds=[stranger])
    shell.ok("teardown", "consumer", "--consumer-profile", "consumer", "--yes")
    shell.ok("teardown", "provider", "--yes")


def test_teardown_without_anybody_to_ask_is_refused(shell: Shell, sandbox: Running) -> None:
    shell.ok("provider", "up", "--allow", CONSUMER)
    before, meter = Aws(sandbox).census(), Meter(sandbox)
    for way in ((), ("--no-input",), ("--confirm", "another")):
        done = refused(shell, "teardown", *way, code=6)
        assert done.json["errors"][0]["code"] == "no_consent"
    assert meter.mutating() == []
    assert Aws(sandbox).census() == before
    done = shell("teardown", "--confirm", "default")
    assert done.code == 0, done.err
    untroubled(done.out, done.err)


def test_a_service_that_does_not_exist_is_told_in_words(shell: Shell, sandbox: Running) -> None:
    meter = Meter(sandbox)
    name = "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0"
    done = refused(shell, "consumer", "up", "--profile", "consumer", "--service-name", name, code=1)
    (error,) = done.json["errors"]
    assert error["code"] == "service_not_visible"
    assert "provider up --allow" in error["hint"]
    assert CONSUMER in error["hint"], "the account to be allowed, so that the sentence can be sent on"
    assert meter.mutating() == []
