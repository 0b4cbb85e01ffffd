"""The drawing of a link: whole, from one side only, and over a borrowed load balancer."""

import json
from dataclasses import asdict

from plinkctl.render.diagram import Hop, LinkPicture, Place, diagram

CONSUMER = Place(account="222222222222", region="eu-west-1")
PROVIDER = Place(account="111111111111", region="eu-west-1")
ENDPOINT = Hop(id="vpce-1", state="available", zones=("euw1-az1",))
SERVICE = Hop(id="vpce-svc-1", state="Available", zones=("euw1-az1", "euw1-az2"))
NLB = Hop(id="arn:aws:elasticloadbalancing:eu-west-1:111111111111:loadbalancer/net/n/1", state="active")
WHOLE = LinkPicture(
    consumer=CONSUMER,
    provider=PROVIDER,
    function=Hop(id="plinkctl-demo", state="Active"),
    endpoint=ENDPOINT,
    connection="available",
    service=SERVICE,
    nlb=NLB,
    target_group=Hop(id="tg", note="1 of 1 healthy"),
    alb=Hop(id="alb", state="active"),
    response="200 Hello from ALB!",
)


def test_the_whole_way_of_a_request_is_drawn() -> None:
    assert diagram(WHOLE).splitlines() == [
        "consumer  222222222222  eu-west-1",
        "└─ probe function  plinkctl-demo  Active",
        "   └─ endpoint  vpce-1  available  euw1-az1",
        "      │",
        "      │  connection: available",
        "      ▼",
        "provider  111111111111  eu-west-1",
        "└─ endpoint service  vpce-svc-1  Available  euw1-az1 euw1-az2",
        "   └─ NLB  loadbalancer/net/n/1  active",
        "      └─ target group  tg  1 of 1 healthy",
        "         └─ ALB  alb  active",
        "            └─ fixed response  200 Hello from ALB!",
    ]


def test_without_utf8_the_same_is_drawn_in_ascii() -> None:
    drawn = diagram(WHOLE, unicode=False)
    assert drawn.isascii()
    assert drawn.splitlines()[1:6] == [
        "`- probe function  plinkctl-demo  Active",
        "   `- endpoint  vpce-1  available  euw1-az1",
        "      |",
        "      |  connection: available",
        "      v",
    ]


def test_a_picture_survives_json() -> None:
    assert diagram(json.loads(json.dumps(asdict(WHOLE)))) == diagram(WHOLE)


def test_the_consumer_sees_the_service_and_nothing_behind_it() -> None:
    drawn = diagram(LinkPicture(consumer=CONSUMER, endpoint=ENDPOINT, service=SERVICE)).splitlines()
    assert drawn[1] == "└─ probe function  unknown"
    assert drawn[4] == "      │  connection: unknown"
    assert drawn[6:] == [
        "provider  somebody else's",
        "└─ endpoint service  vpce-svc-1  Available  euw1-az1 euw1-az2",
        "   └─ NLB  not ours to see",
        "      └─ target group  not ours to see",
        "         └─ ALB  not ours to see",
        "            └─ fixed response  not ours to see",
    ]


def test_the_provider_sees_the_endpoint_and_not_the_function() -> None:
    drawn = diagram(LinkPicture(provider=PROVIDER, endpoint=Hop(id="vpce-1"), connection="pendingAcceptance"))
    assert drawn.splitlines()[:5] == [
        "consumer  somebody else's",
        "└─ probe function  not ours to see",
        "   └─ endpoint  vpce-1",
        "      │",
        "      │  connection: pendingAcceptance",
    ]
    assert "ALB  unknown" in drawn


def test_behind_a_borrowed_load_balancer_nobody_looks() -> None:
    picture = LinkPicture(provider=PROVIDER, service=SERVICE, nlb=Hop(id="n", borrowed=True))
    assert diagram(picture).splitlines()[-2:] == [
        "   └─ NLB  n  (borrowed)",
        "      └─ what it forwards to  not ours to see",
    ]


def test_nothing_known_at_all_is_drawn_too() -> None:
    assert len(diagram({}).splitlines()) == 12


def test_the_drawing_disarms_what_aws_says() -> None:
    evil = "\x1b[2J\n"
    picture = LinkPicture(
        consumer=Place(account=evil, region=evil),
        function=Hop(id=evil, state=evil, zones=(evil,), note=evil),
        connection=evil,
        response=evil,
    )
    drawn = diagram(picture)
    assert "\x1b" not in drawn
    assert len(drawn.splitlines()) == 12
