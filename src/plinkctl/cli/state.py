"""`plinkctl state list|show|unlock|rebuild`."""

from typing import TYPE_CHECKING, Any

import click

from plinkctl.cli.boundary import ask, execute
from plinkctl.cli.options import access_options, link_options, option, output_options, sides_options, together
from plinkctl.link import Side

if TYPE_CHECKING:
    from plinkctl.app.run import Run

_BOTH = (Side.PROVIDER, Side.CONSUMER)


@click.group()
def state() -> None:
    """What the states record, and how to get a lost one back."""


@state.command("list")
@together(link_options, sides_options, access_options, output_options)
@click.pass_context
def list_(ctx: click.Context, /, **_: Any) -> None:
    """Show every link that has a state here. Calls nothing but the bucket."""
    from plinkctl.app.look import state_list  # noqa: PLC0415

    execute(ctx, "state list", state_list, sides=_BOTH)


@state.command()
@together(link_options, sides_options, access_options, output_options)
@click.pass_context
def show(ctx: click.Context, /, **_: Any) -> None:
    """Show one link's states whole. Calls nothing but the bucket."""
    from plinkctl.app.look import state_show  # noqa: PLC0415

    execute(ctx, "state show", state_show, sides=_BOTH)


@state.command()
@click.argument("side", type=click.Choice([side.value for side in Side]), required=False)
@together(link_options, sides_options, access_options, output_options)
@click.pass_context
def unlock(ctx: click.Context, /, *, side: str | None, **params: Any) -> None:
    """End a lock whose process is gone, on both sides or one.

    \b
    plinkctl state unlock --state s3://our-states/links
    plinkctl state unlock consumer --yes
    """
    sides = (Side(side),) if side else _BOTH

    def work(run: "Run") -> dict[str, Any]:
        from plinkctl.app.unlock import unlock as end  # noqa: PLC0415

        def agree(one: Side, holder: str) -> None:
            question = f"the {one} side of {run.link.name} is held by {holder}; its lock will be ended"
            ask(params, link=run.link.name, question=question, severe=False)

        return end(run, sides, agree=agree)

    execute(ctx, f"state unlock {side}" if side else "state unlock", work, sides=sides)


@state.command()
@click.argument("side", type=click.Choice([side.value for side in Side]), required=False)
@together(
    option("--lineage", "lineages", multiple=True, metavar="ID", help="Whose resources, if several; repeatable."),
    option("--replace", is_flag=True, help="Put a state that is there aside, damaged or not."),
    link_options,
    sides_options,
    access_options,
    output_options,
)
@click.pass_context
def rebuild(ctx: click.Context, /, *, side: str | None, lineages: tuple[str, ...], replace: bool, **_: Any) -> None:
    """Make a lost state again from the tags in the account. Changes nothing on AWS.

    \b
    plinkctl state rebuild
    plinkctl state rebuild provider --replace
    """
    from plinkctl.app.rebuild import rebuild as make_again  # noqa: PLC0415

    sides = (Side(side),) if side else _BOTH
    execute(
        ctx,
        f"state rebuild {side}" if side else "state rebuild",
        lambda run: make_again(run, sides, lineages=lineages, anew=replace),
        sides=sides,
    )
