"""Time in the sandbox: one clock, how long each thing takes in each profile, and the states a thing goes through.

All are plain values; nothing here knows of moto or of AWS's rules.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable


#: Where every clock comes to a stand, the year 9000: dates end in 9999, and what lies ahead of a thing must be one.
LAST: Final = 221_845_392_000.0


class Clock:
    """Seconds since the epoch, as the sandbox sees them: they can run faster, be moved ahead, or stand still.

    Args:
        speed: sandbox seconds per real second.
        source: where real seconds come from; tests give their own.
    """

    def __init__(self, *, speed: float = 1.0, source: Callable[[], float] = time.time) -> None:
        self._source = source
        # One tuple, replaced whole: a reader in another thread never sees half a change.
        self._line = (source(), source(), speed)

    def __getstate__(self) -> tuple[float, float, float]:
        """Put aside: the present moment, the real one, and the speed."""
        return (self.now(), self._source(), self.speed)

    def __setstate__(self, kept: tuple[float, float, float]) -> None:
        """Taken up again, on the machine's clock: the time in between has gone by, at the speed there was.

        Where the machine's clock was set back meanwhile, no time has gone by; it never runs backwards here.
        """
        reading, mark, speed = kept
        self._source = time.time
        self._line = (reading, min(mark, time.time()), speed)

    def now(self) -> float:
        """The present moment, in seconds since the epoch."""
        reading, mark, speed = self._line
        return min(reading + (self._source() - mark) * speed, LAST)

    @property
    def speed(self) -> float:
        """Sandbox seconds per real second; 0 while frozen. May be set."""
        return self._line[2]

    @speed.setter
    def speed(self, speed: float) -> None:
        self._line = (self.now(), self._source(), speed)

    def advance(self, seconds: float) -> None:
        """Move ahead by so many sandbox seconds, at once."""
        self._line = (self.now() + seconds, self._source(), self.speed)

    def freeze(self) -> None:
        """Stand still; only `advance` moves time until `speed` is set again."""
        self.speed = 0.0


class Timeline:
    """The states of one thing, past and to come: a list of moments and the state each begins.

    Nothing has to happen for a state to change; whoever asks is told the state of that moment. So there are no
    timers, and what was pending when a world was put aside is settled when it is taken up again.
    """

    def __init__(self, moment: float, *steps: tuple[str, float]) -> None:
        """Begin at `moment` (seconds of the clock); see `turn` for the steps."""
        self._begun: list[tuple[float, str]] = []
        self.turn(moment, *steps)

    def turn(self, moment: float, *steps: tuple[str, float]) -> None:
        """From `moment` on, go through `steps`: a state each, and how many seconds after `moment` it begins.

        What was still to come after `moment` is forgotten.
        """
        self._begun = [step for step in self._begun if step[0] <= moment]
        self._begun += [(moment + delay, state) for state, delay in steps]

    def at(self, moment: float) -> str:
        """The state at that moment."""
        return [state for begun, state in self._begun if begun <= moment][-1]

    def was(self, state: str, moment: float) -> bool:
        """Whether it has been in that state by that moment."""
        return any(begun <= moment for begun, one in self._begun if one == state)

    @property
    def end(self) -> str:
        """The last of its states, reached or to come."""
        return self._begun[-1][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How long things take, in seconds of the sandbox's clock. The figures of `REAL` name their source."""

    name: str
    load_balancer: float = 0.0  # provisioning -> active
    target: float = 0.0  # a registered target's `initial`
    endpoint_pending: float = 0.0  # pending -> available, after creation, acceptance or a change of subnets
    endpoint_deleting: float = 0.0  # deleting -> gone, its interfaces with it
    rejection: float = 0.0  # until a rejection is seen, and the service can be deleted
    service: float = 0.0  # a new service says it is available, and yet takes no endpoint
    service_deleting: float = 0.0  # a deleted service still holds its load balancer
    deleted: float = 0.0  # a deleted endpoint or service is still shown as such
    permission: float = 0.0  # until an allowed principal sees the service, and one no longer allowed does not
    function: float = 0.0  # Pending -> Active, and each update
    function_interface: float = 0.0  # a function's interfaces after its deletion; detached at half that time
    load_balancer_interface: float = 0.0  # a load balancer's interfaces after its deletion
    role: float = 0.0  # the age at which Lambda can assume a new role
    logs: float = 0.0  # until what a function has logged is in CloudWatch Logs
    draining: float = 0.0  # how much of its deregistration delay a target really drains, 1 for all of it
    visibility: float = 0.0  # until a new thing is seen by every read, at the longest
    certificate_record: float = 0.0  # a requested certificate does not tell yet which records it wants
    certificate: float = 0.0  # a requested certificate, once its CNAMEs are in public DNS -> issued
    certificate_release: float = 0.0  # a certificate counts as in use after the last listener let go of it
    dns_change: float = 0.0  # a change of records PENDING -> INSYNC, and visible
    private_dns: float = 0.0  # the verification of a private DNS name, once started
    private_dns_again: float = 0.0  # how often a verified name is looked at again; 0: only when asked to
    latency: float = 0.0  # of every API call
    throttle: float = 0.0  # how many times AWS's request rates are let through; 0 lets everything through


INSTANT: Final = Profile(name="instant")

#: Long enough to be seen, short enough for a demo.
BRISK: Final = Profile(
    name="brisk",
    load_balancer=0.6,
    target=0.4,
    endpoint_pending=0.5,
    endpoint_deleting=0.5,
    rejection=0.2,
    service_deleting=0.2,
    deleted=0.1,
    function=0.5,
    function_interface=0.8,
    load_balancer_interface=0.5,
    role=0.4,
    certificate_record=0.1,
    certificate=0.5,
    certificate_release=0.3,
    dns_change=0.3,
    private_dns=0.5,
    logs=0.1,
    draining=0.001,
    latency=0.010,
    throttle=10,
)

REAL: Final = Profile(
    name="real",
    load_balancer=150,  # public Terraform logs: 2 m 06 s to 3 m 02 s
    target=60,  # the NLB guide says "a few minutes" for an ALB target
    endpoint_pending=60,  # 1 to 3 minutes, from totals of Terraform's acceptance tests
    endpoint_deleting=45,  # "minutes"; public pollers allow 3 to 10
    rejection=10,  # a public tool waits up to 90 s for a rejection to be reflected
    service=5,  # reported as minutes at worst (aws-sdk-go-v2 issues 2254 and 2870)
    service_deleting=10,  # a public tool retries the load balancer's deletion every 10 s
    deleted=30,  # a guess: public tools have to cope with `deleted` in lists, none says for how long
    permission=0.25,  # AWS names no time; in Terraform's acceptance tests the next call must succeed
    function=45,  # Lambda's documentation: "a minute or so"
    function_interface=600,  # seen detached after 4 minutes; documented up to 20
    load_balancer_interface=60,  # Terraform waits 5 minutes for an NLB's, 35 for an ALB's
    role=8,  # Terraform retries for minutes; seconds are usual
    certificate_record=5,  # Terraform waits for them up to a minute
    certificate=60,  # ACM's guide: "may take several minutes", up to 30; public Terraform logs: about one
    certificate_release=60,  # public tools retry the deletion for minutes
    dns_change=40,  # Route 53's guide: "usually within 60 seconds"; public Terraform logs: 30 to 50 s
    private_dns=120,  # the guide names no time; Terraform waits up to 30 minutes; minutes are usual
    private_dns_again=86400,  # a guess: the guide says that it is looked at again, not when
    logs=5,  # late enough that a deleted log group comes back (terraform issue 14750, terraform-aws-lambda issue 342)
    draining=1,  # the deregistration delay is 300 s unless it is set otherwise (API reference)
    visibility=5,  # the AWS load balancer controller waits up to 20 s for a listener, Terraform 5 minutes for EC2's
    latency=0.120,
    throttle=1,  # the rates and their sources are in door/throttle.py
)

PROFILES: Final = {profile.name: profile for profile in (INSTANT, BRISK, REAL)}
