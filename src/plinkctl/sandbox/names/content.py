"""What a hosted zone says: its record sets as the API has them, and what of them the world can see already.

A change is in the API's list at once and in DNS a little later, as on AWS. So each name of a zone has a history: from
which moment on it says what. The past is dropped as soon as something newer is visible.

Plain values; nothing here knows of moto or of AWS's rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A record set as Route 53's API has it: Name (normal, see `normal`), Type, TTL, ResourceRecords or AliasTarget, ...
Record = dict[str, Any]
#: Name, type, set identifier: what tells two record sets apart.
Key = tuple[str, str, str]


def normal(name: str) -> str:
    """A domain name as zones keep it: lower case, a dot at the end, the wildcard as `*`."""
    return name.lower().replace("\\052", "*").rstrip(".") + "."


def key_of(record: Record) -> Key:
    """What tells a record set from others."""
    return record["Name"], record["Type"], record.get("SetIdentifier") or ""


def reversed_labels(name: str) -> tuple[str, ...]:
    """The order of names in Route 53's lists: by the last label first."""
    return tuple(reversed(name.rstrip(".").split(".")))


@dataclass(frozen=True, slots=True)
class Said:
    """What one name says from a moment on: the record sets of all its types."""

    since: float
    records: tuple[Record, ...]


@dataclass(slots=True)
class Content:
    """The record sets of one zone.

    Attributes:
        records: as the API has them now.
        said: name -> what it says, oldest first; the last one may lie ahead.
        named: name -> its record sets, the same ones.
    """

    records: dict[Key, Record] = field(default_factory=dict)
    said: dict[str, list[Said]] = field(default_factory=dict)
    named: dict[str, dict[Key, Record]] = field(default_factory=dict)

    def apply(self, gone: Iterable[Key], put: Iterable[Record], *, now: float, visible: float) -> None:
        """Change record sets; the world sees it from `visible` on."""
        touched: dict[str, None] = {}
        for key in gone:
            del self.records[key]
            self.named[key[0]].pop(key)
            touched[key[0]] = None
        for record in put:
            key = key_of(record)
            self.records[key] = record
            self.named.setdefault(key[0], {})[key] = record
            touched[key[0]] = None
        for name in touched:
            past = self.said.setdefault(name, [])
            seen = [one for one in past if one.since <= now][-1:]
            ahead = [one for one in past if now < one.since < visible]
            self.said[name] = [*seen, *ahead, Said(visible, tuple(self.named[name].values()))]
            if not self.named[name]:
                del self.named[name]
                if visible <= now:
                    del self.said[name]

    def at(self, name: str, moment: float) -> Said:
        """What a name says at that moment; nothing where it does not exist."""
        past = self.said.get(name, [])
        return next((one for one in reversed(past) if one.since <= moment), Said(moment, ()))

    def exists(self, name: str, moment: float) -> bool:
        """Whether a name has record sets, or others below it do."""
        suffix = f".{name}"
        return bool(self.at(name, moment).records) or any(
            one.endswith(suffix) and self.at(one, moment).records for one in self.said
        )

    def listed(self) -> list[Record]:
        """The record sets in the order of Route 53's lists."""
        return sorted(self.records.values(), key=lambda one: (reversed_labels(one["Name"]), *key_of(one)[1:]))
