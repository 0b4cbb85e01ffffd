"""Private DNS: the name a provider gives to a service, the proof that it is the provider's, and who may use it.

The provider names a domain and is told a TXT record; once that is in public DNS, verification can be started and is
repeated at will. The consumer then switches private DNS on for an endpoint, which makes a hidden private zone in the
VPC (`names.hidden`). The refusals a consumer meets are AWS's words.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError

from plinkctl.sandbox import world
from plinkctl.sandbox.clock import Timeline
from plinkctl.sandbox.names import hidden
from plinkctl.sandbox.names.content import normal
from plinkctl.sandbox.names.domains import is_host, parents
from plinkctl.sandbox.names.lookup import look_up, strings
from plinkctl.sandbox.names.zones import all_zones

if TYPE_CHECKING:
    from plinkctl.sandbox.ec2.services import Service


@dataclass(slots=True, kw_only=True)
class PrivateName:
    """The private DNS name of a service, and how far its proof is.

    Attributes:
        domain: a host name, or a wildcard such as `*.example.com`.
        label, value: the TXT record that proves it: `label.domain` must say `value`.
        life: pendingVerification, verified, failed.
        looked: when the record was last looked at (seconds of the sandbox's clock).
    """

    domain: str
    label: str = field(default_factory=lambda: f"_{secrets.token_hex(10)}")
    value: str = field(default_factory=lambda: f"vpce:{secrets.token_hex(10)}")
    life: Timeline = field(default_factory=lambda: Timeline(world.now(), ("pendingVerification", 0)))
    looked: float = field(default_factory=world.now)

    @property
    def state(self) -> str:
        """Its state at this moment, as AWS writes it.

        A verified name is looked at again from time to time, and fails when its record is gone. AWS says that it does
        so, not how often; here it happens when somebody looks after so long.
        """
        now = world.now()
        again = world.current().profile.private_dns_again
        if again and self.life.at(now) == "verified" and now >= self.looked + again:
            self.looked = now
            if not self._proven():
                self.life.turn(now, ("failed", 0))
        return self.life.at(now)

    def verify(self) -> None:
        """Start the verification: what public DNS says now decides, and it takes its time to be told.

        AWS looks at some moment after the start. A record that is not there at the start fails here: whoever starts
        too early is to notice.
        """
        self.looked = world.now()
        outcome = "verified" if self._proven() else "failed"
        self.life.turn(self.looked, ("pendingVerification", 0), (outcome, world.current().profile.private_dns))

    def _proven(self) -> bool:
        """Whether the record is in public DNS, on the domain or on one above it."""
        return any(
            (self.value,) == strings(said)
            for domain in parents(self.domain.removeprefix("*."))
            for said in look_up(f"{self.label}.{domain}", "TXT").values("TXT")
        )

    def answer(self) -> dict[str, str]:
        """EC2's PrivateDnsNameConfiguration."""
        return {"State": self.state, "Type": "TXT", "Name": self.label, "Value": self.value}

    def detail(self) -> dict[str, Any]:
        """What consumers are told of it, in EC2's ServiceDetail."""
        return {
            "PrivateDnsName": self.domain,
            "PrivateDnsNames": [{"PrivateDnsName": self.domain}],
            "PrivateDnsNameVerificationState": self.state,
        }


# ----------------------------------------------------------------------------------- the provider's side


def name(domain: str | None) -> PrivateName | None:
    """The private DNS name a provider wants for a service, not verified yet; None without one.

    Raises:
        EC2ClientError: InvalidParameter, for what is no host name in lower case. AWS's words are not known.
    """
    if not domain:
        return None
    if not is_host(domain, wildcard=True):
        raise EC2ClientError(
            "InvalidParameter",
            f"The private DNS name '{domain}' is not valid: it must be a domain name in lower case, of labels of up to "
            "63 characters; its first label may be *",
        )
    return PrivateName(domain=domain)


def change(response: Any, service: Service, connected: list[Any]) -> PrivateName | None:
    """The private DNS name of a service after ModifyVpcEndpointServiceConfiguration; nothing is changed yet.

    Args:
        connected: the endpoints that are connected to the service.

    Raises:
        EC2ClientError: the name is not valid, or is in use. That a name is removed only "after there are no
            connections" is the guide's; that it cannot be changed while an endpoint answers for it is a guess.
    """
    domain = response._get_param("PrivateDnsName")
    remove = response._get_bool_param("RemovePrivateDnsName", False)
    if domain and remove:
        raise EC2ClientError("InvalidParameterCombination", "PrivateDnsName excludes RemovePrivateDnsName")
    had = service.private_dns
    if remove and had and connected:
        raise EC2ClientError("ExistingVpcEndpointConnections", "Service has existing active VPC Endpoint connections!")
    if remove:
        return None
    if not domain or (had and had.domain == domain):
        return had
    wanted = name(domain)
    if had and any(one.private_dns for one in connected):
        raise EC2ClientError(
            "ExistingVpcEndpointConnections",
            f"The private DNS name {had.domain} of {service.id} is in use by VPC Endpoint connections",
        )
    return wanted


# ----------------------------------------------------------------------------------- the consumer's side


def check(vpc: Any, service: Service, *, waiting: bool, endpoint: Any = None) -> None:
    """Refuse private DNS on an endpoint where its conditions are missing.

    Args:
        vpc: moto's VPC of the endpoint.
        waiting: whether the provider has yet to accept the connection.
        endpoint: the endpoint it is for, when it exists.

    Raises:
        EC2ClientError: InvalidParameter.
    """
    if refusal := _refusal(vpc, service, waiting=waiting, endpoint=endpoint):
        raise EC2ClientError("InvalidParameter", refusal)


def _refusal(vpc: Any, service: Service, *, waiting: bool, endpoint: Any) -> str | None:
    known = service.private_dns
    if known is None:
        return f"Private DNS can't be enabled because the service {service.name} does not provide a private DNS name."
    if endpoint is not None and endpoint.private_dns:
        return None  # it is on already; a verification that has failed since does not take it away
    if known.state != "verified":
        return f"Private DNS can't be enabled because the service {service.name} has not verified the private DNS name."
    if waiting:
        return (
            f"Private DNS can only be enabled after the endpoint connection is accepted by the owner of {service.name}."
        )
    if not (vpc.enable_dns_support and vpc.enable_dns_hostnames):
        return (
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true "
            f"for {vpc.id}"
        )
    place = (vpc.ec2_backend.region_name, vpc.id)
    domain = normal(known.domain.removeprefix("*."))
    taken = known.domain in hidden.in_vpc(place) or any(
        place in zone.vpcs and zone.name == domain for zone in all_zones()
    )
    if taken:
        return (
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
            f"{known.domain} in the VPC {vpc.id}"
        )
    return None


def switch(endpoint: Any, *, on: bool) -> None:
    """Let an endpoint answer for its service's domain in its VPC, or stop doing so."""
    endpoint.private_dns = on
    hidden.give_up(endpoint)
    if on:
        hidden.claim(endpoint, endpoint.service.private_dns.domain)
