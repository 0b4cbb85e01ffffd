"""Making a resource exactly once: the intent, the send, and how a lost answer is resolved.

The order is the promise (reliability.md 3.3): intent durable, marked as sent, one attempt, ID durable. Whatever
happens in between, `find` tells later whether the attempt took effect, by token, name or tag.
"""

import math
import random
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from typing import Any, Final

from plinkctl.aws.faults import Nature
from plinkctl.aws.patience import poll
from plinkctl.engine.steps import Call, Commit, Job, Step, holds, late, pause, plain
from plinkctl.errors import AwsError, PlinkError, RefusedError, Stopped, TimedOutError, UntaggedError
from plinkctl.events import Action, NodeActing
from plinkctl.kinds.base import Attrs, Ctx, gone
from plinkctl.state import Phase, Record

_RESENDS: Final = 5  # of a create whose answer was lost, before the user is asked to look
AGAIN: Final = frozenset({Nature.THROTTLED, Nature.NOT_YET})
"""AWS said a clear no that time cures."""
_FRESH: Final = 5.0  # seconds a sending mark is good for
PROPAGATION: Final = 300.0  # seconds EC2 may hide a fresh resource (Terraform's ec2PropagationTimeout)


class _StaleError(Exception):
    """The mark was made too long before the send, and nothing was sent."""


def intent(job: Job) -> Record:
    """The record of the node's next incarnation, with its parameters frozen; not yet sent."""
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
        params=plain(job.params),
        tags=dict(job.desk.user_tags),
        needs=holds(job),
    )


def create(job: Job, record: Record) -> Generator[Step, Any, Record]:
    """Exactly once: find, mark as sent, send once, and look again whenever the outcome is in doubt."""
    ctx = replace(job.ctx(record), user_tags=record.tags)  # tags are parameters: frozen, or they burn the token
    begun = job.clock.now()
    found: Attrs | None = None
    # Once an answer was lost, by us or by a process before us, a later clear no says nothing about that attempt.
    doubt, look, resends, refused, throttled = record.sent_at is not None, True, 0, 0, 0
    sent = -math.inf  # when this process sent it, on the clock nobody sets
    while True:
        if look:
            found = yield from find(job, record, wait=record.sent_at is not None and job.kind.blind, sent=sent)
            if found is not None:
                yield NodeActing(at=job.clock.wall(), node=job.node.key, action=Action.ADOPT, detail=str(found["id"]))
                break
        before = record
        record = replace(record, attempt=record.attempt + 1, sent_at=job.clock.wall())
        yield Commit(record)
        yield NodeActing(at=job.clock.wall(), node=job.node.key, action=Action.CREATE)
        sent = job.clock.now()
        try:
            found = yield Call(partial(_send, job, record, ctx))
            break
        except _StaleError:
            record, look = before, False
            continue
        except Stopped:
            yield Commit(before)  # the stop came before the send, so there is nothing to look for next time
            raise
        except AwsError as error:
            if error.nature == Nature.UNCLEAR and resends < _RESENDS:
                doubt, look, resends = True, True, resends + 1
                yield pause(job, 2.0 ** (resends - 1), f"the answer was lost ({error.answer.code}); looking", begun)
                continue
            if (left := _patience_left(job, error, begun)) > 0:
                look, refused = False, refused + 1  # AWS said a clear no: nothing was made
                record = replace(record, attempt=before.attempt)
                throttled = throttled + 1 if error.nature == Nature.THROTTLED else 0
                seconds = _slower(throttled) if throttled else min(5.0, 1.0 + refused)
                yield pause(job, min(seconds, left), f"AWS says {error.answer.code}", begun)
                continue
            try:
                found = yield from _last_word(job, record, error, sent)
                break
            except PlinkError:
                if error.nature != Nature.UNCLEAR and not doubt:
                    # Nothing was made: nobody need ever look for it.
                    yield Commit(replace(record, attempt=before.attempt, sent_at=None))
                raise
    record = replace(record, phase=Phase.CREATED, attrs=dict(found))
    yield Commit(record)
    return record


def _send(job: Job, record: Record, ctx: Ctx) -> Attrs:
    """In a worker: send it, if the mark still tells the time of sending.

    The process may have been stopped or its machine asleep in between, or no worker was free. Whoever looks for the
    effect of an old mark would believe too early that there is none.
    """
    if record.sent_at is None or not 0 <= job.clock.wall() - record.sent_at <= _FRESH:
        raise _StaleError
    return job.kind.create(ctx)


def _slower(times: int) -> float:
    """Seconds until the next attempt under a throttle, which the whole organization shares: slower and slower, and
    not in step with the other nodes."""
    most = min(60.0, 2.0**times)
    return random.uniform(most / 2, most)  # noqa: S311


def untold(record: Record) -> float | None:
    """When a send of this record's create went out that may still take effect unseen; None when none did.

    Of several sends one made what is recorded. The others may come late: of a blind create at any time, of one that a
    name guards once that is free again.
    """
    known = record.phase is not Phase.CREATING and record.attempt <= 1
    return None if known else record.sent_at


def given_up(job: Job) -> Record | None:
    """The node's last incarnation under a name of its own, if what was sent for it may come late; else None.

    The name keeps it in the state beside the incarnation that takes its place, so that somebody looks for it.
    """
    last = job.record
    if last is None or last.sent_at is None or last.phase not in {Phase.CREATING, Phase.ABSENT}:
        return None
    return replace(last, node=f"{last.node}~{last.incarnation}", phase=Phase.ABSENT, attrs={}, needs=())


def superseded(job: Job, record: Record) -> Generator[Call, Any, bool]:
    """Whether this is the intent of a create that took no effect and whose parameters are not wanted any more.

    To send them again would repeat a mistake that the user has put right, or name what was made anew since.
    """
    if record.phase is not Phase.CREATING or record.params == plain(job.params):
        return False
    if record.sent_at is None:
        return True
    found = yield from find(job, record, wait=True)
    return found is None


def _patience_left(job: Job, error: AwsError, begun: float) -> float:
    """Seconds in which the same call may yet succeed; none where time does not cure what AWS said."""
    patience = job.kind.patience.ready_within
    if error.nature == Nature.GONE:  # what it refers to was made a moment ago and is not visible everywhere
        patience = min(patience, PROPAGATION)
    elif error.nature not in AGAIN and error.answer.code not in job.node.transient:
        return 0.0
    return job.within(begun + patience - job.clock.now())


def _last_word(job: Job, record: Record, error: AwsError, sent: float) -> Generator[Call, Any, Attrs]:
    """A no that stays: what AWS says exists may be ours; anything else is raised."""
    if error.nature == Nature.EXISTS:
        found = yield from find(job, record, wait=record.attempt > 1, sent=sent)
        if found is not None:
            return found
        raise RefusedError(
            f"something that is not this link's is in the way of {job.node.key}",
            why=error.why,
            hint=job.kind.way_past,
            code="foreign",
        ) from error
    if error.nature in AGAIN:
        raise late(job, "made", error.why) from error
    raise error


def since(job: Job, record: Record, sent: float = -math.inf) -> float:
    """Seconds since its create was last sent, as far as that is certain.

    Args:
        job: The node's turn.
        record: Its record. A clock that was set back makes `sent_at` lie in the future; then it was sent just now.
        sent: When this very process sent it, on the clock's `now`: what a clock that was set forward cannot change.
    """
    return max(0.0, min(job.clock.wall() - (record.sent_at or job.clock.wall()), job.clock.now() - sent))


def find(job: Job, record: Record, *, wait: bool, sent: float = -math.inf) -> Generator[Call, Any, Attrs | None]:
    """Look for what this op made. With `wait`, believe that it is absent only after the grace period.

    So it is with a thing of its name that carries no tag: tags are seen later than what they are on. `sent` is as in
    `since`.
    """
    ctx = job.ctx(record)

    def look() -> Attrs | None:
        try:
            return job.kind.find(ctx)
        except AwsError as error:  # a find makes several reads; what goes between two of them is not there
            if gone(error):
                return None
            raise

    if not wait:
        found: Attrs | None = yield Call(look)
        return found
    left = max(0.0, job.grace - since(job, record, sent))

    def look_until() -> Attrs | None:
        bare: UntaggedError | None = None

        def look_again() -> Attrs | None:
            nonlocal bare
            bare = None
            try:
                return look()
            except UntaggedError as error:
                bare = error
                return None

        try:
            return poll(
                look_again,
                until=lambda seen: seen is not None,
                what=lambda _: "looking whether the create that was under way took effect",
                within=left,
                clock=job.clock,
                tell=job.tell,
            )
        except TimedOutError:
            if bare is not None:
                raise bare from None
            return None

    found = yield Call(look_until)
    return found
