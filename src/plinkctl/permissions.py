"""What the credentials of each side must be allowed to do: one table of actions, and the IAM policies made of it.

The table equals the calls in the source, and a test holds it so. Each action has *guards*: what policies say about it.
Whatever makes something must tag it as this link's, whatever changes or deletes must find that tag; the tag itself can
only be given together with the thing. So credentials with these policies cannot touch what is not this link's,
whatever is done with them. Resources and condition keys are those of AWS's Service Authorization Reference.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from plinkctl.kinds.base import NAME_PREFIX, TAG_PREFIX
from plinkctl.kinds.log_group import PREFIX as LOG_PREFIX
from plinkctl.kinds.role import PATH
from plinkctl.link import Side

NAMES: Final = "names"
"""The policy for certificates and hosted zones, which few links have; with the others in it, one would be too long."""

POLICIES: Final[dict[str, dict[Side, frozenset[str]]]] = {
    "provider": {Side.PROVIDER: frozenset({"up", "accept", "reject", "status"})},
    "consumer": {Side.CONSUMER: frozenset({"up", "status"})},
    "verify": {side: frozenset({"verify", "status"}) for side in Side},
    "teardown": {side: frozenset({"teardown", "status"}) for side in Side},
    NAMES: {side: frozenset({"up", "teardown"}) for side in Side},
}
"""The policies by name: whose commands each is for."""

MANAGED_LIMIT: Final = 6144
"""Characters a managed policy may have, white space not counted (IAM and STS quotas)."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """One IAM action.

    Args:
        name: As in `ec2:CreateVpc`.
        uses: The commands of each side that need it.
        guards: What policies say about it, words of `_statements`.
        called: False for what AWS asks for while it answers another call.
    """

    name: str
    uses: Mapping[Side, frozenset[str]]
    guards: tuple[str, ...]
    called: bool = True

    @property
    def of_names(self) -> bool:
        """Whether it is about certificates or hosted zones."""
        return self.guards[0].startswith(("certificate", "zone "))

    def needed(self, commands: Mapping[Side, Collection[str]]) -> bool:
        """Whether one of these commands needs it."""
        return any(self.uses[side] & frozenset(some) for side, some in commands.items())


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where a policy is for, and for whom. What is not known is left open.

    Args:
        link: The link's name.
        partition: `aws`, `aws-cn`, …
        account: 12 digits, or `*`.
        region: A region, or `*`.
        service_name: The one service a consumer may connect to; None for any endpoint service.
        vpc_id: A borrowed VPC, which has no tag of ours.
        subnet_ids: Its borrowed subnets.
        boundary: The permissions boundary every role must have, or None.
        bucket: The bucket of the states, if these credentials reach it; else empty.
        folder: What the keys of all states begin with.
        zone_id: The one hosted zone that records are written to; None for any.
    """

    link: str
    partition: str = "aws"
    account: str = "*"
    region: str = "*"
    service_name: str | None = None
    vpc_id: str | None = None
    subnet_ids: tuple[str, ...] = ()
    boundary: str | None = None
    bucket: str = ""
    folder: str = ""
    zone_id: str | None = None


def policy(scope: Scope, commands: Mapping[Side, Collection[str]], *, names: bool = False) -> dict[str, Any]:
    """The IAM policy that lets these commands of these sides do their work in this scope, and nothing else.

    Args:
        scope: Where it is for.
        commands: The commands of each side.
        names: Whether it is the one about certificates and hosted zones; the others say nothing of them.
    """
    by_guard: dict[str, list[str]] = {}
    for action in ACTIONS:
        wanted = scope.boundary or action.name != "iam:PutRolePermissionsBoundary"
        if wanted and action.needed(commands) and names is action.of_names:
            for guard in action.guards:
                by_guard.setdefault(guard, []).append(action.name)
    if "revoke" in by_guard and not any("up" in some for some in commands.values()):
        # Only `up` empties default groups, which have no tag of ours.
        by_guard["ours"] += by_guard.pop("revoke")
    statements = _statements(scope)
    made = [_statement(guard, sorted(set(names)), statements[guard]) for guard, names in by_guard.items()]
    made += _of_states(scope, commands) if scope.bucket and not names else []
    return {"Version": "2012-10-17", "Statement": [statement for statement in made if statement]}


def _of_states(scope: Scope, commands: Mapping[Side, Collection[str]]) -> list[dict[str, Any]]:
    """For states in a bucket (stores/s3.py): reading for all, writing for what changes something.

    ListBucket has no condition on the prefix: without the right to list, S3 answers a missing object with "denied".
    """
    bucket = f"arn:{scope.partition}:s3:::{scope.bucket}"
    states = f"{bucket}/{scope.folder}{scope.link}/*"
    read, looked = ["s3:GetObject"], ["s3:ListBucket"]
    rights = [("States", read, states), ("Bucket", looked, bucket)]
    if any(frozenset(some) & {"up", "teardown"} for some in commands.values()):
        read.append("s3:PutObject")
        looked += [
            "s3:GetBucketAcl",
            "s3:GetBucketPolicyStatus",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketVersioning",
        ]
        rights.append(("Locks", ["s3:DeleteObject"], f"{states}.lock"))
    return [{"Sid": sid, "Effect": "Allow", "Action": names, "Resource": on} for sid, names, on in rights]


def _statement(guard: str, actions: list[str], says: Mapping[str, Any]) -> dict[str, Any]:
    """One statement, without the resources of services that none of its actions is of: a policy has a limit."""
    if not says:
        return {}
    services = {action.partition(":")[0] for action in actions}
    resources = says["Resource"]
    if resources != "*":
        resources = [one for one in resources if one.split(":")[2] in services]
    sid = "".join(word.capitalize() for word in guard.split())
    return {"Sid": sid, "Effect": "Allow", "Action": actions, **says, "Resource": resources}


def _statements(scope: Scope) -> dict[str, dict[str, Any]]:
    """What a statement says besides its actions, by guard. An empty one is left out."""
    link, tag_key = scope.link, f"{TAG_PREFIX}link"
    asked = {f"aws:RequestTag/{tag_key}": link}
    owned = {f"aws:ResourceTag/{tag_key}": link}

    def arn(service: str, *tails: str, where: str | None = None) -> list[str]:
        place = f"{scope.region}:{scope.account}" if where is None else where
        return [f"arn:{scope.partition}:{service}:{place}:{tail}" for tail in tails]

    bounded = {"iam:PermissionsBoundary": scope.boundary} if scope.boundary else {}
    roles = arn("iam", f"role{PATH}{NAME_PREFIX}*", where=f":{scope.account}")
    functions = arn("lambda", f"function:{NAME_PREFIX}*")
    log_groups = arn("logs", f"log-group:{LOG_PREFIX}*")
    elb = arn("elasticloadbalancing", f"*/{NAME_PREFIX}*")  # load balancers, target groups and listeners
    named = [*functions, *roles, *log_groups]
    any_service = f"{'cn.' if scope.partition == 'aws-cn' else ''}com.amazonaws.vpce.*"  # and none of AWS's own
    service = {"ec2:VpceServiceName": scope.service_name or any_service}
    borrowed = [f"vpc/{scope.vpc_id}"] if scope.vpc_id else []
    borrowed += [f"subnet/{subnet_id}" for subnet_id in scope.subnet_ids]

    def new(*types: str, **more: Any) -> dict[str, Any]:
        resources = arn("ec2", *(f"{name}/*" for name in types))
        return {"Resource": resources, "Condition": {"StringEquals": asked, **more}}

    return {
        # Descriptions know no resources.
        "read": {"Resource": "*"},
        # Nor are these held to tags: what has our name and not our tag must be seen to be refused.
        # A role that is not there is asked about without its path.
        "look": {"Resource": [*named, *arn("iam", f"role/{NAME_PREFIX}*", where=f":{scope.account}")]},
        # Apart, since a create is asked about what it stands in as well, and that must be "ours": a subnet's tag must
        # not open a stranger's VPC.
        "new": new("vpc", "security-group-rule", "vpc-endpoint-service"),
        "new in vpc": new("subnet", "security-group", "route-table"),
        "new endpoint": new("vpc-endpoint", StringLike=service),
        "new balancer": {
            "Resource": arn("elasticloadbalancing", f"loadbalancer/*/{NAME_PREFIX}*"),
            "Condition": {"StringEquals": {**asked, "elasticloadbalancing:Scheme": "internal"}},
        },
        "new named": {
            "Resource": [*arn("elasticloadbalancing", f"targetgroup/{NAME_PREFIX}*"), *named],
            "Condition": {"StringEquals": asked},
        },
        "new role": {"Resource": roles, "Condition": {"StringEquals": {**asked, **bounded}}},
        # Who may write a role's policy and hand it to a function has all rights of the account, but for a boundary.
        "role policy": {"Resource": roles, "Condition": {"StringEquals": {**owned, **bounded}}},
        "ours": {"Resource": [*arn("ec2", "*/*"), *elb, *named], "Condition": {"StringEquals": owned}},
        "borrowed": {"Resource": arn("ec2", *borrowed)} if borrowed else {},
        # Tags come with the thing: whoever could tag what is there could make it this link's, and then delete it.
        "tag new": {
            "Resource": arn("ec2", "*/*"),
            "Condition": {"StringEquals": {**asked, "ec2:CreateAction": _makers("ec2")}},
        },
        "tag balancer": {
            "Resource": elb,
            "Condition": {
                "StringEquals": {**asked, "elasticloadbalancing:CreateAction": _makers("elasticloadbalancing")}
            },
        },
        "tag named": {
            "Resource": named,
            "Condition": {"StringEquals": asked, "StringEqualsIfExists": owned},
        },
        # The user's own tags may change afterwards, ours may not. DeleteTags without keys would delete all.
        "retag": {
            "Resource": [*arn("ec2", "*/*"), *elb, *named],
            "Condition": {
                "StringEquals": owned,
                "ForAllValues:StringNotLike": {"aws:TagKeys": f"{TAG_PREFIX}*"},
                "Null": {"aws:TagKeys": "false"},
            },
        },
        "pass": {"Resource": roles, "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}},
        "linked role": {
            "Resource": arn(
                "iam", "role/aws-service-role/elasticloadbalancing.amazonaws.com/*", where=f":{scope.account}"
            ),
            "Condition": {"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}},
        },
        # The default group of a new VPC is AWS's and has no tag.
        "revoke": {"Resource": arn("ec2", "security-group/*", "security-group-rule/*")},
        # Those that Lambda leaves behind are its own and have no tag.
        "interface": {"Resource": arn("ec2", "network-interface/*")},
        "zone": {"Resource": "*"},
        **_of_names(scope, asked, owned),
    }


def _of_names(scope: Scope, asked: Mapping[str, str], owned: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What is said of certificates and hosted zones."""
    certificates = [f"arn:{scope.partition}:acm:{scope.region}:{scope.account}:certificate/*"]
    zone = f"arn:{scope.partition}:route53:::hostedzone/{scope.zone_id or '*'}"
    kinds = {"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": ["A", "CNAME", "TXT"]}}
    keys = {"ForAllValues:StringNotLike": {"aws:TagKeys": f"{TAG_PREFIX}*"}, "Null": {"aws:TagKeys": "false"}}
    return {
        "certificate look": {"Resource": "*"},
        "certificate new": {"Resource": certificates, "Condition": {"StringEquals": asked}},
        "certificate": {"Resource": certificates, "Condition": {"StringEquals": owned}},
        "certificate retag": {"Resource": certificates, "Condition": {"StringEquals": owned, **keys}},
        "zone look": {"Resource": "*"},
        "zone records": {"Resource": [zone], "Condition": kinds},
        # Route 53 knows no tag at the making of a zone, and none of ours at its end.
        "zone own": {"Resource": "*"},
    }


def _makers(service: str) -> list[str]:
    """The calls that make something and tag it."""
    creates = (name.partition(":")[2] for name, *_ in _CALLED if name.startswith(f"{service}:"))
    return sorted(name for name in creates if name.startswith(("Create", "Authorize")) and name != "CreateTags")


def _rows(table: Collection[tuple[str, str, str, str]], *, called: bool) -> Iterator[Action]:
    for name, provider, consumer, guards in table:
        uses = {Side.PROVIDER: frozenset(provider.split()), Side.CONSUMER: frozenset(consumer.split())}
        yield Action(name=name, uses=uses, guards=tuple(guards.split(", ")), called=called)


# Action, the provider's commands, the consumer's commands, guards.
_CALLED: Final = (
    ("acm:AddTagsToCertificate", "up", "", "certificate new, certificate retag"),
    ("acm:DeleteCertificate", "teardown", "", "certificate"),
    ("acm:DescribeCertificate", "up teardown", "", "certificate look"),
    ("acm:GetCertificate", "up teardown", "", "certificate look"),
    ("acm:ImportCertificate", "up", "", "certificate new, certificate"),
    ("acm:ListCertificates", "up teardown", "", "certificate look"),
    ("acm:ListTagsForCertificate", "up teardown", "", "certificate look"),
    ("acm:RemoveTagsFromCertificate", "up", "", "certificate retag"),
    ("acm:RequestCertificate", "up", "", "certificate new"),
    ("ec2:AcceptVpcEndpointConnections", "up accept", "", "ours"),
    ("ec2:AssociateRouteTable", "up", "up", "ours"),
    ("ec2:AuthorizeSecurityGroupEgress", "up", "up", "new, ours"),
    ("ec2:AuthorizeSecurityGroupIngress", "up", "up", "new, ours"),
    ("ec2:CreateRouteTable", "up", "up", "new in vpc, ours"),
    ("ec2:CreateSecurityGroup", "up", "up", "new in vpc, ours, borrowed"),
    ("ec2:CreateSubnet", "up", "up", "new in vpc, ours"),
    ("ec2:CreateTags", "up", "up", "tag new, retag"),
    ("ec2:CreateVpc", "up", "up", "new"),
    ("ec2:CreateVpcEndpoint", "", "up", "new endpoint, ours, borrowed"),
    ("ec2:CreateVpcEndpointServiceConfiguration", "up", "", "new"),
    ("ec2:DeleteNetworkInterface", "", "teardown", "interface"),
    ("ec2:DeleteRouteTable", "teardown", "teardown", "ours"),
    ("ec2:DeleteSecurityGroup", "teardown", "teardown", "ours"),
    ("ec2:DeleteSubnet", "teardown", "teardown", "ours"),
    ("ec2:DeleteTags", "up", "up", "retag"),
    ("ec2:DeleteVpc", "up teardown", "up teardown", "ours"),
    ("ec2:DeleteVpcEndpointServiceConfigurations", "teardown", "", "ours"),
    ("ec2:DeleteVpcEndpoints", "", "teardown", "ours"),
    ("ec2:DescribeAvailabilityZones", "up", "up", "read"),
    ("ec2:DescribeNetworkInterfaces", "teardown", "verify teardown", "read"),
    ("ec2:DescribeRouteTables", "up teardown", "up teardown", "read"),
    ("ec2:DescribeSecurityGroupRules", "up teardown", "up teardown", "read"),
    ("ec2:DescribeSecurityGroups", "up teardown", "up teardown", "read"),
    ("ec2:DescribeSubnets", "up teardown", "up teardown", "read"),
    ("ec2:DescribeVpcAttribute", "up teardown", "up teardown", "read"),
    ("ec2:DescribeVpcEndpointConnections", "up accept reject verify status teardown", "", "read"),
    ("ec2:DescribeVpcEndpointServiceConfigurations", "up verify status teardown", "teardown", "read"),
    ("ec2:DescribeVpcEndpointServicePermissions", "up accept verify status teardown", "", "read"),
    ("ec2:DescribeVpcEndpointServices", "", "up", "read"),
    ("ec2:DescribeVpcEndpoints", "teardown", "up verify status teardown", "read"),
    ("ec2:DescribeVpcs", "up teardown", "up teardown", "read"),
    ("ec2:DisassociateRouteTable", "teardown", "teardown", "ours"),
    ("ec2:ModifySecurityGroupRules", "up", "up", "ours"),
    ("ec2:ModifyVpcAttribute", "up", "up", "ours"),
    ("ec2:ModifyVpcEndpoint", "", "up", "ours"),
    ("ec2:ModifyVpcEndpointServiceConfiguration", "up", "", "ours"),
    ("ec2:ModifyVpcEndpointServicePermissions", "up", "", "ours"),
    ("ec2:RejectVpcEndpointConnections", "reject teardown", "", "ours"),
    ("ec2:RevokeSecurityGroupEgress", "up teardown", "up teardown", "revoke"),
    ("ec2:RevokeSecurityGroupIngress", "up teardown", "up teardown", "revoke"),
    ("ec2:StartVpcEndpointServicePrivateDnsVerification", "up", "", "ours"),
    ("elasticloadbalancing:AddTags", "up", "", "tag balancer, retag"),
    ("elasticloadbalancing:CreateListener", "up", "", "ours"),
    ("elasticloadbalancing:CreateLoadBalancer", "up", "", "new balancer"),
    ("elasticloadbalancing:CreateTargetGroup", "up", "", "new named"),
    ("elasticloadbalancing:DeleteListener", "teardown", "", "ours"),
    ("elasticloadbalancing:DeleteLoadBalancer", "teardown", "", "ours"),
    ("elasticloadbalancing:DeleteTargetGroup", "teardown", "", "ours"),
    ("elasticloadbalancing:DeregisterTargets", "teardown", "", "ours"),
    ("elasticloadbalancing:DescribeListeners", "up teardown", "", "read"),
    ("elasticloadbalancing:DescribeLoadBalancers", "up teardown", "", "read"),
    ("elasticloadbalancing:DescribeSSLPolicies", "up", "", "certificate look"),
    ("elasticloadbalancing:DescribeTags", "up teardown", "", "read"),
    ("elasticloadbalancing:DescribeTargetGroups", "up teardown", "", "read"),
    ("elasticloadbalancing:DescribeTargetHealth", "up verify status teardown", "", "read"),
    ("elasticloadbalancing:ModifyListener", "up", "", "ours"),
    ("elasticloadbalancing:ModifyTargetGroup", "up", "", "ours"),
    ("elasticloadbalancing:RegisterTargets", "up", "", "ours"),
    ("elasticloadbalancing:RemoveTags", "up", "", "retag"),
    ("elasticloadbalancing:SetSecurityGroups", "up", "", "ours"),
    ("iam:CreateRole", "", "up", "new role"),
    ("iam:DeleteRole", "", "teardown", "ours"),
    ("iam:DeleteRolePolicy", "", "teardown", "ours"),
    ("iam:GetRole", "", "up teardown", "look"),
    ("iam:GetRolePolicy", "", "up teardown", "look"),
    ("iam:ListRoleTags", "", "teardown", "look"),
    ("iam:ListRoles", "", "teardown", "read"),
    ("iam:PutRolePermissionsBoundary", "", "up", "role policy"),
    ("iam:PutRolePolicy", "", "up", "role policy"),
    ("iam:TagRole", "", "up", "tag named, retag"),
    ("iam:UntagRole", "", "up", "retag"),
    ("lambda:CreateFunction", "", "up", "new named"),
    ("lambda:DeleteFunction", "", "teardown", "ours"),
    ("lambda:GetFunction", "", "up verify status teardown", "look"),
    ("lambda:InvokeFunction", "", "verify", "ours"),
    ("lambda:ListFunctions", "", "teardown", "read"),
    ("lambda:ListTags", "", "teardown", "look"),
    ("lambda:TagResource", "", "up", "tag named, retag"),
    ("lambda:UntagResource", "", "up", "retag"),
    ("lambda:UpdateFunctionCode", "", "up", "ours"),
    ("lambda:UpdateFunctionConfiguration", "", "up", "ours"),
    ("logs:CreateLogGroup", "", "up", "new named"),
    ("logs:DeleteLogGroup", "", "teardown", "ours"),
    ("logs:DescribeLogGroups", "", "up teardown", "read"),
    ("logs:ListTagsForResource", "", "up teardown", "look"),
    ("logs:PutRetentionPolicy", "", "up", "ours"),
    ("logs:TagResource", "", "up", "tag named, retag"),
    ("logs:UntagResource", "", "up", "retag"),
    ("route53:ChangeResourceRecordSets", "up teardown", "up teardown", "zone records"),
    ("route53:ChangeTagsForResource", "", "up", "zone own"),
    ("route53:CreateHostedZone", "", "up", "zone own"),
    ("route53:DeleteHostedZone", "", "teardown", "zone own"),
    ("route53:GetChange", "up teardown", "up teardown", "zone look"),
    ("route53:GetHostedZone", "up teardown", "up teardown", "zone look"),
    ("route53:ListHostedZones", "", "teardown", "zone look"),
    ("route53:ListHostedZonesByName", "", "up teardown", "zone look"),
    ("route53:ListResourceRecordSets", "up teardown", "up teardown", "zone look"),
    ("route53:ListTagsForResource", "", "up teardown", "zone look"),
)

# What AWS asks for while it answers another call.
_BESIDES: Final = (
    ("ec2:DescribeAccountAttributes", "up", "", "read"),
    ("ec2:DescribeAddresses", "up", "", "read"),
    ("ec2:DescribeInstances", "up", "", "read"),
    ("ec2:DescribeInternetGateways", "up", "", "read"),
    ("ec2:GetSecurityGroupsForVpc", "up", "up", "read"),
    ("iam:CreateServiceLinkedRole", "up", "", "linked role"),
    ("iam:PassRole", "", "up", "pass"),
    # Without it GetFunction leaves the tags out, and the function would not be known as ours.
    ("lambda:ListTags", "", "up verify status", "look"),
    ("route53:AssociateVPCWithHostedZone", "", "up", "zone"),
)

ACTIONS: Final = (*_rows(_CALLED, called=True), *_rows(_BESIDES, called=False))
"""Every action, those that are called first."""
