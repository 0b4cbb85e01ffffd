"""`state rebuild`: a state that was lost, made again from the tags in the account.

Tags tell which resources there are, of which node, and, since an op id is a hash, of which incarnation. What was sent
to make them, AWS tells: probes read the frozen parameters back. So an `up` afterwards finds all as it should be. What
is not ours, or not proven to be, is not taken in; what the configuration borrows is taken up by that `up`.
"""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

from plinkctl import topology
from plinkctl.app import run as running
from plinkctl.app.findings import LINK, Found, proven, tagged
from plinkctl.app.run import Run, Seat
from plinkctl.engine.steps import plain
from plinkctl.engine.waiting import probe
from plinkctl.errors import RefusedError
from plinkctl.graph import resolve
from plinkctl.kinds import KINDS
from plinkctl.kinds.base import Presence, Seen
from plinkctl.link import Side
from plinkctl.state import Phase, Record, State, op_id
from plinkctl.stores.memory import Memory

_FLOOR: Final = 100  # incarnations that a lost state may have used beyond those that are found


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
    opened = running.take(run, {side: Memory() for side in wanted})
    made: dict[Side, State] = {}
    extras: list[Found] = []
    for side, seat in opened.items():
        found = one_lineage(run, seat, lineages)
        state, more = assembled(seat, found) if found else (seat.state, [])
        if state.records:
            made[side] = state
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
    made = _related(run, opened, made)
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


def one_lineage(run: Run, seat: Seat, lineages: Collection[str]) -> list[Found]:
    """What is found of the link's side: the resources of one lineage, since two are two links of one name.

    Raises:
        RefusedError: There are several, and none or several of them were named.
    """
    found, strange = proven(seat, tagged(seat, LINK, run.link.name))
    for kind, item in strange:
        run.note(
            f"the {kind.title} {item.attrs['id']} has tags of this link that contradict each other: left alone",
            "warning",
        )
    counts: dict[str, int] = {}
    for one in found:
        counts[one.lineage] = counts.get(one.lineage, 0) + 1
    account = seat.identity.account
    named = [lineage for lineage in counts if not lineages or lineage in lineages]
    if len(named) > 1:
        listed = ", ".join(f"{lineage} ({counts[lineage]} resources)" for lineage in sorted(named))
        raise RefusedError(
            f"account {account} has {len(named)} links {run.link.name!r} on the {seat.side} side",
            why=f"their lineages are {listed}",
            hint=f"look whose they are in the console, then add --lineage {min(named)}",
            code="several_lineages",
        )
    return [one for one in found if one.lineage in named]


def assembled(seat: Seat, found: list[Found]) -> tuple[State, list[Found]]:
    """The state that would record these resources, and those it would not: of a node only one can be the right one."""
    with ThreadPoolExecutor(8) as pool:
        looks = zip(found, pool.map(lambda one: _probe(seat, one), found), strict=True)
    seen = [(one, look) for one, look in looks if look.presence is not Presence.ABSENT]
    used = {text for _, look in seen for text in topology.texts([look.frozen, look.settings])}
    best: dict[str, tuple[Found, Seen]] = {}
    for one, look in sorted(seen, key=lambda pair: (pair[0].incarnation, pair[0].id in used, pair[0].id)):
        best[one.node] = (one, look)
    records = {node: _record(one, look) for node, (one, look) in best.items()}
    needs = topology.needs({f"{seat.side}/{node}": record for node, record in records.items()})
    highest = max(one.incarnation for one in found)
    state = replace(
        seat.state,
        lineage=found[0].lineage,
        floor=(highest // _FLOOR + 1) * _FLOOR,
        records={node: replace(record, needs=needs[f"{seat.side}/{node}"]) for node, record in records.items()},
    )
    return state, [one for one, _ in seen if one is not best[one.node][0]]


def _probe(seat: Seat, one: Found) -> Seen:
    return probe(KINDS[one.kind], seat.desk.ctx(one.node, one.op, {}), one.attrs)


def _record(one: Found, seen: Seen) -> Record:
    """The user's tags are left out: whose the others are nobody knows, and a recorded one is removed by an `up`."""
    return Record(
        node=one.node,
        kind=one.kind,
        phase=Phase.READY if seen.presence is Presence.READY else Phase.CREATED,
        incarnation=one.incarnation,
        op=one.op,
        params=plain({**seen.frozen, **seen.settings}),
        attrs=plain({**one.attrs, **seen.attrs}),
        attempt=1,
    )


def _related(run: Run, opened: Mapping[Side, Seat], made: Mapping[Side, State]) -> dict[Side, State]:
    """The states with what carries no tags: registered targets, given acceptances."""
    states = {side: made.get(side) or run.state(side) for side in Side}
    known = {f"{side}/{name}": record for side, state in states.items() if state for name, record in state.live.items()}
    done = dict(made)
    for node in topology.relations(known):
        if node.side not in done:
            continue
        state = done[node.side]
        params = resolve(node.params, {key: record.attrs for key, record in known.items()})
        op = op_id(state.lineage, node.key, 1)  # the first will do: no tag, name or token is made of it
        attrs = KINDS[node.kind].find(opened[node.side].desk.ctx(node.name, op, params))
        if attrs is not None:
            record = Record(
                node=node.name,
                kind=node.kind,
                phase=Phase.READY,
                op=op,
                params=plain(params),
                attrs=plain(attrs),
                needs=tuple(sorted({ref.node for ref in node.refs if ref.holds})),
                attempt=1,
            )
            done[node.side] = replace(state, records={**state.records, node.name: record})
    return done


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
