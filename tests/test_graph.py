"""The graph: who waits for whom, in both directions."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plinkctl.graph import CycleError, Graph, Node, Ref, resolve
from plinkctl.link import Side


def graph(**needs: Ref | str | list[Ref | str]) -> Graph:
    """`graph(b="a")`: b needs a to be settled."""
    listed = {key: value if isinstance(value, list) else [value] for key, value in needs.items()}
    return Graph({k: [Ref(v) if isinstance(v, str) else v for v in vs] for k, vs in listed.items()})


def turn(
    of: Graph,
    *,
    started: set[str] | None = None,
    settled: set[str] | None = None,
    known: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[str]:
    return of.frontier(started=started or set(), settled=settled or set(), known=known or {})


def test_a_node_waits_until_all_it_needs_is_settled() -> None:
    net = graph(vpc=[], subnet="vpc", group="vpc", balancer=["subnet", "group"])
    assert turn(net) == ["vpc"]
    assert turn(net, started={"vpc"}) == []
    assert turn(net, started={"vpc"}, settled={"vpc"}) == ["subnet", "group"]
    begun = {"vpc", "subnet", "group"}
    assert turn(net, started=begun, settled={"vpc", "subnet"}) == []
    assert turn(net, started=begun, settled=begun) == ["balancer"]
    assert turn(net, started={*begun, "balancer"}, settled=begun) == []


def test_a_reference_that_needs_no_settled_node_waits_only_for_its_attribute() -> None:
    net = graph(balancer=[], listener=Ref("balancer", "arn", settled=False))
    begun = {"balancer"}
    assert turn(net, started=begun) == []
    assert turn(net, started=begun, known={"balancer": {"id": "lb-1"}}) == [], "another attribute is not this one"
    assert turn(net, started=begun, known={"balancer": {"arn": "arn:1"}}) == ["listener"]
    assert turn(net, started=begun, settled=begun) == ["listener"], "a settled node is good enough for everybody"


def test_an_attribute_alone_does_not_satisfy_who_needs_the_node_settled() -> None:
    net = graph(balancer=[], service=Ref("balancer", "arn"))
    assert turn(net, started={"balancer"}, known={"balancer": {"arn": "arn:1"}}) == []


def test_a_circle_is_refused_and_named() -> None:
    with pytest.raises(CycleError) as caught:
        graph(start="a", a="b", b="c", c="a")
    assert caught.value.path == ["a", "b", "c", "a"]


def test_a_node_that_needs_itself_is_a_circle() -> None:
    with pytest.raises(CycleError):
        graph(a="a")


def test_a_reference_to_nobody_is_refused() -> None:
    with pytest.raises(KeyError):
        graph(a="ghost")


def test_teardown_waits_for_all_that_hold_a_node() -> None:
    back = graph(vpc=[], subnet="vpc", group="vpc", balancer=["subnet", "group"]).reversed()
    assert turn(back) == ["balancer"]
    assert turn(back, started={"balancer"}, settled={"balancer"}) == ["subnet", "group"]
    assert turn(back, started={"balancer", "subnet", "group"}, settled={"balancer", "subnet"}) == []


def test_who_does_not_hold_a_node_may_outlive_it() -> None:
    back = graph(endpoint=[], function=Ref("endpoint", "dns_name", settled=False, holds=False)).reversed()
    assert set(turn(back)) == {"endpoint", "function"}


def test_who_needed_only_the_id_still_holds_the_node() -> None:
    back = graph(balancer=[], listener=Ref("balancer", settled=False)).reversed()
    assert turn(back) == ["listener"]


def test_dependents_are_found_through_others() -> None:
    net = graph(vpc=[], subnet="vpc", group="vpc", balancer=["subnet", "group"], role=[])
    assert net.dependents("vpc") == {"subnet", "group", "balancer"}
    assert net.dependents("group") == {"balancer"}
    assert net.dependents("role") == set()


@st.composite
def nets(draw: st.DrawFn) -> dict[str, list[Ref]]:
    """Any graph without circles: each node needs some of those before it, and they come in any order."""
    names = [f"n{number}" for number in range(draw(st.integers(1, 9)))]
    needs = {
        name: [
            Ref(other, settled=draw(st.booleans()), holds=draw(st.booleans()))
            for other in draw(st.lists(st.sampled_from(names[:place]), unique=True))
        ]
        if place
        else []
        for place, name in enumerate(names)
    }
    return {name: needs[name] for name in draw(st.permutations(names))}


@settings(deadline=None)
@given(nets())
def test_the_order_puts_everything_after_what_it_needs(needs: dict[str, list[Ref]]) -> None:
    order = Graph(needs).order
    assert sorted(order) == sorted(needs)
    for name, refs in needs.items():
        assert all(order.index(ref.node) < order.index(name) for ref in refs)


@settings(deadline=None)
@given(nets())
def test_a_walk_that_settles_each_frontier_reaches_every_node_in_both_directions(needs: dict[str, list[Ref]]) -> None:
    for net in (Graph(needs), Graph(needs).reversed()):
        done: set[str] = set()
        while now := turn(net, started=done, settled=done):
            assert not done & set(now)
            done |= set(now)
        assert done == set(needs)


def test_references_are_found_and_resolved_at_any_depth() -> None:
    params = {"vpc": Ref("p/vpc"), "deep": {"list": [Ref("p/a", "cidr"), ("x", Ref("p/b"))]}, "n": 1}
    node = Node(key="p/node", side=Side.PROVIDER, kind="k", params=params)
    assert node.refs == (Ref("p/vpc"), Ref("p/a", "cidr"), Ref("p/b"))
    assert node.name == "node"
    known = {"p/vpc": {"id": "vpc-1"}, "p/a": {"cidr": "10.0.0.0/20"}, "p/b": {"id": "b-1"}}
    assert resolve(params, known) == {"vpc": "vpc-1", "deep": {"list": ["10.0.0.0/20", ["x", "b-1"]]}, "n": 1}
    with pytest.raises(KeyError):
        resolve(Ref("p/ghost"), known)
