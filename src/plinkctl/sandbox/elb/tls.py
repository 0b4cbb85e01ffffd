"""What a listener needs to speak TLS: a certificate, more of them by name, and a policy of versions and ciphers.

moto keeps a listener's certificates in one list; here `certificates` is the default one alone, as in AWS's answers, and
the further ones are in `sandbox_more`. Only certificates of ACM are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from moto.core.responses import ActionResult, EmptyResult
from moto.elbv2.exceptions import ELBClientError, TooManyCertificatesError, ValidationError
from moto.elbv2.responses import ELBV2Response
from moto.elbv2.ssl_policies import SSL_POLICIES

from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.names import certificates
from plinkctl.sandbox.names.certificates import certificates_of
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Sequence

SPEAKS_TLS: Final = ("HTTPS", "TLS")
#: What the API takes when it is given none; the console has newer ones.
DEFAULT_POLICY: Final = "ELBSecurityPolicy-2016-08"
#: Nobody is asked for a certificate: how an HTTPS listener begins.
_OPEN: Final = {"Mode": "off"}


def check(backend: Any, protocol: str, arns: Sequence[str], policy: str | None) -> None:
    """Refuse what a listener of that protocol cannot be given.

    Args:
        backend: moto's ELBv2 backend; a certificate has to be of the same account and region.
        arns: the default certificate, or nothing.
        policy: the TLS policy that was asked for, or None.

    Raises:
        ELBClientError: CertificateNotFound, UnsupportedCertificate, SSLPolicyNotFound, ValidationError. That AWS
            refuses certificates and policies on a listener without TLS is a guess.
    """
    if protocol not in SPEAKS_TLS:
        if arns or policy:
            what = "certificate" if arns else "security policy"
            raise ValidationError(f"A {what} cannot be specified for {protocol} listeners")
        return
    if policy is not None:
        _check_policy(policy)
    if not arns:
        raise ValidationError(f"A certificate must be specified for {protocol} listeners")
    if len(arns) > 1:
        raise TooManyCertificatesError
    for arn in arns:
        check_certificate(backend, arn)


def _check_policy(name: str) -> None:
    if name not in SSL_POLICIES:
        raise ELBClientError("SSLPolicyNotFound", f"SSL policy '{name}' not found")


def check_certificate(backend: Any, arn: str) -> None:
    """Refuse a certificate that is not there, or that no client could be shown. Raises ELBClientError."""
    place = f":acm:{backend.region_name}:{backend.account_id}:"
    found = certificates.find(arn) if place in arn else None
    if found is None:
        raise ELBClientError("CertificateNotFound", f"Certificate '{arn}' not found")
    if found.status != "ISSUED" or not any("." in name for name in found.names):
        raise ELBClientError(
            "UnsupportedCertificate",
            f"The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a supported "
            "key size.",
        )


def equip(listener: Any, protocol: str, arns: Sequence[str], policy: str | None) -> None:
    """Give a listener its protocol, its default certificate (with another one, the old is let go) and its policy."""
    before = certificates_of(listener)
    secure = protocol in SPEAKS_TLS
    listener.protocol = protocol
    listener.certificates = list(arns)[:1] if secure else []
    listener.certificate = listener.certificates[0] if secure else None
    listener.sandbox_more = listener.__dict__.get("sandbox_more", []) if secure else []
    listener.ssl_policy = (policy or listener.ssl_policy or DEFAULT_POLICY) if secure else None
    certificates.release(listener, [arn for arn in before if arn not in certificates_of(listener)])


def versions(listener: Any) -> tuple[str, ...]:
    """The TLS versions of a listener's policy: `TLSv1.2` and the like."""
    policy: dict[str, Any] = SSL_POLICIES.get(listener.ssl_policy) or SSL_POLICIES[DEFAULT_POLICY]
    return tuple(policy["ssl_protocols"])


def ciphers(listener: Any) -> tuple[str, ...]:
    """The ciphers of a listener's policy for versions before 1.3, by OpenSSL's names."""
    policy: dict[str, Any] = SSL_POLICIES.get(listener.ssl_policy) or SSL_POLICIES[DEFAULT_POLICY]
    return tuple(cipher for cipher in policy["ciphers"] if not cipher.startswith("TLS_"))


@override(ELBV2Response, "describe_ssl_policies")
def _policies(original: Any, self: Any) -> Any:
    """DescribeSSLPolicies: one that is asked for by name and is not there is an error, as its reference says."""
    for name in self._get_param("Names", []):
        _check_policy(str(name))
    return original(self)


# --------------------------------------------------------------------------------- further certificates


def _listener(response: Any) -> Any:
    [listener] = response.elbv2_backend.describe_listeners(None, [response._get_param("ListenerArn")])
    return listener


def _asked(response: Any) -> list[str]:
    return [str(one["CertificateArn"]) for one in response._get_param("Certificates", [])]


@override(ELBV2Response, "add_listener_certificates")
def _add(_original: Any, self: Any) -> ActionResult:
    """AddListenerCertificates: shown to clients that ask for one of their names; one that is there already stays."""
    listener, arns = _listener(self), _asked(self)
    if listener.protocol not in SPEAKS_TLS:
        raise ValidationError(f"A certificate cannot be specified for {listener.protocol} listeners")
    for arn in arns:
        check_certificate(self.elbv2_backend, arn)
    more = list(dict.fromkeys([*listener.__dict__.get("sandbox_more", []), *arns]))
    balancer = self.elbv2_backend.load_balancers[listener.load_balancer_arn]
    # Over all its listeners; a default one does not count (the guides' pages on quotas).
    others = sum(
        len(one.__dict__.get("sandbox_more", [])) for one in balancer.listeners.values() if one is not listener
    )
    refuse_more(f"certificates-per-{balancer.type}-load-balancer", others + len(more) - 1)
    listener.sandbox_more = more
    return ActionResult({"Certificates": [{"CertificateArn": arn, "IsDefault": False} for arn in arns]})


@override(ELBV2Response, "remove_listener_certificates")
def _remove(_original: Any, self: Any) -> ActionResult:
    """RemoveListenerCertificates: never the default one; no error for one that is not there."""
    listener, arns = _listener(self), _asked(self)
    more = listener.__dict__.get("sandbox_more", [])
    if any(arn in listener.certificates and arn not in more for arn in arns):
        raise ELBClientError("OperationNotPermitted", "The default certificate of a listener cannot be removed")
    listener.sandbox_more = [arn for arn in more if arn not in arns]
    certificates.release(listener, [arn for arn in arns if arn not in certificates_of(listener)])
    return EmptyResult()


@override(ELBV2Response, "describe_listener_certificates")
def _describe(_original: Any, self: Any) -> ActionResult:
    """DescribeListenerCertificates: the default one first."""
    listener = _listener(self)
    found = [(arn, True) for arn in listener.certificates]
    found += [(arn, False) for arn in listener.__dict__.get("sandbox_more", [])]
    return ActionResult({"Certificates": [{"CertificateArn": arn, "IsDefault": default} for arn, default in found]})


@override(ELBV2Response, "create_listener")
def _created(original: Any, self: Any) -> Any:
    """CreateListener: what moto would leave out or make up of TLS is looked at first."""
    backend, protocol, port = self.elbv2_backend, self._get_param("Protocol"), self._get_param("Port")
    balancer = backend.load_balancers.get(self._get_param("LoadBalancerArn"))
    if balancer is not None:
        backend._validate_port_and_protocol(balancer.type, port, protocol)
        check(backend, protocol, _asked(self), self._get_param("SslPolicy"))
    mutual = _mutual(self, protocol, None)
    answer = original(self)
    for listener in balancer.listeners.values() if balancer else ():
        if listener.port == port:
            listener.mutual_authentication = mutual
    return answer


@override(ELBV2Response, "modify_listener")
def _modified(_original: Any, self: Any) -> ActionResult:
    """ModifyListener, with the refusals of this sandbox."""
    listener = _listener(self)
    protocol = self._get_param("Protocol") or listener.protocol
    mutual = _mutual(self, protocol, listener.mutual_authentication)
    self.elbv2_backend.modify_listener(
        listener.arn,
        self._get_param("Port"),
        self._get_param("Protocol"),
        self._get_param("SslPolicy"),
        self._get_param("Certificates", []),
        self._get_param("DefaultActions", []),
    )
    listener.mutual_authentication = mutual
    listener.alpn_policy = self._get_param("AlpnPolicy", listener.alpn_policy) if protocol == "TLS" else []
    return ActionResult({"Listeners": [listener]})


def _mutual(response: Any, protocol: str, had: dict[str, str] | None) -> dict[str, str] | None:
    """Whether clients are to show certificates: an HTTPS listener always says so, others never do.

    `passthrough` is told, and nobody is asked; `verify` needs a trust store, of which there is none here.

    Raises:
        ELBClientError: TrustStoreNotFound, ValidationError.
    """
    asked = response._get_param("MutualAuthentication", {})
    if protocol != "HTTPS":
        if asked:
            raise ValidationError(f"Mutual authentication cannot be specified for {protocol} listeners")
        return None
    mode = asked.get("Mode") or (had or _OPEN)["Mode"]
    if mode == "verify":
        raise ELBClientError("TrustStoreNotFound", f"Trust store '{asked.get('TrustStoreArn', '')}' not found")
    if mode not in ("off", "passthrough"):
        raise ValidationError(f"Mutual authentication mode '{mode}' must be one of off, passthrough, verify")
    return {"Mode": mode}
