"""A state in a bucket is lost, damaged, lost again: the installed command gets it back, and takes away what is left."""

from collections.abc import Callable
from typing import Any, Final

import boto3
from shells import Shell

from plinkctl.sandbox import remote
from plinkctl.sandbox.daemon import Running

STATE: Final = ("--state", "s3://states/links")
HERE: Final = ("--profile", "provider", *STATE)


def test_a_state_in_a_bucket_comes_back_and_a_lost_link_goes(
    shell: Shell, sandbox: Running, account: Callable[[str], boto3.Session]
) -> None:
    s3: Any = account("provider").client("s3")
    s3.create_bucket(Bucket="states")
    key = {"Bucket": "states", "Key": "links/default/provider.json"}
    wanted = ("provider", "up", *HERE, "--allow", sandbox.accounts["consumer"])
    made = shell.ok(*wanted)

    def nothing_is_changed() -> None:
        since = max(call["number"] for call in remote.calls(sandbox))
        found = shell.ok(*wanted)["resources"]
        assert sorted(found, key=lambda r: r["node"]) == sorted(made["resources"], key=lambda r: r["node"])
        changing = {call["action"] for call in remote.calls(sandbox, since=since) if call["service"] != "s3"}
        assert all(action.startswith(("Describe", "Get", "List")) for action in changing), changing

    s3.delete_object(**key)
    told = shell.ok("state", "rebuild", *HERE)
    assert {r["id"] for r in told["resources"]} == {r["id"] for r in made["resources"]}
    nothing_is_changed()
    assert shell("state", "rebuild", "provider", *HERE).code == 6

    s3.put_object(**key, Body=b"{")
    damaged = shell("state", "rebuild", *HERE)
    assert damaged.code == 4
    assert "state rebuild" in damaged.err
    shell.ok("state", "rebuild", "provider", *HERE, "--replace")
    nothing_is_changed()
    names = [item["Key"] for item in s3.list_objects_v2(Bucket="states", Prefix="links/")["Contents"]]
    (aside,) = (name for name in names if ".aside-" in name)
    assert s3.get_object(Bucket="states", Key=aside)["Body"].read() == b"{"

    s3.delete_object(**key)
    left = shell.ok("sweep", *HERE)["leftovers"]
    assert {item["id"] for item in left} == {r["id"] for r in made["resources"]}
    assert (left[0]["node"], left[-1]["node"]) == ("provider/service", "provider/vpc")
    refused = shell("sweep", "--delete", *HERE)
    assert refused.code == 6
    assert "--confirm default" in refused.err
    assert shell("sweep", "--delete", "--confirm", "other", *HERE).code == 6
    assert shell.ok("sweep", *HERE)["leftovers"] == left
    assert shell.ok("sweep", "--delete", "--confirm", "default", *HERE)["leftovers"] == []
    assert shell.ok("sweep", *HERE)["leftovers"] == []
    assert shell("state", "rebuild", *HERE).code == 6
    assert shell.ok("state", "list", *HERE)["states"] == []
