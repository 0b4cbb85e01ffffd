"""What a PrivateLink looks like: a link becomes a graph of nodes. The only file that knows.

Edges are references, so what is written here is the order of work too. Two kinds of reference are worth a look:
`settled=False` needs only the ID, so that listeners, targets and the probe function are made while load balancers and
the endpoint still provision; `holds=False` lets the endpoint go before the function whose environment names it.
"""

from collections.abc import Iterable, Mapping

from plinkctl.errors import StateError
from plinkctl.graph import Graph, Node, Ref
from plinkctl.kinds import KINDS
from plinkctl.link import Link, Side
from plinkctl.state import State
from plinkctl.topology.consumer import consumer_nodes
from plinkctl.topology.parts import (
    ACCEPTANCE,
    ALB,
    ENDPOINT,
    FUNCTION,
    NLB,
    PRIVATE_DNS,
    SERVICE,
    TARGET,
    VERIFICATION,
    Site,
    acceptance,
)
from plinkctl.topology.provider import admitted, provider_nodes
from plinkctl.topology.recovery import needs, relations, texts

__all__ = [
    "ACCEPTANCE",
    "ALB",
    "ENDPOINT",
    "FUNCTION",
    "NLB",
    "PRIVATE_DNS",
    "SERVICE",
    "TARGET",
    "VERIFICATION",
    "Site",
    "graph",
    "needs",
    "nodes",
    "recorded",
    "relations",
    "texts",
]

_P, _C = Side.PROVIDER, Side.CONSUMER


def nodes(link: Link, sites: Mapping[Side, Site]) -> dict[str, Node]:
    """All nodes of the sides the link has, by key."""
    made: list[Node] = []
    if link.provider is not None:
        made += provider_nodes(link.provider, sites[_P])
        if link.provider.enforce_inbound_rules and link.provider.load_balancer_arn is None:
            made += admitted(link.provider, link.consumer)
    if link.consumer is not None:
        made += consumer_nodes(link, link.consumer, sites[_C])
    if link.provider is not None and link.consumer is not None and link.provider.acceptance_required:
        made.append(acceptance())
    return {node.key: node for node in made}


def graph(nodes: Mapping[str, Node], *, offered: bool = False) -> Graph:
    """The order of making them.

    Args:
        nodes: All of them.
        offered: Whether the service stands already, so that consumers use it.
    """
    needs = {key: node.refs for key, node in nodes.items()}
    if offered:
        # AWS may refuse another private DNS name while consumers use the old one. So the service is asked first: a
        # listener with the certificate of the new name would cut them off.
        for key, node in nodes.items():
            if "certificate_arn" in node.params:
                needs[key] = (*needs[key], Ref(SERVICE))
    return Graph(needs)


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
        # Not so what stands on the service itself: acceptance, and all that is about its private DNS name.
        apart = {SERVICE, ACCEPTANCE}
        while more := {key for key in found if key not in apart and apart & set(needs[key])}:
            apart |= more
        needs[SERVICE] = tuple(key for key in found if key.startswith(f"{_P}/") and key not in apart)
    return found, Graph({key: [Ref(need) for need in needs[key] if need in found] for key in found})
