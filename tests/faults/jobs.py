"""The whole campaign in jobs: each is held by itself, in whichever process is free, and gives a tally."""

import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import crash_states
import mutants
from campaign import Campaign
from families import HEAVY, LIGHT
from histories import History
from house import House
from killing_at_requests import COMMANDS, RealKills, real_kills
from scenes import PLAYS, Scene, scenes
from tally import Tally
from trial import Trials

from plinkctl.sandbox import world
from plinkctl.sandbox.door import gateway

#: The first of a kind, for what is not a command struck by something.
HISTORIES: Final = "random histories"
DISKS: Final = "file system"
MUTANTS: Final = "mutants"
REAL: Final = "real processes"

_READERS: Final = ("accept", "verify", "up on existing")  # they write nothing that lasts, or next to nothing
_AT_ONCE: Final = 10  # histories in one job
_PARTS: Final = 6  # of a job that would be long


@dataclass(frozen=True)
class Job:
    """What is held at one go.

    Args:
        what: Name of a method of the bench.
        about: The command, or whatever else it is about.
        more: What that method wants to know besides.
    """

    what: str
    about: str
    more: Any = None

    def __str__(self) -> str:
        return f"{self.about}: {self.what}" + (f" {self.more}" if self.more is not None else "")


def jobs(*, every: int, histories: range, real: int = 0) -> list[Job]:
    """Everything there is to be held.

    Args:
        every: One case of so many; 1 for all.
        histories: Seeds.
        real: Real processes are killed at one request of so many; 0 for none.
    """
    parts = [(n, _PARTS) for n in range(_PARTS)] if every < _PARTS else [(0, 1)]
    found = [Job("file_system", name) for name in crash_states.STORIES]
    found += [Job("mutant", name) for name in mutants.MUTANTS]
    struck: list[Job] = []
    for number, name in enumerate(PLAYS):
        struck += [Job(what, name, part) for what in ("kills", "stops", "clocks") for part in parts]
        struck += [Job("faults", name, part) for part in parts]
        # In a sample, what ends a run is held in the two longest and, in turn, in one of the others.
        whole = every < _PARTS or name in ("up", "teardown")
        heavy = [family for n, family in enumerate(HEAVY) if whole or n % len(PLAYS) == number]
        struck += [Job("one_fault", name, family.name) for family in heavy]
        if name not in _READERS:
            struck += [Job("disks", name, part) for part in parts]
            struck += [Job("second", name)]
    struck += [Job("strangers", "up")]
    seeds = [Job("histories", "seeds", histories[n : n + _AT_ONCE]) for n in range(0, len(histories), _AT_ONCE)]
    halves = range(_PARTS) if real < _PARTS else [0]
    for_real = [Job("killed_for_real", name, (real, (n, len(halves)))) for name in COMMANDS for n in halves if real]
    return [*found, *_evenly(struck, seeds), *for_real]


def _evenly(many: list[Job], few: list[Job]) -> Iterator[Job]:
    """The few among the many, so that whatever time is left for, both have had their share of it."""
    step = max(1, len(many) // len(few)) if few else len(many) + 1
    blocks = [many[n : n + step] for n in range(0, len(many), step)]
    for block, one in zip_longest(blocks, few):
        yield from block or ()
        if one is not None:
            yield one


class Bench:
    """Where jobs are held, in one process. Use as a context manager.

    Args:
        every: As in `jobs`.
        tell: Told after each trial.
        over: Whether the time is up.
    """

    def __init__(self, *, every: int, tell: Callable[[str], None], over: Callable[[], bool]) -> None:
        self.every, self.tell, self.over = every, tell, over
        self.tally = Tally()
        self._scenes: dict[str, Scene] = {}
        self._open = ExitStack()
        self._trials: Trials | None = None
        self._real: RealKills | None = None
        self._blindness: mutants.Blindness | None = None

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *exc: object) -> None:
        self._leave()

    def hold(self, job: Job) -> Tally:
        """Hold it; what the harness itself does wrong is told as what else is wrong."""
        begun, self.tally = time.monotonic(), Tally()
        try:
            getattr(self, job.what)(job.about, *([] if job.more is None else [job.more]))
        except Exception:  # noqa: BLE001 - whatever it is, the other jobs and the report must come
            self.tally.take((job.about, job.what), str(job), [traceback.format_exc(limit=-4)])
            self._leave()
        self.tally.seconds = time.monotonic() - begun
        return self.tally

    # ------------------------------------------------------------------------------------- the kinds of jobs

    def faults(self, name: str, part: tuple[int, int]) -> None:
        """Those faults at every request of a command that one run survives many of."""
        self._campaign(name, part).aimed(name, LIGHT)

    def one_fault(self, name: str, family: str) -> None:
        """One of the others at every request of a command."""
        self._campaign(name).aimed(name, [f for f in HEAVY if f.name == family])

    def kills(self, name: str, part: tuple[int, int]) -> None:
        """A command dies at every instant."""
        campaign = self._campaign(name, part)
        if name == "teardown":
            campaign.scenes["up"] = self._plain_up()
        campaign.kills(name)

    def stops(self, name: str, part: tuple[int, int]) -> None:
        """Signals, expired credentials."""
        self._campaign(name, part).stops(name)

    def clocks(self, name: str, part: tuple[int, int]) -> None:
        """The machine's clock is set."""
        self._campaign(name, part).clocks(name)

    def disks(self, name: str, part: tuple[int, int]) -> None:
        """The disk refuses."""
        self._campaign(name, part).disks(name)

    def second(self, name: str) -> None:
        """A second process at every request."""
        self._campaign(name).seconds(name)

    def strangers(self, name: str) -> None:
        """Names that are taken."""
        self._campaign(name).strangers(name)

    def histories(self, _: str, seeds: range) -> None:
        """Random histories."""
        scene = self._plain_up()
        for seed in seeds:
            if self.over():
                return
            verdict = History(self._here(), scene, seed).play()
            self.tally.take((HISTORIES, "a seed each"), verdict.name, verdict.wrong)
            self.tell(f"{verdict.name} {'RED ' + str(verdict.wrong) if verdict.wrong else 'ok'}")

    def file_system(self, story: str) -> None:
        """Every disk that a power cut may leave in a run."""
        for wrong in crash_states.wrong(story):
            self.tally.take((DISKS, story), story, [wrong] if wrong else [])
        self.tell(f"file system: {story}")

    def mutant(self, name: str) -> None:
        """A line of the recipe is switched off: the trial that is green with it must be red without it."""
        house = self._here().house
        self._blindness = self._blindness or mutants.Blindness(house)
        wrong = self._blindness.of(name)
        self.tally.take((MUTANTS, name), f"mutant: {name}", [wrong] if wrong else [])
        self.tell(f"mutant: {name} {'RED ' + wrong if wrong else 'killed'}")

    def killed_for_real(self, name: str, more: tuple[int, tuple[int, int]]) -> None:
        """Processes of their own, killed by the sandbox at requests of a command."""
        self._leave_house()
        if self._real is None:
            folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="plinkctl-")))
            self._real = self._open.enter_context(real_kills(folder))
        every, part = more
        for what, wrong in self._real.cases(name, every=every, part=part):
            if wrong is None:
                self.tally.unreached.append(what)
            else:
                self.tally.take((REAL, name), what, wrong)
            self.tell(f"{what} {'RED ' + str(wrong) if wrong else 'ok'}")
            if self.over():
                return

    # -------------------------------------------------------------------------------------------- where

    def _campaign(self, name: str, part: tuple[int, int] = (0, 1)) -> Campaign:
        """Over that command alone; what was photographed of another one is let go."""
        trials = self._here()
        if name not in self._scenes:
            self._scenes = {k: v for k, v in self._scenes.items() if k == "plain up"}
            self._scenes |= scenes(trials.house, name)
        chosen = {name: self._scenes[name]}
        return Campaign(trials, chosen, every=self.every, part=part, tally=self.tally, tell=self.tell, over=self.over)

    def _plain_up(self) -> Scene:
        if "plain up" not in self._scenes:
            self._scenes["plain up"] = scenes(self._here().house, "up", photograph=False)["up"]
        return self._scenes["plain up"]

    def _here(self) -> Trials:
        """The house of this process, opened when it is needed first."""
        if self._trials is None:
            self._leave()
            server = self._open.enter_context(gateway.serve(world.World(clock=world.Clock(speed=0))))
            folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="plinkctl-")))
            self._trials = Trials(self._open.enter_context(House(server, folder).open()))
        return self._trials

    def _leave_house(self) -> None:
        """No process is forked off one that serves a sandbox in threads."""
        if self._trials is not None:
            self._leave()

    def _leave(self) -> None:
        self._open.close()
        self._trials, self._real, self._blindness, self._scenes = None, None, None, {}
