"""`up`, for one side or both in one walk."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from plinkctl import topology
from plinkctl.app import extras
from plinkctl.app import run as running
from plinkctl.app.run import Run, Seat, seats
from plinkctl.app.survey import survey
from plinkctl.aws.session import region_of
from plinkctl.config import check_service_region
from plinkctl.engine import lifecycle
from plinkctl.errors import HeldError, RefusedError
from plinkctl.graph import Graph, Node, refs_in, resolve
from plinkctl.kinds import KINDS
from plinkctl.link import Link, Side
from plinkctl.state import Phase, Protection, Record, State
from plinkctl.topology import ENDPOINT, FUNCTION, NLB, SERVICE, VERIFICATION

_BOTH = (Side.PROVIDER, Side.CONSUMER)


def provider_up(run: Run, *, wait: bool = False) -> dict[str, Any]:
    """Make the provider side as it is wanted. With `wait`, wait for DNS records that somebody else publishes."""
    return _up(run, replace(run.link, consumer=None), (Side.PROVIDER,), held_ends=not wait)[Side.PROVIDER]


def consumer_up(run: Run, *, wait: bool) -> dict[str, Any]:
    """Make the consumer side as it is wanted. With `wait`, wait for what the provider must do."""
    link = replace(run.link, provider=None)
    return _up(run, link, (Side.CONSUMER,), held_ends=not wait)[Side.CONSUMER]


def both_up(run: Run) -> dict[str, Any]:
    """Make both sides and accept, in one walk."""
    link = run.link
    if link.consumer is not None and link.consumer.service_name is not None:
        # The service is this link's own; a name in the file is for whoever makes the consumer side alone.
        link = replace(link, consumer=replace(link.consumer, service_name=None))
    return {side.value: data for side, data in _up(run, link, _BOTH, held_ends=False).items()}


def _up(run: Run, link: Link, sides: tuple[Side, ...], *, held_ends: bool) -> dict[Side, dict[str, Any]]:
    if link.consumer is not None and link.consumer.service_name is not None:
        check_service_region(link.consumer.service_name, region_of(link.consumer.access))
    with seats(run, sides) as opened:
        extras.clear(run, opened)
        doubts = [extras.doubts(seat.state, run.clock.wall()) for seat in opened.values()]
        nodes = topology.nodes(link, survey(run, link, opened))
        orphans = _orphans(nodes, opened)
        _refuse_replacements(nodes, opened)
        _protect(run, opened, on=False)
        _write_up_public(run, opened)
        standing = _service(opened)
        graph = topology.graph(nodes, offered=standing is not None and standing.phase is Phase.READY)
        walked = running.walk(run, opened, nodes, graph, lifecycle.up, direction="up", held_ends=held_ends)
        if orphans and not walked.failed:
            # As they stand on each other: a listener before its target group, a record before its zone.
            _, whole = topology.recorded([seat.state for seat in opened.values()])
            order = Graph({key: [need for need in whole.needs[key] if need.node in orphans] for key in orphans})
            running.walk(run, opened, orphans, order.reversed(), lifecycle.down, direction="down")
        if [extras.doubts(seat.state, run.clock.wall()) for seat in opened.values()] != doubts:
            extras.clear(run, opened)  # what this very run gave up may have come by now
        if not walked.failed:  # what is half made may still have to go
            _protect(run, opened, on=True)
        return {side: side_data(seat.state) for side, seat in opened.items()}


def _service(opened: Mapping[Side, Seat]) -> Record | None:
    """The service as it is recorded, if this run is about the provider."""
    seat = opened.get(Side.PROVIDER)
    return seat.state.live.get(SERVICE.partition("/")[2]) if seat else None


def _write_up_public(run: Run, opened: Mapping[Side, Seat]) -> None:
    """The reason for letting anybody ask goes into the audit file, when that is new."""
    provider = run.link.provider
    if provider is None or Side.PROVIDER not in opened or "*" not in provider.allow:
        return
    service = _service(opened)
    if service is None or "*" not in (service.params.get("principals") or ()):
        run.audit("consent", Side.PROVIDER, to="let anybody ask to connect", reason=provider.allow_public)


def _protect(run: Run, opened: Mapping[Side, Seat], *, on: bool) -> None:
    """Switch protection on or off if that is asked for; a wish that says nothing of it leaves it as it is."""
    if run.link.protect is not on:
        return
    for seat in opened.values():
        if seat.state.protected is not on:
            seat.store.commit(Protection(on))
            run.audit("protection", seat.side, on=on)


def _orphans(nodes: Mapping[str, Node], opened: Mapping[Side, Seat]) -> dict[str, Node]:
    """Recorded nodes that the configuration does not have any more, and that may simply go, or never came.

    Raises:
        RefusedError: One that others depend on: it would have to be replaced.
    """
    found: dict[str, Node] = {}
    for side, seat in opened.items():
        for name, record in seat.state.live.items():
            key = f"{side}/{name}"
            kind = KINDS.get(record.kind)
            if key in nodes or (kind is not None and kind.attached and not kind.renewable):
                continue
            never = record.phase is Phase.CREATING and record.sent_at is None  # AWS said no, or was not asked yet
            if kind is None or not (kind.prunable or kind.attached or never):
                raise RefusedError(
                    f"the configuration does not have {key} any more",
                    why=f"the state records it as {record.id or 'begun'}; up does not delete what a link stands on",
                    hint=f"plinkctl teardown {side}, then the same command again; or put it back",
                    code="replacement",
                )
            found[key] = Node(key=key, side=side, kind=record.kind, params=record.params)
    return found


def _refuse_replacements(nodes: Mapping[str, Node], opened: Mapping[Side, Seat]) -> None:
    """Look at all recorded nodes before the first is changed, so that a refused wish changes nothing at all.

    Raises:
        RefusedError: One would have to be replaced.
    """
    records = {f"{side}/{name}": r for side, seat in opened.items() for name, r in seat.state.live.items()}
    known = {key: record.attrs for key, record in records.items()}
    known |= {key: node.borrowed for key, node in nodes.items() if node.borrowed is not None}
    ever = {*known, *(f"{side}/{name}" for side, seat in opened.items() for name in seat.state.records)}
    for key, node in nodes.items():
        record, kind = records.get(key), KINDS[node.kind]
        # One that is being made is finished as it was begun; a relation may simply be another one now.
        if record is None or record.phase is Phase.CREATING or record.borrowed or kind.attached or kind.renewable:
            continue
        if node.borrowed is not None:
            raise lifecycle.replaced(key, kind, f"it is {record.id}, made by plinkctl; wanted is {node.borrowed['id']}")
        frozen = {name: value for name, value in node.params.items() if name not in kind.settings}
        if new := [ref.node for ref in refs_in(frozen) if ref.node not in ever]:
            raise lifecycle.replaced(key, kind, f"it would have to refer to {', '.join(new)}, which is new")
        try:
            wanted = resolve(frozen, known)
        except KeyError:
            continue  # it refers to what was lost and will be made again, as it will be itself
        if why := lifecycle.immutable_change(kind, record, wanted):
            raise lifecycle.replaced(key, kind, why)


def side_data(state: State) -> dict[str, Any]:
    """The result of one side, as the CLI's contract has it."""
    records = state.live
    data: dict[str, Any] = {
        "name": state.link,
        "side": state.side.value,
        "account": state.account,
        "region": state.region,
    }
    if state.side is Side.PROVIDER:
        service = records.get(SERVICE.partition("/")[2])
        data |= {
            "service_id": service.id if service else None,
            "service_name": service.attrs.get("name") if service else None,
            "acceptance_required": service.params.get("acceptance_required") if service else None,
            "allowed_principals": list(service.params.get("principals", ())) if service else [],
            "availability_zone_ids": list(service.attrs.get("zone_ids", ())) if service else [],
            "load_balancer": records[NLB.partition("/")[2]].id if NLB.partition("/")[2] in records else None,
        }
        if name := service.params.get("private_dns_name") if service else None:
            verified = records.get(VERIFICATION.partition("/")[2])
            attrs = service.attrs if service else {}
            data["private_dns"] = {
                "name": name,
                "verified": verified is not None and verified.phase is Phase.READY,
                "record": {"name": attrs.get("txt_name"), "type": "TXT", "value": attrs.get("txt_value")},
            }
        if paper := next((record for record in records.values() if record.kind == "certificate"), None):
            told = paper.attrs
            data["certificate"] = {
                "id": paper.id,
                "name": paper.params["domain"],
                "record": {"name": told.get("record_name"), "type": "CNAME", "value": told.get("record_value")},
            }
    else:
        endpoint = records.get(ENDPOINT.partition("/")[2])
        function = records.get(FUNCTION.partition("/")[2])
        data |= {
            "endpoint_id": endpoint.id if endpoint else None,
            "endpoint_state": endpoint.attrs.get("state") if endpoint else None,
            "dns_name": endpoint.attrs.get("dns_name") if endpoint else None,
            "function_name": function.id if function else None,
        }
    data["resources"] = [
        {"node": f"{state.side}/{name}", "kind": record.kind, "id": record.id}
        | ({"borrowed": True} if record.borrowed else {})
        for name, record in records.items()
    ]
    return data


def tell_held(run: Run) -> None:
    """Say of everything that is held who must act, and with which words."""
    for key, why in tuple(run.report.held.items()):
        if key == ENDPOINT:
            state = run.state(Side.CONSUMER)
            endpoint = state.live[ENDPOINT.partition("/")[2]].id if state else ""
            error = HeldError(
                f"the endpoint {endpoint} waits for the provider to accept it",
                why="everything else of the consumer side is finished",
                hint=f"the provider runs: plinkctl accept --endpoint-id {endpoint}",
                code="pending_acceptance",
            )
        else:
            hint = "then the same command again goes on; with --wait it waits"
            error = HeldError(f"{key} waits for somebody's act", why=why, hint=hint, code="held")
        run.report.fail(error)
