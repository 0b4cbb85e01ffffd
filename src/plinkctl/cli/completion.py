"""`plinkctl completion SHELL`."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, /, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    eval "$(plinkctl completion bash)"
    plinkctl completion fish > ~/.config/fish/completions/plinkctl.fish
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(ctx.find_root().command, {}, "plinkctl", "_PLINKCTL_COMPLETE").source())
