"""One API request as the gateway sees it: who asks what of whom, and about which things.

AWS's services speak five protocols; what is the same in all of them is read here, once for each request, from the
request alone. This module decides nothing and verifies nothing. `refusals` answers in the same protocols.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from moto.core.request import Request
from moto.core.routing import get_service_router
from werkzeug.exceptions import HTTPException

from plinkctl.sandbox.access import signature

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from werkzeug.wrappers import Response

_REST_XML: Final = frozenset({"s3", "route53", "cloudfront"})

#: Under the name a service signs with, botocore keeps its model under another.
MODELS: Final = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}

#: What says who is asking, not what is asked: never part of a digest.
_AUTH: Final = re.compile(r"(?i)^(x-amz-|aws-?access-?key-?id$|signature|security-?token$|expires$|timestamp$)")
#: A name is no longer than this; what is, is code or a document.
_LONGEST_VALUE: Final = 2048
#: A body beyond this is code: it is digested as it is and not looked into.
_LARGEST_READ: Final = 1024 * 1024
_LONGEST_AGENT: Final = 1024
#: How a process names itself to be signalled: the SDKs put AWS_SDK_UA_APP_ID into their User-Agent.
_PID: Final = re.compile(r"(?:^| )app/pid-(\d{1,9})(?: |$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks what, read from the request alone: nothing of it is verified here.

    Attributes:
        key: the access key ID it is signed with; empty when it is not signed with AWS's version 4.
        service: the signing name (`ec2`, `elasticloadbalancing`, ...), or `-`.
        region: the region it is signed for, or `-`.
        action: the API action (`CreateVpc`), or method and path where no action could be told.
        protocol: one of ec2, query, json, rest-json, rest-xml.
        version: the API version asked for; empty where the protocol has none.
        values: the values of all parameters, as texts: IDs, names, ARNs among them.
        names: the names of top parameters, for who must know whether a list is filtered.
        digest: 16 hexadecimal digits of a hash of action and parameters, in whatever order these came. Signature,
            keys and session tokens are no part of it, and nothing can be read back from it.
        readable: whether a body that must be JSON is a JSON object; what is too large to be looked into counts as one.
        cbor: whether it is of the protocol that has json's words in another form, CBOR (Smithy's RPC v2).
        pid: the calling process, if it names itself (`AWS_SDK_UA_APP_ID=pid-123`).
        agent: the User-Agent it sent, as CloudTrail would show it.
    """

    key: str
    service: str
    region: str
    action: str
    protocol: str
    version: str = ""
    values: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    digest: str = ""
    readable: bool = True
    cbor: bool = False
    pid: int | None = None
    agent: str = ""


def read(environ: Mapping[str, Any], body: bytes) -> Asked:
    """Who asks what in a WSGI request with that body."""
    signed = signature.read(environ)
    key, region, service = (signed.key, signed.region, signed.service) if signed else ("", "-", "-")
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    path = environ.get("PATH_INFO", "")
    place = f"{environ.get('REQUEST_METHOD', '-')} {path}"
    query = environ.get("QUERY_STRING", "")
    version, content = "", {}
    cbor = environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor"
    parameters: list[tuple[str, str]]
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        action, protocol = target.rpartition(".")[2], "json"
        content = _parsed(body)
        parameters = list(_leaves("", content))
    elif cbor:
        action, protocol = path.rpartition("/")[2], "json"
        parameters = [("body", hashlib.sha256(body).hexdigest())]
    elif kind == "application/x-www-form-urlencoded" or "Action=" in query:
        parameters = parse_qsl(query, keep_blank_values=True)
        parameters += parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        known = dict(parameters)
        action, version = known.get("Action") or place, known.get("Version", "")
        protocol = "ec2" if service == "ec2" else "query"
        parameters = [one for one in parameters if one[0] not in ("Action", "Version")]
    else:
        protocol = "rest-xml" if service in _REST_XML else "rest-json"
        action = _routed(environ, service) or place
        # The path holds the names: each part of it, and all of it, since some names have slashes.
        parameters = [("/", path), *(("/", unquote(part)) for part in path.split("/") if part)]
        parameters += parse_qsl(query, keep_blank_values=True)
        content = _parsed(body) if protocol == "rest-json" else {"body": body.decode("utf-8", "replace")}
        parameters += _leaves("", content)
    said = [(name, value) for name, value in parameters if not _AUTH.match(name)]
    agent = environ.get("HTTP_USER_AGENT", "")
    caller = _PID.search(agent)
    return Asked(
        key=key,
        service=service,
        region=region,
        action=action,
        protocol=protocol,
        version=version,
        values=tuple(value for _, value in said if len(value) <= _LONGEST_VALUE),
        names=frozenset(name.partition(".")[0] for name, _ in said),
        digest=hashlib.sha256(json.dumps([action, sorted(said)]).encode()).hexdigest()[:16],
        readable=not isinstance(content, _NotJson),
        cbor=cbor,
        pid=int(caller[1]) if caller else None,
        agent=agent[:_LONGEST_AGENT],
    )


class _NotJson(dict[str, Any]):
    """What stands for a body that is no JSON object."""


def _parsed(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; its hash where it is none, or too large to be looked into."""
    if not body:
        return {}
    whole = {"body": hashlib.sha256(body).hexdigest()}
    if len(body) > _LARGEST_READ:
        return whole
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return _NotJson(whole)
    return content if isinstance(content, dict) else _NotJson(whole)


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every plain value of a JSON document, under the path to it."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from _leaves(f"{name}.{key}" if name else str(key), inner)
        case list():
            for number, inner in enumerate(value, 1):
                yield from _leaves(f"{name}.{number}", inner)
        case _:
            yield name, value if isinstance(value, str) else json.dumps(value)


def _routed(environ: Mapping[str, Any], service: str) -> str | None:
    """The action of a REST request, told by method and path as botocore's model has them; None if it has not."""
    try:
        operation, _ = get_service_router(MODELS.get(service, service)).match(Request(dict(environ)))
    except (HTTPException, NotImplementedError, ValueError, LookupError):
        return None
    except Exception:  # noqa: BLE001 - botocore's UnknownServiceError has no common base; an unnamed action is no failure
        return None
    return str(operation.name)


def error_code(response: Response) -> str | None:
    """The AWS error code of an answer, for the call log; None when it is not an error."""
    if response.status_code < 400:
        return None
    if kind := response.headers.get("x-amzn-ErrorType"):
        return kind.partition(":")[0].rpartition("#")[2]
    text = response.get_data(as_text=True)
    found = re.search(r"<Code>([^<]+)</Code>", text) or re.search(r'"__type"\s*:\s*"(?:[^"#]*#)?([^"]+)"', text)
    return found.group(1) if found else str(response.status_code)
