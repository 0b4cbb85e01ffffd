"""What a PrivateLink looks like: a link becomes a graph of nodes. The only file that knows.

Edges are references, so what is written here is the order of work too. Two kinds of reference are worth a look:
`settled=False` needs only the ID, so that listeners, targets and the probe function are made while load balancers and
the endpoint still provision; `holds=False` lets the endpoint go before the function whose environment names it.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from plinkctl.errors import StateError
from plinkctl.graph import Graph, Node, Ref
from plinkctl.kinds import KINDS
from plinkctl.kinds.function import code_sha256
from plinkctl.link import Consumer, Link, Network, Provider, Side
from plinkctl.state import Record, State

_P, _C = Side.PROVIDER, Side.CONSUMER

SERVICE: Final = "provider/service"
ENDPOINT: Final = "consumer/endpoint"
FUNCTION: Final = "consumer/function"
ACCEPTANCE: Final = "provider/acceptance"
ALB: Final = "provider/alb"
NLB: Final = "provider/nlb"
TARGET: Final = "provider/target"

_TARGET_GROUP: Final = "provider/target-group"

_SUBNET_BITS: Final = 4  # a /16 VPC gets /20 subnets: room for fourteen more


@dataclass(frozen=True, kw_only=True)
class Site:
    """What the survey learned of one side before the walk.

    Args:
        zone_ids: The zone of each subnet to make, in order.
        principals: Provider: the allowed principals as ARNs, sorted.
    """

    zone_ids: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()


def nodes(link: Link, sites: Mapping[Side, Site]) -> dict[str, Node]:
    """All nodes of the sides the link has, by key."""
    made: list[Node] = []
    if link.provider is not None:
        made += _provider(link.provider, sites[_P])
        if link.provider.enforce_inbound_rules and link.provider.load_balancer_arn is None:
            made += _admitted(link.provider, link.consumer)
    if link.consumer is not None:
        made += _consumer(link.consumer, sites[_C])
    if link.provider is not None and link.consumer is not None and link.provider.acceptance_required:
        made.append(_acceptance())
    return {node.key: node for node in made}


def graph(nodes: Mapping[str, Node]) -> Graph:
    """The order of making them."""
    return Graph({key: node.refs for key, node in nodes.items()})


def recorded(states: Iterable[State]) -> tuple[dict[str, Node], Graph]:
    """The nodes that states hold, and the graph of them, for teardown.

    Raises:
        StateError: A record names a kind that this plinkctl does not know.
    """
    found: dict[str, Node] = {}
    needs: dict[str, tuple[str, ...]] = {}
    for state in states:
        for name, record in state.live.items():
            if record.kind not in KINDS:
                raise StateError(
                    f"the state has a record of the unknown kind {record.kind!r}", hint="pip install --upgrade plinkctl"
                )
            key = f"{state.side}/{name}"
            found[key] = Node(key=key, side=state.side, kind=record.kind, params=record.params)
            needs[key] = record.needs
    if ENDPOINT in needs and SERVICE in needs:
        # Two separate `up`s know nothing of each other; still the service cannot go before the endpoint.
        needs[ENDPOINT] = (*needs[ENDPOINT], SERVICE)
    if SERVICE in needs:
        # The service goes before anything it stands on, so that a connection which comes in the last moment is refused
        # by a provider that is still whole, and not told of after its listener and rules are gone.
        apart = {SERVICE, ACCEPTANCE}
        needs[SERVICE] = tuple(key for key in found if key.startswith(f"{_P}/") and key not in apart)
    return found, Graph({key: [Ref(need) for need in needs[key] if need in found] for key in found})


def relations(records: Mapping[str, Record]) -> list[Node]:
    """What carries no tag and can only be asked for by what it relates.

    Args:
        records: What is known of both sides, by node key.
    """
    group = records.get(_TARGET_GROUP)
    possible = [_acceptance(), *([_target(group.params["port"])] if group else [])]
    return [node for node in possible if all(ref.node in records for ref in node.refs)]


def needs(records: Mapping[str, Record]) -> dict[str, tuple[str, ...]]:
    """Who must outlive whom, as far as the parameters tell: what names the ID or ARN of another holds it.

    Args:
        records: One side's, by node key.
    """
    known = {
        record.attrs[name]: key for key, record in records.items() for name in ("id", "arn") if name in record.attrs
    }
    return {
        key: tuple(sorted({known[text] for text in texts(record.params) if text in known} - {key}))
        for key, record in records.items()
    }


def texts(value: object) -> Iterator[str]:
    """Every text in a parameter value, at any depth."""
    match value:
        case str():
            yield value
        case Mapping():
            for item in value.values():
                yield from texts(item)
        case list() | tuple():
            for item in value:
                yield from texts(item)
        case _:
            return


def subnet_cidrs(network: Network) -> list[str]:
    """The blocks of the subnets to make: the first sixteenths of the VPC's."""
    blocks = ipaddress.IPv4Network(network.cidr).subnets(prefixlen_diff=_SUBNET_BITS)
    return [str(next(blocks)) for _ in range(network.subnets)]


def _network(side: Side, network: Network, site: Site) -> list[Node]:
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


def _subnet_refs(side: Side, network: Network) -> list[Ref]:
    count = len(network.subnet_ids) if network.vpc_id is not None else network.subnets
    return [Ref(f"{side}/subnet-{n}") for n in range(1, count + 1)]


def _group(side: Side, name: str, description: str) -> Node:
    params = {"vpc_id": Ref(f"{side}/vpc"), "description": description, "open_egress": False}
    return Node(key=f"{side}/{name}", side=side, kind="security_group", params=params)


def _rule(side: Side, name: str, group: str, direction: str, port: int, **peer: Any) -> Node:
    params = {"group_id": Ref(f"{side}/{group}"), "direction": direction, "port": port, **peer}
    return Node(key=f"{side}/{name}", side=side, kind="security_group_rule", params=params)


def _provider(provider: Provider, site: Site) -> list[Node]:
    service = {
        "load_balancer_arn": Ref(NLB),
        "acceptance_required": provider.acceptance_required,
        "principals": list(site.principals),
    }
    offered = Node(key=SERVICE, side=_P, kind="endpoint_service", params=service)
    if provider.load_balancer_arn is not None:
        borrowed = {"id": provider.load_balancer_arn}
        return [Node(key=NLB, side=_P, kind="load_balancer", borrowed=borrowed), offered]

    port, subnets = provider.port, _subnet_refs(_P, provider.network)
    return [
        *_network(_P, provider.network, site),
        _group(_P, "alb-group", "plinkctl: admits the subnets of the NLB only"),
        _group(
            _P, "nlb-group", "plinkctl: attached from the start since an NLB made without a group can never get one"
        ),
        *(
            _rule(_P, f"alb-from-subnet-{n}", "alb-group", "ingress", port, peer_cidr=Ref(subnet.node, "cidr"))
            for n, subnet in enumerate(subnets, 1)
        ),
        _rule(_P, "nlb-to-alb", "nlb-group", "egress", port, peer_group_id=Ref("provider/alb-group")),
        Node(
            key=ALB,
            side=_P,
            kind="load_balancer",
            params={
                "type": "application",
                "subnet_ids": subnets,
                "security_group_ids": [Ref("provider/alb-group")],
            },
        ),
        Node(
            key="provider/alb-listener",
            side=_P,
            kind="listener",
            params={
                "load_balancer_arn": Ref(ALB, settled=False),
                "protocol": "HTTP",
                "port": port,
                "response": {
                    "status": provider.response.status,
                    "body": provider.response.body,
                    "content_type": provider.response.content_type,
                },
            },
        ),
        Node(
            key=NLB,
            side=_P,
            kind="load_balancer",
            params={
                "type": "network",
                "subnet_ids": subnets,
                "security_group_ids": [Ref("provider/nlb-group")],
                "enforce": "on" if provider.enforce_inbound_rules else "off",
            },
        ),
        Node(
            key=_TARGET_GROUP,
            side=_P,
            kind="target_group",
            params={"vpc_id": Ref("provider/vpc"), "port": port, "matcher": _matcher(provider.response.status)},
        ),
        _target(port),
        Node(
            key="provider/nlb-listener",
            side=_P,
            kind="listener",
            params={
                "load_balancer_arn": Ref(NLB, settled=False),
                "protocol": "TCP",
                "port": port,
                "target_group_arn": Ref(_TARGET_GROUP),
            },
        ),
        offered,
    ]


def _admitted(provider: Provider, consumer: Consumer | None) -> list[Node]:
    """Whom the NLB's group lets in once it filters: the consumers' private addresses, port by port."""
    cidrs = provider.consumer_cidrs
    if not cidrs and consumer is not None and consumer.network.vpc_id is None:
        cidrs = (consumer.network.cidr,)
    return [
        _rule(_P, f"nlb-from-{_slug(cidr)}", "nlb-group", "ingress", provider.port, peer_cidr=cidr) for cidr in cidrs
    ]


def _consumer(consumer: Consumer, site: Site) -> list[Node]:
    port, subnets = consumer.port, _subnet_refs(_C, consumer.network)
    one_walk = consumer.service_name is None
    return [
        *_network(_C, consumer.network, site),
        _group(_C, "endpoint-group", "plinkctl: admits the probe function only"),
        _group(_C, "function-group", "plinkctl: may talk to the endpoint only"),
        _rule(
            _C,
            "endpoint-from-function",
            "endpoint-group",
            "ingress",
            port,
            peer_group_id=Ref("consumer/function-group"),
        ),
        _rule(
            _C, "function-to-endpoint", "function-group", "egress", port, peer_group_id=Ref("consumer/endpoint-group")
        ),
        Node(
            key="consumer/log-group",
            side=_C,
            kind="log_group",
            params={"retention_days": consumer.retention_days},
        ),
        Node(
            key="consumer/role",
            side=_C,
            kind="role",
            params={
                "log_group_arn": Ref("consumer/log-group", "arn"),
                **({"boundary": consumer.permissions_boundary} if consumer.permissions_boundary else {}),
            },
        ),
        Node(
            key=ENDPOINT,
            side=_C,
            kind="endpoint",
            params={
                "vpc_id": Ref("consumer/vpc"),
                "service_name": Ref(SERVICE, "name") if one_walk else consumer.service_name,
                "subnet_ids": subnets,
                "security_group_ids": [Ref("consumer/endpoint-group")],
                "private_dns": consumer.private_dns,
            },
            # The permission was granted a moment ago, and AWS calls a service one may not see yet non-existent.
            transient=frozenset({"InvalidServiceName"}) if one_walk else frozenset(),
        ),
        Node(
            key=FUNCTION,
            side=_C,
            kind="function",
            params={
                "role_arn": Ref("consumer/role", "arn"),
                "subnet_ids": subnets,
                "security_group_ids": [Ref("consumer/function-group")],
                "log_group": Ref("consumer/log-group"),
                "timeout": consumer.function_timeout,
                "code": code_sha256(),
                "environment": {
                    "CONSUMER_VPC_ENDPOINT_DNS_NAME": Ref(ENDPOINT, "dns_name", settled=False, holds=False),
                    "PORT": str(port),
                    "REQUEST_TIMEOUT": str(consumer.request_timeout),
                },
            },
        ),
    ]


def _target(port: int) -> Node:
    return Node(
        key=TARGET,
        side=_P,
        kind="target",
        params={
            "target_group_arn": Ref(_TARGET_GROUP),
            "load_balancer_arn": Ref(ALB, settled=False),
            "port": port,
            "listener_arn": Ref("provider/alb-listener"),  # AWS refuses an ALB that does not listen yet
        },
    )


def _acceptance() -> Node:
    return Node(
        key=ACCEPTANCE,
        side=_P,
        kind="acceptance",
        params={"service_id": Ref(SERVICE), "endpoint_id": Ref(ENDPOINT, settled=False)},
    )


def _matcher(status: int) -> str:
    """AWS's default, or the fixed response's own status where that would count as unhealthy."""
    return "200-399" if 200 <= status <= 399 else str(status)


def _slug(cidr: str) -> str:
    return cidr.replace(".", "-").replace("/", "-")
