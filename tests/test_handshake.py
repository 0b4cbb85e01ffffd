"""Connections as the provider sees them, in a sandbox where strangers ask as well."""

from pathlib import Path
from typing import Any

import pytest
from links import CONSUMER, Stories
from virtual import VirtualClock

from plinkctl import handshake
from plinkctl.app import up
from plinkctl.aws.faults import Nature
from plinkctl.aws.patience import Stop
from plinkctl.aws.session import Clients
from plinkctl.errors import AwsError, Stopped
from plinkctl.handshake import Connection, in_states
from plinkctl.link import Access


class Offer:
    """A service that asks before it accepts, and whoever comes."""

    def __init__(self, folder: Path, account: Any) -> None:
        stories = Stories(folder)
        self.data = stories(up.provider_up, link=stories.provider(allow=(CONSUMER,)))
        self.id: str = self.data["service_id"]
        self.stop = Stop()
        self.aws = Clients(Access(profile="provider"), ("ec2",), stop=self.stop)
        self._consumer = account("consumer").client("ec2")
        self.vpc = self._consumer.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        self.zone = self.data["availability_zone_ids"][0]
        self.subnet = self._consumer.create_subnet(
            VpcId=self.vpc, CidrBlock="10.9.0.0/24", AvailabilityZoneId=self.zone
        )["Subnet"]["SubnetId"]

    def ask(self) -> str:
        """Somebody makes an endpoint."""
        made = self._consumer.create_vpc_endpoint(
            VpcEndpointType="Interface", VpcId=self.vpc, ServiceName=self.data["service_name"], SubnetIds=[self.subnet]
        )
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    def leave(self, endpoint_id: str) -> None:
        self._consumer.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])

    def seen(self) -> dict[str, str]:
        """Each connection's state."""
        return {c.endpoint_id: c.state for c in handshake.connections(self.aws, self.id)}


@pytest.fixture
def offer(account: Any, tmp_path: Path) -> Offer:
    return Offer(tmp_path, account)


def test_a_connection_is_accepted_by_name_and_no_other_with_it(offer: Offer) -> None:
    first, second = offer.ask(), offer.ask()
    handshake.accept(offer.aws, offer.id, first)
    assert offer.seen() == {first: "available", second: "pendingAcceptance"}


def test_a_live_connection_can_be_rejected(offer: Offer) -> None:
    endpoint = offer.ask()
    handshake.accept(offer.aws, offer.id, endpoint)
    handshake.reject(offer.aws, offer.id, endpoint)
    assert offer.seen() == {endpoint: "rejected"}


def test_a_failure_that_aws_hides_in_a_success_is_raised(offer: Offer) -> None:
    with pytest.raises(AwsError) as caught:
        handshake.accept(offer.aws, offer.id, "vpce-00000000000000000")
    assert caught.value.nature == Nature.GONE
    with pytest.raises(AwsError):
        handshake.reject(offer.aws, offer.id, "vpce-00000000000000000")


def test_a_service_that_is_gone_has_no_connections(offer: Offer) -> None:
    assert handshake.connections(offer.aws, "vpce-svc-00000000000000000") == []


def test_connections_come_oldest_first_with_their_owner(offer: Offer) -> None:
    asked = [offer.ask() for _ in range(3)]
    found = handshake.connections(offer.aws, offer.id)
    assert sorted(c.endpoint_id for c in found) == sorted(asked)
    assert [(c.since, c.endpoint_id) for c in found] == sorted((c.since, c.endpoint_id) for c in found)
    assert {c.owner for c in found} == {CONSUMER}


def test_whose_principals_are_allowed(offer: Offer) -> None:
    def allow(*principals: str) -> None:
        offer.aws.write(
            "ec2",
            "modify_vpc_endpoint_service_permissions",
            ServiceId=offer.id,
            AddAllowedPrincipals=list(principals),
        )

    assert handshake.allowed_accounts(offer.aws, offer.id) == {CONSUMER}
    allow("arn:aws:iam::333333333333:role/reader", "*")
    assert handshake.allowed_accounts(offer.aws, offer.id) == {CONSUMER, "333333333333", "*"}


@pytest.mark.parametrize(
    ("principal", "account"),
    [
        ("*", "*"),
        ("arn:aws:iam::222222222222:root", "222222222222"),
        ("arn:aws-cn:iam::222222222222:user/x", "222222222222"),
        ("AROAEXAMPLEID", ""),  # what is left of a deleted role
        ("elasticloadbalancing.amazonaws.com", ""),
    ],
)
def test_the_account_of_a_principal(principal: str, account: str) -> None:
    assert handshake._account_of(principal) == account


def test_a_watch_ends_when_it_is_so(offer: Offer) -> None:
    arrivals = iter([lambda: None, offer.ask])
    clock = VirtualClock(on_sleep=lambda _: next(arrivals, lambda: None)())
    found = handshake.watch(
        offer.aws, offer.id, until=bool, what="a connection", within=60, clock=clock, tell=lambda *_: None
    )
    assert len(found) == 1
    assert clock.slept == [1, 2]


def test_a_watch_that_ends_in_vain_gives_what_was_seen_last(offer: Offer) -> None:
    endpoint, clock = offer.ask(), VirtualClock()
    told: list[tuple[str, float]] = []
    found = handshake.watch(
        offer.aws,
        offer.id,
        until=lambda now: all(c.state == "available" for c in now),
        what="it to be available",
        within=5,
        clock=clock,
        tell=lambda what, waited: told.append((what, waited)),
    )
    assert [c.endpoint_id for c in found] == [endpoint]
    assert clock.now() == 5
    assert told == [("it to be available", 0), ("it to be available", 1), ("it to be available", 3)]


def test_a_stop_ends_a_watch(offer: Offer) -> None:
    clock = VirtualClock(offer.stop, on_sleep=lambda _: offer.stop.set(2))
    with pytest.raises(Stopped):
        handshake.watch(
            offer.aws, offer.id, until=bool, what="a connection", within=60, clock=clock, tell=lambda *_: None
        )
    with pytest.raises(Stopped):
        handshake.accept(offer.aws, offer.id, "vpce-1")


def test_states_are_compared_without_case() -> None:
    found = [
        Connection(endpoint_id=state, owner=CONSUMER, state=state, since="")
        for state in ("pendingAcceptance", "PendingAcceptance", "Available", "rejected")
    ]
    assert [c.state for c in in_states(found, handshake.PENDING_ACCEPTANCE)] == [
        "pendingAcceptance",
        "PendingAcceptance",
    ]
    assert [c.state for c in in_states(found, *handshake.LIVE)] == [
        "pendingAcceptance",
        "PendingAcceptance",
        "Available",
    ]
