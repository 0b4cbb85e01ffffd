"""Taking away: the intent first, only what is ours, until it is really gone."""

from dataclasses import replace

import pytest
from scripted import Bench, fault, stopped, thing

from plinkctl.aws.faults import Nature
from plinkctl.errors import Exit
from plinkctl.kinds.base import ABSENT, Presence, Seen
from plinkctl.state import Phase, Record

PENDING = Seen(presence=Presence.PENDING, why="thing is deleting")


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.up(thing("a"), thing("b", "a"))
    made.service.log.clear()
    made.store.history.clear()
    return made


def test_the_intent_is_durable_before_the_delete_and_the_end_only_once_it_was_seen(bench: Bench) -> None:
    bench.down()
    assert bench.service.log == [
        f"{word} {name}" for name in ("b", "a") for word in ("probe", "deleting", "delete", "probe", "absent")
    ]
    assert bench.service.there == {}
    assert bench.record("a").attrs == {}
    assert bench.actions == {"a": "delete", "b": "delete"}


def test_taking_away_again_does_nothing(bench: Bench) -> None:
    bench.down()
    bench.service.log.clear()
    assert bench.down().done == set()
    assert bench.service.log == []


def test_incarnations_go_on_after_teardown(bench: Bench) -> None:
    bench.down()
    bench.up(thing("a"))
    assert bench.record("a").incarnation == 2


def test_what_is_gone_already_is_a_success(bench: Bench) -> None:
    bench.service.there.clear()
    assert bench.down().failed == {}
    assert {record.phase for record in bench.state.records.values()} == {Phase.ABSENT}


def test_a_delete_that_takes_a_while_is_waited_for(bench: Bench) -> None:
    tags = bench.service.of("b")[0].tags
    bench.service.probes["b"] = [Seen(presence=Presence.READY, tags=tags), PENDING, PENDING]
    bench.down()
    assert bench.waits == ["thing is deleting"] * 2


def test_a_busy_delete_is_tried_again_and_says_what_is_in_the_way(bench: Bench) -> None:
    bench.service.deletes["b"] = [fault(Nature.BUSY), fault(Nature.BUSY)]
    assert bench.down().failed == {}
    assert bench.waits == ["somebody holds b"] * 2
    assert len(bench.service.calls("delete")) == 4
    assert len(bench.service.calls("blockers")) == 2, "asking is a call too: once for each refusal"


@pytest.mark.parametrize("nature", [Nature.THROTTLED, Nature.UNCLEAR, Nature.NOT_YET])
def test_a_delete_is_repeatable_and_so_tried_again(bench: Bench, nature: Nature) -> None:
    bench.service.deletes["b"] = [fault(nature)]
    assert bench.down().failed == {}
    assert bench.waits == [f"AWS says Code.{nature}"]


def test_a_delete_that_stays_busy_is_a_timeout_that_names_what_is_in_the_way(bench: Bench) -> None:
    bench.service.deletes["b"] = [fault(Nature.BUSY)] * 99
    walked = bench.down()
    error = bench.failure(walked, "b")
    assert error.exit_code == Exit.TIMED_OUT
    assert error.why == "somebody holds b"
    assert bench.clock.now() == pytest.approx(60)
    assert walked.skipped == {"provider/a"}
    assert bench.record("b").phase is Phase.DELETING
    bench.service.deletes.clear()
    assert bench.down().failed == {}, "the same command resumes"


def test_a_thing_that_does_not_go_in_time_is_a_timeout(bench: Bench) -> None:
    tags = bench.service.of("b")[0].tags
    bench.service.probes["b"] = [Seen(presence=Presence.READY, tags=tags), *[PENDING] * 99]
    error = bench.failure(bench.down(), "b")
    assert (error.exit_code, error.why) == (Exit.TIMED_OUT, "thing is deleting")


def test_who_may_not_look_at_what_is_in_the_way_may_still_delete(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> str:
        raise fault(Nature.DENIED)

    monkeypatch.setattr(bench.kinds["thing"], "blockers", denied)
    bench.service.deletes["b"] = [fault(Nature.BUSY)]
    assert bench.down().failed == {}
    assert bench.waits == ["says the script"]


def test_a_denied_delete_fails_and_what_it_holds_is_skipped(bench: Bench) -> None:
    bench.service.deletes["b"] = [fault(Nature.DENIED)]
    walked = bench.down()
    assert bench.failure(walked, "b").nature == Nature.DENIED
    assert walked.skipped == {"provider/a"}
    assert bench.record("a").phase is Phase.READY


def test_a_thing_that_is_not_ours_any_more_is_refused_and_stays(bench: Bench) -> None:
    bench.service.of("b")[0].tags["plinkctl:op"] = "another"
    walked = bench.down()
    assert bench.failure(walked, "b").code == "foreign"
    assert bench.service.calls("delete") == []
    assert bench.record("b").phase is Phase.READY, "not even the intent was written"


def test_a_delete_killed_in_flight_is_finished(bench: Bench) -> None:
    bench.service.deletes["b"] = [stopped]
    bench.down()
    assert bench.record("b").phase is Phase.DELETING
    bench.down()
    assert bench.service.there == {}


# ---------------------------------------------------------------------------- deleting what was never finished


def test_an_intent_that_was_never_sent_is_forgotten_without_a_call() -> None:
    bench = Bench()
    bench.interrupted("a")
    bench.down()
    assert bench.service.log == ["absent a"]
    assert bench.actions == {"a": "forget"}


def test_a_create_killed_in_flight_is_looked_for_until_the_grace_period_is_over() -> None:
    bench = Bench()
    bench.interrupted("a", sent_at=bench.clock.wall() - 20, attempt=1)
    bench.down()
    assert bench.clock.now() == pytest.approx(40)
    assert bench.record("a").phase is Phase.ABSENT
    assert bench.service.calls("delete") == []


def test_a_create_that_lands_late_is_still_taken_away() -> None:
    bench = Bench()
    record = bench.interrupted("a", sent_at=bench.clock.wall(), attempt=1)
    bench.service.make("a", record.op, {"plinkctl:op": record.op}, {})
    bench.service.hidden["a"] = 5
    bench.down()
    assert bench.service.there == {}
    assert [r.phase for r in bench.store.history] == [Phase.CREATED, Phase.DELETING, Phase.ABSENT]


def test_what_is_found_by_name_before_its_tags_are_seen_is_still_taken_away() -> None:
    bench = Bench()
    record = bench.interrupted("a", sent_at=bench.clock.wall(), attempt=1)
    bench.service.make("a", record.op, {"plinkctl:op": record.op}, {})
    bench.service.bare["a"] = 3
    assert bench.down().failed == {}
    assert bench.service.there == {}
    assert bench.clock.now() < 60


def test_what_is_found_by_name_and_never_shows_a_tag_is_somebody_else_s_after_the_grace_period() -> None:
    bench = Bench()
    record = bench.interrupted("a", sent_at=bench.clock.wall(), attempt=1)
    bench.service.make("a", "another", {}, {})
    bench.service.bare["a"] = 1000
    assert bench.failure(bench.down(), "a").code == "foreign"
    assert bench.clock.now() == pytest.approx(60, abs=3)
    assert bench.service.calls("delete") == []
    assert bench.record("a") == record


def test_a_relation_is_only_forgotten() -> None:
    bench = Bench()
    bench.up(thing("yes", kind="relation"))
    bench.service.log.clear()
    bench.down()
    assert bench.service.log == ["absent yes"]


# --------------------------------------------------------------------------- deleting what is hardly there yet


def just_made(bench: Bench) -> Record:
    """A thing whose ID was written down this moment, before it was ever seen."""
    record = bench.interrupted("a", sent_at=bench.clock.wall(), attempt=1)
    made = bench.service.make("a", record.op, {"plinkctl:op": record.op}, {})
    record = replace(record, phase=Phase.CREATED, attrs={"id": made})
    bench.store.commit(record)
    bench.service.log.clear()
    return record


def test_what_was_just_made_is_deleted_only_once_it_is_seen_for_before_a_delete_says_not_found() -> None:
    bench = Bench()
    just_made(bench)
    bench.service.probes["a"] = [ABSENT] * 4
    bench.down()
    assert bench.service.log == [*["probe a"] * 5, "deleting a", "delete a", "probe a", "absent a"]
    assert bench.service.there == {}
    assert bench.waits[:4] == ["it is not visible yet"] * 4


def test_what_was_just_made_and_stays_away_is_believed_to_be_gone_after_the_grace_period() -> None:
    bench = Bench()
    just_made(bench)
    bench.service.there.clear()
    bench.clock.sleep(20)
    bench.down()
    assert bench.clock.now() == pytest.approx(60, abs=3)
    assert bench.record("a").phase is Phase.ABSENT


def test_a_thing_whose_tags_are_seen_later_than_itself_is_ours_all_the_same(bench: Bench) -> None:
    bare = Seen(presence=Presence.READY, tags={})
    bench.service.probes["b"] = [bare, bare]
    assert bench.down().failed == {}
    assert bench.service.there == {}
    assert bench.waits == ["its tags are not visible yet"] * 2


def test_a_thing_that_never_shows_a_tag_of_ours_is_not_ours(bench: Bench) -> None:
    bench.service.of("b")[0].tags.clear()
    walked = bench.down()
    assert bench.failure(walked, "b").code == "foreign"
    assert bench.service.calls("delete") == []
    assert bench.clock.now() == pytest.approx(60, abs=1)
