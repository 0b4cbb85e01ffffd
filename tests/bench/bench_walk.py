"""What a walk costs: the calls of a first `up` over both sides, of one with nothing to do, and of a teardown.

    .venv/bin/python tests/bench/bench_walk.py [--json]

Not a test: it measures, prints, and judges nothing. The sandbox answers at once, so the seconds are plinkctl's own; on
AWS each call costs a round trip. `twice` are reads with equal parameters, beyond the first of their kind: what asking
once could save. The calls for resources of one kind could be put together further (five rules, one
DescribeSecurityGroupRules); they are not, since every node looks when its own turn comes: to wait for others before a
read would make each walk slower on AWS, and one missing ID has the whole call refused.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from plinkctl.sandbox import daemon, remote

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from shells import Shell, clean_environment

_BOTH = ("--provider-profile", "provider", "--consumer-profile", "consumer")
_READS = re.compile("Describe|Get|List")


def measured(shell: Shell, running: daemon.Running, *command: str) -> dict[str, Any]:
    """Seconds and calls of one command."""
    before = int(remote.status(running)["calls"])
    begun = time.perf_counter()
    done = shell(*command)
    seconds = time.perf_counter() - begun
    if done.code != 0:
        sys.exit(done.err)
    calls = remote.calls(running, since=before)
    reads = [call for call in calls if _READS.match(call["action"])]
    distinct = {(call["account"], call["region"], call["digest"]) for call in reads}
    return {
        "seconds": round(seconds, 2),
        "calls": len(calls),
        "reads": len(reads),
        "twice": len(reads) - len(distinct),
        "by action": dict(Counter(f"{call['service']}:{call['action']}" for call in calls).most_common()),
    }


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="plinkctl-bench-"))
    try:
        running = daemon.start(folder / "sandbox", "instant", parent_pid=os.getpid())
        shell = Shell(folder, clean_environment(running) | {"XDG_STATE_HOME": str(folder / "xdg")})
        figures = {
            "up": measured(shell, running, "up", *_BOTH),
            "up again": measured(shell, running, "up", *_BOTH),
            "status": measured(shell, running, "status", *_BOTH),
            "teardown": measured(shell, running, "teardown", *_BOTH, "--yes"),
        }
    finally:
        daemon.stop(folder / "sandbox")
        shutil.rmtree(folder, ignore_errors=True)
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{'':10} {'seconds':>8} {'calls':>6} {'reads':>6} {'twice':>6}")
    for name, figure in figures.items():
        print(f"{name:10} {figure['seconds']:8.2f} {figure['calls']:6} {figure['reads']:6} {figure['twice']:6}")
    print("\nup again, by action")
    for action, count in figures["up again"]["by action"].items():
        print(f"{count:5}  {action}")


if __name__ == "__main__":
    main()
