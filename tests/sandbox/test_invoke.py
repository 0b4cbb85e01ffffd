"""Invoke: functions that really run, and what becomes of the way they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from whole import consume, provide

if TYPE_CHECKING:
    from types import SimpleNamespace


@pytest.fixture
def there(provider: Any) -> SimpleNamespace:
    return provide(provider)


@pytest.fixture
def here(there: SimpleNamespace, consumer: Any) -> SimpleNamespace:
    return consume(consumer, there.service_name)


def test_a_function_fetches_the_answer_of_the_load_balancer_through_the_link(here: Any) -> None:
    here.function()
    got = here.invoke()
    assert got.error is None, got.value
    assert got.value == {"status": 200, "body": "Hello from ALB!", "server": "awselb/2.0"}
