"""The story of one node, up and down, read from top to bottom.

`up` makes a node as it should be from whatever state it is in: nothing, an interrupted create or delete, a finished
one whose wishes changed. `down` takes it away. Both are scripts (steps.py); creating.py has the part that must not
happen twice.
"""

import math
from collections.abc import Generator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from plinkctl.aws.patience import poll
from plinkctl.engine.creating import PROPAGATION, create, find, given_up, intent, since, superseded, untold
from plinkctl.engine.steps import Call, Commit, Confirmed, Job, Script, Step, alike, done, holds, late, plain
from plinkctl.engine.waiting import (
    DOUBT,
    converge,
    delete,
    probe,
    until_gone,
    until_it_shows,
    until_ready,
    until_tags_come,
)
from plinkctl.errors import PlinkError, RefusedError, TimedOutError
from plinkctl.events import Action, NodeActing, NodeHeld
from plinkctl.kinds.base import TAG_PREFIX, Attrs, Ctx, Kind, Presence, Seen, foreign
from plinkctl.state import Phase, Record

OP: Final = f"{TAG_PREFIX}op"
_ROUNDS: Final = 6  # of update-and-probe; a kind may need two calls, AWS may lag; more is a bug in the kind


def up(job: Job) -> Script:
    """Make the node as it should be, whatever state it is in; doing nothing when it is already so."""
    begun = job.clock.now()
    if job.node.borrowed is not None:
        yield from _borrow(job, job.node.borrowed, begun)
        return
    record, seen = yield from _standing(job)
    action = Action.CHECK
    if record is None or not record.live or (yield from superseded(job, record)):
        if (last := given_up(job)) is not None:
            yield Commit(last)
        record = intent(job)
        yield Commit(record)
    if record.phase is Phase.CREATING:
        action = Action.CREATE
        record = yield from create(job, record)
    record, seen, updated = yield from _settle(job, record, seen)
    if updated and action is Action.CHECK:
        action = Action.UPDATE
    wanted = replace(record, attrs={**record.attrs, **seen.attrs}, needs=holds(job))
    if seen.presence is Presence.HELD:
        if wanted != record:
            yield Commit(wanted)
        yield NodeHeld(at=job.clock.wall(), node=job.node.key, why=seen.why)
        return
    params = {**record.params, **plain(_settings(job))}
    tags = dict(job.desk.user_tags)
    wanted = replace(wanted, phase=Phase.READY, sent_at=untold(record), params=params, tags=tags)
    if wanted != record:
        yield Commit(wanted)
    yield done(job, action, wanted.id, begun, changed=action is not Action.CHECK)


def down(job: Job) -> Script:
    """Take the node away, or only forget it when it is not ours; wait until AWS says it is gone."""
    begun = job.clock.now()
    record = job.record
    if record is None or not record.live:
        return
    absent = replace(record, phase=Phase.ABSENT, attrs={}, sent_at=untold(record), needs=())
    if record.borrowed or job.kind.attached:
        yield Commit(absent)
        yield done(job, Action.FORGET, record.id, begun, changed=False)
        return
    if record.phase is Phase.CREATING:
        # NotFound counts as gone only when the create itself is resolved: one that lands late would be lost.
        found = None if record.sent_at is None else (yield from find(job, record, wait=True))
        if found is None:
            yield Commit(absent)
            yield done(job, Action.FORGET, "", begun, changed=False)
            return
        record = replace(record, phase=Phase.CREATED, attrs=dict(found))
        yield Commit(record)
    # And what AWS has just made may be hidden still: to delete it then says NotFound, and leaves it.
    ctx, attrs = job.ctx(record), record.attrs
    yield from _look(job, record, ctx, doubt=0.0 if record.sent_at is None else job.grace - since(job, record))
    if record.phase is not Phase.DELETING:
        record = replace(record, phase=Phase.DELETING)
        yield Commit(record)
    yield NodeActing(at=job.clock.wall(), node=job.node.key, action=Action.DELETE, detail=record.id)
    yield Call(lambda: delete(job, ctx, attrs))
    yield Call(lambda: until_gone(job, ctx, attrs))
    yield Commit(replace(record, phase=Phase.ABSENT, attrs={}, sent_at=untold(record), needs=()))
    yield done(job, Action.DELETE, record.id, begun, changed=True)


def _standing(job: Job) -> Generator[Step, Any, tuple[Record | None, Seen | None]]:
    """The node's record, once it was held against what AWS says; and that, which need not be asked twice."""
    record = job.record
    if record is not None and record.borrowed and record.live:
        raise replaced(job.node.key, job.kind, "it is borrowed, and the configuration wants one of its own")
    if record is not None and record.phase is Phase.DELETING:  # a teardown was interrupted: finish it first
        yield from down(job)
        return job.record, None
    if record is None or record.phase not in {Phase.CREATED, Phase.READY}:
        return record, None
    seen = yield from _first_look(job, record)
    # A relation whose other half was made anew is another relation.
    changed = bool(immutable_change(job.kind, record, job.params))
    outdated = job.kind.attached and changed
    if job.kind.renewable and seen.presence is not Presence.ABSENT and (changed or seen.presence is Presence.FAILED):
        yield from down(job)
        return job.record, None
    if seen.presence is Presence.ABSENT or outdated:
        record = replace(record, phase=Phase.ABSENT, attrs={}, sent_at=untold(record))
        yield Commit(record)
        return record, None
    yield Confirmed(record)
    return record, seen


def _first_look(job: Job, record: Record) -> Generator[Call, Any, Seen]:
    """Look at what was recorded; believe that it is gone only when it stays away for as long as AWS may hide it.

    To believe sooner would make a second one and lose the first (reliability.md 4.3 h).
    """
    fresh = record.phase is Phase.CREATED and since(job, record) < PROPAGATION
    ctx = job.ctx(record, job.params)
    return (yield from _look(job, record, ctx, doubt=PROPAGATION if fresh else max(DOUBT, job.grace)))


def _look(job: Job, record: Record, ctx: Ctx, *, doubt: float) -> Generator[Call, Any, Seen]:
    """What AWS says of it, which is ours. Its absence is believed after `doubt` seconds.

    That it carries no op tag at all is believed after the grace period: tags are seen later than what they are on.
    What counts is the time from the first answer to the last question: any of them may have been long on its way, and
    the process stopped in between.
    """
    begun, asked = math.inf, 0.0

    def ask() -> Seen:
        nonlocal begun, asked
        asked = job.clock.now()
        seen = probe(job.kind, ctx, record.attrs)
        begun = min(begun, job.clock.now())
        return seen

    def believed(seen: Seen) -> bool:
        waited = max(0.0, asked - begun)
        if seen.presence is Presence.ABSENT:
            return waited >= doubt
        return seen.tags is None or OP in seen.tags or waited >= job.grace

    def look() -> Seen:
        try:
            return poll(
                ask,
                until=believed,
                what=lambda seen: f"{'it is' if seen.presence is Presence.ABSENT else 'its tags are'} not visible yet",
                within=job.within(max(doubt, job.grace)),
                clock=job.clock,
                tell=job.tell,
            )
        except TimedOutError as error:
            raise late(job, "seen", error.why) from error

    seen: Seen = yield Call(look)
    _check_owner(job, record, seen)
    return seen


def _settle(job: Job, record: Record, seen: Seen | None) -> Generator[Step, Any, tuple[Record, Seen, bool]]:
    """Wait until it is ready, unless it was seen so; then bring settings and tags to what is wanted. Nothing wanted,
    nothing sent. The record comes back with the tags that may be on it by now."""
    if changed := immutable_change(job.kind, record, job.params):
        raise replaced(job.node.key, job.kind, changed)
    ctx = job.ctx(record, job.params)
    updated = False
    # What AWS was told and is silent about is believed: it would be told so for ever.
    told = dict(record.params) if record.phase is Phase.READY else {}
    for _ in range(_ROUNDS):
        if seen is None or seen.presence is not Presence.READY:
            seen = yield Call(partial(until_ready, job, ctx, record.attrs))
        if seen.presence is Presence.HELD:
            return record, seen, updated
        wanted = plain(_settings(job))
        are = {**seen.settings, **{key: told[key] for key in seen.untold if key in told}}
        changes = {key: value for key, value in wanted.items() if plain(are.get(key)) != value}
        put, drop = _tag_changes(job, record, seen)
        if not changes and not put and not drop:
            # Tags that an earlier process sent and nobody has seen may be set yet. To forget them now leaves them.
            left = job.grace - (job.clock.now() - job.begun)
            if left <= 0 or not _unseen(job, record, seen):
                return record, seen, updated
            yield Call(partial(until_tags_come, job, ctx, record.attrs, seen, within=left))
            seen = None
            continue
        updated = True
        detail = ", ".join([*sorted(changes), *(["tags"] if put or drop else [])])
        # A tag that is set and not written down would never be removed. And where nothing new is said, whoever lost a
        # shared state to another finds it out here.
        record = replace(record, tags={**record.tags, **put})
        yield Commit(record)
        yield NodeActing(at=job.clock.wall(), node=job.node.key, action=Action.UPDATE, detail=detail)
        yield Call(partial(converge, job, ctx, record.attrs, changes, put, drop))
        told |= changes
        if put or drop or not seen.untold.issuperset(changes):
            yield Call(partial(until_it_shows, job, ctx, record.attrs, seen))
        seen = None
    raise PlinkError(
        f"{job.node.key} does not keep its settings",
        why="they were set several times and read back different; somebody else may be changing them",
        hint="plinkctl status",
    )


def _borrow(job: Job, attrs: Attrs, begun: float) -> Script:
    """Look that it is there and usable; write down that it is not ours. Never touch it."""
    name = job.node.name
    record = job.record
    if record is not None and record.live and (not record.borrowed or record.id != attrs["id"]):
        raise replaced(
            job.node.key,
            job.kind,
            f"the state has {record.id or 'one that is being made'}, the configuration {attrs['id']}",
        )
    ctx = job.desk.ctx(name, "", job.params)
    seen: Seen = yield Call(lambda: probe(job.kind, ctx, attrs))
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
        needs=holds(job),
        borrowed=True,
    )
    if wanted != record:
        yield NodeActing(at=job.clock.wall(), node=job.node.key, action=Action.BORROW, detail=wanted.id)
        yield Commit(wanted)
    else:
        yield Confirmed(wanted)
    yield done(job, Action.BORROW, wanted.id, begun, changed=False)


def _check_owner(job: Job, record: Record, seen: Seen) -> None:
    """An ID in the state is not enough: the thing must carry this op's tag, or somebody took it over."""
    if seen.presence is Presence.ABSENT or seen.tags is None:
        return
    if seen.tags.get(OP) != record.op:
        raise foreign(f"{job.node.key} ({record.id})", seen.tags)


def _settings(job: Job) -> dict[str, Any]:
    return {key: job.params[key] for key in job.kind.settings if key in job.params}


def immutable_change(kind: Kind, record: Record, params: Mapping[str, Any]) -> str:
    """In words what of the frozen parameters is now wanted different, or an empty string."""
    changed = [
        f"{key}: {record.params.get(key)!r} -> {value!r}"
        for key, value in plain(params).items()
        if key not in kind.settings and not alike(record.params.get(key), value)
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


def _unseen(job: Job, record: Record, seen: Seen) -> bool:
    """Whether tags were sent once that nobody wants now, and that are not there: not yet, or not any more."""
    return seen.tags is not None and any(key not in seen.tags and key not in job.desk.user_tags for key in record.tags)


def replaced(key: str, kind: Kind, why: str) -> RefusedError:
    """The refusal to replace what others depend on."""
    return RefusedError(f"{key} would have to be replaced", why=why, hint=kind.way_there, code="replacement")
