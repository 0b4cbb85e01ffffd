"""Too many calls: the token buckets of each account, region and action, at the rates AWS publishes.

Pure and picklable. Every call takes a token from the bucket of its action; an empty bucket refuses it. Buckets refill
with the sandbox's clock, so that a frozen one does not, and an advanced one is generous.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from plinkctl.sandbox.door.protocol import Asked


@dataclass(frozen=True, slots=True)
class Limit:
    """One kind of bucket: how many calls at once, how many more each second, and whether accounts share it."""

    name: str
    capacity: float
    refill: float


# EC2: "Request throttling for the Amazon EC2 API" and the VPC endpoint quotas.
_ENDPOINTS: Final = Limit("vpc endpoints", 4, 0.3)
_SERVICES: Final = Limit("endpoint services", 10, 1)
_MUTATING: Final = Limit("ec2 mutating", 50, 5)
_DESCRIBE: Final = Limit("ec2 describe", 100, 20)
_UNFILTERED: Final = Limit("ec2 describe, unfiltered", 50, 10)
_EC2: Final = {
    **dict.fromkeys(("CreateVpcEndpoint", "ModifyVpcEndpoint", "DeleteVpcEndpoints"), _ENDPOINTS),
    **dict.fromkeys(
        (
            "AcceptVpcEndpointConnections",
            "RejectVpcEndpointConnections",
            "CreateVpcEndpointServiceConfiguration",
            "ModifyVpcEndpointServiceConfiguration",
            "DeleteVpcEndpointServiceConfigurations",
        ),
        _SERVICES,
    ),
    **dict.fromkeys(("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"), Limit("ingress rules", 50, 5)),
    "CreateTags": Limit("CreateTags", 100, 10),
    **dict.fromkeys(("CreateNetworkInterface", "DeleteNetworkInterface"), Limit("network interfaces", 100, 5)),
}
_SLOW_WHEN_WHOLE: Final = frozenset({"DescribeNetworkInterfaces", "DescribeSecurityGroups"})
#: What makes a describe a narrow one: paging, or anything that chooses.
_NARROWING: Final = frozenset({"Filter", "MaxResults", "NextToken", "NetworkInterfaceId", "GroupId", "GroupName"})
#: PrivateLink's calls have a bucket of the whole organisation as well, of which AWS publishes no size. Both accounts
#: are one organisation here; half as much again as one account has lets each be busy, and both at once feel it.
_ORGANISATION: Final = {
    limit: Limit(f"organisation's {limit.name}", limit.capacity * 1.5, limit.refill * 1.5)
    for limit in (_ENDPOINTS, _SERVICES)
}

#: Elsewhere only some figures are published: 40 describes at once (Elastic Load Balancing's guide), 15 a second for
#: Lambda's control plane and 100 for GetFunction (its quotas). The others are ours, of the order people report.
_ELSEWHERE: Final = {
    "elasticloadbalancing": (Limit("elb describe", 40, 10), Limit("elb mutating", 20, 3)),
    "iam": (Limit("iam read", 40, 20), Limit("iam mutating", 20, 5)),
    "lambda": (Limit("lambda control plane", 15, 15), Limit("lambda control plane", 15, 15)),
    "logs": (Limit("logs read", 20, 10), Limit("logs mutating", 20, 10)),
}
_READING: Final = ("Describe", "Get", "List")
#: Invocations are bound by concurrency, not by a rate; log lines by 5,000 calls a second, which nobody reaches here.
_FREE: Final = frozenset({("lambda", "Invoke"), ("lambda", "GetPolicy"), ("logs", "PutLogEvents")})


def limits(asked: Asked) -> tuple[tuple[Limit, bool], ...]:
    """The buckets a call takes from, and whether each is the organisation's rather than the account's."""
    if (asked.service, asked.action) in _FREE:
        return ()
    if asked.service == "ec2":
        limit = _of_ec2(asked)
        shared = _ORGANISATION.get(limit)
        return ((limit, False), (shared, True)) if shared else ((limit, False),)
    if asked.service == "lambda" and asked.action == "GetFunction":
        return ((Limit("lambda GetFunction", 100, 100), False),)
    if kinds := _ELSEWHERE.get(asked.service):
        return ((kinds[0 if asked.action.startswith(_READING) else 1], False),)
    return ()


def _of_ec2(asked: Asked) -> Limit:
    if known := _EC2.get(asked.action):
        return known
    if asked.action in _SLOW_WHEN_WHOLE and not asked.names & _NARROWING:
        return _UNFILTERED
    return _DESCRIBE if asked.action.startswith(_READING) else _MUTATING


@dataclass(slots=True)
class Buckets:
    """How full each bucket is: tokens, and the moment they were counted."""

    levels: dict[tuple[str, str, str], tuple[float, float]] = field(default_factory=dict)

    def take(self, asked: Asked, account: str, moment: float, factor: float) -> bool:
        """Whether the call may pass; it then takes its tokens. A refused call takes none.

        Args:
            asked: the call.
            account: who calls.
            moment: seconds of the sandbox's clock.
            factor: how many times AWS's rates; 0 for no limit at all.
        """
        if not factor:
            return True
        taken = {}
        for limit, shared in limits(asked):
            key = ("organisation" if shared else account, asked.region, limit.name)
            size = limit.capacity * factor
            level, counted = self.levels.get(key, (size, moment))
            level = min(size, level + max(0.0, moment - counted) * limit.refill * factor)
            if level < 1:
                return False
            taken[key] = (level - 1, moment)
        self.levels.update(taken)
        return True
