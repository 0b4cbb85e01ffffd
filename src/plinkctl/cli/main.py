"""The tree of commands, and how click's own refusals become exit codes."""

import json
import os
import platform
import sys
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TextIO

import click

from plinkctl import __version__
from plinkctl.cli.signals import at_the_door, too_late
from plinkctl.errors import Exit
from plinkctl.redaction import guard_logs

# Command -> module and attribute. Loaded when asked for, so that help and completion are quick.
_COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "demo": ("plinkctl.cli.demo", "demo"),
    "up": ("plinkctl.cli.link", "up"),
    "provider": ("plinkctl.cli.provider", "provider"),
    "consumer": ("plinkctl.cli.consumer", "consumer"),
    "accept": ("plinkctl.cli.link", "accept"),
    "reject": ("plinkctl.cli.link", "reject"),
    "verify": ("plinkctl.cli.link", "verify"),
    "status": ("plinkctl.cli.link", "status"),
    "teardown": ("plinkctl.cli.teardown", "teardown"),
    "sweep": ("plinkctl.cli.teardown", "sweep"),
    "state": ("plinkctl.cli.state", "state"),
    "iam-policy": ("plinkctl.cli.iam_policy", "iam_policy"),
    "sandbox": ("plinkctl.cli.sandbox", "sandbox"),
    "completion": ("plinkctl.cli.completion", "completion"),
}


class Commands(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order a newcomer needs them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None."""
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name]
        found: click.Command = getattr(import_module(module), attribute)
        return found


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"plinkctl {__version__} (Python {platform.python_version()}, boto3 {version('boto3')})")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show versions.")
def cli() -> None:
    """Connect two AWS accounts with AWS PrivateLink: make it, prove it, take it away.

    No AWS account is needed to try it: plinkctl demo

    \b
    Exit codes: 0 done, 1 AWS refused, 2 usage, 3 link does not work, 4 state, 5 credentials,
    6 refused by a safety rule, 7 timed out, 8 somebody else must act first, 70 a bug.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    at_the_door()
    # A stream that was closed by the caller (`>&-`) is None in Python, and every write to it a bug.
    sys.stdin = sys.stdin or _nowhere("r")
    sys.stdout = sys.stdout or _nowhere("w")
    sys.stderr = sys.stderr or _nowhere("w")
    guard_logs()
    code = _run(sys.argv[1:] if arguments is None else arguments)
    too_late()
    for stream in (sys.stdout, sys.stderr):
        _let_go(stream)
    sys.exit(code)


def _let_go(stream: TextIO) -> None:
    """Where the reader is gone, let what is unwritten go nowhere: the interpreter's end would fail on it, with 120."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _nowhere(mode: str) -> Any:
    return Path(os.devnull).open(mode)


def _run(arguments: list[str]) -> int:
    try:
        result = cli.main(args=arguments, prog_name="plinkctl", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return int(leaving.exit_code)
    except click.Abort:
        return Exit.INTERRUPTED
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
            if _wants_json(arguments):
                click.echo(json.dumps(_envelope(error), indent=2))
        return Exit.USAGE
    except SystemExit:  # how click ends when nobody reads what it has to say any more
        return Exit.OK
    return result if isinstance(result, int) else Exit.OK


def _wants_json(arguments: list[str]) -> bool:
    joined = " ".join(arguments).replace("=", " ")
    return "-o json" in joined or "--output json" in joined or "-ojson" in joined


def _envelope(error: click.ClickException) -> dict[str, Any]:
    from plinkctl.errors import UsageError  # noqa: PLC0415
    from plinkctl.render.result import Envelope, envelope_errors  # noqa: PLC0415
    from plinkctl.report import Failure  # noqa: PLC0415

    command = error.ctx.command_path.partition(" ")[2] if isinstance(error, click.UsageError) and error.ctx else ""
    failure = Failure(error=UsageError(error.format_message()))
    return Envelope(command=command, status="error", exit_code=Exit.USAGE, errors=envelope_errors([failure])).to_json()
