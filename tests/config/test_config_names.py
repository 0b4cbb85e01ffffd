"""What keys about certificates and DNS names may hold, and demand of each other."""

from pathlib import Path

import pytest
from config_door import BOTH, CONSUMER, Door

from plinkctl.link import Tls

ARN = "arn:aws:acm:eu-central-1:111111111111:certificate/12345678-1234-1234-1234-123456789012"
BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:111111111111:loadbalancer/net/mine/0123456789abcdef"
TARGETS = "arn:aws:elasticloadbalancing:eu-central-1:111111111111:targetgroup/mine/0123456789abcdef"
SERVICE = "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0"


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("private_dns_name: API.example.com", 'private_dns_name: "API.example.com" has capital letters'),
        ("private_dns_name: localhost", 'private_dns_name: "localhost" is not a DNS name'),
        ("private_dns_name: -a.example.com", 'private_dns_name: "-a.example.com" is not a DNS name'),
        ("private_dns_name: a.*.example.com", 'private_dns_name: "a.*.example.com" is a wildcard'),
        ("tls: {certificate: requested, name: '*.example.com'}", 'tls.name: "*.example.com" is a wildcard'),
        (
            "tls: {certificate: mine}",
            'tls.certificate: "mine" is no certificate; expected requested, self-signed, files',
        ),
        ("tls: {certificate: 'arn:aws:iam::111111111111:server-certificate/x'}", "tls.certificate:"),
        ("tls: {certificate: requested}", "tls.certificate: for which name?"),
        ("private_dns_name: '*.example.com'\n  tls: {certificate: requested}", "tls.certificate: for which name?"),
        ("tls: {certificate: files, name: a.example.com}", "tls.certificate: needs certificate_file and key_file"),
        (
            "tls: {certificate: requested, name: a.b, certificate_file: c.pem, key_file: k.pem}",
            "tls.certificate_file: cannot stand beside certificate: requested",
        ),
        ("tls: {certificate: files, name: a.b, certificate_file: c.pem}", "tls.certificate_file: needs key_file"),
        ("tls: {plain: keep}", "tls.plain: is of no use without certificate"),
        (
            f"region: us-east-1\n  tls: {{certificate: '{ARN}', name: a.b}}",
            "tls.certificate: the certificate is in eu-",
        ),
        (
            f"account: '222222222222'\n  tls: {{certificate: '{ARN}', name: a.b}}",
            "tls.certificate: the certificate is in",
        ),
        ("tls: {certificate: requested, name: a.b, port: 80, plain: keep}", "tls.port: the listeners without TLS have"),
        (f"tls: {{certificate: requested, name: a.b, target_group_arn: '{TARGETS}'}}", "tls.target_group_arn: is for"),
        (
            f"load_balancer_arn: {BALANCER}\n  tls: {{certificate: requested, name: a.b}}",
            "tls.certificate: with load_balancer_arn, target_group_arn must say",
        ),
        ("dns: {profile: other}", "dns.profile: is of no use without zone_id"),
        ("dns: {resolvers: [nowhere]}", 'dns.resolvers[0]: "nowhere" is not a DNS server'),
        ("dns: {resolvers: ['1.1.1.1:99999']}", 'dns.resolvers[0]: "1.1.1.1:99999" is not a DNS server'),
        ("dns: {zone_id: example.com}", 'dns.zone_id: "example.com" is not allowed'),
    ],
)
def test_what_cannot_be_of_a_provider_is_told(door: Door, content: str, problem: str) -> None:
    (said,) = door.problems(f"provider:\n  {content}\n", sides=BOTH)
    assert f"provider.{problem}" in said


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("ca_file: ca.pem", "consumer.ca_file: is of no use without https: true"),
        ("server_name: a.example.com", "consumer.server_name: is of no use without https: true"),
        ("private_zone: internal", 'consumer.private_zone: "internal" is not a DNS name'),
    ],
)
def test_what_cannot_be_of_a_consumer_is_told(door: Door, content: str, problem: str) -> None:
    (said,) = door.problems(f"consumer:\n  service_name: {SERVICE}\n  {content}\n", sides=CONSUMER)
    assert problem in said


def test_the_consumer_follows_the_provider_to_https_and_its_port(door: Door) -> None:
    link = door.link("provider:\n  tls: {certificate: requested, name: a.example.com, port: 8443}\n", sides=BOTH)
    assert link.consumer is not None
    assert link.provider is not None
    assert (link.consumer.https, link.consumer.port) == (True, 8443)
    assert link.provider.server_name == "a.example.com"
    (said,) = door.problems(
        "provider:\n  tls: {certificate: requested, name: a.b}\nconsumer:\n  https: false\n", sides=BOTH
    )
    assert "consumer.https: the provider's listener has TLS" in said


def test_a_consumer_alone_asks_by_https_on_the_usual_port(door: Door) -> None:
    link = door.link(f"consumer:\n  service_name: {SERVICE}\n  https: true\n", sides=CONSUMER)
    assert link.consumer is not None
    assert link.consumer.port == Tls.port
