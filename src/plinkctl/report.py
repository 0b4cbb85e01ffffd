"""Counts a run into an exit code and a status. Layer 5: it observes events and draws nothing.

One truth, several readings: the envelope, the summary and the process's exit code are all derived from here.
Skipped nodes never count as errors: only what failed by itself is a cause.
"""

from dataclasses import dataclass
from typing import Final, Literal

from plinkctl.errors import Exit, HeldError, PlinkError
from plinkctl.events import Event, NodeDone, NodeFailed, NodeHeld, NodeSkipped, NodeStarted, WalkPlanned

Status = Literal["success", "pending", "partial", "error"]

MOST_TELLING: Final = (
    Exit.INTERRUPTED,
    Exit.TERMINATED,
    Exit.HANGUP,
    Exit.BUG,
    Exit.STATE,
    Exit.ACCESS,
    Exit.USAGE,
    Exit.REFUSED,
    Exit.FAILED,
    Exit.UNVERIFIED,
    Exit.TIMED_OUT,
    Exit.HELD,
    Exit.OK,
)
"""Which exit code wins when several errors happened: the one nearest to what the user must do first."""

_Outcome = Literal["changed", "unchanged", "failed", "skipped", "held"]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One root cause. `node` is None for an error that belongs to no node."""

    error: PlinkError
    node: str | None = None


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many nodes came out how. `done` includes `changed`."""

    planned: int
    done: int
    changed: int
    failed: int
    skipped: int
    held: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """One node of the slowest path: seconds after the walk's first node started, and seconds it took."""

    node: str
    start: float
    seconds: float


class Report:
    """An observer that remembers how every node came out.

    A node that is planned again (a second walk of the same run) starts from nothing; errors are kept.
    """

    def __init__(self) -> None:
        self.errors: list[Failure] = []
        self.held: dict[str, str] = {}
        self._needs: dict[str, tuple[str, ...]] = {}
        self._starts: dict[str, float] = {}
        self._ends: dict[str, float] = {}
        self._outcomes: dict[str, _Outcome] = {}

    def __call__(self, event: Event) -> None:
        """Take one event into account. Events of no node are passed over."""
        match event:
            case WalkPlanned(nodes=nodes):
                for planned in nodes:
                    self._forget(planned.node)
                    self._needs[planned.node] = planned.needs
            case NodeStarted(node=node, at=at):
                self._starts[node] = at
            case NodeDone(node=node, at=at, changed=changed):
                self._end(node, at, "changed" if changed else "unchanged")
            case NodeHeld(node=node, at=at, why=why):
                self.held[node] = why
                self._end(node, at, "held")
            case NodeFailed(node=node, at=at, error=HeldError() as error):
                self.held[node] = error.message
                self._end(node, at, "held")
            case NodeFailed(node=node, at=at, error=error):
                self.fail(error, node)
                self._end(node, at, "failed")
            case NodeSkipped(node=node):
                self._outcomes[node] = "skipped"
            case _:
                pass

    def fail(self, error: PlinkError, node: str | None = None) -> None:
        """Count an error that no event tells of: a stop, a refused state, a link that does not work."""
        self.errors.append(Failure(error=error, node=node))

    @property
    def counts(self) -> Counts:
        """How the nodes came out so far."""
        outcomes = list(self._outcomes.values())
        changed = outcomes.count("changed")
        return Counts(
            planned=len(self._needs),
            done=changed + outcomes.count("unchanged"),
            changed=changed,
            failed=outcomes.count("failed"),
            skipped=outcomes.count("skipped"),
            held=outcomes.count("held"),
        )

    @property
    def exit_code(self) -> Exit:
        """The most telling exit code of all root causes, in the order of `MOST_TELLING`."""
        codes = {failure.error.exit_code for failure in self.errors}
        if self.held:
            codes.add(Exit.HELD)
        return min(codes, key=MOST_TELLING.index, default=Exit.OK)

    @property
    def status(self) -> Status:
        """The envelope's word: `partial` when some nodes are as they should be and something failed."""
        match self.exit_code:
            case Exit.OK:
                return "success"
            case Exit.HELD:
                return "pending"
            case _:
                return "partial" if self.counts.done else "error"

    def slowest_path(self) -> tuple[Step, ...]:
        """The chain of needs that ended last, first step first; empty before any node ended.

        To make the walk shorter, one of these nodes has to become faster; all others had time to spare.
        """
        if not self._ends:
            return ()
        zero = min(self._starts[node] for node in self._ends)
        path: list[Step] = []
        node: str | None = max(self._ends, key=self._ends.__getitem__)
        while node is not None:
            start = self._starts[node]
            path.append(Step(node=node, start=start - zero, seconds=self._ends[node] - start))
            node = self._released_by(node)
        return tuple(reversed(path))

    def _released_by(self, node: str) -> str | None:
        """The need whose end let the node start.

        A need may still run when the node starts: a listener waits only for its load balancer's ARN. Such a
        need is taken only where no other ended before, or the path would claim waits that did not happen.
        """
        start = self._starts[node]
        timed = [need for need in self._needs.get(node, ()) if need in self._ends]
        ended = [need for need in timed if self._ends[need] <= start]
        if ended:
            return max(ended, key=self._ends.__getitem__)
        return max(timed, key=self._starts.__getitem__, default=None)

    def _end(self, node: str, at: float, outcome: _Outcome) -> None:
        self._outcomes[node] = outcome
        self._starts.setdefault(node, at)
        self._ends[node] = at

    def _forget(self, node: str) -> None:
        self.held.pop(node, None)
        self._starts.pop(node, None)
        self._ends.pop(node, None)
        self._outcomes.pop(node, None)
