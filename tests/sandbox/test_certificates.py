"""ACM: certificates brought along, requested and proven by DNS, used by listeners, deleted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from papers import YEARS, Paper, paper

from plinkctl.sandbox import world

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def acm(provider: Any) -> Any:
    return provider.client("acm")


@pytest.fixture
def real(sandbox: world.World) -> world.Profile:
    sandbox.profile = world.REAL
    return world.REAL


def _import(acm: Any, made: Paper, **more: Any) -> str:
    return str(acm.import_certificate(Certificate=made.body, PrivateKey=made.key, **more)["CertificateArn"])


def _told(acm: Any, arn: str) -> Any:
    return acm.describe_certificate(CertificateArn=arn)["Certificate"]


# ------------------------------------------------------------------------------------- brought along


def test_each_import_makes_a_new_one_and_with_the_arn_the_same_again(acm: Any, refused: Callable[..., str]) -> None:
    tags = [{"Key": "plinkctl:link", "Value": "demo"}]
    first, second = paper("api.example.com", "www.example.com"), paper("other.example.com")
    arn = _import(acm, first, Tags=tags)
    assert _import(acm, first) != arn
    assert arn.startswith("arn:aws:acm:us-east-1:111111111111:certificate/")
    told = _told(acm, arn)
    assert (told["Status"], told["Type"], told["DomainName"]) == ("ISSUED", "IMPORTED", "api.example.com")
    assert told["SubjectAlternativeNames"] == ["api.example.com", "www.example.com"]
    assert (told["KeyAlgorithm"], told["SignatureAlgorithm"]) == ("EC_prime256v1", "SHA256WITHECDSA")
    assert told["NotAfter"] == first.certificate.not_valid_after_utc
    assert told["InUseBy"] == []
    assert acm.get_certificate(CertificateArn=arn) | {"ResponseMetadata": 0} == {
        "Certificate": first.body.decode(),
        "ResponseMetadata": 0,
    }
    message = refused(
        "ValidationException",
        acm.import_certificate,
        Certificate=second.body,
        PrivateKey=second.key,
        CertificateArn=arn,
        Tags=tags,
    )
    assert message == "Tagging is not permitted on re-import."
    assert _import(acm, second, CertificateArn=arn) == arn
    assert _told(acm, arn)["DomainName"] == "other.example.com"
    assert acm.list_tags_for_certificate(CertificateArn=arn)["Tags"] == tags


def test_what_cannot_be_imported_is_refused_with_the_reason(acm: Any, refused: Callable[..., str]) -> None:
    good, root = paper("api.example.com"), paper("root", ca=True)
    signed, stranger = paper("api.example.com", by=root), paper("stranger", ca=True)
    weak = paper("api.example.com", key=ec.generate_private_key(ec.SECP256K1()))
    broken = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    by_other = {"Certificate": signed.body, "PrivateKey": signed.key}
    cases: list[tuple[str, dict[str, bytes]]] = [
        ("has expired", {"Certificate": paper("a.example.com", begins=-20, ends=-10).body}),
        ("not in effect yet", {"Certificate": paper("a.example.com", begins=YEARS - 1).body}),
        ("does not match", {"PrivateKey": paper("a.example.com").key}),
        ("is encrypted", {"PrivateKey": good.locked(b"secret")}),
        ("private key is not PEM-encoded", {"PrivateKey": broken}),
        ("is not supported", {"Certificate": weak.body, "PrivateKey": weak.key}),
        ("larger than 5120 bytes", {"PrivateKey": b"x" * 5121}),
        ("certificate is not PEM-encoded", {"Certificate": b"hello"}),
        ("contains more than one certificate", {"Certificate": good.body + good.body}),
        ("Please provide either a valid self-signed certificate or certificate chain", by_other),
        ("Could not validate the certificate with", by_other | {"CertificateChain": stranger.body}),
        ("chain is not PEM-encoded", {"CertificateChain": b"hello"}),
    ]
    for words, wrong in cases:
        asked = {"Certificate": good.body, "PrivateKey": good.key} | wrong
        assert words in refused("ValidationException", acm.import_certificate, **asked)
    assert acm.list_certificates(Includes={"keyTypes": ["EC_prime256v1"]})["CertificateSummaryList"] == []
    acm.import_certificate(Certificate=signed.body, PrivateKey=signed.key, CertificateChain=root.body)


def test_an_imported_one_expires_on_the_sandboxs_clock(acm: Any, sandbox: world.World) -> None:
    arn = _import(acm, paper("api.example.com", ends=sandbox.clock.now() - time.time() + 86400))
    sandbox.clock.advance(2 * 86400)
    assert _told(acm, arn)["Status"] == "EXPIRED"


def test_certificates_are_of_one_region_and_account(
    provider: Any, consumer: Any, acm: Any, refused: Callable[..., str]
) -> None:
    arn = _import(acm, paper("api.example.com"))
    refused("ResourceNotFoundException", consumer.client("acm").describe_certificate, CertificateArn=arn)
    elsewhere = provider.session.client("acm", region_name="us-west-2", endpoint_url=provider.url)
    refused("ResourceNotFoundException", elsewhere.describe_certificate, CertificateArn=arn)
    refused(
        "ResourceNotFoundException", elsewhere.import_certificate, Certificate=b"x", PrivateKey=b"x", CertificateArn=arn
    )


def test_a_list_has_pages_and_shows_rsa_keys_unless_asked_for_others(acm: Any) -> None:
    curve = _import(acm, paper("ec.example.com"))
    key = rsa.generate_private_key(65537, 2048)
    arns = [_import(acm, paper(f"{number}.example.com", key=key)) for number in range(5)]
    pages = acm.get_paginator("list_certificates").paginate(PaginationConfig={"PageSize": 2})
    found = [[one["CertificateArn"] for one in page["CertificateSummaryList"]] for page in pages]
    assert found == [arns[:2], arns[2:4], arns[4:]]
    [only] = acm.list_certificates(Includes={"keyTypes": ["EC_prime256v1"]})["CertificateSummaryList"]
    assert (only["CertificateArn"], only["InUse"], only["Type"]) == (curve, False, "IMPORTED")
    assert acm.list_certificates(CertificateStatuses=["PENDING_VALIDATION"])["CertificateSummaryList"] == []


def test_tags_come_and_go(acm: Any) -> None:
    arn = _import(acm, paper("api.example.com"))
    tag = {"Key": "team", "Value": "edge"}
    acm.add_tags_to_certificate(CertificateArn=arn, Tags=[tag])
    assert acm.list_tags_for_certificate(CertificateArn=arn)["Tags"] == [tag]
    acm.remove_tags_from_certificate(CertificateArn=arn, Tags=[tag])
    assert acm.list_tags_for_certificate(CertificateArn=arn)["Tags"] == []


# ------------------------------------------------------------------------------------------ requested


def _request(acm: Any, *names: str, **more: Any) -> str:
    rest = {"SubjectAlternativeNames": list(names[1:])} if names[1:] else {}
    asked = {"DomainName": names[0], "ValidationMethod": "DNS", **rest, **more}
    return str(acm.request_certificate(**asked)["CertificateArn"])


def _prove(provider: Any, told: Any, zone: str = "example.com") -> str:
    """Write the CNAMEs a certificate wants; the zone's ID."""
    api = provider.client("route53")
    zone_id = api.create_hosted_zone(Name=zone, CallerReference=zone)["HostedZone"]["Id"]
    records = {one["ResourceRecord"]["Name"]: one["ResourceRecord"] for one in told["DomainValidationOptions"]}
    changes = [
        {
            "Action": "UPSERT",
            "ResourceRecordSet": {
                "Name": one["Name"],
                "Type": one["Type"],
                "TTL": 300,
                "ResourceRecords": [{"Value": one["Value"]}],
            },
        }
        for one in records.values()
    ]
    api.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch={"Changes": changes})
    return str(zone_id)


def test_a_requested_one_is_issued_when_its_records_have_been_visible_for_a_while(
    acm: Any, provider: Any, sandbox: world.World, real: world.Profile, refused: Callable[..., str]
) -> None:
    arn = _request(acm, "example.com", "*.example.com", "api.example.com")
    assert all("ResourceRecord" not in one for one in _told(acm, arn)["DomainValidationOptions"]), "not told at once"
    sandbox.clock.advance(real.certificate_record)
    told = _told(acm, arn)
    assert (told["Status"], told["Type"], told["KeyAlgorithm"]) == ("PENDING_VALIDATION", "AMAZON_ISSUED", "RSA_2048")
    records = {one["DomainName"]: one["ResourceRecord"] for one in told["DomainValidationOptions"]}
    assert records["example.com"] == records["*.example.com"] != records["api.example.com"]
    assert {one["Type"] for one in records.values()} == {"CNAME"}
    assert records["api.example.com"]["Name"].endswith(".api.example.com.")
    refused("RequestInProgressException", acm.get_certificate, CertificateArn=arn)
    sandbox.clock.advance(3600)
    assert _told(acm, arn)["Status"] == "PENDING_VALIDATION"
    _prove(provider, told)
    sandbox.clock.advance(real.dns_change + real.certificate - 1)
    told = _told(acm, arn)
    assert told["Status"] == "PENDING_VALIDATION"
    assert {one["ValidationStatus"] for one in told["DomainValidationOptions"]} == {"SUCCESS"}
    sandbox.clock.advance(1)
    told = _told(acm, arn)
    assert told["Status"] == "ISSUED"
    assert told["IssuedAt"].timestamp() == pytest.approx(sandbox.clock.now(), abs=1)
    assert told["SubjectAlternativeNames"] == ["example.com", "*.example.com", "api.example.com"]
    got = acm.get_certificate(CertificateArn=arn)
    body, chain = got["Certificate"], got["CertificateChain"]
    leaf = x509.load_pem_x509_certificate(body.encode())
    middle, root = x509.load_pem_x509_certificates(chain.encode())
    leaf.verify_directly_issued_by(middle)
    middle.verify_directly_issued_by(root)
    assert root == x509.load_pem_x509_certificate(sandbox.authority.root.encode())


def test_a_private_zone_proves_nothing(acm: Any, provider: Any) -> None:
    arn = _request(acm, "api.example.com")
    vpc = provider.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    api = provider.client("route53")
    zone = api.create_hosted_zone(
        Name="example.com", CallerReference="x", VPC={"VPCRegion": "us-east-1", "VPCId": vpc}
    )["HostedZone"]["Id"]
    record = _told(acm, arn)["DomainValidationOptions"][0]["ResourceRecord"]
    values = {"Name": record["Name"], "Type": "CNAME", "TTL": 1, "ResourceRecords": [{"Value": record["Value"]}]}
    changes = [{"Action": "CREATE", "ResourceRecordSet": values}]
    api.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    assert _told(acm, arn)["Status"] == "PENDING_VALIDATION"


def test_nobody_waits_for_a_validation_for_ever(acm: Any, provider: Any, sandbox: world.World) -> None:
    arn = _request(acm, "api.example.com")
    sandbox.clock.advance(72 * 3600 + 1)
    told = _told(acm, arn)
    assert told["Status"] == "VALIDATION_TIMED_OUT"
    _prove(provider, told)
    assert _told(acm, arn)["Status"] == "VALIDATION_TIMED_OUT"


def test_a_token_makes_one_certificate_for_an_hour(acm: Any, sandbox: world.World) -> None:
    arn = _request(acm, "api.example.com", IdempotencyToken="once")
    assert _request(acm, "api.example.com", IdempotencyToken="once") == arn
    assert _request(acm, "api.example.com") != arn
    sandbox.clock.advance(3601)
    assert _request(acm, "api.example.com", IdempotencyToken="once") != arn


@pytest.mark.parametrize(
    "name", ["localhost", "a..example.com", "a_b.example.com", "*.*.example.com", "http://x.example.com"]
)
def test_what_is_no_host_name_is_not_requested(acm: Any, refused: Callable[..., str], name: str) -> None:
    refused("ValidationException", acm.request_certificate, DomainName=name, ValidationMethod="DNS")


def test_more_than_ten_names_are_too_many(acm: Any, refused: Callable[..., str]) -> None:
    names = [f"{number}.example.com" for number in range(10)]
    asked = {"DomainName": "api.example.com", "ValidationMethod": "DNS", "SubjectAlternativeNames": names}
    refused("LimitExceededException", acm.request_certificate, **asked)


def test_there_are_only_so_many(acm: Any, sandbox: world.World, refused: Callable[..., str]) -> None:
    sandbox.quotas = {"certificates": 1}
    _request(acm, "api.example.com")
    asked = {"DomainName": "www.example.com", "ValidationMethod": "DNS"}
    refused("LimitExceededException", acm.request_certificate, **asked)
    made = paper("api.example.com")
    refused("LimitExceededException", acm.import_certificate, Certificate=made.body, PrivateKey=made.key)


def test_validation_by_mail_is_not_there_and_says_so(acm: Any, refused: Callable[..., str]) -> None:
    assert "EMAIL" in refused("InvalidAction", acm.request_certificate, DomainName="api.example.com")


# --------------------------------------------------------------------------------------------- deleted


def test_one_in_use_is_not_deleted_nor_a_little_after(
    acm: Any, provider: Any, offer: Any, sandbox: world.World, real: world.Profile, refused: Callable[..., str]
) -> None:
    made = offer()
    group = made.elb.create_target_group(Name="tls", Protocol="TLS", Port=443, VpcId=made.vpc, TargetType="ip")
    forward = [{"Type": "forward", "TargetGroupArn": group["TargetGroups"][0]["TargetGroupArn"]}]
    arn = _import(acm, paper("api.example.com"))
    certificates = [{"CertificateArn": arn}]
    listener = made.elb.create_listener(
        LoadBalancerArn=made.arn, Protocol="TLS", Port=443, Certificates=certificates, DefaultActions=forward
    )["Listeners"][0]["ListenerArn"]
    assert _told(acm, arn)["InUseBy"] == [made.arn]
    message = refused("ResourceInUseException", acm.delete_certificate, CertificateArn=arn)
    assert message == f"Certificate {arn} in account 111111111111 is in use."
    made.elb.delete_listener(ListenerArn=listener)
    refused("ResourceInUseException", acm.delete_certificate, CertificateArn=arn)
    sandbox.clock.advance(real.certificate_release)
    acm.delete_certificate(CertificateArn=arn)
    refused("ResourceNotFoundException", acm.delete_certificate, CertificateArn=arn)
    refused("ResourceNotFoundException", acm.describe_certificate, CertificateArn=arn)
