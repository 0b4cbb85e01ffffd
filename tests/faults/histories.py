"""Random histories: commands, faults, kills, time, and other people's hands, one tale (tales.py) after the other.

Nothing is asked of the commands on the way but what must hold at every request. At the end nobody disturbs any more:
the link must come up, stay quiet, and go without a trace.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from botocore.exceptions import ClientError
from families import PACKED
from house import (
    Command,
    House,
    Image,
    accept,
    changed_up,
    consumer_up,
    filtered_up,
    provider_up,
    rebuilt,
    take_down,
    up_,
    verify,
)
from scenes import Scene
from tales import ByHand, Do, Killed, Rebuild, Step, Stopped, Struck, Tale, Wait, drawn, shortest
from tap import Request, Shot
from trial import Trials, Verdict

_ALL: Final[tuple[Command, ...]] = (
    up_,
    changed_up,
    filtered_up,
    provider_up,
    consumer_up,
    take_down,
    accept,
    verify,
)
_COMMANDS: Final = {command.__name__: command for command in _ALL}
_FAMILIES: Final = {family.name: family for family in PACKED}
_GONE: Final = "reset"


class History:
    """One history.

    Args:
        trials: Run commands and see to what must hold.
        scene: `up`, undisturbed: where it all must come to in the end.
        told: The tale, or the seed it is drawn from.
    """

    def __init__(self, trials: Trials, scene: Scene, told: int | Tale) -> None:
        self.trials, self.house, self.scene = trials, trials.house, scene
        self.tale = drawn(told) if isinstance(told, int) else told
        self.verdict = Verdict(f"history {told}")

    def play(self) -> Verdict:
        """Live through it, and come to the end. When it is red, what is left of it in short is told too."""
        self.verdict.wrong += self._wrong(self.tale)
        if self.verdict.wrong:
            self.verdict.wrong.append(f"in short: {shortest(self.tale, lambda less: bool(self._wrong(less)))}")
        self.verdict.struck = [0]
        return self.verdict

    def _wrong(self, tale: Tale) -> list[str]:
        """What does not hold in a tale."""
        house, world, verdict = self.house, self.house.server.world, Verdict("")
        house.quiet()
        house.tap.violations.clear()
        house.take_up(house.empty)
        world.seed, world.visibility = tale.seed, tale.lag
        try:
            for step in tale.steps:
                self._take(step, verdict)
                house.quiet()
            house.clock.advance(120)  # whatever was still to land has landed, and shows
            world.visibility = 0.0
            self.trials.follow(self.scene, verdict)
        finally:
            world.seed, world.visibility = 0, 0.0
            self.verdict.runs += verdict.runs
        return verdict.wrong

    def _take(self, step: Step, verdict: Verdict) -> None:
        match step:
            case Wait(seconds):
                self.house.clock.advance(seconds)
            case ByHand(deed, nth):
                self._by_hand(deed, nth)
            case Rebuild():
                self._rebuild(verdict)
            case Do("consumer_up") if "name" not in self.house.attrs("provider/service"):
                pass  # nobody could have told the consumer what to connect to
            case Do(command, Killed() as killed):
                self._killed(_COMMANDS[command], killed, verdict)
            case Do(command, Struck(faults)):
                self._struck(dict(faults))
                self.trials.run(_COMMANDS[command], verdict)
            case Do(command, Stopped(at)):
                self.house.tap.before = self._at(at, lambda _: self.house.tap.signal(2))
                self.trials.run(_COMMANDS[command], verdict)
            case Do(command):
                self.trials.run(_COMMANDS[command], verdict)

    def _at(self, number: int, strike: Callable[[Request], None]) -> Callable[[Request], None]:
        """Does that at the nth request of a command."""
        return lambda request: strike(request) if len(self.house.tap.passed) == number else None

    def _killed(self, command: Command, killed: Killed, verdict: Verdict) -> None:
        house = self.house
        image: list[Image] = []
        known: list[str] = []

        def strike(request: Request) -> None:
            if image:
                return
            taken = house.image()
            house.nothing_lost("killed")
            known.extend(house.tap.violations)
            late = killed.effect == "late"
            image.append(house.with_late(taken, request, killed.seconds) if late else taken)
            house.tap.before = house.tap.after = lambda _: None
            # What it still does is of no account; let it come to its end soon.
            house.tap.always = Shot(replace(PACKED[0].rule, name=_GONE), 1)
            house.stop.set(15)

        setattr(house.tap, "after" if killed.effect == "after" else "before", self._at(killed.at, strike))
        ended = Verdict("killed")
        self.trials.run(command, ended)
        house.quiet()
        verdict.wrong += known if image else ended.wrong
        if image:
            house.tap.violations.clear()
            house.take_up(image[0])

    def _struck(self, faults: dict[int, str]) -> None:
        def strike(request: Request) -> None:
            family = _FAMILIES[faults[len(self.house.tap.passed)]]
            if family.befalls(request):
                self.house.tap.shots.setdefault(request.base, []).append(family.at(request))

        def before(request: Request) -> None:
            if len(self.house.tap.passed) in faults:
                strike(request)

        self.house.tap.before = before

    def _rebuild(self, verdict: Verdict) -> None:
        """Only the state could tell what was under way, and which tags the user had set (nothing-is-lost.md); so there
        is none of it, and all that is there shows."""
        house = self.house
        house.clock.advance(120)
        records = house.records().values()
        if not records or house.in_doubt() or any(record["tags"] for record in records):
            return
        shutil.rmtree(house.states)
        house.states.mkdir(mode=0o700)
        house.disk.settle()
        self.trials.run(rebuilt, verdict)

    def _by_hand(self, deed: str, nth: int) -> None:
        kind, does = _DEEDS[deed]
        records = self.house.records()
        can = sorted(n for n, r in records.items() if r["kind"] == kind and r["phase"] == "ready" and r["attrs"])
        if can:
            node = can[nth % len(can)]
            with suppress(ClientError):  # AWS does not let everybody do everything
                does(self.house, node.split("/")[0], records[node]["attrs"])


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


def _no_role(house: House, side: str, attrs: dict[str, Any]) -> None:
    iam = house.client(side, "iam")
    for policy in iam.list_role_policies(RoleName=attrs["name"])["PolicyNames"]:
        iam.delete_role_policy(RoleName=attrs["name"], PolicyName=policy)
    iam.delete_role(RoleName=attrs["name"])


def _no_target(house: House, side: str, attrs: dict[str, Any]) -> None:
    target = {"Id": attrs["load_balancer_arn"], "Port": attrs["port"]}
    house.client(side, "elbv2").deregister_targets(TargetGroupArn=attrs["target_group_arn"], Targets=[target])


def _another_answer(house: House, side: str, attrs: dict[str, Any]) -> None:
    said = {"StatusCode": "503", "ContentType": "text/plain", "MessageBody": "Closed"}
    action = {"Type": "fixed-response", "FixedResponseConfig": said}
    house.client(side, "elbv2").modify_listener(ListenerArn=attrs["id"], DefaultActions=[action])


def _another_retention(house: House, side: str, attrs: dict[str, Any]) -> None:
    house.client(side, "logs").put_retention_policy(logGroupName=attrs["id"], retentionInDays=3)


def _locked_out(house: House, side: str, attrs: dict[str, Any]) -> None:
    ec2 = house.client(side, "ec2")
    allowed = ec2.describe_vpc_endpoint_service_permissions(ServiceId=attrs["id"])["AllowedPrincipals"]
    ec2.modify_vpc_endpoint_service_permissions(
        ServiceId=attrs["id"], RemoveAllowedPrincipals=[item["Principal"] for item in allowed]
    )


_DEEDS: Final[dict[str, tuple[str, Callable[[House, str, dict[str, Any]], None]]]] = {
    "delete a log group": ("log_group", _no_log_group),
    "delete a function": ("function", _no_function),
    "delete a listener": ("listener", _no_listener),
    "delete an endpoint": ("endpoint", _no_endpoint),
    "delete a rule": ("security_group_rule", _no_rule),
    "delete a role": ("role", _no_role),
    "take out a target": ("target", _no_target),
    "change an answer": ("listener", _another_answer),
    "change a retention": ("log_group", _another_retention),
    "lock a principal out": ("endpoint_service", _locked_out),
}
