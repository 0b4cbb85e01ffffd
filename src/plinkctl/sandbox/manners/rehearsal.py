"""Dry runs: a call of EC2 is carried out on a copy of everything, the copy is thrown away, and it is told how it went.

So a dry run refuses whatever the call would refuse, in the same words, for every action there is and will be; and it
changes nothing, because nothing it has touched is kept.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from moto.ec2.exceptions import DryRunClientError
from moto.ec2.responses._base_response import EC2BaseResponse

from plinkctl.sandbox import pickles
from plinkctl.sandbox.patch import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The services an EC2 call can change something of: its own, and those it tells or that keep its names.
_TOUCHED: Final = frozenset({"ec2", "sns", "sqs", "route53"})


def wanted(response: Any) -> bool:
    """Whether a request is for a dry run."""
    return isinstance(response, EC2BaseResponse) and str(response._get_param("DryRun")).lower() == "true"


def rehearse(method: Callable[[], Any]) -> Any:
    """Do `method` without effect.

    Raises:
        EC2ClientError: what `method` raises; DryRunOperation when it raises nothing.
    """
    with _copied():
        method()
    raise DryRunClientError


@contextlib.contextmanager
def _copied() -> Iterator[None]:
    """Let moto work on a copy. The caller holds the world's lock."""
    live = pickles.in_use()
    # All at once, so that what is one thing in two places is one thing in the copy as well.
    copies = pickles.loads(pickles.dumps([place for place in live if place[0] in _TOUCHED]))
    pickles.put([place for place in live if place[0] not in _TOUCHED] + copies)
    try:
        yield
    finally:
        pickles.put(live)  # also what came into use meanwhile, an account or a region, is forgotten


@override(EC2BaseResponse, "error_on_dryrun")
def _error_on_dryrun(_original: Any, self: Any) -> None:
    """moto ends its dry runs before it has looked at anything; they end here, when everything has been looked at."""
