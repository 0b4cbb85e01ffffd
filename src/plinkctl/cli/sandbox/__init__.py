"""`plinkctl sandbox …`: the local AWS. The sandbox is imported inside functions: other commands must not pay for it."""

import click

from plinkctl.cli.sandbox import life, look, settings, trouble


@click.group()
def sandbox() -> None:
    """A local AWS with two accounts, for trying and testing."""


for _command in (
    life.start,
    life.stop,
    life.status,
    life.env,
    life.reset,
    life.purge,
    look.flows,
    look.calls,
    trouble.clock,
    trouble.faults,
    settings.settings,
):
    sandbox.add_command(_command)
