"""`plinkctl sandbox settings`: how awkward it is about what is new, about lists, quantities and rights."""

import re
from collections.abc import Mapping
from typing import Any

import click

from plinkctl.cli.options import option, output_options, together
from plinkctl.cli.sandbox.common import finish, folder_option, running_in
from plinkctl.errors import UsageError


@click.command()
@together(
    option(
        "--visibility",
        type=click.FloatRange(0, 86_400),
        metavar="SECONDS",
        help="How long a new thing is not seen yet, at the longest.",
        envvar=None,
    ),
    option(
        "--page-size",
        type=click.IntRange(1, 1_000_000),
        metavar="N",
        help="No page of a list has more items.",
        envvar=None,
    ),
    option("--quota", multiple=True, metavar="NAME=N", help="Another figure for a quota; repeatable.", envvar=None),
    option(
        "--constrained-zone",
        multiple=True,
        metavar="ID",
        help="A zone without load balancers and functions; repeatable.",
        envvar=None,
    ),
    option("--seed", type=click.IntRange(0), metavar="N", help="What chance is drawn from.", envvar=None),
    option("--iam/--no-iam", "enforced", default=None, help="Enforce IAM, or not.", envvar=None),
    option("--usual", is_flag=True, help="Take all of them back first: the profile's, and AWS's.", envvar=None),
    folder_option,
    output_options,
)
@click.pass_context
def settings(
    ctx: click.Context,
    /,
    *,
    visibility: float | None,
    page_size: int | None,
    quota: tuple[str, ...],
    constrained_zone: tuple[str, ...],
    seed: int | None,
    enforced: bool | None,
    usual: bool,
    folder: str | None,
    **_: Any,
) -> None:
    """Show how late, how small, how few, how strict; or set it."""

    def work() -> Mapping[str, Any]:
        from plinkctl.sandbox import remote  # noqa: PLC0415

        given = {
            "visibility": visibility,
            "page_size": page_size,
            "quotas": _quotas(quota) or None,
            "constrained_zones": list(constrained_zone) or None,
            "seed": seed,
            "enforced": enforced,
        }
        wish = {name: value for name, value in given.items() if value is not None}
        running = running_in(folder)
        if usual:
            remote.settings(running, **dict.fromkeys(given))
        return remote.settings(running, **wish)

    finish(ctx, "sandbox settings", work)


def _quotas(given: tuple[str, ...]) -> dict[str, int]:
    """What `--quota NAME=N` says; the sandbox knows which names there are. Raises UsageError."""
    found = {}
    for one in given:
        name, _, number = one.partition("=")
        if not re.fullmatch(r"\d+", number):
            raise UsageError(f"--quota is {one!r}, not NAME=N", hint="plinkctl sandbox settings")
        found[name] = int(number)
    return found
