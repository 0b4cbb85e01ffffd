"""Objects in a bucket that are only written on a condition: over the very one that was seen, or where none is.

S3 answers 412 when another was quicker, 404 when the object is gone, 409 when a delete came in between (try again).
An answer can also be lost. Then the object is read: if it is what was sent, the write was done; whoever writes makes
each content different from every other, so nobody takes another's write for its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from plinkctl.aws.faults import Nature, unanswered
from plinkctl.aws.patience import Clock, persist
from plinkctl.aws.session import Clients
from plinkctl.errors import AccessError, AwsError, StateError, UsageError
from plinkctl.stores.address import Address

Note = Callable[[str, str], None]
"""Tells the user a sentence; then its level, `info` or `warning`."""

PATIENCE: Final = 60.0  # seconds a write is tried again; S3's own advice for 503 is to slow down and repeat
_ELSEWHERE: Final = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}


@dataclass(frozen=True)
class Object:
    """What a key holds, and S3's name for exactly this content."""

    content: bytes
    etag: str


class Overtaken(Exception):  # noqa: N818  (an answer, not an error: who asked decides what it means)
    """The object is not the one that was to be written over. `found` is what is there now."""

    def __init__(self, found: Object | None) -> None:
        super().__init__("overtaken")
        self.found = found


class Objects:
    """The objects at one address.

    Args:
        aws: Clients for `s3` whose stop is never set: what was done on AWS is recorded after a signal too.
        address: Where.
        clock: The time between attempts.
        note: Tells the user what is waited for.
    """

    def __init__(self, aws: Clients, address: Address, *, clock: Clock, note: Note) -> None:
        self.aws = aws
        self.address = address
        self._clock = clock
        self._note = note

    @property
    def where(self) -> dict[str, str]:
        """The parameters of every call: the bucket, and whose it must be."""
        owner = {"ExpectedBucketOwner": self.address.owner} if self.address.owner else {}
        return {"Bucket": self.address.bucket, **owner}

    def get(self, key: str) -> Object | None:
        """What a key holds; None when it holds nothing.

        Raises:
            AwsError: S3 refused it.
        """
        found = self.aws.peek("s3", "get_object", Key=key, **self.where)
        return None if found is None else Object(content=found["Body"], etag=found["ETag"])

    def names(self, under: str) -> list[str]:
        """Every key that begins so.

        Raises:
            AwsError: S3 refused it.
        """
        return [
            str(one["Key"]) for one in self.aws.pages("s3", "list_objects_v2", "Contents", Prefix=under, **self.where)
        ]

    def put(self, key: str, content: bytes, *, over: str | None, within: float = PATIENCE) -> str:
        """Write over exactly the object that was seen; returns only when it is durable.

        Args:
            key: Where.
            content: What; unlike everything that anybody else may write.
            over: ETag of the object that was seen, or None when there was none.
            within: Seconds to try again when S3 gives no clear answer.

        Returns:
            The ETag of what was written.

        Raises:
            Overtaken: Somebody else has written meanwhile; nothing was written.
            AwsError: S3 refused it, or gave no clear answer. It may have been written all the same.
        """
        condition = {"IfNoneMatch": "*"} if over is None else {"IfMatch": over}

        def attempt() -> str:
            try:
                reply = self.aws.write(
                    "s3", "put_object", Key=key, Body=content, ContentType="application/json", **condition, **self.where
                )
            except AwsError as error:
                if error.nature not in {Nature.EXISTS, Nature.GONE, Nature.UNCLEAR}:
                    raise
                # Whatever the answer: an attempt before this one may have been done though its answer was lost.
                found = self.get(key)
                if found is not None and found.content == content:
                    return found.etag
                if error.nature is not Nature.UNCLEAR or (found.etag if found else None) != over:
                    raise Overtaken(found) from error
                raise
            return str(reply["ETag"])

        def again(error: Exception) -> str | None:
            if not isinstance(error, AwsError) or not (unanswered(error) or error.nature == Nature.BUSY):
                return None
            return f"{self.address} ({error.answer.code})"

        def tell(what: str, waited: float) -> None:
            self._note(f"waiting for {what}, {waited:.0f} s", "warning")

        return persist(attempt, again=again, within=within, clock=self._clock, tell=tell)

    def delete(self, key: str, *, at: str) -> bool:
        """Delete exactly the object that was seen (S3's conditional delete).

        Returns:
            Whether it was there, and was it.

        Raises:
            AwsError: S3 refused it, or gave no clear answer.
        """
        try:
            self.aws.write("s3", "delete_object", Key=key, IfMatch=at, **self.where)
        except AwsError as error:
            if error.nature in {Nature.EXISTS, Nature.GONE}:
                return False
            raise
        return True

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say in words what is wrong with the bucket, or with the way to it.

        Raises:
            UsageError: There is no such bucket, or no way to it.
            AccessError: The credentials may not.
            StateError: Anything else.
        """
        try:
            yield
        except AccessError as error:
            owner = f", or the bucket is not {self.address.owner}'s" if self.address.owner else ""
            error.hint = f"{error.hint}; it was for the states in {self.address}{owner}"
            raise
        except AwsError as error:
            raise _in_words(error, self.address) from error


def _in_words(error: AwsError, address: Address) -> UsageError | StateError:
    said: dict[str, Any] = {"why": error.why}
    match error.answer.code:
        case "NoSuchBucket":
            hint = "make it first (docs/how-to/shared-state.md), or correct --state"
            return UsageError(f"there is no bucket {address.bucket!r}", hint=hint, code="no_bucket", **said)
        case code if code in _ELSEWHERE:
            hint = f"--state '{address}?region=REGION' names the bucket's region"
            return UsageError(f"the bucket {address.bucket!r} is elsewhere", hint=hint, code="other_region", **said)
        case _ if error.code == "unreachable":
            return UsageError(f"cannot reach {address}", hint=error.hint, code="unreachable", **said)
    return StateError(
        f"cannot use the states in {address}", hint="run the same command again", code="state_unusable", **said
    )
