"""`plinkctl provider up`."""

from typing import Any

import click

from plinkctl.cli import finish
from plinkctl.cli.boundary import execute
from plinkctl.cli.options import access_options, link_options, output_options, provider_options, side_options, together
from plinkctl.link import Side


@click.group()
def provider() -> None:
    """The side that offers a service."""


@provider.command()
@together(provider_options, side_options, link_options, access_options, output_options)
@click.pass_context
def up(ctx: click.Context, /, **_: Any) -> None:
    """Make the provider side: VPC, ALB, NLB, endpoint service.

    Run again, it changes only what differs. The result holds the service name for the consumer.

    \b
    plinkctl provider up --allow 222222222222
    plinkctl provider up -f configs/two-accounts.yaml
    """
    from plinkctl.app.up import provider_up  # noqa: PLC0415

    execute(ctx, "provider up", provider_up, sides=(Side.PROVIDER,), complete=True, after=finish.after_provider_up)
