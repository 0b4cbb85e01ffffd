"""`plinkctl sandbox clock`, `faults`: time at will, and what is to go wrong."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from plinkctl.cli.options import Duration, option, output_options, together
from plinkctl.cli.sandbox.common import finish, folder_option, running_in
from plinkctl.errors import UsageError


@click.command()
@together(
    option("--advance", type=Duration(), metavar="DURATION", help="Move it ahead: 90s, 10m, 1h, 2d.", envvar=None),
    option(
        "--speed",
        type=click.FloatRange(0, 1_000_000),
        metavar="N",
        help="Sandbox seconds per real second.",
        envvar=None,
    ),
    option("--freeze", is_flag=True, help="Stand still; only --advance moves it.", envvar=None),
    option("--run", is_flag=True, help="Run at its usual speed, 1.", envvar=None),
    folder_option,
    output_options,
)
@click.pass_context
def clock(
    ctx: click.Context,
    /,
    *,
    advance: float | None,
    speed: float | None,
    freeze: bool,
    run: bool,
    folder: str | None,
    **_: Any,
) -> None:
    """Show its clock, or move it."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import remote  # noqa: PLC0415

        if (speed is not None) + freeze + run > 1:
            raise UsageError("--speed, --freeze and --run exclude each other")
        running = running_in(folder)
        wanted = 0.0 if freeze else 1.0 if run else speed
        moved = advance is not None or wanted is not None
        status = remote.set_clock(running, advance=advance, speed=wanted) if moved else remote.status(running)
        return {**status["clock"], "profile": status["profile"]}

    finish(ctx, "sandbox clock", work)


@click.group()
def faults() -> None:
    """What is to go wrong: rules that break calls on purpose."""


@faults.command("list")
@together(folder_option, output_options)
@click.pass_context
def list_faults(ctx: click.Context, /, *, folder: str | None, **_: Any) -> None:
    """Show the rules, and how often each has fired."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import remote  # noqa: PLC0415

        return _told(remote.faults(running_in(folder)))

    finish(ctx, "sandbox faults list", work)


@faults.command("load")
@click.argument("file")
@together(
    option("--replace", is_flag=True, help="Take all other rules away.", envvar=None),
    folder_option,
    output_options,
)
@click.pass_context
def load_faults(ctx: click.Context, /, *, file: str, replace: bool, folder: str | None, **_: Any) -> None:
    """Set the rules of a JSON file, or of stdin (-): all of them, or none.

    \b
    echo '{"rules": [{"action": "ec2:CreateVpcEndpoint", "effect": "reset",
                      "when": "after", "times": 1}]}' | plinkctl sandbox faults load -
    """

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import remote  # noqa: PLC0415

        wanted = read_rules(file)
        return _told(remote.set_faults(running_in(folder), wanted, replace=replace))

    finish(ctx, "sandbox faults load", work)


@faults.command("clear")
@click.argument("name", required=False)
@together(folder_option, output_options)
@click.pass_context
def clear_faults(ctx: click.Context, /, *, name: str | None, folder: str | None, **_: Any) -> None:
    """Take a rule away, or all. An effect that is on its way still lands."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import remote  # noqa: PLC0415

        return {"cleared": remote.clear_faults(running_in(folder), name)}

    finish(ctx, "sandbox faults clear", work)


def read_rules(file: str) -> Any:
    """What a file of fault rules holds; the sandbox says whether it is right.

    Raises:
        UsageError: It cannot be read, or is no JSON.
    """
    name = "standard input" if file == "-" else file
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        return json.loads(text)
    except json.JSONDecodeError as error:
        why = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise UsageError(f"{name} is not JSON", why=why, code="bad_faults") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{name} cannot be read", why=str(error), code="bad_faults") from error


def _told(faults: Mapping[str, Any]) -> dict[str, Any]:
    """The rules as a result: the counts and the main keys by themselves, so that a table can hold them."""
    return {"rules": faults["rules"], "landing": faults["landing"]}
