"""Functions, roles and log groups in the detail Terraform and careful clients ask for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import whole

if TYPE_CHECKING:
    from types import SimpleNamespace

    from conftest import Side
    from plinkctl.sandbox import world

CODE = "def handler(event, context): return [context.function_version, context.invoked_function_arn]"


@pytest.fixture
def here(provider: Side, consumer: Side) -> SimpleNamespace:
    """A consumer's side as far as the endpoint, with what makes functions."""
    return whole.consume(consumer, whole.provide(provider).service_name)


def configuration(here: Any, **more: Any) -> Any:
    return here.functions.get_function_configuration(FunctionName="probe", **more)


# ------------------------------------------------------------------------------------------ functions


def test_only_runtimes_lambda_has_are_taken(here: Any, refused: Any) -> None:
    asked = {
        "FunctionName": "f",
        "Handler": "index.handler",
        "Role": here.role,
        "Code": {"ZipFile": whole.zipped(CODE)},
    }
    create = here.functions.create_function
    message = refused("InvalidParameterValueException", create, Runtime="python2.99", **asked)
    assert "python2.99" in message
    assert "enum value set" in message
    refused("InvalidParameterValueException", create, **asked)
    assert here.functions.list_functions()["Functions"] == []
    create(Runtime="python3.13", **asked)
    refused(
        "InvalidParameterValueException", here.functions.update_function_configuration, FunctionName="f", Runtime="x"
    )
    refused("ResourceConflictException", create, Runtime="python3.13", **asked)


def test_functions_in_the_same_place_share_one_interface(here: Any) -> None:
    here.function(CODE)
    here.function(CODE, name="other")
    lambda_only = [{"Name": "interface-type", "Values": ["lambda"]}]

    def interfaces() -> list[Any]:
        return list(here.ec2.describe_network_interfaces(Filters=lambda_only)["NetworkInterfaces"])

    [shared] = interfaces()
    assert shared["Description"].startswith("AWS Lambda VPC ENI-probe-")
    assert shared["RequesterManaged"]
    here.functions.delete_function(FunctionName="probe")
    assert [one["NetworkInterfaceId"] for one in interfaces()] == [shared["NetworkInterfaceId"]]
    here.functions.update_function_configuration(
        FunctionName="other", VpcConfig={"SubnetIds": [], "SecurityGroupIds": []}
    )
    assert interfaces() == []
    assert not here.functions.get_function_configuration(FunctionName="other").get("VpcConfig", {}).get("VpcId")


def test_a_vpc_config_given_up_lets_the_interfaces_linger(here: Any, sandbox: world.World) -> None:
    here.function(CODE)
    sandbox.profile = sandbox.profile.__class__(name="lingering", function_interface=600)
    cleared: dict[str, list[str]] = {"SubnetIds": [], "SecurityGroupIds": []}
    here.functions.update_function_configuration(FunctionName="probe", VpcConfig=cleared)
    [eni] = here.ec2.describe_network_interfaces(Filters=[{"Name": "group-id", "Values": [here.function_group]}])[
        "NetworkInterfaces"
    ]
    assert eni["Status"] == "in-use"
    sandbox.clock.advance(300)
    found = here.ec2.describe_network_interfaces(NetworkInterfaceIds=[eni["NetworkInterfaceId"]])
    assert found["NetworkInterfaces"][0]["Status"] == "available"
    sandbox.clock.advance(300)
    by_group = [{"Name": "group-id", "Values": [here.function_group]}]
    assert here.ec2.describe_network_interfaces(Filters=by_group)["NetworkInterfaces"] == []


def test_versions_and_aliases_name_what_is_run(here: Any, refused: Any) -> None:
    here.function(CODE, Publish=True)
    functions = here.functions
    functions.update_function_code(FunctionName="probe", ZipFile=whole.zipped(CODE.replace("return [", "return [0, ")))
    second = functions.publish_version(FunctionName="probe")
    assert (second["Version"], second["FunctionArn"].rpartition(":")[2], second["State"]) == ("2", "2", "Active")
    versions = functions.list_versions_by_function(FunctionName="probe")["Versions"]
    assert [one["Version"] for one in versions] == ["$LATEST", "1", "2"]
    alias = functions.create_alias(FunctionName="probe", Name="live", FunctionVersion="1")
    assert alias["AliasArn"].endswith(":function:probe:live")
    refused("ResourceConflictException", functions.create_alias, FunctionName="probe", Name="live", FunctionVersion="1")
    refused("ResourceNotFoundException", functions.create_alias, FunctionName="probe", Name="new", FunctionVersion="9")

    def run(qualifier: str) -> Any:
        answer = functions.invoke(FunctionName="probe", Qualifier=qualifier)
        return answer["ExecutedVersion"], json.loads(answer["Payload"].read())

    executed, value = run("live")
    assert (executed, value[0]) == ("1", "1")
    assert value[1].endswith(":function:probe:live")
    executed, value = run("2")
    assert (executed, value[:2]) == ("2", [0, "2"])
    executed, value = run("$LATEST")
    assert (executed, value[:2]) == ("$LATEST", [0, "$LATEST"])
    functions.update_alias(FunctionName="probe", Name="live", FunctionVersion="2")
    assert run("live")[0] == "2"
    refused("ResourceNotFoundException", functions.invoke, FunctionName="probe", Qualifier="gone")
    functions.delete_alias(FunctionName="probe", Name="live")
    assert functions.list_aliases(FunctionName="probe")["Aliases"] == []
    functions.delete_function(FunctionName="probe", Qualifier="1")
    versions = functions.list_versions_by_function(FunctionName="probe")["Versions"]
    assert [one["Version"] for one in versions] == ["$LATEST", "2"]


def test_a_function_is_told_with_code_tags_and_concurrency(here: Any) -> None:
    here.function(CODE, Tags={"a": "1"})
    functions = here.functions
    found = functions.get_function(FunctionName="probe")
    assert found["Code"]["RepositoryType"] == "S3"
    assert found["Code"]["Location"].startswith("https://awslambda-us-east-1-tasks.s3.us-east-1.amazonaws.com/")
    assert found["Tags"] == {"a": "1"}
    assert "Concurrency" not in found
    functions.put_function_concurrency(FunctionName="probe", ReservedConcurrentExecutions=3)
    assert functions.get_function(FunctionName="probe")["Concurrency"] == {"ReservedConcurrentExecutions": 3}
    assert functions.get_function_concurrency(FunctionName="probe")["ReservedConcurrentExecutions"] == 3
    functions.delete_function_concurrency(FunctionName="probe")
    assert "Concurrency" not in functions.get_function(FunctionName="probe")
    arn = found["Configuration"]["FunctionArn"]
    functions.tag_resource(Resource=arn, Tags={"b": "2"})
    functions.untag_resource(Resource=arn, TagKeys=["a"])
    assert functions.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    config = found["Configuration"]
    assert config["State"] == "Active"
    assert config["LastUpdateStatus"] == "Successful"
    assert config["PackageType"] == "Zip"
    assert config["Architectures"] == ["x86_64"]
    assert config["TracingConfig"] == {"Mode": "PassThrough"}
    assert config["EphemeralStorage"] == {"Size": 512}
    assert config["RevisionId"]
    assert config["LoggingConfig"]["LogGroup"] == "/aws/lambda/probe"


def test_permission_to_invoke_is_given_told_and_taken_back(here: Any, refused: Any) -> None:
    here.function(CODE)
    functions = here.functions
    refused("ResourceNotFoundException", functions.get_policy, FunctionName="probe")
    statement = {
        "FunctionName": "probe",
        "StatementId": "s",
        "Action": "lambda:InvokeFunction",
        "Principal": "111111111111",
    }
    functions.add_permission(**statement)
    refused("ResourceConflictException", functions.add_permission, **statement)
    [told] = json.loads(functions.get_policy(FunctionName="probe")["Policy"])["Statement"]
    assert told["Sid"] == "s"
    assert told["Effect"] == "Allow"
    assert told["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
    functions.remove_permission(FunctionName="probe", StatementId="s")
    refused("ResourceNotFoundException", functions.remove_permission, FunctionName="probe", StatementId="s")
    refused("ResourceNotFoundException", functions.get_policy, FunctionName="probe")


def test_one_change_at_a_time_and_no_invocation_before_it_is_active(
    here: Any, sandbox: world.World, refused: Any
) -> None:
    sandbox.profile = sandbox.profile.__class__(name="slow", function=60)
    here.function(CODE)
    found = configuration(here)
    assert (found["State"], found["StateReasonCode"]) == ("Pending", "Creating")
    message = refused("ResourceConflictException", here.functions.invoke, FunctionName="probe")
    assert "Pending" in message
    sandbox.clock.advance(60)
    assert "StateReasonCode" not in configuration(here)
    update = here.functions.update_function_configuration
    update(FunctionName="probe", Timeout=7)
    assert configuration(here)["LastUpdateStatus"] == "InProgress"
    message = refused("ResourceConflictException", update, FunctionName="probe", Timeout=8)
    assert "An update is in progress for resource" in message
    sandbox.clock.advance(60)
    assert configuration(here)["LastUpdateStatus"] == "Successful"


def test_a_change_that_finds_no_interface_fails_and_says_why(here: Any, sandbox: world.World) -> None:
    here.function(CODE, vpc=False)
    sandbox.quotas = {"lambda-interfaces-per-vpc": 0}
    here.functions.update_function_configuration(
        FunctionName="probe", VpcConfig={"SubnetIds": here.subnets, "SecurityGroupIds": [here.function_group]}
    )
    found = configuration(here)
    assert (found["LastUpdateStatus"], found["LastUpdateStatusReasonCode"]) == ("Failed", "EniLimitExceeded")


# ------------------------------------------------------------------------------------------ roles


def test_a_role_goes_only_when_nothing_holds_it(consumer: Side, refused: Any) -> None:
    iam = consumer.client("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(whole.TRUST))
    policy = iam.create_policy(PolicyName="p", PolicyDocument=json.dumps(whole.RIGHTS))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="r", PolicyArn=policy)
    iam.put_role_policy(RoleName="r", PolicyName="inline", PolicyDocument=json.dumps(whole.RIGHTS))
    iam.create_instance_profile(InstanceProfileName="i")
    iam.add_role_to_instance_profile(InstanceProfileName="i", RoleName="r")
    refused("LimitExceeded", iam.add_role_to_instance_profile, InstanceProfileName="i", RoleName="r")
    [profile] = iam.list_instance_profiles_for_role(RoleName="r")["InstanceProfiles"]
    assert profile["InstanceProfileName"] == "i"
    message = refused("DeleteConflict", iam.delete_role, RoleName="r")
    assert message == "Cannot delete entity, must remove roles from instance profile first."
    refused("DeleteConflict", iam.delete_instance_profile, InstanceProfileName="i")
    iam.remove_role_from_instance_profile(InstanceProfileName="i", RoleName="r")
    refused("NoSuchEntity", iam.remove_role_from_instance_profile, InstanceProfileName="i", RoleName="r")
    iam.delete_instance_profile(InstanceProfileName="i")
    message = refused("DeleteConflict", iam.delete_role, RoleName="r")
    assert message == "Cannot delete entity, must detach all policies first."
    refused("DeleteConflict", iam.delete_policy, PolicyArn=policy)
    iam.detach_role_policy(RoleName="r", PolicyArn=policy)
    refused("NoSuchEntity", iam.detach_role_policy, RoleName="r", PolicyArn=policy)
    message = refused("DeleteConflict", iam.delete_role, RoleName="r")
    assert message == "Cannot delete entity, must delete policies first."
    iam.delete_role_policy(RoleName="r", PolicyName="inline")
    refused("NoSuchEntity", iam.delete_role_policy, RoleName="r", PolicyName="inline")
    iam.delete_role(RoleName="r")
    message = refused("NoSuchEntity", iam.delete_role, RoleName="r")
    assert message == "The role with name r cannot be found."
    iam.delete_policy(PolicyArn=policy)


def test_a_permissions_boundary_is_kept_told_and_taken_away(consumer: Side, refused: Any) -> None:
    iam = consumer.client("iam")
    policy = iam.create_policy(PolicyName="p", PolicyDocument=json.dumps(whole.RIGHTS))["Policy"]["Arn"]
    trust = json.dumps(whole.TRUST)
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust, PermissionsBoundary=policy)["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy
    assert iam.get_role(RoleName="r")["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy
    iam.delete_role_permissions_boundary(RoleName="r")
    assert "PermissionsBoundary" not in iam.get_role(RoleName="r")["Role"]
    refused("NoSuchEntity", iam.delete_role_permissions_boundary, RoleName="r")
    gone = {"RoleName": "r", "PermissionsBoundary": f"{policy}x"}
    refused("NoSuchEntity", iam.put_role_permissions_boundary, **gone)
    iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=policy)
    assert iam.get_role(RoleName="r")["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy
    # A boundary is used by its role as an attached policy is.
    refused("DeleteConflict", iam.delete_policy, PolicyArn=policy)


@pytest.mark.parametrize(
    "document",
    ["", "{", "[]", '{"Version":"2012-10-17"}', '{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps"}]}'],
)
def test_policies_that_are_none_are_malformed(consumer: Side, refused: Any, document: str) -> None:
    iam = consumer.client("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(whole.TRUST))
    document = document or "nothing"
    refused("MalformedPolicyDocument", iam.create_role, RoleName="s", AssumeRolePolicyDocument=document)
    refused("MalformedPolicyDocument", iam.put_role_policy, RoleName="r", PolicyName="p", PolicyDocument=document)
    refused("MalformedPolicyDocument", iam.create_policy, PolicyName="p", PolicyDocument=document)
    refused("MalformedPolicyDocument", iam.update_assume_role_policy, RoleName="r", PolicyDocument=document)


# ------------------------------------------------------------------------------------------- logs

SAYS = "def handler(event, context): print(event.get('say', 'nothing')); return 1"


def lines(here: Any, **more: Any) -> list[str]:
    """The messages in the function's log group, Lambda's own left out."""
    found = here.logs.filter_log_events(logGroupName="/aws/lambda/probe", **more)["events"]
    return [one["message"].strip() for one in found if not one["message"].startswith(("START", "END", "REPORT"))]


@pytest.fixture
def logging(here: Any, sandbox: world.World) -> Any:
    """A function in a world where its lines take ten seconds."""
    here.function(SAYS, vpc=False)
    here.logs.create_log_group(logGroupName="/aws/lambda/probe")
    sandbox.profile = sandbox.profile.__class__(name="late", logs=10)
    return here


def test_what_a_function_logs_arrives_a_little_later(logging: Any, sandbox: world.World) -> None:
    begun = int(sandbox.clock.now() * 1000)
    logging.invoke({"say": "one"})
    assert lines(logging) == []
    sandbox.clock.advance(5)
    logging.invoke({"say": "two"})
    sandbox.clock.advance(5)
    assert lines(logging) == ["one"]
    sandbox.clock.advance(5)
    assert lines(logging) == ["one", "two"]
    [event] = logging.logs.filter_log_events(logGroupName="/aws/lambda/probe", filterPattern="two")["events"]
    assert event["timestamp"] == begun + 5000
    assert lines(logging, startTime=begun + 5000) == ["two"]
    streams = logging.logs.describe_log_streams(logGroupName="/aws/lambda/probe")["logStreams"]
    assert len(streams) == 2
    stream = {"logGroupName": "/aws/lambda/probe", "logStreamName": event["logStreamName"], "startFromHead": True}
    assert "two\n" in [one["message"] for one in logging.logs.get_log_events(**stream)["events"]]


def test_a_late_line_brings_a_deleted_log_group_back_when_the_role_may_make_it(
    logging: Any, sandbox: world.World
) -> None:
    more = {**whole.RIGHTS["Statement"][0], "Action": ["logs:CreateLogGroup"]}
    logging.iam.put_role_policy(
        RoleName="probe", PolicyName="more", PolicyDocument=json.dumps({**whole.RIGHTS, "Statement": [more]})
    )
    logging.invoke({"say": "late"})
    logging.functions.delete_function(FunctionName="probe")
    logging.logs.delete_log_group(logGroupName="/aws/lambda/probe")
    assert logging.logs.describe_log_groups()["logGroups"] == []
    sandbox.clock.advance(10)
    assert [one["logGroupName"] for one in logging.logs.describe_log_groups()["logGroups"]] == ["/aws/lambda/probe"]
    assert lines(logging) == ["late"]


@pytest.mark.parametrize("role_too", [False, True])
def test_a_late_line_is_lost_without_group_and_right_or_without_role(
    logging: Any, sandbox: world.World, role_too: bool
) -> None:
    logging.invoke({"say": "late"})
    if role_too:
        logging.iam.delete_role_policy(RoleName="probe", PolicyName="rights")
        logging.iam.delete_role(RoleName="probe")
    else:
        logging.logs.delete_log_group(logGroupName="/aws/lambda/probe")
    sandbox.clock.advance(10)
    groups = logging.logs.describe_log_groups()["logGroups"]
    assert len(groups) == (1 if role_too else 0)
    for group in groups:
        assert logging.logs.describe_log_streams(logGroupName=group["logGroupName"])["logStreams"] == []
