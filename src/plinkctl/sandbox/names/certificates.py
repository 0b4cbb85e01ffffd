"""Certificates of ACM: imported, or requested and issued once DNS shows who asks.

A `Certificate` of this module takes the place of moto's CertBundle in moto's backend. It is text and numbers only, so
that it can be put aside with the rest; what is in the text is read in `pem`. A requested certificate is issued by the
sandbox's own authority when the CNAME of each of its names has been in public DNS for a while, which is worked out when
somebody looks. Validation by e-mail, private authorities and exporting are not there.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from moto.acm.exceptions import AWSResourceNotFoundException, AWSValidationException
from moto.acm.models import AWSCertificateManagerBackend, TagHolder, acm_backends
from moto.acm.responses import AWSCertificateManagerResponse as Certificates
from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult, EmptyResult
from moto.elbv2.models import elbv2_backends

from plinkctl.sandbox import world
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.names import pem
from plinkctl.sandbox.names.authority import ALGORITHMS
from plinkctl.sandbox.names.domains import covers, is_host
from plinkctl.sandbox.names.lookup import look_up
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: ACM gives up on a validation after 72 hours.
_PATIENCE: Final = 72 * 3600.0
#: For so long the same token means the same request.
_TOKEN_LIFE: Final = 3600.0
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

    def made_out_to(self, host: str) -> bool:
        """Whether a client that asks for this host may be shown it."""
        return any(covers(name, host) for name in self.names)

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


def _using(response: Any) -> dict[str, set[str]]:
    """Which load balancers use which certificates, of one account and region; by the certificate's ARN."""
    found: dict[str, set[str]] = {}
    for balancer in elbv2_backends[response.current_account][response.region].load_balancers.values():
        for listener in balancer.listeners.values():
            for arn in certificates_of(listener):
                found.setdefault(arn, set()).add(balancer.arn)
    return found


def release(listener: Any, arns: Iterable[str]) -> None:
    """Note that a listener has stopped using certificates: for a while they still count as in use."""
    until = world.now() + world.current().profile.certificate_release
    for arn in arns:
        if found := find(arn):
            found.released[listener.load_balancer_arn] = until


def _own(response: Any) -> Certificate:
    """The certificate a request names. Raises AWSResourceNotFoundException."""
    arn = response._get_param("CertificateArn")
    if not str(arn).startswith("arn:"):
        raise AWSError(f"The ARN '{arn}' is not valid", exception_type="InvalidArnException")
    found = response.acm_backend._certificates.get(arn)
    if found is None:
        raise AWSResourceNotFoundException(_missing(arn, response.current_account))
    return found  # type: ignore[no-any-return]  # moto's backend is untyped here


def _missing(arn: str, account: str) -> str:
    return f"Could not find certificate {arn} in account {account}."


@override(AWSCertificateManagerBackend, "get_certificate")
def _get_certificate(_original: Any, self: Any, arn: str) -> Any:
    if arn not in self._certificates:
        raise AWSResourceNotFoundException(_missing(arn, self.account_id))
    return self._certificates[arn]


@override(AWSCertificateManagerBackend, "set_certificate_in_use_by")
def _in_use_by(_original: Any, self: Any, arn: str, load_balancer_name: str) -> None:
    """Who uses a certificate is read from the listeners, not noted."""


# ------------------------------------------------------------------------------------- made and deleted


@override(Certificates, "import_certificate")
def _import(_original: Any, self: Any) -> ActionResult:
    """ImportCertificate: a new one each time, or with an ARN again in place; tags only with a new one."""
    tags = self._get_param("Tags") or []
    known = _own(self) if self._get_param("CertificateArn") else None
    if known and tags:
        raise AWSValidationException("Tagging is not permitted on re-import.")
    if known and not known.imported:
        raise AWSValidationException("Certificate was not imported and cannot be imported again.")
    body, key, chain = (_decoded(self, name) for name in ("Certificate", "PrivateKey", "CertificateChain"))
    try:
        # A certificate just made by a user's clock must not be early by a sandbox's that stands still.
        found = pem.check(body or b"", key or b"", chain, moment=max(world.now(), time.time()))
    except pem.Unfit as problem:
        raise AWSValidationException(str(problem)) from problem
    if known is None:
        refuse_more("certificates", len(self.acm_backend._certificates))
        known = _new(self, imported=True, names=[*found.names], algorithm=found.algorithm)
        known.tags.add(tags)
        self.acm_backend._certificates[known.arn] = known
    known.body, known.key, known.chain = (part.decode() if part else "" for part in (body, key, chain))
    known.names, known.algorithm = [*found.names], found.algorithm
    known.domain = known.names[0] if known.names else ""
    known.renewed = known.issued = world.now()
    return ActionResult({"CertificateArn": known.arn})


def _decoded(response: Any, name: str) -> bytes | None:
    text = response._get_param(name)
    try:
        return base64.b64decode(text, validate=True) if text else None
    except (binascii.Error, ValueError) as error:
        raise AWSValidationException(f"{name} is not encoded in base 64.") from error


def _new(response: Any, *, imported: bool, names: list[str], algorithm: str) -> Certificate:
    place = f"arn:aws:acm:{response.region}:{response.current_account}:certificate/{uuid.uuid4()}"
    return Certificate(
        arn=place,
        imported=imported,
        domain=names[0] if names else "",
        names=names,
        algorithm=algorithm,
        created=world.now(),
        renewed=world.now(),
    )


@override(Certificates, "request_certificate")
def _request(_original: Any, self: Any) -> ActionResult:
    """RequestCertificate, proven by DNS; the same token within an hour means the same certificate."""
    domain = str(self._get_param("DomainName") or "")
    names = list(dict.fromkeys([domain, *(self._get_param("SubjectAlternativeNames") or [])]))
    algorithm = self._get_param("KeyAlgorithm") or "RSA_2048"
    if self._get_param("CertificateAuthorityArn") or self._get_param("ManagedBy"):
        raise NotImplementedError("certificates of a private authority, or managed by another service")
    if (method := self._get_param("ValidationMethod") or "EMAIL") != "DNS":
        raise NotImplementedError(f"the validation method {method}; the local AWS has DNS")
    if algorithm not in ALGORITHMS:
        raise AWSValidationException(f"The key algorithm {algorithm} is not one of {', '.join(ALGORITHMS)}")
    for name in names:
        if not is_host(name.lower(), wildcard=True):
            raise AWSValidationException(
                f"1 validation error detected: Value '{name}' at 'domainName' failed to satisfy constraint: it is not "
                "a fully qualified domain name"
            )
    refuse_more("names-per-certificate", len(names) - 1)
    # What AWS does with a token that comes with other names is not known; here that is another request.
    asked = (str(self._get_param("IdempotencyToken") or uuid.uuid4()), *names, algorithm)
    tokens: dict[tuple[str, ...], str] = self.acm_backend.__dict__.setdefault("sandbox_tokens", {})
    known = self.acm_backend._certificates.get(tokens.get(asked))
    if known and world.now() < known.created + _TOKEN_LIFE:
        return ActionResult({"CertificateArn": known.arn})
    refuse_more("certificates", len(self.acm_backend._certificates))
    made = _new(self, imported=False, names=[name.lower() for name in names], algorithm=algorithm)
    tokens[asked] = made.arn
    made.cert_options |= self._get_param("Options") or {}
    made.records = {name: _proof(self.acm_backend, name) for name in made.names}
    made.tags.add(self._get_param("Tags") or [])
    self.acm_backend._certificates[made.arn] = made
    return ActionResult({"CertificateArn": made.arn})


def _proof(backend: Any, name: str) -> tuple[str, str]:
    """The CNAME that proves a name. It is the same for a name and its wildcard, and for every request of an account."""
    kept: dict[str, tuple[str, str]] = backend.__dict__.setdefault("sandbox_proofs", {})
    bare = name.removeprefix("*.")
    if bare not in kept:
        label = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(10))
        value = f"_{secrets.token_hex(16)}.{label}.acm-validations.aws."
        kept[bare] = (f"_{secrets.token_hex(16)}.{bare}.", value)
    return kept[bare]


@override(Certificates, "delete_certificate")
def _delete(_original: Any, self: Any) -> ActionResult:
    """DeleteCertificate: refused while a listener uses it, and a little after."""
    found = _own(self)
    if found.users(_using(self)):
        raise AWSError(
            f"Certificate {found.arn} in account {self.current_account} is in use.",
            exception_type="ResourceInUseException",
        )
    del self.acm_backend._certificates[found.arn]
    return EmptyResult()


# ------------------------------------------------------------------------------------------------ told


@override(Certificates, "describe_certificate")
def _describe(_original: Any, self: Any) -> ActionResult:
    """DescribeCertificate."""
    return ActionResult({"Certificate": _own(self).detail(_using(self))})


@override(Certificates, "get_certificate")
def _get(_original: Any, self: Any) -> ActionResult:
    """GetCertificate: the text of it, once it is issued."""
    found = _own(self)
    if found.status in ("PENDING_VALIDATION", "VALIDATION_TIMED_OUT"):
        raise AWSError(
            f"The request of {found.arn} is in progress or has failed",
            exception_type="RequestInProgressException",
        )
    return ActionResult({"Certificate": found.body, "CertificateChain": found.chain or None})


@override(Certificates, "list_certificates")
def _list(_original: Any, self: Any) -> ActionResult:
    """ListCertificates: without asking for others, only those with an RSA key, as ACM has it."""
    using = _using(self)
    statuses, includes = self._get_param("CertificateStatuses") or [], self._get_param("Includes") or {}
    kinds = includes.get("keyTypes") or ["RSA_1024", "RSA_2048"]
    found = [one for one in self.acm_backend._certificates.values() if one.algorithm in kinds]
    if statuses:
        found = [one for one in found if one.status in statuses]
    for field_, key in (("keyUsage", "KeyUsages"), ("extendedKeyUsage", "ExtendedKeyUsages")):
        if wanted := includes.get(field_):
            found = [one for one in found if set(wanted) & {use["Name"] for use in one.detail(using)[key]}]
    if self._get_param("SortBy"):
        found.sort(key=lambda one: one.created, reverse=self._get_param("SortOrder") == "DESCENDING")
    return ActionResult({"CertificateSummaryList": [one.summary(using) for one in found]})


@override(Certificates, "export_certificate")
def _export(_original: Any, self: Any) -> ActionResult:
    """ExportCertificate is for private and exportable certificates, of which there are none."""
    raise AWSValidationException(f"Certificate ARN: {_own(self).arn} is not a private certificate")


@override(Certificates, "resend_validation_email")
def _resend(_original: Any, self: Any) -> ActionResult:
    """ResendValidationEmail: nothing is validated by e-mail."""
    raise AWSError(f"Certificate {_own(self).arn} is not validated by e-mail", exception_type="InvalidStateException")
