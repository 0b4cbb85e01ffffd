"""What a request leaves that took effect after everybody had given it up, found by tag and taken away.

The grace period makes it rare, and nothing can make it impossible: CreateVpc has neither token nor unique name, so a
second one is sent when the first seems to have done nothing, and then both may have. So every `up` looks for such VPCs
first, and every `teardown` at its end; of other kinds only where the state says that a send was never accounted for.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from plinkctl import topology
from plinkctl.app.assembly import everything
from plinkctl.app.findings import LINEAGE, Found, proven, tagged
from plinkctl.app.run import Run, Seat
from plinkctl.errors import PlinkError
from plinkctl.events import ExtraFound
from plinkctl.kinds import KINDS
from plinkctl.kinds.base import Kind
from plinkctl.link import Side
from plinkctl.state import Phase, Record, State

_LATEST: Final = 86400.0  # seconds after which no request is believed to be under way any more


def doubts(state: State, now: float) -> list[Record]:
    """Records that the state is done with, or that are ready, though what was sent for them may still come late."""
    over = (record for record in state.records.values() if not record.live or record.phase is Phase.READY)
    return [record for record in over if record.sent_at is not None and now - record.sent_at < _LATEST]


def clear(run: Run, opened: Mapping[Side, Seat]) -> list[dict[str, str]]:
    """Delete the extras of these sides, each told as an event. What is in use is left alone, and told too.

    Returns:
        What was deleted: node, kind and ID.
    """
    deleted: list[dict[str, str]] = []
    for seat in opened.values():
        if not (kinds := _kinds(seat.state, run.clock.wall())):
            continue
        found, _ = proven(seat, tagged(seat, LINEAGE, seat.state.lineage, kinds))
        if extras := [one for one in found if _is_extra(one, seat.state)]:
            deleted += _delete(run, seat, extras)
    return deleted


def _kinds(state: State, now: float) -> list[Kind]:
    """Blind kinds, once there was one; others only when in doubt."""
    made = {record.kind for record in state.records.values() if not record.borrowed}
    doubtful = {record.kind for record in doubts(state, now)}
    return [kind for name, kind in KINDS.items() if name in doubtful or (kind.blind and name in made)]


def _is_extra(one: Found, state: State) -> bool:
    """Whether the state is done with what made it, and has something else, or nothing, in its place.

    One that is newer than its record is not: the state may be an old copy, and the link be standing on it.
    """
    record = state.records.get(one.node)
    if record is None or one.lineage != state.lineage or one.incarnation > record.incarnation:
        return False
    is_open = record.phase is Phase.CREATING and record.op == one.op
    return not is_open and one.id != record.id


def _delete(run: Run, seat: Seat, extras: list[Found]) -> Iterable[dict[str, str]]:
    """One attempt each: AWS refuses what others stand on, and then it is no extra, whatever it looks like."""
    state = everything(seat, extras)
    nodes, graph = topology.recorded([state])
    for key in graph.reversed().order:
        record, kind = state.records[nodes[key].name], KINDS[nodes[key].kind]
        node = key.partition("~")[0]
        why = ""
        seat.store.commit(seat.state.records[record.node.partition("~")[0]])  # the fence of a shared state
        try:
            kind.delete(seat.desk.ctx(record.node, record.op, record.params), record.attrs)
        except PlinkError as error:
            why = error.why or error.message
        told = ExtraFound(at=run.clock.wall(), node=node, kind=kind.name, id=record.id, deleted=not why, why=why)
        run.tell(told)
        if not why:
            yield {"node": node, "kind": kind.name, "id": record.id}
