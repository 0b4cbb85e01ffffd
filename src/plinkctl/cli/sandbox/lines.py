"""One line for a person for each call and each flow. What matters comes first: a narrow terminal folds the rest."""

from collections.abc import Mapping
from typing import Any

from plinkctl.render.terminal import Style, clean, paint

Row = Mapping[str, Any]


def call_line(call: Row, *, color: bool) -> str:
    """`12  14:03:22.118  provider  ec2:CreateVpc  200  3.1 ms`, the error code, and the fault that fired."""
    refused = call["status"] >= 400
    style: Style = "bad" if refused else "good"
    parts = [
        *_head(call, color=color),
        clean(call["alias"] or call["account"] or "stranger"),
        paint(clean(f"{call['service']}:{call['action']}"), "strong", color=color),
        paint(f"{call['status']}", style, color=color),
        paint(f"{call['ms']} ms", "dim", color=color),
    ]
    if refused:
        parts.append(paint(clean(call["error"]), "bad", color=color))
    if call["fault"]:
        parts.append(paint(f"fault {clean(call['fault'])}", "warn", color=color))
    return "  ".join(parts)


def flow_line(flow: Row, *, color: bool) -> str:
    """`3  14:03:22.118  drop  10.1.0.5:80  no ingress rule of sg-…`, and the way it took."""
    good = flow["outcome"] == "ok"
    return "  ".join(
        [
            *_head(flow, color=color),
            paint(clean(flow["outcome"]), "good" if good else "bad", color=color),
            paint(clean(flow["target"]), "strong", color=color),
            clean(flow["reason"]),
            paint(clean(f"at {flow['hop']}, from {flow['source']}"), "dim", color=color),
        ]
    )


def _head(row: Row, *, color: bool) -> list[str]:
    """Number and time of the day; the day itself is in the JSON."""
    moment = str(row["time"]).partition("T")[2].partition("+")[0]
    return [paint(f"{row['number']}", "dim", color=color), paint(clean(moment), "dim", color=color)]
