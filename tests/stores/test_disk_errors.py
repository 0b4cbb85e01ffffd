"""A disk that refuses, at each system call of a run: nothing is lost, nothing is called done that is not, work goes on.

What refuses is the operating system (disk.py), once or from then on.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from crash_states import commits, scratch
from disk import Call, Disk

from plinkctl.errors import Exit, StateError
from plinkctl.link import Side
from plinkctl.state import Phase, Record, State
from plinkctl.stores.local import LocalStore, path_of, read

SIDE = Side.PROVIDER
ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EACCES)
TOLD = {errno.ENOSPC: "No space left", errno.EROFS: "Read-only", errno.EACCES: "Permission", errno.EDQUOT: "quota"}


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch() as base:
        folder = base / "states"
        list(commits(folder, 1))
        (folder / "shop" / "backups").rename(base / "gone")  # as a killed run leaves it, so that a copy is made first
        yield folder


def run(folder: Path) -> tuple[list[State | None], StateError | None]:
    """Two commits: the states that were promised, and what ended the run."""
    promised = [read(folder, "shop", SIDE)]
    try:
        for state in commits(folder, 11, 12):
            promised.append(state)  # noqa: PERF402  (those before an error count)
    except StateError as error:
        return promised, error
    return promised, None


@contextmanager
def refusing(folder: Path, at: int, number: int, *, once: bool) -> Iterator[list[Call]]:
    """The disk refuses its call number `at` (from 1), and all after it unless `once`; gives the calls it was asked."""
    asked: list[Call] = []

    def before(call: Call) -> None:
        asked.append(call)
        if len(asked) == at or (len(asked) > at and not once):
            raise OSError(number, os.strerror(number))

    with Disk(folder.parent, before=before):
        yield asked


@pytest.fixture
def asked_of(folder: Path) -> list[Call]:
    """What an undisturbed run asks of the disk."""
    with scratch() as base:
        copied = _copied(folder, base / "states")
        with refusing(copied, 0, 0, once=True) as asked:
            assert run(copied)[1] is None
    return asked


def test_an_undisturbed_run_asks_for_all_that_can_be_refused(asked_of: list[Call]) -> None:
    assert {call.name for call in asked_of} == {"open", "write", "truncate", "fsync", "rename", "mkdir"}


@pytest.mark.parametrize("once", [True, False], ids=["once", "from then on"])
@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
def test_wherever_the_disk_refuses_nothing_promised_is_lost_and_work_goes_on(
    folder: Path, asked_of: list[Call], number: int, once: bool
) -> None:
    ended = 0
    for at in range(1, len(asked_of) + 1):
        with scratch() as base:
            copied = _copied(folder, base / "states")
            with refusing(copied, at, number, once=once) as asked:
                promised, error = run(copied)
            found = read(copied, "shop", SIDE)
            assert found is not None
            assert promised[-1] is not None
            where = f"at call {at}, {asked[at - 1].name} {asked[at - 1].path}"
            # A commit that was refused may be in the file all the same: the rename was made, its sync was not.
            assert found == promised[-1] or (error and found.serial == promised[-1].serial + 1), where
            if error is None:
                assert promised[-1].serial == 3, where
            else:
                ended += 1
                assert (error.exit_code, error.code) == (Exit.STATE, "state_unusable"), where
                assert TOLD.get(number, os.strerror(number)) in str(error.why), where
                assert error.hint
            _no_sync_is_tried_twice(asked, at)
            (after,) = commits(copied, 99)
            assert after is not None
            assert after.serial == found.serial + 1, where
    assert 10 < ended < len(asked_of), "some calls do not matter: the name in the lock, the copy at the end of a run"


def _no_sync_is_tried_twice(asked: list[Call], at: int) -> None:
    """What was not synced is thrown away: neither renamed into place nor synced again before it is made anew."""
    refused = asked[at - 1]
    if refused.name != "fsync" or not refused.path.suffix:
        return
    later = [call for call in asked[at:] if call.path == refused.path]
    if later:
        assert later[0].name == "unlink"


def test_a_process_that_goes_on_after_a_refusal_forgets_nothing(folder: Path, asked_of: list[Call]) -> None:
    """In a walk other answers come in after the disk failed once: what they commit must not undo what was renamed."""
    for at in range(1, len(asked_of) + 1):
        with scratch() as base:
            copied = _copied(folder, base / "states")
            with (
                suppress(StateError),
                LocalStore(copied, "shop", SIDE) as store,
                refusing(copied, at, errno.EIO, once=True),
            ):
                for node in "abcdef":
                    before = read(copied, "shop", SIDE)
                    assert before is not None
                    assert store.state is not None
                    with suppress(StateError):
                        store.commit(_record(node))
                    after = read(copied, "shop", SIDE)
                    assert after == store.state, "what it knows is what is in the file"
                    assert after is not None
                    assert set(before.records) <= set(after.records)
                    assert len(set(store.state.records)) >= "abcdef".index(node)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_whose_folders_know_no_fsync_is_taken_as_it_is(folder: Path, number: int) -> None:
    def before(call: Call) -> None:
        if call.name == "fsync" and not call.path.suffix:
            raise OSError(number, os.strerror(number))

    with Disk(folder.parent, before=before):
        promised, error = run(folder)
    assert error is None
    assert read(folder, "shop", SIDE) == promised[-1]


def test_a_file_that_knows_no_fsync_is_an_error(folder: Path) -> None:
    def before(call: Call) -> None:
        if call.name == "fsync" and call.path.suffix:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    with Disk(folder.parent, before=before):
        promised, error = run(folder)
    assert error is not None
    assert len(promised) == 1


def test_short_writes_are_written_on(folder: Path) -> None:
    with Disk(folder.parent, at_once=7):
        promised, error = run(folder)
    assert error is None
    assert read(folder, "shop", SIDE) == promised[-1]


def test_a_refused_write_leaves_no_file_that_takes_the_space(folder: Path) -> None:
    with LocalStore(folder, "shop", SIDE) as store:
        store.commit(_record("a"))
        with refusing(folder, 2, errno.ENOSPC, once=True) as asked, suppress(StateError):
            store.commit(_record("b"))
    assert [call.name for call in asked] == ["open", "write", "unlink"]
    assert not path_of(folder, "shop", SIDE).with_suffix(".new").exists()


def _copied(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def _record(node: str) -> Record:
    return Record(node=node, kind="vpc", phase=Phase.CREATED, attrs={"id": f"vpc-{node}"})
