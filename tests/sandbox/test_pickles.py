"""A world as bytes and back: what goes in whole, and what does not come out."""

from __future__ import annotations

import os
import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest
from moto.awslambda.models import LambdaStorage
from moto.ec2.models.subnets import Subnet
from moto.ssm.models import ParameterDict

from plinkctl.sandbox import pickles, world

if TYPE_CHECKING:
    from collections.abc import Callable


class Reduced:
    """Pickles to a call."""

    def __init__(self, *what: Any) -> None:
        self.what = what

    def __reduce__(self) -> Any:
        return self.what


def named(module: str, name: str) -> bytes:
    """A pickle of nothing but a name, as an attacker writes it."""
    return (
        b"\x80\x04\x8c"
        + bytes([len(module)])
        + module.encode()
        + b"\x8c"
        + bytes([len(name)])
        + name.encode()
        + b"\x93."
    )


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("builtins", "__import__"),
        ("moto.awslambda.models", "os.system"),
        ("moto.awslambda.models", "zipfile.ZipFile"),
        ("moto.awslambda.models", "subprocess"),
        ("plinkctl.sandbox.pickles", "importlib.import_module"),
        ("plinkctl.sandbox.pickles", "loads"),
        ("plinkctl.sandbox.process", "main"),
        ("plinkctl.config", "Link"),
    ],
)
def test_names_of_anything_else_are_refused(module: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"nothing a sandbox is made of|attribute"):
        pickles.loads(named(module, name))


def test_a_call_is_refused_before_it_is_made(tmp_path: Any) -> None:
    trap = tmp_path / "sprung"
    with pytest.raises(ValueError, match="mkdir"):
        pickles.loads(pickle.dumps(Reduced(os.mkdir, (str(trap),))))
    assert not trap.exists()


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x05K", b"hello", pickle.dumps([1, 2])[:-1]])
def test_broken_bytes_are_said_to_be(data: bytes) -> None:
    with pytest.raises(ValueError, match=":"):
        pickles.loads(data)


def _holding() -> Any:
    held = object()
    return lambda: held


@pytest.mark.parametrize(("value", "words"), [(_holding(), "holds on to values"), ((one for one in "a"), "generator")])
def test_what_cannot_be_written_is_named(value: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        pickles.dumps(value)


def test_what_pickle_cannot_take_by_itself_comes_back_as_it_was(sandbox: world.World) -> None:
    storage = LambdaStorage("us-east-1", "111111111111")
    storage._aliases["function"]["live"] = "one"  # type: ignore[assignment]  # only to be found again
    again = pickles.loads(pickles.dumps(storage))
    assert again._aliases == {"function": {"live": "one"}}
    assert again._aliases["another"] == {}
    assert list(again._arns) == []
    parameters = ParameterDict("111111111111", "us-east-1")
    parameters["one"].append("value")  # type: ignore[arg-type]  # only to be found again
    known = pickles.loads(pickles.dumps(parameters))
    assert type(known) is ParameterDict
    assert known.default_factory is list
    assert str(dict.get(known, "one")) == "['value']"
    assert known.account_id == "111111111111"
    with pickles.loads(pickles.dumps(threading.RLock())):
        pass


def test_nothing_of_what_is_gone_is_held(sandbox: world.World, provider: Any) -> None:
    ec2 = provider.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")
    pickles.loads(pickles.dumps(pickles.in_use()))
    assert vars(Subnet)["instances_tracked"] == []


def test_a_reset_gives_an_empty_world_each_time(
    sandbox: world.World, provider: Any, consumer: Any, refused: Callable[..., str]
) -> None:
    for _ in range(2):
        vpc = provider.client("ec2").create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
        provider.client("s3").create_bucket(Bucket="one")
        consumer.client("logs").create_log_group(logGroupName="one")
        made = provider.client("iam").create_user(UserName="guest")["User"]["UserName"]
        world.reset()
        refused("InvalidVpcID.NotFound", provider.client("ec2").describe_vpcs, VpcIds=[vpc])
        assert consumer.client("logs").describe_log_groups()["logGroups"] == []
        assert [one["UserName"] for one in provider.client("iam").list_users()["Users"]] == ["provider"]
        refused("NoSuchEntity", provider.client("iam").get_user, UserName=made)
        assert consumer.client("s3").list_buckets()["Buckets"] == []


def test_the_services_that_cannot_be_written_or_read_back_are_named_each_with_its_reason() -> None:
    places: list[pickles.Place] = [
        ("whole", "111111111111", "us-east-1", {"a": 1}),
        ("unwritten", "111111111111", "us-east-1", {"a": 1}),
        ("unwritten", "222222222222", "us-east-1", {"a": (one for one in "x")}),
        ("unread", "111111111111", "us-east-1", Reduced(os.getpid, ())),
    ]
    found = pickles.unkept(places)
    assert found.keys() == {"unwritten", "unread"}
    assert "generator" in found["unwritten"]
    assert "getpid" in found["unread"]
