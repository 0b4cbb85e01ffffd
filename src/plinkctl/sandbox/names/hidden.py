"""The hidden private zones behind private DNS: which endpoint answers for which domain in a VPC.

AWS keeps one for each endpoint with private DNS switched on; no API call shows it, but the VPC's resolver uses it and
no second domain of that name may be in the VPC. They are kept on moto's EC2 backend, by VPC.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models import ec2_backends

from plinkctl.sandbox import world

#: Region and ID of a VPC, as Route 53 names it.
Place = tuple[str, str]


def _kept(backend: Any) -> dict[str, dict[str, Any]]:
    return backend.__dict__.setdefault("sandbox_hidden_zones", {})  # type: ignore[no-any-return]  # moto's object


def claim(endpoint: Any, domain: str) -> None:
    """Let an endpoint (`endpoints.Endpoint`) answer for its service's domain in its VPC."""
    _kept(endpoint.moto.ec2_backend).setdefault(endpoint.vpc_id, {})[domain] = endpoint


def give_up(endpoint: Any) -> None:
    """Let an endpoint answer for nothing any more."""
    here = _kept(endpoint.moto.ec2_backend).get(endpoint.vpc_id, {})
    for domain in [domain for domain, one in here.items() if one is endpoint]:
        del here[domain]


def in_vpc(place: Place | None) -> dict[str, Any]:
    """The domains endpoints answer for in a VPC, and the endpoints."""
    if place is None:
        return {}
    for regions in list(ec2_backends.values()):
        backend = regions.get(place[0])
        if backend is not None and place[1] in backend.vpcs:
            return _kept(backend).get(place[1], {})
    return {}


def closest(name: str, place: Place | None) -> tuple[str, Any] | None:
    """The domain in a VPC that is answered by an endpoint and fits a name best, and the endpoint.

    As with any zone, all names below the domain belong to it, though it knows none of them. A wildcard's domain answers
    for all names below it, and not for itself.
    """
    found = [
        (domain, endpoint)
        for domain, endpoint in in_vpc(place).items()
        if domain == name or name.endswith(f".{domain.removeprefix('*.')}")
    ]
    return max(found, key=lambda one: len(one[0].removeprefix("*.")), default=None)


def answers(endpoint: Any) -> bool:
    """Whether the endpoint carries traffic, so that its addresses are answered."""
    return bool(endpoint.carries(world.now()))
