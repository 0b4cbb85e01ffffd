"""The house: a sandbox full of neighbours, a state folder, and commands run in this process on virtual time.

An *image* is the house at one instant: every resource, the clock, the bytes of the state folder. To take up an image
is what a new process finds after the old one was killed at that instant: nothing that the old one had in memory, in
its threads or in its `finally` clauses has happened. So a simulated kill needs no freezing: it is an image, taken while
the command ran, and the command may run on as it likes.
"""

import io
import json
import os
import re
import shutil
import stat
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlencode

import boto3
import botocore.endpoint
from botocore.config import Config
from lasting import Disk
from pristine import pristine
from tap import BYSTANDER, Request, Tap
from words import Words, digest

from plinkctl import certs
from plinkctl.app import connections, proof, rebuild, up
from plinkctl.app.run import Run
from plinkctl.app.teardown import teardown
from plinkctl.aws.patience import Stop
from plinkctl.errors import PlinkError, StateError, Stopped, StoppedError
from plinkctl.events import Event
from plinkctl.link import Access, Consumer, Link, Provider, Side
from plinkctl.sandbox import neighbours, pickles, world
from plinkctl.sandbox.census import census
from plinkctl.sandbox.door import protocol
from plinkctl.sandbox.door.faults import Late
from plinkctl.sandbox.door.gateway import Server
from plinkctl.stores.local import LocalStore

BOTH: Final = (Side.PROVIDER, Side.CONSUMER)
LINK: Final = Link(
    name="shop",
    provider=Provider(access=Access(profile="provider")),
    consumer=Consumer(access=Access(profile="consumer")),
)
DOMAIN: Final = "api.example.com"
"""The name of a link that has one."""
_MARK: Final = re.compile(r"\bop=(\w+)")

#: Real seconds: how long a sleeper waits for others who go to sleep, and for those who wake before it.
_DUSK: Final = 0.003
_NIGHT: Final = 5.0


class Clock:
    """The sandbox's clock as plinkctl's: sleeping moves both, and takes no time.

    Args:
        stop: Sleep raises Stopped once this is set.
        step: Seconds by which the machine's own clock is off, from now on; may change at any moment.
    """

    _changed = threading.Condition()
    _due: ClassVar[list[float]] = []

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self.step = 0.0

    def now(self) -> float:
        """Seconds on the monotonic clock."""
        return world.now()

    def wall(self) -> float:
        """Seconds since the epoch, as a machine with a wrong clock has them."""
        return world.now() + self.step

    def sleep(self, seconds: float) -> None:
        """Let that time pass for everybody."""
        if self._stop:
            raise Stopped
        self.pass_by(seconds)

    @classmethod
    def pass_by(cls, seconds: float) -> None:
        """Let time pass as a sleeper does: those who sleep at once sleep side by side, and wake in their order."""
        with cls._changed:
            due = world.now() + max(0.0, seconds)
            cls._due.append(due)
            # A moment for those who are about to sleep too; nothing hangs on it but how long the night is.
            cls._changed.wait(_DUSK)
            cls._changed.wait_for(lambda: min(cls._due) >= due, timeout=_NIGHT)
            cls._due.remove(due)
            cls._jump(due)
            cls._changed.notify_all()

    @classmethod
    def advance(cls, seconds: float) -> None:
        """Let time pass at once."""
        with cls._changed:
            cls._jump(world.now() + max(0.0, seconds))

    @staticmethod
    def _jump(due: float) -> None:
        world.current().clock.advance(max(0.0, due - world.now()))


@dataclass(frozen=True)
class Image:
    """The house at one instant."""

    resources: bytes
    late: tuple[Any, ...]
    moment: float
    files: dict[str, bytes]


@dataclass
class Ended:
    """How a command ended."""

    code: int
    events: list[Event] = field(default_factory=list)
    errors: list[PlinkError] = field(default_factory=list)
    data: Any = None
    crash: BaseException | None = None

    @property
    def words(self) -> str:
        """Why, for people."""
        if self.crash is not None:
            return f"{type(self.crash).__name__}: {self.crash}"
        return "; ".join(f"{e.message} ({e.why})" for e in self.errors) or f"exit {self.code}"


Command = Callable[["House", Run], Any]


class House:
    """A served sandbox whose resources, clock and clients are in our hand.

    Args:
        server: Serves the sandbox of this process.
        folder: Where states and settings go.
        grace: Seconds before an absence is believed.
    """

    def __init__(self, server: Server, folder: Path, *, grace: float = 60.0) -> None:
        self.server, self.folder, self.grace = server, folder, grace
        self.states = folder / "states"
        self.tap = Tap(self)
        self.disk = Disk(self.states)
        self.stop, self.clock = Stop(), Clock(Stop())
        self.last = Ended(0)
        self._config = folder / "config"
        self._words: tuple[object, Words] = (None, Words(()))

    # ------------------------------------------------------------------------------------------- the house

    @contextmanager
    def open(self) -> Iterator["House"]:
        """Point this process at the sandbox; the neighbours move in. All is put back at the end."""
        profiles = [
            f"[profile {a.alias}]\naws_access_key_id={a.access_key}\naws_secret_access_key={a.secret}\n"
            f"region={self.server.world.region}\nendpoint_url={self.server.url}\n"
            for a in self.server.world.accounts
        ]
        self._config.write_text("\n".join(profiles))
        before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        for name in before:
            del os.environ[name]
        os.environ.update(AWS_CONFIG_FILE=str(self._config), AWS_SHARED_CREDENTIALS_FILE=str(self.folder / "none"))
        time = botocore.endpoint.time
        # The SDK's own waits between its retries are time like any other.
        botocore.endpoint.time = SimpleNamespace(**(vars(time) | {"sleep": Clock.pass_by}))
        pristine(self.server.world)
        neighbours.move_in(self.server.world, self.server.url, {"link": LINK.name})
        self.zone = self._names()
        self.baseline = census()
        self.decoys = frozenset(
            entry["id"]
            for entry in self.baseline
            if entry["kind"] not in ("user", "role") and entry["id"] != self.zone  # which we may write into
        )
        self.empty = self.image()
        try:
            with self.tap.on(self.server), self.disk.watched():
                yield self
        finally:
            botocore.endpoint.time = time
            for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
                del os.environ[name]
            os.environ.update(before)
            world.reset()

    def _names(self) -> str:
        """The public zone of the domain, in another account than the service; in both, things that look like ours.

        Returns:
            The zone's ID.
        """
        acm, route53 = self.client("provider", "acm"), self.client("consumer", "route53")
        theirs = {"plinkctl:link": LINK.name, "plinkctl:lineage": "99999999-8888-4777-8666-555555555555"}
        for tags in ({}, {**theirs, "plinkctl:op": "doubleop"}):
            made = certs.self_signed(DOMAIN, now=world.now())
            given = {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}
            acm.import_certificate(Certificate=made.body, PrivateKey=made.key, **given)
        zone = route53.create_hosted_zone(Name=DOMAIN.partition(".")[2], CallerReference="theirop")["HostedZone"]["Id"]
        record = {"Name": f"_other.{DOMAIN}", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"theirs"'}]}
        changes = [{"Action": "CREATE", "ResourceRecordSet": record}]
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
        return str(zone).rpartition("/")[2]

    def image(self) -> Image:
        """The house as it is now."""
        with self.server.world.lock:
            resources = pickles.dumps(pickles.in_use())
            late = tuple(self.server.world.faults.late)
            moment = world.now()
        return Image(resources, late, moment, self.files())

    def files(self) -> dict[str, bytes]:
        """The state folder's files; their modes are looked at on the way (I10)."""
        found = {}
        for path in sorted(self.states.rglob("*")):
            with suppress(FileNotFoundError):  # renamed meanwhile
                mode = stat.S_IMODE(path.lstat().st_mode)
                self.tap.must(mode & 0o077 == 0, "I10", f"{path.name} has mode {mode:o}")
                if path.is_file():
                    found[str(path.relative_to(self.states))] = path.read_bytes()
        return found

    def state_files(self) -> dict[str, bytes]:
        """The states alone, without their backups and the audit."""
        return {path.name: path.read_bytes() for path in (self.states / LINK.name).glob("*er.json")}

    def take_up(self, image: Image) -> None:
        """Be as at that instant."""
        with self.server.world.lock:
            pickles.put(pickles.loads(image.resources))
            # As after a kill: the new process does not come later than it must.
            self.server.world.clock.__setstate__((image.moment, image.moment, 0.0))
            self.tap.renew(list(image.late))
        shutil.rmtree(self.states, ignore_errors=True)
        self.states.mkdir(mode=0o700)
        for name, content in image.files.items():
            path = self.states / name
            for folder in reversed(path.relative_to(self.states).parents):
                (self.states / folder).mkdir(mode=0o700, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(content)
        self.disk.settle()

    def quiet(self) -> None:
        """No faults, no hooks."""
        self.tap.shots, self.tap.always = {}, None
        self.tap.before = self.tap.after = lambda _: None
        self.disk.quiet()

    def with_late(self, image: Image, request: Request, seconds: float) -> Image:
        """The same instant, but that request takes effect so many seconds after it."""
        account, environ, body = request.late
        late = Late(image.moment + seconds, "late", account, environ, body)
        return replace(image, late=(*image.late, late))

    def turned_away(self) -> bool:
        """Whether a second command on this link is refused at its very beginning."""
        try:
            for side in BOTH:
                LocalStore(self.states, LINK.name, side).close()
        except StateError as error:
            return error.code == "state_locked"
        return False

    def stranger(self, request: Request) -> str:
        """Somebody else makes, a moment before, what that request is to make, with the same name and no tags."""
        _, environ, body = request.late
        untagged = _without_tags(body)
        taken = {**environ, "wsgi.input": io.BytesIO(untagged), "CONTENT_LENGTH": str(len(untagged))}
        before = {entry["id"] for entry in census()}
        with self.server.world.lock:
            self.server.gateway.moto.answer(taken, protocol.read(taken, untagged))
        return next(str(entry["id"]) for entry in census() if entry["id"] not in before)

    def forget(self, side: str, node: str) -> None:
        """Take a record out of a state file, as a bug of the bookkeeping would."""
        path = self.states / LINK.name / f"{side}.json"
        state = json.loads(path.read_bytes())
        del state["records"][node], state["checksum"]  # a state without one is as good
        path.write_text(json.dumps(state))

    def stands(self, identifier: str) -> dict[str, Any] | None:
        """What there is of that identifier."""
        return next((entry for entry in census() if entry["id"] == identifier), None)

    def client(self, side: str, service: str) -> Any:
        """An SDK of somebody with the same keys: the console, a colleague."""
        return boto3.Session(profile_name=side).client(service, config=Config(user_agent_extra=BYSTANDER))

    def account_of(self, key: str) -> str:
        """Whose that access key is."""
        return next((a.id for a in self.server.world.accounts if a.access_key == key), "")

    # ---------------------------------------------------------------------------------------- the commands

    def run(self, command: Command, *, link: Link = LINK) -> Ended:
        """Run a command to its end, as the CLI would: its exit code is the report's."""
        self.stop = Stop()
        self.clock = Clock(self.stop)
        events: list[Event] = []
        run = Run(
            command=getattr(command, "__name__", "up").replace("_", " "),
            link=link,
            place=self.states,
            observer=events.append,
            stop=self.stop,
            clock=self.clock,
            grace=self.grace,
        )
        self.tap.begin()
        ended = Ended(0, events, [])
        try:
            ended.data = command(self, run)
        except PlinkError as error:
            run.report.fail(error)
        except Stopped:  # before the walk; the CLI's boundary says it so
            run.report.fail(StoppedError(self.stop.signum))
        except Exception as error:  # noqa: BLE001 - a bug of the core; it makes the case red
            ended.crash = error
        ended.errors = [failure.error for failure in run.report.errors]
        ended.code = 70 if ended.crash is not None else int(run.report.exit_code)
        return ended

    # ------------------------------------------------------------------------------------- what there is

    @property
    def words(self) -> Words:
        """Names for what the states know now."""
        paths = sorted((self.states / LINK.name).glob("*er.json"))
        stamp = tuple((p.name, p.stat().st_mtime_ns, p.stat().st_ino) for p in paths)
        if self._words[0] != stamp:
            self._words = (stamp, Words([json.loads(p.read_bytes()) for p in paths]))
        return self._words[1]

    def records(self) -> dict[str, dict[str, Any]]:
        """Every record of both states, by node, as they are on the disk."""
        found: dict[str, dict[str, Any]] = {}
        for side in BOTH:
            path = self.states / LINK.name / f"{side}.json"
            if path.exists():
                records = json.loads(path.read_bytes())["records"]
                found |= {f"{side}/{name}": record for name, record in records.items()}
        return found

    def attrs(self, node: str) -> dict[str, Any]:
        """What is recorded of a node; nothing where it is not there."""
        record = self.records().get(node)
        return dict(record["attrs"]) if record else {}

    def outline(self) -> dict[str, list[str]]:
        """The whole house in words: equal outlines are the same house but for what chance has named."""
        words = self.words
        strange = [entry for entry in census() if entry["id"] not in self.decoys]
        things = [words(json.dumps([entry, _life(entry)], sort_keys=True)) for entry in strange]
        passing = {"attempt", "sent_at"}
        records = [
            words(json.dumps([node, {k: v for k, v in record.items() if k not in passing}], sort_keys=True))
            for node, record in self.records().items()
        ]
        return {"things": sorted(things), "records": sorted(records)}

    def things(self) -> str:
        """What is there, in words, one a line."""
        return "\n".join(self.outline()["things"])

    def difference(self, goal: str) -> str:
        """What differs from a goal, shortly."""
        wanted, found = Counter(goal.splitlines()), Counter(self.things().splitlines())
        missing, beyond = sorted((wanted - found).elements()), sorted((found - wanted).elements())
        if not missing or not beyond:
            return f"missing {[line[:200] for line in missing]}, too much {[line[:200] for line in beyond]}"
        same = next(n for n, (a, b) in enumerate(zip(missing[0], beyond[0], strict=False)) if a != b)
        around = slice(max(0, same - 40), same + 60)
        return f"{missing[0][:70]} ... {missing[0][around]} | {beyond[0][around]}"

    def in_doubt(self) -> list[str]:
        """The records whose create was sent and not answered."""
        return sorted(node for node, record in self.records().items() if record["sent_at"] is not None)

    def standing(self) -> str:
        """A digest of the outline."""
        return digest(self.outline())

    def nothing_lost(self, when: str) -> None:
        """That everything of this link's is known to the states, by its ID or by an open intent (I1)."""
        records = [record for record in self.disk.records().values() if record["phase"] != "absent"]
        ops = {record["op"] for record in records}
        for entry in census():
            op = _op(entry)
            if op is not None and entry["id"] not in self.decoys and not op.endswith("op"):
                self.tap.must(op in ops, "I1", f"{entry['kind']} {entry['tags'] or entry['id']} is lost when {when}")

    def nothing_twice(self) -> None:
        """That no node of this link has two things of one kind to its name (I2)."""
        strange = [entry for entry in census() if entry["id"] not in self.decoys]
        told = Counter((e["account"], e["kind"], e["tags"].get("plinkctl:node")) for e in strange)
        twice = [what for what, count in told.items() if count > 1 and what[2] is not None]
        self.tap.must(not twice, "I2", f"there are two of {twice}")

    def secrets_unseen(self, ended: "Ended") -> None:
        """That no file and no event has a secret key in it (I14)."""
        secrets = [account.secret for account in self.server.world.accounts]
        told = repr(ended.events) + repr(ended.data)
        for name, text in {**self.files(), "the events": told.encode()}.items():
            self.tap.must(not any(s.encode() in text for s in secrets), "I14", f"{name} has a secret in it")

    def untouched(self) -> None:
        """That other people's things are as they were, byte for byte (I6)."""
        now = {(e["account"], e["kind"], e["id"]): e for e in census()}
        for entry in self.baseline:
            key = (entry["account"], entry["kind"], entry["id"])
            self.tap.must(now.get(key) == entry, "I6", f"somebody else's {key} has changed")

    def clean(self) -> None:
        """That nothing but other people's things is there (I5)."""
        left = [e for e in census() if e not in self.baseline]
        self.tap.must(not left, "I5", f"left over: {[(e['kind'], e['tags'].get('plinkctl:node')) for e in left]}")


def _without_tags(body: bytes) -> bytes:
    """A request to create something, but for its tags."""
    if body.startswith(b"{"):
        return json.dumps({k: v for k, v in json.loads(body).items() if k.lower() != "tags"}).encode()
    said = [(k, v) for k, v in parse_qsl(body.decode()) if not k.startswith(("Tags.", "TagSpecification."))]
    return urlencode(said).encode()


def _op(entry: dict[str, Any]) -> str | None:
    """The operation that made it, as it carries it: in its tags, as its reference, or in the mark beside a record."""
    if entry["kind"] == "hosted zone":
        return str(entry["settings"]["reference"])
    if entry["kind"] == "record":
        found = _MARK.search(json.dumps(entry["settings"]))
        return found[1] if found else None
    return str(op) if (op := entry["tags"].get("plinkctl:op")) else None


def _life(entry: dict[str, Any]) -> str:
    """What the census leaves out on purpose and a link depends on: where a connection stands."""
    if entry["kind"] != "endpoint":
        return ""
    for backend in world.ec2(entry["account"]):
        if found := backend.vpc_end_points.get(entry["id"]):
            return str(found.sandbox.state(world.now()))
    return ""


# ------------------------------------------------------------------------------------------ the commands


def up_(house: House, run: Run) -> Any:
    """`plinkctl up`."""
    return up.both_up(run)


def provider_up(house: House, run: Run) -> Any:
    """`plinkctl provider up --allow CONSUMER`."""
    if run.link.provider is None:
        raise AssertionError
    run.link = replace(run.link, provider=replace(run.link.provider, allow=("222222222222",)))
    return up.provider_up(run)


def consumer_up(house: House, run: Run) -> Any:
    """`plinkctl consumer up --service-name NAME`, which ends held until the provider accepts."""
    state = run.state(Side.PROVIDER)
    if state is None or run.link.consumer is None:
        raise AssertionError
    name = state.records["service"].attrs["name"]
    run.link = replace(run.link, consumer=replace(run.link.consumer, service_name=name))
    return up.consumer_up(run, wait=False)


def accept(house: House, run: Run) -> Any:
    """`plinkctl accept --endpoint-id ID`. Without a name, a list that shows nobody is an answer."""
    state = run.state(Side.CONSUMER)
    record = state.live.get("endpoint") if state is not None else None
    return connections.accept(run, endpoint_ids=[record.id] if record else [], accounts=(), wait=False)


def verify(house: House, run: Run) -> Any:
    """`plinkctl verify`."""
    return proof.prove(run)


def changed_up(house: House, run: Run) -> Any:
    """`plinkctl up` after the file was changed: answer, tags and retention."""
    link = run.link
    if link.provider is None or link.consumer is None:
        raise AssertionError
    run.link = replace(
        link,
        tags={"team": "till"},
        provider=replace(link.provider, response=replace(link.provider.response, body="Hello again")),
        consumer=replace(link.consumer, retention_days=30),
    )
    return up.both_up(run)


def filtered_up(house: House, run: Run) -> Any:
    """`plinkctl up` whose balancer lets only certain consumers in: one rule more."""
    link = run.link
    if link.provider is None:
        raise AssertionError
    provider = replace(link.provider, enforce_inbound_rules=True, consumer_cidrs=("10.8.0.0/16", "10.0.0.0/16"))
    run.link = replace(link, provider=provider)
    return up.both_up(run)


def rebuilt(house: House, run: Run) -> Any:
    """`plinkctl state rebuild`."""
    return rebuild.rebuild(run, BOTH, lineages=(), anew=False)


def take_down(house: House, run: Run) -> Any:
    """`plinkctl teardown`."""
    return teardown(run, BOTH, agree=lambda _: None)
