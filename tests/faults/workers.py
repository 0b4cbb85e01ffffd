"""Jobs spread over processes. Whatever one of them dies of, the others go on, and what was counted is not lost."""

import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import connection
from typing import Any, Final

from jobs import Bench, Job
from tally import Tally

#: Real seconds without a word after which a process is taken for lost; to tell a red history in short takes minutes.
_SILENCE: Final = 1800.0
_new: Final = multiprocessing.get_context("spawn")  # none is forked off a process that has threads


@dataclass
class Spread:
    """What came of the jobs, and which were not begun, or cut short, when the time was up."""

    tally: Tally = field(default_factory=Tally)
    cut: list[Job] = field(default_factory=list)


def spread(
    jobs: list[Job], *, every: int, workers: int, minutes: float | None, tell: Callable[[Job, Tally | str], None]
) -> Spread:
    """Hold all jobs, in that order, as far as the time allows; Ctrl-C ends it at once, with what was counted.

    Args:
        jobs: What is to be held.
        every: As in `jobs.jobs`.
        workers: In so many processes.
        minutes: Real ones, after which nothing new is begun; None for no end.
        tell: Told of each trial in words, and of each job's tally.
    """
    ends = time.monotonic() + minutes * 60 if minutes is not None else float("inf")
    waiting, done = list(jobs), Spread()
    hands = [_Hand(every, ends) for _ in range(min(max(1, workers), len(jobs)))]
    try:
        while True:
            for hand in hands:
                if hand.job is None and waiting and time.monotonic() < ends:
                    hand.give(waiting.pop(0))
            busy = [(hand, hand.job) for hand in hands if hand.job is not None]
            if not busy:
                break
            ready = connection.wait([hand.pipe for hand, _ in busy], timeout=5)
            for hand, job in busy:
                said = hand.listen() if hand.pipe in ready else hand.missed()
                if isinstance(said, Tally):
                    done.tally.add(said)
                    done.cut += [job] if time.monotonic() >= ends else []
                if said is not None:
                    tell(job, said)
    except KeyboardInterrupt:  # as if the time were up, but at once
        done.cut += [hand.job for hand in hands if hand.job is not None]
    finally:
        for hand in hands:
            hand.dismiss()
    done.cut += waiting
    return done


class _Hand:
    """A process that holds one job at a time; another one takes its place when it is lost."""

    def __init__(self, every: int, ends: float) -> None:
        self._given = (every, ends)
        self._begin()

    def _begin(self) -> None:
        self.job: Job | None = None
        self._heard = time.monotonic()
        self.pipe, theirs = _new.Pipe()
        self._process = _new.Process(target=_work, args=(theirs, *self._given), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, job: Job) -> None:
        """Let it hold this one."""
        self.job, self._heard = job, time.monotonic()
        self.pipe.send(job)

    def listen(self) -> Tally | str:
        """What it says: of a trial in words; the job's tally, and then it is free."""
        try:
            said: Tally | str = self.pipe.recv()
        except (EOFError, OSError):
            return self._lost("the process that held it has died")
        self._heard = time.monotonic()
        if isinstance(said, Tally):
            self.job = None
        return said

    def missed(self) -> Tally | None:
        """What is counted when nothing was heard of it for too long."""
        if time.monotonic() - self._heard < _SILENCE:
            return None
        return self._lost(f"nothing was heard for {_SILENCE:.0f} s")

    def _lost(self, why: str) -> Tally:
        tally, job = Tally(), self.job
        self.dismiss()
        if job is not None:
            tally.take((job.about, job.what), str(job), [why])
        self._begin()
        return tally

    def dismiss(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
        self.pipe.close()


def _work(pipe: Any, every: int, ends: float) -> None:
    """In the process: hold what is given, until nothing more is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who ends us
    signal.signal(signal.SIGTERM, _leave)
    with Bench(every=every, tell=pipe.send, over=lambda: time.monotonic() >= ends) as bench:
        while True:
            try:
                job: Job = pipe.recv()
            except EOFError:
                return
            pipe.send(bench.hold(job))


def _leave(_signum: int, _frame: object) -> None:
    """So that what was opened is closed: a sandbox of real processes is one more process."""
    raise SystemExit(0)
