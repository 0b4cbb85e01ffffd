"""What a fault rule can do to a call, in one table: the effects, when each may come, and what each takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: When the effect of the call lands: not at all, before the fault is seen, or some seconds of the clock after it.
#: `reply` is for signals only: the call is done and answered, and then the signal comes.
WHENS: Final = ("before", "after", "late", "reply")


@dataclass(frozen=True, slots=True)
class Form:
    """What one effect takes: when it may come (the first is the default), and keys beyond those every rule has."""

    whens: tuple[str, ...]
    needs: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()


EFFECTS: Final = {
    "error": Form(("before", "after", "late"), may=frozenset({"code", "message", "status", "body"})),
    "throttle": Form(("before",)),
    "expired": Form(("before",)),
    "denied": Form(("before",)),
    "reset": Form(("before", "after", "late")),
    "hang": Form(("before", "after", "late"), may=frozenset({"seconds"})),
    "half": Form(("after",)),
    "latency": Form(("before", "after"), needs=frozenset({"seconds"})),
    "missing": Form(("before",), may=frozenset({"code", "message", "status"})),
    "empty": Form(("after",)),
    "page": Form(("after",)),
    "stale": Form(("after",)),
    "unsuccessful": Form(("before",), may=frozenset({"code", "message"})),
    "failed": Form(("after",), may=frozenset({"code", "message"})),
    "rewrite": Form(("after",), needs=frozenset({"find", "put"})),
    "signal": Form(("before", "after", "reply", "late"), needs=frozenset({"signals"}), may=frozenset({"gap"})),
}
#: The calls of EC2 that say in a list which of several things they could not do.
UNSUCCESSFUL: Final = frozenset(
    {
        "AcceptVpcEndpointConnections",
        "RejectVpcEndpointConnections",
        "DeleteVpcEndpoints",
        "DeleteVpcEndpointServiceConfigurations",
        "DeleteVpcEndpointConnectionNotifications",
    }
)
#: The calls that make what can end `failed` after they were answered well, by service and action.
FAILING: Final = frozenset(
    {
        "ec2:CreateVpcEndpoint",
        "ec2:AcceptVpcEndpointConnections",
        "elasticloadbalancing:CreateLoadBalancer",
        "lambda:CreateFunction",
        "lambda:UpdateFunctionConfiguration",
    }
)
SIGNALS: Final = ("KILL", "TERM", "INT", "HUP", "STOP", "CONT")
BODIES: Final = ("aws", "html", "empty")
#: The longest anything here lets somebody wait, in real seconds.
LONGEST: Final = 3600.0
