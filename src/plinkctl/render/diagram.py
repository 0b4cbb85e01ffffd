"""The link as a text tree: the way of one request from the probe function to the fixed response.

Draws a `LinkPicture` and asks nobody: whoever has the states fills one in. The order is the order of the packets
(endpoint, endpoint service, NLB, ALB), which is not the order in which the resources are made.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from plinkctl.render.terminal import clean
from plinkctl.render.words import short_id

UNKNOWN: Final = "unknown"
FOREIGN: Final = "not ours to see"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a side is. A side that is drawn without a place belongs to somebody else."""

    account: str | None = None
    region: str | None = None


@dataclass(frozen=True, kw_only=True)
class Hop:
    """One thing on the way.

    Args:
        id: Its ID, name or ARN; None where it is not known.
        state: AWS's own word for its state, or None.
        zones: Zone IDs (`apne1-az1`): names of zones mean different zones in different accounts.
        note: Anything else in a few words, e.g. `2 of 2 healthy`.
        borrowed: It was there before us.
    """

    id: str | None = None
    state: str | None = None
    zones: tuple[str, ...] = ()
    note: str | None = None
    borrowed: bool = False


@dataclass(frozen=True, kw_only=True)
class LinkPicture:
    """What is known of a link.

    A hop that is None is `unknown` where its side is ours (it has a place) and `not ours to see` where it is not.

    Args:
        consumer: Where the consumer's side is, or None when it is somebody else's.
        provider: Where the provider's side is, or None when it is somebody else's.
        function: The probe function.
        endpoint: The interface endpoint; both sides can see it.
        connection: The acceptance state (`pendingAcceptance`, `available`, `rejected`, …), or None.
        service: The endpoint service; both sides can see it.
        nlb: The NLB behind the service.
        target_group: The NLB's target group.
        alb: The ALB in it.
        response: The ALB's fixed response in words: `200 Hello from ALB!`.
    """

    consumer: Place | None = None
    provider: Place | None = None
    function: Hop | None = None
    endpoint: Hop | None = None
    connection: str | None = None
    service: Hop | None = None
    nlb: Hop | None = None
    target_group: Hop | None = None
    alb: Hop | None = None
    response: str | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """A picture from JSON values with the same keys; keys it does not know are passed over."""
        return cls(
            consumer=_place_from(data.get("consumer")),
            provider=_place_from(data.get("provider")),
            function=_hop_from(data.get("function")),
            endpoint=_hop_from(data.get("endpoint")),
            connection=data.get("connection"),
            service=_hop_from(data.get("service")),
            nlb=_hop_from(data.get("nlb")),
            target_group=_hop_from(data.get("target_group")),
            alb=_hop_from(data.get("alb")),
            response=data.get("response"),
        )


@dataclass(frozen=True, kw_only=True)
class _Lines:
    """The strokes of the drawing."""

    corner: str = "└─ "
    down: str = "│"
    arrow: str = "▼"
    gap: str = "   "


_FINE: Final = _Lines()
_ASCII: Final = _Lines(corner="`- ", down="|", arrow="v")


def diagram(data: LinkPicture | Mapping[str, Any], *, unicode: bool = True) -> str:
    """Draw the link, one hop a line; ends with a line break.

    Args:
        data: A picture, or JSON values with its keys.
        unicode: False draws with ASCII only, for a stream that is not UTF-8 (`terminal.speaks_utf8`).
    """
    picture = data if isinstance(data, LinkPicture) else LinkPicture.of(data)
    strokes = _FINE if unicode else _ASCII
    return "".join(f"{line.rstrip()}\n" for line in _drawing(picture, strokes))


def _drawing(picture: LinkPicture, strokes: _Lines) -> Iterator[str]:
    consumer = [
        ("probe function", _hop(picture.function, picture.consumer)),
        ("endpoint", _hop(picture.endpoint, picture.consumer)),
    ]
    yield from _branch("consumer", picture.consumer, consumer, strokes)
    yield f"{strokes.gap * 2}{strokes.down}"
    yield f"{strokes.gap * 2}{strokes.down}  connection: {clean(picture.connection or UNKNOWN)}"
    yield f"{strokes.gap * 2}{strokes.arrow}"
    yield from _branch("provider", picture.provider, _behind_service(picture), strokes)


def _behind_service(picture: LinkPicture) -> list[tuple[str, str]]:
    there = picture.provider
    hops = [("endpoint service", _hop(picture.service, there)), ("NLB", _hop(picture.nlb, there))]
    rest = (picture.target_group, picture.alb, picture.response)
    if picture.nlb and picture.nlb.borrowed and not any(rest):
        return [*hops, ("what it forwards to", FOREIGN)]
    missing = UNKNOWN if there else FOREIGN
    return [
        *hops,
        ("target group", _hop(picture.target_group, there)),
        ("ALB", _hop(picture.alb, there)),
        ("fixed response", clean(picture.response) if picture.response else missing),
    ]


def _branch(side: str, place: Place | None, hops: list[tuple[str, str]], strokes: _Lines) -> Iterator[str]:
    where = "  ".join(clean(part or UNKNOWN) for part in (place.account, place.region)) if place else "somebody else's"
    yield f"{side}  {where}"
    for depth, (name, told) in enumerate(hops):
        yield f"{strokes.gap * depth}{strokes.corner}{name}  {told}"


def _hop(hop: Hop | None, place: Place | None) -> str:
    if hop is None:
        return UNKNOWN if place else FOREIGN
    parts = [short_id(clean(hop.id)) if hop.id else UNKNOWN, hop.state, " ".join(hop.zones), hop.note]
    if hop.borrowed:
        parts.append("(borrowed)")
    return "  ".join(clean(part) for part in parts if part)


def _place_from(value: Mapping[str, Any] | None) -> Place | None:
    return None if value is None else Place(account=value.get("account"), region=value.get("region"))


def _hop_from(value: Mapping[str, Any] | None) -> Hop | None:
    if value is None:
        return None
    return Hop(
        id=value.get("id"),
        state=value.get("state"),
        zones=tuple(value.get("zones") or ()),
        note=value.get("note"),
        borrowed=bool(value.get("borrowed")),
    )
