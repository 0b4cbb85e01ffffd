"""Certificates in ACM: requested and proven by a DNS record, or imported; and the wait until one is issued."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from plinkctl import certs
from plinkctl.errors import AwsError
from plinkctl.kinds.base import (
    ABSENT,
    TAG_PREFIX,
    Attrs,
    Ctx,
    Kind,
    Patience,
    Presence,
    Seen,
    Tagged,
    as_dict,
    as_list,
    gone,
    ignore_gone,
)
from plinkctl.kinds.base_awaited import Awaited

RENEW: Final = timedelta(days=30)
"""A self-signed certificate is made anew when fewer days than these are left."""

# ListCertificates shows RSA keys of 1024 and 2048 bits only, unless asked for the others by name.
_ALL_KEYS: Final = ["RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"]
_OVER: Final = frozenset({"FAILED", "VALIDATION_TIMED_OUT", "REVOKED", "EXPIRED", "INACTIVE"})


class _Acm(Kind):
    """What both kinds share: ACM has no names and no filter by tag, so ours is found by domain, then by tag."""

    client = "acm"
    patience = Patience(ready_within=300, gone_within=900, usual_end="seconds after its listener")
    prunable = True

    def find(self, ctx: Ctx) -> Attrs | None:
        """By domain, then by the op tag."""
        for item in self._all(ctx):
            if item.get("DomainName") != ctx.params["domain"]:
                continue
            if self._tags(ctx, item["CertificateArn"]).get(f"{TAG_PREFIX}op") == ctx.op:
                return {"id": item["CertificateArn"]}
        return None

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """ResourceInUse until the listener has let go of it, and a little after."""
        try:
            ctx.aws.write("acm", "delete_certificate", CertificateArn=attrs["id"])
        except AwsError as error:
            ignore_gone(error)

    def blockers(self, ctx: Ctx, attrs: Attrs) -> str:
        """Who uses it."""
        item = self.described(ctx, attrs)
        users = ", ".join(item.get("InUseBy", ())) if item else ""
        return f"in use by {users}" if users else "its listener has not quite let go of it"

    def retag(self, ctx: Ctx, attrs: Attrs, *, put: Mapping[str, str], drop: Sequence[str]) -> None:
        """AddTagsToCertificate overwrites; RemoveTagsFromCertificate ignores what is not there."""
        if put:
            ctx.aws.write("acm", "add_tags_to_certificate", CertificateArn=attrs["id"], Tags=as_list(put))
        if drop:
            tags = [{"Key": key} for key in drop]
            ctx.aws.write("acm", "remove_tags_from_certificate", CertificateArn=attrs["id"], Tags=tags)

    def sweep(self, ctx: Ctx, tag: str, value: str) -> list[Tagged]:
        """By tag, one certificate after the other, of those that came as this kind's do."""
        found: list[Tagged] = []
        for item in self._all(ctx):
            if (item.get("Type") == "IMPORTED") is not self.blind:
                continue
            try:
                tags = self._tags(ctx, item["CertificateArn"])
            except AwsError as error:
                if not gone(error):
                    raise
                continue
            if tags.get(tag) == value:
                found.append(Tagged(attrs={"id": item["CertificateArn"]}, tags=tags))
        return found

    def described(self, ctx: Ctx, attrs: Attrs) -> dict[str, Any] | None:
        """DescribeCertificate, or None when it is not there."""
        return _described(ctx, str(attrs["id"]))

    def _all(self, ctx: Ctx) -> list[dict[str, Any]]:
        return ctx.aws.pages("acm", "list_certificates", "CertificateSummaryList", Includes={"keyTypes": _ALL_KEYS})

    def _tags(self, ctx: Ctx, arn: str) -> dict[str, str]:
        return as_dict(ctx.aws.read("acm", "list_tags_for_certificate", CertificateArn=arn)["Tags"])

    def tags_seen(self, ctx: Ctx, attrs: Attrs) -> dict[str, str]:
        """Its tags, for the probe."""
        return self._tags(ctx, str(attrs["id"]))


class Certificate(_Acm):
    """Requested from ACM: `domain`. It is ready when ACM says by which DNS record the name is proven."""

    name = "certificate"
    title = "certificate"

    def create(self, ctx: Ctx) -> Attrs:
        """RequestCertificate. Its token is forgotten after an hour, by when `find` sees what it made."""
        reply = ctx.aws.write(
            "acm",
            "request_certificate",
            DomainName=ctx.params["domain"],
            ValidationMethod="DNS",
            IdempotencyToken=ctx.op,
            Tags=as_list(ctx.tags),
        )
        return {"id": reply["CertificateArn"]}

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """Its status, and the DNS record ACM looks for, which is there some seconds after the request."""
        item = self.described(ctx, attrs)
        if item is None:
            return ABSENT
        status = item["Status"]
        records = [option.get("ResourceRecord") for option in item.get("DomainValidationOptions", ())]
        if status in _OVER:
            return Seen(presence=Presence.FAILED, why=_why(item), attrs=attrs, tags=self.tags_seen(ctx, attrs))
        if not records or not all(records):
            why = "ACM has not said yet by which DNS record the name is proven"
            return Seen(presence=Presence.PENDING, why=why, attrs=attrs, tags=self.tags_seen(ctx, attrs))
        told = {"record_name": records[0]["Name"].rstrip("."), "record_value": records[0]["Value"].rstrip(".")}
        return Seen(
            presence=Presence.READY,
            why=f"certificate is {status}",
            attrs={**attrs, **told},
            frozen={"domain": item["DomainName"]},
            tags=self.tags_seen(ctx, attrs),
        )


class ImportedCertificate(_Acm):
    """Imported: `domain`, and either `files` (certificate, key, chain) or none, and then it is made here.

    ImportCertificate has no token and never says that there is one already: absence is believed after the grace
    period only. The private key is in no state and no log: one that is made here is made anew for another attempt,
    which is safe, since the lost one was looked for. Settings `fingerprint` (of the file) and `fresh`: both are
    brought about by an import in place, which keeps the ARN, so that no listener is touched.
    """

    name = "imported_certificate"
    title = "imported certificate"
    blind = True
    settings = frozenset({"fingerprint", "fresh", "files"})

    def create(self, ctx: Ctx) -> Attrs:
        """ImportCertificate, tagged: only a first import takes tags."""
        reply = ctx.aws.write("acm", "import_certificate", **self._paper(ctx), Tags=as_list(ctx.tags))
        return {"id": reply["CertificateArn"]}

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """Its names, days and text; a self-signed one's text is what its clients trust."""
        item = self.described(ctx, attrs)
        text = ctx.aws.peek("acm", "get_certificate", CertificateArn=attrs["id"]) if item else None
        if item is None or text is None:
            return ABSENT
        until: datetime = item["NotAfter"]
        left = until.timestamp() - ctx.now
        files = ctx.params.get("files")
        settings = {"files": files, "fresh": left > (0 if files else RENEW.total_seconds())}
        settings |= {"fingerprint": certs.fingerprint(text["Certificate"])} if files else {"fingerprint": None}
        return Seen(
            presence=Presence.READY,
            why=f"certificate is {item['Status']}",
            attrs={"id": item["CertificateArn"], "pem": text["Certificate"]},
            settings=settings,
            frozen={"domain": item["DomainName"]},
            tags=self.tags_seen(ctx, attrs),
        )

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        """Import again, in place."""
        ctx.aws.write("acm", "import_certificate", CertificateArn=attrs["id"], **self._paper(ctx))

    def _paper(self, ctx: Ctx) -> dict[str, bytes]:
        domain, files = ctx.params["domain"], ctx.params.get("files")
        if files:
            made = certs.from_files(files["certificate"], files["key"], files["chain"], domain=domain, now=ctx.now)
        else:
            made = certs.self_signed(domain, now=ctx.now)
        chain = {"CertificateChain": made.chain} if made.chain else {}
        return {"Certificate": made.body, "PrivateKey": made.key, **chain}


class IssuedCertificate(Awaited):
    """The wait until a certificate is issued: `about` its ARN, `domain`, and `written`, whether we wrote the proof.

    Also stands for an existing certificate, borrowed: then it must be issued already.
    """

    name = "issued_certificate"
    title = "issued certificate"
    client = "acm"
    patience = Patience(ready_within=3600, usual="2 to 30 min")

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """ACM's word."""
        item = _described(ctx, str(attrs["id"]))
        if item is None:
            return ABSENT
        about = {"id": item["CertificateArn"]}
        if item["Status"] == "ISSUED":
            covered = [item["DomainName"], *item.get("SubjectAlternativeNames", ())]
            domain = ctx.params["domain"]
            if not any(certs.covers(one, domain) for one in covered):
                why = f"the certificate is not for {domain}, but for {', '.join(dict.fromkeys(covered))}"
                return Seen(presence=Presence.FAILED, why=why, attrs=about)
            return Seen(presence=Presence.READY, attrs=about)
        if item["Status"] in _OVER:
            return Seen(presence=Presence.FAILED, why=_why(item), attrs=about)
        if ctx.params.get("written", True):
            return Seen(presence=Presence.PENDING, why="ACM has not seen the DNS record yet", attrs=about)
        records = [option.get("ResourceRecord") or {} for option in item.get("DomainValidationOptions", ())]
        lines = "; ".join(f"{r.get('Name', '?').rstrip('.')} CNAME {r.get('Value', '?').rstrip('.')}" for r in records)
        return Seen(presence=Presence.HELD, why=f"publish this DNS record: {lines}", attrs=about)


def _described(ctx: Ctx, arn: str) -> dict[str, Any] | None:
    reply = ctx.aws.peek("acm", "describe_certificate", CertificateArn=arn)
    return dict(reply["Certificate"]) if reply else None


def _why(item: Mapping[str, Any]) -> str:
    reason = item.get("FailureReason")
    return f"certificate is {item['Status']}{f' ({reason})' if reason else ''}"
