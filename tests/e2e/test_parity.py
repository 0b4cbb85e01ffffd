"""What plinkctl makes against what the two CDK stacks of the article make, property by property, read by plain boto3.

The names of the checks are those of the list of properties that was taken from the synthesized templates. Where
plinkctl differs, it does so on purpose: those checks assert what it promises instead and say why in one line.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from e2e_tools import BOTH, CONSUMER, PROOF, Aws, calls, link_file

if TYPE_CHECKING:
    from shells import Shell

    from plinkctl.sandbox.daemon import Running

SAME: Final[dict[str, Any]] = {
    "provider vpc.cidr": "10.0.0.0/16",
    "provider vpc.dns_hostnames": True,
    "provider vpc.dns_support": True,
    "provider vpc.tenancy": "default",
    "provider subnets.count": 2,
    "provider subnets.distinct_azs": 2,
    "provider subnets.map_public_ip": [False, False],
    "provider route_tables.count": 2,
    "provider route_tables.routes": [],
    "provider internet_gateways": 0,
    "provider nat_gateways": 0,
    "provider default_sg.ingress": [],
    "provider default_sg.egress": [],
    "provider alb.type": "application",
    "provider alb.scheme": "internal",
    "provider alb.subnets": ["@subnet-1", "@subnet-2"],
    "provider alb.deletion_protection": "false",
    "provider alb.security_groups": ["@alb-group"],
    "provider alb_listener.protocol": "HTTP",
    "provider alb_listener.port": 80,
    "provider alb_listener.action": [("fixed-response", PROOF, "200")],
    "provider nlb.type": "network",
    "provider nlb.scheme": "internal",
    "provider nlb.subnets": ["@subnet-1", "@subnet-2"],
    "provider nlb.deletion_protection": "false",
    "provider target_group.targettype": "alb",
    "provider target_group.protocol": "TCP",
    "provider target_group.port": 80,
    "provider target_group.targets": [("@alb", 80)],
    "provider target_group.healthcheckprotocol": "HTTP",
    "provider target_group.healthcheckpath": "/",
    "provider target_group.healthcheckport": "traffic-port",
    "provider target_group.healthcheckintervalseconds": 30,
    "provider target_group.healthchecktimeoutseconds": 6,
    "provider target_group.healthythresholdcount": 5,
    "provider target_group.unhealthythresholdcount": 2,
    "provider target_group.matcher.httpcode": "200-399",
    "provider target_group.depends_on": "the ALB listened before it was registered",
    "provider nlb_listener.protocol": "TCP",
    "provider nlb_listener.port": 80,
    "provider nlb_listener.action": [("forward", "@target-group")],
    "provider endpoint_service.acceptance_required": False,
    "provider endpoint_service.load_balancers": ["@nlb"],
    "provider endpoint_service.private_dns_name": None,
    "provider endpoint_service.principals": [f"arn:aws:iam::{CONSUMER}:root"],
    "provider output.service_name": "com.amazonaws.vpce.us-east-1.@service",
    "consumer vpc.cidr": "10.0.0.0/16",
    "consumer vpc.dns_hostnames": True,
    "consumer vpc.dns_support": True,
    "consumer vpc.tenancy": "default",
    "consumer subnets.count": 1,
    "consumer subnets.distinct_azs": 1,
    "consumer subnets.map_public_ip": [False],
    "consumer route_tables.count": 1,
    "consumer route_tables.routes": [],
    "consumer internet_gateways": 0,
    "consumer nat_gateways": 0,
    "consumer default_sg.ingress": [],
    "consumer default_sg.egress": [],
    "consumer endpoint_sg.ingress": [("tcp", 80, 80, "@function-group")],
    "consumer endpoint_sg.egress": [],  # the template's rule to 255.255.255.255/32 is CDK's way to say none
    "consumer lambda_sg.ingress": [],
    "consumer lambda_sg.egress": [("tcp", 80, 80, "@endpoint-group")],
    "consumer endpoint.vpcendpointtype": "Interface",
    "consumer endpoint.servicename": "com.amazonaws.vpce.us-east-1.@service",
    "consumer endpoint.privatednsenabled": False,
    "consumer endpoint.subnetids": ["@subnet-1"],
    "consumer endpoint.securitygroupids": ["@endpoint-group"],
    "consumer endpoint.policy": "AWS's default: everything",
    "consumer lambda.memory": 128,
    "consumer lambda.env": "the endpoint's first DNS entry",
    "consumer lambda.vpc_subnets": ["@subnet-1"],
    "consumer lambda.vpc_sg": ["@function-group"],
    "consumer lambda.log_group": "@log-group",
    "consumer log_group.removal": [],  # none is left after teardown
    "consumer lambda.role_trust": ("lambda.amazonaws.com", "sts:AssumeRole", "Allow"),
}

DIFFERENT: Final[dict[str, tuple[Any, str]]] = {
    "provider subnets.cidrs": (
        ["10.0.0.0/20", "10.0.16.0/20"],
        "two /17 use up the VPC; sixteenths leave room for fourteen more subnets",
    ),
    "provider alb_sg.ingress": (
        [("tcp", 80, 80, "10.0.0.0/20"), ("tcp", 80, 80, "10.0.16.0/20")],
        "only the NLB's addresses ever reach the ALB, so 0.0.0.0/0 is not needed",
    ),
    "provider alb_sg.egress": ([], "the template's rule to 255.255.255.255/32 is CDK's way to say none"),
    "provider nlb.security_groups": (
        (["@nlb-group"], "off"),
        "an NLB made without a group can never get one; it does not filter PrivateLink traffic unless asked to",
    ),
    "provider nlb_sg.rules": (
        ([], [("tcp", 80, 80, "@alb-group")]),
        "the group the template lacks: health checks and requests go out to the ALB, nothing else",
    ),
    "consumer subnets.cidrs": (["10.0.0.0/20"], "a /16 in a /16 leaves no room for a second subnet"),
    "consumer lambda.runtime": ("python3.13", "plinkctl is Python, and its probe needs nothing but the library"),
    "consumer lambda.handler": ("index.handler", "the same word by chance"),
    "consumer lambda.timeout": (15, "the request gives up after 5 s and the function lives to say so"),
    "consumer lambda.role_policies": ([], "the managed policies include logs:CreateLogGroup on everything"),
    "consumer lambda.role_inline": (
        [
            "ec2:AssignPrivateIpAddresses",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:UnassignPrivateIpAddresses",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
        ],
        "a late log line must not bring the deleted log group back, so it may not create one",
    ),
    "consumer log_group.retention": (14, "two years are nobody's wish; 14 days unless said otherwise"),
}


class Picture:
    """One side as boto3 shows it; IDs are replaced by @node names, so that they can be compared."""

    def __init__(self, aws: Aws, profile: str, resources: list[dict[str, Any]]) -> None:
        self.aws, self.profile = aws, profile
        self.ids = {r["node"].partition("/")[2]: r["id"] for r in resources}
        self.names = {identifier: f"@{node}" for node, identifier in self.ids.items() if node != "target"}

    def client(self, service: str) -> Any:
        return self.aws.client(self.profile, service)

    def named(self, value: str) -> str:
        return self.names.get(value, value)

    def rules(self, group_id: str, *, egress: bool) -> list[tuple[Any, ...]]:
        filters = [{"Name": "group-id", "Values": [group_id]}]
        found = self.client("ec2").describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
        return sorted(
            (
                rule["IpProtocol"],
                rule["FromPort"],
                rule["ToPort"],
                rule.get("CidrIpv4") or self.named(rule.get("ReferencedGroupInfo", {}).get("GroupId", "")),
            )
            for rule in found
            if rule["IsEgress"] is egress
        )

    def network(self) -> dict[str, Any]:
        """VPC, subnets, route tables, gateways, default group."""
        ec2, vpc_id = self.client("ec2"), self.ids["vpc"]
        vpc = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]
        here = [{"Name": "vpc-id", "Values": [vpc_id]}]
        subnets = sorted(ec2.describe_subnets(Filters=here)["Subnets"], key=lambda s: str(s["CidrBlock"]))
        tables = ec2.describe_route_tables(Filters=here)["RouteTables"]
        own = [t for t in tables if any(a.get("SubnetId") for a in t["Associations"])]
        attached = [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
        groups = ec2.describe_security_groups(Filters=[*here, {"Name": "group-name", "Values": ["default"]}])
        default = groups["SecurityGroups"][0]["GroupId"]

        def attribute(name: str, key: str) -> Any:
            return ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name)[key]["Value"]

        return {
            "vpc.cidr": vpc["CidrBlock"],
            "vpc.dns_hostnames": attribute("enableDnsHostnames", "EnableDnsHostnames"),
            "vpc.dns_support": attribute("enableDnsSupport", "EnableDnsSupport"),
            "vpc.tenancy": vpc["InstanceTenancy"],
            "subnets.count": len(subnets),
            "subnets.cidrs": [s["CidrBlock"] for s in subnets],
            "subnets.distinct_azs": len({s["AvailabilityZoneId"] for s in subnets}),
            "subnets.map_public_ip": [s["MapPublicIpOnLaunch"] for s in subnets],
            "route_tables.count": len(own),
            "route_tables.routes": [r for t in tables for r in t["Routes"] if r.get("GatewayId") != "local"],
            "internet_gateways": len(ec2.describe_internet_gateways(Filters=attached)["InternetGateways"]),
            "nat_gateways": len(ec2.describe_nat_gateways(Filters=here)["NatGateways"]),
            "default_sg.ingress": self.rules(default, egress=False),
            "default_sg.egress": self.rules(default, egress=True),
        }

    def provider(self, log: list[dict[str, Any]], service_name: str) -> dict[str, Any]:
        """Load balancers, listeners, target group, service."""
        elb, ec2, ids = self.client("elbv2"), self.client("ec2"), self.ids
        found: dict[str, Any] = {}
        for name in ("alb", "nlb"):
            item = elb.describe_load_balancers(LoadBalancerArns=[ids[name]])["LoadBalancers"][0]
            attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=ids[name])["Attributes"]
            groups = [self.named(group) for group in item["SecurityGroups"]]
            enforce = item.get("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic")
            found |= {
                f"{name}.type": item["Type"],
                f"{name}.scheme": item["Scheme"],
                f"{name}.subnets": sorted(self.named(z["SubnetId"]) for z in item["AvailabilityZones"]),
                f"{name}.deletion_protection": {a["Key"]: a["Value"] for a in attributes}[
                    "deletion_protection.enabled"
                ],
                f"{name}.security_groups": groups if name == "alb" else (groups, enforce),
            }
            (listener,) = elb.describe_listeners(LoadBalancerArn=ids[name])["Listeners"]
            found |= {
                f"{name}_listener.protocol": listener["Protocol"],
                f"{name}_listener.port": listener["Port"],
                f"{name}_listener.action": [self._action(action) for action in listener["DefaultActions"]],
            }
        group = elb.describe_target_groups(TargetGroupArns=[ids["target-group"]])["TargetGroups"][0]
        targets = elb.describe_target_health(TargetGroupArn=ids["target-group"])["TargetHealthDescriptions"]
        found |= {
            f"target_group.{key.lower()}": group[key]
            for key in (
                "TargetType",
                "Protocol",
                "Port",
                "HealthCheckProtocol",
                "HealthCheckPath",
                "HealthCheckPort",
                "HealthCheckIntervalSeconds",
                "HealthCheckTimeoutSeconds",
                "HealthyThresholdCount",
                "UnhealthyThresholdCount",
            )
        }
        service = ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[ids["service"]])
        service = service["ServiceConfigurations"][0]
        allowed = ec2.describe_vpc_endpoint_service_permissions(ServiceId=ids["service"])["AllowedPrincipals"]
        actions = [call["action"] for call in log if call["status"] == 200]
        listens = actions.index("CreateListener") < actions.index("RegisterTargets")
        return found | {
            "alb_sg.ingress": self.rules(ids["alb-group"], egress=False),
            "alb_sg.egress": self.rules(ids["alb-group"], egress=True),
            "nlb_sg.rules": (
                self.rules(ids["nlb-group"], egress=False),
                self.rules(ids["nlb-group"], egress=True),
            ),
            "target_group.targets": [(self.named(t["Target"]["Id"]), t["Target"]["Port"]) for t in targets],
            "target_group.matcher.httpcode": group["Matcher"]["HttpCode"],
            "target_group.depends_on": "the ALB listened before it was registered" if listens else actions,
            "endpoint_service.acceptance_required": service["AcceptanceRequired"],
            "endpoint_service.load_balancers": [self.named(a) for a in service["NetworkLoadBalancerArns"]],
            "endpoint_service.private_dns_name": service.get("PrivateDnsName"),
            "endpoint_service.principals": [a["Principal"] for a in allowed],
            "output.service_name": service_name.replace(ids["service"], "@service"),
        }

    def _action(self, action: dict[str, Any]) -> tuple[str, ...]:
        if action["Type"] == "forward":
            return ("forward", self.named(action["TargetGroupArn"]))
        fixed = action["FixedResponseConfig"]
        return (action["Type"], fixed["MessageBody"], fixed["StatusCode"])

    def consumer(self, service_id: str) -> dict[str, Any]:
        """Endpoint, groups, function, role, log group."""
        ids = self.ids
        endpoint = self.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[ids["endpoint"]])["VpcEndpoints"][0]
        function = self.client("lambda").get_function_configuration(FunctionName=ids["function"])
        name = function["Environment"]["Variables"]["CONSUMER_VPC_ENDPOINT_DNS_NAME"]
        policy = endpoint.get("PolicyDocument")
        return {
            "endpoint_sg.ingress": self.rules(ids["endpoint-group"], egress=False),
            "endpoint_sg.egress": self.rules(ids["endpoint-group"], egress=True),
            "lambda_sg.ingress": self.rules(ids["function-group"], egress=False),
            "lambda_sg.egress": self.rules(ids["function-group"], egress=True),
            "endpoint.vpcendpointtype": endpoint["VpcEndpointType"],
            "endpoint.servicename": endpoint["ServiceName"].replace(service_id, "@service"),
            "endpoint.privatednsenabled": endpoint["PrivateDnsEnabled"],
            "endpoint.subnetids": [self.named(s) for s in endpoint["SubnetIds"]],
            "endpoint.securitygroupids": [self.named(g["GroupId"]) for g in endpoint["Groups"]],
            "endpoint.policy": "AWS's default: everything" if _open_policy(policy) else policy,
            "lambda.runtime": function["Runtime"],
            "lambda.handler": function["Handler"],
            "lambda.memory": function["MemorySize"],
            "lambda.timeout": function["Timeout"],
            "lambda.env": "the endpoint's first DNS entry" if name == endpoint["DnsEntries"][0]["DnsName"] else name,
            "lambda.vpc_subnets": [self.named(s) for s in function["VpcConfig"]["SubnetIds"]],
            "lambda.vpc_sg": [self.named(g) for g in function["VpcConfig"]["SecurityGroupIds"]],
            "lambda.log_group": self.named(function["LoggingConfig"]["LogGroup"]),
            **self._role(),
            "log_group.retention": self.client("logs").describe_log_groups()["logGroups"][0]["retentionInDays"],
        }

    def _role(self) -> dict[str, Any]:
        iam, name = self.client("iam"), self.ids["role"].rpartition("/")[2]
        (statement,) = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        actions = sorted({action for part in document["Statement"] for action in part["Action"]})
        return {
            "lambda.role_policies": iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"],
            "lambda.role_trust": (statement["Principal"]["Service"], statement["Action"], statement["Effect"]),
            "lambda.role_inline": actions,
        }


def _open_policy(policy: str | None) -> bool:
    """None, or AWS's default that stands for none: everybody may do everything through the endpoint."""
    if policy is None:
        return True
    (statement,) = json.loads(policy)["Statement"]
    return (statement["Effect"], statement["Action"], statement["Resource"]) == ("Allow", "*", "*")


def _everything(shell: Shell, running: Running) -> dict[str, Any]:
    """Every property of both sides, after `plinkctl up` with the article's wishes."""
    aws = Aws(running)
    data = shell.ok("up", "-f", link_file(shell, "provider: {acceptance_required: false}"), *BOTH)
    log = calls(shell, running)
    provider = Picture(aws, "provider", data["provider"]["resources"])
    consumer = Picture(aws, "consumer", data["consumer"]["resources"])
    seen = {
        **{f"provider {k}": v for k, v in provider.network().items()},
        **{f"provider {k}": v for k, v in provider.provider(log, data["provider"]["service_name"]).items()},
        **{f"consumer {k}": v for k, v in consumer.network().items()},
        **{f"consumer {k}": v for k, v in consumer.consumer(provider.ids["service"]).items()},
    }
    shell.ok("teardown", *BOTH, "--yes")
    return seen | {"consumer log_group.removal": aws.client("consumer", "logs").describe_log_groups()["logGroups"]}


def test_up_makes_what_the_article_makes_or_what_is_promised_instead(shell: Shell, sandbox: Running) -> None:
    found = _everything(shell, sandbox)
    wanted = SAME | {check: promised for check, (promised, _) in DIFFERENT.items()}
    wrong = {check: (found.get(check), want) for check, want in wanted.items() if found.get(check) != want}
    assert not wrong, "check: (found, wanted)"
    assert found.keys() == wanted.keys()
