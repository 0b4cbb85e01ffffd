"""One run of one command: who acts, where, for how long, and who is told. The place of assembly.

A *seat* is one side ready for work: its state locked, its account known and checked. Seats are opened in an order
that lets nothing happen too early: state first (a locked or damaged one ends the run before any call), then
credentials, then the guard that the account and region are the recorded ones.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from plinkctl import state as states
from plinkctl.app.auditing import Auditor
from plinkctl.aws.patience import Clock, Stop, SystemClock
from plinkctl.aws.session import Answered, Clients, Identity, OnCall
from plinkctl.engine.executor import Executor, Walked
from plinkctl.engine.steps import Desk, Job, Script
from plinkctl.errors import PlinkError, RefusedError, StateError, StoppedError
from plinkctl.events import Called, Event, Noted, PlannedNode, RunStarted, SideInfo, WalkPlanned
from plinkctl.graph import Graph, Node, resolve
from plinkctl.kinds import KINDS
from plinkctl.link import Access, Link, Side
from plinkctl.report import Report
from plinkctl.state import Phase, Record, State
from plinkctl.stores import Place, Store
from plinkctl.stores.address import Address
from plinkctl.stores.audit import Audit
from plinkctl.stores.local import DEFAULT_FOLDER
from plinkctl.stores.places import place_of
from plinkctl.stores.s3 import Bucket, Reach

_SERVICES: Final = {Side.PROVIDER: ("ec2", "elbv2"), Side.CONSUMER: ("ec2", "iam", "logs", "lambda")}
_OF_NAMES: Final = {Side.PROVIDER: ("acm",), Side.CONSUMER: ("route53",)}
DEFAULT_GRACE: Final = 60.0


@dataclass(kw_only=True)
class Run:
    """One run.

    Args:
        command: What the user typed, e.g. `provider up`.
        link: What is wanted.
        place: Where states are: a folder, or what `--state` names.
        observer: Told of everything; the report is told too.
        stop: The user's wish to stop.
        clock: The time.
        timeout: Seconds the whole command may take, or None.
        consents: What the user agreed to.
        grace: Seconds before the absence of something whose creation is unresolved is believed.
        report: Counts what happened.
    """

    command: str
    link: Link
    place: Path | str
    observer: Callable[[Event], None]
    stop: Stop
    clock: Clock
    timeout: float | None = None
    consents: frozenset[str] = frozenset()
    grace: float = DEFAULT_GRACE
    report: Report = field(default_factory=Report)

    def __post_init__(self) -> None:
        self.begun = self.clock.now()
        self.states: Place = place_of(self.place, _reach(self))
        pen = Audit(self.folder, self.link.name, trouble=lambda why: self.note(why, level="warning"))
        self.audit = Auditor(self.command, self.link.name, pen, self.clock)
        self.stores: tuple[Store, ...] = ()
        """Those of the open seats."""

    @property
    def folder(self) -> Path:
        """For what is kept on this machine whatever the place of the states."""
        return DEFAULT_FOLDER if isinstance(self.states, Bucket) else Path(self.place)

    def tell(self, event: Event) -> None:
        """Tell the report and the observer."""
        self.report(event)
        self.observer(event)

    def note(self, message: str, level: str = "info") -> None:
        """Tell the user a sentence."""
        self.tell(Noted(at=self.clock.wall(), message=message, level=level))

    def unresolved(self) -> list[str]:
        """What AWS was asked for and has not answered, in words.

        A signal handler asks, in the middle of anything, so this only looks at values.
        """
        now, found = self.clock.wall(), []
        for state in [store.state for store in self.stores if store.state is not None]:
            for name, record in state.records.items():
                if record.phase is Phase.DELETING:
                    found.append(f"{state.side}/{name}: {record.id} is being deleted")
                elif record.phase is Phase.CREATING and record.sent_at is not None:
                    found.append(
                        f"{state.side}/{name}: its creation was sent {max(0.0, now - record.sent_at):.0f} s ago"
                    )
        return found

    @property
    def deadline(self) -> float | None:
        """On the clock's `now`, when the command gives up."""
        return None if self.timeout is None else self.begun + self.timeout

    def within(self, seconds: float) -> float:
        """The given patience, cut by the deadline."""
        if self.deadline is None:
            return seconds
        return max(0.0, min(seconds, self.deadline - self.clock.now()))

    def state(self, side: Side) -> State | None:
        """One side's state, read without its lock."""
        return self.states.read(self.link.name, side)

    def glimpse(self, side: Side) -> State | None:
        """One side's state for a drawing: None as well when it cannot be read, as the other party's often cannot."""
        try:
            return self.state(side)
        except PlinkError:
            return None


@dataclass(frozen=True, kw_only=True)
class Seat:
    """One side, ready for work."""

    side: Side
    aws: Clients
    identity: Identity
    store: Store
    desk: Desk

    @property
    def state(self) -> State:
        """The state; there always is one once the seat is open."""
        if self.store.state is None:
            raise RuntimeError("a seat without a state")
        return self.store.state


@contextmanager
def seats(run: Run, sides: Iterable[Side]) -> Iterator[dict[Side, Seat]]:
    """Open the sides, provider first; their locks are given back at the end.

    Raises:
        StateError: A state is locked, damaged, or of another account or region.
        AccessError: No credentials.
    """
    with ExitStack() as stack:
        stores = {side: stack.enter_context(closing(run.states.open(run.link.name, side))) for side in sides}
        yield take(run, stores)


def take(run: Run, stores: Mapping[Side, Store], *, thorough: bool = False) -> dict[Side, Seat]:
    """Seats at these stores, their accounts known and checked; where a store has no state, one is begun.

    With `thorough` they reach also what few links have and no state may tell of: certificates and hosted zones.

    Raises:
        StateError: A state is of another account or region.
        AccessError: No credentials.
        RefusedError: They are those of the account's root user.
    """
    run.stores = tuple(stores.values())
    opened: dict[Side, Seat] = {}
    for side, store in stores.items():
        aws = clients(run, side, store.state, thorough=thorough)
        identity = aws.identity()
        guard(run, store.state, identity, side)
        refuse_root(identity)
        if store.state is None:
            store.begin(
                states.new(
                    link=run.link.name,
                    side=side,
                    account=identity.account,
                    region=identity.region,
                    partition=identity.partition,
                )
            )
        desk = Desk(store=store, aws=aws, user_tags=run.link.tags, consents=run.consents, wall=run.clock.wall)
        opened[side] = Seat(side=side, aws=aws, identity=identity, store=store, desk=desk)
    started(run, {side: (seat.identity, seat.aws) for side, seat in opened.items()})
    return opened


def started(run: Run, sides: Mapping[Side, tuple[Identity, Clients]]) -> None:
    """Say who acts where, at the head of the run."""
    infos = tuple(
        SideInfo(
            side=side,
            account=identity.account,
            region=identity.region,
            caller=identity.arn,
            endpoint_url=aws.endpoint_url,
        )
        for side, (identity, aws) in sides.items()
    )
    run.tell(RunStarted(at=run.clock.wall(), command=run.command, link=run.link.name, sides=infos))
    for url in sorted({info.endpoint_url for info in infos if info.endpoint_url}):
        if not all(_on_this_machine(one) for one in url.split(", ")):
            run.note(f"calls go to {url}, not to AWS", level="warning")


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def clients(run: Run, side: Side, state: State | None, *, thorough: bool = False) -> Clients:
    """One side's clients, which tell each call; those its state and its wishes need, or all it can have."""
    services = services_of(run.link, side, state)
    if thorough:
        services = tuple(dict.fromkeys((*services, *_OF_NAMES[side])))
    return Clients(access_of(run.link, side), services, stop=run.stop, on_call=_telling(run, side))


def _reach(run: Run) -> Reach:
    """How states in a bucket are reached: as the side whose states they are, or by the profile the address names.

    Whoever works on one side alone looks at the other's state with the only credentials there are.
    None of it heeds the user's wish to stop: what a call did is to be recorded after that too.
    """

    def clients(side: Side, address: Address) -> Clients:
        halves = (run.link.provider, run.link.consumer)
        own_first = halves if side is Side.PROVIDER else halves[::-1]
        access = next((one.access for one in own_first if one is not None), Access())
        access = replace(access, profile=address.profile or access.profile, region=address.region or access.region)
        return Clients(access, ("s3",), stop=Stop(), on_call=_telling(run, side))

    return Reach(clients=clients, clock=SystemClock(Stop()), note=run.note)


def _telling(run: Run, side: Side) -> OnCall:
    """Tells the observer of each call."""

    def on_call(call: Answered) -> None:
        run.audit.call(side, call)
        run.observer(
            Called(
                at=run.clock.wall(),
                side=side,
                service=call.service,
                operation=call.operation,
                outcome=call.outcome,
                request_id=call.request_id,
                seconds=call.seconds,
            )
        )

    return on_call


def services_of(link: Link, side: Side, state: State | None) -> tuple[str, ...]:
    """The AWS services a side needs: each client costs a moment to make, and few links have certificates and zones."""
    # Those of what is gone too: it may come late, and is looked for.
    more = {KINDS[r.kind].client for r in (state.records.values() if state else ()) if r.kind in KINDS}
    if side is Side.PROVIDER and link.provider is not None:
        more |= {"acm"} if link.provider.tls.certificate else set()
        more |= {"route53"} if link.provider.dns.zone_id else set()
    if side is Side.CONSUMER and link.consumer is not None and link.consumer.private_zone:
        more.add("route53")
    return tuple(dict.fromkeys((*_SERVICES[side], *sorted(more))))


def access_of(link: Link, side: Side) -> Access:
    """How to reach a side's account."""
    half = link.provider if side is Side.PROVIDER else link.consumer
    return half.access if half is not None else Access()


def guard(run: Run, state: State | None, identity: Identity, side: Side) -> None:
    """Refuse to work in another account or region than the one asked for and the one recorded.

    Raises:
        StateError: They differ.
    """
    access = access_of(run.link, side)
    run.audit.callers[side] = identity
    one_sided = run.command.partition(" ")[0] in {*Side, "accept", "reject"}
    flag = "--" if one_sided else f"--{side}-"
    if access.account and access.account != identity.account:
        raise StateError(
            f"the {side} side is to be account {access.account}",
            why=f"the credentials belong to {identity.account} ({identity.arn})",
            hint=f"{flag}profile PROFILE names other credentials",
            code="other_account",
        )
    if state is None:
        return
    recorded = (state.account, state.region, state.partition)
    if recorded != (identity.account, identity.region, identity.partition):
        raise StateError(
            f"the {side} side of {state.link!r} lives in account {state.account}, region {state.region}",
            why=f"the credentials and settings lead to account {identity.account}, region {identity.region}",
            hint=f"{flag}profile PROFILE, {flag}region REGION, or another --name for another link",
            code="other_account" if state.account != identity.account else "other_region",
        )


def refuse_root(identity: Identity) -> None:
    """No change is made with the rights of the root user, which no policy can bound.

    Raises:
        RefusedError: These are its credentials.
    """
    if identity.arn.endswith(":root"):
        raise RefusedError(
            f"these are the credentials of the root user of {identity.account}",
            why="no policy can bound what it may do",
            hint="aws configure, with the keys of a user or a role; plinkctl iam-policy prints what it must be allowed",
            code="root_user",
        )


def walk(
    run: Run,
    opened: Mapping[Side, Seat],
    nodes: Mapping[str, Node],
    graph: Graph,
    story: Callable[[Job], Script],
    *,
    direction: str,
    held_ends: bool = True,
) -> Walked:
    """Walk a graph: every node lives through the given story.

    Raises:
        StoppedError: The user asked to stop.
        StateError: A state could not be made durable.
        PlinkError: A bug of the graph.
    """
    begun = run.clock.now()
    patience = {key: KINDS[node.kind].patience for key, node in nodes.items()}
    usual = {key: p.usual if direction == "up" else p.usual_end for key, p in patience.items()}
    planned = tuple(
        PlannedNode(
            node=key,
            kind=nodes[key].kind,
            title=KINDS[nodes[key].kind].title,
            needs=tuple(dict.fromkeys(ref.node for ref in graph.needs[key])),
            usual=usual[key],
        )
        for key in graph.order
    )
    run.tell(WalkPlanned(at=run.clock.wall(), direction=direction, nodes=planned))

    def script(key: str) -> Script:
        node = nodes[key]
        job = Job(
            node=node,
            kind=KINDS[node.kind],
            desk=opened[node.side].desk,
            params=resolve(node.params, executor.known),
            clock=run.clock,
            tell=executor.tell(key),
            begun=begun,
            grace=run.grace,
            deadline=run.deadline,
            held_ends=held_ends,
        )
        return story(job)

    def commit(key: str, record: Record) -> None:
        opened[nodes[key].side].store.commit(record)

    executor = Executor(
        graph, script=script, commit=commit, observer=run.tell, stop=run.stop, clock=run.clock, usual=usual
    )
    walked = executor.walk()
    if walked.stopped:
        raise StoppedError(run.stop.signum)
    return walked
