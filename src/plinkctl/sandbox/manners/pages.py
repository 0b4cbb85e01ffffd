"""Lists in pages: every service has its own words for the size of a page and where it begins, and one way to cut it.

Which parameters those are is read from botocore's description of its paginators. moto pages some lists, each in its own
way, and gives the others whole; here its pages are put together and cut anew, so that all lists are cut alike.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.core.utils import get_pagination_model

from plinkctl.sandbox import world

if TYPE_CHECKING:
    from collections.abc import Callable

#: How many items a page has when nobody says, by service; others have 100. Of the API references.
_USUAL: Final = {"ec2": 1000, "elbv2": 400, "iam": 100, "lambda": 50, "logs": 50}
_EXCEPT: Final = {"FilterLogEvents": 10_000}
#: The most it has when somebody says more, where that is another number. EC2 and Lambda document that more is taken and
#: not given; of the others it is not known.
_MOST: Final = {"iam": 1000}

#: How each service refuses a token it has not given.
_BAD_TOKEN: Final = {
    "ec2": ("InvalidNextToken", "The token '{}' is invalid"),
    "elbv2": ("ValidationError", "The marker '{}' is not valid"),
    "iam": ("ValidationError", "Invalid Marker: {}"),
    "lambda": ("InvalidParameterValueException", "Invalid Marker: {}"),
    "logs": ("InvalidParameterException", "The specified nextToken is invalid: {}"),
}

#: Lists that go on from a key or a number of the caller's own, not from a token: these are moto's to cut.
_BY_KEY: Final = {"dynamodb": ("Query", "Scan"), "s3": ("ListParts",)}

#: More of moto's own pages than any list of a sandbox has.
_ENOUGH: Final = 10_000


class PageError(ServiceException):
    """A refusal in whichever service's protocol; moto takes an exception of its own module for the core's."""


@dataclass(frozen=True, slots=True)
class Paginator:
    """How one action is paged: the parameters it takes, and the keys of its answer.

    Attributes:
        start, size: the parameters for the token and for the size of a page.
        following: the key under which the answer has the next token.
        truncated: the key under which it says that there is more, if it has one.
        lists: the keys of what is cut.
    """

    start: str
    size: str
    following: str
    truncated: str | None
    lists: tuple[str, ...]


@functools.cache
def _paginators(service: str) -> dict[str, Paginator]:
    """The paged actions of a service, as botocore has them; none for a service it does not know."""
    try:
        told = get_pagination_model(service)
    except Exception:  # noqa: BLE001 - botocore's errors for a service without paginators have no common base
        return {}
    found = {}
    for action, one in told.items():
        lists = one["result_key"] if isinstance(one["result_key"], list) else [one["result_key"]]
        simple = all(isinstance(one[name], str) for name in ("input_token", "output_token"))
        if simple and "limit_key" in one and action not in _BY_KEY.get(service, ()):
            found[action] = Paginator(
                one["input_token"], one["limit_key"], one["output_token"], one.get("more_results"), tuple(lists)
            )
    return found


def paged(response: Any, action: str, method: Callable[[], Any]) -> Any:
    """What `method` answers, one page of it, as the request and the world ask.

    Raises:
        PageError: the service's own code, for a token this action has not given or a size below 1.
    """
    service = response.boto3_service_name
    paginator = _paginators(service).get(action)
    if paginator is None:
        return method()
    start = _read(service, action, _take(response, paginator.start))
    size = _size(service, action, _take(response, paginator.size))
    whole, wrap = _whole(response, paginator, method)
    if whole is None:
        return wrap(None)
    first = whole.get(paginator.lists[0]) or []
    length = len(first)
    for key in paginator.lists:
        # Lists beside the first are cut in step with it when they go with it item by item, and else given whole.
        if key in whole and len(whole[key] or []) == length:
            whole[key] = (whole[key] or [])[start : start + size]
    more = start + size < length
    whole[paginator.following] = _write(action, start + size) if more else None
    if not more:
        del whole[paginator.following]
    if paginator.truncated:
        whole[paginator.truncated] = more
    return wrap(whole)


def going_on(service: str, action: str) -> dict[str, Any]:
    """What an answer says after which the list is yet to begin; nothing when the action is not paged."""
    paginator = _paginators(service).get(action)
    if paginator is None:
        return {}
    more = {paginator.truncated: True} if paginator.truncated else {}
    return {**more, paginator.following: _write(action, 0)}


def _size(service: str, action: str, asked: Any) -> int:
    sizes = [_EXCEPT.get(action) or _USUAL.get(service, 100)]
    if asked is not None:
        if not str(asked).isdecimal() or int(asked) < 1:
            code = "InvalidParameterValue" if service == "ec2" else "ValidationError"
            raise PageError(code, f"The size of a page must be a number of 1 or more, not '{asked}'")
        sizes = [int(asked), _MOST.get(service, sizes[0])]
    if (largest := world.current().page_size) is not None:
        sizes.append(largest)
    return min(sizes)


def _write(action: str, start: int) -> str:
    return base64.urlsafe_b64encode(f"{action} {start}".encode()).decode()


def _read(service: str, action: str, token: str | None) -> int:
    """Where the page begins. Raises PageError."""
    if token is None:
        return 0
    try:
        given, _, start = base64.urlsafe_b64decode(token.encode()).decode().partition(" ")
    except (binascii.Error, ValueError):
        given, start = "", ""
    if given != action or not start.isdecimal():
        code, message = _BAD_TOKEN.get(service, ("ValidationException", "The token '{}' is invalid"))
        raise PageError(code, message.format(token))
    return int(start)


def _take(response: Any, name: str) -> Any:
    """A parameter of the request, which moto then does not see."""
    value = response._get_param(name)
    _put(response, name, None)
    return value


def _put(response: Any, name: str, value: Any) -> None:
    """Set or (with None) remove a parameter of the request, wherever its protocol has it."""
    if response.automated_parameter_parsing:
        places = [(response.params, value)]
    else:
        places = [(response.querystring, [value])]
        if response.body and str(response.body).startswith("{"):
            said = json.loads(response.body)
            said.pop(name, None)
            response.body = json.dumps(said if value is None else {**said, name: value})
    for place, entry in places:
        place.pop(name, None)
        if value is not None:
            place[name] = entry


def _whole(response: Any, paginator: Paginator, method: Callable[[], Any]) -> tuple[dict[str, Any] | None, Any]:
    """The whole list, of as many of moto's pages as there are, and what makes an answer of it.

    An answer that is no list (moto says some errors that way) comes as None, to be given as it is.
    """
    gathered: dict[str, Any] | None = None
    for _ in range(_ENOUGH):
        answer = method()
        said, wrap = _opened(answer)
        if said is None:
            return None, lambda _nothing, answer=answer: answer
        if gathered is None:
            gathered = dict(said)
            for key in paginator.lists:
                if key in gathered:
                    gathered[key] = list(gathered[key] or [])
        else:
            for key in paginator.lists:
                gathered.setdefault(key, []).extend(said.get(key) or [])
        if not (token := said.get(paginator.following)):
            gathered.pop(paginator.following, None)
            _put(response, paginator.start, None)
            return gathered, wrap
        _put(response, paginator.start, token)
    raise RuntimeError(f"moto never ends the list of {response._get_action()}")


def _opened(answer: Any) -> tuple[dict[str, Any] | None, Any]:
    """What one of moto's methods has answered as a dictionary, and how to make such an answer again."""
    if isinstance(answer, ActionResult):
        return (answer.result, ActionResult) if isinstance(answer.result, dict) else (None, None)
    if isinstance(answer, str):
        return json.loads(answer) if answer.startswith("{") else None, json.dumps
    if isinstance(answer, tuple) and len(answer) == 3 and str(answer[2]).startswith("{") and answer[0] == 200:
        return json.loads(answer[2]), lambda said: (answer[0], answer[1], json.dumps(said))
    return None, None
