"""A record in a Route 53 hosted zone, and the wait until public DNS shows one."""

from collections.abc import Mapping
from typing import Any, Final

from plinkctl import lookup
from plinkctl.aws.session import Clients
from plinkctl.errors import AwsError
from plinkctl.kinds.base import ABSENT, TAG_PREFIX, Attrs, Ctx, Kind, Patience, Presence, Seen, foreign, gone
from plinkctl.kinds.base_awaited import Awaited

_TTL: Final = 300  # seconds; short, since a changed name means a changed record
_MARK: Final = "_plinkctl-"


class DnsRecord(Kind):
    """`zone_id`, `record` (name), `type`, and `value` or `alias`; `profile` of the zone's account, or None.

    Records carry no tags. So each is made in one batch, which Route 53 applies whole or not at all, with a TXT record
    beside it that says whose it is (as external-dns does): without that one, nothing is taken for ours.
    """

    name = "dns_record"
    title = "DNS record"
    client = "route53"
    patience = Patience(ready_within=600, usual="under 1 min")
    prunable = True
    renewable = True
    way_there = "remove the record if it is yours, then the same command again"
    way_past = (
        "the same command without --dns-zone leaves it to whoever wrote it; or remove it if it is yours, then the same "
        "command again; plinkctl does not touch it"
    )

    def find(self, ctx: Ctx) -> Attrs | None:
        """By the mark beside it."""
        mark = _one(_aws(ctx), ctx.params["zone_id"], _mark(ctx.params), "TXT")
        if mark is None:
            return None
        _refuse_foreign(ctx, mark, ctx.params["record"])
        return _attrs(ctx.params)

    def create(self, ctx: Ctx) -> Attrs:
        """ChangeResourceRecordSets: CREATE both, which is refused when either is there already."""
        changes = [_change("CREATE", _record(ctx.params)), _change("CREATE", _marked(ctx))]
        return {**_attrs(ctx.params), "change": _send(ctx, ctx.params["zone_id"], changes)}

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """Both records, and whether all servers of Route 53 have them."""
        aws = _aws(ctx)
        mark = _one(aws, attrs["zone_id"], _mark(attrs), "TXT")
        record = _one(aws, attrs["zone_id"], attrs["record"], attrs["type"])
        if mark is None or record is None:
            return ABSENT
        _refuse_foreign(ctx, mark, attrs["record"])
        if change := attrs.get("change"):
            reply = aws.peek("route53", "get_change", Id=change)
            if reply and reply["ChangeInfo"]["Status"] != "INSYNC":
                why = f"{attrs['record']} has not reached all servers of Route 53 yet"
                return Seen(presence=Presence.PENDING, why=why, attrs=attrs)
        told = {**attrs, "change": ""}
        if _content(record) != _content(_record(attrs)):
            why = f"{attrs['record']} was changed by somebody else: {_content(record)}"
            return Seen(presence=Presence.FAILED, why=why, attrs=told)
        return Seen(presence=Presence.READY, attrs=told)

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """DELETE wants the exact content. A record that somebody changed is theirs now: only our mark goes.

        What a read does not show, which may be late, is deleted as it was made: Route 53 applies a batch whole or not
        at all, so without our mark nobody's record goes, and without the record the mark goes alone.
        """
        aws = _aws(ctx)
        mark = _one(aws, attrs["zone_id"], _mark(attrs), "TXT")
        if mark is not None and not _is_ours(ctx, mark):
            return
        made = _record(attrs)
        record = _one(aws, attrs["zone_id"], attrs["record"], attrs["type"]) or made
        alone = [_change("DELETE", mark or _marked(ctx))]
        both = [*alone, _change("DELETE", record)]
        for changes in (both, alone) if _content(record) == _content(made) else (alone,):
            try:
                _send(ctx, attrs["zone_id"], changes)
            except AwsError as error:
                if error.answer.code == "InvalidChangeBatch":  # one of them is not there, or not as it was made
                    continue
                if not gone(error):
                    raise
            return


class PublicRecord(Awaited):
    """The wait until public DNS shows a TXT record: `about` and `record` its name, `value`, `resolvers`, `written`.

    AWS verifies a name against public DNS, and a verification begun too early fails and has to be begun again.
    """

    name = "public_record"
    title = "public DNS record"
    patience = Patience(ready_within=3600, usual="seconds to minutes")

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """What the DNS servers say."""
        name, value = ctx.params["record"], ctx.params["value"]
        found = lookup.texts(name, ctx.params["resolvers"])
        if value in found:
            return Seen(presence=Presence.READY, attrs={"id": name})
        seen = f"public DNS has {', '.join(found)} there" if found else "public DNS does not show it yet"
        if ctx.params["written"]:
            return Seen(presence=Presence.PENDING, why=f"TXT {name}: {seen}", attrs={"id": name})
        why = f'publish this DNS record: {name} TXT "{value}" ({seen})'
        return Seen(presence=Presence.HELD, why=why, attrs={"id": name})


def _aws(ctx: Ctx) -> Clients:
    """The clients of the zone's account."""
    profile = ctx.params.get("profile")
    return ctx.aws.through(profile, "route53") if profile else ctx.aws


def _attrs(params: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: params[key] for key in ("zone_id", "record", "type", "value", "alias") if params.get(key)}
    return {"id": f"{params['record']} {params['type']}", **kept}


def _mark(of: Mapping[str, Any]) -> str:
    return f"{_MARK}{str(of['type']).lower()}.{of['record']}"


def _said(mark: Mapping[str, Any]) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in _content(mark).strip('"').split())


def _is_ours(ctx: Ctx, mark: Mapping[str, Any]) -> bool:
    """Whether this state's node made it. A name has one record of a type, so it need not be this very incarnation."""
    said = _said(mark)
    return (said.get("lineage"), said.get("node")) == (ctx.lineage, f"{ctx.side}/{ctx.node}")


def _refuse_foreign(ctx: Ctx, mark: Mapping[str, Any], name: str) -> None:
    if not _is_ours(ctx, mark):
        raise foreign(f"the DNS record {name}", {f"{TAG_PREFIX}{key}": value for key, value in _said(mark).items()})


def _marked(ctx: Ctx) -> dict[str, Any]:
    text = f'"link={ctx.link} node={ctx.side}/{ctx.node} lineage={ctx.lineage} op={ctx.op}"'
    return {"Name": _mark(ctx.params), "Type": "TXT", "TTL": _TTL, "ResourceRecords": [{"Value": text}]}


def _record(of: Mapping[str, Any]) -> dict[str, Any]:
    if alias := of.get("alias"):
        target = {"DNSName": alias["name"], "HostedZoneId": alias["zone_id"], "EvaluateTargetHealth": False}
        return {"Name": of["record"], "Type": of["type"], "AliasTarget": target}
    value = f'"{of["value"]}"' if of["type"] == "TXT" else of["value"]
    return {"Name": of["record"], "Type": of["type"], "TTL": _TTL, "ResourceRecords": [{"Value": value}]}


def _content(record: Mapping[str, Any]) -> str:
    """What it says, to be compared."""
    if alias := record.get("AliasTarget"):
        return str(alias["DNSName"]).lower().rstrip(".").removeprefix("dualstack.")
    return " ".join(sorted(str(one["Value"]).rstrip(".") for one in record.get("ResourceRecords", ())))


def _one(aws: Clients, zone_id: str, name: str, kind: str) -> dict[str, Any] | None:
    """One record set, or None where there is none, or no zone any more."""
    reply = aws.peek(
        "route53",
        "list_resource_record_sets",
        HostedZoneId=zone_id,
        StartRecordName=name,
        StartRecordType=kind,
        MaxItems="1",
    )
    for found in reply["ResourceRecordSets"] if reply else ():
        if str(found["Name"]).rstrip(".").lower() == name.lower() and found["Type"] == kind:
            return dict(found)
    return None


def _change(action: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {"Action": action, "ResourceRecordSet": dict(record)}


def _send(ctx: Ctx, zone_id: str, changes: list[dict[str, Any]]) -> str:
    reply = _aws(ctx).write(
        "route53", "change_resource_record_sets", HostedZoneId=zone_id, ChangeBatch={"Changes": changes}
    )
    return str(reply["ChangeInfo"]["Id"]).rpartition("/")[2]
