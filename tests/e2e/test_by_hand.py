"""The AWS CLI alone, by the script that users are shown: the whole link, and no trace of it after."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from e2e_tools import PROOF, Aws, Meter
from shells import PLINKCTL, Finished, Shell, clean_environment, end

from plinkctl.sandbox import daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).parents[2] / "docs" / "how-to" / "by-hand.sh"

#: What the script must have gone through; the rest of its calls are looks and what is made besides.
DONE = {
    "CreateVpcEndpointServiceConfiguration",
    "ModifyVpcEndpointServicePermissions",
    "CreateVpcEndpoint",
    "AcceptVpcEndpointConnections",
    "CreateFunction",
    "Invoke",
    "DeleteVpcEndpoints",
    "DeleteVpcEndpointServiceConfigurations",
    "DeleteVpc",
}


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Shell]:
    """A terminal that knows no sandbox yet, with the installed plinkctl and the AWS CLI beside it on its path."""
    env = {**clean_environment(None), "XDG_STATE_HOME": str(tmp_path / "xdg"), "PATIENCE": "30"}
    made = Shell(tmp_path, {**env, "PATH": f"{Path(PLINKCTL).parent}:{env['PATH']}"})
    yield made
    end(made)


def run(terminal: Shell, line: str, *, within: float) -> Finished:
    """Run a line of shell to its end; it and all it started are ended after so many seconds."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", line],
        cwd=terminal.folder,
        env=terminal.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=within)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return Finished(process.returncode, out, err)


@pytest.mark.slow
def test_the_aws_cli_alone_makes_a_link_uses_it_and_deletes_it(terminal: Shell) -> None:
    started = terminal.ok("sandbox", "start", "--profile", "brisk", "--idle", "5m")
    running = daemon.find(Path(started["folder"]))
    assert running is not None
    before, meter = Aws(running).census(), Meter(running)

    done = run(terminal, f'eval "$(plinkctl sandbox env)" && sh {SCRIPT}', within=300)

    assert done.code == 0, done.err
    assert PROOF in done.out
    assert done.out.splitlines()[-1] == "Nothing is left."
    assert DONE - set(meter.all()) == set()
    assert Aws(running).census() == before
    assert terminal.ok("sandbox", "stop")["stopped"] is True
