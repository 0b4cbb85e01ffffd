"""Certificates on this machine: made for a demo or a private use, or read from the user's files.

The only module that knows `cryptography`, which is an extra (`plinkctl[tls]`): it is large, and only these need it. A
private key is never written anywhere: it is in memory from its making, or its reading, to the import.
"""

import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plinkctl.errors import UsageError
from plinkctl.link import FILES, SELF_SIGNED

if TYPE_CHECKING:
    from cryptography import x509

DAYS: Final = 365
_SHOW: Final = "name a PEM file; openssl x509 -noout -text -in FILE shows what a file holds"
_KEY: Final = "--key-file with the key that the certificate was made with, in PEM form"
# ACM User Guide, "Prerequisites for importing": bits of RSA keys, and the curves by their names here.
_RSA: Final = frozenset({1024, 2048, 3072, 4096})
_CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_LARGEST: Final = 64 * 1024  # bytes; ACM takes a chain of 2 MB, and no real one is a tenth of this


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A certificate as ACM takes it: PEM each.

    Args:
        body: The certificate.
        key: Its private key, unencrypted. Never shown.
        chain: The authorities above it, or empty.
        fingerprint: SHA-256 of the certificate, hexadecimal.
    """

    body: bytes
    key: bytes
    chain: bytes = b""
    fingerprint: str = ""

    def __repr__(self) -> str:
        return f"Paper({self.fingerprint})"


def self_signed(domain: str, *, now: float) -> Paper:
    """Make a certificate that is its own authority.

    Args:
        domain: The DNS name it is for.
        now: Seconds since the epoch. It is valid from an hour before, since clocks differ, for `DAYS` days.

    Raises:
        UsageError: The extra is not installed.
    """
    needs_extra(SELF_SIGNED)
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    # A common name holds at most 64 characters; what counts are the alternative names.
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, domain[:64])])
    begin = datetime.fromtimestamp(now, UTC) - timedelta(hours=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    body = made.public_bytes(serialization.Encoding.PEM)
    return Paper(body=body, key=secret, fingerprint=made.fingerprint(hashes.SHA256()).hex())


def from_files(certificate: str, key: str, chain: str | None, *, domain: str, now: float) -> Paper:
    """Read a certificate and its key, and refuse what ACM or a client would refuse later.

    Args:
        certificate: PEM file of the certificate.
        key: PEM file of its private key.
        chain: PEM file of the authorities above it, or None.
        domain: The DNS name it must be for.
        now: Seconds since the epoch.

    Raises:
        UsageError: A file cannot be read or is no PEM; the key is encrypted, readable by others, or of another
            certificate; the certificate is expired, not valid yet, or for other names.
    """
    needs_extra(FILES)
    from cryptography import x509  # noqa: PLC0415
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415

    body, secret = _read(certificate), _read(key, private=True)
    above = _read(chain) if chain else b""
    try:
        found = x509.load_pem_x509_certificate(body)
    except ValueError as error:
        raise _unfit(certificate, "it holds no certificate in PEM form", str(error), hint=_SHOW) from error
    try:
        private = serialization.load_pem_private_key(secret, password=None)
    except TypeError as error:
        hint = f"openssl pkey -in {key} -out plain.pem, chmod 600 plain.pem, and --key-file plain.pem"
        raise _unfit(key, "its private key is encrypted, and ACM takes none that is", hint=hint) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unfit(key, "it holds no private key in PEM form", str(error), hint=_KEY) from error
    _check_kind(private, key)
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if found.public_key().public_bytes(*form) != private.public_key().public_bytes(*form):
        raise _unfit(key, f"its key does not belong to the certificate in {certificate}", hint=_KEY)
    if above:
        try:
            x509.load_pem_x509_certificates(above)
        except ValueError as error:
            raise _unfit(str(chain), "it holds no certificates in PEM form", str(error), hint=_SHOW) from error
    _check_days(found, certificate, now)
    covered = names_of(found)
    if not any(covers(one, domain) for one in covered):
        raise _unfit(
            certificate,
            f"the certificate is not for {domain}",
            f"it is for {', '.join(covered) or 'no name'}",
            hint="--certificate-file with one for that name, or --certificate-name with a name it is for",
        )
    return Paper(body=body, key=secret, chain=above, fingerprint=found.fingerprint(hashes.SHA256()).hex())


def fingerprint(pem: str) -> str:
    """SHA-256 of the first certificate in a PEM text, hexadecimal: to know one again without reading keys.

    Empty where there is none.
    """
    import hashlib  # noqa: PLC0415
    import ssl  # noqa: PLC0415

    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    first = pem[pem.index(begin) : pem.index(end) + len(end)] if begin in pem and end in pem else ""
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest() if first else ""
    except ValueError:  # what is between the marks is no base 64
        return ""


def names_of(found: "x509.Certificate") -> list[str]:
    """The DNS names a certificate is for; its common name does not count any more (RFC 9525)."""
    from cryptography import x509  # noqa: PLC0415

    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [str(name) for name in extension.value.get_values_for_type(x509.DNSName)]


def covers(pattern: str, name: str) -> bool:
    """Whether a name in a certificate, which may be a wildcard for one label, is for this DNS name."""
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if pattern.startswith("*.") and not name.startswith("*."):
        return pattern[2:] == name.partition(".")[2]
    return pattern == name


def trusted(path: str) -> str:
    """The text of a file of authorities, which becomes part of the probe function's settings.

    Raises:
        UsageError: It cannot be read, holds no certificate, or is too large for them.
    """
    text = _read(path).decode("ascii", "replace")
    if not fingerprint(text):
        raise _unfit(path, "it holds no certificate in PEM form", hint=_SHOW)
    if len(text) > 3000:  # all of a function's environment may be 4 KB
        what = f"it has {len(text):,} characters, and at most 3,000 fit into a function's environment"
        raise _unfit(path, what, hint="give only the authority that signs the provider's certificate")
    return text


def _check_kind(private: object, path: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415

    match private:
        case rsa.RSAPrivateKey() if private.key_size in _RSA:
            return
        case ec.EllipticCurvePrivateKey() if private.curve.name in _CURVES:
            return
    why = "it takes RSA keys of 1,024 to 4,096 bits, and those on the curves P-256, P-384 and P-521"
    raise _unfit(path, "ACM takes no keys of this kind", why, hint="have the certificate made anew with such a key")


def _check_days(found: "x509.Certificate", path: str, now: float) -> None:
    moment = datetime.fromtimestamp(now, UTC)
    if found.not_valid_after_utc <= moment:
        what = f"the certificate expired on {found.not_valid_after_utc:%Y-%m-%d}"
        raise _unfit(path, what, hint="--certificate-file with a renewed one, or --certificate requested")
    if found.not_valid_before_utc > moment:
        what = f"the certificate is not valid before {found.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise _unfit(path, what, hint=f"wait until then, or set this machine's clock: now it says {moment:%H:%M} UTC")


def _read(path: str, *, private: bool = False) -> bytes:
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if private and mode & 0o077:
                why = f"its mode is {stat.S_IMODE(mode):o}"
                raise _unfit(path, "its private key can be read by others", why, hint=f"chmod 600 {path}")
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise _unfit(path, "it cannot be read", error.strerror or str(error), hint="check the path") from error
    if len(content) > _LARGEST:
        raise _unfit(path, f"it is larger than {_LARGEST:,} bytes", hint=_SHOW)
    return content


def _unfit(path: str, what: str, why: str | None = None, *, hint: str) -> UsageError:
    return UsageError(f"{path} cannot be used: {what}", why=why, hint=hint, code="certificate")


def needs_extra(origin: str) -> None:
    """Refuse early what needs `cryptography` where it is not installed.

    Raises:
        UsageError: The extra is missing.
    """
    from importlib.util import find_spec  # noqa: PLC0415

    if origin in {SELF_SIGNED, FILES} and find_spec("cryptography") is None:
        raise UsageError(
            "certificates cannot be made or imported: the extra is not installed",
            hint="pip install 'plinkctl[tls]'",
            code="no_extra",
        )
