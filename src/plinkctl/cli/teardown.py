"""The commands that take away: teardown, sweep."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from plinkctl.cli.boundary import ask, execute
from plinkctl.cli.options import access_options, link_options, option, output_options, sides_options, together
from plinkctl.link import Side
from plinkctl.render.terminal import clean

if TYPE_CHECKING:
    from plinkctl.app.run import Run
    from plinkctl.app.teardown import Plan

_BOTH = (Side.PROVIDER, Side.CONSUMER)

_side = click.argument("side", type=click.Choice([side.value for side in Side]), required=False)
_rejecting = option("--reject-connections", is_flag=True, help="Cut live connections of others.")


@click.command()
@_side
@together(_rejecting, link_options, sides_options, access_options, output_options)
@click.pass_context
def teardown(ctx: click.Context, /, *, side: str | None, **params: Any) -> None:
    """Take away what this link's states hold, consumer first, to the proof that nothing is left.

    \b
    plinkctl teardown
    plinkctl teardown provider --reject-connections --confirm NAME
    """
    sides = (Side(side),) if side else _BOTH

    def work(run: "Run") -> dict[str, Any]:
        from plinkctl.app.teardown import teardown as take_down  # noqa: PLC0415

        return take_down(run, sides, agree=_agree(params))

    execute(ctx, f"teardown {side}" if side else "teardown", work, sides=sides)


@click.command()
@_side
@together(
    option("--delete", is_flag=True, help="Take them away."),
    option("--lineage", "lineages", multiple=True, metavar="ID", help="Only what this state made; repeatable."),
    _rejecting,
    link_options,
    sides_options,
    access_options,
    output_options,
)
@click.pass_context
def sweep(ctx: click.Context, /, *, side: str | None, delete: bool, lineages: tuple[str, ...], **params: Any) -> None:
    """List what carries this link's tags and no state here records; with --delete, take it away.

    \b
    plinkctl sweep
    plinkctl sweep --delete --confirm NAME
    """
    sides = (Side(side),) if side else _BOTH

    def work(run: "Run") -> dict[str, Any]:
        from plinkctl.app.sweep import sweep as look_for  # noqa: PLC0415

        agree = _agree(params, severe=True, what=", of which no state is here,") if delete else None
        return look_for(run, sides, lineages=lineages, agree=agree)

    execute(ctx, f"sweep {side}" if side else "sweep", work, sides=sides)


def _agree(params: Mapping[str, Any], *, severe: bool = False, what: str = "") -> Callable[["Plan"], None]:
    """Asks about a plan: what will be cut, a line each; then how much will be deleted, and where."""

    def agree(plan: "Plan") -> None:
        for connection in plan.connections:
            known = f"{connection.state}, since {connection.since or 'an unknown time'}"
            told = f"will be cut: {connection.endpoint_id} of account {connection.owner}, {known}"
            click.echo(clean(told), err=True)
        places = " and ".join(f"{name} account {account}" for name, account in plan.accounts.items())
        cut = f", cutting {len(plan.connections)} live connection(s) of others" if plan.connections else ""
        question = f"{len(plan.resources)} resources of the link {plan.link}{what} in {places} will be deleted{cut}"
        ask(params, link=plan.link, question=question, severe=severe or bool(plan.connections))

    return agree
