"""Everything plinkctl can say no with, and the exit code each no has. A leaf. No secret gets into an error.

    PlinkError                     1   AWS refused, or a resource failed
    ├── AwsError                   1   one refused API call (made only in aws/faults.py)
    │   └── AccessError            5   credentials missing or expired, permission denied
    ├── UsageError                 2   wrong usage or configuration; nothing was called
    ├── VerifyError                3   the link does not work
    ├── StateError                 4   locked, damaged, too new, other account or region
    ├── RefusedError               6   a safety rule: not ours, live connections, no consent
    │   └── UntaggedError          6   it has a name of ours and no tag of ours, or none that is seen yet
    ├── TimedOutError              7   waiting ended; the same command resumes
    ├── HeldError                  8   somebody else must act first; not a failure
    └── StoppedError           130/143/129   a signal; state is safe

An error tells what is wrong (`message`), why (`why`: the evidence), and the next command (`hint`), which
stands alone on its line so that it can be copied.
"""

import signal
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final

from plinkctl.redaction import redacted


class Exit(IntEnum):
    """The exit codes of the CLI contract; users' scripts rely on them, so they never change meaning."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNVERIFIED = 3
    STATE = 4
    ACCESS = 5
    REFUSED = 6
    TIMED_OUT = 7
    HELD = 8
    BUG = 70
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS: Final[dict[Exit, str]] = {
    Exit.OK: "done, or nothing to do",
    Exit.FAILED: "AWS refused or a resource failed; what was made is recorded; the same command resumes",
    Exit.USAGE: "wrong usage or configuration; nothing was called",
    Exit.UNVERIFIED: "verify: the link does not work",
    Exit.STATE: "state: locked, damaged, too new, other account or region",
    Exit.ACCESS: "credentials missing or expired, or permission denied",
    Exit.REFUSED: "refused by a safety rule: not ours, live connections, public principal, no consent",
    Exit.TIMED_OUT: "timed out waiting; the same command resumes",
    Exit.HELD: "somebody else must act first (acceptance, verification); not a failure",
    Exit.BUG: "a bug: one line, the traceback in a file",
    Exit.HANGUP: "SIGHUP; state is safe; the resuming command is printed",
    Exit.INTERRUPTED: "SIGINT; state is safe; the resuming command is printed",
    Exit.TERMINATED: "SIGTERM; state is safe; the resuming command is printed",
}


class PlinkError(Exception):
    """What is wrong, why, and what to do.

    Args:
        message: One sentence, lower case, naming the thing exactly; ends without a full stop.
        why: The evidence (what AWS or the file said), or None.
        hint: The next command, or a sentence how to get there, or None.
        code: A stable word for the JSON envelope; by default the class's own.
    """

    exit: ClassVar[Exit] = Exit.FAILED
    default_code: ClassVar[str] = "failed"

    def __init__(
        self, message: str, *, why: str | None = None, hint: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(redacted(message))
        self.message = redacted(message)
        self.why = redacted(why) if why is not None else None
        self.hint = hint
        self.code = code or self.default_code

    @property
    def exit_code(self) -> Exit:
        """The process's exit code when this error ends it."""
        return self.exit


@dataclass(frozen=True, kw_only=True)
class AwsAnswer:
    """What AWS answered to one refused call: enough to find it in CloudTrail or to ask AWS support."""

    service: str
    operation: str
    code: str
    message: str
    request_id: str | None = None
    status: int | None = None

    def __post_init__(self) -> None:
        # AWS quotes requests, signatures and tokens included; here is where its words come in.
        for name in ("code", "message"):
            object.__setattr__(self, name, redacted(getattr(self, name)))

    def __str__(self) -> str:
        tail = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.service}:{self.operation} answered {self.code}: {self.message}{tail}"


class AwsError(PlinkError):
    """One API call that AWS refused or that got no clear answer. Only aws/faults.py makes these."""

    default_code = "aws_refused"

    def __init__(
        self,
        message: str,
        *,
        answer: AwsAnswer,
        nature: str,
        hint: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, why=str(answer), hint=hint, code=code)
        self.answer = answer
        self.nature = nature


class AccessError(AwsError):
    """Credentials are missing, expired or wrong, or a permission is denied."""

    exit = Exit.ACCESS
    default_code = "access"


class UsageError(PlinkError):
    """Wrong usage or configuration, found before anything was called. `problems` are all of them at once."""

    exit = Exit.USAGE
    default_code = "usage"

    def __init__(
        self,
        message: str,
        *,
        why: str | None = None,
        hint: str | None = None,
        problems: tuple[str, ...] = (),
        code: str | None = None,
    ) -> None:
        super().__init__(message, why=why, hint=hint, code=code)
        self.problems = problems


class VerifyError(PlinkError):
    """The request through the link did not bring the answer."""

    exit = Exit.UNVERIFIED
    default_code = "unverified"


class StateError(PlinkError):
    """The state is locked, damaged, too new, or belongs to another account or region."""

    exit = Exit.STATE
    default_code = "state"


class RefusedError(PlinkError):
    """A safety rule says no: not ours, live connections, public principal, replacement, no consent."""

    exit = Exit.REFUSED
    default_code = "refused"


class UntaggedError(RefusedError):
    """It has a name of ours, and no tag of ours is seen on it. AWS shows tags later than what they are on."""


class TimedOutError(PlinkError):
    """A wait ended before what it waited for came. Nothing is lost; the same command resumes."""

    exit = Exit.TIMED_OUT
    default_code = "timed_out"


class HeldError(PlinkError):
    """Somebody else must act first. Not a failure."""

    exit = Exit.HELD
    default_code = "held"


class StoppedError(PlinkError):
    """A signal asked to stop. State is safe; the same command resumes."""

    default_code = "stopped"

    def __init__(self, signum: int, *, hint: str | None = None) -> None:
        name = signal.Signals(signum).name
        super().__init__(f"stopped by {name}; what was made is recorded", hint=hint)
        self.signum = signum

    @property
    def exit_code(self) -> Exit:
        """128 plus the signal's number, as shells do."""
        return Exit(128 + self.signum)


class Stopped(Exception):  # noqa: N818  (the user's wish, not an error)
    """The user asked to stop; raised inside waits and before mutating calls. Becomes a StoppedError at the boundary."""
