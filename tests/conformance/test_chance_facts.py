"""What AWS does by chance, in some zones or to some callers only: provoked in the sandbox, met on AWS. Section 10."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from builds import VPC_ACCESS, accept, balancer, code, connect, function, group, network, offer, reject, role, settle
from facts import fact
from target import state_of

# ------------------------------------------------------------------------------------- what ends failed


@fact("state.failed")
@pytest.mark.parametrize("acceptance", [False, True])
def test_an_endpoint_that_cannot_be_made(target: Any, provider: Any, consumer: Any, acceptance: bool) -> None:
    made, here = offer(target, acceptance=acceptance), network(consumer, target.zones[0])
    target.pass_by(60)
    blamed = "ec2:AcceptVpcEndpointConnections" if acceptance else "ec2:CreateVpcEndpoint"
    words = {"code": "InsufficientFreeAddressesInSubnet", "message": "There are not enough free addresses."}
    target.fault(blamed, "failed", **words)
    made.endpoint_id = connect(target, consumer, made.name, here)["VpcEndpointId"]
    if acceptance:
        assert accept(target, made) == []
    assert state_of(consumer, made.endpoint_id) == "pending"
    settle(target, consumer, made.endpoint_id, "failed")
    [told] = consumer.ec2.describe_vpc_endpoints(VpcEndpointIds=[made.endpoint_id])["VpcEndpoints"]
    assert told["LastError"] == {"Code": words["code"], "Message": words["message"]}
    assert told["FailureReason"] == words["message"]
    assert (code(accept(target, made)), code(reject(target, made))) == ("InvalidState", "InvalidState")
    # It holds up nobody: the service can go, and so can the endpoint.
    delete = provider.ec2.delete_vpc_endpoint_service_configurations
    assert delete(ServiceIds=[made.id])["Unsuccessful"] == []
    assert consumer.ec2.delete_vpc_endpoints(VpcEndpointIds=[made.endpoint_id])["Unsuccessful"] == []
    settle(target, consumer, made.endpoint_id, "gone")


@fact("elb.address-taken")
def test_a_load_balancer_that_wants_an_address_somebody_has(target: Any, provider: Any, refused: Any) -> None:
    net = network(provider, target.zones[0])
    provider.ec2.create_network_interface(SubnetId=net.subnets[0], PrivateIpAddress="10.0.0.20")
    wish = [{"SubnetId": net.subnets[0], "PrivateIPv4Address": "10.0.0.20"}]
    asked = {"Name": target.name("front"), "Type": "network", "Scheme": "internal", "SubnetMappings": wish}
    made = provider.elb.create_load_balancer(**asked)["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    assert made["State"]["Code"] == "provisioning"

    def state() -> Any:
        return provider.elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]["State"]

    assert target.until(lambda: state()["Code"] == "failed")
    if not target.real:  # which words AWS has for it is not known
        assert state()["Reason"] == f"The address 10.0.0.20 is in use in {net.subnets[0]}"
    create = provider.ec2.create_vpc_endpoint_service_configuration
    refused("InvalidParameter", create, NetworkLoadBalancerArns=[arn])
    provider.elb.delete_load_balancer(LoadBalancerArn=arn)
    refused("LoadBalancerNotFound", provider.elb.describe_load_balancers, LoadBalancerArns=[arn])


# ---------------------------------------------------------------------------------------- some zones


@fact("zone.balancer-refused", "zone.lambda-refused")
def test_a_zone_without_load_balancers_and_functions(target: Any, provider: Any, consumer: Any, refused: Any) -> None:
    poor, good = target.zones[:2]
    net, here = network(provider, good, poor), network(consumer, poor)
    target.constrain(poor)
    asked = {"Name": "front", "Type": "network", "Scheme": "internal"}
    message = refused(
        "AvailabilityZoneNotSupported", provider.elb.create_load_balancer, Subnets=net.subnets[1:], **asked
    )
    assert message.startswith("The specified Availability Zone is not supported")
    front = balancer(target, provider, net.subnets[:1], "front", wait=False)
    both = {"LoadBalancerArn": front, "Subnets": net.subnets}
    refused("AvailabilityZoneNotSupported", provider.elb.set_subnets, **both)
    config = {"SubnetIds": here.subnets, "SecurityGroupIds": [group(consumer, here.vpc, "f")]}
    spec = {"Runtime": "python3.12", "Handler": "index.handler", "Code": {"ZipFile": b"-"}, "VpcConfig": config}
    made = role(target, consumer)
    target.pass_by(60)
    message = refused(
        "InvalidParameterValueException", consumer.functions.create_function, FunctionName="f", Role=made, **spec
    )
    assert poor in message


# --------------------------------------------------------------------------------- functions, too early


@fact("lambda.ec2-throttle")
def test_lambda_is_throttled_by_ec2(target: Any, consumer: Any, refused: Any) -> None:
    here, made = network(consumer, target.zones[0]), role(target, consumer)
    config = {"SubnetIds": here.subnets, "SecurityGroupIds": [group(consumer, here.vpc, "f")]}
    target.pass_by(60)
    target.delays(throttle=0.07)  # seven calls for interfaces at once, one of Lambda's
    nothing = {"NetworkInterfaceId": "eni-0123456789abcdef0"}
    for _ in range(7):
        refused("InvalidNetworkInterfaceID.NotFound", consumer.ec2.delete_network_interface, **nothing)
    refused("RequestLimitExceeded", consumer.ec2.delete_network_interface, **nothing)
    spec = {"Runtime": "python3.12", "Handler": "index.handler", "Code": {"ZipFile": b"-"}, "VpcConfig": config}
    create = consumer.functions.create_function
    message = refused("InvalidParameterValueException", create, FunctionName="f", Role=made, **spec)
    assert "throttled by EC2" in message
    target.pass_by(60)
    target.delays(throttle=0)
    function(target, consumer, made, VpcConfig=config)


@fact("lambda.kms-grant")
def test_kms_knows_a_role_later_than_lambda(target: Any, consumer: Any, refused: Any) -> None:
    made = role(target, consumer, attach=None)
    encrypted: dict[str, Any] = {
        "KMSKeyArn": f"arn:aws:kms:{target.region}:{consumer.account}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "Environment": {"Variables": {"NAME": "value"}},
    }
    target.pass_by(10)
    spec = {"Runtime": "python3.12", "Handler": "index.handler", "Code": {"ZipFile": b"-"}, **encrypted}
    create = consumer.functions.create_function
    message = refused("InvalidParameterValueException", create, FunctionName="probe", Role=made, **spec)
    assert "KMS key is invalid for CreateGrant" in message
    assert message.endswith("KMS Message: ARN does not refer to a valid principal")
    function(target, consumer, made, **encrypted)


@fact("error.invoke-502")
@pytest.mark.parametrize(
    "name", ["ENINotReadyException", "EC2ThrottledException", "SubnetIPAddressLimitReachedException"]
)
def test_an_invocation_while_interfaces_warm_up(target: Any, consumer: Any, name: str) -> None:
    function(target, consumer, role(target, consumer))
    target.fault("lambda:Invoke", "error", code=name, status=502)
    with pytest.raises(ClientError) as caught:
        consumer.functions.invoke(FunctionName="probe")
    assert type(caught.value).__name__ == name
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502
    assert consumer.functions.invoke(FunctionName="probe", InvocationType="DryRun")["StatusCode"] == 204


# --------------------------------------------------------------------------------- callers and the others


@fact("error.parallel-iam", "error.parallel-logs", "error.group-in-use", "error.not-opted-in")
def test_what_another_is_doing_at_the_same_time(target: Any, consumer: Any, refused: Any) -> None:
    made, net = role(target, consumer, attach=None), network(consumer)
    door = group(consumer, net.vpc, "door")
    consumer.logs.create_log_group(logGroupName="probe")
    attach = {"RoleName": made.rpartition("/")[2], "PolicyArn": VPC_ACCESS}
    for action, name, status, call, arguments in (
        ("iam:AttachRolePolicy", "ConcurrentModification", 409, consumer.iam.attach_role_policy, attach),
        (
            "logs:PutRetentionPolicy",
            "OperationAbortedException",
            400,
            consumer.logs.put_retention_policy,
            {"logGroupName": "probe", "retentionInDays": 1},
        ),
        ("ec2:DeleteSecurityGroup", "InvalidGroup.InUse", 400, consumer.ec2.delete_security_group, {"GroupId": door}),
        ("ec2:CreateVpc", "OptInRequired", 401, consumer.ec2.create_vpc, {"CidrBlock": "10.0.0.0/16"}),
        ("ec2:CreateVpc", "PendingVerification", 400, consumer.ec2.create_vpc, {"CidrBlock": "10.0.0.0/16"}),
    ):
        target.fault(action, "error", code=name, status=status)
        refused(name, call, **arguments)
        call(**arguments)


@fact("error.bad-signature")
@pytest.mark.parametrize(
    ("service", "call", "name"),
    [
        ("ec2", "describe_vpcs", "AuthFailure"),
        ("elbv2", "describe_load_balancers", "SignatureDoesNotMatch"),
        ("iam", "list_roles", "SignatureDoesNotMatch"),
        ("lambda", "list_functions", "InvalidSignatureException"),
        ("logs", "describe_log_groups", "InvalidSignatureException"),
    ],
)
def test_a_wrong_secret(target: Any, provider: Any, refused: Any, service: str, call: str, name: str) -> None:
    key = provider.session.get_credentials().access_key
    session = boto3.Session(key, "another-secret", region_name=target.region)
    refused(name, getattr(target.make(session, service, None), call))


@fact("error.expired-credentials")
def test_credentials_whose_time_is_over(target: Any, provider: Any, consumer: Any, refused: Any) -> None:
    trusted = {"Effect": "Allow", "Principal": {"AWS": consumer.root}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    arn = role(target, provider, attach=None, AssumeRolePolicyDocument=trust)
    given = consumer.sts.assume_role(RoleArn=arn, RoleSessionName="proof", DurationSeconds=900)["Credentials"]
    session = boto3.Session(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=target.region
    )
    sts, ec2, functions = (target.make(session, name, None) for name in ("sts", "ec2", "lambda"))
    assert sts.get_caller_identity()["Account"] == provider.account
    target.pass_by(901)
    refused("ExpiredToken", sts.get_caller_identity)
    refused("RequestExpired", ec2.describe_vpcs)
    refused("ExpiredTokenException", functions.list_functions)


@fact("region.permission-only-action")
def test_links_over_regions_need_a_permission_of_their_own(
    target: Any, provider: Any, consumer: Any, refused: Any
) -> None:
    away = "eu-west-1"
    made = offer(target, acceptance=False)
    target.pass_by(60)
    sides = []
    for side in (provider, consumer):
        side.iam.create_user(UserName="limited")
        key = side.iam.create_access_key(UserName="limited")["AccessKey"]
        sides.append(boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=target.region))

    def let(*actions: str) -> None:
        document = {"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
        for side in (provider, consumer):
            side.iam.put_user_policy(
                UserName="limited", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", **document})
            )

    far = consumer.client("ec2", away)
    vpc = far.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = far.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZoneId="euw1-az2")["Subnet"]["SubnetId"]
    target.enforce()
    limited, limited_far = target.make(sides[0], "ec2", None), target.make(sides[1], "ec2", away)
    offered = {"ServiceId": made.id, "AddSupportedRegions": [away]}
    asked = {"VpcEndpointType": "Interface", "VpcId": vpc, "SubnetIds": [subnet], "ServiceName": made.name}
    asked["ServiceRegion"] = target.region
    change = limited.modify_vpc_endpoint_service_configuration
    let("ec2:*")
    assert "vpce:AllowMultiRegion" in refused("UnauthorizedOperation", change, **offered)
    change(ServiceId=made.id, AcceptanceRequired=True)
    let("ec2:*", "vpce:AllowMultiRegion")
    change(**offered)
    let("ec2:*")
    assert "vpce:AllowMultiRegion" in refused("UnauthorizedOperation", limited_far.create_vpc_endpoint, **asked)
    let("ec2:*", "vpce:AllowMultiRegion")
    assert limited_far.create_vpc_endpoint(**asked)["VpcEndpoint"]["VpcEndpointId"]


@fact("service.udp-listener")
def test_a_load_balancer_with_a_udp_listener_is_behind_a_service(target: Any, provider: Any) -> None:
    net = network(provider, target.zones[0])
    arn = balancer(target, provider, net.subnets, "front")
    asked = {"Name": target.name("datagrams"), "Protocol": "UDP", "Port": 53, "VpcId": net.vpc, "TargetType": "ip"}
    datagrams = provider.elb.create_target_group(**asked)["TargetGroups"][0]["TargetGroupArn"]
    forward = [{"Type": "forward", "TargetGroupArn": datagrams}]
    provider.elb.create_listener(LoadBalancerArn=arn, Protocol="UDP", Port=53, DefaultActions=forward)
    made = provider.ec2.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[arn])["ServiceConfiguration"]
    assert made["ServiceState"] == "Available"
    provider.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made["ServiceId"]])
