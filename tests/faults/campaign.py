"""Which trials are held: all of them, or the sample of every commit."""

import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from families import HEAVY, LIGHT, PACKED, Family
from lasting import ERRORS
from scenes import Scene
from tally import Kind, Tally
from tap import Request
from trial import Trials, Verdict

Aim = tuple[Request, Family]
_NAMED = frozenset({"CreateLoadBalancer", "CreateTargetGroup", "CreateRole", "CreateLogGroup", "CreateFunction"})
Item = TypeVar("Item")
LATE: Final = "killed, effect late"
#: What befalls a command besides the faults at its requests (`families.PACKED`).
OTHERS: Final = (
    "killed",
    "killed, then teardown",
    "killed, then up",
    LATE,
    "signalled",
    "expired from there on",
    "clock set",
    "disk",
    "name taken",
    "second process",
)


class Campaign:
    """Holds trials over scenes.

    Args:
        trials: Holds one.
        scenes: The dry runs.
        every: One case of so many is held, evenly chosen; 1 for all.
        part: Which of how many parts of these is held, counted from 0.
        tally: Where it is counted.
        tell: Told after each trial.
        over: Asked before each: whether the time is up.
    """

    def __init__(
        self,
        trials: Trials,
        scenes: dict[str, Scene],
        *,
        every: int = 1,
        part: tuple[int, int] = (0, 1),
        tally: Tally | None = None,
        tell: Callable[[str], None] = lambda _: None,
        over: Callable[[], bool] = lambda: False,
    ) -> None:
        self.trials, self.scenes, self.every, self.part, self.tell, self.over = trials, scenes, every, part, tell, over
        self.tally = Tally() if tally is None else tally
        self.tally.requests |= {name: len(scene.requests) for name, scene in scenes.items()}

    # ------------------------------------------------------------------------------- faults at requests

    def rotated(self, name: str, *, share: int = 1, only: Callable[[Request], bool] = lambda _: True) -> None:
        """Every request of a scene (or one of `share`) once, each with the next of the faults that can befall it."""
        scene = self.scenes[name]
        aims = []
        for number, request in enumerate(filter(only, scene.requests)):
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

    def aimed(self, name: str, families: Iterable[Family]) -> None:
        """Every request that one of these can befall, or one of `every`; another one for each, and one at least."""
        scene = self.scenes[name]
        aims: list[Aim] = []
        for family in families:
            if can := [request for request in scene.requests if family.befalls(request)]:
                first = PACKED.index(family) % min(self.every, len(can))
                aims += [(request, family) for request in can[first :: self.every]]
        first, parts = self.part
        self.packed(scene, aims[first::parts])

    def packed(self, scene: Scene, aims: Iterable[Aim]) -> None:
        """As many faults in one run as there are nodes; when one is red, each by itself, to know which it was."""
        queue, alone = list(aims), False
        while queue and not self.over():
            pack, rest = self._pack(queue, alone=alone)
            verdict = self.trials.aimed(scene, pack)
            struck = [pack[number] for number in verdict.struck]
            if verdict.wrong and len(pack) > 1:
                before = len(self.tally.red)
                for aim in struck:
                    self._count(scene, [aim], self.trials.aimed(scene, [aim]))
                if len(self.tally.red) == before:  # only together
                    together = [f"  together: {family.name} at {request.key}" for request, family in struck]
                    self.tally.take((scene.name, "several at once"), verdict.name, [*verdict.wrong, *together])
                    self.tell(f"together: RED {verdict.wrong}")
            else:
                self._count(scene, struck, verdict)
            missed = [aim for aim in pack if aim not in struck]
            if alone or (len(pack) == 1 and missed):
                self.tally.unreached += [f"{scene.name}: {f.name} at {r.key}" for r, f in missed]
                missed = []
            alone = not struck and bool(missed)
            queue = rest + missed if not alone else missed + rest

    def _count(self, scene: Scene, struck: list[Aim], verdict: Verdict) -> None:
        for _, family in struck:
            self.tally.take((scene.name, family.name), verdict.name, verdict.wrong)
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
        scene, trials, step = self.scenes[name], self.trials, share * self.every
        for number, (what, image) in self._chosen(scene.images, share):
            self._held((name, "killed"), trials.killed, scene, what, image)
            other = number // step % 2 or step == 1 or len(scene.images) <= step
            made = name.replace("teardown", "up")
            if other and made != name and made in self.scenes:
                self._held((name, "killed, then up"), trials.killed_and_up, scene, what, image, self.scenes[made])
            elif other and made == name:
                self._held((name, "killed, then teardown"), trials.killed_and_taken_down, scene, what, image)
        for _, (what, image) in self._chosen(scene.lates, share):
            self._held((name, LATE), trials.killed, scene, f"{what} lands 5 s later", image)
        self.tally.equal |= {name: scene.equal_images}

    def stops(self, name: str, *, share: int = 1) -> None:
        """A signal, and credentials that expire, at every request."""
        scene = self.scenes[name]
        for number, request in self._chosen(scene.requests, share):
            signum = (2, 15, 1)[number % 3]
            when = ("before", "after")[number // 3 % 2]
            self._held((name, "signalled"), self.trials.stopped, scene, request, signum, when)
            self._held((name, "expired from there on"), self.trials.expired, scene, request)

    def clocks(self, name: str, *, share: int = 1) -> None:
        """The machine's clock is set an hour forwards or backwards at every request."""
        scene = self.scenes[name]
        for number, request in self._chosen(scene.requests, share):
            seconds = (3600.0, -3600.0)[number % 2]
            self._held((name, "clock set"), self.trials.stepped, scene, request, seconds)

    def disks(self, name: str, *, share: int = 1) -> None:
        """Every call to the disk fails, once or until it is repaired."""
        scene, errors = self.scenes[name], list(ERRORS.values())
        for _, number in self._chosen(range(1, scene.disk_calls + 1), share):
            error, once = errors[number % len(errors)], number // 5 % 2 == 0
            self._held((name, "disk"), self.trials.disk_fails, scene, number, error, once=once)

    def strangers(self, name: str) -> None:
        """Somebody else was quicker with each of the names that must be unique."""
        for request in self.scenes[name].requests:
            if request.action in _NAMED and request.nth == 1:
                self._held((name, "name taken"), self.trials.taken, self.scenes[name], request)

    def seconds(self, name: str) -> None:
        """A second process at every request."""
        if not self.over():
            verdict = self.trials.second(self.scenes[name])
            self.tally.take((name, "second process"), verdict.name, verdict.wrong, cases=len(verdict.struck))

    def _chosen(self, items: Sequence[Item], share: int) -> list[tuple[int, Item]]:
        """Those to be held of all, with their numbers."""
        first, parts = self.part
        return list(enumerate(items))[:: share * self.every][first::parts]

    def _held(self, kind: Kind, hold: Callable[..., Verdict], *about: Any, **more: Any) -> None:
        if self.over():
            return
        verdict = hold(*about, **more)
        if verdict.struck:
            self.tally.take(kind, verdict.name, verdict.wrong)
        else:
            self.tally.unreached.append(verdict.name)
        self.tell(f"{verdict.name} {'RED ' + str(verdict.wrong) if verdict.wrong else 'ok'}")
