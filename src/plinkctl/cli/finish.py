"""What a person sees after a command: time line, drawing, and the command that makes sense next. On stderr."""

import os
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from plinkctl.errors import Exit
from plinkctl.render.diagram import LinkPicture
from plinkctl.render.summary import summary
from plinkctl.render.terminal import wants_color

if TYPE_CHECKING:
    from plinkctl.app.run import Run

_ACCESS: Final = (
    "profile",
    "region",
    "endpoint_url",
    *(f"{side}_{what}" for side in ("provider", "consumer") for what in ("profile", "region")),
)


def after_provider_up(run: "Run") -> None:
    """Hand the service name over."""
    from plinkctl.link import Side  # noqa: PLC0415

    state = run.glimpse(Side.PROVIDER)
    service = state.live.get("service") if state else None
    name = service.attrs.get("name") if service else None
    asked = f"plinkctl consumer up --service-name {name}{_as_offered(run)}{_named(run, same_party=False)}"
    _show(run, [asked] if name else [])


def after_consumer_up(run: "Run") -> None:
    """It stands: prove it. Whose turn it is while it is held, the error says."""
    _show(run, [] if run.report.held else [f"plinkctl verify{_named(run)}"])


def after_up(run: "Run") -> None:
    """The link stands: look at it or take it down."""
    _show(run, [f"plinkctl status{_named(run)}", f"plinkctl teardown{_named(run)}"])


def _show(run: "Run", following: Sequence[str]) -> None:
    from plinkctl.app.picture import picture  # noqa: PLC0415

    params = click.get_current_context().params
    if params["progress"] in {"json", "none"} or not run.report.counts.planned:
        return
    failed = run.report.exit_code not in {Exit.OK, Exit.HELD}
    summary(
        run.report,
        sys.stderr,
        color=wants_color(sys.stderr, os.environ, params["no_color"]),
        picture=None if failed else LinkPicture.of(picture(run)),
        following=[] if failed else following,
    )


def _as_offered(run: "Run") -> str:
    """The options by which a consumer uses the names and the TLS of this provider."""
    provider = run.link.provider
    if provider is None:
        return ""
    private, asked = provider.private_dns_name, provider.server_name if provider.tls.certificate else None
    found = [" --private-dns"] if private else []
    found += [" --https"] if asked else []
    return "".join([*found, *([f" --server-name {asked}"] if asked and asked != private else [])])


def _named(run: "Run", *, same_party: bool = True) -> str:
    """The options that lead the next command to the same link, and the same party to the same account."""
    ctx = click.get_current_context()
    found = []
    if ctx.params.get("config"):
        found.append(f"--config {shlex.quote(ctx.params['config'])}")
    elif run.link.name != "default":
        found.append(f"--name {run.link.name}")
    if ctx.params.get("state"):
        found.append(f"--state {shlex.quote(ctx.params['state'])}")
    if same_party:
        given = {parameter: ctx.params[parameter] for parameter in _ACCESS if ctx.params.get(parameter)}
        found += [f"--{parameter.replace('_', '-')} {shlex.quote(value)}" for parameter, value in given.items()]
    return "".join(f" {item}" for item in found)
