"""Both kinds of places where states are kept, as tests need them: to open, to spoil, to look at from outside."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import boto3
from virtual import VirtualClock

from plinkctl import state as states
from plinkctl.aws.patience import Stop
from plinkctl.aws.session import Clients
from plinkctl.errors import PlinkError
from plinkctl.link import Access, Side
from plinkctl.state import Phase, Record, State
from plinkctl.stores import Place
from plinkctl.stores.address import parse
from plinkctl.stores.places import Folder
from plinkctl.stores.s3 import Bucket, Reach

SIDE = Side.PROVIDER
BUCKET = "our-states"

_CLIENTS: dict[tuple[int, str, str], Clients] = {}


def empty(link: str = "shop", side: Side = SIDE) -> State:
    return states.new(link=link, side=side, account="1" * 12, region="us-east-1", partition="aws")


def record(number: int = 1, node: str = "vpc") -> Record:
    return Record(node=node, kind="vpc", phase=Phase.CREATED, incarnation=number, attrs={"id": f"vpc-{number}"})


class World(Protocol):
    """A place and the way past it."""

    def place(self) -> Place:
        """The place as another process would have it."""

    def raw(self) -> bytes:
        """The bytes of the state of shop's provider."""

    def put(self, name: str, content: bytes) -> None:
        """Write a file or object `<link>/<name>` past the store."""


@dataclass
class FolderWorld:
    """A folder of the test's own."""

    path: Path

    def place(self) -> Place:
        return Folder(self.path)

    def raw(self) -> bytes:
        return (self.path / "shop" / "provider.json").read_bytes()

    def put(self, name: str, content: bytes) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_bytes(content)


@dataclass
class BucketWorld:
    """A bucket of the provider's in the sandbox, over real HTTP."""

    client: Any
    named: str = f"s3://{BUCKET}/some/links"
    notes: list[str] = field(default_factory=list)
    clock: VirtualClock = field(default_factory=VirtualClock)

    def place(self, *, profile: str = "provider") -> Bucket:
        def clients(_side: Side, _address: object) -> Clients:
            key = (os.getpid(), profile, self.client.meta.endpoint_url)  # a fork has connections of its own
            if key not in _CLIENTS:
                _CLIENTS[key] = Clients(Access(profile=profile), ("s3",), stop=Stop())
            return _CLIENTS[key]

        return Bucket(
            parse(self.named),
            Reach(clients=clients, clock=self.clock, note=lambda message, _level: self.notes.append(message)),
        )

    def raw(self) -> bytes:
        return self.get("shop/provider.json")

    def get(self, name: str) -> bytes:
        found: bytes = self.client.get_object(Bucket=BUCKET, Key=f"some/links/{name}")["Body"].read()
        return found

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=f"some/links/{name}", Body=content)

    def names(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return [one["Key"].removeprefix("some/links/") for one in found]


def bucket_world(session: boto3.Session) -> BucketWorld:
    client = session.client("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return BucketWorld(client)


def forked(work: Callable[[], Any]) -> int:
    """Run in a process of its own, under way when this returns; its pid. It exits with 0, or with an error's code."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            work()
            code = 0
        except PlinkError as error:
            os.write(2, f"{error.message}: {error.why}\n".encode())
            code = int(error.exit_code)
        finally:
            os._exit(code)
    return pid


def ended(pid: int) -> int:
    """Wait for a process; its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def saying(work: Callable[[], Any]) -> Any:
    """What `work` returns in a process of its own, or `[code, message, why]` of its error."""
    reading, writing = os.pipe()

    def told() -> None:
        try:
            said: Any = work()
        except PlinkError as error:
            said = [error.code, error.message, error.why]
        os.write(writing, json.dumps(said).encode())

    pid = forked(told)
    os.close(writing)
    with os.fdopen(reading) as words:
        said = words.read()
    assert ended(pid) == 0
    return json.loads(said)
