"""`plinkctl sandbox start`, `stop`, `status`, `env`, `reset`, `purge`: its life, and the way to it."""

import os
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from plinkctl.cli.options import Duration, option, output_options, together
from plinkctl.cli.sandbox.common import finish, folder_option, place_of, running_in, told, where
from plinkctl.cli.sandbox.trouble import read_rules
from plinkctl.errors import PlinkError

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


@click.command()
@together(
    option(
        "--profile",
        type=click.Choice(["instant", "brisk", "real"]),
        help="How long things take: not at all, a moment, or as on AWS.  [default: as put aside, else brisk]",
        envvar=None,
    ),
    option(
        "--port",
        envvar=None,  # PLINKCTL_PORT is the link's port
        type=click.IntRange(0, 65535),
        default=0,
        metavar="PORT",
        help="TCP port on 127.0.0.1 and [::1].  [default: as put aside, else a free one]",
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
    option("--fresh", is_flag=True, help="Begin empty; what was put aside is deleted.", envvar=None),
    option("--throw-away", is_flag=True, help="Put nothing aside: what is in it ends with it.", envvar=None),
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
    profile: str | None,
    port: int,
    isolation: str,
    idle: float,
    fresh: bool,
    throw_away: bool,
    iam: bool,
    faults: str | None,
    folder: str | None,
    **_: Any,
) -> None:
    """Start it; one that runs is left as it is.

    What was in the last one is taken up again: resources, keys, clock, settings. It is kept in the folder's file
    `snapshot`, which is code: take up nobody else's.
    """

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import daemon, remote  # noqa: PLC0415

        place = place_of(folder)
        wanted = read_rules(faults) if faults is not None else None
        before = daemon.find(place)
        if before and fresh:
            raise PlinkError("a sandbox runs already, and is not empty", hint=f"plinkctl sandbox reset{where(folder)}")
        running = daemon.start(
            place,
            profile,
            idle_seconds=idle,
            port=port,
            isolation=isolation,
            keep=not throw_away,
            fresh=fresh,
        )
        if wanted is not None:
            try:
                remote.set_faults(running, wanted, replace=True)
            except PlinkError:
                if before is None:  # it is as if it had not been started
                    (daemon.stop if running.taken_up else daemon.purge)(place)
                raise
        if iam:
            remote.settings(running, enforced=True)
        known = "it runs already" if before else "it runs"
        others = daemon.differing(running, _wished(ctx)) if before else []
        _say_what_is_odd(running, others, where(folder), ran=before is not None)
        click.echo(
            f'{known}; point any AWS client at it with:\n\n    eval "$(plinkctl sandbox env{where(folder)})"\n',
            err=True,
        )
        return {**told(running), "differing": others}

    finish(ctx, "sandbox start", work)


def _wished(ctx: click.Context) -> dict[str, Any]:
    """What was asked for of a sandbox, as `daemon.differing` takes it; defaults ask for nothing."""
    names = ("profile", "port", "isolation", "idle", "throw_away")
    given = [name for name in names if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT]
    return {name: ctx.params[name] for name in given if ctx.params[name] not in (0, "auto")}


def _say_what_is_odd(running: "Running", others: list[str], here: str, *, ran: bool) -> None:
    """Tell a person what they might not expect of a sandbox that was started, or ran already."""
    if running.taken_up and not ran:
        click.echo(f"it was taken up as it was put aside at {running.taken_up}", err=True)
        if running.unkept:
            click.echo(f"without what was in {', '.join(running.unkept)}, which could not be put aside", err=True)
    if others:
        click.echo(f"it runs already, and not as asked: {'; '.join(others)}; to change that:", err=True)
        click.echo(f"\n    plinkctl sandbox stop{here}\n", err=True)
    if running.moved_from:
        words = f"port {running.moved_from}, which it had before, is taken by another program: it is {running.port} now"
        click.echo(f"{words}; who set its URL by hand must set it anew", err=True)


@click.command()
@together(
    option("--force", is_flag=True, help="Even when its world cannot be put aside.", envvar=None),
    folder_option,
    output_options,
)
@click.pass_context
def stop(ctx: click.Context, /, *, force: bool, folder: str | None, **_: Any) -> None:
    """End it. What is in it is put aside, and `start` takes it up again."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import daemon, remote  # noqa: PLC0415

        place = place_of(folder)
        running = daemon.find(place)
        aside = _put_aside(remote.keep, running) if running and running.kept else {}
        if (trouble := aside.get("trouble")) and not force:
            raise PlinkError(
                "the sandbox cannot be put aside, so it runs on",
                why=trouble,
                hint=f"plinkctl sandbox stop --force{where(folder)}",
            )
        if unkept := aside.get("unkept"):
            click.echo(f"all is put aside but what is in {', '.join(unkept)}, which cannot be", err=True)
        return {"stopped": daemon.stop(place)}

    finish(ctx, "sandbox stop", work)


def _put_aside(keep: Callable[["Running"], Mapping[str, Any]], running: "Running") -> Mapping[str, Any]:
    """How putting it aside went. One that does not even answer is no reason to let it run."""
    try:
        return keep(running)
    except PlinkError:
        return {}


@click.command()
@together(folder_option, output_options)
@click.pass_context
def status(ctx: click.Context, /, *, folder: str | None, **_: Any) -> None:
    """Say whether it runs, and where."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import daemon, remote  # noqa: PLC0415

        place = place_of(folder)
        if (running := daemon.find(place)) is None:
            return {"running": False, "kept": daemon.aside(place)}
        return {"running": True, **told(running), **remote.status(running)}

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
    """End it, and delete its folder: keys, logs, what was put aside, all."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import daemon  # noqa: PLC0415

        place = place_of(folder)
        return {"purged": daemon.purge(place), "folder": str(place)}

    finish(ctx, "sandbox purge", work)
