"""The sandbox's own certificate authority, which signs what ACM issues.

Nobody trusts it but who is given its root. A root signs one intermediate authority and its key is thrown away; that one
signs the certificates. So a client that knows the root needs the intermediate from the server, as with real ones.

Pure: PEM in, PEM out; nothing here knows of moto.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_YEARS: Final = timedelta(days=20 * 365)
#: ACM issues for 198 days, since public authorities may not issue for more than 200.
_VALID: Final = timedelta(days=198)
#: Clocks differ a little, and the sandbox's may stand still.
_EARLIER: Final = timedelta(days=1)

#: ACM's names of key algorithms -> what makes such a key.
_CURVES: Final[dict[str, Any]] = {
    "EC_prime256v1": ec.SECP256R1,
    "EC_secp384r1": ec.SECP384R1,
    "EC_secp521r1": ec.SECP521R1,
}
_SIZES: Final = {"RSA_2048": 2048}
ALGORITHMS: Final = (*_SIZES, *_CURVES)


@dataclass(frozen=True, slots=True)
class Authority:
    """A root, and the intermediate that signs for it; all PEM.

    Attributes:
        root: what a client has to trust.
        intermediate: what a server sends along.
        key: the intermediate's private key.
    """

    root: str
    intermediate: str
    key: str = field(repr=False)

    @classmethod
    def new(cls) -> Authority:
        """A fresh authority, with keys of its own."""
        now = datetime.now(UTC)
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root_name, name = _name("plinkctl sandbox root"), _name("plinkctl sandbox authority")
        root = _authority(root_name, root_name, root_key, root_key, now, depth=1)
        intermediate = _authority(name, root_name, key, root_key, now, depth=0)
        return cls(_pem(root), _pem(intermediate), _private(key))

    def issue(self, names: list[str], *, algorithm: str, moment: float) -> tuple[str, str]:
        """A certificate for host names, the first of them its subject, and its private key, both PEM.

        Args:
            names: at least one; wildcards as `*.example.com`.
            algorithm: one of ALGORITHMS.
            moment: seconds since the epoch from which it is to hold. Clients look at the real clock, so it holds for
                the real present as well.
        """
        signer = x509.load_pem_x509_certificate(self.intermediate.encode())
        signing: Any = serialization.load_pem_private_key(self.key.encode(), None)
        key: Any = (
            rsa.generate_private_key(65537, _SIZES[algorithm])
            if algorithm in _SIZES
            else ec.generate_private_key(_CURVES[algorithm]())
        )
        asked, now = datetime.fromtimestamp(moment, UTC), datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(_name(names[0]))
            .issuer_name(signer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(asked, now) - _EARLIER)
            .not_valid_after(max(asked, now) + _VALID)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
            .sign(signing, hashes.SHA256())
        )
        return _pem(made), _private(key)


def _authority(subject: x509.Name, issuer: x509.Name, key: Any, signing: Any, now: datetime, *, depth: int) -> Any:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + _YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs_certificates,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    # A subject has room for 64 characters; the names that count are the alternative ones.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private(key: Any) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()  # type: ignore[no-any-return]  # one of several key classes
