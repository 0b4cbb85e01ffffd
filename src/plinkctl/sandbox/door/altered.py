"""Answers made wrong on purpose: without what they should list, with items that failed, with other words, not AWS's.

These take and give `Response`s; they know AWS's two ways to write a list (XML with `item` or `member`, JSON) and
nothing of any resource.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from plinkctl.sandbox.door.rules import fits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plinkctl.sandbox.door.protocol import Asked

_NAMESPACE: Final = re.compile(r'\sxmlns="([^"]*)"')
_MORE: Final = frozenset({"nextToken", "NextToken", "NextMarker", "nextMarker", "Marker"})
#: How EC2 and the query services name the items of a list. Route 53 names them as the list, in the singular.
_LISTED: Final = frozenset({"item", "member"})
#: The items of S3's lists, which stand in the answer itself, side by side with the rest.
_FLAT: Final = frozenset({"Contents", "CommonPrefixes", "Version", "DeleteMarker"})
_ID: Final = re.compile(r"[a-z]+(-[a-z]+)*-[0-9a-f]{8,17}")
_HTML: Final = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"


def not_awss(response: Response, body: str) -> Response:
    """An error as a proxy or load balancer before the service would give it: a web page, or no body at all."""
    if body == "empty":
        return Response(b"", status=response.status_code)
    text = _HTML.format(response.status)
    return Response(text, status=response.status_code, content_type="text/html")


def emptied(response: Response, value: str) -> Response:
    """The answer with its lists empty, or without the items that name `value`; as a read that lags gives it."""
    if response.status_code >= 300 or not (text := response.get_data(as_text=True)):
        return response
    if text.lstrip().startswith("<"):
        namespace = _NAMESPACE.search(text)
        root = ET.fromstring(_NAMESPACE.sub("", text, count=1))  # noqa: S314 - moto wrote it a moment ago
        for parent in (root, *root):
            _empty_xml(parent, value)
        if (count := root.find("KeyCount")) is not None:
            count.text = str(sum(child.tag in _FLAT for child in root))
        if namespace:
            root.set("xmlns", namespace[1])
        response.set_data(ET.tostring(root))
    else:
        response.set_data(json.dumps(_emptied_json(json.loads(text), value)))
    return response


def _empty_xml(parent: ET.Element, value: str) -> None:
    for child in list(parent):
        if child.tag in _MORE:
            parent.remove(child)
        elif child.tag in _FLAT:
            if not value or value in child.itertext():
                parent.remove(child)
        elif len(child) and all(one.tag in _LISTED or child.tag == f"{one.tag}s" for one in child):
            for item in list(child):
                if not value or value in item.itertext():
                    child.remove(item)


def _emptied_json(document: Any, value: str) -> Any:
    if not isinstance(document, dict):
        return document
    return {
        name: [item for item in inner if value and f'"{value}"' not in json.dumps(item)]
        if isinstance(inner, list)
        else inner
        for name, inner in document.items()
        if name not in _MORE
    }


def going_on(response: Response, asked: Asked, more: dict[str, Any]) -> Response:
    """The answer with the keys that say how its list goes on."""
    if response.status_code >= 300:
        return response
    text = response.get_data(as_text=True)
    if asked.protocol in ("json", "rest-json"):
        response.set_data(json.dumps(json.loads(text) | more))
        return response
    written = {name: "true" if value is True else str(value) for name, value in more.items()}
    if asked.protocol == "ec2":
        written = {name[:1].lower() + name[1:]: value for name, value in written.items()}
    end = f"</{asked.action}{'Response' if asked.protocol == 'ec2' else 'Result'}>"
    for name in written:  # what it says already, of there being no more
        text = re.sub(rf"<{name}>[^<]*</{name}>|<{name}\s*/>", "", text)
    added = "".join(f"<{name}>{value}</{name}>" for name, value in written.items())
    response.set_data(text.replace(end, added + end))
    return response


def rewritten(response: Response, find: str, put: str) -> Response:
    """The answer with one text in place of another, wherever it is."""
    response.set_data(response.get_data(as_text=True).replace(find, put))
    return response


def without(body: bytes, resource: str | None) -> tuple[bytes, list[str], bool]:
    """A request of EC2 without those of its IDs that a pattern fits; without the first of them if there is none.

    Returns:
        The body of what is left, the IDs taken out, and whether any ID is left.
    """
    fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    listed = [value for name, value in fields if re.fullmatch(r"\w+\.\d+", name) and _ID.fullmatch(value)]
    gone = [value for value in listed if fits(resource, value)] if resource else listed[:1]
    kept: list[tuple[str, str]] = []
    numbers: dict[str, int] = {}
    for name, value in fields:
        list_name, dot, number = name.partition(".")
        if not dot or not number.isdecimal():
            kept.append((name, value))
        elif value not in gone:
            numbers[list_name] = numbers.get(list_name, 0) + 1  # counted anew, for a list has no holes
            kept.append((f"{list_name}.{numbers[list_name]}", value))
    return urlencode(kept).encode(), gone, len(gone) < len(listed)


def failed_items(action: str, ids: Iterable[str], code: str, message: str, answer: Response | None) -> Response:
    """The answer (or, without one, a fresh answer 200) with those IDs in its list `Unsuccessful`."""
    items = "".join(
        f"<item><error><code>{escape(code)}</code><message>{escape(message.format(one))}</message></error>"
        f"<resourceId>{one}</resourceId></item>"
        for one in ids
    )
    if answer is None:
        request_id = str(uuid.uuid4())
        text = (
            f'<{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>{request_id}</requestId>'
            f"<unsuccessful>{items}</unsuccessful></{action}Response>"
        )
        return Response(text, content_type="text/xml", headers={"x-amzn-RequestId": request_id})
    if answer.status_code >= 300:
        return answer
    text = answer.get_data(as_text=True)
    text = re.sub(r"<unsuccessful\s*/>", "<unsuccessful></unsuccessful>", text)
    if "<unsuccessful>" in text:
        text = text.replace("<unsuccessful>", f"<unsuccessful>{items}", 1)
    else:
        text = text.replace(f"</{action}Response>", f"<unsuccessful>{items}</unsuccessful></{action}Response>")
    answer.set_data(text)
    return answer
