"""Results: four outputs of one envelope, queries, and errors as a person reads them."""

import io
import json
import os
import subprocess
import sys
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from plinkctl.errors import HeldError, PlinkError, RefusedError, StoppedError, UsageError
from plinkctl.render.explain import explain
from plinkctl.render.result import Envelope, Output, check_query, render
from plinkctl.render.text import text_of

LONG_ARN = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:loadbalancer/net/" + "x" * 60 + "/0123456789abcdef"

PROVIDER = {
    "name": "demo",
    "side": "provider",
    "acceptance_required": True,
    "allowed_principals": ["arn:aws:iam::222222222222:root"],
    "availability_zone_ids": [],
    "service_name": "com.amazonaws.vpce.eu-west-1.vpce-svc-1",
    "resources": [
        {"node": "vpc", "kind": "vpc", "id": "vpc-1"},
        {"node": "nlb", "kind": "load_balancer", "id": LONG_ARN},
    ],
}


def shown(
    data: dict[str, Any], output: Output = "table", *, query: str | None = None, color: bool = False, command: str = "x"
) -> str:
    stream = io.StringIO()
    envelope = Envelope(command=command, status="success", exit_code=0, data=data)
    render(envelope, output=output, query=query, stream=stream, color=color)
    return stream.getvalue()


def test_a_table_has_facts_then_aligned_rows_and_never_cuts_an_id() -> None:
    assert shown(PROVIDER).splitlines() == [
        "name                   demo",
        "side                   provider",
        "acceptance required    yes",
        "allowed principals     arn:aws:iam::222222222222:root",
        "availability zone ids  none",
        "service name           com.amazonaws.vpce.eu-west-1.vpce-svc-1",
        "",
        "resources",
        "  NODE  KIND           ID",
        "  vpc   vpc            vpc-1",
        f"  nlb   load_balancer  {LONG_ARN}",
    ]


def test_connections_are_a_table_and_their_absence_is_said() -> None:
    pending = [{"endpoint_id": "vpce-1", "owner": "222222222222", "state": "pendingAcceptance", "since": None}]
    assert shown({"accepted": [], "pending": pending}).splitlines() == [
        "accepted  none",
        "",
        "pending",
        "  ENDPOINT ID  OWNER         STATE",
        "  vpce-1       222222222222  pendingAcceptance",
    ]


def test_a_teardown_says_that_nothing_is_left() -> None:
    assert "leftovers  nothing is left" in shown({"deleted": ["provider/vpc"], "leftovers": []})


def test_checks_end_in_the_first_broken_layer_and_its_fix_alone_on_a_line() -> None:
    checks = [
        {"side": "provider", "layer": "service", "name": "available", "result": "ok", "detail": "", "fix": None},
        {"side": "provider", "layer": "targets", "name": "healthy", "result": "failed", "detail": "0/2", "fix": "do x"},
        {"side": "consumer", "layer": "dns", "name": "resolves", "result": "failed", "detail": "", "fix": "do y"},
    ]
    assert shown({"ok": False, "checks": checks}).splitlines() == [
        "ok  no",
        "",
        "checks",
        "  SIDE      LAYER    NAME       RESULT  DETAIL",
        "  provider  service  available  ok      -",
        "  provider  targets  healthy    failed  0/2",
        "  consumer  dns      resolves   failed  -",
        "",
        "first broken layer: provider targets",
        "",
        "    do x",
    ]


def test_state_records_and_what_nobody_foresaw_are_shown_too() -> None:
    data = {
        "records": [{"node": "vpc", "kind": "vpc", "phase": "ready", "id": "vpc-1", "attempt": 1}],
        "novelty": [{"a": 1, "b": [1, 2]}],
        "request": {"status": 200, "body": "Hello from ALB!"},
    }
    assert shown(data).splitlines() == [
        "records",
        "  NODE  KIND  PHASE  ID",
        "  vpc   vpc   ready  vpc-1",
        "",
        "novelty",
        "  A  B",
        "  1  1, 2",
        "",
        "request",
        "  status  200",
        "  body    Hello from ALB!",
    ]


def test_a_picture_is_drawn() -> None:
    assert "endpoint service" in shown({"picture": {"provider": {"account": "1"}}})


def test_states_have_colour_only_where_it_is_wanted() -> None:
    data = {"leftovers": [{"side": "provider", "state": "ready"}, {"side": "consumer", "state": "failed"}]}
    assert "\x1b" not in shown(data)
    colored = shown(data, color=True)
    assert "\x1b[32mready\x1b[0m" in colored
    assert "\x1b[31mfailed\x1b[0m" in colored


def test_tables_and_text_disarm_what_aws_says() -> None:
    data = {"name": "\x1b[2J", "resources": [{"node": "a\tb", "id": "\x9b1A"}]}
    outputs: tuple[Output, ...] = ("table", "text", "json", "yaml")
    for output in outputs:
        written = shown(data, output)
        assert not {"\x1b", "\x9b"} & set(written)


def test_json_and_yaml_are_the_same_whole_envelope() -> None:
    told = json.loads(shown(PROVIDER, "json", command="provider up"))
    assert told == yaml.safe_load(shown(PROVIDER, "yaml", command="provider up"))
    assert told["data"] == PROVIDER
    assert told["command"] == "provider up"


@pytest.mark.parametrize(
    ("output", "expected"),
    [("json", '[\n  "vpc",\n  "nlb"\n]\n'), ("yaml", "- vpc\n- nlb\n"), ("text", "vpc\tnlb\n")],
)
def test_a_query_picks_from_the_envelope(output: Output, expected: str) -> None:
    assert shown(PROVIDER, output, query="data.resources[].node") == expected


def test_a_query_for_one_value_gives_that_value_alone() -> None:
    assert shown(PROVIDER, "text", query="data.service_name") == "com.amazonaws.vpce.eu-west-1.vpce-svc-1\n"
    assert shown(PROVIDER, "yaml", query="data.name") == "demo\n"


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("data.[", "at position 7: Incomplete expression"),
        ("a b", "at position 3: Unexpected token: b"),
        ("data.x[?a=='1]", "at position 12: Unclosed ' delimiter"),
        ("nope(@)", "Unknown function: nope()"),
        ("length(@, @)", "Expected 1 argument for function length(), received 2"),
    ],
)
def test_a_bad_query_is_found_before_anything_is_called(query: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_query(query, "json")
    assert caught.value.why == why
    assert caught.value.exit_code == 2


def test_a_query_that_meets_the_wrong_type_is_wrong_usage_too() -> None:
    check_query("length(data.name.x)", "json")
    with pytest.raises(UsageError, match="length"):
        shown(PROVIDER, "json", query="length(data.acceptance_required)")


def test_a_query_on_a_table_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        shown(PROVIDER, "table", query="data")
    assert caught.value.hint == "add --output json"


SCALARS = st.none() | st.booleans() | st.integers() | st.text("abc-_.0", max_size=5)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects whose keys always hold the same sort of value, as results do."""
    flat = st.dictionaries(st.sampled_from(["a", "c", "e"]), SCALARS)
    deep = st.dictionaries(st.sampled_from(["b", "d", "f"]), inner)
    return st.builds(lambda one, other: {**other, **one}, flat, deep)


NESTED = st.recursive(
    st.lists(SCALARS, max_size=3), lambda inner: st.lists(inner | objects(inner), max_size=3) | objects(inner)
)


@given(objects(NESTED))
def test_text_is_what_the_aws_cli_would_write(document: dict[str, Any]) -> None:
    theirs = pytest.importorskip("awscli.text")
    expected = io.StringIO()
    try:
        theirs.format_text(document, expected)
    except AttributeError:
        return  # a list of objects and scalars: the AWS CLI cannot write it, and no command answers it
    assert text_of(document) == expected.getvalue()


def explained(error: PlinkError, *, color: bool = False) -> list[str]:
    stream = io.StringIO()
    explain(error, stream, color)
    return stream.getvalue().splitlines()


def test_an_error_says_what_why_and_the_next_command_alone_on_its_line() -> None:
    error = RefusedError("the link is in use", why="1 live connection", hint="plinkctl teardown --reject-connections")
    assert explained(error) == [
        "error: the link is in use",
        "  1 live connection",
        "",
        "    plinkctl teardown --reject-connections",
        "",
    ]


def test_all_problems_are_told_one_a_line() -> None:
    assert explained(UsageError("demo.yaml has 2 problems", problems=("line 3: a", "line 5: b\nc"))) == [
        "error: demo.yaml has 2 problems",
        "  - line 3: a",
        "  - line 5: b c",
    ]


def test_what_is_no_failure_is_not_called_an_error() -> None:
    assert explained(HeldError("the provider must accept")) == ["pending: the provider must accept"]
    assert explained(StoppedError(2)) == ["stopped by SIGINT; what was made is recorded"]


def test_an_explanation_disarms_what_aws_says() -> None:
    assert explained(RefusedError("\x1b[2J", why="\x9b", hint="\x07")) == [
        "error: \\x1b[2J",
        "  \\x9b",
        "",
        "    \\x07",
        "",
    ]
    assert explained(RefusedError("x"), color=True) == ["\x1b[31merror: \x1b[0m\x1b[1mx\x1b[0m"]


def test_a_reader_that_went_away_is_no_error() -> None:
    script = (
        "import sys\n"
        "from plinkctl.render.result import Envelope, render\n"
        "sys.stdin.readline()\n"
        "data = {'a': 'x' * int(sys.argv[1])}\n"
        "envelope = Envelope(command='c', status='success', exit_code=0, data=data)\n"
        "render(envelope, output='json', query=None, stream=sys.stdout, color=False)\n"
    )
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    for size in ("10", "1000000"):
        with subprocess.Popen(
            [sys.executable, "-c", script, size],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=buffered,
        ) as child:
            assert child.stdout
            child.stdout.close()
            child.stdout = None
            complaint = child.communicate(b"go\n", timeout=30)[1]
            assert (complaint, child.returncode) == (b"", 0)


def test_a_result_that_cannot_be_written_is_not_lost_silently() -> None:
    envelope = Envelope(command="c", status="success", exit_code=0)
    with open("/dev/full", "w", encoding="utf-8") as full, pytest.raises(PlinkError, match="cannot be written"):  # noqa: PTH123 - a device
        render(envelope, output="json", query=None, stream=full, color=False)


def test_piped_json_pays_for_no_library_it_does_not_use() -> None:
    script = (
        "import sys\n"
        "from plinkctl.render import explain, progress, result, summary\n"
        "envelope = result.Envelope(command='c', status='success', exit_code=0, data={})\n"
        "result.render(envelope, output='json', query=None, stream=sys.stdout, color=False)\n"
        "with progress.progress('auto', sys.stderr, color=False): pass\n"
        "heavy = {'rich', 'yaml', 'jmespath', 'click', 'boto3', 'botocore'}\n"
        "print(heavy & {name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stderr == "set()\n"
