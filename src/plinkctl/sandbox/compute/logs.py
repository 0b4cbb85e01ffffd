"""What functions log, on its way to CloudWatch Logs: it arrives a little after the invocation, by the role's rights.

The lines wait on moto's backend until they are due. Then the group is made anew if it was deleted meanwhile and the
role may make it, which is how a deleted log group comes back on AWS; without group or right the lines are lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moto.logs.models import logs_backends

from plinkctl.sandbox import world
from plinkctl.sandbox.compute import roles


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """The log of one invocation that has not arrived.

    Attributes:
        due: when it arrives (seconds of the sandbox's clock).
        written: when it was written.
        role: ARN of the function's role.
        group, stream: where it goes.
    """

    due: float
    written: float
    role: str
    group: str
    stream: str
    lines: tuple[str, ...]


def send(function: Any, group: str, stream: str, lines: list[str]) -> None:
    """Let what a function (moto's) has logged arrive when it does."""
    now = world.now()
    late = Late(
        due=now + world.current().profile.logs,
        written=now,
        role=function.role,
        group=group,
        stream=stream,
        lines=tuple(lines),
    )
    function.logs_backend.__dict__.setdefault("sandbox_late", []).append(late)
    _settle(now)


@world.settler
def _settle(moment: float) -> None:
    backend: Any
    for regions in list(logs_backends.values()):
        for backend in list(regions.values()):
            if waiting := backend.__dict__.get("sandbox_late"):
                backend.sandbox_late = [one for one in waiting if one.due > moment]
                for one in waiting:
                    if one.due <= moment:
                        _arrive(backend, one)


def _arrive(backend: Any, late: Late) -> None:
    role = roles.find_role(backend.account_id, late.role)
    if role is None or not all(roles.allows(role, right) for right in ("logs:CreateLogStream", "logs:PutLogEvents")):
        return
    if late.group not in backend.groups:
        if not roles.allows(role, "logs:CreateLogGroup"):
            return
        backend.create_log_group(late.group, {})
    group, moment = backend.groups[late.group], int(late.written * 1000)
    # Past the backend's door, which compares with the clock on the wall and not with the sandbox's.
    if late.stream not in group.streams:
        group.create_log_stream(late.stream)
    group.put_log_events(late.stream, [{"timestamp": moment, "message": line} for line in late.lines])
