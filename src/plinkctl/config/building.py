"""The steps of `load` in their order, and the last of them: sound values to the dataclasses of link.py."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from plinkctl.config import rules, schema
from plinkctl.config.merging import merged
from plinkctl.config.places import Tree, usage_error
from plinkctl.config.reading import read
from plinkctl.errors import RefusedError
from plinkctl.link import Access, Consumer, Dns, Link, Network, Provider, Response, Side, Tls


def load_link(path: Path | None, overrides: Mapping[str, object], *, sides: frozenset[Side], complete: bool) -> Link:
    """See `plinkctl.config.load`."""
    file = Tree() if path is None else read(path)
    present = sides | {side for side in Side if side in file.values}
    tree = merged(file, overrides)
    problems = [*tree.problems, *schema.check(tree)]
    broken = frozenset(problem.key for problem in problems)
    view = rules.View(tree=tree, broken=broken, sides=sides, present=present, complete=complete)
    problems += rules.check(view)
    refusal = rules.unconsented(view)
    if problems:
        raise usage_error([*problems, refusal] if refusal else problems)
    if refusal:
        raise RefusedError(
            str(refusal),
            hint='keep acceptance_required: true and give the reason, as in allow_public: "open beta"',
            code="public_principal",
        )
    return _link(tree.values, present)


def _link(values: Mapping[str, Any], present: frozenset[Side]) -> Link:
    region = values.get("region")
    provider = _provider(values.get("provider") or {}, region) if Side.PROVIDER in present else None
    consumer = _consumer(values.get("consumer") or {}, region) if Side.CONSUMER in present else None
    if provider and consumer:
        # rules: nothing else can have been asked for
        secured = provider.tls.certificate is not None
        consumer = replace(consumer, port=provider.tls.port if secured else provider.port, https=secured)
    given = {"name": values["name"]} if "name" in values else {}
    return Link(
        **given,
        tags=dict(values.get("tags") or {}),
        protect=values.get("protect"),
        state=values.get("state"),
        provider=provider,
        consumer=consumer,
    )


def _provider(values: Mapping[str, Any], region: str | None) -> Provider:
    default = Provider()
    return replace(
        default,
        **_own(values, Provider),
        access=_access(values, region),
        network=_network(values, default.network),
        allow=tuple(dict.fromkeys(values.get("allow") or ())),
        response=replace(default.response, **_own(values.get("response") or {}, Response)),
        consumer_cidrs=tuple(values.get("consumer_cidrs") or ()),
        dns=_dns(values.get("dns") or {}),
        tls=replace(default.tls, **_own(values.get("tls") or {}, Tls)),
    )


def _consumer(values: Mapping[str, Any], region: str | None) -> Consumer:
    default = Consumer()
    if values.get("https") and not values.get("port"):
        default = replace(default, port=Tls.port)
    return replace(
        default,
        **_own(values, Consumer),
        access=_access(values, region),
        network=_network(values, default.network),
    )


def _dns(values: Mapping[str, Any]) -> Dns:
    return replace(Dns(), **_own(values, Dns), resolvers=tuple(values.get("resolvers") or ()))


def _access(values: Mapping[str, Any], region: str | None) -> Access:
    return replace(Access(region=region), **_own(values, Access))


def _network(values: Mapping[str, Any], default: Network) -> Network:
    given = values.get("network") or {}
    subnet_ids, zone_ids = tuple(given.get("subnet_ids") or ()), tuple(given.get("zone_ids") or ())
    return replace(default, **_own(given, Network), subnet_ids=subnet_ids, zone_ids=zone_ids)


_SECTIONS = frozenset(
    {"access", "network", "response", "allow", "consumer_cidrs", "subnet_ids", "zone_ids", "dns", "tls", "resolvers"}
)


def _own(values: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """The plain values that are fields of this dataclass. 80.0, a whole number to JSON Schema, becomes 80."""
    names = {field.name for field in fields(kind)} - _SECTIONS
    return {name: int(value) if isinstance(value, float) else value for name, value in values.items() if name in names}
