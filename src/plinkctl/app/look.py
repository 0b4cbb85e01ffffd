"""`status` and `state`: look, never touch, never lock."""

from typing import Any

from plinkctl import handshake
from plinkctl.app.picture import picture
from plinkctl.app.proof import half
from plinkctl.app.run import Run
from plinkctl.app.up import side_data
from plinkctl.errors import AwsError, StateError
from plinkctl.link import Side
from plinkctl.state import State
from plinkctl.verify import Half, names, openness, states


def status(run: Run) -> dict[str, Any]:
    """Both sides as far as known, with the states AWS gives now, and the service's connections.

    Returns:
        `name`, `sides`, `picture`, `connections`, `checks`.
    """
    provider, consumer = half(run, Side.PROVIDER, must=False), half(run, Side.CONSUMER, must=False)
    if provider is None and consumer is None:
        run.note(f"nothing is recorded for the link {run.link.name!r} in {run.states}")
    sides = [side_data(h.state) for h in (provider, consumer) if h is not None]
    drawn = picture(run) if sides else {}
    if consumer is not None and (endpoint_state := _endpoint_state(consumer)):
        # The state file knows what the last `up` saw; an acceptance since then is only on AWS.
        sides[-1]["endpoint_state"] = endpoint_state
        drawn["endpoint"] = {**drawn["endpoint"], "state": endpoint_state}
        drawn["connection"] = endpoint_state
    checks = [openness(provider)] if provider is not None and provider.record("service") else []
    if consumer is not None and consumer.record("endpoint"):
        checks = states(provider, consumer)
    checks += names.verification(provider)
    return {
        "name": run.link.name,
        "sides": sides,
        "picture": drawn,
        "connections": _connections(run, provider),
        "checks": [check.to_json() for check in checks],
    }


def state_list(run: Run) -> dict[str, Any]:
    """Every link and side that has a state in the folder."""
    found: list[dict[str, Any]] = []
    for name, side in run.states.links():
        try:
            state = _read(run, name, side)
        except StateError as error:
            found.append({"name": name, "side": side.value, "problem": error.message})
            continue
        found.append(
            {
                "name": name,
                "side": side.value,
                "account": state.account,
                "region": state.region,
                "resources": len(state.live),
                "serial": state.serial,
                "file": run.states.file(name, side),
            }
        )
    return {"states": found}


def state_show(run: Run) -> dict[str, Any]:
    """The states of one link, whole."""
    found = [state for side in Side if (state := run.state(side)) is not None]
    if not found:
        raise StateError(
            f"nothing is recorded for the link {run.link.name!r}",
            hint="plinkctl state list shows the links of this folder",
            code="no_state",
        )
    whole = [state.to_json() for state in found]
    return {
        "name": run.link.name,
        "sides": [{key: value for key, value in state.items() if key != "records"} for state in whole],
        "records": [
            {"side": state["side"], "id": record["attrs"].get("id", ""), **record}
            for state in whole
            for record in state["records"].values()
        ],
    }


def _endpoint_state(consumer: Half) -> str | None:
    record = consumer.record("endpoint")
    if record is None or consumer.aws is None:
        return None
    try:
        found = consumer.aws.read("ec2", "describe_vpc_endpoints", VpcEndpointIds=[record.id])["VpcEndpoints"]
    except AwsError:
        return None  # the checks tell why
    return str(found[0]["State"]) if found else None


def _read(run: Run, name: str, side: Side) -> State:
    state = run.states.read(name, side)
    if state is None:
        raise StateError(f"the state of {name} {side} is gone")
    return state


def _connections(run: Run, provider: Half | None) -> list[dict[str, str]]:
    service = provider.record("service") if provider else None
    if provider is None or provider.aws is None or service is None:
        return []
    try:
        return [connection.to_json() for connection in handshake.connections(provider.aws, service.id)]
    except AwsError as error:
        run.note(f"the connections cannot be listed: {error.message}", level="warning")
        return []
