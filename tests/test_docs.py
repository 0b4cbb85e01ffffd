"""Documentation and code say the same, links lead somewhere, and the commands of the README can be run as written."""

import os
import re
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click
import pytest
from docs_tools import (
    DOCS,
    PAGES,
    REFERENCE,
    ROOT,
    cells,
    commands,
    recording,
    refuse,
    rows,
    section,
    shown,
    slugs,
    text_of,
    without_blocks,
)

from plinkctl import topology
from plinkctl.errors import MEANINGS, Exit
from plinkctl.kinds import KINDS
from plinkctl.link import Consumer, Link, Provider, Side
from plinkctl.report import MOST_TELLING
from plinkctl.state import Phase, Record, State

CLI: Final = REFERENCE / "cli.md"
SOURCES: Final = sorted((ROOT / "src" / "plinkctl").rglob("*.py"))
SHARED: Final = (
    "Link options",
    "Shared options",
    "Provider options",
    "Side options",
    "Access options",
    "Options for two sides",
    "Output options",
)
HOSTS: Final = frozenset(
    {"aws.amazon.com", "docs.aws.amazon.com", "awsnegotiations.com", "jmespath.org", "keepachangelog.com"}
)


def by_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


every_page = pytest.mark.parametrize("page", PAGES, ids=by_name)

# ---------------------------------------------------------------------------------------- commands


def option_row(option: click.Option) -> str:
    """The line of the reference for one option."""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = f" {option.metavar}" if option.metavar else ""
    if isinstance(option.type, click.Choice):
        value = " " + "\\|".join(option.type.choices)
    variable = f"`{option.envvar}`" if option.envvar else ""
    shown_default = f"  [default: {option.default}]" if option.show_default else ""
    return f"| {names}{value} | {variable} | {option.help}{shown_default} |"


def shared_of(part: str) -> list[str]:
    """The shared tables that a command's section says it takes."""
    return [heading for heading in SHARED if f"[{heading.lower()}](#" in part]


@pytest.mark.parametrize("path", commands())
def test_the_reference_has_every_option_of_a_command_and_no_other(path: str) -> None:
    options = [param for param in commands()[path].params if isinstance(param, click.Option)]
    part = section(text_of(CLI), f"plinkctl {path}")
    written = rows(part) + [row for heading in shared_of(part) for row in rows(section(text_of(CLI), heading))]
    assert sorted(row for row in written if row.startswith("| `-")) == sorted(map(option_row, options))


def test_the_reference_has_every_command_and_no_other() -> None:
    assert set(re.findall(r"^### plinkctl (.+)$", text_of(CLI), re.MULTILINE)) == set(commands())


@every_page
def test_every_command_line_that_is_shown_would_be_taken(page: Path) -> None:
    refused = {" ".join(arguments): why for arguments in shown(text_of(page)) if (why := refuse(arguments))}
    assert not refused


def test_command_lines_are_found_in_blocks_and_in_sentences() -> None:
    block = '```sh\neval "$(plinkctl sandbox envy)" # so\n.venv/bin/plinkctl up --nope; ls\n```\n'
    text = f"See `plinkctl frobnicate`.\n\n{block}"
    found = list(shown(text))
    assert found == [["sandbox", "envy"], ["up", "--nope"], ["frobnicate"]]
    assert all(refuse(arguments) for arguments in found)


def test_every_environment_variable_that_is_read_is_in_the_reference_and_no_other_is_in_a_page() -> None:
    pattern = r"\b(PLINKCTL_[A-Z_]+|AWS_[A-Z_]+|XDG_STATE_HOME|NO_COLOR|FORCE_COLOR|TERM)\b"
    of_options = {str(p.envvar) for c in commands().values() for p in c.params if p.envvar}
    of_sources = {
        name
        for source in SOURCES
        if "sandbox" not in source.relative_to(ROOT).parts[2:3]
        for name in re.findall(rf'"{pattern}"', text_of(source))
    }
    written = set(re.findall(pattern, text_of(CLI)))
    assert written >= of_options | of_sources
    # Those of the conformance tests are read by tests only.
    ours = {name for page in PAGES for name in re.findall(r"\bPLINKCTL_(?!CONFORMANCE)[A-Z_]+", text_of(page))}
    assert ours - {"PLINKCTL_"} == {name for name in of_options | of_sources if name.startswith("PLINKCTL_")}


# --------------------------------------------------------------------------------- exit codes, state


def test_the_exit_codes_and_their_order_are_those_of_the_code() -> None:
    text = text_of(REFERENCE / "exit-codes.md")
    assert rows(section(text, "The codes")) == [f"| `{code.value}` | {words} |" for code, words in MEANINGS.items()]
    order = section(text, "When several things went wrong")
    assert [int(code) for code in re.findall(r"^\d+\. `(\d+)`", order, re.MULTILINE)] == [
        code.value for code in MOST_TELLING if code is not Exit.OK
    ]


@every_page
def test_exit_codes_in_sentences_exist(page: Path) -> None:
    found = {int(code) for code in re.findall(r"\bexits? (?:code |with )?`?(\d+)", text_of(page))}
    assert found <= {code.value for code in Exit}


def test_the_fields_and_phases_of_the_state_are_those_of_the_code() -> None:
    text = text_of(REFERENCE / "state.md")

    def named(heading: str) -> list[str]:
        return [cells(row)[0].strip("`") for row in rows(section(text, heading))]

    assert named("The file") == ["schema", *(f.name for f in fields(State))]
    assert named("A record") == [f.name for f in fields(Record)]
    assert named("Phases") == [phase.value for phase in Phase]
    assert named("Kinds") == sorted(KINDS)


def test_the_graph_that_is_told_is_the_graph_that_is_walked() -> None:
    sites = {
        Side.PROVIDER: topology.Site(zone_ids=("az1", "az2"), principals=("arn:aws:iam::222222222222:root",)),
        Side.CONSUMER: topology.Site(zone_ids=("az1",)),
    }
    expected: dict[str, set[str]] = {}
    for key, node in topology.nodes(Link(provider=Provider(), consumer=Consumer()), sites).items():
        expected[key] = set()
        for ref in node.refs:
            waits = f"`{ref.node}`" if ref.settled else f"`{ref.node}` ({ref.attr})"
            expected[key].add(waits if ref.holds else f"{waits}, not held")
    text = section(text_of(DOCS / "explanation" / "the-graph.md"), "Every node and what it waits for")
    told = {cells(row)[0].strip("`"): {w for w in cells(row)[1].split("; ") if w} for row in rows(text)}
    assert told == expected


# ------------------------------------------------------------------------------------ pages and links


@every_page
def test_relative_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(text_of(page))):
        if urlsplit(target).scheme:
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        if not there.exists() or (anchor and anchor not in slugs(text_of(there))):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("folder", ["tutorial", "how-to", "reference", "explanation", "decisions"])
def test_every_page_is_in_an_index(folder: str) -> None:
    index = DOCS / "decisions" / "README.md" if folder == "decisions" else DOCS / "README.md"
    linked = {(index.parent / target).resolve() for target in re.findall(r"\]\(([^)\s#]+)", text_of(index))}
    assert {page for page in (DOCS / folder).glob("*.md") if page != index} <= linked


@every_page
def test_no_page_names_a_path_of_a_machine_or_an_unknown_host(page: Path) -> None:
    text = text_of(page)
    assert not re.findall(r"(?<![\w.])/(?:tmp|work|root|home|Users|mnt)/\S*", text)
    hosts = {urlsplit(url).hostname or "" for url in re.findall(r"https?://[\w.][^\s)`'\"<>]*", text)}
    unknown = {host for host in hosts - HOSTS if not host.endswith((".vpce.amazonaws.com", ".example", ".example.com"))}
    assert unknown <= {"127.0.0.1"}
    assert not re.findall(r"index-url|files\.pythonhosted|pypi\.org|artifactory", text, re.IGNORECASE)


# ---------------------------------------------------------------------------------------- the README


def one_liner(marker: str) -> str:
    """The command that follows a marker in the README, as CI takes it out."""
    found = re.findall(rf"^<!-- {marker} -->\n```sh\n(.+)\n```$", text_of(ROOT / "README.md"), re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


@pytest.mark.parametrize("marker", ["ci:demo", "ci:tests"])
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_two_commands_of_the_readme_are_lines_a_shell_can_read(marker: str, shell: str) -> None:
    line = one_liner(marker)
    done = subprocess.run([shell, "-n", "-c", line], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    extra = re.search(r"pip install \S* ?'?\.\[(\w+)\]'?", line)
    project: dict[str, Any] = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    assert extra
    assert extra[1] in project["optional-dependencies"]
    assert "sudo" not in line


def test_the_two_commands_of_the_readme_do_what_they_are_said_to_do() -> None:
    assert one_liner("ci:demo").endswith("/plinkctl demo")
    assert one_liner("ci:tests").endswith("/pytest -n auto")


def test_the_recording_in_the_readme_has_the_proof() -> None:
    assert re.search(r"^ +body +Hello from ALB!$", recording(), re.MULTILINE)
    assert re.search(r"^leftovers +nothing is left$", recording(), re.MULTILINE)


def test_no_page_is_executable_or_empty() -> None:
    assert all(page.stat().st_size > 200 and not os.access(page, os.X_OK) for page in PAGES)
