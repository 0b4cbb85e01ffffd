"""The lock names all that plinkctl runs with, in versions it takes, each with checksums and without a place."""

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "requirements.lock").read_text()
LOCKED = {name: Version(version) for name, version in re.findall(r"^([a-z0-9-]+)==(\S+)", TEXT, re.MULTILINE)}


def needed(requirements: list[str]) -> dict[str, Requirement]:
    """By name as it is in the lock; what is not for this machine is left out."""
    found = (Requirement(text) for text in requirements)
    return {r.name.lower().replace("_", "-"): r for r in found if r.marker is None or r.marker.evaluate({"extra": ""})}


def test_every_library_is_locked_in_a_version_that_is_taken() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting = needed(project["dependencies"] + project["optional-dependencies"]["tls"])
    seen: set[str] = set()
    while waiting:
        name, wanted = waiting.popitem()
        assert name in LOCKED, f"{wanted} is not in requirements.lock; docs/how-to/install-exactly.md says how"
        assert LOCKED[name] in wanted.specifier, f"{wanted}, but {LOCKED[name]} is locked"
        if name not in seen:
            seen.add(name)
            here = distribution(name)
            # What a newer one needs is no matter of the lock's.
            waiting |= needed(here.requires or []) if here.version == str(LOCKED[name]) else {}


def test_every_file_has_a_checksum_and_none_a_place() -> None:
    entries = re.split(r"^(?=[a-z0-9-]+==)", TEXT, flags=re.MULTILINE)[1:]
    assert len(entries) == len(LOCKED)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in TEXT
