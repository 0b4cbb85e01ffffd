"""Bring your own: what was there before is used, never changed beyond what was asked, never deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from e2e_tools import BOTH, CONSUMER, PROOF, Aws, Meter, link_file, network, zone_names

if TYPE_CHECKING:
    from shells import Shell

    from plinkctl.sandbox.daemon import Running


def everything_of(ec2: Any, vpc_id: str) -> dict[str, Any]:
    """What there is to know of a VPC that plinkctl might be tempted to change."""
    here = [{"Name": "vpc-id", "Values": [vpc_id]}]
    default = [*here, {"Name": "group-name", "Values": ["default"]}]
    return {
        "vpc": ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"],
        "hostnames": ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute="enableDnsHostnames")["EnableDnsHostnames"],
        "support": ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute="enableDnsSupport")["EnableDnsSupport"],
        "subnets": [
            {key: value for key, value in subnet.items() if key != "AvailableIpAddressCount"}
            for subnet in ec2.describe_subnets(Filters=here)["Subnets"]
        ],
        "tables": ec2.describe_route_tables(Filters=here)["RouteTables"],
        "default group": ec2.describe_security_groups(Filters=default)["SecurityGroups"],
    }


def test_borrowed_networks_on_both_sides_carry_the_link_and_stay_as_they_were(shell: Shell, sandbox: Running) -> None:
    aws = Aws(sandbox)
    theirs, ours = aws.client("provider", "ec2"), aws.client("consumer", "ec2")
    zone_ids = sorted(zone_names(theirs).values())
    provider_vpc, provider_subnets = network(theirs, "10.50", zone_ids[1:3])
    consumer_vpc, consumer_subnets = network(ours, "10.60", zone_ids[1:2])
    before = (everything_of(theirs, provider_vpc), everything_of(ours, consumer_vpc), aws.census())

    link = link_file(
        shell,
        f"provider: {{network: {{vpc_id: {provider_vpc}, subnet_ids: [{', '.join(provider_subnets)}]}}}}\n"
        f"consumer: {{network: {{vpc_id: {consumer_vpc}, subnet_ids: [{', '.join(consumer_subnets)}]}}}}\n",
    )
    data = shell.ok("up", "-f", link, *BOTH)
    assert data["verify"]["request"]["body"] == PROOF
    borrowed = {r["id"] for side in ("provider", "consumer") for r in data[side]["resources"] if r.get("borrowed")}
    assert borrowed == {provider_vpc, *provider_subnets, consumer_vpc, *consumer_subnets}
    assert sorted(data["provider"]["availability_zone_ids"]) == zone_ids[1:3]
    assert (everything_of(theirs, provider_vpc), everything_of(ours, consumer_vpc)) == before[:2]

    meter = Meter(sandbox)
    shell.ok("up", "-f", link, *BOTH)
    assert [action for action in meter.mutating() if action != "Invoke"] == []

    gone = shell.ok("teardown", "-f", link, *BOTH, "--yes")
    assert gone["leftovers"] == []
    assert not borrowed & {item["id"] for item in gone["deleted"]}
    assert (everything_of(theirs, provider_vpc), everything_of(ours, consumer_vpc), aws.census()) == before


def test_a_borrowed_load_balancer_is_offered_and_stays_as_it_was(shell: Shell, sandbox: Running) -> None:
    aws = Aws(sandbox)
    ec2, elb = aws.client("provider", "ec2"), aws.client("provider", "elbv2")
    zone_ids = sorted(zone_names(ec2).values())
    _, subnets = network(ec2, "10.70", zone_ids[-2:])
    arn = elb.create_load_balancer(Name="mine", Type="network", Scheme="internal", Subnets=subnets)["LoadBalancers"][0][
        "LoadBalancerArn"
    ]

    def known() -> Any:
        found = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
        return (
            found,
            elb.describe_tags(ResourceArns=[arn])["TagDescriptions"],
            elb.describe_listeners(LoadBalancerArn=arn)["Listeners"],
        )

    before, census = known(), aws.census()
    offered = shell.ok("provider", "up", "--allow", CONSUMER, "--load-balancer-arn", arn)
    assert [(r["node"], r.get("borrowed", False)) for r in offered["resources"]] == [
        ("provider/nlb", True),
        ("provider/service", False),
    ]
    assert sorted(offered["availability_zone_ids"]) == zone_ids[-2:]
    assert known() == before

    # The consumer's account calls these zones by other names: only the IDs lead into a zone of the service.
    asked = shell.ok(
        "consumer", "up", "--profile", "consumer", "--service-name", offered["service_name"], "--subnets", "2", code=8
    )
    subnet_ids = [r["id"] for r in asked["resources"] if r["kind"] == "subnet"]
    found = aws.client("consumer", "ec2").describe_subnets(SubnetIds=subnet_ids)["Subnets"]
    assert sorted(subnet["AvailabilityZoneId"] for subnet in found) == zone_ids[-2:]
    assert zone_names(ec2) != zone_names(aws.client("consumer", "ec2"))

    gone = shell.ok("teardown", *BOTH, "--yes")
    assert arn not in {item["id"] for item in gone["deleted"]}
    assert known() == before
    assert aws.census() == census


def test_a_subnet_outside_the_services_zones_is_refused_before_anything_is_made(shell: Shell, sandbox: Running) -> None:
    aws = Aws(sandbox)
    offered = shell.ok("provider", "up", "--allow", CONSUMER)
    ec2 = aws.client("consumer", "ec2")
    elsewhere = next(z for z in zone_names(ec2).values() if z not in offered["availability_zone_ids"])
    vpc_id, (subnet_id,) = network(ec2, "10.80", [elsewhere])
    meter = Meter(sandbox)
    asking = ("consumer", "up", "--profile", "consumer", "--service-name", offered["service_name"])
    refused = shell(*asking, "--vpc-id", vpc_id, "--subnet-id", subnet_id, "-o", "json")
    assert refused.code in {1, 2}
    (error,) = refused.json["errors"]
    assert subnet_id in error["message"]
    assert elsewhere in error["why"]
    assert all(zone_id in error["why"] for zone_id in offered["availability_zone_ids"])
    assert meter.mutating() == []


def test_what_is_not_there_to_be_borrowed_is_said_before_anything_is_made(shell: Shell, sandbox: Running) -> None:
    meter = Meter(sandbox)
    arn = "arn:aws:elasticloadbalancing:us-east-1:111111111111:loadbalancer/net/no-such/0123456789abcdef"
    subnets = ("subnet-00000001", "subnet-00000002")
    network = ("--vpc-id", "vpc-00000000", "--subnet-id", subnets[0], "--subnet-id", subnets[1])
    for wish, names in ((("--load-balancer-arn", arn), (arn,)), (network, ("vpc-00000000", *subnets))):
        missing = shell("provider", "up", "--allow", CONSUMER, *wish, "-o", "json")
        assert missing.code in {1, 2}, missing.err
        (error,) = missing.json["errors"]
        assert any(name in error["message"] for name in names), error
        assert error["hint"], error
    assert meter.mutating() == []
