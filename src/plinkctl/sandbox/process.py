"""The sandbox's own process: leaves the command that started it, serves, and knows when to end.

Started by `daemon.start` as `python -m plinkctl.sandbox.process FOLDER OPTIONS DESCRIPTOR`; the descriptor is a pipe
into which it says that it serves, or what went wrong. It holds the folder's lock as long as it lives; when it ends it
puts its world aside, if it keeps one, and takes the files away that are of use only while it runs.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import logging
import os
import select
import shlex
import signal
import sys
import tempfile
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plinkctl.errors import PlinkError, StateError
from plinkctl.sandbox import folder as place
from plinkctl.sandbox.clock import BRISK, PROFILES
from plinkctl.sandbox.compute.isolation import hindrance
from plinkctl.sandbox.daemon import Running

if TYPE_CHECKING:
    from collections.abc import Callable

    from plinkctl.sandbox.compute.isolation import Isolation
    from plinkctl.sandbox.door.gateway import Server
    from plinkctl.sandbox.world import World

_log: Final = logging.getLogger(__name__)


def main(arguments: list[str]) -> None:
    """The daemon's process: leave the caller, serve until told otherwise."""
    if os.fork():
        os._exit(0)
    os.umask(0o077)
    # What is there before the first call stays, so nobody need look through it for rubbish: not now, and not later.
    gc.disable()
    folder, options, report = Path(arguments[0]), json.loads(arguments[1]), int(arguments[2])
    os.set_inheritable(report, False)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    try:
        _serve(folder, lambda: _say(report), **options)
    except PlinkError as error:
        _log.error("%s: %s", error, error.why)
        _say(report, error.message, why=error.why, hint=error.hint, code=error.code)
    except Exception as error:  # noqa: BLE001 - the last door of a process: told to the starter, kept in the log
        _log.exception("the sandbox failed")
        with contextlib.suppress(OSError):
            _say(report, "the sandbox did not start", why=f"{error}")
    # At once: taking moto's modules apart politely costs a third of a second, and `stop` waits for it.
    logging.shutdown()
    os._exit(0)


def _say(report: int, failure: str | None = None, **more: str | None) -> None:
    """Tell the starting command how it went, and let go of it: nothing, or what failed, why, and what to do."""
    said = {name: value[:800] for name, value in {"failure": failure, **more}.items() if value}
    os.write(report, json.dumps(said).encode())
    os.close(report)


def _serve(
    folder: Path,
    ready: Callable[[], None],
    *,
    profile: str | None,
    idle_seconds: float,
    parent_pid: int | None,
    port: int,
    isolation: str,
    keep: bool,
    fresh: bool,
) -> None:
    lock = place.take_lock(folder)
    if lock is None:
        raise RuntimeError(f"a sandbox runs in {folder} already")
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    gone = _watch(parent_pid)
    kernel_or_shim = _isolation(isolation)
    # Functions unpack into our own folder, so that even after a crash it is known what to take away.
    (folder / place.FUNCTIONS).mkdir()
    tempfile.tempdir = str(folder / place.FUNCTIONS)

    from plinkctl.sandbox import keeping, world  # noqa: PLC0415 - after the fork: two processes need not load moto
    from plinkctl.sandbox.door import gateway  # noqa: PLC0415 - after the fork: two processes need not load moto

    aside = folder / place.SNAPSHOT
    head, kept = (None if fresh or not keep else keeping.read(aside)) or (None, None)
    settings = {**(kept.settings if kept else {"profile": BRISK}), "isolation": kernel_or_shim}
    if profile is not None:
        settings["profile"] = PROFILES[profile]
    rather = head.port if head else 0
    keeper = None
    try:
        with _served(folder, gateway.serve, world.World(**settings), port, kept=kept, rather=rather) as server:
            if fresh:
                aside.unlink(missing_ok=True)
            if keep:
                server.gateway.keeper = keeper = keeping.Keeper(aside, server)
                with contextlib.suppress(StateError):  # the keys at least; if not, `status` says so
                    keeper.write()
            _publish(
                folder,
                server,
                idle_seconds=idle_seconds,
                kept=keep,
                taken_up=head.taken if head else None,
                unkept=head.unkept if head else {},
                moved_from=rather if rather and not port and server.port != rather else None,
            )
            gc.freeze()
            gc.enable()
            _log.info("serving at %s", server.url)
            ready()
            while not over.wait(0.25) and not gone() and not _idle(server, idle_seconds):
                pass
            _log.info("ending")
        if keeper is not None:
            keeper.close()
    finally:
        place.clear(folder)


def _idle(server: Server, seconds: float) -> bool:
    """Whether it may end because nobody calls: not while it would take its world along."""
    if server.gateway.idle() < seconds:
        return False
    keeper = server.gateway.keeper
    return keeper is None or keeper.trouble is None


def _served(folder: Path, serve: Callable[..., Server], sandbox: World, port: int, **more: Any) -> Server:
    """Serve a world. Raises PlinkError when the port is somebody else's."""
    try:
        return serve(sandbox, port, **more)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or not port:
            raise
        why = f"port {port} is in use by another program"
        hint = f"plinkctl sandbox start --port 0 --folder {shlex.quote(str(folder))}"
        raise PlinkError("the sandbox did not start", why=why, hint=hint) from error


def _isolation(wanted: str) -> Isolation:
    """How functions are kept to their network. Raises RuntimeError when the kernel is asked for and will not."""
    if wanted == "shim":
        return "shim"
    why = hindrance()
    if why and wanted == "kernel":
        raise RuntimeError(f"functions cannot have a network namespace of their own here: {why}")
    return "shim" if why else "kernel"


def _publish(folder: Path, server: Server, **more: Any) -> None:
    """Write what clients and commands need; `info.json` last, since it is what makes the sandbox findable.

    `more` is what of Running is not the server's.
    """
    sandbox = server.world
    profiles = [
        f"[profile {account.alias}]\nregion = {sandbox.region}\nendpoint_url = {server.url}\n"
        f"aws_access_key_id = {account.access_key}\naws_secret_access_key = {account.secret}\n"
        for account in sandbox.accounts
    ]
    (folder / place.CONFIG).write_text("\n".join(profiles))
    (folder / place.CREDENTIALS).touch()
    (folder / place.AUTHORITY).write_text(sandbox.authority.root)
    running = Running(
        url=server.url,
        folder=folder,
        pid=os.getpid(),
        profile=sandbox.profile.name,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        region=sandbox.region,
        accounts={account.alias: account.id for account in sandbox.accounts},
        isolation=sandbox.isolation,
        proxy=server.gateway.fabric.url,
        dns="{}:{}".format(*server.dns.address),
        token=server.token,
        **more,
    )
    known = {name: value for name, value in asdict(running).items() if name != "folder"}
    fresh = folder / (place.INFO + place.FRESH)
    fresh.write_text(json.dumps(known, indent=2) + "\n")
    fresh.replace(folder / place.INFO)


def _watch(pid: int | None) -> Callable[[], bool]:
    """A question that becomes true when the process `pid` has ended; never, without one."""
    if pid is None:
        return lambda: False
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return lambda: True
    except (AttributeError, OSError):  # not Linux: a number that may be reused is the best there is
        return lambda: not _exists(pid)
    return lambda: bool(select.select([descriptor], [], [], 0)[0])


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
