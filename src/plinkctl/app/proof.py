"""`verify`: the request through the link, and the states around it."""

from contextlib import suppress
from typing import Any

from plinkctl import verify
from plinkctl.app import run as running
from plinkctl.app.run import Run
from plinkctl.aws.faults import unanswered
from plinkctl.aws.patience import persist, poll
from plinkctl.errors import AccessError, AwsError, StateError, TimedOutError, UsageError, VerifyError
from plinkctl.events import CheckDone
from plinkctl.link import Side
from plinkctl.verify import Check, Half, Proof, names

PATIENCE = 240.0  # seconds for DNS, health checks and Lambda to catch up with a fresh link (aws-facts.md 2)


def prove(run: Run) -> dict[str, Any]:
    """Check the states, then have the function make the request; told as events, and as a VerifyError if it failed.

    Returns:
        `ok`, `request`, `checks`.

    Raises:
        StateError: There is no consumer side to make the request from.
        AwsError: The function could not be asked: not allowed, or AWS did not answer for as long as is waited.
    """
    consumer, provider = half(run, Side.CONSUMER, must=True), half(run, Side.PROVIDER, must=False)
    if consumer is None or consumer.record("function") is None:
        raise StateError(
            f"no consumer side is recorded for the link {run.link.name!r}",
            why="the request is made by the probe function of the consumer side",
            hint="plinkctl consumer up --service-name NAME",
            code="no_consumer",
        )
    last: list[tuple[list[Check], Proof | None]] = []
    resolvers = run.link.provider.dns.resolvers if run.link.provider else ()

    def look() -> list[Check]:
        checks = [*verify.states(provider, consumer), *names.verification(provider)]
        # Invoking while the endpoint cannot carry anything would only wait for a timeout.
        reachable = all(c.result != "failed" for c in checks if c.layer in {"endpoint", "connection", "function"})
        answer: Proof | None = None
        if reachable:
            check, answer = verify.request(provider, consumer)
            checks.append(check)
            if answer is not None and check.result == "ok":
                shown = names.certificate(answer)
                checks.extend([shown] if shown else [])
                checks.extend(names.private(provider, consumer, resolvers))
        last[:] = [(checks, answer)]
        return checks

    def tell(what: str, waited: float) -> None:
        run.note(f"not yet: {what} ({waited:.0f} s)")

    def ask() -> list[Check]:
        within = run.within(PATIENCE)
        return persist(look, again=_unanswered, within=within, clock=run.clock, tell=tell)

    with suppress(TimedOutError):  # what was seen last is told below
        poll(
            ask,
            until=lambda checks: not any(map(verify.worth_another_try, checks)),
            what=lambda checks: next(c.detail for c in checks if c.result == "failed"),
            within=run.within(PATIENCE),
            clock=run.clock,
            tell=tell,
        )
    checks, answer = last[0]
    for check in checks:
        run.tell(
            CheckDone(
                at=run.clock.wall(),
                layer=check.layer,
                name=check.name,
                side=check.side,
                result=check.result,
                detail=check.detail,
            )
        )
    broken = next((check for check in checks if check.result == "failed"), None)
    asked = [check for check in checks if check.layer in {"request", "tls", "names"}]
    proven = answer is not None and all(check.result != "failed" for check in asked)
    if not proven and broken is not None:
        run.report.fail(
            VerifyError(
                f"the link does not work; first broken layer: {broken.layer}", why=broken.detail, hint=broken.fix
            )
        )
    return {
        "ok": proven,
        "request": answer.to_json() if answer else None,
        "checks": [check.to_json() for check in checks],
    }


def _unanswered(fault: Exception) -> str | None:
    """In words why the function may be asked again; that it was not asked says nothing of the link."""
    if isinstance(fault, AwsError) and unanswered(fault):
        return f"AWS did not take or answer the request ({fault.answer.code})"
    return None


def half(run: Run, side: Side, *, must: bool) -> Half | None:
    """One side as far as it can be seen. Credentials that are missing for the other side are no failure."""
    try:
        state = run.state(side)
    except AccessError as error:  # of a bucket: the other party's state is its own affair
        if must:
            raise
        run.note(f"the {side} side's state cannot be read: {error.message}", level="warning")
        return None
    if state is None:
        return None
    try:
        aws = running.clients(run, side, state)
        running.guard(run, state, aws.identity(), side)
    except (AccessError, StateError, UsageError) as error:
        if must:
            raise
        run.note(f"the {side} side cannot be seen: {error.message}", level="warning")
        return Half(state=state, unseen=error.message)
    return Half(state=state, aws=aws)
