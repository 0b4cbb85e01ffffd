"""A service that somebody else opened is told by `status` and `verify`; a public one needs a reason, which is kept."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from links import CONSUMER, Stories, offered

from plinkctl.app.look import status


@pytest.fixture
def stories(account: Any, tmp_path: Path) -> Stories:
    return Stories(tmp_path / "states")


def seen(stories: Stories) -> tuple[str, str]:
    (check,) = [c for c in stories(status)["checks"] if c["name"] == "only those asked for may connect"]
    return check["result"], check["detail"]


def test_a_service_opened_by_hand_is_warned_about_until_up_closes_it(stories: Stories) -> None:
    made = offered(stories, acceptance_required=True)
    assert seen(stories) == ("ok", f"arn:aws:iam::{CONSUMER}:root")
    ec2 = boto3.Session(profile_name="provider").client("ec2")
    service = {"ServiceId": made["service_id"]}
    ec2.modify_vpc_endpoint_service_permissions(**service, AddAllowedPrincipals=["arn:aws:iam::333333333333:root"])
    result, detail = seen(stories)
    assert result == "warning"
    assert "also allowed: arn:aws:iam::333333333333:root" in detail
    ec2.modify_vpc_endpoint_service_permissions(**service, AddAllowedPrincipals=["*"])
    ec2.modify_vpc_endpoint_service_configuration(**service, AcceptanceRequired=False)
    result, detail = seen(stories)
    assert result == "warning"
    assert "anybody (*) may ask to connect; nobody has to be accepted any more" in detail
    offered(stories, acceptance_required=True)
    assert seen(stories)[0] == "ok"


def test_the_reason_for_a_public_service_is_in_the_audit_file_once(stories: Stories) -> None:
    wish = {"acceptance_required": True, "allow": ("*",), "allow_public": "an open beta"}
    offered(stories, **wish)
    offered(stories, **wish)
    assert seen(stories) == ("ok", "*")
    text = (stories.folder / "shop" / "audit.jsonl").read_text()
    reasons = [line for line in map(json.loads, text.splitlines()) if line["event"] == "consent"]
    assert [line["reason"] for line in reasons] == ["an open beta"]
