"""Questions to public DNS. The only module that knows dnspython."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from plinkctl.errors import PlinkError
from plinkctl.link import resolver_of

if TYPE_CHECKING:
    import dns.rdata

_LIFETIME: Final = 5.0  # seconds one question may take over all servers and tries


def texts(name: str, resolvers: Sequence[str] = ()) -> list[str]:
    """The values of a name's TXT records, each without its quotes; empty when there are none (yet).

    Args:
        name: The DNS name.
        resolvers: Servers to ask, `ADDRESS` or `ADDRESS:PORT`; empty means those of this machine.

    Raises:
        PlinkError: Nobody answered.
    """
    from dns.rdtypes.ANY.TXT import TXT  # noqa: PLC0415

    found = _asked(name, "TXT", resolvers)
    return [b"".join(record.strings).decode("utf-8", "replace") for record in found if isinstance(record, TXT)]


def addresses(name: str, resolvers: Sequence[str] = ()) -> list[str]:
    """The IPv4 addresses a name has in public DNS; empty when it has none there.

    Raises:
        PlinkError: Nobody answered.
    """
    return sorted(record.to_text() for record in _asked(name, "A", resolvers) if record.rdtype.name == "A")


def _asked(name: str, kind: str, resolvers: Sequence[str]) -> list["dns.rdata.Rdata"]:
    import dns.exception  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    asker = dns.resolver.Resolver(configure=not resolvers)
    if resolvers:
        asker.nameservers = [dns.nameserver.Do53Nameserver(*resolver_of(text)) for text in resolvers]
    try:
        answer = asker.resolve(f"{name.rstrip('.')}.", kind, lifetime=_LIFETIME, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return []
    except dns.exception.DNSException as error:
        raise PlinkError(
            f"public DNS does not answer about {name}",
            why=str(error),
            hint="check the network; provider.dns.resolvers (--resolver) names other DNS servers to ask",
            code="dns_unreachable",
        ) from error
    return list(answer.rrset or ())
