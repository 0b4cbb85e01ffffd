"""IAM's policy simulator, and what Lambda says of an account: asked by tools before they begin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from whole import TRUST, zipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Side
    from plinkctl.sandbox.world import World

BUCKET = "arn:aws:s3:::b"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def says(effect: str, *actions: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": list(actions), "Resource": resource, **more}


@pytest.fixture
def ada(provider: Side) -> tuple[Any, str]:
    """IAM, and a user who may read one bucket, by herself and by her group, and tag what is tagged."""
    iam = provider.client("iam")
    arn = iam.create_user(UserName="ada")["User"]["Arn"]
    tagged = {"StringEquals": {"aws:ResourceTag/team": "net"}}
    own = policy(
        says("Allow", "s3:Get*", resource=f"{BUCKET}/*"),
        says("Deny", "s3:GetObject", resource=f"{BUCKET}/secret"),
        says("Allow", "ec2:CreateTags", Condition=tagged),
    )
    iam.put_user_policy(UserName="ada", PolicyName="own", PolicyDocument=own)
    iam.create_group(GroupName="readers")
    iam.put_group_policy(GroupName="readers", PolicyName="list", PolicyDocument=policy(says("Allow", "s3:ListBucket")))
    iam.add_user_to_group(UserName="ada", GroupName="readers")
    return iam, arn


def simulated(iam: Any, arn: str, action: str, **more: Any) -> dict[str, Any]:
    (result,) = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=[action], **more)["EvaluationResults"]
    return dict(result)


def test_what_a_user_may_is_told_action_by_action(ada: tuple[Any, str]) -> None:
    iam, arn = ada
    asked = ["s3:ListBucket", "ec2:CreateVpc"]
    both = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=asked)["EvaluationResults"]
    assert [(one["EvalActionName"], one["EvalDecision"], one["EvalResourceName"]) for one in both] == [
        ("s3:ListBucket", "allowed", "*"),
        ("ec2:CreateVpc", "implicitDeny", "*"),
    ]
    assert [one["SourcePolicyId"] for one in both[0]["MatchedStatements"]] == ["group_readers_list"]
    assert both[1]["MatchedStatements"] == []


def test_several_resources_are_told_one_by_one_and_all_together(ada: tuple[Any, str]) -> None:
    places = [f"{BUCKET}/open", f"{BUCKET}/secret", "arn:aws:s3:::c/x"]
    result = simulated(*ada, "s3:GetObject", ResourceArns=places)
    each = [(one["EvalResourceName"], one["EvalResourceDecision"]) for one in result["ResourceSpecificResults"]]
    assert each == list(zip(places, ("allowed", "explicitDeny", "implicitDeny"), strict=True))
    assert result["EvalDecision"] == "explicitDeny"


def test_a_condition_holds_by_the_values_of_the_request(ada: tuple[Any, str]) -> None:
    key = "aws:ResourceTag/team"
    without = simulated(*ada, "ec2:CreateTags")
    assert (without["EvalDecision"], without["MissingContextValues"]) == ("implicitDeny", [key])
    entry = {"ContextKeyName": key, "ContextKeyValues": ["net"], "ContextKeyType": "string"}
    given = simulated(*ada, "ec2:CreateTags", ContextEntries=[entry])
    assert (given["EvalDecision"], given["MissingContextValues"]) == ("allowed", [])


def test_boundaries_and_further_policies_count(ada: tuple[Any, str]) -> None:
    more = policy(says("Allow", "ec2:CreateVpc"))
    assert simulated(*ada, "ec2:CreateVpc", PolicyInputList=[more])["EvalDecision"] == "allowed"
    bound = simulated(*ada, "s3:ListBucket", PermissionsBoundaryPolicyInputList=[more])
    assert bound["EvalDecision"] == "implicitDeny"
    assert bound["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    custom = ada[0].simulate_custom_policy(PolicyInputList=[more], ActionNames=["ec2:CreateVpc"])
    assert custom["EvaluationResults"][0]["EvalDecision"] == "allowed"


def test_who_is_not_there_and_what_cannot_be_simulated_is_named(
    ada: tuple[Any, str], refused: Callable[..., str]
) -> None:
    iam, arn = ada
    ask: dict[str, Any] = {"ActionNames": ["s3:GetObject"]}
    refused("NoSuchEntity", iam.simulate_principal_policy, PolicySourceArn=arn + "x", **ask)
    refused("NoSuchEntity", iam.simulate_principal_policy, PolicySourceArn=arn.replace("user/", "role/"), **ask)
    session = "arn:aws:sts::111111111111:assumed-role/x/y"
    refused("InvalidInput", iam.simulate_principal_policy, PolicySourceArn=session, **ask)
    refused("InvalidInput", iam.simulate_principal_policy, PolicySourceArn=arn, ActionNames=["GetObject"])
    refused("InvalidInput", iam.simulate_custom_policy, PolicyInputList=["{"], **ask)
    words = refused("InvalidAction", iam.simulate_principal_policy, PolicySourceArn=arn, CallerArn=arn, **ask)
    assert "CallerArn" in words


def test_lambda_tells_what_an_account_has_and_uses(sandbox: World, consumer: Side) -> None:
    functions, iam = consumer.client("lambda"), consumer.client("iam")
    empty = functions.get_account_settings()
    limit = empty["AccountLimit"]
    assert empty["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}
    assert (limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]) == (1000, 1000)
    role = iam.create_role(RoleName="fn", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    sandbox.clock.advance(60)
    code = {"ZipFile": zipped("def handler(event, context): pass")}
    made = functions.create_function(
        FunctionName="f", Role=role, Runtime="python3.12", Handler="index.handler", Code=code, Publish=True
    )
    functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=5)
    full = functions.get_account_settings()
    assert full["AccountUsage"] == {"TotalCodeSize": 2 * made["CodeSize"], "FunctionCount": 1}
    assert full["AccountLimit"]["UnreservedConcurrentExecutions"] == 995
