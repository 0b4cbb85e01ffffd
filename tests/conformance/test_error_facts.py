"""Errors any call can meet: section 10; quotas, throttling, and what is seen late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from builds import alb_group, backend, balancer, fixed, forward, function, group, network, offer, role, tcp
from facts import fact

if TYPE_CHECKING:
    from collections.abc import Callable


@fact("retry.not-found-is-final", "error.request-id")
def test_errors_of_what_is_not_there(provider: Any) -> None:
    calls: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (provider.ec2.describe_vpcs, {"VpcIds": ["vpc-0123456789abcdef0"]}),
        (provider.ec2.describe_subnets, {"SubnetIds": ["subnet-0123456789abcdef0"]}),
        (provider.elb.describe_target_groups, {"Names": ["no-such-group"]}),
        (provider.iam.get_role, {"RoleName": "no-such-role"}),
    ]
    for call, arguments in calls:
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        told = caught.value.response
        assert told["ResponseMetadata"]["HTTPStatusCode"] in (400, 404)
        assert told["ResponseMetadata"]["RequestId"]
        assert told["ResponseMetadata"]["RetryAttempts"] == 0


@fact("error.bad-key")
@pytest.mark.parametrize("service", ["ec2", "elbv2", "iam", "lambda", "logs"])
def test_an_unknown_key(target: Any, provider: Any, service: str) -> None:
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "not-a-secret", region_name=target.region)
    client = session.client(
        service,
        endpoint_url=provider.ec2.meta.endpoint_url if not target.real else None,
        config=Config(retries={"total_max_attempts": 1}),
    )
    calls = {
        "ec2": "describe_vpcs",
        "elbv2": "describe_load_balancers",
        "iam": "list_roles",
        "lambda": "list_functions",
        "logs": "describe_log_groups",
    }
    with pytest.raises(ClientError) as caught:
        getattr(client, calls[service])()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 401, 403)
    assert caught.value.response["Error"]["Code"] in (
        "AuthFailure",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
    )


@fact("error.unauthorized", "dryrun.denied")
def test_what_iam_does_not_allow(target: Any, provider: Any) -> None:
    target.enforce()
    iam = provider.iam
    iam.create_user(UserName="limited")
    key = iam.create_access_key(UserName="limited")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=target.region)
    made = {name: target.make(session, name, None) for name in ("ec2", "elbv2", "lambda")}
    for call, arguments, code in (
        (made["ec2"].describe_vpcs, {}, "UnauthorizedOperation"),
        (made["ec2"].create_vpc, {"CidrBlock": "10.0.0.0/16", "DryRun": True}, "UnauthorizedOperation"),
        (made["elbv2"].describe_load_balancers, {}, "AccessDenied"),
        (made["lambda"].list_functions, {}, "AccessDeniedException"),
    ):
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


# ------------------------------------------------------------------------------------------- quotas


@fact("vpc.limit", "subnet.limit", "group.limit", "group.rule-limit", "error.interface-limit")
def test_quotas_of_ec2(target: Any, provider: Any, refused: Any) -> None:
    ec2, net = provider.ec2, network(provider, target.zones[0])
    door = group(provider, net.vpc, "door")
    ec2.authorize_security_group_ingress(GroupId=door, IpPermissions=tcp(80, cidr="10.0.0.0/16"))
    interface = {"SubnetId": net.subnets[0]}
    target.quota(vpcs=1, subnets_per_vpc=1, security_groups=1, rules_per_security_group=1, network_interfaces=0)
    message = refused("VpcLimitExceeded", ec2.create_vpc, CidrBlock="10.0.0.0/16")
    assert message == "The maximum number of VPCs has been reached."
    refused("SubnetLimitExceeded", ec2.create_subnet, VpcId=net.vpc, CidrBlock="10.0.9.0/24")
    refused("SecurityGroupLimitExceeded", ec2.create_security_group, GroupName="n", Description="n", VpcId=net.vpc)
    one_more = {"GroupId": door, "IpPermissions": tcp(81, cidr="10.0.0.0/16")}
    refused("RulesPerSecurityGroupLimitExceeded", ec2.authorize_security_group_ingress, **one_more)
    refused("NetworkInterfaceLimitExceeded", ec2.create_network_interface, **interface)


@fact("endpoint.limit")
def test_the_quota_of_endpoints(target: Any, consumer: Any, refused: Any) -> None:
    made, here = offer(target), network(consumer, target.zones[0])
    target.pass_by(60)
    target.quota(interface_endpoints_per_vpc=1)
    asked = {"VpcEndpointType": "Interface", "VpcId": here.vpc, "SubnetIds": here.subnets, "ServiceName": made.name}
    consumer.ec2.create_vpc_endpoint(**asked)
    refused("VpcEndpointLimitExceeded", consumer.ec2.create_vpc_endpoint, **asked)


@fact("elb.limit", "targetgroup.limit")
def test_quotas_of_load_balancers(target: Any, provider: Any, refused: Any) -> None:
    net = network(provider, target.zones[0])
    balancer(target, provider, net.subnets, "one", wait=False)
    alb_group(target, provider, net.vpc)
    target.quota(network_load_balancers=1, target_groups=1)
    asked = {"Name": "two", "Type": "network", "Scheme": "internal", "Subnets": net.subnets}
    refused("TooManyLoadBalancers", provider.elb.create_load_balancer, **asked)
    wish = {"Name": "two", "Protocol": "TCP", "Port": 80, "VpcId": net.vpc}
    refused("TooManyTargetGroups", provider.elb.create_target_group, **wish)


@fact("targets.alb-counts-fifty", "rules.limit")
def test_quotas_of_what_a_load_balancer_bears(target: Any, provider: Any, refused: Any) -> None:
    made = backend(target, provider, listening=False)
    elb = provider.elb
    listen = {"LoadBalancerArn": made.nlb, "Protocol": "TCP", "Port": 80, "DefaultActions": forward(made.targets)}
    target.quota(targets_per_network_load_balancer=49, rules_per_application_load_balancer=0)
    refused("TooManyTargets", elb.create_listener, **listen)
    target.quota(targets_per_network_load_balancer=50)
    elb.create_listener(**listen)
    made.targets = alb_group(target, provider, made.vpc, "others", TargetType="ip")
    listen |= {"Port": 81, "DefaultActions": forward(made.targets)}
    elb.create_listener(**listen)
    one = {"TargetGroupArn": made.targets, "Targets": [{"Id": "10.0.0.99"}]}
    refused("TooManyTargets", elb.register_targets, **one)
    target.quota(targets_per_network_load_balancer=100)
    crossing = [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=made.nlb, Attributes=crossing)
    refused("TooManyTargets", elb.register_targets, **one)
    by_path = [{"Field": "path-pattern", "Values": ["/x"]}]
    rule = {"ListenerArn": made.alb_listener, "Priority": 1, "Conditions": by_path, "Actions": fixed()}
    refused("TooManyRules", elb.create_rule, **rule)


@fact("role.attach-limit")
def test_the_quota_of_attached_policies(target: Any, consumer: Any, refused: Any) -> None:
    role(target, consumer)
    target.quota(managed_policies_per_role=1)
    basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    refused("LimitExceeded", consumer.iam.attach_role_policy, RoleName="role", PolicyArn=basic)


@fact("error.function-interface-limit", "lambda.failed-state")
def test_a_function_whose_interfaces_cannot_be_made(target: Any, consumer: Any) -> None:
    here = network(consumer, target.zones[0])
    config = {"SubnetIds": here.subnets, "SecurityGroupIds": [group(consumer, here.vpc, "f")]}
    target.quota(lambda_interfaces_per_vpc=0)
    function(target, consumer, role(target, consumer), wait=False, VpcConfig=config)
    told: Any = {}

    def settled() -> bool:
        told.update(consumer.functions.get_function_configuration(FunctionName="probe"))
        return bool(told["State"] != "Pending")

    assert target.until(settled)
    assert (told["State"], told["StateReasonCode"]) == ("Failed", "EniLimitExceeded")


# --------------------------------------------------------------------------------------- throttling


def _through(times: int, call: Callable[..., Any], **arguments: Any) -> tuple[int, set[tuple[str, int]]]:
    """How many of so many calls got through, and how the others were refused."""
    refusals, through = set(), 0
    for _ in range(times):
        try:
            call(**arguments)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("RequestLimitExceeded", "Throttling"):
                refusals.add((code, error.response["ResponseMetadata"]["HTTPStatusCode"]))
                continue
        through += 1
    return through, refusals


@fact("throttle.privatelink")
def test_the_tightest_bucket(target: Any, consumer: Any) -> None:
    target.delays(throttle=1)
    wish = {"VpcEndpointIds": ["vpce-0123456789abcdef0"]}
    assert _through(10, consumer.ec2.delete_vpc_endpoints, **wish) == (4, {("RequestLimitExceeded", 503)})
    target.pass_by(10)
    assert _through(10, consumer.ec2.delete_vpc_endpoints, **wish)[0] == 3


@fact("error.throttled-elb")
def test_load_balancers_throttle_with_another_code(target: Any, provider: Any) -> None:
    target.delays(throttle=1)
    through, refusals = _through(150, provider.elb.describe_target_groups)
    assert 0 < through < 150
    assert refusals == {("Throttling", 400)}


# --------------------------------------------------------------------------------------- seen late


@fact("vpc.not-found-at-first", "subnet.not-found-at-first", "group.not-found-at-first", "tags.late")
def test_what_is_new_in_ec2_is_seen_late(target: Any, provider: Any, refused: Any) -> None:
    ec2, old = provider.ec2, network(provider)
    target.world.visibility = 20.0
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    asked = {"VpcId": old.vpc, "CidrBlock": "10.0.0.0/24", "AvailabilityZoneId": target.zones[0]}
    subnet = ec2.create_subnet(**asked)["Subnet"]["SubnetId"]
    door = ec2.create_security_group(GroupName="door", Description="d", VpcId=old.vpc)["GroupId"]
    ec2.create_tags(Resources=[old.vpc], Tags=[{"Key": "new", "Value": "v"}])
    refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[vpc])
    refused("InvalidSubnetID.NotFound InvalidSubnetId.NotFound", ec2.describe_subnets, SubnetIds=[subnet])
    refused("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=[door])
    by_tag = [{"Name": "tag:new", "Values": ["v"]}]
    assert ec2.describe_vpcs(Filters=by_tag)["Vpcs"] == []
    target.pass_by(20)
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
    assert ec2.describe_security_groups(GroupIds=[door])["SecurityGroups"]
    assert [one["VpcId"] for one in ec2.describe_vpcs(Filters=by_tag)["Vpcs"]] == [old.vpc]


@fact(
    "elb.not-found-at-first", "listener.not-found-at-first", "service.not-found-at-first", "endpoint.not-found-at-first"
)
def test_what_is_new_in_a_link_is_seen_late(target: Any, provider: Any, consumer: Any, refused: Any) -> None:
    elb, net, here = provider.elb, network(provider, target.zones[0]), network(consumer, target.zones[0])
    targets = alb_group(target, provider, net.vpc)
    old = balancer(target, provider, net.subnets, "old")
    made = offer(target)
    target.pass_by(60)
    target.world.visibility = 20.0
    arn = balancer(target, provider, net.subnets, "new", wait=False)
    refused("LoadBalancerNotFound", elb.describe_load_balancers, LoadBalancerArns=[arn])
    asked = {"LoadBalancerArn": old, "Protocol": "TCP", "Port": 80, "DefaultActions": forward(targets)}
    listener = elb.create_listener(**asked)["Listeners"][0]["ListenerArn"]
    refused("ListenerNotFound", elb.describe_listeners, ListenerArns=[listener])
    create = provider.ec2.create_vpc_endpoint_service_configuration
    service_id = create(NetworkLoadBalancerArns=[old])["ServiceConfiguration"]["ServiceId"]
    told = provider.ec2.describe_vpc_endpoint_service_configurations
    refused("InvalidVpcEndpointServiceId.NotFound", told, ServiceIds=[service_id])
    wish = {"VpcEndpointType": "Interface", "VpcId": here.vpc, "SubnetIds": here.subnets, "ServiceName": made.name}
    endpoint = consumer.ec2.create_vpc_endpoint(**wish)["VpcEndpoint"]["VpcEndpointId"]
    refused("InvalidVpcEndpointId.NotFound", consumer.ec2.describe_vpc_endpoints, VpcEndpointIds=[endpoint])
    target.pass_by(20)
    assert elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
    assert elb.describe_listeners(ListenerArns=[listener])["Listeners"]
    assert told(ServiceIds=[service_id])["ServiceConfigurations"]
    assert consumer.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]


@fact("certificate.in-use-lingers")
def test_a_certificate_counts_as_in_use_a_little_longer(target: Any, provider: Any, refused: Any) -> None:
    from builds import fixed
    from own_papers import certificate

    net = network(provider, *target.zones[:2])
    alb = balancer(target, provider, net.subnets, "alb", wait=False, Type="application")
    body, key = certificate("api.example.com")
    held = provider.acm.import_certificate(Certificate=body, PrivateKey=key)["CertificateArn"]
    secure = {"Protocol": "HTTPS", "Port": 443, "Certificates": [{"CertificateArn": held}]}
    listener = provider.elb.create_listener(LoadBalancerArn=alb, DefaultActions=fixed(), **secure)["Listeners"][0]
    provider.elb.delete_listener(ListenerArn=listener["ListenerArn"])
    refused("ResourceInUseException", provider.acm.delete_certificate, CertificateArn=held)
    target.pass_by(300)
    provider.acm.delete_certificate(CertificateArn=held)
