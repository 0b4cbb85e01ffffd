"""What the request showed of TLS and DNS: the certificate, and where the private name leads, inside and outside."""

from collections.abc import Sequence

from plinkctl import lookup
from plinkctl.certs import covers
from plinkctl.errors import AwsError, PlinkError
from plinkctl.link import Side
from plinkctl.verify import Check, Half, Proof, request

_SOON = 30  # days
_C = Side.CONSUMER.value


def verification(provider: Half | None) -> list[Check]:
    """Whether AWS still believes the service's private DNS name; nothing where it has none, or is not ours to see.

    AWS looks again from time to time. A name that has failed lets no new endpoint in; those that stand go on.
    """
    service = provider.record("service") if provider else None
    domain = service.params.get("private_dns_name") if service else None
    if provider is None or service is None or not domain or provider.aws is None:
        return []
    name, side = f"the private DNS name {domain} is verified", Side.PROVIDER.value
    try:
        found = provider.aws.read("ec2", "describe_vpc_endpoint_service_configurations", ServiceIds=[service.id])
    except AwsError as error:
        return [Check(layer="service", name=name, side=side, result="unknown", detail=str(error.why))]
    item = next(iter(found["ServiceConfigurations"]), None)
    if item is None:  # a lagging read, or it is gone, which another check tells
        detail = f"{service.id} is not seen"
        return [Check(layer="service", name=name, side=side, result="unknown", detail=detail)]
    state = str(item.get("PrivateDnsNameConfiguration", {}).get("State", "not there"))
    detail = f"{domain} is {state}"
    if state.lower() == "verified":
        return [Check(layer="service", name=name, side=side, result="ok", detail=detail)]
    detail += "; no new endpoint can use it"
    fix = "plinkctl provider up looks for the record and starts the verification again"
    return [Check(layer="service", name=name, side=side, result="warning", detail=detail, fix=fix)]


def certificate(proof: Proof) -> Check | None:
    """What the certificate says; its chain and its name were checked by the request itself."""
    tls = proof.tls
    if tls is None:
        return None
    name = f"the certificate is for {tls['name']}"
    detail = f"{tls['version']}, for {', '.join(tls['names'])}, {tls['days_left']} days left, issued by {tls['issuer']}"
    host = proof.url.split("/")[2].partition(":")[0]
    if not any(covers(one, host) for one in tls["names"]):
        # No flaw: nobody can have a certificate for AWS's own domain. But clients stumble over it.
        detail += f"; not for the endpoint's own name, so clients of that one must ask for {tls['name']} by SNI"
    if tls["days_left"] < _SOON:
        fix = "the provider renews it: plinkctl provider up"
        return Check(layer="tls", name=name, side=_C, result="warning", detail=detail, fix=fix)
    return Check(layer="tls", name=name, side=_C, result="ok", detail=detail)


def private(provider: Half | None, consumer: Half, resolvers: Sequence[str]) -> list[Check]:
    """Ask once more by the private name, and tell where it leads; nothing where there is none."""
    function = consumer.record("function")
    domain = (function.params.get("environment", {}) if function else {}).get("PRIVATE_NAME")
    if not domain or consumer.aws is None:
        return []
    check, proof = request(provider, consumer, by="private", layer="names")
    if proof is None:
        return [check]
    name = f"{domain} leads to the endpoint inside the VPC"
    outside = _outside(domain, resolvers)
    seen = f"inside: {', '.join(proof.addresses) or 'nothing'}; outside: {outside}"
    own = _addresses(consumer)
    if own is None:
        where = Check(layer="names", name=name, side=_C, result="unknown", detail=seen)
    elif set(proof.addresses) <= own:
        where = Check(layer="names", name=name, side=_C, result="ok", detail=seen)
    else:
        seen += f"; the endpoint has {', '.join(sorted(own))}"
        fix = "plinkctl consumer up --private-dns"
        where = Check(layer="names", name=name, side=_C, result="failed", detail=seen, fix=fix)
    return [check, where]


def _addresses(consumer: Half) -> set[str] | None:
    """The endpoint's own addresses, or None where they cannot be seen."""
    record = consumer.record("endpoint")
    if record is None or consumer.aws is None:
        return None
    try:
        found = consumer.aws.read("ec2", "describe_vpc_endpoints", VpcEndpointIds=[record.id])["VpcEndpoints"]
        if not found:  # a lagging read, or it is gone
            return None
        ids = found[0]["NetworkInterfaceIds"]
        interfaces = consumer.aws.read("ec2", "describe_network_interfaces", NetworkInterfaceIds=ids)
    except AwsError:
        return None
    return {str(one["PrivateIpAddress"]) for one in interfaces["NetworkInterfaces"]}


def _outside(domain: str, resolvers: Sequence[str]) -> str:
    try:
        return ", ".join(lookup.addresses(domain, resolvers)) or "nothing"
    except PlinkError as error:
        return f"unknown ({error.message})"
