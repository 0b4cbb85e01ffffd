"""The house as the design draws it: who may import whom, and which library has which door. Read from the source."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

import plinkctl

SOURCE: Final = Path(plinkctl.__file__).parent

# Lower may not know higher. A unit is a module or package directly below plinkctl.
LAYERS: Final = (
    ("errors", "events", "redaction"),
    ("link", "graph", "state"),
    ("config", "stores", "aws", "certs", "lookup"),
    ("kinds", "topology", "permissions"),
    ("engine", "handshake", "preflight", "verify"),
    ("app", "report", "render"),
    ("cli",),
    ("__main__",),
)
NEIGHBOURS: Final = {
    ("errors", "redaction"),
    ("events", "errors"),
    ("graph", "link"),
    ("state", "link"),
    ("stores", "aws"),
    ("topology", "kinds"),
    ("permissions", "kinds"),
    ("app", "report"),
    ("render", "report"),
}
"""The only imports within a layer, besides those within one unit."""

APART: Final = {"sandbox", "probe"}  # the local AWS; and the code that is sent to Lambda alone

DOORS: Final = {
    "boto3": ("aws/session.py", "sandbox/neighbours.py"),
    "botocore": ("aws/session.py", "aws/faults.py", "sandbox/neighbours.py"),
    "cryptography": ("certs.py", "sandbox/"),
    "dns": ("lookup.py", "sandbox/"),
    "tenacity": ("aws/patience.py",),
    "yaml": ("config/", "render/"),
    "jsonschema_rs": ("config/",),
    "jmespath": ("render/",),
    "click": ("cli/",),
    "rich": ("render/", "cli/"),
    "moto": ("sandbox/",),
    "flask": ("sandbox/",),
    "werkzeug": ("sandbox/",),
}


@dataclass(frozen=True)
class Import:
    """One import: `of` what, in the file `path`, at the top of the file or only inside a function or for types."""

    path: str
    line: int
    of: str
    top: bool

    @property
    def unit(self) -> str:
        return self.path.partition("/")[0].removesuffix(".py")

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.of}"


def _walk(node: ast.AST, path: str, *, top: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        types_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        inner = top and not types_only and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        match child:
            case ast.Import(names=names, lineno=line):
                yield from (Import(path, line, name.name, top) for name in names)
            case ast.ImportFrom(module=str(module), level=0, names=names, lineno=line):
                yield from (Import(path, line, f"{module}.{name.name}", top) for name in names)
            case ast.ImportFrom(lineno=line):
                yield Import(path, line, "(relative)", top)
            case _:
                yield from _walk(child, path, top=inner)


def _all() -> list[Import]:
    found: list[Import] = []
    for file in sorted(SOURCE.rglob("*.py")):
        path = file.relative_to(SOURCE).as_posix()
        found += _walk(ast.parse(file.read_text()), path, top=True)
    return found


IMPORTS: Final = _all()
OURS: Final = [i for i in IMPORTS if i.of.split(".")[0] == "plinkctl"]
LEVEL: Final = {unit: level for level, units in enumerate(LAYERS) for unit in units}


def _unit_of(imported: str) -> str:
    """`plinkctl.aws.faults.Nature` is of the unit `aws`; `plinkctl.__version__` of the package itself."""
    name = imported.split(".")[1]
    return name if name in LEVEL or name in APART else ""


def test_every_unit_of_the_package_has_its_place() -> None:
    units = {path.name.removesuffix(".py") for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert units - {"__init__", "__pycache__", "py.typed"} == set(LEVEL) | APART


def test_a_module_imports_only_from_lower_layers() -> None:
    wrong = [
        str(i)
        for i in OURS
        if i.unit in LEVEL
        and (other := _unit_of(i.of)) in LEVEL
        and other != i.unit
        and (i.unit, other) not in NEIGHBOURS
        and LEVEL[other] >= LEVEL[i.unit]
    ]
    assert wrong == []


def test_nobody_imports_relatively() -> None:
    assert [str(i) for i in IMPORTS if i.of == "(relative)"] == []


def test_kinds_do_not_know_each_other() -> None:
    bases = {"base", "base_awaited", "base_ec2", "base_elb"}
    wrong = [
        str(i)
        for i in OURS
        if i.path.startswith("kinds/")
        and i.path != "kinds/__init__.py"
        and i.of.startswith("plinkctl.kinds.")
        and i.of.split(".")[2] not in bases
    ]
    assert wrong == []


def test_the_sandbox_is_apart() -> None:
    users = {i.path for i in OURS if _unit_of(i.of) == "sandbox" and i.unit != "sandbox"}
    assert {path for path in users if not path.startswith("cli/sandbox/")} == {"cli/demo.py"}
    assert [str(i) for i in OURS if _unit_of(i.of) == "sandbox" and i.unit != "sandbox" and i.top] == []


def test_the_sandbox_knows_nothing_of_ours_but_the_leaves() -> None:
    known = {_unit_of(i.of) for i in OURS if i.unit == "sandbox"}
    assert known <= {"sandbox", "errors", "link", ""}


def test_the_probe_is_sent_to_lambda_alone_and_so_imports_nothing_of_ours() -> None:
    assert [str(i) for i in OURS if i.path == "probe.py"] == []
    assert [str(i) for i in OURS if _unit_of(i.of) == "probe"] == []


@pytest.mark.parametrize("library", DOORS)
def test_a_library_has_one_door(library: str) -> None:
    users = {i.path for i in IMPORTS if i.of.split(".")[0] == library}
    assert users, "a door nobody uses is an entry to delete"
    assert {path for path in users if not path.startswith(DOORS[library])} == set()


HEAVY: Final = (
    "cryptography",
    "dns",
    "boto3",
    "botocore",
    "moto",
    "flask",
    "werkzeug",
    "rich",
    "yaml",
    "jsonschema_rs",
    "jmespath",
    "tenacity",
)


@pytest.mark.parametrize(
    "doing",
    [
        "import plinkctl.cli.main",
        "from plinkctl.cli.main import _run; assert _run(['--help']) == 0",
        "from plinkctl.cli.main import _run; assert _run(['teardown', '--help']) == 0",
        "from plinkctl.cli.main import _run; assert _run(['--version']) == 0",
    ],
)
def test_help_does_not_pay_for_heavy_libraries(doing: str) -> None:
    look = f"{doing}\nimport sys\nprint('loaded:', *(n for n in {HEAVY!r} if n in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, timeout=30, check=False, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded:"
