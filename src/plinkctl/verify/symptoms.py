"""What a failed request looks like from inside the function, and what it means (aws-facts.md 7.12)."""

from collections.abc import Mapping
from typing import Any, Final

_TRUST: Final = "--ca-file FILE (consumer.ca_file) names the authority, if the provider's is not a public one"
_EARLY: Final = "run plinkctl verify again in a minute; if it stays: plinkctl status"

# Words of the exception, what they mean, what to do. First match wins.
_SYMPTOMS: Final[tuple[tuple[str, str, str], ...]] = (
    ("gaierror", "the endpoint's DNS name does not resolve: the endpoint is not ready, or the VPC has DNS off", _EARLY),
    (
        "Hostname mismatch",
        "the certificate is for other names than the one that was asked for",
        "--server-name NAME (consumer.server_name) names the one it is for; or the provider takes another certificate",
    ),
    ("certificate has expired", "the provider's certificate has expired", "plinkctl provider up"),
    ("self-signed certificate", "the certificate's authority is not trusted here", _TRUST),
    ("self signed certificate", "the certificate's authority is not trusted here", _TRUST),
    ("unable to get local issuer", "the certificate's authority is not trusted here", _TRUST),
    ("WRONG_VERSION_NUMBER", "what answers on that port does not speak TLS", "consumer.port and https must fit"),
    ("SSL", "TLS could not be agreed upon", "provider.tls.policy says which versions the provider takes"),
    (
        "ConnectionRefusedError",
        "the connection was refused: no listener on that port, or no target behind the NLB",
        "plinkctl provider up",
    ),
    (
        "ConnectionResetError",
        "the connection was reset: no listener on that port, or no healthy target behind the NLB",
        "plinkctl provider up",
    ),
    (
        "TimeoutError",
        "the connection timed out: a security group drops it, or no target in the endpoint's zone answers",
        "plinkctl provider up and consumer up put the rules back; with enforce_inbound_rules, check consumer_cidrs",
    ),
    ("Task timed out", "the function ran out of time before its request did", "plinkctl consumer up"),
    ("Sandbox.Timedout", "the function ran out of time before its request did", "plinkctl consumer up"),
)


def symptom(payload: Mapping[str, Any]) -> tuple[str, str]:
    """What went wrong and what to do, from the error Lambda reports.

    Args:
        payload: Lambda's error object: `errorType`, `errorMessage`.
    """
    kind, message = str(payload.get("errorType", "")), str(payload.get("errorMessage", ""))
    text = f"{kind}: {message}".strip(": ")
    for words, meaning, fix in _SYMPTOMS:
        if words in text:
            return f"{meaning} ({text})", fix
    return f"the function failed: {text or 'it gave no reason'}", "look at the function's log group"
