"""What a person sees after a command: time line, drawing, and the command that makes sense next. On stderr."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from plinkctl.errors import Exit
from plinkctl.render.diagram import LinkPicture
from plinkctl.render.summary import summary
from plinkctl.render.terminal import wants_color

if TYPE_CHECKING:
    from plinkctl.app.run import Run


def after_provider_up(run: "Run") -> None:
    """Hand the service name over."""
    from plinkctl.link import Side  # noqa: PLC0415

    state = run.state(Side.PROVIDER)
    service = state.live.get("service") if state else None
    name = service.attrs.get("name") if service else None
    _show(run, [f"plinkctl consumer up --service-name {name}{_named(run)}"] if name else [])


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


def _named(run: "Run") -> str:
    """The options that lead the next command to the same link."""
    params = click.get_current_context().params
    found = []
    if params.get("config"):
        found.append(f"--config {params['config']}")
    elif run.link.name != "default":
        found.append(f"--name {run.link.name}")
    if params.get("state"):
        found.append(f"--state {params['state']}")
    return "".join(f" {item}" for item in found)
