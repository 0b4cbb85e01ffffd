"""Connection notifications: what happens to the connections of a service, or to one endpoint, told to an SNS topic.

The message goes into the sandbox's own SNS, at the moment of the call that causes it, and from there to whoever has
subscribed. As on AWS, the topic's policy must allow `vpce.amazonaws.com` to publish.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response
from moto.sns.models import sns_backends

from plinkctl.sandbox import world
from plinkctl.sandbox.ec2.answers import filtered, once, paged, unsuccessful
from plinkctl.sandbox.ec2.endpoints import own_endpoint
from plinkctl.sandbox.ec2.services import own_service
from plinkctl.sandbox.ec2.shelf import shelf
from plinkctl.sandbox.patch import action

if TYPE_CHECKING:
    from plinkctl.sandbox.ec2.endpoints import Endpoint
    from plinkctl.sandbox.ec2.services import Service

EVENTS: Final = ("Accept", "Connect", "Delete", "Reject")
_PUBLISHER: Final = "vpce.amazonaws.com"
_PUBLISHING: Final = frozenset({"sns:publish", "sns:*", "*"})


@dataclass(slots=True, kw_only=True, eq=False)
class Notification:
    """One wish to be told: of which events, of what, and where.

    Attributes:
        subject: the `services.Service` or `endpoints.Endpoint` it is about.
        kind: `ServiceId` or `VpcEndpointId`, as the subject's ID is called in the API.
    """

    id: str
    subject: Service | Endpoint
    kind: str
    topic: str
    events: list[str]
    region: str

    def answer(self) -> dict[str, Any]:
        """EC2's ConnectionNotification. It is Disabled when its topic is gone or does not let it publish.

        When AWS disables one is not documented; here it shows why nothing arrives.
        """
        return {
            "ConnectionNotificationId": self.id,
            self.kind: self.subject.id,
            "ConnectionNotificationType": "Topic",
            "ConnectionNotificationArn": self.topic,
            "ConnectionEvents": self.events,
            "ConnectionNotificationState": "Enabled" if _open(_topic(self.topic)) else "Disabled",
            "ServiceRegion": self.region,
        }


def announce(event: str, endpoint: Endpoint) -> None:
    """Tell of an event of one endpoint, to whoever watches it or its service.

    AWS documents the events, not the message: what is in it is our choice.
    """
    watching = [*endpoint.service.notifications.values(), *endpoint.notifications.values()]
    for one in watching:
        topic = _topic(one.topic)
        if event in one.events and _open(topic):
            said = {
                "event": event,
                "vpcEndpointId": endpoint.id,
                "vpcEndpointOwner": endpoint.account,
                "vpcEndpointRegion": endpoint.region,
                "serviceId": endpoint.service.id,
                "serviceName": endpoint.service.name,
                "time": world.moment(world.now()).isoformat(),
            }
            topic.publish(json.dumps(said), subject=f"VPC endpoint {event}: {endpoint.id}")


def _topic(arn: str) -> Any:
    """moto's topic of that ARN; None if there is none, or it is no ARN of a topic."""
    parts = str(arn).split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sns" or not parts[4].isdecimal():
        return None
    regions: Any = sns_backends.get(parts[4]) or {}  # not by index: asking must not make an account
    backend = regions.get(parts[3])
    return backend.topics.get(arn) if backend else None


def _open(topic: Any) -> bool:
    """Whether a topic is there and its policy lets PrivateLink publish. Conditions of a statement are not looked at."""
    if topic is None:
        return False
    statements = json.loads(topic.policy).get("Statement", [])
    return any(_allows(one) for one in (statements if isinstance(statements, list) else [statements]))


def _allows(statement: dict[str, Any]) -> bool:
    principal = statement.get("Principal")
    services = _listed(principal.get("Service")) if isinstance(principal, dict) else []
    actions = {str(one).lower() for one in _listed(statement.get("Action"))}
    return statement.get("Effect") == "Allow" and _PUBLISHER in services and bool(actions & _PUBLISHING)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _check(response: Any, arn: str, events: list[str]) -> None:
    """Refuse what cannot be published to, and events there are not. Raises EC2ClientError: InvalidParameter."""
    if not events:
        raise EC2ClientError("InvalidParameter", "A connection notification needs at least one connection event")
    if unknown := [event for event in events if event not in EVENTS]:
        raise EC2ClientError(
            "InvalidParameter", f"The connection event '{unknown[0]}' is not one of {', '.join(EVENTS)}"
        )
    if _topic(arn) is None or arn.split(":")[3] != response.region:
        raise EC2ClientError("InvalidParameter", f"There is no SNS topic '{arn}' in {response.region}")


@action(EC2Response, "create_vpc_endpoint_connection_notification")
def _create(self: Any) -> ActionResult:
    """CreateVpcEndpointConnectionNotification: by the provider for a service, or by the consumer for an endpoint."""

    def make() -> Notification:
        service_id, endpoint_id = self._get_param("ServiceId"), self._get_param("VpcEndpointId")
        if bool(service_id) == bool(endpoint_id):
            raise EC2ClientError("InvalidParameter", "Give either a ServiceId or a VpcEndpointId")
        subject: Service | Endpoint
        if service_id:
            subject = own_service(self.ec2_backend, service_id)
        else:
            subject = own_endpoint(self.ec2_backend, endpoint_id)
        arn, events = self._get_param("ConnectionNotificationArn"), self._get_param("ConnectionEvents", [])
        _check(self, arn, events)
        made = Notification(
            id=world.new_id("vpce-nfn"),
            subject=subject,
            kind="ServiceId" if service_id else "VpcEndpointId",
            topic=arn,
            events=list(dict.fromkeys(events)),
            region=subject.region if service_id else subject.service.region,  # type: ignore[union-attr]  # an endpoint
        )
        subject.notifications[made.id] = shelf(self.ec2_backend).notifications[made.id] = made
        return made

    made = once(self, self.ec2_backend, make)
    return ActionResult({"ConnectionNotification": made.answer(), "ClientToken": self._get_param("ClientToken")})


def _living(backend: Any) -> dict[str, Notification]:
    """The notifications of one account and region. They go with what they are about (not established of AWS)."""
    kept = shelf(backend).notifications
    here = {"ServiceId": backend.configurations, "VpcEndpointId": backend.vpc_end_points}
    return {one.id: one for one in kept.values() if one.subject.id in here[one.kind]}


def _own(backend: Any, notification_id: str) -> Notification:
    if found := _living(backend).get(notification_id):
        return found
    raise EC2ClientError("InvalidConnectionNotification", _absent(notification_id))


def _absent(notification_id: str) -> str:
    return f"The connection notification '{notification_id}' does not exist"


@action(EC2Response, "describe_vpc_endpoint_connection_notifications")
def _describe(self: Any) -> ActionResult:
    """DescribeVpcEndpointConnectionNotifications."""
    asked = self._get_param("ConnectionNotificationId")
    found = [_own(self.ec2_backend, asked)] if asked else _living(self.ec2_backend).values()
    fields = {
        "connection-notification-arn": "ConnectionNotificationArn",
        "connection-notification-id": "ConnectionNotificationId",
        "connection-notification-state": "ConnectionNotificationState",
        "connection-notification-type": "ConnectionNotificationType",
        "service-id": "ServiceId",
        "vpc-endpoint-id": "VpcEndpointId",
    }
    answers = filtered([one.answer() for one in found], self._get_param("Filters", []), fields)
    return paged(self, "ConnectionNotificationSet", answers)


@action(EC2Response, "modify_vpc_endpoint_connection_notification")
def _modify(self: Any) -> ActionResult:
    """ModifyVpcEndpointConnectionNotification: the topic, the events, or both."""
    found = _own(self.ec2_backend, self._get_param("ConnectionNotificationId"))
    arn = self._get_param("ConnectionNotificationArn") or found.topic
    events = self._get_param("ConnectionEvents", []) or found.events
    _check(self, arn, events)
    found.topic, found.events = arn, list(dict.fromkeys(events))
    return ActionResult({"ReturnValue": True})


@action(EC2Response, "delete_vpc_endpoint_connection_notifications")
def _delete(self: Any) -> ActionResult:
    """DeleteVpcEndpointConnectionNotifications: refusals come in the list, not as an error."""
    failed = []
    living = _living(self.ec2_backend)
    for one in self._get_param("ConnectionNotificationIds", []):
        if found := living.get(one):
            del shelf(self.ec2_backend).notifications[one], found.subject.notifications[one]
        else:
            failed.append(unsuccessful(one, "InvalidConnectionNotification", _absent(one)))
    return ActionResult({"Unsuccessful": failed})
