"""Every link file that comes with plinkctl does what its comments say, for real, and is taken away again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from e2e_tools import CONSUMER, PROOF, Aws, make_bucket, network, zone_names

from plinkctl.sandbox.remote import census

if TYPE_CHECKING:
    from shells import Shell

    from plinkctl.sandbox.daemon import Running

CONFIGS = Path(__file__).parents[2] / "configs"
DEMO, TWO, ONE, EXISTING, SHARED, NAMES = (
    str(CONFIGS / f"{name}.yaml")
    for name in ("demo", "two-accounts", "one-account", "existing-load-balancer", "shared-state", "private-dns-tls")
)


def test_each_link_file_has_a_test_here() -> None:
    assert {str(path) for path in CONFIGS.glob("*.yaml")} == {DEMO, TWO, ONE, EXISTING, SHARED, NAMES}


def test_demo(shell: Shell, sandbox: Running) -> None:
    before = Aws(sandbox).census()
    both = shell.ok("up", "-f", DEMO)
    assert both["provider"]["name"] == "demo"
    assert both["verify"]["request"]["body"] == PROOF
    (vpc,) = Aws(sandbox).client("provider", "ec2").describe_vpcs(VpcIds=_ids(both["provider"], "vpc"))["Vpcs"]
    assert {"Key": "purpose", "Value": "plinkctl-demo"} in vpc["Tags"]
    shell.ok("teardown", "-f", DEMO, "--yes")
    assert Aws(sandbox).census() == before


def test_two_accounts(shell: Shell, sandbox: Running) -> None:
    before = Aws(sandbox).census()
    offered = shell.ok("provider", "up", "-f", TWO)
    asking = ("consumer", "up", "-f", TWO, "--service-name", offered["service_name"])
    assert shell.ok(*asking, code=8)["endpoint_state"] == "pendingAcceptance"
    assert len(shell.ok("accept", "-f", TWO)["accepted"]) == 1
    assert shell.ok("verify", "-f", TWO)["request"]["body"] == PROOF
    shell.ok("teardown", "-f", TWO, "--yes")
    assert Aws(sandbox).census() == before


def test_one_account(shell: Shell, sandbox: Running) -> None:
    before = Aws(sandbox).census()
    both = shell.ok("up", "-f", ONE)
    assert both["provider"]["account"] == both["consumer"]["account"]
    assert both["verify"]["request"]["body"] == PROOF
    shell.ok("teardown", "-f", ONE, "--yes")
    assert Aws(sandbox).census() == before


def test_shared_state(shell: Shell, sandbox: Running) -> None:
    before = Aws(sandbox).census()
    bucket = make_bucket(sandbox)
    both = shell.ok("up", "-f", SHARED)
    assert both["verify"]["request"]["body"] == PROOF
    listed = shell.ok("state", "list", "-f", SHARED)["states"]
    assert [one["file"] for one in listed] == [
        f"s3://our-states/links/shared-state/{s}.json" for s in ("consumer", "provider")
    ]
    shell.ok("teardown", "-f", SHARED, "--yes")
    assert Aws(sandbox).census() == before
    assert bucket.get_bucket_versioning(Bucket="our-states")["Status"] == "Enabled"


def test_existing_load_balancer(shell: Shell, sandbox: Running) -> None:
    ec2, elb = (Aws(sandbox).client("provider", service) for service in ("ec2", "elbv2"))
    vpc_id, subnets = network(ec2, "10.70", sorted(zone_names(ec2).values())[:2])
    mine = elb.create_load_balancer(Name="mine", Type="network", Scheme="internal", Subnets=subnets)
    arn = mine["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(Name="mine", Protocol="TCP", Port=80, VpcId=vpc_id, TargetType="ip")
    forward = {"Type": "forward", "TargetGroupArn": group["TargetGroups"][0]["TargetGroupArn"]}
    elb.create_listener(LoadBalancerArn=arn, Protocol="TCP", Port=80, DefaultActions=[forward])

    before = Aws(sandbox).census()
    offered = shell.ok("provider", "up", "-f", EXISTING, "--load-balancer-arn", arn)
    assert offered["allowed_principals"] == [f"arn:aws:iam::{CONSUMER}:root"]
    assert [r["kind"] for r in offered["resources"] if not r.get("borrowed")] == ["endpoint_service"]
    shell.ok("teardown", "provider", "-f", EXISTING, "--yes")
    assert Aws(sandbox).census() == before


def _ids(side: dict[str, list[dict[str, str]]], kind: str) -> list[str]:
    return [resource["id"] for resource in side["resources"] if resource["kind"] == kind]


def test_private_dns_tls(shell: Shell, sandbox: Running) -> None:
    aws = Aws(sandbox)
    made = aws.client("provider", "route53").create_hosted_zone(Name="example.com", CallerReference="x")["HostedZone"]
    zone, before = made["Id"].rpartition("/")[2], census(sandbox)
    options = ("-f", NAMES, "--dns-zone", zone, "--resolver", sandbox.dns)
    done = shell.ok("up", *options)
    proven = done["verify"]["request"]
    assert proven["body"] == PROOF
    assert proven["tls"]["names"] == ["api.example.com"]
    _as_promised(aws, zone, done)
    shell.ok("verify", "-f", NAMES)
    shell.ok("teardown", "-f", NAMES, "--yes")
    assert census(sandbox) == before, "neither record, certificate, zone nor name is left"


def _as_promised(aws: Aws, zone: str, done: dict[str, Any]) -> None:
    """What a stranger with plain boto3 sees of it."""
    ec2, elb, acm, route53 = (aws.client("provider", name) for name in ("ec2", "elbv2", "acm", "route53"))
    (paper,) = _ids(done["provider"], "certificate")
    (service,) = ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert service["PrivateDnsName"] == "api.example.com"
    proof = service["PrivateDnsNameConfiguration"]
    assert (proof["State"], proof["Type"]) == ("verified", "TXT")

    records = {
        (one["Name"].rstrip("."), one["Type"]): one["ResourceRecords"][0]["Value"]
        for one in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        if one["Type"] in {"TXT", "CNAME"} and not one["Name"].startswith("_plinkctl-")
    }
    certificate = acm.describe_certificate(CertificateArn=paper)["Certificate"]
    cname = certificate["DomainValidationOptions"][0]["ResourceRecord"]
    assert records == {
        (f"{proof['Name']}.api.example.com", "TXT"): f'"{proof["Value"]}"',
        (cname["Name"].rstrip("."), "CNAME"): cname["Value"].rstrip("."),
    }
    assert (certificate["DomainName"], certificate["Status"]) == ("api.example.com", "ISSUED")
    tags = {tag["Key"]: tag["Value"] for tag in acm.list_tags_for_certificate(CertificateArn=paper)["Tags"]}
    assert tags["Name"] == "plinkctl-private-dns-tls-provider-certificate-api-example-com"
    assert {"plinkctl:link", "plinkctl:side", "plinkctl:node", "plinkctl:lineage", "plinkctl:op"} <= tags.keys()

    balancers = {one["Type"]: one["LoadBalancerArn"] for one in elb.describe_load_balancers()["LoadBalancers"]}
    listeners = {
        (kind, one["Port"]): one
        for kind, arn in balancers.items()
        for one in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
    }
    assert {key: one["Protocol"] for key, one in listeners.items()} == {
        ("application", 80): "HTTP",
        ("application", 443): "HTTPS",
        ("network", 80): "TCP",
        ("network", 443): "TCP",
    }
    secured, redirect = listeners["application", 443], listeners["application", 80]["DefaultActions"][0]
    assert secured["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
    assert [one["CertificateArn"] for one in secured["Certificates"]] == [paper]
    assert (redirect["Type"], redirect["RedirectConfig"]["Protocol"]) == ("redirect", "HTTPS")
    assert redirect["RedirectConfig"]["StatusCode"] == "HTTP_301"
    behind = listeners["network", 443]["DefaultActions"][0]["TargetGroupArn"]
    (group,) = elb.describe_target_groups(TargetGroupArns=[behind])["TargetGroups"]
    assert (group["TargetType"], group["Protocol"], group["Port"]) == ("alb", "TCP", 443)
    assert group["HealthCheckProtocol"] == "HTTPS"
    (target,) = elb.describe_target_health(TargetGroupArn=behind)["TargetHealthDescriptions"]
    assert target["Target"] == {"Id": balancers["application"], "Port": 443}

    (endpoint,) = aws.client("consumer", "ec2").describe_vpc_endpoints()["VpcEndpoints"]
    assert endpoint["PrivateDnsEnabled"] is True
    assert "api.example.com" in {entry["DnsName"] for entry in endpoint["DnsEntries"]}
