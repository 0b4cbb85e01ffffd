"""What the user asked for: a link with a provider side, a consumer side, or both. Pure values.

config/ makes these from YAML and flags, after validation; topology.py turns them into a graph. Nothing here
reads a file, knows AWS clients, or checks what only AWS can know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Side(StrEnum):
    """The two halves of a link; each has its own account, region, state file and credentials."""

    PROVIDER = "provider"
    CONSUMER = "consumer"


DEFAULT_NAME: Final = "default"
DEFAULT_CIDR: Final = "10.0.0.0/16"
DEFAULT_BODY: Final = "Hello from ALB!"
DEFAULT_RETENTION_DAYS: Final = 14


@dataclass(frozen=True, kw_only=True)
class Access:
    """How to reach one side's account. Keys are never here: only names that boto3 resolves.

    Args:
        profile: AWS profile name, or None for the default chain.
        region: AWS region, or None for what the environment or profile says.
        account: The 12-digit account this side must be; None means: as recorded at the first run.
        endpoint_url: Another AWS endpoint for every service, or None.
    """

    profile: str | None = None
    region: str | None = None
    account: str | None = None
    endpoint_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Network:
    """A VPC to make (cidr), or one to borrow (vpc_id with subnet_ids).

    Args:
        cidr: IPv4 block of the VPC to make, /16 to /24 (it is cut into 16 or more subnets).
        subnets: How many subnets to make, each in a zone of its own, 1 to 6.
        zone_ids: The zones to choose from (`use1-az1`), in this order; empty means all that can be used.
        vpc_id: An existing VPC to use in place of a new one; then subnet_ids is not empty.
        subnet_ids: Existing subnets of that VPC.
    """

    cidr: str = DEFAULT_CIDR
    subnets: int = 2
    zone_ids: tuple[str, ...] = ()
    vpc_id: str | None = None
    subnet_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Response:
    """The ALB's fixed response (ELBv2: status 2xx, 4xx or 5xx; body at most 1,024 characters)."""

    status: int = 200
    body: str = DEFAULT_BODY
    content_type: str = "text/plain"


@dataclass(frozen=True, kw_only=True)
class Provider:
    """The provider side.

    Args:
        allow: Allowed principals as the user wrote them: 12-digit accounts, ARNs, or `*` (needs consent).
        acceptance_required: False accepts every allowed principal's connection by itself.
        allow_public: The user's typed reason for `*`; needed together with acceptance_required.
        port: TCP port of the listeners, 1 to 65535.
        load_balancer_arn: An existing internal NLB to use; then no VPC, ALB, target group or listener is made.
        enforce_inbound_rules: Whether the NLB's security group filters PrivateLink traffic. Off by default,
            since the source it would check is the consumer's private address, which the provider cannot know.
        consumer_cidrs: The addresses that group admits when it filters; needed then, unless both sides are
            made in one walk and the consumer's block is known.
    """

    access: Access = field(default_factory=Access)
    network: Network = field(default_factory=Network)
    allow: tuple[str, ...] = ()
    acceptance_required: bool = True
    allow_public: str | None = None
    port: int = 80
    response: Response = field(default_factory=Response)
    load_balancer_arn: str | None = None
    enforce_inbound_rules: bool = False
    consumer_cidrs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """The consumer side.

    Args:
        service_name: `com.amazonaws.vpce.<region>.vpce-svc-…`; None when both sides are made in one walk.
        port: TCP port the service listens on.
        private_dns: Ask for the service's private DNS name inside the VPC.
        retention_days: Days CloudWatch Logs keeps the probe function's log; one of the values AWS allows.
        function_timeout: Seconds the probe function may run, 5 to 60.
        permissions_boundary: ARN of the policy that bounds the function's role, or None.
        request_timeout: Seconds one HTTP request of it may take; at least 2 s below function_timeout.
    """

    access: Access = field(default_factory=Access)
    network: Network = field(default_factory=lambda: Network(subnets=1))
    service_name: str | None = None
    port: int = 80
    private_dns: bool = False
    retention_days: int = DEFAULT_RETENTION_DAYS
    permissions_boundary: str | None = None
    function_timeout: int = 15
    request_timeout: int = 5


@dataclass(frozen=True, kw_only=True)
class Link:
    """A whole link, or the half of it that one party owns.

    Args:
        name: `^[a-z][a-z0-9-]{0,30}$`; part of every name and tag on AWS.
        tags: The user's own tags for every resource; never a key that starts with `plinkctl:` or `aws:`.
        protect: Whether teardown must refuse; None leaves that as it was.
        state: The place of the states: a folder, or an address in a bucket; None for the default.
    """

    name: str = DEFAULT_NAME
    provider: Provider | None = None
    consumer: Consumer | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    protect: bool | None = None
    state: str | None = None
