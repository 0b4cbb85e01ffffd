"""What many tests stand on, by plain boto3: networks, load balancers, services, endpoints, functions, whole links."""

from __future__ import annotations

import io
import json
import textwrap
import uuid
import zipfile
from types import SimpleNamespace
from typing import Any, Final

from target import Side, Target, state_of

VPC_ACCESS: Final = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
ECHO: Final = "def handler(event, context): return event"

#: Asks a host for a path, and tells what it got or how it failed.
FETCH: Final = """
    import http.client, socket, ssl

    def handler(event, context):
        timeout = event.get("timeout", 8)
        try:
            if event.get("resolve"):
                found = socket.getaddrinfo(event["host"], 80, socket.AF_INET)
                return {"addresses": sorted({one[4][0] for one in found})}
            if event.get("tls"):
                pem = ssl.get_server_certificate((event["host"], event["port"]), timeout=timeout)
                return {"certificate": pem}
            made = http.client.HTTPConnection(event["host"], event.get("port", 80), timeout=timeout)
            made.request("GET", event.get("path", "/"))
            answer = made.getresponse()
            return {"status": answer.status, "body": answer.read().decode()}
        except Exception as error:
            return {"error": type(error).__name__}
"""


def network(side: Side, *zones: str) -> SimpleNamespace:
    """A VPC of 10.0.0.0/16 with a subnet 10.0.N.0/24 in each zone."""
    vpc = side.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        side.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZoneId=zone)["Subnet"][
            "SubnetId"
        ]
        for number, zone in enumerate(zones)
    ]
    return SimpleNamespace(vpc=vpc, subnets=subnets)


def group(side: Side, vpc: str, name: str, *, closed: bool = True) -> str:
    """A security group; `closed` lets nothing out either."""
    made = str(side.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])
    if closed:
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        side.ec2.revoke_security_group_egress(GroupId=made, IpPermissions=everything)
    return made


def tcp(port: int, *, cidr: str = "", peer: str = "") -> list[dict[str, Any]]:
    """The permission for one port, of a range or a group."""
    other = {"IpRanges": [{"CidrIp": cidr}]} if cidr else {"UserIdGroupPairs": [{"GroupId": peer}]}
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **other}]


def balancer(target: Target, side: Side, subnets: list[str], name: str, *, wait: bool = True, **more: Any) -> str:
    """An internal load balancer, a network one unless said otherwise; its ARN, once it is active."""
    asked = {"Type": "network", "Scheme": "internal", "Subnets": subnets, **more}
    made = side.elb.create_load_balancer(Name=target.name(name), **asked)["LoadBalancers"][0]
    arn = str(made["LoadBalancerArn"])
    if wait:
        assert target.until(lambda: balancer_state(side, arn) == "active")
    return arn


def balancer_state(side: Side, arn: str) -> str:
    return str(side.elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]["State"]["Code"])


def fixed(status: str = "200", body: str = "Hello from ALB!", kind: str = "text/plain") -> list[dict[str, Any]]:
    """The action that answers by itself."""
    config = {"StatusCode": status, "ContentType": kind, "MessageBody": body}
    return [{"Type": "fixed-response", "FixedResponseConfig": config}]


def forward(group_arn: str) -> list[dict[str, Any]]:
    return [{"Type": "forward", "TargetGroupArn": group_arn}]


def alb_group(target: Target, side: Side, vpc: str, name: str = "targets", **more: Any) -> str:
    """A target group for an application load balancer; its ARN."""
    asked = {"Protocol": "TCP", "Port": 80, "VpcId": vpc, "TargetType": "alb", "HealthCheckProtocol": "HTTP", **more}
    made = side.elb.create_target_group(Name=target.name(name), **asked)["TargetGroups"][0]
    return str(made["TargetGroupArn"])


def health(side: Side, group_arn: str) -> tuple[str, str | None]:
    """State and reason of the only target."""
    [found] = side.elb.describe_target_health(TargetGroupArn=group_arn)["TargetHealthDescriptions"]
    return found["TargetHealth"]["State"], found["TargetHealth"].get("Reason")


def backend(
    target: Target, side: Side, *, zones: int = 2, status: str = "200", listening: bool = True, **more: Any
) -> SimpleNamespace:
    """Both load balancers of a provider: an ALB with a fixed answer, a target group, and a network one before it.

    `more` goes into the target group's creation.
    """
    made = network(side, *target.zones[:zones])
    made.alb_group = group(side, made.vpc, "alb")
    side.ec2.authorize_security_group_ingress(GroupId=made.alb_group, IpPermissions=tcp(80, cidr="10.0.0.0/16"))
    made.alb = balancer(
        target, side, made.subnets, "alb", wait=False, Type="application", SecurityGroups=[made.alb_group]
    )
    made.alb_listener = side.elb.create_listener(
        LoadBalancerArn=made.alb, Protocol="HTTP", Port=80, DefaultActions=fixed(status)
    )["Listeners"][0]["ListenerArn"]
    made.nlb = balancer(target, side, made.subnets, "nlb", wait=False)
    made.targets = alb_group(target, side, made.vpc, **more)
    side.elb.register_targets(TargetGroupArn=made.targets, Targets=[{"Id": made.alb, "Port": 80}])
    if listening:
        made.listener = side.elb.create_listener(
            LoadBalancerArn=made.nlb, Protocol="TCP", Port=80, DefaultActions=forward(made.targets)
        )["Listeners"][0]["ListenerArn"]
    for arn in (made.alb, made.nlb):
        assert target.until(lambda arn=arn: balancer_state(side, arn) == "active")  # type: ignore[misc]
    return made


def service(side: Side, arn: str, *principals: str, **more: Any) -> SimpleNamespace:
    """An endpoint service on a load balancer, and who may use it."""
    made = side.ec2.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[arn], **more)[
        "ServiceConfiguration"
    ]
    if principals:
        side.ec2.modify_vpc_endpoint_service_permissions(
            ServiceId=made["ServiceId"], AddAllowedPrincipals=list(principals)
        )
    return SimpleNamespace(id=made["ServiceId"], name=made["ServiceName"], nlb=arn, answer=made)


def offer(target: Target, *, acceptance: bool = True, zones: int = 2, **more: Any) -> SimpleNamespace:
    """A service of the provider that admits the consumer, without anything behind its load balancer."""
    side = target.provider
    net = network(side, *target.zones[:zones])
    arn = balancer(target, side, net.subnets, "front")
    made = service(side, arn, target.consumer.root, AcceptanceRequired=acceptance, **more)
    made.vpc, made.subnets = net.vpc, net.subnets
    return made


def connect(target: Target, side: Side, name: str, net: SimpleNamespace, **more: Any) -> dict[str, Any]:
    """An interface endpoint to the service of that name, in all subnets of the network. A new service is waited for."""
    asked = {
        "VpcEndpointType": "Interface",
        "ServiceName": name,
        "VpcId": net.vpc,
        "SubnetIds": net.subnets,
        "PrivateDnsEnabled": False,
        "ClientToken": uuid.uuid4().hex,
        **more,
    }

    def attempt() -> dict[str, Any] | None:
        try:
            return dict(side.ec2.create_vpc_endpoint(**asked)["VpcEndpoint"])
        except side.ec2.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ("Unavailable", "ServiceUnavailable"):
                return None
            raise

    made = target.until(attempt, 600)
    assert made, "the service stays unavailable"
    return made


def settle(target: Target, side: Side, endpoint: str, state: str) -> None:
    """Wait until an endpoint is in that state."""
    assert target.until(lambda: state_of(side, endpoint) == state), (state_of(side, endpoint), state)


def connections(target: Target, service_id: str) -> list[dict[str, Any]]:
    mine = [{"Name": "service-id", "Values": [service_id]}]
    return list(target.provider.ec2.describe_vpc_endpoint_connections(Filters=mine)["VpcEndpointConnections"])


def joined(target: Target, *, acceptance: bool = True, **more: Any) -> SimpleNamespace:
    """A service and an available endpoint to it."""
    made = offer(target, acceptance=acceptance)
    made.net = network(target.consumer, target.zones[0])
    made.endpoint = connect(target, target.consumer, made.name, made.net, **more)
    made.endpoint_id = made.endpoint["VpcEndpointId"]
    if acceptance:
        accept(target, made)
    settle(target, target.consumer, made.endpoint_id, "available")
    return made


def accept(target: Target, made: SimpleNamespace) -> list[Any]:
    assert target.until(lambda: connections(target, made.id))
    answer = target.provider.ec2.accept_vpc_endpoint_connections(ServiceId=made.id, VpcEndpointIds=[made.endpoint_id])
    return list(answer["Unsuccessful"])


def reject(target: Target, made: SimpleNamespace) -> list[Any]:
    answer = target.provider.ec2.reject_vpc_endpoint_connections(ServiceId=made.id, VpcEndpointIds=[made.endpoint_id])
    return list(answer["Unsuccessful"])


def code(failures: list[Any]) -> str:
    """The code of the only entry of an `Unsuccessful` list."""
    [failure] = failures
    return str(failure["Error"]["Code"])


# ------------------------------------------------------------------------------------------- functions


def trust(service_name: str = "lambda.amazonaws.com") -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service_name}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allow(*actions: str) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
    )


def zipped(source: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", textwrap.dedent(source))
    return packed.getvalue()


def role(target: Target, side: Side, name: str = "role", *, attach: str | None = VPC_ACCESS, **more: Any) -> str:
    """A role for functions; its ARN."""
    asked = {"AssumeRolePolicyDocument": trust(), **more}
    arn = str(side.iam.create_role(RoleName=target.name(name), **asked)["Role"]["Arn"])
    if attach:
        side.iam.attach_role_policy(RoleName=target.name(name), PolicyArn=attach)
    return arn


def function(
    target: Target, side: Side, role_arn: str, *, name: str = "probe", code: str = ECHO, wait: bool = True, **more: Any
) -> dict[str, Any]:
    """A function, once its role is believed and it is active."""
    asked = {
        "FunctionName": target.name(name),
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": role_arn,
        "Code": {"ZipFile": zipped(code)},
        "Timeout": 20,
        **more,
    }

    def attempt() -> dict[str, Any] | None:
        try:
            return dict(side.functions.create_function(**asked))
        except side.functions.exceptions.InvalidParameterValueException:
            return None

    made = target.until(attempt, 300)
    assert made, "the role stays unknown to Lambda"
    if wait:
        assert target.until(lambda: function_state(side, asked["FunctionName"]) == "Active")
    return made


def function_state(side: Side, name: str) -> str:
    return str(side.functions.get_function_configuration(FunctionName=name)["State"])


def invoke(target: Target, side: Side, event: Any, *, name: str = "probe") -> Any:
    answer = side.functions.invoke(FunctionName=target.name(name), Payload=json.dumps(event))
    return json.loads(answer["Payload"].read())


def link(target: Target, made: SimpleNamespace, *, zones: int = 1, **more: Any) -> SimpleNamespace:
    """From a backend on: a service for the consumer, an endpoint, a function beside it; `ask(**event)` asks."""
    side, there = target.consumer, service(target.provider, made.nlb, target.consumer.root, AcceptanceRequired=False)
    here = network(side, *target.zones[:zones])
    here.there, here.service = made, there
    here.endpoint_group, here.function_group = group(side, here.vpc, "endpoint"), group(side, here.vpc, "function")
    side.ec2.authorize_security_group_ingress(
        GroupId=here.endpoint_group, IpPermissions=tcp(80, peer=here.function_group)
    )
    side.ec2.authorize_security_group_egress(
        GroupId=here.function_group, IpPermissions=tcp(80, peer=here.endpoint_group)
    )
    here.endpoint = connect(target, side, there.name, here, SecurityGroupIds=[here.endpoint_group], **more)
    here.endpoint_id = here.endpoint["VpcEndpointId"]
    here.host = here.endpoint["DnsEntries"][0]["DnsName"]
    settle(target, side, here.endpoint_id, "available")
    config = {"SubnetIds": here.subnets[:1], "SecurityGroupIds": [here.function_group]}
    function(target, side, role(target, side), code=FETCH, VpcConfig=config)
    here.ask = lambda **event: invoke(target, side, {"host": here.host, **event})
    return here
