"""`plinkctl sandbox calls`, `flows`: what happened in it."""

from collections.abc import Mapping
from typing import Any

import click

from plinkctl.cli.options import output_options, together
from plinkctl.cli.sandbox.common import finish, folder_option, running_in


@click.command()
@together(folder_option, output_options)
@click.pass_context
def flows(ctx: click.Context, /, *, folder: str | None, **_: Any) -> None:
    """Show every connection tried inside it, and the rule that let it through or dropped it."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import remote  # noqa: PLC0415

        return {"flows": remote.flows(running_in(folder))}

    finish(ctx, "sandbox flows", work)


@click.command()
@together(folder_option, output_options)
@click.pass_context
def calls(ctx: click.Context, /, *, folder: str | None, **_: Any) -> None:
    """Show the API calls it answered."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import remote  # noqa: PLC0415

        return {"calls": remote.calls(running_in(folder))}

    finish(ctx, "sandbox calls", work)
