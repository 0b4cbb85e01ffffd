"""What is recorded meets what is wanted and what there is: settings, tags, drift, borrowed things, replacements."""

from dataclasses import replace
from typing import Any

import pytest
from scripted import Bench, fault, thing

from plinkctl.aws.faults import Nature
from plinkctl.errors import Exit, RefusedError
from plinkctl.graph import Ref
from plinkctl.kinds.base import ABSENT, Presence, Seen
from plinkctl.state import Phase

A = thing("a")


@pytest.fixture
def bench() -> Bench:
    """One thing was made, by a process before."""
    made = Bench()
    made.up(A)
    made.service.log.clear()
    return made


def only(bench: Bench, name: str = "a") -> Any:
    (real,) = bench.service.of(name)
    return real


# -------------------------------------------------------------------------------------------- settings


def test_a_changed_setting_is_brought_there_in_place(bench: Bench) -> None:
    bench.up(thing("a", size=2))
    assert bench.service.calls("create", "update") == ["update a {'size': 2}"]
    assert only(bench).settings == {"size": 2}
    assert bench.record("a").params["size"] == 2
    assert bench.actions == {"a": "update"}


def test_a_setting_that_somebody_else_changed_is_put_back(bench: Bench) -> None:
    only(bench).settings["size"] = 9
    bench.up(A)
    assert only(bench).settings == {"size": 1}


def test_an_update_is_tried_again_while_time_cures_it(bench: Bench) -> None:
    natures = (Nature.BUSY, Nature.THROTTLED, Nature.UNCLEAR, Nature.GONE, Nature.NOT_YET)
    bench.service.updates["a"] = [fault(nature) for nature in natures]
    bench.up(thing("a", size=2))
    assert only(bench).settings == {"size": 2}
    assert len(bench.service.calls("update")) == 6


def test_an_update_that_is_refused_fails_and_the_next_run_tries_again(bench: Bench) -> None:
    bench.service.updates["a"] = [fault(Nature.REFUSED)]
    walked = bench.up(thing("a", size=2))
    assert bench.failure(walked, "a").nature == Nature.REFUSED
    assert bench.record("a").params["size"] == 1
    bench.up(thing("a", size=2))
    assert only(bench).settings == {"size": 2}


def test_an_update_that_never_gets_through_is_a_timeout(bench: Bench) -> None:
    bench.service.updates["a"] = [fault(Nature.BUSY)] * 999
    walked = bench.up(thing("a", size=2))
    assert bench.failure(walked, "a").exit_code == Exit.TIMED_OUT
    assert bench.clock.now() == pytest.approx(600)


def test_a_thing_that_does_not_keep_its_settings_is_told_as_such(bench: Bench) -> None:
    other = Seen(presence=Presence.READY, attrs={"id": "a-1"}, settings={"size": 9}, tags=only(bench).tags)
    bench.service.probes["a"] = [other] * 200
    walked = bench.up(A)
    assert "does not keep its settings" in bench.failure(walked, "a").message
    assert len(bench.service.calls("update")) == 6


def test_an_immutable_change_is_refused_with_the_way_there_and_nothing_is_sent(bench: Bench) -> None:
    walked = bench.up(thing("a", colour="blue", size=2))
    error = bench.failure(walked, "a")
    assert isinstance(error, RefusedError)
    assert error.code == "replacement"
    assert error.why == "colour: 'red' -> 'blue'"
    assert error.hint
    assert bench.service.calls("create", "update", "delete", "retag") == []


def test_a_setting_that_aws_never_tells_is_sent_once(bench: Bench) -> None:
    silent = Seen(
        presence=Presence.READY,
        attrs={"id": "a-1"},
        settings={"size": 1},
        untold=frozenset({"size"}),
        tags=only(bench).tags,
    )
    for _ in range(2):
        bench.service.probes["a"] = [silent] * 30
        assert bench.up(thing("a", size=2)).failed == {}
    assert bench.service.calls("update") == ["update a {'size': 2}"]
    assert bench.clock.now() == 0, "to wait until it shows would be in vain"


# ------------------------------------------------------------------------------------------------ tags


def test_changed_tags_are_set_and_dropped_ones_removed_but_other_peoples_stay(bench: Bench) -> None:
    bench.tags = {"team": "payments", "stage": "test"}
    bench.up(A)
    only(bench).tags["theirs"] = "kept"
    bench.tags = {"team": "risk"}
    bench.up(A)
    assert bench.service.calls("retag")[1:] == ["retag a {'team': 'risk'} ['stage']"]
    seen = only(bench).tags
    assert (seen["team"], seen["theirs"], "stage" in seen) == ("risk", "kept", False)
    assert seen["plinkctl:op"] == bench.record("a").op
    bench.service.log.clear()
    bench.up(A)
    assert bench.service.calls("retag") == []


@pytest.mark.parametrize("lands", [True, False])
def test_a_tag_that_a_killed_run_sent_and_nobody_has_seen_is_waited_for(bench: Bench, lands: bool) -> None:
    bench.up(A)
    bench.store.commit(replace(bench.record("a"), tags={"team": "payments"}))  # and killed, its request on the way
    late = [{"team": "payments"}] if lands else []
    bench.clock.on_sleep = lambda passed: late and passed > 30 and only(bench).tags.update(late.pop())
    bench.up(A)
    assert bench.waits.count("tags that an earlier run sent may be set yet") > 0
    assert bench.service.calls("retag") == (["retag a {} ['team']"] if lands else [])
    assert ("team" in only(bench).tags, bench.record("a").tags) == (False, {})
    only(bench).tags["team"] = "somebody's own by now"
    bench.service.log.clear()
    bench.up(A)
    assert bench.service.calls("retag") == []


def test_a_command_without_the_time_to_wait_for_such_a_tag_forgets_nothing(bench: Bench) -> None:
    bench.store.commit(replace(bench.record("a"), tags={"team": "payments"}))
    bench.timeout = 10
    assert bench.failure(bench.up(A), "a").exit_code == Exit.TIMED_OUT
    assert bench.record("a").tags == {"team": "payments"}


def test_a_tag_that_somebody_removed_is_set_again(bench: Bench) -> None:
    bench.tags = {"team": "payments"}
    bench.up(A)
    del only(bench).tags["team"]
    bench.up(A)
    assert only(bench).tags["team"] == "payments"


# ----------------------------------------------------------------------------------------------- drift


def test_what_vanished_is_made_again_as_another_incarnation(bench: Bench) -> None:
    before = bench.record("a")
    bench.service.there.clear()
    bench.up(A)
    after = bench.record("a")
    assert (after.phase, after.incarnation, after.id) == (Phase.READY, 2, "a-2")
    assert after.op != before.op, "a token still points at what is gone"
    assert [r.phase for r in bench.store.history[-6:]] == [
        Phase.ABSENT,
        Phase.CREATING,
        Phase.CREATING,
        Phase.CREATED,
        Phase.CREATED,
        Phase.READY,
    ]


def test_one_look_that_misses_a_ready_thing_is_not_believed(bench: Bench) -> None:
    bench.service.probes["a"] = [ABSENT]
    bench.up(A)
    assert bench.record("a").incarnation == 1
    assert bench.service.calls("create") == []


def test_a_thing_that_goes_between_two_reads_of_a_look_is_absent(bench: Bench) -> None:
    bench.service.probes["a"] = [fault(Nature.GONE)] * 9
    bench.service.there.clear()
    bench.up(A)
    assert bench.record("a").incarnation == 2


def test_what_depends_on_what_was_made_anew_is_brought_along_or_refused() -> None:
    bench = Bench()
    nodes = (thing("a"), thing("by-setting", size=Ref("provider/a")), thing("by-birth", "a"))
    bench.up(*nodes)
    del bench.service.there["a-1"]
    walked = bench.up(*nodes)
    assert only(bench, "by-setting").settings == {"size": bench.record("a").id}
    assert bench.failure(walked, "by-birth").code == "replacement"


def test_a_thing_that_does_not_carry_our_tag_any_more_is_not_touched(bench: Bench) -> None:
    only(bench).tags["plinkctl:op"] = "another"
    walked = bench.up(thing("a", size=2))
    assert bench.failure(walked, "a").code == "foreign"
    assert bench.service.calls("update", "create", "retag") == []


def test_a_relation_whose_other_half_was_made_anew_is_another_relation() -> None:
    bench = Bench()
    nodes = (thing("a"), thing("yes", kind="relation", to=Ref("provider/a")))
    bench.up(*nodes)
    del bench.service.there["a-1"]
    walked = bench.up(*nodes)
    assert walked.failed == {}
    assert bench.record("yes").params["to"] == bench.record("a").id
    assert bench.record("yes").incarnation == 2


# -------------------------------------------------------------------------------------------- borrowed


def borrowed(bench: Bench, identifier: str) -> Any:
    """A node that uses what somebody else made."""
    return thing("lent", borrowed={"id": identifier})


def test_what_is_borrowed_is_looked_at_written_down_and_never_touched() -> None:
    bench = Bench()
    lent = bench.service.make("lent", "theirs", {"owner": "somebody"}, {"size": 77})
    bench.tags = {"team": "payments"}
    for _ in range(2):
        assert bench.up(borrowed(bench, lent), thing("b", "lent")).failed == {}
    assert bench.record("lent").borrowed
    assert bench.record("lent").phase is Phase.READY
    assert bench.record("b").params["refs"] == [lent]
    assert bench.store.history[-1].node == "b", "the second run had nothing to write down"
    bench.down()
    assert bench.record("lent").phase is Phase.ABSENT
    assert [line for line in bench.service.log if line.endswith(" lent") or " lent " in line] == [
        "probe lent",
        "ready lent",
        "probe lent",
        "absent lent",
    ]
    assert bench.service.there[lent].settings == {"size": 77}
    assert bench.service.there[lent].tags == {"owner": "somebody"}


def test_what_is_to_be_borrowed_must_be_there() -> None:
    bench = Bench()
    walked = bench.up(borrowed(bench, "ghost"))
    assert "cannot be used" in bench.failure(walked, "lent").message
    assert bench.state.records == {}


def test_borrowing_another_one_or_making_an_own_one_is_refused() -> None:
    bench = Bench()
    one, other = (bench.service.make("lent", name, {}, {}) for name in ("one", "other"))
    bench.up(borrowed(bench, one))
    assert bench.failure(bench.up(borrowed(bench, other)), "lent").code == "replacement"
    assert bench.failure(bench.up(thing("lent")), "lent").code == "replacement"
    bench.up(A)
    assert bench.failure(bench.up(thing("a", borrowed={"id": one})), "a").code == "replacement"


def test_after_teardown_a_node_may_be_borrowed_and_later_made_again_with_a_new_op() -> None:
    bench = Bench()
    bench.up(A)
    first = bench.record("a").op
    bench.down()
    lent = bench.service.make("a", "theirs", {}, {})
    bench.up(thing("a", borrowed={"id": lent}))
    bench.down()
    bench.up(A)
    assert bench.record("a").incarnation == 2
    assert bench.record("a").op != first
    assert len(bench.service.of("a")) == 2


# ----------------------------------------------------------------------------- an interrupted teardown


def test_up_finishes_an_interrupted_delete_and_makes_the_thing_again(bench: Bench) -> None:
    before = bench.record("a")
    bench.store.commit(replace(before, phase=Phase.DELETING))
    bench.up(A)
    assert bench.record("a").phase is Phase.READY
    assert bench.record("a").incarnation == 2
    assert [real.op for real in bench.service.of("a")] == [bench.record("a").op]


def test_up_after_a_delete_that_already_happened_makes_the_thing_again(bench: Bench) -> None:
    bench.store.commit(replace(bench.record("a"), phase=Phase.DELETING))
    bench.service.there.clear()
    bench.up(A)
    assert bench.record("a").incarnation == 2
    assert len(bench.service.of("a")) == 1
