"""What AWS has, as botocore's models list it, and what of it is here: for clear words about what is not.

moto takes a call for a service or version it does not know for one to S3, or answers it in another shape; a caller
would look for its mistake in the wrong place.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from moto import backends
from moto.backend_index import backend_url_patterns
from moto.core.loaders import create_loader
from moto.moto_server.werkzeug_app import SIGNING_ALIASES

from plinkctl.sandbox.door.protocol import MODELS

if TYPE_CHECKING:
    from plinkctl.sandbox.door.protocol import Asked

#: What the sandbox stands for. moto has more, which is let through as moto has it.
SERVICES: Final = (
    "acm",
    "ec2",
    "elasticloadbalancing",
    "iam",
    "lambda",
    "logs",
    "monitoring",
    "route53",
    "s3",
    "sns",
    "sts",
    "tagging",
)
#: Services of the query protocol whose version tells the shape of the answer; classic load balancers sign as new ones.
_ALSO: Final = {"elasticloadbalancing": ("elb",)}
#: Whose body is somebody's own, not the API's.
_ANY_BODY: Final = frozenset({"Invoke", "InvokeAsync", "InvokeWithResponseStream"})
_loader: Final = create_loader()


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a call cannot be answered here, in the form of an AWS error."""

    code: str
    message: str
    status: int


@functools.cache
def actions(service: str) -> frozenset[str]:
    """All actions AWS has of a service, by its signing name; empty when botocore knows no such service."""
    name = MODELS.get(service, service)
    if name not in _loader.list_available_services("service-2"):
        return frozenset()
    # A loader keeps what it has read, of which only the names are needed.
    return frozenset(create_loader().load_service_model(name, "service-2")["operations"])


@functools.cache
def versions(service: str) -> frozenset[str]:
    """The API versions that are answered: the newest of each API behind a signing name; empty for unknown services."""
    names = {MODELS.get(service, service), *_ALSO.get(service, ())}
    known = names & set(_loader.list_available_services("service-2"))
    return frozenset(_loader.determine_latest_version(name, "service-2") for name in known)


@functools.cache
def _here(service: str) -> bool:
    """Whether moto has anything that answers under this signing name."""
    name = SIGNING_ALIASES.get(service, service)
    if name in _INDIRECT or name in backends.list_of_moto_modules():
        return True
    return any(pattern.match(f"https://{name}.us-east-1.amazonaws.com") for _, pattern in backend_url_patterns)


#: Signing names that moto leads elsewhere by more than the name.
_INDIRECT: Final = frozenset(
    {"budgets", "cloudfront", "timestream", "sagemaker", "memorydb", "dsql", "aidevops", "s3vectors"}
)


@functools.cache
def _required(service: str, action: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """The parameters an action cannot do without and the names each may be sent under; not those of path and head."""
    model = create_loader().load_service_model(MODELS.get(service, service), "service-2")
    shape = model["shapes"].get(model["operations"].get(action, {}).get("input", {}).get("shape"), {})
    found = []
    for name in shape.get("required", ()):
        member = shape["members"][name]
        if "location" not in member:
            sent = {name, member.get("queryName", name), member.get("locationName", name)}
            found.append((name, frozenset(sent | {one[:1].upper() + one[1:] for one in sent})))
    return tuple(found)


def lacking(asked: Asked) -> Wrong | None:
    """What is wrong with a call at which moto failed: a parameter that AWS's model wants; None when all are there."""
    if asked.action not in actions(asked.service):
        return None
    absent = [name for name, sent in _required(asked.service, asked.action) if not sent & asked.names]
    if not absent:
        return None
    if asked.protocol == "ec2":
        return Wrong("MissingParameter", f"The request must contain the parameter {absent[0]}", 400)
    listed = "; ".join(
        f"Value null at '{name}' failed to satisfy constraint: Member must not be null" for name in absent
    )
    code = "ValidationError" if asked.protocol == "query" else "ValidationException"
    return Wrong(code, f"{len(absent)} validation error{'s' if absent[1:] else ''} detected: {listed}", 400)


def unheard_of(asked: Asked) -> Wrong | None:
    """What is wrong with a call at which moto failed: an action that AWS has not either; None when it has."""
    known = actions(asked.service).union(*(actions(name) for name in _ALSO.get(asked.service, ())))
    if not known or asked.action in known:
        return None
    return Wrong("InvalidAction", f"The action {asked.service}:{asked.action} is not valid for this web service.", 400)


def unanswerable(asked: Asked) -> Wrong | None:
    """What is wrong with a call before moto sees it: no service, a service not here, no action, another version."""
    if asked.service != "-" and not _here(asked.service):
        known = ", ".join(SERVICES)
        message = (
            f"The local AWS has no service {asked.service}. It stands for {known}; other services are what moto has"
        )
        return Wrong("UnknownService", message, 404)
    if asked.cbor:  # moto does not read it
        message = f"The local AWS speaks no CBOR (Smithy's RPC v2), in which {asked.service}:{asked.action} was asked"
        return Wrong("UnknownOperationException", message, 404)
    spoken = asked.protocol == "json" or asked.service == "lambda"  # others may carry any bytes
    if spoken and not asked.readable and asked.action not in _ANY_BODY:
        code = "InvalidRequestContentException" if asked.service == "lambda" else "SerializationException"
        return Wrong(code, f"The body of {asked.service}:{asked.action} is not a JSON object", 400)
    if asked.protocol not in ("ec2", "query"):
        return None
    if asked.action.startswith(("POST ", "GET ")):
        return Wrong("MissingAction", f"The request to {asked.service} names no action", 400)
    served = versions(asked.service)
    if asked.version and served and asked.version not in served:
        code = "NoSuchVersion" if asked.protocol == "ec2" else "InvalidAction"
        message = f"Could not find operation {asked.action} for version {asked.version}; the local AWS has "
        return Wrong(code, message + " and ".join(sorted(served)), 400)
    return None
