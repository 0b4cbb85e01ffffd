"""Where states are kept. A store is the only owner of one side's state while a command runs."""

from typing import Protocol

from plinkctl.state import Record, State


class Store(Protocol):
    """One side's state, locked for this process."""

    @property
    def state(self) -> State | None:
        """The state as last made durable (or begun), or None when nothing was ever made."""

    def begin(self, state: State) -> None:
        """Start with this state; it becomes durable with the first commit."""

    def commit(self, record: Record) -> None:
        """Make one record durable; returns only when it would survive a power cut.

        Raises:
            StateError: It could not be made durable. The caller must start nothing new.
        """

    def close(self) -> None:
        """Give the lock back."""
