"""Endpoint services, permissions and connections: sections 0, 1.3, 3.1, 3.2, 4 and 6."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from builds import accept, balancer, code, connect, connections, joined, network, offer, reject, service, settle
from facts import fact
from target import state_of

ABSENT = "vpce-svc-0123456789abcdef0"


def _config(side: Any, service_id: str) -> Any:
    [found] = side.ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[service_id])["ServiceConfigurations"]
    return found


def _principals(side: Any, service_id: str) -> list[str]:
    found = side.ec2.describe_vpc_endpoint_service_permissions(ServiceId=service_id)["AllowedPrincipals"]
    return sorted(one["Principal"] for one in found)


def _delete(side: Any, service_id: str) -> Any:
    return side.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[service_id])["Unsuccessful"]


@fact("service.token-same", "token.mismatch", "token.of-deleted", "service.available-at-once", "name.service")
@fact("service.tags-at-creation", "state.service-wire-form", "zone.service-zones", "zone.ids-on-services")
@fact("iptype.default", "service.deleting-then-gone", "service.delete-gone", "order.owner-needs-none")
def test_a_service_from_beginning_to_end(target: Any, provider: Any, refused: Any) -> None:
    ec2, net = provider.ec2, network(provider, *target.zones[:2])
    arn = balancer(target, provider, net.subnets, "front")
    tags = [{"ResourceType": "vpc-endpoint-service", "Tags": [{"Key": "proof", "Value": target.name("x")}]}]
    asked = {"NetworkLoadBalancerArns": [arn], "ClientToken": uuid.uuid4().hex, "TagSpecifications": tags}
    made = ec2.create_vpc_endpoint_service_configuration(**asked)["ServiceConfiguration"]
    assert made["ServiceState"] in ("Available", "Pending")
    assert re.fullmatch(r"vpce-svc-[0-9a-f]{17}", made["ServiceId"])
    assert made["ServiceName"] == f"com.amazonaws.vpce.{target.region}.{made['ServiceId']}"
    again = ec2.create_vpc_endpoint_service_configuration(**asked)["ServiceConfiguration"]
    assert again["ServiceId"] == made["ServiceId"]
    other = asked | {"AcceptanceRequired": False}
    refused("IdempotentParameterMismatch", ec2.create_vpc_endpoint_service_configuration, **other)
    by_tag = [{"Name": "tag:proof", "Values": [target.name("x")]}]
    [told] = ec2.describe_vpc_endpoint_service_configurations(Filters=by_tag)["ServiceConfigurations"]
    assert told["ServiceId"] == made["ServiceId"]
    assert target.until(lambda: _config(provider, made["ServiceId"])["ServiceState"] == "Available")
    assert sorted(told["AvailabilityZoneIds"]) == sorted(target.zones[:2])
    assert len(told["AvailabilityZones"]) == 2
    assert told["SupportedIpAddressTypes"] == ["ipv4"]
    assert _principals(provider, made["ServiceId"]) == []
    detail = ec2.describe_vpc_endpoint_services(ServiceNames=[made["ServiceName"]])["ServiceDetails"]
    assert [one["Owner"] for one in detail] == [provider.account]
    assert _delete(provider, made["ServiceId"]) == []

    def gone() -> bool:
        try:
            found = ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[made["ServiceId"]])
        except ec2.exceptions.ClientError as error:
            return str(error.response["Error"]["Code"]).startswith("InvalidVpcEndpointService")
        assert {one["ServiceState"] for one in found["ServiceConfigurations"]} <= {"Deleting", "Deleted"}
        return False

    assert target.until(gone)
    assert code(_delete(provider, made["ServiceId"])) == "InvalidVpcEndpointService.NotFound"
    if not target.real:  # not known of AWS; there it might make a service that costs
        third = ec2.create_vpc_endpoint_service_configuration(**asked)["ServiceConfiguration"]
        assert third["ServiceId"] == made["ServiceId"]
        assert ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"] == []


@fact("service.describe-unknown", "permission.unknown-service", "connection.accept-unknown-service")
def test_an_unknown_service(provider: Any, refused: Any) -> None:
    ec2 = provider.ec2
    codes = "InvalidVpcEndpointService.NotFound InvalidVpcEndpointServiceId.NotFound"
    refused(codes, ec2.describe_vpc_endpoint_service_configurations, ServiceIds=[ABSENT])
    of_it = "InvalidVpcEndpointServiceId.NotFound"
    refused(of_it, ec2.describe_vpc_endpoint_service_permissions, ServiceId=ABSENT)
    refused(of_it, ec2.modify_vpc_endpoint_service_permissions, ServiceId=ABSENT, AddAllowedPrincipals=["*"])
    both = {"ServiceId": ABSENT, "VpcEndpointIds": ["vpce-0123456789abcdef0"]}
    refused(of_it, ec2.accept_vpc_endpoint_connections, **both)
    refused(of_it, ec2.reject_vpc_endpoint_connections, **both)


@fact("service.modify-idempotent", "service.zones-by-modify")
def test_modifying_a_service(target: Any, provider: Any) -> None:
    made = offer(target, zones=1)
    modify = provider.ec2.modify_vpc_endpoint_service_configuration
    for wish in (False, False, True):
        modify(ServiceId=made.id, AcceptanceRequired=wish)
        assert _config(provider, made.id)["AcceptanceRequired"] is wish
    asked = {"VpcId": made.vpc, "CidrBlock": "10.0.9.0/24", "AvailabilityZoneId": target.zones[1]}
    subnet = provider.ec2.create_subnet(**asked)["Subnet"]["SubnetId"]
    provider.elb.set_subnets(LoadBalancerArn=made.nlb, Subnets=[*made.subnets, subnet])
    assert _config(provider, made.id)["AvailabilityZoneIds"] == target.zones[:1]
    modify(ServiceId=made.id)
    assert sorted(_config(provider, made.id)["AvailabilityZoneIds"]) == sorted(target.zones[:2])


@fact("permission.twice", "permission.remove-absent", "permission.added-list", "permission.bad-principal")
@fact("permission.path", "permission.paged", "principal.user", "principal.role", "principal.account")
def test_permissions(target: Any, provider: Any, consumer: Any, refused: Any) -> None:
    made = offer(target)
    modify = provider.ec2.modify_vpc_endpoint_service_permissions
    assert _principals(provider, made.id) == [consumer.root]
    account = provider.account
    role = provider.iam.create_role(RoleName=target.name("p"), AssumeRolePolicyDocument=_open_trust(account))["Role"]
    added = modify(ServiceId=made.id, AddAllowedPrincipals=[role["Arn"], "*"])["AddedPrincipals"]
    assert {one["Principal"] for one in added} == {role["Arn"], "*"}
    assert all(one["ServicePermissionId"] and one["PrincipalType"] for one in added)
    modify(ServiceId=made.id, AddAllowedPrincipals=[consumer.root])
    assert _principals(provider, made.id) == sorted([consumer.root, role["Arn"], "*"])
    modify(ServiceId=made.id, RemoveAllowedPrincipals=["*"])
    modify(ServiceId=made.id, RemoveAllowedPrincipals=["*"])
    assert _principals(provider, made.id) == sorted([consumer.root, role["Arn"]])
    session = f"arn:aws:sts::{account}:assumed-role/somebody/session"
    assert session in refused("InvalidPrincipal", modify, ServiceId=made.id, AddAllowedPrincipals=[session])
    path = f"arn:aws:iam::{account}:role/some/path/somebody"
    refused("InvalidPrincipal", modify, ServiceId=made.id, AddAllowedPrincipals=[path])
    if not target.real:  # on AWS the user would have to exist
        user = f"arn:aws:iam::{account}:user/somebody"
        [one] = modify(ServiceId=made.id, AddAllowedPrincipals=[user])["AddedPrincipals"]
        assert (one["Principal"], one["PrincipalType"]) == (user, "User")
    by_kind = [{"Name": "principal-type", "Values": ["Role"]}]
    pages = provider.ec2.get_paginator("describe_vpc_endpoint_service_permissions")
    found = [one for page in pages.paginate(ServiceId=made.id, Filters=by_kind) for one in page["AllowedPrincipals"]]
    assert [one["Principal"] for one in found] == [role["Arn"]]


def _open_trust(account: str) -> str:
    return (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": '
        f'{{"AWS": "arn:aws:iam::{account}:root"}}}}]}}'
    )


@fact("service.strangers-see-nothing", "service.strangers-describe", "order.permission-default")
@fact("service.wrong-name", "service.deleted-name", "service.wrong-region", "permission.removal-blocks-new")
@fact("service.consumer-view", "service.common-zones")
def test_who_sees_a_service(target: Any, provider: Any, consumer: Any, refused: Any) -> None:
    net, here = network(provider, target.zones[0]), network(consumer, target.zones[0])
    made = service(provider, balancer(target, provider, net.subnets, "front"))
    describe = consumer.ec2.describe_vpc_endpoint_services
    ask = {"VpcEndpointType": "Interface", "VpcId": here.vpc, "SubnetIds": here.subnets}

    def unseen(name: str) -> None:
        words = f"The Vpc Endpoint Service '{name}' does not exist"
        assert refused("InvalidServiceName", consumer.ec2.create_vpc_endpoint, ServiceName=name, **ask) == words
        assert refused("InvalidServiceName", describe, ServiceNames=[name]) == words

    unseen(made.name)
    unseen(made.name.replace(made.id, ABSENT))
    unseen(made.name.replace(target.region, "us-west-2" if target.region != "us-west-2" else "us-east-1"))
    modify = provider.ec2.modify_vpc_endpoint_service_permissions
    modify(ServiceId=made.id, AddAllowedPrincipals=[consumer.root])

    def seen() -> Any:
        try:
            return describe(ServiceNames=[made.name])["ServiceDetails"]
        except consumer.ec2.exceptions.ClientError:
            return []

    [detail] = target.until(seen, 300)
    assert (detail["ServiceId"], detail["Owner"]) == (made.id, provider.account)
    assert (detail["AcceptanceRequired"], detail["ServiceType"]) == (True, [{"ServiceType": "Interface"}])
    assert detail["AvailabilityZoneIds"] == target.zones[:1]
    [zone] = consumer.ec2.describe_availability_zones(ZoneIds=target.zones[:1])["AvailabilityZones"]
    assert detail["AvailabilityZones"] == [zone["ZoneName"]]
    modify(ServiceId=made.id, RemoveAllowedPrincipals=[consumer.root])
    assert target.until(lambda: not seen(), 300)
    unseen(made.name)
    modify(ServiceId=made.id, AddAllowedPrincipals=[consumer.root])
    assert target.until(seen, 300)
    assert _delete(provider, made.id) == []
    assert target.until(lambda: not seen(), 300)
    unseen(made.name)


@fact("permission.propagates")
def test_a_permission_is_believed_a_little_later(target: Any, provider: Any, consumer: Any, refused: Any) -> None:
    target.delays(permission=3)
    made = offer(target)
    describe = consumer.ec2.describe_vpc_endpoint_services
    refused("InvalidServiceName", describe, ServiceNames=[made.name])
    target.pass_by(3)
    assert describe(ServiceNames=[made.name])["ServiceNames"] == [made.name]
    remove = provider.ec2.modify_vpc_endpoint_service_permissions
    remove(ServiceId=made.id, RemoveAllowedPrincipals=[consumer.root])
    assert describe(ServiceNames=[made.name])["ServiceNames"] == [made.name]
    target.pass_by(3)
    refused("InvalidServiceName", describe, ServiceNames=[made.name])


@fact("principal.everybody", "principal.everybody-auto")
def test_everybody_and_no_acceptance_lets_a_stranger_in(target: Any, provider: Any, consumer: Any) -> None:
    net, here = network(provider, target.zones[0]), network(consumer, target.zones[0])
    made = service(provider, balancer(target, provider, net.subnets, "front"), "*", AcceptanceRequired=False)
    endpoint = connect(target, consumer, made.name, here)
    settle(target, consumer, endpoint["VpcEndpointId"], "available")


# --------------------------------------------------------------------------------------- connections


@fact("endpoint.manual", "endpoint.accepted-is-pending", "state.wire-form", "state.filter-form")
@fact("connection.per-item-refusals", "connection.accept-again", "error.invalid-state", "connection.fields")
@fact("connection.owner-is-consumer", "connection.list-by-service", "connection.filter-endpoint")
@fact("connection.accept-unknown-endpoint", "connection.provider-cannot-delete", "service.delete-pending-acceptance")
def test_a_request_is_accepted(target: Any, provider: Any, consumer: Any, refused: Any) -> None:
    made, here = offer(target), network(consumer, target.zones[0])
    endpoint = connect(target, consumer, made.name, here)
    made.endpoint_id = endpoint["VpcEndpointId"]
    assert endpoint["State"] == "pendingAcceptance"
    [told] = target.until(lambda: connections(target, made.id))
    assert told["VpcEndpointId"] == made.endpoint_id
    assert (told["VpcEndpointOwner"], told["VpcEndpointState"]) == (consumer.account, "pendingAcceptance")
    assert told["NetworkLoadBalancerArns"] == [made.nlb]
    assert [one["DnsName"] for one in told["DnsEntries"]] == [one["DnsName"] for one in endpoint["DnsEntries"]]
    assert (told["IpAddressType"], told["VpcEndpointRegion"]) == ("ipv4", target.region)
    assert told["VpcEndpointConnectionId"].startswith("vpce-con")
    find = provider.ec2.describe_vpc_endpoint_connections
    mine = {"Name": "service-id", "Values": [made.id]}
    for state, number in (("pendingAcceptance", 1), ("PendingAcceptance", 0), ("available", 0)):
        found = find(Filters=[mine, {"Name": "vpc-endpoint-state", "Values": [state]}])["VpcEndpointConnections"]
        assert len(found) == number
    if not target.real:  # documented, reported refused; a caller that does without gets on with both
        by_endpoint = [{"Name": "vpc-endpoint-id", "Values": [made.endpoint_id]}]
        refused("InvalidFilter", find, Filters=by_endpoint)
    assert code(_delete(provider, made.id)) == "ExistingVpcEndpointConnections"
    assert accept(target, made) == []
    assert state_of(consumer, made.endpoint_id) == "pending"
    assert code(accept(target, made)) == "InvalidState"
    settle(target, consumer, made.endpoint_id, "available")
    assert code(accept(target, made)) == "InvalidState"
    unknown = {"ServiceId": made.id, "VpcEndpointIds": ["vpce-0123456789abcdef0"]}
    codes = ("InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound")
    assert code(provider.ec2.accept_vpc_endpoint_connections(**unknown)["Unsuccessful"]) in codes
    answer = provider.ec2.delete_vpc_endpoints(VpcEndpointIds=[made.endpoint_id])
    assert code(answer["Unsuccessful"]) in codes
    assert state_of(consumer, made.endpoint_id) == "available"


@fact("connection.reject-pending-acceptance", "connection.reject-again", "endpoint.rejected-not-accepted")
@fact("state.any-deletes")
def test_a_request_is_rejected(target: Any, consumer: Any) -> None:
    made, here = offer(target), network(consumer, target.zones[0])
    made.endpoint_id = connect(target, consumer, made.name, here)["VpcEndpointId"]
    assert target.until(lambda: connections(target, made.id))
    assert reject(target, made) == []
    settle(target, consumer, made.endpoint_id, "rejected")
    assert code(reject(target, made)) == "InvalidState"
    assert code(accept(target, made)) == "InvalidState"
    assert consumer.ec2.delete_vpc_endpoints(VpcEndpointIds=[made.endpoint_id])["Unsuccessful"] == []
    settle(target, consumer, made.endpoint_id, "gone")


@fact("connection.reject-available", "endpoint.rejected-stays", "service.delete-with-connections")
@fact("service.delete-after-rejection-waits", "service.delete-with-rejected", "endpoint.outlives-service")
def test_a_connection_is_rejected_and_the_service_goes(target: Any, provider: Any, consumer: Any) -> None:
    made = joined(target)
    [refusal] = _delete(provider, made.id)
    assert refusal["ResourceId"] == made.id
    assert refusal["Error"] == {
        "Code": "ExistingVpcEndpointConnections",
        "Message": "Service has existing active VPC Endpoint connections!",
    }
    assert reject(target, made) == []
    if not target.real:  # how long it takes there is not known
        assert code(_delete(provider, made.id)) == "ExistingVpcEndpointConnections"
    settle(target, consumer, made.endpoint_id, "rejected")
    assert target.until(lambda: _delete(provider, made.id) == [])
    assert state_of(consumer, made.endpoint_id) == "rejected"
    target.pass_by(60)
    assert state_of(consumer, made.endpoint_id) == "rejected"


@fact("connection.goes-with-endpoint", "order.consumer-first", "permission.removal-cuts-nothing")
@fact("service.keeps-balancer")
def test_the_consumer_ends_it(target: Any, provider: Any, consumer: Any, refused: Any) -> None:
    made = joined(target)
    remove = provider.ec2.modify_vpc_endpoint_service_permissions
    remove(ServiceId=made.id, RemoveAllowedPrincipals=[consumer.root])
    target.pass_by(30)
    assert state_of(consumer, made.endpoint_id) == "available"
    without = {"ServiceId": made.id, "RemoveNetworkLoadBalancerArns": [made.nlb]}
    codes = "ExistingVpcEndpointConnections InvalidParameter"
    refused(codes, provider.ec2.modify_vpc_endpoint_service_configuration, **without)
    assert consumer.ec2.delete_vpc_endpoints(VpcEndpointIds=[made.endpoint_id])["Unsuccessful"] == []
    ended = target.until(lambda: all(one["VpcEndpointState"] == "deleted" for one in connections(target, made.id)))
    assert ended
    assert _delete(provider, made.id) == []


@fact("connection.reject-pending")
def test_a_pending_connection_is_not_rejected(target: Any, consumer: Any) -> None:
    made, here = offer(target, acceptance=False), network(consumer, target.zones[0])
    made.endpoint_id = connect(target, consumer, made.name, here)["VpcEndpointId"]
    if target.real:
        pytest.skip("reports of AWS disagree")
    assert state_of(consumer, made.endpoint_id) == "pending"
    assert code(reject(target, made)) == "InvalidState"
    settle(target, consumer, made.endpoint_id, "available")
    assert reject(target, made) == []


@fact("connection.missing-at-first")
def test_a_connection_is_missing_from_the_list_at_first(target: Any, consumer: Any) -> None:
    made, here = offer(target), network(consumer, target.zones[0])
    target.pass_by(20)
    target.world.visibility = 20.0
    made.endpoint_id = connect(target, consumer, made.name, here)["VpcEndpointId"]
    assert connections(target, made.id) == []
    target.pass_by(20)
    assert [one["VpcEndpointId"] for one in connections(target, made.id)] == [made.endpoint_id]


@fact("state.expired", "state.expired-not-accepted")
def test_a_request_nobody_answers_expires(target: Any, consumer: Any) -> None:
    made, here = offer(target), network(consumer, target.zones[0])
    made.endpoint_id = connect(target, consumer, made.name, here)["VpcEndpointId"]
    target.pass_by(86400)
    assert state_of(consumer, made.endpoint_id) == "pendingAcceptance"
    target.pass_by(30 * 86400)
    assert state_of(consumer, made.endpoint_id) == "expired"
    assert code(accept(target, made)) == "InvalidState"


# ------------------------------------------------------------------------------------- notifications


@fact("token.three-calls", "notification.token")
def test_tokens_are_for_three_calls(target: Any, provider: Any, refused: Any) -> None:
    model = provider.ec2.meta.service_model
    having = {
        name
        for name in model.operation_names
        if "VpcEndpoint" in name and "ClientToken" in model.operation_model(name).input_shape.members
    }
    assert having == {
        "CreateVpcEndpoint",
        "CreateVpcEndpointServiceConfiguration",
        "CreateVpcEndpointConnectionNotification",
    }
    made = offer(target)
    topic = provider.sns.create_topic(Name=target.name("told"))["TopicArn"]
    asked = {
        "ServiceId": made.id,
        "ConnectionNotificationArn": topic,
        "ConnectionEvents": ["Accept"],
        "ClientToken": uuid.uuid4().hex,
    }
    create = provider.ec2.create_vpc_endpoint_connection_notification
    ids = {create(**asked)["ConnectionNotification"]["ConnectionNotificationId"] for _ in range(2)}
    assert len(ids) == 1
    refused("IdempotentParameterMismatch", create, **asked | {"ConnectionEvents": ["Reject"]})
    # Without a token nothing holds two creations together.
    bare = {key: value for key, value in asked.items() if key != "ClientToken"} | {"ConnectionEvents": ["Delete"]}
    assert create(**bare)["ConnectionNotification"]["ConnectionNotificationId"] not in ids
