"""What a failed request looks like from inside the function, and what it means (aws-facts.md 7.12)."""

from collections.abc import Mapping
from typing import Any, Final

_EARLY: Final = "run plinkctl verify again in a minute; if it stays: plinkctl status"

# Words of the exception, what they mean, what to do. First match wins.
_SYMPTOMS: Final[tuple[tuple[str, str, str], ...]] = (
    ("gaierror", "the endpoint's DNS name does not resolve: the endpoint is not ready, or the VPC has DNS off", _EARLY),
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
