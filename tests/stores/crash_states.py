"""Every state a crash may leave the file system in, and what is read from it: the old state or the new one.

The system calls of real runs are recorded. For each moment between two of them every disk is built that a power cut
could leave (power_cut.py). From each such disk the state is read, then work goes on: a commit is made and read back. It
must be the state of the last commit that had returned, or the one under way; and every copy among the backups must be
whole.

    .venv/bin/python tests/stores/crash_states.py [--twice]
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))  # for whoever runs this file alone

from disk import Call, Disk
from power_cut import Image, apply, folder_of, images, whole_of

from plinkctl import state as states
from plinkctl.errors import StateError
from plinkctl.link import Side
from plinkctl.state import Phase, Record, State
from plinkctl.stores.content import decode
from plinkctl.stores.local import KEPT, LocalStore, path_of, read, set_aside

SIDE = Side.PROVIDER
DATA = Path(__file__).parent / "data"
SHM = Path("/dev/shm")  # noqa: S108  (a disk in memory, where there is one; every test has a folder of its own in it)


# ------------------------------------------------------------------------------------------------- the runs


@dataclass(frozen=True)
class Story:
    """Runs whose system calls are recorded.

    Args:
        prepare: Makes what was there before, all of it durable.
        steps: The work; each returns once its state is promised to be durable, and gives that state.
    """

    prepare: Callable[[Path], object]
    steps: Callable[[Path], Iterator[State | None]]


def record(number: int) -> Record:
    return Record(node="vpc", kind="vpc", phase=Phase.CREATED, attrs={"id": f"vpc-{number}", "more": "x" * 300})


def commits(folder: Path, *numbers: int, link: str = "shop") -> Iterator[State | None]:
    """A run that commits so often."""
    with LocalStore(folder, link, SIDE) as store:
        if store.state is None:
            store.begin(states.new(link=link, side=SIDE, account="1" * 12, region="us-east-1", partition="aws"))
        for number in numbers:
            store.commit(record(number))
            yield store.state


def _runs(folder: Path, *numbers: int) -> None:
    for number in numbers:
        list(commits(folder, number))


def _killed(folder: Path) -> None:
    """What a killed run leaves: no copy of what it ended with, and a file half written."""
    _runs(folder, *range(KEPT))
    shutil.rmtree(folder / "shop" / "backups")
    path_of(folder, "shop", SIDE).with_suffix(".new").write_bytes(b'{"half')


def _of_schema_1(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    path_of(folder, "shop", SIDE).parent.mkdir(mode=0o700)
    data = json.loads((DATA / "provider.schema-1.json").read_bytes())
    few = dict(list(data["records"].items())[:2])
    path_of(folder, "shop", SIDE).write_text(json.dumps(data | {"link": "shop", "records": few}, indent=1))


def _put_aside(folder: Path) -> Iterator[State | None]:
    set_aside(folder, "shop", SIDE)
    yield None
    yield from commits(folder, 7)


STORIES: dict[str, Story] = {
    "the first run of all": Story(lambda _: None, lambda folder: commits(folder, 1, 2, 3)),
    "one of many runs": Story(lambda folder: _runs(folder, *range(KEPT)), lambda folder: commits(folder, 91, 92)),
    "after a killed run": Story(_killed, lambda folder: commits(folder, 91, 92)),
    "from an older schema": Story(_of_schema_1, lambda folder: commits(folder, 91)),
    "put aside and begun anew": Story(lambda folder: _runs(folder, 1, 2), _put_aside),
}


# ------------------------------------------------------------------------------------------------- the proof


@dataclass(frozen=True)
class Case:
    """One disk, and the states that may be read from it."""

    story: str
    moment: str
    image: Image
    allowed: tuple[State | None, ...]


def cases(name: str, story: Story | None = None, *, ignore: Callable[[Call], bool] = lambda _: False) -> Iterator[Case]:
    """Every different disk that a crash may leave at any moment of a story.

    Args:
        name: The story's name.
        story: The story, if it is none of `STORIES`.
        ignore: Which calls the disk acknowledges and does not do: `fsync` of files, say.
    """
    story = story or STORIES[name]
    tape: list[tuple[Call, int]] = []
    with scratch() as base:
        folder = base / "states"
        story.prepare(folder)
        promised = [read(folder, "shop", SIDE)]
        root = folder_of(base)
        with Disk(base, after=lambda call: tape.append((call, len(promised))), at_once=500):
            for state in story.steps(folder):
                promised.append(state)  # noqa: PERF402  (its length is looked at meanwhile)
        end = whole_of(folder_of(base))
    # A disk must give what was promised before the next call: until then the power may fail with just this disk.
    counts = [*(count for _, count in tape), len(promised)]
    seen: set[tuple[Image, int]] = set()
    for number, count in enumerate(counts):
        call = tape[number - 1][0] if number else None
        if call is not None and not ignore(call):
            apply(root, call)
        for image in images(root):
            if (image, count) not in seen:
                seen.add((image, count))
                moment = f"after call {number} ({call.name} {call.path})" if call else "at the start"
                yield Case(name, moment, image, tuple(promised[count - 1 : count + 1]))
    if not any(ignore(call) for call, _ in tape):
        assert whole_of(root) == end, "the model has missed a call"


def holds(case: Case) -> str:
    """What is wrong with what is read from that disk; an empty string when nothing is."""
    with scratch() as base:
        lay_out(case.image, base)
        folder = base / "states"
        try:
            found = read(folder, "shop", SIDE)
            if found not in case.allowed:
                return f"read {found and found.serial}, allowed {[s and s.serial for s in case.allowed]}"
            for copy in folder.glob("shop/backups/*.json"):
                if decode(copy.read_bytes(), "shop", SIDE, place=str(copy)).serial != int(copy.name.split(".")[1]):
                    return f"{copy.name} holds another state"
            (after,) = commits(folder, 99)
            if read(folder, "shop", SIDE) != after or after is None or after.serial <= (found.serial if found else 0):
                return "work does not go on from it"
        except StateError as error:
            return f"{error.message}: {error.why}"
    return ""


def lay_out(image: Image, base: Path) -> None:
    """Make the disk."""
    for path, content in sorted(image, key=lambda item: item[0]):
        if content is None:
            (base / path).mkdir(mode=0o700)
        else:
            (base / path).write_bytes(content)
            (base / path).chmod(0o600)


def again(case: Case) -> Story:
    """The story of the run that goes on from that disk, in which the power may fail once more."""
    return Story(lambda folder: lay_out(case.image, folder.parent), lambda folder: commits(folder, 98))


def wrong(name: str, *, ignore: Callable[[Call], bool] = lambda _: False) -> Iterator[str]:
    """What is wrong in a story, disk by disk; an empty string for each that is well."""
    for case in cases(name, ignore=ignore):
        problem = holds(case)
        yield f"{case.story}, {case.moment}: {problem}" if problem else ""


def wrong_twice(name: str, *, every: int = 1) -> Iterator[str]:
    """The same where the power fails again while work goes on from the disk that the first failure left.

    Args:
        name: The story.
        every: Only each so-many-th disk of the first failure is gone on from.
    """
    for first in list(cases(name))[::every]:
        for second in cases(name, again(first)):
            problem = holds(second)
            yield f"{name}, {first.moment}, then {second.moment}: {problem}" if problem else ""


def crash_states(*, twice: bool = False) -> tuple[int, int]:
    """How many of all disks give the old state or the new one, and how many there are.

    Args:
        twice: Also those of a second failure, after each of the first (a quarter of an hour).
    """
    found = [problem for name in STORIES for problem in wrong(name)]
    if twice:
        found += [problem for name in STORIES for problem in wrong_twice(name)]
    return found.count(""), len(found)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for a moment, in memory where that is possible: here it is the model that decides what is durable."""
    with tempfile.TemporaryDirectory(prefix="plinkctl-", dir=SHM if SHM.is_dir() else None) as name:
        yield Path(name)


if __name__ == "__main__":
    passed, run = crash_states(twice="--twice" in sys.argv)
    sys.stdout.write(f"file system states: {passed} of {run} give the old state or the new one\n")
    sys.exit(passed != run)
