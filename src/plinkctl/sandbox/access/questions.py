"""What a call asks of IAM: its action and the actions AWS asks for besides, on which resources, in which context.

Names follow the Service Authorization Reference. Resources are told from the parameters: every ID of EC2, and the names
and ARNs by which the other services name their things; a call that names none is about `*`, and so are all
descriptions of EC2 and of load balancers. A resource that is being made has the tags of the request, one that is there
has its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from moto.awslambda.models import lambda_backends
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends

from plinkctl.sandbox import world
from plinkctl.sandbox.access.policy import Question
from plinkctl.sandbox.ec2.services import all_services

#: What an ID begins with -> the resource type in its ARN.
_TYPES: Final = {
    "vpc": "vpc",
    "subnet": "subnet",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "rtb": "route-table",
    "eni": "network-interface",
    "igw": "internet-gateway",
    "acl": "network-acl",
    "dopt": "dhcp-options",
    "vpce": "vpc-endpoint",
    "vpce-svc": "vpc-endpoint-service",
}
_ID: Final = re.compile(rf"({'|'.join(_TYPES)})-[0-9a-f]{{8,17}}")
#: What EC2's create actions make.
_MADE: Final = {
    "CreateVpc": "vpc",
    "CreateSubnet": "subnet",
    "CreateSecurityGroup": "security-group",
    "AuthorizeSecurityGroupIngress": "security-group-rule",
    "AuthorizeSecurityGroupEgress": "security-group-rule",
    "CreateRouteTable": "route-table",
    "CreateNetworkInterface": "network-interface",
    "CreateInternetGateway": "internet-gateway",
    "CreateNetworkAcl": "network-acl",
    "CreateVpcEndpoint": "vpc-endpoint",
    "CreateVpcEndpointServiceConfiguration": "vpc-endpoint-service",
}
#: What is named in a call and belongs to somebody else, so that it is not asked about.
_OTHERS: Final = {
    "AcceptVpcEndpointConnections": frozenset({"vpce"}),
    "RejectVpcEndpointConnections": frozenset({"vpce"}),
}
#: The action under another name than the call.
_RENAMED: Final = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("lambda", "InvokeAsync"): "InvokeFunction",
}
#: Services whose descriptions are about `*` whatever they name.
_DESCRIBED_WHOLE: Final = frozenset({"ec2", "elasticloadbalancing"})
_BALANCER_KEYS: Final = (
    *("LoadBalancerArn", "LoadBalancerArns", "TargetGroupArn", "TargetGroupArns"),
    *("ListenerArn", "ListenerArns", "RuleArn", "ResourceArns"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A call as IAM sees it.

    Attributes:
        service, action: as in `ec2`, `CreateVpc`.
        account, region: where it is made.
        parameters: parsed, by AWS's names.
        context: what is the same for every question of the call.
    """

    service: str
    action: str
    account: str
    region: str
    parameters: Mapping[str, Any]
    context: Mapping[str, list[str]] = field(default_factory=dict)

    def arn(self, service: str, resource: str, *, region: bool = True) -> str:
        """An ARN of the calling account."""
        return f"arn:aws:{service}:{self.region if region else ''}:{self.account}:{resource}"


def questions(asking: Asking) -> list[Question]:
    """Everything that must be allowed for the call, in the order in which AWS would complain."""
    name = f"{asking.service}:{_RENAMED.get((asking.service, asking.action), asking.action)}"
    tags = _tags(asking.parameters)
    given = dict(asking.context) | {f"aws:requesttag/{key.lower()}": [value] for key, value in tags.items()}
    keys = [*tags, *(asking.parameters.get("TagKeys") or asking.parameters.get("tagKeys") or [])]
    given |= {"aws:tagkeys": keys} if keys else {}
    given |= _special(asking)
    about = [Question(action=name, resource=one, context=given | own) for one, own in _resources(asking)]
    return about + list(_besides(replace(asking, context=given), tags))


def _resources(asking: Asking) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """The resources of a call, each with the keys that are its own."""
    look = _LOOKERS.get(asking.service)
    whole = asking.service in _DESCRIBED_WHOLE and asking.action.startswith("Describe")
    found = [] if look is None or whole else list(dict.fromkeys(look(asking)))
    for arn in found:
        yield arn, {f"{prefix}:resourcetag/{key}": [value] for key, value in _own_tags(asking, arn).items()
                    for prefix in ("aws", asking.service)}  # fmt: skip
    if not found:
        yield "*", {}


def _ec2(asking: Asking) -> Iterator[str]:
    if made := _MADE.get(asking.action):
        yield asking.arn("ec2", f"{made}/*")
    for value in [*_texts(asking.parameters), *_associated(asking)]:
        found = _ID.fullmatch(value)
        if found and found.group(1) not in _OTHERS.get(asking.action, ()):
            yield asking.arn("ec2", f"{_TYPES[found.group(1)]}/{value}")


def _associated(asking: Asking) -> Iterator[str]:
    """The route table and the subnet an association ties together: it has no ARN of its own."""
    association = asking.parameters.get("AssociationId")
    for backend in world.ec2(asking.account, asking.region):
        for table in backend.route_tables.values():
            if association in table._associations:
                yield from (table.id, table._associations[association])


def _elb(asking: Asking) -> Iterator[str]:
    name, kind = asking.parameters.get("Name"), asking.parameters.get("Type") or "application"
    if asking.action == "CreateLoadBalancer":
        yield asking.arn("elasticloadbalancing", f"loadbalancer/{'net' if kind == 'network' else 'app'}/{name}/*")
    if asking.action == "CreateTargetGroup":
        yield asking.arn("elasticloadbalancing", f"targetgroup/{name}/*")
    for key in _BALANCER_KEYS:
        yield from _texts(asking.parameters.get(key))


def _iam(asking: Asking) -> Iterator[str]:
    parameters = asking.parameters
    if name := parameters.get("RoleName"):
        yield _role(asking, str(name), str(parameters.get("Path") or "/"))
    elif arn := parameters.get("PolicyArn"):
        yield str(arn)
    elif name := parameters.get("UserName"):
        yield asking.arn("iam", f"user/{name}", region=False)
    elif name := parameters.get("PolicyName"):
        yield asking.arn("iam", f"policy{parameters.get('Path') or '/'}{name}", region=False)


def _role(asking: Asking, name: str, path: str) -> str:
    known = {role.name: role.arn for role in iam_backends[asking.account]["aws"].get_roles()}
    return str(known.get(name) or asking.arn("iam", f"role{path}{name}", region=False))


def _function(asking: Asking) -> Iterator[str]:
    for key in ("FunctionName", "Resource", "ResourceArn"):
        if value := asking.parameters.get(key):
            yield str(value) if str(value).startswith("arn:") else asking.arn("lambda", f"function:{value}")


def _logs(asking: Asking) -> Iterator[str]:
    if name := asking.parameters.get("logGroupName"):
        yield asking.arn("logs", f"log-group:{name}:*")
    if arn := asking.parameters.get("resourceArn") or asking.parameters.get("logGroupArn"):
        yield str(arn)


def _named(*keys: str) -> Any:
    def look(asking: Asking) -> Iterator[str]:
        for key in keys:
            yield from _texts(asking.parameters.get(key))

    return look


def _zone(asking: Asking) -> Iterator[str]:
    if zone := asking.parameters.get("HostedZoneId") or asking.parameters.get("Id"):
        yield f"arn:aws:route53:::hostedzone/{str(zone).rpartition('/')[2]}"


_LOOKERS: Final[dict[str, Any]] = {
    "ec2": _ec2,
    "elasticloadbalancing": _elb,
    "iam": _iam,
    "lambda": _function,
    "logs": _logs,
    "acm": _named("CertificateArn"),
    "sns": _named("TopicArn", "ResourceArn"),
    "sts": _named("RoleArn"),
    "route53": _zone,
}


def _texts(value: Any) -> Iterator[str]:
    """Every text in a parameter, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _tags(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The tags a call gives, in whichever of AWS's ways."""
    pairs = [one for spec in parameters.get("TagSpecifications") or [] for one in spec.get("Tags") or []]
    given = parameters.get("Tags") or parameters.get("tags") or parameters.get("Tag") or []
    if isinstance(given, Mapping):
        return {str(key): str(value) for key, value in given.items()}
    pairs += [one for one in given if isinstance(one, Mapping)]
    return {str(one["Key"]): str(one.get("Value") or "") for one in pairs if "Key" in one}


def _own_tags(asking: Asking, arn: str) -> Mapping[str, str]:
    """The tags of a resource that is there, keys in lower case; none for what is not, or cannot be told."""
    found: Mapping[str, str] = {}
    name = re.split(r"[/:]", arn)[-1]
    if asking.service == "ec2":
        backends = world.ec2(asking.account, asking.region)
        found = next((backend.tags[name] for backend in backends if name in backend.tags), {})
    elif asking.service == "elasticloadbalancing":
        backend = world.elbv2(asking.account, asking.region)
        found = backend.tagging_service.get_tag_dict_for_resource(arn) if backend else {}
    elif asking.service == "iam":
        role = next((one for one in iam_backends[asking.account]["aws"].get_roles() if one.arn == arn), None)
        found = {tag["Key"]: tag["Value"] for tag in (role.tags if role else None) or []}
    elif asking.service == "lambda":
        known = lambda_backends[asking.account][asking.region]._lambdas._functions.get(name, {}).get("latest")
        found = known.tags if known else {}
    elif asking.service == "logs":
        found = logs_backends[asking.account][asking.region].tagger.get_tag_dict_for_resource(arn.removesuffix(":*"))
    return {key.lower(): value for key, value in found.items()}


def _special(asking: Asking) -> dict[str, list[str]]:
    """The keys that one action alone has."""
    parameters, found = asking.parameters, {}
    if name := parameters.get("ServiceName"):
        found["ec2:vpceservicename"] = [str(name)]
        service = next((one for one in all_services() if one.name == name), None)
        if service:
            found["ec2:vpceserviceowner"] = [service.account]
            found["ec2:vpceserviceregion"] = [service.region]
    if regions := _offered(parameters):
        found["ec2:vpcesupportedregion"] = regions
    if _over_regions(asking):
        found["ec2:vpcemultiregion"] = ["true"]
    if name := parameters.get("PrivateDnsName"):
        found["ec2:vpceserviceprivatednsname"] = [str(name)]
    if asking.service == "iam" and (arn := parameters.get("PermissionsBoundary") or _boundary(asking)):
        found["iam:permissionsboundary"] = [str(arn)]
    if arn := parameters.get("PolicyArn"):
        found["iam:policyarn"] = [str(arn)]
    if asking.service == "lambda" and (vpc := parameters.get("VpcConfig")):
        found["lambda:subnetids"] = list(vpc.get("SubnetIds") or [])
        found["lambda:vpcids"] = _vpcs(asking, found["lambda:subnetids"])
        found["lambda:securitygroupids"] = list(vpc.get("SecurityGroupIds") or [])
    if asking.service == "elasticloadbalancing":
        if asking.action == "CreateLoadBalancer":
            found["elasticloadbalancing:scheme"] = [str(parameters.get("Scheme") or "internet-facing")]
        found["elasticloadbalancing:subnet"] = list(parameters.get("Subnets") or [])
        found["elasticloadbalancing:securitygroup"] = list(parameters.get("SecurityGroups") or [])
    return {key: values for key, values in found.items() if values}


def _offered(parameters: Mapping[str, Any]) -> list[str]:
    """The regions in which a service is to be had besides."""
    return [*_texts(parameters.get("SupportedRegions")), *_texts(parameters.get("AddSupportedRegions"))]


def _over_regions(asking: Asking) -> bool:
    """Whether a call makes a link over regions possible, on either side."""
    if asking.service != "ec2":
        return False
    asked = [str(asking.parameters.get("ServiceRegion") or asking.region), *_offered(asking.parameters)]
    return asking.action.startswith(("CreateVpcEndpoint", "ModifyVpcEndpoint")) and set(asked) != {asking.region}


def _boundary(asking: Asking) -> str | None:
    """The permissions boundary of the role a call is about."""
    roles = iam_backends[asking.account]["aws"].get_roles()
    name = asking.parameters.get("RoleName")
    return next((role.permissions_boundary_arn for role in roles if role.name == name), None)


def _vpcs(asking: Asking, subnets: list[str]) -> list[str]:
    """The VPCs of subnets, as far as there are such."""
    there = {name: one.vpc_id for backend in world.ec2(asking.account, asking.region)
             for zone in backend.subnets.values() for name, one in zone.items() if name in subnets}  # fmt: skip
    return list(dict.fromkeys(there.values()))


#: Tags given at creation need the action that tags, under this name, and for these the key that says what it is for.
_TAGGING: Final = {
    "ec2": ("ec2:CreateTags", "ec2:createaction"),
    "elasticloadbalancing": ("elasticloadbalancing:AddTags", "elasticloadbalancing:createaction"),
    "lambda": ("lambda:TagResource", None),
    "logs": ("logs:TagResource", None),
    "iam": ("iam:TagRole", None),
}


def _besides(asking: Asking, tags: Mapping[str, str]) -> Iterator[Question]:
    """The actions AWS asks for while it answers another."""
    parameters, action = asking.parameters, asking.action
    creates = action.startswith("Create") or action in _MADE
    if tags and creates and action != "CreateTags" and asking.service in _TAGGING:
        name, key = _TAGGING[asking.service]
        own = {key: [action]} if key else {}
        for arn, _ in list(_resources(asking))[:1]:
            yield Question(action=name, resource=arn, context={**asking.context, **own})
    if asking.service == "lambda" and action in ("CreateFunction", "UpdateFunctionConfiguration"):
        if role := parameters.get("Role"):
            passed = {**asking.context, "iam:passedtoservice": ["lambda.amazonaws.com"]}
            yield Question(action="iam:PassRole", resource=str(role), context=passed)
        if parameters.get("VpcConfig", {}).get("SubnetIds"):
            for name in ("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"):
                yield Question(action=name, context=asking.context)
    if action == "CreateVpcEndpoint":
        for name in ("ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"):
            yield Question(action=name, context=asking.context)
    if _over_regions(asking):
        # It is no call of its own; that it is asked of what the call is about is our reading of the reference.
        yield Question(action="vpce:AllowMultiRegion", resource=next(_resources(asking))[0], context=asking.context)
    if (
        action in ("CreateVpcEndpoint", "ModifyVpcEndpoint")
        and str(parameters.get("PrivateDnsEnabled")).lower() == "true"
    ):
        yield Question(action="route53:AssociateVPCWithHostedZone", context=asking.context)
