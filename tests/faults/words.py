"""The same words for the same things, whatever identifiers chance gave them: two runs can then be compared.

Operation IDs, lineages and identifiers that a state knows become the node's name; of all others only the kind is left.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from plinkctl.kinds import KINDS

_RANDOM: Final = re.compile(
    r"\b((?:vpc-cidr-assoc|vpc|subnet|sg|sgr|rtb|rtbassoc|eni|eni-attach|acl|aclassoc|dopt|igw|vpce|vpce-svc-perm|vpce-svc|vpce-con|eipalloc|ela-attach)-)"
    r"[0-9a-f]{8,17}(?:-\w{8})?\b"
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|/[0-9a-f]{16}\b|/\d{15}\b|(?<=>)-(?:[a-z0-9]{8,16}(?:-[0-9a-f-]{27})?|\d+)(?=[-.\"])|\bA[A-Z]{3}[A-Z0-9]{16,17}\b|\b10\.\d+\.\d+\.\d+(?!/|\.|\d)|\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b"
    # certificates, hosted zones, and the names and values that prove a domain
    r"|\bLS0tLS1CRUdJTi[\w+/=]+"
    r"|-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----|\bZ[A-Z0-9]{12,32}\b|\bC[A-Z0-9]{20}\b"
    r"|\b_[0-9a-f]{20,32}\b|\bvpce:[0-9a-f]{20}\b|\b[a-z]{10}(?=\.acm-validations)"
    r"|\b20\d\d-\d\d-\d\d[T ][\d:.]+(?:Z|\+[\d:]+)?|\bip-10-\d+-\d+-\d+\b|\b\d{13}\b|\b1\d{9}\.\d+\b",
    re.DOTALL,
)


class Words:
    """Names things as these states know them.

    Args:
        states: The state files' contents, parsed.
    """

    def __init__(self, states: Iterable[Mapping[str, Any]]) -> None:
        self._known: dict[str, str] = {}
        self.ops: dict[str, str] = {}
        self.nodes: dict[str, str] = {}
        for state in states:
            side = state["side"]
            self._known[state["lineage"]] = f"<lineage of {side}>"
            for name, record in state["records"].items():
                node = f"{side}/{name}"
                if record["op"]:
                    self._known[record["op"]] = self._known[record["op"][:10]] = f"<op of {node}>"
                    self.ops[record["op"]] = node
                found = str(record["attrs"].get("id", ""))
                if len(found) > 8 and not KINDS[record["kind"]].attached:  # a relation goes by what it relates
                    self._known[found] = f"<{node}>"
                    self.nodes[found] = node
        longest_first = sorted(self._known, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def __call__(self, text: str) -> str:
        """The text in names."""
        return _RANDOM.sub(lambda m: m[1] or "?", self._pattern.sub(lambda m: self._known[m[0]], text))

    def node_of(self, values: Iterable[str]) -> str:
        """The node a request is about: that of the first value that an operation or an identifier fits; else empty."""
        values = tuple(values)
        found = [known[v] for known in (self.ops, self.nodes) for v in values if v in known]
        return found[0] if found else next(iter(self._inside(values)), "")

    def _inside(self, values: Iterable[str]) -> Iterator[str]:
        for value in values:
            if match := self._pattern.search(value):
                word = self._known[match[0]]
                if not word.startswith("<lineage"):
                    yield word.strip("<>").removeprefix("op of ")


def digest(value: Any) -> str:
    """A short hash of JSON values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
