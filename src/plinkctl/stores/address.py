"""`s3://bucket/prefix?region=…&profile=…&owner=…`: the address of a place in a bucket. Pure."""

import re
from dataclasses import dataclass
from typing import Final, NoReturn
from urllib.parse import parse_qsl, urlsplit

from plinkctl.errors import UsageError

_SCHEME: Final = "s3://"
# S3's user guide: 3 to 63 of these, and neither two dots together nor an IP address.
_BUCKET: Final = re.compile(r"(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# What S3 calls safe in a key; a part of dots alone would be taken for a folder by other tools.
_PART: Final = re.compile(r"(?!\.+$)[A-Za-z0-9!_.*'()-]+")
_LONGEST: Final = 512  # of a prefix; a key has 1024 bytes, and link and side need some
_ASKED: Final = {
    "region": (re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+"), "a region: eu-west-1"),
    "profile": (re.compile(r"[^\x00-\x1f]{1,128}"), "an AWS profile"),
    "owner": (re.compile(r"\d{12}"), "a 12-digit account"),
}


@dataclass(frozen=True, kw_only=True)
class Address:
    """A place in a bucket.

    Args:
        bucket: The bucket's name.
        prefix: What the keys begin with, without slashes at its ends; may be empty.
        region: The bucket's region, or None; S3 says it by itself when another was asked.
        profile: The AWS profile that reaches the bucket, or None: the one of the side whose state it is.
        owner: The account that owns the bucket, or None; sent with every call, and S3 refuses when it is another.
    """

    bucket: str
    prefix: str = ""
    region: str | None = None
    profile: str | None = None
    owner: str | None = None

    def __str__(self) -> str:
        return f"{_SCHEME}{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    def key(self, link: str, name: str) -> str:
        """The key of one of a link's objects."""
        return f"{self.folder}{link}/{name}"

    @property
    def folder(self) -> str:
        """What all keys begin with."""
        return f"{self.prefix}/" if self.prefix else ""


def is_address(named: str) -> bool:
    """Whether a person means something else than a folder."""
    return "://" in named


def parse(named: str) -> Address:
    """Read what a person wrote.

    Raises:
        UsageError: It is no address of a place in a bucket; the message says which part is wrong.
    """
    if not named.startswith(_SCHEME):
        _refuse(named, "states are kept in folders and in S3 buckets", code="no_such_store")
    try:
        split = urlsplit(named)
        asked = parse_qsl(split.query, keep_blank_values=True, strict_parsing=bool(split.query))
    except ValueError as error:
        _refuse(named, str(error))
    if "#" in named or any(character.isspace() or not character.isprintable() for character in named):
        _refuse(named, "it has a character that no address has")
    if not _BUCKET.fullmatch(split.netloc):
        _refuse(named, f"{split.netloc!r} is no name of a bucket")
    prefix = split.path.removeprefix("/").removesuffix("/")
    if wrong := [part for part in prefix.split("/") if prefix and not _PART.fullmatch(part)]:
        _refuse(named, f"{wrong[0]!r} cannot be a part of the prefix; letters, digits and ! _ . * ' ( ) - can")
    if len(prefix) > _LONGEST:
        _refuse(named, f"the prefix has {len(prefix)} characters, {_LONGEST} are allowed")
    found: dict[str, str] = {}
    for key, value in asked:
        if key not in _ASKED or key in found:
            _refuse(named, f"{key!r} is given twice" if key in found else f"{key!r} is not known")
        form, what = _ASKED[key]
        if not form.fullmatch(value):
            _refuse(named, f"{key}={value} is not {what}")
        found[key] = value
    return Address(bucket=split.netloc, prefix=prefix, **found)


def _refuse(named: str, why: str, *, code: str = "bad_place") -> NoReturn:
    raise UsageError(
        f"--state {named}: this is no place for states",
        why=why,
        hint="--state FOLDER, or --state 's3://BUCKET/PREFIX' (with ?region=, profile= or owner= where needed)",
        code=code,
    )
