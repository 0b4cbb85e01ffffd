"""A state in memory only, for work that needs none: what it is about is found by tag, and found again after a crash."""

from dataclasses import dataclass

from plinkctl.state import Change, State


@dataclass
class Memory:
    """One side's state, gone with the process."""

    state: State | None = None

    def begin(self, state: State) -> None:
        """Start with this state."""
        self.state = state

    def commit(self, change: Change) -> None:
        """Remember the change."""
        if self.state is None:
            raise RuntimeError("commit before begin")
        self.state = self.state.put(change)

    def close(self) -> None:
        """Nothing to give back."""
