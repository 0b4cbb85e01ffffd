"""What making the state durable costs, beside the bare system calls in the same run. It measures and judges nothing.

    .venv/bin/python tests/bench/bench_state.py [--records 40] [--commits 500] [--folder FOLDER] [--json]

A commit writes the whole state beside, syncs it, renames it, and syncs the folder. Beside it stand the same bytes by
bare system calls: write, fsync, rename. Both are measured in turn, so that the machine's moods meet both.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from plinkctl import state as states
from plinkctl.link import Side
from plinkctl.state import Phase, Record
from plinkctl.stores.content import encode
from plinkctl.stores.local import LocalStore


def record(number: int, attempt: int = 0) -> Record:
    """A record as large as they are on average."""
    node = f"node-{number}"
    return Record(
        node=node,
        kind="security_group_rule",
        phase=Phase.READY,
        op=states.op_id("lineage", node, 1),
        params={
            "vpc_id": "vpc-0123456789abcdef0",
            "port": 80,
            "cidr": "10.0.0.0/16",
            "zones": ["use1-az1", "use1-az2"],
        },
        attrs={
            "id": f"sgr-{number:017x}",
            "arn": f"arn:aws:ec2:us-east-1:{'1' * 12}:thing/{node}",
            "state": "available",
        },
        tags={"team": "shop", "cost": "42"},
        needs=("provider/vpc", "provider/group"),
        attempt=attempt,
        sent_at=1_800_000_000.25,
    )


def bare(folder: Path, content: bytes) -> None:
    """The same bytes by bare system calls."""
    beside = folder / "bare.new"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, content)
    os.fsync(descriptor)
    os.close(descriptor)
    os.replace(beside, folder / "bare")  # noqa: PTH105  (nothing between us and the call)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds it takes."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def measure(folder: Path, *, records: int, commits: int) -> dict[str, float]:
    """All figures, in milliseconds but for the ratio and the size."""
    empty = states.new(link="bench", side=Side.PROVIDER, account="1" * 12, region="us-east-1", partition="aws")
    with LocalStore(folder, "bench", Side.PROVIDER) as store:
        store.begin(empty)
        for number in range(records):
            store.commit(record(number))
        state = store.state
        assert state is not None
        content = encode(state)
        ours, theirs, forms = [], [], []
        for number in range(commits):
            changed = record(number % records, attempt=number)
            ours.append(timed(partial(store.commit, changed)))
            theirs.append(timed(partial(bare, folder, content)))
            forms.append(timed(partial(encode, state.put(changed))))
    opening = [timed(lambda: LocalStore(folder, "bench", Side.PROVIDER).close()) for _ in range(50)]
    p50, beside = statistics.median(ours), statistics.median(theirs)
    return {
        "commit, p50 ms": p50,
        "commit, p95 ms": statistics.quantiles(ours, n=20)[-1],
        "of it making the bytes, p50 ms": statistics.median(forms),
        "write, fsync, rename, p50 ms": beside,
        "ratio": p50 / beside,
        "open and close, p50 ms": statistics.median(opening),
        "size, bytes": float(len(content)),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=40, help="records in the state (default 40)")
    parser.add_argument("--commits", type=int, default=500, help="commits measured (default 500)")
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder)")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        figures = measure(Path(name), records=asked.records, commits=asked.commits)
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        print(f"{name:34} {figure:10.3f}")


if __name__ == "__main__":
    main()
