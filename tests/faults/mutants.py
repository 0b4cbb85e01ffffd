"""Mutants: the recipe with one line switched off. The harness is under test here: each must turn a trial red."""

import fcntl
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest
from families import PACKED
from house import BOTH, House, Image, take_down, up_
from tap import Request
from trial import Trials, Verdict

from plinkctl import state as states
from plinkctl.app import extras, teardown
from plinkctl.aws import session
from plinkctl.errors import StateError
from plinkctl.kinds import KINDS
from plinkctl.state import Change, Phase, Record, State
from plinkctl.stores import files, local

Patch = pytest.MonkeyPatch


def sdk_retry(house: House, patch: Patch) -> None:
    """Writes are sent again by the SDK."""
    real = session._clients
    patch.setattr(session, "_clients", lambda *given, **_: real(*given, attempts=5))


def no_fsync(house: House, patch: Patch) -> None:
    """Files are replaced but never synced."""
    without = SimpleNamespace(**{**vars(os), "fsync": lambda _: None})
    patch.setattr(files, "os", without)


def _forgets(patch: Patch, phase: Phase) -> None:
    """A record of that phase is kept in memory only, until another one is committed after it."""
    real = local.LocalStore.commit

    def commit(store: local.LocalStore, record: Change) -> None:
        if isinstance(record, Record) and record.phase is phase and store._state is not None:
            store._state = store._state.put(record)
        else:
            real(store, record)

    patch.setattr(local.LocalStore, "commit", commit)


def intent_after_the_call(house: House, patch: Patch) -> None:
    """What is to be made is written down once it is made."""
    _forgets(patch, Phase.CREATING)


def no_delete_intent(house: House, patch: Patch) -> None:
    """What is to be deleted is written down once it is gone."""
    _forgets(patch, Phase.DELETING)


def no_grace(house: House, patch: Patch) -> None:
    """What is not seen at once is believed to be absent."""
    patch.setattr(house, "grace", 0.0)


def no_incarnation(house: House, patch: Patch) -> None:
    """What is made again has the operation ID of what was deleted."""

    def next_record(state: State, node: str) -> tuple[int, str]:
        return 1, states.op_id(state.lineage, f"{state.side}/{node}", 1)

    patch.setattr(State, "next_record", next_record)


def lock_on_the_state_file(house: House, patch: Patch) -> None:
    """The lock is the state file's own, as soon as there is one, and is lost when that is replaced."""

    def lock(path: Path) -> int:
        state = path.with_suffix(".json")
        descriptor = os.open(state if state.exists() else path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise StateError("locked", code="state_locked") from None
        return descriptor

    patch.setattr(files, "lock", lock)


def adoption_without_tags(house: House, patch: Patch) -> None:
    """What has the right name is taken for ours."""
    for kind in KINDS.values():
        module = sys.modules[type(kind).__module__]
        if hasattr(module, "ours"):
            patch.setattr(module, "ours", lambda *_: True)


def no_sweep(house: House, patch: Patch) -> None:
    """Nobody looks by tag what is there or left."""
    for module in (extras, teardown):
        patch.setattr(module, "tagged", lambda *_: [])


# ------------------------------------------------------------------------------------------------ the trials


def _an_up(trials: Trials, verdict: Verdict) -> None:
    """`up`, and a second process at every request."""
    house = trials.house
    house.take_up(house.empty)

    def strike(passing: Request) -> None:
        house.tap.must(house.turned_away(), "I11", f"a second command was let in at {passing.key}")
        if house.tap.violations:  # seen; it may as well end
            house.stop.set(15)

    house.tap.before = strike
    trials.run(up_, verdict)
    house.quiet()


def _again_and_again(trials: Trials, verdict: Verdict) -> None:
    """`up`, `teardown`, `up`."""
    house = trials.house
    house.take_up(house.empty)
    for command in (up_, take_down, up_):
        if not verdict.wrong and (code := trials.run(command, verdict)):
            verdict.wrong.append(f"I3: exit {code}, {house.last.words}")


def _answer_lost(trials: Trials, verdict: Verdict) -> None:
    """A VPC is made, and the answer is lost."""
    house = trials.house
    house.take_up(house.empty)
    family = next(family for family in PACKED if family.name == "reset after the effect")

    def strike(passing: Request) -> None:
        if passing.action == "CreateVpc" and not house.tap.shots:
            house.tap.shots = {passing.base: [family.at(passing)]}

    house.tap.before = strike
    trials.run(up_, verdict)
    house.quiet()
    house.nothing_twice()
    verdict.wrong += house.tap.violations


def _late(trials: Trials, seconds: float) -> None:
    """`up` was killed when it sent CreateVpc, which takes effect so many seconds later."""
    house = trials.house
    house.take_up(house.empty)
    found: list[Image] = []

    def strike(passing: Request) -> None:
        if passing.action == "CreateVpc" and not found:
            found.append(house.with_late(house.image(), passing, seconds))
            house.stop.set(15)  # what it still does is of no account

    house.tap.before = strike
    trials.run(up_, Verdict("killed"))
    house.quiet()
    house.take_up(found[0])


def _late_within_the_grace(trials: Trials, verdict: Verdict) -> None:
    """CreateVpc takes effect 5 s after the kill: it must be found, and not be sent again."""
    _late(trials, 5.0)
    house = trials.house

    def strike(passing: Request) -> None:
        if passing.action == "CreateSubnet":  # what was in doubt is resolved
            house.stop.set(15)

    house.tap.before = strike
    trials.run(up_, verdict)
    house.quiet()
    house.clock.advance(10)
    for side in BOTH:
        house.client(side, "ec2").describe_vpcs()  # what is late lands with the next call
    house.nothing_twice()
    verdict.wrong += house.tap.violations


def _later_than_the_grace(trials: Trials, verdict: Verdict) -> None:
    """CreateVpc takes effect when a second one was sent long ago: there are two, and one must go."""
    _late(trials, 100.0)
    house = trials.house
    for command in (up_, take_down):
        trials.run(command, verdict)
        house.clock.advance(120)
    trials.run(take_down, verdict)
    house.clean()
    verdict.wrong += house.tap.violations


def _stranger(trials: Trials, verdict: Verdict) -> None:
    """Somebody else has a log group of that very name."""
    house = trials.house
    house.take_up(house.empty)
    theirs: list[tuple[str, object]] = []

    def strike(passing: Request) -> None:
        if passing.action == "CreateLogGroup" and not theirs:
            identifier = house.stranger(passing)
            theirs.append((identifier, house.stands(identifier)))

    house.tap.before = strike
    code = trials.run(up_, verdict)
    house.quiet()
    ((identifier, before),) = theirs
    house.tap.must(code == 6, "I6", f"exit {code} although {identifier} is somebody else's")
    house.tap.must(house.stands(identifier) == before, "I6", f"{identifier}, somebody else's, has changed")
    verdict.wrong += house.tap.violations


@dataclass(frozen=True)
class Mutant:
    """What is switched off, and the trial that must tell."""

    switch_off: Callable[[House, Patch], None]
    trial: Callable[[Trials, Verdict], None]


MUTANTS: Final = {
    "the SDK retries writes": Mutant(sdk_retry, _answer_lost),
    "no fsync": Mutant(no_fsync, _an_up),
    "the intent after the call": Mutant(intent_after_the_call, _an_up),
    "no grace": Mutant(no_grace, _late_within_the_grace),
    "no sweep": Mutant(no_sweep, _later_than_the_grace),
    "no incarnation": Mutant(no_incarnation, _again_and_again),
    "no delete intent": Mutant(no_delete_intent, _again_and_again),
    "the lock on the state file": Mutant(lock_on_the_state_file, _an_up),
    "adoption without tag check": Mutant(adoption_without_tags, _stranger),
}


class Blindness:
    """Whether the harness is blind for mutants.

    Args:
        house: Where the trials are held.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._without: dict[object, list[str]] = {}

    def of(self, name: str) -> str:
        """Why it is no proof against this one; an empty string when it is: red with it, and green without."""
        mutant = MUTANTS[name]
        if mutant.trial not in self._without:
            self._without[mutant.trial] = self._wrong(mutant)
        if wrong := self._without[mutant.trial]:
            return f"red without it too: {wrong}"
        with pytest.MonkeyPatch.context() as patch:
            mutant.switch_off(self._house, patch)
            return "" if self._wrong(mutant) else "not seen"

    def _wrong(self, mutant: Mutant) -> list[str]:
        verdict = Verdict(mutant.trial.__name__)
        self._house.quiet()
        self._house.tap.violations.clear()
        mutant.trial(Trials(self._house), verdict)
        self._house.quiet()
        self._house.tap.violations.clear()
        return verdict.wrong
