"""The sandbox as a process of its own: started once, found by its folder, used by many commands, gone when idle.

Life is told by a lock in the folder, never by a pid: pids are reused, and a crash leaves files but no lock. A daemon
ends by `stop`, by being idle, or with the process it was started for. One that keeps its world has put it aside by
then, and the next start in its folder takes it up again; one that does not takes its keys with it.

This module is the commands' side and therefore imports nothing heavy; `process` is the daemon's, `folder` is what
both leave there.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from plinkctl.errors import PlinkError, StateError, UsageError
from plinkctl.sandbox import folder as place
from plinkctl.sandbox import snapshot
from plinkctl.sandbox.clock import PROFILES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: A day at the desk: long enough for a break, short enough that a forgotten sandbox does not live on.
IDLE_SECONDS: Final = 4 * 3600.0
_START_WITHIN: Final = 30.0
_STOP_WITHIN: Final = 10.0
_DYING_WITHIN: Final = 2.0


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
        idle_seconds: how long without a call until it ends.
        kept: whether its world is put aside, and outlives it.
        taken_up: when the world it took up had been put aside (ISO 8601); None when it began empty.
        unkept: the services that were not in what it took up, as they could not be put aside, each with the reason.
        moved_from: the port it had before, when that was taken by somebody else; None otherwise.
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
    idle_seconds: float
    kept: bool
    taken_up: str | None
    unkept: dict[str, str]
    moved_from: int | None
    token: str = field(repr=False)

    @property
    def port(self) -> int:
        """The TCP port of its endpoint URL."""
        return int(self.url.rpartition(":")[2])

    @property
    def config_file(self) -> Path:
        """The AWS config file with the profiles `provider` and `consumer`."""
        return self.folder / place.CONFIG

    @property
    def authority_file(self) -> Path:
        """The root certificate of the sandbox's own authority, PEM: it signs what its ACM issues."""
        return self.folder / place.AUTHORITY

    @property
    def log_file(self) -> Path:
        """Where the daemon writes what went wrong inside it."""
        return self.folder / place.LOG


def environment(running: Running) -> dict[str, str]:
    """The variables that point any AWS client at the sandbox, as the provider unless it says otherwise; and plinkctl's
    looks at public DNS at the sandbox's own, where else its records would never show.

    Credentials or an endpoint given by other variables (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL) win over these; that is
    the order of the SDKs, and the caller's affair.
    """
    return {
        "AWS_CONFIG_FILE": str(running.config_file),
        "AWS_SHARED_CREDENTIALS_FILE": str(running.folder / place.CREDENTIALS),
        "AWS_PROFILE": "provider",
        "PLINKCTL_RESOLVER": running.dns,
    }


# ------------------------------------------------------------------------------------- for commands


def find(folder: Path) -> Running | None:
    """The sandbox running in that folder, or None."""
    folder = folder.absolute()
    if place.lock_is_free(folder):
        return None
    try:
        known = json.loads((folder / place.INFO).read_text())
        return Running(folder=folder, **known)
    except (OSError, ValueError, TypeError):
        return None


def start(
    folder: Path,
    profile: str | None = None,
    *,
    idle_seconds: float = IDLE_SECONDS,
    parent_pid: int | None = None,
    port: int = 0,
    isolation: str = "auto",
    keep: bool = False,
    fresh: bool = False,
) -> Running:
    """The sandbox of that folder, started if it does not run yet; a running one is returned as it is.

    Args:
        folder: made if missing, for the owner alone.
        profile: name of the timing profile: instant, brisk or real; None for the one put aside, else brisk.
        idle_seconds: it ends after so many seconds without an API call.
        parent_pid: it ends when this process does.
        port: TCP port on loopback; 0 takes the one of the world put aside if that is free, else a free one.
        isolation: `kernel` gives each function a network namespace of its own, or fails where the system has none;
            `shim` does without; `auto` takes what there is.
        keep: put the world aside after each change, and take up the one that was put aside in that folder.
        fresh: begin with an empty world and new keys; what was put aside there is deleted once that has begun.

    Raises:
        UsageError: unknown profile, a folder that cannot be a sandbox's, or a world there that would be passed over.
        StateError: what was put aside there cannot be taken up.
        PlinkError: it did not come up; `why` has its own words.
    """
    if profile is not None and profile not in PROFILES:
        raise UsageError(f"there is no sandbox profile '{profile}'", hint=f"one of: {', '.join(PROFILES)}")
    folder = folder.absolute()
    with place.prepared(folder):
        if running := find(folder):
            return running
        # Nobody else is starting one now, so a held lock is a daemon on its way out.
        if not place.wait_until_free(folder, _STOP_WITHIN):
            raise PlinkError(
                f"a sandbox runs in {folder}, but cannot be found",
                why=f"the file {folder / place.INFO} is missing or damaged",
                hint=f"plinkctl sandbox stop --folder {shlex.quote(str(folder))}",
            )
        if (folder / place.SNAPSHOT).exists() and not keep and not fresh:
            raise UsageError(f"a sandbox was put aside in {folder}", hint="start it, choose --fresh, or another folder")
        place.clear(folder)
        _launch(
            folder,
            profile=profile,
            idle_seconds=idle_seconds,
            parent_pid=parent_pid,
            port=port,
            isolation=isolation,
            keep=keep,
            fresh=fresh,
        )
        if running := find(folder):
            return running
    raise PlinkError("the sandbox ended right after its start", hint=f"cat {folder / place.LOG}")


def aside(folder: Path) -> dict[str, Any] | None:
    """What is put aside in that folder, where none runs; None for nothing.

    `taken`, `size` and `unkept` as for one that runs (see `keeping`); `trouble` says why it would not be taken up, if
    so.
    """
    try:
        found = snapshot.read(folder.absolute() / place.SNAPSHOT)
    except StateError as error:
        return {"taken": None, "size": None, "trouble": error.why, "unkept": {}}
    if found is None:
        return None
    head, _ = found
    return {"taken": head.taken, "size": head.size, "trouble": None, "unkept": head.unkept}


def differing(running: Running, wished: Mapping[str, Any]) -> list[str]:
    """In what a sandbox that runs is other than wished, in words: "profile is brisk, not real".

    Args:
        running: it.
        wished: profile, port, isolation, idle (seconds), throw_away; only what was asked for.
    """
    is_so = {"profile": running.profile, "port": running.port, "isolation": running.isolation}
    is_so |= {"idle": running.idle_seconds, "throw_away": not running.kept}
    return [f"{name} is {is_so[name]}, not {value}" for name, value in wished.items() if is_so[name] != value]


def stop(folder: Path) -> bool:
    """End the sandbox of that folder and wait until it is gone; False when none was running.

    It is asked first, and killed if it has not ended within 10 seconds.
    """
    folder = folder.absolute()
    if not (folder / place.LOCK).exists():
        return False
    with place.alone(folder):  # a start that is under way is waited for, else it would be left running
        return _end(folder)


def purge(folder: Path) -> bool:
    """End the sandbox of that folder, if one runs, and delete the folder with all that is in it; False without one.

    Raises:
        RefusedError: the folder is not a sandbox's, or holds other things; nothing was done.
        PlinkError: it could not be deleted.
    """
    folder = folder.absolute()
    try:
        with place.alone(folder):
            if not any(folder.iterdir()):
                return False  # a start that has come no further is somebody's, and finds it as it left it
            place.refuse_strange(folder)
            _end(folder)
            shutil.rmtree(folder)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise PlinkError(f"the folder {folder} could not be deleted", why=str(error)) from error
    return True


def _end(folder: Path) -> bool:
    """End the daemon that runs there, found by its lock. Raises PlinkError when it cannot be told which that is."""
    if place.lock_is_free(folder):
        place.clear(folder)  # a crashed one has left its keys
        return False
    if (pid := place.holder(folder)) is None:
        # One that was killed a moment ago has no name any more, and holds its lock until its last thread is gone.
        if place.wait_until_free(folder, _DYING_WITHIN):
            place.clear(folder)
            return False
        raise PlinkError(
            f"a sandbox runs in {folder}, but which process it is cannot be told",
            why=f"the file {folder / place.LOCK} does not name it",
            hint=f"ps ax | grep {place.PROCESS}",
        )
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        if place.wait_until_free(folder, _STOP_WITHIN):
            break
    place.clear(folder)
    return True


def _launch(folder: Path, **options: Any) -> None:
    """Start the daemon and wait until it serves. Raises PlinkError with the daemon's own words."""
    reading, writing = os.pipe()
    # Neither the user's AWS settings nor moto's switches may leak into the sandbox.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    try:
        with os.fdopen(os.open(folder / place.LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            # It forks once more and returns at once, so that it is nobody's child and leaves no zombie behind.
            subprocess.run(
                [sys.executable, "-P", "-m", place.PROCESS, str(folder), json.dumps(options), str(writing)],
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
        said = os.read(reading, 65536) if ready else b""
    finally:
        os.close(reading)
    known = json.loads(said) if said else {"failure": "the sandbox did not start"}
    if failure := known.pop("failure", None):
        if not ready:
            known["why"] = f"it was silent for {_START_WITHIN:.0f} s"
        kind = StateError if known.get("code") == snapshot.BAD_SNAPSHOT else PlinkError
        raise kind(failure, **{"hint": f"cat {folder / place.LOG}", **known})
