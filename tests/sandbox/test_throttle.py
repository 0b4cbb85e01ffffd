"""Too many calls: AWS's token buckets per account, region and action, refilled by the sandbox's clock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from plinkctl.sandbox import world
from plinkctl.sandbox.door.protocol import Asked
from plinkctl.sandbox.door.throttle import Buckets, limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Side


@pytest.fixture
def throttled(sandbox: world.World) -> world.World:
    """AWS's rates, and nothing else of the real profile."""
    sandbox.profile = replace(world.INSTANT, throttle=1)
    return sandbox


def passed(times: int, call: Callable[..., Any], **arguments: Any) -> int:
    """How many of so many calls are let through; the others must be throttled."""
    through = 0
    for _ in range(times):
        try:
            call(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("RequestLimitExceeded", "Throttling", "TooManyRequestsException"):
                continue
            if error.response["Error"]["Code"] == "ThrottlingException":
                continue
        through += 1
    return through


def test_the_profiles_have_none_ten_times_and_just_awss_rates() -> None:
    assert [profile.throttle for profile in (world.INSTANT, world.BRISK, world.REAL)] == [0, 10, 1]


def test_endpoints_have_a_bucket_of_four_that_fills_by_one_in_three_seconds_and_a_bit(
    throttled: world.World, consumer: Side, refused: Callable[..., str]
) -> None:
    ec2 = consumer.client("ec2")
    delete = {"VpcEndpointIds": ["vpce-0123456789abcdef0"]}
    assert passed(6, ec2.delete_vpc_endpoints, **delete) == 4
    refused("RequestLimitExceeded", ec2.delete_vpc_endpoints, **delete)
    throttled.clock.advance(3)
    refused("RequestLimitExceeded", ec2.delete_vpc_endpoints, **delete)
    throttled.clock.advance(0.5)
    assert passed(2, ec2.delete_vpc_endpoints, **delete) == 1
    throttled.clock.advance(3600)
    assert passed(6, ec2.delete_vpc_endpoints, **delete) == 4


def test_a_throttled_call_did_nothing_and_says_so_with_status_503(throttled: world.World, provider: Side) -> None:
    ec2 = provider.client("ec2")
    for number in range(50):
        ec2.create_security_group(GroupName=f"group-{number}", Description="-")
    with pytest.raises(ClientError) as caught:
        ec2.create_security_group(GroupName="group-50", Description="-")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    found = ec2.describe_security_groups(MaxResults=1000)["SecurityGroups"]
    assert len([one for one in found if one["GroupName"].startswith("group-")]) == 50


def test_reads_have_a_bucket_of_a_hundred_and_whole_lists_of_some_one_of_fifty(
    throttled: world.World, provider: Side
) -> None:
    ec2 = provider.client("ec2")
    assert passed(52, ec2.describe_security_groups) == 50
    assert passed(52, ec2.describe_security_groups, MaxResults=5) == 52
    assert passed(60, ec2.describe_vpcs) == 48


def test_accounts_and_regions_have_buckets_of_their_own(throttled: world.World, provider: Side, consumer: Side) -> None:
    delete = {"ServiceIds": ["vpce-svc-0123456789abcdef0"]}
    call = provider.client("ec2").delete_vpc_endpoint_service_configurations
    assert passed(12, call, **delete) == 10
    elsewhere = provider.session.client("ec2", endpoint_url=provider.url, region_name="eu-west-1")
    assert passed(1, elsewhere.delete_vpc_endpoint_service_configurations, **delete) == 1
    assert passed(1, consumer.client("ec2").delete_vpc_endpoint_service_configurations, **delete) == 1


def test_both_accounts_take_from_the_organisations_bucket_too(
    throttled: world.World, provider: Side, consumer: Side
) -> None:
    delete = {"VpcEndpointIds": ["vpce-0123456789abcdef0"]}
    assert passed(4, provider.client("ec2").delete_vpc_endpoints, **delete) == 4
    assert passed(4, consumer.client("ec2").delete_vpc_endpoints, **delete) == 2


@pytest.mark.parametrize(
    ("service", "method", "code", "status"),
    [
        ("elbv2", "describe_load_balancers", "Throttling", 400),
        ("iam", "list_roles", "Throttling", 400),
        ("lambda", "list_functions", "TooManyRequestsException", 429),
        ("logs", "describe_log_groups", "ThrottlingException", 400),
    ],
)
def test_other_services_throttle_in_their_own_words(
    throttled: world.World, provider: Side, service: str, method: str, code: str, status: int
) -> None:
    call = getattr(provider.client(service), method)
    assert 10 < passed(60, call) < 60
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)


def test_invocations_and_log_lines_are_not_bound_by_a_rate() -> None:
    for service, action in (("lambda", "Invoke"), ("logs", "PutLogEvents"), ("sts", "GetCallerIdentity")):
        assert limits(Asked(key="", service=service, region="-", action=action, protocol="json")) == ()


def test_a_refused_call_takes_nothing_and_a_clock_that_steps_back_gives_nothing() -> None:
    buckets, call = Buckets(), Asked(key="", service="ec2", region="r", action="DeleteVpcEndpoints", protocol="ec2")
    assert [buckets.take(call, "a", 100.0, 1) for _ in range(6)] == [True] * 4 + [False] * 2
    assert not buckets.take(call, "a", 50.0, 1)
    assert buckets.take(call, "a", 103.5, 1)
    assert not buckets.take(call, "a", 103.5, 1)
