"""What becomes of a TCP connection in the sandbox's VPCs, worked out from moto's objects at the moment it is made.

Pure: no sockets, no waiting, nothing kept. The caller holds the world's lock. Every verdict has a reason in words, for
whoever looks at the flow log to learn which rule of which group, or which missing piece, decided.

The path of a link: the function's interface, the endpoint's interface in the same VPC, then (the private link) the node
of the service's network load balancer in the same physical zone, its listener and target group, and the application
load balancer. Like a packet, a connection that no group admits is dropped, which its maker sees as a timeout; one that
arrives where nothing listens is refused.

Not here: routes (all subnets of a VPC reach each other, nothing else), network ACLs, IPv6, UDP, the internet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final, Literal

from plinkctl.sandbox import interfaces, world
from plinkctl.sandbox.elb import tls
from plinkctl.sandbox.fabric import alb, reading

#: A load balancer can be made its own target; a link has four hops.
_FARTHEST: Final = 8


class Kind(StrEnum):
    """What the maker of a connection sees: it stands, it is refused (RST), or nothing ever comes back."""

    OK = "ok"
    REFUSE = "refuse"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where a connection goes over to the provider's VPC.

    Attributes:
        endpoint: the `endpoints.Endpoint`.
        interface: the endpoint's interface it came in by.
        node: the interface of the load balancer it comes out at; None when it does not get there.
        blocked: whether the load balancer's groups stopped it there.
    """

    endpoint: Any
    interface: Any
    node: Any = None
    blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision on one connection.

    Attributes:
        kind: what its maker sees.
        hop: where it was decided.
        path: the hops it had passed before.
        reason: why, in words.
        listener: moto's listener that answers, when the kind is ok.
        front: moto's listener at which TLS ends, when it does: the one that answers, or a network load balancer's.
        seen_as: the source address the answering load balancer sees.
        crossing: the private link it went over, if it got that far.
    """

    kind: Kind
    hop: str
    path: tuple[str, ...]
    reason: str
    listener: Any = None
    front: Any = None
    seen_as: str = ""
    crossing: Crossing | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What a load balancer finds out about a target: state, AWS's reason code, description (both empty if healthy)."""

    state: Literal["healthy", "unhealthy"]
    reason: str = ""
    description: str = ""


def connect(source: Any, address: str, port: int) -> Verdict:
    """What becomes of a connection from an interface to an address and port.

    Args:
        source: moto's NetworkInterface; None for a function outside every VPC.
        address: IPv4 address, looked for in the source's VPC.
        port: TCP port.
    """
    if source is None:
        reason = f"the function is in no VPC, and nothing of the internet is here, {address} neither"
        return Verdict(kind=Kind.DROP, hop="internet", path=(), reason=reason)
    return _between(source, address, port, ())


def check(balancer: Any, group: Any, target: dict[str, Any]) -> Health:
    """What the health check of a network load balancer finds at a target, decided rather than probed.

    Args:
        balancer: moto's load balancer that checks.
        group: moto's target group.
        target: a registered target: its `Id` (address or load balancer ARN) and `Port`.
    """
    return _check(balancer, group, target, ())


def _check(balancer: Any, group: Any, target: dict[str, Any], path: tuple[str, ...]) -> Health:
    port = int(target["Port"] if str(group.health_check_port) == "traffic-port" else group.health_check_port)
    found = [
        _between(node, address, port, path)
        for node in interfaces.nodes(balancer)
        for address in reading.addresses(balancer, group, node, target["Id"])
    ]
    if not found:
        return Health(
            "unhealthy", "Target.FailedHealthChecks", "The target has no node in any zone of the load balancer"
        )
    verdict = next((one for one in found if one.kind is Kind.OK), found[0])
    if verdict.kind is Kind.DROP:
        return Health("unhealthy", "Target.Timeout", f"Request timed out ({verdict.reason})")
    if verdict.kind is Kind.REFUSE:
        return Health("unhealthy", "Target.FailedHealthChecks", f"Health checks failed ({verdict.reason})")
    if group.health_check_protocol not in ("HTTP", "HTTPS"):
        return Health("healthy")
    if (problem := _unspoken(group, verdict)) is not None:
        return problem
    host = f"{verdict.seen_as}:{port}"
    request = alb.Request(
        path=group.health_check_path or "/",
        host=host,
        source=verdict.seen_as,
        port=port,
        scheme=group.health_check_protocol.lower(),
    )
    plain = verdict.front is not None and group.health_check_protocol == "HTTP"
    status = HTTPStatus.BAD_REQUEST.value if plain else alb.respond(verdict.listener, request).status
    if _matches(status, str((group.matcher or {}).get("HttpCode") or "200-399")):
        return Health("healthy")
    return Health("unhealthy", "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]")


def _unspoken(group: Any, verdict: Verdict) -> Health | None:
    """What comes of a check in HTTPS where it cannot be spoken; None when it can, or is not wanted.

    The certificate is not looked at. A check does not speak TLS 1.3, which AWS's guide names as a reason for failure.
    """
    secure, asked = verdict.front is not None, group.health_check_protocol == "HTTPS"
    if asked and not secure:
        return Health("unhealthy", "Target.FailedHealthChecks", "Health checks failed (the target does not speak TLS)")
    if asked and set(tls.versions(verdict.front)) == {"TLSv1.3"}:
        return Health("unhealthy", "Target.FailedHealthChecks", "Health checks failed (the target takes only TLS 1.3)")
    return None


def _matches(status: int, codes: str) -> bool:
    """Whether a status is among codes written like `200,202` or `200-399`."""
    borders = [part.partition("-") for part in codes.split(",")]
    return any(int(low) <= status <= int(high or low) for low, _, high in borders)


# --------------------------------------------------------------------------------------------- hops


def _between(source: Any, address: str, port: int, path: tuple[str, ...]) -> Verdict:
    """From one interface to an address in its VPC: out through the source's groups, in through the other's."""
    here = reading.describe(source)
    if len(path) > _FARTHEST:
        return Verdict(kind=Kind.DROP, hop=here, path=path, reason="the load balancers send it round in circles")
    target = interfaces.at(source, address)
    groups = reading.groups_of(target) if target else []
    if not reading.allowed(reading.groups_of(source), "egress", port, address, groups):
        reason = f"no egress rule of {reading.ids(reading.groups_of(source))} allows tcp/{port} to {address}"
        return Verdict(kind=Kind.DROP, hop=here, path=path, reason=reason)
    if target is None:
        reason = f"nothing has the address {address} in {source.vpc_id}"
        return Verdict(kind=Kind.DROP, hop=here, path=path, reason=reason)
    seen_as = str(source.private_ip_address)
    if not reading.allowed(groups, "ingress", port, seen_as, reading.groups_of(source)):
        reason = f"no ingress rule of {reading.ids(groups)} allows tcp/{port} from {seen_as}"
        return Verdict(kind=Kind.DROP, hop=reading.describe(target), path=(*path, here), reason=reason)
    return _arrive(target, port, seen_as, (*path, here))


def _arrive(target: Any, port: int, seen_as: str, path: tuple[str, ...]) -> Verdict:
    """At an interface, past its groups."""
    owner = getattr(target, "sandbox", None)
    match owner.kind if owner else None:
        case "endpoint":
            return _through_link(target, port, seen_as, path)
        case "nlb":
            return _balance(target, port, path)
        case "alb":
            return _answer(target, port, seen_as, path)
        case _:
            reason = f"nothing listens on {target.private_ip_address}:{port}"
            return Verdict(kind=Kind.REFUSE, hop=reading.describe(target), path=path, reason=reason)


def _through_link(target: Any, port: int, seen_as: str, path: tuple[str, ...]) -> Verdict:
    """From an endpoint's interface to the service's load balancer in the same zone, in the provider's VPC."""
    here = reading.describe(target)
    endpoint = interfaces.endpoint_of(target)
    state = endpoint.state(world.now()) if endpoint else "deleted"
    crossing = Crossing(endpoint, target) if endpoint else None
    if endpoint is None or not endpoint.carries(world.now()):
        reason = f"the endpoint {target.sandbox.id} is {state}, not available"
        return Verdict(kind=Kind.DROP, hop=here, path=path, reason=reason, crossing=crossing)
    balancers = [found for arn in endpoint.service.load_balancers if (found := world.load_balancer(arn))]
    zone = target.subnet.availability_zone_id
    across = endpoint.region != endpoint.service.region  # then AWS chooses a zone, and no two are the same
    for balancer in balancers:
        for node in interfaces.nodes(balancer):
            if not across and node.subnet.availability_zone_id != zone:
                continue
            # The client's own address is what the group sees; no group of the consumer can be named in it.
            groups = reading.groups_of(node)
            if reading.enforces(balancer) and not reading.allowed(groups, "ingress", port, seen_as, []):
                reason = f"no ingress rule of {reading.ids(groups)} allows tcp/{port} from the client {seen_as}"
                crossing, hop = Crossing(endpoint, target, node, blocked=True), reading.describe(node)
                return Verdict(kind=Kind.DROP, hop=hop, path=(*path, here), reason=reason, crossing=crossing)
            return replace(_balance(node, port, (*path, here)), crossing=Crossing(endpoint, target, node))
    reason = f"no load balancer of {endpoint.service.id} has a node in zone {zone}"
    return Verdict(kind=Kind.DROP, hop=here, path=path, reason=reason, crossing=crossing)


def _balance(node: Any, port: int, path: tuple[str, ...]) -> Verdict:
    """At a node of a network load balancer: its listener, a target, and on to it with the node's own address."""
    here = reading.describe(node)
    balancer = world.load_balancer(node.sandbox.id)
    if balancer is None or balancer.state != "active":
        state = balancer.state if balancer else "deleted"
        named = balancer.name if balancer else node.sandbox.id
        return Verdict(kind=Kind.DROP, hop=here, path=path, reason=f"the load balancer {named} is {state}")
    listener = reading.listener_on(balancer, port)
    if listener is None:
        reason = f"{balancer.name} has no listener on port {port}"
        return Verdict(kind=Kind.REFUSE, hop=here, path=path, reason=reason)
    group = reading.target_group(listener)
    targets = list(group.targets.values()) if group else []
    # When no target is healthy the load balancer fails open and uses them all.
    healthy = [target for target in targets if _check(balancer, group, target, path).state == "healthy"]
    for target in healthy or targets:
        for address in reading.addresses(balancer, group, node, target["Id"]):
            verdict = _between(node, address, int(target["Port"]), path)
            return _unwrapped(verdict, listener, group) if listener.protocol == "TLS" else verdict
    where = "" if reading.crosses_zones(balancer, group) else f" in zone {node.subnet.availability_zone_id}"
    reason = f"the listener on port {port} has no target{where}"
    return Verdict(kind=Kind.REFUSE, hop=here, path=path, reason=reason)


def _unwrapped(verdict: Verdict, listener: Any, group: Any) -> Verdict:
    """Behind a network load balancer's TLS listener, which passes on plain text, or TLS of its own to a TLS group."""
    if verdict.kind is not Kind.OK:
        return verdict
    if (group.protocol == "TLS") != (verdict.front is not None):
        # As on AWS it cannot work; there the client's connection stands first, and is then closed.
        reason = f"the target group speaks {group.protocol}, the target {verdict.listener.protocol}"
        return replace(verdict, kind=Kind.REFUSE, reason=reason, listener=None, front=None)
    return replace(verdict, front=listener)


def _answer(target: Any, port: int, seen_as: str, path: tuple[str, ...]) -> Verdict:
    """At a node of an application load balancer."""
    here = reading.describe(target)
    balancer = world.load_balancer(target.sandbox.id)
    if balancer is None or balancer.state != "active":
        state = balancer.state if balancer else "deleted"
        named = balancer.name if balancer else target.sandbox.id
        return Verdict(kind=Kind.DROP, hop=here, path=path, reason=f"the load balancer {named} is {state}")
    listener = reading.listener_on(balancer, port)
    if listener is None:
        reason = f"{balancer.name} has no listener on port {port}"
        return Verdict(kind=Kind.REFUSE, hop=here, path=path, reason=reason)
    reason = f"{balancer.name} answers on port {port}"
    front = listener if listener.protocol == "HTTPS" else None
    return Verdict(kind=Kind.OK, hop=here, path=path, reason=reason, listener=listener, front=front, seen_as=seen_as)
