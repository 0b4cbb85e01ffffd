"""What only a bucket can do to a state: lost answers, late writes, second writers, foreign hands, wrong addresses."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from places import BUCKET, SIDE, BucketWorld, bucket_world, empty, ended, forked, record, saying

from plinkctl.aws.patience import Stop
from plinkctl.aws.session import Clients
from plinkctl.errors import AccessError, Exit, StateError, UsageError
from plinkctl.link import Access
from plinkctl.sandbox import remote
from plinkctl.sandbox.daemon import Running
from plinkctl.stores import Held
from plinkctl.stores.address import parse
from plinkctl.stores.lock import LASTS
from plinkctl.stores.objects import PATIENCE
from plinkctl.stores.s3 import Bucket, Reach

if TYPE_CHECKING:
    import boto3

KEY = "shop/provider.json"
LOCK = "shop/provider.lock"


@pytest.fixture
def world(account: "Callable[[str], boto3.Session]") -> BucketWorld:
    return bucket_world(account("provider"))


@pytest.fixture
def faults(sandbox: Running) -> Iterator[Callable[..., None]]:
    """Adds a rule for a call of the bucket; all end with the test."""

    def add(action: str, effect: str, **more: Any) -> None:
        remote.set_faults(sandbox, {"rules": [{"action": f"s3:{action}", "effect": effect, **more}]})

    yield add
    remote.clear_faults(sandbox)


def puts(sandbox: Running, since: int) -> list[dict[str, Any]]:
    return [call for call in remote.calls(sandbox, since=since) if call["action"] == "PutObject"]


def durable(world: BucketWorld) -> Any:
    return json.loads(world.raw())


# ------------------------------------------------------------------------------------------- lost answers


LOST: dict[str, dict[str, Any]] = {
    "reset before": {"effect": "reset", "when": "before"},
    "reset after": {"effect": "reset", "when": "after"},
    "500 before": {"effect": "error", "code": "InternalError", "status": 500},
    "500 after": {"effect": "error", "code": "InternalError", "status": 500, "when": "after"},
    "html after": {"effect": "error", "status": 502, "body": "html", "when": "after"},
    "half an answer": {"effect": "half"},
    "slow down": {"effect": "error", "code": "SlowDown", "status": 503},
    "unavailable": {"effect": "error", "code": "ServiceUnavailable", "status": 503},
    "conflict": {"effect": "error", "code": "ConditionalRequestConflict", "status": 409},
}


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("first", [True, False], ids=["the first commit", "a later one"])
def test_a_commit_whose_answer_is_lost_is_made_once_and_believed_only_when_it_is_durable(
    world: BucketWorld, faults: Callable[..., None], how: str, first: bool
) -> None:
    store = world.place().open("shop", SIDE)
    store.begin(empty())
    if not first:
        store.commit(record(1))
    faults("PutObject", resource=f"*{KEY}", times=2, **LOST[how])
    store.commit(record(2))
    assert durable(world)["records"]["vpc"]["incarnation"] == 2
    store.commit(record(3))
    assert store.state is not None
    assert durable(world)["serial"] == store.state.serial == (2 if first else 3)
    store.close()


def test_a_write_that_lands_late_changes_nothing(
    world: BucketWorld, faults: Callable[..., None], sandbox: Running
) -> None:
    """The answer was lost, the second attempt is done; then the first one lands, on a condition that holds no more."""
    store = world.place().open("shop", SIDE)
    store.begin(empty())
    store.commit(record(1))
    faults("PutObject", "reset", resource=f"*{KEY}", times=1, when="late", delay=60)
    store.commit(record(2))
    store.commit(record(3))
    remote.set_clock(sandbox, advance=61)
    assert durable(world)["records"]["vpc"]["incarnation"] == 3
    store.commit(record(4))
    assert durable(world)["serial"] == 4
    store.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_that_stays_unclear_is_refused_and_what_became_of_it_is_found_out_later(
    world: BucketWorld, faults: Callable[..., None], sandbox: Running, when: str
) -> None:
    store = world.place().open("shop", SIDE)
    store.begin(empty())
    store.commit(record(1))
    faults("PutObject", "error", resource=f"*{KEY}", status=500, code="InternalError", when=when)
    faults("GetObject", "error", resource=f"*{KEY}", status=403, code="AccessDenied")
    begun = world.clock.now()
    with pytest.raises(StateError) as caught:
        store.commit(record(2, "subnet"))
    assert caught.value.code == "state_unusable"
    assert "nothing is lost" in str(caught.value.hint)
    with pytest.raises(StateError):
        store.commit(record(3, "group"))
    assert world.clock.now() - begun <= PATIENCE, "who could not write a moment ago is not patient again"
    remote.clear_faults(sandbox)
    store.commit(record(4, "table"))
    known = {"vpc", "table"} | ({"subnet"} if when == "after" else set())
    assert store.state is not None
    assert set(durable(world)["records"]) == set(store.state.records) == known
    store.close()


def test_a_bucket_that_is_away_is_waited_for_and_then_told(world: BucketWorld, faults: Callable[..., None]) -> None:
    store = world.place().open("shop", SIDE)
    store.begin(empty())
    faults("PutObject", "error", resource=f"*{KEY}", status=503, code="SlowDown")
    with pytest.raises(StateError) as caught:
        store.commit(record(1))
    assert "SlowDown" in str(caught.value.why)
    assert PATIENCE <= world.clock.now() <= PATIENCE + 1
    assert any("waiting for s3://our-states/some/links (SlowDown)" in note for note in world.notes)
    assert KEY not in world.names()
    store.close()


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        ({"effect": "denied"}, "AccessDenied"),
        ({"effect": "expired"}, "ExpiredToken"),
        ({"effect": "error", "status": 400, "code": "InvalidToken"}, "InvalidToken"),
    ],
)
def test_a_commit_that_is_refused_for_good_is_not_tried_again(
    world: BucketWorld, faults: Callable[..., None], sandbox: Running, effect: dict[str, Any], said: str
) -> None:
    store = world.place().open("shop", SIDE)
    store.begin(empty())
    before = remote.calls(sandbox)[-1]["number"]
    faults("PutObject", **effect)
    with pytest.raises(StateError) as caught:
        store.commit(record(1))
    assert said in str(caught.value.why)
    assert len(puts(sandbox, before)) == 1
    assert not world.clock.slept
    store.close()


# ------------------------------------------------------------------------------------------- second writers


def test_a_second_writer_loses_at_its_next_commit_and_never_writes_again(world: BucketWorld) -> None:
    first = world.place().open("shop", SIDE)
    first.begin(empty())
    first.commit(record(1))
    world.client.delete_object(Bucket=BUCKET, Key=f"some/links/{LOCK}")
    second = world.place().open("shop", SIDE)
    second.commit(record(2))
    for _ in range(2):
        with pytest.raises(StateError) as caught:
            first.commit(record(3))
        assert caught.value.code == "state_taken"
        assert caught.value.exit_code == Exit.STATE
        assert "nothing more is sent" in str(caught.value.why)
    second.commit(record(4))
    first.close()
    assert LOCK in world.names(), "the lock of the second is not the first's to end"
    second.close()
    assert durable(world)["records"]["vpc"]["incarnation"] == 4


def test_of_two_that_began_with_nothing_one_loses(world: BucketWorld) -> None:
    first = world.place().open("shop", SIDE)
    world.client.delete_object(Bucket=BUCKET, Key=f"some/links/{LOCK}")
    second = world.place().open("shop", SIDE)
    for store in (first, second):
        store.begin(empty())
    second.commit(record(2))
    with pytest.raises(StateError):
        first.commit(record(1))
    assert durable(world)["records"]["vpc"]["incarnation"] == 2


def test_the_same_change_by_another_is_not_taken_for_ones_own(world: BucketWorld, faults: Callable[..., None]) -> None:
    """Both delete the same thing, and one's answer is lost: the other's state has the same records and serial."""
    first = world.place().open("shop", SIDE)
    first.begin(empty())
    first.commit(record(1))
    world.client.delete_object(Bucket=BUCKET, Key=f"some/links/{LOCK}")
    second = world.place().open("shop", SIDE)
    second.commit(record(2))
    faults("PutObject", "reset", resource=f"*{KEY}", times=1, when="before")
    with pytest.raises(StateError) as caught:
        first.commit(record(2))
    assert caught.value.code == "state_taken"


def test_a_state_that_is_deleted_under_one_is_not_written_again(world: BucketWorld) -> None:
    store = world.place().open("shop", SIDE)
    store.begin(empty())
    store.commit(record(1))
    world.client.delete_object(Bucket=BUCKET, Key=f"some/links/{KEY}")
    with pytest.raises(StateError) as caught:
        store.commit(record(2))
    assert "deleted" in str(caught.value.why)
    assert KEY not in world.names()


def test_without_any_lock_processes_still_never_lose_a_commit(world: BucketWorld) -> None:
    """The lock is removed whenever one meets it, so all write at once: each commit that returned is in the state."""
    store = world.place().open("shop", SIDE)
    store.begin(empty())
    store.commit(record(1))
    store.close()
    reading, writing = os.pipe()

    def work() -> None:
        mine = world.place()
        for _ in range(12):
            with suppress(StateError):
                try:
                    held = mine.open("shop", SIDE)
                except StateError:
                    holder = mine.holder("shop", SIDE)
                    if holder is not None:
                        mine.unlock("shop", SIDE, holder)
                    continue
                assert held.state is not None
                for _ in range(3):
                    held.commit(record(held.state.records["vpc"].incarnation + 1))
                    os.write(writing, b".")

    pids = [forked(work) for _ in range(3)]
    assert [ended(pid) for pid in pids] == [0, 0, 0]
    os.close(writing)
    with os.fdopen(reading) as dots:
        commits = len(dots.read())
    assert commits > 3
    assert durable(world)["records"]["vpc"]["incarnation"] == 1 + commits
    assert durable(world)["serial"] == 1 + commits


# ------------------------------------------------------------------------------------------- the lock


def test_a_lock_whose_time_is_over_is_taken_over(world: BucketWorld) -> None:
    first = world.place().open("shop", SIDE)
    world.clock.sleep(LASTS - 1)
    with pytest.raises(StateError):
        world.place().open("shop", SIDE)
    world.clock.sleep(1)
    second = world.place().open("shop", SIDE)
    assert "took over the lock" in world.notes[-1]
    first.close()
    assert LOCK in world.names()
    second.close()
    assert LOCK not in world.names()


def test_commits_renew_the_lock(world: BucketWorld) -> None:
    store = world.place().open("shop", SIDE)
    store.begin(empty())
    for number in range(1, 5):
        world.clock.sleep(LASTS / 2)
        store.commit(record(number))
    with pytest.raises(StateError):
        world.place().open("shop", SIDE)
    store.close()
    assert LOCK not in world.names()


def test_a_dead_process_of_another_machine_keeps_its_lock_until_its_time_is_over(world: BucketWorld) -> None:
    assert saying(lambda: world.place().open("shop", SIDE).state) is None  # it ends without giving the lock back
    held = json.loads(world.get(LOCK))
    world.put(LOCK, json.dumps({**held, "host": "elsewhere", "machine": "another"}).encode())
    with pytest.raises(StateError) as caught:
        world.place().open("shop", SIDE)
    assert "on elsewhere" in str(caught.value.why)
    assert "plinkctl state unlock" in str(caught.value.hint)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"pid": -1}', b"[" * 100_000])
def test_a_lock_that_says_nothing_holds_until_it_is_ended_by_hand(world: BucketWorld, content: bytes) -> None:
    world.put(LOCK, content)
    with pytest.raises(StateError) as caught:
        world.place().open("shop", SIDE)
    assert "cannot be read" in str(caught.value.why)
    held = world.place().holder("shop", SIDE)
    assert held is not None
    assert world.place().unlock("shop", SIDE, held)
    world.place().open("shop", SIDE).close()


def test_only_the_lock_that_was_shown_is_ended(world: BucketWorld) -> None:
    place = world.place()
    first = place.open("shop", SIDE)
    held = place.holder("shop", SIDE)
    assert held is not None
    first.close()
    second = place.open("shop", SIDE)
    assert not place.unlock("shop", SIDE, held)
    assert LOCK in world.names()
    second.close()
    assert not place.unlock("shop", SIDE, held)


@pytest.mark.parametrize("how", ["reset after", "500 after", "conflict", "reset before"])
def test_a_lock_whose_answer_is_lost_is_held_once(world: BucketWorld, faults: Callable[..., None], how: str) -> None:
    faults("PutObject", resource=f"*{LOCK}", times=1, **LOST[how])
    store = world.place().open("shop", SIDE)
    store.close()
    assert world.names() == []


def test_a_lock_that_cannot_be_given_back_is_told(world: BucketWorld, faults: Callable[..., None]) -> None:
    store = world.place().open("shop", SIDE)
    faults("DeleteObject", "denied", times=1)
    store.close()
    assert "plinkctl state unlock" in world.notes[-1]


class _Careless(BaseHTTPRequestHandler):
    """A store that is like S3, but writes whatever it is told."""

    held: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        self._answer(200 if self.path in self.held else 404, self.held.get(self.path, b""))

    def do_PUT(self) -> None:
        self.held[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, b"")

    def do_DELETE(self) -> None:
        self.held.pop(self.path, None)
        self._answer(204, b"")

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("ETag", '"0"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


def test_a_store_that_passes_over_conditions_is_refused(world: BucketWorld) -> None:
    with HTTPServer(("127.0.0.1", 0), _Careless) as server:
        threading.Thread(target=server.serve_forever).start()
        access = Access(profile="provider", endpoint_url=f"http://127.0.0.1:{server.server_port}")
        aws = Clients(access, ("s3",), stop=Stop())
        place = Bucket(parse("s3://careless/links"), Reach(clients=lambda *_: aws, clock=world.clock, note=print))
        with pytest.raises(StateError) as caught:
            place.open("shop", SIDE)
        assert caught.value.code == "no_conditions"
        assert _Careless.held == {}
        server.shutdown()


# ------------------------------------------------------------------------------------------- the bucket


def test_a_good_bucket_is_not_warned_about(world: BucketWorld) -> None:
    world.place().open("shop", SIDE).close()
    assert world.notes == []


def test_a_bucket_without_versions_is_warned_about_once(world: BucketWorld) -> None:
    world.client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    place = world.place()
    for link in ("shop", "other"):
        place.open(link, SIDE).close()
    assert [note for note in world.notes if "keeps no versions" in note] == world.notes
    assert len(world.notes) == 1


def test_a_public_bucket_is_warned_about(world: BucketWorld) -> None:
    world.client.delete_public_access_block(Bucket=BUCKET)
    world.place().open("shop", SIDE).close()
    assert world.notes == [], "nothing of it is public yet"
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    world.client.put_bucket_policy(Bucket=BUCKET, Policy=policy)
    world.place().open("shop", SIDE).close()
    assert [note.split(":")[0] for note in world.notes] == [f"the bucket '{BUCKET}' is public"]


def test_a_bucket_that_lists_everybody_is_warned_about(world: BucketWorld) -> None:
    world.client.delete_public_access_block(Bucket=BUCKET)
    world.client.put_bucket_ownership_controls(
        Bucket=BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    )
    world.client.put_bucket_acl(Bucket=BUCKET, ACL="public-read")
    world.place().open("shop", SIDE).close()
    assert [note.split(":")[0] for note in world.notes] == [f"the bucket '{BUCKET}' is public"]


@pytest.mark.parametrize("action", ["GetBucketVersioning", "GetPublicAccessBlock", "GetBucketPolicyStatus"])
def test_who_may_not_ask_about_the_bucket_is_not_bothered(
    world: BucketWorld, faults: Callable[..., None], action: str
) -> None:
    faults(action, "denied")
    world.place().open("shop", SIDE).close()
    assert world.notes == []


def test_a_bucket_that_is_not_there(world: BucketWorld) -> None:
    world.named = "s3://no-such-bucket/links"
    for work in (
        lambda: world.place().open("shop", SIDE),
        lambda: world.place().read("shop", SIDE),
        lambda: world.place().links(),
        lambda: world.place().holder("shop", SIDE),
    ):
        with pytest.raises(UsageError) as caught:
            work()
        assert caught.value.message == "there is no bucket 'no-such-bucket'"


def test_a_bucket_of_strangers(world: BucketWorld) -> None:
    with pytest.raises(AccessError) as caught:
        world.place(profile="consumer").open("shop", SIDE)
    assert caught.value.exit_code == Exit.ACCESS
    assert f"s3://{BUCKET}/some/links" in str(caught.value.hint)
    assert world.names() == []


def test_a_bucket_that_is_not_the_expected_owners(world: BucketWorld, sandbox: Running) -> None:
    world.named += f"?owner={sandbox.accounts['consumer']}"
    with pytest.raises(AccessError) as caught:
        world.place().open("shop", SIDE)
    assert f"the bucket is not {sandbox.accounts['consumer']}'s" in str(caught.value.hint)
    assert world.names() == []
    world.named = world.named.replace(sandbox.accounts["consumer"], sandbox.accounts["provider"])
    world.place().open("shop", SIDE).close()


@pytest.mark.parametrize("work", ["read", "links", "holder", "unlock"])
def test_whatever_is_asked_names_the_expected_owner(world: BucketWorld, sandbox: Running, work: str) -> None:
    """S3 itself refuses when it is another's, so a call without it would be answered."""
    asked: dict[str, Callable[[Bucket], object]] = {
        "read": lambda place: place.read("shop", SIDE),
        "links": lambda place: place.links(),
        "holder": lambda place: place.holder("shop", SIDE),
        "unlock": lambda place: place.unlock("shop", SIDE, Held(who="", hold='"0"')),
    }
    asked[work](world.place())
    world.named += f"?owner={sandbox.accounts['consumer']}"
    with pytest.raises(AccessError):
        asked[work](world.place())


@pytest.mark.parametrize("code", ["PermanentRedirect", "AuthorizationHeaderMalformed"])
def test_a_bucket_of_another_region_that_cannot_be_found(
    world: BucketWorld, faults: Callable[..., None], code: str
) -> None:
    faults("GetObject", "error", code=code, status=400)
    with pytest.raises(UsageError) as caught:
        world.place().read("shop", SIDE)
    assert "?region=" in str(caught.value.hint)


def test_the_policy_of_the_page_lets_the_work_be_done_and_nothing_else(
    world: BucketWorld, account: "Callable[[str], boto3.Session]", sandbox: Running
) -> None:
    from docs_tools import ROOT, text_of

    page = text_of(ROOT / "docs" / "how-to" / "shared-state.md")
    policy = page.partition("```json\n")[2].partition("```")[0]
    document = json.loads(policy.replace("our-states/links", f"{BUCKET}/some/links"))
    document["Statement"] = [one for one in document["Statement"] if one["Sid"] != "OnlyTls"]  # the sandbox has no TLS
    world.client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(document))
    place = world.place(profile="consumer")
    store = place.open("shop", SIDE)
    store.begin(empty())
    store.commit(record(1))
    store.commit(record(2))
    store.close()
    assert place.links() == [("shop", SIDE)]
    other = account("consumer").client("s3")
    with pytest.raises(other.exceptions.ClientError, match="AccessDenied"):
        other.put_object(Bucket=BUCKET, Key=f"some/links/{KEY}", Body=b"by mistake")
    assert durable(world)["serial"] == 2
