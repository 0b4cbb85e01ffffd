"""Random histories: those that were red once, for ever, and some more; `report.py` plays two thousand.

Each takes a few seconds, so that a commit sees one of them; PLINKCTL_TEST_ALL=1 plays all and some seeds.
"""

import os

import pytest
from histories import History
from house import House
from scenes import scenes
from tales import ByHand, Do, Killed, Struck, Tale, Wait, drawn, shortest
from trial import Trials

ALL = bool(os.environ.get("PLINKCTL_TEST_ALL"))

ONCE_RED: dict[str, Tale] = {
    "tags that a killed run had set stay": Tale((Do("up_", Killed(19, "after")), Do("changed_up", Killed(32)))),
    "a log group comes late, after it was taken away": Tale(
        (Do("up_", Struck(((10, "effect 30 s late"),))), Do("take_down"))
    ),
    "a tag that a killed run had sent is set only after the next run has looked": Tale(
        (
            Do("filtered_up"),
            Do("changed_up", Killed(at=40, effect="late", seconds=1.0)),
            Do("provider_up"),
            ByHand("delete a rule", nth=37),
        ),
        lag=6.0,
        seed=241,
    ),
}


def assert_green(house: House, *told: int | Tale) -> None:
    (scene,) = scenes(house, "up", photograph=False).values()
    trials = Trials(house)
    wrong = [wrong for one in told for wrong in History(trials, scene, one).play().wrong]
    assert wrong == [], "\n".join(wrong)


def test_histories_that_were_red_once(house: House) -> None:
    assert_green(house, *list(ONCE_RED.values())[: None if ALL else 1])


@pytest.mark.skipif(not ALL, reason="minutes: PLINKCTL_TEST_ALL=1 runs it")
def test_random_histories(house: House) -> None:
    assert_green(house, *range(40))


def test_a_seed_tells_the_same_tale_for_ever() -> None:
    assert drawn(7) == drawn(7)
    assert len({drawn(seed) for seed in range(200)}) == 200


def test_a_red_tale_is_told_in_short() -> None:
    needed = (Do("up_", Struck(((9, "reset"), (12, "hang")))), ByHand("delete a rule", 3))
    told = Tale((Wait(1.0), needed[0], Do("verify"), Do("take_down", Killed(3)), needed[1], Wait(9.0)), lag=2.0)

    def red(tale: Tale) -> bool:
        hung = any(
            isinstance(step, Do) and isinstance(step.meanwhile, Struck) and (12, "hang") in step.meanwhile.faults
            for step in tale.steps
        )
        return hung and needed[1] in tale.steps

    assert shortest(told, red) == Tale((Do("up_", Struck(((12, "hang"),))), needed[1]))
