"""Everything there is in every account, read past the API from moto's own objects: nothing hidden, nothing late.

Tests compare two of these to see that something was left behind, or that somebody else's resource was touched; so what
only passes (states, moments, health) is not in it, and all else is.
"""

from __future__ import annotations

import base64
import dataclasses
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from moto.backends import get_backend
from moto.core.base_backend import BaseBackend
from moto.ec2.models import ec2_backends

from plinkctl.sandbox import world
from plinkctl.sandbox.clock import Timeline

#: Attributes of moto's objects that change by themselves, or say again what another entry says.
_PASSING: Final = frozenset(
    (
        "state",
        "status",
        "filters",
        "attach_time",
        "last_used",
        "last_used_region",
        "create_date",
        "created_time",
        "load_balancer_arns",
        "listeners",
        "ingress_rules",
        "egress_rules",
        "ec2_backend",
        "tags",
        "ready",
        "interfaces",
        "streams",
        "stored_bytes",
        "created",
        "renewed",
        "issued",
        "released",
        "looked",
    )
)
#: Of a certificate: what nobody is shown, and what is told of it elsewhere.
_SECRET: Final = frozenset(("key", "tags", "arn"))
_PLAIN: Final = (str, int, float, bool, type(None))


def census() -> list[dict[str, Any]]:
    """One entry for each thing: account, region, kind, id, tags, settings; in a fixed order, and JSON throughout."""
    sandbox = world.current()
    with sandbox.lock:
        for account in sandbox.accounts:
            ec2_backends[account.id][sandbox.region]  # what moto makes when a region is first asked for is there anyway
        world.settle()
        entries = [
            {
                "account": account,
                "region": region,
                "kind": kind,
                "id": key,
                "tags": dict(sorted(tags.items())),
                "settings": _settings(thing),
            }
            for service, look in _SERVICES.items()
            for account, region, backend in _backends(service)
            for kind, key, thing, tags in look(backend)
        ]
    return sorted(entries, key=lambda one: (one["account"], one["region"], one["kind"], one["id"]))


def _backends(service: Any) -> Iterator[tuple[str, str, Any]]:
    for account, regions in list(get_backend(service).items()):
        for region, backend in list(regions.items()):
            yield account, region, backend


Found = Iterator[tuple[str, str, Any, Mapping[str, str]]]


def _ec2(backend: Any) -> Found:
    groups = [group for groups in backend.groups.values() for group in groups.values()]
    kinds: dict[str, Iterable[Any]] = {
        "vpc": backend.vpcs.values(),
        "subnet": backend.describe_subnets(),
        "route table": backend.route_tables.values(),
        "internet gateway": backend.internet_gateways.values(),
        "network acl": backend.network_acls.values(),
        "dhcp options": backend.dhcp_options_sets.values(),
        "security group": groups,
        "security group rule": [rule for group in groups for rule in (*group.ingress_rules, *group.egress_rules)],
        "network interface": backend.enis.values(),
        "endpoint": [found.sandbox for found in backend.vpc_end_points.values()],
        "endpoint service": [found.sandbox for found in backend.configurations.values()],
    }
    for kind, things in kinds.items():
        yield from ((kind, str(one.id), one, backend.tags.get(one.id, {})) for one in things)


def _elbv2(backend: Any) -> Found:
    tagged = backend.tagging_service.get_tag_dict_for_resource
    for balancer in backend.load_balancers.values():
        yield "load balancer", balancer.arn, balancer, tagged(balancer.arn)
        yield from (("listener", arn, one, tagged(arn)) for arn, one in balancer.listeners.items())
    yield from (("target group", arn, one, tagged(arn)) for arn, one in backend.target_groups.items())


def _iam(backend: Any) -> Found:
    for role in backend.get_roles():
        yield "role", role.name, role, {tag["Key"]: tag["Value"] for tag in role.tags or ()}
    yield from (("user", name, user, {}) for name, user in backend.users.items())


def _lambda(backend: Any) -> Found:
    for group in backend._lambdas._functions.values():
        function = group["latest"]
        config = function.get_configuration()
        kept = ("Handler", "Runtime", "Role", "Timeout", "MemorySize", "CodeSha256", "VpcConfig", "LoggingConfig")
        settings = {name: config.get(name) for name in kept} | {"Environment": function.environment_vars}
        yield "function", function.function_name, settings, function.tags


def _logs(backend: Any) -> Found:
    for name, group in backend.groups.items():
        yield "log group", name, group, backend.tagger.get_tag_dict_for_resource(group.arn)


def _acm(backend: Any) -> Found:
    for arn, one in backend._certificates.items():
        _ = one.status  # it is issued when somebody looks
        held = {field.name: getattr(one, field.name) for field in dataclasses.fields(one)}
        yield "certificate", arn, {k: v for k, v in held.items() if k not in _SECRET}, one.tags


def _route53(backend: Any) -> Found:
    for zone in backend.zones.values():
        known = zone.sandbox
        settings = {"name": known.name, "private": known.private, "reference": zone.caller_reference}
        settings |= {"vpcs": sorted(known.vpcs.items()), "authorized": sorted(known.authorized)}
        yield "hosted zone", known.id, settings, backend.resource_tags.get(known.id, {})
        for (name, kind, distinct), record in known.content.records.items():
            if name != known.name or kind not in ("NS", "SOA"):  # those are the zone's own
                yield "record", " ".join((known.id, name, kind, *filter(None, [distinct]))), record, {}


_SERVICES: Final = {
    "ec2": _ec2,
    "elbv2": _elbv2,
    "iam": _iam,
    "lambda": _lambda,
    "logs": _logs,
    "acm": _acm,
    "route53": _route53,
}


# -------------------------------------------------------------------------------------------- settings


def _settings(thing: Any) -> dict[str, Any]:
    """What a thing is set to, as JSON."""
    if isinstance(thing, Mapping):
        pairs = list(thing.items())
    elif dataclasses.is_dataclass(thing):
        pairs = [(one.name, getattr(thing, one.name)) for one in dataclasses.fields(thing)]
    else:
        pairs = list(vars(thing).items())
    return {name: plain for name, value in sorted(pairs) if (plain := _plain(name, value)) is not _NOTHING}


_NOTHING: Final = object()


def _plain(name: str, value: Any) -> Any:
    if name.startswith(("_sandbox", "sandbox")) or name.lstrip("_") in _PASSING or isinstance(value, Timeline):
        return _NOTHING
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, ipaddress.IPv4Network):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain for key, one in value.items() if (plain := _plain("", one)) is not _NOTHING}
    if isinstance(value, (list, tuple)):
        return [plain for one in value if (plain := _plain("", one)) is not _NOTHING]
    structured = hasattr(value, "__dict__") or dataclasses.is_dataclass(value)
    if isinstance(value, BaseBackend) or not structured or callable(value):
        return _NOTHING
    return next((getattr(value, key) for key in ("arn", "id") if hasattr(value, key)), None) or _settings(value)
