"""No secret is shown or kept: by its form, by its name, and because this process has used it."""

import base64
import logging
import re
import secrets
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plinkctl import redaction
from plinkctl.errors import AwsAnswer, PlinkError
from plinkctl.redaction import GONE, Redacting, know, redacted

KEY = "wJalrXUtnFEMIK7MDENG/bPxRfiCYzEXAMPLEKEY"
TOKEN = base64.b64encode(secrets.token_bytes(300)).decode()
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7Q==\n-----END RSA PRIVATE KEY-----"


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", set())


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("the key AKIAIOSFODNN7EXAMPLE is not known", "AKIAIOSFODNN7EXAMPLE"),
        (f"secret {KEY}.", KEY),
        (f"<Token>{TOKEN}</Token>", TOKEN),
        (f"x-amz-security-token:{TOKEN[:20]}\nhost:x", TOKEN[:20]),
        ('{"SessionToken": "abcDEF123"}', "abcDEF123"),
        ("aws_secret_access_key = hunter2", "hunter2"),
        ("SecretAccessKey>hunter2<", "hunter2"),
        ("Authorization: AWS4-HMAC-SHA256 Credential=AKIA/2026/x, SignedHeaders=host, Signature=deadbeef", "deadbeef"),
        ("https://h.example/?X-Amz-Signature=deadbeef&X-Amz-Expires=1", "deadbeef"),
        ("X-Amz-Credential%3Dabc%2F2026", "abc%2F2026"),
        ("external_id: s3cr3t-handshake", "s3cr3t-handshake"),
        ("at http://user:pass@host.example:4566/x", "user:pass"),
        (PEM, "MIIEpAIBAAKCAQEA7Q"),
        (f"cut off {PEM[:50]}", PEM[28:50]),
        (base64.b64encode(PEM.encode()).decode(), base64.b64encode(PEM.encode()).decode()[20:60]),
    ],
    ids=lambda _: "",  # keys and tokens are random, and every worker must name its tests alike
)
def test_what_looks_like_a_secret_is_taken_out(text: str, secret: str) -> None:
    assert secret not in redacted(text)
    assert GONE in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "vpc-0123456789abcdef0 of arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/net/plk-x/0123456789abcdef",
        "User: arn:aws:iam::111111111111:user/x is not authorized to perform: ec2:CreateVpc on resource: *",
        "request 11111111-2222-3333-4444-555555555555, op abcdefghijklmnopqrstuvwxyz",
        "the state /home/somebody/projects/shop/states/file cannot be read: a9993e364706816aba3e25717850c26c9cd0d89d",
        "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0",
        "You are not authorized. Encoded authorization failure message: " + "aB3-_" * 100,
        "the credentials belong to 111111111111; the signature is wrong",
    ],
)
def test_what_people_need_stays(text: str) -> None:
    assert redacted(text) == text


@given(st.text(string.ascii_letters + string.digits + "+/=-. ", min_size=8, max_size=60), st.text(), st.text())
def test_what_this_process_has_used_is_taken_out_whatever_it_looks_like(secret: str, before: str, after: str) -> None:
    know(secret, None, "", "short")
    assert secret not in redacted(before + secret + after)


@given(st.text())
def test_taking_out_twice_is_as_once(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)


def test_no_error_holds_one() -> None:
    answer = AwsAnswer(service="ec2", operation="CreateVpc", code="X", message=f"token {TOKEN}")
    error = PlinkError(f"no {KEY}", why=str(answer))
    assert not re.search(f"{re.escape(KEY)}|{re.escape(TOKEN)}", f"{error} {error.message} {error.why} {answer!r}")


def test_a_log_record_of_a_library_holds_none(caplog: pytest.LogCaptureFixture) -> None:
    def record(message: str, *args: Any, **more: Any) -> logging.LogRecord:
        return logging.LogRecord("botocore.auth", logging.WARNING, "x", 1, message, args, **{"exc_info": None, **more})

    try:
        raise ValueError(TOKEN)
    except ValueError as error:
        failed = record("failed", exc_info=(ValueError, error, error.__traceback__))
    for one in (record("signing with %s", TOKEN), record(f"x-amz-security-token: {TOKEN}"), failed):
        assert Redacting().filter(one)
        text = logging.Formatter().format(one)
        assert TOKEN not in text
        assert GONE in text
