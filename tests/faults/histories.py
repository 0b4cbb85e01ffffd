"""Random histories: commands, faults, kills, time, and other people's hands, drawn from a seed.

Nothing is asked of the commands on the way but what must hold at every request. At the end nobody disturbs any more:
the link must come up, stay quiet, and go without a trace.
"""

import random
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from botocore.exceptions import ClientError
from families import PACKED
from house import Command, House, Image, accept, changed_up, provider_up, take_down, up_, verify
from scenes import Scene
from tap import Request, Shot
from trial import Trials, Verdict

_COMMANDS: Final[tuple[Command, ...]] = (up_, up_, up_, take_down, take_down, changed_up, provider_up, accept, verify)
_MOST_REQUESTS: Final = 230
_GONE: Final = "reset"


class History:
    """One history.

    Args:
        trials: Run commands and see to what must hold.
        scene: `up`, undisturbed: where it all must come to in the end.
        seed: What everything is drawn from.
    """

    def __init__(self, trials: Trials, scene: Scene, seed: int) -> None:
        self.trials, self.house, self.scene = trials, trials.house, scene
        self.draw = random.Random(seed)  # noqa: S311 - dice, not a secret
        self.verdict = Verdict(f"history {seed}")
        self.said: list[str] = []
        self.late: Any = None

    def play(self) -> Verdict:
        """Live through it, and come to the end."""
        house, world = self.house, self.house.server.world
        house.quiet()
        house.tap.violations.clear()
        house.take_up(house.empty)
        world.seed, world.visibility = self.draw.randrange(1000), self.draw.choice([0.0, 0.0, 2.0, 6.0])
        try:
            for _ in range(self.draw.randint(2, 5)):
                self.draw.choice([self._command, self._command, self._command, self._time, self._hands])()
            house.clock.advance(120)  # whatever was still to land has landed, and shows
            world.visibility = 0.0
            self.trials.follow(self.scene, self.verdict)
        finally:
            world.seed, world.visibility = 0, None
        if self.verdict.wrong:
            self.verdict.wrong.append(" / ".join(self.said))
        self.verdict.struck = [0]
        return self.verdict

    def _time(self) -> None:
        seconds = self.draw.choice([1.0, 30.0, 61.0, 900.0])
        self.said.append(f"{seconds:.0f} s")
        self.house.clock.advance(seconds)

    def _command(self) -> None:
        command = self.draw.choice(_COMMANDS)
        disturb = self.draw.choice([self._killed, self._killed, self._faulted, self._stopped, self._undisturbed])
        self.said.append(f"{command.__name__} {disturb.__name__.strip('_')}")
        disturb(command)
        self.house.quiet()

    def _undisturbed(self, command: Command) -> None:
        self.trials.run(command, self.verdict)

    def _killed(self, command: Command) -> None:
        """It dies at one of its requests, which may take effect before, after, or never."""
        house, at = self.house, self._number()
        effect = self.draw.choice(["before", "after", "late"])
        image: list[Image] = []
        known: list[str] = []

        def strike(request: Request) -> None:
            if len(house.tap.passed) != at or image:
                return
            taken = house.image()
            house.nothing_lost("killed")
            known.extend(house.tap.violations)
            image.append(house.with_late(taken, request, self.draw.choice([1.0, 20.0])) if effect == "late" else taken)
            house.tap.before = house.tap.after = lambda _: None
            # What it still does is of no account; let it come to its end soon.
            house.tap.always = Shot(replace(PACKED[0].rule, name=_GONE), 1)
            house.stop.set(15)

        setattr(house.tap, "after" if effect == "after" else "before", strike)
        ended = Verdict("killed")
        self.trials.run(command, ended)
        house.quiet()
        if image:
            self.said[-1] += f" at {at} {effect}"
            self.verdict.wrong += known
            house.take_up(image[0])
        else:
            self.verdict.wrong += ended.wrong

    def _faulted(self, command: Command) -> None:
        house = self.house
        aims = {self._number(): self.draw.choice(PACKED) for _ in range(self.draw.randint(1, 3))}
        self.said[-1] += f" {[(at, family.name) for at, family in aims.items()]}"

        def strike(request: Request) -> None:
            family = aims.pop(len(house.tap.passed), None)
            if family is not None and family.befalls(request):
                house.tap.shots.setdefault(request.base, []).append(family.at(request))

        house.tap.before = strike
        self.trials.run(command, self.verdict)

    def _stopped(self, command: Command) -> None:
        house, at = self.house, self._number()

        def strike(request: Request) -> None:
            if len(house.tap.passed) == at:
                house.tap.signal(2)

        house.tap.before = strike
        self.trials.run(command, self.verdict)

    def _number(self) -> int:
        return self.draw.randint(1, self.draw.choice([20, 60, _MOST_REQUESTS]))

    def _hands(self) -> None:
        """Somebody deletes or changes something of ours by hand."""
        records = self.house.records()
        kinds = {"log_group": _no_log_group, "function": _no_function, "listener": _no_listener}
        kinds |= {"endpoint": _no_endpoint, "security_group_rule": _no_rule}
        can = sorted(n for n, r in records.items() if r["kind"] in kinds and r["phase"] == "ready" and r["attrs"])
        if not can:
            return
        node = self.draw.choice(can)
        self.said.append(f"{node} deleted by hand")
        with suppress(ClientError):
            kinds[records[node]["kind"]](self.house, node.split("/")[0], records[node]["attrs"])


def _no_log_group(house: House, side: str, attrs: dict[str, Any]) -> None:
    house.client(side, "logs").delete_log_group(logGroupName=attrs["id"])


def _no_function(house: House, side: str, attrs: dict[str, Any]) -> None:
    house.client(side, "lambda").delete_function(FunctionName=attrs["id"])


def _no_listener(house: House, side: str, attrs: dict[str, Any]) -> None:
    house.client(side, "elbv2").delete_listener(ListenerArn=attrs["id"])


def _no_endpoint(house: House, side: str, attrs: dict[str, Any]) -> None:
    house.client(side, "ec2").delete_vpc_endpoints(VpcEndpointIds=[attrs["id"]])


def _no_rule(house: House, side: str, attrs: dict[str, Any]) -> None:
    ec2 = house.client(side, "ec2")
    rule = ec2.describe_security_group_rules(SecurityGroupRuleIds=[attrs["id"]])["SecurityGroupRules"][0]
    revoke = "revoke_security_group_egress" if rule["IsEgress"] else "revoke_security_group_ingress"
    getattr(ec2, revoke)(GroupId=rule["GroupId"], SecurityGroupRuleIds=[attrs["id"]])
