"""From a YAML file, flags and environment variables to a `Link`, or to every problem at once.

This is the door of the package; nothing else of it is for other modules. Inside: `reading` (YAML to plain
values that know their line), `merging` (overrides over the file), `schema` (what one key may hold, from
link.schema.json), `formats` and `principals` (what one text may hold), `rules` (what keys demand of each
other), `building` (values to `Link`). Nothing here calls AWS or reads the environment.

YAML and the validation library load inside `load`, so that importing this package stays cheap.
"""

from collections.abc import Mapping
from pathlib import Path

from plinkctl.config.places import Given
from plinkctl.config.principals import check_service_region, partition_of, principal_arn
from plinkctl.link import Link, Side

__all__ = ["Given", "check_service_region", "load", "partition_of", "principal_arn"]


def load(path: Path | None, overrides: Mapping[str, object], *, sides: frozenset[Side], complete: bool = True) -> Link:
    """The link that a file and overrides describe; overrides win over the file, the file over defaults.

    Args:
        path: A link file, or None for none.
        overrides: Values from flags and PLINKCTL_* variables by dotted key, such as `consumer.network.cidr`
            (below `tags.` the whole rest is one tag key). A value is plain, or `Given` with the flag's name
            for messages; None means: not given.
        sides: The sides the command is about; the link has these even if the file is silent about them.
            Another side is in the link only if it is in the file.
        complete: Whether to insist on all that `up` needs: who may connect, which service to connect to.

    Raises:
        UsageError: The file cannot be read, or values are wrong or missing; `problems` holds all of them.
        RefusedError: Everything is well formed, but `*` may connect without the consent this needs.
    """
    from plinkctl.config.building import load_link  # noqa: PLC0415 - brings YAML and jsonschema-rs, 40 ms

    return load_link(path, overrides, sides=sides, complete=complete)
