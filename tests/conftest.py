"""What all tests share: a sandbox of their own, and plinkctl as users have it: the installed command."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from plinkctl.sandbox import daemon, remote
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


@pytest.fixture(scope="session")
def sandbox_factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """Starts a sandbox of the given profile, one a session; all end with the session (or with this process)."""
    running: dict[str, Running] = {}

    def start(profile: str) -> Running:
        if profile not in running:
            folder = tmp_path_factory.mktemp(f"sandbox-{profile}")
            running[profile] = daemon.start(folder, profile, parent_pid=os.getpid())
        return running[profile]

    yield start
    for one in running.values():
        daemon.stop(one.folder)


@pytest.fixture
def sandbox(sandbox_factory: Callable[[str], Running]) -> Running:
    """An empty sandbox where nothing takes time."""
    running = sandbox_factory("instant")
    remote.reset(running)
    return running


@pytest.fixture
def brisk(sandbox_factory: Callable[[str], Running]) -> Running:
    """An empty sandbox where things take a moment, as in the demo."""
    running = sandbox_factory("brisk")
    remote.reset(running)
    return running


def clean_environment(running: Running | None) -> dict[str, str]:
    """The caller's environment without anything that AWS clients or plinkctl look at, plus the sandbox's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PLINKCTL_", "NO_COLOR", "FORCE_COLOR"))}
    return {**kept, **(daemon.environment(running) if running else {}), "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture
def shell(sandbox: Running, tmp_path: Path) -> Iterator[Shell]:
    """A terminal that points at the instant sandbox."""
    made = Shell(tmp_path, clean_environment(sandbox) | {"XDG_STATE_HOME": str(tmp_path / "xdg")})
    yield made
    _end(made)


@pytest.fixture
def brisk_shell(brisk: Running, tmp_path: Path) -> Iterator[Shell]:
    """A terminal that points at the brisk sandbox."""
    made = Shell(tmp_path, clean_environment(brisk) | {"XDG_STATE_HOME": str(tmp_path / "xdg")})
    yield made
    _end(made)


def _end(shell: Shell) -> None:
    for process in shell.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def account(sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], boto3.Session]:
    """boto3 as a foreign client: `account("provider").client("ec2")`."""
    for name, value in daemon.environment(sandbox).items():
        monkeypatch.setenv(name, value)
    return lambda profile: boto3.Session(profile_name=profile)
