"""The whole way in an AWS that shows new things late, and one item a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from e2e_tools import BOTH, PROOF, Aws, Meter

from plinkctl.sandbox import remote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shells import Shell

    from plinkctl.sandbox.daemon import Running

pytestmark = pytest.mark.slow


@pytest.fixture
def late(sandbox_factory: Any) -> Iterator[Running]:
    """A sandbox in which everything is seen up to a second late, one item a page."""
    running = sandbox_factory("instant")
    remote.reset(running)
    remote.settings(running, visibility=1, page_size=1)
    yield running
    remote.settings(running, visibility=None, page_size=None)


def test_the_whole_way_with_everything_seen_late_and_one_item_a_page(late: Running, shell: Shell) -> None:
    remote.settings(late, visibility=0, page_size=None)
    before = Aws(late).census()
    remote.settings(late, visibility=1, page_size=1)
    shell.ok("up", *BOTH)
    assert shell.ok("verify", *BOTH)["request"]["body"] == PROOF
    meter = Meter(late)
    shell.ok("up", *BOTH)
    assert set(meter.mutating()) == {"Invoke"}, "what lags is not mistaken for what differs"
    assert shell.ok("teardown", *BOTH, "--yes")["leftovers"] == []
    remote.settings(late, visibility=0, page_size=None)
    assert Aws(late).census() == before
