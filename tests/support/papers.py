"""Certificates a user makes at home, for tests: an authority of one's own, or none, and what can be wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: The sandbox's clock may be far ahead after other tests.
YEARS = 3650 * 86400.0


@dataclass(frozen=True)
class Paper:
    """A certificate with its key; both as objects and as PEM."""

    certificate: x509.Certificate
    private: Any

    @property
    def body(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key(self) -> bytes:
        return self.locked(None)

    def locked(self, password: bytes | None) -> bytes:
        how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        form = serialization.PrivateFormat.PKCS8
        return bytes(self.private.private_bytes(serialization.Encoding.PEM, form, how))


def paper(
    *names: str, by: Paper | None = None, begins: float = -3600, ends: float = YEARS, key: Any = None, ca: bool = False
) -> Paper:
    """A certificate for these names, signed by an authority or by itself; times in seconds from now."""
    private = key or ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(seconds=begins))
        .not_valid_after(now + timedelta(seconds=ends))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(by.private if by else private, hashes.SHA256())
    )
    return Paper(made, private)
