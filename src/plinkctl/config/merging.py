"""Overrides over a file: flags and PLINKCTL_* variables win. No value is judged here."""

from collections.abc import Mapping
from typing import Any

from plinkctl.config.places import Given, Key, Place, Problem, Tree, dotted


def merged(tree: Tree, overrides: Mapping[str, object]) -> Tree:
    """The tree with the overrides in it; see `plinkctl.config.load` for their shape."""
    values: dict[str, Any] = _copied(tree.values)
    places = dict(tree.places)
    written = dict(tree.written)
    problems = list(tree.problems)
    for name, given in overrides.items():
        value = _plain(given)
        key = _key(name)
        if value is None:
            continue
        place = Place(given.origin if isinstance(given, Given) else dotted(key), in_file=False)
        if not _whole(value):
            problems.append(Problem(key, place, "not UTF-8 text"))
            value = None
        if not _put(values, key, value):
            continue
        places = {other: place for other, place in places.items() if other[: len(key)] != key}
        written = {other: text for other, text in written.items() if other[: len(key)] != key}
        places[key] = place
    return Tree(values=values, places=places, written=written, problems=tuple(problems))


def _key(name: str) -> Key:
    """The way to an overridden value; a tag's key may hold dots itself."""
    return tuple(name.split(".", 1) if name.startswith("tags.") else name.split("."))


def _put(values: dict[str, Any], key: Key, value: object) -> bool:
    """Whether there was a place for the value; not so where the file has a plain value for a section."""
    section: Any = values
    for step in key[:-1]:
        if section.get(step) is None:
            section[step] = {}
        section = section[step]
        if not isinstance(section, dict):
            return False
    section[key[-1]] = value
    return True


def _plain(given: object) -> Any:
    """The value without its origin; tuples, which flags give, become lists, which YAML has."""
    if isinstance(given, Given):
        return _plain(given.value)
    return _copied(given)


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(item) for item in value]
    return value


def _whole(value: Any) -> bool:
    """Whether all text in the value can be written as UTF-8; bytes of a shell in another encoding cannot."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, dict):
        return all(_whole(key) and _whole(item) for key, item in value.items())
    return not isinstance(value, list) or all(_whole(item) for item in value)
