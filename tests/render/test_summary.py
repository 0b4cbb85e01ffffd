"""The end of an `up`: the time line, the counts, the drawing and the next command."""

import io

from render_story import T0, done, plan, planned, story

from plinkctl.events import Event, NodeStarted
from plinkctl.render.diagram import LinkPicture, Place
from plinkctl.render.summary import summary
from plinkctl.report import Report


def walked(*, changed: bool) -> list[Event]:
    return [
        plan(planned("provider/nlb"), planned("provider/service", "provider/nlb")),
        NodeStarted(at=T0, node="provider/nlb"),
        done("provider/nlb", T0 + 120, 120, changed=changed),
        NodeStarted(at=T0 + 120, node="provider/service"),
        done("provider/service", T0 + 160, 40, changed=changed),
    ]


def told(events: list[Event], *, encoding: str = "utf-8", picture: LinkPicture | None = None) -> list[str]:
    report = Report()
    for event in events:
        report(event)
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    summary(report, stream, color=False, picture=picture, following=("plinkctl verify", "plinkctl teardown"))
    return raw.getvalue().decode().splitlines()


def test_the_slowest_path_is_drawn_to_scale_then_counts_and_the_next_commands() -> None:
    assert told(walked(changed=True)) == [
        "slowest path, 2m40s in all",
        "  provider/nlb      ████████████████████████           2m00s",
        "  provider/service                          ████████     40s",
        "",
        "2 nodes: 2 changed",
        "",
        "next:",
        "    plinkctl verify",
        "    plinkctl teardown",
    ]


def test_a_run_that_changed_nothing_says_so_and_draws_no_time() -> None:
    assert told(walked(changed=False))[0] == "nothing to do: all 2 are as they should be"


def test_what_went_wrong_is_counted() -> None:
    assert "4 nodes: 1 changed, 1 held, 1 failed, 1 skipped" in told(story())


def test_the_link_is_drawn_between_counts_and_next_command() -> None:
    lines = told(walked(changed=True), picture=LinkPicture(provider=Place(account="1", region="r")))
    assert lines.index("provider  1  r") in range(lines.index("2 nodes: 2 changed"), lines.index("next:"))


def test_a_stream_that_is_not_utf8_gets_ascii_bars_and_drawing() -> None:
    lines = told(walked(changed=True), encoding="ascii", picture=LinkPicture())
    assert "  provider/nlb      ########################           2m00s" in lines
    assert not [line for line in lines if "\\u" in line or not line.isascii()]


def test_instant_steps_are_drawn_too() -> None:
    events = [plan(planned("a/b")), NodeStarted(at=T0, node="a/b"), done("a/b", T0, 0.0)]
    assert told(events)[1] == "  a/b  █                                   0.0s"
