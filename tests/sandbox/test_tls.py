"""TLS at the listeners: what they may be given, what a client is shown at the end of the path, and health checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from papers import Paper, paper
from whole import consume, provide, tcp

from plinkctl.sandbox.compute import isolation

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

    from plinkctl.sandbox import world
    from plinkctl.sandbox.door.gateway import Server

NAME = "api.example.com"

#: Asks for https://HOST/ and says what it was shown; trusts the authority in the event, or nobody.
SECURE = """
    import http.client, ssl

    def handler(event, context):
        trust = ssl.create_default_context(cadata=event.get("trust"))
        if "most" in event:
            trust.maximum_version = ssl.TLSVersion[event["most"]]
        if not event.get("check", True):
            trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(event["host"], event.get("port", 443), timeout=5, context=trust)
        connection.request("GET", event.get("path", "/"))
        answer = connection.getresponse()
        shown = connection.sock.getpeercert()
        return {"status": answer.status, "body": answer.read().decode(), "version": connection.sock.version(),
                "names": [value for _, value in (shown or {}).get("subjectAltName", ())],
                "location": answer.getheader("Location")}
"""


@pytest.fixture
def there(provider: Any) -> SimpleNamespace:
    """The provider's side, still without TLS."""
    made = provide(provider)
    made.acm = provider.client("acm")
    made.ec2.authorize_security_group_ingress(GroupId=made.alb_group, IpPermissions=tcp(443, cidr="10.0.0.0/16"))
    return made


def _import(there: Any, made: Paper, by: Paper | None = None) -> str:
    chain = {"CertificateChain": by.body} if by else {}
    arn = there.acm.import_certificate(Certificate=made.body, PrivateKey=made.key, **chain)["CertificateArn"]
    return str(arn)


def _listen(there: Any, arn: str, **more: Any) -> str:
    """An HTTPS listener on the application load balancer."""
    fixed = {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": "Hello in TLS!"}
    asked = {
        "LoadBalancerArn": there.alb,
        "Protocol": "HTTPS",
        "Port": 443,
        "Certificates": [{"CertificateArn": arn}],
        "DefaultActions": [{"Type": "fixed-response", "FixedResponseConfig": fixed}],
        **more,
    }
    return str(there.elb.create_listener(**asked)["Listeners"][0]["ListenerArn"])


def _forward(there: Any, *, check: str = "HTTPS") -> str:
    """TCP 443 of the network load balancer, to the application load balancer; the target group."""
    group = there.elb.create_target_group(
        Name="secure", Protocol="TCP", Port=443, VpcId=there.vpc, TargetType="alb", HealthCheckProtocol=check
    )["TargetGroups"][0]["TargetGroupArn"]
    there.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": there.alb, "Port": 443}])
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    there.elb.create_listener(LoadBalancerArn=there.nlb, Protocol="TCP", Port=443, DefaultActions=forward)
    return str(group)


def _health(there: Any, group: str) -> tuple[str, str | None]:
    found = there.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]["TargetHealth"]
    return found["State"], found.get("Reason")


def _client(there: Any, consumer: Any) -> SimpleNamespace:
    """The consumer's side with port 443 open, and a function that asks in TLS."""
    here = consume(consumer, there.service_name)
    here.ec2.modify_vpc_attribute(VpcId=here.vpc, EnableDnsHostnames={"Value": True})
    group, peer = here.endpoint_group, here.function_group
    here.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=tcp(443, peer=peer))
    here.ec2.authorize_security_group_egress(GroupId=peer, IpPermissions=tcp(443, peer=group))
    here.function(SECURE)
    return here


@pytest.fixture
def linked(there: Any, consumer: Any) -> SimpleNamespace:
    """A whole link in TLS, with a certificate of the user's own authority; its names are not the endpoint's."""
    root = paper("An authority at home", ca=True)
    there.arn = _import(there, paper(NAME, by=root), root)
    there.listener = _listen(there, there.arn)
    there.group = _forward(there)
    here = _client(there, consumer)
    here.there, here.trust, here.root = there, root.body.decode(), root
    return here


# ----------------------------------------------------------------------------------------- the listener


def test_an_https_listener_has_a_certificate_and_a_policy(there: Any) -> None:
    arn = _import(there, paper(NAME))
    listener = _listen(there, arn)
    [told] = there.elb.describe_listeners(ListenerArns=[listener])["Listeners"]
    assert told["Certificates"] == [{"CertificateArn": arn}]
    assert told["SslPolicy"] == "ELBSecurityPolicy-2016-08"
    assert there.acm.describe_certificate(CertificateArn=arn)["Certificate"]["InUseBy"] == [there.alb]
    assert _listen(there, arn) == listener, "the same again is the same one"
    [plain] = there.elb.describe_listeners(ListenerArns=[there.alb_listener])["Listeners"]
    assert "SslPolicy" not in plain
    assert "Certificates" not in plain


def test_an_https_listener_says_whether_clients_show_certificates(there: Any, refused: Callable[..., str]) -> None:
    listener = _listen(there, _import(there, paper(NAME)))

    def told(arn: str) -> Any:
        return there.elb.describe_listeners(ListenerArns=[arn])["Listeners"][0].get("MutualAuthentication")

    modify = there.elb.modify_listener
    assert (told(listener), told(there.alb_listener)) == ({"Mode": "off"}, None)
    modify(ListenerArn=listener, MutualAuthentication={"Mode": "passthrough"})
    modify(ListenerArn=listener, SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06")
    assert told(listener) == {"Mode": "passthrough"}
    verify = {"Mode": "verify", "TrustStoreArn": "arn:aws:elasticloadbalancing:us-east-1:111111111111:truststore/a/1"}
    refused("TrustStoreNotFound", modify, ListenerArn=listener, MutualAuthentication=verify)
    refused("ValidationError", modify, ListenerArn=listener, MutualAuthentication={"Mode": "often"})
    refused("ValidationError", modify, ListenerArn=there.alb_listener, MutualAuthentication={"Mode": "off"})


def test_a_tls_listener_changes_the_protocols_it_agrees_on(there: Any) -> None:
    [group] = there.elb.create_target_group(Name="t", Protocol="TLS", Port=443, VpcId=there.vpc, TargetType="ip")[
        "TargetGroups"
    ]
    [listener] = there.elb.create_listener(
        LoadBalancerArn=there.nlb,
        Protocol="TLS",
        Port=8443,
        Certificates=[{"CertificateArn": _import(there, paper(NAME))}],
        AlpnPolicy=["HTTP2Preferred"],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
    )["Listeners"]
    assert listener["AlpnPolicy"] == ["HTTP2Preferred"]
    arn = listener["ListenerArn"]
    assert there.elb.modify_listener(ListenerArn=arn, AlpnPolicy=["None"])["Listeners"][0]["AlpnPolicy"] == ["None"]
    modified = there.elb.modify_listener(ListenerArn=arn, SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06")
    assert modified["Listeners"][0]["AlpnPolicy"] == ["None"]


def test_what_a_listener_cannot_be_given_is_refused(
    there: Any, provider: Any, consumer: Any, refused: Callable[..., str]
) -> None:
    arn = _import(there, paper(NAME))

    def make(code: str, **more: Any) -> str:
        fixed = {"StatusCode": "200"}
        asked = {
            "LoadBalancerArn": there.alb,
            "Protocol": "HTTPS",
            "Port": 443,
            "DefaultActions": [{"Type": "fixed-response", "FixedResponseConfig": fixed}],
            **more,
        }
        return refused(code, there.elb.create_listener, **asked)

    assert make("ValidationError") == "A certificate must be specified for HTTPS listeners"
    gone = "arn:aws:acm:us-east-1:111111111111:certificate/00000000-0000-0000-0000-000000000000"
    assert make("CertificateNotFound", Certificates=[{"CertificateArn": gone}]) == f"Certificate '{gone}' not found"
    made = paper(NAME)
    elsewhere = provider.session.client("acm", region_name="us-west-2", endpoint_url=provider.url)
    for other in (consumer.client("acm"), elsewhere):
        strange = other.import_certificate(Certificate=made.body, PrivateKey=made.key)["CertificateArn"]
        make("CertificateNotFound", Certificates=[{"CertificateArn": strange}])
    pending = there.acm.request_certificate(DomainName=NAME, ValidationMethod="DNS")["CertificateArn"]
    assert "must have a fully-qualified domain name" in make(
        "UnsupportedCertificate", Certificates=[{"CertificateArn": pending}]
    )
    nameless = _import(there, paper("localhost"))
    make("UnsupportedCertificate", Certificates=[{"CertificateArn": nameless}])
    certificates = [{"CertificateArn": arn}]
    assert make("SSLPolicyNotFound", Certificates=certificates, SslPolicy="None-2024") == (
        "SSL policy 'None-2024' not found"
    )
    make("TooManyCertificates", Certificates=[*certificates, {"CertificateArn": nameless}])
    make("ValidationError", Protocol="HTTP", Port=8080, Certificates=certificates)
    make("ValidationError", Protocol="HTTP", Port=8080, SslPolicy="ELBSecurityPolicy-2016-08")
    assert "must be one of 'HTTP, HTTPS'" in make("ValidationError", Protocol="TLS", Certificates=certificates)
    assert len(there.elb.describe_listeners(LoadBalancerArn=there.alb)["Listeners"]) == 1


def test_a_listener_is_changed_and_lets_go_of_its_certificate(
    there: Any, sandbox: world.World, refused: Callable[..., str]
) -> None:
    first, second = _import(there, paper(NAME)), _import(there, paper("www.example.com"))
    listener = _listen(there, first)
    modify = there.elb.modify_listener
    policy = "ELBSecurityPolicy-TLS13-1-2-2021-06"
    [told] = modify(ListenerArn=listener, Certificates=[{"CertificateArn": second}], SslPolicy=policy)["Listeners"]
    assert (told["Certificates"], told["SslPolicy"]) == ([{"CertificateArn": second}], policy)
    [told] = modify(ListenerArn=listener, Port=8443)["Listeners"]
    assert (told["Port"], told["Certificates"], told["SslPolicy"]) == (8443, [{"CertificateArn": second}], policy)
    there.acm.delete_certificate(CertificateArn=first)
    refused("SSLPolicyNotFound", modify, ListenerArn=listener, SslPolicy="None-2024")
    refused("CertificateNotFound", modify, ListenerArn=listener, Certificates=[{"CertificateArn": first}])
    refused("ValidationError", modify, ListenerArn=there.alb_listener, Protocol="HTTPS")
    [told] = modify(ListenerArn=listener, Protocol="HTTP")["Listeners"]
    assert "Certificates" not in told
    assert "SslPolicy" not in told
    there.acm.delete_certificate(CertificateArn=second)


def test_further_certificates_are_kept_beside_the_default_one(there: Any, refused: Callable[..., str]) -> None:
    default, more = _import(there, paper(NAME)), _import(there, paper("www.example.com"))
    listener = _listen(there, default)
    for _ in range(2):
        there.elb.add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": more}])
    found = there.elb.describe_listener_certificates(ListenerArn=listener)["Certificates"]
    assert found == [{"CertificateArn": default, "IsDefault": True}, {"CertificateArn": more, "IsDefault": False}]
    [told] = there.elb.describe_listeners(ListenerArns=[listener])["Listeners"]
    assert told["Certificates"] == [{"CertificateArn": default}]
    refused("ResourceInUseException", there.acm.delete_certificate, CertificateArn=more)
    remove = there.elb.remove_listener_certificates
    refused("OperationNotPermitted", remove, ListenerArn=listener, Certificates=[{"CertificateArn": default}])
    remove(ListenerArn=listener, Certificates=[{"CertificateArn": more}])
    there.acm.delete_certificate(CertificateArn=more)
    add = there.elb.add_listener_certificates
    refused("CertificateNotFound", add, ListenerArn=listener, Certificates=[{"CertificateArn": more}])
    refused("ValidationError", add, ListenerArn=there.alb_listener, Certificates=[{"CertificateArn": default}])


def test_a_tls_listener_of_a_network_load_balancer_takes_no_load_balancer_as_target(
    there: Any, refused: Callable[..., str]
) -> None:
    arn = _import(there, paper(NAME))
    asked = {
        "LoadBalancerArn": there.nlb,
        "Protocol": "TLS",
        "Port": 443,
        "Certificates": [{"CertificateArn": arn}],
    }
    refused(
        "IncompatibleProtocols",
        there.elb.create_listener,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": there.targets}],
        **asked,
    )
    group = there.elb.create_target_group(Name="ip", Protocol="TCP", Port=80, VpcId=there.vpc, TargetType="ip")
    forward = [{"Type": "forward", "TargetGroupArn": group["TargetGroups"][0]["TargetGroupArn"]}]
    listener = there.elb.create_listener(DefaultActions=forward, **asked)["Listeners"][0]["ListenerArn"]
    policy = "ELBSecurityPolicy-TLS13-1-2-2021-06"
    [told] = there.elb.modify_listener(ListenerArn=listener, SslPolicy=policy)["Listeners"]
    assert (told["Protocol"], told["SslPolicy"]) == ("TLS", policy)


# ---------------------------------------------------------------------------------------- health checks


@pytest.mark.parametrize(
    ("listening", "check", "expected"),
    [
        ("HTTPS", "HTTPS", ("healthy", None)),
        ("HTTPS", "HTTP", ("unhealthy", "Target.ResponseCodeMismatch")),
        ("HTTP", "HTTPS", ("unhealthy", "Target.FailedHealthChecks")),
    ],
)
def test_a_health_check_speaks_what_the_target_speaks_or_fails(
    there: Any, listening: str, check: str, expected: tuple[str, str | None]
) -> None:
    if listening == "HTTPS":
        # The certificate is for another name and of nobody: a health check does not look at it.
        _listen(there, _import(there, paper("elsewhere.example.net")))
    else:
        fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]
        there.elb.create_listener(LoadBalancerArn=there.alb, Protocol="HTTP", Port=443, DefaultActions=fixed)
    assert _health(there, _forward(there, check=check)) == expected


def test_a_health_check_cannot_speak_tls_1_3_alone(there: Any) -> None:
    _listen(there, _import(there, paper(NAME)), SslPolicy="ELBSecurityPolicy-TLS13-1-3-2021-06")
    assert _health(there, _forward(there)) == ("unhealthy", "Target.FailedHealthChecks")


# ------------------------------------------------------------------------------------------- on the wire


def test_the_certificate_is_shown_over_the_whole_path(linked: Any) -> None:
    assert _health(linked.there, linked.there.group) == ("healthy", None)
    got = linked.invoke({"host": linked.host, "trust": linked.trust, "check": False}).value
    assert (got["status"], got["body"], got["version"]) == (200, "Hello in TLS!", "TLSv1.2")
    # The name of the endpoint is not in the certificate: the client says so, as it would on AWS.
    wrong = linked.invoke({"host": linked.host, "trust": linked.trust}).value
    assert wrong["errorType"] == "SSLCertVerificationError"
    assert "Hostname mismatch" in wrong["errorMessage"]
    unknown = linked.invoke({"host": linked.host, "trust": paper("Another", ca=True).body.decode()}).value
    assert unknown["errorType"] == "SSLCertVerificationError"


def test_it_is_shown_to_a_function_in_a_namespace_of_its_own(linked: Any, sandbox: world.World) -> None:
    if why := isolation.hindrance():
        pytest.skip(f"no network namespaces here: {why}")
    sandbox.isolation = "kernel"
    got = linked.invoke({"host": linked.host, "trust": linked.trust, "check": False}).value
    assert (got["status"], got["body"]) == (200, "Hello in TLS!")


def test_a_certificate_imported_again_is_shown_at_once(linked: Any) -> None:
    fresh = paper("*.example.com", linked.host, by=linked.root)
    linked.there.acm.import_certificate(
        Certificate=fresh.body,
        PrivateKey=fresh.key,
        CertificateChain=linked.root.body,
        CertificateArn=linked.there.arn,
    )
    got = linked.invoke({"host": linked.host, "trust": linked.trust}).value
    assert (got["status"], got["names"]) == (200, ["*.example.com", linked.host])


def test_the_certificate_made_out_to_the_name_is_chosen(linked: Any) -> None:
    there = linked.there
    arn = _import(there, paper(linked.host, by=linked.root), linked.root)
    there.elb.add_listener_certificates(ListenerArn=there.listener, Certificates=[{"CertificateArn": arn}])
    got = linked.invoke({"host": linked.host, "trust": linked.trust}).value
    assert (got["status"], got["names"]) == (200, [linked.host])
    # Another name of the same endpoint has no certificate, and is shown the default one.
    zonal = linked.endpoint["DnsEntries"][1]["DnsName"]
    assert linked.invoke({"host": zonal, "trust": linked.trust}).value["errorType"] == "SSLCertVerificationError"


@pytest.mark.parametrize(
    ("policy", "most", "version"),
    [
        ("ELBSecurityPolicy-TLS13-1-3-2021-06", "TLSv1_3", "TLSv1.3"),
        ("ELBSecurityPolicy-TLS13-1-3-2021-06", "TLSv1_2", None),
        ("ELBSecurityPolicy-TLS13-1-2-2021-06", "TLSv1_3", "TLSv1.3"),
        ("ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "TLSv1_2", "TLSv1.2"),
        ("ELBSecurityPolicy-TLS-1-2-2017-01", "TLSv1_3", "TLSv1.2"),
    ],
)
def test_the_policy_decides_the_version(linked: Any, policy: str, most: str, version: str | None) -> None:
    linked.there.elb.modify_listener(ListenerArn=linked.there.listener, SslPolicy=policy)
    got = linked.invoke({"host": linked.host, "trust": linked.trust, "check": False, "most": most}).value
    assert got.get("version") == version
    if version is None:
        assert got["errorType"] == "SSLError"


def test_plain_http_to_a_port_that_speaks_tls_is_a_bad_request(linked: Any) -> None:
    linked.function(name="plain")
    got = linked.invoke({"host": linked.host, "port": 443}, name="plain").value
    assert (got["status"], got["server"]) == (400, "awselb/2.0")
    assert "The plain HTTP request was sent to HTTPS port" in got["body"]


def test_tls_to_a_port_that_speaks_http_fails(linked: Any) -> None:
    got = linked.invoke({"host": linked.host, "port": 80, "check": False}).value
    assert got["errorType"] == "SSLError"
    assert "WRONG_VERSION_NUMBER" in got["errorMessage"]


def test_http_is_redirected_to_https(linked: Any) -> None:
    redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    linked.there.elb.modify_listener(
        ListenerArn=linked.there.alb_listener, DefaultActions=[{"Type": "redirect", "RedirectConfig": redirect}]
    )
    linked.function(name="plain")
    got = linked.invoke({"host": linked.host, "path": "/a?b=c"}, name="plain").value
    assert (got["status"], got["location"]) == (301, f"https://{linked.host}/a?b=c")
    got = linked.invoke({"host": linked.host, "path": "/a?b=c", "check": False}).value
    assert got["status"] == 200


def test_a_missing_listener_on_the_port_is_refused_before_any_tls(linked: Any) -> None:
    linked.there.elb.delete_listener(ListenerArn=linked.there.listener)
    got = linked.invoke({"host": linked.host, "check": False}).value
    assert got["errorType"] == "ConnectionRefusedError"


@pytest.mark.parametrize(("protocol", "port"), [("TCP", 80), ("TLS", 443)])
def test_tls_may_end_at_the_network_load_balancer(there: Any, consumer: Any, protocol: str, port: int) -> None:
    """Its targets are addresses then; here those of the other load balancer, in plain text or in TLS once more."""
    inner = paper("inner.example.net")
    _listen(there, _import(there, inner))
    group = there.elb.create_target_group(
        Name="ip", Protocol=protocol, Port=port, VpcId=there.vpc, TargetType="ip", HealthCheckProtocol="TCP"
    )["TargetGroups"][0]["TargetGroupArn"]
    enis = there.ec2.describe_network_interfaces(Filters=[{"Name": "group-id", "Values": [there.alb_group]}])
    targets = [{"Id": eni["PrivateIpAddress"], "Port": port} for eni in enis["NetworkInterfaces"]]
    there.elb.register_targets(TargetGroupArn=group, Targets=targets)
    root = paper("An authority at home", ca=True)
    here = _client(there, consumer)
    arn = _import(there, paper(here.host, by=root), root)
    there.elb.create_listener(
        LoadBalancerArn=there.nlb,
        Protocol="TLS",
        Port=443,
        Certificates=[{"CertificateArn": arn}],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    got = here.invoke({"host": here.host, "trust": root.body.decode()}).value
    assert (got["status"], got["names"]) == (200, [here.host])
    assert got["body"] == {"TCP": "Hello from ALB!", "TLS": "Hello in TLS!"}[protocol]


# --------------------------------------------------------------------------------------------- all of it


def _record(route53: Any, zone: str, name: str, kind: str, value: str) -> None:
    record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
    changes = [{"Action": "UPSERT", "ResourceRecordSet": record}]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


@pytest.mark.parametrize("how", ["imported", "requested"])
def test_two_accounts_one_name_and_the_page_over_https(
    there: Any, provider: Any, consumer: Any, served: Server, how: str
) -> None:
    """From nothing to https://NAME/: certificate, listener, name, proof, endpoint, and the chain checked."""
    route53 = provider.client("route53")
    zone = route53.create_hosted_zone(Name="example.com", CallerReference="zone")["HostedZone"]["Id"]
    if how == "imported":
        root = paper("An authority at home", ca=True)
        trust, arn = root.body.decode(), _import(there, paper(NAME, by=root), root)
    else:
        trust = served.world.authority.root
        arn = there.acm.request_certificate(DomainName=NAME, ValidationMethod="DNS")["CertificateArn"]
        wanted = there.acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"][0]
        proof = wanted["ResourceRecord"]
        _record(route53, zone, proof["Name"], proof["Type"], proof["Value"])
        there.acm.get_waiter("certificate_validated").wait(CertificateArn=arn, WaiterConfig={"MaxAttempts": 1})
    _listen(there, arn, SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06")
    _forward(there)
    modify = there.ec2.modify_vpc_endpoint_service_configuration
    modify(ServiceId=there.service, PrivateDnsName=NAME, AcceptanceRequired=True)
    told = there.ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[there.service])
    config = told["ServiceConfigurations"][0]["PrivateDnsNameConfiguration"]
    _record(route53, zone, f"{config['Name']}.{NAME}", config["Type"], f'"{config["Value"]}"')
    there.ec2.start_vpc_endpoint_service_private_dns_verification(ServiceId=there.service)
    here = _client(there, consumer)
    endpoint = here.endpoint["VpcEndpointId"]
    there.ec2.accept_vpc_endpoint_connections(ServiceId=there.service, VpcEndpointIds=[endpoint])
    assert here.invoke({"host": NAME, "trust": trust}).value["errorType"] == "gaierror"
    here.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PrivateDnsEnabled=True)
    got = here.invoke({"host": NAME, "trust": trust}).value
    assert got == {
        "status": 200,
        "body": "Hello in TLS!",
        "version": "TLSv1.3",
        "names": [NAME],
        "location": None,
    }
    by_endpoint = here.invoke({"host": here.host, "trust": trust}).value
    assert by_endpoint["errorType"] == "SSLCertVerificationError"
