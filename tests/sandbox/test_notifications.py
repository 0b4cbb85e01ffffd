"""Connection notifications: SNS is told what happens to connections, and an SQS queue gets it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

EVENTS = ["Accept", "Connect", "Delete", "Reject"]


def _queue(side: Any, *, policy: bool = True) -> Any:
    """A topic PrivateLink may publish to, with a queue behind it; `told()` gives what came since it was last asked."""
    sns, sqs = side.client("sns"), side.client("sqs")
    arn = sns.create_topic(Name="events")["TopicArn"]
    if policy:
        allow = {"Effect": "Allow", "Principal": {"Service": "vpce.amazonaws.com"}, "Action": "SNS:Publish"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Resource": arn}]})
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document)
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)

    def told() -> list[dict[str, Any]]:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for one in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return [json.loads(json.loads(one["Body"])["Message"]) for one in found]

    return SimpleNamespace(arn=arn, told=told, sns=sns)


def test_a_provider_is_told_of_every_event_and_of_none_it_did_not_ask_for(
    offer: Any, place: Any, provider: Any
) -> None:
    made, here, queue = offer(), place(), _queue(provider)
    ask = {"ServiceId": made.id, "ConnectionNotificationArn": queue.arn}
    create = made.ec2.create_vpc_endpoint_connection_notification
    one = create(ConnectionEvents=EVENTS, **ask)["ConnectionNotification"]
    assert one["ConnectionNotificationId"].startswith("vpce-nfn-")
    assert (one["ConnectionNotificationState"], one["ConnectionNotificationType"]) == ("Enabled", "Topic")
    assert (one["ServiceId"], one["ConnectionEvents"]) == (made.id, EVENTS)
    endpoint = here.connect(made.name)
    [told] = queue.told()
    assert (told["event"], told["vpcEndpointId"], told["vpcEndpointOwner"]) == ("Connect", endpoint, "222222222222")
    assert told["serviceId"] == made.id
    decide = {"ServiceId": made.id, "VpcEndpointIds": [endpoint]}
    made.ec2.accept_vpc_endpoint_connections(**decide)
    assert [told["event"] for told in queue.told()] == ["Accept"]
    made.ec2.accept_vpc_endpoint_connections(**decide)  # refused, so nothing has happened
    assert queue.told() == []
    made.ec2.reject_vpc_endpoint_connections(**decide)
    assert [told["event"] for told in queue.told()] == ["Reject"]
    change = {"ConnectionNotificationId": one["ConnectionNotificationId"]}
    assert made.ec2.modify_vpc_endpoint_connection_notification(ConnectionEvents=["Connect"], **change)["ReturnValue"]
    here.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    assert queue.told() == []
    here.connect(made.name)
    assert [told["event"] for told in queue.told()] == ["Connect"]


def test_a_consumer_is_told_of_its_endpoint_only(offer: Any, place: Any, consumer: Any) -> None:
    made, here, queue = offer(), place(), _queue(consumer)
    first, second = here.connect(made.name), here.connect(made.name)
    here.ec2.create_vpc_endpoint_connection_notification(
        VpcEndpointId=first, ConnectionNotificationArn=queue.arn, ConnectionEvents=EVENTS
    )
    for endpoint in (first, second):
        made.ec2.accept_vpc_endpoint_connections(ServiceId=made.id, VpcEndpointIds=[endpoint])
    here.ec2.delete_vpc_endpoints(VpcEndpointIds=[second, first])
    assert [(told["event"], told["vpcEndpointId"]) for told in queue.told()] == [("Accept", first), ("Delete", first)]


def test_a_topic_that_does_not_let_it_publish_disables_it(offer: Any, place: Any, provider: Any) -> None:
    made, here, queue = offer(), place(), _queue(provider, policy=False)
    ask = {"ServiceId": made.id, "ConnectionNotificationArn": queue.arn, "ConnectionEvents": EVENTS}
    one = made.ec2.create_vpc_endpoint_connection_notification(**ask)["ConnectionNotification"]
    assert one["ConnectionNotificationState"] == "Disabled"
    here.connect(made.name)
    assert queue.told() == []


def test_a_topic_that_is_gone_disables_it_and_hinders_nothing(offer: Any, place: Any, provider: Any) -> None:
    made, here, queue = offer(), place(), _queue(provider)
    ask = {"ServiceId": made.id, "ConnectionNotificationArn": queue.arn, "ConnectionEvents": EVENTS}
    made.ec2.create_vpc_endpoint_connection_notification(**ask)
    queue.sns.delete_topic(TopicArn=queue.arn)
    here.connect(made.name)
    [one] = made.ec2.describe_vpc_endpoint_connection_notifications()["ConnectionNotificationSet"]
    assert one["ConnectionNotificationState"] == "Disabled"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ConnectionEvents": []}, "InvalidParameter"),
        ({"ConnectionEvents": ["Connect", "Explode"]}, "InvalidParameter"),
        ({"ConnectionNotificationArn": "nonsense"}, "InvalidParameter"),
        ({"ConnectionNotificationArn": "arn:aws:sns:us-east-1:111111111111:absent"}, "InvalidParameter"),
        ({"ConnectionNotificationArn": "arn:aws:sns:us-east-1:999999999999:events"}, "InvalidParameter"),
        ({"ConnectionNotificationArn": "arn:aws:sns:eu-west-1:111111111111:events"}, "InvalidParameter"),
        ({"ServiceId": "vpce-svc-00000000000000000"}, "InvalidVpcEndpointServiceId.NotFound"),
        ({"VpcEndpointId": "vpce-00000000000000000"}, "InvalidParameter"),  # both
        ({"ClientToken": "x" * 65}, "InvalidClientToken"),
        ({"DryRun": True}, "DryRunOperation"),
    ],
)
def test_what_cannot_be_notified_is_refused(offer: Any, provider: Any, refused: Any, change: Any, code: str) -> None:
    made, queue = offer(), _queue(provider)
    ask = {"ServiceId": made.id, "ConnectionNotificationArn": queue.arn, "ConnectionEvents": ["Connect"], **change}
    refused(code, made.ec2.create_vpc_endpoint_connection_notification, **ask)
    assert made.ec2.describe_vpc_endpoint_connection_notifications()["ConnectionNotificationSet"] == []


def test_notifications_are_found_by_all_they_are_and_deleted_one_by_one(
    offer: Any, provider: Any, consumer: Any, refused: Any
) -> None:
    made, queue = offer(), _queue(provider)
    create = made.ec2.create_vpc_endpoint_connection_notification
    ask = {"ServiceId": made.id, "ConnectionNotificationArn": queue.arn, "ConnectionEvents": ["Connect"]}
    one = create(ClientToken="t", **ask)["ConnectionNotification"]
    assert create(ClientToken="t", **ask)["ConnectionNotification"] == one
    refused("IdempotentParameterMismatch", create, ClientToken="t", **{**ask, "ConnectionEvents": ["Delete"]})
    describe = made.ec2.describe_vpc_endpoint_connection_notifications
    notification = one["ConnectionNotificationId"]
    for name, value in {
        "connection-notification-id": notification,
        "connection-notification-arn": queue.arn,
        "connection-notification-state": "Enabled",
        "connection-notification-type": "Topic",
        "service-id": made.id,
    }.items():
        assert describe(Filters=[{"Name": name, "Values": [value]}])["ConnectionNotificationSet"] == [one]
        assert describe(Filters=[{"Name": name, "Values": ["x"]}])["ConnectionNotificationSet"] == []
    assert describe(ConnectionNotificationId=notification)["ConnectionNotificationSet"] == [one]
    theirs = consumer.client("ec2").describe_vpc_endpoint_connection_notifications
    refused("InvalidConnectionNotification", theirs, ConnectionNotificationId=notification)
    delete = made.ec2.delete_vpc_endpoint_connection_notifications
    absent = "vpce-nfn-00000000000000000"
    [failed] = delete(ConnectionNotificationIds=[notification, absent])["Unsuccessful"]
    assert (failed["ResourceId"], failed["Error"]["Code"]) == (absent, "InvalidConnectionNotification")
    assert describe()["ConnectionNotificationSet"] == []
    modify = made.ec2.modify_vpc_endpoint_connection_notification
    refused("InvalidConnectionNotification", modify, ConnectionNotificationId=notification)


def test_a_notification_goes_with_its_service(offer: Any, provider: Any) -> None:
    made, queue = offer(), _queue(provider)
    ask = {"ServiceId": made.id, "ConnectionNotificationArn": queue.arn, "ConnectionEvents": ["Connect"]}
    made.ec2.create_vpc_endpoint_connection_notification(**ask)
    made.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[made.id])
    assert made.ec2.describe_vpc_endpoint_connection_notifications()["ConnectionNotificationSet"] == []


def test_a_dry_run_tells_nobody(offer: Any, place: Any, provider: Any, refused: Any) -> None:
    made, here, queue = offer(), place(), _queue(provider)
    ask = {"ServiceId": made.id, "ConnectionNotificationArn": queue.arn, "ConnectionEvents": EVENTS}
    made.ec2.create_vpc_endpoint_connection_notification(**ask)
    refused("DryRunOperation", here.connect, service_name=made.name, DryRun=True)
    assert queue.told() == []


def test_nobody_waits_in_the_sandbox_for_a_message(provider: Any) -> None:
    """A long poll would hold up every other call for as long."""
    sqs = provider.client("sqs")
    url = sqs.create_queue(QueueName="empty", Attributes={"ReceiveMessageWaitTimeSeconds": "20"})["QueueUrl"]
    for more in ({}, {"WaitTimeSeconds": 20}):
        assert sqs.receive_message(QueueUrl=url, **more).get("Messages", []) == []
