"""The daemon: real processes, a real folder; started once, found by others, gone when it should be."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import dns.message
import dns.query
import dns.rcode
import pytest
from whole import consume, provide

from plinkctl.errors import PlinkError, RefusedError, UsageError
from plinkctl.sandbox import daemon, remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytestmark = pytest.mark.slow


@pytest.fixture
def start(folder: Path) -> Callable[..., daemon.Running]:
    """Starts the sandbox of the test; it ends with the test's process at the latest."""

    def call(profile: str = "instant", **options: Any) -> daemon.Running:
        return daemon.start(folder, profile, **{"parent_pid": os.getpid(), **options})

    return call


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[daemon.Running]:
    """One that was started where nothing keeps files from others, for the tests that only look at it."""
    before = os.umask(0)
    try:
        running = daemon.start(tmp_path_factory.mktemp("standing") / "sandbox", "instant", parent_pid=os.getpid())
    finally:
        os.umask(before)
    yield running
    daemon.stop(running.folder)


def ended(folder: Path, seconds: float = 20) -> bool:
    """Whether no daemon holds the folder's lock any more; waits for it."""
    deadline = time.monotonic() + seconds
    with (folder / "lock").open("r+") as lock:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(0.02)
            else:
                return True
    return False


def python(code: str, *arguments: str, **environment: str) -> str:
    """What a process of its own prints; as a command of the user would run."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    return done.stdout.strip()


def test_it_outlives_the_command_that_started_it_and_is_found_by_the_next(folder: Path) -> None:
    begin = "import sys; from pathlib import Path; from plinkctl.sandbox import daemon; "
    first = python(begin + "print(daemon.start(Path(sys.argv[1]), 'brisk').url)", str(folder))
    second = python(begin + "print(daemon.find(Path(sys.argv[1])).url)", str(folder))
    running = daemon.find(folder)
    assert running is not None
    assert first == second == running.url
    assert remote.status(running)["profile"] == "brisk"
    assert python(begin + "print(daemon.stop(Path(sys.argv[1])))", str(folder)) == "True"
    assert daemon.find(folder) is None


def test_finding_and_stopping_load_nothing_heavy() -> None:
    loaded = python("import sys; from plinkctl.sandbox import daemon, remote; print(*sys.modules)").split()
    assert not {"moto", "flask", "boto3", "botocore", "werkzeug"} & set(loaded)


def test_a_second_start_gives_the_running_one(start: Callable[..., daemon.Running]) -> None:
    assert start("brisk") == start("instant")


def test_two_starts_at_once_give_one_sandbox(folder: Path, start: Callable[..., daemon.Running]) -> None:
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: start(), range(3)))
    assert len({one.pid for one in found}) == 1


def test_it_is_nobodys_child_and_leads_no_terminal(standing: daemon.Running) -> None:
    assert os.getsid(standing.pid) != os.getsid(0)
    parent = Path(f"/proc/{standing.pid}/stat").read_text().rpartition(")")[2].split()[1]
    assert int(parent) != os.getpid()


def test_its_files_are_for_the_owner_alone(standing: daemon.Running) -> None:
    folder = standing.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert modes.pop("functions") == 0o700
    assert modes == dict.fromkeys(("authority.pem", "aws-config", "credentials", "info.json", "lock", "log"), 0o600)


def test_it_tells_its_dns_server_and_the_root_of_its_authority(standing: daemon.Running) -> None:
    assert standing.authority_file.read_text().startswith("-----BEGIN CERTIFICATE-----")
    host, _, port = standing.dns.rpartition(":")
    said = dns.query.udp(dns.message.make_query("plinkctl.invalid", "A"), host, port=int(port), timeout=10)
    assert said.rcode() == dns.rcode.NXDOMAIN


def test_any_client_is_pointed_at_it_by_the_environment(standing: daemon.Running) -> None:
    variables = daemon.environment(standing)
    assert set(variables) == {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE", "PLINKCTL_RESOLVER"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    aws = str(Path(sys.executable).with_name("aws"))
    for profile, account in (("provider", "111111111111"), ("consumer", "222222222222")):
        done = subprocess.run(
            [aws, "sts", "get-caller-identity", "--output", "json"],
            env={**clean, **variables, "AWS_PROFILE": profile},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert json.loads(done.stdout)["Account"] == account


def test_each_sandbox_has_keys_of_its_own(tmp_path: Path, folder: Path, start: Callable[..., daemon.Running]) -> None:
    first = start()
    keys = first.config_file.read_text()
    daemon.stop(folder)
    assert start().config_file.read_text() != keys
    assert first.token not in repr(first)


def test_stopping_takes_the_keys_away_and_says_whether_there_was_one(
    folder: Path, start: Callable[..., daemon.Running]
) -> None:
    start()
    assert daemon.stop(folder) is True
    assert sorted(file.name for file in folder.iterdir()) == ["lock", "log"]
    assert daemon.stop(folder) is False
    assert ended(folder, 0.1)


def test_stopping_waits_for_a_start_that_is_under_way(folder: Path, start: Callable[..., daemon.Running]) -> None:
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(start)
        while not (folder / "log").exists():  # made just before the daemon's process
            assert not started.done()
            time.sleep(0.001)
        assert daemon.stop(folder) is True
        assert started.result().folder == folder
    assert daemon.find(folder) is None


def test_after_a_crash_the_stale_files_fool_nobody(folder: Path, start: Callable[..., daemon.Running]) -> None:
    crashed = start()
    os.kill(crashed.pid, signal.SIGKILL)
    assert ended(folder)
    assert (folder / "info.json").exists()
    assert daemon.find(folder) is None
    assert daemon.stop(folder) is False
    assert sorted(file.name for file in folder.iterdir()) == ["lock", "log"]  # no keys of a dead sandbox
    fresh = start()
    assert fresh.pid != crashed.pid
    assert remote.status(fresh)["profile"] == "instant"


def test_a_stale_pid_that_is_somebody_elses_is_left_alone(folder: Path, start: Callable[..., daemon.Running]) -> None:
    start()
    daemon.stop(folder)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        known = {"url": "http://127.0.0.1:1", "pid": bystander.pid, "profile": "brisk", "started": "", "region": "",
                 "accounts": {}, "proxy": "", "token": ""}  # fmt: skip
        (folder / "info.json").write_text(json.dumps(known))
        assert daemon.stop(folder) is False
        assert bystander.poll() is None
        bystander.communicate(b"\n")
    assert bystander.returncode == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"url": "x"}'])
def test_a_damaged_info_file_is_no_crash(standing: daemon.Running, content: str) -> None:
    info = standing.folder / "info.json"
    kept = info.read_text()
    info.write_text(content)
    try:
        assert daemon.find(standing.folder) is None
    finally:
        info.write_text(kept)
    assert daemon.find(standing.folder) == standing


def test_only_the_daemon_itself_is_ended_whatever_the_files_say(
    folder: Path, start: Callable[..., daemon.Running]
) -> None:
    running = start()
    info, lock = folder / "info.json", folder / "lock"
    kept = json.loads(info.read_text())
    assert lock.read_text() == str(running.pid)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        info.write_text(json.dumps({**kept, "pid": bystander.pid}))
        lock.write_text(str(bystander.pid))
        with pytest.raises(PlinkError, match="which process it is cannot be told"):
            daemon.stop(folder)
        info.write_text("damaged")
        lock.write_text(str(running.pid))
        assert daemon.find(folder) is None
        assert daemon.stop(folder) is True
        assert bystander.poll() is None
        bystander.communicate(b"\n")
    assert bystander.returncode == 0
    assert ended(folder, 0.1)


def test_it_ends_when_nobody_calls(folder: Path, start: Callable[..., daemon.Running]) -> None:
    start(idle_seconds=0.3)
    assert ended(folder)
    assert sorted(file.name for file in folder.iterdir()) == ["lock", "log"]


def test_calls_keep_it_awake(folder: Path, start: Callable[..., daemon.Running]) -> None:
    running = start(idle_seconds=2)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        with pytest.raises(urllib.error.HTTPError):  # a stranger's call is a call
            urllib.request.urlopen(running.url, timeout=10)  # noqa: S310 - http on loopback
        time.sleep(0.1)
    assert daemon.find(folder) == running


def test_it_ends_with_the_process_it_was_started_for(folder: Path) -> None:
    code = """
        import os, sys
        from pathlib import Path
        from plinkctl.sandbox import daemon
        print(daemon.start(Path(sys.argv[1]), parent_pid=os.getpid()).pid)
    """
    assert python(code, str(folder))
    assert ended(folder)


def test_a_parent_that_is_gone_already_is_enough_to_end(folder: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with contextlib.suppress(PlinkError):  # it may be found before it ends
        daemon.start(folder, parent_pid=gone.pid)
    assert ended(folder)


def _session(running: daemon.Running, profile: str) -> boto3.Session:
    keys = dict(
        line.split(" = ")
        for block in running.config_file.read_text().split("[profile ")
        if block.startswith(profile)
        for line in block.splitlines()
        if " = " in line
    )
    return boto3.Session(keys["aws_access_key_id"], keys["aws_secret_access_key"], region_name=keys["region"])


class _Side:
    """An account of a daemon, for `whole`."""

    def __init__(self, running: daemon.Running, profile: str) -> None:
        self._session, self._url = _session(running, profile), running.url

    def client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self._url)


def test_a_link_works_in_it_is_seen_and_is_forgotten_by_reset(start: Callable[..., daemon.Running]) -> None:
    running = start()
    provider, consumer = _Side(running, "provider"), _Side(running, "consumer")
    here = consume(consumer, provide(provider).service_name)
    here.function()
    assert here.invoke().value["body"] == "Hello from ALB!"
    actions = [(one["account"], one["action"]) for one in remote.calls(running)]
    assert ("222222222222", "CreateVpcEndpoint") in actions
    assert actions[-1] == ("222222222222", "Invoke")
    number = remote.status(running)["calls"]
    assert remote.calls(running, since=number) == []
    assert [one["outcome"] for one in remote.flows(running)] == ["ok", "ok"]
    remote.reset(running)
    assert consumer.client("lambda").list_functions()["Functions"] == []
    assert remote.flows(running) == []


def test_a_running_function_ends_with_a_crashed_sandbox(
    folder: Path, tmp_path: Path, start: Callable[..., daemon.Running]
) -> None:
    running = start()
    here = consume(_Side(running, "consumer"), provide(_Side(running, "provider")).service_name)
    gate, held = tmp_path / "gate", tmp_path / "held"
    os.mkfifo(gate)
    held.touch()
    here.function(
        """
        import fcntl, time
        def handler(event, context):
            file = open(event["held"])
            fcntl.flock(file, fcntl.LOCK_EX)
            open(event["gate"], "w").close()
            time.sleep(60)
        """,
        Timeout=60,
    )
    here.invoke({"held": str(held), "gate": str(gate)}, InvocationType="Event")
    gate.open().close()  # opens when the function has come that far
    os.kill(running.pid, signal.SIGKILL)
    with held.open() as file:
        signal.alarm(20)
        fcntl.flock(file, fcntl.LOCK_EX)  # returns only when the function is dead
        signal.alarm(0)
    assert list((folder / "functions").iterdir())
    daemon.stop(folder)
    assert not (folder / "functions").exists()


def test_the_clock_of_a_running_sandbox_can_be_moved(start: Callable[..., daemon.Running]) -> None:
    running = start("real")
    assert remote.set_clock(running, speed=0)["clock"]["speed"] == 0
    before = remote.status(running)["clock"]["now"]
    assert remote.set_clock(running, advance=3600)["clock"]["now"] > before
    with pytest.raises(UsageError, match="0 or more"):
        remote.set_clock(running, advance=-1)


def test_a_sandbox_that_is_gone_is_said_to_be(folder: Path, start: Callable[..., daemon.Running]) -> None:
    running = start()
    daemon.stop(folder)
    with pytest.raises(PlinkError, match="does not answer"):
        remote.status(running)


def test_the_users_settings_do_not_leak_in(
    folder: Path, start: Callable[..., daemon.Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "999999999999")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "theirs")
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:1")
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:1")
    running = start()
    inside = Path(f"/proc/{running.pid}/environ").read_bytes()
    assert b"theirs" not in inside
    assert remote.status(running)["profile"] == "instant"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    who = _Side(running, "consumer").client("sts").get_caller_identity()
    assert who["Account"] == "222222222222"


def test_an_unknown_profile_is_refused_with_the_ones_there_are(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        daemon.start(folder, "fast")
    assert "instant, brisk, real" in str(caught.value.hint)
    assert not folder.exists()


def test_a_folder_with_other_things_is_left_alone(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other things"):
        daemon.start(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert [file.name for file in folder.iterdir()] == ["thesis.txt"]


def test_a_file_in_place_of_the_folder_is_said(folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(UsageError, match="cannot hold a sandbox"):
        daemon.start(folder)


def test_a_purge_ends_it_and_leaves_nothing(folder: Path, start: Callable[..., daemon.Running]) -> None:
    running = start()
    assert daemon.purge(folder) is True
    assert not folder.exists()
    with pytest.raises(PlinkError, match="does not answer"):
        remote.status(running)
    assert daemon.purge(folder) is False
    assert start().pid != running.pid


def test_a_purge_spares_what_is_not_a_sandboxs(folder: Path, start: Callable[..., daemon.Running]) -> None:
    folder.mkdir()
    assert daemon.purge(folder) is False
    (folder / "snapshot").write_text("of something else")
    with pytest.raises(RefusedError, match="not a sandbox's"):
        daemon.purge(folder)
    (folder / "snapshot").unlink()
    running = start()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(RefusedError, match="holds other things") as caught:
        daemon.purge(folder)
    assert caught.value.why == "thesis.txt"
    assert daemon.find(folder) == running


def test_starts_and_purges_at_once_leave_one_or_none(folder: Path, start: Callable[..., daemon.Running]) -> None:
    with ThreadPoolExecutor(4) as pool:
        steps = [pool.submit(one) for one in (start, lambda: daemon.purge(folder)) * 2]
        assert [type(step.result()) for step in steps] == [daemon.Running, bool] * 2
    daemon.purge(folder)
    assert not folder.exists()


def test_who_looks_does_not_keep_a_sandbox_from_starting(folder: Path, start: Callable[..., daemon.Running]) -> None:
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            daemon.find(folder)

    watchers = [threading.Thread(target=look) for _ in range(3)]
    for one in watchers:
        one.start()
    try:
        for _ in range(3):
            assert daemon.find(folder) is None
            assert start() == daemon.find(folder)
            assert daemon.stop(folder) is True
    finally:
        over.set()
        for one in watchers:
            one.join()


def test_a_taken_port_is_told_in_words(tmp_path: Path, start: Callable[..., daemon.Running]) -> None:
    taken = int(start().url.rpartition(":")[2])
    other = tmp_path / "other"
    with pytest.raises(PlinkError, match="did not start") as caught:
        daemon.start(other, port=taken, parent_pid=os.getpid())
    assert "in use" in str(caught.value.why)
    assert daemon.find(other) is None
