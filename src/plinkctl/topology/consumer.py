"""The consumer side: the endpoint, its names, and the probe function that asks through it."""

from typing import Any

from plinkctl.graph import Node, Ref
from plinkctl.kinds.function import code_sha256
from plinkctl.link import SELF_SIGNED, Consumer, Link, Side
from plinkctl.topology.parts import (
    ENDPOINT,
    FUNCTION,
    PRIVATE_DNS,
    SERVICE,
    VERIFICATION,
    Site,
    group,
    network,
    rule,
    slug,
    subnet_refs,
)

_C = Side.CONSUMER


def consumer_nodes(link: Link, consumer: Consumer, site: Site) -> list[Node]:
    """All nodes of the consumer side."""
    port, subnets = consumer.port, subnet_refs(_C, consumer.network)
    one_walk = consumer.service_name is None
    names = endpoint_names(consumer)
    return [
        *names,
        *network(_C, consumer.network, site),
        group(_C, "endpoint-group", "plinkctl: admits the probe function only"),
        group(_C, "function-group", "plinkctl: may talk to the endpoint only"),
        rule(
            _C,
            "endpoint-from-function",
            "endpoint-group",
            "ingress",
            port,
            peer_group_id=Ref("consumer/function-group"),
        ),
        rule(
            _C, "function-to-endpoint", "function-group", "egress", port, peer_group_id=Ref("consumer/endpoint-group")
        ),
        Node(
            key="consumer/log-group",
            side=_C,
            kind="log_group",
            params={"retention_days": consumer.retention_days},
        ),
        Node(
            key="consumer/role",
            side=_C,
            kind="role",
            params={
                "log_group_arn": Ref("consumer/log-group", "arn"),
                **({"boundary": consumer.permissions_boundary} if consumer.permissions_boundary else {}),
            },
        ),
        Node(
            key=ENDPOINT,
            side=_C,
            kind="endpoint",
            params={
                "vpc_id": Ref("consumer/vpc"),
                "service_name": Ref(SERVICE, "name") if one_walk else consumer.service_name,
                "subnet_ids": subnets,
                "security_group_ids": [Ref("consumer/endpoint-group")],
            },
            # The permission was granted a moment ago, and AWS calls a service one may not see yet non-existent.
            transient=frozenset({"InvalidServiceName"}) if one_walk else frozenset(),
        ),
        Node(
            key=FUNCTION,
            side=_C,
            kind="function",
            params={
                "role_arn": Ref("consumer/role", "arn"),
                "subnet_ids": subnets,
                "security_group_ids": [Ref("consumer/function-group")],
                "log_group": Ref("consumer/log-group"),
                "timeout": consumer.function_timeout,
                "code": code_sha256(),
                "environment": {
                    "CONSUMER_VPC_ENDPOINT_DNS_NAME": Ref(ENDPOINT, "dns_name", settled=False, holds=False),
                    "PORT": str(port),
                    "REQUEST_TIMEOUT": str(consumer.request_timeout),
                    **_asked(link, consumer, site),
                },
            },
        ),
    ]


def _asked(link: Link, consumer: Consumer, site: Site) -> dict[str, Any]:
    """By which names, and with which trust, the function asks besides the endpoint's own name."""
    found: dict[str, Any] = {}
    if consumer.private_dns and site.server_name:
        found["PRIVATE_NAME"] = site.server_name
    elif consumer.private_zone:
        found["PRIVATE_NAME"] = consumer.private_zone
    if not consumer.https:
        return found
    found |= {"SERVER_NAME": site.server_name}
    if site.trusted is not None:
        found["TRUSTED"] = site.trusted
    elif link.provider is not None and link.provider.tls.certificate == SELF_SIGNED:
        own = f"provider/self-signed-{slug(str(link.provider.server_name))}"
        found["TRUSTED"] = Ref(own, "pem", holds=False)
    return found


def endpoint_names(consumer: Consumer) -> list[Node]:
    """The names of the endpoint besides its own: the service's private one, and one in a zone of the consumer's."""
    made: list[Node] = []
    if consumer.private_dns:
        if consumer.service_name is None:
            domain = Ref(VERIFICATION, "domain")
        else:
            offer = "consumer/private-dns-offer"
            # The endpoint first: who is not accepted yet hears of that, and not of the name.
            about = {"about": consumer.service_name, "endpoint_id": Ref(ENDPOINT)}
            made.append(Node(key=offer, side=_C, kind="private_dns_offer", params=about))
            domain = Ref(offer, "domain")
        params = {"endpoint_id": Ref(ENDPOINT), "domain": domain}
        made.append(Node(key=PRIVATE_DNS, side=_C, kind="endpoint_private_dns", params=params))
    if consumer.private_zone is not None:
        own = consumer.private_zone
        zone = f"consumer/zone-{slug(own)}"
        wanted = {"domain": own, "vpc_id": Ref("consumer/vpc"), "tagged": True}
        made.append(Node(key=zone, side=_C, kind="hosted_zone", params=wanted))
        target = {key: Ref(ENDPOINT, f"dns_{key}", settled=False) for key in ("name", "zone_id")}
        record = {"zone_id": Ref(zone), "profile": None, "record": own, "type": "A", "alias": target}
        made.append(Node(key=f"consumer/alias-{slug(own)}", side=_C, kind="dns_record", params=record))
    return made
