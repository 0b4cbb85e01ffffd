"""The kinds, by name. State files name kinds by these words, so a name once given stays."""

from typing import Final

from plinkctl.kinds.acceptance import Acceptance
from plinkctl.kinds.base import Kind
from plinkctl.kinds.certificate import Certificate, ImportedCertificate, IssuedCertificate
from plinkctl.kinds.dns_record import DnsRecord, PublicRecord
from plinkctl.kinds.endpoint import Endpoint
from plinkctl.kinds.endpoint_service import EndpointService
from plinkctl.kinds.function import Function
from plinkctl.kinds.hosted_zone import HostedZone
from plinkctl.kinds.listener import Listener
from plinkctl.kinds.load_balancer import LoadBalancer
from plinkctl.kinds.log_group import LogGroup
from plinkctl.kinds.private_dns import EndpointPrivateDns, PrivateDnsOffer, PrivateDnsVerification
from plinkctl.kinds.role import Role
from plinkctl.kinds.route_table import RouteTable
from plinkctl.kinds.security_group import SecurityGroup, SecurityGroupRule
from plinkctl.kinds.subnet import Subnet
from plinkctl.kinds.target_group import Target, TargetGroup
from plinkctl.kinds.vpc import Vpc

KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        Vpc(),
        Subnet(),
        RouteTable(),
        SecurityGroup(),
        SecurityGroupRule(),
        LoadBalancer(),
        TargetGroup(),
        Target(),
        Listener(),
        EndpointService(),
        Endpoint(),
        Acceptance(),
        Role(),
        LogGroup(),
        Function(),
        Certificate(),
        ImportedCertificate(),
        IssuedCertificate(),
        DnsRecord(),
        PublicRecord(),
        PrivateDnsVerification(),
        PrivateDnsOffer(),
        EndpointPrivateDns(),
        HostedZone(),
    )
}
