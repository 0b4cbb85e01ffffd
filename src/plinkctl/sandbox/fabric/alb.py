"""What an application load balancer answers to a request: rules by priority, then the default action.

Pure: a listener of moto's and a request in, an answer out. Fixed responses and redirects are answered; a forward to
instances, addresses or functions ends in the error AWS gives when no target can be reached, because none runs here.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request as the load balancer sees it; header names in lower case.

    Attributes:
        source: address of the caller as it arrives, which through a network load balancer is that one's own.
        port: the listener's port.
        scheme: http or https.
    """

    method: str = "GET"
    path: str = "/"
    query: str = ""
    host: str = ""
    source: str = ""
    port: int = 80
    scheme: str = "http"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status, content type (none without a body), body, further headers."""

    status: int
    content_type: str = ""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def respond(listener: Any, request: Request) -> Answer:
    """The answer of the first rule that fits, by priority; of the default action if none does."""
    rules = sorted(listener._non_default_rules.values(), key=lambda rule: int(rule.priority))
    fitting = (rule.actions for rule in rules if all(_fits(condition, request) for condition in rule.conditions))
    actions = next(fitting, listener.default_actions)
    final = [action for action in actions if action.type in ("fixed-response", "redirect", "forward")]
    return _act(final[-1].type, final[-1].data, request) if final else page(HTTPStatus.INTERNAL_SERVER_ERROR)


def _act(kind: str, data: Mapping[str, Any], request: Request) -> Answer:
    if kind == "fixed-response":
        config = data["FixedResponseConfig"]
        body = (config.get("MessageBody") or "").encode()
        return Answer(int(config["StatusCode"]), (config.get("ContentType") or "text/plain") if body else "", body)
    if kind == "redirect":
        config = data["RedirectConfig"]
        status = int(config["StatusCode"].removeprefix("HTTP_"))
        return Answer(status, headers=(("Location", _location(config, request)),))
    # What AWS says with an empty target group, and what it says when its targets do not take the connection.
    return page(HTTPStatus.SERVICE_UNAVAILABLE)


def _location(config: Mapping[str, Any], request: Request) -> str:
    """Where a redirect points: each part from the configuration, or the request's own in its place."""
    host = request.host.partition(":")[0]
    own = {
        "protocol": request.scheme.upper(),
        "host": host,
        "port": str(request.port),
        "path": request.path.lstrip("/"),
        "query": request.query,
    }

    def part(name: str, default: str) -> str:
        wanted = config.get(name) or default
        return re.sub(r"#\{(\w+)\}", lambda found: own.get(found.group(1), found.group(0)), wanted)

    scheme, port = part("Protocol", "#{protocol}").lower(), part("Port", "#{port}")
    suffix = "" if (scheme, port) in (("http", "80"), ("https", "443")) else f":{port}"
    query = part("Query", "#{query}")
    place = part("Path", "/#{path}")
    return f"{scheme}://{part('Host', '#{host}')}{suffix}{place}{'?' + query if query else ''}"


def page(status: HTTPStatus, words: str = "") -> Answer:
    """The load balancer's own page for an error, with AWS's words for it if there are any besides the status."""
    title = f"{status.value} {status.phrase}"
    body = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>{words or title}</body>\r\n</html>\r\n"
    return Answer(status.value, "text/html", body.encode())


def _fits(condition: Mapping[str, Any], request: Request) -> bool:
    match condition["Field"]:
        case "path-pattern":
            return _any(_values(condition, "PathPatternConfig"), request.path)
        case "host-header":
            return _any(_values(condition, "HostHeaderConfig"), request.host.partition(":")[0], fold=True)
        case "http-header":
            config = condition["HttpHeaderConfig"]
            value = request.headers.get(config["HttpHeaderName"].lower())
            return value is not None and _any(config["Values"], value, fold=True)
        case "http-request-method":
            return request.method in _values(condition, "HttpRequestMethodConfig")
        case "source-ip":
            address = ipaddress.ip_address(request.source)
            return any(address in ipaddress.ip_network(one) for one in _values(condition, "SourceIpConfig"))
        case "query-string":
            pairs = [pair.partition("=")[::2] for pair in request.query.split("&") if pair]
            wanted = condition["QueryStringConfig"]["Values"]
            return any(_pair_fits(one, key, value) for one in wanted for key, value in pairs)
        case _:
            return False


def _pair_fits(wanted: Mapping[str, str], key: str, value: str) -> bool:
    return (not wanted.get("Key") or _any([wanted["Key"]], key, fold=True)) and _any(
        [wanted["Value"]], value, fold=True
    )


def _values(condition: Mapping[str, Any], config: str) -> Sequence[str]:
    """The values of a condition, which AWS takes in an old and in a new place."""
    return (condition.get(config) or {}).get("Values") or condition.get("Values") or ()


def _any(patterns: Sequence[str], text: str, *, fold: bool = False) -> bool:
    """Whether one of the patterns (`*` any characters, `?` one) is the whole text."""
    flags = re.IGNORECASE if fold else 0
    escaped = (re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".") for pattern in patterns)
    return any(re.fullmatch(pattern, text, flags) for pattern in escaped)
