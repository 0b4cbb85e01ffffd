"""What an account holds of a link, found by its tags alone: a teardown's proof, a lost state's way back."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from plinkctl.app.run import Seat
from plinkctl.kinds import KINDS
from plinkctl.kinds.base import TAG_PREFIX, Attrs, Kind, Tagged
from plinkctl.link import Side
from plinkctl.state import incarnation_of

LINK: Final = f"{TAG_PREFIX}link"
LINEAGE: Final = f"{TAG_PREFIX}lineage"


@dataclass(frozen=True, kw_only=True)
class Found:
    """A resource that is a link's own beyond doubt: its tags say of which node, and prove each other.

    Args:
        side: Whose account it is in.
        node: Name of its node within the side.
        kind: Name of its kind.
        lineage: The lineage of the state that made it.
        incarnation: Which one of its node it is.
        op: Its operation id.
        attrs: What is remembered of it.
    """

    side: Side
    node: str
    kind: str
    lineage: str
    incarnation: int
    op: str
    attrs: Attrs

    @property
    def id(self) -> str:
        """The AWS identifier."""
        return str(self.attrs["id"])

    @property
    def key(self) -> str:
        """The node's key."""
        return f"{self.side}/{self.node}"

    def to_json(self) -> dict[str, str]:
        """As results list it."""
        return {"side": self.side.value, "node": self.key, "kind": self.kind, "id": self.id, "lineage": self.lineage}


def tagged(seat: Seat, tag: str, value: str, kinds: Collection[Kind] = ()) -> list[tuple[Kind, Tagged]]:
    """Everything in the seat's account that carries the tag, of these kinds or of all that the side has clients for."""
    ctx = seat.desk.ctx("", "", {})
    wanted = [kind for kind in (kinds or KINDS.values()) if kind.client in seat.aws.services]
    if not wanted:
        return []
    with ThreadPoolExecutor(len(wanted)) as pool:
        found = pool.map(lambda kind: (kind, kind.sweep(ctx, tag, value)), wanted)
        return [(kind, item) for kind, items in found for item in items]


def proven(seat: Seat, items: Collection[tuple[Kind, Tagged]]) -> tuple[list[Found], list[tuple[Kind, Tagged]]]:
    """Those that are this link's and this side's own, and those whose tags say so and contradict each other.

    Somebody may copy tags from one resource to another, by a template or by hand; what is not proven is never touched.
    """
    state = seat.state
    found: list[Found] = []
    strange: list[tuple[Kind, Tagged]] = []
    for kind, item in items:
        said = {key.removeprefix(TAG_PREFIX): value for key, value in item.tags.items() if key.startswith(TAG_PREFIX)}
        if (said.get("link"), said.get("side")) != (state.link, state.side.value):
            continue  # the other side of the link may be in the same account
        lineage, node, op = (said.get(name, "") for name in ("lineage", "node", "op"))
        incarnation = incarnation_of(lineage, f"{state.side}/{node}", op)
        if incarnation is None:
            strange.append((kind, item))
            continue
        found.append(
            Found(
                side=state.side,
                node=node,
                kind=kind.name,
                lineage=lineage,
                incarnation=incarnation,
                op=op,
                attrs=item.attrs,
            )
        )
    return found, strange
