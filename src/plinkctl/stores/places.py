"""From what `--state` says to the place it means."""

from dataclasses import dataclass
from pathlib import Path

from plinkctl.errors import UsageError
from plinkctl.link import Side
from plinkctl.state import State
from plinkctl.stores import Place, Store, local


def place_of(named: Path | str) -> Place:
    """The place that a person named.

    Args:
        named: A folder, or what `--state` says.

    Raises:
        UsageError: It is neither a folder nor the URL of a bucket.
    """
    if isinstance(named, Path):
        return Folder(named)
    raise UsageError(
        f"--state {named}: only folders can hold states so far", hint="--state FOLDER", code="no_such_store"
    )


@dataclass(frozen=True)
class Folder:
    """A folder on this machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def open(self, link: str, side: Side) -> Store:
        """Lock one side's file."""
        return local.LocalStore(self.path, link, side)

    def read(self, link: str, side: Side) -> State | None:
        """One side's state, or None."""
        return local.read(self.path, link, side)

    def links(self) -> list[tuple[str, Side]]:
        """Every link and side that has a file here."""
        return local.links(self.path)

    def file(self, link: str, side: Side) -> str:
        """The file's path."""
        return str(local.path_of(self.path, link, side))
