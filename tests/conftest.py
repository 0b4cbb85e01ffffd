"""What all tests share: a sandbox of their own, and terminals that point at it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from shells import Shell, clean_environment, end
from sparing import share_models

from plinkctl.sandbox import daemon, remote
from plinkctl.sandbox.daemon import Running

if TYPE_CHECKING:
    from house import House

    from plinkctl.sandbox.door.gateway import Server


#: Where temporary folders are in memory; a whole run takes some 30 MiB.
MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own there, for this user only
ENOUGH = 2**30


def pytest_configure() -> None:
    """Keep temporary folders in memory where there is room: of thousands of commits, each would wait for the disk."""
    share_models()
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ENOUGH:
        return
    if not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:  # tests run programs of theirs
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: half as many again as there are cores, for tests wait for other processes a third of the time."""
    return (cores := len(os.sched_getaffinity(0))) + (cores + 1) // 2


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


@pytest.fixture(scope="session")
def served() -> Iterator["Server"]:
    """The sandbox served in this process, its clock frozen: a process holds one world, so all who want one share it."""
    from plinkctl.sandbox import world
    from plinkctl.sandbox.door import gateway

    with gateway.serve(world.World(clock=world.Clock(speed=0))) as server:
        yield server


@pytest.fixture(scope="module")
def house(served: "Server", tmp_path_factory: pytest.TempPathFactory) -> "Iterator[House]":
    """The sandbox of this process, full of neighbours, with virtual time: where trials are held (tests/faults).

    Each of them begins from an image of its own, so that a module's tests share it.
    """
    from house import House

    with House(served, tmp_path_factory.mktemp("house")).open() as opened:
        yield opened


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


@pytest.fixture
def shell(sandbox: Running, tmp_path: Path) -> Iterator[Shell]:
    """A terminal that points at the instant sandbox."""
    made = Shell(tmp_path, clean_environment(sandbox) | {"XDG_STATE_HOME": str(tmp_path / "xdg")})
    yield made
    end(made)


@pytest.fixture
def brisk_shell(brisk: Running, tmp_path: Path) -> Iterator[Shell]:
    """A terminal that points at the brisk sandbox."""
    made = Shell(tmp_path, clean_environment(brisk) | {"XDG_STATE_HOME": str(tmp_path / "xdg")})
    yield made
    end(made)


@pytest.fixture
def account(sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], boto3.Session]:
    """boto3 as a foreign client: `account("provider").client("ec2")`."""
    for name, value in daemon.environment(sandbox).items():
        monkeypatch.setenv(name, value)
    return lambda profile: boto3.Session(profile_name=profile)
