"""No disk that a power cut may leave is read as anything but the old state or the new one (crash_states.py)."""

from collections.abc import Callable

import pytest
from crash_states import STORIES, cases, wrong, wrong_twice
from disk import Call


@pytest.mark.parametrize("story", STORIES)
def test_every_disk_a_crash_may_leave_gives_the_old_state_or_the_new_one(story: str) -> None:
    found = list(wrong(story))
    assert [problem for problem in found if problem] == []
    assert len(found) > 50


def test_the_power_may_fail_again_while_work_goes_on() -> None:
    """A sample; all: crash_states.py --twice."""
    found = list(wrong_twice("one of many runs", every=60))
    assert [problem for problem in found if problem] == []
    assert len(found) > 50


def test_there_are_disks_with_the_old_state_and_disks_with_the_new_one() -> None:
    """At some moments of a commit both must be possible, or the model would not lose anything."""
    both = [case for case in cases("one of many runs") if len(case.allowed) == 2]
    contents = {content for case in both for path, content in case.image if path == "states/shop/provider.json"}
    assert len(contents) == 3, "what was before, and what each of the two commits wrote"


MUTANTS: dict[str, Callable[[Call], bool]] = {
    "no fsync of files": lambda call: call.name == "fsync" and bool(call.path.suffix),
    "no fsync of folders": lambda call: call.name == "fsync" and not call.path.suffix,
    "no fsync at all": lambda call: call.name == "fsync",
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_without_fsync_a_disk_is_found_that_gives_neither(mutant: str) -> None:
    assert any(wrong("the first run of all", ignore=MUTANTS[mutant]))
