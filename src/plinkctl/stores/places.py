"""From what `--state` says to the place it means: a folder, or a part of a bucket."""

from dataclasses import dataclass
from pathlib import Path

from plinkctl.errors import StateError
from plinkctl.link import Side
from plinkctl.state import State
from plinkctl.stores import Held, Place, Store, address, local
from plinkctl.stores.s3 import Bucket, Reach


def place_of(named: Path | str, reach: Reach) -> Place:
    """The place that a person named. Calls nothing.

    Args:
        named: A folder, or what `--state` says.
        reach: What a bucket is reached with.

    Raises:
        UsageError: It is neither a folder nor the URL of a bucket.
    """
    if isinstance(named, str) and address.is_address(named):
        return Bucket(address.parse(named), reach)
    return Folder(Path(named))


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

    def set_aside(self, link: str, side: Side) -> str:
        """Rename one side's file; nothing of it is lost."""
        return local.set_aside(self.path, link, side)

    def links(self) -> list[tuple[str, Side]]:
        """Every link and side that has a file here."""
        return local.links(self.path)

    def file(self, link: str, side: Side) -> str:
        """The file's path."""
        return str(local.path_of(self.path, link, side))

    def holder(self, link: str, side: Side) -> Held | None:
        """Whose process has the file's lock."""
        who = local.holder(self.path, link, side)
        return None if who is None else Held(who=who)

    def unlock(self, link: str, side: Side, held: Held) -> bool:
        """Refused: the lock is the kernel's, which gives it back when the process ends, however it ends."""
        raise StateError(
            f"the {side} side of {link!r} is in use",
            why=f"{held.who} works on it; the kernel ends its lock with the process, so no lock is ever left behind",
            hint="wait for it to end, or end that process",
            code="state_locked",
        )
