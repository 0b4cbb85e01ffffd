"""What DNS answers: in the world outside, and in a VPC, where private zones come first.

Public DNS is made of the public zones of all accounts, and of the names AWS gives to endpoints and load balancers;
nothing of the real internet is ever asked. A name belongs to the zone with the longest fitting name. In a VPC the
private zones, and the hidden ones of endpoints with private DNS, are looked at before; one that fits but does not have
the name hides the public one, as on AWS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from plinkctl.sandbox import world
from plinkctl.sandbox.names import aws, hidden
from plinkctl.sandbox.names.content import normal
from plinkctl.sandbox.names.zones import Zone, closest_private, closest_public

if TYPE_CHECKING:
    from plinkctl.sandbox.names.content import Record
    from plinkctl.sandbox.names.hidden import Place

#: CNAMEs may point to CNAMEs; resolvers give up after about so many.
_FARTHEST: Final = 8
#: Seconds; what AWS gives to aliases and to its own names.
_TTL: Final = 60
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
#: As many values as a multivalue answer has at most.
_MOST: Final = 8


@dataclass(frozen=True, slots=True)
class Line:
    """One resource record of an answer; the name in its normal form."""

    name: str
    kind: str
    ttl: int
    value: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What DNS says.

    Attributes:
        status: ok; `nodata` when the name exists and has nothing of the kind; `nxdomain` when it does not exist;
            `refused` when no zone here has to do with it.
        lines: the records, CNAMEs that were followed first.
        reason: why, in words.
        zone: the zone that answered last, if one of Route 53's did.
        since: from when on it has been so (seconds of the sandbox's clock); 0 where that is not known.
    """

    status: Literal["ok", "nodata", "nxdomain", "refused"]
    lines: tuple[Line, ...]
    reason: str
    zone: Zone | None = None
    since: float = 0.0

    def values(self, kind: str) -> tuple[str, ...]:
        """The values of one kind."""
        return tuple(line.value for line in self.lines if line.kind == kind)


def look_up(name: str, kind: str, vpc: Place | None = None) -> Answer:
    """What DNS answers to a question asked in a VPC, or outside of all of them.

    Args:
        name: a domain name.
        kind: A, TXT, CNAME, ...
        vpc: region and ID; None for public DNS.
    """
    name, since = normal(name), 0.0
    lines: list[Line] = []
    for _ in range(_FARTHEST):
        found = _step(name, kind, vpc)
        lines += found.lines
        since = max(since, found.since)
        pointed = found.values("CNAME")
        if kind == "CNAME" or not pointed or found.status != "ok":
            return Answer(found.status, tuple(lines), found.reason, found.zone, since)
        name = normal(pointed[0])
    return Answer("nxdomain", tuple(lines), "its CNAMEs go round in circles")


def strings(value: str) -> tuple[str, ...]:
    """The strings of a TXT record's value, without quotation marks around them; what is escaped in them stays so."""
    return tuple(_STRING.findall(value))


def _step(name: str, kind: str, vpc: Place | None) -> Answer:
    """One look, without following a CNAME."""
    bare = name.rstrip(".")
    private = closest_private(name, vpc)
    claimed = hidden.closest(bare, vpc)
    if claimed and (private is None or len(claimed[0].removeprefix("*.")) >= len(private.name.rstrip("."))):
        return _claimed(name, kind, *claimed)
    if private:
        return _in_zone(private, name, kind, vpc)
    if (own := aws.addresses(bare)) is not None:
        found, reason = own
        lines = tuple(Line(name, "A", _TTL, one) for one in found) if kind == "A" else ()
        return Answer("ok" if lines else "nodata" if found else "nxdomain", lines, reason)
    if public := closest_public(name):
        return _in_zone(public, name, kind, vpc)
    return Answer("refused", (), "no such name")


def _claimed(name: str, kind: str, domain: str, endpoint: Any) -> Answer:
    """In the hidden zone of an endpoint."""
    bare = name.rstrip(".")
    if bare != domain and not domain.startswith("*."):
        return Answer("nxdomain", (), f"{domain} is the private DNS name of {endpoint.id}, without names below")
    if not hidden.answers(endpoint):
        return Answer("nxdomain", (), f"{endpoint.id}, which answers for {domain}, is {endpoint.state(world.now())}")
    if kind != "A":
        return Answer("nodata", (), f"{domain} is the private DNS name of {endpoint.id}, an A record only")
    addresses = tuple(str(eni.private_ip_address) for eni in endpoint.interfaces)
    return Answer("ok", tuple(Line(name, "A", _TTL, one) for one in addresses), f"private DNS name of {endpoint.id}")


def _in_zone(zone: Zone, name: str, kind: str, vpc: Place | None) -> Answer:
    now = world.now()
    where = f"the {'private' if zone.private else 'public'} zone {zone.name} ({zone.id})"
    said = zone.content.at(name, now)
    if not said.records and not zone.content.exists(name, now):
        if (wild := _wildcard(zone, name, now)) is None:
            return Answer("nxdomain", (), f"{where} does not have the name", zone)
        said = zone.content.at(wild, now)
    chosen = _chosen([one for one in said.records if one["Type"] in (kind, "CNAME")])
    lines: list[Line] = []
    reason = f"record in {where}"
    for record in chosen:
        if alias := record.get("AliasTarget"):
            target = look_up(alias["DNSName"], kind, vpc)
            reason = f"alias in {where}: {target.reason}"
            lines += [Line(name, kind, _TTL, one) for one in target.values(kind)]
        else:
            values = [one["Value"] for one in record["ResourceRecords"]]
            lines += [Line(name, record["Type"], record["TTL"], one) for one in values]
    if not lines:
        return Answer("nodata", (), reason if chosen else f"{where} has no {kind} record of the name", zone, said.since)
    return Answer("ok", tuple(lines), reason, zone, said.since)


def _chosen(records: list[Record]) -> list[Record]:
    """Of several record sets of one name and type: all that answer together, else the first that may answer at all."""
    if len(records) > 1 and all(one.get("MultiValueAnswer") for one in records):
        return records[:_MOST]
    return [one for one in records if one.get("Weight") != 0][:1] or records[:1]


def _wildcard(zone: Zone, name: str, moment: float) -> str | None:
    """The wildcard that answers for a name that does not exist: the one below its closest ancestor that does."""
    while name != zone.name:
        name = name.partition(".")[2]
        if zone.content.at(f"*.{name}", moment).records:
            return f"*.{name}"
        if name == zone.name or zone.content.exists(name, moment):
            return None
    return None
