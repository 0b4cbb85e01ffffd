"""Everything that is in the sandbox's two accounts, by plain boto3: what plinkctl believes does not count here."""

import os
from collections import Counter
from functools import cache
from typing import Any

import boto3


def census() -> Counter[tuple[str, ...]]:
    """How often each thing is there, by account, kind and name; names hold no random part."""
    found: Counter[tuple[str, ...]] = Counter()
    for profile in ("provider", "consumer"):
        ec2, elb, *others = _clients(profile, os.environ.get("AWS_CONFIG_FILE"))
        for kind, name in (*_ec2(ec2), *_elb(elb), *_rest(*others)):
            found[(profile, kind, name)] += 1
    return found


@cache
def _clients(profile: str, config: str | None) -> tuple[Any, ...]:
    """Made once for each sandbox, which the configuration names: to make them costs more than to ask them all."""
    session = boto3.Session(profile_name=profile)
    return tuple(session.client(service) for service in ("ec2", "elbv2", "iam", "logs", "lambda"))


def _ec2(ec2: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for kind, operation, key in (
        ("vpc", "describe_vpcs", "Vpcs"),
        ("subnet", "describe_subnets", "Subnets"),
        ("route table", "describe_route_tables", "RouteTables"),
        ("group", "describe_security_groups", "SecurityGroups"),
        ("rule", "describe_security_group_rules", "SecurityGroupRules"),
        ("endpoint", "describe_vpc_endpoints", "VpcEndpoints"),
        ("service", "describe_vpc_endpoint_service_configurations", "ServiceConfigurations"),
    ):
        found += [(kind, _node(item)) for item in ec2.get_paginator(operation).paginate().build_full_result()[key]]
    interfaces = ec2.get_paginator("describe_network_interfaces").paginate().build_full_result()["NetworkInterfaces"]
    found += [
        ("interface", item["Description"].split("/")[0].split("vpce-")[0].split("-plk")[0]) for item in interfaces
    ]
    return found


def _elb(elb: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for balancer in elb.describe_load_balancers()["LoadBalancers"]:
        arn = balancer["LoadBalancerArn"]
        found.append(("balancer", _elb_node(elb, arn)))
        listeners = elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
        found += [("listener", _elb_node(elb, listener["ListenerArn"])) for listener in listeners]
    for group in elb.describe_target_groups()["TargetGroups"]:
        arn = group["TargetGroupArn"]
        found.append(("target group", _elb_node(elb, arn)))
        targets = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        found += [("target", target["TargetHealth"]["State"]) for target in targets]
    return found


def _rest(iam: Any, logs: Any, functions: Any) -> list[tuple[str, str]]:
    roles = [role["RoleName"] for role in iam.list_roles(PathPrefix="/plinkctl/")["Roles"]]
    found = [("role", _node({"Tags": iam.list_role_tags(RoleName=name)["Tags"]})) for name in roles]
    found += [
        ("log group", group["logGroupName"].rpartition("-")[0]) for group in logs.describe_log_groups()["logGroups"]
    ]
    found += [("function", item["FunctionName"].rpartition("-")[0]) for item in functions.list_functions()["Functions"]]
    return found


def _node(item: dict[str, Any]) -> str:
    tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}
    return str(tags.get("plinkctl:node", "not ours"))


def _elb_node(elb: Any, arn: str) -> str:
    return _node({"Tags": elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]})
