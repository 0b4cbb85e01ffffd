"""One sandbox served over real HTTP for the tests of this folder; each gets it empty, instant, its time in hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from plinkctl.sandbox import gateway, world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Side:
    """One account, as plain boto3 sees it."""

    session: boto3.Session
    url: str
    account: str

    def client(self, service: str) -> Any:
        settings = Config(retries={"mode": "standard", "total_max_attempts": 1}, parameter_validation=True)
        return self.session.client(service, endpoint_url=self.url, config=settings)


@pytest.fixture(scope="session")
def served() -> Iterator[gateway.Server]:
    with gateway.serve(world.World(clock=world.Clock(speed=0))) as server:
        yield server


@pytest.fixture
def sandbox(served: gateway.Server) -> world.World:
    """The world of the test: no resources, no delays, a clock that only `advance` moves."""
    served.world.profile = world.INSTANT
    served.world.clock.freeze()
    world.reset()
    return served.world


def _side(served: gateway.Server, alias: str) -> Side:
    account = served.world.account(alias)
    session = boto3.Session(
        aws_access_key_id=account.access_key,
        aws_secret_access_key=account.secret,
        region_name=served.world.region,
    )
    return Side(session, served.url, account.id)


@pytest.fixture
def provider(served: gateway.Server, sandbox: world.World) -> Side:
    return _side(served, "provider")


@pytest.fixture
def consumer(served: gateway.Server, sandbox: world.World) -> Side:
    return _side(served, "consumer")


@pytest.fixture
def refused() -> Callable[..., str]:
    """Calls a client method that must be refused with this code; returns the message."""

    def call(code: str, method: Callable[..., Any], /, **arguments: Any) -> str:
        with pytest.raises(ClientError) as caught:
            method(**arguments)
        error = caught.value.response["Error"]
        assert error["Code"] == code, error
        return str(error["Message"])

    return call
