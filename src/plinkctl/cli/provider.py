"""`plinkctl provider up`."""

from typing import TYPE_CHECKING, Any

import click

from plinkctl.cli import finish
from plinkctl.cli.boundary import execute
from plinkctl.cli.options import (
    access_options,
    link_options,
    option,
    output_options,
    provider_options,
    side_options,
    together,
)
from plinkctl.link import Side

if TYPE_CHECKING:
    from plinkctl.app.run import Run


@click.group()
def provider() -> None:
    """The side that offers a service."""


@provider.command()
@together(
    option("--wait", is_flag=True, help="Wait for DNS records that somebody else publishes."),
    provider_options,
    side_options,
    link_options,
    access_options,
    output_options,
)
@click.pass_context
def up(ctx: click.Context, /, *, wait: bool, **_: Any) -> None:
    """Make the provider side: VPC, ALB, NLB, endpoint service.

    Run again, it changes only what differs. The result holds the service name for the consumer.

    \b
    plinkctl provider up --allow 222222222222
    plinkctl provider up -f configs/two-accounts.yaml
    plinkctl provider up --allow 222222222222 --private-dns-name api.example.com --certificate requested
    """

    def work(run: "Run") -> dict[str, Any]:
        from plinkctl.app.up import provider_up, tell_held  # noqa: PLC0415

        data = provider_up(run, wait=wait)
        tell_held(run)
        return data

    execute(ctx, "provider up", work, sides=(Side.PROVIDER,), complete=True, after=finish.after_provider_up)
