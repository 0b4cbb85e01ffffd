"""The provider side: the way in on each port, its certificate, and the service with its private DNS name."""

from collections.abc import Mapping
from typing import Any

from plinkctl.graph import Node, Ref
from plinkctl.link import FILES, REQUESTED, SELF_SIGNED, Consumer, Provider, Side, Tls
from plinkctl.topology.parts import ALB, NLB, SERVICE, VERIFICATION, Site, group, network, rule, slug, subnet_refs

_P = Side.PROVIDER


def provider_nodes(provider: Provider, site: Site) -> list[Node]:
    """All nodes of the provider side, but for whom the NLB's group admits."""
    service = {
        "load_balancer_arn": Ref(NLB),
        "acceptance_required": provider.acceptance_required,
        "principals": list(site.principals),
        "private_dns_name": provider.private_dns_name,
    }
    offered = [Node(key=SERVICE, side=_P, kind="endpoint_service", params=service), *_private_name(provider)]
    tls = provider.tls
    papers, certificate = _certificate(provider, site) if tls.certificate else ([], None)
    if provider.load_balancer_arn is not None:
        borrowed = Node(key=NLB, side=_P, kind="load_balancer", borrowed={"id": provider.load_balancer_arn})
        listener = [_nlb_listener("tls-", tls.port, tls.target_group_arn, tls, certificate)] if certificate else []
        return [borrowed, *papers, *listener, *offered]

    subnets = subnet_refs(_P, provider.network)
    fixed = {
        "status": provider.response.status,
        "body": provider.response.body,
        "content_type": provider.response.content_type,
    }
    ways: list[Node] = []
    if certificate is None or tls.plain != "none":
        redirected = certificate is not None and tls.plain == "redirect"
        ways += _way(provider, "", provider.port, {"redirect_to": tls.port} if redirected else fixed)
    if certificate is not None:
        ways += _way(provider, "tls-", tls.port, fixed, certificate)
    return [
        *network(_P, provider.network, site),
        group(_P, "alb-group", "plinkctl: admits the subnets of the NLB only"),
        group(_P, "nlb-group", "plinkctl: attached from the start since an NLB made without a group can never get one"),
        Node(
            key=ALB,
            side=_P,
            kind="load_balancer",
            params={
                "type": "application",
                "subnet_ids": subnets,
                "security_group_ids": [Ref("provider/alb-group")],
            },
        ),
        Node(
            key=NLB,
            side=_P,
            kind="load_balancer",
            params={
                "type": "network",
                "subnet_ids": subnets,
                "security_group_ids": [Ref("provider/nlb-group")],
                "enforce": "on" if provider.enforce_inbound_rules else "off",
            },
        ),
        *papers,
        *ways,
        *offered,
    ]


def _way(
    provider: Provider, prefix: str, port: int, response: Mapping[str, Any], certificate: Ref | None = None
) -> list[Node]:
    """The way in on one port: NLB listener, target group, target, ALB listener, and the rules that let it through.

    The names of the way with TLS have a prefix, so that TLS can be added to a link, or the plain way taken from it.
    """
    subnets = subnet_refs(_P, provider.network)
    group, listener = _targets(prefix), f"provider/alb-{prefix}listener"
    answer = {"load_balancer_arn": Ref(ALB, settled=False), "port": port, "response": response}
    if certificate is None:
        answer |= {"protocol": "HTTP"}
    else:
        answer |= {"protocol": "HTTPS", "certificate_arn": certificate, "policy": provider.tls.policy}
    targets = {"vpc_id": Ref("provider/vpc"), "port": port, "matcher": _matcher(provider.response.status)}
    return [
        *(
            rule(_P, f"alb-{prefix}from-subnet-{n}", "alb-group", "ingress", port, peer_cidr=Ref(subnet.node, "cidr"))
            for n, subnet in enumerate(subnets, 1)
        ),
        rule(_P, f"nlb-{prefix}to-alb", "nlb-group", "egress", port, peer_group_id=Ref("provider/alb-group")),
        Node(key=listener, side=_P, kind="listener", params=answer),
        Node(
            key=group,
            side=_P,
            kind="target_group",
            params=targets if certificate is None else {**targets, "https": True},
        ),
        target(prefix, port),
        _nlb_listener(prefix, port, Ref(group)),
    ]


def target(prefix: str, port: int) -> Node:
    """The ALB's registration in the target group of one way."""
    return Node(
        key=f"provider/{prefix}target",
        side=_P,
        kind="target",
        params={
            "target_group_arn": Ref(_targets(prefix)),
            "load_balancer_arn": Ref(ALB, settled=False),
            "port": port,
            "listener_arn": Ref(f"provider/alb-{prefix}listener"),  # AWS refuses an ALB that does not listen yet
        },
    )


def _targets(prefix: str) -> str:
    """The target group of a way; its name must fit into 32 characters with all that makes it ours."""
    return "provider/tls-targets" if prefix else "provider/target-group"


def _nlb_listener(
    prefix: str, port: int, target: Ref | str | None, tls: Tls | None = None, certificate: Ref | None = None
) -> Node:
    """TCP to the ALB, which ends TLS itself, since an NLB's TLS listener takes no ALB as target (aws-facts.md 7.8)."""
    params: dict[str, Any] = {"load_balancer_arn": Ref(NLB, settled=False), "port": port, "target_group_arn": target}
    if tls is None:
        params |= {"protocol": "TCP"}
    else:
        params |= {"protocol": "TLS", "certificate_arn": certificate, "policy": tls.policy}
    return Node(key=f"provider/nlb-{prefix}listener", side=_P, kind="listener", params=params)


def _matcher(status: int) -> str:
    """AWS's default, or the fixed response's own status where that would count as unhealthy."""
    return "200-399" if 200 <= status <= 399 else str(status)


def admitted(provider: Provider, consumer: Consumer | None) -> list[Node]:
    """Whom the NLB's group lets in once it filters: the consumers' private addresses, port by port."""
    cidrs = provider.consumer_cidrs
    if not cidrs and consumer is not None and consumer.network.vpc_id is None:
        cidrs = (consumer.network.cidr,)
    tls = provider.tls
    ports = {"": provider.port} if not tls.certificate or tls.plain != "none" else {}
    if tls.certificate:
        ports["tls-"] = tls.port
    return [
        rule(_P, f"nlb-{prefix}from-{slug(cidr)}", "nlb-group", "ingress", port, peer_cidr=cidr)
        for cidr in cidrs
        for prefix, port in ports.items()
    ]


def _certificate(provider: Provider, site: Site) -> tuple[list[Node], Ref]:
    """The certificate and what proves it; the reference to its ARN once it can be used.

    The name, or whose it is, is part of the nodes' names: another one means another certificate beside the old one,
    which goes when the listener has let go of it.
    """
    origin, domain, dns = str(provider.tls.certificate), str(provider.server_name), provider.dns
    here = slug(domain)
    if origin in {SELF_SIGNED, FILES}:
        key = f"provider/{'self-signed' if origin == SELF_SIGNED else 'imported'}-{here}"
        tls = provider.tls
        files = {"certificate": tls.certificate_file, "key": tls.key_file, "chain": tls.chain_file}
        params = {"domain": domain, "fresh": True, "fingerprint": site.fingerprint}
        params |= {"files": files if origin == FILES else None}
        return [Node(key=key, side=_P, kind="imported_certificate", params=params)], Ref(key)
    if origin != REQUESTED:
        existing = f"provider/existing-{slug(origin.rpartition('/')[2])}"
        params = {"about": origin, "domain": domain}
        node = Node(key=existing, side=_P, kind="issued_certificate", params=params, borrowed={"id": origin})
        return [node], Ref(existing)
    asked = f"provider/certificate-{here}"
    made = [Node(key=asked, side=_P, kind="certificate", params={"domain": domain})]
    proof: dict[str, Any] = {"written": dns.zone_id is not None}
    if dns.zone_id is not None:
        made.append(_record(provider, f"proof-{here}", "CNAME", Ref(asked, "record_name"), Ref(asked, "record_value")))
        proof["proof"] = Ref(made[-1].key)
    issued = f"provider/issued-{here}"
    params = {"about": Ref(asked), "domain": domain, **proof}
    return [*made, Node(key=issued, side=_P, kind="issued_certificate", params=params)], Ref(issued)


def proofs(provider: Provider) -> list[Node]:
    """What proves the names: certificate and private DNS name, with their records."""
    papers, _ = _certificate(provider, Site()) if provider.tls.certificate else ([], None)
    return [*papers, *_private_name(provider)]


def _private_name(provider: Provider) -> list[Node]:
    """What verifies the service's private DNS name: the TXT record, its being public, AWS's look at it."""
    domain, dns = provider.private_dns_name, provider.dns
    if domain is None:
        return []
    name, value = Ref(SERVICE, "txt_name"), Ref(SERVICE, "txt_value")
    public = f"provider/public-{slug(domain)}"
    made: list[Node] = []
    shown: dict[str, Any] = {"written": dns.zone_id is not None, "resolvers": list(dns.resolvers)}
    if dns.zone_id is not None:
        made.append(_record(provider, f"txt-{slug(domain)}", "TXT", name, value))
        shown["txt"] = Ref(made[-1].key)
    params = {"about": name, "record": name, "value": value, **shown}
    made.append(Node(key=public, side=_P, kind="public_record", params=params))
    params = {"service_id": Ref(SERVICE), "domain": domain, "record": Ref(public)}
    return [*made, Node(key=VERIFICATION, side=_P, kind="private_dns_verification", params=params)]


def _record(provider: Provider, name: str, kind: str, record: Ref, value: Ref) -> Node:
    params = {"zone_id": provider.dns.zone_id, "profile": provider.dns.profile, "type": kind}
    return Node(key=f"provider/{name}", side=_P, kind="dns_record", params={**params, "record": record, "value": value})
