"""What one AWS thing is, in a few calls: the anatomy every kind has.

A kind's calls never wait, print, or touch state, and all of them may be repeated: `find` looks whether ours is there
already, `create` makes the bare thing with one mutating call, `probe` tells what AWS says now, `update` changes what
may be changed in place, `delete` takes it away (already gone is success). The engine does the waiting and remembering.

A freshly created thing is bare on purpose: whatever can be changed later (DNS attributes, rules, principals,
retention) is a *setting*. `probe` reports settings as they are, the engine compares them with the wanted ones
and calls `update` for the difference. So a first set-up, a changed configuration and a drift are one mechanism.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Final

from plinkctl.aws.faults import Nature
from plinkctl.aws.session import Clients
from plinkctl.errors import AwsError, RefusedError, UntaggedError
from plinkctl.link import Side

Attrs = Mapping[str, Any]
"""What AWS said of a thing, as JSON values; `id` is always there."""

TAG_PREFIX: Final = "plinkctl:"
NAME_PREFIX: Final = "plk-"
"""What every name of ours begins with where AWS wants unique names."""


class Presence(StrEnum):
    """What a probe saw."""

    ABSENT = "absent"
    PENDING = "pending"
    HELD = "held"  # somebody else must act before it can go on
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The answer of a probe.

    Args:
        presence: Where the thing stands.
        why: What it waits for or what is wrong, in words; AWS's own state name included.
        attrs: What AWS says of it now.
        settings: The current value of each of the kind's settings.
        untold: Those of them that AWS's answer is silent about; then the value is AWS's default.
        frozen: The parameters of its create that cannot be changed, as AWS tells them: for a state that was lost.
        tags: All its tags; None where the kind has none or they were not read.
    """

    presence: Presence
    why: str = ""
    attrs: Attrs = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    untold: frozenset[str] = frozenset()
    frozen: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] | None = None


ABSENT: Final = Seen(presence=Presence.ABSENT, why="not there")


@dataclass(frozen=True, kw_only=True)
class Tagged:
    """Something a sweep found.

    Args:
        attrs: What is remembered of it.
        tags: All its tags.
    """

    attrs: Attrs
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a kind takes.

    Args:
        ready_within: Seconds after which waiting for it to become ready is given up.
        gone_within: Seconds after which waiting for its end is given up.
        usual: How long others measured on AWS that it takes to become ready, in words (aws-facts.md section 12).
        usual_end: The same until it is gone.
    """

    ready_within: float = 120
    gone_within: float = 300
    usual: str = "seconds"
    usual_end: str = "seconds"


@dataclass(frozen=True, kw_only=True)
class Ctx:
    """Everything a kind may know during one call.

    Args:
        aws: The clients of the side's account.
        link: The link's name.
        side: The side.
        node: The node's name within the side.
        lineage: The state's random identity.
        account: The side's account.
        region: Its region.
        partition: Its partition.
        op: Operation id of this incarnation: token, tag, part of names.
        params: The parameters, resolved: frozen ones for create, wanted ones for update.
        user_tags: The user's own tags.
        consents: What the user agreed to on the command line, e.g. `reject-connections`.
        now: Seconds since the epoch, for what expires.
    """

    aws: Clients
    link: str
    side: Side
    node: str
    lineage: str
    account: str
    region: str
    partition: str
    op: str
    params: Mapping[str, Any]
    user_tags: Mapping[str, str]
    consents: frozenset[str] = frozenset()
    now: float = 0.0

    @property
    def tags(self) -> dict[str, str]:
        """All tags of the resource; given in the create call itself, never afterwards."""
        return {
            **self.user_tags,
            "Name": f"plinkctl-{self.link}-{self.side}-{self.node}",
            f"{TAG_PREFIX}link": self.link,
            f"{TAG_PREFIX}side": self.side.value,
            f"{TAG_PREFIX}node": self.node,
            f"{TAG_PREFIX}lineage": self.lineage,
            f"{TAG_PREFIX}op": self.op,
        }

    def unique_name(self, limit: int) -> str:
        """A name for kinds that AWS wants named uniquely: lower case, `[a-z0-9-]`, at most `limit` characters.

        The op id in it makes it ours alone: ELBv2 answers a create with somebody else's balancer when name and
        settings happen to be equal.
        """
        tail = f"{self.node}-{self.op[:10]}"
        room = limit - len(f"{NAME_PREFIX}-") - len(tail)
        return f"{NAME_PREFIX}{self.link[: max(room, 1)].rstrip('-')}-{tail}"[-limit:].lstrip("-")


class Kind(ABC):
    """The base of all kinds. Instances have no state."""

    name: ClassVar[str]
    """The kind's name in graphs and state files."""

    title: ClassVar[str]
    """AWS's own word for it, for people."""

    client: ClassVar[str] = "ec2"
    """The boto3 client its calls go to first; a side without any such kind does not make that client."""

    patience: ClassVar[Patience] = Patience()
    settings: ClassVar[frozenset[str]] = frozenset()
    """Parameters that can be changed in place."""

    way_there: ClassVar[str] = "plinkctl teardown, then the same command again"
    """How to get a change that cannot be made in place."""

    way_past: ClassVar[str] = "choose another name or range, or remove it if it is yours; plinkctl does not touch it"
    """What to do about something of somebody else's that is where it has to be."""

    blind: ClassVar[bool] = False
    """Neither token nor unique name guards its create: absence is believed only after the grace period."""

    attached: ClassVar[bool] = False
    """It is a relation that ends with the things it relates; teardown only forgets it."""

    prunable: ClassVar[bool] = False
    """May be deleted by an `up` whose configuration does not have it any more."""

    renewable: ClassVar[bool] = False
    """Nothing stands on it, so one that is outdated or has failed is taken away and made anew."""

    @abstractmethod
    def find(self, ctx: Ctx) -> Attrs | None:
        """The thing this op made, if it is there: by name or tag; never one without our op tag."""

    @abstractmethod
    def create(self, ctx: Ctx) -> Attrs:
        """Make it, by one mutating call, named, tagged and tokened."""

    @abstractmethod
    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """What AWS says of it now."""

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        """Bring the settings in `changes` to the given values. Must be repeatable.

        A kind may make only some of them at once; the engine probes and asks again.
        """
        raise NotImplementedError

    @abstractmethod
    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """Take it away; already gone is success. A fault of nature BUSY makes the engine try again."""

    def retag(self, ctx: Ctx, attrs: Attrs, *, put: Mapping[str, str], drop: Sequence[str]) -> None:
        """Change the user's tags."""
        raise NotImplementedError

    def blockers(self, ctx: Ctx, attrs: Attrs) -> str:
        """What keeps it from being deleted, in words; asked while a delete is BUSY."""
        return ""

    def sweep(self, ctx: Ctx, tag: str, value: str) -> list[Tagged]:
        """Everything of this kind in the account that carries this tag of ours, e.g. `plinkctl:lineage`."""
        return []


def gone(error: AwsError) -> bool:
    """Whether the error says that the thing is not there."""
    return error.nature == Nature.GONE


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as most AWS APIs want them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def as_dict(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Tags as most AWS APIs give them."""
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def ours(ctx: Ctx, tags: Mapping[str, str], what: str) -> bool:
    """Whether a thing found by a name of ours was made by this op.

    Raises:
        RefusedError: The name is ours but the tags are not: somebody else made it; it must not be touched.
            An UntaggedError when it has no op tag at all, which may only not be seen yet.
    """
    if tags.get(f"{TAG_PREFIX}op") == ctx.op:
        return True
    raise foreign(what, tags)


def foreign(what: str, tags: Mapping[str, str]) -> RefusedError:
    """The refusal to touch what is not ours."""
    carried = {k: v for k, v in tags.items() if k.startswith(TAG_PREFIX)}
    kind = RefusedError if f"{TAG_PREFIX}op" in tags else UntaggedError
    return kind(
        f"{what} is not this link's",
        why=f"its plinkctl tags are {carried or 'missing'}",
        hint="look who made it; plinkctl does not touch it",
        code="foreign",
    )


def ignore_gone(error: AwsError) -> None:
    """Let a delete of what is not there pass; anything else is raised."""
    if not gone(error):
        raise error
