"""`plinkctl consumer up`."""

from typing import TYPE_CHECKING, Any

import click

from plinkctl.cli import finish
from plinkctl.cli.boundary import execute
from plinkctl.cli.options import (
    access_options,
    consumer_options,
    link_options,
    option,
    output_options,
    side_options,
    together,
)
from plinkctl.link import Side

if TYPE_CHECKING:
    from plinkctl.app.run import Run


@click.group()
def consumer() -> None:
    """The side that uses a service."""


@consumer.command()
@together(
    option("--wait", is_flag=True, help="Wait for the provider to accept, and to verify its name."),
    consumer_options,
    side_options,
    link_options,
    access_options,
    output_options,
)
@click.pass_context
def up(ctx: click.Context, /, *, wait: bool, **_: Any) -> None:
    """Make the consumer side: VPC, interface endpoint, probe function.

    While the provider has not accepted, everything else is finished and the exit code is 8.

    \b
    plinkctl consumer up --service-name com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0
    """

    def work(run: "Run") -> dict[str, Any]:
        from plinkctl.app.up import consumer_up, tell_held  # noqa: PLC0415

        data = consumer_up(run, wait=wait)
        tell_held(run)
        return data

    execute(
        ctx,
        "consumer up",
        work,
        sides=(Side.CONSUMER,),
        complete=True,
        after=finish.after_consumer_up,
    )
