"""Commands on a link that has a name: HTTPS, a private DNS name, a name of the consumer's own, and what proves them."""

from dataclasses import replace
from typing import Any

from house import DOMAIN, LINK, House

from plinkctl.app import up
from plinkctl.app.run import Run
from plinkctl.link import REQUESTED, SELF_SIGNED, Consumer, Dns, Link, Provider, Tls


def with_a_name(house: House) -> Link:
    """A private DNS name, proven in another account's zone; an imported certificate; a zone of the consumer's own."""
    return _link(
        Provider(private_dns_name=DOMAIN, dns=_dns(house), tls=Tls(certificate=SELF_SIGNED)),
        Consumer(private_dns=True, private_zone="pay.internal"),
    )


def with_a_requested_certificate(house: House) -> Link:
    """A certificate of ACM's, proven in a zone of another account."""
    return _link(Provider(dns=_dns(house), tls=Tls(certificate=REQUESTED, name=DOMAIN)), Consumer())


def _dns(house: House) -> Dns:
    host, port = house.server.dns.address
    return Dns(zone_id=house.zone, profile="consumer", resolvers=(f"{host}:{port}",))


def _link(provider: Provider, consumer: Consumer) -> Link:
    if LINK.provider is None or LINK.consumer is None:
        raise AssertionError
    return replace(
        LINK,
        provider=replace(provider, access=LINK.provider.access),
        consumer=replace(consumer, access=LINK.consumer.access, https=True, port=443),
    )


def named_up(house: House, run: Run) -> Any:
    """`plinkctl up` with names and an imported certificate."""
    run.link = with_a_name(house)
    return up.both_up(run)


def certified_up(house: House, run: Run) -> Any:
    """`plinkctl up` with a requested certificate."""
    run.link = with_a_requested_certificate(house)
    return up.both_up(run)
