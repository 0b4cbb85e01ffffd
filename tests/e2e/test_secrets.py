"""No secret in any stream or file, at any level, though AWS quotes all of them in its errors."""

from __future__ import annotations

import base64
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from e2e_tools import CONSUMER, PROVIDER
from parrot import caller, parrot

if TYPE_CHECKING:
    from shells import Shell

CANARIES = {
    "key": "AKIACANARYCANARYCAN1",
    "secret": "Canary1/SecretOfTheSource/abcdefghij+KLM",
    "assumed key": "ASIACANARYCANARYCAN2",
    "assumed secret": "Canary2/SecretOfTheRole/0abcdefghij+KLMN",
    "token": base64.b64encode(b"canary of the session token " * 20).decode(),
    "external id": "canary-handshake-of-two",
    "pem": base64.b64encode(b"canary of a private key").decode(),
    "password": "canary-of-a-proxy",
}
PEM = f"-----BEGIN PRIVATE KEY-----\n{CANARIES['pem']}\n-----END PRIVATE KEY-----"

ASSUMED = f"""<AssumeRoleResponse><AssumeRoleResult><Credentials>
<AccessKeyId>{CANARIES["assumed key"]}</AccessKeyId><SecretAccessKey>{CANARIES["assumed secret"]}</SecretAccessKey>
<SessionToken>{CANARIES["token"]}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""


def answer(manner: str, action: str, headers: str) -> tuple[int, str]:
    """An AWS that says back all it was told, and more."""
    if action == "AssumeRole":
        return 200, ASSUMED
    if action == "GetCallerIdentity":
        return 200, caller(f"arn:aws:sts::{PROVIDER}:assumed-role/r/s")
    bare = " ".join(secret for name, secret in CANARIES.items() if name not in {"pem", "password"})
    said = f"{headers}\n{PEM}\n{bare}\nnot authorized to perform: ec2:Do{CANARIES['external id']}"
    if manner == "not parsable":
        return 400, f"<Response><Errors><Error><Code>{said}"
    if manner == "a bug":
        item = f"<item><zoneName>{said}</zoneName><zoneState>available</zoneState></item>"
        return 200, f"<R><availabilityZoneInfo>{item}</availabilityZoneInfo></R>"
    code = manner if manner != "in the code" else said
    error = f"<Errors><Error><Code>{code}</Code><Message>{said}</Message></Error></Errors>"
    return 400, f"<Response>{error}<RequestID>11111111-2222</RequestID></Response>"


def stranger(shell: Shell, url: str) -> Shell:
    """A terminal of somebody who assumes a role, whose every secret is a canary."""
    config = shell.folder.parent / f"{shell.folder.name}-config"
    config.write_text(
        "[profile source]\n"
        f"aws_access_key_id = {CANARIES['key']}\naws_secret_access_key = {CANARIES['secret']}\n"
        "[profile role]\nregion = us-east-1\nsource_profile = source\n"
        f"role_arn = arn:aws:iam::{PROVIDER}:role/r\nexternal_id = {CANARIES['external id']}\n"
    )
    temporary = shell.folder / "tmp"
    temporary.mkdir()
    kept = {name: value for name, value in shell.env.items() if not name.startswith("AWS_")}
    given = {
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(shell.folder.parent / "none"),
        "AWS_PROFILE": "role",
        "AWS_ENDPOINT_URL": url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "TMPDIR": str(temporary),
    }
    return replace(shell, env={**kept, **given})


LEVELS = (
    ("--progress", "plain", "-o", "table"),
    ("--progress", "json", "-o", "json", "--debug", "-v"),
    ("--progress", "plain", "-o", "yaml", "--debug", "-v"),
)


@pytest.mark.parametrize(
    "manner", ["SignatureDoesNotMatch", "UnauthorizedOperation", "Odd", "in the code", "not parsable", "a bug"]
)
def test_no_sink_has_one_whatever_aws_says(shell: Shell, manner: str) -> None:
    with parrot(partial(answer, manner)) as bird:
        user = stranger(shell, bird.url)
        for level in LEVELS if manner in {"SignatureDoesNotMatch", "a bug"} else LEVELS[1:2]:
            done = user("provider", "up", "--allow", CONSUMER, *level)
            assert done.code in {1, 5, 70}, done.err
            files = {path: path.read_text() for path in shell.folder.rglob("*") if path.is_file()}
            if done.code == 70:
                assert [path for path in files if path.name.startswith("plinkctl-bug-")]
            streams = {Path("stdout"): done.out, Path("stderr"): done.err}
            assert bird.signatures, "it was signed"
            for place, text in (files | streams).items():
                for name, canary in {**CANARIES, **dict.fromkeys(bird.signatures, "")}.items():
                    assert (canary or name) not in text, f"{name} is in {place}"


def test_the_password_of_an_endpoint_is_not_announced(shell: Shell) -> None:
    with parrot(partial(answer, "Odd")) as bird:
        user = stranger(shell, bird.url.replace("http://", f"http://user:{CANARIES['password']}@"))
        done = user("provider", "up", "--allow", CONSUMER, "-v", "--debug")
        assert done.code != 0
        assert CANARIES["password"] not in done.err + done.out
