"""Copies of a state: one of what each run ended with, the last ten; and the way back to them."""

import json
import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from plinkctl import state as states
from plinkctl.errors import StateError
from plinkctl.link import Side
from plinkctl.state import Phase, Record, State
from plinkctl.stores.content import decode
from plinkctl.stores.local import KEPT, LocalStore, path_of, read

SIDE = Side.PROVIDER
DATA = Path(__file__).parent / "data"


def opened(folder: Path) -> LocalStore:
    return LocalStore(folder, "shop", SIDE)


def changed(folder: Path, *numbers: int) -> Path:
    """A run that commits so often; the path of the state."""
    with opened(folder) as store:
        if store.state is None:
            store.begin(
                states.new(link="shop", side=SIDE, account="1" * 12, region="us-east-1", partition="aws"),
            )
        for number in numbers:
            store.commit(Record(node="vpc", kind="vpc", phase=Phase.CREATED, attrs={"id": f"vpc-{number}"}))
    return path_of(folder, "shop", SIDE)


def killed(folder: Path, *numbers: int) -> None:
    """A run that commits so often and then dies."""
    pid = os.fork()
    if pid == 0:
        store = opened(folder)
        for number in numbers:
            store.commit(Record(node="vpc", kind="vpc", phase=Phase.CREATED, attrs={"id": f"vpc-{number}"}))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def copies(folder: Path) -> dict[int, State]:
    """Every backup, by the serial in its name."""
    found = sorted((folder / "shop" / "backups").iterdir())
    assert all(path.name.startswith("provider.") for path in found)
    return {int(path.name.split(".")[1]): decode(path.read_bytes(), "shop", SIDE, place=str(path)) for path in found}


def test_a_run_leaves_a_copy_of_what_it_ended_with(tmp_path: Path) -> None:
    path = changed(tmp_path, 1, 2, 3)
    assert (path.parent / "backups" / "provider.000003.json").read_bytes() == path.read_bytes()
    assert list(copies(tmp_path)) == [3]


def test_a_run_that_changes_nothing_leaves_no_copy(tmp_path: Path) -> None:
    changed(tmp_path, 1)
    for _ in range(KEPT + 1):
        changed(tmp_path)
    assert list(copies(tmp_path)) == [1], "twelve looks must not push out what matters"


def test_what_a_killed_run_left_is_kept_by_the_next_before_it_changes_anything(tmp_path: Path) -> None:
    changed(tmp_path, 1)
    killed(tmp_path, 2, 3)
    assert list(copies(tmp_path)) == [1]
    killed(tmp_path, 4)
    assert {serial: state.records["vpc"].id for serial, state in copies(tmp_path).items()} == {1: "vpc-1", 3: "vpc-3"}


def test_the_last_ten_runs_are_kept_and_no_file_besides(tmp_path: Path) -> None:
    for run in range(KEPT + 5):
        changed(tmp_path, run, run)
    assert list(copies(tmp_path)) == list(range(12, 32, 2))
    assert all(serial == state.serial for serial, state in copies(tmp_path).items())
    assert sorted(p.name for p in (tmp_path / "shop").iterdir()) == ["backups", "provider.json", "provider.lock"]


def test_the_sides_do_not_push_out_each_others_copies(tmp_path: Path) -> None:
    changed(tmp_path, 1)
    (tmp_path / "shop" / "backups" / "consumer.000001.json").write_bytes(b"theirs")
    (tmp_path / "shop" / "backups" / "provider.notes.json").write_bytes(b"somebody's")
    for run in range(KEPT + 2):
        changed(tmp_path, run)
    left = {path.name for path in (tmp_path / "shop" / "backups").iterdir()}
    assert {"consumer.000001.json", "provider.notes.json"} < left
    assert len(left) == KEPT + 2


@pytest.mark.parametrize("spoilt", [b"", b"{", b'{"schema": 2}'])
def test_a_damaged_state_names_its_newest_copy_and_the_command_brings_it_back(tmp_path: Path, spoilt: bytes) -> None:
    folder = tmp_path / "with a blank"
    changed(folder, 1)
    path = changed(folder, 2)
    good = path.read_bytes()
    path.write_bytes(spoilt)
    with pytest.raises(StateError) as caught:
        opened(folder)
    assert caught.value.hint == shlex.join(["cp", str(path.parent / "backups" / "provider.000002.json"), str(path)])
    subprocess.run(shlex.split(str(caught.value.hint)), check=True)
    assert path.read_bytes() == good
    changed(folder, 3)
    assert list(copies(folder)) == [1, 2, 3]


def test_a_copy_that_is_damaged_too_is_passed_over(tmp_path: Path) -> None:
    changed(tmp_path, 1)
    path = changed(tmp_path, 2)
    for file in (path, path.parent / "backups" / "provider.000002.json"):
        file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(StateError) as caught:
        read(tmp_path, "shop", SIDE)
    assert "provider.000001.json" in str(caught.value.hint)
    (path.parent / "backups" / "provider.000001.json").unlink()
    with pytest.raises(StateError) as caught:
        read(tmp_path, "shop", SIDE)
    assert caught.value.hint == "plinkctl state rebuild provider --name shop --replace"


def test_a_copy_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    path = changed(tmp_path, 1)
    killed(tmp_path, 2)
    (tmp_path / "precious").write_text("precious")
    (path.parent / "backups" / "provider.000002.json").symlink_to(tmp_path / "precious")
    with pytest.raises(StateError, match="not a plain file"):
        changed(tmp_path, 3)
    assert (tmp_path / "precious").read_text() == "precious"


def test_the_file_before_a_migration_is_kept_as_it_was(tmp_path: Path) -> None:
    old = (DATA / "provider.schema-1.json").read_bytes()
    path = path_of(tmp_path, "default", SIDE)
    path.parent.mkdir(mode=0o700)
    path.write_bytes(old)
    serial = json.loads(old)["serial"]
    with LocalStore(tmp_path, "default", SIDE) as store:
        assert store.state is not None
        assert path.read_bytes() == old, "to look at it does not rewrite it"
        store.commit(store.state.records["vpc"])
    assert (path.parent / "backups" / f"provider.{serial:06d}.json").read_bytes() == old
    assert json.loads(path.read_bytes())["schema"] == states.SCHEMA


def test_a_state_that_is_begun_anew_goes_on_where_the_copies_end(tmp_path: Path) -> None:
    changed(tmp_path, 1, 2, 3).unlink()
    changed(tmp_path, 4)
    assert list(copies(tmp_path)) == [3, 4]


def test_a_state_that_was_put_back_from_an_older_copy_is_refused(tmp_path: Path) -> None:
    path = changed(tmp_path, 1)
    for number in (2, 3):
        changed(tmp_path, number)
    path.write_bytes((path.parent / "backups" / "provider.000001.json").read_bytes())
    with pytest.raises(StateError) as caught:
        opened(tmp_path)
    assert caught.value.code == "state_outdated"
    state = read(tmp_path, "shop", SIDE)
    assert state is not None, "to look at it is allowed"
    assert state.serial == 1
    subprocess.run(shlex.split(str(caught.value.hint)), check=True)
    changed(tmp_path, 4)
    assert list(copies(tmp_path)) == [1, 2, 3, 4]


def test_copies_of_another_lineage_say_nothing_about_a_state(tmp_path: Path) -> None:
    changed(tmp_path, 1, 2, 3)
    (copy,) = (tmp_path / "shop" / "backups").iterdir()
    content = copy.read_bytes()
    shutil.rmtree(tmp_path / "shop")
    changed(tmp_path, 1)
    copy.write_bytes(content)
    changed(tmp_path, 2)
    assert list(copies(tmp_path)) == [1, 2, 3]
