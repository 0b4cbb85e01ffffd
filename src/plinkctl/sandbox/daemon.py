"""The sandbox as a process of its own: started once, found by its folder, used by many commands, gone when idle.

The folder is the sandbox's whole presence on the machine, readable by its owner alone:

    lock         held by the daemon as long as it lives; whoever can take it knows that no daemon runs
    info.json    where it listens, its pid, the token of its control paths
    aws-config   the AWS config file with the profiles `provider` and `consumer`: region, keys, endpoint URL
    authority.pem  the root of the authority that signs the certificates of the sandbox's ACM
    functions/   where the code of functions that run is unpacked
    credentials  empty, so that clients do not mix in the user's real credentials file
    log          what the daemon had to say

Life is told by the lock, never by a pid: pids are reused, and a crash leaves files but no lock. A daemon ends by
`stop`, by being idle, or with the process it was started for; ending, it takes its keys with it.

This module is the commands' side and therefore imports nothing heavy; `process` is the daemon's.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from plinkctl.errors import PlinkError, UsageError
from plinkctl.sandbox.clock import PROFILES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: A day at the desk: long enough for a break, short enough that a forgotten sandbox does not live on.
IDLE_SECONDS: Final = 4 * 3600.0
_START_WITHIN: Final = 30.0
_STOP_WITHIN: Final = 5.0
_PROCESS: Final = "plinkctl.sandbox.process"
#: Where functions are unpacked.
FUNCTIONS: Final = "functions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A sandbox that runs.

    Attributes:
        url: endpoint URL for AWS clients.
        folder: its folder.
        pid: the daemon's process ID, for display.
        profile: name of its timing profile.
        started: when, in ISO 8601.
        region: its region.
        accounts: account ID by profile name.
        isolation: how functions are kept to their network: by the `kernel`, or by a `shim` in Python alone.
        proxy: the data path as a SOCKS5 proxy; user is a network interface's ID, password the token.
        dns: host and port of a DNS server (UDP and TCP) that answers as public DNS would.
        token: what opens the control paths and the proxy; not shown.
    """

    url: str
    folder: Path
    pid: int
    profile: str
    started: str
    region: str
    accounts: dict[str, str]
    isolation: str
    proxy: str
    dns: str
    token: str = field(repr=False)

    @property
    def config_file(self) -> Path:
        """The AWS config file with the profiles `provider` and `consumer`."""
        return self.folder / "aws-config"

    @property
    def authority_file(self) -> Path:
        """The root certificate of the sandbox's own authority, PEM: it signs what its ACM issues."""
        return self.folder / "authority.pem"

    @property
    def log_file(self) -> Path:
        """Where the daemon writes what went wrong inside it."""
        return self.folder / "log"


def environment(running: Running) -> dict[str, str]:
    """The variables that point any AWS client at the sandbox, as the provider unless it says otherwise.

    Credentials or an endpoint given by other variables (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL) win over these; that is
    the order of the SDKs, and the caller's affair.
    """
    return {
        "AWS_CONFIG_FILE": str(running.config_file),
        "AWS_SHARED_CREDENTIALS_FILE": str(running.folder / "credentials"),
        "AWS_PROFILE": "provider",
    }


# ------------------------------------------------------------------------------------- for commands


def find(folder: Path) -> Running | None:
    """The sandbox running in that folder, or None."""
    folder = folder.absolute()
    if _lock_is_free(folder):
        return None
    try:
        known = json.loads((folder / "info.json").read_text())
        return Running(folder=folder, **known)
    except (OSError, ValueError, TypeError):
        return None


def start(
    folder: Path,
    profile: str = "instant",
    *,
    idle_seconds: float = IDLE_SECONDS,
    parent_pid: int | None = None,
    port: int = 0,
    isolation: str = "auto",
) -> Running:
    """The sandbox of that folder, started if it does not run yet; a running one is returned as it is.

    Args:
        folder: made if missing, for the owner alone.
        profile: name of the timing profile: instant, brisk or real.
        idle_seconds: it ends after so many seconds without an API call.
        parent_pid: it ends when this process does.
        port: TCP port on 127.0.0.1; 0 takes a free one.
        isolation: `kernel` gives each function a network namespace of its own, or fails where the system has none;
            `shim` does without; `auto` takes what there is.

    Raises:
        UsageError: unknown profile, or a folder that cannot be a sandbox's.
        PlinkError: it did not come up; `why` has its own words.
    """
    if profile not in PROFILES:
        raise UsageError(f"there is no sandbox profile '{profile}'", hint=f"one of: {', '.join(PROFILES)}")
    folder = folder.absolute()
    _prepare(folder)
    with _starting(folder):
        if running := find(folder):
            return running
        # Nobody is being started now, so a held lock is a daemon on its way out.
        _wait_until_free(folder, _STOP_WITHIN)
        clear(folder)
        _launch(
            folder,
            profile=profile,
            idle_seconds=idle_seconds,
            parent_pid=parent_pid,
            port=port,
            isolation=isolation,
        )
        if running := find(folder):
            return running
    raise PlinkError("the sandbox ended right after its start", hint=f"cat {folder / 'log'}")


def stop(folder: Path) -> bool:
    """End the sandbox of that folder and wait until it is gone; False when none was running.

    It is asked first, and killed if it has not ended within 5 seconds.
    """
    folder = folder.absolute()
    if not (folder / "lock").exists():
        return False
    # A start that is under way is waited for, else this would find nothing and leave it running.
    with _starting(folder):
        running = find(folder)
        if running is None:
            if _lock_is_free(folder):
                clear(folder)  # a crashed one has left its keys
            return False
        for how in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(running.pid, how)
            if _wait_until_free(folder, _STOP_WITHIN):
                break
        clear(folder)
    return True


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise UsageError(f"the folder {folder} belongs to somebody else", hint="choose another folder")
        if not (folder / "lock").exists() and any(folder.iterdir()):
            raise UsageError(f"the folder {folder} holds other things", hint="choose an empty folder")
        folder.chmod(0o700)
        (folder / "lock").touch(mode=0o600)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot hold a sandbox", why=str(error), hint="choose another") from error


def _launch(folder: Path, **options: Any) -> None:
    """Start the daemon and wait until it serves. Raises PlinkError with the daemon's own words."""
    reading, writing = os.pipe()
    # Neither the user's AWS settings nor moto's switches may leak into the sandbox.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    try:
        with os.fdopen(os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            # It forks once more and returns at once, so that it is nobody's child and leaves no zombie behind.
            subprocess.run(
                [sys.executable, "-P", "-m", _PROCESS, str(folder), json.dumps(options), str(writing)],
                check=False,
                cwd="/",
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(writing,),
                start_new_session=True,
            )
        os.close(writing)
        ready, _, _ = select.select([reading], [], [], _START_WITHIN)
        said = os.read(reading, 4096).decode() if ready else f"it was silent for {_START_WITHIN:.0f} s"
    finally:
        os.close(reading)
    if said != "ready":
        raise PlinkError("the sandbox did not start", why=said or None, hint=f"cat {folder / 'log'}")


@contextlib.contextmanager
def _starting(folder: Path) -> Iterator[None]:
    """One start at a time in a folder: two commands at once must not end up with two sandboxes."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def take_lock(folder: Path) -> int | None:
    """The lock of the folder as an open descriptor, or None when somebody holds it or there is no such folder."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _lock_is_free(folder: Path) -> bool:
    if not (folder / "lock").exists():
        return True
    descriptor = take_lock(folder)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is not None


def _wait_until_free(folder: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (free := _lock_is_free(folder)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return free


def clear(folder: Path) -> None:
    """Delete what a daemon leaves besides lock and log: first what makes it findable, then keys and code."""
    for name in ("info.json", "aws-config", "credentials", "authority.pem"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / FUNCTIONS, ignore_errors=True)
