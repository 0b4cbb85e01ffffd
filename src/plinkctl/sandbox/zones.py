"""Availability zones: which physical zone an account means by a name."""

from __future__ import annotations

import string

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend, Zone

from plinkctl.sandbox import world


def named(account_id: str, region: str) -> list[Zone]:
    """The availability zones of a region as one account names them.

    AWS maps zone names to physical zones per account, and so does the sandbox: the second account's names are
    shifted by one against the first's, so that no name means the same place in both. Only IDs can be compared.
    """
    known = RegionsAndZonesBackend.zones.get(region, [])
    order = [account.id for account in world.current().accounts]
    shift = order.index(account_id) if account_id in order else 0
    return [
        Zone(name=zone.name, region_name=region, zone_id=known[(number + shift) % len(known)].zone_id)
        for number, zone in enumerate(known)
    ]


def id_of(account_id: str, zone_name: str) -> str:
    """The physical zone behind a name of that account. Raises KeyError."""
    region = zone_name.rstrip(string.ascii_lowercase)
    return str({zone.name: zone.zone_id for zone in named(account_id, region)}[zone_name])
