"""Fault rules as data: what is taken, what is refused and in which words, which calls a rule is for. No sockets."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from plinkctl.sandbox.door import catalogue
from plinkctl.sandbox.door.effects import EFFECTS
from plinkctl.sandbox.door.faults import Faults
from plinkctl.sandbox.door.protocol import Asked
from plinkctl.sandbox.door.rules import Rule, RulesError, read

ACCOUNTS = {"provider": "111111111111", "consumer": "222222222222"}


def rules(*written: dict[str, Any], **more: Any) -> list[Rule]:
    return read({"rules": list(written), **more}, accounts=ACCOUNTS, actions=catalogue.actions)


def problems(*written: Any, **more: Any) -> list[str]:
    with pytest.raises(RulesError) as caught:
        read({"rules": list(written), **more}, accounts=ACCOUNTS, actions=catalogue.actions)
    return caught.value.problems


def asked(action: str = "CreateVpc", *values: str, service: str = "ec2", region: str = "us-east-1") -> Asked:
    return Asked(key="", service=service, region=region, action=action, protocol="ec2", values=values)


def fired(faults: Faults, *calls: Asked, account: str = "111111111111") -> list[str]:
    """For each call the names of what fires, `-` for nothing."""
    return ["+".join(strike.rule.name for strike in faults.strikes(one, account)) or "-" for one in calls]


def set_(*written: dict[str, Any], **more: Any) -> Faults:
    faults = Faults()
    faults.add(rules(*written, **more))
    return faults


RESET = {"action": "ec2:CreateVpc", "effect": "reset"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"action": "ec2:CreatVpc"}, "ec2 has no action CreatVpc; did you mean ec2:CreateVpc?"),
        ({"action": "ec3:CreateVpc"}, "there is no service 'ec3'"),
        ({"action": "CreateVpc"}, "service:Action"),
        ({"action": None}, "service:Action"),
        ({"effect": "rest"}, "'rest' is no effect (did you mean 'reset'?)"),
        ({"effect": ["reset"]}, "is no effect"),
        ({"wen": "after"}, "there is no key 'wen' (did you mean 'when'?)"),
        ({"when": "reply"}, "reset comes before or after or late, not 'reply'"),
        ({"when": "late"}, "needs `delay`"),
        ({"delay": 3}, "delay is for when: late"),
        ({"account": "333333333333"}, "account '333333333333' is not one of provider (111111111111)"),
        ({"nth": 0}, "nth must be a whole number of 1 or more"),
        ({"nth": []}, "nth must be"),
        ({"times": 1.5}, "times must be"),
        ({"times": True}, "times must be"),
        ({"after": -1}, "after must be"),
        ({"probability": 2}, "probability must be a number from 0 to 1"),
        ({"probability": float("nan")}, "probability must be"),
        ({"each": True}, "needs `resource`"),
        ({"name": "a b"}, "name must be"),
        ({"seconds": 1}, "reset takes no `seconds`"),
        ({"effect": "latency"}, "latency needs `seconds`"),
        ({"effect": "hang", "seconds": 99999}, "seconds must be seconds from 0 to 3600"),
        ({"effect": "error", "status": 200}, "status must be an HTTP status from 400 to 599"),
        ({"effect": "error", "body": "json"}, "body must be one of aws, html, empty"),
        ({"effect": "missing"}, "missing needs `resource`"),
        ({"effect": "unsuccessful"}, "CreateVpc has no list of what was unsuccessful"),
        ({"effect": "failed"}, "ec2:CreateVpc makes nothing that can end failed"),
        ({"effect": "rewrite", "find": "x"}, "rewrite needs `put`"),
        ({"effect": "signal"}, "signal needs `signals`"),
        ({"effect": "signal", "signals": "SIGKILL"}, "signals must be one or a list of KILL"),
        ({"effect": "half", "when": "before"}, "half comes after, not 'before'"),
    ],
)
def test_a_mistake_is_told_in_words_that_lead_out(wrong: dict[str, Any], words: str) -> None:
    (found,) = problems({**RESET, **wrong})
    assert words in found


def test_all_mistakes_are_told_at_once_with_their_rule() -> None:
    found = problems({**RESET, "times": 0, "wat": 1}, RESET, {"name": "second", "action": "ec2:X"}, 7)
    assert [one.partition(":")[0] for one in found] == [
        "rule 1",
        "rule 1",
        "rule 3 (second)",
        "rule 3 (second)",
        "rule 4",
    ]


@pytest.mark.parametrize("document", [None, [], {}, {"rules": {}}, "rules"])
def test_what_is_no_rule_file_is_told_what_one_is(document: Any) -> None:
    with pytest.raises(RulesError, match="a fault file is"):
        read(document, accounts=ACCOUNTS, actions=catalogue.actions)


def test_a_key_beside_the_rules_and_a_name_twice_are_mistakes() -> None:
    assert "there is no key 'sed' beside `rules` (did you mean 'seed'?)" in problems(sed=1)[0]
    assert "already" in problems({**RESET, "name": "a"}, {**RESET, "name": "a"})[0]


def test_every_effect_can_be_written_and_is_told_back_as_it_was() -> None:
    needed: dict[str, dict[str, Any]] = {
        "latency": {"seconds": 1},
        "missing": {"resource": "vpc-1"},
        "rewrite": {"find": "a", "put": ""},
        "signal": {"signals": ["INT"]},
        "unsuccessful": {"action": "ec2:DeleteVpcEndpoints"},
        "failed": {"action": "elbv2:CreateLoadBalancer"},
    }
    for effect in EFFECTS:
        (rule,) = rules({"name": "x", **RESET, "effect": effect, **needed.get(effect, {})})
        assert rules(rule.told()) == [rule]


def test_what_makes_nothing_that_can_fail_is_left_alone_by_a_pattern() -> None:
    faults = set_({"name": "a", "action": "elbv2:Create*", "effect": "failed"})
    made = asked("CreateLoadBalancer", service="elasticloadbalancing")
    assert fired(faults, asked("CreateListener", service="elasticloadbalancing"), made) == ["-", "a"]


def test_names_of_services_and_accounts_may_be_the_usual_ones() -> None:
    (rule,) = rules({"action": "elbv2:Create*", "account": "consumer", "effect": "reset"})
    assert (rule.action, rule.account) == ("elasticloadbalancing:Create*", "222222222222")


def test_a_rule_is_for_its_action_account_region_and_resource() -> None:
    faults = set_({**RESET, "name": "a", "account": "provider", "region": "us-east-1", "resource": "vpc-*"})
    assert fired(faults, asked("CreateVpc", "x", "vpc-1")) == ["a"]
    assert fired(faults, asked("CreateVpc", "x"), asked("DeleteVpc", "vpc-1")) == ["-", "-"]
    assert fired(
        faults, asked("CreateVpc", "vpc-1", region="eu-west-1"), asked("CreateVpc", "vpc-1", service="iam")
    ) == ["-", "-"]
    assert fired(faults, asked("CreateVpc", "vpc-1"), account="222222222222") == ["-"]


def test_counts_choose_among_the_calls_that_fit() -> None:
    calls = [asked()] * 5
    assert fired(set_({**RESET, "name": "a", "nth": [2, 4]}), *calls) == ["-", "a", "-", "a", "-"]
    assert fired(set_({**RESET, "name": "a", "after": 2}), *calls) == ["-", "-", "a", "a", "a"]
    assert fired(set_({**RESET, "name": "a", "times": 2}), *calls) == ["a", "a", "-", "-", "-"]
    assert fired(set_({**RESET, "name": "a", "after": 1, "times": 1}), *calls) == ["-", "a", "-", "-", "-"]


def test_each_counts_for_every_resource_by_itself() -> None:
    faults = set_({**RESET, "name": "a", "resource": "vpc-*", "each": True, "times": 1})
    assert fired(faults, *(asked("CreateVpc", one) for one in ("vpc-1", "vpc-1", "vpc-2", "vpc-1"))) == [
        "a",
        "-",
        "a",
        "-",
    ]
    assert [(one["matched"], one["fired"]) for one in faults.told()] == [(4, 2)]


def test_the_first_rule_whose_turn_it_is_fires_and_all_count() -> None:
    faults = set_({**RESET, "name": "a", "nth": 2}, {**RESET, "name": "b", "nth": [1, 2, 3]})
    assert fired(faults, *[asked()] * 4) == ["b", "a", "b", "-"]


def test_latency_comes_on_top_of_another_fault() -> None:
    faults = set_({**RESET, "name": "a"}, {**RESET, "name": "slow", "effect": "latency", "seconds": 1})
    assert fired(faults, asked()) == ["slow+a"]


def test_chance_is_the_same_for_the_same_seed_and_about_as_often_as_asked() -> None:
    calls = [asked()] * 400

    def outcome(seed: int) -> list[str]:
        return fired(set_({**RESET, "name": "a", "probability": 0.25}, seed=seed), *calls)

    assert outcome(1) == outcome(1) != outcome(2)
    assert 60 < outcome(1).count("a") < 140
    assert set(fired(set_({**RESET, "name": "a", "probability": 0}), *calls)) == {"-"}


def test_rules_and_their_tallies_can_be_put_aside_and_taken_up() -> None:
    faults = set_({**RESET, "name": "a", "nth": 2})
    assert fired(faults, asked()) == ["-"]
    again = pickle.loads(pickle.dumps(faults))  # noqa: S301 - our own
    assert fired(again, asked()) == fired(faults, asked()) == ["a"]


def test_clearing_takes_the_tallies_along() -> None:
    faults = set_({**RESET, "name": "a", "times": 1}, {**RESET, "name": "b"})
    fired(faults, asked())
    assert faults.clear("a") == 1
    assert faults.clear("a") == 0
    faults.add(rules({**RESET, "name": "a", "times": 1}), replace=True)
    assert fired(faults, asked()) == ["a"]
