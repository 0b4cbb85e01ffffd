"""`plinkctl state list|show`."""

from typing import Any

import click

from plinkctl.cli.boundary import execute
from plinkctl.cli.options import link_options, output_options, together
from plinkctl.link import Side

_BOTH = (Side.PROVIDER, Side.CONSUMER)


@click.group()
def state() -> None:
    """What the state files record."""


@state.command("list")
@together(link_options, output_options)
@click.pass_context
def list_(ctx: click.Context, /, **_: Any) -> None:
    """Show every link that has a state here. Calls nothing."""
    from plinkctl.app.look import state_list  # noqa: PLC0415

    execute(ctx, "state list", state_list, sides=_BOTH)


@state.command()
@together(link_options, output_options)
@click.pass_context
def show(ctx: click.Context, /, **_: Any) -> None:
    """Show one link's states whole. Calls nothing."""
    from plinkctl.app.look import state_show  # noqa: PLC0415

    execute(ctx, "state show", state_show, sides=_BOTH)
