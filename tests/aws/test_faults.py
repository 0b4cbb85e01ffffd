"""What each AWS error means: every code of the table of errors, every exception of botocore, every hiding place."""

import inspect
import ssl
from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from plinkctl.aws import faults
from plinkctl.aws.faults import Nature, nature_of
from plinkctl.errors import AccessError, AwsAnswer, AwsError, Exit

N = Nature

# Section 10 of the facts about AWS, line by line: code, message, HTTP status, nature.
TABLE: list[tuple[str, str, int, Nature]] = [
    ("InvalidVpcID.NotFound", "", 400, N.GONE),
    ("InvalidSubnetID.NotFound", "", 400, N.GONE),
    ("InvalidSubnetId.NotFound", "", 400, N.GONE),
    ("InvalidGroup.NotFound", "", 400, N.GONE),
    ("InvalidVpcEndpointId.NotFound", "", 400, N.GONE),
    ("InvalidVpcEndpoint.NotFound", "", 400, N.GONE),
    ("InvalidVpcEndpointService.NotFound", "", 400, N.GONE),
    ("InvalidVpcEndpointServiceId.NotFound", "", 400, N.GONE),
    ("InvalidServiceName", "The Vpc Endpoint Service 'x' does not exist", 400, N.REFUSED),
    ("Unavailable", "The service is unavailable. Please try again shortly.", 503, N.UNCLEAR),
    ("ServiceUnavailable", "", 503, N.UNCLEAR),
    ("IdempotentParameterMismatch", "", 400, N.EXISTS),
    ("InvalidParameter", "LBs are already associated with another VPC Endpoint Service Configuration", 400, N.EXISTS),
    ("InvalidParameter", "does not support the availability zone of the subnet", 400, N.REFUSED),
    ("InvalidParameter", "Private DNS can only be enabled after the endpoint connection is accepted", 400, N.REFUSED),
    ("InvalidParameter", "has UDP listeners. Privatelink does not support UDP.", 400, N.REFUSED),
    ("DuplicateSubnetsInSameZone", "", 400, N.REFUSED),
    ("InvalidNetworkLoadBalancerArn.NotFound", "", 400, N.NOT_YET),
    ("InvalidPrincipal", "Invalid Principal: 'arn:aws:sts::1:assumed-role/x'", 400, N.REFUSED),
    ("ExistingVpcEndpointConnections", "Service has existing active VPC Endpoint connections!", 200, N.BUSY),
    ("ResourceInUse", "it is currently associated with another service", 400, N.BUSY),
    ("ResourceInUse", "is currently in use by a listener or a rule", 400, N.BUSY),
    ("ResourceInUseException", "", 400, N.BUSY),
    ("ValidationError", "If the target type is ALB, the target must have at least one listener", 400, N.NOT_YET),
    ("ValidationError", "A port must be given", 400, N.REFUSED),
    ("InvalidTarget", "", 400, N.NOT_YET),
    ("LoadBalancerNotFound", "", 400, N.GONE),
    ("TargetGroupNotFound", "", 400, N.GONE),
    ("ListenerNotFound", "", 400, N.GONE),
    ("DuplicateLoadBalancerName", "", 400, N.EXISTS),
    ("DuplicateTargetGroupName", "", 400, N.EXISTS),
    ("DuplicateListener", "", 400, N.EXISTS),
    ("OperationNotPermitted", "because deletion protection is enabled", 400, N.REFUSED),
    ("OperationNotPermitted", "You are not allowed to manage 'ela-attach' attachments.", 400, N.REFUSED),
    ("DependencyViolation", "has dependencies and cannot be deleted", 400, N.BUSY),
    ("InvalidGroup.InUse", "", 400, N.BUSY),
    ("InvalidGroup.Duplicate", "", 400, N.EXISTS),
    ("InvalidPermission.Duplicate", "", 400, N.EXISTS),
    ("InvalidPermission.NotFound", "", 400, N.GONE),
    ("InvalidSubnet.Conflict", "", 400, N.EXISTS),
    ("InvalidParameterValue", "Network interface 'eni-1' is currently in use.", 400, N.BUSY),
    ("EntityAlreadyExists", "", 409, N.EXISTS),
    ("NoSuchEntity", "", 404, N.GONE),
    ("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409, N.BUSY),
    ("ConcurrentModification", "", 409, N.BUSY),
    ("ResourceAlreadyExistsException", "", 400, N.EXISTS),
    ("OperationAbortedException", "", 400, N.BUSY),
    (
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
        400,
        N.NOT_YET,
    ),
    (
        "InvalidParameterValueException",
        "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
        400,
        N.NOT_YET,
    ),
    (
        "InvalidParameterValueException",
        "KMS Exception: InvalidArnException KMS Message: ARN does not refer to a valid principal",
        400,
        N.NOT_YET,
    ),
    ("InvalidParameterValueException", "the request was throttled by EC2", 400, N.THROTTLED),
    ("InvalidParameterValueException", "Unzipped size must be smaller", 400, N.REFUSED),
    ("ResourceConflictException", "Function already exist: plk", 409, N.EXISTS),
    ("ResourceConflictException", "The function is currently in the following state: Pending", 409, N.BUSY),
    ("ResourceConflictException", "An update is in progress for resource: plk", 409, N.BUSY),
    ("ResourceNotReadyException", "", 502, N.NOT_YET),
    ("ENINotReadyException", "", 502, N.NOT_YET),
    ("EC2ThrottledException", "", 502, N.THROTTLED),
    ("SubnetIPAddressLimitReachedException", "", 502, N.REFUSED),
    ("InsufficientFreeAddressesInSubnet", "", 400, N.REFUSED),
    ("RequestLimitExceeded", "", 503, N.THROTTLED),
    ("Throttling", "Rate exceeded", 400, N.THROTTLED),
    ("ThrottlingException", "", 400, N.THROTTLED),
    ("TooManyRequestsException", "", 429, N.THROTTLED),
    ("VpcLimitExceeded", "", 400, N.QUOTA),
    ("VpcEndpointLimitExceeded", "", 400, N.QUOTA),
    ("SubnetLimitExceeded", "", 400, N.QUOTA),
    ("SecurityGroupLimitExceeded", "", 400, N.QUOTA),
    ("NetworkInterfaceLimitExceeded", "", 400, N.QUOTA),
    ("TooManyLoadBalancers", "", 400, N.QUOTA),
    ("TooManyTargetGroups", "", 400, N.QUOTA),
    ("LimitExceeded", "", 409, N.QUOTA),
    ("LimitExceededException", "", 400, N.QUOTA),
    ("EniLimitExceeded", "", 400, N.QUOTA),
    ("UnauthorizedOperation", "", 403, N.DENIED),
    ("AccessDenied", "", 403, N.DENIED),
    ("AccessDeniedException", "", 403, N.DENIED),
    ("AuthFailure", "", 401, N.CREDENTIALS),
    ("InvalidClientTokenId", "", 403, N.CREDENTIALS),
    ("ExpiredToken", "", 403, N.CREDENTIALS),
    ("ExpiredTokenException", "", 403, N.CREDENTIALS),
    ("RequestExpired", "", 400, N.CREDENTIALS),
    ("SignatureDoesNotMatch", "", 403, N.CREDENTIALS),
    ("RequestTimeTooSkewed", "", 403, N.CREDENTIALS),
    ("OptInRequired", "", 401, N.CREDENTIALS),
    ("PendingVerification", "", 400, N.REFUSED),
    ("DryRunOperation", "", 412, N.REFUSED),  # never asked for; would be a bug
]


@pytest.mark.parametrize(("code", "message", "status", "nature"), TABLE)
def test_every_code_of_the_table_of_errors_has_its_nature(code: str, message: str, status: int, nature: Nature) -> None:
    assert nature_of(code, message, status) is nature


def test_a_service_of_a_moment_ago_makes_only_the_endpoint_wait() -> None:
    """The call has a token; for others a 503 of the same name leaves open whether it took effect."""

    def nature(operation: str) -> str:
        words = "The service is unavailable. Please try again shortly."
        answer = AwsAnswer(service="ec2", operation=operation, code="Unavailable", message=words, status=503)
        return faults.from_answer(answer).nature

    assert (nature("CreateVpcEndpoint"), nature("CreateVpc")) == (N.NOT_YET, N.UNCLEAR)


def test_an_unknown_5xx_may_have_had_its_effect() -> None:
    assert nature_of("SomethingNew", "", 500) is N.UNCLEAR
    assert nature_of("502", "Bad Gateway", 502) is N.UNCLEAR, "a proxy's answer has no code of AWS"
    assert nature_of("SomethingNew", "", 400) is N.REFUSED
    assert nature_of("SomethingNew", "") is N.REFUSED


# ------------------------------------------------------------------------------------- botocore's own

UNCLEAR = {
    "HTTPClientError",
    "ReadTimeoutError",
    "ConnectionClosedError",
    "ResponseStreamingError",
    "ConnectionError",
    "SSLError",
    "IncompleteReadError",
    "ChecksumError",
    "FlexibleChecksumError",
}
NOTHING_SENT = {"EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError"}
NO_CREDENTIALS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "UnknownCredentialError",
    "MetadataRetrievalError",
    "RefreshWithMFAUnsupportedError",
    "NoAuthTokenError",
    "TokenRetrievalError",
    "SSOError",
    "SSOTokenLoadError",
    "UnauthorizedSSOTokenError",
    "LoginError",
    "LoginAuthorizationCodeError",
    "LoginInsufficientPermissions",
    "LoginRefreshRequired",
    "LoginTokenLoadError",
}


class _Anything(dict[str, Any]):
    """Fills every blank of a message."""

    def __missing__(self, key: str) -> str:
        return key


def _made(kind: type[Exception]) -> Exception:
    """An exception of that class without its constructor, which wants its own blanks filled."""
    error = kind.__new__(kind)
    Exception.__init__(error, getattr(kind, "fmt", "").format_map(_Anything()))
    return error


CLASSES = [
    kind
    for _, kind in inspect.getmembers(boto, inspect.isclass)
    if issubclass(kind, boto.BotoCoreError) and not issubclass(kind, boto.StubResponseError)
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: str(kind.__name__))
def test_every_exception_of_botocore_has_its_nature(kind: type[Exception]) -> None:
    """What is not named above never left this machine: a wrong parameter, a wrong setting."""
    ours = faults.translate(_made(kind), service="ec2", operation="create_vpc")
    assert ours is not None
    name = kind.__name__
    wanted = N.UNCLEAR if name in UNCLEAR else N.CREDENTIALS if name in NO_CREDENTIALS else N.REFUSED
    assert ours.nature == wanted
    assert ours.answer.operation == "CreateVpc"
    assert (ours.code == "unreachable") is (name in NOTHING_SENT | {"SSLError"})


def test_an_answer_that_cannot_be_parsed_is_a_lost_answer() -> None:
    ours = faults.translate(ResponseParserError("not XML"), service="ec2", operation="create_vpc")
    assert ours is not None
    assert ours.nature == N.UNCLEAR


@pytest.mark.parametrize("error", [KeyError("x"), OSError(28, "no space"), ssl.SSLError("x")])
def test_what_is_not_botocores_is_not_translated(error: Exception) -> None:
    assert faults.translate(error, service="ec2", operation="create_vpc") is None


# ---------------------------------------------------------------------------------------------- errors


def _refusal(
    code: str,
    message: str = "because",
    *,
    service: str = "elbv2",
    operation: str = "create_listener",
    status: int = 400,
) -> AwsError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"RequestId": "r-1", "HTTPStatusCode": status},
    }
    ours = faults.translate(boto.ClientError(response, operation), service=service, operation=operation)
    assert ours is not None
    return ours


def test_an_error_names_the_call_the_code_and_the_request() -> None:
    error = _refusal("DuplicateListener")
    assert error.exit_code == Exit.FAILED
    assert error.why == "elbv2:CreateListener answered DuplicateListener: because (request r-1)"
    assert (error.answer.status, error.answer.request_id) == (400, "r-1")


@pytest.mark.parametrize(
    ("service", "operation", "action"),
    [
        ("elbv2", "create_listener", "elasticloadbalancing:CreateListener"),
        ("ec2", "create_vpc", "ec2:CreateVpc"),
        ("lambda", "invoke", "lambda:InvokeFunction"),
        ("logs", "put_retention_policy", "logs:PutRetentionPolicy"),
    ],
)
def test_a_denial_names_the_action_to_allow(service: str, operation: str, action: str) -> None:
    error = _refusal("AccessDenied", service=service, operation=operation, status=403)
    assert isinstance(error, AccessError)
    assert error.exit_code == Exit.ACCESS
    assert f"allow the action {action} " in str(error.hint)


def test_expired_credentials_are_told_as_such() -> None:
    error = _refusal("ExpiredToken")
    assert (error.exit_code, error.code) == (Exit.ACCESS, "credentials")


def test_a_quota_is_told_as_such() -> None:
    assert _refusal("TooManyListeners").code == "quota"


def test_a_reply_without_code_is_still_an_error() -> None:
    ours = faults.translate(boto.ClientError({}, "CreateVpc"), service="ec2", operation="create_vpc")
    assert ours is not None
    assert ours.answer.code == "Unknown"


# --------------------------------------------------------------------------------------- Unsuccessful


def test_a_failure_that_hides_in_a_success_is_found() -> None:
    reply = {
        "Unsuccessful": [
            {
                "ResourceId": "vpce-svc-1",
                "Error": {"Code": "ExistingVpcEndpointConnections", "Message": "Service has existing connections!"},
            }
        ],
        "ResponseMetadata": {"RequestId": "r-2"},
    }
    error = faults.unsuccessful(reply, service="ec2", operation="delete_vpc_endpoint_service_configurations")
    assert error is not None
    assert error.nature == N.BUSY
    assert (error.answer.request_id, error.answer.status) == ("r-2", 200)


@pytest.mark.parametrize("reply", [{}, {"Unsuccessful": []}, {"Vpc": {}}])
def test_a_success_is_a_success(reply: dict[str, Any]) -> None:
    assert faults.unsuccessful(reply, service="ec2", operation="create_vpc") is None


def test_a_failure_without_words_is_still_a_failure() -> None:
    error = faults.unsuccessful(
        {"Unsuccessful": [{"ResourceId": "x"}]}, service="ec2", operation="delete_vpc_endpoints"
    )
    assert error is not None
    assert error.nature == N.REFUSED


def test_an_answer_is_one_sentence() -> None:
    answer = AwsAnswer(service="ec2", operation="CreateVpc", code="VpcLimitExceeded", message="full")
    assert str(answer) == "ec2:CreateVpc answered VpcLimitExceeded: full"


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        (
            "InvalidSignatureException",
            "Signature expired: 20270101T000000Z is now earlier than 20270101T005500Z",
            "clock",
        ),
        ("SignatureDoesNotMatch", "Signature not yet current: 20270101T010000Z is still later than 2", "clock"),
        ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", "clock"),
        ("RequestExpired", "Request has expired.", "expired, or this machine's clock is wrong"),
        ("ExpiredToken", "The security token included in the request is expired", "have expired"),
        ("SignatureDoesNotMatch", "The request signature we calculated does not match", "not accept the credentials"),
    ],
)
def test_whether_clock_keys_or_their_time_is_wrong_is_told_apart(code: str, message: str, words: str) -> None:
    error = _refusal(code, message)
    assert isinstance(error, AccessError)
    assert error.nature == N.CREDENTIALS
    assert words in error.message
    assert error.code == ("clock" if words == "clock" else "credentials")
    assert "run the same command again" in str(error.hint)
