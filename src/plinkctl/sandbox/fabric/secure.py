"""TLS at a listener: the context with which a connection is taken, as its certificates and its policy want it.

A context is made when a connection comes and kept for the next one; it is made anew when a certificate is imported
again or the policy changes, for it is found by what is in it. Nothing of it is part of the sandbox's state.
"""

from __future__ import annotations

import functools
import ssl
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plinkctl.sandbox.elb import tls
from plinkctl.sandbox.names import certificates
from plinkctl.sandbox.names.domains import covers

if TYPE_CHECKING:
    from plinkctl.sandbox.names.certificates import Certificate

_VERSIONS: Final = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
_KEPT: Final = 128


def context(listener: Any) -> ssl.SSLContext:
    """What takes a connection at a listener. A client that names a host is shown the certificate made out to it.

    The caller holds the world's lock; the context may be used without it.
    """
    known = [found for arn in certificates.certificates_of(listener) if (found := certificates.find(arn))]
    arguments = (tls.versions(listener), tls.ciphers(listener))
    made = [_context(one.body, one.key, one.chain, *arguments) for one in known]
    if len(made) == 1:
        return made[0]
    # The contexts are shared by listeners, the choice between them is not.
    first = _load(known[0].body, known[0].key, known[0].chain, *arguments)
    choices = [(_plain(one), two) for one, two in zip(known, made, strict=True)]

    def choose(connection: ssl.SSLObject, host: str | None, _: ssl.SSLContext) -> None:
        # An exact name before a wildcard, as the load balancer does it; the default one for whoever fits none.
        fitting = [(names, made_for) for names, made_for in choices if host and _fits(names, host)]
        exact = [made_for for names, made_for in fitting if host in names]
        for chosen in [*exact, *(made_for for _, made_for in fitting)][:1]:
            connection.context = chosen

    first.sni_callback = choose
    return first


def _plain(certificate: Certificate) -> tuple[str, ...]:
    return tuple(name.lower() for name in certificate.names)


def _fits(names: tuple[str, ...], host: str) -> bool:
    return any(covers(name, host) for name in names)


def _load(body: str, key: str, chain: str, versions: tuple[str, ...], ciphers: tuple[str, ...]) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings():
        # The versions before 1.2 are what an old policy is for.
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version = min(_VERSIONS[one] for one in versions)
        made.maximum_version = max(_VERSIONS[one] for one in versions)
    if ciphers:
        made.set_ciphers(":".join(ciphers))
    made.set_alpn_protocols(["http/1.1"])
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{body}\n{chain}\n{key}")
        file.flush()
        made.load_cert_chain(Path(file.name))
    return made


_context = functools.lru_cache(maxsize=_KEPT)(_load)
