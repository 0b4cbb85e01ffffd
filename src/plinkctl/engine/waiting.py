"""The waits of a node's story: until it is ready, until a change shows, until it is gone. All run in a worker."""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from plinkctl.aws.faults import Nature, unanswered
from plinkctl.aws.patience import persist, poll
from plinkctl.engine.creating import AGAIN
from plinkctl.engine.steps import Job, late
from plinkctl.errors import AwsError, PlinkError, TimedOutError
from plinkctl.kinds.base import ABSENT, Attrs, Ctx, Kind, Presence, Seen, gone

DOUBT: Final = 3.0  # seconds of looking again before a ready resource is believed to be gone
_SHOWS: Final = 20.0  # seconds reads may lag behind a change (Terraform waits 10 s and more for VPC attributes)
_CHANGE: Final = 600.0  # seconds of trying one change again


def converge(
    job: Job, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any], put: Mapping[str, str], drop: list[str]
) -> None:
    """Send the changes, again and again while time cures what AWS says."""
    patiently = partial(_patiently, job, what="changed", again=_cures, within=_CHANGE)
    if changes:
        patiently(lambda: job.kind.update(ctx, attrs, changes))
    if put or drop:
        patiently(lambda: job.kind.retag(ctx, attrs, put=put, drop=drop))


def until_it_shows(job: Job, ctx: Ctx, attrs: Attrs, before: Seen) -> None:
    """Give AWS a while to show what was just set: reads lag behind writes, and asking again at once proves nothing."""
    _until_other(job, ctx, attrs, before, within=_SHOWS, what="AWS does not show the change yet")


def until_tags_come(job: Job, ctx: Ctx, attrs: Attrs, before: Seen, *, within: float) -> None:
    """Give tags that an earlier process sent the time to be set.

    Raises:
        TimedOutError: The command has not as much time left.
    """
    why = "tags that an earlier run sent may be set yet"
    _until_other(job, ctx, attrs, before, within=within, what=why)
    if job.within(within) <= 0:
        raise late(job, "seen with its tags", why)


def _until_other(job: Job, ctx: Ctx, attrs: Attrs, before: Seen, *, within: float, what: str) -> None:
    with suppress(TimedOutError):
        poll(
            lambda: _probe_in_a_wait(job, ctx, attrs),
            until=lambda seen: (seen.settings, seen.tags) != (before.settings, before.tags),
            what=lambda _: what,
            within=job.within(within),
            clock=job.clock,
            tell=job.tell,
        )


def probe(kind: Kind, ctx: Ctx, attrs: Attrs) -> Seen:
    """A probe makes several reads; what goes away between two of them is as absent as what was not there."""
    try:
        return kind.probe(ctx, attrs)
    except AwsError as error:
        if gone(error):
            return ABSENT
        raise


def _probe_in_a_wait(job: Job, ctx: Ctx, attrs: Attrs) -> Seen:
    """In a wait of minutes one read may fail: a network that is away for a while must not end it."""
    try:
        return probe(job.kind, ctx, attrs)
    except AwsError as error:
        if unanswered(error):
            return Seen(presence=Presence.PENDING, why=f"AWS does not answer ({error.answer.code})")
        raise


def until_ready(job: Job, ctx: Ctx, attrs: Attrs) -> Seen:
    """Wait until it is ready, or held where that ends a node's turn.

    Raises:
        PlinkError: It failed, or went away meanwhile.
        TimedOutError: It took longer than its kind's patience.
    """
    ended = {Presence.READY, Presence.FAILED} | ({Presence.HELD} if job.held_ends else set())
    there, away, asked = False, math.inf, 0.0  # since when it is away, and when that was asked last

    def ask() -> Seen:
        nonlocal asked
        asked = job.clock.now()
        return _probe_in_a_wait(job, ctx, attrs)

    def went_away(seen: Seen) -> bool:
        """From the first answer to the last question: an answer may lie about while the process is stopped."""
        nonlocal there, away
        there = there or seen.presence is not Presence.ABSENT
        away = min(away, job.clock.now()) if seen.presence is Presence.ABSENT else math.inf
        return there and asked - away >= DOUBT

    try:
        seen = poll(
            ask,
            until=lambda seen: went_away(seen) or seen.presence in ended,
            what=lambda seen: seen.why if seen.presence is not Presence.ABSENT else "not visible yet",
            within=job.within(job.kind.patience.ready_within),
            clock=job.clock,
            tell=job.tell,
        )
    except TimedOutError as error:
        raise late(job, "ready", error.why) from error
    if seen.presence is Presence.ABSENT:
        raise PlinkError(
            f"{job.node.key} went away while it was waited for",
            why="somebody deletes it",
            hint="run the same command again; it is made anew",
            code="went_away",
        )
    if seen.presence is Presence.FAILED:  # none of them recovers (aws-facts.md 2.6, 4)
        raise PlinkError(f"{job.node.key} failed", why=seen.why, hint=job.kind.way_there, code="resource_failed")
    return seen


def delete(job: Job, ctx: Ctx, attrs: Attrs) -> None:
    """Send the delete, again and again while something else still uses the thing, and say what."""

    def again(fault: Exception) -> str | None:
        if not isinstance(fault, AwsError):
            return None
        if fault.nature == Nature.BUSY:
            return _blockers(job, ctx, attrs) or fault.answer.message
        return f"AWS says {fault.answer.code}" if fault.nature in {*AGAIN, Nature.UNCLEAR} else None

    within = job.kind.patience.gone_within
    _patiently(job, lambda: job.kind.delete(ctx, attrs), what="gone", again=again, within=within)


def _blockers(job: Job, ctx: Ctx, attrs: Attrs) -> str:
    """What is in the way, as far as it can be seen: who may delete need not be allowed to look around."""
    with suppress(AwsError):
        return job.kind.blockers(ctx, attrs)
    return ""


def until_gone(job: Job, ctx: Ctx, attrs: Attrs) -> None:
    """Wait until AWS says that it is not there.

    Raises:
        TimedOutError: It took longer than its kind's patience.
    """
    try:
        poll(
            lambda: _probe_in_a_wait(job, ctx, attrs),
            until=lambda seen: seen.presence is Presence.ABSENT,
            what=lambda seen: seen.why,
            within=job.within(job.kind.patience.gone_within),
            clock=job.clock,
            tell=job.tell,
        )
    except TimedOutError as error:
        raise late(job, "gone", error.why) from error


def _patiently(
    job: Job, call: Callable[[], None], *, what: str, again: Callable[[Exception], str | None], within: float
) -> None:
    """A repeatable call, tried again while AWS's answer says that time cures it."""
    try:
        persist(call, again=again, within=job.within(within), clock=job.clock, tell=job.tell)
    except AwsError as error:
        if (why := again(error)) is None:
            raise
        raise late(job, what, why) from error


def _cures(fault: Exception) -> str | None:
    """Why a change of a thing that was just seen is worth another try."""
    if isinstance(fault, AwsError) and fault.nature in {*AGAIN, Nature.UNCLEAR, Nature.BUSY, Nature.GONE}:
        return f"AWS says {fault.answer.code}"
    return None
