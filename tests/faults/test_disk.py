"""A disk that refuses in the middle of a walk, with many calls under way: the same command ends in the same world.

A forked process runs the use case; the operating system's calls refuse at the n-th commit, once or from then on. So
each call that was under way had its intent made durable and its result not: it must be found by what the intent says.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from census import census
from disk import Call, Disk
from killing import BOTH, Ended, both_up, forked, take_down

from plinkctl.errors import Exit
from plinkctl.sandbox import daemon
from plinkctl.sandbox.daemon import Running
from plinkctl.stores.local import read

OK = Ended(0)
STOPPED = Ended(int(Exit.STATE))
ALL = bool(os.environ.get("PLINKCTL_TEST_ALL"))

REFUSALS = {
    "no space to write": ("write", errno.ENOSPC),
    "no file can be made": ("open", errno.EDQUOT),
    "not synced": ("fsync", errno.EIO),
    "not renamed": ("rename", errno.EROFS),
}
EVERY = [(refusal, at, once) for refusal in REFUSALS for at in range(1, 110) for once in (True, False)]
SOME = [(refusal, 25 + 7 * n, n % 2 == 0) for n, refusal in enumerate(REFUSALS)]
CASES = EVERY if ALL else SOME


@pytest.fixture
def empty(sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    for name, value in daemon.environment(sandbox).items():
        monkeypatch.setenv(name, value)
    return sandbox


def refusing(work: Callable[[Path], object], refusal: str, at: int, *, once: bool) -> Callable[[Path], object]:
    """The work on a disk that refuses at the at-th commit."""
    name, number = REFUSALS[refusal]
    count = 0

    def before(call: Call) -> None:
        nonlocal count
        if call.name != name or (call.path.suffix != ".new" and call.path.suffix):
            return
        count += 1
        if count == at or (count > at and not once):
            raise OSError(number, os.strerror(number))

    def worked(folder: Path) -> None:
        with Disk(folder, before=before):
            work(folder)

    return worked


def unrecorded(folder: Path) -> set[str]:
    """The op IDs of what there is on AWS, without those that a state has: what was made without an intent."""
    states = [read(folder, "kill", side) for side in BOTH]
    known = {record.op for state in states if state is not None for record in state.records.values()}
    there: set[str] = set()
    for profile in ("provider", "consumer"):
        tagging: Any = boto3.Session(profile_name=profile).client("resourcegroupstaggingapi")
        pages = tagging.get_paginator("get_resources").paginate(TagFilters=[{"Key": "plinkctl:op"}])
        found = pages.build_full_result()["ResourceTagMappingList"]
        there |= {tag["Value"] for item in found for tag in item["Tags"] if tag["Key"] == "plinkctl:op"}
    return there - known


@pytest.mark.parametrize(("refusal", "at", "once"), CASES)
def test_a_disk_that_refuses_in_the_middle_of_up_loses_nothing(
    empty: Running, tmp_path: Path, refusal: str, at: int, once: bool
) -> None:
    """All cases, at each commit and once as well as for good: PLINKCTL_TEST_ALL=1."""
    before, folder = census(), tmp_path / "s"
    assert forked(refusing(both_up, refusal, at, once=once), folder) == STOPPED
    assert unrecorded(folder) == set()
    assert forked(both_up, folder) == OK
    wanted = census()
    assert all(count == 1 for what, count in wanted.items() if what not in before and what[1] != "interface")
    assert forked(take_down, folder) == OK
    assert census() == before


@pytest.mark.parametrize("once", [True, False] if ALL else [False], ids=lambda once: "once" if once else "for good")
@pytest.mark.parametrize("at", range(1, 50) if ALL else [9])
def test_a_disk_that_refuses_in_the_middle_of_teardown_leaves_nothing(
    empty: Running, tmp_path: Path, at: int, once: bool
) -> None:
    before, folder = census(), tmp_path / "s"
    assert forked(both_up, folder) == OK
    assert forked(refusing(take_down, "no space to write", at, once=once), folder) == STOPPED
    assert forked(take_down, folder) == OK
    assert census() == before
