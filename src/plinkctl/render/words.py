"""How things are said: durations, IDs, actions, and the two or three lines at the head of a run."""

from collections.abc import Iterator
from typing import Final

from plinkctl.events import Action, RunStarted, SideInfo
from plinkctl.render.terminal import clean

DOING: Final[dict[Action, str]] = {
    Action.CREATE: "creating",
    Action.CHECK: "checking",
    Action.UPDATE: "updating",
    Action.ADOPT: "adopting",
    Action.BORROW: "borrowing",
    Action.DELETE: "deleting",
    Action.FORGET: "forgetting",
}
DID: Final[dict[Action, str]] = {
    Action.CREATE: "created",
    Action.CHECK: "checked",
    Action.UPDATE: "updated",
    Action.ADOPT: "adopted",
    Action.BORROW: "borrowed",
    Action.DELETE: "deleted",
    Action.FORGET: "forgotten",
}


def duration(seconds: float) -> str:
    """Seconds as a person says them: `0.4s`, `12s`, `1m52s`, `1h04m`."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def short_id(identifier: str) -> str:
    """The part of an ARN that differs within an account and region; other IDs as they are."""
    parts = identifier.split(":", 5)
    return parts[5] if len(parts) == 6 and parts[0] == "arn" else identifier


def near(node: str, side: str) -> str:
    """A node's key as said next to nodes of that side: without the side where it is the same."""
    return node.removeprefix(f"{side}/")


def headline(event: RunStarted) -> str:
    """What runs: `up demo`."""
    return clean(f"{event.command} {event.link}")


def whereabouts(event: RunStarted) -> Iterator[str]:
    """One line for each side: who acts where. Shown before anything is changed."""
    for info in event.sides:
        yield clean(_place(info))


def _place(info: SideInfo) -> str:
    elsewhere = f"  at {info.endpoint_url}" if info.endpoint_url else ""
    return f"{info.side:<8}  {info.account}  {info.region}  {info.caller}{elsewhere}"
