"""An imaginary service in memory with one kind of thing, for tests of the engine: every answer can be scripted.

`Thing` implements the published interface of kinds, `Memory` that of stores. Both write into one log, so that a test
can see in which order intents were made durable and calls were made.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from virtual import VirtualClock

from plinkctl import state as states
from plinkctl.aws.faults import Nature
from plinkctl.aws.patience import Stop
from plinkctl.engine import lifecycle
from plinkctl.engine.executor import Executor, Walked
from plinkctl.engine.steps import Desk, Job, Script
from plinkctl.errors import AwsAnswer, AwsError, StateError, Stopped
from plinkctl.events import Event, NodeDone, NodeWaiting
from plinkctl.graph import Graph, Node, Ref, resolve
from plinkctl.kinds.base import ABSENT, Attrs, Ctx, Kind, Patience, Presence, Seen, foreign, ours
from plinkctl.link import Side
from plinkctl.state import Change, Phase, Protection, Record, State


def fault(nature: Nature, code: str = "") -> AwsError:
    """An error of AWS with that nature."""
    answer = AwsAnswer(service="thing", operation="Call", code=code or f"Code.{nature}", message="says the script")
    return AwsError("refused", answer=answer, nature=nature)


@dataclass(frozen=True)
class Lost:
    """A create whose answer is lost: with or without its effect."""

    effect: bool


@dataclass(kw_only=True)
class Real:
    """A thing as it really is."""

    op: str
    node: str
    tags: dict[str, str]
    settings: dict[str, Any] = field(default_factory=dict)


Answer = AwsError | Lost | Callable[[], object] | None
"""What a scripted call does: raises, loses its answer, does something first, or nothing special."""


class Service:
    """What there is, and what was asked. `log` has calls as `create a`, and commits as `creating a`."""

    def __init__(self) -> None:
        self.there: dict[str, Real] = {}
        self.log: list[str] = []
        self.creates: dict[str, list[Answer]] = {}
        self.updates: dict[str, list[Answer]] = {}
        self.deletes: dict[str, list[Answer]] = {}
        self.probes: dict[str, list[Seen | AwsError | Callable[[], Seen]]] = {}
        self.hidden: dict[str, int] = {}  # node -> how many more finds do not see it
        self.bare: dict[str, int] = {}  # node -> how many more finds by name do not see its tags
        self.on_find: Callable[[], object] = lambda: None
        self.lock = threading.RLock()
        self._made = 0

    def calls(self, *verbs: str) -> list[str]:
        """The logged calls with these verbs."""
        return [line for line in self.log if line.split()[0] in verbs]

    def of(self, node: str) -> list[Real]:
        """All things of that node, whoever made them."""
        return [real for real in self.there.values() if real.node == node]

    def make(self, node: str, op: str, tags: Mapping[str, str], settings: Mapping[str, Any]) -> str:
        """Bring a thing into being."""
        self._made += 1
        identifier = f"{node}-{self._made}"
        self.there[identifier] = Real(op=op, node=node, tags=dict(tags), settings=dict(settings))
        return identifier

    def next(self, scripts: Mapping[str, list[Any]], node: str) -> Any:
        """The node's next scripted answer, or None."""
        script = scripts.get(node)
        return script.pop(0) if script else None


class Thing(Kind):
    """The kind. Parameters: `service` (where it lives), `size` (a setting), `colour` (immutable)."""

    name = "thing"
    title = "thing"
    patience = Patience(ready_within=60, gone_within=60)
    settings = frozenset({"size"})

    def __init__(self, service: Service) -> None:
        self.service = service

    def _say(self, verb: str, ctx: Ctx, detail: str = "") -> None:
        with self.service.lock:
            self.service.log.append(f"{verb} {ctx.node}{detail}")

    def find(self, ctx: Ctx) -> Attrs | None:
        self._say("find", ctx)
        self.service.on_find()
        if self.service.hidden.get(ctx.node, 0) > 0:
            self.service.hidden[ctx.node] -= 1
            return None
        if self.service.bare.get(ctx.node, 0) > 0:
            self.service.bare[ctx.node] -= 1
            ours(ctx, {}, ctx.node)
        return next(({"id": i} for i, real in self.service.there.items() if real.op == ctx.op), None)

    def create(self, ctx: Ctx) -> Attrs:
        self._say("create", ctx)
        answer = self.service.next(self.service.creates, ctx.node)
        if isinstance(answer, AwsError):
            raise answer
        if callable(answer):
            answer()
        with self.service.lock:
            if isinstance(answer, Lost) and not answer.effect:
                raise fault(Nature.UNCLEAR)
            # Bare, as the anatomy wants it: settings come by update.
            identifier = self.service.make(ctx.node, ctx.op, ctx.tags, {})
        if isinstance(answer, Lost):
            raise fault(Nature.UNCLEAR)
        return {"id": identifier}

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        self._say("probe", ctx)
        answer = self.service.next(self.service.probes, ctx.node)
        if isinstance(answer, AwsError):
            raise answer
        if callable(answer):
            answer = answer()
        if isinstance(answer, Seen):
            return answer
        real = self.service.there.get(str(attrs["id"]))
        if real is None:
            return ABSENT
        return Seen(
            presence=Presence.READY, attrs={"id": attrs["id"]}, settings=dict(real.settings), tags=dict(real.tags)
        )

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        self._say("update", ctx, f" {dict(changes)}")
        answer = self.service.next(self.service.updates, ctx.node)
        if isinstance(answer, AwsError):
            raise answer
        self.service.there[str(attrs["id"])].settings.update(changes)

    def retag(self, ctx: Ctx, attrs: Attrs, *, put: Mapping[str, str], drop: Sequence[str]) -> None:
        self._say("retag", ctx, f" {dict(put)} {list(drop)}")
        tags = self.service.there[str(attrs["id"])].tags
        tags.update(put)
        for key in drop:
            tags.pop(key, None)

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        self._say("delete", ctx)
        answer = self.service.next(self.service.deletes, ctx.node)
        if isinstance(answer, AwsError):
            raise answer
        if callable(answer):
            answer()
        self.service.there.pop(str(attrs["id"]), None)

    def blockers(self, ctx: Ctx, attrs: Attrs) -> str:
        self._say("blockers", ctx)
        return f"somebody holds {ctx.node}"


class Blind(Thing):
    """A thing whose create nothing guards: a second one makes a second thing."""

    name = "blind"
    blind = True


class Relation(Thing):
    """A thing that ends with what it relates."""

    name = "relation"
    attached = True


class Watched(Thing):
    """A thing whose `find` refuses what carries its name but not its tag."""

    name = "watched"

    def find(self, ctx: Ctx) -> Attrs | None:
        found = super().find(ctx)
        if found is None and self.service.of(ctx.node):
            raise foreign(ctx.node, {})
        return found


class NoAws:
    """Clients nobody calls: things live in the service."""

    def acting(self, _op: str) -> "NoAws":
        return self


class Memory:
    """A store in memory. `durable` is what survives; commit number `breaks_at` and all after it fail."""

    def __init__(self, log: list[str]) -> None:
        self.durable: State | None = None
        self.breaks_at = 0
        self.history: list[Record] = []
        self.on_commit: Callable[[Record], object] = lambda _: None
        self._log = log

    @property
    def state(self) -> State | None:
        return self.durable

    def begin(self, state: State) -> None:
        self.durable = state

    def commit(self, change: Change) -> None:
        if self.durable is None:
            raise RuntimeError("commit before begin")
        if self.breaks_at and len(self.history) + 1 >= self.breaks_at:
            raise StateError("the disk is full")
        self.durable = self.durable.put(change)
        if isinstance(change, Protection):
            return
        record = change
        self.history.append(record)
        self._log.append(f"{record.phase} {record.node}")
        self.on_commit(record)

    def close(self) -> None:
        """Nothing to give back."""


def thing(name: str, *refs: Ref | str, kind: str = "thing", **more: Any) -> Node:
    """A node that refers to others: `thing("b", "a")`."""
    fields = {key: more.pop(key) for key in ("borrowed", "transient") if key in more}
    listed = [
        Ref(f"provider/{ref}") if isinstance(ref, str) else replace(ref, node=f"provider/{ref.node}") for ref in refs
    ]
    params = {"size": 1, "colour": "red", **({"refs": listed} if listed else {}), **more}
    return Node(key=f"provider/{name}", side=Side.PROVIDER, kind=kind, params=params, **fields)


class Bench:
    """One side with scripted things, walked as the application does it.

    `up` and `down` may be called again and again, as if each were a process of its own.
    """

    def __init__(self) -> None:
        self.service = Service()
        self.store = Memory(self.service.log)
        self.store.begin(
            replace(
                states.new(link="shop", side=Side.PROVIDER, account="1" * 12, region="us-east-1", partition="aws"),
                lineage="lineage",
            )
        )
        self.kinds: dict[str, Kind] = {kind.name: kind(self.service) for kind in (Thing, Blind, Relation, Watched)}
        self.stop = Stop()
        self.clock = VirtualClock(self.stop)
        self.events: list[Event] = []
        self.tags: dict[str, str] = {}
        self.grace = 60.0
        self.timeout: float | None = None
        self.held_ends = True

    # ------------------------------------------------------------------------------------------ doing

    def up(self, *nodes: Node) -> Walked:
        """Make the nodes as they are wanted."""
        graph = Graph({node.key: node.refs for node in nodes})
        return self._walk({node.key: node for node in nodes}, graph, lifecycle.up)

    def down(self) -> Walked:
        """Take away what the state holds."""
        nodes = {
            f"provider/{name}": Node(key=f"provider/{name}", side=Side.PROVIDER, kind=record.kind, params=record.params)
            for name, record in self.state.live.items()
        }
        needs = {
            f"provider/{name}": [Ref(need) for need in record.needs if need in nodes]
            for name, record in self.state.live.items()
        }
        return self._walk(nodes, Graph(needs).reversed(), lifecycle.down)

    def _walk(self, nodes: Mapping[str, Node], graph: Graph, story: Callable[[Job], Script]) -> Walked:
        self.events.clear()
        desk = Desk(store=self.store, aws=cast(Any, NoAws()), user_tags=self.tags)
        begun = self.clock.now()

        def script(key: str) -> Script:
            node = nodes[key]
            return story(
                Job(
                    node=node,
                    kind=self.kinds[node.kind],
                    desk=desk,
                    params=resolve(node.params, executor.known),
                    clock=self.clock,
                    tell=executor.tell(key),
                    begun=begun,
                    grace=self.grace,
                    deadline=None if self.timeout is None else self.clock.now() + self.timeout,
                    held_ends=self.held_ends,
                )
            )

        executor = Executor(
            graph,
            script=script,
            commit=lambda _, record: self.store.commit(record),
            observer=self.events.append,
            stop=self.stop,
            clock=self.clock,
            usual={},
        )
        return executor.walk()

    # ---------------------------------------------------------------------------------------- looking

    @property
    def state(self) -> State:
        """What is durable."""
        if self.store.state is None:
            raise RuntimeError("no state")
        return self.store.state

    def record(self, name: str) -> Record:
        """A node's record."""
        return self.state.records[name]

    def interrupted(self, name: str, phase: Phase = Phase.CREATING, **more: Any) -> Record:
        """Leave the record of a process that was killed."""
        incarnation, op = self.state.next_record(name)
        fields: dict[str, Any] = {"kind": "thing", "params": {"size": 1, "colour": "red"}, "op": op, **more}
        record = Record(node=name, phase=phase, incarnation=incarnation, **fields)
        self.store.commit(record)
        self.service.log.clear()
        self.store.history.clear()
        return record

    def failure(self, walked: Walked, name: str) -> Any:
        """The error of a node."""
        return walked.failed[f"provider/{name}"]

    @property
    def waits(self) -> list[str]:
        """What the last walk said it waited for."""
        return [event.what for event in self.events if isinstance(event, NodeWaiting)]

    @property
    def actions(self) -> dict[str, str]:
        """How each node of the last walk came out."""
        return {
            event.node.partition("/")[2]: event.action.value for event in self.events if isinstance(event, NodeDone)
        }

    def new_process(self) -> None:
        """Forget a stop, as the next process does."""
        self.stop = Stop()
        epoch = self.clock.wall()
        self.clock = VirtualClock(self.stop, at=epoch)

    def asked_to_stop(self) -> Callable[[], None]:
        """An answer that comes while the user asks to stop."""
        return lambda: self.stop.set(2)


def stopped() -> None:
    """What `Clients.write` does once the user asked to stop."""
    raise Stopped
