"""Certificates on this machine: what is made, and for what reasons files are refused."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from papers import Paper, paper

from plinkctl import certs
from plinkctl.errors import UsageError

NAME = "api.example.com"
NOW = time.time()


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., certs.Paper]:
    """Write a certificate and a key to files, as a user has them, and read them."""

    def through(body: bytes, key: bytes, chain: bytes | None = None, *, mode: int = 0o600) -> certs.Paper:
        files = {"c.pem": body, "k.pem": key} | ({"chain.pem": chain} if chain is not None else {})
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        (tmp_path / "k.pem").chmod(mode)
        above = str(tmp_path / "chain.pem") if chain is not None else None
        return certs.from_files(str(tmp_path / "c.pem"), str(tmp_path / "k.pem"), above, domain=NAME, now=NOW)

    return through


def test_a_certificate_that_is_made_is_for_its_name_for_a_year_and_its_key_is_not_shown() -> None:
    made = certs.self_signed(NAME, now=NOW)
    found = x509.load_pem_x509_certificate(made.body)
    assert certs.names_of(found) == [NAME]
    assert (found.not_valid_after_utc - found.not_valid_before_utc).days == certs.DAYS
    assert made.fingerprint == certs.fingerprint(made.body.decode())
    assert b"PRIVATE" in made.key
    assert "PRIVATE" not in repr(made)
    assert certs.self_signed(NAME, now=NOW).key != made.key


def test_what_is_sound_is_read(read: Callable[..., certs.Paper]) -> None:
    root = paper("An authority", ca=True)
    whole = paper("*.example.com", by=root)
    found = read(whole.body, whole.key, root.body)
    assert (found.body, found.chain) == (whole.body, root.body)


def ed25519() -> bytes:
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return Ed25519PrivateKey.generate().private_bytes(*form)


def bad() -> dict[str, tuple[Paper | bytes, bytes, str]]:
    sound, other = paper(NAME), paper(NAME)
    return {
        "no PEM": (b"nothing", sound.key, "it holds no certificate in PEM form"),
        "no key": (sound, b"nothing", "it holds no private key in PEM form"),
        "encrypted": (sound, sound.locked(b"secret"), "its private key is encrypted"),
        "a key of another kind": (sound, ed25519(), "ACM takes no keys of this kind"),
        "another key": (sound, other.key, "its key does not belong to the certificate"),
        "expired": (paper(NAME, begins=-7200, ends=-3600), b"", "the certificate expired on"),
        "early": (paper(NAME, begins=3600), b"", "the certificate is not valid before"),
        "another name": (paper("www.example.com"), b"", f"the certificate is not for {NAME}"),
        "a wildcard above": (paper("*.com"), b"", f"the certificate is not for {NAME}"),
        "large": (b"x" * 100_000, sound.key, "it is larger than"),
    }


@pytest.mark.parametrize("case", bad())
def test_what_is_not_is_refused_with_the_reason(read: Callable[..., certs.Paper], case: str) -> None:
    body, key, reason = bad()[case]
    with pytest.raises(UsageError) as caught:
        read(body if isinstance(body, bytes) else body.body, key or (body.key if isinstance(body, Paper) else b""))
    assert reason in caught.value.message
    assert caught.value.hint
    assert "PRIVATE" not in f"{caught.value.message} {caught.value.why}"


def test_a_key_that_others_can_read_is_refused_and_how_to_cure_it_said(read: Callable[..., certs.Paper]) -> None:
    sound = paper(NAME)
    with pytest.raises(UsageError) as caught:
        read(sound.body, sound.key, mode=0o644)
    assert str(caught.value.hint).startswith("chmod 600 ")


def test_authorities_must_fit_into_the_functions_settings(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(paper("An authority", ca=True).body)
    assert certs.fingerprint(certs.trusted(str(file)))
    broken = b"-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"
    for content in (b"", b"no PEM", broken, paper("x.y", ca=True).body * 10):
        file.write_bytes(content)
        with pytest.raises(UsageError):
            certs.trusted(str(file))
    with pytest.raises(UsageError, match="it cannot be read"):
        certs.trusted(str(tmp_path / "nowhere.pem"))


@pytest.mark.parametrize(
    ("pattern", "name", "covered"),
    [
        ("a.example.com", "A.example.com.", True),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "example.com", False),
        ("*.example.com", "*.example.com", True),
        ("a.example.com", "b.example.com", False),
    ],
)
def test_a_wildcard_is_for_one_label(pattern: str, name: str, covered: bool) -> None:
    assert certs.covers(pattern, name) is covered
