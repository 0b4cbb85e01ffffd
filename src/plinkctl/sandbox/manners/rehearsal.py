"""Dry runs: a call of EC2 is carried out on a copy of everything, the copy is thrown away, and it is told how it went.

So a dry run refuses whatever the call would refuse, in the same words, for every action there is and will be; and it
changes nothing, because nothing it has touched is kept.
"""

from __future__ import annotations

import contextlib
import pickle
from typing import TYPE_CHECKING, Any, Final

from moto.core.base_backend import BackendDict
from moto.ec2.exceptions import DryRunClientError
from moto.ec2.responses._base_response import EC2BaseResponse

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
    in_use: Any = BackendDict
    services = [one for one in in_use._instances if one.service_name in _TOUCHED]
    places = [(service, account, regions) for service in services for account, regions in service.items()]
    live = [dict(regions) for _, _, regions in places]
    # All at once, so that what is one thing in two places is one thing in the copy as well.
    copies = pickle.loads(pickle.dumps(live))  # noqa: S301 - written a moment ago, by us
    try:
        for (_, _, regions), copy in zip(places, copies, strict=True):
            regions.update(copy)
        yield
    finally:
        # Also what came into use meanwhile, an account or a region, is forgotten.
        for service in services:
            service.clear()
        for (service, account, regions), backends in zip(places, live, strict=True):
            service[account] = regions
            regions.clear()
            regions.update(backends)


@override(EC2BaseResponse, "error_on_dryrun")
def _error_on_dryrun(_original: Any, self: Any) -> None:
    """moto ends its dry runs before it has looked at anything; they end here, when everything has been looked at."""
