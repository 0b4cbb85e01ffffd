"""The attributes of load balancers and target groups: which each kind has, with which defaults, in which range.

As the API reference lists them (LoadBalancerAttribute, TargetGroupAttribute). What is not told there is what AWS says
to a key or a value it does not take; the codes are those Terraform reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from moto.elbv2.exceptions import (
    InvalidConfigurationRequest,
    LoadBalancerNotFoundError,
    TargetGroupNotFoundError,
    ValidationError,
)
from moto.elbv2.models import ELBv2Backend

from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALL: Final = {
    "deletion_protection.enabled": "false",
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "zonal_shift.config.enabled": "false",
}
_APPLICATION: Final = _ALL | {
    "load_balancing.cross_zone.enabled": "true",
    "idle_timeout.timeout_seconds": "60",
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.prefix": "",
    "health_check_logs.s3.enabled": "false",
    "health_check_logs.s3.bucket": "",
    "health_check_logs.s3.prefix": "",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.x_amzn_tls_kx.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
}
_NETWORK: Final = _ALL | {
    "load_balancing.cross_zone.enabled": "false",
    "dns_record.client_routing_policy": "any_availability_zone",
    "secondary_ips.auto_assigned.per_subnet": "0",
}

_GROUP: Final = {
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}
_BEHIND_NETWORK: Final = _GROUP | {
    "deregistration_delay.timeout_seconds": "300",
    "deregistration_delay.connection_termination.enabled": "false",
    "stickiness.enabled": "false",
    "stickiness.type": "source_ip",
    "preserve_client_ip.enabled": "true",
    "proxy_protocol_v2.enabled": "false",
    "target_health_state.unhealthy.connection_termination.enabled": "true",
    "target_health_state.unhealthy.draining_interval_seconds": "0",
}
_BEHIND_APPLICATION: Final = _GROUP | {
    "deregistration_delay.timeout_seconds": "300",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "slow_start.duration_seconds": "0",
    "stickiness.enabled": "false",
    "stickiness.type": "lb_cookie",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "stickiness.lb_cookie.duration_seconds": "86400",
}
_OF_FUNCTION: Final = {"lambda.multi_value_headers.enabled": "false"}

_RESPONSES: Final = (
    "strict_transport_security",
    "access_control_allow_origin",
    "access_control_allow_methods",
    "access_control_allow_headers",
    "access_control_allow_credentials",
    "access_control_expose_headers",
    "access_control_max_age",
    "content_security_policy",
    "x_content_type_options",
    "x_frame_options",
)
_REQUESTS: Final = {
    "mtls_clientcert_serial_number": "Mtls-Clientcert-Serial-Number",
    "mtls_clientcert_issuer": "Mtls-Clientcert-Issuer",
    "mtls_clientcert_subject": "Mtls-Clientcert-Subject",
    "mtls_clientcert_validity": "Mtls-Clientcert-Validity",
    "mtls_clientcert_leaf": "Mtls-Clientcert-Leaf",
    "mtls_clientcert": "Mtls-Clientcert",
    "tls_version": "Tls-Version",
    "tls_cipher_suite": "Tls-Cipher-Suite",
}
_TCP_LISTENER: Final = {"tcp.idle_timeout.seconds": "350"}
_HTTP_LISTENER: Final = {
    "routing.http.response.server.enabled": "true",
    **{f"routing.http.response.{name}.header_value": "" for name in _RESPONSES},
}
_HTTPS_LISTENER: Final = _HTTP_LISTENER | {
    f"routing.http.request.x_amzn_{name}.header_name": f"X-Amzn-{header}" for name, header in _REQUESTS.items()
}

#: The numbers a numeric attribute may be, from and to.
_RANGES: Final = {
    "idle_timeout.timeout_seconds": (1, 4000),
    "tcp.idle_timeout.seconds": (60, 6000),
    "client_keep_alive.seconds": (60, 604_800),
    "secondary_ips.auto_assigned.per_subnet": (0, 7),
    "deregistration_delay.timeout_seconds": (0, 3600),
    "target_health_state.unhealthy.draining_interval_seconds": (0, 360_000),
    "stickiness.app_cookie.duration_seconds": (1, 604_800),
    "stickiness.lb_cookie.duration_seconds": (1, 604_800),
}
_CHOICES: Final = {
    "routing.http.desync_mitigation_mode": {"monitor", "defensive", "strictest"},
    "routing.http.xff_header_processing.mode": {"append", "preserve", "remove"},
    "dns_record.client_routing_policy": {
        "any_availability_zone",
        "availability_zone_affinity",
        "partial_availability_zone_affinity",
    },
    "load_balancing.algorithm.type": {"round_robin", "least_outstanding_requests", "weighted_random"},
    "load_balancing.algorithm.anomaly_mitigation": {"on", "off"},
}


def of_balancer(kind: str, scheme: str) -> dict[str, str]:
    """The attributes of a new load balancer."""
    attributes = dict(_APPLICATION if kind == "application" else _NETWORK)
    return attributes | {"ipv6.deny_all_igw_traffic": "true" if scheme == "internal" else "false"}


def of_group(target_type: str, protocol: str | None) -> dict[str, str]:
    """The attributes of a new target group."""
    if target_type == "lambda":
        return dict(_OF_FUNCTION)
    if protocol in ("HTTP", "HTTPS"):
        return dict(_BEHIND_APPLICATION)
    # A load balancer does not keep a client's address towards targets that are addresses, when it ends or passes TCP.
    kept = "false" if target_type == "ip" and protocol in ("TCP", "TLS") else "true"
    return _BEHIND_NETWORK | {"preserve_client_ip.enabled": kept}


def of_listener(protocol: str) -> dict[str, str]:
    """The attributes of a new listener. What HTTP ones have is told only; the data path adds and drops no headers."""
    return dict({"HTTP": _HTTP_LISTENER, "HTTPS": _HTTPS_LISTENER, "TCP": _TCP_LISTENER}.get(protocol, {}))


def _check(what: str, had: Mapping[str, str], wish: Mapping[str, str]) -> None:
    """Refuse keys this kind does not have, and values they cannot have. Raises ValidationError."""
    for key, value in wish.items():
        if key not in had:
            raise ValidationError(f"{what} attribute key '{key}' is not recognized")
        allowed = {"true", "false"} if had[key] in ("true", "false") else _CHOICES.get(key)
        if key in _RANGES:
            low, high = _RANGES[key]
            fits = value.isdecimal() and low <= int(value) <= high
        else:
            fits = allowed is None or value in allowed
        if not fits:
            raise ValidationError(f"{what} attribute value '{value}' is not valid for the key '{key}'")


@override(ELBv2Backend, "modify_load_balancer_attributes")
def _modify_balancer(_original: Any, self: Any, arn: str, attrs: dict[str, Any]) -> dict[str, Any]:
    """ModifyLoadBalancerAttributes: all that are given, or none."""
    balancer = self.load_balancers.get(arn)
    if balancer is None:
        raise LoadBalancerNotFoundError("One or more load balancers not found")
    wish = {key: str(value) for key, value in attrs.items()}
    _check("Load balancer", balancer.attrs, wish)
    if balancer.type == "application" and wish.get("load_balancing.cross_zone.enabled") == "false":
        raise InvalidConfigurationRequest(
            "Cross-zone load balancing cannot be turned off for application load balancers"
        )
    secondary = "secondary_ips.auto_assigned.per_subnet"
    if int(wish.get(secondary, "7")) < int(balancer.attrs.get(secondary, "0")):
        raise InvalidConfigurationRequest(f"The value of '{secondary}' cannot be decreased")
    balancer.attrs.update(wish)
    return dict(balancer.attrs)


@override(ELBv2Backend, "modify_target_group_attributes")
def _modify_group(_original: Any, self: Any, target_group_arn: str, attributes: dict[str, Any]) -> None:
    """ModifyTargetGroupAttributes: those of a group whose target is a load balancer stay as they are."""
    group = self.target_groups.get(target_group_arn)
    if group is None:
        raise TargetGroupNotFoundError
    if group.target_type == "alb":
        raise InvalidConfigurationRequest("The attributes of a target group with target type 'alb' cannot be modified")
    wish = {key: str(value) for key, value in attributes.items()}
    _check("Target group", group.attributes, wish)
    group.attributes.update(wish)


@override(ELBv2Backend, "modify_listener_attributes")
def _modify_listener(_original: Any, self: Any, listener_arn: str, attrs: list[dict[str, str]]) -> Any:
    """ModifyListenerAttributes: all that are given, or none."""
    [listener] = self.describe_listeners(None, [listener_arn])
    wish = {one["Key"]: str(one.get("Value", "")) for one in attrs}
    _check("Listener", listener.attributes, wish)
    listener.attributes.update(wish)
    return listener.attributes
