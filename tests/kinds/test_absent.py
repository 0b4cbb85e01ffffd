"""Every kind once its thing is gone: absent to every look, and deleting it again is a success."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from cases import NODES, Case, cases
from links import Stories, public_zone, secured

from plinkctl.app import teardown, up
from plinkctl.kinds.base import Presence
from plinkctl.link import Consumer, Side
from plinkctl.sandbox import daemon, remote


@pytest.fixture(scope="module")
def gone(sandbox_factory: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Case]]:
    """What a whole link was made of, after its teardown."""
    running = sandbox_factory("instant")
    remote.reset(running)
    folder = tmp_path_factory.mktemp("states")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in daemon.environment(running).items():
            patch.setenv(name, value)
        link = secured(running, public_zone(), plain="keep")
        stories = Stories(
            folder, replace(link, consumer=replace(link.consumer or Consumer(), private_zone="api.internal"))
        )
        stories(up.both_up)
        found = cases(folder)
        stories(teardown.teardown, (Side.PROVIDER, Side.CONSUMER), agree=lambda _: None)
        assert stories.last.exit == 0, stories.last.errors
        yield found


@pytest.fixture(params=NODES, ids=str)
def case(request: pytest.FixtureRequest, gone: dict[str, Case]) -> Case:
    return gone[NODES[request.param]]


def test_it_is_not_found(case: Case) -> None:
    assert case.kind.find(case.ctx) is None


def test_a_probe_sees_that_it_is_absent(case: Case) -> None:
    if case.kind.name == "public_record":
        pytest.skip("what is not public yet is waited for")
    assert case.kind.probe(case.ctx, case.record.attrs).presence is Presence.ABSENT


def test_deleting_it_again_is_a_success(case: Case) -> None:
    for _ in range(2):
        case.kind.delete(case.ctx, case.record.attrs)


def test_nothing_is_in_the_way_of_deleting_it(case: Case) -> None:
    assert isinstance(case.kind.blockers(case.ctx, case.record.attrs), str)


def test_the_sweep_does_not_see_it(case: Case) -> None:
    assert case.kind.sweep(case.ctx, "plinkctl:lineage", case.ctx.lineage) == []
