"""The live view on a real pseudo terminal: what a person sees, small screens, resizes, and every way to end."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from render_story import REFUSAL, T0, Screen, Terminal, done, plan, planned, story, terminal

from plinkctl.events import NodeFailed, NodeHeld, NodeStarted, NodeWaiting, Noted, Observer
from plinkctl.render.progress import progress

NODES = tuple(planned(f"provider/n{number:02}", usual="2 to 3 min") for number in range(30))


@contextmanager
def live(tty: Terminal, *, color: bool = False) -> Iterator[Observer]:
    """Live progress whose clock stands at 65 seconds after the story's beginning."""
    with progress("auto", tty.stream, clock=lambda: T0 + 65, color=color, environ={"TERM": "xterm"}) as observe:
        yield observe


def tell_story(tty: Terminal, *, color: bool = False) -> str:
    with live(tty, color=color) as observe:
        for event in story():
            observe(event)
    return tty.everything()


def test_the_end_of_a_run_is_a_listing_that_stays() -> None:
    with terminal() as tty:
        assert Screen(80, 24).feed(tell_story(tty)).text == [
            "up demo",
            "  provider  111111111111  eu-west-1  arn:aws:iam::111111111111:user/a",
            "  consumer  222222222222  eu-west-1  arn:aws:iam::222222222222:user/b",
            "provider  3 of 3",
            "  ✓ vpc       created vpc-1                                                1.0s",
            "  ✗ nlb       the load balancer failed                                     3.0s",
            "    elbv2:DescribeLoadBalancers answered Failed: no addresses (request r-1)",
            "      plinkctl up --name demo",
            "  – service   skipped, because of nlb",  # noqa: RUF001 - a dash is meant
            "consumer  1 of 1",
            "  ! endpoint  the provider must accept vpce-1                              0.0s",
            "warning  a zone is missing",
            "check  ok  consumer/dns  resolves: 10.0.0.9",
            "provider/vpc  extra vpc-2, of a request that took effect late: left alone: a sub",
            "net is in it",
            "finished in 7.0s, exit code 1: AWS refused or a resource failed; what was made i",
            "s recorded; the same command resumes",
        ]


def test_a_row_says_what_is_waited_for_how_long_and_what_is_usual() -> None:
    with terminal() as tty, live(tty) as observe:
        observe(plan(planned("provider/nlb", usual="2 to 3 min"), planned("provider/service", "provider/nlb")))
        observe(NodeStarted(at=T0, node="provider/nlb"))
        observe(NodeWaiting(at=T0 + 5, node="provider/nlb", what="state active", waited=5, usual="2 to 3 min"))
        observe(Noted(at=T0, message="now"))
        text = Screen(80, 24).feed(tty.frame("now")).text
    assert text[:2] == ["now", "provider  0 of 2"]
    assert text[2][4:] == "nlb      waiting: state active                    1m05s  usually 2 to 3 min"
    assert text[3] == "  · service  after nlb"


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40), (40, 10), (20, 5), (6, 2)])
def test_no_part_of_a_frame_ever_scrolls_away(columns: int, rows: int) -> None:
    notes = [f"n{number}" for number in range(12)]
    with terminal(columns, rows) as tty, live(tty, color=True) as observe:
        observe(plan(*NODES))
        for number, note in enumerate(notes):
            observe(NodeStarted(at=T0, node=NODES[number].node))
            observe(Noted(at=T0, message=note))
            observe(done(NODES[number].node, T0 + number))
        observe(Noted(at=T0, message="last"))
        screen = Screen(columns, rows).feed(tty.frame("last"))
    assert set(screen.scrolled) <= {*notes, "last"}


@pytest.mark.parametrize(("columns", "rows"), [(60, 12), (120, 40), (80, 12), (80, 40), (40, 24), (20, 4)])
def test_after_a_resize_the_screen_shows_one_whole_frame_and_nothing_else(columns: int, rows: int) -> None:
    with terminal() as tty, live(tty) as observe:
        observe(plan(*NODES))
        before = len(tty.frame("30"))
        tty.resize(columns, rows)
        observe(Noted(at=T0, message="resized"))
        repaint = tty.frame("\x1b[H", start=before).partition("\x1b[H")
    screen = Screen(columns, rows, filled="X").feed(repaint[1] + repaint[2])  # X: what the old width left behind
    assert "X" not in "".join(screen.text)
    assert screen.scrolled == []
    assert len(screen.text) in {rows - 1, 32, 31}  # full, or all rows with their head, with or without the note


def test_a_long_reason_is_whole_in_the_last_listing() -> None:
    why = "the provider must accept vpce-1 of account 222222222222, " + "and so on, " * 9 + "until here"
    with terminal() as tty:
        with live(tty) as observe:
            observe(plan(planned("consumer/endpoint")))
            observe(NodeHeld(at=T0, node="consumer/endpoint", why=why))
        assert tty.everything().rstrip("\x1b[KJ\n").endswith(f"  ! endpoint  {why}")


def test_the_cursor_is_never_hidden() -> None:
    with terminal() as tty:
        assert "\x1b[?" not in tell_story(tty, color=True)


@pytest.mark.parametrize("color", [False, True])
def test_styles_are_written_only_where_colour_is_wanted(color: bool) -> None:
    with terminal() as tty:
        assert ("\x1b[31m✗\x1b[0m" in tell_story(tty, color=color)) is color


def test_what_aws_says_cannot_move_the_cursor() -> None:
    evil = "\x1b[2J\x1b]0;t\x07\x9b5A\nx"
    with terminal() as tty:
        with live(tty) as observe:
            observe(plan(planned("provider/nlb", usual=evil)))
            observe(NodeWaiting(at=T0, node="provider/nlb", what=evil, waited=1, usual=evil))
            observe(Noted(at=T0, message=evil))
            observe(NodeFailed(at=T0, node="provider/nlb", error=REFUSAL))
        written = tty.everything()
    assert "\\x1b[2J\\x1b]0;t" in written
    assert not [sequence for sequence in ("\x1b[2J", "\x1b]", "\x07", "\x9b") if sequence in written]


def test_a_terminal_that_is_not_utf8_gets_ascii() -> None:
    with terminal() as tty:
        tty.stream.reconfigure(encoding="ascii")
        written = tell_story(tty)
    assert written.isascii()
    assert "\n  x nlb       the load balancer failed" in written
    assert "\\u" not in written


def interrupted(observe: Observer) -> None:
    observe(plan(planned("provider/nlb"), planned("provider/service", "provider/nlb")))
    observe(NodeStarted(at=T0, node="provider/nlb"))
    raise KeyboardInterrupt


def test_leaving_by_an_exception_leaves_the_listing() -> None:
    with terminal() as tty:
        with pytest.raises(KeyboardInterrupt), live(tty) as observe:
            interrupted(observe)
        text = Screen(80, 24).feed(tty.everything()).text
    assert text[0] == "provider  0 of 2"
    assert text[1].split() == ["*", "nlb", "looking", "1m05s"]
    assert text[2:] == ["  · 1 to come"]
    assert "plinkctl-live" not in {thread.name for thread in threading.enumerate()}


def test_a_second_walk_leaves_the_first_listing_above() -> None:
    with terminal() as tty:
        with live(tty) as observe:
            observe(plan(planned("provider/a"), planned("provider/b")))
            observe(done("provider/a", T0 + 1))
            observe(plan(planned("consumer/c")))
            observe(done("consumer/c", T0 + 2))
        text = Screen(80, 24).feed(tty.everything()).text
    assert [line.split()[:3] for line in text] == [
        ["provider", "1", "of"],
        ["✓", "a", "created"],
        ["·", "1", "to"],
        ["consumer", "1", "of"],
        ["✓", "c", "created"],
    ]


SCRIPT = """
import sys, time
from plinkctl.events import NodeStarted, PlannedNode, WalkPlanned
from plinkctl.render.progress import progress
node = PlannedNode(node="provider/nlb", kind="k", title="t", needs=(), usual="")
with progress("auto", sys.stderr, color=True) as observe:
    observe(WalkPlanned(at=time.time(), direction="up", nodes=(node,)))
    observe(NodeStarted(at=time.time(), node="provider/nlb"))
    print("started", flush=True)
    sys.stdin.read()
"""


@contextmanager
def child(tty: Terminal) -> Iterator[subprocess.Popen[str]]:
    environ = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=tty.stream,
        env=environ,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "started\n"
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_process_ends_the_terminal_is_usable(ending: signal.Signals) -> None:
    with terminal() as tty, child(tty) as process:
        tty.written("looking")  # painted by the ticking thread, hence in real time
        process.send_signal(ending)
        process.wait(timeout=20)
        written = tty.written("looking")
        assert "\x1b[?" not in written
        if ending is signal.SIGINT:
            assert Screen(80, 24).feed(tty.written("KeyboardInterrupt")).text[0] == "provider  0 of 1"


@pytest.mark.slow
def test_the_elapsed_time_goes_on_without_events() -> None:
    with terminal() as tty, child(tty) as process:
        tty.written("0.4s")
        assert process.stdin
        process.stdin.close()
        assert process.wait(timeout=20) == 0
