"""`plinkctl iam-policy`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plinkctl.cli.options import option, overrides, together
from plinkctl.errors import PlinkError
from plinkctl.link import Side
from plinkctl.render.explain import explain

if TYPE_CHECKING:
    from plinkctl.link import Link
    from plinkctl.permissions import Scope


@click.command("iam-policy")
@click.argument("policy", type=click.Choice(["provider", "consumer", "verify", "teardown", "names"]))
@together(
    option(
        "--side", type=click.Choice([side.value for side in Side]), help="One side's part of verify, teardown or names."
    ),
    option("--name", metavar="NAME", help="The link's name.  [default: default]"),
    option("-f", "--config", metavar="FILE", help="A link file (configs/*.yaml)."),
    option("--account", metavar="ID", help="The account it is for.  [default: any]"),
    option("--region", metavar="REGION", help="The region it is for.  [default: any]"),
    option("--service-name", metavar="NAME", help="The one service a consumer may connect to.  [default: any]"),
    option("--vpc-id", metavar="ID", help="An existing VPC the link is made in."),
    option("--subnet-id", "subnet_ids", multiple=True, metavar="ID", help="A subnet of that VPC; repeatable."),
    option("--state", metavar="PLACE", help="Where states are kept, if in a bucket: s3://BUCKET/PREFIX."),
    option("--permissions-boundary", metavar="ARN", help="Permissions boundary that every role must have."),
    option("--dns-zone", metavar="ID", help="The one Route 53 zone that records are written to.  [default: any]"),
)
@click.pass_context
def iam_policy(ctx: click.Context, /, *, policy: str, side: str | None, **params: Any) -> None:
    """Print the IAM policy for the commands of one side, for verify, for teardown, or for names. Calls nothing.

    Such credentials can make, change and delete what is this link's, and nothing else. With a link file, its accounts,
    regions and existing networks are in the policy. `names` is for certificates and hosted zones, besides the others.

    \b
    plinkctl iam-policy provider --name shop --account 111111111111 --region eu-west-1
    plinkctl iam-policy teardown --side consumer -f configs/two-accounts.yaml > policy.json
    """
    from plinkctl import config, permissions  # noqa: PLC0415

    commands = permissions.POLICIES[policy]
    if side is not None:
        if Side(side) not in commands:
            raise click.UsageError(f"the policy {policy} has no part for the {side} side")
        commands = {Side(side): commands[Side(side)]}
    try:
        path = Path(params["config"]) if params["config"] else None
        link = config.load(path, overrides(ctx, tuple(commands)), sides=frozenset(commands), complete=False)
        click.echo(
            json.dumps(
                permissions.policy(_scope(link, *commands), commands, names=policy == permissions.NAMES), indent=2
            )
        )
    except PlinkError as error:
        explain(error, sys.stderr, color=False)
        raise click.exceptions.Exit(error.exit_code) from error


def _scope(link: "Link", *sides: Side) -> "Scope":
    """Where the policy is for; what two sides do not agree on is left open."""
    from plinkctl.config import partition_of  # noqa: PLC0415
    from plinkctl.permissions import Scope  # noqa: PLC0415
    from plinkctl.stores.address import is_address, parse  # noqa: PLC0415

    place = parse(link.state) if link.state and is_address(link.state) else None
    if place is not None and place.profile is not None:
        place = None  # others reach the bucket

    halves = {Side.PROVIDER: link.provider, Side.CONSUMER: link.consumer}
    here = [half for side in sides if (half := halves[side]) is not None]
    accounts = {half.access.account for half in here}
    regions = {half.access.region for half in here}
    region = regions.pop() if len(regions) == 1 else None
    consumer = link.consumer if Side.CONSUMER in sides else None
    return Scope(
        link=link.name,
        partition=partition_of(region or ""),
        account=(accounts.pop() if len(accounts) == 1 else None) or "*",
        region=region or "*",
        bucket=place.bucket if place else "",
        folder=place.folder if place else "",
        service_name=consumer.service_name if consumer else None,
        vpc_id=here[0].network.vpc_id if len(here) == 1 else None,
        boundary=consumer.permissions_boundary if consumer else None,
        subnet_ids=here[0].network.subnet_ids if len(here) == 1 else (),
        zone_id=link.provider.dns.zone_id if link.provider and tuple(sides) == (Side.PROVIDER,) else None,
    )
