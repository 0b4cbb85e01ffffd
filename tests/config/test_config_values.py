"""Wrong values of single keys: the exact line, what is wrong, what is allowed. And right ones: what comes out."""

from pathlib import Path

import pytest
from config_door import BOTH, CONSUMER, PROVIDER, Door

from plinkctl.link import Access, Consumer, Link, Network, Provider, Response, Side

SERVICE = "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0"
BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:111111111111:loadbalancer/net/mine/0123456789abcdef"

EVERYTHING = f"""\
name: my-link2
region: eu-central-1
tags:
  team: platform + friends
  "cost centre": "007"
provider:
  profile: prov
  account: "111111111111"
  endpoint_url: http://127.0.0.1:4566
  network:
    cidr: 10.1.0.0/20
    subnets: 3
  allow:
    - "222222222222"
    - arn:aws:iam::333333333333:role/reader
    - "222222222222"
  acceptance_required: no
  port: 8080
  response:
    status: 404
    body: ""
    content_type: application/json
  enforce_inbound_rules: true
  consumer_cidrs: [10.9.0.0/16, 0.0.0.0/0]
consumer:
  region: eu-central-1
  network:
    vpc_id: vpc-0123456789abcdef0
    subnet_ids: [subnet-01234567, subnet-89abcdef]
  service_name: {SERVICE}
  port: 8080
  private_dns: true
  retention_days: 731
  function_timeout: 60
  request_timeout: 58
"""


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_every_key_arrives_in_the_link(door: Door) -> None:
    assert door.link(EVERYTHING, sides=PROVIDER) == Link(
        name="my-link2",
        tags={"team": "platform + friends", "cost centre": "007"},
        provider=Provider(
            access=Access(
                profile="prov", region="eu-central-1", account="111111111111", endpoint_url="http://127.0.0.1:4566"
            ),
            network=Network(cidr="10.1.0.0/20", subnets=3),
            allow=("222222222222", "arn:aws:iam::333333333333:role/reader"),
            acceptance_required=False,
            port=8080,
            response=Response(status=404, body="", content_type="application/json"),
            enforce_inbound_rules=True,
            consumer_cidrs=("10.9.0.0/16", "0.0.0.0/0"),
        ),
        consumer=Consumer(
            access=Access(region="eu-central-1"),
            network=Network(
                vpc_id="vpc-0123456789abcdef0", subnet_ids=("subnet-01234567", "subnet-89abcdef"), subnets=1
            ),
            service_name=SERVICE,
            port=8080,
            private_dns=True,
            retention_days=731,
            function_timeout=60,
            request_timeout=58,
        ),
    )


def test_without_a_file_the_sides_asked_for_come_from_defaults(door: Door) -> None:
    assert door.link(None) == Link(provider=Provider(), consumer=Consumer())
    assert door.link(None, sides=PROVIDER, complete=False) == Link(provider=Provider())
    assert door.link(None, sides=CONSUMER, complete=False) == Link(consumer=Consumer())


def test_a_side_not_asked_for_comes_only_from_the_file(door: Door) -> None:
    assert door.link("name: x\n", sides=CONSUMER, complete=False).provider is None
    link = door.link("provider:\nconsumer:\n", sides=CONSUMER, complete=False)
    assert link.provider == Provider()


def test_a_side_not_asked_for_is_validated_all_the_same(door: Door) -> None:
    (problem,) = door.problems("provider:\n  port: 0\n", sides=CONSUMER, complete=False)
    assert problem == "link.yaml:2: provider.port: 0 is not allowed; expected a whole number from 1 to 65535"


def test_a_whole_number_with_a_point_is_a_whole_number(door: Door) -> None:
    link = door.link("provider:\n  port: 8080.0\n")
    assert link.provider is not None
    assert repr(link.provider.port) == "8080"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("name: Demo\n", '1: name: "Demo" is not allowed; expected a small letter, then at most 30'),
        ("name: 1x\n", '1: name: "1x" is not allowed'),
        (f"name: {'a' * 32}\n", f'1: name: "{"a" * 32}" is not allowed'),
        ('name: "a\\n"\n', '1: name: "a\\n" is not allowed'),
        ("name: no\n", '1: name: YAML reads no as true or false; quote it: "no"'),
        ("name:\n", "1: name: no value; expected a small letter"),
        (
            "name: [x]\n",
            "1: name: expected a small letter, then at most 30 small letters, digits or hyphens, found a list",
        ),
        (
            "region: eu-central-1a\n",
            '1: region: "eu-central-1a" is not allowed; expected a region such as eu-central-1',
        ),
        ("region: Frankfurt\n", '1: region: "Frankfurt" is not allowed'),
        ("tags: x\n", "1: tags: expected at most 40 tags"),
        ("tags:\n  a: 5\n", '2: tags.a: YAML reads 5 as a number; quote it: "5"'),
        ("tags:\n  a: on\n", '2: tags.a: YAML reads on as true or false; quote it: "on"'),
        ("tags:\n  AWS:x: y\n", "2: tags.AWS:x: AWS keeps tags that begin with `aws:` to itself; choose another key"),
        ("tags:\n  plinkctl:x: y\n", "2: tags.plinkctl:x: plinkctl finds what it made by its own tags"),
        ("tags:\n  Name: y\n", "2: tags.Name: plinkctl names every resource by this tag itself; choose another key"),
        ("tags:\n  'a#b': y\n", '2: tags.a#b: "#" cannot stand in a tag; allowed are letters, digits, spaces and'),
        ("tags:\n  '': y\n", "2: tags.: a tag's key has 1 to 128 characters, this one 0"),
        (f"tags:\n  {'k' * 129}: y\n", f"2: tags.{'k' * 80}…: a tag's key has 1 to 128 characters, this one 129"),
        (f"tags:\n  a: {'v' * 257}\n", "2: tags.a: 257 characters; expected at most 256 letters"),
        ("tags:\n  a: {b: c}\n", "2: tags.a: expected "),
        ("tags:\n  '0': [y]\n", "2: tags.0: expected "),
        ("tags:\n  '': [y]\n", "2: tags.: a tag's key has 1 to 128 characters, this one 0"),
        ("tags:\n  '': ;\n", "2: tags.: a tag's key has 1 to 128 characters, this one 0"),
        ("tags:\n  a: b;c\n", '2: tags.a: ";" cannot stand in a tag'),
        ("tags:\n" + "".join(f"  k{n}: v\n" for n in range(41)), "1: tags: 41 given; expected at most 40 tags"),
        ("regoin: x\n", "1: regoin: unknown key; did you mean region?"),
        ("Provider:\n", "1: Provider: unknown key; did you mean provider?"),
        ("zzz: 1\n", "1: zzz: unknown key; a link file has name, region, tags, protect, state, provider, consumer"),
        ("port: 80\n", "1: port: unknown key here; did you mean provider.port or provider.tls.port or consumer.port?"),
        ("provider: 5\n", "1: provider: expected a section of keys and values, found a number, 5"),
        ("provider: []\n", "1: provider: expected a section of keys and values, found a list"),
    ],
)
def test_a_wrong_value_at_the_top_is_told_with_its_line(door: Door, content: str, problem: str) -> None:
    (said,) = door.problems(content)
    assert said.startswith(f"link.yaml:{problem}")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("  port: 0", "0 is not allowed; expected a whole number from 1 to 65535"),
        ("  port: 65536", "65536 is not allowed; expected a whole number from 1 to 65535"),
        ("  port: 80.5", "expected a whole number from 1 to 65535, found a number, 80.5"),
        ("  port: 0o17", 'expected a whole number from 1 to 65535, found text, "0o17"'),
        ("  port: yes", "expected a whole number from 1 to 65535, found true or false"),
        ('  port: "80"', 'expected a whole number from 1 to 65535, found text, "80"; write it without quotes'),
        ("  port:", "no value; expected a whole number from 1 to 65535, or leave the key out"),
        ("  profile: ''", '"" is not allowed; expected the name of a profile in the AWS configuration'),
        ("  account: 222222222222", 'YAML reads 222222222222 as a number; quote it: "222222222222"'),
        (
            "  account: 012345678901",
            "YAML readers disagree about the number 012345678901; quote it if it is text, such as",
        ),
        ('  account: "12345678901"', '"12345678901" has 11 digits; an account ID has 12; was a leading zero lost?'),
        ('  account: "1234567890123"', '"1234567890123" has 13 digits; an account ID has 12'),
        ("  account: 1111-2222-3333", '"1111-2222-3333" has separators; write "111122223333"'),
        ("  account: my-account", '"my-account" is not an account ID; it has 12 digits'),
        ("  endpoint_url: ftp://x", '"ftp://x" is not allowed; expected http:// or https://, a host'),
        ("  endpoint_url: localhost:4566", '"localhost:4566" is not allowed'),
    ],
)
@pytest.mark.parametrize("side", Side)
def test_a_wrong_value_of_either_side_is_told_with_its_line(door: Door, side: Side, lines: str, problem: str) -> None:
    key = lines.strip().partition(":")[0]
    (said,) = door.problems(f"name: x\n{side}:\n{lines}\n")
    assert said.startswith(f"link.yaml:3: {side}.{key}: {problem}")


def test_the_password_in_a_url_is_not_repeated(door: Door) -> None:
    (problem,) = door.problems("provider:\n  endpoint_url: https://me:hunter2@host/\n")
    assert 'endpoint_url: "https://…@host/" is not allowed' in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("cidr", "problem"),
    [
        ("10.0.0.0/15", "is too large; allowed are /16 to /24"),
        ("10.0.0.0/25", "is too small; allowed are /16 to /24"),
        ("10.0.0.1/16", "has bits set behind its prefix; the network is 10.0.0.0/16"),
        ("10.0.0.0", "is not an IPv4 network; expected ADDRESS/LENGTH, such as 10.0.0.0/16"),
        ("10.0.0.0/255.255.0.0", "is not an IPv4 network"),
        ("10.0.0.256/16", "is not an IPv4 network"),
        ("010.0.0.0/16", "is not an IPv4 network"),
        ("fd00::/16", "is not an IPv4 network"),
        ("127.0.0.0/16", "is reserved, and no VPC can have it; take a private block, such as 10.0.0.0/16"),
        ("169.254.0.0/16", "is reserved, and no VPC can have it"),
        ("224.1.0.0/16", "is reserved, and no VPC can have it"),
        ("0.0.0.0/16", "is reserved, and no VPC can have it"),
    ],
)
@pytest.mark.parametrize("side", Side)
def test_a_wrong_block_is_told_with_the_right_one(door: Door, side: Side, cidr: str, problem: str) -> None:
    (said,) = door.problems(f"{side}:\n  network:\n    cidr: {cidr}\n")
    assert said.startswith(f'link.yaml:3: {side}.network.cidr: "{cidr}" {problem}')


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "172.31.240.0/24", "192.168.0.0/20", "100.64.0.0/16", "8.8.8.0/24"])
def test_a_right_block_is_taken_private_or_not(door: Door, cidr: str) -> None:
    link = door.link(f"consumer:\n  network: {{cidr: {cidr}}}\n")
    assert link.consumer is not None
    assert link.consumer.network == Network(cidr=cidr, subnets=1)


@pytest.mark.parametrize(
    ("lines", "key", "problem"),
    [
        ("    subnets: 7", "subnets", "7 is not allowed; expected a whole number from "),
        ("    vpc_id: vpc-0123456789abcdef0", "vpc_id", "needs subnet_ids beside it: a list of at least "),
        (
            "    subnet_ids: [subnet-01234567, subnet-89abcdef]",
            "subnet_ids",
            "needs vpc_id beside it: vpc- and 8 or 17",
        ),
        ("    vpc_id: my-vpc\n    subnet_ids: [subnet-01234567, subnet-89abcdef]", "vpc_id", '"my-vpc" is not allowed'),
        ("    subnet_ids: []\n    vpc_id: vpc-01234567", "subnet_ids", "0 given; expected a list of at least "),
        ("    subnet_ids: subnet-01234567\n    vpc_id: vpc-01234567", "subnet_ids", "expected a list of at least "),
        (
            "    subnet_ids: [subnet-01234567, subnet-01234567]\n    vpc_id: vpc-01234567",
            "subnet_ids",
            "the same value stands here twice; expected a list of at least ",
        ),
        (
            "    cidr: 10.0.0.0/16\n    vpc_id: vpc-01234567\n    subnet_ids: [subnet-01234567, subnet-89abcdef]",
            "cidr",
            "cannot stand beside vpc_id: an existing VPC has its block and its subnets already; give one of the two",
        ),
        (
            "    subnets: 2\n    vpc_id: vpc-01234567\n    subnet_ids: [subnet-01234567, subnet-89abcdef]",
            "subnets",
            "cannot stand beside vpc_id",
        ),
        ("    vpc: x", "vpc", "unknown key; did you mean vpc_id?"),
    ],
)
@pytest.mark.parametrize("side", Side)
def test_a_network_is_made_or_borrowed_but_never_half(
    door: Door, side: Side, lines: str, key: str, problem: str
) -> None:
    (said,) = door.problems(f"{side}:\n  network:\n{lines}\n")
    assert said.startswith(f"link.yaml:3: {side}.network.{key}: {problem}")


def test_an_alb_needs_two_zones_and_an_endpoint_one(door: Door) -> None:
    borrowed = "  network: {vpc_id: vpc-01234567, subnet_ids: [subnet-01234567]}\n"
    (problem,) = door.problems(f"provider:\n{borrowed}")
    assert problem == (
        "link.yaml:2: provider.network.subnet_ids: 1 given; expected a list of at least 2 different subnet IDs, "
        "in different zones (an ALB needs two zones)"
    )
    (problem,) = door.problems("provider:\n  network: {subnets: 1}\n")
    assert problem == (
        "link.yaml:2: provider.network.subnets: 1 is not allowed; "
        "expected a whole number from 2 to 6 (an ALB needs two zones)"
    )
    assert door.link(f"consumer:\n{borrowed}  service_name: {SERVICE}\n", sides=CONSUMER).consumer is not None


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "allow: '222222222222'",
            'allow: expected a list of principals, found text, "222222222222"; write ["222222222222"]',
        ),
        ("allow: [222222222222]", 'allow[0]: YAML reads 222222222222 as a number; quote it: "222222222222"'),
        ("acceptance_required: 1", "acceptance_required: expected true or false, found a number, 1"),
        (
            "acceptance_required: 'no'",
            'acceptance_required: expected true or false, found text, "no"; write it without',
        ),
        ("allow_public: '  '", 'allow_public: "  " is not allowed; expected a sentence that says why anybody'),
        ("response: {status: 302}", "response.status: 302 is not allowed; expected 200 to 299 or 400 to 599"),
        ("response: {status: 199}", "response.status: 199 is not allowed"),
        ("response: {status: 600}", "response.status: 600 is not allowed"),
        ("response: {status: '200'}", "response.status: expected 200 to 299 or 400 to 599"),
        (
            f"response: {{body: {'x' * 1025}}}",
            "response.body: 1,025 characters; expected text of at most 1,024 characters",
        ),
        ("response: {body: 5}", 'response.body: YAML reads 5 as a number; quote it: "5"'),
        (
            "response: {content_type: text/xml}",
            'response.content_type: "text/xml" is not allowed; expected one of text/',
        ),
        (
            "load_balancer_arn: my-nlb",
            'load_balancer_arn: "my-nlb" is not the ARN of a Network Load Balancer; expected',
        ),
        (f"load_balancer_arn: {BALANCER.replace('/net/', '/app/')}", f'load_balancer_arn: "{BALANCER[:67]}'),
        ("consumer_cidrs: [10.0.0.1/8]", 'consumer_cidrs[0]: "10.0.0.1/8" has bits set behind its prefix; the network'),
        ("consumer_cidrs: 10.0.0.0/8", "consumer_cidrs: expected a list of IPv4 networks, found text"),
        ("service_name: x", "service_name: unknown key here; did you mean consumer.service_name?"),
    ],
)
def test_a_wrong_value_of_the_provider_is_told_with_its_line(door: Door, line: str, problem: str) -> None:
    (said,) = door.problems(f"name: x\nprovider:\n  {line}\n")
    assert said.startswith(f"link.yaml:3: provider.{problem}")


@pytest.mark.parametrize("kind", ["app", "gwy"])
def test_another_kind_of_load_balancer_is_told_apart(door: Door, kind: str) -> None:
    (problem,) = door.problems(f"provider:\n  load_balancer_arn: {BALANCER.replace('/net/', f'/{kind}/')}\n")
    assert {"app": "is an Application Load Balancer", "gwy": "is a Gateway Load Balancer"}[kind] in problem


@pytest.mark.parametrize("status", [200, 299, 400, 404, 500, 599])
def test_every_status_an_alb_can_answer_is_taken(door: Door, status: int) -> None:
    link = door.link(f"provider:\n  response: {{status: {status}}}\n")
    assert link.provider is not None
    assert link.provider.response == Response(status=status)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("retention_days: 2", "retention_days: 2 is not allowed; expected one of 1, 3, 5, 7, 14, 30"),
        ("retention_days: 0", "retention_days: 0 is not allowed"),
        ("private_dns: maybe", 'private_dns: expected true or false, found text, "maybe"'),
        ("function_timeout: 4", "function_timeout: 4 is not allowed; expected a whole number from 5 to 60"),
        ("function_timeout: 61", "function_timeout: 61 is not allowed"),
        ("request_timeout: 0", "request_timeout: 0 is not allowed; expected a whole number from 1 to function_timeout"),
        (
            "service_name: vpce-svc-0123",
            'service_name: "vpce-svc-0123" is the service\'s ID; expected its whole name, com.',
        ),
        (
            "service_name: com.amazonaws.eu-central-1.s3",
            'service_name: "com.amazonaws.eu-central-1.s3" is a service of AWS',
        ),
        (
            "service_name: my.service",
            'service_name: "my.service" is not an endpoint service\'s name; expected com.amazonaws',
        ),
        ("allow: []", "allow: unknown key here; did you mean provider.allow?"),
    ],
)
def test_a_wrong_value_of_the_consumer_is_told_with_its_line(door: Door, line: str, problem: str) -> None:
    (said,) = door.problems(f"name: x\nconsumer:\n  {line}\n", sides=CONSUMER, complete=False)
    assert said.startswith(f"link.yaml:3: consumer.{problem}")


def test_all_problems_of_a_file_are_told_at_once_and_by_line(door: Door) -> None:
    said = door.problems(
        "name: X\nregoin: x\nprovider:\n  port: 0\n  port: 1\n  allow: ['1', '*']\nconsumer:\n"
        "  request_timeout: 20\n  private_dns: !!bool yes\n"
    )
    assert [problem.split(" ")[0:2] for problem in said] == [
        ["link.yaml:1:", "name:"],
        ["link.yaml:2:", "regoin:"],
        ["link.yaml:5:", "provider.port:"],
        ["link.yaml:6:", "provider.allow[0]:"],
        ["link.yaml:6:", "provider.allow[1]:"],
        ["link.yaml:8:", "consumer.request_timeout:"],
        ["link.yaml:9:", "consumer.private_dns:"],
    ]


def test_both_sides_are_there_when_both_are_asked_for(door: Door) -> None:
    link = door.link("name: x\n", sides=BOTH)
    assert link.provider == Provider()
    assert link.consumer == Consumer()
