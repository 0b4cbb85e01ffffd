"""What a domain name is, for all that are given one. Pure."""

from __future__ import annotations

import re
from typing import Final

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_HOST: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LONGEST: Final = 255


def is_domain(name: str, *, labels: int = 2) -> bool:
    """Whether it is a domain name of at least so many labels, in lower case, without a dot at the end.

    Labels may hold underscores, as names of records for verification do.
    """
    parts = name.split(".")
    return len(name) <= _LONGEST and len(parts) >= labels and all(_LABEL.fullmatch(part) for part in parts)


def is_host(name: str, *, wildcard: bool = False) -> bool:
    """Whether it is a fully qualified host name in lower case; with `wildcard` its first label may be `*`."""
    parts = (name.removeprefix("*.") if wildcard else name).split(".")
    return len(name) <= _LONGEST and len(parts) >= 2 and all(_HOST.fullmatch(part) for part in parts)


def covers(pattern: str, name: str) -> bool:
    """Whether a name in a certificate is made out to a host; `*.` stands for exactly one label."""
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:] and not name.startswith("*")
    return pattern == name


def parents(name: str) -> list[str]:
    """The name and the domains above it, down to two labels."""
    parts = name.split(".")
    return [".".join(parts[first:]) for first in range(max(len(parts) - 1, 1))]
