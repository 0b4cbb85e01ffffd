"""Credentials, profiles, regions and endpoints that do not work: told as what they are, before anything is made."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from e2e_tools import CONSUMER, Meter, refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shells import Shell

    from plinkctl.sandbox.daemon import Running

UP = ("provider", "up", "--allow", CONSUMER)


def stranger(shell: Shell, **environment: str) -> Shell:
    """A terminal of somebody who has never configured AWS, but for what is given."""
    kept = {name: value for name, value in shell.env.items() if not name.startswith("AWS_")}
    home = {"HOME": str(shell.folder), "AWS_EC2_METADATA_DISABLED": "true"}
    return replace(shell, env={**kept, **home, **environment})


def keys(value: str) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": f"AKIA{value * 4}", "AWS_SECRET_ACCESS_KEY": "x" * 40, "AWS_REGION": "us-east-1"}


@contextmanager
def aws_that_answers(status: int, code: str, message: str) -> Iterator[str]:
    """An endpoint that answers every call with one error; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = (
                f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
                "<RequestId>11111111-2222-3333-4444-555555555555</RequestId></ErrorResponse>"
            ).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def unmade(folder: Path) -> bool:
    return not list(folder.glob(".plinkctl/*/*.json"))


def test_no_credentials(shell: Shell) -> None:
    done = refused(stranger(shell, AWS_REGION="us-east-1"), *UP, code=5)
    (error,) = done.json["errors"]
    assert "credentials" in error["message"]
    assert "plinkctl demo" in error["hint"], "there is a way without an account"
    assert unmade(shell.folder)


def test_no_region(shell: Shell) -> None:
    done = refused(stranger(shell, AWS_ACCESS_KEY_ID="AKIAX", AWS_SECRET_ACCESS_KEY="x"), *UP, code=2)
    (error,) = done.json["errors"]
    assert "region" in error["message"]
    assert "--region" in error["hint"]


def test_no_such_profile(shell: Shell, sandbox: Running) -> None:
    for given in (("--profile", "nobody"), ("--profile", "nobody", "--region", "us-east-1")):
        done = refused(shell, *UP, *given, code=2, running=sandbox)
        assert "'nobody'" in done.json["errors"][0]["message"]
    done = refused(shell, *UP, code=2, running=sandbox, env={"AWS_PROFILE": "nobody"})
    assert "'nobody'" in done.json["errors"][0]["message"]


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "ExpiredToken", "The security token included in the request is expired"),
        (403, "InvalidClientTokenId", "The security token included in the request is invalid."),
        (403, "SignatureDoesNotMatch", "The request signature we calculated does not match"),
    ],
)
def test_credentials_that_aws_does_not_take(shell: Shell, status: int, code: str, message: str) -> None:
    with aws_that_answers(status, code, message) as url:
        done = refused(stranger(shell, **keys("ABCD"), AWS_ENDPOINT_URL=url), *UP, code=5)
    (error,) = done.json["errors"]
    assert error["aws"]["code"] == code
    assert message in error["why"]
    assert error["hint"]
    assert unmade(shell.folder)


def test_a_key_of_nobody_in_the_sandbox(shell: Shell, sandbox: Running) -> None:
    done = refused(stranger(shell, **keys("ABCD"), AWS_ENDPOINT_URL=sandbox.url), *UP, code=5)
    assert unmade(shell.folder)
    assert "Traceback" not in done.err


def test_an_endpoint_that_nobody_serves(shell: Shell, sandbox: Running) -> None:
    done = refused(shell, *UP, "--endpoint-url", "http://127.0.0.1:9", code=2, running=sandbox)
    (error,) = done.json["errors"]
    assert "127.0.0.1:9" in error["why"]
    assert "AWS_ENDPOINT_URL" in error["hint"]
    assert unmade(shell.folder)


def test_another_account_or_region_than_asked_for_or_recorded(shell: Shell, sandbox: Running) -> None:
    meter = Meter(sandbox)
    done = refused(shell, *UP, "--account", CONSUMER, code=4)
    assert CONSUMER in done.json["errors"][0]["message"]
    assert meter.all() == ["GetCallerIdentity"]

    shell.ok(*UP)
    meter = Meter(sandbox)
    for given, code in ((("--profile", "consumer"), "other_account"), (("--region", "eu-west-1"), "other_region")):
        done = refused(shell, *UP, *given, code=4)
        (error,) = done.json["errors"]
        assert error["code"] == code
        for option in (word.strip(",") for word in error["hint"].split() if word.startswith("--")):
            assert option in shell("provider", "up", "--help").out, f"{option} is no option of provider up"
    assert set(meter.all()) == {"GetCallerIdentity"}
