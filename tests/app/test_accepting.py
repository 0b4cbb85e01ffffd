"""`accept` and `reject`: those named, else those allowed; strangers are shown and left alone."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from links import CONSUMER, PROVIDER, Stories, Story, offered

from plinkctl.app.connections import accept, reject
from plinkctl.errors import PlinkError, StateError
from plinkctl.events import Called, Event
from plinkctl.sandbox import daemon, remote


class Yard:
    """A provider side that asks before it accepts, and endpoints of the consumer's account."""

    def __init__(self, stories: Stories, account: Any) -> None:
        self.stories = stories
        self.offer = offered(stories, acceptance_required=True)
        self._ec2 = account("consumer").client("ec2")
        vpc = self._ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        zone = self.offer["availability_zone_ids"][0]
        subnet = self._ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24", AvailabilityZoneId=zone)["Subnet"]
        self._place = {"VpcId": vpc, "SubnetIds": [subnet["SubnetId"]], "VpcEndpointType": "Interface"}

    def ask(self) -> str:
        made = self._ec2.create_vpc_endpoint(ServiceName=self.offer["service_name"], **self._place)
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    def state(self, endpoint_id: str) -> str:
        found = self._ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"]
        return str(found[0]["State"]).lower()

    def accept(self, *names: str, accounts: tuple[str, ...] = (), wait: bool = False, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.stories(accept, endpoint_ids=names, accounts=accounts, wait=wait, **more)
        return found

    def allow(self, *accounts: str) -> None:
        offered(self.stories, acceptance_required=True, allow=accounts)

    @property
    def exit(self) -> int:
        return self.stories.last.exit


@pytest.fixture
def yard(account: Any, tmp_path: Path) -> Yard:
    return Yard(Stories(tmp_path / "states"), account)


def ids(connections: list[dict[str, Any]]) -> set[str]:
    return {connection["endpoint_id"] for connection in connections}


def test_all_that_wait_and_are_allowed_are_accepted(yard: Yard) -> None:
    asked = {yard.ask(), yard.ask()}
    data = yard.accept()
    assert yard.exit == 0
    assert ids(data["accepted"]) == asked
    assert data["pending"] == []
    assert {yard.state(endpoint) for endpoint in asked} == {"available"}
    yard.accept()
    assert (yard.exit, yard.stories.last.writes) == (0, []), "accepting again does nothing"


def test_strangers_are_shown_and_left_alone(yard: Yard) -> None:
    asked = yard.ask()
    yard.allow(PROVIDER)
    data = yard.accept()
    assert yard.exit == 8
    assert (data["accepted"], ids(data["pending"])) == ([], {asked})
    (error,) = yard.stories.last.errors
    assert error.code == "strangers"
    assert asked in str(error.hint)
    assert yard.state(asked) == "pendingacceptance"
    assert yard.stories.last.writes == []
    assert ids(yard.accept(accounts=(CONSUMER,))["accepted"]) == {asked}
    assert yard.exit == 0


def test_whoever_may_come_because_anybody_may_is_still_a_stranger(yard: Yard) -> None:
    asked = yard.ask()
    offered(yard.stories, acceptance_required=True, allow=("*",), allow_public="a test")
    assert ids(yard.accept()["pending"]) == {asked}
    assert yard.exit == 8
    assert ids(yard.accept(asked)["accepted"]) == {asked}


def test_whoever_was_let_in_by_hand_is_a_stranger(yard: Yard, account: Any) -> None:
    yard.allow(PROVIDER)
    account("provider").client("ec2").modify_vpc_endpoint_service_permissions(
        ServiceId=yard.offer["service_id"], AddAllowedPrincipals=[f"arn:aws:iam::{CONSUMER}:root", "*"]
    )
    asked = yard.ask()
    assert ids(yard.accept()["pending"]) == {asked}
    assert (yard.exit, yard.stories.last.writes) == (8, [])
    assert ids(yard.accept(accounts=(CONSUMER,))["accepted"]) == {asked}


@pytest.mark.parametrize("how", ["named", "allowed"])
def test_one_that_is_rejected_between_the_look_and_the_acceptance_is_not_accepted(yard: Yard, how: str) -> None:
    asked = yard.ask()
    theirs = boto3.Session(profile_name="provider").client("ec2")

    def reject_at_the_first_look(event: Event) -> None:
        if isinstance(event, Called) and event.operation == "describe_vpc_endpoint_connections":
            yard.stories.last.run.observer = lambda _: None
            theirs.reject_vpc_endpoint_connections(ServiceId=yard.offer["service_id"], VpcEndpointIds=[asked])

    story = Story(yard.stories.folder, yard.stories.link)
    story.run.observer = reject_at_the_first_look
    yard.stories.last = story
    data = accept(story.run, endpoint_ids=[asked] if how == "named" else [], accounts=(), wait=False)
    assert data["accepted"] == []
    assert story.errors[0].code == "connection_ended"
    assert yard.state(asked) == "rejected"


def test_only_the_named_one_is_accepted_and_the_others_are_told_truly(yard: Yard) -> None:
    wanted, other = yard.ask(), yard.ask()
    data = yard.accept(wanted)
    assert (ids(data["accepted"]), ids(data["pending"])) == ({wanted}, {other})
    (error,) = yard.stories.last.errors
    assert error.code == "others_wait", "its owner is allowed, so it is no stranger"
    assert yard.state(other) == "pendingacceptance"


def test_a_name_that_is_not_connected_is_told_after_a_while(yard: Yard) -> None:
    asked = yard.ask()
    with pytest.raises(PlinkError) as caught:
        yard.accept("vpce-00000000000000000")
    assert caught.value.code == "no_connection"
    assert asked in str(caught.value.why)
    assert yard.stories.last.clock.now() == 30, "a new connection may be missing from the list at first"


def test_one_that_was_rejected_cannot_be_accepted_any_more_and_that_is_said(yard: Yard) -> None:
    asked = yard.ask()
    yard.stories(reject, endpoint_ids=[asked])
    assert yard.exit == 0
    assert yard.state(asked) == "rejected"
    yard.accept(asked)
    assert yard.exit == 1
    assert yard.stories.last.errors[0].code == "connection_ended"
    yard.stories(reject, endpoint_ids=[asked])
    assert (yard.exit, yard.stories.last.writes) == (0, []), "rejecting again does nothing"


def test_a_live_connection_is_rejected_by_name(yard: Yard) -> None:
    asked, other = yard.ask(), yard.ask()
    yard.accept()
    data = yard.stories(reject, endpoint_ids=[asked])
    assert ids(data["rejected"]) == {asked}
    assert (yard.state(asked), yard.state(other)) == ("rejected", "available")


def test_waiting_for_somebody_who_never_asks_is_held_not_failed(yard: Yard) -> None:
    yard.accept(wait=True)
    assert yard.exit == 8
    assert yard.stories.last.clock.now() == 900
    yard.accept(wait=True, timeout=20)
    assert yard.stories.last.clock.now() == 20


def test_waiting_accepts_whoever_asks_meanwhile(yard: Yard) -> None:
    asked: list[str] = []

    def somebody_asks(run: Any, **named: Any) -> Any:
        run.clock.on_sleep = lambda _: asked.append(yard.ask()) if not asked else None
        return accept(run, **named)

    data = yard.stories(somebody_asks, endpoint_ids=(), accounts=(), wait=True)
    assert ids(data["accepted"]) == set(asked)
    assert [c["state"] for c in data["accepted"]] == ["available"]
    assert yard.exit == 0


def test_without_a_service_there_is_nothing_to_accept(account: Any, tmp_path: Path) -> None:
    with pytest.raises(StateError) as caught:
        Stories(tmp_path / "states")(accept, endpoint_ids=(), accounts=(), wait=False)
    assert caught.value.code == "no_service"


def test_what_was_accepted_and_does_not_become_available_is_a_timeout(
    sandbox_factory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sandbox whose clock stands still: the connection stays `pending` for ever."""
    running = sandbox_factory("brisk")
    remote.reset(running)
    remote.settings(running, visibility=0)  # or nothing new is seen while the clock stands still
    for name, value in daemon.environment(running).items():
        monkeypatch.setenv(name, value)
    yard = Yard(_Moving(tmp_path / "states", running), lambda profile: boto3.Session(profile_name=profile))
    asked = yard.ask()
    remote.set_clock(running, speed=0)
    try:
        yard.accept(wait=True)
        assert yard.exit == 7
        assert yard.state(asked) == "pending"
        yard.accept(wait=True, timeout=30)
        assert yard.exit == 7, "the same command waits for what an earlier one accepted"
        assert yard.stories.last.writes == []
        remote.set_clock(running, advance=60)
        yard.accept(wait=True)
        assert yard.exit == 0
    finally:
        remote.set_clock(running, speed=1)


class _Moving(Stories):
    """Stories in whose waits the sandbox's clock really moves."""

    def __init__(self, folder: Path, running: Any) -> None:
        super().__init__(folder)
        self._running = running

    def __call__(self, use_case: Any, *arguments: Any, **named: Any) -> Any:
        def moving(run: Any, *inner: Any, **more: Any) -> Any:
            if remote.status(self._running)["clock"]["speed"]:
                run.clock.on_sleep = lambda _: remote.set_clock(self._running, advance=1)
            return use_case(run, *inner, **more)

        return super().__call__(moving, *arguments, **named)
