"""What holds for every place where states are kept: a folder, and a bucket over real HTTP. One suite for both."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from places import SIDE, BucketWorld, FolderWorld, bucket_world, empty, ended, forked, record, saying

from plinkctl import state as states
from plinkctl.errors import Exit, StateError
from plinkctl.link import Side
from plinkctl.stores import Store

if TYPE_CHECKING:
    import boto3

AnyWorld = FolderWorld | BucketWorld


@pytest.fixture(params=["folder", "bucket"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> AnyWorld:
    if request.param == "folder":
        return FolderWorld(tmp_path / "states")
    account: Callable[[str], boto3.Session] = request.getfixturevalue("account")
    return bucket_world(account("provider"))


def opened(world: AnyWorld, link: str = "shop", side: Side = SIDE) -> Store:
    return world.place().open(link, side)


def fill(world: AnyWorld, link: str = "shop", side: Side = SIDE) -> None:
    """One committed record."""
    store = opened(world, link, side)
    store.begin(empty(link, side))
    store.commit(record())
    store.close()


def refused(world: AnyWorld) -> StateError:
    with pytest.raises(StateError) as caught:
        opened(world)
    assert caught.value.exit_code == Exit.STATE
    return caught.value


# ------------------------------------------------------------------------------------------- writing


def test_a_commit_is_read_back_by_another_process(world: AnyWorld) -> None:
    fill(world)

    def look() -> Any:
        state = world.place().read("shop", SIDE)
        assert state is not None
        return state.to_json()

    assert saying(look)["records"]["vpc"]["attrs"] == {"id": "vpc-1"}


def test_a_begun_state_leaves_nothing_until_the_first_commit(world: AnyWorld) -> None:
    store = opened(world)
    store.begin(empty())
    assert store.state is not None
    store.close()
    assert world.place().read("shop", SIDE) is None
    assert world.place().links() == []


def test_a_commit_before_a_begin_is_a_bug(world: AnyWorld) -> None:
    store = opened(world)
    with pytest.raises(RuntimeError):
        store.commit(record())
    store.close()


def test_the_serial_strictly_increases_over_commits_and_openings(world: AnyWorld) -> None:
    fill(world)
    serials = []
    for number in range(2, 5):
        store = opened(world)
        store.commit(record(number))
        store.commit(record(number))
        assert store.state is not None
        serials.append(store.state.serial)
        assert store.state == world.place().read("shop", SIDE), "what is in memory is what is durable"
        store.close()
    assert serials == [3, 5, 7]


def test_every_opening_finds_what_the_one_before_left(world: AnyWorld) -> None:
    fill(world)
    for number in range(2, 5):
        store = opened(world)
        assert store.state == world.place().read("shop", SIDE)
        assert store.state is not None
        assert store.state.records["vpc"] == record(number - 1)
        store.commit(record(number))
        store.close()


# ------------------------------------------------------------------------------------------- the lock


def test_a_second_process_is_refused_and_told_who_was_first(world: AnyWorld) -> None:
    store = opened(world)
    said = saying(lambda: opened(world).state)
    assert said[:2] == ["state_locked", "another plinkctl is working on this side of the link"]
    assert f"pid {os.getpid()}" in said[2]
    store.close()
    assert saying(lambda: opened(world).state) is None


def test_the_lock_holds_while_the_state_is_replaced_beside_it(world: AnyWorld) -> None:
    store = opened(world)
    store.begin(empty())
    for number in range(1, 4):
        store.commit(record(number))
        assert saying(lambda: opened(world).state)[0] == "state_locked"
    store.close()


def test_the_other_side_and_other_links_are_not_locked(world: AnyWorld) -> None:
    stores = [opened(world), opened(world, "shop", Side.CONSUMER), opened(world, "other")]
    for store in stores:
        store.close()


def test_whoever_only_looks_is_not_kept_out(world: AnyWorld) -> None:
    fill(world)
    store = opened(world)
    found = world.place().read("shop", SIDE)
    assert found == store.state
    store.close()


def test_nothing_of_a_lock_survives_kill_9(world: AnyWorld) -> None:
    reading, writing = os.pipe()

    def work() -> None:
        store = opened(world)
        os.write(writing, b"locked")
        signal.pause()
        store.close()

    pid = forked(work)
    assert os.read(reading, 6) == b"locked"
    assert refused(world).code == "state_locked"
    os.kill(pid, signal.SIGKILL)
    assert ended(pid) == -signal.SIGKILL
    opened(world).close()
    os.close(reading)
    os.close(writing)


def test_a_refused_state_gives_its_lock_back(world: AnyWorld) -> None:
    fill(world)
    good = world.raw()
    world.put("shop/provider.json", b"{")
    refused(world)
    world.put("shop/provider.json", good)
    opened(world).close()


def test_closing_twice_is_harmless(world: AnyWorld) -> None:
    store = opened(world)
    store.close()
    store.close()
    again = opened(world)
    store.close()
    assert saying(lambda: opened(world).state)[0] == "state_locked", "the lock of the second is not the first's to end"
    again.close()


def test_who_holds_a_lock_is_told(world: AnyWorld) -> None:
    assert world.place().holder("shop", SIDE) is None
    store = opened(world)
    held = world.place().holder("shop", SIDE)
    assert held is not None
    assert f"pid {os.getpid()}" in held.who
    assert world.place().holder("shop", Side.CONSUMER) is None
    store.close()
    assert world.place().holder("shop", SIDE) is None


def test_processes_that_all_want_the_same_state_never_lose_a_commit(world: AnyWorld) -> None:
    """Each opens when it can, and counts on; had two worked at once, a count would be missing or there twice."""
    fill(world)
    wanted = 6

    def count() -> None:
        done = 0
        while done < wanted:
            try:
                store = opened(world)
            except StateError as error:
                assert error.code == "state_locked"  # noqa: PT017
                continue
            assert store.state is not None
            before = store.state.records["vpc"].incarnation
            store.commit(record(before + 1))
            store.commit(record(before + 2))
            store.close()
            done += 1

    pids = [forked(count) for _ in range(3)]
    assert [ended(pid) for pid in pids] == [0, 0, 0]
    state = world.place().read("shop", SIDE)
    assert state is not None
    assert state.records["vpc"].incarnation == 1 + 3 * wanted * 2
    assert state.serial == state.records["vpc"].incarnation


# ------------------------------------------------------------------------------------------ spoilt states


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda whole: whole[: len(whole) // 2],
    "zeros": lambda whole: b"\0" * len(whole),
    "binary": lambda _: b"\xff\xfe\x00\x80 nonsense",
    "another file": lambda _: b"[]",
    "endless": lambda _: b"[" * 100_000,
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_state_is_refused_and_left_as_it_is(world: AnyWorld, how: str) -> None:
    fill(world)
    spoilt = SPOILT[how](world.raw())
    world.put("shop/provider.json", spoilt)
    error = refused(world)
    assert error.code == "state_damaged"
    assert world.place().file("shop", SIDE) in error.message
    assert error.hint
    assert world.raw() == spoilt, "whoever wants to repair it by hand finds it as it was"


def test_a_state_of_a_newer_plinkctl_is_refused_and_left_as_it_is(world: AnyWorld) -> None:
    fill(world)
    newer = json.dumps({**json.loads(world.raw()), "schema": states.SCHEMA + 1}).encode()
    world.put("shop/provider.json", newer)
    assert refused(world).code == "state_too_new"
    assert world.raw() == newer


@pytest.mark.parametrize("what", [{"link": "other"}, {"side": Side.CONSUMER}])
def test_a_state_that_was_copied_from_elsewhere_is_refused(world: AnyWorld, what: dict[str, Any]) -> None:
    fill(world)
    world.put("shop/provider.json", json.dumps(replace(empty(), **what).to_json()).encode())
    assert refused(world).code == "state_elsewhere"


def test_links_are_listed_by_name_and_strangers_passed_over(world: AnyWorld) -> None:
    assert world.place().links() == []
    for link, side in (("b", Side.CONSUMER), ("a", Side.PROVIDER), ("a", Side.CONSUMER)):
        fill(world, link, side)
    for name in ("a/notes.json", "stray.json", "a/provider.txt"):
        world.put(name, b"{}")
    assert world.place().links() == [("a", Side.CONSUMER), ("a", Side.PROVIDER), ("b", Side.CONSUMER)]
