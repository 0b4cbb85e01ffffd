"""Queues of SQS, where moto's would hinder the others: nobody may wait in the sandbox, and all in it can be copied.

A long poll would wait while no other call is answered. It is told at once that there is nothing, which an SDK asks
again. A queue's lock is nothing to be kept: dry runs work on a pickled copy, and a copy gets its own.
"""

from __future__ import annotations

from threading import Condition
from typing import Any

from moto.sqs.models import Queue, SQSBackend

from plinkctl.sandbox.patch import action, override

_LOCK = "_messages_lock"


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


@override(Queue, "__getstate__")
def _state(_original: Any, self: Any) -> dict[str, Any]:
    """All but the lock."""
    return {name: value for name, value in vars(self).items() if name != _LOCK}


@action(Queue, "__setstate__")
def _restore(self: Any, state: dict[str, Any]) -> None:
    """All, with a new lock."""
    vars(self).update(state)
    vars(self)[_LOCK] = Condition()
