"""What a run writes into the audit file: its calls that change something, what was agreed to, what was refused."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from plinkctl.aws.patience import Clock
from plinkctl.aws.session import Answered, Identity
from plinkctl.errors import AccessError, PlinkError, RefusedError
from plinkctl.link import Side
from plinkctl.report import MOST_TELLING, Report
from plinkctl.stores.audit import Audit

_GUARDS: Final = frozenset({"other_account", "other_region"})


class Auditor:
    """Writes for one run. `callers` says who acts on each side, as soon as it is known.

    Args:
        command: What the user typed.
        link: The link's name.
        pen: The file.
        clock: The time.
    """

    def __init__(self, command: str, link: str, pen: Audit, clock: Clock) -> None:
        self.callers: dict[Side, Identity] = {}
        self._pen = pen
        self._clock = clock
        self._begun = clock.now()
        self._who = {"run": uuid.uuid4().hex[:12], "command": command, "link": link}

    def __call__(self, event: str, side: Side | None = None, **more: Any) -> None:
        """Write one line: a `call`, a `consent`, a `refusal`, or the `end`."""
        caller = self.callers.get(side) if side else None
        at = datetime.fromtimestamp(self._clock.wall(), UTC).isoformat(timespec="milliseconds")
        who = {"caller": caller.arn, "account": caller.account, "region": caller.region} if caller else {}
        self._pen.put(at=at, event=event, **self._who, side=side, **who, **more)

    def call(self, side: Side, call: Answered) -> None:
        """Write up a call, if it was sent to change something. S3 holds the state, which is a journal of its own."""
        if call.writes and call.service != "s3":
            self(
                "call",
                side,
                service=call.service,
                operation=call.operation,
                op=call.op or None,
                outcome=call.outcome,
                request_id=call.request_id,
                ms=round(call.seconds * 1000),
            )

    @contextmanager
    def until_the_end(self, report: Report) -> Iterator[None]:
        """Write up how the run ended and what was refused in it. A run that had nothing to write leaves no line."""
        ended: list[PlinkError] = []
        try:
            yield
        except PlinkError as error:
            ended.append(error)
            raise
        finally:
            errors = [*ended, *(failure.error for failure in report.errors)]
            for one in errors:
                if isinstance(one, RefusedError | AccessError) or one.code in _GUARDS:
                    self("refusal", code=one.code, message=one.message)
            if self._pen.begun:
                codes = [*(one.exit_code for one in ended), report.exit_code]
                code = min(codes, key=MOST_TELLING.index)
                self("end", exit_code=int(code), seconds=round(self._clock.now() - self._begun, 1))
            self._pen.close()
