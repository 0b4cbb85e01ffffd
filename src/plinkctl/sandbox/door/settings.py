"""How awkward a running world is: what may be set while it runs, read and checked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

from plinkctl.sandbox.manners import quotas

if TYPE_CHECKING:
    from plinkctl.sandbox.world import World


def read(sandbox: World) -> dict[str, Any]:
    """The settings in force: `seed`, `visibility` (seconds), `page_size` (None for AWS's), `quotas` (all of them),
    `constrained_zones` (zone IDs), and whether IAM is `enforced`.
    """
    return {
        "seed": sandbox.seed,
        "visibility": sandbox.lag,
        "page_size": sandbox.page_size,
        "enforced": sandbox.enforced,
        "constrained_zones": sorted(sandbox.constrained_zones),
        "quotas": {name: sandbox.quotas.get(name, quota.value) for name, quota in quotas.QUOTAS.items()},
    }


def change(sandbox: World, wish: Any) -> None:
    """Take over the settings that are given; None takes back to what the profile, or AWS, has.

    Raises:
        ValueError: for a setting there is not, or a value it cannot have; nothing is changed then.
    """
    known = {"seed", "visibility", "page_size", "quotas", "enforced", "constrained_zones"}
    if not isinstance(wish, dict) or not wish or wish.keys() - known:
        raise ValueError(f"the settings are {', '.join(sorted(known))}; any of them can be given, and nothing else")
    checked = {name: _checked(sandbox, name, value) for name, value in wish.items()}
    for name, value in checked.items():
        setattr(sandbox, name, value)


def _checked(sandbox: World, name: str, value: Any) -> Any:
    if name == "quotas":
        return {} if value is None else quotas.changed(sandbox.quotas, value)
    if name == "constrained_zones":
        return _zones(value)
    if name == "enforced":
        if not isinstance(value, bool | None):
            raise ValueError(f"enforced must be true or false, not {value!r}")
        return bool(value)
    if value is None:
        return 0 if name == "seed" else None
    least = 1 if name == "page_size" else 0
    number = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    if not number or value < least or (name != "visibility" and value != int(value)):
        kind = "a number" if name == "visibility" else "a whole number"
        raise ValueError(f"{name} must be {kind} of {least} or more, or null, not {value!r}")
    return float(value) if name == "visibility" else int(value)


def _zones(value: Any) -> frozenset[str]:
    """IDs of zones of any region. Raises ValueError."""
    known = {zone.zone_id for zones in RegionsAndZonesBackend.zones.values() for zone in zones}
    if not isinstance(value, list | None) or any(not isinstance(one, str) for one in value or ()):
        raise ValueError(f"constrained_zones must be a list of zone IDs, or null, not {value!r}")
    if unknown := [one for one in value or () if one not in known]:
        raise ValueError(f"there is no zone '{unknown[0]}'; zones are named by their IDs, as use1-az1 is")
    return frozenset(value or ())
