"""Who may use an endpoint service, and when a change of that is believed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

if TYPE_CHECKING:
    from plinkctl.sandbox import world

from plinkctl.sandbox import world as worlds

CONSUMER = "arn:aws:iam::222222222222:root"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


def test_a_granted_principal_sees_the_service_after_a_delay_each_grant_its_own(
    sandbox: world.World, offer: Any, place: Any, refused: Any
) -> None:
    made, here = offer(principals=()), place()
    sandbox.profile = worlds.REAL
    modify = made.ec2.modify_vpc_endpoint_service_permissions
    modify(ServiceId=made.id, AddAllowedPrincipals=["arn:aws:iam::222222222222:user/consumer"])
    # The provider sees its own change at once.
    listed = made.ec2.describe_vpc_endpoint_service_permissions(ServiceId=made.id)["AllowedPrincipals"]
    assert [one["PrincipalType"] for one in listed] == ["User"]
    refused("InvalidServiceName", here.connect, service_name=made.name)
    sandbox.clock.advance(sandbox.profile.permission / 2)
    modify(ServiceId=made.id, AddAllowedPrincipals=[CONSUMER])  # does not put off the first
    refused("InvalidServiceName", here.ec2.describe_vpc_endpoint_services, ServiceNames=[made.name])
    sandbox.clock.advance(sandbox.profile.permission / 2)
    assert here.ec2.describe_vpc_endpoint_services(ServiceNames=[made.name])["ServiceNames"] == [made.name]


def test_a_removed_principal_sees_the_service_for_as_long_and_its_connections_stay(
    sandbox: world.World, offer: Any, place: Any, refused: Any
) -> None:
    made, here = offer(acceptance=False), place()
    here.connect(made.name)
    sandbox.profile = worlds.REAL
    sandbox.clock.advance(sandbox.profile.service)
    modify = made.ec2.modify_vpc_endpoint_service_permissions
    modify(ServiceId=made.id, RemoveAllowedPrincipals=[CONSUMER])
    assert made.ec2.describe_vpc_endpoint_service_permissions(ServiceId=made.id)["AllowedPrincipals"] == []
    sandbox.clock.advance(sandbox.profile.permission / 2)
    assert here.ec2.describe_vpc_endpoint_services()["ServiceNames"] == [made.name]
    sandbox.clock.advance(sandbox.profile.permission / 2)
    assert here.ec2.describe_vpc_endpoint_services()["ServiceNames"] == []
    refused("InvalidServiceName", here.connect, service_name=made.name)
    assert here.state() == "available"


def test_a_principal_removed_and_added_again_is_never_without(sandbox: world.World, offer: Any, consumer: Any) -> None:
    made = offer()
    sandbox.profile = worlds.REAL
    modify = made.ec2.modify_vpc_endpoint_service_permissions
    modify(ServiceId=made.id, RemoveAllowedPrincipals=[CONSUMER])
    modify(ServiceId=made.id, AddAllowedPrincipals=[CONSUMER])
    for _ in range(5):
        assert consumer.client("ec2").describe_vpc_endpoint_services()["ServiceNames"] == [made.name]
        sandbox.clock.advance(sandbox.profile.permission / 4)


def test_a_grant_taken_back_before_it_was_believed_never_is(sandbox: world.World, offer: Any, consumer: Any) -> None:
    made = offer(principals=())
    sandbox.profile = worlds.REAL
    modify = made.ec2.modify_vpc_endpoint_service_permissions
    modify(ServiceId=made.id, AddAllowedPrincipals=[CONSUMER])
    modify(ServiceId=made.id, RemoveAllowedPrincipals=[CONSUMER])
    for _ in range(5):
        assert consumer.client("ec2").describe_vpc_endpoint_services()["ServiceNames"] == []
        sandbox.clock.advance(sandbox.profile.permission / 4)


def _keys(side: Any, keys: dict[str, str]) -> Any:
    """EC2 by other keys than those of the account's own user."""
    session = boto3.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys.get("SessionToken"),
        region_name="us-east-1",
    )
    return session.client("ec2", endpoint_url=side.url)


def test_a_user_is_admitted_by_its_own_name_only(offer: Any, consumer: Any) -> None:
    made = offer(principals=("arn:aws:iam::222222222222:user/ann",))
    iam = consumer.client("iam")
    keys = {}
    for name in ("ann", "bob"):
        iam.create_user(UserName=name)
        keys[name] = iam.create_access_key(UserName=name)["AccessKey"]
    assert _keys(consumer, keys["ann"]).describe_vpc_endpoint_services()["ServiceNames"] == [made.name]
    assert _keys(consumer, keys["bob"]).describe_vpc_endpoint_services()["ServiceNames"] == []
    assert consumer.client("ec2").describe_vpc_endpoint_services()["ServiceNames"] == []


@pytest.mark.parametrize(
    ("path", "principal", "admitted"), [("/", "connector", True), ("/a/b/", "connector", True), ("/", "other", False)]
)
def test_a_session_of_an_assumed_role_is_its_role(
    offer: Any, consumer: Any, path: str, principal: str, admitted: bool
) -> None:
    made = offer(principals=(f"arn:aws:iam::222222222222:role/{principal}",))
    role = consumer.client("iam").create_role(
        RoleName="connector", Path=path, AssumeRolePolicyDocument=json.dumps(TRUST)
    )["Role"]["Arn"]
    session = consumer.client("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    found = _keys(consumer, session).describe_vpc_endpoint_services()["ServiceNames"]
    assert found == ([made.name] if admitted else [])
    assert consumer.client("ec2").describe_vpc_endpoint_services()["ServiceNames"] == []


def test_an_account_nobody_knows_can_be_allowed(offer: Any) -> None:
    made = offer(principals=("arn:aws:iam::999999999999:root", "*"))
    listed = made.ec2.describe_vpc_endpoint_service_permissions(
        ServiceId=made.id, Filters=[{"Name": "principal-type", "Values": ["Account"]}]
    )["AllowedPrincipals"]
    assert [one["Principal"] for one in listed] == ["arn:aws:iam::999999999999:root"]


def test_permissions_for_transit_gateways_are_refused_and_dry_runs_too(offer: Any, refused: Any) -> None:
    made = offer(principals=())
    modify = made.ec2.modify_vpc_endpoint_service_permissions
    asked = {"ServiceId": made.id, "AddAllowedPrincipals": [CONSUMER]}
    refused("InvalidParameter", modify, PermissionType="transit-gateway-attachment", **asked)
    refused("DryRunOperation", modify, DryRun=True, **asked)
    refused("InvalidVpcEndpointServiceId.Malformed", modify, **{**asked, "ServiceId": "nonsense"})
    assert made.ec2.describe_vpc_endpoint_service_permissions(ServiceId=made.id)["AllowedPrincipals"] == []


def test_a_service_of_awss_own_is_refused_with_what_is_missing(place: Any, refused: Any) -> None:
    made = place("use1-az1")
    ask = {"ServiceName": "com.amazonaws.us-east-1.s3", "VpcId": made.vpc, "VpcEndpointType": "Gateway"}
    assert "local AWS has no endpoints of AWS's own" in refused(
        "InvalidServiceName", made.ec2.create_vpc_endpoint, **ask
    )
