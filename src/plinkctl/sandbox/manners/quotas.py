"""How many of a thing an account may have, in one table; refusals, account limits and Service Quotas all read it.

The figures are AWS's for a new account. A world may have others (`World.quotas`): fewer, so that a refusal is easily
met, or more, for a load that no new account could bear. Not known of AWS: whether the default VPC counts among the
five (here it does, which asks more of a caller), and how many endpoint services a region takes (here any number).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.ec2.models.internet_gateways import InternetGatewayBackend
from moto.ec2.models.route_tables import RouteBackend
from moto.ec2.models.security_groups import SecurityGroupBackend
from moto.elbv2.responses import ELBV2Response
from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.resources.default_quotas.vpc import VPC_DEFAULT_QUOTAS
from moto.servicequotas.responses import ServiceQuotasResponse

from plinkctl.sandbox import world
from plinkctl.sandbox.patch import action, override

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Quota:
    """One quota.

    Attributes:
        service: Service Quotas' name of the service.
        code: its code there; empty where it has none or none is known.
        value: how many, unless the world has another figure.
        error, message: how a request for more is refused.
    """

    service: str
    code: str
    value: int
    error: str
    message: str


def _more(what: str) -> str:
    return f"The maximum number of {what} has been reached."


#: ELBv2's names are those of DescribeAccountLimits; the others' are our own.
QUOTAS: Final[Mapping[str, Quota]] = {
    "vpcs": Quota("vpc", "L-F678F1CE", 5, "VpcLimitExceeded", _more("VPCs")),
    "internet-gateways": Quota("vpc", "L-A4707A72", 5, "InternetGatewayLimitExceeded", _more("internet gateways")),
    "subnets-per-vpc": Quota("vpc", "L-407747CB", 200, "SubnetLimitExceeded", _more("subnets")),
    "route-tables-per-vpc": Quota("vpc", "L-589F43AA", 200, "RouteTableLimitExceeded", _more("route tables")),
    "routes-per-route-table": Quota("vpc", "L-93826ACB", 50, "RouteLimitExceeded", _more("routes in the route table")),
    "network-acls-per-vpc": Quota("vpc", "L-B4A6D682", 200, "NetworkAclLimitExceeded", _more("network ACLs")),
    "security-groups": Quota("vpc", "L-E79EC296", 2500, "SecurityGroupLimitExceeded", _more("security groups")),
    "rules-per-security-group": Quota(
        "vpc",
        "L-0EA8095F",
        60,
        "RulesPerSecurityGroupLimitExceeded",
        "The maximum number of rules per security group has been reached.",
    ),
    "security-groups-per-interface": Quota(
        "vpc",
        "L-2AFB9258",
        5,
        "SecurityGroupsPerInterfaceLimitExceeded",
        _more("security groups per network interface"),
    ),
    "network-interfaces": Quota(
        "vpc", "L-DF5E4CA3", 5000, "NetworkInterfaceLimitExceeded", _more("network interfaces")
    ),
    "interface-endpoints-per-vpc": Quota("vpc", "L-29B6F2EB", 50, "VpcEndpointLimitExceeded", _more("VPC endpoints")),
    "application-load-balancers": Quota(
        "elasticloadbalancing", "L-53DA6B97", 50, "TooManyLoadBalancers", _more("load balancers")
    ),
    "network-load-balancers": Quota(
        "elasticloadbalancing", "L-69A177A2", 50, "TooManyLoadBalancers", _more("load balancers")
    ),
    "target-groups": Quota("elasticloadbalancing", "L-B22855CB", 3000, "TooManyTargetGroups", _more("target groups")),
    "listeners-per-application-load-balancer": Quota(
        "elasticloadbalancing", "L-B6DF7632", 50, "TooManyListeners", _more("listeners on the load balancer")
    ),
    "listeners-per-network-load-balancer": Quota(
        "elasticloadbalancing", "L-57A373D6", 50, "TooManyListeners", _more("listeners on the load balancer")
    ),
    "network-load-balancer-enis-per-vpc": Quota(
        "elasticloadbalancing",
        "",
        1200,
        "InvalidConfigurationRequest",
        _more("network interfaces of Network Load Balancers in the VPC"),
    ),
    "targets-per-network-load-balancer": Quota(
        "elasticloadbalancing", "", 3000, "TooManyTargets", _more("targets of the load balancer")
    ),
    "targets-per-availability-zone-per-network-load-balancer": Quota(
        "elasticloadbalancing",
        "",
        500,
        "TooManyTargets",
        _more("targets of the load balancer in an Availability Zone"),
    ),
    "targets-per-application-load-balancer": Quota(
        "elasticloadbalancing", "", 1000, "TooManyTargets", _more("targets of the load balancer")
    ),
    "rules-per-application-load-balancer": Quota(
        "elasticloadbalancing", "", 100, "TooManyRules", _more("rules on the load balancer")
    ),
    "certificates-per-application-load-balancer": Quota(
        "elasticloadbalancing", "", 25, "TooManyCertificates", _more("certificates on the load balancer")
    ),
    "certificates-per-network-load-balancer": Quota(
        "elasticloadbalancing", "", 25, "TooManyCertificates", _more("certificates on the load balancer")
    ),
    "target-groups-per-application-load-balancer": Quota(
        "elasticloadbalancing",
        "",
        100,
        "TooManyUniqueTargetGroupsPerLoadBalancer",
        _more("target groups of the load balancer"),
    ),
    "target-groups-per-action-on-application-load-balancer": Quota(
        "elasticloadbalancing", "", 5, "InvalidLoadBalancerAction", _more("target groups of an action")
    ),
    "target-groups-per-action-on-network-load-balancer": Quota(
        "elasticloadbalancing", "", 1, "InvalidLoadBalancerAction", _more("target groups of an action")
    ),
    "lambda-interfaces-per-vpc": Quota("lambda", "L-9FEE3D26", 250, "EniLimitExceeded", _more("network interfaces")),
    "roles": Quota("iam", "L-FE177D64", 1000, "LimitExceeded", "Cannot exceed quota for RolesPerAccount: {}"),
    "managed-policies-per-role": Quota(
        "iam", "L-0DA4ABF3", 10, "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: {}"
    ),
    "certificates": Quota("acm", "L-F141DD1D", 2500, "LimitExceededException", _more("certificates")),
    "names-per-certificate": Quota(
        "acm", "L-FB94F0B0", 10, "LimitExceededException", _more("domain names on the certificate")
    ),
    "hosted-zones": Quota("route53", "L-4EA4796A", 500, "TooManyHostedZones", _more("hosted zones")),
    "log-groups": Quota("logs", "", 1_000_000, "LimitExceededException", "Resource limit exceeded."),
}


class QuotaError(ServiceException):
    """There are as many as there may be. `code` and `message` are AWS's."""


def limit(name: str) -> int:
    """How many there may be, in this world."""
    return world.current().quotas.get(name, QUOTAS[name].value)


def reached(name: str, used: int, exactly: Callable[[], int] | None = None) -> bool:
    """Whether there is no room for one more.

    Args:
        name: of the quota.
        used: how many there are, or a number that is not below it and costs nothing to tell.
        exactly: counts them, and is asked only when `used` alone would be too many.
    """
    most = limit(name)
    return used >= most and (exactly is None or exactly() >= most)


def refuse_more(name: str, used: int, exactly: Callable[[], int] | None = None) -> None:
    """Refuse one more than there may be; see `reached`. Raises QuotaError."""
    if reached(name, used, exactly):
        quota = QUOTAS[name]
        raise QuotaError(quota.error, quota.message.format(limit(name)))


def changed(had: Mapping[str, int], wish: Any) -> dict[str, int]:
    """The world's own figures after a wish: a number for a quota, or None for AWS's.

    Raises:
        ValueError: for a quota there is not, or a number below 0.
    """
    if not isinstance(wish, dict):
        raise ValueError('quotas are given as {"name": number}')
    for name, value in wish.items():
        if name not in QUOTAS:
            raise ValueError(f"there is no quota '{name}'; there are: {', '.join(QUOTAS)}")
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise ValueError(f"the quota '{name}' must be a whole number of 0 or more, not {value!r}")
    merged: dict[str, int | None] = {**had, **wish}
    return {name: value for name, value in merged.items() if value is not None}


# ------------------------------------------------------------------------------- what only counts


@override(SecurityGroupBackend, "_verify_group_will_respect_rule_count_limit")
def _check_rules(
    _original: Any,
    self: Any,  # noqa: ARG001 - moto's parameters are kept
    group: Any,  # noqa: ARG001 - moto's parameters are kept
    current_rule_nb: int,
    ip_ranges: list[str],
    source_groups: list[dict[str, str]] | None = None,
    egress: bool = False,  # noqa: ARG001 - moto's parameters are kept
) -> None:
    """A group's rules, of each direction by itself."""
    refuse_more("rules-per-security-group", current_rule_nb + len(ip_ranges or []) + len(source_groups or []) - 1)


@override(InternetGatewayBackend, "create_internet_gateway")
def _create_gateway(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """CreateInternetGateway."""
    refuse_more("internet-gateways", len(self.internet_gateways))
    return original(self, *args, **kwargs)


@override(RouteBackend, "create_route")
def _create_route(original: Any, self: Any, route_table_id: str, *args: Any, **kwargs: Any) -> Any:
    """CreateRoute. That the routes of the VPC itself do not count is our reading."""
    table = self.route_tables.get(route_table_id)
    if table is not None and not kwargs.get("local"):
        refuse_more("routes-per-route-table", sum(not route.local for route in table.routes))
    return original(self, route_table_id, *args, **kwargs)


# ------------------------------------------------------------------------------- what tells of them


@override(ELBV2Response, "describe_account_limits")
def _account_limits(_original: Any, self: Any) -> ActionResult:  # noqa: ARG001 - moto's parameters are kept
    """DescribeAccountLimits."""
    names = [name for name, quota in QUOTAS.items() if quota.service == "elasticloadbalancing"]
    return ActionResult({"Limits": [{"Name": name, "Max": str(limit(name))} for name in names]})


def _described(backend: Any, service: str, *, applied: bool) -> list[dict[str, Any]]:
    """The quotas of a service as Service Quotas tells them. Raises NoSuchResource."""
    place = f"arn:aws:servicequotas:{backend.region_name}:{backend.account_id if applied else ''}"
    ours = [
        {
            "ServiceCode": service,
            "QuotaArn": f"{place}:{service}/{quota.code}",
            "QuotaCode": quota.code,
            "QuotaName": name,
            "Value": float(limit(name) if applied else quota.value),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": service == "iam",
        }
        for name, quota in QUOTAS.items()
        if quota.service == service and quota.code
    ]
    if not ours:
        raise NoSuchResource
    known = {quota["QuotaCode"] for quota in ours}
    # Of the VPC's, moto has those of things the sandbox has not got, and AWS's names for all.
    theirs = {quota["QuotaCode"]: quota for quota in VPC_DEFAULT_QUOTAS} if service == "vpc" else {}
    named = [{**quota, "QuotaName": theirs.get(quota["QuotaCode"], quota)["QuotaName"]} for quota in ours]
    return [*named, *[quota for code, quota in theirs.items() if code not in known]]


def _one(backend: Any, service: str, code: str, *, applied: bool) -> dict[str, Any]:
    for quota in _described(backend, service, applied=applied):
        if quota["QuotaCode"] == code:
            return quota
    raise NoSuchResource


@override(ServiceQuotasBackend, "list_aws_default_service_quotas")
def _list_defaults(_original: Any, self: Any, service_code: str) -> list[dict[str, Any]]:
    """ListAWSDefaultServiceQuotas."""
    return _described(self, service_code, applied=False)


@override(ServiceQuotasBackend, "get_service_quota")
def _get(_original: Any, self: Any, service_code: str, quota_code: str) -> dict[str, Any]:
    """GetServiceQuota."""
    return _one(self, service_code, quota_code, applied=True)


@action(ServiceQuotasResponse, "list_service_quotas")
def _list(self: Any) -> ActionResult:
    """ListServiceQuotas."""
    return ActionResult({"Quotas": _described(self.backend, self._get_param("ServiceCode"), applied=True)})


@action(ServiceQuotasResponse, "get_aws_default_service_quota")
def _get_default(self: Any) -> ActionResult:
    """GetAWSDefaultServiceQuota."""
    found = _one(self.backend, self._get_param("ServiceCode"), self._get_param("QuotaCode"), applied=False)
    return ActionResult({"Quota": found})
