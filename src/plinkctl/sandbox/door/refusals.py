"""Answers that never reach moto: each service's own words for the same no, in the protocol the caller speaks.

An SDK understands an error only in the protocol it asked in, and clients act by code and status; so both must be the
service's own. Nothing is decided here.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from plinkctl.sandbox.door.protocol import Asked

_Words = dict[str, tuple[str, int, str]]

#: How each protocol says that nobody knows this key: (code, HTTP status, message). EC2 has its own word for it.
_STRANGER: Final[_Words] = {
    "ec2": ("AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
    "query": ("InvalidClientTokenId", 403, "The security token included in the request is invalid."),
    "json": ("UnrecognizedClientException", 400, "The security token included in the request is invalid."),
    "rest-json": ("UnrecognizedClientException", 403, "The security token included in the request is invalid."),
    "rest-xml": ("InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."),
}
#: Credentials whose time is over; the codes are those botocore and Terraform look for.
_EXPIRED: Final[_Words] = {
    "ec2": ("RequestExpired", 400, "Request has expired."),
    "query": ("ExpiredToken", 403, "The security token included in the request is expired"),
    "json": ("ExpiredTokenException", 400, "The security token included in the request is expired"),
    "rest-json": ("ExpiredTokenException", 403, "The security token included in the request is expired"),
    "rest-xml": ("ExpiredToken", 400, "The provided token has expired."),
}
_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
#: Whoever has not got the secret of the key they name.
_UNPROVED: Final[_Words] = {
    "ec2": ("AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
    "query": ("SignatureDoesNotMatch", 403, _MISMATCH),
    "json": ("InvalidSignatureException", 400, _MISMATCH),
    "rest-json": ("InvalidSignatureException", 403, _MISMATCH),
    "rest-xml": ("SignatureDoesNotMatch", 403, _MISMATCH),
}
#: A request signed at another time than now; `{}` is that time. botocore's tests and retry tables have these codes.
_UNTIMELY: Final[_Words] = {
    "ec2": ("RequestExpired", 400, "Request has expired. Timestamp date is {}"),
    "query": ("SignatureDoesNotMatch", 403, "Signature not valid now: signed at {}"),
    "json": ("InvalidSignatureException", 400, "Signature not valid now: signed at {}"),
    "rest-json": ("InvalidSignatureException", 403, "Signature not valid now: signed at {}"),
    "rest-xml": ("SignatureDoesNotMatch", 403, "Signature not valid now: signed at {}"),
}
_UNTIMELY_S3: Final = (
    "RequestTimeTooSkewed",
    403,
    "The difference between the request time and the current time is too large. (signed at {})",
)
#: A right that is missing; only EC2 has a code of its own. `{}` is service and action.
_DENIED: Final[_Words] = {
    "ec2": ("UnauthorizedOperation", 403, "You are not authorized to perform this operation. ({})"),
    "query": ("AccessDenied", 403, "User is not authorized to perform: {}"),
    "json": ("AccessDeniedException", 400, "User is not authorized to perform: {}"),
    "rest-json": ("AccessDeniedException", 403, "User is not authorized to perform: {}"),
    "rest-xml": ("AccessDenied", 403, "Access Denied"),
}
#: Too many calls. EC2's status is what its SDKs see; Elastic Load Balancing's guide writes ThrottlingException, its
#: answers have Throttling.
_THROTTLED: Final[_Words] = {
    "ec2": ("RequestLimitExceeded", 503, "Request limit exceeded."),
    "query": ("Throttling", 400, "Rate exceeded"),
    "json": ("ThrottlingException", 400, "Rate exceeded"),
    "rest-json": ("TooManyRequestsException", 429, "Rate exceeded"),
    "rest-xml": ("SlowDown", 503, "Please reduce your request rate."),
}
_THROTTLED_BY: Final[_Words] = {"route53": ("Throttling", 400, "Rate exceeded")}
#: Something went wrong on AWS's side, when a rule does not say what.
_BROKEN: Final[_Words] = {
    "ec2": ("InternalError", 500, "An internal error has occurred"),
    "query": ("InternalFailure", 500, "The request processing has failed because of an unknown error"),
    "json": ("InternalFailure", 500, "The request processing has failed because of an unknown error"),
    "rest-json": ("ServiceException", 500, "An error occurred and the request cannot be processed."),
    "rest-xml": ("InternalError", 500, "We encountered an internal error. Please try again."),
}
#: Parameters nothing can be made of. `{}` is service and action.
_WHAT: Final = (
    "The local AWS cannot do {} with these parameters: something they name is not there, or they are of a kind it does "
    "not implement. Its log has more"
)
_PUZZLING: Final[_Words] = {
    "ec2": ("InvalidParameterValue", 400, _WHAT),
    "query": ("ValidationError", 400, _WHAT),
    "json": ("ValidationException", 400, _WHAT),
    "rest-json": ("ValidationException", 400, _WHAT),
    "rest-xml": ("InvalidRequest", 400, _WHAT),
}
_PUZZLING_BY: Final[_Words] = {
    "lambda": ("InvalidParameterValueException", 400, _WHAT),
    "route53": ("InvalidInput", 400, _WHAT),
    "sns": ("InvalidParameter", 400, _WHAT),
}
#: EC2 has a code for each kind of thing that is not there; kinds are told by the prefix of their IDs.
_MISSING_EC2: Final = {
    "vpc": "InvalidVpcID.NotFound",
    "subnet": "InvalidSubnetID.NotFound",
    "sg": "InvalidGroup.NotFound",
    "sgr": "InvalidSecurityGroupRuleId.NotFound",
    "rtb": "InvalidRouteTableID.NotFound",
    "igw": "InvalidInternetGatewayID.NotFound",
    "eni": "InvalidNetworkInterfaceID.NotFound",
    "vpce": "InvalidVpcEndpointId.NotFound",
    "vpce-svc": "InvalidVpcEndpointServiceId.NotFound",
    "vpce-nfn": "InvalidConnectionNotification",
}
_MISSING: Final[_Words] = {
    "iam": ("NoSuchEntity", 404, "{} cannot be found."),
    "lambda": ("ResourceNotFoundException", 404, "Function not found: {}"),
    "route53": ("NoSuchHostedZone", 404, "No hosted zone found with ID: {}"),
    "sns": ("NotFound", 404, "{} does not exist"),
    "s3": ("NoSuchKey", 404, "The specified key does not exist."),
}


def stranger(asked: Asked) -> Response:
    """The refusal of a key nobody knows, or of an unsigned request."""
    return _in_words(asked, _STRANGER[asked.protocol])


def expired(asked: Asked) -> Response:
    """The refusal of credentials whose time is over."""
    return _in_words(asked, _EXPIRED[asked.protocol])


def denied(asked: Asked, why: str | None = None) -> Response:
    """The refusal of an action the caller has no right to; `why` says whose policy, if that is known."""
    if why is None:
        return _in_words(asked, _DENIED[asked.protocol])
    code, status, _ = _DENIED[asked.protocol]
    opening = "You are not authorized to perform this operation. " if asked.protocol == "ec2" else ""
    return refusal(asked, code, opening + why, status=status)


def unproved(asked: Asked, fault: str, moment: str, *, presigned: bool = False) -> Response:
    """The refusal of a signature.

    Args:
        fault: `wrong`, `early`, `late`, `body` (another than was signed) or `token` (another session's).
        moment: when the request was signed.
        presigned: it is signed in its query, for a time of its own.
    """
    if fault in ("early", "late"):
        code, status, words = _UNTIMELY_S3 if asked.service == "s3" else _UNTIMELY[asked.protocol]
        if presigned and fault == "late":
            code, status, words = "AccessDenied", 403, "Request has expired"
        return refusal(asked, code, words.format(moment), status=status)
    if asked.service == "s3" and fault == "body":
        words = "The provided 'x-amz-content-sha256' header does not match what was computed."
        return refusal(asked, "XAmzContentSHA256Mismatch", words)
    if asked.service == "s3" and fault == "token":
        return refusal(asked, "InvalidToken", "The provided token is malformed or otherwise invalid.")
    return _in_words(asked, (_STRANGER if fault == "token" else _UNPROVED)[asked.protocol])


def throttled(asked: Asked) -> Response:
    """The refusal of a call too many."""
    return _in_words(asked, _THROTTLED_BY.get(asked.service) or _THROTTLED[asked.protocol])


def puzzling(asked: Asked) -> Response:
    """The refusal of parameters at which moto failed."""
    return _in_words(asked, _PUZZLING_BY.get(asked.service) or _PUZZLING[asked.protocol])


def broken(asked: Asked, *, code: str | None = None, message: str | None = None, status: int | None = None) -> Response:
    """A failure of the service, or whatever error a rule asks for."""
    usual = _BROKEN[asked.protocol]
    return refusal(asked, code or usual[0], message or usual[2], status=status or usual[1])


def missing(
    asked: Asked, value: str, *, code: str | None = None, message: str | None = None, status: int | None = None
) -> Response:
    """The answer to a call that names something which is not there (yet): `value` is its ID, ARN or name."""
    usual = _missing(asked, value)
    return refusal(asked, code or usual[0], message or usual[2].format(value), status=status or usual[1])


def _missing(asked: Asked, value: str) -> tuple[str, int, str]:
    if asked.service == "ec2":
        code = _MISSING_EC2.get(value.rpartition("-")[0], "InvalidID.NotFound")
        return code, 400, "The ID '{}' does not exist"
    if asked.service == "elasticloadbalancing":
        kind = "TargetGroup" if ":targetgroup/" in value or "TargetGroup" in asked.action else "LoadBalancer"
        kind = "Listener" if ":listener/" in value or "Listener" in asked.action else kind
        return f"{kind}NotFound", 400, "One or more resources not found: '{}'"
    return _MISSING.get(asked.service, ("ResourceNotFoundException", 400, "The specified resource does not exist: {}"))


def _in_words(asked: Asked, words: tuple[str, int, str]) -> Response:
    code, status, message = words
    return refusal(asked, code, message.format(f"{asked.service}:{asked.action}"), status=status)


def refusal(asked: Asked, code: str, message: str, *, status: int = 400) -> Response:
    """An error answer with AWS's code and message, in the protocol of the request."""
    request_id = str(uuid.uuid4())
    if asked.cbor:
        content = b"\xbf" + b"".join(map(_text, ("__type", code, "message", message))) + b"\xff"
        response = Response(content, status=status, content_type="application/cbor")
        response.headers["Smithy-Protocol"] = "rpc-v2-cbor"
        response.headers["x-amzn-ErrorType"] = code
    elif asked.protocol in ("json", "rest-json"):
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
        if asked.service == "route53":  # rest-xml in what it takes, the query protocol's form in its errors
            layout["rest-xml"] = layout["query"]
        response = Response(layout[asked.protocol], status=status, content_type="text/xml")
    response.headers["x-amzn-RequestId"] = request_id
    return response


def _text(words: str) -> bytes:
    """A text in CBOR (RFC 8949, section 3): its kind and length, then UTF-8."""
    content = words.encode()
    return b"\x79" + len(content).to_bytes(2, "big") + content
