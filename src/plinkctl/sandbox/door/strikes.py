"""One fault carried out on one call: what the caller gets, and whether, and when, the call takes effect.

Decided in `faults`; what has to be done to the connection itself is left to `wires`, told by a `Wire`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, Protocol

from plinkctl.sandbox.door import altered, refusals, signals
from plinkctl.sandbox.door.protocol import MODELS
from plinkctl.sandbox.door.wires import Wire
from plinkctl.sandbox.manners import pages
from plinkctl.sandbox.manners.doom import doomed

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from plinkctl.sandbox.door.faults import Strike
    from plinkctl.sandbox.door.protocol import Asked
    from plinkctl.sandbox.door.rules import Rule

#: How long a hanging answer hangs when the rule does not say; clients give up after 60 s by default.
_HANG: Final = 300.0
_FAILED: Final = ("InternalError", "An internal error has occurred for {}")


class Call(Protocol):
    """The call a fault befalls, as the gateway holds it."""

    @property
    def asked(self) -> Asked:
        """Who asks what."""

    @property
    def body(self) -> bytes:
        """The request's body."""

    def effect(self, body: bytes | None = None) -> Response:
        """Let it take effect, with another body if one is given; the answer."""

    def first_answer(self, rule: Rule, answer: bytes) -> bytes:
        """The body the same call had when this rule fired on it first; from then on this one."""

    def later(self, seconds: float, rule: str) -> None:
        """Let it take effect so many seconds of the sandbox's clock from now."""


def carry_out(strike: Strike, call: Call) -> tuple[Response, Wire, str]:
    """Do to a call what a rule says.

    Returns:
        The answer as it would be sent, what becomes of it on the wire, and the words for the call log.
    """
    rule = strike.rule
    if rule.effect == "signal":
        return _signal(strike, call)
    if rule.when == "late":
        call.later(rule.delay, rule.name)
    with _fated(rule):
        answer = call.effect() if rule.when == "after" else None
    wire = Wire()
    match rule.effect:
        case "half":
            wire = Wire("half")
        case "hang":
            wire = Wire("hang", seconds=_HANG if rule.seconds is None else rule.seconds)
        case "reset":
            wire = Wire("reset")
        case "empty":
            answer = altered.emptied(_given(answer), strike.value)
        case "page":
            answer = _paged(_given(answer), call.asked)
        case "stale":
            answer = _given(answer)
            answer.set_data(call.first_answer(rule, answer.get_data()))
        case "rewrite":
            answer = altered.rewritten(_given(answer), rule.find or "", rule.put or "")
        case "failed":
            answer = _given(answer)
        case "unsuccessful":
            answer = _unsuccessful(strike, call)
        case _:
            answer = _refused(strike, call.asked)
    # An answer that never leaves is still one for the log: that nobody got it is the wire's affair.
    return answer or refusals.broken(call.asked, status=504), wire, f"{rule.name}: {rule.effect}, {rule.when}"


def _fated(rule: Rule) -> contextlib.AbstractContextManager[None]:
    """What is made while this rule's call takes effect may have to fail."""
    if rule.effect != "failed":
        return contextlib.nullcontext()
    return doomed((rule.code or _FAILED[0], rule.message or "It could not be made."))


def _refused(strike: Strike, asked: Asked) -> Response:
    """The error a rule asks for, in the caller's protocol or as no AWS would say it."""
    rule = strike.rule
    match rule.effect:
        case "throttle":
            return refusals.throttled(asked)
        case "expired":
            return refusals.expired(asked)
        case "denied":
            return refusals.denied(asked)
        case "missing":
            return refusals.missing(asked, strike.value, code=rule.code, message=rule.message, status=rule.status)
        case _:
            answer = refusals.broken(asked, code=rule.code, message=rule.message, status=rule.status)
            return answer if rule.body == "aws" else altered.not_awss(answer, rule.body)


def _given(answer: Response | None) -> Response:
    if answer is None:
        raise AssertionError("an answer is altered after the effect only; effects.EFFECTS says so")
    return answer


def _paged(answer: Response, asked: Asked) -> Response:
    """A first page with nothing on it, after which the whole list comes; of an action that has pages."""
    more = pages.going_on(MODELS.get(asked.service, asked.service), asked.action)
    return altered.going_on(altered.emptied(answer, ""), asked, more) if more else answer


def _unsuccessful(strike: Strike, call: Call) -> Response:
    rule = strike.rule
    left, gone, more = altered.without(call.body, rule.resource)
    if not gone:
        return call.effect()
    answer = call.effect(left) if more else None
    code, message = rule.code or _FAILED[0], rule.message or _FAILED[1]
    return altered.failed_items(call.asked.action, gone, code, message, answer)


def _signal(strike: Strike, call: Call) -> tuple[Response, Wire, str]:
    """Signal the caller. Whoever is killed is not answered; the others' call goes its way."""
    rule, pid = strike.rule, call.asked.pid
    if refused := signals.refused(pid):
        said = f"{rule.name}: {'+'.join(rule.signals)} not sent: {refused}"
        return refusals.refusal(call.asked, "SandboxFault", f"The rule {said}"), Wire(), said
    if pid is None:
        raise AssertionError("signals.refused() lets nobody without a name pass")
    deadly = "KILL" in rule.signals
    said = f"{rule.name}: {'+'.join(rule.signals)} to {pid}, {rule.when}"
    gone = refusals.broken(call.asked, status=504)
    match rule.when:
        case "reply":
            return call.effect(), Wire(signals=rule.signals, gap=rule.gap, pid=pid), said
        case "late":
            call.later(rule.delay, rule.name)
            signals.send(pid, rule.signals, rule.gap)
            return gone, Wire("reset"), said
        case "after":
            answer = call.effect()
            signals.send(pid, rule.signals, rule.gap)
            return answer, Wire("reset" if deadly else "answer"), said
        case _:
            signals.send(pid, rule.signals, rule.gap)
            return (gone, Wire("reset"), said) if deadly else (call.effect(), Wire(), said)
