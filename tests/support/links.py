"""Use cases run in this process against a sandbox, with time that passes at once and every call remembered."""

import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from virtual import VirtualClock

from plinkctl.app import up
from plinkctl.app.run import Run
from plinkctl.aws.patience import Stop
from plinkctl.errors import PlinkError
from plinkctl.events import Called, Event, NodeDone, NodeFailed, Noted
from plinkctl.link import REQUESTED, Access, Consumer, Dns, Link, Provider, Side, Tls
from plinkctl.sandbox.daemon import Running
from plinkctl.state import Phase

PROVIDER, CONSUMER = "111111111111", "222222222222"
BOTH: Final = Link(
    name="shop",
    provider=Provider(access=Access(profile="provider")),
    consumer=Consumer(access=Access(profile="consumer")),
)
_READS: Final = re.compile(r"describe|get_|list_")


class Story:
    """One command's run and all it told."""

    def __init__(
        self, folder: Path, link: Link = BOTH, command: str = "up", at: float | None = None, **more: Any
    ) -> None:
        self.stop = Stop()
        self.clock = VirtualClock(self.stop) if at is None else VirtualClock(self.stop, at=at)
        self.events: list[Event] = []
        self.run = Run(
            command=command,
            link=link,
            place=folder,
            observer=self.events.append,
            stop=self.stop,
            clock=self.clock,
            **more,
        )

    @property
    def writes(self) -> list[str]:
        """The mutating calls, in order; `invoke` changes nothing."""
        return [
            event.operation
            for event in self.events
            if isinstance(event, Called) and not _READS.match(event.operation) and event.operation != "invoke"
        ]

    @property
    def notes(self) -> str:
        """All sentences told."""
        return "\n".join(event.message for event in self.events if isinstance(event, Noted))

    @property
    def changed(self) -> dict[str, str]:
        """The nodes that were changed, and how."""
        done = [event for event in self.events if isinstance(event, NodeDone) and event.changed]
        return {event.node: event.action.value for event in done}

    @property
    def failed(self) -> dict[str, PlinkError]:
        """The nodes that failed."""
        return {event.node: event.error for event in self.events if isinstance(event, NodeFailed)}

    @property
    def errors(self) -> list[PlinkError]:
        """All root causes."""
        return [failure.error for failure in self.run.report.errors]

    @property
    def exit(self) -> int:
        """The exit code the command would have."""
        return int(self.run.report.exit_code)


class Stories:
    """A folder with states, and a way to tell one story after the other."""

    def __init__(self, folder: Path, link: Link = BOTH) -> None:
        self.folder = folder
        self.link = link
        self.at: float | None = None  # seconds since the epoch when each story begins
        self.last = Story(folder, link)

    def __call__(self, use_case: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Run a use case; `link`, `consents`, `timeout` are the run's, all else the use case's own."""
        ours = {key: named.pop(key) for key in ("link", "consents", "timeout", "grace") if key in named}
        self.last = Story(self.folder, ours.pop("link", self.link), at=self.at, **ours)
        return use_case(self.last.run, *arguments, **named)

    def provider(self, **wishes: Any) -> Link:
        """The link with other wishes for the provider."""
        if self.link.provider is None:
            raise RuntimeError("no provider in this link")
        return replace(self.link, provider=replace(self.link.provider, **wishes))

    def consumer(self, **wishes: Any) -> Link:
        """The link with other wishes for the consumer."""
        if self.link.consumer is None:
            raise RuntimeError("no consumer in this link")
        return replace(self.link, consumer=replace(self.link.consumer, **wishes))


def die_making(stories: Stories, node: str, link: Link) -> None:
    """An `up` of one side that dies, as by kill -9, while the node's create is under way: sent, and no ID recorded.

    Args:
        stories: The folder with states.
        node: The node's key.
        link: What is wanted.
    """
    side, _, name = node.partition("/")
    story = Story(stories.folder, link)

    audit = stories.folder / link.name / "audit.jsonl"  # names the op of each call that came back

    def observe(event: Event) -> None:
        state = story.run.state(Side(side)) if isinstance(event, Called) else None
        record = state.records.get(name) if state is not None else None
        if record is None or record.phase is not Phase.CREATING:
            return
        if audit.exists() and f'"{record.op}"' in audit.read_text():
            raise RuntimeError("killed")

    story.run.observer = observe
    with pytest.raises(RuntimeError, match="killed"):
        _ = up.provider_up(story.run) if side == Side.PROVIDER else up.consumer_up(story.run, wait=False)


DOMAIN: Final = "api.example.com"


def public_zone(profile: str = "provider", domain: str = "example.com") -> str:
    """A public hosted zone of that account; its ID."""
    made = (
        boto3.Session(profile_name=profile)
        .client("route53")
        .create_hosted_zone(Name=domain, CallerReference=uuid.uuid4().hex)
    )
    return str(made["HostedZone"]["Id"]).rpartition("/")[2]


def secured(running: Running, zone_id: str | None, **tls: Any) -> Link:
    """Both sides with HTTPS and a private DNS name, whose proof goes to that zone, in the sandbox given."""
    provider = replace(
        BOTH.provider or Provider(),
        private_dns_name=DOMAIN,
        dns=Dns(zone_id=zone_id, resolvers=(running.dns,)),
        tls=Tls(**{"certificate": REQUESTED, **tls}),
    )
    consumer = replace(BOTH.consumer or Consumer(), private_dns=True, https=True, port=443)
    return replace(BOTH, provider=provider, consumer=consumer)


def ids(data: dict[str, Any]) -> dict[str, str]:
    """Node to ID, in the data of one side or both."""
    sides = data.values() if "resources" not in data else [data]
    return {item["node"]: item["id"] for side in sides for item in side["resources"]}


def offered(stories: Stories, **wishes: Any) -> dict[str, Any]:
    """A provider side for the consumer's account, without acceptance."""
    wishes = {"allow": (CONSUMER,), "acceptance_required": False, **wishes}
    data: dict[str, Any] = stories(up.provider_up, link=stories.provider(**wishes))
    return data
