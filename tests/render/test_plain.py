"""Plain progress: lines that can be searched, heartbeats, and no escape sequence whatever AWS says."""

import io

from render_story import T0, planned, story, terminal
from render_story import plan as plan_of

from plinkctl.errors import MEANINGS, Exit, RefusedError, UsageError
from plinkctl.events import Event, NodeFailed, NodeWaiting, Noted
from plinkctl.render.progress import progress


def shown(*events: Event, verbose: bool = False) -> list[str]:
    stream = io.StringIO()
    with progress("plain", stream, color=True, verbose=verbose) as observe:
        for event in events:
            observe(event)
    return stream.getvalue().splitlines()


def waiting(at: float, what: str, node: str = "provider/nlb") -> NodeWaiting:
    return NodeWaiting(at=at, node=node, what=what, waited=at - T0, usual="2 to 3 min")


def test_a_whole_run_is_one_line_per_change() -> None:
    assert shown(*story()) == [
        "     0.0s  up demo",
        "     0.0s  provider  111111111111  eu-west-1  arn:aws:iam::111111111111:user/a",
        "     0.0s  consumer  222222222222  eu-west-1  arn:aws:iam::222222222222:user/b",
        "     0.0s  plan  up: 4 nodes",
        "     1.0s  provider/vpc  creating",
        "     2.0s  provider/vpc  created vpc-1 in 1.0s",
        "     3.0s  provider/nlb  waiting: state active, 1.0s so far, usually 2 to 3 min",
        "     4.0s  consumer/endpoint  held: the provider must accept vpce-1",
        "     5.0s  provider/nlb  FAILED: the load balancer failed",
        "     5.0s  provider/nlb  why: elbv2:DescribeLoadBalancers answered Failed: no addresses (request r-1)",
        "     5.0s  provider/nlb  next: plinkctl up --name demo",
        "     5.0s  provider/service  skipped: because of provider/nlb",
        "     6.0s  warning  a zone is missing",
        "     6.0s  check  ok  consumer/dns  resolves: 10.0.0.9",
        "     6.0s  provider/vpc  extra vpc-2, of a request that took effect late: left alone: a subnet is in it",
        f"     7.0s  finished in 7.0s, exit code 1: {MEANINGS[Exit.FAILED]}",
    ]


def test_calls_are_shown_when_asked_for() -> None:
    assert "     2.0s  call  provider  ec2:CreateVpc  ok  0.200s  r-0" in shown(*story(), verbose=True)


def test_a_wait_is_repeated_at_most_every_ten_seconds_per_node() -> None:
    polls = [waiting(T0 + second, "state active") for second in range(0, 26, 5)]
    polls += [waiting(T0 + second, "state active", "provider/alb") for second in (1, 12)]
    told = shown(*sorted(polls, key=lambda event: event.at))
    assert [line.split()[:2] for line in told] == [
        ["0.0s", "provider/nlb"],
        ["1.0s", "provider/alb"],
        ["10.0s", "provider/nlb"],
        ["12.0s", "provider/alb"],
        ["20.0s", "provider/nlb"],
    ]


def test_a_wait_for_something_else_is_told_at_once() -> None:
    assert len(shown(waiting(T0, "state active"), waiting(T0 + 1, "healthy targets"))) == 2


def test_nothing_that_aws_says_becomes_an_escape_sequence_or_a_second_line() -> None:
    told = shown(
        Noted(at=T0, message="a\x1b[2Jb\nc\x9bd"),
        NodeFailed(at=T0, node="a/b", error=RefusedError("x\x1b]0;y\x07", why="\r\nz", hint="\x08")),
    )
    assert told == [
        "     0.0s  note  a\\x1b[2Jb c\\x9bd",
        "     0.0s  a/b  FAILED: x\\x1b]0;y\\x07",
        "     0.0s  a/b  why:  z",
        "     0.0s  a/b  next: \\x08",
    ]


def test_all_problems_of_a_configuration_are_told() -> None:
    told = shown(NodeFailed(at=T0, node="a/b", error=UsageError("wrong", problems=("one", "two"))))
    assert told[1:] == ["     0.0s  a/b  problem: one", "     0.0s  a/b  problem: two"]


def test_a_dumb_terminal_gets_lines_even_when_live_was_asked_for() -> None:
    with terminal() as tty:
        for mode in ("auto", "live"):
            with progress(mode, tty.stream, color=True, environ={"TERM": "dumb"}) as observe:
                observe(plan_of(planned("a/b")))
        assert tty.written("nodes\n     0.0s  plan  up: 1 nodes\n").count("\x1b") == 0


def test_a_pipe_gets_lines_even_when_live_was_asked_for() -> None:
    stream = io.StringIO()
    with progress("live", stream, color=False, environ={"TERM": "xterm"}) as observe:
        observe(plan_of(planned("a/b")))
    assert stream.getvalue() == "     0.0s  plan  up: 1 nodes\n"


def test_none_shows_nothing() -> None:
    stream = io.StringIO()
    with progress("none", stream, color=False) as observe:
        for event in story():
            observe(event)
    assert stream.getvalue() == ""
