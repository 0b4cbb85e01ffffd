"""What happens during a command, as past facts. A leaf: the engine states them, renderers draw them.

Every event is a frozen value that can be written as one JSON object (render/jsonlines.py does), so nothing in
here is a live object but the error of a failed node. Node keys are `<side>/<node>`, for instance `provider/nlb`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from plinkctl.errors import PlinkError


class Action(StrEnum):
    """What a walk does with one node."""

    CREATE = "create"
    CHECK = "check"
    UPDATE = "update"
    ADOPT = "adopt"
    BORROW = "borrow"
    DELETE = "delete"
    FORGET = "forget"


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events. `at` is seconds since the epoch."""

    at: float


@dataclass(frozen=True, kw_only=True)
class SideInfo:
    """Who and where one side is: shown at the head of every run that changes something."""

    side: str
    account: str
    region: str
    caller: str
    endpoint_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """A command knows who it acts for."""

    command: str
    link: str
    sides: tuple[SideInfo, ...]


@dataclass(frozen=True, kw_only=True)
class PlannedNode:
    """One node of a walk. `usual` is what others measured on AWS, in words; `needs` are keys."""

    node: str
    kind: str
    title: str
    needs: tuple[str, ...]
    usual: str


@dataclass(frozen=True, kw_only=True)
class WalkPlanned(Event):
    """A walk is about to start over these nodes, in dependency order."""

    direction: str
    nodes: tuple[PlannedNode, ...]


@dataclass(frozen=True, kw_only=True)
class NodeStarted(Event):
    """A node's turn came."""

    node: str


@dataclass(frozen=True, kw_only=True)
class NodeActing(Event):
    """A mutating call is about to be made for the node (or it is adopted, borrowed, forgotten)."""

    node: str
    action: Action
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class NodeWaiting(Event):
    """The node waits. `what` says for what, `waited` for how many seconds so far."""

    node: str
    what: str
    waited: float
    usual: str


@dataclass(frozen=True, kw_only=True)
class NodeDone(Event):
    """The node is as it should be. `changed` is False where nothing had to be done."""

    node: str
    action: Action
    id: str
    seconds: float
    changed: bool


@dataclass(frozen=True, kw_only=True)
class NodeHeld(Event):
    """The node cannot go on until somebody else acts."""

    node: str
    why: str


@dataclass(frozen=True, kw_only=True)
class NodeFailed(Event):
    """The node failed; what depends on it is skipped, the rest goes on."""

    node: str
    error: PlinkError


@dataclass(frozen=True, kw_only=True)
class NodeSkipped(Event):
    """The node was not tried, or not finished, because of others: something it needs did not come."""

    node: str
    because: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ExtraFound(Event):
    """A request that everybody had given up took effect after all; what it made was deleted, or `why` it was not."""

    node: str
    kind: str
    id: str
    deleted: bool
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Noted(Event):
    """A sentence for the user that belongs to no node. `level` is `info`, `warning` or `error`."""

    message: str
    level: str = "info"


@dataclass(frozen=True, kw_only=True)
class Called(Event):
    """One AWS call came back. `outcome` is `ok` or AWS's error code."""

    side: str
    service: str
    operation: str
    outcome: str
    request_id: str | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class CheckDone(Event):
    """One check of `verify` has its result: `ok`, `failed`, `warning` or `unknown`."""

    layer: str
    name: str
    side: str
    result: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class RunFinished(Event):
    """The command is over."""

    exit_code: int
    seconds: float


Observer = Callable[[Event], None]


def name_of(event: Event) -> str:
    """The event's name in the JSON stream: `NodeDone` is `node_done`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in type(event).__name__).lstrip("_")
