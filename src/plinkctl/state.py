"""What plinkctl has made, wants to make, or is taking away: the journal of one side, as immutable values.

The state is written whole at every transition (stores/ does it), so it is the journal: an intention is in it
before the call is sent, an ID before anything waits. Phases of a record:

    creating  the intent: op id, frozen parameters, when the call was last sent
    created   AWS gave an ID
    ready     probed, converged, usable
    deleting  the intent to delete
    absent    gone; kept for its incarnation number, so that no op id and no client token is ever used twice

Nothing here reads or writes files.
"""

import base64
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from plinkctl import __version__
from plinkctl.errors import StateError
from plinkctl.link import Side

_INCARNATIONS: Final = 10_000  # tried of one node before an op id is none of its; a hundredth of a second
ONE_WAY: Final = json.JSONEncoder(sort_keys=True)
"""Equal values, equal text."""


class Phase(StrEnum):
    """Where a record stands."""

    CREATING = "creating"
    CREATED = "created"
    READY = "ready"
    DELETING = "deleting"
    ABSENT = "absent"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One node as far as it is known.

    Args:
        node: Name within the side, e.g. `nlb`.
        kind: Name of its kind.
        phase: Where it stands.
        incarnation: 1 for the first resource of this node, 2 after it was deleted and made again, …
        op: Operation id of this incarnation: client token, tag and part of names.
        params: The frozen parameters every send of this incarnation's create uses.
        attrs: What AWS said of it; `id` once it is created.
        tags: The user's own tags as last applied.
        needs: Node keys it holds: they must outlive it.
        borrowed: It was there before us: never changed, never deleted.
        attempt: How often the create was sent and may have taken effect: what AWS clearly refused does not count.
        sent_at: Seconds since the epoch of the last send whose outcome is not known, or None.
    """

    node: str
    kind: str
    phase: Phase
    incarnation: int = 1
    op: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    borrowed: bool = False
    attempt: int = 0
    sent_at: float | None = None

    @property
    def id(self) -> str:
        """The AWS identifier, or an empty string before there is one."""
        return str(self.attrs.get("id", ""))

    @cached_property
    def text(self) -> str:
        """The record as a line of JSON. Made once, since a record never changes and is written with every commit."""
        return ONE_WAY.encode({f.name: getattr(self, f.name) for f in fields(self)})

    @property
    def live(self) -> bool:
        """Whether something on AWS may belong to this record."""
        return self.phase is not Phase.ABSENT


@dataclass(frozen=True)
class Protection:
    """Whether the side may be taken down."""

    on: bool


Change = Record | Protection
"""What is made durable, one at a time."""


@dataclass(frozen=True, kw_only=True)
class State:
    """One side of one link.

    Args:
        link: The link's name.
        side: Which side.
        account: 12-digit account the resources are in.
        region: Region they are in.
        partition: `aws`, `aws-cn`, `aws-us-gov`.
        lineage: Random once, so that two states never have the same op ids.
        serial: Counts every change.
        floor: Incarnations up to this one may have been used by a state that was lost; new ones are above.
        protected: It must not be taken down until the user lifts this.
        records: By node name.
    """

    link: str
    side: Side
    account: str
    region: str
    partition: str
    lineage: str
    serial: int = 0
    floor: int = 0
    protected: bool = False
    records: Mapping[str, Record] = field(default_factory=dict)

    def put(self, change: Change) -> "State":
        """The state after one change."""
        if isinstance(change, Protection):
            return replace(self, serial=self.serial + 1, protected=change.on)
        return replace(self, serial=self.serial + 1, records={**self.records, change.node: change})

    def next_record(self, node: str) -> tuple[int, str]:
        """Incarnation and op id of the node's next resource."""
        before = self.records.get(node)
        incarnation = max(before.incarnation if before else 0, self.floor) + 1
        return incarnation, op_id(self.lineage, f"{self.side}/{node}", incarnation)

    @property
    def live(self) -> dict[str, Record]:
        """The records that something on AWS may belong to."""
        return {name: record for name, record in self.records.items() if record.live}

    def to_json(self) -> dict[str, Any]:
        """The state as JSON values."""
        records = {name: {f.name: getattr(r, f.name) for f in fields(r)} for name, r in self.records.items()}
        return {**self.head(), "records": records}

    def head(self) -> dict[str, Any]:
        """All but the records, as JSON values."""
        rest = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "records"}
        return {"schema": SCHEMA, "written_by": _WRITER, **rest}


def new(*, link: str, side: Side, account: str, region: str, partition: str) -> State:
    """A state with nothing in it and a lineage of its own."""
    lineage = str(uuid.uuid4())
    return State(link=link, side=side, account=account, region=region, partition=partition, lineage=lineage)


def op_id(lineage: str, key: str, incarnation: int) -> str:
    """The operation id: 26 letters and digits, valid as EC2 client token (64), in names and in tags.

    Hashing the incarnation in prevents the accident of a token that still points at a deleted resource
    (reliability.md finding 6: the second `up` fails for ever).
    """
    digest = hashlib.sha256(f"{lineage}|{key}|{incarnation}".encode()).digest()
    return base64.b32encode(digest).decode().lower()[:26]


def incarnation_of(lineage: str, key: str, op: str) -> int | None:
    """Which incarnation of a node an op id is of, found by trying; None when it is of none.

    So the tags of a resource prove each other: nobody gets lineage, node and op to agree by chance or by a slip.
    """
    return next((n for n in range(1, _INCARNATIONS + 1) if op_id(lineage, key, n) == op), None)


def from_json(data: object, *, place: str) -> State:
    """Read a state from JSON values, of this schema or any older one.

    Args:
        data: What the JSON file held.
        place: The file's name, for messages.

    Raises:
        StateError: It is damaged, or written by a newer plinkctl.
    """
    if not isinstance(data, dict):
        raise damaged(place, "it holds no JSON object")
    schema = data.get("schema")
    if type(schema) is not int or schema < 1:
        raise damaged(place, f"its schema is {schema!r}, not a version number")
    if schema > SCHEMA:
        writer = data.get("written_by")
        raise StateError(
            f"the state {place} is newer than this plinkctl",
            why=f"it has schema {schema}, written by {writer or 'an unknown version'}; this is {_WRITER}, "
            f"which knows {SCHEMA}",
            hint="pip install --upgrade plinkctl",
            code="state_too_new",
        )
    try:
        data = migrate(data)
        records = {name: _record(name, value) for name, value in data["records"].items()}
        return State(
            **{f.name: _typed(data, f.name, _NO_TEXTS.get(f.name, str)) for f in _SCALARS},
            side=Side(data["side"]),
            records=records,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(place, f"{type(error).__name__}: {error}") from error


def migrate(data: dict[str, Any]) -> dict[str, Any]:
    """The same state in this version's schema. A state of this schema is given back as it is.

    Args:
        data: A state's JSON values, of schema 1 to `SCHEMA`.
    """
    for step in _MIGRATIONS[data["schema"] - 1 :]:
        data = step(data)
    return data


def _from_1(data: dict[str, Any]) -> dict[str, Any]:
    """Schema 2 has a floor of incarnations, says who wrote it, and is kept with a checksum (stores/content.py)."""
    return {"floor": 0, "written_by": "", **data, "schema": 2}


def _from_2(data: dict[str, Any]) -> dict[str, Any]:
    """Schema 3 says whether the side is protected, which an older plinkctl would not heed."""
    return {"protected": False, **data, "schema": 3}


_MIGRATIONS: Final[tuple[Callable[[dict[str, Any]], dict[str, Any]], ...]] = (_from_1, _from_2)
"""From schema 1 to 2, from 2 to 3, … A step is never changed once released: states of its schema are out there."""

SCHEMA: Final = 1 + len(_MIGRATIONS)

_WRITER: Final = f"plinkctl {__version__}"

_NO_TEXTS: Final = {"serial": int, "floor": int, "protected": bool}
_SCALARS: Final = tuple(f for f in fields(State) if f.name not in {"side", "records"})

_FORM: Final[dict[str, tuple[type, ...]]] = {
    "node": (str,),
    "kind": (str,),
    "phase": (str,),
    "incarnation": (int,),
    "op": (str,),
    "params": (dict,),
    "attrs": (dict,),
    "tags": (dict,),
    "needs": (list,),
    "borrowed": (bool,),
    "attempt": (int,),
    "sent_at": (int, float, type(None)),
}


def _record(name: str, value: Mapping[str, Any]) -> Record:
    """Checked field by field: a wrong type let in here would end a later command in the middle of its work."""
    if extra := set(value) - set(_FORM):
        raise ValueError(f"record {name!r} has the unknown field {min(extra)!r}")
    found = {key: _typed(value, key, *_FORM[key]) for key in value}
    record = Record(**{**found, "phase": Phase(found["phase"]), "needs": tuple(found.get("needs", ()))})
    if not all(isinstance(need, str) for need in record.needs):
        raise TypeError(f"record {name!r} needs what is no node's key")
    if record.node != name:
        raise ValueError(f"record {name!r} says it is {record.node!r}")
    if record.incarnation < 1:
        raise ValueError(f"record {name!r} has incarnation {record.incarnation}")
    if record.phase is not Phase.CREATING and record.live and not record.id:
        raise ValueError(f"record {name!r} is {record.phase} but has no id")
    return record


def _typed(data: Mapping[str, Any], name: str, *kinds: type) -> Any:
    value = data[name]
    if type(value) not in kinds:  # exactly: True is an int to isinstance
        raise TypeError(f"{name} is of type {type(value).__name__}")
    return value


def damaged(place: str, why: str) -> StateError:
    """The error for what should be a state and is not.

    Args:
        place: The file's name.
        why: What is wrong with it.
    """
    return StateError(
        f"the state {place} is damaged",
        why=why,
        hint="restore it from a backup; or plinkctl state rebuild SIDE --replace makes it again from the tags",
        code="state_damaged",
    )
