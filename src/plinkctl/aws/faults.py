"""One table: what each AWS error means for us. The only place that knows botocore's exceptions.

A fault's *nature* says what a caller may do about it. Codes come from aws-facts.md section 10, which names the
source of each. Where AWS gives one code to several meanings, the message decides, and only here.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from plinkctl.errors import AccessError, AwsAnswer, AwsError


class Nature(StrEnum):
    """What an error means for whoever made the call."""

    GONE = "gone"  # the thing is not there (any more, or not visible yet)
    EXISTS = "exists"  # something with that name, range or rule is there already
    BUSY = "busy"  # something else still uses it; time or another deletion cures it
    NOT_YET = "not_yet"  # a fresh dependency has not spread; time cures it, nothing was made
    THROTTLED = "throttled"  # nothing was made; slower
    UNCLEAR = "unclear"  # the answer was lost; the effect may have happened
    DENIED = "denied"  # the caller may not
    CREDENTIALS = "credentials"  # the caller is not known (any more)
    QUOTA = "quota"  # the account is full
    REFUSED = "refused"  # anything else: AWS says no, for good


_N = Nature

_BY_CODE: Final[dict[str, Nature]] = {
    # --- EC2: eventual consistency spells "gone" and "not visible yet" alike; callers know which they expect
    "InvalidVpcID.NotFound": _N.GONE,
    "InvalidSubnetID.NotFound": _N.GONE,
    "InvalidSubnetId.NotFound": _N.GONE,  # both spellings are documented
    "InvalidGroup.NotFound": _N.GONE,
    "InvalidGroupId.NotFound": _N.GONE,
    "InvalidRouteTableID.NotFound": _N.GONE,
    "InvalidRouteTableId.NotFound": _N.GONE,
    "InvalidAssociationID.NotFound": _N.GONE,
    "InvalidSecurityGroupRuleId.NotFound": _N.GONE,
    "InvalidPermission.NotFound": _N.GONE,
    "InvalidNetworkInterfaceID.NotFound": _N.GONE,
    "InvalidVpcEndpointId.NotFound": _N.GONE,
    "InvalidVpcEndpoint.NotFound": _N.GONE,
    "InvalidVpcEndpointService.NotFound": _N.GONE,
    "InvalidVpcEndpointServiceId.NotFound": _N.GONE,
    "InvalidSubnet.Conflict": _N.EXISTS,
    "InvalidGroup.Duplicate": _N.EXISTS,
    "InvalidPermission.Duplicate": _N.EXISTS,
    "IdempotentParameterMismatch": _N.EXISTS,  # our token is taken: by ourselves, before; read back
    "Resource.AlreadyAssociated": _N.EXISTS,
    "DependencyViolation": _N.BUSY,
    "InvalidGroup.InUse": _N.BUSY,
    "ExistingVpcEndpointConnections": _N.BUSY,
    "OperationInProgress": _N.NOT_YET,  # another change of the endpoint is under way
    "Unavailable": _N.UNCLEAR,  # but see from_answer for CreateVpcEndpoint
    "InvalidNetworkInterface.InUse": _N.BUSY,
    "InvalidNetworkLoadBalancerArn.NotFound": _N.NOT_YET,
    # --- ELBv2: wire codes drop the `Exception` of the model's names
    "LoadBalancerNotFound": _N.GONE,
    "TargetGroupNotFound": _N.GONE,
    "ListenerNotFound": _N.GONE,
    "DuplicateLoadBalancerName": _N.EXISTS,
    "DuplicateTargetGroupName": _N.EXISTS,
    "DuplicateListener": _N.EXISTS,
    "ResourceInUse": _N.BUSY,
    # ELB asks EC2, and EC2 may not show a group or subnet of a moment ago everywhere yet
    "SubnetNotFound": _N.NOT_YET,
    "InvalidSecurityGroup": _N.NOT_YET,
    "InvalidTarget": _N.NOT_YET,  # the ALB is not usable as a target yet (Terraform retries it for 10 min)
    "TooManyLoadBalancers": _N.QUOTA,
    "TooManyTargetGroups": _N.QUOTA,
    "TooManyListeners": _N.QUOTA,
    # --- IAM, Logs, Lambda
    "NoSuchEntity": _N.GONE,
    "ResourceNotFoundException": _N.GONE,
    "EntityAlreadyExists": _N.EXISTS,
    "ResourceAlreadyExistsException": _N.EXISTS,
    "DeleteConflict": _N.BUSY,
    "ConcurrentModification": _N.BUSY,
    "OperationAbortedException": _N.BUSY,
    "ResourceNotReadyException": _N.NOT_YET,
    "ENINotReadyException": _N.NOT_YET,
    "ResourceInUseException": _N.BUSY,
    # Invoke says these with a 502, and yet they are a clear no
    "EC2AccessDeniedException": _N.REFUSED,
    "InvalidSecurityGroupIDException": _N.REFUSED,
    "InvalidSubnetIDException": _N.REFUSED,
    "SubnetIPAddressLimitReachedException": _N.REFUSED,
    "CodeStorageExceededException": _N.QUOTA,
    # --- S3: "Error responses" of its API reference. No bucket is never taken for no object
    "NoSuchKey": _N.GONE,
    "NoSuchBucket": _N.REFUSED,
    "NoSuchBucketPolicy": _N.GONE,
    "NoSuchPublicAccessBlockConfiguration": _N.GONE,
    "PreconditionFailed": _N.EXISTS,  # 412: another was quicker
    "ConditionalRequestConflict": _N.BUSY,  # 409: a delete came in between; nothing was written
    "OperationAborted": _N.BUSY,
    "NotImplemented": _N.REFUSED,  # 501, and yet a clear no
    "InvalidAccessKeyId": _N.CREDENTIALS,
    "InvalidToken": _N.CREDENTIALS,
    "RequestTimeTooSkewed": _N.CREDENTIALS,
    # --- ACM, Route 53
    "CertificateNotFound": _N.NOT_YET,  # ELB asks ACM, which may not show a certificate of a moment ago everywhere
    "UnsupportedCertificate": _N.NOT_YET,  # issued a moment ago, and ELB has not heard of it
    "RequestInProgressException": _N.BUSY,
    "NoSuchHostedZone": _N.GONE,
    "NoSuchChange": _N.GONE,
    "HostedZoneNotEmpty": _N.BUSY,
    "HostedZoneAlreadyExists": _N.EXISTS,
    "PriorRequestNotComplete": _N.NOT_YET,  # another change of the same zone is under way
    # --- everybody
    "RequestLimitExceeded": _N.THROTTLED,
    "RequestThrottled": _N.THROTTLED,
    "RequestThrottledException": _N.THROTTLED,
    "ThrottledException": _N.THROTTLED,
    "Throttling": _N.THROTTLED,
    "ThrottlingException": _N.THROTTLED,
    "TooManyRequestsException": _N.THROTTLED,
    "EC2ThrottledException": _N.THROTTLED,
    "SlowDown": _N.THROTTLED,
    "RequestTimeout": _N.UNCLEAR,
    "RequestTimeoutException": _N.UNCLEAR,
    "InternalError": _N.UNCLEAR,
    "InternalFailure": _N.UNCLEAR,
    "ServiceException": _N.UNCLEAR,
    "ServiceUnavailable": _N.UNCLEAR,
    "UnauthorizedOperation": _N.DENIED,
    "AccessDenied": _N.DENIED,
    "AccessDeniedException": _N.DENIED,
    "AuthFailure": _N.CREDENTIALS,
    "InvalidClientTokenId": _N.CREDENTIALS,
    "UnrecognizedClientException": _N.CREDENTIALS,
    "ExpiredToken": _N.CREDENTIALS,
    "ExpiredTokenException": _N.CREDENTIALS,
    "RequestExpired": _N.CREDENTIALS,
    "SignatureDoesNotMatch": _N.CREDENTIALS,
    "InvalidSignatureException": _N.CREDENTIALS,
    "IncompleteSignature": _N.CREDENTIALS,
    "RequestInTheFuture": _N.CREDENTIALS,
    "OptInRequired": _N.CREDENTIALS,
}

# One code, several meanings: (code, words of the message, nature). First match wins over _BY_CODE.
_BY_MESSAGE: Final[tuple[tuple[str, str, Nature], ...]] = (
    # IAM spreads for seconds to minutes; Lambda and KMS then deny a role that is fine (aws-facts.md 2.6)
    ("InvalidParameterValueException", "cannot be assumed by Lambda", _N.NOT_YET),
    ("InvalidParameterValueException", "does not have permissions to call", _N.NOT_YET),
    ("InvalidParameterValueException", "ARN does not refer to a valid principal", _N.NOT_YET),
    ("InvalidParameterValueException", "throttled by EC2", _N.THROTTLED),
    ("InvalidParameterValueException", ".NotFound", _N.NOT_YET),  # Lambda quotes EC2 about a fresh group or subnet
    ("ValidationError", "The VPC ID", _N.NOT_YET),  # the same from ELB about a fresh VPC
    ("ResourceConflictException", "already exist", _N.EXISTS),
    ("ResourceConflictException", "", _N.BUSY),  # Pending, or an update in progress
    # RegisterTargets before the ALB's listener is visible (aws-facts.md 0.8)
    ("ValidationError", "If the target type is ALB", _N.NOT_YET),
    ("InvalidParameterValue", "is currently in use", _N.BUSY),  # DeleteNetworkInterface on a held ENI
    ("InvalidParameter", "already associated with another", _N.EXISTS),  # the NLB has a service
    ("InvalidParameterException", "already exist", _N.EXISTS),
    ("OperationNotPermitted", "deletion protection", _N.REFUSED),
    ("InvalidChangeBatch", "already exists", _N.EXISTS),
    ("InvalidChangeBatch", "but it was not found", _N.GONE),
    ("InvalidChangeBatch", "do not match the current values", _N.GONE),
    # said for a moment after the verification too (aws-facts.md 6.8)
    ("InvalidParameter", "has not verified the private DNS name", _N.NOT_YET),
)

# What never was an answer: the first that fits.
_BY_CLASS: Final[tuple[tuple[tuple[type[Exception], ...], Nature], ...]] = (
    (
        (
            boto.NoCredentialsError,
            boto.PartialCredentialsError,
            boto.CredentialRetrievalError,
            boto.UnknownCredentialError,
            boto.MetadataRetrievalError,
            boto.RefreshWithMFAUnsupportedError,
            boto.NoAuthTokenError,
            boto.TokenRetrievalError,
            boto.SSOError,
            getattr(boto, "LoginError", boto.SSOError),  # `aws login`, which older releases do not know
        ),
        _N.CREDENTIALS,
    ),
    # No byte of the request reached AWS, so nothing was made.
    ((boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError), _N.REFUSED),
    (
        (
            boto.HTTPClientError,
            boto.ConnectionError,  # SSLError too: TLS can also break after the request was sent
            boto.IncompleteReadError,
            boto.ChecksumError,
            boto.FlexibleChecksumError,
            ResponseParserError,
        ),
        _N.UNCLEAR,
    ),
    ((boto.BotoCoreError,), _N.REFUSED),
)
BROKEN_OFF: Final = frozenset({"IncompleteReadError", "ResponseParserError"})
"""The codes of an answer that came, but not whole."""

_UNREACHABLE: Final = frozenset({"EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "SSLError"})
_CLOCK: Final = re.compile("RequestTimeTooSkewed|RequestInTheFuture|Signature expired|Signature not yet current")
"""What AWS says, in the code or in the message, where the time of a signature is not its own."""
_EXPIRED: Final = {
    "ExpiredToken": "the credentials have expired",
    "ExpiredTokenException": "the credentials have expired",
    # EC2 has one code for both (EC2 API error codes)
    "RequestExpired": "the credentials have expired, or this machine's clock is wrong",
}
_CREDENTIAL_HINT: Final = "aws sts get-caller-identity shows whom AWS sees; then run the same command again"


def translate(error: Exception, *, service: str, operation: str) -> AwsError | None:
    """Make our error of botocore's.

    Args:
        error: What a client call raised.
        service: Client name, e.g. `ec2`.
        operation: Method name, e.g. `create_vpc`.

    Returns:
        The error to raise, or None when it is no botocore error.
    """
    api = "".join(part.capitalize() for part in operation.split("_"))
    if isinstance(error, boto.ClientError):
        body: Mapping[str, Any] = error.response.get("Error", {})
        meta: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
        answer = AwsAnswer(
            service=service,
            operation=api,
            code=str(body.get("Code", "Unknown")),
            message=str(body.get("Message", "")),
            request_id=meta.get("RequestId"),
            status=meta.get("HTTPStatusCode"),
        )
        return from_answer(answer)
    nature = next((nature for classes, nature in _BY_CLASS if isinstance(error, classes)), None)
    if nature is None:
        return None
    answer = AwsAnswer(service=service, operation=api, code=type(error).__name__, message=str(error))
    return _error(answer, nature)


def from_answer(answer: AwsAnswer) -> AwsError:
    """The error for an answer with a code, be it an exception or one item of an `Unsuccessful` list."""
    if answer.operation == "CreateVpcEndpoint" and answer.code == "Unavailable":
        # Just after its service was made (aws-facts.md 0.4). This call has a token, so sending it again is safe even
        # if the answer should be wrong; for any other call a 503 leaves open whether it took effect.
        return _error(answer, _N.NOT_YET)
    return _error(answer, nature_of(answer.code, answer.message, answer.status))


def nature_of(code: str, message: str, status: int | None = None) -> Nature:
    """What an error code means."""
    for known, words, nature in _BY_MESSAGE:
        if code == known and words in message:
            return nature
    if found := _BY_CODE.get(code):
        return found
    if code.endswith(".NotFound"):  # EC2 spells them in many ways, and not all are documented
        return _N.GONE
    if code.removesuffix("Exception").endswith("LimitExceeded"):  # a code for each quota, few of them documented
        return _N.QUOTA
    # An unknown 5xx may have had its effect; calling it final would lose what it made.
    return _N.UNCLEAR if status is not None and status >= 500 else _N.REFUSED


def unanswered(error: AwsError) -> bool:
    """Whether AWS gave no answer, or had no time: the network was away, or the call was one too many."""
    return error.nature in {Nature.UNCLEAR, Nature.THROTTLED} or error.code == "unreachable"


def unsuccessful(reply: Mapping[str, Any], *, service: str, operation: str) -> AwsError | None:
    """The failure that hides in an HTTP 200: accept, reject and both deletes answer with a list `Unsuccessful`.

    We send one ID a call, so the first item is the whole story.
    """
    for item in reply.get("Unsuccessful", ()):
        error = item.get("Error", {})
        return from_answer(
            AwsAnswer(
                service=service,
                operation="".join(part.capitalize() for part in operation.split("_")),
                code=str(error.get("Code", "Unknown")),
                message=str(error.get("Message", "")),
                request_id=reply.get("ResponseMetadata", {}).get("RequestId"),
                status=200,
            )
        )
    return None


def endless(service: str, operation: str, pages: int) -> AwsError:
    """The error for a list that does not end: each page leads to another."""
    api = "".join(part.capitalize() for part in operation.split("_"))
    answer = AwsAnswer(service=service, operation=api, code="EndlessList", message=f"page {pages} leads to another")
    return _error(answer, Nature.REFUSED)


def _error(answer: AwsAnswer, nature: Nature) -> AwsError:
    match nature:
        case _N.CREDENTIALS if _CLOCK.search(f"{answer.code} {answer.message}"):
            return AccessError(
                "this machine's clock and AWS's differ, so AWS does not accept what is signed here",
                answer=answer,
                nature=nature,
                hint="set the clock (timedatectl shows it), then run the same command again",
                code="clock",
            )
        case _N.CREDENTIALS:
            return AccessError(
                _EXPIRED.get(answer.code, "AWS does not accept the credentials"),
                answer=answer,
                nature=nature,
                hint=_CREDENTIAL_HINT,
                code="credentials",
            )
        case _N.DENIED:
            return AccessError(
                f"not allowed to call {answer.service}:{answer.operation}",
                answer=answer,
                nature=nature,
                hint=f"allow the action {iam_action(answer)} (docs/reference/iam.md), then run the same command again",
                code="denied",
            )
        case _N.QUOTA:
            hint = "ask for more in Service Quotas, or delete what is not needed; then run the same command again"
            return AwsError("an AWS quota is used up", answer=answer, nature=nature, hint=hint, code="quota")
        case _ if "conflicting DNS domain" in answer.message:  # aws-facts.md 6.8
            hint = "aws route53 list-hosted-zones-by-vpc shows whose it is; or leave consumer.private_dns out"
            message = "the VPC has a DNS domain of that name already"
            return AwsError(message, answer=answer, nature=nature, hint=hint, code="domain_taken")
        case _ if answer.code in _UNREACHABLE:
            hint = "check the region, the network and AWS_ENDPOINT_URL"
            return AwsError("cannot reach AWS", answer=answer, nature=nature, hint=hint, code="unreachable")
        case _:
            return AwsError(f"AWS refused {answer.service}:{answer.operation}", answer=answer, nature=nature)


_ACTIONS: Final[dict[str, str]] = {
    "Invoke": "InvokeFunction",
    "ListObjectsV2": "ListBucket",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
}
"""The operations whose action has another name (AWS's service authorization reference)."""


def iam_action(answer: AwsAnswer) -> str:
    """The IAM action that is missing: the one the message names, since a call may need others besides its own."""
    if named := re.search(r"not authorized to perform: ([\w-]+:\w+)", answer.message):
        return named[1]
    prefix = {"elbv2": "elasticloadbalancing"}.get(answer.service, answer.service)
    operation = _ACTIONS.get(answer.operation, answer.operation)
    return f"{prefix}:{operation}"
