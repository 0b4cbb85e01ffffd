"""Secrets taken out of texts that are shown or kept. A leaf: it imports nothing of ours.

AWS quotes requests in its errors (`SignatureDoesNotMatch` comes with every signed header, the session token among
them), and helper programs print what they like. So whatever becomes an error, a log line or a crash file passes
through `redacted`: first the secrets this process has seen itself, then everything that has the form of one.
"""

import logging
import re
import sys
from typing import Final

GONE: Final = "[redacted]"

_SHORTEST: Final = 8  # a shorter "secret" is none, and taking it out would spoil ordinary words
_known: set[str] = set()

_FORMS: Final = re.compile(
    r"""
      -----BEGIN\ [A-Z ]*-----.*?(?:-----END\ [A-Z ]*-----|\Z)    # PEM, cut off or not
    | LS0tLS1CRUdJTi[A-Za-z0-9+/=\s]*                              # PEM in base64
    | (?:AKIA|ASIA)[A-Z0-9]{12,124}                               # access key IDs
    # A secret key: 40 characters of all sorts by themselves. Session tokens are far longer. Neither begins like a path;
    # and what EC2 says in code of a denial, for `aws sts decode-authorization-message`, has hyphens in it, and stays.
    # A body that cannot be parsed is quoted, with `\\n` for its line breaks.
    | (?:(?<![\w/+=-])|(?<=\\[nrt]))(?!/)(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?=[^0-9]*[0-9])[A-Za-z0-9/+]{40}(?![\w/+=-])
    | (?:(?<![\w/+=-])|(?<=\\[nrt]))(?!/)[A-Za-z0-9/+=]{128,}(?![\w/+=-])
    """,
    re.VERBOSE | re.DOTALL,
)
# A name that announces a secret, and what follows it, in headers, addresses, JSON, XML and environments alike.
_NAMED: Final = re.compile(
    r"""
    (?P<name>
        x-amz-security-token | x-amz-credential | x-amz-signature | authorization | signature | credential
      | aws_?secret_?access_?key | secret_?access_?key | aws_?session_?token | session_?token | security_?token
      | external_?id | password
    )
    (?P<between>["']?\s*(?:%3D|=|:|>)\s*["']?)
    (?P<scheme>AWS4-HMAC-SHA256\s|Bearer\s|Basic\s)?
    [^\s"'<>&,;]+
    """,
    re.VERBOSE | re.IGNORECASE,
)
_USER_OF_URL: Final = re.compile(r"(?<=://)[^/\s@]+(?=@)")


def know(*secrets: str | None) -> None:
    """Remember secrets of this process, so that they are taken out wherever they turn up, whatever their form."""
    _known.update(secret for secret in secrets if secret and len(secret) >= _SHORTEST)


def redacted(text: str) -> str:
    """The text without secrets; unchanged where it has none."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, GONE)
    text = _USER_OF_URL.sub(GONE, text)
    text = _FORMS.sub(GONE, text)
    return _NAMED.sub(lambda found: f"{found['name']}{found['between']}{found['scheme'] or ''}{GONE}", text)


class Redacting(logging.Filter):
    """Takes secrets out of log records, whoever wrote them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes, redacted, its traceback too."""
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{logging.Formatter().formatException(record.exc_info)}"
        record.msg, record.args, record.exc_info, record.exc_text = redacted(text), (), None, None
        return True


def guard_logs() -> None:
    """Let the warnings of libraries reach stderr, and no secret with them. Their debug logs hold all there are."""
    root = logging.getLogger()
    if not any(isinstance(one, Redacting) for handler in root.handlers for one in handler.filters):
        handler = logging.StreamHandler(sys.stderr)
        handler.setLevel(logging.WARNING)
        handler.addFilter(Redacting())
        root.addHandler(handler)
