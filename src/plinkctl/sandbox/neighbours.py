"""Other people's resources, as every real account is full of them: a tool must find its own, and touch no other.

They look as much like a link's as they can. Each kind is there without any tags, with the tags of another link, and
with this link's own tags under a lineage that is not its own; addresses, ports and names are those a link takes, or
nearly. They are made through the door like anybody's, by an SDK of the sandbox's own, so that each is a real one.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import ClientError

from plinkctl.sandbox.clock import INSTANT

if TYPE_CHECKING:
    from plinkctl.sandbox.world import Account, World

_CIDR: Final = "10.0.0.0/16"
_TRUST: Final = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
_RIGHTS: Final = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"


@dataclass(frozen=True, slots=True)
class _Neighbour:
    """Somebody in the account: a short name for what has to be unique, and what they tag their things with."""

    name: str
    link: str | None
    lineage: str | None

    def tags(self, side: str, node: str) -> dict[str, str]:
        """The tags of one of their things; none at all for those who tag nothing."""
        if self.link is None:
            return {}
        tags = {"Name": f"plinkctl-{self.link}-{side}-{node}", "plinkctl:link": self.link, "plinkctl:side": side}
        tags["plinkctl:node"] = node
        return tags | ({"plinkctl:lineage": self.lineage, "plinkctl:op": f"{self.name}op"} if self.lineage else {})


def _who(link: str) -> tuple[_Neighbour, ...]:
    return (
        _Neighbour("plain", None, None),
        _Neighbour("other", f"{link}-2", "11111111-2222-4333-8444-555555555555"),
        _Neighbour("double", link, "99999999-8888-4777-8666-555555555555"),
    )


def move_in(sandbox: World, url: str, wish: Any) -> None:
    """Populate both accounts with neighbours of the link named in `wish` (`{"link": name}`, default `default`).

    Nothing takes time meanwhile, whatever the profile; so it is done before others call.

    Raises:
        ValueError: the wish is not of that form, or the accounts do not take them: they live there already, or there
            are too many others.
    """
    if not isinstance(wish, dict) or wish.keys() - {"link"} or not isinstance(wish.get("link", ""), str):
        raise ValueError('neighbours take {"link": name} and nothing else')
    who, profile = _who(wish.get("link", "default")), sandbox.profile
    sandbox.profile = INSTANT
    try:
        service = _provide(_Home(sandbox.account("provider"), sandbox.region, url), who)
        _consume(_Home(sandbox.account("consumer"), sandbox.region, url), who, service)
    except ClientError as error:
        raise ValueError(f"the neighbours cannot move in; reset the sandbox first ({error})") from error
    finally:
        sandbox.profile = profile


class _Home:
    """One account, and how things are made there for somebody."""

    def __init__(self, account: Account, region: str, url: str) -> None:
        self.side = account.alias
        session = boto3.Session(account.access_key, account.secret, region_name=region)
        self.ec2, self.elb, self.iam, self.logs, self.functions = (
            session.client(service, endpoint_url=url) for service in ("ec2", "elbv2", "iam", "logs", "lambda")
        )

    def specified(self, whose: _Neighbour, node: str, kind: str) -> dict[str, Any]:
        """Tags as EC2 takes them at creation."""
        tags = _pairs(whose.tags(self.side, node))
        return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {}

    def tagged(self, whose: _Neighbour, node: str) -> dict[str, Any]:
        """Tags as the others take them."""
        tags = _pairs(whose.tags(self.side, node))
        return {"Tags": tags} if tags else {}

    def network(self, who: tuple[_Neighbour, ...]) -> tuple[str, list[str], dict[str, str]]:
        """A VPC of the second neighbour's, with subnets, groups, a route table and an interface of everybody's."""
        vpc = self.ec2.create_vpc(CidrBlock=_CIDR, **self.specified(who[1], "vpc", "vpc"))["Vpc"]["VpcId"]
        self.ec2.create_vpc(CidrBlock=_CIDR, **self.specified(who[2], "vpc", "vpc"))
        zones = [zone["ZoneId"] for zone in self.ec2.describe_availability_zones()["AvailabilityZones"]]
        subnets, groups = [], {}
        for number, whose in enumerate(who):
            subnet = self.ec2.create_subnet(
                VpcId=vpc,
                CidrBlock=f"10.0.{number}.0/24",
                AvailabilityZoneId=zones[number],
                **self.specified(whose, f"subnet-{number}", "subnet"),
            )["Subnet"]["SubnetId"]
            group = self.ec2.create_security_group(
                VpcId=vpc,
                GroupName=f"plinkctl-{whose.name}",
                Description="alb",
                **self.specified(whose, "alb-group", "security-group"),
            )["GroupId"]
            self.ec2.authorize_security_group_ingress(
                GroupId=group,
                IpPermissions=[
                    {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
                ],
                **self.specified(whose, "alb-group-ingress", "security-group-rule"),
            )
            table = self.ec2.create_route_table(VpcId=vpc, **self.specified(whose, "route-table", "route-table"))
            self.ec2.associate_route_table(RouteTableId=table["RouteTable"]["RouteTableId"], SubnetId=subnet)
            self.ec2.create_network_interface(
                SubnetId=subnet, Groups=[group], **self.specified(whose, "interface", "network-interface")
            )
            subnets.append(subnet)
            groups[whose.name] = group
        return vpc, subnets, groups


def _pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _provide(home: _Home, who: tuple[_Neighbour, ...]) -> str:
    """Everybody's load balancers, target group and endpoint service; the name of the last one's service."""
    vpc, subnets, groups = home.network(who)
    elb, service = home.elb, ""
    for whose in who:
        group = [groups[whose.name]]
        alb = _balancer(home, whose, "alb", Type="application", Subnets=subnets, SecurityGroups=group)
        nlb = _balancer(home, whose, "nlb", Type="network", Subnets=subnets)
        targets = elb.create_target_group(
            Name=f"plk-{whose.name}-targets",
            Protocol="TCP",
            Port=80,
            VpcId=vpc,
            TargetType="alb",
            **home.tagged(whose, "target-group"),
        )["TargetGroups"][0]["TargetGroupArn"]
        fixed = {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": f"Hello from {whose.name}!"}
        answer = {"Type": "fixed-response", "FixedResponseConfig": fixed}
        forward = {"Type": "forward", "TargetGroupArn": targets}
        for arn, protocol, action, node in ((alb, "HTTP", answer, "alb"), (nlb, "TCP", forward, "nlb")):
            elb.create_listener(
                LoadBalancerArn=arn,
                Protocol=protocol,
                Port=80,
                DefaultActions=[action],
                **home.tagged(whose, f"{node}-listener"),
            )
        elb.register_targets(TargetGroupArn=targets, Targets=[{"Id": alb, "Port": 80}])
        offered = home.ec2.create_vpc_endpoint_service_configuration(
            NetworkLoadBalancerArns=[nlb],
            AcceptanceRequired=False,
            **home.specified(whose, "service", "vpc-endpoint-service"),
        )["ServiceConfiguration"]
        home.ec2.modify_vpc_endpoint_service_permissions(ServiceId=offered["ServiceId"], AddAllowedPrincipals=["*"])
        service = offered["ServiceName"]
    return str(service)


def _balancer(home: _Home, whose: _Neighbour, node: str, **settings: Any) -> str:
    made = home.elb.create_load_balancer(
        Name=f"plk-{whose.name}-{node}", Scheme="internal", **settings, **home.tagged(whose, node)
    )
    return str(made["LoadBalancers"][0]["LoadBalancerArn"])


def _consume(home: _Home, who: tuple[_Neighbour, ...], service: str) -> None:
    """Everybody's endpoint, role, log group and function."""
    vpc, subnets, groups = home.network(who)
    for whose, subnet in zip(who, _offered(home, service, subnets) * len(who), strict=False):
        home.ec2.create_vpc_endpoint(
            VpcEndpointType="Interface",
            ServiceName=service,
            VpcId=vpc,
            SubnetIds=[subnet],
            SecurityGroupIds=[groups[whose.name]],
            **home.specified(whose, "endpoint", "vpc-endpoint"),
        )
        name = f"plk-{whose.name}-function"
        role = home.iam.create_role(
            RoleName=name, Path="/plinkctl/", AssumeRolePolicyDocument=_TRUST, **home.tagged(whose, "role")
        )["Role"]["Arn"]
        home.iam.attach_role_policy(RoleName=name, PolicyArn=_RIGHTS)
        tags = whose.tags(home.side, "log-group")
        home.logs.create_log_group(logGroupName=f"/aws/lambda/{name}", **({"tags": tags} if tags else {}))
        home.functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler="index.handler",
            Role=role,
            Code={"ZipFile": _code()},
            VpcConfig={"SubnetIds": [subnet], "SecurityGroupIds": [groups[whose.name]]},
            Tags=whose.tags(home.side, "function"),
        )


def _offered(home: _Home, service: str, subnets: list[str]) -> list[str]:
    """Those of the subnets that are in a zone of the service."""
    detail = home.ec2.describe_vpc_endpoint_services(ServiceNames=[service])["ServiceDetails"][0]
    found = home.ec2.describe_subnets(SubnetIds=subnets)["Subnets"]
    return [one["SubnetId"] for one in found if one["AvailabilityZoneId"] in detail["AvailabilityZoneIds"]]


def _code() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return 'mine'\n")
    return packed.getvalue()
