"""GetAccountSettings: what Lambda gives an account in a region, and how much of it is in use."""

from __future__ import annotations

import json
from typing import Any, Final

from moto.awslambda import urls
from moto.awslambda.responses import LambdaResponse

from plinkctl.sandbox.patch import action, path

#: The figures of the developer guide, "Lambda quotas"; a young account may have fewer concurrent executions.
_CONCURRENT: Final = 1000
_LIMITS: Final = {
    "TotalCodeSize": 75 * 1024**3,
    "CodeSizeUnzipped": 250 * 1024**2,
    "CodeSizeZipped": 50 * 1024**2,
    "ConcurrentExecutions": _CONCURRENT,
}


@action(LambdaResponse, "get_account_settings")
def _settings(self: Any) -> str:
    """GetAccountSettings: what functions have reserved is not there for the others."""
    groups = list(self.backend._lambdas._functions.values())
    kept = [one for group in groups for one in (group["latest"], *group["versions"])]
    reserved = sum(int(group["latest"].reserved_concurrency or 0) for group in groups)
    return json.dumps(
        {
            "AccountLimit": {**_LIMITS, "UnreservedConcurrentExecutions": _CONCURRENT - reserved},
            "AccountUsage": {"TotalCodeSize": sum(one.code_size for one in kept), "FunctionCount": len(groups)},
        }
    )


path(urls, r"{0}/(?P<api_version>[^/]+)/account-settings/?$", LambdaResponse.dispatch)
