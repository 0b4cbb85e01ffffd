"""`--state s3://…`: the whole life of a link with its states in a bucket, and processes that want the same one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from e2e_tools import BOTH, BUCKET, CONSUMER, PROOF, PROVIDER, Aws, envelope, make_bucket, refused
from shells import PLINKCTL

from plinkctl.sandbox import remote

if TYPE_CHECKING:
    from shells import Shell

    from plinkctl.sandbox.daemon import Running

PLACE = f"s3://{BUCKET}/links"
UP = ("provider", "up", "--allow", CONSUMER)
_READS = re.compile(r"(Describe|Get|List)")


@pytest.fixture
def bucket(sandbox: Running) -> Any:
    return make_bucket(sandbox)


def keys(s3: Any) -> list[str]:
    return [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


# ------------------------------------------------------------------------------------------- one process


@pytest.mark.slow
def test_the_whole_life_of_a_link_from_machine_to_machine(shell: Shell, sandbox: Running, bucket: Any) -> None:
    """Nothing of the state is on the machine, so any other finds it: here each command has a folder of its own."""
    before = Aws(sandbox).census()
    shell.env["PLINKCTL_STATE"] = f"{PLACE}?owner={PROVIDER}"

    def elsewhere(*arguments: str) -> dict[str, Any]:
        shell.folder = shell.folder / "next"
        shell.folder.mkdir()
        return shell.ok(*arguments)

    assert elsewhere("up", *BOTH)["verify"]["request"]["body"] == PROOF
    assert sorted(keys(bucket)) == ["links/default/consumer.json", "links/default/provider.json"]
    seen = remote.calls(sandbox)[-1]["number"]
    elsewhere("up", *BOTH)
    changes = [c for c in remote.calls(sandbox, since=seen) if not _READS.match(c["action"])]
    assert {(c["service"], c["action"]) for c in changes} == {
        ("s3", "PutObject"),
        ("s3", "DeleteObject"),
        ("lambda", "Invoke"),
    }, "the locks, and the proof"
    assert [side["side"] for side in elsewhere("status", *BOTH)["sides"]] == ["provider", "consumer"]
    assert elsewhere("verify", *BOTH)["ok"]
    assert elsewhere("accept", "--profile", "provider")["accepted"] == []
    listed = elsewhere("state", "list", "--profile", "provider")["states"]
    assert [one["file"] for one in listed] == [f"{PLACE}/default/consumer.json", f"{PLACE}/default/provider.json"]
    assert {one["side"] for one in elsewhere("state", "show", *BOTH)["records"]} == {"provider", "consumer"}
    assert elsewhere("teardown", *BOTH, "--yes")["leftovers"] == []
    assert Aws(sandbox).census() == before
    assert not list(shell.folder.parent.rglob("*.json")), "no state was ever on the machine"


@pytest.mark.parametrize("place", ["https://our-states/links", "s3://our-states/../other", "s3://me:secret@a/b"])
def test_an_address_that_is_none_is_refused_before_anything_is_called(
    shell: Shell, sandbox: Running, place: str
) -> None:
    refused(shell, *UP, "--state", place, code=2, running=sandbox)


def test_a_bucket_that_is_not_there(shell: Shell, sandbox: Running) -> None:
    done = refused(shell, *UP, "--state", "s3://no-such-bucket/links", code=2)
    assert "there is no bucket 'no-such-bucket'" in done.err


def test_a_bucket_of_strangers_and_one_that_is_not_whose_it_must_be(
    shell: Shell, sandbox: Running, bucket: Any
) -> None:
    bucket.delete_bucket_policy(Bucket=BUCKET)
    for arguments in (("--state", PLACE, "--profile", "consumer"), ("--state", f"{PLACE}?owner={CONSUMER}")):
        done = shell(*UP, *arguments, "-o", "json")
        assert done.code == 5, done.err
        assert envelope(done.out)["errors"][0]["code"] == "denied"
        assert PLACE in done.err
    assert keys(bucket) == []


def test_a_profile_in_the_address_reaches_the_bucket_for_both_sides(
    shell: Shell, sandbox: Running, bucket: Any
) -> None:
    bucket.delete_bucket_policy(Bucket=BUCKET)
    state = ("--state", f"{PLACE}?profile=provider&region=us-east-1")
    assert shell.ok("state", "list", "--profile", "consumer", *state)["states"] == []
    done = shell("state", "list", "--state", f"{PLACE}?profile=nobody", "-o", "json")
    assert done.code == 2
    assert "there is no AWS profile 'nobody'" in done.err


@pytest.mark.slow
def test_a_party_with_credentials_of_its_own_side_only(shell: Shell, sandbox: Running, bucket: Any) -> None:
    """What a command shows besides must not need credentials that the command itself does not."""
    del shell.env["AWS_PROFILE"]
    shell.env["PLINKCTL_STATE"] = PLACE
    own = {"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{CONSUMER}:root"}, "Action": "s3:GetObject"}
    theirs = f"arn:aws:s3:::{BUCKET}/links/default/provider.json"
    policy = json.loads(bucket.get_bucket_policy(Bucket=BUCKET)["Policy"])
    policy["Statement"].append({**own, "Resource": theirs})
    bucket.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    name = shell.ok("provider", "up", "--allow", CONSUMER, "--profile", "provider")["service_name"]
    shell.ok("consumer", "up", "--service-name", name, "--profile", "consumer", code=8)
    seen = shell.ok("status", "--profile", "consumer")
    assert [side["side"] for side in seen["sides"]] == ["consumer"]
    assert shell.ok("teardown", "consumer", "--yes", "--profile", "consumer")["leftovers"] == []
    assert shell.ok("teardown", "provider", "--yes", "--profile", "provider")["leftovers"] == []


# ------------------------------------------------------------------------------------------- locks


def test_a_lock_that_is_left_is_shown_and_ended_only_with_consent(shell: Shell, sandbox: Running, bucket: Any) -> None:
    shell.env["PLINKCTL_STATE"] = PLACE
    now = time.time()
    left = {
        "command": "plinkctl provider up",
        "host": "the-laptop\x1b[31m",
        "pid": 4711,
        "machine": "elsewhere",
        "since": now,
        "until": now + 3600,
        "mark": "1",
    }
    bucket.put_object(Bucket=BUCKET, Key="links/default/provider.lock", Body=json.dumps(left).encode())
    done = shell(*UP, "-o", "json")
    assert done.code == 4
    assert envelope(done.out)["errors"][0]["code"] == "state_locked"
    assert "pid 4711 on the-laptop" in done.err
    assert "\x1b[31m" not in done.err
    assert "plinkctl state unlock" in done.err
    asked = shell("state", "unlock", "-o", "json")
    assert asked.code == 6
    assert "pid 4711 on the-laptop" in asked.err
    assert "links/default/provider.lock" in keys(bucket)
    ended = shell.ok("state", "unlock", "--confirm", "default")["unlocked"]
    assert [one["side"] for one in ended] == ["provider"]
    assert "links/default/provider.lock" not in keys(bucket)
    assert shell.ok("state", "unlock", "provider", "--yes") == {"unlocked": []}


def test_a_lock_in_a_folder_is_shown_and_is_the_kernels(brisk_shell: Shell, brisk: Running) -> None:
    shell = brisk_shell
    assert shell.ok("state", "unlock", "--yes") == {"unlocked": []}
    remote.set_faults(brisk, {"rules": [{"action": "ec2:CreateVpc", "effect": "hang", "seconds": 60, "times": 1}]})
    process = shell.start(*UP)
    _until(lambda: remote.faults(brisk)["rules"][0]["fired"])
    done = shell("state", "unlock", "--yes", "-o", "json")
    assert done.code == 4
    assert f"pid {process.pid}" in done.err
    assert "the kernel" in done.err
    process.kill()
    process.communicate()
    assert shell.ok("state", "unlock", "--yes") == {"unlocked": []}


# ------------------------------------------------------------------------------------------- several processes


def _until(true: Any) -> None:
    for _ in range(3000):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("it never came")


def _changes(running: Running, since: int) -> list[dict[str, Any]]:
    """The calls that changed something, in order, but for those about locks."""
    return [
        call
        for call in remote.calls(running, since=since)
        if not _READS.match(call["action"]) and call["action"] != "DeleteObject"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_two_processes_on_one_link_never_mix_their_changes(
    shell: Shell, sandbox: Running, bucket: Any, place: str
) -> None:
    """Both start at once, again and again, until each has had its turn."""
    shell.env["PLINKCTL_STATE"] = PLACE if place == "bucket" else str(shell.folder / "states")
    before = Aws(sandbox).census()
    seen = remote.calls(sandbox)[-1]["number"]
    left = ["first", "second"]
    while left:
        running = {name: shell.start(*UP, env={"AWS_SDK_UA_APP_ID": name}) for name in left}
        for name, process in running.items():
            _, said = process.communicate(timeout=60)
            assert process.returncode in {0, 4}, said
            if process.returncode == 0:
                left.remove(name)
            else:
                assert "another plinkctl is working on this side" in said
    made = [call for call in _changes(sandbox, seen) if call["service"] != "s3" and not call["error"]]
    makers = [re.search(r"app/(\w+)", call["agent"]) for call in made]
    assert len({maker[1] for maker in makers if maker}) == 1, "who came second had nothing to change"
    assert sum(call["action"] == "CreateVpc" for call in made) == 1
    assert shell.ok("teardown", "--yes")["leftovers"] == []
    assert Aws(sandbox).census() == before


@pytest.mark.slow
def test_a_process_that_slept_while_another_went_on_sends_nothing_more(
    shell: Shell, sandbox: Running, bucket: Any
) -> None:
    """A laptop that is closed in the middle of a call: its lock is ended, another finishes; then it wakes up."""
    shell.env |= {"PLINKCTL_STATE": PLACE, "PLINKCTL_RECOVERY_GRACE": "1"}
    before = Aws(sandbox).census()
    slow = {"action": "elasticloadbalancing:CreateLoadBalancer", "effect": "latency", "seconds": 3, "when": "after"}
    remote.set_faults(sandbox, {"rules": [{**slow, "times": 1}]})
    sleeper = shell.start(*UP, env={"AWS_SDK_UA_APP_ID": "sleeper"})
    _until(lambda: remote.faults(sandbox)["rules"][0]["fired"])
    os.kill(sleeper.pid, signal.SIGSTOP)
    assert shell("provider", "up", "--allow", CONSUMER).code == 4, "the lock is held"
    under_way = [one for one in shell.ok("state", "show")["records"] if one["phase"] == "creating"]
    shell.ok("state", "unlock", "provider", "--yes")
    shell.ok(*UP)
    seen = remote.calls(sandbox)[-1]["number"]
    os.kill(sleeper.pid, signal.SIGCONT)
    _, said = sleeper.communicate(timeout=60)
    assert sleeper.returncode == 4, said
    assert "is not this process's any more" in said
    assert "nothing is lost" in said
    late = [(call["action"], call["error"]) for call in _changes(sandbox, seen)]
    assert ("PutObject", "PreconditionFailed") in late, "it tried to commit"
    others = [call for call in late if call != ("PutObject", "PreconditionFailed")]
    assert len(others) <= len(under_way), "and sent nothing but what had been given out before it slept"
    assert shell.ok("teardown", "--yes")["leftovers"] == []
    assert Aws(sandbox).census() == before


@pytest.mark.slow
def test_killed_at_a_commit_the_same_command_finishes(shell: Shell, sandbox: Running, bucket: Any) -> None:
    """Killed before one of its first commits; then, the second time, once another has been made."""
    shell.env |= {"PLINKCTL_STATE": PLACE, "PLINKCTL_RECOVERY_GRACE": "1"}
    before = Aws(sandbox).census()
    kill = {"action": "s3:PutObject", "resource": "*provider.json", "effect": "signal", "signals": "KILL"}
    # The number of the process, which only itself knows, goes with every call.
    itself = ("sh", "-c", 'AWS_SDK_UA_APP_ID=pid-$$ exec "$@"', "sh", PLINKCTL, *UP)
    for nth, when in ((9, "before"), (50, "after")):
        remote.set_faults(sandbox, {"rules": [{**kill, "nth": nth, "when": when}]}, replace=True)
        killed = subprocess.run(itself, cwd=shell.folder, env=shell.env, capture_output=True, timeout=60, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    shell.ok(*UP)
    vpcs = Aws(sandbox).client("provider", "ec2").describe_vpcs()["Vpcs"]
    assert len(vpcs) == 2, "the account's own and one more"
    assert shell.ok("teardown", "--yes")["leftovers"] == []
    assert Aws(sandbox).census() == before
