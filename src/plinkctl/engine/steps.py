"""What a node's script is made of: its steps, the desk it works at, and its job.

A script is a generator run by the executor's main thread. It yields a `Call` (blocking work for a worker, whose result
comes back), a `Commit` (a record to make durable before going on), a `Confirmed`, or an event to tell.
"""

import json
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from plinkctl.aws.patience import Clock, Tell
from plinkctl.aws.session import Clients
from plinkctl.errors import TimedOutError
from plinkctl.events import Action, Event, NodeDone
from plinkctl.graph import Node
from plinkctl.kinds.base import Ctx, Kind
from plinkctl.state import Record
from plinkctl.stores import Store


@dataclass(frozen=True)
class Call:
    """Blocking work for a worker."""

    run: Callable[[], Any]


@dataclass(frozen=True)
class Commit:
    """A record to make durable before going on."""

    record: Record


@dataclass(frozen=True)
class Confirmed:
    """A recorded resource was seen to exist: from now on others may use what is known of it."""

    record: Record


Step = Call | Commit | Confirmed | Event
Script = Generator[Step, Any, None]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """One side's place of work: who acts, where, and where it is written down."""

    store: Store
    aws: Clients
    user_tags: Mapping[str, str]
    consents: frozenset[str] = frozenset()
    wall: Callable[[], float] = time.time

    def ctx(self, node: str, op: str, params: Mapping[str, Any]) -> Ctx:
        """What a kind may know for one node."""
        state = self.store.state
        if state is None:
            raise RuntimeError("no state was begun")
        return Ctx(
            aws=self.aws.acting(op),
            link=state.link,
            side=state.side,
            node=node,
            lineage=state.lineage,
            account=state.account,
            region=state.region,
            partition=state.partition,
            op=op,
            params=params,
            user_tags=self.user_tags,
            consents=self.consents,
            now=self.wall(),
        )


@dataclass(frozen=True, kw_only=True)
class Job:
    """One node's turn in a walk.

    Args:
        node: The node; on teardown made from its record.
        kind: Its kind.
        desk: Its side's place of work.
        params: Its parameters, resolved.
        clock: The time.
        tell: Posts what is waited for.
        begun: On the clock's `now`, when the walk began: what an earlier process sent was sent before.
        grace: Seconds before the absence of something whose creation is unresolved is believed.
        deadline: On the clock's `now`, when the whole command gives up, or None.
        held_ends: Whether waiting for somebody else ends the node's turn (else it goes on waiting).
    """

    node: Node
    kind: Kind
    desk: Desk
    params: Mapping[str, Any]
    clock: Clock
    tell: Tell
    begun: float
    grace: float
    deadline: float | None = None
    held_ends: bool = True

    @property
    def record(self) -> Record | None:
        """The node's record as last made durable."""
        state = self.desk.store.state
        return state.records.get(self.node.name) if state else None

    def ctx(self, record: Record, params: Mapping[str, Any] | None = None) -> Ctx:
        """The kind's context for this record."""
        return self.desk.ctx(record.node, record.op, record.params if params is None else params)

    def within(self, seconds: float) -> float:
        """The given patience, cut by the command's deadline."""
        if self.deadline is None:
            return seconds
        return max(0.0, min(seconds, self.deadline - self.clock.now()))


def done(job: Job, action: Action, identifier: str, begun: float, *, changed: bool) -> NodeDone:
    """The event that ends a node's turn."""
    return NodeDone(
        at=job.clock.wall(),
        node=job.node.key,
        action=action,
        id=identifier,
        seconds=job.clock.now() - begun,
        changed=changed,
    )


def holds(job: Job) -> tuple[str, ...]:
    """The keys of the nodes that must outlive this one."""
    return tuple(sorted({ref.node for ref in job.node.refs if ref.holds}))


def plain(value: Any) -> Any:
    """The value as the state file would give it back, so that tuples and lists compare equal."""
    return json.loads(json.dumps(value))


def alike(one: Any, other: Any) -> bool:
    """Whether two parameters mean the same to AWS: its lists of IDs are sets, told in any order."""
    if isinstance(one, list) and isinstance(other, list):
        return sorted(map(str, one)) == sorted(map(str, other))
    return bool(one == other)


def late(job: Job, what: str, why: str | None) -> TimedOutError:
    """The end of patience: the node was not made, ready, changed or gone in time."""
    return TimedOutError(
        f"{job.node.key} was not {what} in time", why=why, hint="nothing is lost; run the same command again"
    )


def pause(job: Job, seconds: float, why: str, begun: float) -> Call:
    """Wait a while between two attempts, and say why."""

    def sleep() -> None:
        job.tell(why, job.clock.now() - begun)
        job.clock.sleep(seconds)

    return Call(sleep)
