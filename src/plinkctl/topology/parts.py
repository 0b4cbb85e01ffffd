"""The parts that both sides of a link are put together from: names of nodes, networks, groups, rules."""

import ipaddress
from dataclasses import dataclass
from typing import Any, Final

from plinkctl.graph import Node, Ref
from plinkctl.link import Network, Side

SERVICE: Final = "provider/service"
ENDPOINT: Final = "consumer/endpoint"
FUNCTION: Final = "consumer/function"
ACCEPTANCE: Final = "provider/acceptance"
ALB: Final = "provider/alb"
NLB: Final = "provider/nlb"
TARGET: Final = "provider/target"
VERIFICATION: Final = "provider/private-dns-verification"
PRIVATE_DNS: Final = "consumer/private-dns"

_SUBNET_BITS: Final = 4  # a /16 VPC gets /20 subnets: room for fourteen more


@dataclass(frozen=True, kw_only=True)
class Site:
    """What the survey learned of one side before the walk.

    Args:
        zone_ids: The zone of each subnet to make, in order.
        principals: Provider: the allowed principals as ARNs, sorted.
        fingerprint: Provider: of the certificate file to import, or None.
        server_name: Consumer: the DNS name the certificate must be for, or None without TLS.
        trusted: Consumer: PEM text of the authorities to trust, or None for the public ones.
    """

    zone_ids: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    fingerprint: str | None = None
    server_name: str | None = None
    trusted: str | None = None


def subnet_cidrs(network: Network) -> list[str]:
    """The blocks of the subnets to make: the first sixteenths of the VPC's."""
    blocks = ipaddress.IPv4Network(network.cidr).subnets(prefixlen_diff=_SUBNET_BITS)
    return [str(next(blocks)) for _ in range(network.subnets)]


def network(side: Side, network: Network, site: Site) -> list[Node]:
    """VPC, subnets, and a route table for each subnet; or the borrowed ones."""
    if network.vpc_id is not None:
        vpc = Node(key=f"{side}/vpc", side=side, kind="vpc", borrowed={"id": network.vpc_id})
        subnets = [
            Node(
                key=f"{side}/subnet-{n}",
                side=side,
                kind="subnet",
                params={"vpc_id": Ref(vpc.key)},
                borrowed={"id": subnet_id},
            )
            for n, subnet_id in enumerate(network.subnet_ids, 1)
        ]
        return [vpc, *subnets]
    vpc = Node(
        key=f"{side}/vpc",
        side=side,
        kind="vpc",
        params={"cidr": network.cidr, "dns_support": True, "dns_hostnames": True, "default_group": "empty"},
    )
    made = [vpc]
    for n, (cidr, zone_id) in enumerate(zip(subnet_cidrs(network), site.zone_ids, strict=True), 1):
        subnet = {"vpc_id": Ref(vpc.key), "cidr": cidr, "zone_id": zone_id}
        table = {"vpc_id": Ref(vpc.key), "subnet_ids": [Ref(f"{side}/subnet-{n}")]}
        made.append(Node(key=f"{side}/subnet-{n}", side=side, kind="subnet", params=subnet))
        made.append(Node(key=f"{side}/route-table-{n}", side=side, kind="route_table", params=table))
    return made


def subnet_refs(side: Side, network: Network) -> list[Ref]:
    """The subnets of a side, made or borrowed."""
    count = len(network.subnet_ids) if network.vpc_id is not None else network.subnets
    return [Ref(f"{side}/subnet-{n}") for n in range(1, count + 1)]


def group(side: Side, name: str, description: str) -> Node:
    """A security group without any rule."""
    params = {"vpc_id": Ref(f"{side}/vpc"), "description": description, "open_egress": False}
    return Node(key=f"{side}/{name}", side=side, kind="security_group", params=params)


def rule(side: Side, name: str, group: str, direction: str, port: int, **peer: Any) -> Node:
    """One rule of a group: TCP, one port, one peer."""
    params = {"group_id": Ref(f"{side}/{group}"), "direction": direction, "port": port, **peer}
    return Node(key=f"{side}/{name}", side=side, kind="security_group_rule", params=params)


def slug(text: str) -> str:
    """A domain or a block of addresses as a part of a node's name."""
    return text.replace("*.", "any-").replace(".", "-").replace("/", "-")


def acceptance() -> Node:
    """The provider's yes to the endpoint of the same link."""
    return Node(
        key=ACCEPTANCE,
        side=Side.PROVIDER,
        kind="acceptance",
        params={"service_id": Ref(SERVICE), "endpoint_id": Ref(ENDPOINT, settled=False)},
    )
