"""`sweep`: what carries a link's tags and no state here records; with consent it is taken away as a teardown would.

A state that was lost, a teardown with the wrong folder, a request that took effect after everybody had given it up:
what they leave is found by tag. What is to go is written into a state in memory, and a teardown walks over that: the
same order, the same waits, the same proof. A crash in between loses nothing, since tags find the rest again.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from plinkctl import topology
from plinkctl.app import run as running
from plinkctl.app.assembly import everything, look, one_lineage, related
from plinkctl.app.findings import Found
from plinkctl.app.run import Run, Seat
from plinkctl.app.teardown import Plan, take_down
from plinkctl.errors import RefusedError
from plinkctl.link import Side
from plinkctl.state import State
from plinkctl.stores.memory import Memory

if TYPE_CHECKING:
    from plinkctl.stores import Store


def sweep(
    run: Run, sides: tuple[Side, ...], *, lineages: Collection[str], agree: Callable[[Plan], None] | None
) -> dict[str, Any]:
    """List the leftovers of a link, or take them away.

    Args:
        run: The run.
        sides: The sides asked for.
        lineages: Whose resources to look at; all, if none is named.
        agree: Asks the user before anything is deleted; None only lists.

    Returns:
        `name`, `deleted`, `leftovers`.

    Raises:
        RefusedError: The answer was no; or there are leftovers of several lineages and none was named.
        StateError: A state is damaged, of another account or region, or, when deleting, locked.
    """
    with ExitStack() as stack:
        # Who deletes holds the locks: what a running command has just made is in no state yet.
        stores: dict[Side, Store] = {
            side: stack.enter_context(closing(run.states.open(run.link.name, side)))
            if agree is not None
            else Memory(run.state(side))
            for side in sides
        }
        opened = running.take(run, stores, thorough=True)
        found = {side: _leftovers(look(run, seat), seat.state, lineages) for side, seat in opened.items()}
        if not any(found.values()):
            accounts = ", ".join(sorted({seat.identity.account for seat in opened.values()}))
            run.note(f"nothing of {run.link.name!r} is left in {accounts} that no state here records")
            return {"name": run.link.name, "deleted": [], "leftovers": []}
        if agree is None:
            run.note("plinkctl sweep --delete takes them away; whoever has their state still would lose a living link")
            return {"name": run.link.name, "deleted": [], "leftovers": list(_listed(run, opened, found))}
        _refuse_protected(run, opened)
        wanted = {side: one_lineage(run, opened[side], items, lineages) for side, items in found.items() if items}
        doomed = _seated(run, opened, wanted)
        recorded = {record.id for seat in opened.values() for record in seat.state.live.values()}
        return {"name": run.link.name, **take_down(run, doomed, agree=agree, keep=recorded)}


def _refuse_protected(run: Run, opened: Mapping[Side, Seat]) -> None:
    """A state that is lost cannot say that its side is protected; the configuration still can.

    Raises:
        RefusedError: It does.
    """
    if run.link.protect and not all(seat.state.live for seat in opened.values()):
        raise RefusedError(
            f"the link {run.link.name!r} is protected",
            why="its configuration says protect: true, and a state of it is not here",
            hint="plinkctl state rebuild",
            code="protected",
        )


def _leftovers(found: Iterable[Found], state: State, lineages: Collection[str]) -> list[Found]:
    """Those that the state does not record, nor has an open intent for."""
    ids = {record.id for record in state.live.values()}
    begun = {record.op for record in state.live.values() if not record.id}
    return [
        one for one in found if one.id not in ids and one.op not in begun and (not lineages or one.lineage in lineages)
    ]


def _seated(run: Run, opened: Mapping[Side, Seat], found: Mapping[Side, list[Found]]) -> dict[Side, Seat]:
    """Seats whose states, in memory, record what is found."""
    made = {side: everything(opened[side], items) for side, items in found.items()}
    made = {side: state for side, state in made.items() if state.records}
    seats: dict[Side, Seat] = {}
    for side, state in related(run, opened, made).items():
        store = Memory(state)
        seats[side] = replace(opened[side], store=store, desk=replace(opened[side].desk, store=store))
    return seats


def _listed(run: Run, opened: Mapping[Side, Seat], found: Mapping[Side, list[Found]]) -> Iterable[dict[str, str]]:
    """In the order in which they would go. Where a side has several lineages, each has a turn of its own."""
    turns: list[dict[Side, list[Found]]] = []
    for side, items in found.items():
        for turn, lineage in enumerate(dict.fromkeys(one.lineage for one in items)):
            turns += [{}] * (turn + 1 - len(turns))
            turns[turn] = {**turns[turn], side: [one for one in items if one.lineage == lineage]}
    for parts in turns:
        states = {side: seat.state for side, seat in _seated(run, opened, parts).items()}
        nodes, graph = topology.recorded(states.values())
        for key in graph.reversed().order:
            side = nodes[key].side
            record = states[side].records[nodes[key].name]
            if nodes[key].kind in {"acceptance", "target"}:
                continue  # they go with what they relate
            yield {
                "side": side.value,
                "node": key.partition("~")[0],
                "kind": record.kind,
                "id": record.id,
                "account": opened[side].identity.account,
                "lineage": states[side].lineage,
            }
