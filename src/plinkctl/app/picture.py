"""The link as a drawing shows it: a plain mapping of what the states know (render/diagram.py draws it)."""

from collections.abc import Mapping
from typing import Any

from plinkctl.app.run import Run
from plinkctl.link import Side
from plinkctl.state import Record, State
from plinkctl.topology import ACCEPTANCE


def picture(run: Run) -> dict[str, Any]:
    """Both sides as far as their states are here; read without lock or call."""
    provider, consumer = run.glimpse(Side.PROVIDER), run.glimpse(Side.CONSUMER)
    service = _hop(provider, "service", zones="zone_ids")
    endpoint = _record(consumer, "endpoint")
    if service is None and endpoint is not None:
        service = {"id": endpoint.attrs.get("service_name")}
    secured = _record(provider, "alb-tls-listener")
    listener = secured or _record(provider, "alb-listener")
    private = _record(consumer, "private-dns")
    accepted = _record(provider, ACCEPTANCE.partition("/")[2])
    return {
        "provider": _place(provider),
        "consumer": _place(consumer),
        "function": _hop(consumer, "function"),
        "endpoint": _noted(_hop(consumer, "endpoint", state="state"), private.id if private else None),
        "connection": _connection(endpoint, accepted),
        "service": service,
        "nlb": _hop(provider, "nlb"),
        "target_group": _hop(provider, "tls-targets") or _hop(provider, "target-group"),
        "alb": _noted(_hop(provider, "alb"), f"HTTPS on {secured.params['port']}" if secured else None),
        "response": _response(listener),
    }


def _place(state: State | None) -> dict[str, str] | None:
    return {"account": state.account, "region": state.region} if state is not None and state.live else None


def _record(state: State | None, name: str) -> Record | None:
    record = state.live.get(name) if state else None
    return record if record is not None and record.id else None


def _hop(of: State | None, name: str, /, **attrs: str) -> Mapping[str, Any] | None:
    record = _record(of, name)
    if record is None:
        return None
    found = {key: record.attrs[attr] for key, attr in attrs.items() if attr in record.attrs}
    return {"id": record.attrs.get("name", record.id), "borrowed": record.borrowed, **found}


def _noted(hop: Mapping[str, Any] | None, note: str | None) -> Mapping[str, Any] | None:
    return {**hop, "note": note} if hop is not None and note else hop


def _connection(endpoint: Record | None, accepted: Record | None) -> str | None:
    if endpoint is not None:
        return str(endpoint.attrs.get("state"))
    return "available" if accepted is not None else None


def _response(listener: Record | None) -> str | None:
    response = listener.params.get("response") if listener else None
    return f"{response['status']} {response['body']}" if response else None
