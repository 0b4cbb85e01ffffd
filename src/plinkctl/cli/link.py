"""The commands about the whole link: up, accept, reject, verify, status."""

from typing import TYPE_CHECKING, Any

import click

from plinkctl.cli import finish
from plinkctl.cli.boundary import execute
from plinkctl.cli.options import (
    ACCOUNT_ID,
    ENDPOINT_ID,
    access_options,
    link_options,
    option,
    output_options,
    provider_options,
    shared_options,
    sides_options,
    together,
)
from plinkctl.link import Side

if TYPE_CHECKING:
    from plinkctl.app.run import Run

_BOTH = (Side.PROVIDER, Side.CONSUMER)


@click.command()
@together(provider_options, shared_options, link_options, sides_options, access_options, output_options)
@click.pass_context
def up(ctx: click.Context, /, **_: Any) -> None:
    """Make both sides, accept, and verify, in one walk.

    \b
    plinkctl up --provider-profile prov --consumer-profile cons --region eu-west-1
    plinkctl up -f configs/two-accounts.yaml
    """

    def work(run: "Run") -> dict[str, Any]:
        from plinkctl.app.proof import prove  # noqa: PLC0415
        from plinkctl.app.up import both_up, tell_held  # noqa: PLC0415

        data: dict[str, Any] = both_up(run)
        tell_held(run)
        if not run.report.errors and not run.report.held:
            data["verify"] = prove(run)
        return data

    execute(ctx, "up", work, sides=_BOTH, complete=True, after=finish.after_up)


@click.command()
@together(
    option(
        "--endpoint-id",
        "endpoint_ids",
        type=ENDPOINT_ID,
        multiple=True,
        metavar="ID",
        help="An endpoint to accept, whoever owns it; repeatable.",
    ),
    option(
        "--account",
        "accounts",
        type=ACCOUNT_ID,
        envvar=None,  # PLINKCTL_ACCOUNT guards which account `up` works in; it must not choose whom to accept
        multiple=True,
        metavar="ID",
        help="Accept the waiting endpoints of this account; repeatable.",
    ),
    option("--wait", is_flag=True, help="Wait for a connection to accept, and until it is available."),
    link_options,
    access_options,
    output_options,
)
@click.pass_context
def accept(
    ctx: click.Context, /, *, endpoint_ids: tuple[str, ...], accounts: tuple[str, ...], wait: bool, **_: Any
) -> None:
    """Accept waiting connections of the link's service.

    Those named, or else those whose owner is an allowed principal. Strangers are shown and left alone (exit 8).

    \b
    plinkctl accept
    plinkctl accept --endpoint-id vpce-0123456789abcdef0 --wait
    """
    from plinkctl.app import connections  # noqa: PLC0415

    execute(
        ctx,
        "accept",
        lambda run: connections.accept(run, endpoint_ids=endpoint_ids, accounts=accounts, wait=wait),
        sides=(Side.PROVIDER,),
    )


@click.command()
@together(
    option(
        "--endpoint-id",
        "endpoint_ids",
        type=ENDPOINT_ID,
        multiple=True,
        required=True,
        metavar="ID",
        help="An endpoint to reject; repeatable.",
    ),
    link_options,
    access_options,
    output_options,
)
@click.pass_context
def reject(ctx: click.Context, /, *, endpoint_ids: tuple[str, ...], **_: Any) -> None:
    """Reject connections, waiting or live.

    \b
    plinkctl reject --endpoint-id vpce-0123456789abcdef0
    """
    from plinkctl.app import connections  # noqa: PLC0415

    execute(ctx, "reject", lambda run: connections.reject(run, endpoint_ids=endpoint_ids), sides=(Side.PROVIDER,))


@click.command()
@together(link_options, sides_options, access_options, output_options)
@click.pass_context
def verify(ctx: click.Context, /, **_: Any) -> None:
    """Have the probe function make the request through the link.

    Exit 3 when the answer does not come; the first broken layer is named.

    \b
    plinkctl verify
    plinkctl verify -o json --query data.request.body
    """
    from plinkctl.app.proof import prove  # noqa: PLC0415

    execute(ctx, "verify", prove, sides=_BOTH)


@click.command()
@together(link_options, sides_options, access_options, output_options)
@click.pass_context
def status(ctx: click.Context, /, **_: Any) -> None:
    """Show both sides as far as known, and the connections. Changes nothing.

    \b
    plinkctl status
    """
    from plinkctl.app.look import status as look  # noqa: PLC0415

    execute(ctx, "status", look, sides=_BOTH)
