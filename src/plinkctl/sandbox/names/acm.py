"""The calls of ACM: certificates imported, requested, told and deleted.

What a certificate is and goes through is in `certificates`. Validation by e-mail, private authorities, exporting and
renewal are not there.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
import uuid
from typing import Any, Final

from moto.acm.exceptions import AWSResourceNotFoundException, AWSValidationException
from moto.acm.models import AWSCertificateManagerBackend
from moto.acm.responses import AWSCertificateManagerResponse as Certificates
from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult, EmptyResult
from moto.elbv2.models import elbv2_backends

from plinkctl.sandbox import world
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.names import pem
from plinkctl.sandbox.names.authority import ALGORITHMS
from plinkctl.sandbox.names.certificates import Certificate, certificates_of
from plinkctl.sandbox.names.domains import is_host
from plinkctl.sandbox.patch import override

#: For so long the same token means the same request.
_TOKEN_LIFE: Final = 3600.0


def _using(response: Any) -> dict[str, set[str]]:
    """Which load balancers use which certificates, of one account and region; by the certificate's ARN."""
    found: dict[str, set[str]] = {}
    for balancer in elbv2_backends[response.current_account][response.region].load_balancers.values():
        for listener in balancer.listeners.values():
            for arn in certificates_of(listener):
                found.setdefault(arn, set()).add(balancer.arn)
    return found


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
