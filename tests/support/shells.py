"""plinkctl as users have it, the installed command, in a terminal of the test's own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plinkctl.sandbox import daemon
from plinkctl.sandbox.daemon import Running

PLINKCTL = str(Path(sys.executable).parent / "plinkctl")


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The envelope on stdout."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def data(self) -> dict[str, Any]:
        """The envelope's data."""
        found: dict[str, Any] = self.json["data"]
        return found


@dataclass
class Shell:
    """A folder and an environment in which commands run, as in a user's terminal."""

    folder: Path
    env: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __call__(self, *arguments: str, env: dict[str, str] | None = None, timeout: float = 60) -> Finished:
        """Run plinkctl to its end, without a terminal."""
        done = subprocess.run(
            [PLINKCTL, *arguments],
            cwd=self.folder,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run plinkctl with `-o json`, insist on the exit code, and give the data."""
        done = self(*arguments, "-o", "json", "--progress", "plain")
        assert done.code == code, f"exit {done.code}, wanted {code}\n{done.err}\n{done.out}"
        return done.data

    def start(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Start plinkctl and leave it running; it is ended with the test."""
        process = subprocess.Popen(
            [PLINKCTL, *arguments],
            cwd=self.folder,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process


def clean_environment(running: Running | None) -> dict[str, str]:
    """The caller's environment without anything that AWS clients or plinkctl look at, plus the sandbox's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PLINKCTL_", "NO_COLOR", "FORCE_COLOR"))}
    # A sandbox shows at once what it made, so that absence need not be doubted for long.
    quick = {"AWS_EC2_METADATA_DISABLED": "true", "PLINKCTL_RECOVERY_GRACE": "1"}
    return {**kept, **(daemon.environment(running) if running else {}), **quick}


def end(shell: Shell) -> None:
    """End what the test left running, sandboxes of its own included."""
    for process in shell.started:
        if process.poll() is None:
            process.kill()
        process.communicate()
    for info in Path(shell.env["XDG_STATE_HOME"]).glob("plinkctl/**/info.json"):
        daemon.stop(info.parent)
