"""States as objects in an S3 bucket: `<prefix>/<link>/<side>.json`, each written over exactly the one that was read.

So a commit is also the fence: whoever lost the state to another loses at his next commit, which is before his next
call to AWS. What he has under way then was made durable before it was sent, and the other finds it there. The lock
beside it (lock.py) only spares people that. Backups are the bucket's versions.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from plinkctl.aws.patience import Clock
from plinkctl.aws.session import Clients
from plinkctl.errors import AwsError, StateError
from plinkctl.link import Side
from plinkctl.state import Change, State
from plinkctl.stores import Held
from plinkctl.stores.address import Address
from plinkctl.stores.advice import advise
from plinkctl.stores.content import decode, encode
from plinkctl.stores.lock import Lock
from plinkctl.stores.lock import decode as holder_of
from plinkctl.stores.objects import PATIENCE, Note, Objects, Overtaken

_NOTHING_LOST: Final = (
    "nothing is lost: what was sent to AWS had its intention in the state before; run the same command again"
)


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What a bucket is reached with.

    Args:
        clients: Clients for `s3`, for the states of that side; their stop is never set.
        clock: The time; its sleep does not end when the user asks to stop.
        note: Tells the user a sentence.
    """

    clients: Callable[[Side, Address], Clients]
    clock: Clock
    note: Note


@dataclass
class Bucket:
    """A place in a bucket."""

    address: Address
    reach: Reach
    _objects: dict[Side, Objects] = field(default_factory=dict)
    _advised: bool = False

    def __str__(self) -> str:
        return str(self.address)

    def open(self, link: str, side: Side) -> "S3Store":
        """Take the lock of one side, and read its state; warn once about a bucket that is not as it should be."""
        objects = self._of(side)
        with objects.told():
            store = S3Store(self, objects, link, side)
        if not self._advised:
            self._advised = True
            advise(objects, self.reach.note)
        return store

    def read(self, link: str, side: Side) -> State | None:
        """One side's state, or None."""
        objects = self._of(side)
        with objects.told():
            found = objects.get(self._key(link, side))
        return None if found is None else decode(found.content, link, side, place=self.file(link, side))

    def set_aside(self, link: str, side: Side) -> str:
        """Copy one side's object beside, under its lock, then delete exactly what was copied."""
        objects = self._of(side)
        with objects.told():
            lock = Lock(objects, self.lock(link, side), wall=self.reach.clock.wall, note=self.reach.note)
            try:
                found = objects.get(self._key(link, side))
                if found is None:
                    return ""
                mark = found.etag.strip('"')[:16]
                beside = f"{side}.aside-{mark}.json"
                with suppress(Overtaken):  # the very same content was put aside before
                    objects.put(self.address.key(link, beside), found.content, over=None)
                objects.delete(self._key(link, side), at=found.etag)
                return f"s3://{self.address.bucket}/{self.address.key(link, beside)}"
            finally:
                lock.release()

    def links(self) -> list[tuple[str, Side]]:
        """Every link and side that has an object here, as the provider's credentials see it."""
        objects = self._of(Side.PROVIDER)
        with objects.told():
            names = [name.removeprefix(self.address.folder) for name in objects.names(self.address.folder)]
        split = [name.split("/") for name in names if name.count("/") == 1 and name.endswith(".json")]
        found = [(link, last.removesuffix(".json")) for link, last in split]
        return sorted((link, Side(stem)) for link, stem in found if stem in set(Side))

    def file(self, link: str, side: Side) -> str:
        """The object's URL."""
        return f"s3://{self.address.bucket}/{self._key(link, side)}"

    def holder(self, link: str, side: Side) -> Held | None:
        """Who holds the lock; any such lock can be ended."""
        objects = self._of(side)
        with objects.told():
            found = objects.get(self.lock(link, side))
        if found is None:
            return None
        return Held(who=str(holder_of(found.content) or "somebody whose lock cannot be read"), hold=found.etag)

    def unlock(self, link: str, side: Side, held: Held) -> bool:
        """End exactly this hold, by a conditional delete."""
        objects = self._of(side)
        with objects.told():
            return objects.delete(self.lock(link, side), at=held.hold)

    def lock(self, link: str, side: Side) -> str:
        """The lock's key."""
        return self.address.key(link, f"{side}.lock")

    def _key(self, link: str, side: Side) -> str:
        return self.address.key(link, f"{side}.json")

    def _of(self, side: Side) -> Objects:
        if side not in self._objects:
            aws = self.reach.clients(side, self.address)
            self._objects[side] = Objects(aws, self.address, clock=self.reach.clock, note=self.reach.note)
        return self._objects[side]


class S3Store:
    """One side's state in a bucket, with its lock, until `close`.

    Raises:
        StateError: Somebody else holds the lock, or the state is unreadable.
        AwsError: S3 refused it.
    """

    def __init__(self, place: Bucket, objects: Objects, link: str, side: Side) -> None:
        self._objects = objects
        self._key = place.address.key(link, f"{side}.json")
        self._file = place.file(link, side)
        # In every content, so that no two writers ever write the same, and each knows its own again.
        self._writer = uuid.uuid4().hex
        # Commits that may have been done though S3 did not say so; at most one was, as all are over the same object.
        self._unsure: dict[bytes, State] = {}
        self._lost: StateError | None = None
        reach = place.reach
        self._lock = Lock(objects, place.lock(link, side), wall=reach.clock.wall, note=reach.note)
        try:
            found = objects.get(self._key)
            self._state = None if found is None else decode(found.content, link, side, place=self._file)
            self._etag = None if found is None else found.etag
        except BaseException:
            self._lock.release()
            raise

    @property
    def state(self) -> State | None:
        """The state as last made durable or begun."""
        return self._state

    def begin(self, state: State) -> None:
        """Start with this state; it becomes durable with the first commit."""
        self._state = state

    def commit(self, change: Change) -> None:
        """Write the state with this change in it over the one that was read or written last.

        Raises:
            StateError: Another has written meanwhile, and this process may never write again; or S3 could not be
                brought to take it, and it is not known to be durable.
        """
        if self._state is None:
            raise RuntimeError("commit before begin")
        if self._lost is not None:
            raise self._lost
        after = self._state.put(change)
        content = encode(after, writer=self._writer)
        try:
            # Who could not write a moment ago is not patient again: others wait for this thread.
            etag = self._objects.put(self._key, content, over=self._etag, within=0 if self._unsure else PATIENCE)
        except Overtaken as overtaken:
            if self._resolved(overtaken):
                self.commit(change)
                return
            self._lost = self._taken(overtaken)
            raise self._lost from overtaken
        except AwsError as error:
            self._unsure[content] = after
            raise StateError(
                f"cannot write the state {self._file}", why=error.why, hint=_NOTHING_LOST, code="state_unusable"
            ) from error
        self._state, self._etag, self._unsure = after, etag, {}
        self._lock.keep()

    def close(self) -> None:
        """Give the lock back. Closing twice is harmless."""
        self._lock.release()

    def _resolved(self, overtaken: Overtaken) -> bool:
        """Whether what overtook us is our own commit of before, which S3 had not answered."""
        found = overtaken.found
        if found is None or found.content not in self._unsure:
            return False
        self._state, self._etag, self._unsure = self._unsure[found.content], found.etag, {}
        return True

    def _taken(self, overtaken: Overtaken) -> StateError:
        what = "somebody else has written it" if overtaken.found is not None else "somebody has deleted it"
        return StateError(
            f"the state {self._file} is not this process's any more",
            why=f"{what} since it was read; so nothing more is sent to AWS",
            hint=_NOTHING_LOST,
            code="state_taken",
        )
