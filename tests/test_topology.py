"""What a link looks like as a graph, for every shape of link: nodes, edges, and the order that teardown keeps."""

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plinkctl import state as states
from plinkctl import topology
from plinkctl.errors import StateError
from plinkctl.graph import Graph, Node, Ref
from plinkctl.kinds import KINDS
from plinkctl.link import Consumer, Link, Network, Provider, Response, Side
from plinkctl.state import Phase, Record, State
from plinkctl.topology import Site
from plinkctl.topology.parts import subnet_cidrs

P, C = Side.PROVIDER, Side.CONSUMER
NAME = "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0"
ALLOWED = ("arn:aws:iam::222222222222:root",)
ARN = "arn:aws:elasticloadbalancing:us-east-1:111111111111:loadbalancer/net/theirs/1"
ZONES = tuple(f"use1-az{n}" for n in range(1, 7))


def nodes(link: Link) -> dict[str, Node]:
    sites = {
        side: Site(zone_ids=ZONES[: half.network.subnets], principals=ALLOWED)
        for side, half in ((P, link.provider), (C, link.consumer))
        if half is not None
    }
    return topology.nodes(link, sites)


def borrowed(count: int) -> Network:
    return Network(vpc_id="vpc-1", subnet_ids=tuple(f"subnet-{n}" for n in range(1, count + 1)))


LINKS: dict[str, Link] = {
    "both": Link(provider=Provider(), consumer=Consumer()),
    "both without acceptance": Link(provider=Provider(acceptance_required=False), consumer=Consumer()),
    "provider": Link(provider=Provider()),
    "consumer": Link(consumer=Consumer(service_name=NAME)),
    "borrowed balancer": Link(provider=Provider(load_balancer_arn=ARN), consumer=Consumer()),
    "borrowed balancer, enforced elsewhere": Link(provider=Provider(load_balancer_arn=ARN, enforce_inbound_rules=True)),
    "borrowed networks": Link(provider=Provider(network=borrowed(2)), consumer=Consumer(network=borrowed(1))),
    "enforced": Link(provider=Provider(enforce_inbound_rules=True), consumer=Consumer()),
    "enforced for named": Link(
        provider=Provider(enforce_inbound_rules=True, consumer_cidrs=("10.1.0.0/16", "10.2.3.4/32"))
    ),
    "many subnets": Link(provider=Provider(network=Network(subnets=3)), consumer=Consumer(network=Network(subnets=6))),
}


@pytest.fixture(params=LINKS, ids=str)
def link(request: pytest.FixtureRequest) -> Link:
    return LINKS[request.param]


# --------------------------------------------------------------------------------------------- nodes


def test_the_provider_alone() -> None:
    assert [key.removeprefix("provider/") for key in nodes(LINKS["provider"])] == [
        *("vpc", "subnet-1", "route-table-1", "subnet-2", "route-table-2"),
        *("alb-group", "nlb-group", "alb", "nlb", "alb-from-subnet-1", "alb-from-subnet-2", "nlb-to-alb"),
        *("alb-listener", "target-group", "target", "nlb-listener", "service"),
    ]


def test_the_consumer_alone() -> None:
    found = nodes(LINKS["consumer"])
    assert [key.removeprefix("consumer/") for key in found] == [
        *("vpc", "subnet-1", "route-table-1", "endpoint-group", "function-group"),
        *("endpoint-from-function", "function-to-endpoint", "log-group", "role", "endpoint", "function"),
    ]
    assert found["consumer/endpoint"].params["service_name"] == NAME


def test_both_sides_are_joined_by_the_services_name_and_the_acceptance() -> None:
    found = nodes(LINKS["both"])
    alone = set(nodes(LINKS["provider"])) | set(nodes(LINKS["consumer"]))
    assert set(found) == alone | {"provider/acceptance"}
    assert found["consumer/endpoint"].params["service_name"] == Ref("provider/service", "name")
    assert found["provider/acceptance"].side is P


def test_who_may_not_see_the_service_yet_is_patient_only_in_one_walk() -> None:
    """AWS calls a service one may not see non-existent: in one walk the permission was granted a moment ago."""
    assert "InvalidServiceName" in nodes(LINKS["both"])["consumer/endpoint"].transient
    assert nodes(LINKS["consumer"])["consumer/endpoint"].transient == frozenset()


def test_without_acceptance_there_is_none() -> None:
    assert "provider/acceptance" not in nodes(LINKS["both without acceptance"])


def test_a_borrowed_balancer_needs_nothing_but_the_service() -> None:
    found = nodes(LINKS["borrowed balancer, enforced elsewhere"])
    assert list(found) == ["provider/nlb", "provider/service"]
    assert found["provider/nlb"].borrowed == {"id": ARN}


def test_borrowed_networks_make_no_vpc_subnet_or_route_table() -> None:
    found = nodes(LINKS["borrowed networks"])
    assert {key: dict(node.borrowed or {}) for key, node in found.items() if node.borrowed} == {
        "provider/vpc": {"id": "vpc-1"},
        "provider/subnet-1": {"id": "subnet-1"},
        "provider/subnet-2": {"id": "subnet-2"},
        "consumer/vpc": {"id": "vpc-1"},
        "consumer/subnet-1": {"id": "subnet-1"},
    }
    assert not any("route-table" in key for key in found)
    assert found["provider/alb-from-subnet-2"].params["peer_cidr"] == Ref("provider/subnet-2", "cidr")


def test_an_enforcing_balancer_admits_the_consumers_block_or_those_named() -> None:
    def rules(link: Link) -> dict[str, str]:
        return {k: n.params["peer_cidr"] for k, n in nodes(link).items() if k.startswith("provider/nlb-from-")}

    assert rules(LINKS["enforced"]) == {"provider/nlb-from-10-0-0-0-16": "10.0.0.0/16"}
    assert rules(LINKS["enforced for named"]) == {
        "provider/nlb-from-10-1-0-0-16": "10.1.0.0/16",
        "provider/nlb-from-10-2-3-4-32": "10.2.3.4/32",
    }
    assert rules(LINKS["both"]) == {}
    assert nodes(LINKS["enforced"])["provider/nlb"].params["enforce"] == "on"
    assert nodes(LINKS["both"])["provider/nlb"].params["enforce"] == "off"


def test_every_subnet_has_a_zone_and_a_route_table_of_its_own() -> None:
    found = nodes(LINKS["many subnets"])
    subnets = [node for key, node in found.items() if key.startswith("consumer/subnet-")]
    assert [node.params["zone_id"] for node in subnets] == list(ZONES)
    assert len({node.params["cidr"] for node in subnets}) == 6
    tables = [node for key, node in found.items() if key.startswith("consumer/route-table-")]
    assert [node.params["subnet_ids"] for node in tables] == [[Ref(subnet.key)] for subnet in subnets]
    assert found["consumer/endpoint"].params["subnet_ids"] == [Ref(subnet.key) for subnet in subnets]


@pytest.mark.parametrize(("status", "matcher"), [(200, "200-399"), (302, "200-399"), (404, "404"), (503, "503")])
def test_a_response_that_would_count_as_unhealthy_is_healthy_when_it_was_asked_for(status: int, matcher: str) -> None:
    found = nodes(Link(provider=Provider(response=Response(status=status))))
    assert found["provider/target-group"].params["matcher"] == matcher


@settings(deadline=None)
@given(st.integers(16, 24), st.integers(1, 6))
def test_subnets_lie_in_the_vpc_and_do_not_overlap(prefix: int, count: int) -> None:
    cidrs = subnet_cidrs(Network(cidr=f"10.20.0.0/{prefix}", subnets=count))
    blocks = [ipaddress.IPv4Network(cidr) for cidr in cidrs]
    assert len(blocks) == count
    assert all(block.subnet_of(ipaddress.IPv4Network(f"10.20.0.0/{prefix}")) for block in blocks)
    assert not any(a.overlaps(b) for a in blocks for b in blocks if a != b)


# --------------------------------------------------------------------------------------------- edges


def test_every_node_is_of_a_known_kind_on_its_own_side_and_keyed_by_it(link: Link) -> None:
    for key, node in nodes(link).items():
        assert node.kind in KINDS
        assert key == node.key == f"{node.side}/{node.name}"


def test_there_is_no_circle_in_either_direction(link: Link) -> None:
    found = nodes(link)
    net = topology.graph(found)
    assert set(net.order) == set(net.reversed().order) == set(found)


def test_what_need_not_wait_for_readiness_does_not() -> None:
    """The slow things, balancers and the endpoint, must provision while the rest is made."""
    net = topology.graph(nodes(LINKS["both"]))
    waits = {(key, ref.node) for key in net.order for ref in net.needs[key] if ref.settled}
    for pair in (
        ("provider/alb-listener", "provider/alb"),
        ("provider/nlb-listener", "provider/nlb"),
        ("provider/target", "provider/alb"),
        ("consumer/function", "consumer/endpoint"),
        ("provider/acceptance", "consumer/endpoint"),
    ):
        assert pair not in waits
    assert ("provider/service", "provider/nlb") in waits
    assert ("provider/target", "provider/alb-listener") in waits, "AWS refuses an ALB that does not listen yet"


def before(net: Graph, first: str, then: str) -> bool:
    """Whether in this order `then` cannot start before `first` is done."""
    return then in net.dependents(first)


def taken_down(link: Link) -> Graph:
    return topology.graph(nodes(link)).reversed()


def test_teardown_takes_the_endpoint_before_the_service_and_the_service_before_its_balancer() -> None:
    net = taken_down(LINKS["both"])
    assert before(net, "consumer/endpoint", "provider/service")
    assert before(net, "provider/service", "provider/nlb")


def test_teardown_takes_the_function_before_its_role_and_the_role_before_its_log_group() -> None:
    """Lambda needs the role to delete its interfaces; the role could bring the log group back."""
    net = taken_down(LINKS["both"])
    assert before(net, "consumer/function", "consumer/role")
    assert before(net, "consumer/role", "consumer/log-group")


def test_teardown_takes_everything_in_a_vpc_before_the_vpc(link: Link) -> None:
    net = taken_down(link)
    outside = {"role", "log-group", "acceptance", "service"} | (
        {"nlb"} if link.provider and link.provider.load_balancer_arn else set()
    )
    for key in net.order:
        side, _, name = key.partition("/")
        if name != "vpc" and name not in outside:
            assert before(net, key, f"{side}/vpc"), key


def test_teardown_takes_what_stands_in_a_subnet_before_the_subnet() -> None:
    net = taken_down(LINKS["both"])
    for user in ("provider/alb", "provider/nlb", "provider/route-table-1"):
        assert before(net, user, "provider/subnet-1")
    for user in ("consumer/endpoint", "consumer/function", "consumer/route-table-1"):
        assert before(net, user, "consumer/subnet-1")


def test_teardown_takes_rules_before_the_groups_they_name() -> None:
    net = taken_down(LINKS["both"])
    for rule, group in (
        ("consumer/endpoint-from-function", "consumer/function-group"),
        ("consumer/function-to-endpoint", "consumer/endpoint-group"),
        ("provider/nlb-to-alb", "provider/alb-group"),
        ("provider/nlb-to-alb", "provider/nlb-group"),
    ):
        assert before(net, rule, group)


def test_teardown_takes_the_target_and_listeners_before_what_they_belong_to() -> None:
    net = taken_down(LINKS["both"])
    assert before(net, "provider/target", "provider/alb")
    assert before(net, "provider/nlb-listener", "provider/target-group")
    assert before(net, "provider/nlb-listener", "provider/nlb")


def test_teardown_does_not_hold_the_endpoint_back_for_the_function() -> None:
    """Lambda keeps its interfaces for up to 45 minutes; the endpoint costs money by the hour."""
    assert not before(taken_down(LINKS["both"]), "consumer/function", "consumer/endpoint")


# ----------------------------------------------------------------------------------- from the states


def recorded(link: Link) -> list[State]:
    """The states after an `up` of this link."""
    found: list[State] = []
    for side in Side:
        state = states.new(link="shop", side=side, account="1" * 12, region="us-east-1", partition="aws")
        for node in nodes(link).values():
            if node.side is side:
                needs = tuple(sorted({ref.node for ref in node.refs if ref.holds}))
                state = state.put(
                    Record(node=node.name, kind=node.kind, phase=Phase.READY, attrs={"id": node.key}, needs=needs)
                )
        found.append(state)
    return found


def test_teardown_from_states_keeps_the_order_of_the_graph(link: Link) -> None:
    found, net = topology.recorded(recorded(link))
    assert set(found) == set(nodes(link))
    planned, back = taken_down(link), net.reversed()
    for key in found:
        assert back.dependents(key) >= planned.dependents(key)


def test_what_names_anothers_id_or_arn_at_any_depth_must_go_before_it() -> None:
    """How a state that is made from tags knows the order of teardown."""

    def record(node: str, arn: str = "", **params: object) -> Record:
        attrs = {"id": f"id-of-{node}", **({"arn": arn} if arn else {})}
        return Record(node=node, kind="vpc", phase=Phase.READY, attrs=attrs, params=params)

    found = topology.needs(
        {
            "p/vpc": record("vpc", cidr="10.0.0.0/16"),
            "p/role": record("role", arn="arn:role"),
            "p/group": record("group", vpc_id="id-of-vpc", itself="id-of-group"),
            "p/deep": record("deep", at={"any": [{"depth": "id-of-group"}, "arn:role"]}, port=80, nothing=None),
            "p/alone": record("alone", vpc_id="id-of-somebody-elses"),
        }
    )
    assert found == {
        "p/vpc": (),
        "p/role": (),
        "p/group": ("p/vpc",),
        "p/deep": ("p/group", "p/role"),
        "p/alone": (),
    }


def test_the_service_goes_before_anything_it_stands_on() -> None:
    """A connection that comes in the last moment is refused by a provider that is still whole."""
    found, net = topology.recorded(recorded(LINKS["both"]))
    first = {key for key in found if key.startswith("consumer/")} | {"provider/service", "provider/acceptance"}
    for key in set(found) - first:
        assert before(net.reversed(), "provider/service", key), key


def test_teardown_of_two_separate_ups_still_takes_the_endpoint_before_the_service() -> None:
    alone = [*recorded(LINKS["provider"])[:1], *recorded(LINKS["consumer"])[1:]]
    _, net = topology.recorded(alone)
    assert before(net.reversed(), "consumer/endpoint", "provider/service")


def test_teardown_of_one_side_does_not_wait_for_the_other() -> None:
    provider, consumer = recorded(LINKS["both"])
    for state in (provider, consumer):
        found, net = topology.recorded([state])
        assert {key.partition("/")[0] for key in found} == {state.side.value}
        assert set(net.order) == set(found)


def test_what_is_absent_is_not_torn_down_again() -> None:
    (provider, _) = recorded(LINKS["provider"])
    gone = provider.put(replace(provider.records["service"], phase=Phase.ABSENT))
    assert "provider/service" not in topology.recorded([gone])[0]


def test_a_record_of_a_kind_from_the_future_is_refused() -> None:
    (provider, _) = recorded(LINKS["provider"])
    with pytest.raises(StateError, match="teleporter"):
        topology.recorded([provider.put(Record(node="x", kind="teleporter", phase=Phase.READY, attrs={"id": "1"}))])
