"""The sandbox's own paths, `/_sandbox/...`: what no AWS has and the person at the keyboard wants.

They need the sandbox's token (`Authorization: Bearer ...`), which only the files of the sandbox's folder hold. Answers
are JSON. This module translates; it keeps nothing.

    GET  /_sandbox/status            what runs, since when, with which profile, and the clock
    POST /_sandbox/reset             forget every resource, call, flow and fault rule; accounts and keys stay
    GET  /_sandbox/calls?since=N     the API calls with a number above N
    GET  /_sandbox/flows?since=N     the decisions on connections with a number above N
    GET  /_sandbox/settings          how late, how small, how few: see `settings`
    POST /_sandbox/settings          any of what GET shows; null for the usual
    GET  /_sandbox/census            every resource of every account, as JSON
    POST /_sandbox/neighbours        {"link": name}: populate the accounts with other people's resources
    POST /_sandbox/clock             {"advance": seconds} and/or {"speed": factor}; 0 freezes
    GET  /_sandbox/faults            the fault rules with their counts, and how many effects are yet to land
    POST /_sandbox/faults            {"rules": [...]}: more rules, all or none; ?replace=1 puts them in place of all
    DELETE /_sandbox/faults?name=N   take that rule away, or without a name all
    POST /_sandbox/keep              put the world aside now, and say how that went
"""

from __future__ import annotations

import contextlib
import json
import math
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from werkzeug.wrappers import Response

from plinkctl.errors import StateError
from plinkctl.sandbox import neighbours, world
from plinkctl.sandbox.census import census
from plinkctl.sandbox.clock import LAST
from plinkctl.sandbox.door import catalogue, rules, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plinkctl.sandbox.door.gateway import Gateway

PREFIX: Final = "/_sandbox/"


def answer(gateway: Gateway, environ: dict[str, Any], body: bytes, *, token: str) -> Response:
    """The answer to a request for a control path."""
    given = environ.get("HTTP_AUTHORIZATION", "")
    if not secrets.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return _say({"error": "this path needs the sandbox's token"}, 403)
    asked = (environ.get("REQUEST_METHOD", ""), environ["PATH_INFO"].removeprefix(PREFIX))
    query = {name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
    if asked not in _PATHS:
        return _say({"error": f"no control path {asked[0]} {asked[1]}"}, 404)
    gateway.land()
    try:
        wish = _Wish(query, _parsed(body), environ["HTTP_HOST"])
        said = _PATHS[asked](gateway, wish)
        if asked[0] != "GET":
            gateway.changed()
        return _say(said)
    except rules.RulesError as error:
        return _say({"error": "the fault rules cannot be used; none was taken", "problems": error.problems}, 400)
    except (ValueError, OverflowError) as error:
        return _say({"error": str(error)}, 400)
    except LookupError as error:
        return _say({"error": str(error.args[0])}, 404)


def _parsed(body: bytes) -> Any:
    """The JSON of a body, None for an empty one. Raises ValueError."""
    try:
        return json.loads(body or b"null")
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is asked of a path: its query, the JSON that came with it (None without), and the address it came to."""

    query: Mapping[str, str]
    content: Any
    host: str


def _keep(gateway: Gateway, _wish: _Wish) -> Any:
    if gateway.keeper is None:
        raise LookupError("this sandbox is not put aside")
    with contextlib.suppress(StateError):  # it is in what is told
        gateway.keeper.write()
    return gateway.keeper.told()


def _calls(gateway: Gateway, wish: _Wish) -> Any:
    return [asdict(call) for call in gateway.calls.above(int(wish.query.get("since", 0)))]


def _flows(gateway: Gateway, wish: _Wish) -> Any:
    since = int(wish.query.get("since", 0))
    return [asdict(flow) for flow in list(gateway.fabric.flows) if flow.number > since]


def _reset(gateway: Gateway, _wish: _Wish) -> Any:
    reset(gateway)
    return status(gateway)


def _neighbours(gateway: Gateway, wish: _Wish) -> Any:
    neighbours.move_in(gateway.world, f"http://{wish.host}", {} if wish.content is None else wish.content)
    return census()


def _clock(gateway: Gateway, wish: _Wish) -> Any:
    set_clock(gateway.world.clock, wish.content)
    gateway.land()  # what was waiting for a moment that is past now
    return status(gateway)


def _settings(gateway: Gateway, wish: _Wish) -> Any:
    settings.change(gateway.world, {} if wish.content is None else wish.content)
    return settings.read(gateway.world)


def _faults(gateway: Gateway, _wish: _Wish) -> Any:
    faults = gateway.world.faults
    return {"rules": faults.told(), "landing": len(faults.late)}


def _set_faults(gateway: Gateway, wish: _Wish) -> Any:
    set_faults(gateway, wish.content, replace=wish.query.get("replace") == "1")
    return _faults(gateway, wish)


def _clear_faults(gateway: Gateway, wish: _Wish) -> Any:
    name = wish.query.get("name")
    faults = gateway.world.faults
    if not (gone := faults.clear(name)) and name is not None:
        known = ", ".join(rule.name for rule in faults.rules)
        raise LookupError(f"there is no fault rule {name!r}; " + (f"there are {known}" if known else "there is none"))
    return {"cleared": gone, "landing": len(faults.late)}


#: Each path and what it says. They raise ValueError for what makes no sense, LookupError for what is not there.
_PATHS: Final[dict[tuple[str, str], Callable[[Gateway, _Wish], Any]]] = {
    ("GET", "status"): lambda gateway, _wish: status(gateway),
    ("POST", "reset"): _reset,
    ("GET", "calls"): _calls,
    ("GET", "flows"): _flows,
    ("GET", "census"): lambda _gateway, _wish: census(),
    ("POST", "neighbours"): _neighbours,
    ("POST", "clock"): _clock,
    ("GET", "settings"): lambda gateway, _wish: settings.read(gateway.world),
    ("POST", "settings"): _settings,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _set_faults,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "keep"): _keep,
}


def set_faults(gateway: Gateway, document: Any, *, replace: bool) -> None:
    """Set fault rules from a JSON document, all or none. Raises rules.RulesError."""
    sandbox = gateway.world
    found = rules.read(
        document,
        accounts={account.alias: account.id for account in sandbox.accounts},
        actions=catalogue.actions,
        taken=[] if replace else [rule.name for rule in sandbox.faults.rules],
    )
    sandbox.faults.add(found, replace=replace)


def status(gateway: Gateway) -> dict[str, Any]:
    """What runs: profile, accounts, region, clock, how much has happened, and whether it is put aside."""
    sandbox = gateway.world
    return {
        "profile": sandbox.profile.name,
        "region": sandbox.region,
        "accounts": {account.alias: account.id for account in sandbox.accounts},
        "clock": {"now": world.moment(sandbox.clock.now()).isoformat(), "speed": sandbox.clock.speed},
        "calls": gateway.calls.last,
        "flows": gateway.fabric.flows[-1].number if gateway.fabric.flows else 0,
        "faults": len(sandbox.faults.rules),
        "landing": len(sandbox.faults.late),
        "idle_seconds": round(gateway.idle(), 1),
        "kept": gateway.keeper.told() if gateway.keeper else None,
    }


def reset(gateway: Gateway) -> None:
    """Forget every resource, both logs and the fault rules."""
    world.reset()
    gateway.calls.forget()
    gateway.fabric.flows.clear()


def set_clock(clock: world.Clock, wish: Any) -> None:
    """Move the clock, or change its speed. Raises ValueError for anything but two finite numbers of 0 or more."""
    if not isinstance(wish, dict) or not wish or wish.keys() - {"advance", "speed"}:
        raise ValueError('the clock takes {"advance": seconds} and/or {"speed": factor}')
    for name, value in wish.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise ValueError(f"{name} must be a number of 0 or more, not {value!r}")
    if clock.now() + wish.get("advance", 0) > LAST:
        raise ValueError(f"the clock ends in the year {world.moment(LAST).year}")
    if "advance" in wish:
        clock.advance(float(wish["advance"]))
    if "speed" in wish:
        clock.speed = float(wish["speed"])


def _say(content: Any, status_code: int = 200) -> Response:
    return Response(json.dumps(content) + "\n", status=status_code, content_type="application/json")
