"""The walk: workers do one blocking call at a time, the main thread owns everything else.

Workers only put messages into one inbox. The main thread takes them out, advances the node's script, makes commits
durable, starts what has become possible, and tells events; nobody else touches the state. A node that fails keeps its
dependents from starting; all others go on, and only root causes are reported. Where a side's credentials are not
accepted any more, that is the one cause of whatever is left to do there. Once the user asks to stop, or a commit fails,
no new call is given out; those in flight are waited for and what they made is recorded.
"""

import queue
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from plinkctl.aws.faults import Nature
from plinkctl.aws.patience import Clock, Stop
from plinkctl.engine.steps import Call, Commit, Confirmed, Script, Step
from plinkctl.errors import AwsError, PlinkError, StateError, Stopped
from plinkctl.events import Event, NodeFailed, NodeHeld, NodeSkipped, NodeStarted, NodeWaiting, Observer
from plinkctl.graph import Graph
from plinkctl.state import Phase, Record

_WORKERS: Final = 16
_GLANCE: Final = 0.5  # seconds


@dataclass(frozen=True)
class _Answer:
    """A worker is done with a call."""

    key: str
    result: Any = None
    error: BaseException | None = None


@dataclass(kw_only=True)
class Walked:
    """How a walk ended.

    Args:
        done: Nodes that are as they should be.
        held: Nodes that wait for somebody else.
        failed: Root causes, by node.
        skipped: Nodes that were not tried.
        stopped: The user asked to stop.
    """

    done: set[str] = field(default_factory=set)
    held: dict[str, str] = field(default_factory=dict)
    failed: dict[str, PlinkError] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    stopped: bool = False


class Executor:
    """Walks a graph once.

    Args:
        graph: The nodes and who waits for whom.
        script: Makes a node's script when its turn comes; called in the main thread.
        commit: Makes a record of that node durable.
        observer: Told of everything, in the main thread.
        stop: The user's wish to stop.
        clock: The time.
        usual: In words how long a node usually takes, by key.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        script: Callable[[str], Script],
        commit: Callable[[str, Record], None],
        observer: Observer,
        stop: Stop,
        clock: Clock,
        usual: Mapping[str, str],
    ) -> None:
        self._graph = graph
        self._make = script
        self._commit = commit
        self._known: dict[str, Mapping[str, Any]] = {}
        self._observer = observer
        self._stop = stop
        self._clock = clock
        self._usual = usual
        self._inbox: queue.SimpleQueue[_Answer | Event] = queue.SimpleQueue()
        self._scripts: dict[str, Script] = {}
        self._fatal: PlinkError | None = None
        self._shut_out: dict[str, str] = {}  # sides whose credentials AWS refuses, and the node that was told so
        self.walked = Walked()

    @property
    def known(self) -> Mapping[str, Mapping[str, Any]]:
        """The attributes known so far, by node."""
        return self._known

    def tell(self, key: str) -> Callable[[str, float], None]:
        """For workers: post what the node waits for."""

        def post(what: str, waited: float) -> None:
            event = NodeWaiting(
                at=self._clock.wall(), node=key, what=what, waited=waited, usual=self._usual.get(key, "")
            )
            self._inbox.put(event)

        return post

    def walk(self) -> Walked:
        """Do it all; returns when nothing is running and nothing more can start.

        Raises:
            StateError: A commit failed. Everything in flight was waited for first.
        """
        started: set[str] = set()
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="plinkctl") as self._pool:
            while True:
                # A node may be done without any call, so one look at the frontier is not enough.
                while not self._halting and (key := self._next(started)):
                    started.add(key)
                    self._start(key)
                if not self._scripts:
                    break
                match self._next_message():
                    case _Answer() as answer:
                        self._advance(answer)
                    case event:
                        self._observer(event)
        if self._fatal is not None:
            raise self._fatal
        self.walked.stopped = bool(self._stop)
        if not self._stop:
            self._tell_skipped(started)
        return self.walked

    def _next_message(self) -> _Answer | Event:
        """Wait for the next one, and wake up now and then.

        Python looks at signals between two instructions: one that comes just before this thread blocks would be heeded
        only when a call answers.
        """
        while True:
            with suppress(queue.Empty):
                return self._inbox.get(timeout=_GLANCE)

    @property
    def _halting(self) -> bool:
        return bool(self._stop) or self._fatal is not None

    def _next(self, started: set[str]) -> str | None:
        turn = self._graph.frontier(started=started, settled=self.walked.done, known=self._known)
        return next((key for key in turn if _side(key) not in self._shut_out), None)

    def _start(self, key: str) -> None:
        self._observer(NodeStarted(at=self._clock.wall(), node=key))
        try:
            self._scripts[key] = self._make(key)
        except PlinkError as error:
            self._fail(key, error)
            return
        self._advance(_Answer(key))

    def _advance(self, answer: _Answer) -> None:
        """Run the script in this thread up to its next blocking call."""
        key, script = answer.key, self._scripts[answer.key]
        try:
            step = script.throw(answer.error) if answer.error is not None else script.send(answer.result)
            step = self._follow(key, script, step)
            if self._halting:  # the script learns that its call will not be made, and may say so in the state
                self._follow(key, script, script.throw(Stopped()))
                script.close()
                raise Stopped
        except StopIteration:
            del self._scripts[key]
            if key not in self.walked.held:
                self.walked.done.add(key)
        except Stopped:
            del self._scripts[key]
        except StateError as error:
            self._fatal = self._fatal or error
            del self._scripts[key]
            self._stop.set(self._stop.signum)  # what cannot be recorded must not be made; waits end at once
        except PlinkError as error:
            del self._scripts[key]
            self._fail(key, error)
        except BaseException:
            self._stop.set(self._stop.signum)  # a bug of ours: let what is in flight end, then show it
            raise
        else:
            self._pool.submit(self._work, key, step)

    def _follow(self, key: str, script: Script, step: Step) -> Call:
        """Do what the script asks of this thread, up to the call it wants next."""
        while not isinstance(step, Call):
            match step:
                case Commit(record):
                    self._commit(key, record)
                    self._learn(key, record)
                case Confirmed(record):
                    self._learn(key, record)
                case event:
                    self._heard(event)
            step = script.send(None)
        return step

    def _work(self, key: str, call: Call) -> None:
        """In a worker: one call, its outcome into the inbox."""
        try:
            self._inbox.put(_Answer(key, result=call.run()))
        except BaseException as error:  # noqa: BLE001  (thrown again inside the script, in the main thread)
            self._inbox.put(_Answer(key, error=error))

    def _learn(self, key: str, record: Record) -> None:
        if record.phase in {Phase.CREATED, Phase.READY}:
            self._known[key] = record.attrs

    def _heard(self, event: Event) -> None:
        if isinstance(event, NodeHeld):
            self.walked.held[event.node] = event.why
        self._observer(event)

    def _fail(self, key: str, error: PlinkError) -> None:
        if isinstance(error, AwsError) and error.nature == Nature.CREDENTIALS:
            root = self._shut_out.setdefault(_side(key), key)
            if root != key:  # the same again, of each node that was under way
                self._skip(key, (root,))
                return
        self.walked.failed[key] = error
        self._observer(NodeFailed(at=self._clock.wall(), node=key, error=error))

    def _skip(self, key: str, because: tuple[str, ...]) -> None:
        self.walked.skipped.add(key)
        self._observer(NodeSkipped(at=self._clock.wall(), node=key, because=because))

    def _tell_skipped(self, started: set[str]) -> None:
        roots = set(self.walked.failed) | set(self.walked.held)
        for key in self._graph.order:
            if key not in started:
                found = {root for root in roots if key in self._graph.dependents(root)}
                shut_out = {self._shut_out[_side(key)]} if _side(key) in self._shut_out else set()
                self._skip(key, tuple(sorted(found | shut_out)))


def _side(key: str) -> str:
    return key.partition("/")[0]
