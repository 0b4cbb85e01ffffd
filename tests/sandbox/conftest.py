"""One sandbox served over real HTTP for the tests of this folder; each gets it empty, instant, its time in hand."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from pristine import pristine

from plinkctl.sandbox import daemon, world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plinkctl.sandbox.door import gateway


@dataclass(frozen=True)
class Side:
    """One account, as plain boto3 sees it."""

    session: boto3.Session
    url: str
    account: str
    made: dict[str, Any]

    def client(self, service: str) -> Any:
        """A client without retries; made once, for reading a service's model takes longer than a test."""
        if service not in self.made:
            self.made[service] = self._make(service)
        return self.made[service]

    def _make(self, service: str) -> Any:
        settings = Config(retries={"mode": "standard", "total_max_attempts": 1}, parameter_validation=True)
        return self.session.client(service, endpoint_url=self.url, config=settings)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for a sandbox in a process of its own, which is ended with the test."""
    place = tmp_path / "sandbox"
    yield place
    daemon.stop(place)


@pytest.fixture
def sandbox(served: gateway.Server) -> world.World:
    """The world of the test: no resources, no delays, nothing seen late, a clock that only `advance` moves."""
    pristine(served.world)
    return served.world


def _side(served: gateway.Server, alias: str) -> Side:
    account = served.world.account(alias)
    session = boto3.Session(
        aws_access_key_id=account.access_key,
        aws_secret_access_key=account.secret,
        region_name=served.world.region,
    )
    return Side(session, served.url, account.id, {})


@pytest.fixture(scope="session")
def sides(served: gateway.Server) -> dict[str, Side]:
    return {alias: _side(served, alias) for alias in ("provider", "consumer")}


@pytest.fixture
def provider(sides: dict[str, Side], sandbox: world.World) -> Side:
    return sides["provider"]


@pytest.fixture
def consumer(sides: dict[str, Side], sandbox: world.World) -> Side:
    return sides["consumer"]


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


def _network(side: Side, zone_ids: tuple[str, ...]) -> SimpleNamespace:
    ec2 = side.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZoneId=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(zone_ids)
    ]
    return SimpleNamespace(ec2=ec2, vpc=vpc, subnets=subnets)


@pytest.fixture
def offer(sandbox: world.World, provider: Side) -> Callable[..., SimpleNamespace]:
    """Makes a provider's side as far as the endpoint service: VPC, network load balancer, service, permission."""

    def make(*zone_ids: str, acceptance: bool = True, principals: tuple[str, ...] | None = None) -> SimpleNamespace:
        made = _network(provider, zone_ids or ("use1-az1", "use1-az2"))
        made.elb = provider.client("elbv2")
        made.arn = made.elb.create_load_balancer(Name="front", Type="network", Scheme="internal", Subnets=made.subnets)[
            "LoadBalancers"
        ][0]["LoadBalancerArn"]
        sandbox.clock.advance(sandbox.profile.load_balancer)
        service = made.ec2.create_vpc_endpoint_service_configuration(
            NetworkLoadBalancerArns=[made.arn], AcceptanceRequired=acceptance
        )["ServiceConfiguration"]
        made.id, made.name = service["ServiceId"], service["ServiceName"]
        allowed = ["arn:aws:iam::222222222222:root"] if principals is None else list(principals)
        if allowed:
            made.ec2.modify_vpc_endpoint_service_permissions(ServiceId=made.id, AddAllowedPrincipals=allowed)
        return made

    return make


@pytest.fixture
def place(consumer: Side) -> Callable[..., SimpleNamespace]:
    """Makes a consumer's VPC with a subnet in each of the zones; `connect(name)` makes an endpoint there."""

    def make(*zone_ids: str) -> SimpleNamespace:
        made = _network(consumer, zone_ids or ("use1-az1",))

        def connect(service_name: str, **more: Any) -> str:
            asked = {"VpcId": made.vpc, "SubnetIds": made.subnets, "VpcEndpointType": "Interface", **more}
            made.endpoint = made.ec2.create_vpc_endpoint(ServiceName=service_name, **asked)["VpcEndpoint"]
            return str(made.endpoint["VpcEndpointId"])

        made.connect = connect
        made.state = lambda: made.ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["State"]
        return made

    return make
