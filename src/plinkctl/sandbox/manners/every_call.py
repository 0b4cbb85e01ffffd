"""What happens around every API call, in this order, whatever it does.

The world is brought to the present moment; the caller's rights are looked at, where that is asked for; what the
caller cannot see yet is put aside; a dry run gets a copy to work on; a list is cut into pages. The action itself is
moto's, or of the part that replaces it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from moto.core.responses import BaseResponse
from moto.core.utils import camelcase_to_underscores

from plinkctl.sandbox import world
from plinkctl.sandbox.access import enforce
from plinkctl.sandbox.manners import pages, rehearsal, visibility
from plinkctl.sandbox.manners.thrift import methods_of
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Callable


@override(BaseResponse, "call_action")
def _call(original: Any, self: Any) -> Any:
    """Every action of every service; moto turns what it raises into an answer."""
    world.settle()
    action = self._get_action() or ""
    name = camelcase_to_underscores(action)
    if name not in methods_of(self.__class__):
        return original(self)
    enforce.check(self, action)
    with visibility.view(self, action) as refusal:
        # moto asks the object for the method of that name, and a response is made for each request.
        self.__dict__[name] = functools.partial(_answer, self, action, getattr(self, name), refusal)
        return original(self)


def _answer(response: Any, action: str, method: Callable[[], Any], refusal: Exception | None) -> Any:
    if refusal is not None:
        raise refusal
    if rehearsal.wanted(response):
        return rehearsal.rehearse(method)
    return pages.paged(response, action, method)
