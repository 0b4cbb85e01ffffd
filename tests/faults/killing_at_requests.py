"""Kill -9 at every request: the sandbox kills the process that sends it, by a rule such as anybody can set.

Before the effect, after it, or once it is answered. Processes and connections are real, and so is the time; as many
requests are under way as the walk has just then.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import killing
from census import census
from house import Command, House, accept, changed_up, consumer_up, provider_up, take_down, up_, verify
from killing import Ended, forked

from plinkctl.sandbox import daemon, remote
from plinkctl.sandbox.daemon import Running

#: What is killed, and what ran before.
COMMANDS: Final[dict[str, tuple[Command, tuple[Command, ...]]]] = {
    "provider up": (provider_up, ()),
    "consumer up": (consumer_up, (provider_up,)),
    "accept": (accept, (provider_up, consumer_up)),
    "up": (up_, ()),
    "up on existing": (up_, (up_,)),
    "up after a change": (changed_up, (up_,)),
    "verify": (verify, (up_,)),
    "teardown": (take_down, (up_,)),
}
_OK: Final = Ended(0)
_KILLED: Final = Ended(None)
_TRIES: Final = 3
_READS: Final = ("Describe", "Get", "List", "Invoke")
Work = Callable[[Path], object]


@dataclass(frozen=True)
class Arrival:
    """The nth request of one action in one account."""

    account: str
    action: str
    nth: int

    @property
    def moments(self) -> tuple[str, ...]:
        """When to kill; a read has no effect, so that before and after it is one."""
        return ("before",) if self.action.partition(":")[2].startswith(_READS) else ("before", "after", "reply")


@contextmanager
def real_kills(folder: Path) -> Iterator["RealKills"]:
    """The same in a sandbox of its own, in that folder; this process points at it meanwhile."""
    running = daemon.start(folder / "sandbox", "instant", parent_pid=os.getpid())
    before = dict(os.environ)
    try:
        os.environ.update(daemon.environment(running))
        yield RealKills(running, folder)
    finally:
        os.environ.clear()
        os.environ.update(before)
        daemon.stop(running.folder)


class RealKills:
    """Processes that are killed in a sandbox.

    Args:
        running: The sandbox, which this process points at; what is in it goes.
        folder: For the states.
    """

    def __init__(self, running: Running, folder: Path) -> None:
        self._running, self._folder, self._number = running, folder, 0
        self._arrivals: dict[str, list[Arrival]] = {}
        self._goals: dict[str, object] = {}
        remote.reset(running)
        self._empty = census()

    def cases(
        self, name: str, *, every: int = 1, part: tuple[int, int] = (0, 1)
    ) -> Iterator[tuple[str, list[str] | None]]:
        """Each case in words, and what was wrong; None where the request did not come that often this time.

        Args:
            name: The command.
            every: One case of so many.
            part: Which of how many parts of these.
        """
        every_case = [(arrival, moment) for arrival in self._undisturbed(name) for moment in arrival.moments]
        first, parts = part
        for arrival, moment in every_case[min(every // 2, len(every_case) - 1) :: every][first::parts]:
            what = f"{name}: killed {moment} {arrival.account} {arrival.action} #{arrival.nth}"
            yield what, self._case(name, arrival, moment)

    def _undisturbed(self, name: str) -> list[Arrival]:
        """The requests of a run that nothing befalls, in their order."""
        if name not in self._arrivals:
            folder, begun = self._begin(name)
            ended = forked(_work(COMMANDS[name][0]), folder)
            count: Counter[tuple[str, str]] = Counter()
            arrivals = []
            for call in remote.calls(self._running)[begun:]:
                key = (call["account"], f"{call['service']}:{call['action']}")
                count[key] += 1
                arrivals.append(Arrival(*key, count[key]))
            if ended != _OK:
                raise AssertionError(f"{name}, undisturbed: {ended}")
            self._arrivals[name], self._goals[name] = arrivals, census()
        return self._arrivals[name]

    def _begin(self, name: str) -> tuple[Path, int]:
        """The command's beginning: a folder for the states, and how many calls there were before."""
        remote.reset(self._running)
        self._number += 1
        folder = self._folder / str(self._number)
        for before in COMMANDS[name][1]:
            if (ended := forked(_work(before), folder)) != _OK:
                raise AssertionError(f"{before.__name__}, undisturbed: {ended}")
        return folder, len(remote.calls(self._running))

    def _case(self, name: str, arrival: Arrival, moment: str) -> list[str] | None:
        work, goal = _work(COMMANDS[name][0]), self._goals[name]
        folder, _ = self._begin(name)
        rule = {"action": arrival.action, "account": arrival.account, "nth": arrival.nth, "when": moment}
        remote.set_faults(self._running, {"rules": [{**rule, "effect": "signal", "signals": ["KILL"]}]}, replace=True)
        ended = forked(work, folder)
        remote.clear_faults(self._running)
        if ended != _KILLED:
            return None if ended == _OK else [f"I7: {ended}"]
        tries = 0
        while (ended := forked(work, folder)) != _OK and (tries := tries + 1) < _TRIES:
            pass
        if ended != _OK:
            return [f"I3: {ended} after {_TRIES} more runs"]
        wrong = [] if census() == goal else [f"I7: a success, and yet {_difference(goal, census())}"]
        begun = len(remote.calls(self._running))
        ended = forked(work, folder)
        sent = [c["action"] for c in remote.calls(self._running)[begun:] if not c["action"].startswith(_READS)]
        wrong += [] if ended == _OK and not sent else [f"I4: once more: {ended}, {sent}"]
        ended = forked(_work(take_down), folder)
        left = census() - self._empty
        return wrong + ([] if ended == _OK and not left else [f"I5: {ended}, left over: {dict(left)}"])


def _work(command: Command) -> Work:
    """For a forked process: it names itself to the sandbox, and runs the command."""

    def worked(folder: Path) -> None:
        os.environ["AWS_SDK_UA_APP_ID"] = f"pid-{os.getpid()}"
        run = killing.begin(command.__name__.strip("_").replace("_", " "), folder)
        command(cast(House, None), run)  # those that are used here look at nothing but the run
        killing.raise_first(run)

    return worked


def _difference(goal: Any, found: Any) -> str:
    return f"missing {dict(goal - found)}, too much {dict(found - goal)}"
