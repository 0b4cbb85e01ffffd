"""Listeners: what may listen where, and which target groups that binds to which load balancer."""

from __future__ import annotations

from typing import Any, Final

from moto.elbv2 import models
from moto.elbv2.exceptions import DuplicateListenerError, ELBClientError, LoadBalancerNotFoundError, ValidationError
from moto.elbv2.models import ELBv2Backend

from plinkctl.sandbox import world
from plinkctl.sandbox.elb import attributes, counts, tls
from plinkctl.sandbox.elb.balancers import all_balancers
from plinkctl.sandbox.elb.members import bound_groups, refuse_third
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.manners.visibility import born, changing
from plinkctl.sandbox.names.certificates import certificates_of, release
from plinkctl.sandbox.patch import override

FakeAction: Any = models.FakeAction
LONGEST_BODY: Final = 1024


@world.settler
def _settle(_moment: float) -> None:
    """A target group names the load balancers whose listeners forward to it now; moto only ever adds to that list."""
    users: dict[str, set[str]] = {}
    for balancer in all_balancers():
        for listener in balancer.listeners.values():
            for group in bound_groups(listener):
                users.setdefault(group, set()).add(balancer.arn)
    for regions in list(models.elbv2_backends.values()):
        for backend in list(regions.values()):
            for arn, target_group in list(backend.target_groups.items()):
                target_group.load_balancer_arns = sorted(users.get(arn, ()))


def _check(backend: Any, balancer: Any, protocol: str, actions: list[dict[str, Any]]) -> None:
    """Refuse actions the load balancer cannot take. Raises ELBClientError."""
    backend._validate_actions([FakeAction(dict(action)) for action in actions])
    for action in actions:
        if balancer.type == "network" and action["Type"] != "forward":
            raise ELBClientError(
                "InvalidLoadBalancerAction", "A Network Load Balancer listener supports forward actions only"
            )
        if len(action.get("FixedResponseConfig", {}).get("MessageBody", "")) > LONGEST_BODY:
            raise ValidationError(f"The message body of a fixed response is limited to {LONGEST_BODY} characters")
        for arn in backend._get_target_group_arns_from(action_data=action):
            group = backend.target_groups[arn]
            network = group.protocol in ("TCP", "TLS", "UDP", "TCP_UDP")
            unfit = protocol != "TCP" if group.target_type == "alb" else group.protocol == "TLS" != protocol
            if network != (balancer.type == "network") or unfit:
                raise ELBClientError(
                    "IncompatibleProtocols",
                    f"A {protocol} listener of a load balancer of type '{balancer.type}' cannot forward to target "
                    f"group '{arn}' of type '{group.target_type}' and protocol {group.protocol}",
                )
            if group.target_type == "alb":
                refuse_third(backend, group, {target["Id"] for target in group.targets.values()}, [balancer.arn])
            if any(user != balancer.arn for user in group.load_balancer_arns):
                raise ELBClientError(
                    "TargetGroupAssociationLimit",
                    f"The following target groups cannot be associated with more than one load balancer: {arn}",
                )
    counts.refuse_groups(backend, balancer, actions)


@override(ELBv2Backend, "create_listener")
def _create(
    original: Any,
    self: Any,
    load_balancer_arn: str,
    protocol: str,
    port: int,
    ssl_policy: str,
    certificate: str | None,
    actions: list[dict[str, Any]],
    alpn_policy: list[str] | None = None,
    tags: list[dict[str, str]] | None = None,
) -> Any:
    """CreateListener: the same settings again give the same one, other settings on the port a refusal."""
    balancer = self.load_balancers.get(load_balancer_arn)
    if balancer is None:
        raise LoadBalancerNotFoundError("One or more load balancers not found")
    policy = (ssl_policy or tls.DEFAULT_POLICY) if protocol in tls.SPEAKS_TLS else None
    asked = (protocol, certificate, policy, _alpn(alpn_policy), _plain(actions))
    for existing in balancer.listeners.values():
        if existing.port != port:
            continue
        has = (existing.protocol, existing.certificate, existing.ssl_policy, _alpn(existing.alpn_policy))
        if (*has, _plain(existing.default_actions)) == asked:
            return existing
        raise DuplicateListenerError(
            f"A listener already exists on this port for this load balancer '{load_balancer_arn}'"
        )
    refuse_more(f"listeners-per-{balancer.type}-load-balancer", len(balancer.listeners))
    self._validate_port_and_protocol(balancer.type, port, protocol)
    _check(self, balancer, protocol, actions)
    listener = original(self, load_balancer_arn, protocol, port, ssl_policy, certificate, actions, alpn_policy, tags)
    tls.equip(listener, protocol, listener.certificates, ssl_policy)
    listener.attributes = attributes.of_listener(protocol)
    listener.sandbox_since = world.now()
    born(self, "listener", balancer.listeners, listener.arn, listener.arn)
    changing(self, "tags", listener.arn, self.tagging_service.tags, listener.arn, new=True)
    return listener


#: What AWS fills in where a caller leaves it out (API reference).
_ANSWER: Final = {"ContentType": "text/plain", "MessageBody": ""}
_ELSEWHERE: Final = {
    "Protocol": "#{protocol}",
    "Port": "#{port}",
    "Host": "#{host}",
    "Path": "/#{path}",
    "Query": "#{query}",
}


def _alpn(policy: list[str] | None) -> list[str]:
    return [one for one in policy or [] if one != "None"]


def _plain(actions: list[Any]) -> list[tuple[Any, ...]]:
    """Actions as far as two of them are told apart: AWS and moto complete what a caller leaves out."""
    data = [getattr(action, "data", action) for action in actions]
    return [
        (
            one["Type"],
            _shares(one),
            (answer := one.get("FixedResponseConfig")) and {**_ANSWER, **answer},
            (elsewhere := one.get("RedirectConfig")) and {**_ELSEWHERE, **elsewhere},
        )
        for one in data
    ]


def _shares(action: dict[str, Any]) -> dict[str, int]:
    """The target groups an action forwards to, and each one's weight."""
    groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
    if not groups and action.get("TargetGroupArn"):
        groups = [{"TargetGroupArn": action["TargetGroupArn"]}]
    return {one["TargetGroupArn"]: int(one.get("Weight", 1)) if len(groups) > 1 else 1 for one in groups}


@override(ELBv2Backend, "modify_listener")
def _modify(
    _original: Any,
    self: Any,
    arn: str,
    port: int | None = None,
    protocol: str | None = None,
    ssl_policy: str | None = None,
    certificates: list[dict[str, Any]] | None = None,
    actions: list[dict[str, Any]] | None = None,
) -> Any:
    """ModifyListener: checked like a new one; moto would refuse TLS on a network load balancer."""
    [listener] = self.describe_listeners(None, [arn])
    balancer = self.load_balancers[listener.load_balancer_arn]
    if any(other.port == port and other is not listener for other in balancer.listeners.values()):
        raise DuplicateListenerError(f"A listener already exists on this port for this load balancer '{balancer.arn}'")
    protocol, given = protocol or listener.protocol, [str(one["CertificateArn"]) for one in certificates or []]
    self._validate_port_and_protocol(balancer.type, port or listener.port, protocol)
    if given or protocol not in tls.SPEAKS_TLS or not listener.certificates or ssl_policy:
        kept = [] if protocol not in tls.SPEAKS_TLS else listener.certificates
        tls.check(self, protocol, given or kept, ssl_policy)
    _check(self, balancer, protocol, actions or [])
    listener.port = port or listener.port
    if listener.protocol != protocol:
        listener.attributes = attributes.of_listener(protocol)
    tls.equip(listener, protocol, given or listener.certificates, ssl_policy)
    if actions:
        listener.default_actions = [FakeAction(action) for action in actions]
        listener._default_rule[0].actions = listener.default_actions
    return listener


@override(ELBv2Backend, "delete_listener")
def _delete(original: Any, self: Any, listener_arn: str) -> Any:
    """DeleteListener, its tags with it. Its certificates count as in use a little longer."""
    listener = original(self, listener_arn)
    release(listener, certificates_of(listener))
    self.tagging_service.delete_all_tags_for_resource(listener_arn)
    return listener
