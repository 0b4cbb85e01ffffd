"""What the commands of `plinkctl sandbox` share: its folder, its extra, its ending."""

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from plinkctl.cli.boundary import leave
from plinkctl.cli.options import option
from plinkctl.errors import PlinkError, UsageError

if TYPE_CHECKING:
    from plinkctl.sandbox.daemon import Running

folder_option: Final = option(
    "--folder",
    metavar="FOLDER",
    help="Where it lives.  [default: $XDG_STATE_HOME/plinkctl/sandbox]",
    envvar="PLINKCTL_SANDBOX",
)


def home(name: str) -> Path:
    """A folder of plinkctl's for things that outlive a command but may be thrown away."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "plinkctl" / name


def needs_extra() -> None:
    """Say how to get the sandbox where it is not installed.

    Raises:
        UsageError: The extra is missing.
    """
    from importlib.util import find_spec  # noqa: PLC0415

    missing = [name for name in ("moto", "flask", "flask_cors", "cryptography", "dns") if find_spec(name) is None]
    if missing:
        raise UsageError(
            "the sandbox is not installed",
            why=f"missing are {', '.join(missing)}",
            hint="pip install 'plinkctl[sandbox]'",
            code="no_sandbox",
        )


def finish(ctx: click.Context, command: str, work: Callable[[], Mapping[str, Any]]) -> None:
    """Do the work of a sandbox command and leave with its result, or with what is missing for it."""

    def whole(*_: Any) -> Mapping[str, Any]:
        needs_extra()
        return work()

    if ctx.params["progress"] == "auto":  # nothing here takes long enough to be shown
        ctx.params["progress"] = "none"
    leave(ctx, command, whole)


def place_of(folder: str | None) -> Path:
    """The folder a command means: the one given, else the usual one."""
    return Path(folder) if folder else home("sandbox")


def where(folder: str | None) -> str:
    """What a command line needs besides, to mean that folder; begins with a space if there is anything."""
    return f" --folder {shlex.quote(folder)}" if folder else ""


def running_in(folder: str | None) -> "Running":
    """The sandbox running there.

    Raises:
        PlinkError: None runs.
    """
    from plinkctl.sandbox import daemon  # noqa: PLC0415

    running = daemon.find(place_of(folder))
    if running is None:
        raise PlinkError("no sandbox runs", hint=f"plinkctl sandbox start{where(folder)}", code="no_sandbox_runs")
    return running


def told(running: "Running") -> dict[str, Any]:
    """A running sandbox as a result; its token is not in it."""
    return {
        "url": running.url,
        "profile": running.profile,
        "folder": str(running.folder),
        "pid": running.pid,
        "region": running.region,
        "accounts": dict(running.accounts),
        "isolation": running.isolation,
        "config_file": str(running.config_file),
        "dns": running.dns,
        "authority_file": str(running.authority_file),
        "started": running.started,
        "taken_up": running.taken_up,
    }
