"""What an interface endpoint must fulfil to be made or changed, in the order and the words of AWS."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from moto.ec2.exceptions import EC2ClientError, InvalidSecurityGroupNotFoundError
from moto.ec2.models.vpcs import VPCEndPoint
from werkzeug.exceptions import HTTPException

from plinkctl.sandbox import interfaces, world
from plinkctl.sandbox.access.policy import listed
from plinkctl.sandbox.ec2 import six
from plinkctl.sandbox.manners.quotas import refuse_more

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plinkctl.sandbox.ec2.services import Service

#: Zones from which no service of another region can be reached; of the guide's page on sharing services.
_NOT_ACROSS: Final = frozenset({"use1-az3", "usw1-az2", "apne1-az3", "apne2-az2", "apne2-az4"})

#: Which records an endpoint can have, by the addresses it has; the first is the default. Of the guide's page on
#: interface endpoints.
_RECORDS: Final = {
    "ipv4": ("ipv4",),
    "ipv6": ("ipv6",),
    "dualstack": ("dualstack", "ipv4", "ipv6", "service-defined"),
}

#: The policy of an endpoint that was given none: everything to everybody.
FULL_ACCESS: Final = json.dumps(VPCEndPoint.DEFAULT_POLICY)


class UnavailableError(HTTPException):
    """EC2's 503 `Unavailable`; moto's own errors are always answered with 400."""

    code = 503
    description = (
        "<Response><Errors><Error><Code>Unavailable</Code><Message>The service is unavailable. Please try again "
        "shortly.</Message></Error></Errors><RequestID>unavailable</RequestID></Response>"
    )


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses a consumer asks for in one subnet; None where AWS is to choose."""

    four: str | None = None
    six: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the consumer chooses of an endpoint, once it is checked.

    Attributes:
        subnets: moto's subnets.
        addresses: subnet ID -> the addresses asked for there.
        groups: IDs of its security groups.
        ip_type: ipv4, ipv6 or dualstack; only told, for the sandbox carries IPv4.
        records: what its names answer with; only told as well.
        private_dns: whether it answers for its service's private DNS name.
        policy: its policy, as it was written.
    """

    subnets: list[Any]
    addresses: dict[str, Addresses]
    groups: list[str]
    ip_type: str
    records: str
    private_dns: bool
    policy: str


def check_ready(service: Service) -> None:
    """Refuse a service so new that it takes no endpoint yet, though it is `Available`. Raises UnavailableError."""
    if world.now() < service.ready:
        raise UnavailableError


def check_subnets(backend: Any, vpc_id: str, subnet_ids: Sequence[str], service: Service) -> list[Any]:
    """The subnets of an endpoint, checked as AWS checks them. Raises EC2ClientError."""
    subnets = [backend.get_subnet(one) for one in subnet_ids]
    for subnet in subnets:
        if subnet.vpc_id != vpc_id:
            raise EC2ClientError("InvalidParameter", f"The subnet {subnet.id} does not belong to VPC {vpc_id}.")
    if len({subnet.availability_zone for subnet in subnets}) < len(subnets):
        raise EC2ClientError(
            "DuplicateSubnetsInSameZone",
            "For an interface VPC endpoint, you can specify only one subnet per Availability Zone.",
        )
    across = service.region != backend.region_name
    for subnet in subnets:
        # Over regions no zone is the same; only a few are left out.
        zone = subnet.availability_zone_id
        if zone in _NOT_ACROSS if across else zone not in service.zone_ids:
            raise EC2ClientError(
                "InvalidParameter",
                f"The VPC endpoint service {service.name} does not support the availability zone of the subnet: "
                f"{subnet.id}.",
            )
    return subnets


def check_groups(backend: Any, vpc_id: str, group_ids: list[str]) -> list[str]:
    """The groups of an endpoint; the VPC's default group when none is given. Raises EC2ClientError."""
    for group_id in group_ids:
        if group_id not in backend.groups[vpc_id]:
            raise InvalidSecurityGroupNotFoundError(group_id)
    refuse_more("security-groups-per-interface", len(group_ids) - 1)
    return group_ids or [backend.get_default_security_group(vpc_id).id]


def check_ip_type(ip_type: str, service: Service, subnets: Sequence[Any]) -> str:
    """The addresses of an endpoint: its service must speak all of it, its subnets must have them.

    Raises:
        EC2ClientError: InvalidParameter; the rule is the guide's, the words are ours.
    """
    if ip_type not in _RECORDS:
        raise EC2ClientError("InvalidParameter", f"The IP address type '{ip_type}' is not one of {', '.join(_RECORDS)}")
    wanted = {"ipv4", "ipv6"} if ip_type == "dualstack" else {ip_type}
    if not wanted <= set(service.ip_types):
        raise EC2ClientError(
            "InvalidParameter",
            f"The VPC endpoint service {service.name} does not support the IP address type {ip_type}",
        )
    for subnet in subnets:
        if "ipv6" in wanted and not six.blocks(subnet):
            raise EC2ClientError("InvalidParameter", f"The subnet {subnet.id} has no IPv6 CIDR block")
    return ip_type


def check_records(options: Mapping[str, Any], had: str | None, ip_type: str) -> str:
    """The kind of DNS records of an endpoint, of its DnsOptions. Raises EC2ClientError: InvalidParameter."""
    asked = options.get("DnsRecordIpType")
    # An endpoint whose addresses change gets the records that go with them, unless others are asked for.
    records = asked or (had if had in _RECORDS[ip_type] else None) or _RECORDS[ip_type][0]
    if records not in _RECORDS[ip_type]:
        raise EC2ClientError(
            "InvalidParameter", f"DNS records of type {records} do not go with the IP address type {ip_type}"
        )
    for name in ("PrivateDnsPreference", "PrivateDnsSpecifiedDomains"):
        if options.get(name):
            raise EC2ClientError("InvalidParameter", f"{name} is for resource and service network endpoints only")
    if str(options.get("PrivateDnsOnlyForInboundResolverEndpoint", "false")).lower() == "true":
        raise EC2ClientError(
            "InvalidParameter",
            "PrivateDnsOnlyForInboundResolverEndpoint is for services with both gateway and interface endpoints",
        )
    return records


def check_addresses(
    configurations: Sequence[Mapping[str, str]], subnets: Sequence[Any], ip_type: str, endpoint_id: str | None
) -> dict[str, Addresses]:
    """The addresses asked for by SubnetConfigurations, by subnet ID.

    Each must be of one of the endpoint's subnets, in its range, of a kind the endpoint has, and free, unless it is the
    endpoint's own already.

    Raises:
        EC2ClientError: InvalidParameter; InvalidIPAddress.InUse, EC2's general code for an address that is taken.
    """
    known = {subnet.id: subnet for subnet in subnets}
    found = {}
    for one in configurations:
        subnet = known.get(one.get("SubnetId", ""))
        if subnet is None:
            raise EC2ClientError(
                "InvalidParameter", f"The subnet {one.get('SubnetId')} is none of those of the endpoint"
            )
        found[subnet.id] = asked = Addresses(one.get("Ipv4"), one.get("Ipv6"))
        if asked.four:
            inside = ip_type != "ipv6" and _within(asked.four, [subnet.cidr])
            if not inside or not interfaces.assignable(subnet, asked.four):
                raise _not_assignable(asked.four, subnet, ip_type)
            _check_free(asked.four, interfaces.holder(subnet, asked.four), endpoint_id)
        if asked.six:
            if ip_type == "ipv4" or not _within(asked.six, six.blocks(subnet)):
                raise _not_assignable(asked.six, subnet, ip_type)
            _check_free(asked.six, six.holder(subnet, asked.six), endpoint_id)
    return found


def _not_assignable(address: str, subnet: Any, ip_type: str) -> EC2ClientError:
    return EC2ClientError(
        "InvalidParameter", f"The address {address} is none that an endpoint of type {ip_type} can have in {subnet.id}"
    )


def _within(address: str, blocks: Sequence[Any]) -> bool:
    try:
        return any(ipaddress.ip_address(address) in block for block in blocks)
    except ValueError:
        return False


def _check_free(address: str, holder: Any, endpoint_id: str | None) -> None:
    if holder is not None and getattr(getattr(holder, "sandbox", None), "id", "") != endpoint_id:
        raise EC2ClientError("InvalidIPAddress.InUse", f"The address {address} is in use")


def check_policy(document: str | None, service: Service) -> str | None:
    """The policy that a request gives an endpoint, None when it gives none.

    Services of others take full access only, in whichever spelling. Terraform users met AWS's words for it.

    Raises:
        EC2ClientError: InvalidParameter; InvalidPolicyDocument, for what is no JSON.
    """
    if not document:
        return None
    try:
        statements = listed(json.loads(document).get("Statement", []))
    except (ValueError, AttributeError):
        raise EC2ClientError("InvalidPolicyDocument", "The policy document is not valid JSON") from None
    if len(statements) != 1 or not _allows_all(statements[0]):
        raise EC2ClientError(
            "InvalidParameter", f"Service {service.name} only supports the full-access endpoint policy."
        )
    return document


def _allows_all(statement: Any) -> bool:
    """Whether a statement of a policy is everything to everybody."""
    if not isinstance(statement, dict) or statement.keys() - {"Sid"} != {"Effect", "Principal", "Action", "Resource"}:
        return False
    principal = statement["Principal"]
    everybody = principal == "*" or (isinstance(principal, dict) and list(map(listed, principal.values())) == [["*"]])
    return (
        everybody
        and statement["Effect"] == "Allow"
        and listed(statement["Action"]) == listed(statement["Resource"]) == ["*"]
    )
