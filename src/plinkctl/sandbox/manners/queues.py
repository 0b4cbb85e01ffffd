"""Queues of SQS, where moto's would hinder the others: nobody may wait in the sandbox.

A long poll would wait while no other call is answered. It is told at once that there is nothing, which an SDK asks
again.
"""

from __future__ import annotations

from typing import Any

from moto.sqs.models import SQSBackend

from plinkctl.sandbox.patch import override


@override(SQSBackend, "receive_message")
def _receive(
    original: Any,
    self: Any,
    queue_name: str,
    count: int,
    wait_seconds_timeout: int,  # noqa: ARG001 - what is not done
    visibility_timeout: int,
    message_attribute_names: list[str] | None = None,
) -> Any:
    """ReceiveMessage: what is there, without waiting for more."""
    return original(self, queue_name, count, 0, visibility_timeout, message_attribute_names)
