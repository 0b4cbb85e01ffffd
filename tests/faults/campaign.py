"""Which trials are held: all of them, or the sample of every commit; and what came of it."""

import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from families import HEAVY, LIGHT, PACKED, Family
from lasting import ERRORS
from scenes import Scene
from tap import Request
from trial import Trials, Verdict

Aim = tuple[Request, Family]
_NAMED = frozenset({"CreateLoadBalancer", "CreateTargetGroup", "CreateRole", "CreateLogGroup", "CreateFunction"})
_WRITERS = ("provider up", "consumer up", "up", "up after a change", "teardown")


@dataclass
class Tally:
    """What came of a campaign.

    Args:
        cases: How many there were, by kind.
        red: The verdicts with something wrong, in words.
        unreached: Faults whose request did not come again while they were set.
    """

    cases: Counter[str] = field(default_factory=Counter)
    red: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    equal: int = 0

    def take(self, kind: str, verdict: Verdict, *, cases: int = 1) -> None:
        """Count a verdict."""
        self.cases[kind] += cases
        self.red += [f"{verdict.name}: {wrong}" for wrong in verdict.wrong]

    @property
    def total(self) -> int:
        """All cases."""
        return sum(self.cases.values())


class Campaign:
    """Holds trials over scenes.

    Args:
        trials: Holds one.
        scenes: The dry runs.
        every: One case of so many is held, evenly chosen; 1 for all.
        tell: Told after each trial.
    """

    def __init__(
        self, trials: Trials, scenes: dict[str, Scene], *, every: int = 1, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.trials, self.scenes, self.every, self.tell = trials, scenes, every, tell
        self.tally = Tally()

    # ------------------------------------------------------------------------------- faults at requests

    def rotated(self, name: str, *, share: int = 1) -> None:
        """Every request of a scene (or one of `share`) once, each with the next of the faults that can befall it."""
        scene = self.scenes[name]
        aims = []
        for number, request in enumerate(scene.requests):
            can = [family for family in LIGHT if family.befalls(request)]
            if number % share == 0 and can:
                aims.append((request, can[(number + zlib.crc32(request.key.encode())) % len(can)]))
        self.packed(scene, aims)

    def each_class(self, name: str) -> None:
        """Each of the faults that end a run, at a read and at a write."""
        scene = self.scenes[name]
        aims: dict[tuple[str, bool], Aim] = {}
        for number, request in enumerate(scene.requests):
            for family in HEAVY:
                if family.befalls(request) and (number + len(family.name)) % 3 == 0:
                    aims[(family.name, request.writes)] = (request, family)
        self.packed(scene, aims.values())

    def all_aimed(self, name: str) -> None:
        """Every request times every fault."""
        scene = self.scenes[name]
        for number, family in enumerate(PACKED):
            can = [request for request in scene.requests if family.befalls(request)]
            self.packed(scene, [(request, family) for request in can[number % self.every :: self.every]])

    def packed(self, scene: Scene, aims: Iterable[Aim]) -> None:
        """As many faults in one run as there are nodes; when one is red, each by itself, to know which it was."""
        queue, alone = list(aims), False
        while queue:
            pack, rest = self._pack(queue, alone=alone)
            verdict = self.trials.aimed(scene, pack)
            struck = [pack[number] for number in verdict.struck]
            if verdict.wrong and len(pack) > 1:
                before = len(self.tally.red)
                for aim in struck:
                    self._count(scene, [aim], self.trials.aimed(scene, [aim]))
                if len(self.tally.red) == before:  # only together
                    self.tally.take(scene.name, verdict, cases=0)
                    self.tell(f"together: RED {verdict.wrong}")
                    self.tally.red += [f"  together: {family.name} at {request.key}" for request, family in struck]
            else:
                self._count(scene, struck, verdict)
            missed = [aim for aim in pack if aim not in struck]
            if alone or (len(pack) == 1 and missed):
                self.tally.unreached += [f"{scene.name}: {f.name} at {r.key}" for r, f in missed]
                missed = []
            alone = not struck and bool(missed)
            queue = rest + missed if not alone else missed + rest

    def _count(self, scene: Scene, struck: list[Aim], verdict: Verdict) -> None:
        self.tally.take(scene.name, verdict, cases=len(struck))
        self.tell(f"{verdict.name} {'RED ' + str(verdict.wrong) if verdict.wrong else 'ok'} [{len(struck)}]")

    @staticmethod
    def _pack(queue: list[Aim], *, alone: bool) -> tuple[list[Aim], list[Aim]]:
        pack: list[Aim] = []
        rest: list[Aim] = []
        nodes: set[str] = set()
        for aim in queue:
            place = aim[0].node or aim[0].base
            # A hang lets time pass for all at once, so that others would see it pass without having looked.
            apart = bool(pack) and (aim[1].passes > 0) != (pack[0][1].passes > 0)
            if place in nodes or apart or (alone and pack):
                rest.append(aim)
            else:
                nodes.add(place)
                pack.append(aim)
        return pack, rest

    # ---------------------------------------------------------------------------------- all other trials

    def kills(self, name: str, *, share: int = 1) -> None:
        """The process dies at every instant that differs from others, and the same command, or another, goes on."""
        scene, step = self.scenes[name], share * self.every
        images = list(enumerate(scene.images))[::step]
        for number, (what, image) in images:
            self._held("killed", self.trials.killed(scene, what, image))
            if scene.name != "teardown" and (step == 1 or number // step % 2):
                self._held("killed", self.trials.killed_and_taken_down(scene, what, image))
            elif scene.name == "teardown" and "up" in self.scenes and (step == 1 or number // step % 2):
                self._held("killed", self.trials.killed_and_up(scene, what, image, self.scenes["up"]))
        for what, image in scene.lates[::step]:
            self._held("killed, effect late", self.trials.killed(scene, f"{what} lands 5 s later", image))
        if step == 1:
            self.tally.cases["killed"] += scene.equal_images  # the very same house as one that was tried
            self.tally.equal += scene.equal_images

    def stops(self, name: str, *, share: int = 1) -> None:
        """A signal, and credentials that expire, at every request."""
        scene = self.scenes[name]
        for number, request in list(enumerate(scene.requests))[:: share * self.every]:
            signum = (2, 15, 1)[number % 3]
            when = ("before", "after")[number // 3 % 2]
            self._held("signalled", self.trials.stopped(scene, request, signum, when))
            self._held("expired from there on", self.trials.expired(scene, request))

    def clocks(self, name: str, *, share: int = 1) -> None:
        """The machine's clock is set an hour forwards or backwards at every request."""
        scene = self.scenes[name]
        for number, request in list(enumerate(scene.requests))[:: share * self.every]:
            seconds = (3600.0, -3600.0)[number % 2]
            self._held("clock set", self.trials.stepped(scene, request, seconds))

    def disks(self, name: str, *, share: int = 1) -> None:
        """Every call to the disk fails, once or until it is repaired."""
        scene, errors = self.scenes[name], list(ERRORS.values())
        for number in range(1, scene.disk_calls + 1, share * self.every):
            error = errors[number % len(errors)]
            self._held("disk", self.trials.disk_fails(scene, number, error, once=number // 5 % 2 == 0))

    def strangers(self, name: str) -> None:
        """Somebody else was quicker with each of the names that must be unique."""
        for request in self.scenes[name].requests:
            if request.action in _NAMED and request.nth == 1:
                self._held("name taken", self.trials.taken(self.scenes[name], request))

    def seconds(self, name: str) -> None:
        """A second process at every request."""
        verdict = self.trials.second(self.scenes[name])
        self.tally.take("second process", verdict, cases=len(verdict.struck))

    def _held(self, kind: str, verdict: Verdict) -> None:
        if verdict.struck:
            self.tally.take(kind, verdict)
        self.tell(f"{verdict.name} {'RED ' + str(verdict.wrong) if verdict.wrong else 'ok'}")

    # ----------------------------------------------------------------------------------------- the whole

    def whole(self) -> Tally:
        """Everything, or one of `every`."""
        for name in self.scenes:
            self.all_aimed(name)
            self.kills(name)
            self.stops(name)
            self.clocks(name)
        for name in _WRITERS:
            self.disks(name)
            self.seconds(name)
        self.strangers("up")
        return self.tally
