"""The error boundary: from a command's parameters to a run, and from whatever happens to output and exit code."""

import os
import shlex
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plinkctl.cli import signals
from plinkctl.cli.options import overrides
from plinkctl.errors import Exit, PlinkError, RefusedError, Stopped, StoppedError, UsageError
from plinkctl.events import Event, Noted, RunFinished
from plinkctl.link import Side
from plinkctl.redaction import redacted
from plinkctl.render.explain import explain
from plinkctl.render.progress import progress
from plinkctl.render.result import BAD_QUERY, Envelope, check_query, envelope_errors, render
from plinkctl.render.terminal import clean, wants_color
from plinkctl.report import Report
from plinkctl.stores.local import DEFAULT_FOLDER

if TYPE_CHECKING:
    from plinkctl.app.run import Run
    from plinkctl.aws.patience import Stop

Work = Callable[["Run"], Mapping[str, Any]]
After = Callable[["Run"], None]
"""Writes more for a person, on stderr, once the work is done."""


def execute(
    ctx: click.Context,
    command: str,
    work: Work,
    *,
    sides: tuple[Side, ...],
    complete: bool = False,
    after: After | None = None,
) -> None:
    """Run one command from start to end, and leave with its exit code.

    Args:
        ctx: click's context: parameters and where they came from.
        command: As the user says it.
        work: The use case; returns the envelope's data.
        sides: The sides the command is about; the first is whom one-sided options mean.
        complete: Insist on a configuration that is enough for `up`.
        after: Called after the work, whatever came of it, unless the configuration was refused.
    """
    # These bring boto3: `plinkctl --help` must not pay for it.
    from plinkctl import config  # noqa: PLC0415
    from plinkctl.app.run import Run  # noqa: PLC0415
    from plinkctl.aws.patience import Stop, SystemClock  # noqa: PLC0415

    params = ctx.params
    stop = Stop()
    runs: list[Run] = []

    def whole(observer: Callable[[Event], None], report: Report) -> Mapping[str, Any]:
        check_query(params["query"], params["output"])
        path = Path(params["config"]) if params.get("config") else None
        link = config.load(path, overrides(ctx, sides), sides=frozenset(sides), complete=complete)
        run = Run(
            command=command,
            link=link,
            place=link.state or DEFAULT_FOLDER,
            observer=observer,
            stop=stop,
            clock=SystemClock(stop),
            timeout=params.get("timeout"),
            consents=frozenset({"reject-connections"} if params.get("reject_connections") else ()),
            grace=_grace(),
            report=report,
        )
        runs.append(run)
        with run.audit.until_the_end(report):
            return work(run)

    def told() -> None:
        if after is not None and runs and not stop and runs[0].report.counts.planned:
            after(runs[0])

    with signals.heeded(stop, unresolved=lambda: runs[0].unresolved() if runs else [], resume=resuming_command()):
        leave(ctx, command, whole, stop=stop, after=told)


def leave(
    ctx: click.Context,
    command: str,
    whole: Callable[[Callable[[Event], None], Report], Mapping[str, Any]],
    *,
    stop: "Stop | None" = None,
    after: Callable[[], None] = lambda: None,
) -> None:
    """Do the whole work under the progress renderer, then what comes `after`, the errors, the result, and exit.

    Raises:
        click.exceptions.Exit: Always; it carries the exit code.
    """
    params, report = ctx.params, Report()
    color = wants_color(sys.stderr, os.environ, params["no_color"])
    data: Mapping[str, Any] = {}
    begun = time.monotonic()
    bug: BaseException | None = None
    with progress(params["progress"], sys.stderr, color=color, verbose=params["verbose"]) as observer:
        try:
            data = whole(observer, report)
        except PlinkError as error:
            report.fail(_told_to_resume(error))
        except Stopped:
            pass  # told below, with the signal's name
        except Exception as error:  # noqa: BLE001  (the boundary: a bug gets one line and a file)
            bug = error
            report.fail(_bug(error))
        if stop and stop.signum and not any(isinstance(failure.error, StoppedError) for failure in report.errors):
            report.fail(_told_to_resume(StoppedError(stop.signum)))
        code = Exit.BUG if bug is not None else report.exit_code
        if params["progress"] == "json":
            for failure in report.errors:
                observer(Noted(at=time.time(), message=failure.error.message, level="error"))
        observer(RunFinished(at=time.time(), exit_code=code, seconds=time.monotonic() - begun))
    if bug is not None and params["debug"]:
        sys.stderr.write(redacted("".join(traceback.format_exception(bug))))
    after()
    if params["progress"] != "json":
        for failure in report.errors:  # told before, where they happened; what must be done next is told last
            explain(failure.error, sys.stderr, color)
    _write(params, command, report, code, data)
    raise click.exceptions.Exit(code)


def ask(params: Mapping[str, Any], *, link: str, question: str, severe: bool) -> None:
    """Ask for consent; without a terminal a question is a refusal.

    Args:
        params: The command's parameters: `yes`, `confirm`, `no_input`.
        link: The link's name.
        question: What is about to happen.
        severe: Have the link's name typed, not just `y`.

    Raises:
        RefusedError: The answer is no, or nobody can be asked.
    """
    if params.get("confirm") is not None:
        if params["confirm"] == link:
            return
        raise RefusedError(f"--confirm says {params['confirm']!r}, the link is {link!r}", code="no_consent")
    if params.get("yes"):
        return
    if params.get("no_input") or not sys.stdin.isatty():
        raise RefusedError(
            f"{question}: nobody is here to say yes",
            why="there is no terminal to ask on, or --no-input was given",
            hint=f"add --yes, or --confirm {link}",
            code="no_consent",
        )
    if severe:
        agreed = _answer(f"{clean(question)}. Type {link} to go on: ") == link
    else:
        agreed = _answer(f"{clean(question)}. Go on? [y/N]: ").lower() in {"y", "yes"}
    if not agreed:
        raise RefusedError("the answer was no; nothing was changed", code="no_consent")


def _answer(question: str) -> str:
    """What is typed; nothing at the end of the input, or where the terminal is gone."""
    typed = ""
    with suppress(OSError), signals.answering(StoppedError) as wait:
        try:
            click.echo(question, nl=False, err=True)
            wait(sys.stdin.fileno())
            typed = sys.stdin.readline()
        finally:
            if not typed.endswith("\n"):
                click.echo(err=True)
    return typed.strip()


def _write(params: Mapping[str, Any], command: str, report: Report, code: Exit, data: Mapping[str, Any]) -> None:
    if params["output"] == "table" and not data:
        return
    envelope = Envelope(
        command=command,
        status="error" if code is Exit.BUG else report.status,
        exit_code=code,
        data=data,
        errors=envelope_errors(report.errors),
    )
    color = wants_color(sys.stdout, os.environ, params["no_color"])
    refused = any(failure.error.code == BAD_QUERY for failure in report.errors)
    query = None if refused else params["query"]  # told already; the envelope still says so
    try:
        render(envelope, output=params["output"], query=query, stream=sys.stdout, color=color)
    except PlinkError as error:  # the query fits no result, or stdout cannot be written
        explain(error, sys.stderr, color)
        raise click.exceptions.Exit(error.exit_code) from error


def _told_to_resume(error: PlinkError) -> PlinkError:
    if isinstance(error, StoppedError) and error.hint is None:
        error.hint = resuming_command()
    return error


def resuming_command() -> str:
    """The command line as the user typed it."""
    return shlex.join(["plinkctl", *sys.argv[1:]])


def _bug(error: BaseException) -> PlinkError:
    with tempfile.NamedTemporaryFile("w", prefix="plinkctl-bug-", suffix=".txt", delete=False) as file:
        file.write(redacted("".join(traceback.format_exception(error))))
    return PlinkError(
        f"a bug in plinkctl: {type(error).__name__}: {error}",
        why=f"the traceback is in {file.name}",
        hint="please report it with that file; what was made is recorded, the same command resumes",
        code="bug",
    )


def _grace() -> float:
    text = os.environ.get("PLINKCTL_RECOVERY_GRACE", "60")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise UsageError(f"PLINKCTL_RECOVERY_GRACE is {text!r}, not a number of seconds from 0 to 3600")
    return seconds
