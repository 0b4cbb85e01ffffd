"""The suite's target, its two accounts, and the switch to real AWS."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from facts import REAL, facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from target import Side, Target

_PROFILES = ("PLINKCTL_CONFORMANCE_PROVIDER_PROFILE", "PLINKCTL_CONFORMANCE_CONSUMER_PROFILE")
_PATIENCE = "PLINKCTL_CONFORMANCE_PATIENCE"

#: Dollars a test costs at most, roughly, at AWS's list prices: a started hour of each of what it makes.
_COSTS = {"free": 0.0, "balancers": 0.05, "link": 0.08}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--real-aws",
        action="store_true",
        help=f"run the conformance tests against AWS; needs {' and '.join(_PROFILES)}",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fact(*names): the facts of facts.toml a test proves")
    config.addinivalue_line("markers", "sandbox_only(reason): why a test cannot be run against AWS")


def _real(config: pytest.Config) -> bool:
    return bool(config.getoption("--real-aws", default=False))


def _named(item: pytest.Item) -> list[str]:
    return [name for mark in item.iter_markers("fact") for name in mark.args]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Against AWS, leave out what cannot be provoked there, and say first what the rest costs."""
    if not _real(config):
        return
    if missing := [name for name in _PROFILES if not os.environ.get(name)]:
        raise pytest.UsageError(f"--real-aws needs {' and '.join(missing)}: the AWS profiles of two accounts")
    spent = 0.0
    for item in items:
        reasons = [reason for name in _named(item) if (reason := REAL[facts()[name].real])]
        reasons += [str(mark.args[0]) for mark in item.iter_markers("sandbox_only")]
        if reasons:
            item.add_marker(pytest.mark.skip(reason=f"not against AWS: {reasons[0]}"))
        else:
            spent += max((_COSTS[facts()[name].real] for name in _named(item)), default=0.0)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(
            f"conformance against AWS: costs up to about {spent:.2f} dollars, all of it is deleted again"
        )


@pytest.fixture(scope="session")
def _session_target(request: pytest.FixtureRequest) -> Iterator[Any]:
    if _real(request.config):
        from aws_target import AwsTarget

        provider, consumer = (os.environ[name] for name in _PROFILES)
        yield AwsTarget((provider, consumer), patience=float(os.environ.get(_PATIENCE, "1")))
        return
    from sandbox_target import SandboxTarget

    yield SandboxTarget(request.getfixturevalue("served"))


@pytest.fixture
def target(_session_target: Any) -> Iterator[Any]:
    """The target, empty of what tests have made."""
    if not _session_target.real:
        _session_target.empty()
    yield _session_target
    if _session_target.real:
        _session_target.clean()


@pytest.fixture
def provider(target: Target) -> Side:
    return target.provider


@pytest.fixture
def consumer(target: Target) -> Side:
    return target.consumer


@pytest.fixture
def refused() -> Callable[..., str]:
    """Calls a client method that must be refused with one of these codes; the message."""

    def call(codes: str, method: Callable[..., Any], /, **arguments: Any) -> str:
        with pytest.raises(ClientError) as caught:
            method(**arguments)
        error = caught.value.response["Error"]
        assert error["Code"] in codes.split(), error
        return str(error["Message"])

    return call
