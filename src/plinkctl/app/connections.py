"""`accept` and `reject`: the provider's answer to endpoints."""

from collections.abc import Collection
from typing import Any

from plinkctl import handshake
from plinkctl.app import run as running
from plinkctl.app.run import Run
from plinkctl.aws.session import Clients
from plinkctl.errors import HeldError, PlinkError, StateError, TimedOutError
from plinkctl.handshake import LIVE, PENDING_ACCEPTANCE, Connection
from plinkctl.link import Side
from plinkctl.topology import SERVICE

_ARRIVAL = 30.0  # seconds a new connection may be missing from the list (aws-facts.md 2)
_SETTLED = 900.0  # seconds for an accepted connection to become available; usual are 1 to 3 min


def accept(run: Run, *, endpoint_ids: Collection[str], accounts: Collection[str], wait: bool) -> dict[str, Any]:
    """Accept what is named, or else those that wait and whose owner is an allowed principal.

    Args:
        run: The run.
        endpoint_ids: Endpoints to accept, whoever owns them.
        accounts: Accounts whose waiting endpoints to accept, in place of the allowed principals'.
        wait: Wait until there is one to accept, and until what was accepted is available.

    Returns:
        `service_id`, `accepted`, `pending`.
    """
    aws, service_id, known = _service(run)
    # Those plinkctl let in, as far as they still are: who was added by hand, or taken away, is a stranger.
    trusted = frozenset(accounts) or handshake.allowed_accounts(aws, service_id) & known

    def wanted(connection: Connection) -> bool:
        if endpoint_ids:
            return connection.endpoint_id in endpoint_ids
        # `*` is nobody in particular: whoever is let in by it must be named to be accepted.
        return connection.owner in trusted

    def there(found: list[Connection]) -> bool:
        if endpoint_ids:
            return set(endpoint_ids) <= {c.endpoint_id for c in found}
        return not wait or any(wanted(c) and c.known_state in LIVE for c in found)

    patience = run.within(_SETTLED if wait else _ARRIVAL)
    found = _watch(run, aws, service_id, until=there, what="a connection to accept", within=patience)
    _check_named(endpoint_ids, found, service_id)

    accepted = [c for c in found if wanted(c) and c.known_state == PENDING_ACCEPTANCE]
    names: set[str] = set()
    for connection in accepted:
        if not _is_still(run, aws, service_id, connection):
            continue  # somebody rejected or withdrew it since; the answer below tells what it is now
        handshake.accept(aws, service_id, connection.endpoint_id)
        run.note(f"accepted {connection.endpoint_id} of {connection.owner}")
        names.add(connection.endpoint_id)
    changed = {c.endpoint_id for c in accepted} - names
    found = _settled(run, aws, service_id, [c for c in found if wanted(c)]) if wait else []
    found = found or handshake.connections(aws, service_id)
    pending = [c for c in handshake.in_states(found, PENDING_ACCEPTANCE) if c.endpoint_id not in names]
    _tell_ended(
        run, [c for c in found if c.endpoint_id in {*names, *changed, *endpoint_ids} and c.known_state not in LIVE]
    )
    if vanished := sorted(changed - {c.endpoint_id for c in found}):
        run.report.fail(
            PlinkError(
                f"{', '.join(vanished)} is not connected any more",
                why="it was in the list a moment ago",
                hint="plinkctl status shows what is; the same command looks again",
                code="connection_ended",
            )
        )
    if pending:
        run.report.fail(_left_alone(pending, named=bool(endpoint_ids), trusted=trusted))
    elif wait and not names and not any(wanted(c) and c.known_state in LIVE for c in found):
        run.report.fail(HeldError("nobody has asked to connect yet", hint="the consumer runs: plinkctl consumer up"))
    elif not names:
        run.note("nothing waits to be accepted")
    return {
        "service_id": service_id,
        "accepted": [c.to_json() for c in found if c.endpoint_id in names],
        "pending": [c.to_json() for c in pending],
    }


def _is_still(run: Run, aws: Clients, service_id: str, connection: Connection) -> bool:
    """Whether it is as it was seen. A list that does not have it once may only lag (aws-facts.md 2)."""

    def listed(now: list[Connection]) -> bool:
        return any(one.endpoint_id == connection.endpoint_id for one in now)

    what = f"{connection.endpoint_id} to be listed again"
    return connection in _watch(run, aws, service_id, until=listed, what=what, within=run.within(_ARRIVAL))


def _settled(run: Run, aws: Clients, service_id: str, wanted: list[Connection]) -> list[Connection]:
    """Wait until the wanted ones carry traffic, those an earlier run accepted too; all connections as seen last."""
    names = {c.endpoint_id for c in wanted if c.known_state in LIVE}

    def open_ones(now: list[Connection]) -> list[Connection]:
        return [c for c in now if c.endpoint_id in names and c.known_state in LIVE - {"available"}]

    if not names:
        return []
    found = _watch(
        run,
        aws,
        service_id,
        until=lambda now: not open_ones(now),
        what=f"{', '.join(sorted(names))} to become available (usually 1 to 3 min)",
        within=run.within(_SETTLED),
    )
    if late := open_ones(found):
        run.report.fail(
            TimedOutError(
                f"{', '.join(c.endpoint_id for c in late)} was accepted but is not available yet",
                why=f"its state is {late[0].state}",
                hint="nothing is lost; run the same command again",
            )
        )
    return found


def _tell_ended(run: Run, ended: list[Connection]) -> None:
    if ended:
        run.report.fail(
            PlinkError(
                f"{', '.join(c.endpoint_id for c in ended)} cannot be accepted any more",
                why=f"its state is {ended[0].state}",
                hint="the consumer makes a new one: plinkctl teardown consumer, then plinkctl consumer up",
                code="connection_ended",
            )
        )


def _left_alone(pending: list[Connection], *, named: bool, trusted: Collection[str]) -> HeldError:
    listed = ", ".join(f"{c.endpoint_id} of {c.owner}" for c in pending)
    hint = f"plinkctl accept --endpoint-id {pending[0].endpoint_id}, or plinkctl reject, if you know them"
    if named:
        return HeldError(f"{len(pending)} other connection(s) still wait", why=listed, hint=hint, code="others_wait")
    return HeldError(
        f"{len(pending)} connection(s) of strangers were left alone",
        why=f"{listed}; their owners are not among {', '.join(sorted(trusted)) or 'any allowed accounts'}",
        hint=hint,
        code="strangers",
    )


def reject(run: Run, *, endpoint_ids: Collection[str]) -> dict[str, Any]:
    """Reject the named endpoints, waiting or live. The consumer's endpoint then stays, as `rejected`.

    Returns:
        `service_id`, `rejected`.
    """
    aws, service_id, _ = _service(run)
    found = _watch(
        run,
        aws,
        service_id,
        until=lambda now: set(endpoint_ids) <= {c.endpoint_id for c in now},
        what="the connection",
        within=run.within(_ARRIVAL),
    )
    _check_named(endpoint_ids, found, service_id)
    rejected = [c for c in found if c.endpoint_id in endpoint_ids and c.known_state in LIVE]
    for connection in rejected:
        handshake.reject(aws, service_id, connection.endpoint_id)
        run.note(f"rejected {connection.endpoint_id} of {connection.owner}")
    if not rejected:
        run.note("nothing to reject: the connection has ended or was rejected before")
    names = {c.endpoint_id for c in rejected}
    found = handshake.connections(aws, service_id)
    return {"service_id": service_id, "rejected": [c.to_json() for c in found if c.endpoint_id in names]}


def _service(run: Run) -> tuple[Clients, str, frozenset[str]]:
    """The provider's clients, the service recorded in its state, and the accounts recorded as allowed."""
    state = run.state(Side.PROVIDER)
    record = state.live.get(SERVICE.partition("/")[2]) if state else None
    if record is None or not record.id:
        raise StateError(
            f"no endpoint service is recorded for the link {run.link.name!r}",
            hint="plinkctl provider up --allow ACCOUNT makes one; --state and --name say where to look",
            code="no_service",
        )
    aws = running.clients(run, Side.PROVIDER, state)
    identity = aws.identity()
    running.guard(run, state, identity, Side.PROVIDER)
    running.refuse_root(identity)
    running.started(run, {Side.PROVIDER: (identity, aws)})
    return aws, record.id, handshake.accounts_of(record.params.get("principals") or ())


def _watch(run: Run, aws: Clients, service_id: str, **wait: Any) -> list[Connection]:
    return handshake.watch(
        aws,
        service_id,
        clock=run.clock,
        tell=lambda what, waited: run.note(f"waiting for {what} ({waited:.0f} s)"),
        **wait,
    )


def _check_named(endpoint_ids: Collection[str], found: list[Connection], service_id: str) -> None:
    missing = sorted(set(endpoint_ids) - {c.endpoint_id for c in found})
    if missing:
        raise PlinkError(
            f"{', '.join(missing)} is not connected to {service_id}",
            why=f"connected are {', '.join(c.endpoint_id for c in found) or 'none'}",
            hint="plinkctl status",
            code="no_connection",
        )
