"""What the suite runs against: two accounts of AWS, or of something that claims to be like it. Plain boto3.

Nothing of plinkctl is imported here. Time passes by `Target.until`: on a sandbox the clock is moved, on AWS one waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3

T = TypeVar("T")

#: botocore's service names by the short ones of the tests.
SERVICES: Final = {
    "ec2": "ec2",
    "elb": "elbv2",
    "iam": "iam",
    "functions": "lambda",
    "logs": "logs",
    "acm": "acm",
    "route53": "route53",
    "cloudwatch": "cloudwatch",
    "sns": "sns",
    "sts": "sts",
}


class Maker(Protocol):
    """Makes a client of a service in a region (None: the suite's) with a session."""

    def __call__(self, session: boto3.Session, service: str, region: str | None) -> Any: ...


@dataclass(eq=False)
class Side:
    """One account. `side.ec2` is a client; `side.client("ec2", "eu-west-1")` one of another region."""

    session: boto3.Session
    account: str
    make: Maker
    made: dict[tuple[str, str | None], Any] = field(default_factory=dict)

    def client(self, service: str, region: str | None = None) -> Any:
        """A client; made once, for reading a service's model takes longer than a test."""
        if (service, region) not in self.made:
            self.made[service, region] = self.make(self.session, SERVICES[service], region)
        return self.made[service, region]

    def __getattr__(self, name: str) -> Any:
        if name in SERVICES:
            return self.client(name)
        raise AttributeError(name)

    @property
    def root(self) -> str:
        """The account as a principal."""
        return f"arn:aws:iam::{self.account}:root"


class Target(Protocol):
    """A target of the suite.

    Attributes:
        real: whether it is AWS, or is to be taken for it: then nothing may be done to it that AWS does not do.
        provider, consumer: its two accounts.
        region: where they are used.
        zones: IDs of at least three zones that both accounts have.
    """

    real: bool
    provider: Side
    consumer: Side
    region: str
    zones: list[str]

    def name(self, text: str) -> str:
        """A name for something that is not in a VPC; on AWS with the ID of the run."""

    def until(self, probe: Callable[[], T], seconds: float = 900) -> T:
        """Look again and again, while time passes, until `probe` gives something true; its last value."""

    def pass_by(self, seconds: float) -> None:
        """Let that much time pass."""


def state_of(side: Side, endpoint: str) -> str:
    """The state of an endpoint, "gone" if there is none."""
    found = side.ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-endpoint-id", "Values": [endpoint]}])["VpcEndpoints"]
    return str(found[0]["State"]) if found else "gone"
