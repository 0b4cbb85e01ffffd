"""Roles, log groups, functions and certificates: sections 1.5, 2.6, 3.4 and 3.6."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from builds import ECHO, VPC_ACCESS, allow, function, function_state, group, invoke, network, role, trust, zipped
from facts import fact
from own_papers import certificate

NOT_ASSUMABLE = "The role defined for the function cannot be assumed by Lambda."


# --------------------------------------------------------------------------------------------- roles


@fact("role.duplicate", "role.malformed-trust", "role.tags-at-creation", "role.attach-twice", "role.attach-unknown")
@fact("role.detach-absent", "role.delete-conflict", "role.delete-gone")
def test_roles(target: Any, consumer: Any, refused: Any) -> None:
    iam, name = consumer.iam, target.name("role")
    create = {"RoleName": name, "AssumeRolePolicyDocument": trust()}
    refused("MalformedPolicyDocument", iam.create_role, **create | {"AssumeRolePolicyDocument": "{}"})
    iam.create_role(**create, Tags=[{"Key": "proof", "Value": "v"}])
    assert {"Key": "proof", "Value": "v"} in iam.get_role(RoleName=name)["Role"]["Tags"]
    assert refused("EntityAlreadyExists", iam.create_role, **create) == f"Role with name {name} already exists."
    attached = {"RoleName": name, "PolicyArn": VPC_ACCESS}
    refused("NoSuchEntity", iam.attach_role_policy, **attached | {"RoleName": f"{name}-absent"})
    for _ in range(2):
        iam.attach_role_policy(**attached)
    assert len(iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]) == 1
    with pytest.raises(iam.exceptions.DeleteConflictException) as caught:
        iam.delete_role(RoleName=name)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert caught.value.response["Error"]["Message"] == "Cannot delete entity, must detach all policies first."
    iam.detach_role_policy(**attached)
    refused("NoSuchEntity", iam.detach_role_policy, **attached)
    inline = {"RoleName": name, "PolicyName": "own"}
    iam.put_role_policy(**inline, PolicyDocument=allow("ec2:DescribeVpcs"))
    refused("DeleteConflict", iam.delete_role, RoleName=name)
    iam.delete_role_policy(**inline)
    refused("NoSuchEntity", iam.delete_role_policy, **inline)
    iam.delete_role(RoleName=name)
    refused("NoSuchEntity", iam.delete_role, RoleName=name)


@fact("role.delete-in-profile")
def test_a_role_in_an_instance_profile_stays(target: Any, consumer: Any, refused: Any) -> None:
    iam, name = consumer.iam, target.name("profiled")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust())
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    refused("DeleteConflict", iam.delete_role, RoleName=name)
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    iam.delete_instance_profile(InstanceProfileName=name)
    iam.delete_role(RoleName=name)


# ---------------------------------------------------------------------------------------- log groups


@fact("loggroup.duplicate", "loggroup.tags-at-creation", "loggroup.retention-idempotent", "loggroup.retention-absent")
@fact("loggroup.delete-gone")
def test_log_groups(target: Any, consumer: Any, refused: Any) -> None:
    logs, name = consumer.logs, target.name("group")
    retention = {"logGroupName": name, "retentionInDays": 7}
    refused("ResourceNotFoundException", logs.put_retention_policy, **retention)
    logs.create_log_group(logGroupName=name, tags={"proof": "v"})
    message = refused("ResourceAlreadyExistsException", logs.create_log_group, logGroupName=name)
    assert message == "The specified log group already exists"
    for _ in range(2):
        logs.put_retention_policy(**retention)
    [found] = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert found["retentionInDays"] == 7
    assert logs.list_tags_for_resource(resourceArn=found["arn"].removesuffix(":*"))["tags"]["proof"] == "v"
    logs.delete_log_group(logGroupName=name)
    refused("ResourceNotFoundException", logs.delete_log_group, logGroupName=name)


@fact("loggroup.reborn", "loggroup.not-reborn")
@pytest.mark.parametrize("may", [True, False])
def test_a_late_line_and_the_log_group(target: Any, consumer: Any, may: bool) -> None:
    target.delays(logs=5)
    logs = consumer.logs
    made = role(target, consumer, attach=None)
    rights = ["logs:CreateLogStream", "logs:PutLogEvents", *(["logs:CreateLogGroup"] if may else [])]
    consumer.iam.put_role_policy(RoleName="role", PolicyName="logs", PolicyDocument=allow(*rights))
    function(target, consumer, made)
    name = "/aws/lambda/probe"
    logs.create_log_group(logGroupName=name)
    target.pass_by(60)
    invoke(target, consumer, {})
    consumer.functions.delete_function(FunctionName="probe")
    logs.delete_log_group(logGroupName=name)
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []
    target.pass_by(10)
    assert len(logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]) == int(may)


# ----------------------------------------------------------------------------------------- functions


@fact("order.role-before-function", "lambda.role-cannot-be-assumed", "lambda.role-without-rights")
def test_what_lambda_says_to_a_role(target: Any, consumer: Any, refused: Any) -> None:
    here, code = network(consumer, target.zones[0]), "InvalidParameterValueException"
    config = {"SubnetIds": here.subnets, "SecurityGroupIds": [group(consumer, here.vpc, "f")]}
    asked = {
        "FunctionName": target.name("probe"),
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Code": {"ZipFile": zipped(ECHO)},
    }
    create = consumer.functions.create_function
    strange = role(target, consumer, "strange", AssumeRolePolicyDocument=trust("ec2.amazonaws.com"))
    bare = role(target, consumer, "bare", attach=None)
    absent = strange.replace(target.name("strange"), target.name("absent"))
    assert refused(code, create, **asked, Role=absent) == NOT_ASSUMABLE
    if not target.real:  # there it may be fast enough
        assert refused(code, create, **asked, Role=bare) == NOT_ASSUMABLE
    target.pass_by(30)
    assert refused(code, create, **asked, Role=strange) == NOT_ASSUMABLE
    message = refused(code, create, **asked, Role=bare, VpcConfig=config)
    assert message == "The provided execution role does not have permissions to call CreateNetworkInterface on EC2"
    consumer.iam.attach_role_policy(RoleName=target.name("bare"), PolicyArn=VPC_ACCESS)
    made = function(target, consumer, bare, wait=False, VpcConfig=config)
    assert made["State"] == "Pending"


@fact("function.duplicate", "function.pending", "function.invoke-pending", "interface.function")
@fact("function.interfaces-shared", "function.interface-goes-with-last", "function.interfaces-outlive")
@fact("function.interfaces-block-subnet", "function.delete-gone", "function.gone-at-once")
def test_functions_and_their_interfaces(target: Any, consumer: Any, refused: Any) -> None:
    ec2, functions, here = consumer.ec2, consumer.functions, network(consumer, target.zones[0])
    door = group(consumer, here.vpc, "f")
    config = {"SubnetIds": here.subnets, "SecurityGroupIds": [door]}
    name, made = target.name("probe"), role(target, consumer)
    told = function(target, consumer, made, wait=False, VpcConfig=config)
    assert (told["State"], told["StateReasonCode"]) == ("Pending", "Creating")
    assert refused("ResourceConflictException", functions.invoke, FunctionName=name) == (
        "The operation cannot be performed at this time. The function is currently in the following state: Pending"
    )
    assert target.until(lambda: function_state(consumer, name) == "Active")
    again = {"FunctionName": name, "Runtime": "python3.12", "Handler": "index.handler", "Role": made}
    with pytest.raises(functions.exceptions.ResourceConflictException) as caught:
        functions.create_function(**again, Code={"ZipFile": zipped(ECHO)})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert caught.value.response["Error"]["Message"].startswith("Function already exist")
    function(target, consumer, made, name="other", VpcConfig=config)
    by_group = [{"Name": "group-id", "Values": [door]}]

    def interfaces() -> Any:
        return ec2.describe_network_interfaces(Filters=by_group)["NetworkInterfaces"]

    [eni] = interfaces()
    assert (eni["InterfaceType"], eni["RequesterManaged"]) == ("lambda", True)
    assert eni["Description"].startswith(f"AWS Lambda VPC ENI-{name}-")
    assert eni["SubnetId"] == here.subnets[0]
    functions.delete_function(FunctionName=name)
    refused("ResourceNotFoundException", functions.get_function, FunctionName=name)
    refused("ResourceNotFoundException", functions.delete_function, FunctionName=name)
    target.pass_by(3600 if not target.real else 1)
    assert [one["Status"] for one in interfaces()] == ["in-use"]
    functions.delete_function(FunctionName=target.name("other"))
    assert len(interfaces()) == 1
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=here.subnets[0])
    refused("DependencyViolation", ec2.delete_security_group, GroupId=door)
    assert target.until(lambda: not interfaces(), 2700)
    ec2.delete_security_group(GroupId=door)
    ec2.delete_subnet(SubnetId=here.subnets[0])


@fact("function.interface-detached-can-be-deleted", "function.interface-type-flips", "function.role-strands-interfaces")
def test_a_stranded_interface(target: Any, consumer: Any, refused: Any) -> None:
    ec2, here = consumer.ec2, network(consumer, target.zones[0])
    door = group(consumer, here.vpc, "f")
    function(
        target, consumer, role(target, consumer), VpcConfig={"SubnetIds": here.subnets, "SecurityGroupIds": [door]}
    )
    by_group = [{"Name": "group-id", "Values": [door]}]

    def interfaces() -> Any:
        return ec2.describe_network_interfaces(Filters=by_group)["NetworkInterfaces"]

    consumer.functions.delete_function(FunctionName="probe")
    consumer.iam.detach_role_policy(RoleName="role", PolicyArn=VPC_ACCESS)
    consumer.iam.delete_role(RoleName="role")
    [eni] = interfaces()
    name = eni["NetworkInterfaceId"]
    refused("InvalidParameterValue", ec2.delete_network_interface, NetworkInterfaceId=name)
    target.pass_by(24 * 3600)
    [stranded] = interfaces()
    assert (stranded["InterfaceType"], stranded["Status"]) == ("interface", "available")
    assert stranded["Description"].startswith("AWS Lambda VPC ENI-probe-")
    refused("DependencyViolation", ec2.delete_security_group, GroupId=door)
    ec2.delete_network_interface(NetworkInterfaceId=name)
    ec2.delete_security_group(GroupId=door)


@fact(
    "function.update-in-progress", "function.update-conflict", "function.group-freed-by-update", "function.vpc-cleared"
)
def test_updates(target: Any, consumer: Any, refused: Any) -> None:
    ec2, functions, here = consumer.ec2, consumer.functions, network(consumer, target.zones[0])
    old, new = group(consumer, here.vpc, "old"), group(consumer, here.vpc, "new")
    made = function(
        target, consumer, role(target, consumer), VpcConfig={"SubnetIds": here.subnets, "SecurityGroupIds": [old]}
    )
    name = made["FunctionName"]

    def updated() -> bool:
        told = functions.get_function_configuration(FunctionName=name)
        return bool(told["LastUpdateStatus"] == "Successful")

    moved = {"SubnetIds": here.subnets, "SecurityGroupIds": [new]}
    change = functions.update_function_configuration
    assert target.until(updated)
    assert change(FunctionName=name, VpcConfig=moved)["LastUpdateStatus"] == "InProgress"
    message = refused("ResourceConflictException", change, FunctionName=name, Timeout=9)
    assert message.endswith(f"An update is in progress for resource: {made['FunctionArn']}")
    assert target.until(updated)

    def freed(which: str) -> bool:
        try:
            ec2.delete_security_group(GroupId=which)
        except ec2.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "DependencyViolation":
                raise
            return False
        return True

    assert not freed(old)
    assert target.until(lambda: freed(old), 2700)
    assert not freed(new)
    change(FunctionName=name, VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
    assert target.until(updated)
    assert not functions.get_function_configuration(FunctionName=name).get("VpcConfig", {}).get("SubnetIds")
    assert target.until(lambda: freed(new), 2700)


@fact("function.error-is-200", "function.log-tail", "dryrun.lambda")
def test_invocations(target: Any, consumer: Any) -> None:
    code = """
        def handler(event, context):
            print("a line of the handler")
            raise ValueError("wrong")
    """
    made = function(target, consumer, role(target, consumer), code=code)
    call = consumer.functions.invoke
    answer = call(FunctionName=made["FunctionName"], LogType="Tail")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    told = json.loads(answer["Payload"].read())
    assert (told["errorType"], told["errorMessage"]) == ("ValueError", "wrong")
    assert "a line of the handler" in base64.b64decode(answer["LogResult"]).decode()
    assert "LogResult" not in call(FunctionName=made["FunctionName"])
    dry = call(FunctionName=made["FunctionName"], InvocationType="DryRun")
    assert (dry["StatusCode"], dry.get("FunctionError")) == (204, None)


# -------------------------------------------------------------------------------------- certificates


@fact("certificate.import-again", "certificate.tags-first-import", "certificate.issued", "certificate.delete-gone")
@fact("certificate.bad-key", "certificate.not-renewable", "certificate.regional")
def test_imported_certificates(target: Any, provider: Any, refused: Any) -> None:
    acm = provider.acm
    body, key = certificate("api.example.com")
    other_body, other_key = certificate("api.example.com")
    tags = [{"Key": "proof", "Value": "v"}]
    wrong = {"Certificate": body, "PrivateKey": other_key}
    refused("ValidationException InvalidParameterException", acm.import_certificate, **wrong)
    first = acm.import_certificate(Certificate=body, PrivateKey=key, Tags=tags)["CertificateArn"]
    second = acm.import_certificate(Certificate=body, PrivateKey=key)["CertificateArn"]
    assert first != second
    again = {"CertificateArn": first, "Certificate": other_body, "PrivateKey": other_key}
    refused("ValidationException InvalidParameterException", acm.import_certificate, **again, Tags=tags)
    assert acm.import_certificate(**again)["CertificateArn"] == first
    told = acm.describe_certificate(CertificateArn=first)["Certificate"]
    assert (told["Status"], told["Type"]) == ("ISSUED", "IMPORTED")
    assert told["RenewalEligibility"] == "INELIGIBLE"
    assert acm.get_certificate(CertificateArn=first)["Certificate"].strip() == other_body.decode().strip()
    assert {"Key": "proof", "Value": "v"} in acm.list_tags_for_certificate(CertificateArn=first)["Tags"]
    away = provider.client("acm", "us-west-2" if target.region != "us-west-2" else "us-east-1")
    refused("ResourceNotFoundException ValidationException", away.describe_certificate, CertificateArn=first)
    acm.delete_certificate(CertificateArn=first)
    refused("ResourceNotFoundException", acm.delete_certificate, CertificateArn=first)
