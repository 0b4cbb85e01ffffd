"""Everything that is held against plinkctl, by one command; the figure, and the page that tells it.

.venv/bin/python tests/faults/report.py [--every N] [--histories N] [--real N] [--workers N] [--minutes N] [--write]
"""

import argparse
import json
import shlex
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "stores"))

from jobs import Job, jobs
from reliability import KEPT, PAGE, added, figures, line, passed, write
from tally import Tally
from workers import spread


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="one fault case of so many  [default: 1, all]")
    parser.add_argument("--histories", type=int, default=2000, help="random histories  [default: 2000]")
    parser.add_argument("--first", type=int, default=1, help="the seed of the first of them  [default: 1]")
    parser.add_argument(
        "--real", type=int, default=0, help="kill real processes at one request of so many  [default: none]"
    )
    parser.add_argument("--only", default="", help="only jobs with this in their names")
    parser.add_argument("--workers", type=int, default=2, help="processes  [default: 2]")
    parser.add_argument("--minutes", type=float, help="begin nothing new after so many  [default: no end]")
    parser.add_argument("--write", action="store_true", help=f"write docs/reference/{PAGE.name} and {KEPT.name}")
    parser.add_argument("--add", action="store_true", help="count it together with what is kept already")
    return parser.parse_args()


class _Progress:
    """On stderr: a line for each job, and whatever is red at once."""

    def __init__(self, whole: int) -> None:
        self._whole, self._done, self._cases, self._red = whole, 0, 0, 0
        self._begun = time.monotonic()

    def __call__(self, job: Job, said: Tally | str) -> None:
        if isinstance(said, Tally):
            self._done, self._cases, self._red = self._done + 1, self._cases + said.total, self._red + len(said.red)
            minutes = (time.monotonic() - self._begun) / 60
            so_far = f"{self._done}/{self._whole} jobs, {self._cases:,} cases, {self._red} red, {minutes:.1f} min"
            _tell(f"{so_far}: {job} ({said.total} in {said.seconds:.0f} s)")
        elif " RED " in said:
            _tell(said)


def _tell(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def main() -> int:
    """Hold it all; the exit code is 0 when nothing is red."""
    given = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.monotonic()
    every_job = jobs(every=given.every, histories=range(given.first, given.first + given.histories), real=given.real)
    wanted = [job for job in every_job if given.only in str(job)]
    done = spread(wanted, every=given.every, workers=given.workers, minutes=given.minutes, tell=_Progress(len(wanted)))
    kept = figures(
        done.tally,
        command=shlex.join([".venv/bin/python", "tests/faults/report.py", *sys.argv[1:]]),
        seconds=time.monotonic() - begun,
        cut=[str(job) for job in done.cut],
    )
    if given.add and KEPT.exists():
        before = json.loads(KEPT.read_text())
        before["cut"] = [name for name in before["cut"] if name not in set(map(str, wanted))]  # held now, or cut again
        kept = added(before, kept) if wanted else before
    for said in kept["red"]:
        _tell(f"red: {said}")
    sys.stdout.write(f"{line(kept)}\n")
    if given.write:
        write(kept)
    return 0 if passed(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
