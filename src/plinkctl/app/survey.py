"""What must be known, and may be refused, before the first thing of an `up` is made. Reads only."""

from collections.abc import Mapping
from typing import Any

from plinkctl import certs, preflight
from plinkctl.app.run import Run, Seat
from plinkctl.config import principal_arn
from plinkctl.errors import PlinkError, RefusedError, UsageError
from plinkctl.link import FILES, Consumer, Link, Provider, Side
from plinkctl.topology import Site


def survey(run: Run, link: Link, opened: Mapping[Side, Seat]) -> dict[Side, Site]:
    """What the account and this machine say about the wishes.

    Raises:
        PlinkError: A wish cannot be fulfilled; nothing was made.
    """
    sites: dict[Side, Site] = {}
    offered: tuple[str, ...] | None = None
    if link.provider is not None:
        seat = opened[Side.PROVIDER]
        zone_ids, offered = _provider_zones(link.provider, seat)
        fingerprint = _papers(run, link.provider, seat)
        sites[Side.PROVIDER] = Site(zone_ids=zone_ids, principals=_principals(link, opened), fingerprint=fingerprint)
    if link.consumer is not None:
        sites[Side.CONSUMER] = _consumer(run, link, link.consumer, opened[Side.CONSUMER], offered)
    return sites


def _consumer(run: Run, link: Link, consumer: Consumer, seat: Seat, offered: tuple[str, ...] | None) -> Site:
    """The zones, the name to ask for, and whom to trust."""
    domain = link.provider.private_dns_name if link.provider else None
    name = link.provider.server_name if link.provider else None
    if consumer.private_dns and link.provider is not None and domain is None:
        raise UsageError(
            "private DNS cannot be switched on: the service of this link has no private DNS name",
            why="provider.private_dns_name does not give it one",
            hint="give it one (--private-dns-name NAME), or leave consumer.private_dns out",
            code="no_private_dns_name",
        )
    if consumer.service_name is not None and (details := _details(run, consumer, consumer.service_name, seat)):
        offered = preflight.offered_zones(seat.aws, details)
        domain = details.get("PrivateDnsName")
        name = domain if domain and not domain.startswith("*.") else None
    name = consumer.server_name or name or _recorded_name(seat)
    if consumer.https and name is None:
        raise UsageError(
            "by which name is the service to be asked by HTTPS?",
            why="it has no private DNS name that says",
            hint="--server-name NAME (consumer.server_name): the name the provider's certificate is for",
            code="no_server_name",
        )
    if consumer.network.vpc_id is not None:
        if offered is not None:
            preflight.check_endpoint_subnets(seat.aws, consumer.network, account=seat.identity.account, offered=offered)
        if consumer.private_dns or consumer.private_zone:
            preflight.check_vpc_dns(seat.aws, consumer.network.vpc_id)
        if consumer.private_dns and domain:
            endpoint = seat.state.live.get("endpoint")
            preflight.check_domain_free(seat.aws, consumer.network.vpc_id, domain, own=endpoint.id if endpoint else "")
    return Site(
        zone_ids=preflight.zones(seat.aws, Side.CONSUMER, consumer.network, seat.state, offered),
        server_name=name if consumer.https or consumer.private_dns else None,
        trusted=certs.trusted(consumer.ca_file) if consumer.ca_file else None,
    )


def _papers(run: Run, provider: Provider, seat: Seat) -> str | None:
    """Look at certificate and zone before anything is made; the fingerprint of a certificate in a file."""
    tls, dns, domain = provider.tls, provider.dns, provider.server_name
    if dns.zone_id is not None:
        there = seat.aws.through(dns.profile, "route53") if dns.profile else seat.aws
        for name in filter(None, (provider.private_dns_name, domain if tls.certificate else None)):
            preflight.check_zone(there, dns.zone_id, name.removeprefix("*."))
    if domain is None or tls.certificate is None:
        return None
    preflight.check_tls_policy(seat.aws, tls.policy)
    if tls.certificate == FILES:
        made = certs.from_files(
            str(tls.certificate_file), str(tls.key_file), tls.chain_file, domain=domain, now=run.clock.wall()
        )
        return made.fingerprint
    if tls.certificate.startswith("arn:"):
        preflight.check_certificate(seat.aws, tls.certificate, domain)
    else:
        certs.needs_extra(tls.certificate)
    return None


def _provider_zones(provider: Provider, seat: Seat) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The zones of subnets to make, and those the service will be offered in."""
    if provider.load_balancer_arn is not None:
        return (), preflight.load_balancer_zones(seat.aws, provider.load_balancer_arn)
    if provider.network.vpc_id is not None:
        return (), preflight.subnet_zones(seat.aws, provider.network)
    zone_ids = preflight.zones(seat.aws, Side.PROVIDER, provider.network, seat.state, None)
    return zone_ids, zone_ids


def _details(run: Run, consumer: Consumer, service_name: str, seat: Seat) -> dict[str, Any] | None:
    """The service as it shows itself to us; None when the endpoint is there and nothing of it need be known.

    An endpoint outlives the permission it was made with, so a rerun must not fail where AWS hides the service now.
    """
    recorded = "endpoint" in seat.state.live
    switched = not consumer.private_dns or "private-dns" in seat.state.live
    named = not consumer.https or consumer.server_name or _recorded_name(seat)
    if recorded and switched and named:
        return None
    try:
        details = preflight.service(
            seat.aws, service_name, account=seat.identity.account, private_dns=consumer.private_dns
        )
    except PlinkError as error:
        if recorded and error.code == "service_not_visible":
            return None
        raise
    if details.get("AcceptanceRequired") and not recorded:
        run.note("the provider asks before it accepts; until then the endpoint waits")
    return details


def _recorded_name(seat: Seat) -> str | None:
    """By which name the function asks since the last `up`."""
    function = seat.state.live.get("function")
    environment = function.params.get("environment", {}) if function else {}
    return environment.get("SERVER_NAME") or environment.get("PRIVATE_NAME")


def _principals(link: Link, opened: Mapping[Side, Seat]) -> tuple[str, ...]:
    """The allowed principals as ARNs; the consumer's account when both sides are ours and nobody is named.

    Raises:
        RefusedError: Others are named but not the consumer's account: AWS would say that the service does not exist.
    """
    provider = link.provider
    if provider is None:
        return ()
    partition = opened[Side.PROVIDER].identity.partition
    consumer = opened.get(Side.CONSUMER)
    if consumer is None:
        return tuple(sorted({principal_arn(text, partition) for text in provider.allow}))
    account = consumer.identity.account
    if not provider.allow:
        return (principal_arn(account, partition),)
    principals = {principal_arn(text, partition) for text in provider.allow}
    if not any(principal == "*" or principal.split(":")[4] == account for principal in principals):
        raise RefusedError(
            f"the consumer's account {account} is not among the allowed principals",
            why=f"allowed are {', '.join(sorted(principals))}",
            hint=f"add {account} to provider.allow",
            code="consumer_not_allowed",
        )
    return tuple(sorted(principals))
