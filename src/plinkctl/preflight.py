"""What must be known before the first thing is made: zones, and whether the service is there for us. Reads only."""

from collections.abc import Collection, Iterable
from typing import Any

from plinkctl.aws.session import Clients
from plinkctl.certs import covers
from plinkctl.errors import AwsError, PlinkError, UsageError
from plinkctl.kinds.base import gone
from plinkctl.link import Network, Side
from plinkctl.state import State


def zones(
    aws: Clients, side: Side, network: Network, state: State | None, offered: Iterable[str] | None
) -> tuple[str, ...]:
    """The zone ID of each subnet to make.

    A recorded subnet keeps its zone, so that a zone AWS closes later does not look like a changed wish.

    Args:
        aws: The side's clients.
        side: The side.
        network: What is wanted.
        state: What is recorded.
        offered: The zone IDs the service is offered in, or None when any will do.

    Raises:
        PlinkError: There are not enough zones; the message says which are offered and which the account has.
    """
    if network.vpc_id is not None:
        return ()
    recorded = _recorded_zones(network, state)
    offered = None if offered is None else set(offered)
    # Local and Wavelength zones cannot host load balancers or endpoints like ours (aws-facts.md 1.1).
    found = aws.read(
        "ec2",
        "describe_availability_zones",
        Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}, {"Name": "state", "Values": ["available"]}],
    )["AvailabilityZones"]
    mine = {str(zone["ZoneId"]): str(zone["ZoneName"]) for zone in found}
    usable = [
        zone_id
        for zone_id in network.zone_ids or sorted(mine)
        if zone_id in mine and (offered is None or zone_id in offered)
    ]
    free = [zone_id for zone_id in usable if zone_id not in recorded.values()]
    chosen = [recorded.get(n) or (free.pop(0) if free else "") for n in range(1, network.subnets + 1)]
    if "" in chosen:
        mapped = ", ".join(f"{zone_id} = {name}" for zone_id, name in sorted(mine.items()))
        why = f"your account has {mapped}"
        if offered is not None:
            why = f"the service is offered in {', '.join(sorted(offered)) or 'none'}; {why}"
        raise PlinkError(
            f"the {side} side needs {network.subnets} zone(s) and only {len(usable)} can be used",
            why=why,
            hint=f"lower {side}.network.subnets, or name other {side}.network.zone_ids",
            code="zones",
        )
    return tuple(chosen)


def service(aws: Clients, service_name: str, *, account: str, private_dns: bool) -> dict[str, Any]:
    """The service as this account sees it.

    Raises:
        PlinkError: AWS says it does not exist, which is also what it says to strangers.
        UsageError: Private DNS is asked for and the service has no name to give.
    """
    try:
        details = aws.read("ec2", "describe_vpc_endpoint_services", ServiceNames=[service_name])["ServiceDetails"]
    except AwsError as error:
        if error.answer.code != "InvalidServiceName":
            raise
        raise PlinkError(
            f"AWS shows no endpoint service {service_name} to this account",
            why=f"{error.why}; AWS says the same for a wrong name, a deleted service, another region, "
            "and an account that is not allowed",
            hint=f"ask the provider to run: plinkctl provider up --allow {account}",
            code="service_not_visible",
        ) from error
    if not details:
        raise PlinkError(f"AWS shows no endpoint service {service_name} to this account", code="service_not_visible")
    found: dict[str, Any] = details[0]
    if private_dns:
        _check_private_dns(found, service_name)
    return found


def _check_private_dns(found: dict[str, Any], service_name: str) -> None:
    """Refuse before the endpoint is made what AWS would refuse after (aws-facts.md 6.8)."""
    if not found.get("PrivateDnsName"):
        raise UsageError(
            f"private DNS cannot be switched on: the service {service_name} has no private DNS name",
            why="only its owner can give it one, and must prove to own the domain by a TXT record",
            hint="leave private_dns out (the endpoint's own DNS name works), or ask the provider for one",
            code="no_private_dns_name",
        )


def check_vpc_dns(aws: Clients, vpc_id: str) -> None:
    """A borrowed VPC must answer private names; it is not ours to change.

    Raises:
        PlinkError: One of its two DNS attributes is off (aws-facts.md 6.8).
    """
    for attribute, key in (("enableDnsSupport", "EnableDnsSupport"), ("enableDnsHostnames", "EnableDnsHostnames")):
        reply = aws.peek("ec2", "describe_vpc_attribute", VpcId=vpc_id, Attribute=attribute)
        if reply is not None and not reply[key]["Value"]:
            raise PlinkError(
                f"private DNS needs {attribute} on the VPC {vpc_id}, and it is off",
                why="the VPC is borrowed, so plinkctl does not change it",
                hint=f"aws ec2 modify-vpc-attribute --vpc-id {vpc_id} --{_dashed(attribute)}",
                code="vpc_dns_off",
            )


def check_domain_free(aws: Clients, vpc_id: str, domain: str, *, own: str) -> None:
    """No other endpoint of the VPC may answer for the domain: AWS would refuse the second.

    Args:
        aws: The consumer's clients.
        vpc_id: The VPC.
        domain: The service's private DNS name.
        own: The endpoint of this link, or an empty string.

    Raises:
        PlinkError: Another one does.
    """
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
    for endpoint in aws.pages("ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=filters):
        names = {str(entry.get("DnsName")).rstrip(".") for entry in endpoint.get("DnsEntries", ())}
        if endpoint["VpcEndpointId"] != own and endpoint.get("PrivateDnsEnabled") and domain in names:
            raise PlinkError(
                f"another endpoint of the VPC answers for {domain} already: {endpoint['VpcEndpointId']}",
                why="AWS allows one in each VPC",
                hint=f"switch it off there: aws ec2 modify-vpc-endpoint --vpc-endpoint-id {endpoint['VpcEndpointId']} "
                "--no-private-dns-enabled; or leave consumer.private_dns out",
                code="domain_taken",
            )


def check_zone(aws: Clients, zone_id: str, name: str) -> None:
    """The hosted zone must be public, and the one the name is in.

    Raises:
        PlinkError: It is not there, private, or of another domain.
    """
    reply = aws.peek("route53", "get_hosted_zone", Id=zone_id)
    if reply is None:
        raise PlinkError(
            f"there is no hosted zone {zone_id}",
            why=f"Route 53 does not have it in the account asked; wanted is the zone of {name}",
            hint="aws route53 list-hosted-zones shows those there are; --dns-profile names another account",
            code="no_zone",
        )
    domain = str(reply["HostedZone"]["Name"]).rstrip(".")
    if reply["HostedZone"].get("Config", {}).get("PrivateZone"):
        raise PlinkError(
            f"the hosted zone {zone_id} of {domain} is private",
            why="what is in it is seen inside its VPCs only, and AWS looks in public DNS",
            hint="name the public zone of the domain; aws route53 list-hosted-zones shows those there are",
            code="wrong_zone",
        )
    if name != domain and not name.endswith(f".{domain}"):
        raise PlinkError(
            f"the hosted zone {zone_id} does not own the name {name}",
            why=f"it is the zone of {domain}",
            hint="name the zone of the domain; aws route53 list-hosted-zones shows those there are",
            code="wrong_zone",
        )


def check_certificate(aws: Clients, arn: str, name: str) -> None:
    """An existing certificate must be issued, in date, and for the name.

    Raises:
        PlinkError: It is not.
    """
    region = arn.split(":")[3]
    reply = aws.peek("acm", "describe_certificate", CertificateArn=arn) if region == aws.region else None
    if reply is None:
        raise PlinkError(
            f"there is no certificate {arn} in {aws.region}",
            why=f"a load balancer takes certificates of its own account and region only; the ARN says {region}",
            hint=f"aws acm list-certificates --region {aws.region} shows those there are",
            code="certificate",
        )
    found = reply["Certificate"]
    names = list(dict.fromkeys([found["DomainName"], *found.get("SubjectAlternativeNames", ())]))
    if found["Status"] != "ISSUED":
        raise PlinkError(
            f"the certificate {arn} cannot be used",
            why=f"its status is {found['Status']}",
            hint=f"name one that is issued; about this one: aws acm describe-certificate --certificate-arn {arn}",
            code="certificate",
        )
    if not any(covers(one, name) for one in names):
        raise PlinkError(
            f"the certificate {arn} is not for {name}",
            why=f"it is for {', '.join(names)}",
            hint="name another certificate, or another name with provider.tls.name",
            code="certificate",
        )


def check_tls_policy(aws: Clients, name: str) -> None:
    """An ELB security policy must be there; which there are differs by region and year (DescribeSSLPolicies).

    Raises:
        PlinkError: It is not.
    """
    try:
        aws.read("elbv2", "describe_ssl_policies", Names=[name])
    except AwsError as error:
        if error.answer.code != "SSLPolicyNotFound":
            raise
        raise PlinkError(
            f"there is no TLS policy {name} in {aws.region}",
            why=error.why,
            hint="aws elbv2 describe-ssl-policies --query 'SslPolicies[].Name' shows those there are",
            code="tls_policy",
        ) from error


def _dashed(attribute: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in attribute)


def offered_zones(aws: Clients, details: dict[str, Any]) -> tuple[str, ...]:
    """The zone IDs of a service as the consumer sees it; older answers have only the consumer's own zone names."""
    if ids := details.get("AvailabilityZoneIds"):
        return tuple(sorted(ids))
    return _ids_of(aws, details.get("AvailabilityZones", ()))


def load_balancer_zones(aws: Clients, arn: str) -> tuple[str, ...]:
    """The zone IDs of an existing load balancer: where a service on it is offered."""
    try:
        found = aws.read("elbv2", "describe_load_balancers", LoadBalancerArns=[arn])["LoadBalancers"][0]
    except AwsError as error:
        if error.answer.code != "LoadBalancerNotFound":
            raise
        raise PlinkError(
            f"there is no load balancer {arn}",
            why=error.why,
            hint="check account, region and ARN",
            code="no_load_balancer",
        ) from error
    return _ids_of(aws, [zone["ZoneName"] for zone in found["AvailabilityZones"]])


def subnet_zones(aws: Clients, network: Network) -> tuple[str, ...]:
    """The zone IDs of existing subnets, in the order given.

    Raises:
        PlinkError: A subnet is not there or in another VPC, or two share a zone, which neither a load balancer nor an
            endpoint takes (aws-facts.md 5).
    """
    found = {str(subnet["SubnetId"]): subnet for subnet in _subnets(aws, network)}
    for subnet_id, subnet in found.items():
        if subnet["VpcId"] != network.vpc_id:
            why = f"it is in {subnet['VpcId']}"
            raise PlinkError(f"the subnet {subnet_id} is not in the VPC {network.vpc_id}", why=why, code="wrong_vpc")
    zone_ids = tuple(str(found[subnet_id]["AvailabilityZoneId"]) for subnet_id in network.subnet_ids)
    if len(set(zone_ids)) < len(zone_ids):
        raise PlinkError(
            "two of the subnets are in one zone",
            why=f"their zones are {', '.join(zone_ids)}",
            hint="name one subnet for each zone",
            code="zones",
        )
    return zone_ids


def _ids_of(aws: Clients, names: Collection[str]) -> tuple[str, ...]:
    """Zone names of this account as zone IDs, which mean the same place in every account."""
    if not names:
        return ()  # asked about no name, EC2 would tell about all zones
    found = aws.read("ec2", "describe_availability_zones", ZoneNames=sorted(names))["AvailabilityZones"]
    return tuple(sorted(str(zone["ZoneId"]) for zone in found))


def _subnets(aws: Clients, network: Network) -> list[dict[str, Any]]:
    try:
        return list(aws.read("ec2", "describe_subnets", SubnetIds=list(network.subnet_ids))["Subnets"])
    except AwsError as error:
        if not gone(error):
            raise
        raise PlinkError(
            f"one of the subnets {', '.join(network.subnet_ids)} is not there",
            why=error.why,
            hint=f"check the IDs, the account and the region: aws ec2 describe-subnets --region {aws.region}",
            code="no_subnet",
        ) from error


def check_endpoint_subnets(aws: Clients, network: Network, *, account: str, offered: Iterable[str]) -> None:
    """Borrowed subnets of the consumer must lie in the service's zones, and be the account's own.

    Raises:
        PlinkError: One does not, or another account shares it with us: then AWS lets only its owner make endpoints in
            it (aws-facts.md 6.11).
    """
    offered = sorted(offered)
    for subnet_id, zone_id in zip(network.subnet_ids, subnet_zones(aws, network), strict=True):
        if zone_id not in offered:
            raise PlinkError(
                f"the service is not offered in the zone of the subnet {subnet_id}",
                why=f"the subnet is in {zone_id}; the service is offered in {', '.join(offered) or 'none'}",
                hint="name a subnet in one of those zones",
                code="zones",
            )
    for subnet in _subnets(aws, network):
        if subnet.get("OwnerId", account) != account:
            raise PlinkError(
                f"the subnet {subnet['SubnetId']} belongs to account {subnet['OwnerId']}, which shares it",
                why="AWS lets only its owner make endpoints in a shared subnet",
                hint="name a subnet of this account",
                code="shared_subnet",
            )


def _recorded_zones(network: Network, state: State | None) -> dict[int, str]:
    if state is None:
        return {}
    found = {n: state.live.get(f"subnet-{n}") for n in range(1, network.subnets + 1)}
    # One that AWS clearly refused is not there, and its zone may be the reason: then another zone is tried.
    there = {n: r for n, r in found.items() if r is not None and (r.id or r.sent_at is not None)}
    return {n: str(r.params["zone_id"]) for n, r in there.items() if "zone_id" in r.params}
