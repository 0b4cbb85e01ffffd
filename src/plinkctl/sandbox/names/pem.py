"""What is in a certificate a user brings, and what is wrong with it, in ACM's words. Pure; nothing knows of moto."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtensionOID, NameOID

_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"
#: Bytes of PEM; ACM's guide.
_LARGEST_KEY: Final = 5 * 1024
_CURVES: Final = {"secp256r1": "EC_prime256v1", "secp384r1": "EC_secp384r1", "secp521r1": "EC_secp521r1"}
_SIZES: Final = (1024, 2048, 3072, 4096)


class Unfit(ValueError):  # noqa: N818 - a verdict on what a user brought
    """A certificate, key or chain that ACM does not take; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What ACM tells of a certificate.

    Attributes:
        names: its alternative names; the common name where it has none.
        begins, ends: validity in seconds since the epoch.
    """

    subject: str
    issuer: str
    serial: str
    algorithm: str
    signature: str
    names: tuple[str, ...]
    begins: float
    ends: float
    uses: tuple[str, ...]
    extended: tuple[tuple[str, str], ...]


def facts(certificate: str) -> Facts:
    """The facts of a PEM certificate. Raises Unfit."""
    return _facts(_one(certificate.encode()))


def check(certificate: bytes, key: bytes, chain: bytes | None, *, moment: float) -> Facts:
    """Check what a user wants to import. The words of expiry, chain and self-signing are ACM's own.

    Args:
        moment: the time at which it has to be valid, in seconds since the epoch.

    Raises:
        Unfit: it cannot be imported.
    """
    found = _one(certificate)
    private = _key(key)
    known = _facts(found)
    if known.ends <= moment:
        raise Unfit("The certificate has expired, is not valid.")
    if known.begins > moment:
        raise Unfit("The certificate is not in effect yet, is not valid.")
    if _public(private.public_key()) != _public(found.public_key()):
        raise Unfit("The private key does not match the certificate.")
    _check_chain(found, chain)
    return known


def _one(certificate: bytes) -> x509.Certificate:
    if certificate.count(_BEGIN) > 1:
        raise Unfit(
            "The certificate field contains more than one certificate. You can specify only one certificate in this "
            "field."
        )
    try:
        return x509.load_pem_x509_certificate(certificate)
    except (ValueError, TypeError) as error:
        raise Unfit("The certificate is not PEM-encoded or is not valid.") from error


def _key(key: bytes) -> Any:
    if len(key) > _LARGEST_KEY:
        raise Unfit(f"The private key is larger than {_LARGEST_KEY} bytes.")
    try:
        found: Any = serialization.load_pem_private_key(key, None)
    except TypeError as error:  # what cryptography says when a password is missing
        raise Unfit("The private key is encrypted. ACM takes unencrypted private keys only.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unfit("The private key is not PEM-encoded or is not valid.") from error
    fits = (isinstance(found, rsa.RSAPrivateKey) and found.key_size in _SIZES) or (
        isinstance(found, ec.EllipticCurvePrivateKey) and found.curve.name in _CURVES
    )
    if not fits:
        raise Unfit("The private key is not supported.")
    return found


def _public(key: Any) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)  # type: ignore[no-any-return]  # one of several key classes


def _check_chain(certificate: x509.Certificate, chain: bytes | None) -> None:
    """Each certificate of the chain must have signed the one before it; only a self-signed one needs no chain."""
    if not chain:
        if not _signed(certificate, by=certificate):
            raise Unfit(
                "Provided certificate is not a valid self signed. Please provide either a valid self-signed "
                "certificate or certificate chain."
            )
        return
    try:
        above = x509.load_pem_x509_certificates(chain)
    except (ValueError, TypeError) as error:
        raise Unfit("The certificate chain is not PEM-encoded or is not valid.") from error
    below = certificate
    for one in above:
        if not _signed(below, by=one):
            raise Unfit("Could not validate the certificate with the certificate chain.")
        below = one


def _signed(certificate: x509.Certificate, *, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _facts(certificate: x509.Certificate) -> Facts:
    key: Any = certificate.public_key()
    algorithm = (
        _CURVES.get(key.curve.name, f"EC_{key.curve.name}")
        if isinstance(key, ec.EllipticCurvePublicKey)
        else f"RSA_{getattr(key, 'key_size', 0)}"
    )
    signed = certificate.signature_hash_algorithm
    kind = "ECDSA" if "ecdsa" in certificate.signature_algorithm_oid._name.lower() else "RSA"
    common = _common(certificate.subject)
    return Facts(
        subject=certificate.subject.rfc4514_string(),
        issuer=_common(certificate.issuer),
        serial=":".join(f"{byte:02x}" for byte in _bytes(certificate.serial_number)),
        algorithm=algorithm,
        signature=f"{signed.name.upper()}WITH{kind}" if signed else kind,
        names=_names(certificate) or ((common,) if common else ()),
        begins=certificate.not_valid_before_utc.timestamp(),
        ends=certificate.not_valid_after_utc.timestamp(),
        uses=_uses(certificate),
        extended=_extended(certificate),
    )


def _bytes(serial: int) -> bytes:
    return serial.to_bytes((serial.bit_length() + 7) // 8 or 1, "big")


def _common(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _extension(certificate: x509.Certificate, oid: Any) -> Any:
    try:
        return certificate.extensions.get_extension_for_oid(oid).value
    except (x509.ExtensionNotFound, ValueError):
        return None


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    found = _extension(certificate, ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    return tuple(str(one.value) for one in found or () if isinstance(one, x509.DNSName | x509.IPAddress))


def _uses(certificate: x509.Certificate) -> tuple[str, ...]:
    found = _extension(certificate, ExtensionOID.KEY_USAGE)
    names = {
        "digital_signature": "DIGITAL_SIGNATURE",
        "content_commitment": "NON_REPUDIATION",
        "key_encipherment": "KEY_ENCIPHERMENT",
        "data_encipherment": "DATA_ENCIPHERMENT",
        "key_agreement": "KEY_AGREEMENT",
        "key_cert_sign": "CERTIFICATE_SIGNING",
        "crl_sign": "CRL_SIGNING",
    }
    return tuple(told for name, told in names.items() if found is not None and getattr(found, name))


def _extended(certificate: x509.Certificate) -> tuple[tuple[str, str], ...]:
    found = _extension(certificate, ExtensionOID.EXTENDED_KEY_USAGE)
    names = {"1.3.6.1.5.5.7.3.1": "TLS_WEB_SERVER_AUTHENTICATION", "1.3.6.1.5.5.7.3.2": "TLS_WEB_CLIENT_AUTHENTICATION"}
    return tuple((names.get(one.dotted_string, "CUSTOM"), one.dotted_string) for one in found or ())
