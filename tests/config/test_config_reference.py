"""The schema, the dataclasses, docs/reference/config.md and configs/ say the same."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from plinkctl.config import load
from plinkctl.config.places import Key, dotted
from plinkctl.config.schema import allowed, keys, kind_of, schema
from plinkctl.link import Consumer, Link, Provider, Side

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference" / "config.md"
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
# The consumer's file lacks only what the provider's side prints later.
NEEDS = {
    "demo.yaml": frozenset(Side),
    "one-account.yaml": frozenset(Side),
    "shared-state.yaml": frozenset(Side),
    "two-accounts.yaml": frozenset({Side.PROVIDER}),
    "private-dns-tls.yaml": frozenset(Side),
    "existing-load-balancer.yaml": frozenset({Side.PROVIDER}),
}


def row(key: Key, rule: Mapping[str, Any]) -> str:
    """The line of the reference for one key."""
    default = rule.get("default")
    written = "" if default is None else f"`{json.dumps(default)}`"
    rules = (
        f"{allowed(rule)}, each {allowed(rule['items'])}" if isinstance(rule.get("items"), Mapping) else allowed(rule)
    )
    return f"| `{dotted(key)}` | {kind_of(rule)} | {written} | {rules} | {rule['description']} |"


def resolved(key: Key, rule: Mapping[str, Any]) -> Mapping[str, Any]:
    items = rule.get("items")
    if not isinstance(items, Mapping) or "$ref" not in items:
        return rule
    return {**rule, "items": schema()["$defs"][items["$ref"].removeprefix("#/$defs/")]}


def test_the_reference_has_every_key_with_type_default_rule_and_meaning() -> None:
    expected = [row(key, resolved(key, rule)) for key, rule in keys()]
    found = re.findall(r"^\| `[a-z_.]+` \|.*\|$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found == expected


def test_the_schema_has_the_fields_of_the_dataclasses() -> None:
    def names(kind: type, prefix: Key) -> set[Key]:
        found: set[Key] = set()
        for field in fields(kind):
            inner = {"provider": Provider, "consumer": Consumer}.get(field.name, type(getattr(kind(), field.name)))
            if field.name == "access":  # its fields stand in the side itself
                found |= names(inner, prefix)
                continue
            found.add((*prefix, field.name))
            if is_dataclass(inner):
                found |= names(inner, (*prefix, field.name))
        return found

    # `region` at the top is the one key that is no field: it stands for that of both sides.
    assert {key for key, _ in keys()} == names(Link, ()) | {("region",)}


def test_the_defaults_of_the_schema_are_those_of_the_dataclasses() -> None:
    link = load(None, {}, sides=frozenset(Side))
    for key, rule in keys():
        value: object = link
        for step in key:
            value = getattr(value, str(step), None)
        if kind_of(rule) == "a section of keys and values":
            continue
        plain = list(value) if isinstance(value, tuple) else value
        assert plain == rule.get("default", [] if kind_of(rule) == "a list" else None), key


def test_the_published_schema_is_a_valid_schema_and_closed() -> None:
    jsonschema_rs.meta.validate(dict(schema()))
    for key, rule in keys():
        if kind_of(rule) == "a section of keys and values" and key != ("tags",):
            assert rule["additionalProperties"] is False, key
        assert rule["description"].endswith("."), key


def test_every_ready_link_file_is_listed_here() -> None:
    assert {path.name for path in CONFIGS} == set(NEEDS)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_ready_link_file_loads(path: Path) -> None:
    link = load(path, {}, sides=NEEDS[path.name])
    assert link.name == path.stem or path.name == "existing-load-balancer.yaml"
    assert {side for side in Side if getattr(link, side)} >= NEEDS[path.name]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_ready_link_file_passes_the_published_schema_as_an_editor_sees_it(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", content)
    assert named is not None
    published = json.loads((path.parent / named[1]).read_text(encoding="utf-8"))
    assert list(jsonschema_rs.iter_errors(published, yaml.safe_load(content))) == []


def test_the_two_accounts_file_serves_the_consumer_with_the_service_from_a_flag() -> None:
    name = "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0"
    link = load(
        ROOT / "configs" / "two-accounts.yaml", {"consumer.service_name": name}, sides=frozenset({Side.CONSUMER})
    )
    assert link.consumer is not None
    assert link.consumer.service_name == name


def test_importing_the_package_loads_neither_yaml_nor_the_validator() -> None:
    code = "import sys, plinkctl.config; print({'yaml', 'jsonschema_rs', 'difflib', 'json'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
