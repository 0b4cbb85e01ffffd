"""`plinkctl sandbox start`, `stop`, `status`, `env`, `reset`: its life, and the way to it."""

import os
import shlex
from collections.abc import Mapping
from typing import Any, Final

import click
from click.core import ParameterSource

from plinkctl.cli.options import Duration, option, output_options, together
from plinkctl.cli.sandbox.common import finish, folder_option, place_of, running_in, told
from plinkctl.cli.sandbox.trouble import read_rules
from plinkctl.errors import PlinkError

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


@click.command()
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
        "--isolation",
        type=click.Choice(["auto", "kernel", "shim"]),
        default="auto",
        show_default=True,
        help="Keep functions to their network by the kernel (a network namespace each) or by Python alone.",
        envvar=None,
    ),
    option(
        "--idle",
        type=Duration(),
        default=_IDLE,
        metavar="DURATION",
        help="End by itself after so long without a call.  [default: 1h]",
    ),
    option("--iam", is_flag=True, help="Enforce IAM: callers may do what their policies allow.", envvar=None),
    option("--faults", metavar="FILE", help="Fault rules to begin with, as JSON; - for stdin.", envvar=None),
    folder_option,
    output_options,
)
@click.pass_context
def start(
    ctx: click.Context,
    /,
    *,
    profile: str,
    port: int,
    isolation: str,
    idle: float,
    iam: bool,
    faults: str | None,
    folder: str | None,
    **_: Any,
) -> None:
    """Start it; one that runs is left as it is."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import daemon, remote  # noqa: PLC0415

        place = place_of(folder)
        wanted = read_rules(faults) if faults is not None else None
        before = daemon.find(place)
        running = daemon.start(place, profile, idle_seconds=idle, port=port, isolation=isolation)
        if wanted is not None:
            try:
                remote.set_faults(running, wanted, replace=True)
            except PlinkError:
                if before is None:
                    daemon.stop(place)
                raise
        if iam:
            remote.settings(running, enforced=True)
        known = "it runs already" if before else "it runs"
        where = f" --folder {shlex.quote(folder)}" if folder else ""
        click.echo(
            f'{known}; point any AWS client at it with:\n\n    eval "$(plinkctl sandbox env{where})"\n', err=True
        )
        return told(running)

    finish(ctx, "sandbox start", work)


@click.command()
@together(folder_option, output_options)
@click.pass_context
def stop(ctx: click.Context, /, *, folder: str | None, **_: Any) -> None:
    """End it. What was in it is gone."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import daemon  # noqa: PLC0415

        return {"stopped": daemon.stop(place_of(folder))}

    finish(ctx, "sandbox stop", work)


@click.command()
@together(folder_option, output_options)
@click.pass_context
def status(ctx: click.Context, /, *, folder: str | None, **_: Any) -> None:
    """Say whether it runs, and where."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import daemon, remote  # noqa: PLC0415

        running = daemon.find(place_of(folder))
        return {"running": False} if running is None else {"running": True, **told(running), **remote.status(running)}

    finish(ctx, "sandbox status", work)


@click.command()
@together(folder_option, output_options)
@click.pass_context
def env(ctx: click.Context, /, *, folder: str | None, output: str, **_: Any) -> None:
    """Print the shell variables that point any AWS client at it.

    \b
    eval "$(plinkctl sandbox env)"
    """

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import daemon  # noqa: PLC0415

        variables = daemon.environment(running_in(folder))
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

    finish(ctx, "sandbox env", work)


@click.command()
@together(folder_option, output_options)
@click.pass_context
def reset(ctx: click.Context, /, *, folder: str | None, **_: Any) -> None:
    """Empty it; keys and addresses stay."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import remote  # noqa: PLC0415

        remote.reset(running_in(folder))
        return {"reset": True}

    finish(ctx, "sandbox reset", work)


@click.command()
@together(folder_option, output_options)
@click.pass_context
def purge(ctx: click.Context, /, *, folder: str | None, **_: Any) -> None:
    """End it, and delete its folder with everything in it: keys, logs, all."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import daemon  # noqa: PLC0415

        place = place_of(folder)
        return {"purged": daemon.purge(place), "folder": str(place)}

    finish(ctx, "sandbox purge", work)
