"""What can be said of kinds without calling anybody: names, states, the probe's zip."""

import base64
import hashlib
import io
import re
import zipfile
from typing import Any, cast

import pytest
from botocore.session import Session
from hypothesis import given, settings
from hypothesis import strategies as st

from plinkctl.errors import RefusedError
from plinkctl.kinds import KINDS, endpoint
from plinkctl.kinds.base import Ctx, Presence, ours
from plinkctl.kinds.function import code_sha256, code_zip
from plinkctl.kinds.role import policy
from plinkctl.link import Side
from plinkctl.state import op_id


def ctx(link: str = "shop", node: str = "nlb", **more: Any) -> Ctx:
    fields: dict[str, Any] = {
        "aws": cast(Any, None),
        "link": link,
        "side": Side.PROVIDER,
        "node": node,
        "lineage": "lineage",
        "account": "1" * 12,
        "region": "us-east-1",
        "partition": "aws",
        "op": op_id("lineage", node, 1),
        "params": {},
        "user_tags": {},
        **more,
    }
    return Ctx(**fields)


def test_every_state_of_an_endpoint_that_aws_has_is_known() -> None:
    model = Session().get_service_model("ec2")
    known = {str(state).lower() for state in cast(Any, model.shape_for("State")).enum}
    assert known == set(endpoint.PRESENCE)


@pytest.mark.parametrize(
    ("state", "presence"),
    [
        ("pendingAcceptance", Presence.HELD),
        ("PendingAcceptance", Presence.HELD),
        ("pending", Presence.PENDING),
        ("available", Presence.READY),
        ("deleting", Presence.PENDING),
        ("deleted", Presence.ABSENT),
        ("rejected", Presence.FAILED),
        ("failed", Presence.FAILED),
        ("expired", Presence.FAILED),
    ],
)
def test_what_a_state_of_an_endpoint_means(state: str, presence: Presence) -> None:
    assert endpoint.PRESENCE[state.lower()] is presence


links = st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True)


@settings(deadline=None)
@given(links, st.sampled_from([("alb", 32), ("nlb", 32), ("target-group", 32), ("role", 64), ("function", 64)]))
def test_names_fit_what_aws_allows_and_carry_the_op(link: str, of: tuple[str, int]) -> None:
    node, limit = of
    name = ctx(link, node).unique_name(limit)
    assert len(name) <= limit
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name), name
    assert not name.startswith("internal-")
    assert ctx(link, node).op[:10] in name
    assert node in name


def test_our_own_tags_win_over_the_users() -> None:
    tags = ctx(user_tags={"team": "x", "Name": "mine", "plinkctl:op": "forged"}).tags
    assert tags["team"] == "x"
    assert tags["Name"] == "plinkctl-shop-provider-nlb"
    assert tags["plinkctl:op"] == ctx().op


def test_only_the_op_tag_makes_a_thing_ours() -> None:
    assert ours(ctx(), ctx().tags, "it")
    for tags in ({}, {"plinkctl:link": "shop"}, {**ctx().tags, "plinkctl:op": "another"}):
        with pytest.raises(RefusedError):
            ours(ctx(), tags, "it")


def test_the_functions_code_is_the_same_bytes_on_every_machine() -> None:
    code_zip.cache_clear()
    first = code_zip()
    code_zip.cache_clear()
    assert code_zip() == first
    assert code_sha256() == base64.b64encode(hashlib.sha256(first).digest()).decode()
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.namelist() == ["index.py"]
        assert b"def handler(" in archive.read("index.py")


def test_the_role_may_write_to_its_one_log_group_and_never_make_one() -> None:
    document = policy("arn:aws:logs:us-east-1:1:log-group:/plinkctl/x")
    actions = [action for statement in document["Statement"] for action in statement["Action"]]
    assert "logs:CreateLogGroup" not in actions, "a late log line would bring a deleted group back"
    logs = [s for s in document["Statement"] if any(a.startswith("logs:") for a in s["Action"])]
    assert [statement["Resource"] for statement in logs] == ["arn:aws:logs:us-east-1:1:log-group:/plinkctl/x:*"]


def test_kinds_are_registered_by_their_own_name() -> None:
    assert all(name == kind.name for name, kind in KINDS.items())
    assert all(kind.patience.ready_within > 0 and kind.patience.gone_within > 0 for kind in KINDS.values())
