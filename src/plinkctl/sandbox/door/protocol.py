"""One API request as the gateway sees it, and refusals in the protocol the caller speaks.

AWS's services speak five protocols, and an SDK understands an error only in the one it asked in. moto answers in the
right one whenever it answers; this module is for what never reaches moto: unknown keys, unknown actions, and failures
of the sandbox itself. It decides nothing; it reads and writes the wire.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from moto.core.request import Request
from moto.core.routing import get_service_router
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

_CREDENTIAL: Final = re.compile(
    r"^AWS4-HMAC-SHA256 +Credential=(?P<key>[A-Z0-9]{16,128})/\d{8}/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/"
)
_REST_XML: Final = frozenset({"s3", "route53", "cloudfront"})

#: Under the name a service signs with, botocore keeps its model under another.
_MODELS: Final = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch"}

#: How each protocol says that nobody knows this key: (code, HTTP status). EC2 has its own word for it.
_STRANGER: Final = {
    "ec2": ("AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
    "query": ("InvalidClientTokenId", 403, "The security token included in the request is invalid."),
    "json": ("UnrecognizedClientException", 400, "The security token included in the request is invalid."),
    "rest-json": ("UnrecognizedClientException", 403, "The security token included in the request is invalid."),
    "rest-xml": ("InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks what, read from the request alone: nothing of it is verified here.

    Attributes:
        key: the access key ID it is signed with; empty when it is not signed with AWS's version 4.
        service: the signing name (`ec2`, `elasticloadbalancing`, ...), or `-`.
        region: the region it is signed for, or `-`.
        action: the API action (`CreateVpc`), or method and path where no action could be told.
        protocol: one of ec2, query, json, rest-json, rest-xml.
    """

    key: str
    service: str
    region: str
    action: str
    protocol: str


def read(environ: Mapping[str, Any], body: bytes) -> Asked:
    """Who asks what in a WSGI request with that body."""
    signed = _CREDENTIAL.match(environ.get("HTTP_AUTHORIZATION", ""))
    key, region, service = signed.group("key", "region", "service") if signed else ("", "-", "-")
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    place = f"{environ.get('REQUEST_METHOD', '-')} {environ.get('PATH_INFO', '')}"
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        return Asked(key=key, service=service, region=region, action=target.rpartition(".")[2], protocol="json")
    if kind == "application/x-www-form-urlencoded" or "Action=" in environ.get("QUERY_STRING", ""):
        fields = parse_qs(body.decode("utf-8", "replace")) | parse_qs(environ.get("QUERY_STRING", ""))
        protocol = "ec2" if service == "ec2" else "query"
        action = fields.get("Action", [place])[0]
        return Asked(key=key, service=service, region=region, action=action, protocol=protocol)
    protocol = "rest-xml" if service in _REST_XML else "rest-json"
    action = _routed(environ, service) or place
    return Asked(key=key, service=service, region=region, action=action, protocol=protocol)


def _routed(environ: Mapping[str, Any], service: str) -> str | None:
    """The action of a REST request, told by method and path as botocore's model has them; None if it has not."""
    try:
        operation, _ = get_service_router(_MODELS.get(service, service)).match(Request(dict(environ)))
    except (HTTPException, NotImplementedError, ValueError, LookupError):
        return None
    except Exception:  # noqa: BLE001 - botocore's UnknownServiceError has no common base; an unnamed action is no failure
        return None
    return str(operation.name)


def stranger(asked: Asked) -> Response:
    """The refusal of a key nobody knows, or of an unsigned request."""
    code, status, message = _STRANGER[asked.protocol]
    return refusal(asked, code, message, status=status)


def refusal(asked: Asked, code: str, message: str, *, status: int = 400) -> Response:
    """An error answer with AWS's code and message, in the protocol of the request."""
    request_id = str(uuid.uuid4())
    if asked.protocol in ("json", "rest-json"):
        response = Response(json.dumps({"__type": code, "message": message}), status=status)
        response.headers["Content-Type"] = "application/x-amz-json-1.1"
        response.headers["x-amzn-ErrorType"] = code
    else:
        side = "Receiver" if status >= 500 else "Sender"
        error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        layout = {
            "ec2": f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>",
            "query": f"<ErrorResponse><Error><Type>{side}</Type>{error}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>",
            "rest-xml": f"<Error>{error}<RequestId>{request_id}</RequestId></Error>",
        }
        response = Response(layout[asked.protocol], status=status, content_type="text/xml")
    response.headers["x-amzn-RequestId"] = request_id
    return response


def error_code(response: Response) -> str | None:
    """The AWS error code of an answer, for the call log; None when it is not an error."""
    if response.status_code < 400:
        return None
    if kind := response.headers.get("x-amzn-ErrorType"):
        return kind.partition(":")[0].rpartition("#")[2]
    text = response.get_data(as_text=True)
    found = re.search(r"<Code>([^<]+)</Code>", text) or re.search(r'"__type"\s*:\s*"(?:[^"#]*#)?([^"]+)"', text)
    return found.group(1) if found else str(response.status_code)
