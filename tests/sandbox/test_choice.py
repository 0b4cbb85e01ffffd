"""What `sandbox calls` and `flows` say when nothing of the log is what was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from plinkctl.cli.sandbox.choice import of_calls, of_flows


def call(name: str, *, alias: str = "provider", status: int = 200, fault: str | None = None) -> dict[str, Any]:
    service, _, action = name.partition(":")
    return {
        "service": service,
        "action": action,
        "account": "111111111111",
        "alias": alias,
        "status": status,
        "fault": fault,
    }


CALLS = [call("ec2:CreateVpc"), call("elasticloadbalancing:CreateListener"), call("iam:GetRole", alias="consumer")]
MANY = [*CALLS, *(call(f"ec2:Describe{letter}things") for letter in "abcdefghijkl")]


@pytest.mark.parametrize(
    ("calls", "asked", "words"),
    [
        ([], {}, "there is no call yet"),
        (CALLS, {"service": "nope"}, "there is no call to a service nope; there are ec2, elasticloadbalancing, iam"),
        (
            CALLS,
            {"service": "elbv2", "action": "CreateRule"},
            "no call of an action CreateRule; there are CreateListener",
        ),
        (CALLS, {"account": "consumer", "service": "ec2"}, "there is no call to a service ec2; there are iam"),
        (MANY, {"action": "ec2:createvpc"}, "no call of an action ec2:createvpc; there are CreateVpc"),
        (MANY, {"action": "Zzz*"}, "there is no call of an action Zzz*"),
        (CALLS, {"errors": True}, "no call was refused, or hit by a fault"),
    ],
)
def test_the_first_thing_that_none_has_is_named_with_what_there_is(
    calls: list[dict[str, Any]], asked: dict[str, Any], words: str
) -> None:
    choice = of_calls(**{"account": None, "service": None, "action": None, "errors": False, **asked})
    assert not any(choice.fits(one) for one in calls)
    assert words in choice.why_none(calls, None)


@pytest.mark.parametrize("service", ["elbv2", "elasticloadbalancing"])
@pytest.mark.parametrize("action", ["CreateListener", "elbv2:Create*", "elasticloadbalancing:CreateListene?"])
def test_a_service_goes_by_both_its_names(service: str, action: str) -> None:
    choice = of_calls(account=None, service=service, action=action, errors=False)
    assert [choice.fits(one) for one in CALLS] == [False, True, False]


def test_a_number_nothing_is_above_and_a_log_without_drops_are_told() -> None:
    assert of_flows(dropped=True).why_none([], 7) == "there is no connection with a number above 7"
    assert of_flows(dropped=True).why_none([{"outcome": "ok"}], None) == "every connection got through"
