"""Random histories of imaginary things: changed wishes, kills, lost and late answers, things that are hidden for a
while, other people's hands. In memory, so that Hypothesis plays many and makes a red one short.

`tests/faults` plays such histories of a whole link against the sandbox, a thousand times slower.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scripted import Bench, Memory, Real, Service, Thing, fault, thing
from virtual import VirtualClock

from plinkctl.aws.faults import Nature
from plinkctl.aws.patience import Stop
from plinkctl.engine.executor import Walked
from plinkctl.kinds.base import Attrs, Ctx, Kind
from plinkctl.state import Change, Phase

#: How many are played; PLINKCTL_TEST_ALL=1 plays more.
MANY: Final = 2000 if os.environ.get("PLINKCTL_TEST_ALL") else 80
NODES: Final = ("a", "b", "blind")
GRACE: Final = 60.0
LAG: Final = 20.0
LATE: Final = {"late": 30.0, "very late": 90.0}


class Inline(Executor):
    """A pool of none: whoever submits does it, so that a story is the same each time it is told."""

    def submit(self, call: Callable[..., Any], /, *given: Any, **named: Any) -> "Future[Any]":
        """Do it."""
        done: Future[Any] = Future()
        done.set_result(call(*given, **named))
        return done


@pytest.fixture(scope="module", autouse=True)
def no_threads() -> Iterator[None]:
    """One call after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("plinkctl.engine.executor.ThreadPoolExecutor", lambda *_, **__: Inline())
        yield


class Dead(BaseException):
    """The process is no more: nothing it still does has any effect."""


class Sea(dict[str, Real]):
    """What there is, of which what is new is hidden for a while: it is not found, and a delete leaves it."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self.world = world
        self.shows: dict[str, float] = {}

    def _seen(self, identifier: object) -> bool:
        return identifier in self and self.shows[str(identifier)] <= self.world.now

    def __setitem__(self, identifier: str, real: Real) -> None:
        super().__setitem__(identifier, real)
        self.shows[identifier] = self.world.now + self.world.lag

    def get(self, identifier: str, default: Any = None) -> Any:
        return super().get(identifier) if self._seen(identifier) else default

    def items(self) -> Any:
        return [(i, real) for i, real in super().items() if self._seen(i)]

    def pop(self, identifier: str, default: Any = None) -> Any:
        return super().pop(identifier) if self._seen(identifier) else default


@dataclass(frozen=True)
class Trouble:
    """What befalls a walk: a kill or a stop at its nth instant, and faults at its nth mutating calls."""

    killed: int = 0
    stopped: int = 0
    faults: Mapping[int, str] = field(default_factory=dict)


class World(Service):
    """Imaginary AWS, with time."""

    def __init__(self) -> None:
        super().__init__()
        self.lag = 0.0
        self.clock = VirtualClock()
        self.sea = Sea(self)
        self.there = self.sea
        self.late: list[tuple[float, Kind, Ctx]] = []
        self.begin(Trouble())

    @property
    def now(self) -> float:
        return self.clock.now()

    def begin(self, trouble: Trouble) -> None:
        self.trouble, self.instants, self.sent, self.dead = trouble, 0, 0, False

    def instant(self) -> None:
        """A moment at which the process may die; whatever was to land by now has."""
        with self.lock:
            self.instants += 1
            self.dead = self.dead or self.instants == self.trouble.killed
            if self.dead:
                raise Dead
            if self.instants == self.trouble.stopped:
                self.clock._stop.set(2)
        self.land()

    def land(self) -> None:
        with self.lock:
            due = [one for one in self.late if one[0] <= self.now]
            self.late = [one for one in self.late if one not in due]
            for moment, kind, ctx in due:
                made = self.made(kind, ctx)
                self.sea.shows[made] = min(self.sea.shows[made], moment + self.lag)

    def made(self, kind: Kind, ctx: Ctx) -> str:
        """What AWS does: a name guards a create, as long as what has it is there; but for a blind kind."""
        with self.lock:
            there = [i for i, real in dict.items(self.there) if real.op == ctx.op and not kind.blind]
            return there[0] if there else self.make(ctx.node, ctx.op, ctx.tags, {})

    def next_fault(self) -> str:
        with self.lock:
            self.sent += 1
            return self.trouble.faults.get(self.sent, "")


class Mortal(Thing):
    """A thing whose every call may be the last, or be befallen by a fault."""

    service: World

    def _sent(self, effect: Any, late: Any = None) -> Any:
        self.service.instant()
        befalls = self.service.next_fault()
        if befalls in ("throttled", "refused", "busy"):
            raise fault(Nature(befalls))
        if befalls in LATE and late is not None:
            late(LATE[befalls])
        done = effect() if befalls in ("", "lost after") else None
        self.service.instant()
        if befalls:
            raise fault(Nature.UNCLEAR)
        return done

    def create(self, ctx: Ctx) -> Attrs:
        def later(seconds: float) -> None:
            self.service.late.append((self.service.now + seconds, self, ctx))

        return {"id": str(self._sent(lambda: self.service.made(self, ctx), later))}

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        self._sent(lambda: super(Mortal, self).update(ctx, attrs, changes))

    def retag(self, ctx: Ctx, attrs: Attrs, **changes: Any) -> None:
        self._sent(lambda: super(Mortal, self).retag(ctx, attrs, **changes))

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        self._sent(lambda: super(Mortal, self).delete(ctx, attrs))


class MortalBlind(Mortal):
    """One without token or name."""

    name = "blind"
    blind = True


class Journal(Memory):
    """A store whose every commit may be the last."""

    def __init__(self, world: World) -> None:
        super().__init__(world.log)
        self.world = world

    def commit(self, change: Change) -> None:
        self.world.instant()
        super().commit(change)
        self.world.instant()


Wish = tuple[int, Mapping[str, str]]


class Play:
    """A link of three things, walked by one process after the other."""

    def __init__(self, lag: float) -> None:
        self.world = World()
        self.bench = Bench()
        journal = Journal(self.world)
        journal.begin(self.bench.state)
        self.bench.store, self.bench.service = journal, self.world
        self.bench.kinds = {"thing": Mortal(self.world), "blind": MortalBlind(self.world)}
        self.bench.grace = GRACE
        self.world.lag = lag

    def walk(self, wish: Wish | None, trouble: Trouble = Trouble()) -> Walked | None:
        """An `up` with that wish, or a `down`. None when it died."""
        bench, world = self.bench, self.world
        bench.stop = Stop()
        clock = VirtualClock(bench.stop, at=bench.clock.epoch, on_sleep=lambda _: world.land())
        clock.slept = [world.now]
        bench.clock = world.clock = clock
        world.begin(trouble)
        world.log.clear()
        try:
            if wish is None:
                return bench.down()
            self.sweep()
            size, bench.tags = wish[0], dict(wish[1])
            return bench.up(thing("a", size=size), thing("b", "a", size=size), thing("blind", size=size, kind="blind"))
        except Dead:
            return None
        finally:
            world.begin(Trouble())

    def sweep(self) -> None:
        """What every `up` and `teardown` does (app/extras.py): take away what came late of what was given up."""
        records = self.bench.state.records.values()
        doubtful = {
            r.op for r in records if r.phase is not Phase.CREATING and (r.sent_at is not None or r.kind == "blind")
        }
        known = {r.id for r in records}
        for identifier, real in self.world.there.items():
            if real.op in doubtful and identifier not in known:
                self.world.there.pop(identifier)

    def until_done(self, wish: Wish | None) -> None:
        """Later, when all shows: run it until it succeeds, and once more, which must be silent."""
        self.wait(200.0)
        failed: Mapping[str, object] = {"-": "never run"}
        for _ in range(3):
            walked = self.walk(wish)
            failed = walked.failed if walked is not None else failed
            if not failed:
                break
        assert failed == {}
        self.walk(wish)
        assert [line for line in self.world.log if line.split()[0] not in ("find", "probe")] == []

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.world.clock.slept.append(seconds)
        self.world.land()

    def nothing_is_lost(self) -> None:
        """What is there, or yet to land, has a record that somebody will act on."""
        ops = {r.op for r in self.bench.state.records.values() if r.live or r.sent_at is not None}
        assert {real.op for real in self.world.there.values()} <= ops

    def by_hand(self, deed: str, node: str) -> None:
        for identifier, real in list(dict.items(self.world.there)):
            if real.node == node and deed == "delete":
                dict.pop(self.world.there, identifier)
            elif real.node == node:
                real.settings["size"] = 9


wishes = st.sampled_from([(1, {}), (2, {}), (1, {"team": "x"}), (2, {"team": "y"})])
faults = st.dictionaries(
    st.integers(1, 10), st.sampled_from(["lost", "lost after", *LATE, "throttled", "refused", "busy"]), max_size=3
)
troubles = st.one_of(
    st.just(Trouble()),
    st.builds(Trouble, killed=st.integers(1, 24)),
    st.builds(Trouble, stopped=st.integers(1, 24)),
    st.builds(Trouble, faults=faults),
    st.builds(Trouble, killed=st.integers(1, 36), faults=faults),
)
steps = st.one_of(
    st.tuples(st.one_of(wishes, wishes, st.none()), troubles),
    st.tuples(st.one_of(wishes, wishes, st.none()), troubles),
    st.sampled_from([1.0, 30.0, 61.0, 900.0]),
    st.tuples(st.just("resize"), st.sampled_from(NODES)),
    st.tuples(st.just("delete"), st.sampled_from(["b", "blind"])),  # what `b` stands on is not made anew under it
)


@settings(max_examples=MANY, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
@example(story=[((1, {}), Trouble()), ((1, {"team": "x"}), Trouble(killed=4))], last=(1, {}), lag=0.0)  # tags stay
@example(story=[((1, {}), Trouble(faults={1: "late"})), (None, Trouble())], last=(1, {}), lag=0.0)  # after a teardown
@given(story=st.lists(steps, min_size=1, max_size=7), last=wishes, lag=st.sampled_from([0.0, 2.0, LAG]))
def test_whatever_happened_the_same_command_converges_and_a_teardown_leaves_nothing(
    story: list[Any], last: Wish, lag: float
) -> None:
    play = Play(lag)
    for step in story:
        if isinstance(step, float):
            play.wait(step)
        elif isinstance(step[0], str):
            play.by_hand(*step)
        else:
            play.walk(*step)
        play.nothing_is_lost()
    play.until_done(last)
    play.nothing_is_lost()
    size, tags = last
    for node in NODES:
        (real,) = [real for real in play.world.there.values() if real.node == node]
        assert real.settings == {"size": size}
        assert {key: value for key, value in real.tags.items() if key in ("team", "stage")} == tags
    assert {record.phase for record in play.bench.state.live.values()} == {Phase.READY}
    play.until_done(None)
    play.sweep()
    assert dict(play.world.there) == {}
