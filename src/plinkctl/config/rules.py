"""What keys demand of each other, of the sides asked for, and of the user's consent.

A rule is a function from a `View` to problems. It sees only values that are sound by themselves, so it needs
no guard against wrong types. What only AWS or the environment can know is not judged here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from plinkctl.config.formats import certificate_home, load_balancer_home
from plinkctl.config.places import Key, Problem, Tree
from plinkctl.config.principals import ANYBODY, partition_of, partition_problem, service_region_problem
from plinkctl.link import FILES, Consumer, Provider, Side, Tls

# A request that gives up this many seconds before the function does leaves it time to say so.
HEADROOM: Final = 2


@dataclass(frozen=True, kw_only=True)
class View:
    """A tree with the question asked of it.

    Args:
        tree: The merged values.
        broken: Keys that already have a problem.
        sides: The sides the command is about.
        present: The sides the link will have.
        complete: Whether to insist on all that `up` needs.
    """

    tree: Tree
    broken: frozenset[Key]
    sides: frozenset[Side]
    present: frozenset[Side]
    complete: bool

    def sound(self, *key: str) -> bool:
        """Whether neither the key nor a section around it has a problem, and its side is in the link."""
        unasked = key[0] in set(Side) - self.present
        return not unasked and not any(key[: length + 1] in self.broken for length in range(len(key)))

    def get(self, *key: str) -> Any:
        """The value at a key, or None if there is none or it is not sound."""
        return self.tree.get(*key) if self.sound(*key) else None

    def region(self, side: Side) -> str | None:
        """The region of a side as far as file and overrides say."""
        region: str | None = self.get(side, "region") or self.get("region")
        return region

    def region_key(self, side: Side) -> Key:
        """The key that says the region of a side."""
        return (side.value, "region") if self.get(side, "region") else ("region",)


def check(view: View) -> Iterator[Problem]:
    """All problems between keys."""
    for found in (_regions, _service, _principals, _load_balancer, _ports, _timeouts, _certificate, _names, _https):
        yield from found(view)
    if view.complete:
        yield from _missing(view)


def unconsented(view: View) -> Problem | None:
    """The problem with `*` in allow, unless connections wait to be accepted and a reason is written down.

    With automatic acceptance anybody who knows the service's name would be connected.
    """
    allow = view.get("provider", "allow") or ()
    if ANYBODY not in allow:
        return None
    key = ("provider", "allow", allow.index(ANYBODY))
    if view.get("provider", "acceptance_required") is False:
        why = "acceptance_required is false, so anybody who learns the service's name would be connected"
    elif view.get("provider", "allow_public") or not view.sound("provider", "allow_public"):
        return None
    else:
        why = "allow_public, the reason for it, is missing"
    return view.tree.problem(key, f"`*` lets every AWS account ask to connect, and {why}")


def _regions(view: View) -> Iterator[Problem]:
    provider, consumer = view.region(Side.PROVIDER), view.region(Side.CONSUMER)
    if view.present == set(Side) and provider and consumer and provider != consumer:
        yield view.tree.problem(
            view.region_key(Side.CONSUMER),
            f"the consumer is in {consumer}, the provider in {provider}; links over regions are not built yet, "
            "so put both sides into one region",
        )


def _service(view: View) -> Iterator[Problem]:
    name, region = view.get("consumer", "service_name"), view.region(Side.CONSUMER)
    key = ("consumer", "service_name")
    if name and region and (wrong := service_region_problem(name, region)):
        yield view.tree.problem(key, wrong)


def _principals(view: View) -> Iterator[Problem]:
    region = view.region(Side.PROVIDER)
    for index, text in enumerate(view.get("provider", "allow") or ()):
        key = ("provider", "allow", index)
        if region and key not in view.broken and (wrong := partition_problem(text, partition_of(region))):
            yield view.tree.problem(key, wrong)


def _load_balancer(view: View) -> Iterator[Problem]:
    arn = view.get("provider", "load_balancer_arn")
    if not arn:
        return
    key = ("provider", "load_balancer_arn")
    region, account = load_balancer_home(arn)
    own_region, own_account = view.region(Side.PROVIDER), view.get("provider", "account")
    if own_region and own_region != region:
        yield view.tree.problem(key, f"the load balancer is in {region}, the provider in {own_region}")
    elif own_account and own_account != account:
        yield view.tree.problem(key, f"the load balancer is in account {account}, the provider in {own_account}")


def _ports(view: View) -> Iterator[Problem]:
    secured = view.get("provider", "tls", "certificate")
    plain, tls = view.get("provider", "port") or Provider.port, view.get("provider", "tls", "port") or Tls.port
    key = ("provider", "tls", "port")
    if secured and plain == tls and view.get("provider", "tls", "plain") in {"keep", "redirect"}:
        yield view.tree.problem(key, f"the listeners without TLS have port {plain:.0f} already; choose another")
    offered, used = tls if secured else plain, view.get("consumer", "port")
    if view.sound("provider", "port") and view.sound(*key) and used and used != offered:
        text = (
            f"the consumer would ask port {used:.0f}, the provider listens on {offered:.0f}; leave this out to follow"
        )
        yield view.tree.problem(("consumer", "port"), text)


def _timeouts(view: View) -> Iterator[Problem]:
    keys = ("consumer", "request_timeout"), ("consumer", "function_timeout")
    given, limit = (view.get(*key) for key in keys)
    request, function = given or Consumer.request_timeout, limit or Consumer.function_timeout
    if all(view.sound(*key) for key in keys) and request > function - HEADROOM:
        yield view.tree.problem(
            keys[0] if given else keys[1],
            f"a request may take {request:.0f} s and the function {function:.0f} s, but the function must outlive its "
            f"request by {HEADROOM} s to report a timeout; make request_timeout {function - HEADROOM:.0f} or less",
        )


def _certificate(view: View) -> Iterator[Problem]:
    """What a certificate's origin demands beside it, and forbids."""
    here = ("provider", "tls")
    origin, key = view.get(*here, "certificate"), (*here, "certificate")
    given = sorted(set(view.get(*here) or ()) - {"certificate"})
    if not origin:
        if given and view.sound(*key):
            yield view.tree.problem((*here, given[0]), "is of no use without certificate, which says where it is from")
        return
    if origin == FILES and view.sound(*here, "certificate_file") and not view.get(*here, "certificate_file"):
        yield view.tree.problem(key, "needs certificate_file and key_file beside it")
    if origin != FILES and (file := next((name for name in given if name.endswith("_file")), None)):
        yield view.tree.problem((*here, file), f"cannot stand beside certificate: {origin}; it is for `{FILES}`")
    if origin.startswith("arn:"):
        region, account = certificate_home(origin)
        own_region, own_account = view.region(Side.PROVIDER), view.get("provider", "account")
        if own_region and own_region != region:
            yield view.tree.problem(key, f"the certificate is in {region}, the provider in {own_region}")
        elif own_account and own_account != account:
            yield view.tree.problem(key, f"the certificate is in account {account}, the provider in {own_account}")
    existing, target = view.get("provider", "load_balancer_arn"), view.get(*here, "target_group_arn")
    if existing and not target and view.sound(*here, "target_group_arn"):
        yield view.tree.problem(key, "with load_balancer_arn, target_group_arn must say where to forward")
    if target and not existing and view.sound("provider", "load_balancer_arn"):
        yield view.tree.problem((*here, "target_group_arn"), "is for an existing load balancer; give load_balancer_arn")
    if existing and "plain" in given:
        yield view.tree.problem((*here, "plain"), "the listeners of an existing load balancer stay as they are")


def _names(view: View) -> Iterator[Problem]:
    """Which DNS name the certificate is for, and where the records go."""
    name, private = view.get("provider", "tls", "name"), view.get("provider", "private_dns_name")
    key = ("provider", "tls", "certificate")
    sound = view.sound("provider", "tls", "name") and view.sound("provider", "private_dns_name")
    if view.get(*key) and sound and not name and (not private or private.startswith("*.")):
        text = "for which name? give tls.name (--certificate-name), or a private_dns_name that is no wildcard"
        yield view.tree.problem(key, text)
    key = ("provider", "dns", "profile")
    if view.get(*key) and not view.get("provider", "dns", "zone_id") and view.sound("provider", "dns", "zone_id"):
        yield view.tree.problem(key, "is of no use without zone_id, the hosted zone of that account")


def _https(view: View) -> Iterator[Problem]:
    secured = Side.PROVIDER in view.present and view.get("provider", "tls", "certificate")
    asked = view.get("consumer", "https")
    if Side.PROVIDER in view.present and asked is not None and bool(secured) != asked:
        what = "has TLS" if secured else "has no TLS"
        yield view.tree.problem(("consumer", "https"), f"the provider's listener {what}; leave this out to follow")
    for name in ("server_name", "ca_file"):
        key = ("consumer", name)
        if view.get(*key) and not asked and not secured and view.sound("consumer", "https"):
            yield view.tree.problem(key, "is of no use without https: true")


def _missing(view: View) -> Iterator[Problem]:
    key = ("provider", "allow")
    if view.sides == {Side.PROVIDER} and view.sound(*key) and not view.get(*key):
        text = "nobody could connect to the service; name the consumer's account here or with --allow"
        yield view.tree.problem(key, text)
    key = ("consumer", "service_name")
    if view.sides == {Side.CONSUMER} and view.sound(*key) and not view.get(*key):
        text = "missing; give the name that `plinkctl provider up` printed, here or with --service-name"
        yield view.tree.problem(key, text)
    key = ("provider", "consumer_cidrs")
    filters = Side.PROVIDER in view.sides and view.get("provider", "enforce_inbound_rules")
    known = Side.CONSUMER in view.sides and not view.get("consumer", "network", "vpc_id")
    if filters and not known and view.sound(*key) and not view.get(*key):
        text = "enforce_inbound_rules would keep every consumer out; name their addresses here or with --consumer-cidr"
        yield view.tree.problem(key, text)
