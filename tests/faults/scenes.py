"""Each command with what it begins from, and the dry run that numbers its requests."""

from dataclasses import dataclass, field
from typing import Final

from house import Command, House, Image, accept, changed_up, consumer_up, provider_up, take_down, up_, verify
from named import certified_up, named_up
from tap import Request
from words import digest

#: A command that ends held (8) has reached its goal: somebody else must act.
_GOALS: Final = {"consumer up": 8}


@dataclass
class Scene:
    """A command from a beginning.

    Args:
        name: In the report.
        command: What runs.
        begin: What it begins from.
        requests: Those of the undisturbed run, in order.
        images: The house at every instant a kill could come: (what had just happened, image), each different.
        goal: What is there after the undisturbed run, in words.
    """

    name: str
    command: Command
    begin: Image
    requests: list[Request] = field(default_factory=list)
    images: list[tuple[str, Image]] = field(default_factory=list)
    lates: list[tuple[str, Image]] = field(default_factory=list)
    goal: str = ""
    commits: int = 0
    disk_calls: int = 0
    equal_images: int = 0

    @property
    def good(self) -> int:
        """The exit code of success."""
        return _GOALS.get(self.name, 0)


def dry_run(house: House, scene: Scene, *, photograph: bool = True) -> Scene:
    """Run it undisturbed; number its requests, and photograph the house at each of them and at each commit."""
    house.take_up(scene.begin)
    house.tap.violations.clear()
    seen: set[str] = set()
    stamps: set[tuple[int, int]] = set()

    def snap(what: str) -> None:
        stamp = (house.tap.changes, house.disk.count)
        if not photograph or stamp in stamps:  # nothing was sent to anybody and nothing written since
            scene.equal_images += 1
            return
        stamps.add(stamp)
        standing = digest([house.outline(), house.in_doubt()])
        scene.equal_images += standing in seen
        if standing not in seen:
            seen.add(standing)
            house.nothing_lost(what)
            scene.images.append((what, house.image()))

    def before(request: Request) -> None:
        snap(f"{request.key} arrives")
        if request.writes and photograph:
            scene.lates.append((request.key, house.with_late(house.image(), request, 5.0)))

    def after(request: Request) -> None:
        if request.writes:
            snap(f"{request.key} has taken effect")

    house.tap.before, house.tap.after = before, after
    house.disk.at_replace = lambda when: snap(f"a commit, {when}")
    try:
        ended = house.run(scene.command)
    finally:
        house.quiet()
    if ended.code != scene.good or house.tap.violations:
        raise AssertionError(f"{scene.name}, undisturbed: {ended.words} {house.tap.violations}")
    scene.requests = list(house.tap.passed)
    scene.goal = house.things()
    scene.disk_calls = house.disk.count
    return scene


#: Each command, and the scene it follows; the empty house where there is none.
PLAYS: Final[dict[str, tuple[Command, str | None]]] = {
    "provider up": (provider_up, None),
    "consumer up": (consumer_up, "provider up"),
    "accept": (accept, "consumer up"),
    "up": (up_, None),
    "verify": (verify, "up"),
    "up on existing": (up_, "up"),
    "up after a change": (changed_up, "up"),
    "teardown": (take_down, "up"),
    "up with a name": (named_up, None),
    "teardown with a name": (take_down, "up with a name"),
    "up with a certificate": (certified_up, None),
    "teardown with a certificate": (take_down, "up with a certificate"),
}


class Stage:
    """Where commands are played, each undisturbed once, from where it begins.

    Args:
        house: It is left as the last one that was played leaves it.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._played: dict[tuple[str, bool], tuple[Scene, Image]] = {}

    def scenes(self, *names: str, photograph: bool = True) -> dict[str, Scene]:
        """These commands, or all."""
        return {name: self._play(name, photograph=photograph)[0] for name in names or PLAYS}

    def _play(self, name: str, *, photograph: bool = False) -> tuple[Scene, Image]:
        for photographed in (photograph, True):  # one with pictures will do for one without
            if played := self._played.get((name, photographed)):
                return played
        command, after = PLAYS[name]
        begin = self._house.empty if after is None else self._play(after)[1]
        scene = dry_run(self._house, Scene(name, command, begin), photograph=photograph)
        return self._played.setdefault((name, photograph), (scene, self._house.image()))


def scenes(house: House, *names: str, photograph: bool = True) -> dict[str, Scene]:
    """These commands, or all, each undisturbed once from where it begins."""
    return Stage(house).scenes(*names, photograph=photograph)
