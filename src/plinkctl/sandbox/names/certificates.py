"""Certificates: brought along by a user, or issued once DNS shows who asks.

A `Certificate` of this module takes the place of moto's CertBundle in moto's backend. It is text and numbers only, so
that it can be put aside with the rest; what is in the text is read in `pem`. A requested certificate is issued by the
sandbox's own authority when the CNAME of each of its names has been in public DNS for a while, which is worked out when
somebody looks. The calls are in `acm`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from moto.acm.models import TagHolder, acm_backends

from plinkctl.sandbox import world
from plinkctl.sandbox.names import pem
from plinkctl.sandbox.names.lookup import look_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: ACM gives up on a validation after 72 hours.
_PATIENCE: Final = 72 * 3600.0
#: How many alternative names a list shows.
_SHOWN: Final = 100


@dataclass(slots=True, eq=False, kw_only=True)
class Certificate:
    """What the sandbox knows of a certificate; it stands in moto's backend under its ARN.

    Attributes:
        imported: whether a user brought it; else it was requested.
        domain, names: the first name, and all of them.
        algorithm: of the key, in ACM's words.
        created: when it was imported or requested; `renewed` is the last import.
        issued: when it was issued; None while it is not.
        body, key, chain: PEM; empty while it is not issued.
        records: name -> the CNAME that proves it: name and value.
        released: listeners that used it a moment ago: their load balancer's ARN -> until when it still counts.
    """

    arn: str
    imported: bool
    domain: str
    names: list[str]
    algorithm: str
    created: float
    renewed: float
    issued: float | None = None
    body: str = ""
    key: str = field(default="", repr=False)
    chain: str = ""
    records: dict[str, tuple[str, str]] = field(default_factory=dict)
    released: dict[str, float] = field(default_factory=dict)
    tags: TagHolder = field(default_factory=TagHolder)
    cert_options: dict[str, str] = field(
        default_factory=lambda: {"CertificateTransparencyLoggingPreference": "ENABLED", "Export": "DISABLED"}
    )

    @property
    def status(self) -> str:
        """ISSUED, EXPIRED, PENDING_VALIDATION or VALIDATION_TIMED_OUT, at this moment."""
        self._issue()
        if self.issued is not None:
            return "EXPIRED" if pem.facts(self.body).ends <= world.now() else "ISSUED"
        return "PENDING_VALIDATION" if world.now() < self.created + _PATIENCE else "VALIDATION_TIMED_OUT"

    def proven(self, name: str) -> float | None:
        """From when on the CNAME of a name has been in public DNS; None while it is not there."""
        record, value = self.records[name]
        found = look_up(record, "CNAME")
        right = value in {one.rstrip(".").lower() + "." for one in found.values("CNAME")}
        return found.since if right else None

    def _issue(self) -> None:
        """Issue it, if its time has come."""
        if self.imported or self.issued is not None:
            return
        proofs = [self.proven(name) for name in self.names]
        if any(proof is None for proof in proofs):
            return
        moment = max(self.created, *(proof or 0.0 for proof in proofs)) + world.current().profile.certificate
        if moment <= world.now() and moment < self.created + _PATIENCE:
            authority = world.current().authority
            self.body, self.key = authority.issue(self.names, algorithm=self.algorithm, moment=moment)
            self.chain, self.issued = authority.intermediate + authority.root, moment

    def users(self, using: Mapping[str, set[str]]) -> list[str]:
        """The ARNs of the load balancers that use it, or did a moment ago: deletion has to wait for them."""
        lately = {arn for arn, until in self.released.items() if world.now() < until}
        return sorted(using.get(self.arn, set()) | lately)

    def detail(self, using: Mapping[str, set[str]]) -> dict[str, Any]:
        """ACM's CertificateDetail; `using` as `_using` has it."""
        status = self.status
        answer: dict[str, Any] = {
            "CertificateArn": self.arn,
            "DomainName": self.domain,
            "SubjectAlternativeNames": self.names,
            "Status": status,
            "Type": "IMPORTED" if self.imported else "AMAZON_ISSUED",
            "KeyAlgorithm": self.algorithm,
            "InUseBy": self.users(using),
            "RenewalEligibility": "INELIGIBLE" if self.imported or self.issued is None else "ELIGIBLE",
            "KeyUsages": [],
            "ExtendedKeyUsages": [],
            "Options": self.cert_options,
            "CreatedAt": world.moment(self.created),
        }
        if self.imported:
            answer["ImportedAt"] = world.moment(self.renewed)
        else:
            answer["IssuedAt"] = None if self.issued is None else world.moment(self.issued)
            answer["DomainValidationOptions"] = [self._validation(name, status) for name in self.names]
        if self.body:
            known = pem.facts(self.body)
            answer |= {
                "Serial": known.serial,
                "Subject": known.subject,
                "Issuer": known.issuer,
                "SignatureAlgorithm": known.signature,
                "NotBefore": world.moment(known.begins),
                "NotAfter": world.moment(known.ends),
                "KeyUsages": [{"Name": use} for use in known.uses],
                "ExtendedKeyUsages": [{"Name": name, "OID": oid} for name, oid in known.extended],
            }
        return answer

    def _validation(self, name: str, status: str) -> dict[str, Any]:
        record, value = self.records[name]
        told = world.now() >= self.created + world.current().profile.certificate_record
        proven = self.issued is not None or self.proven(name) is not None
        return {
            "DomainName": name,
            "ValidationDomain": name,
            "ValidationMethod": "DNS",
            "ValidationStatus": "SUCCESS" if proven else "FAILED" if status.endswith("OUT") else "PENDING_VALIDATION",
            **({"ResourceRecord": {"Name": record, "Type": "CNAME", "Value": value}} if told else {}),
        }

    def summary(self, using: Mapping[str, set[str]]) -> dict[str, Any]:
        """ACM's CertificateSummary."""
        detail = self.detail(using)
        return {
            **{key: value for key, value in detail.items() if key not in ("KeyUsages", "ExtendedKeyUsages")},
            "SubjectAlternativeNameSummaries": self.names[:_SHOWN],
            "HasAdditionalSubjectAlternativeNames": len(self.names) > _SHOWN,
            "InUse": bool(detail["InUseBy"]),
            "Exported": False,
            "ExportOption": self.cert_options["Export"],
            "KeyUsages": [use["Name"] for use in detail["KeyUsages"]],
            "ExtendedKeyUsages": [use["Name"] for use in detail["ExtendedKeyUsages"]],
        }


def find(arn: str) -> Certificate | None:
    """The certificate of that ARN, in whichever account and region; None if there is none."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[4] not in acm_backends:
        return None
    backend = dict(acm_backends[parts[4]].items()).get(parts[3])
    return backend._certificates.get(arn) if backend else None  # type: ignore[return-value]  # ours in moto's place


def certificates_of(listener: Any) -> list[str]:
    """The ARNs of a listener's certificates, the default one first."""
    return [*listener.certificates, *listener.__dict__.get("sandbox_more", [])]


def release(listener: Any, arns: Iterable[str]) -> None:
    """Note that a listener has stopped using certificates: for a while they still count as in use."""
    until = world.now() + world.current().profile.certificate_release
    for arn in arns:
        if found := find(arn):
            found.released[listener.load_balancer_arn] = until
