"""Private DNS and TLS: one pipeline from nothing to a verified name, by one party or two, and back to nothing."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from links import CONSUMER, DOMAIN, Stories, die_making, public_zone, secured
from papers import paper

from plinkctl.app import connections, proof, rebuild, teardown, up
from plinkctl.app.look import status
from plinkctl.app.picture import picture
from plinkctl.errors import Exit, PlinkError, UsageError
from plinkctl.link import SELF_SIGNED, Dns, Link, Network, Side, Tls
from plinkctl.sandbox import remote
from plinkctl.sandbox.daemon import Running

BOTH = (Side.PROVIDER, Side.CONSUMER)


@pytest.fixture
def zone(account: Any) -> str:
    """The provider's public zone of example.com."""
    return public_zone()


@pytest.fixture
def stories(account: Any, sandbox: Running, zone: str, tmp_path: Path) -> Stories:
    made = Stories(tmp_path / "states", secured(sandbox, zone))
    made.at = time.time()  # certificates are valid by the clock of those who look at them
    return made


def tls(stories: Stories, **wishes: Any) -> Tls:
    """The TLS of the stories' link with other wishes."""
    assert stories.link.provider is not None
    return replace(stories.link.provider.tls, **wishes)


def dns(stories: Stories, **wishes: Any) -> Dns:
    """The same for where its records go."""
    assert stories.link.provider is not None
    return replace(stories.link.provider.dns, **wishes)


def records(zone_id: str, profile: str = "provider") -> dict[str, str]:
    """What is in a zone besides what every zone has."""
    client = boto3.Session(profile_name=profile).client("route53")
    found = client.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
    return {
        f"{one['Name'].rstrip('.')} {one['Type']}": one["ResourceRecords"][0]["Value"]
        for one in found
        if one["Type"] not in {"NS", "SOA"} and "ResourceRecords" in one
    }


def publish(zone_id: str, name: str, value: str, kind: str = "TXT", profile: str = "provider") -> None:
    """Paste a record, as a person would."""
    content = f'"{value}"' if kind == "TXT" else value
    record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": content}]}
    boto3.Session(profile_name=profile).client("route53").change_resource_record_sets(
        HostedZoneId=zone_id, ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    )


def certificates(account: Callable[[str], boto3.Session]) -> list[str]:
    """The domains of all certificates of the provider."""
    kinds = ["RSA_2048", "EC_prime256v1"]
    found = account("provider").client("acm").list_certificates(Includes={"keyTypes": kinds})
    return [one["DomainName"] for one in found["CertificateSummaryList"]]


def proven(stories: Stories, link: Link | None = None) -> dict[str, Any]:
    """The proof, as `verify` gives it."""
    data: dict[str, Any] = stories(proof.prove, **({"link": link} if link else {}))
    assert data["ok"], data["checks"]
    return data


def take_down(stories: Stories) -> dict[str, Any]:
    data: dict[str, Any] = stories(teardown.teardown, BOTH, agree=lambda _: None)
    assert stories.last.exit == 0, stories.last.errors
    return data


def details(data: dict[str, Any], layer: str) -> list[str]:
    return [check["detail"] for check in data["checks"] if check["layer"] == layer]


# -------------------------------------------------------------------------------------------- one walk


def test_from_nothing_to_verified_https_and_back_to_nothing(
    stories: Stories, sandbox: Running, zone: str, account: Any
) -> None:
    stories(up.both_up)
    assert stories.last.exit == 0, stories.last.errors
    data = proven(stories)
    assert data["request"]["body"] == "Hello from ALB!"
    assert data["request"]["tls"]["version"] == "TLSv1.3"
    assert data["request"]["tls"]["names"] == [DOMAIN]
    (asked, where) = details(data, "names")
    assert f"https://{DOMAIN}/" in asked
    assert "outside: nothing" in where
    assert "by SNI" in details(data, "tls")[0]
    blind = {"action": "ec2:DescribeVpcEndpointServiceConfigurations", "effect": "empty", "when": "after"}
    remote.set_faults(sandbox, {"rules": [blind]})
    assert "is not seen" in details(proven(stories), "service")[-1]
    remote.clear_faults(sandbox)

    stories(up.both_up)
    assert stories.last.writes == []
    assert stories.last.changed == {}

    service = account("provider").client("ec2").describe_vpc_endpoint_service_configurations()
    (seen,) = service["ServiceConfigurations"]
    assert (seen["PrivateDnsName"], seen["PrivateDnsNameConfiguration"]["State"]) == (DOMAIN, "verified")
    assert take_down(stories)["leftovers"] == []
    assert records(zone) == {}
    assert certificates(account) == []


def test_a_self_signed_certificate_is_trusted_by_the_links_own_function(
    stories: Stories, sandbox: Running, zone: str, account: Any
) -> None:
    stories.link = secured(sandbox, zone, certificate=SELF_SIGNED)
    stories.at = time.time() - 340 * 86400.0  # fewer than thirty days are left now
    stories(up.both_up)
    assert stories.last.exit == 0, stories.last.errors
    first = proven(stories)["request"]["tls"]
    assert first["days_left"] == 24
    assert first["issuer"] == DOMAIN
    stories(up.both_up)
    assert stories.last.writes == []

    stories.at = time.time()
    stories(up.both_up)
    assert stories.last.exit == 0, stories.last.errors
    assert list(stories.last.changed) == [f"provider/self-signed-{DOMAIN.replace('.', '-')}", "consumer/function"]
    assert proven(stories)["request"]["tls"]["days_left"] == 364
    take_down(stories)
    assert certificates(account) == []


def test_tls_comes_to_a_link_that_stands_and_the_plain_way_goes(stories: Stories, sandbox: Running, zone: str) -> None:
    plain = replace(
        stories.link,
        provider=stories.provider(private_dns_name=None, tls=tls(stories, certificate=None)).provider,
        consumer=stories.consumer(private_dns=False, https=False, port=80).consumer,
    )
    stories(up.both_up, link=plain)
    assert stories.last.exit == 0, stories.last.errors
    assert proven(stories, plain)["request"]["url"].startswith("http://")

    redirecting = secured(sandbox, zone, plain="redirect")
    stories(up.both_up, link=redirecting)
    assert stories.last.exit == 0, stories.last.errors
    assert stories.last.changed["provider/alb-listener"] == "update"
    drawn = picture(stories.last.run)
    assert (drawn["alb"]["note"], drawn["endpoint"]["note"]) == ("HTTPS on 443", DOMAIN)
    assert drawn["response"] == "200 Hello from ALB!"
    proven(stories, redirecting)

    stories(up.both_up)  # plain: none
    assert stories.last.exit == 0, stories.last.errors
    gone = {key for key, action in stories.last.changed.items() if action == "delete"}
    assert gone >= {"provider/alb-listener", "provider/nlb-listener", "provider/target-group", "provider/target"}
    proven(stories)
    named = stories.provider(tls=tls(stories, certificate=None))
    named = replace(named, consumer=stories.consumer(https=False, port=80).consumer)
    stories(up.both_up, link=named)
    assert stories.last.exit == 0, stories.last.errors
    data = proven(stories, named)
    assert "tls" not in data["request"]
    assert f"http://{DOMAIN}/" in details(data, "names")[0]
    assert not any(name.endswith("CNAME") for name in records(zone)), "what proved the certificate went with it"
    take_down(stories)


def test_another_name_takes_the_place_of_the_first(stories: Stories, zone: str, account: Any) -> None:
    stories(up.both_up)
    other = stories.provider(private_dns_name="shop.example.com")
    stories(up.both_up, link=other)
    assert stories.last.failed["provider/service"].code == "name_in_use"
    assert "--no-private-dns" in str(stories.last.failed["provider/service"].hint)
    assert proven(stories)["request"]["tls"]["names"] == [DOMAIN], "whoever uses the old name goes on using it"
    stories(up.both_up, link=stories.consumer(private_dns=False))
    assert stories.last.exit == 0, stories.last.errors
    stories(up.both_up, link=other)
    assert stories.last.exit == 0, stories.last.errors
    assert proven(stories, other)["request"]["tls"]["names"] == ["shop.example.com"]
    assert certificates(account) == ["shop.example.com"]
    assert all("shop.example.com" in name for name in records(zone))
    take_down(stories)
    assert records(zone) == {}


def test_a_name_of_the_consumers_own_leads_to_the_endpoint(stories: Stories, account: Any) -> None:
    link = stories.provider(private_dns_name=None, tls=tls(stories, name=DOMAIN))
    link = replace(link, consumer=stories.consumer(private_dns=False, private_zone="pay.internal").consumer)
    stories(up.both_up, link=link)
    assert stories.last.exit == 0, stories.last.errors
    asked, _ = details(proven(stories, link), "names")
    assert "https://pay.internal/" in asked
    stories(up.both_up, link=link)
    assert stories.last.writes == []

    route53 = account("consumer").client("route53")
    for name in ("buy.internal", None):  # another one, or none, takes its place
        assert link.consumer is not None
        link = replace(link, consumer=replace(link.consumer, private_zone=name))
        stories(up.both_up, link=link)
        assert stories.last.exit == 0, stories.last.errors
        assert [zone["Name"] for zone in route53.list_hosted_zones()["HostedZones"]] == [f"{name}."][: bool(name)]
    take_down(stories)


# ------------------------------------------------------------------------------------------ two parties


def test_two_parties_with_the_record_printed_and_pasted(
    stories: Stories, sandbox: Running, zone: str, tmp_path: Path
) -> None:
    """The provider's DNS is somewhere else: what is to be published is said, and who must act next."""
    theirs = stories.provider(
        allow=(CONSUMER,), dns=dns(stories, zone_id=None), tls=tls(stories, certificate=SELF_SIGNED)
    )
    offering = Stories(tmp_path / "provider", replace(theirs, consumer=None))
    offering.at = stories.at
    offered = offering(up.provider_up)
    up.tell_held(offering.last.run)
    assert offering.last.exit == 8
    proof_record = offered["private_dns"]["record"]
    assert offered["private_dns"]["verified"] is False
    (held,) = offering.last.errors
    assert proof_record["name"] in str(held.why)
    assert proof_record["value"] in str(held.why)

    (certificate,) = (r for r in offered["resources"] if r["kind"] == "imported_certificate")
    ca_file = tmp_path / "ca.pem"
    acm = boto3.Session(profile_name="provider").client("acm")
    ca_file.write_text(acm.get_certificate(CertificateArn=certificate["id"])["Certificate"])
    wishes: dict[str, Any] = {"service_name": offered["service_name"], "ca_file": str(ca_file)}
    using = Stories(tmp_path / "consumer", replace(stories.consumer(**wishes), provider=None))
    asked = using(up.consumer_up, wait=False)
    assert using.last.exit == 8
    assert set(using.last.run.report.held) == {"consumer/endpoint"}

    offering(connections.accept, endpoint_ids=[asked["endpoint_id"]], accounts=(), wait=True)
    using(up.consumer_up, wait=False)
    up.tell_held(using.last.run)
    assert using.last.exit == 8
    assert "must verify the name" in str(using.last.errors[0].why)

    publish(zone, proof_record["name"], proof_record["value"])
    assert offering(up.provider_up)["private_dns"]["verified"] is True
    assert offering.last.exit == 0
    using(up.consumer_up, wait=False)
    assert using.last.exit == 0, using.last.errors
    assert using.last.changed["consumer/private-dns"] == "create"
    assert f"https://{DOMAIN}/" in details(proven(using), "names")[0]

    using(teardown.teardown, (Side.CONSUMER,), agree=lambda _: None)
    assert using.last.writes.index("modify_vpc_endpoint") < using.last.writes.index("delete_vpc_endpoints")
    offering(teardown.teardown, (Side.PROVIDER,), agree=lambda _: None)
    assert offering.last.exit == 0, offering.last.errors
    assert records(zone) == {f"{proof_record['name']} TXT": f'"{proof_record["value"]}"'}, "pasted by hand, so not ours"


def test_a_wildcard_is_proven_in_a_third_account_through_its_profile(
    stories: Stories, sandbox: Running, account: Any
) -> None:
    theirs = public_zone("consumer", "example.org")
    link = stories.provider(
        private_dns_name="*.example.org",
        dns=dns(stories, zone_id=theirs, profile="consumer"),
        tls=tls(stories, name="api.example.org"),
    )
    stories(up.both_up, link=link)
    assert stories.last.exit == 0, stories.last.errors
    assert "https://api.example.org/" in details(proven(stories, link), "names")[0]
    take_down(stories)
    assert records(theirs, "consumer") == {}


# ------------------------------------------------------------------------------------- foreign and lost


def test_what_was_made_as_the_process_died_is_found_again_and_never_made_twice(
    stories: Stories, sandbox: Running, zone: str, account: Any
) -> None:
    """Process after process dies between what it sent and the answer. An import has neither token nor name."""
    begun = max((call["number"] for call in remote.calls(sandbox)), default=0)
    requested = stories.provider(private_dns_name=None, allow=(CONSUMER,), tls=tls(stories, name=DOMAIN))
    for node in ("certificate", "proof"):
        die_making(stories, f"provider/{node}-api-example-com", requested)
    there = dns(stories, profile="provider")  # the zone may be in anybody's account
    imported = stories.provider(allow=(CONSUMER,), dns=there, tls=tls(stories, certificate=SELF_SIGNED))
    for node in ("self-signed", "txt"):
        die_making(stories, f"provider/{node}-api-example-com", imported)
    offered = stories(up.provider_up, link=imported)
    assert stories.last.exit == 0, stories.last.errors
    own = stories.consumer(service_name=offered["service_name"], private_dns=False, private_zone="pay.internal")
    for node in ("zone", "alias"):
        die_making(stories, f"consumer/{node}-pay-internal", replace(own, provider=None))
    assert len(account("consumer").client("route53").list_hosted_zones()["HostedZones"]) == 1

    calls = [call for call in remote.calls(sandbox, since=begun) if call["status"] < 300]
    sent = Counter(call["action"] for call in calls if " op/" in call["agent"])
    assert sent["ImportCertificate"] == sent["RequestCertificate"] == sent["CreateHostedZone"] == 1
    assert sent["ChangeResourceRecordSets"] == 4, "three are made, and the first is taken away with its certificate"
    assert certificates(account) == [DOMAIN]
    take_down(stories)
    assert records(zone) == {}
    assert certificates(account) == []
    assert account("consumer").client("route53").list_hosted_zones()["HostedZones"] == []


def test_a_record_that_somebody_else_wrote_is_not_touched(stories: Stories, sandbox: Running, zone: str) -> None:
    offered = stories(up.provider_up, link=secured(sandbox, None, certificate=SELF_SIGNED))
    record = offered["private_dns"]["record"]
    theirs = {f"{record['name']} TXT": f'"{record["value"]}"'}
    publish(zone, record["name"], record["value"])  # even what says the very same is theirs
    stories(up.both_up, link=secured(sandbox, zone, certificate=SELF_SIGNED))
    refusal = stories.last.failed["provider/txt-api-example-com"]
    assert (refusal.code, stories.last.exit) == ("foreign", 6)
    assert "without --dns-zone" in str(refusal.hint)
    assert records(zone) == theirs
    offered = stories(up.provider_up, link=secured(sandbox, None, certificate=SELF_SIGNED))
    assert (offered["private_dns"]["verified"], stories.last.exit) == (True, 0)
    assert records(zone) == theirs
    take_down(stories)
    assert records(zone) == theirs


def test_a_record_that_was_lost_is_written_again(stories: Stories, zone: str) -> None:
    stories(up.both_up)
    client = boto3.Session(profile_name="provider").client("route53")
    found = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    changes = [{"Action": "DELETE", "ResourceRecordSet": r} for r in found if "vpce:" in str(r.get("ResourceRecords"))]
    client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    marks = [{"Action": "DELETE", "ResourceRecordSet": r} for r in found if r["Name"].startswith("_plinkctl-txt.")]
    client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": marks})
    stories(up.both_up)
    assert stories.last.exit == 0, stories.last.errors
    assert list(stories.last.changed) == ["provider/txt-api-example-com"]
    take_down(stories)
    assert records(zone) == {}


def test_a_name_that_aws_does_not_believe_any_more_is_told_and_verified_again(
    stories: Stories, sandbox: Running, zone: str, account: Any
) -> None:
    stories(up.both_up)
    (text,) = [check["detail"] for check in stories(status)["checks"] if "is verified" in check["name"]]
    assert text == f"{DOMAIN} is verified"
    client = boto3.Session(profile_name="provider").client("route53")
    found = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    changes = [
        {"Action": "DELETE", "ResourceRecordSet": r} for r in found if r["Type"] == "TXT" and "cname" not in r["Name"]
    ]
    client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    ec2 = account("provider").client("ec2")
    (service,) = ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    ec2.start_vpc_endpoint_service_private_dns_verification(ServiceId=service["ServiceId"])
    (check,) = [check for check in stories(status)["checks"] if "is verified" in check["name"]]
    assert (check["result"], check["detail"]) == ("warning", f"{DOMAIN} is failed; no new endpoint can use it")
    stories(up.both_up)
    assert stories.last.exit == 0, stories.last.errors
    assert "start_vpc_endpoint_service_private_dns_verification" in stories.last.writes
    (check,) = [check for check in stories(status)["checks"] if "is verified" in check["name"]]
    assert check["result"] == "ok"
    take_down(stories)


def test_private_dns_switched_off_by_hand_is_switched_on_again(stories: Stories, account: Any) -> None:
    stories(up.both_up)
    ec2 = account("consumer").client("ec2")
    (endpoint,) = ec2.describe_vpc_endpoints()["VpcEndpoints"]
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint["VpcEndpointId"], PrivateDnsEnabled=False)
    stories(up.both_up)
    assert list(stories.last.changed) == ["consumer/private-dns"]
    take_down(stories)


def test_a_lost_state_comes_back_with_certificates_and_records(stories: Stories, zone: str, account: Any) -> None:
    stories(up.both_up)
    for file in stories.folder.rglob("*.json"):
        file.unlink()
    stories(rebuild.rebuild, BOTH, lineages=(), anew=False)
    stories(up.both_up)
    assert stories.last.exit == 0, stories.last.errors
    assert stories.last.writes == []
    take_down(stories)
    assert records(zone) == {}
    assert certificates(account) == []


# ------------------------------------------------------------------------------------------- bad wishes


def refused(stories: Stories, link: Link, use_case: Callable[..., Any] = up.both_up, **more: Any) -> PlinkError:
    """What is said, with nothing made."""
    with pytest.raises(PlinkError) as caught:
        stories(use_case, link=link, **more)
    assert stories.last.writes == []
    assert caught.value.hint
    assert caught.value.why
    return caught.value


def test_wishes_that_cannot_come_true_are_refused_before_anything_is_made(
    stories: Stories, sandbox: Running, zone: str, account: Any
) -> None:
    other, below = public_zone("provider", "example.org"), public_zone("provider", "shop.example.com")
    for foreign in (other, below):  # a zone owns what is below it, and not its parent domain
        assert refused(stories, stories.provider(dns=dns(stories, zone_id=foreign))).code == "wrong_zone"
    vpc = account("provider").client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    place = {"VPCRegion": "us-east-1", "VPCId": vpc}
    route53 = account("provider").client("route53")
    hidden = route53.create_hosted_zone(Name="example.com", CallerReference="hidden", VPC=place)["HostedZone"]["Id"]
    error = refused(stories, stories.provider(dns=dns(stories, zone_id=hidden.rpartition("/")[2])))
    assert "is private" in error.message
    assert refused(stories, stories.provider(dns=dns(stories, zone_id="Z0NOWHERE"))).code == "no_zone"
    nameless = stories.provider(private_dns_name=None, tls=tls(stories, name=DOMAIN))
    assert refused(stories, nameless).code == "no_private_dns_name"
    missing = f"arn:aws:acm:us-east-1:111111111111:certificate/{'0' * 8}-0000-0000-0000-{'0' * 12}"
    assert refused(stories, stories.provider(tls=tls(stories, certificate=missing))).code == "certificate"
    far = missing.replace("us-east-1", "eu-west-1")
    assert "eu-west-1" in str(refused(stories, stories.provider(tls=tls(stories, certificate=far))).why)
    acm = account("provider").client("acm")
    theirs = paper("www.example.com")
    named = acm.import_certificate(Certificate=theirs.body, PrivateKey=theirs.key)["CertificateArn"]
    error = refused(stories, stories.provider(tls=tls(stories, certificate=named)))
    assert "is not for api.example.com" in error.message
    pending = acm.request_certificate(DomainName=DOMAIN, ValidationMethod="DNS")["CertificateArn"]
    error = refused(stories, stories.provider(tls=tls(stories, certificate=pending)))
    assert "PENDING_VALIDATION" in str(error.why)
    error = refused(stories, stories.provider(tls=tls(stories, policy="ELBSecurityPolicy-None")))
    assert (error.code, error.message) == ("tls_policy", "there is no TLS policy ELBSecurityPolicy-None in us-east-1")


def test_an_existing_certificate_takes_the_place_of_another(stories: Stories, account: Any) -> None:
    acm, elb = account("provider").client("acm"), account("provider").client("elbv2")
    for made in (paper(DOMAIN), paper(DOMAIN)):
        arn = acm.import_certificate(Certificate=made.body, PrivateKey=made.key)["CertificateArn"]
        stories(up.provider_up, link=stories.provider(private_dns_name=None, tls=Tls(certificate=arn, name=DOMAIN)))
        assert stories.last.exit == 0, stories.last.errors
        balancers = {one["Type"]: one["LoadBalancerArn"] for one in elb.describe_load_balancers()["LoadBalancers"]}
        (listener,) = elb.describe_listeners(LoadBalancerArn=balancers["application"])["Listeners"]
        assert [one["CertificateArn"] for one in listener["Certificates"]] == [arn]
    take_down(stories)
    assert certificates(account) == [DOMAIN, DOMAIN], "they are somebody's"


def test_a_borrowed_vpc_must_answer_names(stories: Stories, account: Any) -> None:
    ec2 = account("consumer").client("ec2")
    vpc_id = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]  # its DNS host names are off, as AWS makes it
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.9.0.0/24", AvailabilityZoneId="use1-az1")["Subnet"]
    link = stories.consumer(network=Network(vpc_id=vpc_id, subnet_ids=(subnet["SubnetId"],)))
    error = refused(stories, link)
    assert error.code == "vpc_dns_off"
    assert error.hint == f"aws ec2 modify-vpc-attribute --vpc-id {vpc_id} --enable-dns-hostnames"


def test_whoever_has_the_domain_in_a_vpc_already_is_named_and_left_alone(stories: Stories, account: Any) -> None:
    """A hosted zone is AWS's to tell, when all else is done; another endpoint is seen before anything is made."""
    ec2, route53 = (account("consumer").client(name) for name in ("ec2", "route53"))
    vpc_id = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.7.0.0/24", AvailabilityZoneId="use1-az1")["Subnet"]
    place = {"VPCRegion": "us-east-1", "VPCId": vpc_id}
    theirs = route53.create_hosted_zone(Name=DOMAIN, CallerReference="theirs", VPC=place)["HostedZone"]["Id"]
    link = stories.consumer(network=Network(vpc_id=vpc_id, subnet_ids=(subnet["SubnetId"],)))
    stories(up.both_up, link=link)
    error = stories.last.failed["consumer/private-dns"]
    assert (error.code, stories.last.exit) == ("domain_taken", Exit.FAILED)
    assert vpc_id in str(error.why)
    assert "list-hosted-zones-by-vpc" in str(error.hint)
    route53.delete_hosted_zone(Id=theirs)
    stories(up.both_up, link=link)
    assert stories.last.changed == {"consumer/private-dns": "create"}

    second = refused(stories, replace(link, name="second"))
    assert second.code == "domain_taken"
    assert "--no-private-dns-enabled" in str(second.hint)
    take_down(stories)


def test_what_a_service_without_a_name_cannot_give_is_refused(stories: Stories, sandbox: Running) -> None:
    plain = stories.provider(private_dns_name=None, allow=(CONSUMER,), tls=tls(stories, certificate=None))
    offered = stories(up.provider_up, link=plain)
    link = replace(stories.consumer(service_name=offered["service_name"], private_dns=False), provider=None)
    with pytest.raises(UsageError) as caught:
        stories(up.consumer_up, link=link, wait=False)
    assert caught.value.code == "no_server_name"
    assert stories.last.writes == []
    asked = replace(stories.consumer(service_name=offered["service_name"], server_name=DOMAIN), provider=None)
    error = refused(stories, asked, up.consumer_up, wait=False)
    assert (error.code, error.exit) == ("no_private_dns_name", Exit.USAGE)


def test_an_existing_load_balancer_gets_a_tls_listener_and_keeps_its_own(stories: Stories, account: Any) -> None:
    ec2, elb = account("provider").client("ec2"), account("provider").client("elbv2")
    vpc_id = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.8.0.0/24", AvailabilityZoneId="use1-az1")["Subnet"]
    made = elb.create_load_balancer(Name="theirs", Type="network", Scheme="internal", Subnets=[subnet["SubnetId"]])
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(Name="apps", Protocol="TCP", Port=8080, VpcId=vpc_id, TargetType="ip")
    target = group["TargetGroups"][0]["TargetGroupArn"]
    forward = [{"Type": "forward", "TargetGroupArn": target}]
    elb.create_listener(LoadBalancerArn=arn, Protocol="TCP", Port=80, DefaultActions=forward)

    link = stories.provider(load_balancer_arn=arn, allow=(CONSUMER,), tls=tls(stories, target_group_arn=target))
    stories(up.provider_up, link=link)
    assert stories.last.exit == 0, stories.last.errors
    seen = {one["Port"]: one for one in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]}
    assert (seen[443]["Protocol"], seen[443]["SslPolicy"]) == ("TLS", "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09")
    stories(up.provider_up, link=link)
    assert stories.last.writes == []
    stories(teardown.teardown, (Side.PROVIDER,), agree=lambda _: None)
    assert stories.last.exit == 0, stories.last.errors
    assert [one["Port"] for one in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]] == [80]


@pytest.mark.parametrize("which", [{}, {"nth": 4}], ids=["at all", "beside their marks"])
def test_records_that_reads_do_not_show_are_deleted_all_the_same(
    stories: Stories, sandbox: Running, zone: str, which: dict[str, int]
) -> None:
    """Nothing but the delete itself tells whether they are there: a read that lags must not leave them behind."""
    link = secured(sandbox, zone, certificate=SELF_SIGNED)  # so there is one record
    stories(up.provider_up, link=link)
    assert len(records(zone)) == 2
    blind = {"action": "route53:ListResourceRecordSets", "effect": "empty", "when": "after", **which}
    remote.set_faults(sandbox, {"rules": [blind]})
    stories(teardown.teardown, (Side.PROVIDER,), link=link, agree=lambda _: None)
    assert stories.last.exit == 0, stories.last.errors
    remote.clear_faults(sandbox)
    assert records(zone) == {}
