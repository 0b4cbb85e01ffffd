"""Colour rules, control characters, widths, and streams that break."""

import io
import os
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render_story import terminal

from plinkctl.render.terminal import Sink, cells, clean, fitted, paint, speaks_utf8, wants_color
from plinkctl.render.words import duration, short_id


@pytest.mark.parametrize(
    ("environ", "no_color", "expected"),
    [
        ({"TERM": "xterm"}, False, True),
        ({"TERM": "xterm"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, False, True),
        ({"TERM": "dumb"}, False, False),
        ({}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, False, True),
        ({"TERM": "xterm", "FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"TERM": "xterm", "FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colour_on_a_terminal(environ: dict[str, str], no_color: bool, expected: bool) -> None:
    with terminal() as tty:
        assert wants_color(tty.stream, environ, no_color) is expected


def test_colour_in_a_pipe_only_when_forced() -> None:
    pipe = io.StringIO()
    assert not wants_color(pipe, {"TERM": "xterm"}, False)
    assert wants_color(pipe, {"FORCE_COLOR": "1"}, False)
    pipe.close()
    assert not wants_color(pipe, {"TERM": "xterm"}, False)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[2J\x1b[1;31mowned\x1b[0m", "\\x1b[2J\\x1b[1;31mowned\\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("a\r\nb\tc\x85d\u2028e", "a b c d e"),
        ("\x00\x7f\x08", "\\x00\\x7f\\x08"),
        ("abc\u202edef", "abc\\u202edef"),
        ("half \ud83d", "half \\ud83d"),
        ("Grüße 世界 ✓", "Grüße 世界 ✓"),
    ],
)
def test_control_characters_are_seen_and_not_obeyed(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@given(st.text())
def test_clean_text_has_no_control_character_and_is_one_line(raw: str) -> None:
    shown = clean(raw)
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}]
    assert len(shown.splitlines()) <= 1
    assert clean(shown) == shown


@given(st.text(), st.integers(-2, 40))
def test_fitted_text_takes_exactly_its_width(raw: str, width: int) -> None:
    assert cells(fitted(clean(raw), width)) == max(0, width)


def test_wide_characters_take_two_columns() -> None:
    assert cells("世界") == 4
    assert fitted("世界世界", 5) == "世界…"
    assert fitted("世界世界", 4) == "世… "


def test_paint_writes_no_sequence_without_colour() -> None:
    assert paint("x", "bad", color=False) == "x"
    assert paint("x", "bad", color=True) == "\x1b[31mx\x1b[0m"
    assert paint("", "bad", color=True) == ""


def test_a_sink_writes_what_the_encoding_lacks_as_escapes() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Sink(stream).write("✓ done\n")
    assert raw.getvalue() == b"\\u2713 done\n"
    assert not speaks_utf8(stream)


def test_a_sink_survives_a_closed_stream_and_remembers_why() -> None:
    stream = io.StringIO()
    sink = Sink(stream)
    stream.close()
    sink.write("x")
    sink.write("y")
    assert isinstance(sink.broken, ValueError)


BUFFERED = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
"""Only a stream with a buffer has something left at the interpreter's end."""


def test_a_reader_that_went_away_changes_neither_the_run_nor_its_exit_code() -> None:
    script = (
        "import sys\n"
        "from plinkctl.render.terminal import Sink\n"
        "sink = Sink(sys.stderr)\n"
        "sys.stdin.readline()\n"
        "for _ in range(3): sink.write('x' * 100_000 + '\\n')\n"
        "print(type(sink.broken).__name__)\n"
    )
    reading, writing = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=writing,
        text=True,
        env=BUFFERED,
    ) as child:
        os.close(writing)
        os.close(reading)
        out, _ = child.communicate("go\n", timeout=30)
    assert (out, child.returncode) == ("BrokenPipeError\n", 0)


def test_a_full_disk_behind_stderr_changes_neither() -> None:
    script = "import sys\nfrom plinkctl.render.terminal import Sink\nSink(sys.stderr).write('x\\n')\nprint('done')\n"
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        ran = subprocess.run(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=full, env=BUFFERED, check=False
        )
    assert (ran.stdout, ran.returncode) == (b"done\n", 0)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0.0s"), (0.04, "0.0s"), (9.94, "9.9s"), (9.96, "10s"), (59.4, "59s"), (59.6, "1m00s"), (112, "1m52s")],
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_hours_leave_out_the_seconds() -> None:
    assert duration(3 * 3600 + 4 * 60 + 5) == "3h04m"


def test_only_arns_are_shortened() -> None:
    assert short_id("arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/net/x/1") == "loadbalancer/net/x/1"
    assert short_id("vpc-1") == "vpc-1"
