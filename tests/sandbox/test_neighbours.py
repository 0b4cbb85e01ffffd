"""Other people's resources, and the census by which one sees that nobody touched them."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Side
    from plinkctl.sandbox import world
    from plinkctl.sandbox.door.gateway import Server

KINDS = {
    "vpc", "subnet", "network acl", "route table", "security group", "security group rule", "network interface",
    "endpoint", "endpoint service", "load balancer", "listener", "target group", "role", "function", "log group",
}  # fmt: skip


@pytest.fixture
def control(served: Server, sandbox: world.World) -> Callable[..., Any]:
    """Asks a control path."""

    def ask(method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the URL is http on loopback
            f"{served.url}/_sandbox/{path}",
            method=method,
            headers={"Authorization": f"Bearer {served.token}"},
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - as above
            return json.load(answer)

    return ask


def test_each_kind_is_there_untagged_of_another_link_and_of_another_lineage(control: Callable[..., Any]) -> None:
    empty = control("GET", "census")
    full = control("POST", "neighbours", {"link": "shop"})
    known = {(one["account"], one["kind"], one["id"]) for one in empty}
    new = [one for one in full if (one["account"], one["kind"], one["id"]) not in known]
    assert {one["kind"] for one in new} == KINDS
    for kind in KINDS - {"vpc", "network acl"}:  # a quota of five leaves room for two VPCs, an ACL comes with each
        links = {one["tags"].get("plinkctl:link") for one in new if one["kind"] == kind}
        assert links == {None, "shop", "shop-2"}, kind
    lineages = {one["tags"]["plinkctl:lineage"] for one in new if one["tags"].get("plinkctl:link") == "shop"}
    assert len(lineages) == 1


def test_a_census_is_the_same_until_something_is_changed(control: Callable[..., Any], consumer: Side) -> None:
    before = control("POST", "neighbours", {})
    assert control("GET", "census") == before
    group = next(one for one in before if one["kind"] == "security group" and one["account"] == consumer.account)
    consumer.client("ec2").create_tags(Resources=[group["id"]], Tags=[{"Key": "touched", "Value": "yes"}])
    after = control("GET", "census")
    changed = [one for one in after if one not in before]
    assert [(one["id"], one["tags"].get("touched")) for one in changed] == [(group["id"], "yes")]


@pytest.mark.parametrize("wish", [{"links": "shop"}, ["shop"], {"link": 3}])
def test_a_wish_that_cannot_be_read_is_told(control: Callable[..., Any], wish: Any) -> None:
    with pytest.raises(HTTPError) as caught:
        control("POST", "neighbours", wish)
    with caught.value:
        assert caught.value.code == 400
        assert "neighbours take" in json.load(caught.value)["error"]


def test_neighbours_who_live_there_already_are_told_of(control: Callable[..., Any]) -> None:
    control("POST", "neighbours", {})
    with pytest.raises(HTTPError) as caught:
        control("POST", "neighbours", {})
    with caught.value:
        assert caught.value.code == 400
        assert "reset the sandbox first" in json.load(caught.value)["error"]
