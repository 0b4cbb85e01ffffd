"""The trial: one command, struck by faults; then the same command until it succeeds, once more, and a teardown.

What follows from a house that equals, in words, one from which it was followed already is not followed again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from families import FOR_EVER, Family, rule_of
from house import Command, House, Image, take_down
from scenes import Scene
from tap import Request

_TRIES: Final = 3
_REFUSED: Final = 6
_CODES: Final = frozenset(range(9))
#: Virtual seconds one command may take (I12).
_BUDGET: Final = 6 * 3600.0


@dataclass
class Verdict:
    """How a trial went: what did not hold, and which of its faults really struck."""

    name: str
    wrong: list[str] = field(default_factory=list)
    struck: list[int] = field(default_factory=list)
    runs: int = 0


def _go(house: House, request: Request, identifier: str) -> None:
    """The stranger takes their thing away again."""
    side = request.base.split()[0]
    match request.action:
        case "CreateLoadBalancer":
            house.client(side, "elbv2").delete_load_balancer(LoadBalancerArn=identifier)
        case "CreateTargetGroup":
            house.client(side, "elbv2").delete_target_group(TargetGroupArn=identifier)
        case "CreateRole":
            house.client(side, "iam").delete_role(RoleName=identifier)
        case "CreateLogGroup":
            house.client(side, "logs").delete_log_group(logGroupName=identifier)
        case _:
            house.client(side, "lambda").delete_function(FunctionName=identifier)


class Trials:
    """Runs trials and remembers what was followed to its end."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._followed: set[tuple[str, str]] = set()
        self.commands = 0

    # ------------------------------------------------------------------------------------------- the trials

    def aimed(self, scene: Scene, aims: Iterable[tuple[Request, Family]]) -> Verdict:
        """The command with these faults; then repaired, and run until it succeeds."""
        aims = list(aims)
        house, verdict = self.house, Verdict(f"{scene.name}: {len(aims)} faults")
        if len(aims) == 1:
            verdict.name = f"{scene.name}: {aims[0][1].name} at {aims[0][0].key}"
        self._begin(scene.begin)
        shots = [family.at(request) for request, family in aims]
        for shot, (request, _) in zip(shots, aims, strict=True):
            house.tap.shots.setdefault(request.base, []).append(shot)
        done = self._once(scene, verdict)
        house.tap.shots = {}
        verdict.struck = [number for number, shot in enumerate(shots) if shot.hits]
        for shot, (request, family) in zip(shots, aims, strict=True):
            if family.once and request.writes and request.node:
                house.tap.must(shot.hits <= 1, "I12", f"{family.name} at {request.key} was asked {shot.hits} times")
        self._converge(scene, verdict, done=done)
        return verdict

    def killed(self, scene: Scene, what: str, image: Image) -> Verdict:
        """The process was killed at that instant; the same command runs again."""
        verdict = Verdict(f"{scene.name}: killed when {what}", struck=[0])
        self._begin(image)
        self._converge(scene, verdict, done=False)
        return verdict

    def killed_and_taken_down(self, scene: Scene, what: str, image: Image) -> Verdict:
        """The process was killed at that instant; the user has had enough and takes all away."""
        verdict = Verdict(f"{scene.name}: killed when {what}, then teardown", struck=[0])
        self._begin(image)
        self._taken_down(verdict)
        return verdict

    def killed_and_up(self, scene: Scene, what: str, image: Image, up_scene: Scene) -> Verdict:
        """A teardown was killed at that instant; the user wants the link after all."""
        verdict = Verdict(f"{scene.name}: killed when {what}, then up", struck=[0])
        self._begin(image)
        self._converge(up_scene, verdict, done=False)
        return verdict

    def stopped(self, scene: Scene, request: Request, signum: int, when: str) -> Verdict:
        """A signal arrives while that request is under way."""
        house, verdict = self.house, Verdict(f"{scene.name}: signal {signum} {when} {request.key}")
        self._begin(scene.begin)

        def strike(passing: Request) -> None:
            if passing.key == request.key:
                verdict.struck = [0]
                house.tap.signal(signum)

        setattr(house.tap, when, strike)
        ended = self._run(scene.command, verdict)
        house.quiet()
        if verdict.struck:
            # Whoever is asked to stop after the last thing was done has nothing left to stop.
            right = {128 + signum} | ({scene.good} if house.things() == scene.goal else set())
            house.tap.must(ended in right, "I13", f"exit {ended} after signal {signum}")
        self._converge(scene, verdict, done=False)
        return verdict

    def expired(self, scene: Scene, request: Request) -> Verdict:
        """From that request on, no credentials are good any more; then they are renewed."""
        house, verdict = self.house, Verdict(f"{scene.name}: expired from {request.key} on")
        self._begin(scene.begin)
        expired = Family("expired", rule_of("expired", "before"), FOR_EVER).at(request)

        def strike(passing: Request) -> None:
            if passing.key == request.key:
                verdict.struck = [0]
                house.tap.always = expired

        house.tap.before = strike
        done = self._once(scene, verdict)
        house.quiet()
        self._converge(scene, verdict, done=done)
        return verdict

    def stepped(self, scene: Scene, request: Request, seconds: float) -> Verdict:
        """The machine's clock is set, forwards or backwards, while that request is under way."""
        house, verdict = self.house, Verdict(f"{scene.name}: clock {seconds:+.0f} s at {request.key}")
        self._begin(scene.begin)

        def strike(passing: Request) -> None:
            if passing.key == request.key:
                verdict.struck = [0]
                house.clock.step += seconds

        house.tap.before = strike
        done = self._once(scene, verdict)
        house.quiet()
        self._converge(scene, verdict, done=done)
        return verdict

    def disk_fails(self, scene: Scene, number: int, error: int, *, once: bool) -> Verdict:
        """The disk refuses that call, or that and all later ones, until it is repaired."""
        house, verdict = self.house, Verdict(f"{scene.name}: disk error {error} at call {number}, once={once}")
        self._begin(scene.begin)

        def fail(call: str, count: int) -> int | None:
            if count == number or (count > number and not once):
                verdict.struck = [0]
                return error
            return None

        house.disk.fail = fail
        done = self._once(scene, verdict)
        house.quiet()
        house.disk.settle()
        self._converge(scene, verdict, done=done)
        return verdict

    def second(self, scene: Scene) -> Verdict:
        """At every request, somebody starts a second command on the same link: it must be turned away unheard."""
        house, verdict = self.house, Verdict(f"{scene.name}: a second process at every request")
        self._begin(scene.begin)

        def strike(passing: Request) -> None:
            verdict.struck.append(len(verdict.struck))
            house.tap.must(house.turned_away(), "I11", f"a second command was let in at {passing.key}")

        house.tap.before = strike
        done = self._once(scene, verdict)
        house.quiet()
        self._converge(scene, verdict, done=done)
        return verdict

    def taken(self, scene: Scene, request: Request) -> Verdict:
        """Somebody else makes a thing of that very name and those settings first: it must be refused, not adopted."""
        house, verdict = self.house, Verdict(f"{scene.name}: a stranger is there before {request.key}")
        self._begin(scene.begin)
        theirs: list[tuple[str, object]] = []

        def strike(passing: Request) -> None:
            if passing.key == request.key:
                identifier = house.stranger(passing)
                theirs.append((identifier, house.stands(identifier)))

        house.tap.before = strike
        code = self._run(scene.command, verdict)
        house.quiet()
        for identifier, before in theirs:
            verdict.struck = [0]
            house.tap.must(code == _REFUSED, "I6", f"exit {code} although {identifier} is somebody else's")
            house.tap.must(house.stands(identifier) == before, "I6", f"{identifier}, somebody else's, has changed")
            _go(house, request, identifier)
        self._converge(scene, verdict, done=False)
        return verdict

    # ------------------------------------------------------------------------------------------ what follows

    def follow(self, scene: Scene, verdict: Verdict) -> None:
        """Whatever the house is like: the command until it succeeds, once more, a teardown."""
        self._converge(scene, verdict, done=False)

    def run(self, command: Command, verdict: Verdict) -> int:
        """Run a command with what holds at every request; its exit code."""
        return self._run(command, verdict)

    def _begin(self, image: Image) -> None:
        self.house.quiet()
        self.house.tap.violations.clear()
        self.house.take_up(image)

    def _run(self, command: Command, verdict: Verdict) -> int:
        house = self.house
        self.commands += 1
        verdict.runs += 1
        begun = house.clock.now()
        ended = house.run(command)
        verdict.wrong += house.tap.violations
        house.tap.violations.clear()
        house.last = ended
        if ended.crash is not None:
            verdict.wrong.append(f"I7: a crash: {ended.words}")
        elif ended.code not in _CODES and ended.code < 128:
            verdict.wrong.append(f"I7: exit {ended.code}")
        house.tap.must(house.clock.now() - begun < _BUDGET, "I12", f"{house.clock.now() - begun:.0f} s")
        house.nothing_lost("the command has ended")
        house.secrets_unseen(ended)
        return ended.code

    def _once(self, scene: Scene, verdict: Verdict) -> bool:
        """Run the command; whether it says that the goal is reached, which must then be true (I7)."""
        house = self.house
        code = self._run(scene.command, verdict)
        if code == scene.good and house.things() != scene.goal:
            verdict.wrong.append(f"I7: exit {code}, and yet {house.difference(scene.goal)}")
        return code == scene.good

    def _converge(self, scene: Scene, verdict: Verdict, *, done: bool) -> None:
        house = self.house
        for _ in range(_TRIES):
            if done:
                break
            done = self._once(scene, verdict)
        if not done:
            verdict.wrong.append(f"I3: not done after {_TRIES} more runs: {house.last.words}")
        else:
            self._settled(scene, verdict)
        verdict.wrong += house.tap.violations
        house.tap.violations.clear()

    def _settled(self, scene: Scene, verdict: Verdict) -> None:
        house = self.house
        house.untouched()
        house.nothing_twice()
        mark = (scene.name, house.standing())
        if mark in self._followed or verdict.wrong:
            return
        files = house.state_files()
        code = self._run(scene.command, verdict)
        sent = [request.key for request in house.tap.passed if request.writes]
        house.tap.must(code == scene.good and not sent, "I4", f"once more: exit {code}, {house.last.words}, {sent}")
        house.tap.must(house.state_files() == files, "I4", "once more: the state was changed")
        if scene.command is take_down:
            house.clean()
        else:
            self._taken_down(verdict)
        if not verdict.wrong and not house.tap.violations:
            self._followed.add(mark)

    def _taken_down(self, verdict: Verdict) -> None:
        house, code = self.house, -1
        for _ in range(_TRIES):
            if (code := self._run(take_down, verdict)) == 0:
                break
        house.tap.must(code == 0, "I5", f"teardown ended with {code}: {house.last.words}")
        house.clean()
        house.untouched()
        code = self._run(take_down, verdict)
        sent = [request.key for request in house.tap.passed if request.writes]
        house.tap.must(code == 0 and not sent, "I5", f"a second teardown: exit {code}, {sent}")
        house.clean()
        verdict.wrong += house.tap.violations
        house.tap.violations.clear()
