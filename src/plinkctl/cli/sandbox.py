"""`plinkctl sandbox …`: the local AWS. The sandbox is imported inside functions: other commands must not pay for it."""

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from plinkctl.cli.boundary import leave
from plinkctl.cli.options import Duration, option, output_options, together
from plinkctl.errors import PlinkError, UsageError

if TYPE_CHECKING:
    from plinkctl.sandbox.daemon import Running

_IDLE: Final = 3600.0
# What AWS clients look at before their config file: left in place, it would lead them past the sandbox.
_OUTRANKING: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_DEFAULT_PROFILE",
)

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

    missing = [name for name in ("moto", "flask", "flask_cors") if find_spec(name) is None]
    if missing:
        raise UsageError(
            "the sandbox is not installed",
            why=f"missing are {', '.join(missing)}",
            hint="pip install 'plinkctl[sandbox]'",
            code="no_sandbox",
        )


@click.group()
def sandbox() -> None:
    """A local AWS with two accounts, for trying and testing."""


@sandbox.command()
@together(
    option(
        "--profile",
        type=click.Choice(["instant", "brisk", "real"]),
        default="brisk",
        show_default=True,
        help="How long things take: not at all, a moment, or as on AWS.",
        envvar=None,
    ),
    option(
        "--port",
        envvar=None,  # PLINKCTL_PORT is the link's port
        type=click.IntRange(0, 65535),
        default=0,
        metavar="PORT",
        help="TCP port on 127.0.0.1.  [default: a free one]",
    ),
    option(
        "--idle",
        type=Duration(),
        default=_IDLE,
        metavar="DURATION",
        help="End by itself after so long without a call.  [default: 1h]",
    ),
    folder_option,
    output_options,
)
@click.pass_context
def start(ctx: click.Context, /, *, profile: str, port: int, idle: float, folder: str | None, **_: Any) -> None:
    """Start it; one that runs is left as it is."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import daemon  # noqa: PLC0415

        place = _place(folder)
        before = daemon.find(place)
        running = daemon.start(place, profile, idle_seconds=idle, port=port)
        known = "it runs already" if before else "it runs"
        where = f" --folder {shlex.quote(folder)}" if folder else ""
        click.echo(
            f'{known}; point any AWS client at it with:\n\n    eval "$(plinkctl sandbox env{where})"\n', err=True
        )
        return _told(running)

    _leave(ctx, "sandbox start", work)


@sandbox.command()
@together(folder_option, output_options)
@click.pass_context
def stop(ctx: click.Context, /, *, folder: str | None, **_: Any) -> None:
    """End it. What was in it is gone."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import daemon  # noqa: PLC0415

        return {"stopped": daemon.stop(_place(folder))}

    _leave(ctx, "sandbox stop", work)


@sandbox.command()
@together(folder_option, output_options)
@click.pass_context
def status(ctx: click.Context, /, *, folder: str | None, **_: Any) -> None:
    """Say whether it runs, and where."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import daemon, remote  # noqa: PLC0415

        running = daemon.find(_place(folder))
        return {"running": False} if running is None else {"running": True, **_told(running), **remote.status(running)}

    _leave(ctx, "sandbox status", work)


@sandbox.command()
@together(folder_option, output_options)
@click.pass_context
def env(ctx: click.Context, /, *, folder: str | None, output: str, **_: Any) -> None:
    """Print the shell variables that point any AWS client at it.

    \b
    eval "$(plinkctl sandbox env)"
    """

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import daemon  # noqa: PLC0415

        variables = daemon.environment(_running(folder))
        # Only a flag may ask for another form: with PLINKCTL_OUTPUT set, a shell would be given JSON to evaluate.
        if output == "table" or ctx.get_parameter_source("output") is ParameterSource.ENVIRONMENT:
            ctx.params["output"] = "table"
            for name in _OUTRANKING:
                if name in os.environ:
                    click.echo(f"unset {name}")
            for name, value in variables.items():
                click.echo(f"export {name}={shlex.quote(value)}")
            return {}
        return variables

    _leave(ctx, "sandbox env", work)


@sandbox.command()
@together(folder_option, output_options)
@click.pass_context
def reset(ctx: click.Context, /, *, folder: str | None, **_: Any) -> None:
    """Empty it; keys and addresses stay."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import remote  # noqa: PLC0415

        remote.reset(_running(folder))
        return {"reset": True}

    _leave(ctx, "sandbox reset", work)


@sandbox.command()
@together(folder_option, output_options)
@click.pass_context
def flows(ctx: click.Context, /, *, folder: str | None, **_: Any) -> None:
    """Show every connection tried inside it, and the rule that let it through or dropped it."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import remote  # noqa: PLC0415

        return {"flows": remote.flows(_running(folder))}

    _leave(ctx, "sandbox flows", work)


@sandbox.command()
@together(folder_option, output_options)
@click.pass_context
def calls(ctx: click.Context, /, *, folder: str | None, **_: Any) -> None:
    """Show the API calls it answered."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import remote  # noqa: PLC0415

        return {"calls": remote.calls(_running(folder))}

    _leave(ctx, "sandbox calls", work)


def _leave(ctx: click.Context, command: str, work: Callable[[], Mapping[str, Any]]) -> None:
    def whole(*_: Any) -> Mapping[str, Any]:
        needs_extra()
        return work()

    if ctx.params["progress"] == "auto":  # nothing here takes long enough to be shown
        ctx.params["progress"] = "none"
    leave(ctx, command, whole)


def _place(folder: str | None) -> Path:
    return Path(folder) if folder else home("sandbox")


def _running(folder: str | None) -> "Running":
    from plinkctl.sandbox import daemon  # noqa: PLC0415

    running = daemon.find(_place(folder))
    if running is None:
        raise PlinkError("no sandbox runs", hint="plinkctl sandbox start", code="no_sandbox_runs")
    return running


def _told(running: "Running") -> dict[str, Any]:
    return {
        "url": running.url,
        "profile": running.profile,
        "folder": str(running.folder),
        "pid": running.pid,
        "region": running.region,
        "accounts": dict(running.accounts),
        "config_file": str(running.config_file),
        "started": running.started,
    }
