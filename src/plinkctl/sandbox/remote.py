"""What a command asks of a running sandbox: its control paths, over HTTP, as plain functions.

Only the standard library is used, so that `sandbox status` does not load moto. `control` is the other end.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from plinkctl.errors import PlinkError, UsageError

if TYPE_CHECKING:
    from plinkctl.sandbox.daemon import Running

_TIMEOUT: Final = 10.0
#: Never through a proxy: the sandbox is on this machine, whatever HTTP_PROXY says.
_opener: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def status(running: Running) -> dict[str, Any]:
    """Profile, region, accounts by alias, clock (`now`, `speed`), numbers of the last call and flow, idle seconds;
    in `kept` what `keep` says, or None.
    """
    return dict(_ask(running, "GET", "status"))


def reset(running: Running) -> None:
    """Forget every resource of both accounts, both logs and the fault rules; keys and accounts stay."""
    _ask(running, "POST", "reset")


def keep(running: Running) -> dict[str, Any]:
    """Put the world aside now: when it was `taken`, its `size` in bytes, and what `trouble` there is, or None.

    Raises:
        PlinkError: it is one that is not put aside.
    """
    return dict(_ask(running, "POST", "keep"))


def calls(running: Running, *, since: int = 0) -> list[dict[str, Any]]:
    """The API calls with a number above `since`, oldest first (the fields of `calls.Call`)."""
    return list(_ask(running, "GET", f"calls?since={since}"))


def flows(running: Running, *, since: int = 0) -> list[dict[str, Any]]:
    """The decisions on connections and names with a number above `since`, oldest first (`fabric.wire.Flow`)."""
    return list(_ask(running, "GET", f"flows?since={since}"))


def census(running: Running) -> list[dict[str, Any]]:
    """Everything there is, by account, region, kind and ID, with tags and settings (see `sandbox.census`)."""
    return list(_ask(running, "GET", "census"))


def neighbours(running: Running, link: str = "default") -> list[dict[str, Any]]:
    """Populate both accounts with other people's resources that look like those of a link; the census with them."""
    return list(_ask(running, "POST", "neighbours", {"link": link}))


def set_clock(running: Running, *, advance: float | None = None, speed: float | None = None) -> dict[str, Any]:
    """Move the sandbox's clock ahead by `advance` seconds, or let it run `speed` times as fast (0 freezes it)."""
    wish = {name: value for name, value in (("advance", advance), ("speed", speed)) if value is not None}
    return dict(_ask(running, "POST", "clock", wish))


def settings(running: Running, **wish: Any) -> dict[str, Any]:
    """The settings in force (`door.settings`), after those given were taken over; None takes one back."""
    return dict(_ask(running, "POST", "settings", wish) if wish else _ask(running, "GET", "settings"))


def faults(running: Running) -> dict[str, Any]:
    """The fault rules in `rules`, each with how many calls it `matched` and `fired` on; `landing` late effects wait."""
    return dict(_ask(running, "GET", "faults"))


def set_faults(running: Running, document: Any, *, replace: bool = False) -> dict[str, Any]:
    """Set the fault rules of a document (`door/rules.py`) beside those there are, or in their place.

    Raises:
        UsageError: some are wrong; `problems` has them all, and none was set.
    """
    return dict(_ask(running, "POST", f"faults?replace={int(replace)}", document))


def clear_faults(running: Running, name: str | None = None) -> int:
    """Take that fault rule away, or all; how many went. Raises PlinkError when there is none of that name."""
    path = "faults" if name is None else f"faults?name={quote(name)}"
    return int(_ask(running, "DELETE", path)["cleared"])


def _ask(running: Running, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(  # noqa: S310 - the URL is http on loopback, from our own file
        f"{running.url}/_sandbox/{path}",
        method=method,
        headers={"Authorization": f"Bearer {running.token}", "Content-Type": "application/json"},
        data=json.dumps(body).encode() if body is not None else None,
    )
    try:
        with _opener.open(request, timeout=_TIMEOUT) as response:
            return _read(running, response)
    except urllib.error.HTTPError as error:
        said = _read(running, error)
        words = str(said.get("error") or f"the sandbox refused {method} {path}")
        if problems := said.get("problems"):
            raise UsageError(words, problems=tuple(problems), code="bad_faults") from error
        raise (UsageError if error.code == HTTPStatus.BAD_REQUEST else PlinkError)(words) from error
    except OSError as error:
        raise PlinkError(
            f"the sandbox at {running.url} does not answer", why=str(error), hint=f"cat {running.log_file}"
        ) from error


def _read(running: Running, answer: Any) -> Any:
    """The JSON of an answer. Raises PlinkError where it is none, as when something else listens there."""
    content = answer.read()
    try:
        return json.loads(content or b"{}")
    except ValueError as error:
        raise PlinkError(f"what answers at {running.url} is no sandbox", hint=f"cat {running.log_file}") from error
