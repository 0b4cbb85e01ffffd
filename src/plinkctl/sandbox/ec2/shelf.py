"""Where the parts of PrivateLink find each other without looking through everything: a shelf on moto's EC2 backend.

It hangs on the backend, so that a reset takes it away with what is on it, and a snapshot keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plinkctl.sandbox.ec2.endpoints import Endpoint
    from plinkctl.sandbox.ec2.notifications import Notification
    from plinkctl.sandbox.ec2.services import Service


@dataclass(slots=True)
class Shelf:
    """What is looked up in one account and region.

    Attributes:
        behind: load balancer's ARN -> the service it stands behind.
        services: service ID -> service, of those being deleted.
        endpoints: endpoint ID -> endpoint, of those being deleted.
        notifications: notification ID -> notification.
    """

    behind: dict[str, Service] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    notifications: dict[str, Notification] = field(default_factory=dict)


def shelf(backend: Any) -> Shelf:
    """The shelf of one of moto's EC2 backends."""
    return backend.__dict__.setdefault("sandbox_links", Shelf())  # type: ignore[no-any-return]  # moto's object
