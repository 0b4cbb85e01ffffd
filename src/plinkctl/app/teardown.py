"""`teardown`: what the states hold, consumer first, to the proof that nothing is left."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from plinkctl import handshake, topology
from plinkctl.app import extras
from plinkctl.app import run as running
from plinkctl.app.findings import LINEAGE, tagged
from plinkctl.app.run import Run, Seat, seats
from plinkctl.aws.patience import poll
from plinkctl.engine import lifecycle
from plinkctl.errors import PlinkError, RefusedError, TimedOutError
from plinkctl.handshake import Connection
from plinkctl.kinds import KINDS
from plinkctl.kinds.endpoint_service import REJECT_CONNECTIONS, own_endpoint
from plinkctl.link import Side
from plinkctl.state import State
from plinkctl.topology import ENDPOINT, SERVICE

_BOTH = (Side.PROVIDER, Side.CONSUMER)
_TAGS_SETTLE = 60.0  # seconds for EC2's tag filters to forget what was just deleted


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a teardown is about to do; shown before it asks.

    Args:
        link: The link's name.
        accounts: Account of each side it touches.
        resources: Node keys of what will be deleted.
        connections: Live connections of others that will be cut.
    """

    link: str
    accounts: Mapping[str, str]
    resources: tuple[str, ...]
    connections: tuple[Connection, ...]


def teardown(run: Run, sides: tuple[Side, ...], *, agree: Callable[[Plan], None]) -> dict[str, Any]:
    """Take away what the states of these sides hold.

    Args:
        run: The run.
        sides: The sides asked for; one of which nothing is there, nor may come late, is passed over.
        agree: Asks the user; raises RefusedError when the answer is no.

    Returns:
        `deleted` and `leftovers`, lists of node or kind and ID.

    Raises:
        RefusedError: Others are connected and the user did not agree to cut them, or the answer was no.
    """
    states = {side: state for side in sides if (state := run.state(side)) is not None}
    wanted = tuple(side for side, state in states.items() if state.live or extras.doubts(state, run.clock.wall()))
    if not wanted:
        run.note(f"nothing is recorded for the link {run.link.name!r}; there is nothing to take down")
        return {"deleted": [], "leftovers": []}
    _refuse_protected(run, {side: states[side] for side in wanted})
    with seats(run, wanted) as opened:
        _refuse_protected(run, {side: seat.state for side, seat in opened.items()})  # by an `up` of just now
        return take_down(run, opened, agree=agree, at_last=lambda: extras.clear(run, opened))


def _refuse_protected(run: Run, found: Mapping[Side, State | None]) -> None:
    """Before anything is called, with or without the configuration that asked for it.

    Raises:
        RefusedError: A side is protected.
    """
    sides = [side for side, state in found.items() if state is not None and state.protected]
    if sides:
        up = "up" if len(sides) == len(Side) else f"{sides[0]} up"
        raise RefusedError(
            f"the {' and the '.join(sides)} side of {run.link.name!r} is protected",
            why="an `up` with protect: true asked for it, and one with protect: false lifts it; nothing was called",
            hint=f"plinkctl {up} --no-protect",
            code="protected",
        )


def take_down(
    run: Run,
    opened: Mapping[Side, Seat],
    *,
    agree: Callable[[Plan], None],
    keep: Collection[str] = (),
    at_last: Callable[[], list[dict[str, str]]] = list,
) -> dict[str, Any]:
    """Take away what the states of these seats hold, and look by tag that nothing is left.

    Args:
        run: The run.
        opened: The seats.
        agree: Asks the user; raises RefusedError when the answer is no.
        keep: IDs that carry the same lineage and are no leftovers.
        at_last: Done when the states hold nothing any more, before the search; returns what else was deleted.

    Returns:
        `deleted` and `leftovers`, lists of node or kind and ID.

    Raises:
        RefusedError: Others are connected and the user did not agree to cut them, or the answer was no.
    """
    opened = _consenting(opened)
    before = {f"{side}/{n}": r for side, seat in opened.items() for n, r in seat.state.live.items()}
    plan = _plan(run, opened)
    if before:
        agree(plan)
        run.audit(
            "consent", to=f"delete {len(plan.resources)} resources", cutting=[c.endpoint_id for c in plan.connections]
        )
    nodes, graph = topology.recorded([seat.state for seat in opened.values()])
    running.walk(run, opened, nodes, graph.reversed(), lifecycle.down, direction="down")
    still = {f"{side}/{n}" for side, seat in opened.items() for n in seat.state.live}
    deleted = [
        {"node": key, "kind": record.kind, "id": record.id}
        for key, record in before.items()
        if key not in still and record.id and not record.borrowed and not KINDS[record.kind].attached
    ]
    if still:
        return {"deleted": deleted, "leftovers": []}
    return {"deleted": [*deleted, *at_last()], "leftovers": _proof(run, opened, keep)}


def _consenting(opened: Mapping[Side, Seat]) -> Mapping[Side, Seat]:
    """The user who takes both sides down agrees that the one endpoint of theirs is cut off."""
    own = _endpoint_of(opened)
    if len(opened) < len(_BOTH) or not own:
        return opened
    agreed = {own_endpoint(own)}
    return {side: replace(s, desk=replace(s.desk, consents=s.desk.consents | agreed)) for side, s in opened.items()}


def _endpoint_of(opened: Mapping[Side, Seat]) -> str:
    record = opened[Side.CONSUMER].state.live.get(ENDPOINT.partition("/")[2]) if Side.CONSUMER in opened else None
    return record.id if record else ""


def _plan(run: Run, opened: Mapping[Side, Seat]) -> Plan:
    return Plan(
        link=run.link.name,
        accounts={side.value: seat.identity.account for side, seat in opened.items()},
        resources=tuple(f"{side}/{n}" for side, s in opened.items() for n, r in s.state.live.items() if not r.borrowed),
        connections=_others(run, opened),
    )


def _others(run: Run, opened: Mapping[Side, Seat]) -> tuple[Connection, ...]:
    """Live connections of others; refused here, before anything is touched, unless the user agreed to cut them."""
    provider, own = opened.get(Side.PROVIDER), _endpoint_of(opened)
    service = provider.state.live.get(SERVICE.partition("/")[2]) if provider else None
    if provider is None or service is None or not service.id:
        return ()
    found = handshake.in_states(handshake.connections(provider.aws, service.id), *handshake.LIVE)
    others = tuple(connection for connection in found if connection.endpoint_id != own)
    if others and REJECT_CONNECTIONS not in run.consents:
        listed = "; ".join(f"{c.endpoint_id} of {c.owner}, {c.state}, since {c.since or 'unknown'}" for c in others)
        ours = run.state(Side.CONSUMER)
        endpoint = ours.live.get("endpoint") if ours else None
        mine = endpoint is not None and any(c.endpoint_id == endpoint.id for c in others)
        raise RefusedError(
            f"{len(others)} live connection(s) would be cut",
            why=listed,
            hint="plinkctl teardown consumer"
            if mine and len(others) == 1
            else "plinkctl teardown --reject-connections",
            code="live_connections",
        )
    return others


def _proof(run: Run, opened: Mapping[Side, Seat], keep: Collection[str]) -> list[dict[str, str]]:
    """Look by tag, in every account, for anything that carries this link's lineage.

    Tag filters lag behind deletions, so what is found is looked for again for a minute before it counts.
    """

    def look() -> list[dict[str, str]]:
        return [
            {"side": side.value, "kind": kind.name, "id": str(item.attrs["id"])}
            for side, seat in opened.items()
            for kind, item in tagged(seat, LINEAGE, seat.state.lineage)
            if item.attrs["id"] not in keep
        ]

    found: list[dict[str, str]] = []

    def look_and_keep() -> list[dict[str, str]]:
        found[:] = look()
        return found

    try:
        poll(
            look_and_keep,
            until=lambda left: not left,
            what=lambda left: f"{len(left)} resource(s) to disappear from the tags",
            within=run.within(_TAGS_SETTLE),
            clock=run.clock,
            tell=lambda what, waited: run.note(f"waiting for {what} ({waited:.0f} s)"),
        )
    except TimedOutError:
        listed = ", ".join(f"{item['side']} {item['kind']} {item['id']}" for item in found)
        error = PlinkError(
            f"{len(found)} resource(s) of this link are left",
            why=listed,
            hint="look at them in the console; they carry the tag plinkctl:lineage of this link",
            code="leftovers",
        )
        run.report.fail(error)
    else:
        accounts = ", ".join(sorted({seat.identity.account for seat in opened.values()}))
        run.note(f"checked by tag: nothing of {run.link.name!r} is left in {accounts}")
    return found
