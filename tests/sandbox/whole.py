"""A whole link by plain boto3, for tests of what runs through it: both sides, every group as tight as it can be."""

from __future__ import annotations

import io
import json
import textwrap
import zipfile
from types import SimpleNamespace
from typing import Any, Protocol


class Side(Protocol):
    """An account, as far as a link needs it: something that makes clients."""

    def client(self, service: str) -> Any: ...


TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
RIGHTS: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "logs:CreateLogStream",
                "logs:PutLogEvents",
                "ec2:CreateNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DeleteNetworkInterface",
            ],
            "Resource": "*",
        }
    ],
}

#: Asks the endpoint for a path and returns what it got.
FETCH = """
    import http.client, os

    def handler(event, context):
        host = event.get("host", os.environ["HOST"])
        connection = http.client.HTTPConnection(host, event.get("port", 80), timeout=event.get("timeout", 5))
        connection.request("GET", event.get("path", "/"))
        answer = connection.getresponse()
        return {"status": answer.status, "body": answer.read().decode(), "server": answer.getheader("Server"),
                "location": answer.getheader("Location")}
"""


def zipped(code: str, name: str = "index.py") -> bytes:
    """A function's zip with one module."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, textwrap.dedent(code))
    return packed.getvalue()


def network(ec2: Any, *zone_ids: str) -> SimpleNamespace:
    """A VPC with a subnet in each zone."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZoneId=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(zone_ids)
    ]
    return SimpleNamespace(ec2=ec2, vpc=vpc, subnets=subnets)


def group(ec2: Any, vpc: str, name: str) -> str:
    """A security group that lets nothing in and nothing out."""
    found = str(ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])
    ec2.revoke_security_group_egress(
        GroupId=found, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    return found


def tcp(port: int, *, cidr: str | None = None, peer: str | None = None) -> list[dict[str, Any]]:
    """The permission for TCP to one port, of a range or of a group."""
    rule: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    rule |= {"IpRanges": [{"CidrIp": cidr}]} if cidr else {"UserIdGroupPairs": [{"GroupId": peer}]}
    return [rule]


def provide(side: Side, *, listening: bool = True, matcher: str = "200-399") -> SimpleNamespace:
    """The provider's side: ALB with a fixed answer, NLB in front of it (without a group), service for everybody."""
    made = network(side.client("ec2"), "use1-az1", "use1-az2")
    elb = made.elb = side.client("elbv2")
    made.alb_group = group(made.ec2, made.vpc, "alb")
    made.ec2.authorize_security_group_ingress(GroupId=made.alb_group, IpPermissions=tcp(80, cidr="10.0.0.0/16"))
    made.alb = elb.create_load_balancer(
        Name="alb", Type="application", Scheme="internal", Subnets=made.subnets, SecurityGroups=[made.alb_group]
    )["LoadBalancers"][0]["LoadBalancerArn"]
    fixed = {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": "Hello from ALB!"}
    made.alb_listener = elb.create_listener(
        LoadBalancerArn=made.alb,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": fixed}],
    )["Listeners"][0]["ListenerArn"]
    made.nlb = elb.create_load_balancer(Name="nlb", Type="network", Scheme="internal", Subnets=made.subnets)[
        "LoadBalancers"
    ][0]["LoadBalancerArn"]
    made.targets = elb.create_target_group(
        Name="targets",
        Protocol="TCP",
        Port=80,
        VpcId=made.vpc,
        TargetType="alb",
        HealthCheckProtocol="HTTP",
        HealthCheckPath="/",
        Matcher={"HttpCode": matcher},
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=made.targets, Targets=[{"Id": made.alb, "Port": 80}])
    if listening:
        forward = {"Type": "forward", "TargetGroupArn": made.targets}
        made.nlb_listener = elb.create_listener(
            LoadBalancerArn=made.nlb, Protocol="TCP", Port=80, DefaultActions=[forward]
        )["Listeners"][0]["ListenerArn"]
    service = made.ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[made.nlb], AcceptanceRequired=False
    )["ServiceConfiguration"]
    made.service, made.service_name = service["ServiceId"], service["ServiceName"]
    made.ec2.modify_vpc_endpoint_service_permissions(ServiceId=made.service, AddAllowedPrincipals=["*"])
    return made


def consume(side: Side, service_name: str, *zone_ids: str, service_region: str | None = None) -> SimpleNamespace:
    """The consumer's side as far as the endpoint, and a role; the groups let TCP 80 through and nothing else."""
    made = network(side.client("ec2"), *(zone_ids or ("use1-az1",)))
    made.endpoint_group = group(made.ec2, made.vpc, "endpoint")
    made.function_group = group(made.ec2, made.vpc, "function")
    made.ec2.authorize_security_group_ingress(
        GroupId=made.endpoint_group, IpPermissions=tcp(80, peer=made.function_group)
    )
    made.ec2.authorize_security_group_egress(
        GroupId=made.function_group, IpPermissions=tcp(80, peer=made.endpoint_group)
    )
    made.endpoint = made.ec2.create_vpc_endpoint(
        VpcEndpointType="Interface",
        ServiceName=service_name,
        VpcId=made.vpc,
        SubnetIds=made.subnets,
        SecurityGroupIds=[made.endpoint_group],
        PrivateDnsEnabled=False,
        **({"ServiceRegion": service_region} if service_region else {}),
    )["VpcEndpoint"]
    made.host = made.endpoint["DnsEntries"][0]["DnsName"]
    made.iam, made.functions, made.logs = side.client("iam"), side.client("lambda"), side.client("logs")
    made.role = made.iam.create_role(RoleName="probe", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    made.iam.put_role_policy(RoleName="probe", PolicyName="rights", PolicyDocument=json.dumps(RIGHTS))

    def function(code: str = FETCH, *, vpc: bool = True, name: str = "probe", **settings: Any) -> None:
        config = {"SubnetIds": made.subnets, "SecurityGroupIds": [made.function_group]} if vpc else {}
        made.functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler="index.handler",
            Role=made.role,
            Code={"ZipFile": zipped(code)},
            VpcConfig=config,
            Environment={"Variables": {"HOST": made.host}},
            **{"Timeout": 10, **settings},
        )

    def invoke(event: Any = None, *, name: str = "probe", **settings: Any) -> SimpleNamespace:
        answer = made.functions.invoke(FunctionName=name, Payload=json.dumps(event or {}), **settings)
        text = answer["Payload"].read().decode()
        return SimpleNamespace(
            answer=answer, value=json.loads(text) if text else None, error=answer.get("FunctionError")
        )

    made.function, made.invoke = function, invoke
    return made
