"""The story of one node, up and down, as a script.

A script is a generator: it yields a `Call` (blocking work, run by a worker, whose result comes back), a `Commit` (a
record the main thread makes durable before the script goes on), or an event. So the order that keeps resources
from being lost can be read from top to bottom: intent durable, one attempt, ID durable, only then wait.
"""

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from plinkctl.aws.faults import Nature
from plinkctl.aws.patience import Clock, Tell, persist, poll
from plinkctl.aws.session import Clients
from plinkctl.errors import AwsError, PlinkError, RefusedError, TimedOutError
from plinkctl.events import Action, Event, NodeActing, NodeDone, NodeHeld
from plinkctl.graph import Node
from plinkctl.kinds.base import TAG_PREFIX, Attrs, Ctx, Kind, Presence, Seen, foreign
from plinkctl.state import Phase, Record
from plinkctl.stores import Store

_RESENDS: Final = 5  # of a create whose answer was lost, before the user is asked to look
_PROPAGATION: Final = 300.0  # seconds EC2 may hide a fresh resource (Terraform's ec2PropagationTimeout)
_DOUBT: Final = 3.0  # seconds of looking again before a ready resource is believed to be gone
_ROUNDS: Final = 6  # of update-and-probe; a kind may need two calls, AWS may lag; more is a bug in the kind

_AGAIN: Final = frozenset({Nature.THROTTLED, Nature.NOT_YET})


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

    def ctx(self, node: str, op: str, params: Mapping[str, Any]) -> Ctx:
        """What a kind may know for one node."""
        state = self.store.state
        if state is None:
            raise RuntimeError("no state was begun")
        return Ctx(
            aws=self.aws,
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


def up(job: Job) -> Script:
    """Make the node as it should be, whatever state it is in; doing nothing when it is already so."""
    begun = job.clock.now()
    if job.node.borrowed is not None:
        yield from _borrow(job, job.node.borrowed, begun)
        return
    record = yield from _standing(job)
    action = Action.CHECK
    if record is None or not record.live:
        record = _intent(job)
        yield Commit(record)
    if record.phase is Phase.CREATING:
        action = Action.CREATE
        record = yield from _create(job, record)
    seen, updated = yield from _settle(job, record)
    if updated and action is Action.CHECK:
        action = Action.UPDATE
    wanted = replace(record, attrs={**record.attrs, **seen.attrs}, tags=dict(job.desk.user_tags), needs=_holds(job))
    if seen.presence is Presence.HELD:
        if wanted != record:
            yield Commit(wanted)
        yield NodeHeld(at=job.clock.wall(), node=job.node.key, why=seen.why)
        return
    wanted = replace(wanted, phase=Phase.READY, sent_at=None, params={**record.params, **_plain(_settings(job))})
    if wanted != record:
        yield Commit(wanted)
    yield _done(job, action, wanted.id, begun, changed=action is not Action.CHECK)


def down(job: Job) -> Script:
    """Take the node away, or only forget it when it is not ours; wait until AWS says it is gone."""
    begun = job.clock.now()
    record = job.record
    if record is None or not record.live:
        return
    absent = replace(record, phase=Phase.ABSENT, attrs={}, sent_at=None, needs=())
    if record.borrowed or job.kind.attached:
        yield Commit(absent)
        yield _done(job, Action.FORGET, record.id, begun, changed=False)
        return
    ctx = job.ctx(record)
    if record.phase is Phase.CREATING:
        # NotFound counts as gone only when the create itself is resolved: one that lands late would be lost.
        found = yield from _find(job, record, wait=record.sent_at is not None)
        if found is None:
            yield Commit(absent)
            yield _done(job, Action.FORGET, "", begun, changed=False)
            return
        record = replace(record, phase=Phase.CREATED, attrs=dict(found))
        yield Commit(record)
    attrs = record.attrs
    seen: Seen = yield Call(lambda: job.kind.probe(ctx, attrs))
    _check_owner(job, record, seen)
    if record.phase is not Phase.DELETING:
        record = replace(record, phase=Phase.DELETING)
        yield Commit(record)
    yield NodeActing(at=job.clock.wall(), node=job.node.key, action=Action.DELETE, detail=record.id)
    yield Call(lambda: _delete(job, ctx, attrs))
    yield Call(lambda: _until_gone(job, ctx, attrs))
    yield Commit(replace(record, phase=Phase.ABSENT, attrs={}, sent_at=None, needs=()))
    yield _done(job, Action.DELETE, record.id, begun, changed=True)


def _standing(job: Job) -> Generator[Step, Any, Record | None]:
    """The node's record, once what it says was held against what AWS says."""
    record = job.record
    if record is not None and record.borrowed and record.live:
        raise _replaced(job, "it is borrowed, and the configuration wants one of its own")
    if record is not None and record.phase is Phase.DELETING:  # a teardown was interrupted: finish it first
        yield from down(job)
        return job.record
    if record is None or record.phase not in {Phase.CREATED, Phase.READY}:
        return record
    seen = yield from _first_look(job, record)
    # A relation whose other half was made anew is another relation.
    outdated = job.kind.attached and bool(_immutable_change(job, record))
    if seen.presence is Presence.ABSENT or outdated:
        record = replace(record, phase=Phase.ABSENT, attrs={})
        yield Commit(record)
    else:
        yield Confirmed(record)
    return record


def _intent(job: Job) -> Record:
    state = job.desk.store.state
    if state is None:
        raise RuntimeError("no state was begun")
    incarnation, op = state.next_record(job.node.name)
    return Record(
        node=job.node.name,
        kind=job.kind.name,
        phase=Phase.CREATING,
        incarnation=incarnation,
        op=op,
        params=_plain(job.params),
        tags=dict(job.desk.user_tags),
        needs=_holds(job),
    )


def _create(job: Job, record: Record) -> Generator[Step, Any, Record]:
    """Exactly once: find, mark as sent, send once, and look again whenever the outcome is in doubt."""
    ctx = job.ctx(record)
    begun = job.clock.now()
    found: Attrs | None = None
    look, resends = True, 0
    while True:
        if look:
            found = yield from _find(job, record, wait=record.sent_at is not None and job.kind.blind)
            if found is not None:
                yield NodeActing(at=job.clock.wall(), node=job.node.key, action=Action.ADOPT, detail=str(found["id"]))
                break
        record = replace(record, attempt=record.attempt + 1, sent_at=job.clock.wall())
        yield Commit(record)
        yield NodeActing(at=job.clock.wall(), node=job.node.key, action=Action.CREATE)
        try:
            found = yield Call(lambda: job.kind.create(ctx))
            break
        except AwsError as error:
            patient = job.clock.now() - begun < job.within(job.kind.patience.ready_within)
            if error.nature == Nature.UNCLEAR and resends < _RESENDS:
                look, resends = True, resends + 1
                yield _pause(job, 2.0 ** (resends - 1), f"the answer was lost ({error.answer.code}); looking", begun)
            elif error.nature == Nature.EXISTS:
                found = yield from _find(job, record, wait=record.attempt > 1)
                if found is None:
                    raise _in_the_way(job, error) from error
                break
            elif (error.nature in _AGAIN or error.answer.code in job.node.transient) and patient:
                look = False  # AWS said a clear no: nothing was made
                yield _pause(job, min(5.0, 1.0 + record.attempt), f"AWS says {error.answer.code}", begun)
            elif error.nature == Nature.UNCLEAR:
                raise
            else:
                yield Commit(replace(record, sent_at=None))  # a clear no: the next run need not look for it
                raise
    record = replace(record, phase=Phase.CREATED, attrs=dict(found))
    yield Commit(record)
    return record


def _find(job: Job, record: Record, *, wait: bool) -> Generator[Call, Any, Attrs | None]:
    """Look for what this op made. With `wait`, believe that it is absent only after the grace period."""
    ctx = job.ctx(record)
    if not wait:
        found: Attrs | None = yield Call(lambda: job.kind.find(ctx))
        return found
    # A clock that was set back makes `sent_at` lie in the future; then it counts as just sent.
    since = max(0.0, job.clock.wall() - (record.sent_at or job.clock.wall()))

    def look_until() -> Attrs | None:
        try:
            return poll(
                lambda: job.kind.find(ctx),
                until=lambda seen: seen is not None,
                what=lambda _: "whether the create that was under way took effect",
                within=max(0.0, job.grace - since),
                clock=job.clock,
                tell=job.tell,
            )
        except TimedOutError:
            return None

    found = yield Call(look_until)
    return found


def _first_look(job: Job, record: Record) -> Generator[Call, Any, Seen]:
    """Probe what was recorded; believe that it is gone only when it is old enough or stays away."""
    ctx = job.ctx(record, job.params)
    fresh = record.phase is Phase.CREATED and job.clock.wall() - (record.sent_at or 0) < _PROPAGATION

    def look() -> Seen:
        try:
            return poll(
                lambda: job.kind.probe(ctx, record.attrs),
                until=lambda seen: seen.presence is not Presence.ABSENT,
                what=lambda _: "to become visible",
                within=job.within(_PROPAGATION if fresh else _DOUBT),
                clock=job.clock,
                tell=job.tell,
            )
        except TimedOutError:
            return Seen(presence=Presence.ABSENT)

    seen: Seen = yield Call(look)
    _check_owner(job, record, seen)
    return seen


def _settle(job: Job, record: Record) -> Generator[Step, Any, tuple[Seen, bool]]:
    """Wait until it is ready, then bring settings and tags to what is wanted. Nothing wanted, nothing sent."""
    if changed := _immutable_change(job, record):
        raise _replaced(job, changed)
    ctx = job.ctx(record, job.params)
    updated = False
    for _ in range(_ROUNDS):
        seen: Seen = yield Call(lambda: _until_ready(job, ctx, record.attrs))
        if seen.presence is Presence.HELD:
            return seen, updated
        wanted = _plain(_settings(job))
        changes = {key: value for key, value in wanted.items() if _plain(seen.settings.get(key)) != value}
        put, drop = _tag_changes(job, record, seen)
        if not changes and not put and not drop:
            return seen, updated
        updated = True
        detail = ", ".join([*sorted(changes), *(["tags"] if put or drop else [])])
        yield NodeActing(at=job.clock.wall(), node=job.node.key, action=Action.UPDATE, detail=detail)
        yield Call(partial(_converge, job, ctx, record.attrs, changes, put, drop))
    raise PlinkError(
        f"{job.node.key} does not keep its settings",
        why="they were set several times and read back different; somebody else may be changing them",
        hint="plinkctl status",
    )


def _converge(
    job: Job, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any], put: Mapping[str, str], drop: list[str]
) -> None:
    if changes:
        _patiently(job, lambda: job.kind.update(ctx, attrs, changes))
    if put or drop:
        _patiently(job, lambda: job.kind.retag(ctx, attrs, put=put, drop=drop))


def _until_ready(job: Job, ctx: Ctx, attrs: Attrs) -> Seen:
    ended = {Presence.READY, Presence.FAILED} | ({Presence.HELD} if job.held_ends else set())
    try:
        seen = poll(
            lambda: job.kind.probe(ctx, attrs),
            until=lambda seen: seen.presence in ended,
            what=lambda seen: seen.why if seen.presence is not Presence.ABSENT else "to become visible",
            within=job.within(job.kind.patience.ready_within),
            clock=job.clock,
            tell=job.tell,
        )
    except TimedOutError as error:
        raise _late(job, "ready", error.why) from error
    if seen.presence is Presence.FAILED:
        raise PlinkError(f"{job.node.key} failed", why=seen.why, hint="plinkctl status", code="resource_failed")
    return seen


def _delete(job: Job, ctx: Ctx, attrs: Attrs) -> None:
    def again(fault: Exception) -> str | None:
        if not isinstance(fault, AwsError):
            return None
        if fault.nature == Nature.BUSY:
            return job.kind.blockers(ctx, attrs) or fault.answer.message
        return f"AWS says {fault.answer.code}" if fault.nature in {*_AGAIN, Nature.UNCLEAR} else None

    _patiently(job, lambda: job.kind.delete(ctx, attrs), again=again, within=job.kind.patience.gone_within)


def _until_gone(job: Job, ctx: Ctx, attrs: Attrs) -> None:
    try:
        poll(
            lambda: job.kind.probe(ctx, attrs),
            until=lambda seen: seen.presence is Presence.ABSENT,
            what=lambda seen: seen.why,
            within=job.within(job.kind.patience.gone_within),
            clock=job.clock,
            tell=job.tell,
        )
    except TimedOutError as error:
        raise _late(job, "gone", error.why) from error


def _patiently(
    job: Job,
    call: Callable[[], None],
    *,
    again: Callable[[Exception], str | None] | None = None,
    within: float = 600.0,
) -> None:
    """A repeatable call, tried again while AWS's answer says that time cures it."""

    def cures(fault: Exception) -> str | None:
        if isinstance(fault, AwsError) and fault.nature in {*_AGAIN, Nature.UNCLEAR, Nature.BUSY, Nature.GONE}:
            return f"AWS says {fault.answer.code}"
        return None

    persist(call, again=again or cures, within=job.within(within), clock=job.clock, tell=job.tell)


def _borrow(job: Job, attrs: Attrs, begun: float) -> Script:
    """Look that it is there and usable; write down that it is not ours. Never touch it."""
    name = job.node.name
    record = job.record
    if record is not None and record.live and (not record.borrowed or record.id != attrs["id"]):
        raise _replaced(job, f"the state has {record.id or 'one that is being made'}, the configuration {attrs['id']}")
    ctx = job.desk.ctx(name, "", job.params)
    seen: Seen = yield Call(lambda: job.kind.probe(ctx, attrs))
    if seen.presence is not Presence.READY:
        raise PlinkError(
            f"the {job.kind.title} {attrs['id']} cannot be used",
            why=seen.why,
            hint="name another one, or let plinkctl make one",
        )
    wanted = Record(
        node=name,
        kind=job.kind.name,
        phase=Phase.READY,
        incarnation=record.incarnation if record else 1,
        attrs={**attrs, **seen.attrs},
        needs=_holds(job),
        borrowed=True,
    )
    if wanted != record:
        yield NodeActing(at=job.clock.wall(), node=job.node.key, action=Action.BORROW, detail=wanted.id)
        yield Commit(wanted)
    else:
        yield Confirmed(wanted)
    yield _done(job, Action.BORROW, wanted.id, begun, changed=False)


def _check_owner(job: Job, record: Record, seen: Seen) -> None:
    """An ID in the state is not enough: the thing must carry this op's tag, or somebody took it over."""
    if seen.presence is Presence.ABSENT or seen.tags is None:
        return
    if seen.tags.get(f"{TAG_PREFIX}op") != record.op:
        raise foreign(f"{job.node.key} ({record.id})", seen.tags)


def _settings(job: Job) -> dict[str, Any]:
    return {key: job.params[key] for key in job.kind.settings if key in job.params}


def _immutable_change(job: Job, record: Record) -> str:
    """In words what of the frozen parameters the configuration now wants different, or an empty string."""
    wanted = _plain(job.params)
    changed = [
        f"{key}: {record.params.get(key)!r} -> {value!r}"
        for key, value in wanted.items()
        if key not in job.kind.settings and record.params.get(key) != value
    ]
    return "; ".join(changed)


def _tag_changes(job: Job, record: Record, seen: Seen) -> tuple[dict[str, str], list[str]]:
    """Which of the user's tags to set, and which that we once set to remove. Other people's tags stay."""
    if seen.tags is None:
        return {}, []
    wanted = job.desk.user_tags
    put = {key: value for key, value in wanted.items() if seen.tags.get(key) != value}
    drop = [key for key in record.tags if key not in wanted and key in seen.tags]
    return put, drop


def _holds(job: Job) -> tuple[str, ...]:
    return tuple(sorted({ref.node for ref in job.node.refs if ref.holds}))


def _plain(value: Any) -> Any:
    """The value as the state file would give it back, so that tuples and lists compare equal."""
    return json.loads(json.dumps(value))


def _pause(job: Job, seconds: float, why: str, begun: float) -> Call:
    def sleep() -> None:
        job.tell(why, job.clock.now() - begun)
        job.clock.sleep(seconds)

    return Call(sleep)


def _done(job: Job, action: Action, identifier: str, begun: float, *, changed: bool) -> NodeDone:
    return NodeDone(
        at=job.clock.wall(),
        node=job.node.key,
        action=action,
        id=identifier,
        seconds=job.clock.now() - begun,
        changed=changed,
    )


def _late(job: Job, what: str, why: str | None) -> TimedOutError:
    return TimedOutError(
        f"{job.node.key} was not {what} in time", why=why, hint="nothing is lost; run the same command again"
    )


def _replaced(job: Job, why: str) -> RefusedError:
    return RefusedError(
        f"{job.node.key} would have to be replaced", why=why, hint=job.kind.way_there, code="replacement"
    )


def _in_the_way(job: Job, error: AwsError) -> RefusedError:
    return RefusedError(
        f"something that is not this link's is in the way of {job.node.key}",
        why=error.why,
        hint="choose another name or range, or remove it if it is yours; plinkctl does not touch it",
        code="foreign",
    )
