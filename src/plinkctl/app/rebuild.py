"""`state rebuild`: a state that was lost, made again from the tags in the account.

Tags tell which resources there are, of which node, and, since an op id is a hash, of which incarnation. What was sent
to make them, AWS tells: probes read the frozen parameters back. So an `up` afterwards finds all as it should be. What
is not ours, or not proven to be, is not taken in; what the configuration borrows is taken up by that `up`.
"""

from collections.abc import Collection
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from plinkctl.app import run as running
from plinkctl.app.assembly import assembled, look, one_lineage, related
from plinkctl.app.run import Run
from plinkctl.errors import RefusedError
from plinkctl.link import Side
from plinkctl.state import State
from plinkctl.stores.memory import Memory

if TYPE_CHECKING:
    from plinkctl.app.findings import Found


def rebuild(run: Run, sides: tuple[Side, ...], *, lineages: Collection[str], anew: bool) -> dict[str, Any]:
    """Make the states of these sides again.

    Args:
        run: The run.
        sides: The sides asked for; with both, one that has a state or of which nothing is found is passed over.
        lineages: Whose resources to take, where the tags tell of several.
        anew: Put a state that is there aside, readable or not.

    Returns:
        `name`, `sides`, `resources`, `extras`.

    Raises:
        RefusedError: There is a state; nothing is found; or resources of several lineages are.
        StateError: The state is damaged, or locked.
    """
    wanted = sides if anew else _lost(run, sides)
    opened = running.take(run, {side: Memory() for side in wanted}, thorough=True)
    made: dict[Side, State] = {}
    extras: list[Found] = []
    for side, seat in opened.items():
        found = one_lineage(run, seat, look(run, seat), lineages)
        state, more = assembled(seat, found) if found else (seat.state, [])
        if state.records:
            made[side] = replace(state, protected=run.link.protect is True)
            extras += more
    if not made:
        places = " or ".join(
            sorted({f"account {seat.identity.account}, {seat.aws.region}" for seat in opened.values()})
        )
        raise RefusedError(
            f"nothing is found of the link {run.link.name!r}",
            why=f"no resource in {places} has tags of it that prove each other",
            hint="--name, --profile and --region say where to look",
            code="nothing_found",
        )
    made = related(run, opened, made)
    for side, state in made.items():
        _write(run, side, state, anew=anew)
    for extra in extras:
        run.note(f"there is one {extra.kind} too many of {extra.key}: {extra.id}; plinkctl sweep shows it", "warning")
    return {
        "name": run.link.name,
        "sides": [
            {"side": side.value, "account": state.account, "region": state.region, "lineage": state.lineage}
            for side, state in made.items()
        ],
        "resources": [
            {"side": side.value, "node": f"{side}/{name}", "kind": record.kind, "id": record.id}
            for side, state in made.items()
            for name, record in state.live.items()
        ],
        "extras": [extra.to_json() for extra in extras],
    }


def _lost(run: Run, sides: tuple[Side, ...]) -> tuple[Side, ...]:
    """The sides that have no state.

    Raises:
        RefusedError: All have one.
        StateError: One is damaged.
    """
    lost = tuple(side for side in sides if run.state(side) is None)
    if not lost:
        raise RefusedError(
            f"the link {run.link.name!r} has its state",
            why=f"{', '.join(run.states.file(run.link.name, side) for side in sides)}: nothing is lost",
            hint="plinkctl sweep shows what it does not record; --replace makes a new one all the same",
            code="state_there",
        )
    return lost


def _write(run: Run, side: Side, state: State, *, anew: bool) -> None:
    """All in one commit, so that there is the whole state or none."""
    if anew and (aside := run.states.set_aside(run.link.name, side)):
        run.note(f"the {side} side's state was put aside as {aside}")
    with closing(run.states.open(run.link.name, side)) as store:
        if store.state is not None:
            raise RefusedError(f"somebody made a state of the {side} side meanwhile", code="state_there")
        *others, last = state.records.values()
        store.begin(replace(state, records={record.node: record for record in others}))
        store.commit(last)
    run.note(f"the {side} side's state is made again, with {len(state.records)} records")
