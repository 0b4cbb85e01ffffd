"""Mutants: the recipe with one line switched off. The harness is under test here: each must turn a trial red."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest
from campaign import Campaign
from families import PACKED
from house import House, take_down, up_
from scenes import scenes
from trial import Trials, Verdict

from plinkctl import state as states
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
    house.grace = 0.0


def no_incarnation(house: House, patch: Patch) -> None:
    """What is made again has the operation ID of what was deleted."""

    def next_record(state: State, node: str) -> tuple[int, str]:
        return 1, states.op_id(state.lineage, f"{state.side}/{node}", 1)

    patch.setattr(State, "next_record", next_record)


def lock_on_the_state_file(house: House, patch: Patch) -> None:
    """The lock is the state file's own, and is lost when that is replaced."""

    def lock(path: Path) -> int:
        descriptor = os.open(path.with_suffix(".json"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise StateError("locked", code="state_locked") from None
        return descriptor

    real = files.read_private
    patch.setattr(files, "lock", lock)
    patch.setattr(files, "read_private", lambda path: real(path) or None)


def adoption_without_tags(house: House, patch: Patch) -> None:
    """What has the right name is taken for ours."""
    for kind in KINDS.values():
        module = __import__(type(kind).__module__, fromlist=["ours"])
        if hasattr(module, "ours"):
            patch.setattr(module, "ours", lambda *_: True)


def no_sweep(house: House, patch: Patch) -> None:
    """Nobody looks by tag what is left."""
    for kind in KINDS.values():
        patch.setattr(type(kind), "sweep", lambda _self, _ctx: [])


MUTANTS: Final[dict[str, Callable[[House, Patch], None]]] = {
    "the SDK retries writes": sdk_retry,
    "no fsync": no_fsync,
    "the intent after the call": intent_after_the_call,
    "no grace": no_grace,
    "no sweep": no_sweep,
    "no incarnation": no_incarnation,
    "no delete intent": no_delete_intent,
    "the lock on the state file": lock_on_the_state_file,
    "adoption without tag check": adoption_without_tags,
}


def trial_of(mutant: str, house: House) -> Verdict:
    """The trial that must turn red for this mutant, and is green without it."""
    trials = Trials(house)
    match mutant:
        case "the SDK retries writes":
            scene = scenes(house, "up", photograph=False)["up"]
            family = next(f for f in PACKED if f.name == "reset after the effect")
            aims = [(request, family) for request in scene.requests if request.action == "CreateVpc"]
            return trials.aimed(scene, aims)
        case "no grace":
            scene = scenes(house, "up")["up"]
            what, image = next((w, i) for w, i in scene.lates if "CreateVpc" in w)
            verdict = trials.killed(scene, f"{what} lands 5 s later", image)
            made = [call.action for call in house.server.gateway.calls].count("CreateVpc")
            verdict.wrong += ["I2: two VPCs were made"] if made > 4 else []
            return verdict
        case "no sweep":
            return _lost_in_spite_of_all(house, trials)
        case "no incarnation":
            verdict = Verdict("up, teardown, up")
            house.take_up(house.empty)
            codes = [trials.run(command, verdict) for command in (up_, take_down, up_)]
            verdict.wrong += [] if codes == [0, 0, 0] else [f"I3: {codes}"]
            return verdict
        case "the lock on the state file":
            return trials.second(scenes(house, "up", photograph=False)["up"])
        case "adoption without tag check":
            scene = scenes(house, "up", photograph=False)["up"]
            campaign = Campaign(trials, {"up": scene})
            campaign.strangers("up")
            return Verdict("strangers", wrong=campaign.tally.red)
        case _:  # seen at the requests of an undisturbed run
            verdict = Verdict("up and teardown")
            house.take_up(house.empty)
            for command in (up_, take_down):
                trials.run(command, verdict)
            return verdict


def _lost_in_spite_of_all(house: House, trials: Trials) -> Verdict:
    """The bookkeeping fails: a resource of ours that no state knows. A teardown must not say that nothing is left."""
    verdict = Verdict("a teardown after a record was lost")
    house.take_up(house.empty)
    trials.run(up_, verdict)
    house.forget("consumer", "log-group")
    house.tap.watching = False
    code = trials.run(take_down, verdict)
    house.tap.watching = True
    verdict.wrong = [f"I7: exit {code} with something left"] if code == 0 else []
    return verdict


def killed(mutant: str, house: House, patch: Patch) -> bool:
    """Whether the harness sees the mutant."""
    MUTANTS[mutant](house, patch)
    try:
        return bool(trial_of(mutant, house).wrong)
    except AssertionError:  # the undisturbed run is red already
        return True
