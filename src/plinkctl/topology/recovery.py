"""What a link must have been, as far as what is left of it tells: for a state that was lost."""

from collections.abc import Iterator, Mapping

from plinkctl.graph import Node
from plinkctl.link import Link
from plinkctl.state import Record
from plinkctl.topology.consumer import endpoint_names
from plinkctl.topology.parts import acceptance
from plinkctl.topology.provider import proofs, target

_WAYS = {"": "provider/target-group", "tls-": "provider/tls-targets"}


def relations(records: Mapping[str, Record], link: Link) -> list[Node]:
    """What carries no tag and can only be asked for by what it relates.

    Args:
        records: What is known of both sides, by node key.
        link: What the configuration says; in which zone DNS records are, nothing else tells.
    """
    possible = [acceptance()]
    possible += [target(way, records[key].params["port"]) for way, key in _WAYS.items() if key in records]
    possible += dns_records(link)
    return [node for node in possible if all(ref.node in records for ref in node.refs)]


def dns_records(link: Link) -> list[Node]:
    """The DNS records a link has."""
    made = proofs(link.provider) if link.provider else []
    made += endpoint_names(link.consumer) if link.consumer else []
    return [node for node in made if node.kind == "dns_record"]


def needs(records: Mapping[str, Record]) -> dict[str, tuple[str, ...]]:
    """Who must outlive whom, as far as the parameters tell: what names the ID or ARN of another holds it.

    Args:
        records: One side's, by node key.
    """
    known = {
        record.attrs[name]: key for key, record in records.items() for name in ("id", "arn") if name in record.attrs
    }
    return {
        key: tuple(sorted({known[text] for text in texts(record.params) if text in known} - {key}))
        for key, record in records.items()
    }


def texts(value: object) -> Iterator[str]:
    """Every text in a parameter value, at any depth."""
    match value:
        case str():
            yield value
        case Mapping():
            for item in value.values():
                yield from texts(item)
        case list() | tuple():
            for item in value:
                yield from texts(item)
        case _:
            return
