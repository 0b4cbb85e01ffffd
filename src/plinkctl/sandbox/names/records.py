"""Changing and listing the record sets of a hosted zone: all of a batch or nothing, with Route 53's refusals.

The words of the refusals are those seen in public reports. What is refused here is what a user trips over: a record
that exists, one that differs from what is to be deleted, a name outside the zone, a CNAME beside others, a text without
quotation marks, an alias that leads nowhere. Routing policies are kept and told, but DNS answers the first of them.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, Final

from moto.core.responses import ActionResult
from moto.route53.exceptions import InvalidInput, Route53ClientError
from moto.route53.responses import Route53

from plinkctl.sandbox import world
from plinkctl.sandbox.names import aws
from plinkctl.sandbox.names.content import Key, Record, key_of, normal, reversed_labels
from plinkctl.sandbox.names.zones import Zone, all_zones, change_info, own_zone, page_size
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Sequence

_TYPES: Final = frozenset({"A", "AAAA", "CAA", "CNAME", "DS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "TXT"})
#: A text record's value: one or more quoted strings of at most 255 characters.
_TEXT: Final = re.compile(r'"((?:[^"\\]|\\.){0,255})"(?:\s*"((?:[^"\\]|\\.){0,255})")*')
_LABEL: Final = re.compile(r"(?:\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)")
#: Names AWS gives to endpoints and load balancers: nothing else can be behind them.
_OF_AWS: Final = re.compile(r"\.(vpce|elb(\.[a-z0-9-]+)?)\.amazonaws\.com\.$")
_LARGEST_BATCH: Final = 1000
_PAGE: Final = 300
#: What of a record set is brought into a normal form; the rest, of routing and health checks, is kept as sent.
_NORMAL: Final = frozenset({"Name", "Type", "TTL", "ResourceRecords", "AliasTarget"})


@override(Route53, "change_resource_record_sets")
def _change(_original: Any, self: Any) -> ActionResult:
    """ChangeResourceRecordSets: every change is looked at, all that is wrong is told, and then nothing is done."""
    zone = own_zone(self, self._get_param("HostedZoneId"))
    changes = self._get_param("ChangeBatch.Changes") or []
    if not changes:
        raise InvalidInput("The change batch has no changes.")
    # An UPSERT counts twice, for it deletes as well.
    if sum(_size(c["ResourceRecordSet"]) * (1 + (c["Action"] == "UPSERT")) for c in changes) > _LARGEST_BATCH:
        raise Route53ClientError("InvalidChangeBatch", f"[Number of records limit of {_LARGEST_BATCH} exceeded.]")
    batch = _Batch(zone)
    for change in changes:
        batch.take(str(change["Action"]), _record(change["ResourceRecordSet"]))
    problems = [*batch.problems, *batch.conflicts()]
    if problems:
        raise Route53ClientError("InvalidChangeBatch", f"[{', '.join(problems)}]")
    now = world.now()
    visible = now + world.current().profile.dns_change
    zone.content.apply(batch.gone, batch.put.values(), now=now, visible=visible)
    return ActionResult({"ChangeInfo": change_info(self, self._get_param("ChangeBatch.Comment"))})


def _size(given: Any) -> int:
    return len(dict(given).get("ResourceRecords") or [])


def _record(given: Any) -> Record:
    """A record set in its normal form: two that say the same are equal."""
    sent = dict(given)
    record: Record = {"Name": normal(str(sent["Name"])), "Type": str(sent["Type"])}
    record |= {name: value for name, value in sent.items() if name not in _NORMAL and value is not None}
    if alias := sent.get("AliasTarget"):
        record["AliasTarget"] = {
            "HostedZoneId": str(alias["HostedZoneId"]).removeprefix("/hostedzone/"),
            "DNSName": normal(str(alias["DNSName"])).removeprefix("dualstack."),
            "EvaluateTargetHealth": str(alias.get("EvaluateTargetHealth")).lower() == "true",
        }
    if sent.get("ResourceRecords"):
        record["ResourceRecords"] = [{"Value": str(one["Value"])} for one in sent["ResourceRecords"]]
    if sent.get("TTL") is not None:
        record["TTL"] = int(sent["TTL"])
    return record


class _Batch:
    """The changes of one call, taken one after the other; nothing of the zone is touched.

    Attributes:
        gone: what is to be deleted, as far as the zone has it now.
        put: what is to be there afterwards.
        problems: what is wrong, in AWS's words.
    """

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.gone: list[Key] = []
        self.put: dict[Key, Record] = {}
        self.problems: list[str] = []

    def take(self, wanted: str, record: Record) -> None:
        """Take one change into the batch, or note what is wrong with it."""
        key = key_of(record)
        has = self.put.get(key) or (None if key in self.gone else self.zone.content.records.get(key))
        shown = f"[name='{_shown(record['Name'])}', type='{record['Type']}']"
        if wanted not in ("CREATE", "UPSERT", "DELETE"):
            raise InvalidInput(f"Value '{wanted}' is not one of CREATE, DELETE, UPSERT.")
        if problem := _malformed(self.zone, record):
            self.problems.append(problem)
        elif wanted == "CREATE" and has is not None:
            self.problems.append(f"Tried to create resource record set {shown} but it already exists")
        elif wanted == "DELETE" and has is None:
            self.problems.append(f"Tried to delete resource record set {shown} but it was not found")
        elif wanted == "DELETE" and not _same(has, record):
            self.problems.append(
                f"Tried to delete resource record set {shown} but the values provided do not match the current values"
            )
        elif wanted == "DELETE" and record["Name"] == self.zone.name and record["Type"] in ("NS", "SOA"):
            self.problems.append(f"A HostedZone must contain at least one {record['Type']} record for the zone itself.")
        elif wanted == "DELETE":
            if key in self.put:
                del self.put[key]
            if key in self.zone.content.records:
                self.gone.append(key)
        else:
            self.put[key] = record

    def conflicts(self) -> list[str]:
        """What the names would be after the batch that no name may be: a CNAME beside other records."""
        after: dict[str, set[str]] = {}
        for name in {key[0] for key in self.put}:
            now = {key for key in self.zone.content.named.get(name, {}) if key not in self.gone}
            after[name] = {key[1] for key in now} | {key[1] for key in self.put if key[0] == name}
        return [
            f"RRSet of type CNAME with DNS name {_shown(name)} is not permitted as it conflicts with other records "
            f"with the same DNS name in zone {self.zone.name}"
            for name, types in sorted(after.items())
            if "CNAME" in types and len(types) > 1
        ]


def _shown(name: str) -> str:
    """A name as Route 53 writes it."""
    return name.replace("*", "\\052")


def _same(has: Any, record: Record) -> bool:
    """Whether two record sets are equal; the order of values does not count."""

    def plain(one: Record) -> Record:
        return one | {"ResourceRecords": sorted(value["Value"] for value in one.get("ResourceRecords", []))}

    return plain(has) == plain(record)


# -------------------------------------------------------------------------------------- what is malformed


def _malformed(zone: Zone, record: Record) -> str | None:
    """What is wrong with a record set, whatever is to be done with it."""
    name, kind = record["Name"], record["Type"]
    labels = name.rstrip(".").split(".")
    if kind not in _TYPES:
        return f"The local AWS keeps no records of type {kind}"
    if name != zone.name and not name.endswith(f".{zone.name}"):
        return f"RRSet with DNS name {_shown(name)} is not permitted in zone {zone.name}"
    if not all(_LABEL.fullmatch(label) for label in labels) or "*" in labels[1:]:
        return f"FATAL problem: DomainLabelInvalid (Domain label is invalid) encountered with '{_shown(name)}'"
    if kind == "CNAME" and name == zone.name:
        return f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone.name}"
    alias, values = record.get("AliasTarget"), [one["Value"] for one in record.get("ResourceRecords", [])]
    if bool(alias) == (bool(values) and "TTL" in record):
        return (
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
            f"TrafficPolicyInstanceId], but found {'more than one' if alias else 'none'} in Change with "
            f"[Name={_shown(name)}, Type={kind}]"
        )
    if alias:
        return _lost(zone, name, kind, alias)
    if kind == "CNAME" and len(values) > 1:
        return f"The record set of type CNAME with DNS name {_shown(name)} has more than one value"
    return next((problem for value in values if (problem := _unfit(kind, value))), None)


def _unfit(kind: str, value: str) -> str | None:
    """What is wrong with one value."""
    fault = None
    if kind in ("TXT", "SPF") and not _TEXT.fullmatch(value.strip()):
        fault = "InvalidCharacterString (Value should be enclosed in quotation marks)"
    elif kind == "A" and not _is_address(value, 4):
        fault = "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"
    elif kind == "AAAA" and not _is_address(value, 6):
        fault = "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"
    elif kind in ("CNAME", "NS", "PTR") and not all(
        _LABEL.fullmatch(label) for label in value.lower().rstrip(".").split(".")
    ):
        fault = f"{kind}RRDATAIllegalDomainName (Value is not a valid domain name)"
    return f"Invalid Resource Record: 'FATAL problem: {fault} encountered with '{value}''" if fault else None


def _is_address(value: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(value).version == version
    except ValueError:
        return False


def _lost(zone: Zone, name: str, kind: str, alias: dict[str, Any]) -> str | None:
    """What is wrong with the target of an alias: the zone it names must be the target's, and the target must exist."""
    target, target_zone = alias["DNSName"], alias["HostedZoneId"]
    words = f"Tried to create an alias that targets {target}, type {kind} in zone {target_zone}, but"
    if target_zone == zone.id:
        known = zone.content.named.get(target, {})
        return None if target != name and any(key[1] == kind for key in known) else f"{words} that target was not found"
    owners = aws.zone_ids(target.rstrip("."))
    if target_zone not in owners and (owners or any(one.id == target_zone for one in all_zones())):
        return f"{words} the alias target name does not lie within the target zone"
    if not owners and _OF_AWS.search(target):
        return f"{words} that target was not found"
    return None


# --------------------------------------------------------------------------------------------- listing


@override(Route53, "list_resource_record_sets")
def _list(_original: Any, self: Any) -> ActionResult:
    """ListResourceRecordSets, from a name (and type, and identifier) on."""
    zone = own_zone(self, self._get_param("HostedZoneId"))
    name, kind = self._get_param("StartRecordName"), self._get_param("StartRecordType")
    if kind and not name:
        raise InvalidInput("The input is not valid: a type to start from needs a name to start from.")
    size = page_size(self, _PAGE)
    found: Sequence[Record] = zone.content.listed()
    if name:
        start = (reversed_labels(normal(name)), kind or "", self._get_param("StartRecordIdentifier") or "")
        found = [one for one in found if (reversed_labels(one["Name"]), *key_of(one)[1:]) >= start]
    page, after = found[:size], found[size : size + 1]
    following = after[0] if after else {}
    return ActionResult(
        {
            "ResourceRecordSets": [one | {"Name": _shown(one["Name"])} for one in page],
            "IsTruncated": bool(after),
            "NextRecordName": _shown(following["Name"]) if after else None,
            "NextRecordType": following.get("Type"),
            "NextRecordIdentifier": following.get("SetIdentifier"),
            "MaxItems": str(size),
        }
    )
