"""The sandbox's own paths, `/_sandbox/...`: what no AWS has and the person at the keyboard wants.

They need the sandbox's token (`Authorization: Bearer ...`), which only the files of the sandbox's folder hold. Answers
are JSON. This module translates; it keeps nothing.

    GET  /_sandbox/status            what runs, since when, with which profile, and the clock
    POST /_sandbox/reset             forget every resource, call and flow; accounts and keys stay
    GET  /_sandbox/calls?since=N     the API calls with a number above N
    GET  /_sandbox/flows?since=N     the decisions on connections with a number above N
    GET  /_sandbox/settings          how late, how small, how few: see `settings`
    POST /_sandbox/settings          {"seed", "visibility", "page_size", "quotas"}, any of them; null for the usual
    GET  /_sandbox/census            every resource of every account, as JSON
    POST /_sandbox/neighbours        {"link": name}: populate the accounts with other people's resources
    POST /_sandbox/clock             {"advance": seconds} and/or {"speed": factor}; 0 freezes
"""

from __future__ import annotations

import json
import math
import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from werkzeug.wrappers import Response

from plinkctl.sandbox import neighbours, world
from plinkctl.sandbox.census import census
from plinkctl.sandbox.door import settings

if TYPE_CHECKING:
    from plinkctl.sandbox.door.gateway import Gateway

PREFIX: Final = "/_sandbox/"


def answer(gateway: Gateway, environ: dict[str, Any], body: bytes, *, token: str) -> Response:
    """The answer to a request for a control path."""
    given = environ.get("HTTP_AUTHORIZATION", "")
    if not secrets.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return _say({"error": "this path needs the sandbox's token"}, 403)
    asked = (environ.get("REQUEST_METHOD", ""), environ["PATH_INFO"].removeprefix(PREFIX))
    try:
        since = int(parse_qs(environ.get("QUERY_STRING", "")).get("since", ["0"])[0])
        match asked:
            case "GET", "status":
                return _say(status(gateway))
            case "POST", "reset":
                reset(gateway)
                return _say(status(gateway))
            case "GET", "calls":
                return _say([asdict(call) for call in list(gateway.calls) if call.number > since])
            case "GET", "flows":
                return _say([asdict(flow) for flow in list(gateway.fabric.flows) if flow.number > since])
            case "GET", "census":
                return _say(census())
            case "POST", "neighbours":
                neighbours.move_in(gateway.world, f"http://{environ['HTTP_HOST']}", json.loads(body or b"{}"))
                return _say(census())
            case "POST", "clock":
                set_clock(gateway.world.clock, json.loads(body or b"{}"))
                return _say(status(gateway))
            case "GET", "settings":
                return _say(settings.read(gateway.world))
            case "POST", "settings":
                settings.change(gateway.world, json.loads(body or b"{}"))
                return _say(settings.read(gateway.world))
            case _:
                return _say({"error": f"no control path {asked[0]} {asked[1]}"}, 404)
    except ValueError as error:
        return _say({"error": str(error)}, 400)


def status(gateway: Gateway) -> dict[str, Any]:
    """What runs: profile, accounts, region, clock, and how much has happened."""
    sandbox = gateway.world
    return {
        "profile": sandbox.profile.name,
        "region": sandbox.region,
        "accounts": {account.alias: account.id for account in sandbox.accounts},
        "clock": {"now": world.moment(sandbox.clock.now()).isoformat(), "speed": sandbox.clock.speed},
        "calls": gateway.calls[-1].number if gateway.calls else 0,
        "flows": gateway.fabric.flows[-1].number if gateway.fabric.flows else 0,
        "idle_seconds": round(gateway.idle(), 1),
    }


def reset(gateway: Gateway) -> None:
    """Forget every resource and both logs."""
    world.reset()
    gateway.forget_calls()
    gateway.fabric.flows.clear()


def set_clock(clock: world.Clock, wish: Any) -> None:
    """Move the clock, or change its speed. Raises ValueError for anything but two finite numbers of 0 or more."""
    if not isinstance(wish, dict) or not wish or wish.keys() - {"advance", "speed"}:
        raise ValueError('the clock takes {"advance": seconds} and/or {"speed": factor}')
    for name, value in wish.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise ValueError(f"{name} must be a number of 0 or more, not {value!r}")
    if "advance" in wish:
        clock.advance(float(wish["advance"]))
    if "speed" in wish:
        clock.speed = float(wish["speed"])


def _say(content: Any, status_code: int = 200) -> Response:
    return Response(json.dumps(content) + "\n", status=status_code, content_type="application/json")
