"""A listener: on the ALB with a fixed response, on the NLB forwarding to the target group."""

from collections.abc import Mapping
from typing import Any

from plinkctl.errors import AwsError
from plinkctl.kinds.base import (
    ABSENT,
    NAME_PREFIX,
    Attrs,
    Ctx,
    Presence,
    Seen,
    Tagged,
    as_list,
    gone,
    ignore_gone,
    ours,
)
from plinkctl.kinds.base_elb import ElbKind, tagged, tags_of


class Listener(ElbKind):
    """`load_balancer_arn`, `protocol`, `port`, and either setting `response` or `target_group_arn`.

    With TLS (HTTPS on an ALB, TLS on an NLB) the settings `certificate_arn` and `policy`.
    """

    name = "listener"
    title = "listener"
    settings = frozenset({"response", "certificate_arn", "policy"})
    prunable = True

    def find(self, ctx: Ctx) -> Attrs | None:
        """By balancer and port, which are unique together, then by tag."""
        for item in _of(ctx, ctx.params["load_balancer_arn"]):
            arn = item["ListenerArn"]
            if item["Port"] == ctx.params["port"] and ours(ctx, tags_of(ctx, arn), f"the listener {arn}"):
                return {"id": arn}
        return None

    def create(self, ctx: Ctx) -> Attrs:
        """CreateListener; the balancer may still be provisioning (aws-facts.md 2)."""
        reply = ctx.aws.write(
            "elbv2",
            "create_listener",
            LoadBalancerArn=ctx.params["load_balancer_arn"],
            Protocol=ctx.params["protocol"],
            Port=ctx.params["port"],
            DefaultActions=[_action(ctx.params)],
            **_tls(ctx.params),
            Tags=as_list(ctx.tags),
        )
        return {"id": reply["Listeners"][0]["ListenerArn"]}

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """Its fixed response or redirect, where it has one, and its certificate."""
        reply = ctx.aws.peek("elbv2", "describe_listeners", ListenerArns=[attrs["id"]])
        found = reply["Listeners"] if reply else []
        if not found:
            return ABSENT
        settings: dict[str, Any] = {}
        frozen = {
            "load_balancer_arn": found[0]["LoadBalancerArn"],
            "protocol": found[0]["Protocol"],
            "port": found[0]["Port"],
        }
        if group := found[0]["DefaultActions"][0].get("TargetGroupArn"):
            frozen["target_group_arn"] = group
        if fixed := found[0]["DefaultActions"][0].get("FixedResponseConfig"):
            settings["response"] = {
                "status": int(fixed["StatusCode"]),
                "body": fixed.get("MessageBody", ""),
                "content_type": fixed.get("ContentType", "text/plain"),
            }
        elif redirect := found[0]["DefaultActions"][0].get("RedirectConfig"):
            settings["response"] = {"redirect_to": int(redirect["Port"])}
        if certificates := found[0].get("Certificates"):
            settings |= {"certificate_arn": certificates[0]["CertificateArn"], "policy": found[0].get("SslPolicy")}
        tags = tags_of(ctx, attrs["id"])
        return Seen(presence=Presence.READY, attrs=attrs, settings=settings, frozen=frozen, tags=tags)

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        """ModifyListener replaces what it is given and leaves the rest."""
        action = {"DefaultActions": [_action(changes)]} if "response" in changes else {}
        tls = _tls(ctx.params) if {"certificate_arn", "policy"} & set(changes) else {}
        ctx.aws.write("elbv2", "modify_listener", ListenerArn=attrs["id"], **action, **tls)

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """DeleteListener."""
        try:
            ctx.aws.write("elbv2", "delete_listener", ListenerArn=attrs["id"])
        except AwsError as error:
            ignore_gone(error)

    def sweep(self, ctx: Ctx, tag: str, value: str) -> list[Tagged]:
        """Those on balancers of our names, by tag: a listener on anybody else's is none of ours."""
        balancers = ctx.aws.pages("elbv2", "describe_load_balancers", "LoadBalancers")
        arns = [str(item["LoadBalancerArn"]) for item in balancers if item["LoadBalancerName"].startswith(NAME_PREFIX)]
        found = tagged(ctx, [item["ListenerArn"] for arn in arns for item in _of(ctx, arn)], tag, value)
        return [Tagged(attrs={"id": arn}, tags=tags) for arn, tags in found.items()]


def _of(ctx: Ctx, load_balancer_arn: str) -> list[dict[str, Any]]:
    try:
        return ctx.aws.pages("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=load_balancer_arn)
    except AwsError as error:
        if gone(error):
            return []
        raise


def _action(params: Mapping[str, Any]) -> dict[str, Any]:
    response = params.get("response")
    if response and "redirect_to" in response:
        target = {"Protocol": "HTTPS", "Port": str(response["redirect_to"]), "StatusCode": "HTTP_301"}
        return {"Type": "redirect", "RedirectConfig": target}
    if response:
        fixed = {
            "StatusCode": str(response["status"]),
            "MessageBody": response["body"],
            "ContentType": response["content_type"],
        }
        return {"Type": "fixed-response", "FixedResponseConfig": fixed}
    return {"Type": "forward", "TargetGroupArn": params["target_group_arn"]}


def _tls(params: Mapping[str, Any]) -> dict[str, Any]:
    if not params.get("certificate_arn"):
        return {}
    return {"Certificates": [{"CertificateArn": params["certificate_arn"]}], "SslPolicy": params["policy"]}
