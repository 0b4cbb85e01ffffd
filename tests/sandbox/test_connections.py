"""Connections as the provider decides them: every decision in every state, expiry, and what deletion leaves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from plinkctl.sandbox import world as worlds
from plinkctl.sandbox.ec2.endpoints import EXPIRY

ABSENT = "vpce-00000000000000000"


def _state(made: Any) -> Any:
    found = made.ec2.describe_vpc_endpoint_connections(Filters=[{"Name": "service-id", "Values": [made.id]}])
    return [one["VpcEndpointState"] for one in found["VpcEndpointConnections"]]


def _code(answer: Any) -> Any:
    """The one refusal of an answer, or None."""
    codes = [one["Error"]["Code"] for one in answer["Unsuccessful"]]
    assert len(codes) <= 1
    return codes[0] if codes else None


def _reach(sandbox: worlds.World, made: Any, here: Any, endpoint: str, state: str) -> None:
    """Bring a new connection, in the real profile, to a state."""
    decide = {"ServiceId": made.id, "VpcEndpointIds": [endpoint]}
    if state in ("pending", "available"):
        made.ec2.accept_vpc_endpoint_connections(**decide)
    if state == "available":
        sandbox.clock.advance(sandbox.profile.endpoint_pending)
    if state in ("rejecting", "rejected"):
        made.ec2.reject_vpc_endpoint_connections(**decide)
    if state == "rejected":
        sandbox.clock.advance(sandbox.profile.rejection)
    if state == "expired":
        sandbox.clock.advance(EXPIRY)
    if state in ("deleting", "deleted"):
        here.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    if state == "deleted":
        sandbox.clock.advance(sandbox.profile.endpoint_deleting)


@pytest.mark.parametrize(
    ("state", "accepting", "rejecting", "deleting"),
    [
        ("pendingAcceptance", None, None, "ExistingVpcEndpointConnections"),
        ("pending", "InvalidState", "InvalidState", "ExistingVpcEndpointConnections"),
        ("available", "InvalidState", None, "ExistingVpcEndpointConnections"),
        # Decided, but not to be seen yet.
        ("rejecting", "InvalidState", "InvalidState", "ExistingVpcEndpointConnections"),
        ("rejected", "InvalidState", "InvalidState", None),
        ("expired", "InvalidState", "InvalidState", None),
        ("deleting", "InvalidState", "InvalidState", "ExistingVpcEndpointConnections"),
        ("deleted", "InvalidState", "InvalidState", None),
    ],
)
def test_what_each_state_allows(
    sandbox: worlds.World, offer: Any, place: Any, state: str, accepting: Any, rejecting: Any, deleting: Any
) -> None:
    for call in ("accept", "reject", "delete"):
        worlds.reset()
        sandbox.profile = worlds.INSTANT
        made, here = offer(), place()
        endpoint = here.connect(made.name)
        sandbox.profile = worlds.REAL
        _reach(sandbox, made, here, endpoint, state)
        assert _state(made) == ["pendingAcceptance" if state == "rejecting" else state]
        decide = {"ServiceId": made.id, "VpcEndpointIds": [endpoint]}
        if call == "accept":
            assert _code(made.ec2.accept_vpc_endpoint_connections(**decide)) == accepting
        elif call == "reject":
            assert _code(made.ec2.reject_vpc_endpoint_connections(**decide)) == rejecting
        else:
            assert _code(made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id])) == deleting


def test_a_request_nobody_answers_expires_and_can_only_be_deleted(
    sandbox: worlds.World, offer: Any, place: Any, refused: Any
) -> None:
    made, here = offer(), place()
    endpoint = here.connect(made.name)
    sandbox.clock.advance(EXPIRY - 1)
    assert here.state() == "pendingAcceptance"
    sandbox.clock.advance(1)
    assert here.state() == "expired"
    assert _state(made) == ["expired"]
    refused("InvalidState", here.ec2.modify_vpc_endpoint, VpcEndpointId=endpoint, PrivateDnsEnabled=False)
    # Its interfaces stay until it is deleted, and with them the subnet.
    refused("DependencyViolation", here.ec2.delete_subnet, SubnetId=here.subnets[0])
    assert _code(here.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])) is None
    here.ec2.delete_subnet(SubnetId=here.subnets[0])


def test_an_accepted_connection_does_not_expire(sandbox: worlds.World, offer: Any, place: Any) -> None:
    made, here = offer(), place()
    endpoint = here.connect(made.name)
    made.ec2.accept_vpc_endpoint_connections(ServiceId=made.id, VpcEndpointIds=[endpoint])
    sandbox.clock.advance(EXPIRY)
    assert here.state() == "available"


def test_a_rejected_endpoint_keeps_its_interfaces_and_outlives_its_service(
    sandbox: worlds.World, offer: Any, place: Any, refused: Any
) -> None:
    made, here = offer(acceptance=False), place()
    endpoint = here.connect(made.name)
    made.ec2.reject_vpc_endpoint_connections(ServiceId=made.id, VpcEndpointIds=[endpoint])
    assert _code(made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id])) is None
    made.elb.delete_load_balancer(LoadBalancerArn=made.arn)
    # What AWS tells of such an endpoint is not established; here it stays what it was.
    [found] = here.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    assert (found["State"], found["ServiceName"]) == ("rejected", made.name)
    assert len(found["NetworkInterfaceIds"]) == 1
    refused("DependencyViolation", here.ec2.delete_subnet, SubnetId=here.subnets[0])
    assert _code(here.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])) is None
    here.ec2.delete_subnet(SubnetId=here.subnets[0])
    here.ec2.delete_vpc(VpcId=here.vpc)


def test_a_change_does_not_undo_a_rejection_on_its_way(sandbox: worlds.World, offer: Any, place: Any) -> None:
    made, here = offer(acceptance=False), place()
    endpoint = here.connect(made.name)
    sandbox.profile = worlds.REAL
    made.ec2.reject_vpc_endpoint_connections(ServiceId=made.id, VpcEndpointIds=[endpoint])
    group = here.ec2.create_security_group(GroupName="g", Description="d", VpcId=here.vpc)["GroupId"]
    here.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddSecurityGroupIds=[group])
    sandbox.clock.advance(sandbox.profile.rejection)
    assert here.state() == "rejected"


def test_a_deleted_service_is_deleting_then_deleted_then_nothing_and_its_name_is_nobodys(
    sandbox: worlds.World, offer: Any, place: Any, refused: Any
) -> None:
    made, here = offer(), place()
    sandbox.profile = worlds.REAL
    describe = made.ec2.describe_vpc_endpoint_service_configurations
    states = []
    assert _code(made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id])) is None
    refused("InvalidServiceName", here.connect, service_name=made.name)
    refused("InvalidServiceName", here.ec2.describe_vpc_endpoint_services, ServiceNames=[made.name])
    for _ in range(2):
        states.append(describe(ServiceIds=[made.id])["ServiceConfigurations"][0]["ServiceState"])
        sandbox.clock.advance(sandbox.profile.service_deleting)
    assert states == ["Deleting", "Deleted"]
    assert (
        _code(made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id]))
        == "InvalidVpcEndpointService.NotFound"
    )
    refused("InvalidState", made.ec2.modify_vpc_endpoint_service_configuration, ServiceId=made.id)
    sandbox.clock.advance(sandbox.profile.deleted)
    refused("InvalidVpcEndpointServiceId.NotFound", describe, ServiceIds=[made.id])
    assert describe()["ServiceConfigurations"] == []


def test_ids_that_are_none_are_told_apart_from_ids_of_nothing(offer: Any, consumer: Any, refused: Any) -> None:
    made, ec2 = offer(), consumer.client("ec2")
    for wrong in ("nonsense", "vpce-1", "vpce-0000000000000000g", "vpce-svc-00000000000000000"):
        ids = {"VpcEndpointIds": [ABSENT, wrong]}
        refused("InvalidVpcEndpointId.Malformed", ec2.delete_vpc_endpoints, **ids)
        refused("InvalidVpcEndpointId.Malformed", ec2.describe_vpc_endpoints, VpcEndpointIds=[wrong])
        refused("InvalidVpcEndpointId.Malformed", ec2.modify_vpc_endpoint, VpcEndpointId=wrong)
        for decide in (made.ec2.accept_vpc_endpoint_connections, made.ec2.reject_vpc_endpoint_connections):
            refused("InvalidVpcEndpointId.Malformed", decide, ServiceId=made.id, **ids)
    refused("InvalidVpcEndpointId.NotFound", ec2.describe_vpc_endpoints, VpcEndpointIds=[ABSENT])
    refused("InvalidVpcEndpointId.NotFound", ec2.modify_vpc_endpoint, VpcEndpointId=ABSENT)
    describe = made.ec2.describe_vpc_endpoint_service_configurations
    for wrong in ("nonsense", "vpce-svc-1", ABSENT):
        refused("InvalidVpcEndpointServiceId.Malformed", describe, ServiceIds=[wrong])
        delete = made.ec2.delete_vpc_endpoint_service_configurations
        refused("InvalidVpcEndpointServiceId.Malformed", delete, ServiceIds=[wrong])


def test_the_same_token_at_the_same_time_makes_one_thing(offer: Any, place: Any) -> None:
    made, here = offer(), place()
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: here.connect(made.name, ClientToken="one"), range(8)))
    assert len(ids) == 1
    assert [one["VpcEndpointId"] for one in here.ec2.describe_vpc_endpoints()["VpcEndpoints"]] == list(ids)


def test_a_token_outlives_what_it_made(sandbox: worlds.World, offer: Any, place: Any, refused: Any) -> None:
    """What AWS answers is not known; a dead thing is what nobody can take for a new one."""
    made, here = offer(), place()
    first = here.connect(made.name, ClientToken="t")
    sandbox.profile = worlds.REAL
    here.ec2.delete_vpc_endpoints(VpcEndpointIds=[first])
    for state in ("deleting", "deleted", "deleted"):
        assert here.connect(made.name, ClientToken="t") == first
        assert here.endpoint["State"] == state
        sandbox.clock.advance(sandbox.profile.endpoint_deleting)
    refused("InvalidVpcEndpointId.NotFound", here.ec2.describe_vpc_endpoints, VpcEndpointIds=[first])
    refused("IdempotentParameterMismatch", here.connect, service_name=made.name, ClientToken="t", SubnetIds=[])


def test_a_token_of_a_deleted_service_gives_the_deleted_service(offer: Any) -> None:
    made = offer()
    lb = made.elb.create_load_balancer(Name="two", Type="network", Scheme="internal", Subnets=made.subnets)
    asked = {"NetworkLoadBalancerArns": [lb["LoadBalancers"][0]["LoadBalancerArn"]], "ClientToken": "t"}
    create = made.ec2.create_vpc_endpoint_service_configuration
    first = create(**asked)["ServiceConfiguration"]
    made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[first["ServiceId"]])
    again = create(**asked)["ServiceConfiguration"]
    assert (again["ServiceId"], again["ServiceState"]) == (first["ServiceId"], "Deleted")


@pytest.mark.parametrize(("token", "code"), [("x" * 65, "InvalidClientToken"), ("ü", "InvalidClientToken")])
def test_a_token_that_cannot_be_one_is_refused(offer: Any, place: Any, refused: Any, token: str, code: str) -> None:
    made, here = offer(), place()
    refused(code, here.connect, service_name=made.name, ClientToken=token)
    assert here.connect(made.name, ClientToken="x" * 64)


def test_who_pays_can_be_said_and_is_told(offer: Any, place: Any, refused: Any) -> None:
    made, here = offer(), place()
    endpoint = here.connect(made.name)
    service = made.ec2.modify_vpc_endpoint_service_payer_responsibility
    assert service(ServiceId=made.id, PayerResponsibility="ServiceOwner")["ReturnValue"] is True
    [config] = made.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert config["PayerResponsibility"] == "ServiceOwner"
    ask = {"ServiceId": made.id, "VpcEndpointId": endpoint, "Scope": "vpc-endpoint-charges"}
    one = made.ec2.modify_vpc_endpoint_payer_responsibility
    answer = one(PayerResponsibility="vpc-endpoint-service-account", **ask)
    said = [{"Scope": "vpc-endpoint-charges", "PayerResponsibilityType": "vpc-endpoint-service-account"}]
    assert answer["PayerResponsibilities"] == said
    assert here.ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["PayerResponsibilities"] == said
    connections = made.ec2.describe_vpc_endpoint_connections()["VpcEndpointConnections"]
    assert connections[0]["PayerResponsibilities"] == said
    refused("InvalidParameter", one, PayerResponsibility="resource-gateway-account", **ask)
    ask["VpcEndpointId"] = ABSENT
    refused("InvalidVpcEndpointId.NotFound", one, PayerResponsibility="vpc-endpoint-account", **ask)


def test_a_dry_run_of_every_call_says_that_it_would_work_and_changes_nothing(
    offer: Any, place: Any, refused: Any
) -> None:
    made, here = offer(), place()
    endpoint = here.connect(made.name)

    def everything() -> Any:
        read = (
            made.ec2.describe_vpc_endpoint_service_configurations,
            made.ec2.describe_vpc_endpoint_connections,
            here.ec2.describe_vpc_endpoints,
        )
        found = [call() for call in read]
        permissions = made.ec2.describe_vpc_endpoint_service_permissions(ServiceId=made.id)
        return [{k: v for k, v in one.items() if k != "ResponseMetadata"} for one in (*found, permissions)]

    before = everything()
    service, both = {"ServiceId": made.id}, {"ServiceId": made.id, "VpcEndpointIds": [endpoint]}
    payer = {"Scope": "vpc-endpoint-charges", "PayerResponsibility": "vpc-endpoint-account"}
    one = {"VpcEndpointId": endpoint}
    for method, arguments in [
        (made.ec2.modify_vpc_endpoint_service_configuration, {**service, "AcceptanceRequired": False}),
        (made.ec2.modify_vpc_endpoint_service_permissions, {**service, "AddAllowedPrincipals": ["*"]}),
        (made.ec2.modify_vpc_endpoint_service_payer_responsibility, {**service, "PayerResponsibility": "ServiceOwner"}),
        (made.ec2.modify_vpc_endpoint_payer_responsibility, {**service, **one, **payer}),
        (made.ec2.accept_vpc_endpoint_connections, both),
        (made.ec2.reject_vpc_endpoint_connections, both),
        (made.ec2.describe_vpc_endpoint_connections, {}),
        (made.ec2.describe_vpc_endpoint_connection_notifications, {}),
        (made.ec2.delete_vpc_endpoint_connection_notifications, {"ConnectionNotificationIds": ["x"]}),
        (made.ec2.delete_vpc_endpoint_service_configurations, {"ServiceIds": [made.id]}),
        (here.ec2.describe_vpc_endpoint_services, {}),
        (here.ec2.describe_vpc_endpoint_associations, {}),
        (here.ec2.modify_vpc_endpoint, {**one, "PrivateDnsEnabled": False}),
        (here.ec2.delete_vpc_endpoints, {"VpcEndpointIds": [endpoint]}),
    ]:
        refused("DryRunOperation", method, DryRun=True, **arguments)
        assert everything() == before, method


def test_there_are_no_associations_of_interface_endpoints(offer: Any, place: Any, refused: Any) -> None:
    made, here = offer(), place()
    endpoint = here.connect(made.name)
    describe = here.ec2.describe_vpc_endpoint_associations
    assert describe(VpcEndpointIds=[endpoint])["VpcEndpointAssociations"] == []
    refused("InvalidVpcEndpointId.NotFound", describe, VpcEndpointIds=[ABSENT])
    refused("InvalidFilter", describe, Filters=[{"Name": "colour", "Values": ["red"]}])
