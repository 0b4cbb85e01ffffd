"""What a commit costs in a bucket, beside one in a folder. It measures and judges nothing.

    .venv/bin/python tests/bench/bench_stores.py [--records 40] [--commits 200] [--json]

The bucket is one of the sandbox, over HTTP on this machine: what is seen is the work of both ends, not the way to AWS,
which adds some 10 to 50 ms to each. Both kinds of commits are made in turn, so that the machine's moods meet both.
"""

import argparse
import json
import os
import statistics
import tempfile
from functools import partial
from pathlib import Path

import boto3
from bench_state import record, timed

from plinkctl import state as states
from plinkctl.aws.patience import Stop, SystemClock
from plinkctl.aws.session import Clients
from plinkctl.link import Access, Side
from plinkctl.sandbox import daemon
from plinkctl.stores import Place
from plinkctl.stores.places import place_of
from plinkctl.stores.s3 import Reach


def measure(folder: Place, bucket: Place, *, records: int, commits: int) -> dict[str, float]:
    """All figures, in milliseconds but for the ratio."""
    empty = states.new(link="bench", side=Side.PROVIDER, account="1" * 12, region="us-east-1", partition="aws")
    stores = [place.open("bench", Side.PROVIDER) for place in (folder, bucket)]
    for store in stores:
        store.begin(empty)
        for number in range(records):
            store.commit(record(number))
    took: list[list[float]] = [[], []]
    for number in range(commits):
        changed = record(number % records, attempt=number)
        for store, times in zip(stores, took, strict=True):
            times.append(timed(partial(store.commit, changed)))
    for store in stores:
        store.close()
    opening = [statistics.median(timed(partial(_open, place)) for _ in range(20)) for place in (folder, bucket)]
    local, shared = (statistics.median(times) for times in took)
    return {
        "commit in a folder, p50 ms": local,
        "commit in a bucket, p50 ms": shared,
        "commit in a bucket, p95 ms": statistics.quantiles(took[1], n=20)[-1],
        "ratio": shared / local,
        "open and close a folder's, p50 ms": opening[0],
        "open and close a bucket's, p50 ms": opening[1],
    }


def _open(place: Place) -> None:
    place.open("bench", Side.PROVIDER).close()


def main() -> None:
    """Measure in a sandbox of its own, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=40, help="records in the state (default 40)")
    parser.add_argument("--commits", type=int, default=200, help="commits measured in each place (default 200)")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        running = daemon.start(Path(name) / "sandbox", "instant", parent_pid=os.getpid())
        try:
            os.environ.update(daemon.environment(running))
            s3 = boto3.Session(profile_name="provider").client("s3")
            s3.create_bucket(Bucket="bench")
            s3.put_bucket_versioning(Bucket="bench", VersioningConfiguration={"Status": "Enabled"})
            aws = Clients(Access(profile="provider"), ("s3",), stop=Stop())
            reach = Reach(clients=lambda *_: aws, clock=SystemClock(Stop()), note=lambda *_: None)
            folder, bucket = place_of(Path(name) / "states", reach), place_of("s3://bench/states", reach)
            figures = measure(folder, bucket, records=asked.records, commits=asked.commits)
        finally:
            daemon.stop(running.folder)
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        print(f"{name:36} {figure:10.3f}")


if __name__ == "__main__":
    main()
