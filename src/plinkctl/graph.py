"""Nodes and the edges between them: pure values, no AWS, no state.

The edges are the references in a node's parameters, so the order of work cannot drift from the flow of IDs.
Each reference says how much of the other node it needs: settled (ready to be used) or only created, as a
listener needs its load balancer's ARN minutes before that is active. And it says whether it *holds* the other
node: what holds must be gone before the other can be deleted.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from plinkctl.link import Side

_SETTLED: Final = True


@dataclass(frozen=True)
class Ref:
    """A value that another node will know: attribute `attr` of node `node`.

    Args:
        node: The other node's key, `<side>/<node>`.
        attr: The name of the attribute in its record.
        settled: Wait until the other node is ready; False waits only until the attribute is known.
        holds: On teardown the other node waits until this one is gone.
    """

    node: str
    attr: str = "id"
    settled: bool = _SETTLED
    holds: bool = True


@dataclass(frozen=True, kw_only=True)
class Node:
    """One AWS thing of a link.

    Args:
        key: `<side>/<node>`.
        side: Whose account it lives in.
        kind: Name of its kind in the registry of kinds.
        params: What it shall be: JSON values with `Ref`s in them, at any depth.
        borrowed: Attributes (at least `id`) of an existing resource to use instead of making one.
        transient: AWS error codes that are worth retrying for this node though they usually are final.
    """

    key: str
    side: Side
    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)
    borrowed: Mapping[str, Any] | None = None
    transient: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The key without its side: the name in the side's state."""
        return self.key.partition("/")[2]

    @property
    def refs(self) -> tuple[Ref, ...]:
        """Every reference in the parameters."""
        return tuple(refs_in(self.params))


def resolve(value: Any, lookup: Mapping[str, Mapping[str, Any]]) -> Any:
    """Replace every `Ref` in a parameter value by what the other nodes' attributes say.

    Args:
        value: A JSON value with `Ref`s at any depth.
        lookup: Node key to the attributes known of it.

    Raises:
        KeyError: A referenced attribute is not known; the walk must not have started this node.
    """
    match value:
        case Ref(node=node, attr=attr):
            return lookup[node][attr]
        case Mapping():
            return {key: resolve(item, lookup) for key, item in value.items()}
        case list() | tuple():
            return [resolve(item, lookup) for item in value]
        case _:
            return value


def refs_in(value: Any) -> Iterator[Ref]:
    """Every reference in a parameter value, at any depth."""
    match value:
        case Ref():
            yield value
        case Mapping():
            for item in value.values():
                yield from refs_in(item)
        case list() | tuple():
            for item in value:
                yield from refs_in(item)
        case _:
            return


class CycleError(ValueError):
    """The references form a circle; `path` names it. A bug in topology, never the user's fault."""

    def __init__(self, path: list[str]) -> None:
        super().__init__(" -> ".join(path))
        self.path = path


class Graph:
    """Which node needs which.

    Args:
        needs: For each node the references it waits for.

    Raises:
        CycleError: The needs form a circle.
        KeyError: A reference to a node that is not in the graph.
    """

    def __init__(self, needs: Mapping[str, Iterable[Ref]]) -> None:
        self.needs = {key: tuple(refs) for key, refs in needs.items()}
        self.order = _ordered(self.needs)

    def frontier(self, *, started: set[str], settled: set[str], known: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """The nodes whose turn it is.

        Args:
            started: Nodes that must not be given again.
            settled: Nodes that are ready.
            known: The attributes known of nodes that are at least created.
        """

        def satisfied(ref: Ref) -> bool:
            return ref.node in settled or (not ref.settled and ref.attr in known.get(ref.node, {}))

        return [key for key in self.order if key not in started and all(map(satisfied, self.needs[key]))]

    def dependents(self, key: str) -> set[str]:
        """All nodes that need this one, directly or through others."""
        found: set[str] = set()
        for candidate in self.order:  # dependency order: whoever is between has been seen before
            if any(ref.node == key or ref.node in found for ref in self.needs[candidate]):
                found.add(candidate)
        return found

    def reversed(self) -> "Graph":
        """The graph of teardown: a node waits for all that hold it."""
        needs: dict[str, list[Ref]] = {key: [] for key in self.order}
        for key in self.order:
            for ref in self.needs[key]:
                if ref.holds:
                    needs[ref.node].append(Ref(key))
        return Graph(needs)


def _ordered(needs: Mapping[str, tuple[Ref, ...]]) -> tuple[str, ...]:
    """Depth first, so that the order reads as a person would tell it: a thing right after what it needs."""
    done: dict[str, None] = {}
    path: list[str] = []

    def visit(key: str) -> None:
        if key in done:
            return
        if key in path:
            raise CycleError([*path[path.index(key) :], key])
        path.append(key)
        for ref in needs[key]:
            visit(ref.node)
        path.pop()
        done[key] = None

    for key in needs:
        visit(key)
    return tuple(done)
