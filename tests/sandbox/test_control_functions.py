"""Functions without running them: roles, states, interfaces that outlive; and the log groups beside them."""

from __future__ import annotations

import io
import json
import zipfile
from types import SimpleNamespace
from typing import Any

import pytest

from plinkctl.sandbox import world

VPC_ACCESS = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
NOT_ASSUMABLE = "The role defined for the function cannot be assumed by Lambda."


def _trust(service: str = "lambda.amazonaws.com") -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _allow(*actions: str) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


@pytest.fixture
def here(consumer: Any, place: Any) -> Any:
    made = place()
    iam, functions = consumer.client("iam"), consumer.client("lambda")
    group = made.ec2.create_security_group(GroupName="probe", Description="d", VpcId=made.vpc)["GroupId"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("probe.py", "def handler(event, context): return event")

    def role(*, trust: str | None = None, attach: str | None = VPC_ACCESS) -> Any:
        created = iam.create_role(RoleName="probe", AssumeRolePolicyDocument=trust or _trust())["Role"]
        if attach:
            iam.attach_role_policy(RoleName="probe", PolicyArn=attach)
        return created["Arn"]

    def create(role_arn: str, name: str = "probe", **more: Any) -> Any:
        network = {"SubnetIds": made.subnets, "SecurityGroupIds": [group]}
        asked = {"Runtime": "python3.12", "Handler": "probe.handler", "Code": {"ZipFile": packed.getvalue()}}
        return functions.create_function(
            **{"FunctionName": name, "Role": role_arn, "VpcConfig": network, **asked, **more}
        )

    def enis() -> Any:
        mine = [{"Name": "description", "Values": ["AWS Lambda VPC ENI-*"]}]
        return made.ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"]

    def state(name: str = "probe") -> Any:
        return functions.get_function(FunctionName=name)["Configuration"]["State"]

    return SimpleNamespace(
        **vars(made), iam=iam, functions=functions, group=group, role=role, create=create, enis=enis, state_of=state
    )


def test_a_function_is_pending_then_active_and_refuses_work_until_then(
    sandbox: world.World, here: Any, refused: Any
) -> None:
    role = here.role()
    sandbox.profile = world.REAL
    sandbox.clock.advance(sandbox.profile.role)
    made = here.create(role)
    assert (made["State"], made["StateReasonCode"]) == ("Pending", "Creating")
    assert made["VpcConfig"]["VpcId"] == here.vpc
    busy = "The operation cannot be performed at this time. The function is currently in the following state: Pending"
    for call, more in [
        (here.functions.invoke, {}),
        (here.functions.delete_function, {}),
        (here.functions.update_function_configuration, {"Timeout": 9}),
    ]:
        assert refused("ResourceConflictException", call, FunctionName="probe", **more) == busy
    sandbox.clock.advance(sandbox.profile.function)
    assert here.state_of() == "Active"


def test_a_change_is_in_progress_for_a_while_and_admits_no_other(sandbox: world.World, here: Any, refused: Any) -> None:
    here.create(here.role())
    sandbox.profile = world.REAL
    change = here.functions.update_function_configuration
    settings = {"Environment": {"Variables": {"URL": "http://x"}}, "LoggingConfig": {"LogGroup": "/mine"}}
    made = change(FunctionName="probe", **settings)
    assert (made["State"], made["LastUpdateStatus"]) == ("Active", "InProgress")
    message = refused("ResourceConflictException", change, FunctionName="probe", Timeout=9)
    assert message.endswith(f"An update is in progress for resource: {made['FunctionArn']}")
    sandbox.clock.advance(sandbox.profile.function)
    found = here.functions.get_function_configuration(FunctionName="probe")
    assert found["LastUpdateStatus"] == "Successful"
    assert found["Environment"]["Variables"] == {"URL": "http://x"}
    assert found["LoggingConfig"]["LogGroup"] == "/mine"


def test_a_role_must_exist_trust_lambda_and_be_old_enough(sandbox: world.World, here: Any, refused: Any) -> None:
    code = "InvalidParameterValueException"
    absent = "arn:aws:iam::222222222222:role/absent"
    assert refused(code, here.create, role_arn=absent) == NOT_ASSUMABLE
    role = here.role(trust=_trust("ec2.amazonaws.com"))
    assert refused(code, here.create, role_arn=role) == NOT_ASSUMABLE
    here.iam.update_assume_role_policy(RoleName="probe", PolicyDocument=_trust())
    sandbox.profile = world.REAL
    assert refused(code, here.create, role_arn=role) == NOT_ASSUMABLE
    sandbox.clock.advance(sandbox.profile.role)
    assert here.create(role)["State"] == "Pending"


def test_a_role_needs_the_interface_rights_and_they_take_a_moment_too(
    sandbox: world.World, here: Any, refused: Any
) -> None:
    code = "InvalidParameterValueException"
    text = "The provided execution role does not have permissions to call {} on EC2"
    role = here.role(attach=None)
    assert refused(code, here.create, role_arn=role) == text.format("CreateNetworkInterface")
    put = {"RoleName": "probe", "PolicyName": "p"}
    here.iam.put_role_policy(**put, PolicyDocument=_allow("ec2:CreateNetworkInterface"))
    assert refused(code, here.create, role_arn=role) == text.format("DescribeNetworkInterfaces")
    sandbox.profile = world.REAL
    sandbox.clock.advance(sandbox.profile.role)
    here.iam.put_role_policy(**put, PolicyDocument=_allow("ec2:*NetworkInterface*"))
    sandbox.clock.advance(sandbox.profile.role - 1)
    assert refused(code, here.create, role_arn=role) == text.format("CreateNetworkInterface")
    sandbox.clock.advance(1)
    here.iam.put_role_policy(**put, PolicyDocument=_allow("ec2:*NetworkInterface*"))
    assert here.create(role)["State"] == "Pending"


def test_a_function_outside_every_vpc_needs_no_interface_rights(here: Any) -> None:
    made = here.create(here.role(attach=None), VpcConfig={})
    assert made["State"] == "Active"
    assert here.enis() == []


def test_subnets_and_groups_that_do_not_exist_are_named_as_ec2_names_them(here: Any, refused: Any) -> None:
    role, code = here.role(), "InvalidParameterValueException"
    lost = {"SubnetIds": ["subnet-00000000000000000"], "SecurityGroupIds": [here.group]}
    assert refused(code, here.create, role_arn=role, VpcConfig=lost) == (
        "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: "
        "The subnet ID 'subnet-00000000000000000' does not exist"
    )
    lost = {"SubnetIds": here.subnets, "SecurityGroupIds": ["sg-00000000000000000"]}
    assert "InvalidGroup.NotFound" in refused(code, here.create, role_arn=role, VpcConfig=lost)
    refused(code, here.create, role_arn=role, VpcConfig={"SubnetIds": here.subnets, "SecurityGroupIds": []})
    refused(code, here.create, role_arn=role, Code={"ZipFile": b"not a zip"})
    assert here.functions.list_functions()["Functions"] == []
    assert here.enis() == []


def test_a_second_function_of_a_name_is_refused_and_tags_and_lists_work(here: Any, refused: Any) -> None:
    role = here.role()
    arn = here.create(role, Tags={"op": "1"})["FunctionArn"]
    assert refused("ResourceConflictException", here.create, role_arn=role) == "Function already exist: probe"
    here.functions.tag_resource(Resource=arn, Tags={"more": "2"})
    assert here.functions.list_tags(Resource=arn)["Tags"] == {"op": "1", "more": "2"}
    here.functions.untag_resource(Resource=arn, TagKeys=["more"])
    assert here.functions.get_function(FunctionName="probe")["Tags"] == {"op": "1"}
    [listed] = here.functions.list_functions()["Functions"]
    assert (listed["FunctionArn"], listed["Version"]) == (arn, "$LATEST")
    here.functions.delete_function(FunctionName="probe")
    for call in (here.functions.delete_function, here.functions.get_function):
        refused("ResourceNotFoundException", call, FunctionName="probe")


def test_functions_of_one_subnet_and_group_set_share_an_interface(sandbox: world.World, here: Any) -> None:
    role = here.role()
    here.create(role)
    here.create(role, name="other")
    [eni] = here.enis()
    assert eni["InterfaceType"] == "lambda"
    assert eni["Attachment"]["InstanceOwnerId"] == "amazon-aws"
    here.functions.delete_function(FunctionName="probe")
    assert len(here.enis()) == 1
    here.functions.delete_function(FunctionName="other")
    assert here.enis() == []


def test_the_interface_lingers_detaches_and_may_then_be_deleted_by_hand(
    sandbox: world.World, here: Any, refused: Any
) -> None:
    here.create(here.role())
    sandbox.profile = world.REAL
    here.functions.delete_function(FunctionName="probe")
    [eni] = here.enis()
    deletion = {"NetworkInterfaceId": eni["NetworkInterfaceId"]}
    refused("InvalidParameterValue", here.ec2.delete_network_interface, **deletion)
    refused("DependencyViolation", here.ec2.delete_security_group, GroupId=here.group)
    sandbox.clock.advance(300)
    [eni] = here.enis()
    assert (eni["Status"], eni["InterfaceType"]) == ("available", "interface")
    assert "Attachment" not in eni
    refused("DependencyViolation", here.ec2.delete_subnet, SubnetId=here.subnets[0])
    here.ec2.delete_network_interface(**deletion)
    refused("InvalidNetworkInterfaceID.NotFound", here.ec2.delete_network_interface, **deletion)
    here.ec2.delete_subnet(SubnetId=here.subnets[0])
    here.ec2.delete_security_group(GroupId=here.group)


def test_left_alone_the_interface_goes_by_itself(sandbox: world.World, here: Any) -> None:
    here.create(here.role())
    sandbox.profile = world.REAL
    here.functions.delete_function(FunctionName="probe")
    sandbox.clock.advance(599)
    assert len(here.enis()) == 1
    sandbox.clock.advance(1)
    assert here.enis() == []


@pytest.mark.parametrize("first", ["role", "function"])
def test_without_its_role_lambda_leaves_the_interface_behind(sandbox: world.World, here: Any, first: str) -> None:
    here.create(here.role())
    sandbox.profile = world.REAL
    here.iam.detach_role_policy(RoleName="probe", PolicyArn=VPC_ACCESS)
    if first == "role":
        here.iam.delete_role(RoleName="probe")
    here.functions.delete_function(FunctionName="probe")
    if first == "function":
        here.iam.delete_role(RoleName="probe")
    sandbox.clock.advance(86_400)
    [eni] = here.enis()
    assert eni["Status"] == "available"
    here.ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"])


def test_once_the_interface_is_gone_the_role_may_go_too(sandbox: world.World, here: Any) -> None:
    here.create(here.role())
    sandbox.profile = world.REAL
    here.functions.delete_function(FunctionName="probe")
    sandbox.clock.advance(600)
    here.iam.detach_role_policy(RoleName="probe", PolicyArn=VPC_ACCESS)
    here.iam.delete_role(RoleName="probe")
    assert here.enis() == []


def test_a_function_made_again_takes_over_the_interface_still_there(sandbox: world.World, here: Any) -> None:
    role = here.role()
    here.create(role)
    sandbox.profile = world.REAL
    [eni] = here.enis()
    here.functions.delete_function(FunctionName="probe")
    sandbox.clock.advance(10)
    here.create(role)
    sandbox.clock.advance(3600)
    assert [one["NetworkInterfaceId"] for one in here.enis()] == [eni["NetworkInterfaceId"]]


def test_leaving_the_vpc_frees_group_and_subnet(sandbox: world.World, here: Any) -> None:
    here.create(here.role())
    nowhere: dict[str, list[str]] = {"SubnetIds": [], "SecurityGroupIds": []}
    made = here.functions.update_function_configuration(FunctionName="probe", VpcConfig=nowhere)
    assert not (made.get("VpcConfig") or {}).get("SubnetIds")
    assert here.enis() == []
    here.ec2.delete_security_group(GroupId=here.group)


def test_roles_are_found_by_path_without_tags_and_deleted_only_when_bare(here: Any, refused: Any) -> None:
    asked = {"RoleName": "r", "Path": "/plinkctl/demo/", "AssumeRolePolicyDocument": _trust()}
    arn = here.iam.create_role(**asked, Tags=[{"Key": "op", "Value": "1"}])["Role"]["Arn"]
    assert arn == "arn:aws:iam::222222222222:role/plinkctl/demo/r"
    assert refused("EntityAlreadyExists", here.iam.create_role, **asked) == "Role with name r already exists."
    [listed] = here.iam.list_roles(PathPrefix="/plinkctl/")["Roles"]
    assert listed["Arn"] == arn
    assert not listed.get("Tags")
    assert here.iam.list_role_tags(RoleName="r")["Tags"] == [{"Key": "op", "Value": "1"}]
    assert here.iam.get_role(RoleName="r")["Role"]["Tags"] == [{"Key": "op", "Value": "1"}]
    here.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=_allow("s3:Get*"))
    refused("DeleteConflict", here.iam.delete_role, RoleName="r")
    here.iam.delete_role_policy(RoleName="r", PolicyName="p")
    refused("NoSuchEntity", here.iam.delete_role_policy, RoleName="r", PolicyName="p")
    here.iam.delete_role(RoleName="r")
    for call in (here.iam.delete_role, here.iam.get_role):
        refused("NoSuchEntity", call, RoleName="r")


def test_a_log_group_is_made_once_and_its_tags_go_with_it(consumer: Any, refused: Any) -> None:
    logs = consumer.client("logs")
    create = {"logGroupName": "/plinkctl/demo", "tags": {"op": "1"}}
    logs.create_log_group(**create)
    text = "The specified log group already exists"
    assert refused("ResourceAlreadyExistsException", logs.create_log_group, **create) == text
    logs.put_retention_policy(logGroupName="/plinkctl/demo", retentionInDays=14)
    [group] = logs.describe_log_groups(logGroupNamePrefix="/plinkctl/")["logGroups"]
    assert group["retentionInDays"] == 14
    arn = group["logGroupArn"]
    logs.tag_resource(resourceArn=arn, tags={"more": "2"})
    logs.untag_resource(resourceArn=arn, tagKeys=["op"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"more": "2"}
    logs.delete_log_group(logGroupName="/plinkctl/demo")
    refused("ResourceNotFoundException", logs.delete_log_group, logGroupName="/plinkctl/demo")
    refused("ResourceNotFoundException", logs.list_tags_for_resource, resourceArn=arn)
    retention = {"logGroupName": "/plinkctl/demo", "retentionInDays": 14}
    refused("ResourceNotFoundException", logs.put_retention_policy, **retention)
    logs.create_log_group(logGroupName="/plinkctl/demo")
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {}
