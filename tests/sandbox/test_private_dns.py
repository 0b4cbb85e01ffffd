"""Private DNS names: given to a service, proven by a TXT record, switched on by the consumer, resolved in its VPC."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

from plinkctl.sandbox import world
from plinkctl.sandbox.names.lookup import look_up

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

NAME = "api.example.com"


class Service:
    """An endpoint service under test, and the public zone of its provider."""

    def __init__(self, provider: Any, made: SimpleNamespace) -> None:
        self.ec2, self.id, self.name, self.made = made.ec2, made.id, made.name, made
        self.route53 = provider.client("route53")
        zone = self.route53.create_hosted_zone(Name="example.com", CallerReference="zone")
        self.zone = zone["HostedZone"]["Id"]

    def modify(self, **more: Any) -> Any:
        return self.ec2.modify_vpc_endpoint_service_configuration(ServiceId=self.id, **more)

    def told(self) -> Any:
        found = self.ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[self.id])
        return found["ServiceConfigurations"][0]

    @property
    def config(self) -> Any:
        return self.told()["PrivateDnsNameConfiguration"]

    @property
    def state(self) -> str:
        return str(self.config["State"])

    def publish(self, domain: str = NAME, action: str = "UPSERT", value: str | None = None) -> None:
        """Write, or take away, the TXT record that proves the name."""
        record = {
            "Name": f"{self.config['Name']}.{domain}",
            "Type": "TXT",
            "TTL": 1800,
            "ResourceRecords": [{"Value": f'"{value or self.config["Value"]}"'}],
        }
        changes = [{"Action": action, "ResourceRecordSet": record}]
        self.route53.change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch={"Changes": changes})

    def start(self) -> Any:
        return self.ec2.start_vpc_endpoint_service_private_dns_verification(ServiceId=self.id)

    def verified(self, domain: str = NAME) -> Service:
        self.modify(PrivateDnsName=domain)
        self.publish(domain.removeprefix("*."))
        self.start()
        return self


@pytest.fixture
def service(provider: Any, offer: Any) -> Service:
    return Service(provider, offer(acceptance=False))


@pytest.fixture
def here(place: Any) -> SimpleNamespace:
    """A consumer's VPC with both of its DNS attributes on."""
    made: SimpleNamespace = place()
    made.ec2.modify_vpc_attribute(VpcId=made.vpc, EnableDnsHostnames={"Value": True})
    return made


@pytest.fixture
def real(sandbox: world.World) -> world.Profile:
    sandbox.profile = world.REAL
    return world.REAL


def _inside(here: Any, name: str = NAME) -> tuple[str, ...]:
    return look_up(name, "A", ("us-east-1", here.vpc)).values("A")


def _outside(name: str = NAME) -> tuple[str, ...]:
    return look_up(name, "A").values("A")


# ------------------------------------------------------------------------------------ the provider's side


def test_a_name_is_given_with_the_record_that_proves_it(service: Service) -> None:
    assert "PrivateDnsNameConfiguration" not in service.told()
    service.modify(PrivateDnsName=NAME)
    told = service.told()
    config = told["PrivateDnsNameConfiguration"]
    assert told["PrivateDnsName"] == NAME
    assert (config["State"], config["Type"]) == ("pendingVerification", "TXT")
    assert config["Name"].startswith("_")
    assert config["Value"].startswith("vpce:")
    service.modify(PrivateDnsName=NAME)
    assert service.config == config, "the same name again keeps its record"
    service.modify(PrivateDnsName="www.example.com")
    assert service.config["Value"] != config["Value"]
    service.modify(RemovePrivateDnsName=True)
    assert "PrivateDnsName" not in service.told()


def test_a_service_can_be_made_with_a_name(provider: Any, offer: Any) -> None:
    made = offer()
    made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id])
    service = made.ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[made.arn], PrivateDnsName=NAME
    )["ServiceConfiguration"]
    assert service["PrivateDnsName"] == NAME
    assert service["PrivateDnsNameConfiguration"]["State"] == "pendingVerification"


@pytest.mark.parametrize(
    "name",
    [
        "API.example.com",
        "example",
        "-a.example.com",
        "a_b.example.com",
        "a.*.example.com",
        f"{'x' * 64}.example.com",
    ],
)
def test_what_is_no_name_is_refused(service: Service, refused: Callable[..., str], name: str) -> None:
    assert name in refused("InvalidParameter", service.modify, PrivateDnsName=name)
    assert "PrivateDnsName" not in service.told()


def test_a_name_is_not_given_and_removed_at_once(service: Service, refused: Callable[..., str]) -> None:
    refused("InvalidParameterCombination", service.modify, PrivateDnsName=NAME, RemovePrivateDnsName=True)


def test_verification_takes_its_time_and_looks_at_public_dns(
    service: Service, sandbox: world.World, real: world.Profile
) -> None:
    service.modify(PrivateDnsName=NAME)
    service.start()
    assert service.state == "pendingVerification"
    sandbox.clock.advance(real.private_dns)
    assert service.state == "failed", "the record was not there"
    service.publish()
    sandbox.clock.advance(real.dns_change)
    assert service.start()["ReturnValue"]
    sandbox.clock.advance(real.private_dns - 1)
    assert service.state == "pendingVerification"
    sandbox.clock.advance(1)
    assert service.state == "verified"


def test_another_value_another_zone_or_a_private_one_proves_nothing(service: Service, provider: Any) -> None:
    service.modify(PrivateDnsName=NAME)
    service.publish(value="vpce:0000")
    service.start()
    assert service.state == "failed"
    service.publish("other.example.com")
    service.start()
    assert service.state == "failed"


@pytest.mark.parametrize(("name", "domain"), [(NAME, "example.com"), ("*.example.com", "example.com")])
def test_a_record_on_the_domain_above_proves_a_name_and_a_wildcard(service: Service, name: str, domain: str) -> None:
    service.modify(PrivateDnsName=name)
    service.publish(domain)
    service.start()
    assert service.state == "verified"


def test_a_name_may_be_given_to_two_services_each_with_its_own_proof(service: Service, provider: Any) -> None:
    service.verified()
    made = service.made
    other = made.elb.create_load_balancer(Name="other", Type="network", Scheme="internal", Subnets=made.subnets)
    second = made.ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[other["LoadBalancers"][0]["LoadBalancerArn"]], PrivateDnsName=NAME
    )["ServiceConfiguration"]
    made.ec2.start_vpc_endpoint_service_private_dns_verification(ServiceId=second["ServiceId"])
    told = made.ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[second["ServiceId"]])
    assert told["ServiceConfigurations"][0]["PrivateDnsNameConfiguration"]["State"] == "failed"
    assert service.state == "verified"


def test_without_a_name_there_is_nothing_to_verify(service: Service, refused: Callable[..., str]) -> None:
    refused("InvalidParameter", service.start)
    gone = "vpce-svc-00000000000000000"
    start = service.ec2.start_vpc_endpoint_service_private_dns_verification
    refused("InvalidVpcEndpointServiceId.NotFound", start, ServiceId=gone)
    service.modify(PrivateDnsName=NAME)
    refused("DryRunOperation", start, ServiceId=service.id, DryRun=True)
    assert service.state == "pendingVerification"


def test_a_verified_name_is_looked_at_again_and_may_fail(
    service: Service, here: Any, place: Any, sandbox: world.World, refused: Callable[..., str]
) -> None:
    service.verified()
    here.connect(service.name, PrivateDnsEnabled=True)
    sandbox.profile = world.REAL
    service.publish(action="DELETE")
    sandbox.clock.advance(world.REAL.private_dns_again - 1)
    assert service.state == "verified"
    sandbox.clock.advance(1)
    assert service.state == "failed"
    assert here.endpoint["PrivateDnsEnabled"]
    assert len(_inside(here)) == 1, "an endpoint that has it keeps it"
    other = place()
    other.ec2.modify_vpc_attribute(VpcId=other.vpc, EnableDnsHostnames={"Value": True})
    message = refused("InvalidParameter", other.connect, service_name=service.name, PrivateDnsEnabled=True)
    assert "has not verified the private DNS name" in message
    other.connect(service.name, PrivateDnsEnabled=False)


def test_a_name_goes_only_after_the_connections(service: Service, here: Any, refused: Callable[..., str]) -> None:
    service.verified()
    endpoint = here.connect(service.name, PrivateDnsEnabled=True)
    refused("ExistingVpcEndpointConnections", service.modify, RemovePrivateDnsName=True)
    refused("ExistingVpcEndpointConnections", service.modify, PrivateDnsName="www.example.com")
    here.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    service.modify(RemovePrivateDnsName=True)


# ------------------------------------------------------------------------------------ the consumer's side


def test_the_consumer_sees_the_name_and_its_state(service: Service, here: Any) -> None:
    service.modify(PrivateDnsName=NAME)
    find = here.ec2.describe_vpc_endpoint_services
    [told] = find(ServiceNames=[service.name])["ServiceDetails"]
    assert (told["PrivateDnsName"], told["PrivateDnsNameVerificationState"]) == (NAME, "pendingVerification")
    service.verified()
    [told] = find(ServiceNames=[service.name])["ServiceDetails"]
    assert told["PrivateDnsNameVerificationState"] == "verified"
    assert told["PrivateDnsNames"] == [{"PrivateDnsName": NAME}]


def test_private_dns_resolves_inside_the_vpc_and_not_outside(service: Service, here: Any, place: Any) -> None:
    service.verified()
    other = place()
    assert _inside(here) == _outside() == ()
    endpoint = here.connect(service.name, PrivateDnsEnabled=True)
    assert here.endpoint["PrivateDnsEnabled"]
    assert here.endpoint["DnsEntries"][-1]["DnsName"] == NAME
    [eni] = here.ec2.describe_network_interfaces(NetworkInterfaceIds=here.endpoint["NetworkInterfaceIds"])[
        "NetworkInterfaces"
    ]
    assert _inside(here) == (eni["PrivateIpAddress"],) == _inside(here, NAME.upper())
    assert _outside() == _inside(other) == ()
    here.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PrivateDnsEnabled=False)
    assert _inside(here) == ()
    told = here.ec2.describe_vpc_endpoints()["VpcEndpoints"][0]
    assert not told["PrivateDnsEnabled"]
    assert NAME not in [entry["DnsName"] for entry in told["DnsEntries"]]
    here.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PrivateDnsEnabled=True)
    assert len(_inside(here)) == 1


def test_the_public_name_goes_on_outside_and_is_hidden_inside(service: Service, here: Any) -> None:
    service.verified()
    records = [("A", NAME, "192.0.2.1"), ("A", f"below.{NAME}", "192.0.2.2"), ("A", "www.example.com", "192.0.2.3")]
    changes = [
        {
            "Action": "CREATE",
            "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]},
        }
        for kind, name, value in records
    ]
    service.route53.change_resource_record_sets(HostedZoneId=service.zone, ChangeBatch={"Changes": changes})
    here.connect(service.name, PrivateDnsEnabled=True)
    assert _outside() == ("192.0.2.1",)
    assert _inside(here)[0].startswith("10.0.")
    assert _outside(f"below.{NAME}") == ("192.0.2.2",)
    assert _inside(here, f"below.{NAME}") == (), "the hidden zone is the name's, and knows nothing below it"
    assert _inside(here, "www.example.com") == ("192.0.2.3",)


def test_a_wildcard_answers_for_all_names_below(service: Service, here: Any) -> None:
    service.verified("*.example.com")
    here.connect(service.name, PrivateDnsEnabled=True)
    assert here.endpoint["DnsEntries"][-1]["DnsName"] == "*.example.com"
    assert len(_inside(here, "a.example.com")) == len(_inside(here, "a.b.example.com")) == 1
    assert _inside(here, "example.com") == ()


def test_what_is_missing_is_said_in_aws_words(
    service: Service, here: Any, place: Any, refused: Callable[..., str]
) -> None:
    asked = {"service_name": service.name, "PrivateDnsEnabled": True}
    words = f"Private DNS can't be enabled because the service {service.name}"
    assert refused("InvalidParameter", here.connect, **asked) == f"{words} does not provide a private DNS name."
    service.modify(PrivateDnsName=NAME)
    assert refused("InvalidParameter", here.connect, **asked) == f"{words} has not verified the private DNS name."
    service.verified()
    bare = place()
    assert refused("InvalidParameter", bare.connect, **asked) == (
        "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for "
        f"{bare.vpc}"
    )
    service.modify(AcceptanceRequired=True)
    waiting = "Private DNS can only be enabled after the endpoint connection is accepted by the owner of "
    waiting += f"{service.name}."
    assert refused("InvalidParameter", here.connect, **asked) == waiting
    assert here.ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
    endpoint = here.connect(service.name, PrivateDnsEnabled=False)
    modify = here.ec2.modify_vpc_endpoint
    assert refused("InvalidParameter", modify, VpcEndpointId=endpoint, PrivateDnsEnabled=True) == waiting
    service.ec2.accept_vpc_endpoint_connections(ServiceId=service.id, VpcEndpointIds=[endpoint])
    modify(VpcEndpointId=endpoint, PrivateDnsEnabled=True)
    assert len(_inside(here)) == 1


def test_one_domain_has_one_endpoint_in_a_vpc(
    service: Service, here: Any, sandbox: world.World, refused: Callable[..., str]
) -> None:
    service.verified()
    words = (
        f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for {NAME} in the VPC "
        f"{here.vpc}"
    )
    first = here.connect(service.name, PrivateDnsEnabled=True)
    asked = {"service_name": service.name, "PrivateDnsEnabled": True}
    assert refused("InvalidParameter", here.connect, **asked) == words
    second = here.connect(service.name, PrivateDnsEnabled=False)
    modify = here.ec2.modify_vpc_endpoint
    assert refused("InvalidParameter", modify, VpcEndpointId=second, PrivateDnsEnabled=True) == words
    sandbox.profile = world.REAL
    here.ec2.delete_vpc_endpoints(VpcEndpointIds=[first])
    assert refused("InvalidParameter", modify, VpcEndpointId=second, PrivateDnsEnabled=True) == words, "while it goes"
    sandbox.clock.advance(world.REAL.endpoint_deleting)
    modify(VpcEndpointId=second, PrivateDnsEnabled=True)


def test_a_private_zone_of_the_name_conflicts_both_ways(
    service: Service, here: Any, consumer: Any, refused: Callable[..., str]
) -> None:
    service.verified()
    route53, vpc = consumer.client("route53"), {"VPCRegion": "us-east-1", "VPCId": here.vpc}
    zone = route53.create_hosted_zone(Name=NAME, CallerReference="1", VPC=vpc)["HostedZone"]["Id"]
    asked = {"service_name": service.name, "PrivateDnsEnabled": True}
    assert f"conflicting DNS domain for {NAME}" in refused("InvalidParameter", here.connect, **asked)
    route53.delete_hosted_zone(Id=zone)
    here.connect(service.name, PrivateDnsEnabled=True)
    refused("ConflictingDomainExists", route53.create_hosted_zone, Name=NAME, CallerReference="2", VPC=vpc)
    # A zone for more than the name may be there: the longest name answers.
    above = route53.create_hosted_zone(Name="example.com", CallerReference="3", VPC=vpc)["HostedZone"]["Id"]
    assert len(_inside(here)) == 1
    assert _inside(here, "www.example.com") == ()
    route53.delete_hosted_zone(Id=above)


def test_a_rejected_endpoint_answers_no_more(service: Service, here: Any) -> None:
    service.verified()
    endpoint = here.connect(service.name, PrivateDnsEnabled=True)
    service.ec2.reject_vpc_endpoint_connections(ServiceId=service.id, VpcEndpointIds=[endpoint])
    assert _inside(here) == ()


def test_what_is_known_of_names_can_be_put_aside(service: Service, here: Any, provider: Any) -> None:
    """A snapshot of the sandbox holds them: everything is plain."""
    from moto.acm.models import acm_backends
    from moto.ec2.models import ec2_backends
    from moto.route53.models import route53_backends

    service.verified()
    here.connect(service.name, PrivateDnsEnabled=True)
    provider.client("acm").request_certificate(DomainName=NAME, ValidationMethod="DNS")
    kept = [dict(backends[provider.account]) for backends in (acm_backends, ec2_backends, route53_backends)]
    again = pickle.loads(pickle.dumps(kept))  # noqa: S301 - our own
    [zone] = again[2]["aws"].zones.values()
    assert [one["Type"] for one in zone.sandbox.content.listed()] == ["NS", "SOA", "TXT"]
