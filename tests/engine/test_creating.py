"""Making a thing exactly once: the intent comes first, the ID before anything waits, and every answer has its way."""

from typing import Any

import pytest
from scripted import Bench, Lost, fault, thing

from plinkctl.aws.faults import Nature
from plinkctl.errors import AwsError, Exit, RefusedError, TimedOutError
from plinkctl.kinds.base import ABSENT, Patience, Presence, Seen
from plinkctl.state import Phase

A = thing("a")
READY = (Phase.READY, 1)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def standing(bench: Bench, name: str = "a") -> tuple[Phase, int]:
    """Phase, and how many things of that node there really are."""
    return bench.record(name).phase, len(bench.service.of(name))


def test_the_intent_is_durable_before_the_call_and_the_id_before_the_first_look(bench: Bench) -> None:
    bench.up(A)
    assert bench.service.log == [
        "creating a",  # the intent
        "find a",
        "creating a",  # marked as sent
        "create a",
        "created a",  # the ID
        "probe a",
        "created a",  # again: no call changes anything unless a commit went before
        "update a {'size': 1}",
        "probe a",  # AWS shows the change
        "probe a",  # and there is nothing more to change
        "ready a",
    ]
    intent, sent, made, again, ready = bench.store.history
    assert again == made
    assert (intent.attempt, intent.sent_at) == (0, None)
    assert (sent.attempt, sent.sent_at) == (1, bench.clock.epoch)
    assert (made.id, made.sent_at) == ("a-1", sent.sent_at)
    assert (ready.id, ready.sent_at) == ("a-1", None)
    assert {record.op for record in bench.store.history} == {bench.service.there["a-1"].op}
    assert bench.service.there["a-1"].tags["plinkctl:op"] == intent.op


def test_doing_it_again_only_looks(bench: Bench) -> None:
    bench.up(A)
    bench.service.log.clear()
    serial = bench.state.serial
    bench.up(A)
    assert bench.service.log == ["probe a"], "and only once"
    assert bench.state.serial == serial
    assert bench.actions == {"a": "check"}


# -------------------------------------------------------------------------------- answers to the create


def test_a_lost_answer_whose_create_took_effect_is_found_and_not_sent_again(bench: Bench) -> None:
    bench.service.creates["a"] = [Lost(effect=True)]
    bench.up(A)
    assert standing(bench) == READY
    assert bench.service.calls("create") == ["create a"]


def test_a_lost_answer_whose_create_took_no_effect_is_sent_again_with_the_same_op(bench: Bench) -> None:
    bench.service.creates["a"] = [Lost(effect=False), Lost(effect=False)]
    bench.up(A)
    assert standing(bench) == READY
    assert len(bench.service.calls("create")) == 3
    assert len({record.op for record in bench.store.history}) == 1
    assert bench.record("a").attempt == 3
    assert bench.clock.slept == [1, 2], "pauses grow"


def test_answers_that_stay_lost_are_given_up_and_the_intent_stays(bench: Bench) -> None:
    bench.service.creates["a"] = [Lost(effect=False)] * 9
    walked = bench.up(A)
    assert bench.failure(walked, "a").nature == Nature.UNCLEAR
    assert len(bench.service.calls("create")) == 6
    assert bench.record("a").phase is Phase.CREATING
    assert bench.record("a").sent_at is not None, "whoever comes next must look for it"


def test_a_blind_create_is_sent_again_only_after_the_grace_period(bench: Bench) -> None:
    bench.service.creates["a"] = [Lost(effect=False)]
    bench.up(thing("a", kind="blind"))
    assert standing(bench) == READY
    first, second = [r.sent_at for r in bench.store.history if r.phase is Phase.CREATING and r.sent_at is not None]
    assert first is not None
    assert second is not None
    assert second - first >= bench.grace


def test_a_blind_create_that_shows_late_is_found_within_the_grace_period(bench: Bench) -> None:
    bench.service.creates["a"] = [Lost(effect=True)]
    bench.service.hidden["a"] = 1 + 6  # the look before the first send, and six after the answer was lost
    bench.up(thing("a", kind="blind"))
    assert standing(bench) == READY
    assert bench.service.calls("create") == ["create a"]


def test_what_exists_already_and_is_ours_is_taken(bench: Bench) -> None:
    def made_by_an_attempt_nobody_knows_of() -> None:
        record = bench.record("a")
        bench.service.make("a", record.op, {"plinkctl:op": record.op}, {})
        raise fault(Nature.EXISTS)

    bench.service.creates["a"] = [made_by_an_attempt_nobody_knows_of]
    bench.up(A)
    assert standing(bench) == READY


def test_what_exists_already_and_is_not_ours_is_never_touched(bench: Bench) -> None:
    bench.service.make("a", "other", {"owner": "somebody"}, {"size": 7})
    bench.service.creates["a"] = [fault(Nature.EXISTS)]
    walked = bench.up(A)
    error = bench.failure(walked, "a")
    assert (error.exit_code, error.code) == (Exit.REFUSED, "foreign")
    assert bench.record("a").sent_at is None, "AWS's no was clear: nothing of ours is out there"
    bench.service.log.clear()
    bench.down()
    assert bench.service.calls("find", "delete") == []
    assert bench.record("a").phase is Phase.ABSENT
    assert [real.settings for real in bench.service.of("a")] == [{"size": 7}]


def test_a_foreign_thing_under_our_name_does_not_keep_teardown_from_ending(bench: Bench) -> None:
    def somebody_was_quicker() -> None:
        bench.service.make("a", "other", {}, {})
        raise fault(Nature.EXISTS)

    bench.service.creates["a"] = [somebody_was_quicker]
    walked = bench.up(thing("a", kind="watched"))
    assert bench.failure(walked, "a").code == "foreign"
    assert not bench.down().failed
    assert bench.record("a").phase is Phase.ABSENT
    assert len(bench.service.of("a")) == 1


@pytest.mark.parametrize("nature", [Nature.THROTTLED, Nature.NOT_YET, Nature.GONE])
def test_a_no_that_time_cures_is_sent_again_without_looking(bench: Bench, nature: Nature) -> None:
    """GONE on a create: what it refers to was made a moment ago and is not visible everywhere yet."""
    bench.service.creates["a"] = [fault(nature)] * 3
    bench.up(A)
    assert standing(bench) == READY
    assert len(bench.service.calls("create")) == 4
    assert bench.service.calls("find") == ["find a"]
    assert bench.waits[:3] == [f"AWS says Code.{nature}"] * 3


@pytest.mark.parametrize("nature", [Nature.THROTTLED, Nature.NOT_YET])
def test_patience_with_it_ends_as_a_timeout(bench: Bench, nature: Nature) -> None:
    bench.service.creates["a"] = [fault(nature)] * 99
    walked = bench.up(A)
    error = bench.failure(walked, "a")
    assert isinstance(error, TimedOutError)
    assert f"Code.{nature}" in str(error.why)
    assert bench.clock.now() == pytest.approx(60)
    assert bench.record("a").sent_at is None


def test_the_commands_own_timeout_cuts_it_short(bench: Bench) -> None:
    bench.timeout = 10
    bench.service.creates["a"] = [fault(Nature.THROTTLED)] * 99
    assert bench.failure(bench.up(A), "a").exit_code == Exit.TIMED_OUT
    assert bench.clock.now() == pytest.approx(10)


def test_under_a_throttle_attempts_come_slower_and_slower(bench: Bench) -> None:
    bench.kinds["thing"].patience = Patience(ready_within=600)  # type: ignore[misc]
    bench.service.creates["a"] = [fault(Nature.THROTTLED)] * 50
    assert bench.failure(bench.up(A), "a").exit_code == Exit.TIMED_OUT
    assert bench.clock.now() == pytest.approx(600)
    pauses = bench.clock.slept[:-1]
    for number, pause in enumerate(pauses, 1):
        assert min(60, 2**number) / 2 <= pause <= min(60, 2**number)
    assert len(bench.service.calls("create")) < 30, "fifty answers were there to be had"
    assert bench.record("a").sent_at is None


def test_what_stays_invisible_is_told_as_what_aws_said(bench: Bench) -> None:
    bench.service.creates["a"] = [fault(Nature.GONE, "InvalidVpcID.NotFound")] * 99
    error = bench.failure(bench.up(A), "a")
    assert isinstance(error, AwsError)
    assert "InvalidVpcID.NotFound" in str(error.why)


@pytest.mark.parametrize("nature", [Nature.DENIED, Nature.CREDENTIALS, Nature.QUOTA, Nature.REFUSED, Nature.BUSY])
def test_a_clear_no_is_final_and_nothing_need_be_looked_for(bench: Bench, nature: Nature) -> None:
    bench.service.creates["a"] = [fault(nature)]
    walked = bench.up(A)
    assert bench.failure(walked, "a").nature == nature
    assert bench.service.calls("create") == ["create a"]
    assert bench.clock.slept == []
    assert (bench.record("a").phase, bench.record("a").sent_at) == (Phase.CREATING, None)
    bench.up(A)
    assert standing(bench) == READY, "the same command resumes"


def test_a_clear_no_after_a_lost_answer_does_not_settle_the_first_attempt(bench: Bench) -> None:
    """The lost attempt may still land; forgetting that would leave a resource nobody knows of."""
    bench.service.creates["a"] = [Lost(effect=False), fault(Nature.DENIED)]
    bench.up(A)
    assert bench.record("a").sent_at is not None
    bench.service.make("a", bench.record("a").op, {"plinkctl:op": bench.record("a").op}, {})
    bench.down()
    assert standing(bench) == (Phase.ABSENT, 0)


def test_a_code_the_node_calls_transient_is_worth_another_try(bench: Bench) -> None:
    bench.service.creates["a"] = [fault(Nature.REFUSED, "InvalidServiceName")] * 2
    bench.up(thing("a", transient=frozenset({"InvalidServiceName"})))
    assert standing(bench) == READY
    bench.service.creates["b"] = [fault(Nature.REFUSED, "InvalidServiceName")] * 2
    assert bench.up(thing("b")).failed.keys() == {"provider/b"}


# --------------------------------------------------------------------- what a killed process left behind


def test_an_intent_that_was_never_sent_is_carried_out(bench: Bench) -> None:
    before = bench.interrupted("a")
    bench.up(A)
    assert standing(bench) == READY
    assert bench.record("a").op == before.op


def test_a_create_killed_in_flight_is_found(bench: Bench) -> None:
    record = bench.interrupted("a", sent_at=bench.clock.wall(), attempt=1)
    bench.service.make("a", record.op, {"plinkctl:op": record.op}, {})
    bench.up(A)
    assert standing(bench) == READY
    assert bench.service.calls("create") == []


def test_a_blind_create_killed_in_flight_is_waited_for(bench: Bench) -> None:
    record = bench.interrupted("a", kind="blind", sent_at=bench.clock.wall() - 20, attempt=1)
    bench.up(thing("a", kind="blind"))
    assert standing(bench) == READY
    assert bench.clock.now() == pytest.approx(40), "the grace period counts from the send, not from this run"
    assert bench.record("a").op == record.op


def test_a_clock_that_was_set_back_counts_as_just_sent(bench: Bench) -> None:
    bench.interrupted("a", kind="blind", sent_at=bench.clock.wall() + 9999, attempt=1)
    bench.up(thing("a", kind="blind"))
    assert bench.clock.now() == pytest.approx(60)
    assert standing(bench) == READY


def test_a_begun_create_is_finished_with_its_own_parameters_and_then_brought_to_what_is_wanted(bench: Bench) -> None:
    record = bench.interrupted("a", sent_at=bench.clock.wall(), attempt=1)
    bench.service.make("a", record.op, {"plinkctl:op": record.op}, {"size": 1})
    bench.up(thing("a", size=5))
    assert bench.service.of("a")[0].settings == {"size": 5}
    assert bench.record("a").params["size"] == 5
    assert bench.record("a").op == record.op


def test_a_create_refused_for_its_parameters_is_sent_with_the_corrected_ones(bench: Bench) -> None:
    """Else the user's correction never reaches AWS, and the same refusal comes for ever."""
    bench.service.creates["a"] = [fault(Nature.REFUSED)]
    bench.up(thing("a", colour="no such colour"))
    bench.up(A)
    assert standing(bench) == READY
    assert bench.record("a").params["colour"] == "red"
    assert bench.record("a").incarnation == 2, "a token is never used with other parameters"


def test_a_create_in_doubt_is_given_the_grace_period_before_other_parameters_are_sent(bench: Bench) -> None:
    bench.interrupted("a", sent_at=bench.clock.wall() - 10, attempt=1)
    bench.up(thing("a", colour="blue"))
    assert bench.clock.now() == pytest.approx(50)
    assert standing(bench) == READY
    assert bench.record("a").params["colour"] == "blue"


def test_a_create_in_doubt_that_took_effect_is_not_silently_replaced(bench: Bench) -> None:
    record = bench.interrupted("a", sent_at=bench.clock.wall(), attempt=1)
    bench.service.make("a", record.op, {"plinkctl:op": record.op}, {})
    walked = bench.up(thing("a", colour="blue"))
    error = bench.failure(walked, "a")
    assert isinstance(error, RefusedError)
    assert error.code == "replacement"
    assert standing(bench) == (Phase.CREATED, 1)


def test_a_thing_that_was_just_made_may_be_invisible_for_minutes(bench: Bench) -> None:
    op = bench.state.next_record("a")[1]
    identifier = bench.service.make("a", op, {"plinkctl:op": op}, {"size": 1})
    bench.interrupted("a", Phase.CREATED, sent_at=bench.clock.wall(), attrs={"id": identifier})
    bench.service.probes["a"] = [ABSENT] * 20
    bench.up(A)
    assert standing(bench) == READY
    assert bench.service.calls("create") == []


# ------------------------------------------------------------------------------------- becoming ready


def seen(presence: Presence, why: str = "", **more: Any) -> Seen:
    return Seen(presence=presence, why=why, **more)


def test_a_wait_says_what_it_waits_for_in_the_words_of_aws(bench: Bench) -> None:
    bench.service.probes["a"] = [seen(Presence.PENDING, "thing is provisioning")] * 2
    bench.up(A)
    assert bench.waits == ["thing is provisioning"] * 2
    assert standing(bench) == READY


def test_a_thing_that_failed_is_told_with_the_reason_and_kept_for_teardown(bench: Bench) -> None:
    bench.service.probes["a"] = [seen(Presence.FAILED, "thing is failed: no room")]
    walked = bench.up(A)
    error = bench.failure(walked, "a")
    assert (error.code, error.why) == ("resource_failed", "thing is failed: no room")
    assert standing(bench) == (Phase.CREATED, 1)
    bench.down()
    assert standing(bench) == (Phase.ABSENT, 0)


def test_a_thing_that_does_not_come_up_in_time_is_a_timeout_and_resumable(bench: Bench) -> None:
    bench.service.probes["a"] = [seen(Presence.PENDING, "thing is provisioning")] * 15
    walked = bench.up(A)
    error = bench.failure(walked, "a")
    assert error.exit_code == Exit.TIMED_OUT
    assert error.why == "thing is provisioning"
    assert bench.clock.now() == pytest.approx(60)
    bench.service.probes.clear()
    bench.up(A)
    assert standing(bench) == READY
    assert bench.service.calls("create") == ["create a"]


def test_a_read_that_fails_for_a_while_does_not_end_a_long_wait(bench: Bench) -> None:
    bench.service.probes["a"] = [fault(Nature.UNCLEAR), fault(Nature.THROTTLED)]
    bench.up(A)
    assert standing(bench) == READY


def test_a_read_that_is_denied_ends_the_wait_at_once(bench: Bench) -> None:
    bench.service.probes["a"] = [fault(Nature.DENIED)]
    assert bench.failure(bench.up(A), "a").nature == Nature.DENIED


def test_a_thing_held_by_somebody_else_ends_its_turn_and_is_no_failure(bench: Bench) -> None:
    bench.service.probes["a"] = [seen(Presence.HELD, "the provider must accept", attrs={"id": "a-1", "dns": "x"})]
    walked = bench.up(A, thing("b", "a"))
    assert walked.held == {"provider/a": "the provider must accept"}
    assert walked.failed == {}
    assert walked.skipped == {"provider/b"}
    assert bench.record("a").phase is Phase.CREATED
    assert bench.record("a").attrs["dns"] == "x", "what was seen meanwhile is not lost"
    bench.up(A, thing("b", "a"))
    assert (standing(bench), standing(bench, "b")) == (READY, READY)


def test_a_held_thing_is_waited_for_when_the_command_says_so(bench: Bench) -> None:
    bench.held_ends = False
    bench.service.probes["a"] = [seen(Presence.HELD, "the provider must accept")] * 4
    assert bench.up(A).held == {}
    assert bench.waits == ["the provider must accept"] * 4
    assert standing(bench) == READY
