"""What the user asked for: a link with a provider side, a consumer side, or both. Pure values.

config/ makes these from YAML and flags, after validation; topology.py turns them into a graph. Nothing here
reads a file, knows AWS clients, or checks what only AWS can know.
"""

import ipaddress
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
DEFAULT_TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
"""What the guides of ALB and NLB recommend, and their console takes: TLS 1.3 and 1.2, ciphers with forward secrecy and
AEAD only, a post-quantum key exchange for clients that know it."""

REQUESTED: Final = "requested"
SELF_SIGNED: Final = "self-signed"
FILES: Final = "files"


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


def resolver_of(text: str) -> tuple[str, int]:
    """Address and port of a DNS server: `1.1.1.1`, `127.0.0.1:5300`, `::1`, `[::1]:5300`.

    Raises:
        ValueError: It is none of these.
    """
    address, port = text, "53"
    if text.startswith("["):
        address, _, port = text[1:].partition("]:")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(text)
    return str(ipaddress.ip_address(address)), int(port)


@dataclass(frozen=True, kw_only=True)
class Dns:
    """Where the provider's public DNS records go.

    Args:
        zone_id: The Route 53 hosted zone to write them to; None prints them, ready to paste, and waits.
        profile: The AWS profile of the zone's account; None means the provider's own credentials.
        resolvers: DNS servers that are asked whether a record is public, `ADDRESS` or `ADDRESS:PORT`; empty means
            those of this machine.
    """

    zone_id: str | None = None
    profile: str | None = None
    resolvers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tls:
    """HTTPS at the provider's listener. None of it is there unless `certificate` is given.

    Args:
        certificate: The ARN of one in ACM; or `requested` (from ACM, proven by a DNS record), `self-signed` (made here
            and imported), `files` (imported from the files below); None means no TLS.
        name: The DNS name it is for; None means the service's private DNS name.
        certificate_file: PEM file of the certificate, with `files`.
        key_file: PEM file of its private key, unencrypted, readable by its owner only.
        chain_file: PEM file of the authorities between it and the root, or None.
        policy: The ELB security policy: which TLS versions and ciphers.
        port: TCP port of the HTTPS listeners, 1 to 65535.
        plain: What becomes of the listeners on `Provider.port`: `none`, `keep`, or `redirect` to HTTPS.
        target_group_arn: With an existing NLB: where its TLS listener forwards to.
    """

    certificate: str | None = None
    name: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    chain_file: str | None = None
    policy: str = DEFAULT_TLS_POLICY
    port: int = 443
    plain: str = "none"
    target_group_arn: str | None = None


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
        private_dns_name: The name consumers may use for the service inside their VPCs; a domain of the provider's.
        dns: Where public DNS records go.
        tls: HTTPS at the listener.
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
    private_dns_name: str | None = None
    dns: Dns = field(default_factory=Dns)
    tls: Tls = field(default_factory=Tls)

    @property
    def server_name(self) -> str | None:
        """The DNS name a client expects in the certificate, or None without TLS."""
        return (self.tls.name or self.private_dns_name) if self.tls.certificate else None


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """The consumer side.

    Args:
        service_name: `com.amazonaws.vpce.<region>.vpce-svc-…`; None when both sides are made in one walk.
        port: TCP port the service listens on.
        private_dns: Ask for the service's private DNS name inside the VPC.
        https: Whether the probe function asks by HTTPS; follows the provider when both sides are here.
        server_name: The DNS name the certificate must be for; None means the service's private DNS name.
        ca_file: PEM file of the authorities to trust; None means the public ones, or in one walk the self-signed one.
        private_zone: A DNS name of the consumer's own for the endpoint, in a private hosted zone of its VPC.
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
    https: bool = False
    server_name: str | None = None
    ca_file: str | None = None
    private_zone: str | None = None
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
