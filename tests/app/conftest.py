"""A sandbox in which links stand for a whole file of tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from plinkctl.sandbox import daemon, remote


@pytest.fixture(scope="module")
def standing_sandbox(sandbox_factory: Any) -> Iterator[None]:
    """The instant sandbox, emptied once; this process points at it."""
    running = sandbox_factory("instant")
    remote.reset(running)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in daemon.environment(running).items():
            patch.setenv(name, value)
        yield
