"""`plinkctl sandbox calls`, `flows`: what happened in it, and what is happening."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import click

from plinkctl.cli.options import option, output_options, together
from plinkctl.cli.sandbox.choice import Choice, Row, of_calls, of_flows
from plinkctl.cli.sandbox.common import finish, folder_option, running_in
from plinkctl.cli.sandbox.lines import call_line, flow_line
from plinkctl.errors import Exit, PlinkError, UsageError
from plinkctl.render.explain import explain
from plinkctl.render.terminal import Sink, clean, wants_color

_PAUSE: Final = 0.2  # seconds between two looks

_following: Final = together(
    option("--follow", is_flag=True, help="Show them as they come, until Ctrl-C.", envvar=None),
    option(
        "--since",
        type=click.IntRange(0),
        metavar="N",
        help="Only those with a number above N.  [default: all; with --follow, from now on]",
        envvar=None,
    ),
    folder_option,
    output_options,
)


@click.command()
@together(option("--dropped", is_flag=True, help="Only what did not get through.", envvar=None), _following)
@click.pass_context
def flows(ctx: click.Context, /, *, dropped: bool, **_: Any) -> None:
    """Show every connection tried inside it, and the rule that let it through or dropped it."""
    _show(ctx, "flows", of_flows(dropped=dropped), flow_line)


@click.command()
@together(
    option("--account", metavar="ACCOUNT", help="Only those of this account, by name or number.", envvar=None),
    option("--service", metavar="SERVICE", help="Only those of this service: ec2, elasticloadbalancing.", envvar=None),
    option(
        "--action",
        metavar="ACTION",
        help="Only this action, CreateVpc or ec2:CreateVpc; * and ? stand for anything.",
        envvar=None,
    ),
    option("--errors", is_flag=True, help="Only refused ones, and those a fault befell.", envvar=None),
    _following,
)
@click.pass_context
def calls(
    ctx: click.Context, /, *, account: str | None, service: str | None, action: str | None, errors: bool, **_: Any
) -> None:
    """Show the API calls it answered."""
    chosen = of_calls(account=account, service=service, action=action, errors=errors)
    _show(ctx, "calls", chosen, call_line)


def _show(ctx: click.Context, what: Literal["calls", "flows"], chosen: Choice, line: Callable[..., str]) -> None:
    """The rows of a log that are wanted: once as a command's result, or as they come.

    Args:
        ctx: click's context.
        what: Which log.
        chosen: What is asked of a row.
        line: A row for a person, with `color`.
    """
    params = ctx.params
    color = wants_color(sys.stdout, os.environ, params["no_color"])

    def written(row: Row) -> str:
        return json.dumps(row) if params["output"] == "json" else line(row, color=color)

    if params["follow"]:
        raise click.exceptions.Exit(_follow(params, what, chosen, written))

    def work() -> Mapping[str, Any]:
        known = _above(params, what, params["since"] or 0)
        if not (rows := [row for row in known if chosen.fits(row)]):
            click.echo(clean(chosen.why_none(known, params["since"])), err=True)
        if params["output"] != "table":
            return {what: rows}
        sink = Sink(sys.stdout)
        for row in rows:
            sink.write(f"{line(row, color=color)}\n")
        return {}

    finish(ctx, f"sandbox {what}", work)


def _above(params: Mapping[str, Any], what: Literal["calls", "flows"], number: int) -> list[Row]:
    """The rows with a greater number, oldest first; calls with the `alias` of their account."""
    from plinkctl.sandbox import remote  # noqa: PLC0415

    running = running_in(params["folder"])
    if what == "flows":
        return list(remote.flows(running, since=number))
    account = params["account"]
    if account is not None and account not in (*running.accounts, *running.accounts.values()):
        known = ", ".join(f"{alias} ({account})" for alias, account in running.accounts.items())
        raise UsageError(f"there is no account {account!r}", hint=f"one of: {known}")
    aliases = {account: alias for alias, account in running.accounts.items()}
    return [{**row, "alias": aliases.get(row["account"])} for row in remote.calls(running, since=number)]


def _follow(
    params: Mapping[str, Any], what: Literal["calls", "flows"], chosen: Choice, written: Callable[[Row], str]
) -> Exit:
    """Write each row as it comes, until Ctrl-C, or until nobody reads; the exit code."""
    from plinkctl.sandbox import remote  # noqa: PLC0415

    sink = Sink(sys.stdout)
    try:
        if params["output"] not in ("table", "json") or params["query"]:
            raise UsageError("--follow writes lines, or JSON lines with --output json; nothing else, and no --query")
        last = params["since"]
        if last is None:
            known = _above(params, what, 0)
            if known and not any(chosen.fits(row) for row in known):
                click.echo(clean(f"so far, {chosen.why_none(known, None)}"), err=True)
            last = remote.status(running_in(params["folder"]))[what]
        while not sink.broken:
            for row in _above(params, what, last):
                last = row["number"]
                if chosen.fits(row):
                    sink.write(f"{written(row)}\n")
            time.sleep(_PAUSE)
    except PlinkError as error:
        explain(error, sys.stderr, wants_color(sys.stderr, os.environ, params["no_color"]))
        return error.exit_code
    return Exit.OK
