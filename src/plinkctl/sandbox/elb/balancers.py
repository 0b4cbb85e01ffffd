"""Load balancers: they take their time to come up, stand in subnets with interfaces, and refuse to go while used.

A balancer is moto's FakeLoadBalancer with the `Balancer` of this module as its attribute `sandbox`. Listeners and
target groups are in `listeners` and `targets`; what traffic does is `fabric`'s affair.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from moto.ec2.exceptions import EC2ClientError
from moto.elbv2 import models
from moto.elbv2.exceptions import (
    DuplicateLoadBalancerName,
    ELBClientError,
    LoadBalancerNotFoundError,
    ResourceInUseError,
    SubnetNotFoundError,
    ValidationError,
)
from moto.elbv2.models import ELBv2Backend

from plinkctl.sandbox import interfaces, world
from plinkctl.sandbox.clock import Timeline
from plinkctl.sandbox.ec2.services import behind
from plinkctl.sandbox.elb import attributes, counts, placing
from plinkctl.sandbox.interfaces import Owner
from plinkctl.sandbox.manners.doom import fate
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.manners.visibility import born, changing
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Container

    from plinkctl.sandbox.manners.doom import Fate

#: Untyped on purpose: the sandbox gives moto's objects an attribute of its own.
FakeLoadBalancer: Any = models.FakeLoadBalancer

NAME: Final = re.compile(r"(?!internal-)(?!-)[A-Za-z0-9-]{1,32}(?<!-)")
#: Free addresses AWS wants in each subnet of a load balancer.
ROOM: Final = 8
#: AWS's own zones in which the names of load balancers lie, for aliases; those of us-east-1, in every region.
ZONES: Final = {"application": "Z35SXDOTRQ7X7K", "network": "Z26RNL4JYFTOTI"}


@dataclass(slots=True, eq=False, kw_only=True)
class Balancer:
    """What the sandbox knows of a load balancer.

    Attributes:
        life: provisioning, then active or failed.
        asked: the settings of its creation; the same ones again are answered with the same load balancer.
        addresses: subnet ID -> the private address it was told to take there.
        failure: the code and the sentence of why it will have failed.
    """

    life: Timeline
    asked: dict[str, Any]
    addresses: dict[str, str]
    failure: Fate | None = None


def enforce(balancer: Any, enforced: str | None) -> None:
    """Set whether the groups' inbound rules hold for PrivateLink traffic: on, off, or None without groups.

    The long name is the one moto writes into answers; the short one is for whoever decides about traffic.
    """
    balancer.enforce_private_link = enforced
    balancer.enforce_security_group_inbound_rules_on_private_link_traffic = enforced


def all_balancers() -> list[Any]:
    """The load balancers of every account."""
    return [
        balancer
        for regions in list(models.elbv2_backends.values())
        for backend in list(regions.values())
        for balancer in list(backend.load_balancers.values())
    ]


@world.settler
def _settle(moment: float) -> None:
    for balancer in all_balancers():
        balancer.state = balancer.sandbox.life.at(moment)


def check_subnets(ec2: Any, kind: str, scheme: str, subnet_ids: list[str], *, had: Container[str] = ()) -> list[Any]:
    """The subnets of a load balancer, checked as AWS checks them; it stands already in those it `had`.

    Raises:
        ELBClientError: they cannot be.
    """
    try:
        subnets = [ec2.get_subnet(one) for one in dict.fromkeys(subnet_ids)]
    except EC2ClientError as error:
        raise ELBClientError("SubnetNotFound", error.message) from error
    if not subnets:
        raise SubnetNotFoundError
    if len({subnet.vpc_id for subnet in subnets}) > 1:
        raise ELBClientError("InvalidConfigurationRequest", "All subnets must belong to the same VPC")
    if constrained := {subnet.availability_zone_id for subnet in subnets} & world.current().constrained_zones:
        raise ELBClientError(
            "AvailabilityZoneNotSupported",
            f"The specified Availability Zone is not supported: {', '.join(sorted(constrained))}",
        )
    zones = {subnet.availability_zone for subnet in subnets}
    if len(zones) < len(subnets):
        raise ELBClientError(
            "InvalidConfigurationRequest",
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        )
    if kind == "application" and len(zones) < 2:
        raise ValidationError("At least two subnets in two different Availability Zones must be specified")
    for subnet in subnets:
        if subnet.id not in had and subnet.available_ip_address_count < ROOM:
            raise ELBClientError(
                "InvalidSubnet",
                f"Not enough IP space available in {subnet.id}. ELB requires at least {ROOM} free IP addresses in "
                "each subnet.",
            )
    vpc_id = subnets[0].vpc_id
    gateways = [gateway for gateway in ec2.internet_gateways.values() if gateway.vpc and gateway.vpc.id == vpc_id]
    if scheme == "internet-facing" and not gateways:
        raise ELBClientError("InvalidSubnet", f"VPC {vpc_id} has no internet gateway")
    return subnets


def check_groups(ec2: Any, vpc_id: str, group_ids: list[str]) -> list[str]:
    """The groups of a load balancer, all of its VPC. Raises ELBClientError."""
    for group_id in group_ids:
        if group_id not in ec2.groups[vpc_id]:
            raise ELBClientError("InvalidSecurityGroup", f"The security group '{group_id}' does not exist")
    return list(group_ids)


def _usual_groups(ec2: Any, kind: str, subnet_ids: list[str]) -> set[str]:
    """The groups of a load balancer for which none is named: the default one of its VPC, or none for a network one."""
    if kind == "network":
        return set()
    with contextlib.suppress(EC2ClientError):  # of subnets that are not there it is said in its turn
        return {ec2.get_default_security_group(ec2.get_subnet(one).vpc_id).id for one in subnet_ids[:1]}
    return set()


@override(ELBv2Backend, "create_load_balancer")
def _create(
    _original: Any,
    self: Any,
    name: str,
    security_groups: list[str],
    subnet_ids: list[str],
    subnet_mappings: list[dict[str, str]] | None = None,
    scheme: str = "internet-facing",
    loadbalancer_type: str | None = None,
    ip_address_type: str = "ipv4",
    tags: list[dict[str, str]] | None = None,
) -> Any:
    """CreateLoadBalancer: the same settings again give the same one, other settings a refusal."""
    kind, scheme = loadbalancer_type or "application", scheme or "internet-facing"
    if kind not in ("application", "network"):
        raise ValidationError(f"The local AWS has no load balancer of type '{kind}'")
    if not NAME.fullmatch(name):
        raise ValidationError(
            f"The load balancer name '{name}' must be of at most 32 letters, digits and hyphens, not begin or end "
            "with a hyphen, and not begin with 'internal-'"
        )
    wanted_subnets = [*subnet_ids, *[mapping["SubnetId"] for mapping in subnet_mappings or []]]
    addresses = placing.addresses_of(subnet_mappings, kind, scheme)
    asked = {
        "type": kind,
        "scheme": scheme,
        "addresses": ip_address_type,
        "groups": sorted(set(security_groups) or _usual_groups(self.ec2_backend, kind, wanted_subnets)),
        "subnets": sorted(set(wanted_subnets)),
        "tags": {tag["Key"]: tag.get("Value", "") for tag in tags or []},
    }
    for existing in self.load_balancers.values():
        if existing.name == name and existing.sandbox.asked == asked:
            return existing
        if existing.name == name:
            raise DuplicateLoadBalancerName(
                f"A load balancer with the same name '{name}' exists, but with different settings"
            )
    refuse_more(
        f"{kind}-load-balancers",
        len(self.load_balancers),
        lambda: sum(one.type == kind for one in self.load_balancers.values()),
    )
    ec2 = self.ec2_backend
    subnets = check_subnets(ec2, kind, scheme, wanted_subnets)
    taken = placing.check(subnets, addresses)
    vpc_id = subnets[0].vpc_id
    counts.refuse_interfaces(ec2, kind, vpc_id, len(subnets))
    groups = check_groups(ec2, vpc_id, security_groups) or list(_usual_groups(ec2, kind, wanted_subnets))
    short, label = ("app" if kind == "application" else "net"), secrets.token_hex(8)
    place = f"arn:{self.partition}:elasticloadbalancing:{self.region_name}:{self.account_id}"
    balancer = FakeLoadBalancer(
        name=name,
        security_groups=groups,
        subnets=subnets,
        vpc_id=vpc_id,
        arn=f"{place}:loadbalancer/{short}/{name}/{label}",
        dns_name=_dns_name(name, kind, scheme, label, self.region_name),
        state="provisioning",
        scheme=scheme,
        loadbalancer_type=kind,
        ip_address_type=ip_address_type,
    )
    balancer.attrs = attributes.of_balancer(kind, scheme)
    balancer.canonical_hosted_zone_id = ZONES[kind]
    moment = world.now()
    balancer.created_time = world.moment(moment)
    failure = fate() or taken
    end = ("failed" if failure else "active", world.current().profile.load_balancer)
    life = Timeline(moment, ("provisioning", 0), end)
    balancer.sandbox = Balancer(life=life, asked=asked, addresses=addresses, failure=failure)
    enforce(balancer, "on" if kind == "network" and groups else None)
    balancer.state = life.at(moment)
    stand_in(balancer, [subnet for subnet in subnets if not taken or subnet.id not in addresses], {})
    balancer.subnets, asked["subnets"] = subnets, sorted(set(wanted_subnets))
    self.load_balancers[balancer.arn] = balancer
    born(self, "load balancer", self.load_balancers, balancer.arn, balancer.arn)
    changing(self, "tags", balancer.arn, self.tagging_service.tags, balancer.arn)
    self.tagging_service.tag_resource(balancer.arn, tags)
    return balancer


def stand_in(balancer: Any, subnets: list[Any], nodes: dict[str, Any]) -> None:
    """Give a load balancer an interface in each of these subnets, and let go of its other `nodes`."""
    wanted = {subnet.id for subnet in subnets}
    for subnet_id, eni in nodes.items():
        if subnet_id not in wanted:
            interfaces.release(eni, after=world.current().profile.load_balancer_interface)
    short = "app" if balancer.type == "application" else "net"
    owner = Owner("alb" if balancer.type == "application" else "nlb", balancer.arn)
    label = balancer.arn.rpartition("/")[2]
    for subnet in subnets:
        if subnet.id not in nodes:
            interfaces.make(
                subnet,
                balancer.security_groups,
                owner,
                description=f"ELB {short}/{balancer.name}/{label}",
                address=balancer.sandbox.addresses.get(subnet.id),
            )
    balancer.subnets = subnets
    balancer.sandbox.asked["subnets"] = sorted(wanted)


def _dns_name(name: str, kind: str, scheme: str, label: str, region: str) -> str:
    """The public name of a load balancer; AWS shapes the two kinds differently."""
    if kind == "network":
        return f"{name}-{label}.elb.{region}.amazonaws.com"
    prefix = "internal-" if scheme == "internal" else ""
    return f"{prefix}{name}-{int(label, 16) % 10**10}.{region}.elb.amazonaws.com"


@override(FakeLoadBalancer, "load_balancer_state")
def _state(original: Any, self: Any) -> dict[str, str]:
    """LoadBalancerState: with the reason, once it has failed."""
    failed = self.sandbox.failure if self.state == "failed" else None
    return {**original(self), **({"Reason": failed[1]} if failed else {})}


@override(ELBv2Backend, "describe_load_balancers")
def _describe(_original: Any, self: Any, arns: list[str] | None, names: list[str] | None) -> list[Any]:
    """DescribeLoadBalancers: one unknown among several is refused; moto gave the one before it instead.

    And looking does not make a load balancer active, as it does in moto; time does.
    """
    found = list(self.load_balancers.values())
    by_arn, by_name = dict(self.load_balancers), {balancer.name: balancer for balancer in found}
    if missing := [one for one in names or [] if one not in by_name]:
        raise LoadBalancerNotFoundError(f"Load balancers '[{', '.join(missing)}]' not found")
    if any(arn not in by_arn for arn in arns or []):
        raise LoadBalancerNotFoundError("One or more load balancers not found")
    if not arns and not names:
        return found
    return [*[by_arn[arn] for arn in arns or []], *[by_name[name] for name in names or []]]


@override(ELBv2Backend, "delete_load_balancer")
def _delete(original: Any, self: Any, arn: str) -> None:
    """DeleteLoadBalancer: refused while something needs it; no error when it is not there. Interfaces linger."""
    balancer = self.load_balancers.get(arn)
    if balancer is None:
        return
    if balancer.attrs["deletion_protection.enabled"] == "true":
        raise ELBClientError(
            "OperationNotPermitted",
            f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
        )
    if behind(arn):
        raise ResourceInUseError(
            f"Load balancer '{arn}' cannot be deleted because it is currently associated with another service"
        )
    if any(group.sandbox.holds(arn) for group in self.target_groups.values()):
        raise ResourceInUseError(
            f"Load balancer '{arn}' cannot be deleted because it is currently registered as a target"
        )
    for listener_arn in list(balancer.listeners):
        self.delete_listener(listener_arn)
    original(self, arn)
    self.tagging_service.delete_all_tags_for_resource(arn)
    for eni in interfaces.owned_by(arn):
        interfaces.release(eni, after=world.current().profile.load_balancer_interface)
