"""The state file: replaced whole, private, locked; and every way it can be spoilt is told in words."""

import errno
import fcntl
import json
import os
import resource
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plinkctl import state as states
from plinkctl.errors import Exit, StateError
from plinkctl.link import Side
from plinkctl.state import Phase, Record, State
from plinkctl.stores.local import LocalStore, links, path_of, read

SIDE = Side.PROVIDER


def empty() -> State:
    return states.new(link="shop", side=SIDE, account="1" * 12, region="us-east-1", partition="aws")


def record(number: int = 1) -> Record:
    return Record(node="vpc", kind="vpc", phase=Phase.CREATED, incarnation=number, attrs={"id": f"vpc-{number}"})


def opened(folder: Path) -> LocalStore:
    return LocalStore(folder, "shop", SIDE)


def filled(folder: Path) -> Path:
    """A folder with one committed record; the path of the state file."""
    with opened(folder) as store:
        store.begin(empty())
        store.commit(record())
    return path_of(folder, "shop", SIDE)


def refused(folder: Path) -> StateError:
    with pytest.raises(StateError) as caught:
        opened(folder)
    assert caught.value.exit_code == Exit.STATE
    return caught.value


def in_another_process(work: Callable[[], str], *, uid: int | None = None) -> str:
    """What `work` says in a forked process, as the user `uid` if given."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if uid is not None and os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            said = work()
        except StateError as error:
            said = f"{error.code}: {error.message}: {error.why}"
        except BaseException as error:  # noqa: BLE001  (it must not run on as a second test session)
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as words:
        said = words.read()
    os.waitpid(pid, 0)
    return said


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def loose_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


# ------------------------------------------------------------------------------------------- writing


def test_a_commit_is_read_back_by_the_next_process(tmp_path: Path) -> None:
    filled(tmp_path)
    found = in_another_process(lambda: json.dumps(read(tmp_path, "shop", SIDE).to_json()))  # type: ignore[union-attr]
    assert json.loads(found)["records"]["vpc"]["attrs"] == {"id": "vpc-1"}


def test_a_begun_state_leaves_no_file_until_the_first_commit(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.begin(empty())
        assert store.state is not None
    assert read(tmp_path, "shop", SIDE) is None
    assert links(tmp_path) == []


def test_the_serial_strictly_increases_over_commits_and_processes(tmp_path: Path) -> None:
    filled(tmp_path)
    serials = []
    for number in range(2, 5):
        with opened(tmp_path) as store:
            store.commit(record(number))
            store.commit(record(number))
            assert store.state is not None
            serials.append(store.state.serial)
            assert store.state == read(tmp_path, "shop", SIDE), "what is in memory is what is in the file"
    assert serials == [3, 5, 7]


def test_whoever_reads_without_the_lock_sees_one_whole_state_or_the_other(tmp_path: Path) -> None:
    """The file a reader has open stays the old one: it is replaced, never written into."""
    path = filled(tmp_path)
    with opened(tmp_path) as store, path.open("rb") as reader:
        before, inode = path.read_bytes(), path.stat().st_ino
        store.commit(record(2))
        assert reader.read() == before
        assert path.stat().st_ino != inode


def test_a_write_killed_at_the_rename_leaves_the_old_state(tmp_path: Path) -> None:
    path = filled(tmp_path)
    before = path.read_bytes()
    pid = os.fork()
    if pid == 0:
        import sys  # the hook cannot be taken back, so it lives and dies in a process of its own

        sys.addaudithook(lambda event, _: os.kill(os.getpid(), signal.SIGKILL) if event == "os.rename" else None)
        opened(tmp_path).commit(record(2))
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    assert path.read_bytes() == before
    assert path.with_suffix(".new").exists(), "the temporary file was whole and is left behind"
    with opened(tmp_path) as store:
        store.commit(record(3))
    assert not path.with_suffix(".new").exists()


def test_a_leftover_temporary_file_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    path, elsewhere = filled(tmp_path), tmp_path / "precious"
    elsewhere.write_text("precious")
    path.with_suffix(".new").symlink_to(elsewhere)
    with opened(tmp_path) as store:
        store.commit(record(2))
    assert elsewhere.read_text() == "precious"
    assert not path.is_symlink()


def test_a_full_disk_is_told_and_the_state_stays_as_it_was(tmp_path: Path) -> None:
    path = filled(tmp_path)
    before = path.read_bytes()

    def work() -> str:
        with opened(tmp_path) as store:
            known = store.state
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
            try:
                store.commit(record(2))
            except StateError as error:
                return f"{error.code} {store.state == known}"
        return "no error"

    assert in_another_process(work) == "state_unusable True"
    assert path.read_bytes() == before
    with opened(tmp_path) as store:
        store.commit(record(2))


def test_a_disk_too_full_for_the_name_of_the_lock_holder_can_still_be_read(tmp_path: Path) -> None:
    filled(tmp_path)

    def work() -> str:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        with opened(tmp_path) as store:
            return str(store.state and store.state.serial)

    assert in_another_process(work) == "1"


# ------------------------------------------------------------------------------------------- privacy


def test_files_are_0600_and_folders_0700_whatever_the_umask(tmp_path: Path, loose_umask: None) -> None:
    folder = tmp_path / "made" / "on" / "the way"
    path = filled(folder)
    for place in (tmp_path / "made", tmp_path / "made" / "on", folder, path.parent):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700, place
    (copy,) = (path.parent / "backups").iterdir()
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    for file in (path, path.with_suffix(".lock"), copy):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_folder_that_others_can_change_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "states"
    filled(folder)
    folder.chmod(mode)
    assert "chmod 700" in str(refused(folder).hint)
    folder.chmod(0o700)
    (folder / "shop").chmod(mode)
    assert "can be changed by others" in refused(folder).message


def test_a_folder_that_is_a_link_or_a_file_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    for name in ("link", "dangling", "file"):
        assert "is not a folder" in refused(tmp_path / name).message
    assert refused(tmp_path / "file" / "below").code == "state_unusable"
    assert not (tmp_path / "nowhere").exists()


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    path, elsewhere = filled(tmp_path), tmp_path / "precious"
    path.with_suffix(".lock").unlink()
    path.with_suffix(".lock").symlink_to(elsewhere)
    refused(tmp_path)
    assert not elsewhere.exists()


@pytest.mark.parametrize("name", ["provider.json", "provider.lock"])
def test_a_file_that_is_a_link_a_pipe_or_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    file = filled(tmp_path).with_name(name)
    content = file.read_bytes()
    makers: list[Callable[[], None]] = [lambda: file.symlink_to(tmp_path / "elsewhere"), lambda: os.mkfifo(file)]
    for make in (*makers, file.mkdir):
        file.unlink()
        make()
        error = refused(tmp_path)
        assert "not a plain file" in error.message or error.code == "state_unusable"
        (file.rmdir if file.is_dir() else file.unlink)()
        file.write_bytes(content)
        file.chmod(0o600)
    assert not (tmp_path / "elsewhere").exists()
    opened(tmp_path).close()


@pytest.mark.parametrize("name", ["provider.json", "provider.lock"])
def test_a_file_that_others_can_change_is_refused(tmp_path: Path, name: str) -> None:
    file = filled(tmp_path).with_name(name)
    file.chmod(0o644)
    opened(tmp_path).close()  # read by others it may be, as after a restore
    for mode in (0o620, 0o602):
        file.chmod(mode)
        assert refused(tmp_path).hint == f"chmod 600 {file}"


@needs_root
@pytest.mark.parametrize("name", ["provider.json", "provider.lock"])
def test_a_file_of_another_user_is_refused(tmp_path: Path, name: str) -> None:
    os.chown(filled(tmp_path).with_name(name), NOBODY, NOBODY)
    assert "belongs to another user" in refused(tmp_path).message


@needs_root
def test_a_folder_of_another_user_is_refused(shared: Path) -> None:
    folder = shared / "states"
    filled(folder)
    folder.chmod(0o755)
    said = in_another_process(lambda: str(opened(folder)), uid=NOBODY)
    assert "belongs to another user" in said
    assert f"you have {NOBODY}" in said


@needs_root
def test_a_place_where_nothing_can_be_written_is_told_in_words(shared: Path) -> None:
    said = in_another_process(lambda: str(opened(shared / "new")), uid=NOBODY)
    assert said.startswith("state_unusable: cannot use the state")
    assert "Permission denied" in said


@needs_root
def test_a_folder_that_became_read_only_keeps_its_state(shared: Path) -> None:
    folder = shared / "states"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    folder.chmod(0o700)

    def work() -> str:
        path = filled(folder)
        with opened(folder) as store:
            path.parent.chmod(0o500)
            try:
                store.commit(record(2))
            except StateError as error:
                found = read(folder, "shop", SIDE)
                return f"{error.code} {found and found.serial} {store.state and store.state.serial}"
        return "no error"

    assert in_another_process(work, uid=NOBODY) == "state_unusable 1 1"


@needs_root
def test_a_state_that_may_not_be_read_is_told_in_words(shared: Path) -> None:
    path = filled(shared / "states")
    (shared / "states").chmod(0o755)
    path.parent.chmod(0o755)
    said = in_another_process(lambda: str(read(shared / "states", "shop", SIDE)), uid=NOBODY)
    assert said.startswith("state_unusable")


# ------------------------------------------------------------------------------------------- the lock


def test_the_lock_excludes_a_second_process_and_names_the_first(tmp_path: Path) -> None:
    with opened(tmp_path):
        said = in_another_process(lambda: str(opened(tmp_path)))
    assert said.startswith("state_locked: another plinkctl")
    assert f"pid {os.getpid()}" in said
    assert in_another_process(lambda: str(opened(tmp_path).state)) == "None"


def test_the_lock_holds_while_the_state_is_replaced_under_it(tmp_path: Path) -> None:
    """A lock on the state file itself would be lost at the first commit."""
    with opened(tmp_path) as store:
        store.begin(empty())
        store.commit(record())
        assert in_another_process(lambda: str(opened(tmp_path))).startswith("state_locked")


@pytest.mark.parametrize("error", [None, OSError(errno.ENOLCK, "No locks available")])
def test_a_file_system_without_working_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError | None
) -> None:
    """Some network file systems say yes to every lock, some say no to all; the system call is what is put in place."""

    def flock(_descriptor: int, _operation: int) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(fcntl, "flock", flock)
    caught = refused(tmp_path)
    assert caught.code == "state_unusable", "nobody else holds it, so nobody is to be waited for"
    assert "locks" in f"{caught.message} {caught.why}"


def test_the_other_side_and_other_links_are_not_locked(tmp_path: Path) -> None:
    with opened(tmp_path), LocalStore(tmp_path, "shop", Side.CONSUMER), LocalStore(tmp_path, "other", SIDE):
        pass


def test_nothing_of_a_lock_survives_kill_9(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        store = opened(tmp_path)
        os.write(writing, b"locked")
        signal.pause()
        os._exit(store.state is None)
    assert os.read(reading, 6) == b"locked"
    assert refused(tmp_path).code == "state_locked"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with opened(tmp_path):
        pass
    os.close(reading)
    os.close(writing)


def test_a_child_process_does_not_inherit_the_lock(tmp_path: Path) -> None:
    import subprocess

    with opened(tmp_path):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with opened(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_refused_state_gives_its_lock_back(tmp_path: Path) -> None:
    path = filled(tmp_path)
    good = path.read_bytes()
    path.write_text("{")
    refused(tmp_path)
    path.write_bytes(good)
    with opened(tmp_path):
        pass


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.close()
    store.close()
    with opened(tmp_path):
        store.close()
        assert in_another_process(lambda: str(opened(tmp_path))).startswith("state_locked")


# ------------------------------------------------------------------------------------------ spoilt files


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "blank": lambda _: b"\n \n",
    "truncated": lambda whole: whole[: len(whole) // 2],
    "zeros": lambda whole: b"\0" * len(whole),
    "binary": lambda _: b"\xff\xfe\x00\x80 nonsense",
    "another file": lambda _: b"[]",
    "endless": lambda _: b"[" * 100_000,
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_state_is_refused_and_left_as_it_is(tmp_path: Path, how: str) -> None:
    path = filled(tmp_path)
    spoilt = SPOILT[how](path.read_bytes())
    path.write_bytes(spoilt)
    error = refused(tmp_path)
    assert error.code == "state_damaged"
    assert str(path) in error.message
    assert error.hint
    assert path.read_bytes() == spoilt, "whoever wants to repair it by hand finds it as it was"


def test_a_state_of_a_newer_plinkctl_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = filled(tmp_path)
    newer = json.dumps({**json.loads(path.read_bytes()), "schema": states.SCHEMA + 1})
    path.write_text(newer)
    assert refused(tmp_path).code == "state_too_new"
    assert path.read_text() == newer


@pytest.mark.parametrize("what", [{"link": "other"}, {"side": Side.CONSUMER}])
def test_a_state_that_was_copied_from_elsewhere_is_refused(tmp_path: Path, what: dict[str, Any]) -> None:
    path = filled(tmp_path)
    path.write_text(json.dumps(replace(empty(), **what).to_json()))
    assert refused(tmp_path).code == "state_elsewhere"


def test_a_state_that_is_a_folder_is_told_in_words(tmp_path: Path) -> None:
    path_of(tmp_path, "shop", SIDE).mkdir(parents=True)
    with pytest.raises(StateError):
        read(tmp_path, "shop", SIDE)


def test_links_are_listed_by_name_and_strangers_passed_over(tmp_path: Path) -> None:
    for link, side in (("b", Side.CONSUMER), ("a", Side.PROVIDER), ("a", Side.CONSUMER)):
        with LocalStore(tmp_path, link, side) as store:
            store.begin(replace(empty(), link=link, side=side))
            store.commit(record())
    (tmp_path / "a" / "notes.json").write_text("{}")
    (tmp_path / "stray.json").write_text("{}")
    assert links(tmp_path) == [("a", Side.CONSUMER), ("a", Side.PROVIDER), ("b", Side.CONSUMER)]
    assert links(tmp_path / "nowhere") == []
