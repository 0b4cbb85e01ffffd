"""The one door of the configuration layer, `load`, with a real file behind it, for the tests of this folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from plinkctl.config import load
from plinkctl.errors import Exit, UsageError
from plinkctl.link import Link, Side

BOTH = frozenset(Side)
PROVIDER = frozenset({Side.PROVIDER})
CONSUMER = frozenset({Side.CONSUMER})


@dataclass(frozen=True)
class Door:
    """Writes link files and loads them."""

    folder: Path

    def file(self, content: str | bytes) -> Path:
        path = self.folder / "link.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def link(
        self,
        content: str | bytes | None,
        overrides: Mapping[str, object] | None = None,
        *,
        sides: frozenset[Side] = BOTH,
        complete: bool = True,
    ) -> Link:
        path = None if content is None else self.file(content)
        return load(path, overrides or {}, sides=sides, complete=complete)

    def problems(
        self,
        content: str | bytes | None,
        overrides: Mapping[str, object] | None = None,
        *,
        sides: frozenset[Side] = BOTH,
        complete: bool = True,
    ) -> list[str]:
        """What load says against this file, without the folder's name."""
        with pytest.raises(UsageError) as caught:
            self.link(content, overrides, sides=sides, complete=complete)
        error = caught.value
        assert error.exit_code is Exit.USAGE
        assert error.hint is not None
        return [problem.replace(f"{self.folder}/", "") for problem in error.problems]
