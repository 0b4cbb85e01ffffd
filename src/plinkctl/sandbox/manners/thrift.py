"""What moto works out anew for every call though it never changes: looked up once, then remembered.

Together these are half the time of a short call (see tests/bench/bench_sandbox.py).
"""

from __future__ import annotations

import functools
from typing import Any

from moto import backends
from moto.core import responses, utils

from plinkctl.sandbox.patch import override


@functools.cache
def methods_of(response_class: Any) -> frozenset[str]:
    """The names of the methods of a response class, which are the actions it knows; patches are in before any call."""
    return frozenset(utils.method_names_from_class(response_class))


@override(responses, "method_names_from_class")
def _method_names(_original: Any, clazz: Any) -> frozenset[str]:
    return methods_of(clazz)


@functools.cache
def _moto_modules(look: Any) -> tuple[str, ...]:
    return tuple(look())


@override(backends, "list_of_moto_modules")
def _modules(original: Any) -> tuple[str, ...]:
    """The services moto has; it reads a folder of two hundred for it, twice a call."""
    return _moto_modules(original)
