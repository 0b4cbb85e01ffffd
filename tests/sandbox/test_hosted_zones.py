"""Route 53: hosted zones and their records, what public DNS says of them, and what a VPC is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import pytest

from plinkctl.sandbox.names.lookup import look_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from plinkctl.sandbox import world
    from plinkctl.sandbox.door.gateway import Server


class Zone:
    """A hosted zone under test."""

    def __init__(self, side: Any, name: str, **more: Any) -> None:
        self.api = side.client("route53")
        made = self.api.create_hosted_zone(Name=name, CallerReference=f"{name} {more}", **more)
        self.made, self.id = made, made["HostedZone"]["Id"].removeprefix("/hostedzone/")

    def change(self, *changes: tuple[str, str, str, Any], ttl: int = 60) -> Any:
        """Change records: action, name, type, value or values (or an alias as a dictionary)."""
        batch = [
            {
                "Action": action,
                "ResourceRecordSet": {"Name": name, "Type": kind} | _content(value, ttl),
            }
            for action, name, kind, value in changes
        ]
        return self.api.change_resource_record_sets(HostedZoneId=self.id, ChangeBatch={"Changes": batch})

    def refused(self, *changes: tuple[str, str, str, Any], ttl: int = 60) -> str:
        """The message with which a batch is refused."""
        with pytest.raises(self.api.exceptions.InvalidChangeBatch) as caught:
            self.change(*changes, ttl=ttl)
        return str(caught.value.response["Error"]["Message"])

    def records(self, **more: Any) -> list[Any]:
        found = self.api.list_resource_record_sets(HostedZoneId=self.id, **more)["ResourceRecordSets"]
        return [(one["Name"], one["Type"]) for one in found]


def _content(value: Any, ttl: int) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return {"AliasTarget": value}
    return {"TTL": ttl, "ResourceRecords": [{"Value": one} for one in ([value] if isinstance(value, str) else value)]}


@pytest.fixture
def zone(provider: Any) -> Zone:
    return Zone(provider, "example.com")


@pytest.fixture
def ask(served: Server, sandbox: world.World) -> Callable[..., tuple[str, list[str]]]:
    """Asks the DNS server of the sandbox; the code and the values of the answer, in order."""

    def call(name: str, kind: str, how: Any = dns.query.udp) -> tuple[str, list[str]]:
        host, port = served.dns.address
        said = how(dns.message.make_query(name, kind), host, port=port, timeout=5)
        return dns.rcode.to_text(said.rcode()), sorted(one.to_text() for rrset in said.answer for one in rrset)

    return call


# ----------------------------------------------------------------------------------------------- zones


def test_a_zone_begins_with_two_records_and_ends_when_it_has_no_others(
    zone: Zone, refused: Callable[..., str], provider: Any
) -> None:
    servers = zone.made["DelegationSet"]["NameServers"]
    assert len(set(servers)) == 4
    assert zone.id.startswith("Z")
    assert zone.records() == [("example.com.", "NS"), ("example.com.", "SOA")]
    assert zone.api.get_hosted_zone(Id=zone.id)["HostedZone"]["ResourceRecordSetCount"] == 2
    zone.change(("CREATE", "www.example.com", "A", "192.0.2.7"))
    message = refused("HostedZoneNotEmpty", zone.api.delete_hosted_zone, Id=zone.id)
    assert message == "The specified hosted zone contains non-required resource record sets and so cannot be deleted."
    zone.change(("DELETE", "www.example.com", "A", "192.0.2.7"))
    zone.api.delete_hosted_zone(Id=zone.id)
    refused("NoSuchHostedZone", zone.api.get_hosted_zone, Id=zone.id)


def test_one_reference_makes_one_zone_and_a_bad_name_none(provider: Any, refused: Callable[..., str]) -> None:
    api = provider.client("route53")
    api.create_hosted_zone(Name="example.com", CallerReference="once")
    refused("HostedZoneAlreadyExists", api.create_hosted_zone, Name="example.net", CallerReference="once")
    for name in ("*.example.com", "-.example.com", "a b.example.com", f"{'x' * 64}.example.com"):
        refused("InvalidDomainName", api.create_hosted_zone, Name=name, CallerReference=name)
    assert len(api.list_hosted_zones()["HostedZones"]) == 1


def test_there_are_only_so_many_zones(zone: Zone, sandbox: world.World, refused: Callable[..., str]) -> None:
    sandbox.quotas = {"hosted-zones": 1}
    refused("TooManyHostedZones", zone.api.create_hosted_zone, Name="example.net", CallerReference="2")


def test_zones_are_listed_by_name_from_a_name_on_in_pages(provider: Any) -> None:
    for name in ("b.example.com", "example.com", "example.net", "a.example.com"):
        Zone(provider, name)
    api = provider.client("route53")
    first = api.list_hosted_zones_by_name(DNSName="example.com", MaxItems="2")
    assert [one["Name"] for one in first["HostedZones"]] == ["example.com.", "a.example.com."]
    assert first["IsTruncated"]
    second = api.list_hosted_zones_by_name(DNSName=first["NextDNSName"], HostedZoneId=first["NextHostedZoneId"])
    assert [one["Name"] for one in second["HostedZones"]] == ["b.example.com.", "example.net."]
    assert not second["IsTruncated"]


def test_a_zone_has_tags(zone: Zone) -> None:
    tag = [{"Key": "plinkctl:link", "Value": "demo"}]
    zone.api.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone.id, AddTags=tag)
    found = zone.api.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone.id)
    assert found["ResourceTagSet"]["Tags"] == tag


# --------------------------------------------------------------------------------------------- records


def test_what_exists_is_not_made_again_and_what_differs_is_not_deleted(zone: Zone) -> None:
    zone.change(("CREATE", "_x.example.com", "TXT", '"one"'))
    shown = "[name='_x.example.com.', type='TXT']"
    assert (
        zone.refused(("CREATE", "_x.example.com", "TXT", '"two"'))
        == f"[Tried to create resource record set {shown} but it already exists]"
    )
    differs = f"[Tried to delete resource record set {shown} but the values provided do not match the current values]"
    assert zone.refused(("DELETE", "_x.example.com", "TXT", '"two"')) == differs
    assert zone.refused(("DELETE", "_x.example.com", "TXT", '"one"'), ttl=61) == differs
    zone.change(("UPSERT", "_X.example.com.", "TXT", '"two"'))
    zone.change(("DELETE", "_x.example.com", "TXT", '"two"'))
    assert zone.refused(("DELETE", "_x.example.com", "TXT", '"two"')) == (
        f"[Tried to delete resource record set {shown} but it was not found]"
    )


def test_a_batch_is_done_whole_or_not_at_all(zone: Zone) -> None:
    message = zone.refused(
        ("CREATE", "a.example.com", "A", "192.0.2.1"),
        ("CREATE", "example.net", "A", "192.0.2.1"),
        ("DELETE", "b.example.com", "A", "192.0.2.1"),
    )
    assert message == (
        "[RRSet with DNS name example.net. is not permitted in zone example.com., Tried to delete resource record set "
        "[name='b.example.com.', type='A'] but it was not found]"
    )
    assert len(zone.records()) == 2
    zone.change(("CREATE", "a.example.com", "A", "192.0.2.1"))
    zone.change(("DELETE", "a.example.com", "A", "192.0.2.1"), ("CREATE", "a.example.com", "CNAME", "b.example.com"))
    assert ("a.example.com.", "CNAME") in zone.records()


@pytest.mark.parametrize(
    ("name", "kind", "value", "words"),
    [
        ("www.example.com", "A", "example", "ARRDATAIllegalIPv4Address"),
        ("www.example.com", "AAAA", "192.0.2.1", "AAAARRDATAIllegalIPv6Address"),
        ("_x.example.com", "TXT", "vpce:1", "Value should be enclosed in quotation marks"),
        ("_x.example.com", "TXT", f'"{"x" * 256}"', "InvalidCharacterString"),
        ("example.com", "CNAME", "example.net", "is not permitted at apex in zone example.com."),
        ("www.example.com", "CNAME", "exa mple", "CNAMERRDATAIllegalDomainName"),
        ("www.example.com", "CNAME", ["a.example.com", "b.example.com"], "more than one value"),
        ("a..example.com", "A", "192.0.2.1", "DomainLabelInvalid"),
        ("a.*.example.com", "A", "192.0.2.1", "DomainLabelInvalid"),
        ("badexample.com", "A", "192.0.2.1", "is not permitted in zone example.com."),
        ("www.example.com", "A", None, "found none"),
    ],
)
def test_what_no_record_can_be_is_refused(zone: Zone, name: str, kind: str, value: Any, words: str) -> None:
    assert words in zone.refused(("UPSERT", name, kind, value))
    assert len(zone.records()) == 2


def test_record_sets_of_one_name_are_told_apart_by_their_identifiers(zone: Zone, ask: Any) -> None:
    def weighted(label: str, weight: int, value: str) -> dict[str, Any]:
        return {
            "Action": "UPSERT",
            "ResourceRecordSet": {
                "Name": "w.example.com",
                "Type": "A",
                "SetIdentifier": label,
                "Weight": weight,
                "TTL": 60,
                "ResourceRecords": [{"Value": value}],
            },
        }

    changes = [weighted("one", 0, "192.0.2.1"), weighted("two", 10, "192.0.2.2")]
    zone.api.change_resource_record_sets(HostedZoneId=zone.id, ChangeBatch={"Changes": changes})
    told = zone.api.list_resource_record_sets(HostedZoneId=zone.id)["ResourceRecordSets"][2:]
    assert [(one["SetIdentifier"], one["Weight"]) for one in told] == [("one", 0), ("two", 10)]
    assert ask("w.example.com", "A") == ("NOERROR", ["192.0.2.2"]), "the first that may answer"
    changes = [{"Action": "DELETE", "ResourceRecordSet": one} for one in told]
    zone.api.change_resource_record_sets(HostedZoneId=zone.id, ChangeBatch={"Changes": changes})
    assert len(zone.records()) == 2


def test_a_cname_stands_alone_and_the_zones_own_records_stay(zone: Zone) -> None:
    zone.change(("CREATE", "www.example.com", "A", "192.0.2.1"))
    assert "as it conflicts with other records with the same DNS name" in zone.refused(
        ("CREATE", "www.example.com", "CNAME", "example.net")
    )
    own = zone.api.list_resource_record_sets(HostedZoneId=zone.id)["ResourceRecordSets"][0]
    values = [one["Value"] for one in own["ResourceRecords"]]
    message = zone.refused(("DELETE", "example.com", "NS", values), ttl=own["TTL"])
    assert message == "[A HostedZone must contain at least one NS record for the zone itself.]"


def test_records_are_listed_in_pages_by_reversed_name(zone: Zone) -> None:
    names = ("b.example.com", "a.b.example.com", "*.example.com", "c.example.com")
    zone.change(*[("CREATE", name, "A", "192.0.2.1") for name in names])
    expected = ["example.com.", "example.com.", "\\052.example.com.", "b.example.com.", "a.b.example.com."]
    pages = zone.api.get_paginator("list_resource_record_sets").paginate(
        HostedZoneId=zone.id, PaginationConfig={"PageSize": 2}
    )
    found = [[one["Name"] for one in page["ResourceRecordSets"]] for page in pages]
    assert found == [expected[:2], expected[2:4], [expected[4], "c.example.com."]]
    assert zone.records(StartRecordName="b.example.com", StartRecordType="A", MaxItems="1") == [("b.example.com.", "A")]


def test_a_change_is_pending_before_the_world_sees_it(
    zone: Zone, sandbox: world.World, real: Any, ask: Any, refused: Callable[..., str]
) -> None:
    zone.change(("CREATE", "www.example.com", "A", "192.0.2.1"))
    sandbox.clock.advance(real.dns_change)
    info = zone.change(("UPSERT", "www.example.com", "A", "192.0.2.2"))["ChangeInfo"]
    change = info["Id"].removeprefix("/change/")
    assert info["Status"] == zone.api.get_change(Id=change)["ChangeInfo"]["Status"] == "PENDING"
    assert ask("www.example.com", "A") == ("NOERROR", ["192.0.2.1"])
    sandbox.clock.advance(real.dns_change)
    assert zone.api.get_change(Id=change)["ChangeInfo"]["Status"] == "INSYNC"
    assert ask("www.example.com", "A") == ("NOERROR", ["192.0.2.2"])
    zone.change(("DELETE", "www.example.com", "A", "192.0.2.2"))
    assert ask("www.example.com", "A") == ("NOERROR", ["192.0.2.2"])
    sandbox.clock.advance(real.dns_change)
    assert ask("www.example.com", "A") == ("NXDOMAIN", [])
    refused("NoSuchChange", zone.api.get_change, Id="CUNKNOWN")


@pytest.fixture
def real(sandbox: world.World) -> Any:
    from plinkctl.sandbox import world as worlds

    sandbox.profile = worlds.REAL
    return worlds.REAL


# ------------------------------------------------------------------------------------------ public DNS


def test_public_dns_answers_over_udp_and_tcp(zone: Zone, ask: Any) -> None:
    zone.change(
        ("CREATE", "_x.example.com", "TXT", ['"other""half"', '"vpce:1"']),
        ("CREATE", "www.example.com", "CNAME", "web.example.com"),
        ("CREATE", "web.example.com", "A", ["192.0.2.1", "192.0.2.2"]),
    )
    for how in (dns.query.udp, dns.query.tcp):
        assert ask("_X.example.com", "TXT", how) == ("NOERROR", ['"other" "half"', '"vpce:1"'])
        assert ask("www.example.com", "A", how) == ("NOERROR", ["192.0.2.1", "192.0.2.2", "web.example.com."])
        assert ask("www.example.com", "CNAME", how) == ("NOERROR", ["web.example.com."])
        assert ask("web.example.com", "TXT", how) == ("NOERROR", [])
        assert ask("nowhere.example.com", "A", how) == ("NXDOMAIN", [])
        assert ask("plinkctl.invalid", "A", how) == ("NXDOMAIN", [])
        assert ask("example.com", "NS", how)[1] == sorted(
            f"{one}." for one in zone.made["DelegationSet"]["NameServers"]
        )
        assert ask("example.com", "SOA", how)[1][0].startswith(zone.made["DelegationSet"]["NameServers"][0])


def test_a_resolver_of_a_dns_library_can_use_it(zone: Zone, served: Server) -> None:
    zone.change(("CREATE", "_x.example.com", "TXT", [f'"{number} {"x" * 200}"' for number in range(30)]))
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [served.dns.address[0]], served.dns.address[1]
    # Too long for a datagram: the library asks again over TCP.
    assert len(resolver.resolve("_x.example.com", "TXT", lifetime=5)) == 30
    with pytest.raises(dns.resolver.NXDOMAIN):
        resolver.resolve("_y.example.com", "TXT", lifetime=5)
    with pytest.raises(dns.resolver.NoAnswer):
        resolver.resolve("_x.example.com", "A", lifetime=5)


def test_nonsense_over_udp_is_not_answered_and_does_no_harm(served: Server, ask: Any) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for wire in (b"", b"x", b"\x00" * 12, b"\xff" * 40):
            sock.sendto(wire, served.dns.address)
    assert ask("plinkctl.invalid", "A") == ("NXDOMAIN", [])


def test_the_longest_zone_answers_whoever_has_it(provider: Any, consumer: Any, ask: Any) -> None:
    above, below = Zone(provider, "example.com"), Zone(consumer, "sub.example.com")
    above.change(("CREATE", "x.sub.example.com", "A", "192.0.2.1"), ("CREATE", "*.example.com", "A", "192.0.2.9"))
    assert ask("x.sub.example.com", "A") == ("NXDOMAIN", [])
    below.change(("CREATE", "x.sub.example.com", "A", "192.0.2.2"))
    assert ask("x.sub.example.com", "A") == ("NOERROR", ["192.0.2.2"])


def test_a_wildcard_answers_for_what_does_not_exist(zone: Zone, ask: Any) -> None:
    zone.change(
        ("CREATE", "*.example.com", "A", "192.0.2.9"),
        ("CREATE", "a.b.example.com", "A", "192.0.2.1"),
    )
    assert ask("x.example.com", "A") == ask("x.y.example.com", "A") == ("NOERROR", ["192.0.2.9"])
    assert ask("b.example.com", "A") == ("NOERROR", [])  # it exists, for something is below it
    assert ask("x.b.example.com", "A") == ("NXDOMAIN", [])
    assert ask("example.com", "A") == ("NOERROR", [])


def test_cnames_that_go_round_end(zone: Zone, ask: Any) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        zone.change(("CREATE", f"{one}.example.com", "CNAME", f"{other}.example.com"))
    assert ask("a.example.com", "A")[0] == "NXDOMAIN"


def test_an_alias_leads_to_a_load_balancer_or_nowhere(zone: Zone, offer: Any, ask: Any) -> None:
    balancer = offer().elb.describe_load_balancers()["LoadBalancers"][0]
    right, name = balancer["CanonicalHostedZoneId"], balancer["DNSName"]

    def alias(target: str, zone_id: str = right, source: str = "api") -> tuple[str, str, str, Any]:
        value = {"HostedZoneId": zone_id, "DNSName": target, "EvaluateTargetHealth": False}
        return "UPSERT", f"{source}.example.com", "A", value

    zone.change(alias(name.upper()))
    assert ask("api.example.com", "A") == ask(name, "A")
    assert len(ask(name, "A")[1]) == 2
    words = f"Tried to create an alias that targets {name}., type A in zone"
    assert f"{words} {zone.id}, but that target was not found" in zone.refused(alias(name, zone.id))
    assert f"{words} Z35SXDOTRQ7X7K, but the alias target name does not lie within the target zone" in zone.refused(
        alias(name, "Z35SXDOTRQ7X7K")
    )
    assert "but that target was not found" in zone.refused(alias("gone-0123456789abcdef.elb.us-east-1.amazonaws.com"))
    zone.change(alias("api.example.com", zone.id, "www"))
    assert ask("www.example.com", "A") == ask(name, "A")


# ---------------------------------------------------------------------------------------- private zones


def _place(vpc: str) -> tuple[str, str]:
    return "us-east-1", vpc


def _vpc(side: Any) -> str:
    return str(side.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


def _values(name: str, vpc: str | None) -> tuple[str, ...]:
    return look_up(name, "A", _place(vpc) if vpc else None).values("A")


def test_a_private_zone_answers_in_its_vpcs_only_and_hides_the_public_one(provider: Any, zone: Zone, ask: Any) -> None:
    vpc, other = _vpc(provider), _vpc(provider)
    zone.change(("CREATE", "www.example.com", "A", "192.0.2.1"), ("CREATE", "mail.example.com", "A", "192.0.2.3"))
    private = Zone(provider, "example.com", VPC={"VPCRegion": "us-east-1", "VPCId": vpc})
    assert private.made["HostedZone"]["Config"]["PrivateZone"]
    assert "DelegationSet" not in private.made
    private.change(("CREATE", "www.example.com", "A", "10.0.0.1"))
    assert ask("www.example.com", "A") == ("NOERROR", ["192.0.2.1"])
    assert _values("www.example.com", vpc) == ("10.0.0.1",)
    assert _values("mail.example.com", vpc) == ()
    assert _values("www.example.com", other) == _values("www.example.com", None) == ("192.0.2.1",)


def test_a_vpc_has_one_domain_of_a_name_and_a_private_zone_always_a_vpc(
    provider: Any, refused: Callable[..., str]
) -> None:
    vpc, other = _vpc(provider), _vpc(provider)
    place, elsewhere = ({"VPCRegion": "us-east-1", "VPCId": one} for one in (vpc, other))
    first = Zone(provider, "example.com", VPC=place)
    refused("ConflictingDomainExists", first.api.create_hosted_zone, Name="example.com", CallerReference="2", VPC=place)
    refused(
        "InvalidVPCId",
        first.api.create_hosted_zone,
        Name="example.org",
        CallerReference="3",
        VPC={"VPCRegion": "us-east-1", "VPCId": "vpc-00000000000000000"},
    )
    refused("LastVPCAssociation", first.api.disassociate_vpc_from_hosted_zone, HostedZoneId=first.id, VPC=place)
    refused("VPCAssociationNotFound", first.api.disassociate_vpc_from_hosted_zone, HostedZoneId=first.id, VPC=elsewhere)
    first.api.associate_vpc_with_hosted_zone(HostedZoneId=first.id, VPC=elsewhere)
    first.api.disassociate_vpc_from_hosted_zone(HostedZoneId=first.id, VPC=place)
    assert first.api.get_hosted_zone(Id=first.id)["VPCs"] == [elsewhere]
    public = Zone(provider, "example.net")
    refused("PublicZoneVPCAssociation", first.api.associate_vpc_with_hosted_zone, HostedZoneId=public.id, VPC=place)


def test_a_vpc_of_another_account_is_associated_after_authorization(
    provider: Any, consumer: Any, refused: Callable[..., str]
) -> None:
    theirs = {"VPCRegion": "us-east-1", "VPCId": _vpc(consumer)}
    zone = Zone(provider, "example.com", VPC={"VPCRegion": "us-east-1", "VPCId": _vpc(provider)})
    zone.change(("CREATE", "www.example.com", "A", "10.0.0.1"))
    other = consumer.client("route53")
    asked = {"HostedZoneId": zone.id, "VPC": theirs}
    refused("NotAuthorizedException", other.associate_vpc_with_hosted_zone, **asked)
    refused("NotAuthorizedException", zone.api.associate_vpc_with_hosted_zone, **asked)
    zone.api.create_vpc_association_authorization(**asked)
    assert zone.api.list_vpc_association_authorizations(HostedZoneId=zone.id)["VPCs"] == [theirs]
    other.associate_vpc_with_hosted_zone(**asked)
    assert _values("www.example.com", theirs["VPCId"]) == ("10.0.0.1",)
    found = other.list_hosted_zones_by_vpc(VPCId=theirs["VPCId"], VPCRegion="us-east-1")["HostedZoneSummaries"]
    assert found == [{"HostedZoneId": zone.id, "Name": "example.com.", "Owner": {"OwningAccount": provider.account}}]
    zone.api.delete_vpc_association_authorization(**asked)
    refused("VPCAssociationAuthorizationNotFound", zone.api.delete_vpc_association_authorization, **asked)
    other.disassociate_vpc_from_hosted_zone(**asked)
    assert _values("www.example.com", theirs["VPCId"]) == ()
    refused("NoSuchHostedZone", other.get_hosted_zone, Id=zone.id)


@pytest.mark.parametrize("size", ["x", "0", "-1"])
def test_a_page_of_no_size_is_refused(provider: Any, refused: Callable[..., str], size: str) -> None:
    refused("InvalidInput", provider.client("route53").list_hosted_zones_by_name, MaxItems=size)
