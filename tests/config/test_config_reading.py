"""Files that are no link file, or no file: each with its line, all that can be told at once."""

import os
from pathlib import Path

import pytest
from config_door import BOTH, Door

from plinkctl.config import load
from plinkctl.errors import UsageError


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "link.yaml: the file is empty; a link file names at least a side, such as `consumer:`"),
        ("# only a comment\n", "link.yaml: the file is empty; a link file names at least a side, such as `consumer:`"),
        ("---\n", "link.yaml: the file is empty; a link file names at least a side, such as `consumer:`"),
        ("# x\n- name\n", "link.yaml:2: expected keys and values, such as `name: demo`"),
        ("\ndemo\n", "link.yaml:2: expected keys and values, such as `name: demo`"),
        ("name: x\nprovider:\n\tport: 80\n", "link.yaml:3: a tab stands where YAML wants spaces; indent with spaces"),
        ("name:\tx\nname: y\n", "link.yaml:1: a tab stands where YAML wants spaces; indent with spaces"),
        ("name: a\n---\nname: b\n", "link.yaml:2: a second document begins here; a link file holds one"),
        ("name: &a x\nregion: *a\n", "link.yaml:1: YAML anchors and aliases are not allowed; write the value itself"),
        ("name: x\nregion: *a\n", "link.yaml:2: YAML anchors and aliases are not allowed; write the value itself"),
        ('name: x\nregion: "eu\n', "link.yaml:2: a quote is opened here and never closed"),
        ("name: x\nprovider:\n  allow: [a, b\n  port: 1\n", "link.yaml:3: a bracket is opened here and not closed"),
        ("name: x\n  region: y\n", "link.yaml:2: a colon out of place; check the indentation"),
        ("name: x\nprovider\nconsumer:\n", "link.yaml:2: this is no `key: value`; is a colon missing?"),
        ("provider:\n    port: 1\n  allow: []\n", "link.yaml:3: the indentation does not line up with the lines above"),
        ("provider:\n  allow: [*]\n", "link.yaml:2: `*` and `&` have a meaning of their own in YAML; put the value in"),
        ("name: x\nprovider: allow: []\n", "link.yaml:2: a colon out of place; check the indentation"),
        ("provider:\n  allow: - a\n", "link.yaml:2: a list begins on a line of its own, below its key"),
        ("name: |x\n", "link.yaml:1: behind `|` or `>` the text begins on the next line"),
        ("provider:\n  allow: a]\nname: ]\n", "link.yaml:3: a bracket is closed here and was never opened"),
        ("name: x\nregion: @eu\n", "link.yaml:2: a value cannot begin with this character; put it in quotes"),
        ('name: x\nregion: "\\q"\n', "link.yaml:2: an unknown escape in double quotes; write \\\\ for a backslash"),
        ('name: x\nregion: "\\UFFFFFFFF"\n', "link.yaml:2: not YAML: a number or an escape out of all bounds"),
        ("name: x\nregion: !e!x y\n", "link.yaml:2: YAML tags (`!…`) are not allowed; write the plain value"),
        ("name: x\nregion: a\x07b\n", 'link.yaml:2: the control character "\\x07" cannot stand here'),
        (b"name: x\nregion: \xe9\n", "link.yaml:2: not UTF-8 text; save the file as UTF-8"),
        ("name: x\n".encode("utf-16"), "link.yaml:1: not UTF-8 text; save the file as UTF-8"),
        ("name: x\nregion: " + "[" * 21, "link.yaml:2: nested more than 20 levels deep; a link needs four"),
        ("name: " + "x" * 1024 * 1024, "link.yaml: larger than 1 MiB; this is no link file"),
        ("tags: [\n" + "x,\n" * 10_001 + "]", "link.yaml:9999: more than 10,000 values; this is no link file"),
    ],
)
def test_a_file_that_is_no_link_file_is_refused_with_its_line(door: Door, content: str | bytes, problem: str) -> None:
    (said,) = door.problems(content)
    assert said.startswith(problem)


def test_an_alias_bomb_is_refused_before_it_unfolds(door: Door) -> None:
    layers = "".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]\n" for n in range(1, 30))
    assert door.problems("b0: &b0 x\n" + layers) == [
        "link.yaml:1: YAML anchors and aliases are not allowed; write the value itself"
    ]


def test_a_tag_never_builds_an_object(door: Door, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    content = f"name: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{witness}']]\n"
    tag = "!!python/object/apply:pathlib.Path.touch"
    assert door.problems(content + "region: !!str eu-central-1\nprovider: !mine\n  port: 80\n") == [
        f"link.yaml:1: name: YAML tags ({tag}) are not allowed; write the plain value",
        "link.yaml:2: region: YAML tags (!!str) are not allowed; write the plain value",
        "link.yaml:3: provider: YAML tags (!mine) are not allowed; write the plain value",
    ]
    assert not witness.exists()


def test_a_repeated_key_is_told_with_both_its_lines(door: Door) -> None:
    assert door.problems("provider:\n  port: 1\n  allow: []\n  port: 2\nname: a\nname: b\n") == [
        "link.yaml:4: provider.port: this key stands in line 2 already; write it once",
        "link.yaml:6: name: this key stands in line 5 already; write it once",
    ]


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("on", 'tags.on: YAML does not read the key on as text; put it in quotes: "on"'),
        ("7", 'tags.7: YAML does not read the key 7 as text; put it in quotes: "7"'),
        ("007", 'tags.007: YAML does not read the key 007 as text; put it in quotes: "007"'),
        ("~", 'tags.~: YAML does not read the key ~ as text; put it in quotes: "~"'),
        ("<<", "tags.<<: merge keys (<<) are not allowed; write the values themselves"),
        ("!!str a", "tags.a: a key is plain text, without a YAML tag"),
        ('"\\ud800"', "tags.\\ud800: half a Unicode character in a key"),
    ],
)
def test_a_key_that_yaml_does_not_read_as_text_is_refused(door: Door, key: str, problem: str) -> None:
    assert door.problems(f"tags:\n  team: x\n  {key}: value\n") == [f"link.yaml:3: {problem}"]


@pytest.mark.parametrize("number", ["012345678901", "012345670123", "0x50", "1:30", "1_000", "0b11", "9" * 101])
def test_a_number_that_readers_disagree_about_is_refused(door: Door, number: str) -> None:
    (problem,) = door.problems(f"name: x\nprovider:\n  port: {number}\n")
    assert problem.startswith("link.yaml:3: provider.port: YAML readers disagree about the number ")
    assert number[:80] in problem


@pytest.mark.parametrize("number", [".inf", "-.inf", ".nan", "1.0e+999", "190:20:30.15"])
def test_a_number_that_is_none_is_refused(door: Door, number: str) -> None:
    (problem,) = door.problems(f"consumer:\n  port: {number}\n")
    assert problem.startswith("link.yaml:2: consumer.port: ")


def test_half_a_unicode_character_is_refused(door: Door) -> None:
    assert door.problems('tags:\n  a: "\\ud83d"\n') == ["link.yaml:2: tags.a: half a Unicode character in the text"]


def test_a_byte_order_mark_and_windows_line_ends_are_no_problem(door: Door) -> None:
    assert door.link(b"\xef\xbb\xbfname: x\r\nregion: eu-central-1\r\n").name == "x"
    (problem,) = door.problems(b"\xef\xbb\xbfname: x\r\nregion: y\r\n")
    assert problem.startswith("link.yaml:2: region: ")


def test_sections_with_nothing_in_them_mean_their_defaults(door: Door) -> None:
    empty = "tags:\nprovider:\n  allow:\n  network:\n  response:\nconsumer:\n  network:\n"
    assert door.link(empty) == door.link(None)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing.yaml", "there is no such file"),
        ("", "this is a folder; name the link file in it"),
        ("link\0.yaml", "no file can have this name"),
        ("\ud800.yaml", "no file can have this name"),
        ("x" * 300, "cannot be read: File name too long"),
    ],
)
def test_a_file_that_cannot_be_opened_is_told_by_name(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path / name, {}, sides=BOTH)
    (said,) = caught.value.problems
    assert said.endswith(f": {problem}")
    assert said.isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_told_with_the_reason(door: Door) -> None:
    path = door.file("name: x\n")
    path.chmod(0)
    with pytest.raises(UsageError) as caught:
        load(path, {}, sides=BOTH)
    assert caught.value.problems == (f"{path}: cannot be read: Permission denied",)
