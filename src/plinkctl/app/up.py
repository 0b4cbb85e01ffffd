"""`up`, for one side or both in one walk."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from plinkctl import preflight, topology
from plinkctl.app import extras
from plinkctl.app import run as running
from plinkctl.app.run import Run, Seat, seats
from plinkctl.aws.session import region_of
from plinkctl.config import check_service_region, principal_arn
from plinkctl.engine import lifecycle
from plinkctl.errors import HeldError, RefusedError, UsageError
from plinkctl.graph import Graph, Node, refs_in, resolve
from plinkctl.kinds import KINDS
from plinkctl.link import Consumer, Link, Provider, Side
from plinkctl.state import Phase, Protection, State
from plinkctl.topology import ENDPOINT, FUNCTION, NLB, SERVICE, Site

_BOTH = (Side.PROVIDER, Side.CONSUMER)


def provider_up(run: Run) -> dict[str, Any]:
    """Make the provider side as it is wanted."""
    return _up(run, replace(run.link, consumer=None), (Side.PROVIDER,), held_ends=True)[Side.PROVIDER]


def consumer_up(run: Run, *, wait: bool) -> dict[str, Any]:
    """Make the consumer side as it is wanted. With `wait`, wait for the provider to accept."""
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
    _refuse_private_dns(link)
    if link.consumer is not None and link.consumer.service_name is not None:
        check_service_region(link.consumer.service_name, region_of(link.consumer.access))
    with seats(run, sides) as opened:
        extras.clear(run, opened)
        doubts = [extras.doubts(seat.state, run.clock.wall()) for seat in opened.values()]
        nodes = topology.nodes(link, _survey(run, link, opened))
        orphans = _orphans(nodes, opened)
        _refuse_replacements(nodes, opened)
        _protect(run, opened, on=False)
        _write_up_public(run, opened)
        graph = topology.graph(nodes)
        walked = running.walk(run, opened, nodes, graph, lifecycle.up, direction="up", held_ends=held_ends)
        if orphans and not walked.failed:
            order = Graph(dict.fromkeys(orphans, ()))
            running.walk(run, opened, orphans, order, lifecycle.down, direction="down")
        if [extras.doubts(seat.state, run.clock.wall()) for seat in opened.values()] != doubts:
            extras.clear(run, opened)  # what this very run gave up may have come by now
        if not walked.failed:  # what is half made may still have to go
            _protect(run, opened, on=True)
        return {side: side_data(seat.state) for side, seat in opened.items()}


def _write_up_public(run: Run, opened: Mapping[Side, Seat]) -> None:
    """The reason for letting anybody ask goes into the audit file, when that is new."""
    provider, seat = run.link.provider, opened.get(Side.PROVIDER)
    if provider is None or seat is None or "*" not in provider.allow:
        return
    service = seat.state.live.get(SERVICE.partition("/")[2])
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


def _survey(run: Run, link: Link, opened: Mapping[Side, Seat]) -> dict[Side, Site]:
    """What must be known before the first thing is made."""
    sites: dict[Side, Site] = {}
    offered: tuple[str, ...] | None = None
    if link.provider is not None:
        seat = opened[Side.PROVIDER]
        zone_ids, offered = _provider_zones(link.provider, seat)
        sites[Side.PROVIDER] = Site(zone_ids=zone_ids, principals=_principals(link, opened))
    if link.consumer is not None:
        seat = opened[Side.CONSUMER]
        if link.consumer.service_name is not None:
            offered = _offered(run, link.consumer, link.consumer.service_name, seat)
        if link.consumer.network.vpc_id is not None and offered is not None:
            preflight.check_endpoint_subnets(
                seat.aws, link.consumer.network, account=seat.identity.account, offered=offered
            )
        zone_ids = preflight.zones(seat.aws, Side.CONSUMER, link.consumer.network, seat.state, offered)
        sites[Side.CONSUMER] = Site(zone_ids=zone_ids)
    return sites


def _refuse_private_dns(link: Link) -> None:
    """A service that this very walk makes has no private DNS name that its consumer could switch on.

    Raises:
        UsageError: It is asked for all the same.
    """
    if link.provider is not None and link.consumer is not None and link.consumer.private_dns:
        raise UsageError(
            "private DNS cannot be switched on: the service of this link has no private DNS name",
            why="plinkctl cannot give a service a private DNS name yet",
            hint="leave consumer.private_dns out; the endpoint's own DNS name works",
            code="no_private_dns_name",
        )


def _provider_zones(provider: Provider, seat: Seat) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The zones of subnets to make, and those the service will be offered in."""
    if provider.load_balancer_arn is not None:
        return (), preflight.load_balancer_zones(seat.aws, provider.load_balancer_arn)
    if provider.network.vpc_id is not None:
        return (), preflight.subnet_zones(seat.aws, provider.network)
    zone_ids = preflight.zones(seat.aws, Side.PROVIDER, provider.network, seat.state, None)
    return zone_ids, zone_ids


def _offered(run: Run, consumer: Consumer, service_name: str, seat: Seat) -> tuple[str, ...] | None:
    """The zones in which the service is offered to us; None when the endpoint is there and zones are settled.

    An endpoint outlives the permission it was made with, so a rerun must not fail where AWS hides the service now.
    """
    recorded = seat.state.live.get("endpoint")
    switched_on = recorded is not None and bool(recorded.params.get("private_dns"))
    if recorded is not None and (switched_on or not consumer.private_dns):
        return None
    details = preflight.service(seat.aws, service_name, account=seat.identity.account, private_dns=consumer.private_dns)
    if details.get("AcceptanceRequired"):
        run.note("the provider asks before it accepts; until then the endpoint waits")
    return preflight.offered_zones(seat.aws, details)


def _principals(link: Link, opened: Mapping[Side, Seat]) -> tuple[str, ...]:
    """The allowed principals as ARNs; the consumer's account when both sides are ours and nobody is named.

    Raises:
        RefusedError: Others are named but not the consumer's account: AWS would say that the service does not exist.
    """
    provider = link.provider
    if provider is None:
        return ()
    partition = opened[Side.PROVIDER].identity.partition
    consumer = opened.get(Side.CONSUMER)
    if consumer is None:
        return tuple(sorted({principal_arn(text, partition) for text in provider.allow}))
    account = consumer.identity.account
    if not provider.allow:
        return (principal_arn(account, partition),)
    principals = {principal_arn(text, partition) for text in provider.allow}
    if not any(principal == "*" or principal.split(":")[4] == account for principal in principals):
        raise RefusedError(
            f"the consumer's account {account} is not among the allowed principals",
            why=f"allowed are {', '.join(sorted(principals))}",
            hint=f"add {account} to provider.allow",
            code="consumer_not_allowed",
        )
    return tuple(sorted(principals))


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
            if key in nodes or (kind is not None and kind.attached):
                continue
            never = record.phase is Phase.CREATING and record.sent_at is None  # AWS said no, or was not asked yet
            if kind is None or not (kind.prunable or never):
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
        if record is None or record.phase is Phase.CREATING or record.borrowed or kind.attached:
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


def held_hint(data: Mapping[str, Any]) -> HeldError:
    """Who must act, and with which words, when the endpoint waits for acceptance."""
    return HeldError(
        f"the endpoint {data['endpoint_id']} waits for the provider to accept it",
        why="everything else of the consumer side is finished",
        hint=f"the provider runs: plinkctl accept --endpoint-id {data['endpoint_id']}",
        code="pending_acceptance",
    )
