"""Where states are kept: a folder (local.py) or a part of an S3 bucket (s3.py), both behind one face.

A *place* holds the states of many links and is looked at without a lock. A *store* is one side's state in such a
place, opened for work: while it is open, nobody else changes that state unnoticed.
"""

from dataclasses import dataclass
from typing import Protocol

from plinkctl.link import Side
from plinkctl.state import Change, State


class Store(Protocol):
    """One side's state, held for this process."""

    @property
    def state(self) -> State | None:
        """The state as last made durable (or begun), or None when nothing was ever made."""

    def begin(self, state: State) -> None:
        """Start with this state; it becomes durable with the first commit."""

    def commit(self, change: Change) -> None:
        """Make one change durable; returns only when it would survive a power cut.

        Raises:
            StateError: It could not be made durable. The caller must start nothing new.
        """

    def close(self) -> None:
        """Give the lock back. Closing twice is harmless."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """Somebody's hold on one side's state.

    Args:
        who: In words who holds it, and since when.
        hold: Names exactly this hold, so that no later one is ended in its place; empty where only the kernel ends it.
    """

    who: str
    hold: str = ""


class Place(Protocol):
    """Where the states of links are kept. `str()` of it is what a person calls it."""

    def open(self, link: str, side: Side) -> Store:
        """Hold one side's state for work.

        Raises:
            StateError: Somebody else holds it, it is damaged, or the place cannot be used.
            AccessError: The credentials may not.
        """

    def read(self, link: str, side: Side) -> State | None:
        """One side's state, read without its lock; None when there is none.

        Raises:
            StateError: It cannot be read, is damaged, too new, or not this link's.
            AccessError: The credentials may not.
        """

    def set_aside(self, link: str, side: Side) -> str:
        """Put one side's state beside, whatever is in it, so that there is none; where it is now, "" if there was none.

        Raises:
            StateError: Somebody holds it, or the place cannot be used.
        """

    def links(self) -> list[tuple[str, Side]]:
        """Every link and side that has a state here, by name."""

    def file(self, link: str, side: Side) -> str:
        """Where exactly one side's state is."""

    def holder(self, link: str, side: Side) -> Held | None:
        """Who holds one side's state now, or None."""

    def unlock(self, link: str, side: Side, held: Held) -> bool:
        """End this hold, if it is one that can be ended; whether it was still there.

        Raises:
            StateError: Only its process, or the place, can end it.
        """
