"""AWS's Signature Version 4, checked: whether whoever sent a request holds the secret of the key it names.

By the guide "Create a signed AWS API request" and S3's "Authenticating Requests". Signatures come in the Authorization
header or, presigned, in the query. The signatures of single chunks of a stream are not looked at, that of the whole is.
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

Fault = Literal["wrong", "early", "late", "body"]

#: How far clocks may be apart (seconds): 15 minutes for every service that says.
_SKEW: Final = 15 * 60
#: A presigned request is good for a week at most.
_LONGEST: Final = 7 * 24 * 3600
_HEADER: Final = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<credential>[^, ]+), *SignedHeaders=(?P<headers>[^, ]+), *"
    r"Signature=(?P<signature>[0-9a-f]+)\s*"
)


@dataclass(frozen=True, slots=True)
class Signed:
    """How a request is signed.

    Attributes:
        key, day, region, service: the parts of the credential.
        headers: the names of the headers that are signed, in order.
        signature: 64 hexadecimal digits.
        moment: `YYYYMMDDThhmmssZ`, when it was signed.
        token: of the session; empty without one.
        lasts: seconds a presigned request is good for; None for one signed in its header.
    """

    key: str
    day: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str
    moment: str
    token: str
    lasts: int | None


def read(environ: Mapping[str, Any]) -> Signed | None:
    """How a WSGI request is signed; None if not with Version 4."""
    query = dict(_pairs(environ.get("QUERY_STRING", "")))
    if found := _HEADER.fullmatch(environ.get("HTTP_AUTHORIZATION", "").strip()):
        credential, headers, signature = found.group("credential", "headers", "signature")
        moment, token, lasts = environ.get("HTTP_X_AMZ_DATE", ""), environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""), None
    elif query.get("X-Amz-Algorithm") == "AWS4-HMAC-SHA256":
        credential, headers = query.get("X-Amz-Credential", ""), query.get("X-Amz-SignedHeaders", "")
        signature, moment = query.get("X-Amz-Signature", ""), query.get("X-Amz-Date", "")
        token, stated = query.get("X-Amz-Security-Token", ""), query.get("X-Amz-Expires", "")
        lasts = int(stated) if re.fullmatch(r"[0-9]{1,6}", stated) else 0
    else:
        return None
    parts = credential.split("/")
    if len(parts) != 5 or parts[4] != "aws4_request" or not re.fullmatch(r"[A-Z0-9]{16,128}", parts[0]):
        return None
    key, day, region, service, _ = parts
    return Signed(key, day, region, service, tuple(headers.lower().split(";")), signature, moment, token, lasts)


def fault(signed: Signed, environ: Mapping[str, Any], body: bytes, secret: str, now: float) -> Fault | None:
    """What is wrong with a signature, or None.

    Args:
        now: the real time (seconds since the epoch): callers sign by their own clock, whatever the sandbox's says.
    """
    if not re.fullmatch(r"\d{8}T\d{6}Z", signed.moment):
        return "wrong"
    stated = environ.get("HTTP_X_AMZ_CONTENT_SHA256")
    content = stated or ("UNSIGNED-PAYLOAD" if signed.lasts is not None and signed.service == "s3" else _hash(body))
    expected = _signature(signed, _canonical(signed, environ, content), secret)
    if not secrets.compare_digest(expected, signed.signature) or not signed.moment.startswith(signed.day):
        return "wrong"
    if stated and re.fullmatch(r"[0-9a-f]{64}", stated) and stated != _hash(body):
        return "body"
    try:
        age = now - calendar.timegm(time.strptime(signed.moment, "%Y%m%dT%H%M%SZ"))
    except ValueError:  # digits, but no day of any year
        return "wrong"
    if age < -_SKEW:
        return "early"
    good = _SKEW if signed.lasts is None else min(signed.lasts, _LONGEST)
    return "late" if age > good else None


def _canonical(signed: Signed, environ: Mapping[str, Any], content: str) -> str:
    """The request in the one form both sides can write."""
    path = str(environ.get("REQUEST_URI") or quote(environ.get("PATH_INFO", "/"))).partition("?")[0] or "/"
    # S3 takes a path once encoded and as it is, everybody else encoded again and without dots.
    path = quote(unquote(path), safe="/~") if signed.service == "s3" else quote(_without_dots(path), safe="/~")
    query = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in _pairs(environ.get("QUERY_STRING", ""))
        if name != "X-Amz-Signature"
    )
    headers = "".join(f"{name}:{_header(environ, name)}\n" for name in signed.headers)
    return "\n".join(
        [
            str(environ.get("REQUEST_METHOD", "")),
            path,
            "&".join(f"{name}={value}" for name, value in query),
            headers,
            ";".join(signed.headers),
            content,
        ]
    )


def _signature(signed: Signed, canonical: str, secret: str) -> str:
    scope = f"{signed.day}/{signed.region}/{signed.service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{signed.moment}\n{scope}\n{_hash(canonical.encode())}"
    key = f"AWS4{secret}".encode()
    for part in (signed.day, signed.region, signed.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _header(environ: Mapping[str, Any], name: str) -> str:
    plain = name.upper().replace("-", "_")
    value = environ.get(plain if plain in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{plain}", "")
    return " ".join(str(value).encode("latin-1", "replace").decode("utf-8", "replace").split())


def _without_dots(path: str) -> str:
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            kept = kept[:-1]
        elif part not in ("", "."):
            kept.append(part)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")


def _pairs(query: str) -> list[tuple[str, str]]:
    """The query's names and values; a `+` is a plus here, not a space."""
    parts = [part.partition("=") for part in query.split("&") if part]
    return [(unquote(name), unquote(value)) for name, _, value in parts]


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
