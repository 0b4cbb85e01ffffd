"""What keys demand of each other, of the sides asked for, and of the user's consent."""

from pathlib import Path

import pytest
from config_door import BOTH, CONSUMER, PROVIDER, Door

from plinkctl.config import check_service_region
from plinkctl.errors import Exit, RefusedError, UsageError

SERVICE = "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0"
BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:111111111111:loadbalancer/net/mine/0123456789abcdef"


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_a_provider_alone_must_say_who_may_connect(door: Door) -> None:
    text = "nobody could connect to the service; name the consumer's account here or with --allow"
    assert door.problems("name: x\nprovider:\n  port: 80\n", sides=PROVIDER) == [f"link.yaml:2: provider.allow: {text}"]
    assert door.problems("provider:\n  allow: []\n", sides=PROVIDER) == [f"link.yaml:2: provider.allow: {text}"]
    assert door.problems(None, sides=PROVIDER) == [f"provider.allow: {text}"]


def test_a_consumer_alone_must_say_which_service(door: Door) -> None:
    text = "missing; give the name that `plinkctl provider up` printed, here or with --service-name"
    assert door.problems("name: x\n", sides=CONSUMER) == [f"link.yaml: consumer.service_name: {text}"]
    assert door.problems(None, sides=CONSUMER) == [f"consumer.service_name: {text}"]


def test_nothing_is_missing_when_both_sides_are_walked_or_nothing_is_made(door: Door) -> None:
    assert door.link("name: x\n", sides=BOTH).name == "x"
    assert door.link(None, sides=PROVIDER, complete=False).provider is not None
    assert door.link(None, sides=CONSUMER, complete=False).consumer is not None


def test_a_key_that_is_wrong_is_not_also_missing(door: Door) -> None:
    assert len(door.problems("provider:\n  allow: 5\n", sides=PROVIDER)) == 1
    assert len(door.problems("consumer:\n  service_name: 5\n", sides=CONSUMER)) == 1
    assert len(door.problems("consumer: 5\n", sides=CONSUMER)) == 1


def test_a_service_name_in_the_file_does_not_hinder_both_sides_in_one_walk(door: Door) -> None:
    content = f"provider:\nconsumer:\n  service_name: {SERVICE}\n"
    assert door.link(content, sides=BOTH).consumer is not None
    assert door.link(content, sides=CONSUMER).consumer is not None


@pytest.mark.parametrize(
    "content",
    [
        "region: us-east-1\nname: x\nconsumer:\n  service_name: {0}\n",
        "name: x\nconsumer:\n  region: us-east-1\n  service_name: {0}\n",
    ],
)
def test_a_service_of_another_region_is_told_with_its_region(door: Door, content: str) -> None:
    assert door.problems(content.format(SERVICE), sides=CONSUMER) == [
        (
            f'link.yaml:4: consumer.service_name: "{SERVICE}" is a service in eu-central-1, the consumer is in '
            "us-east-1; links over regions are not built yet, so the consumer's region must be eu-central-1"
        )
    ]


def test_a_service_of_an_unknown_region_is_left_to_the_second_check(door: Door) -> None:
    assert door.link(f"consumer:\n  service_name: {SERVICE}\n", sides=CONSUMER).consumer is not None
    check_service_region(SERVICE, "eu-central-1")
    with pytest.raises(UsageError, match="is a service in eu-central-1, the consumer is in us-east-1") as caught:
        check_service_region(SERVICE, "us-east-1")
    assert caught.value.hint == "run the same command with --region eu-central-1"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("provider:\n  region: us-east-1\nconsumer:\n  region: eu-west-1\n", "4: consumer.region"),
        ("region: us-east-1\nprovider:\nconsumer:\n  region: eu-west-1\n", "4: consumer.region"),
        ("region: eu-west-1\nprovider:\n  region: us-east-1\nconsumer:\n", "1: region"),
    ],
)
def test_two_regions_are_refused_plainly(door: Door, content: str, line: str) -> None:
    said = (
        f"link.yaml:{line}: the consumer is in eu-west-1, the provider in us-east-1; links over regions are not built"
    )
    for sides in (BOTH, PROVIDER, CONSUMER):
        (problem,) = door.problems(content, sides=sides, complete=False)
        assert problem.startswith(said)


def test_a_region_left_to_the_environment_is_not_judged(door: Door) -> None:
    assert door.link("provider:\n  region: us-east-1\nconsumer:\n").provider is not None


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("", "and allow_public, the reason for it, is missing"),
        ("  acceptance_required: true\n", "and allow_public, the reason for it, is missing"),
        ("  acceptance_required: false\n", "and acceptance_required is false, so anybody who learns"),
        ("  acceptance_required: false\n  allow_public: beta\n", "and acceptance_required is false, so anybody"),
    ],
)
@pytest.mark.parametrize("complete", [True, False])
def test_everybody_may_connect_only_with_consent(door: Door, lines: str, why: str, complete: bool) -> None:
    with pytest.raises(RefusedError) as caught:
        door.link(f"provider:\n{lines}  allow:\n    - '222222222222'\n    - '*'\n", sides=PROVIDER, complete=complete)
    error = caught.value
    assert error.exit_code is Exit.REFUSED
    assert error.code == "public_principal"
    line = 5 + lines.count("\n")
    assert f"link.yaml:{line - 1}: provider.allow[1]: `*` lets every AWS account ask to connect, {why}" in error.message
    assert error.hint is not None
    assert "allow_public" in error.hint


def test_consent_is_acceptance_by_hand_and_a_reason(door: Door) -> None:
    link = door.link("provider:\n  allow: ['*']\n  allow_public: open beta, ends in March\n", sides=PROVIDER)
    assert link.provider is not None
    assert link.provider.allow == ("*",)
    assert link.provider.allow_public == "open beta, ends in March"


def test_a_refusal_is_told_with_the_other_problems_first(door: Door) -> None:
    assert len(door.problems("name: X\nprovider:\n  allow: ['*']\n")) == 2


@pytest.mark.parametrize(
    ("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eu-central-1", "aws")]
)
def test_a_principal_of_another_partition_is_refused(door: Door, region: str, partition: str) -> None:
    own = f"arn:{partition}:iam::222222222222:root"
    assert door.link(f"region: {region}\nprovider:\n  allow: ['{own}', '222222222222']\n", sides=PROVIDER).provider
    other = "arn:aws-iso:iam::222222222222:role/x"
    assert door.problems(f"region: {region}\nprovider:\n  allow:\n    - {own}\n    - {other}\n", sides=PROVIDER) == [
        (
            f'link.yaml:5: provider.allow[1]: "{other}" is in partition aws-iso, the provider\'s region in '
            f"{partition}; PrivateLink does not reach over partitions"
        )
    ]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("network: {cidr: 10.0.0.0/16}", "network"),
        ("network:", "network"),
        ("response: {status: 200}", "response"),
        ("enforce_inbound_rules: false", "enforce_inbound_rules"),
        ("consumer_cidrs: [10.0.0.0/16]", "consumer_cidrs"),
    ],
)
def test_an_existing_load_balancer_leaves_nothing_to_make_around_it(door: Door, line: str, key: str) -> None:
    assert door.problems(f"provider:\n  load_balancer_arn: {BALANCER}\n  {line}\n") == [
        (
            f"link.yaml:3: provider.{key}: cannot stand beside load_balancer_arn: an existing load balancer has its "
            "network, listeners and rules already; give one of the two"
        )
    ]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("  region: us-east-1\n", "the load balancer is in eu-central-1, the provider in us-east-1"),
        ("  account: '222222222222'\n", "the load balancer is in account 111111111111, the provider in 222222222222"),
    ],
)
def test_an_existing_load_balancer_must_be_at_home(door: Door, lines: str, problem: str) -> None:
    content = f"provider:\n  load_balancer_arn: {BALANCER}\n"
    assert door.problems(content + lines) == [f"link.yaml:2: provider.load_balancer_arn: {problem}"]
    assert door.link(f"{content}  region: eu-central-1\n  account: '111111111111'\n").provider is not None


def test_the_consumer_asks_the_port_that_the_provider_offers(door: Door) -> None:
    link = door.link("provider:\n  port: 8080\nconsumer:\n")
    assert link.consumer is not None
    assert link.consumer.port == 8080
    said = "the consumer would ask port 80, the provider listens on 8080; leave this out to follow"
    assert door.problems("provider:\n  port: 8080\nconsumer:\n  port: 80\n") == [f"link.yaml:4: consumer.port: {said}"]
    alone = door.link(f"consumer:\n  port: 81\n  service_name: {SERVICE}\n", sides=CONSUMER)
    assert alone.consumer is not None
    assert alone.consumer.port == 81


@pytest.mark.parametrize(
    ("lines", "line", "key", "most"),
    [
        ("  request_timeout: 14\n", 2, "request_timeout", 13),
        ("  function_timeout: 10\n  request_timeout: 9\n", 3, "request_timeout", 8),
        ("  function_timeout: 6\n", 2, "function_timeout", 4),
    ],
)
def test_the_function_must_outlive_its_request(door: Door, lines: str, line: int, key: str, most: int) -> None:
    (problem,) = door.problems(f"consumer:\n{lines}")
    assert problem.startswith(f"link.yaml:{line}: consumer.{key}: a request may take ")
    assert problem.endswith(f"make request_timeout {most} or less")


def test_a_request_two_seconds_shorter_than_its_function_is_taken(door: Door) -> None:
    link = door.link("consumer:\n  function_timeout: 7\n")
    assert link.consumer is not None
    assert link.consumer.request_timeout == 5


def test_a_group_that_filters_must_know_whom_to_admit(door: Door) -> None:
    content = "provider:\n  allow: ['222222222222']\n  enforce_inbound_rules: true\n"
    text = "enforce_inbound_rules would keep every consumer out; name their addresses here or with --consumer-cidr"
    assert door.problems(content, sides=PROVIDER) == [f"link.yaml:1: provider.consumer_cidrs: {text}"]
    borrowed = "consumer:\n  network: {vpc_id: vpc-01234567, subnet_ids: [subnet-01234567]}\n"
    assert door.problems(content + borrowed, sides=BOTH) == [f"link.yaml:1: provider.consumer_cidrs: {text}"]
    assert door.link(content, sides=BOTH).provider is not None
    assert door.link(content, sides=PROVIDER, complete=False).provider is not None
    link = door.link(f"{content}  consumer_cidrs: [10.9.0.0/16, 192.168.1.7/32]\n", sides=PROVIDER)
    assert link.provider is not None
    assert link.provider.consumer_cidrs == ("10.9.0.0/16", "192.168.1.7/32")
