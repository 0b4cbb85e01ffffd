"""A state in memory only, for work that needs none: what it is about is found by tag, and found again after a crash."""

from dataclasses import dataclass

from plinkctl.state import Record, State


@dataclass
class Memory:
    """One side's state, gone with the process."""

    state: State | None = None

    def begin(self, state: State) -> None:
        """Start with this state."""
        self.state = state

    def commit(self, record: Record) -> None:
        """Remember the record."""
        if self.state is None:
            raise RuntimeError("commit before begin")
        self.state = self.state.put(record)

    def close(self) -> None:
        """Nothing to give back."""
