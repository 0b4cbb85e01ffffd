"""What each key may hold: link.schema.json applied to a tree, its findings told in our words.

The published schema is the only source of these rules. The validation library finds *where* something is
wrong and by which keyword; the sentence is written here, from the schema and the value, so the library's own
words never reach a user and it could be changed for another without a user's noticing.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

import jsonschema_rs

from plinkctl.config.formats import FORMATS
from plinkctl.config.places import Key, Problem, Tree, dotted, printable, shown

Rule = Mapping[str, Any]

_UNQUOTED: Final = {"true or false": ("true", "false", "yes", "no", "on", "off")}
_KINDS: Final = {str: "text", bool: "true or false", int: "a number", float: "a number", type(None): "nothing"}


_DOWN: Final = frozenset({"properties", "additionalProperties", "items"})
"""The words of a schema's path that go one key down in the values."""


@cache
def schema() -> Rule:
    """The published JSON Schema of a link file."""
    text = resources.files("plinkctl").joinpath("link.schema.json").read_text(encoding="utf-8")
    loaded: Rule = json.loads(text)
    return loaded


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    def passes(name: str) -> Any:
        return lambda text: FORMATS[name](text) is None

    formats = {name: passes(name) for name in FORMATS}
    return jsonschema_rs.Draft202012Validator(dict(schema()), formats=formats, validate_formats=True)


def check(tree: Tree) -> tuple[Problem, ...]:
    """All problems with single keys and values, one for each key; keys that reading has refused are passed over."""
    told: dict[Key, Problem] = {}
    refused = {problem.key for problem in tree.problems}
    for error in _validator().iter_errors(dict(tree.values)):
        key = _key(tree, error.instance_path)
        if len(key) < sum(step in _DOWN for step in error.schema_path[:-1]):
            continue  # the library leaves an empty key out of its paths; the rule for names tells what is wrong with it
        for problem in _problems(tree, key, [str(step) for step in error.schema_path]):
            if problem.key not in refused and (problem.key not in told or error.schema_path[-1] == "format"):
                told[problem.key] = problem
    return tuple(told.values())


def rule(key: Key) -> Rule | None:
    """The schema of one key, its `$ref` followed, or None if there is no such key."""
    found: Any = _followed(schema())
    for step in key:
        if isinstance(step, int):
            found = found.get("items")
        else:
            found = found.get("properties", {}).get(step, found.get("additionalProperties"))
        if not found:
            return None
        found = _followed(found)
    return found  # type: ignore[no-any-return]  # JSON


def _followed(node: Rule) -> Rule:
    reference = node.get("$ref")
    if reference is None:
        return node
    return {**schema()["$defs"][reference.removeprefix("#/$defs/")], **node}


def keys(key: Key = ()) -> Iterator[tuple[Key, Rule]]:
    """Every key of a link file with its schema, in the schema's order, sections before what is in them."""
    for name in (rule(key) or {}).get("properties", {}):
        own = (*key, name)
        found = rule(own) or {}
        yield own, found
        yield from keys(own)


def allowed(found: Rule) -> str:
    """What a key may hold, in words."""
    kind = kind_of(found)
    if words := found.get("x-allowed"):
        return str(words)
    if values := found.get("enum"):
        return "one of " + ", ".join(str(value) for value in values)
    if kind == "a whole number":
        return f"a whole number from {found['minimum']} to {found['maximum']}"
    if kind == "text" and "maxLength" in found:
        return f"text of at most {found['maxLength']:,} characters"
    return kind


def kind_of(found: Rule) -> str:
    """The type of a key's value, in words."""
    kinds = found["type"]
    kind = kinds if isinstance(kinds, str) else kinds[0]
    return {
        "object": "a section of keys and values",
        "array": "a list",
        "string": "text",
        "integer": "a whole number",
        "boolean": "true or false",
    }[kind]


def _problems(tree: Tree, key: Key, schema_path: list[str]) -> Iterator[Problem]:
    """What one finding of the library means: usually one problem, for unknown keys one each."""
    value = _value(tree, key)
    found = rule(key) or {}
    if "dependentSchemas" in schema_path:
        other = schema_path[schema_path.index("dependentSchemas") + 1]
        why = (rule(key[:-1]) or {})["dependentSchemas"][other]["description"]
        yield tree.problem(key, f"cannot stand beside {other}: {why}; give one of the two")
    elif "propertyNames" in schema_path:
        for name in value:
            if wrong := FORMATS[found["propertyNames"]["format"]](name):
                yield tree.problem((*key, name), wrong)
    elif schema_path[-1] == "additionalProperties":
        for name in value:
            if rule((*key, name)) is None:
                yield tree.problem((*key, name), _unknown(key, name, found))
    elif schema_path[-1] == "dependentRequired":
        for name, needed in found["dependentRequired"].items():
            for other in needed:
                if name in value and other not in value:
                    what = allowed(rule((*key, other)) or {})
                    yield tree.problem((*key, name), f"needs {other} beside it: {what}")
    else:
        yield tree.problem(key, _wrong(value, found, schema_path[-1], tree.written.get(key)))


def _wrong(value: Any, found: Rule, keyword: str, written: str | None) -> str:
    """The sentence for a value that breaks the keyword of its schema."""
    if keyword == "format" and (sentence := FORMATS[found["format"]](value)):
        return sentence
    if keyword == "type":
        return _wrong_type(value, found, written)
    if keyword == "maxLength":
        return f"{len(value):,} characters; expected {allowed(found)}"
    if keyword in {"minItems", "maxItems", "maxProperties"}:
        return f"{len(value)} given; expected {allowed(found)}"
    if keyword == "uniqueItems":
        return f"the same value stands here twice; expected {allowed(found)}"
    return f"{shown(value)} is not allowed; expected {allowed(found)}"


def _wrong_type(value: Any, found: Rule, written: str | None) -> str:
    kind = kind_of(found)
    if value is None and written is not None:
        return f"no value; expected {allowed(found)}, or leave the key out"
    if kind == "text" and written is not None:
        reading = "true or false" if isinstance(value, bool) else "a number"
        return f'YAML reads {written} as {reading}; quote it: "{written}"'
    got = _KINDS.get(type(value), shown(value))
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        got = f"{got}, {shown(value)}"
    way = ""
    if kind == "a list" and isinstance(value, str):
        way = f"; write [{shown(value)}]"
    elif str(value).lower() in _UNQUOTED.get(kind, ()) or (kind == "a whole number" and str(value).isdecimal()):
        way = "; write it without quotes"
    return f"expected {allowed(found)}, found {got}{way}"


def _unknown(key: Key, name: str, found: Rule) -> str:
    """Unknown key: what it may have meant, or where it belongs, or what there is."""
    meant = name.lower().replace("-", "_")
    names = list(found["properties"])
    if close := difflib.get_close_matches(meant, names, n=1):
        return f"unknown key; did you mean {close[0]}?"
    everywhere = [other for other, _ in keys()]
    if close := difflib.get_close_matches(meant, {str(other[-1]) for other in everywhere}, n=1, cutoff=0.8):
        homes = " or ".join(dotted(other) for other in everywhere if other[-1] == close[0])
        return f"unknown key here; did you mean {homes}?"
    where = printable(dotted(key)) or "a link file"
    return f"unknown key; {where} has {', '.join(names)}"


def _key(tree: Tree, path: list[str | int]) -> Key:
    """The library's path as a key: it takes a name that is a number, such as a tag `0`, for a place in a list."""
    key: list[str | int] = []
    value: Any = tree.values
    for step in path:
        key.append(str(step) if isinstance(value, Mapping) else step)
        value = value.get(key[-1]) if isinstance(value, Mapping) else None if value is None else value[step]
    return tuple(key)


def _value(tree: Tree, key: Key) -> Any:
    value: Any = tree.values
    for step in key:
        value = value[step]
    return value
