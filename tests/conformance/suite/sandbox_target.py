"""The sandbox as a target, served in this process: each test finds it empty, slow as AWS, its clock standing still.

This is the only module of the suite that knows the sandbox; a run against AWS does not import it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import boto3
from botocore.config import Config
from pristine import pristine
from target import Side

from plinkctl.sandbox import world
from plinkctl.sandbox.door import control

if TYPE_CHECKING:
    from collections.abc import Callable

    from plinkctl.sandbox.door import gateway

T = TypeVar("T")

#: AWS's delays, but nothing that takes real time, and nothing seen late unless a test asks for it.
PATIENT: Final = replace(world.REAL, latency=0, throttle=0, visibility=0, permission=0, dns_change=0, logs=0)


class SandboxTarget:
    """A sandbox; see `target.Target`. What AWS does not let one do is in the methods below the common ones."""

    real = False
    zones: Final = ["use1-az1", "use1-az2", "use1-az4"]

    def __init__(self, server: gateway.Server) -> None:
        self.server, self.world = server, server.world
        self.region = server.world.region
        self.provider, self.consumer = self._side("provider"), self._side("consumer")

    def _side(self, alias: str) -> Side:
        account = self.world.account(alias)
        session = boto3.Session(account.access_key, account.secret, region_name=self.region)
        return Side(session, account.id, self.make)

    def make(self, session: boto3.Session, service: str, region: str | None) -> Any:
        settings = Config(retries={"mode": "standard", "total_max_attempts": 1}, parameter_validation=False)
        return session.client(service, endpoint_url=self.server.url, region_name=region, config=settings)

    def name(self, text: str) -> str:
        return text

    def until(self, probe: Callable[[], T], seconds: float = 900) -> T:
        step, end = 1.0, self.world.clock.now() + seconds
        while not (found := probe()) and self.world.clock.now() < end:
            self.world.clock.advance(step)
            step = min(step * 1.5, 30)
        return found

    def pass_by(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    # ------------------------------------------------------------------------- what AWS has no switch for

    def empty(self) -> None:
        """Forget everything; AWS's delays, nothing seen late."""
        pristine(self.world)
        self.world.profile = PATIENT

    def delays(self, **more: Any) -> None:
        """Other delays than AWS's usual ones."""
        self.world.profile = replace(self.world.profile, **more)

    def quota(self, **quotas: int) -> None:
        """Smaller quotas, so that they are met with few things."""
        self.world.quotas |= {name.replace("_", "-"): figure for name, figure in quotas.items()}

    def fault(self, action: str, effect: str, **more: Any) -> None:
        """Let a call go wrong, once unless said otherwise, as it does on AWS by chance."""
        control.set_faults(
            self.server.gateway,
            {"rules": [{"action": action, "effect": effect, "times": 1, **more}]},
            replace=False,
        )

    def constrain(self, zone: str) -> None:
        """Let there be neither load balancers nor functions in a zone."""
        self.world.constrained_zones |= {zone}

    def enforce(self) -> None:
        """Let IAM's policies hold."""
        self.world.enforced = True
