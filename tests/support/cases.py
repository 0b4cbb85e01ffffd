"""The nodes of a link that was made, one of each kind, as their kinds see them."""

from dataclasses import dataclass
from pathlib import Path

from links import BOTH

from plinkctl.aws.patience import Stop
from plinkctl.aws.session import Clients
from plinkctl.engine.steps import Desk
from plinkctl.kinds import KINDS
from plinkctl.kinds.base import Ctx, Kind
from plinkctl.link import Access, Side
from plinkctl.state import Record
from plinkctl.stores.local import LocalStore

NODES = {
    "vpc": "provider/vpc",
    "subnet": "provider/subnet-1",
    "route_table": "provider/route-table-1",
    "security_group": "provider/alb-group",
    "security_group_rule": "provider/nlb-to-alb",
    "load_balancer": "provider/nlb",
    "target_group": "provider/target-group",
    "target": "provider/target",
    "listener": "provider/nlb-listener",
    "endpoint_service": "provider/service",
    "acceptance": "provider/acceptance",
    "endpoint": "consumer/endpoint",
    "role": "consumer/role",
    "log_group": "consumer/log-group",
    "function": "consumer/function",
    "certificate": "provider/certificate-api-example-com",
    "issued_certificate": "provider/issued-api-example-com",
    "dns_record": "provider/txt-api-example-com",
    "public_record": "provider/public-api-example-com",
    "private_dns_verification": "provider/private-dns-verification",
    "endpoint_private_dns": "consumer/private-dns",
    "hosted_zone": "consumer/zone-api-internal",
}


@dataclass(frozen=True)
class Case:
    """One node of the standing link: its kind, its record, and what the kind may know."""

    kind: Kind
    record: Record
    ctx: Ctx


def cases(folder: Path) -> dict[str, Case]:
    """Every node that the states in the folder record."""
    found: dict[str, Case] = {}
    for side in Side:
        aws = Clients(Access(profile=side), stop=Stop())
        with LocalStore(folder, BOTH.name, side) as store:
            desk = Desk(store=store, aws=aws, user_tags={})
            assert store.state is not None
            for name, record in store.state.records.items():
                ctx = desk.ctx(name, record.op, record.params)
                found[f"{side}/{name}"] = Case(KINDS[record.kind], record, ctx)
    return found
