"""The options commands share, and how they become overrides of the configuration.

Every option can also come from `PLINKCTL_<OPTION>`; a flag wins over the variable, that over the file.
"""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from plinkctl.config import Given
from plinkctl.link import Side

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType[float]):
    """`90s`, `10m`, `1h`, `2d`, or a bare number of seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, int | float):
            return float(value)
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(value).strip())
        if not found or float(found[1]) == 0:
            self.fail(f"{value!r} is no duration; write 90s, 10m, 1h or 2d", param, ctx)
        return float(found[1]) * _UNITS[found[2] or "s"]


class TagType(click.ParamType[tuple[str, str]]):
    """`KEY=VALUE`."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Key and value."""
        if isinstance(value, tuple):
            return value
        key, equals, rest = str(value).partition("=")
        if not equals or not key:
            self.fail(f"{value!r} is no tag; write KEY=VALUE", param, ctx)
        return key, rest


class Matching(click.ParamType[str]):
    """A text of one form; anything else is refused before a call is made."""

    def __init__(self, pattern: str, example: str) -> None:
        self.name = example
        self._pattern = re.compile(pattern)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text itself."""
        if not self._pattern.fullmatch(str(value)):
            self.fail(f"{value!r} does not look like {self.name}", param, ctx)
        return str(value)


ENDPOINT_ID: Final = Matching(r"vpce-[0-9a-f]{8,17}", "vpce-0123456789abcdef0")
ACCOUNT_ID: Final = Matching(r"\d{12}", "123456789012")


def option(*names: str, **settings: Any) -> Decorator[Any]:
    """A click option that can come from the environment as PLINKCTL_<OPTION>."""
    long = next(name for name in names if name.startswith("--")).partition("/")[0]
    settings.setdefault("envvar", f"PLINKCTL_{long[2:].replace('-', '_').upper()}")
    return click.option(*names, **settings)


def together(*decorators: Decorator[Any]) -> Decorator[Any]:
    """Several options as one decorator, shown in the order given."""

    def apply(command: Any) -> Any:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return apply


output_options: Final = together(
    option(
        "-o",
        "--output",
        type=click.Choice(["table", "json", "yaml", "text"]),
        default="table",
        help="Form of the result on stdout.",
        show_default=True,
    ),
    option("--query", metavar="EXPR", help="JMESPath over the json, yaml or text result."),
    option(
        "--progress",
        type=click.Choice(["auto", "live", "plain", "json", "none"]),
        default="auto",
        help="Progress on stderr.",
        show_default=True,
    ),
    option("-v", "--verbose", is_flag=True, help="Show every AWS call."),
    option("--debug", is_flag=True, help="Show the traceback of a bug on stderr as well."),
    option("--no-color", is_flag=True, help="No colour; NO_COLOR does the same."),
)

consent_options: Final = together(
    option("-y", "--yes", is_flag=True, help="Answer questions with yes."),
    option("--confirm", metavar="NAME", help="The link's name, in place of typing it."),
    option("--no-input", is_flag=True, help="Never ask; a question is a refusal."),
)

link_options: Final = together(
    option("--name", metavar="NAME", help="The link's name.  [default: default]"),
    option("-f", "--config", metavar="FILE", help="A link file (configs/*.yaml)."),
    option(
        "--state",
        metavar="PLACE",
        help="Where states are kept: a folder, or s3://BUCKET/PREFIX.  [default: .plinkctl]",
    ),
    option("--timeout", type=Duration(), metavar="DURATION", help="How long the command may wait in all: 90s, 10m."),
    consent_options,
)

access_options: Final = together(
    option("--profile", metavar="PROFILE", help="AWS profile."),
    option("--region", metavar="REGION", help="AWS region."),
    option("--endpoint-url", metavar="URL", help="Another AWS endpoint."),
)

sides_options: Final = together(
    option("--provider-profile", metavar="PROFILE", help="AWS profile of the provider side."),
    option("--provider-region", metavar="REGION", help="AWS region of the provider side."),
    option("--consumer-profile", metavar="PROFILE", help="AWS profile of the consumer side."),
    option("--consumer-region", metavar="REGION", help="AWS region of the consumer side."),
)

shared_options: Final = together(
    option(
        "--tag",
        "tags",
        type=TagType(),
        multiple=True,
        metavar="KEY=VALUE",
        help="A tag for every resource; repeatable.",
    ),
    option("--port", type=int, metavar="PORT", help="TCP port.  [default: 80]"),
    option(
        "--protect/--no-protect", default=None, help="Whether teardown must refuse.  [default: as it was, at first no]"
    ),
)

side_options: Final = together(
    option("--account", metavar="ID", help="The account this side must be in."),
    shared_options,
    option("--cidr", metavar="CIDR", help="Block of the VPC to make.  [default: 10.0.0.0/16]"),
    option("--subnets", type=int, metavar="N", help="Subnets to make, each in a zone of its own."),
    option("--zone-id", "zone_ids", multiple=True, metavar="ID", help="A zone to choose from: use1-az1; repeatable."),
    option("--vpc-id", metavar="ID", help="An existing VPC in place of a new one."),
    option("--subnet-id", "subnet_ids", multiple=True, metavar="ID", help="A subnet of that VPC; repeatable."),
)

provider_options: Final = together(
    option(
        "--allow", multiple=True, metavar="PRINCIPAL", help="Who may connect: a 12-digit account or an ARN; repeatable."
    ),
    option(
        "--acceptance-required/--no-acceptance-required",
        default=None,
        help="Whether each connection must be accepted.  [default: required]",
    ),
    option("--allow-public", metavar="REASON", help="Why anybody may connect; needed for --allow '*'."),
    option(
        "--load-balancer-arn", metavar="ARN", help="An existing internal NLB in place of everything but the service."
    ),
    option("--response-status", type=int, metavar="CODE", help="Status of the ALB's fixed response.  [default: 200]"),
    option("--response-body", metavar="TEXT", help="Its body.  [default: Hello from ALB!]"),
    option("--response-content-type", metavar="TYPE", help="Its content type.  [default: text/plain]"),
    option(
        "--enforce-inbound-rules/--no-enforce-inbound-rules",
        default=None,
        help="Whether the NLB's group filters PrivateLink traffic.  [default: no]",
    ),
    option(
        "--consumer-cidr", "consumer_cidrs", multiple=True, metavar="CIDR", help="Whom that group admits; repeatable."
    ),
    option("--private-dns-name", metavar="NAME", help="A DNS name of yours for the service: api.example.com"),
    option("--dns-zone", metavar="ID", help="The Route 53 zone to write its proof to; without it, it is printed."),
    option("--dns-profile", metavar="PROFILE", help="AWS profile of the zone's account."),
    option("--resolver", "resolvers", multiple=True, metavar="ADDRESS", help="A DNS server to ask; repeatable."),
    option(
        "--certificate",
        metavar="ORIGIN",
        help="HTTPS: `requested` from ACM, `self-signed`, `files`, or the ARN of a certificate in ACM.",
    ),
    option("--certificate-name", metavar="NAME", help="The DNS name it is for.  [default: the private DNS name]"),
    option("--certificate-file", metavar="FILE", help="The certificate to import, PEM, with `--certificate files`."),
    option("--key-file", metavar="FILE", help="Its private key."),
    option("--chain-file", metavar="FILE", help="The authorities between it and the root."),
    option("--tls-policy", metavar="NAME", help="ELB security policy.  [default: TLS 1.3 and 1.2]"),
    option(
        "--plain",
        type=click.Choice(["none", "keep", "redirect"]),
        help="What becomes of the listeners without TLS.  [default: none]",
    ),
    option("--target-group-arn", metavar="ARN", help="Where the TLS listener of an existing NLB forwards to."),
)

consumer_options: Final = together(
    option("--service-name", metavar="NAME", help="The provider's service: com.amazonaws.vpce.REGION.vpce-svc-…"),
    option(
        "--private-dns/--no-private-dns",
        default=None,
        help="The service's private DNS name inside the VPC.  [default: no]",
    ),
    option("--https/--no-https", default=None, help="Whether the function asks by HTTPS.  [default: no]"),
    option("--server-name", metavar="NAME", help="The certificate's name.  [default: the private DNS name]"),
    option("--ca-file", metavar="FILE", help="The authorities to trust, PEM.  [default: the public ones]"),
    option("--private-zone", metavar="NAME", help="A name of your own for the endpoint, in a private hosted zone."),
    option("--retention-days", type=int, metavar="DAYS", help="How long the function's log is kept.  [default: 14]"),
    option("--permissions-boundary", metavar="ARN", help="Permissions boundary of the function's role."),
    option("--function-timeout", type=int, metavar="SECONDS", help="How long the function may run.  [default: 15]"),
    option("--request-timeout", type=int, metavar="SECONDS", help="How long its request may take.  [default: 5]"),
)

# Parameter -> dotted key of the configuration; {side} is the command's own side.
_KEYS: Final[dict[str, str]] = {
    "name": "name",
    "protect": "protect",
    "state": "state",
    "account": "{side}.account",
    "cidr": "{side}.network.cidr",
    "subnets": "{side}.network.subnets",
    "zone_ids": "{side}.network.zone_ids",
    "vpc_id": "{side}.network.vpc_id",
    "subnet_ids": "{side}.network.subnet_ids",
    "port": "{side}.port",
    "allow": "provider.allow",
    "acceptance_required": "provider.acceptance_required",
    "allow_public": "provider.allow_public",
    "load_balancer_arn": "provider.load_balancer_arn",
    "response_status": "provider.response.status",
    "response_body": "provider.response.body",
    "response_content_type": "provider.response.content_type",
    "enforce_inbound_rules": "provider.enforce_inbound_rules",
    "consumer_cidrs": "provider.consumer_cidrs",
    "private_dns_name": "provider.private_dns_name",
    "dns_zone": "provider.dns.zone_id",
    "dns_profile": "provider.dns.profile",
    "resolvers": "provider.dns.resolvers",
    "certificate": "provider.tls.certificate",
    "certificate_name": "provider.tls.name",
    "certificate_file": "provider.tls.certificate_file",
    "key_file": "provider.tls.key_file",
    "chain_file": "provider.tls.chain_file",
    "tls_policy": "provider.tls.policy",
    "plain": "provider.tls.plain",
    "target_group_arn": "provider.tls.target_group_arn",
    "service_name": "consumer.service_name",
    "private_dns": "consumer.private_dns",
    "https": "consumer.https",
    "server_name": "consumer.server_name",
    "ca_file": "consumer.ca_file",
    "private_zone": "consumer.private_zone",
    "retention_days": "consumer.retention_days",
    "permissions_boundary": "consumer.permissions_boundary",
    "function_timeout": "consumer.function_timeout",
    "request_timeout": "consumer.request_timeout",
}
_ACCESS: Final = ("profile", "region", "endpoint_url")


def overrides(ctx: click.Context, sides: tuple[Side, ...]) -> dict[str, object]:
    """What flags and variables say, by dotted key of the configuration.

    `--profile`, `--region` and `--endpoint-url` mean every side of the command; the side's own flag wins.
    """
    found: dict[str, object] = {}

    def put(key: str, parameter: str) -> None:
        value = ctx.params.get(parameter)
        source = ctx.get_parameter_source(parameter)
        if value is None or value == () or source in {None, ParameterSource.DEFAULT}:
            return
        found[key] = Given(value, origin=_origin(ctx, parameter, source))

    for parameter in _ACCESS:
        for side in sides:
            put(f"{side}.{parameter}", parameter)
    for side in Side:
        for parameter in ("profile", "region"):
            put(f"{side}.{parameter}", f"{side}_{parameter}")
    for parameter, key in _KEYS.items():
        put(key.format(side=sides[0]), parameter)
    for key, value in ctx.params.get("tags") or ():
        found[f"tags.{key}"] = Given(value, origin="--tag")
    return found


def _origin(ctx: click.Context, parameter: str, source: ParameterSource | None) -> str:
    """How the user would recognise where a value came from."""
    declared = next(p for p in ctx.command.params if p.name == parameter)
    if source is ParameterSource.ENVIRONMENT:
        return str(declared.envvar)
    return next((name for name in declared.opts if name.startswith("--")), parameter)
