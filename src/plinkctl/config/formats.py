"""What a single text may hold where a pattern alone would give a poor message: the schema's `format` words.

Each function takes the text and tells what is wrong with it, or None. schema.py hands them to the validation
library by the names in `FORMATS`, and asks them again for the sentence.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

from plinkctl.config.places import shown
from plinkctl.config.principals import account_problem, principal_problem, service_region
from plinkctl.link import FILES, REQUESTED, SELF_SIGNED, resolver_of

# The blocks no VPC can have: CreateVpc refuses them (VPC guide, "VPC CIDR blocks").
_UNROUTABLE: Final = tuple(
    ipaddress.IPv4Network(block) for block in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")
)
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_CERTIFICATE: Final = re.compile(r"arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]{1,64}")
_BLOCK: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}/[0-9]{1,2}")
_LOAD_BALANCER: Final = re.compile(
    r"arn:aws[a-z-]*:elasticloadbalancing:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):"
    r"loadbalancer/(?P<type>net|app|gwy)/[A-Za-z0-9-]{1,32}/[0-9a-f]{8,32}"
)


def block_problem(text: str) -> str | None:
    """What is wrong with a block of IPv4 addresses, or None.

    Host bits are refused because AWS drops them without a word, and what was asked for would never equal what is.
    """
    try:
        network = ipaddress.IPv4Network(text, strict=False) if _BLOCK.fullmatch(text) else None
    except ValueError:
        network = None
    if network is None:
        return f"{shown(text)} is not an IPv4 network; expected ADDRESS/LENGTH, such as 10.0.0.0/16"
    if text != str(network):
        return f"{shown(text)} has bits set behind its prefix; the network is {network}"
    return None


def cidr_problem(text: str) -> str | None:
    """What is wrong with the block of a VPC to make, or None.

    AWS takes /16 to /28; /24 is the smallest that still holds 16 subnets of /28, AWS's smallest.
    """
    if wrong := block_problem(text):
        return wrong
    network = ipaddress.IPv4Network(text)
    if not 16 <= network.prefixlen <= 24:
        size = "large" if network.prefixlen < 16 else "small"
        return f"{shown(text)} is too {size}; allowed are /16 to /24"
    if any(network.subnet_of(block) for block in _UNROUTABLE):
        return f"{shown(text)} is reserved, and no VPC can have it; take a private block, such as 10.0.0.0/16"
    return None


def service_name_problem(text: str) -> str | None:
    """What is wrong with the name of an endpoint service, or None."""
    if service_region(text):
        return None
    if text.startswith("vpce-svc-"):
        return (
            f"{shown(text)} is the service's ID; expected its whole name, com.amazonaws.vpce.REGION.{shown(text)[1:-1]}"
        )
    if text.startswith("com.amazonaws.") and ".vpce." not in text:
        return f"{shown(text)} is a service of AWS itself; expected com.amazonaws.vpce.REGION.vpce-svc-ID"
    return f"{shown(text)} is not an endpoint service's name; expected com.amazonaws.vpce.REGION.vpce-svc-ID"


def load_balancer_problem(text: str) -> str | None:
    """What is wrong with the ARN of a Network Load Balancer, or None."""
    found = _LOAD_BALANCER.fullmatch(text)
    if found and found["type"] == "net":
        return None
    if found and found["type"] == "app":
        return f"{shown(text)} is an Application Load Balancer; an endpoint service needs a Network Load Balancer"
    if found:
        return f"{shown(text)} is a Gateway Load Balancer; plinkctl links through a Network Load Balancer"
    return (
        f"{shown(text)} is not the ARN of a Network Load Balancer; expected "
        "arn:aws:elasticloadbalancing:REGION:ACCOUNT:loadbalancer/net/NAME/ID"
    )


def load_balancer_home(arn: str) -> tuple[str, str]:
    """The region and the account in the ARN of a load balancer that has no problem."""
    _, _, _, region, account, _ = arn.split(":", 5)
    return region, account


def tag_key_problem(text: str) -> str | None:
    """What is wrong with the key of a tag, or None. `aws:` is AWS's in any case; `Name` is what plinkctl sets."""
    if not 1 <= len(text) <= 128:
        return f"a tag's key has 1 to 128 characters, this one {len(text)}"
    if text.lower().startswith("aws:"):
        return "AWS keeps tags that begin with `aws:` to itself; choose another key"
    if text.lower().startswith("plinkctl:"):
        return "plinkctl finds what it made by its own tags that begin with `plinkctl:`; choose another key"
    if text == "Name":
        return "plinkctl names every resource by this tag itself; choose another key"
    return tag_value_problem(text)


def tag_value_problem(text: str) -> str | None:
    """What is wrong with the characters of a tag, or None: the set that IAM, ELB, Logs and EC2 all take."""
    wrong = "".join(dict.fromkeys(c for c in text if unicodedata.category(c)[0] not in "LNZ" and c not in "_.:/=+-@"))
    if not wrong:
        return None
    return f"{shown(wrong)} cannot stand in a tag; allowed are letters, digits, spaces and _ . : / = + - @"


def host_name_problem(text: str) -> str | None:
    """What is wrong with a DNS name, or None. AWS takes private DNS names in small letters only (aws-facts.md 6.7)."""
    if text != text.lower():
        return f"{shown(text)} has capital letters, and AWS takes small ones only; write {shown(text.lower())}"
    if "*" in text:
        return f"{shown(text)} is a wildcard; expected one name, such as api.example.com"
    labels = text.split(".")
    if len(text) > 253 or len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdecimal():
        return f"{shown(text)} is not a DNS name; expected labels of letters, digits and hyphens, as in api.example.com"
    return None


def private_name_problem(text: str) -> str | None:
    """What is wrong with a private DNS name of a service, or None: `*.` may stand before it."""
    return host_name_problem(text.removeprefix("*."))


def resolver_problem(text: str) -> str | None:
    """What is wrong with a DNS server, or None."""
    try:
        resolver_of(text)
    except ValueError:
        return f"{shown(text)} is not a DNS server; expected an IP address, or ADDRESS:PORT ([ADDRESS]:PORT for IPv6)"
    return None


def certificate_problem(text: str) -> str | None:
    """What is wrong with the origin of a certificate, or None."""
    if text in {REQUESTED, SELF_SIGNED, FILES} or _CERTIFICATE.fullmatch(text):
        return None
    if text.startswith("arn:") and ":iam::" in text:
        return f"{shown(text)} is a certificate of IAM; expected one in ACM: arn:aws:acm:REGION:ACCOUNT:certificate/ID"
    return f"{shown(text)} is no certificate; expected {REQUESTED}, {SELF_SIGNED}, {FILES}, or the ARN of one in ACM"


def certificate_home(arn: str) -> tuple[str, str]:
    """The region and the account in the ARN of a certificate that has no problem."""
    return load_balancer_home(arn)


FORMATS: Final[Mapping[str, Callable[[str], str | None]]] = {
    "account": account_problem,
    "block": block_problem,
    "certificate": certificate_problem,
    "cidr": cidr_problem,
    "host-name": host_name_problem,
    "nlb-arn": load_balancer_problem,
    "principal": principal_problem,
    "private-name": private_name_problem,
    "resolver": resolver_problem,
    "service-name": service_name_problem,
    "tag-key": tag_key_problem,
    "tag-value": tag_value_problem,
}
