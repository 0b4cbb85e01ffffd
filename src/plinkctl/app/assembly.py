"""From what is found by tag to the states that would record it. Changes nothing."""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from plinkctl import topology
from plinkctl.app.findings import LINK, Found, proven, tagged
from plinkctl.app.run import Run, Seat
from plinkctl.engine.steps import plain
from plinkctl.engine.waiting import probe
from plinkctl.errors import AccessError, RefusedError
from plinkctl.graph import Graph, Ref, resolve
from plinkctl.kinds import KINDS
from plinkctl.kinds.base import Presence, Seen
from plinkctl.link import Side
from plinkctl.state import Phase, Record, State, op_id

_OF_FEW: Final = frozenset({"acm", "route53"})
_FLOOR: Final = 100  # incarnations that a lost state may have used beyond those that are found


def look(run: Run, seat: Seat) -> list[Found]:
    """All that is proven to be of the link's side, of whatever lineage; what only looks so is told."""
    items = tagged(seat, LINK, run.link.name, [kind for kind in KINDS.values() if kind.client not in _OF_FEW])
    try:
        items += tagged(seat, LINK, run.link.name, [kind for kind in KINDS.values() if kind.client in _OF_FEW])
    except AccessError as error:  # few links have any, and few credentials the right to look
        run.note(f"certificates and hosted zones were not looked for: {error.message}", "warning")
    found, strange = proven(seat, items)
    for kind, item in strange:
        what = f"the {kind.title} {item.attrs['id']}"
        run.note(f"{what} has tags of this link that contradict each other: left alone", "warning")
    return found


def one_lineage(run: Run, seat: Seat, found: list[Found], lineages: Collection[str]) -> list[Found]:
    """The resources of one lineage, since two are two links of one name.

    Raises:
        RefusedError: There are several, and none or several of them were named.
    """
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
    highest = max(one.incarnation for one in found)
    state = replace(
        seat.state,
        lineage=found[0].lineage,
        floor=(highest // _FLOOR + 1) * _FLOOR,
        records=_needing(seat.side, records),
    )
    return state, [one for one, _ in seen if one is not best[one.node][0]]


def everything(seat: Seat, found: list[Found]) -> State:
    """The state that records all of these, several of one node under names of their own: for taking them away."""
    state, more = assembled(seat, found)
    records = dict(state.records)
    number = 1
    while more:
        number += 1
        layer, more = assembled(seat, more)
        named = [replace(record, node=f"{node}~{number}") for node, record in layer.records.items()]
        records |= {record.node: record for record in named}
    return replace(state, records=_needing(seat.side, records))


def _needing(side: Side, records: Mapping[str, Record]) -> dict[str, Record]:
    """With who must outlive whom, and in that order: a person reads them as an `up` would have made them."""
    needs = topology.needs({f"{side}/{node}": record for node, record in records.items()})
    order = Graph({key: [Ref(need) for need in needs[key]] for key in needs}).order
    names = [key.partition("/")[2] for key in order]
    return {name: replace(records[name], needs=needs[f"{side}/{name}"]) for name in names}


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


def related(run: Run, opened: Mapping[Side, Seat], made: Mapping[Side, State]) -> dict[Side, State]:
    """The states with what carries no tags: registered targets, given acceptances."""
    states = {side: made.get(side) or run.state(side) for side in Side}
    known = {f"{side}/{name}": record for side, state in states.items() if state for name, record in state.live.items()}
    done = dict(made)
    for node in topology.relations(known, run.link):
        if node.side not in done:
            continue
        state = done[node.side]
        params = resolve(node.params, {key: record.attrs for key, record in known.items()})
        op = op_id(state.lineage, node.key, 1)  # the first will do: no tag, name or token is made of it
        ctx = replace(opened[node.side].desk.ctx(node.name, op, params), lineage=state.lineage)
        try:
            attrs = KINDS[node.kind].find(ctx)
        except RefusedError as error:
            run.note(f"left alone: {error.message}", "warning")
            continue
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
