"""`plinkctl demo`: the whole link in a sandbox of its own, from nothing to the proof to nothing.

It does what two people in two terminals would do, by the same use cases. Interrupted, it leaves its sandbox and states
where they are for a while, so that the same command goes on; a demo whose sandbox has ended starts from nothing.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from plinkctl.cli import signals
from plinkctl.cli.boundary import leave, resuming_command
from plinkctl.cli.options import option, output_options, together
from plinkctl.cli.sandbox.common import home, needs_extra
from plinkctl.errors import Stopped
from plinkctl.events import Event
from plinkctl.link import REQUESTED, Access, Consumer, Dns, Link, Provider, Side, Tls
from plinkctl.report import Report
from plinkctl.state import Phase

if TYPE_CHECKING:
    from plinkctl.app.run import Run
    from plinkctl.aws.patience import Stop
    from plinkctl.sandbox.daemon import Running

_IDLE: Final = 900.0  # an interrupted demo may be resumed for so long
_NAME: Final = "demo"
_SHOWN: Final = frozenset({"service_name", "endpoint_id", "dns_name"})
_DOMAIN: Final = "example.com"
_LINK: Final = Link(
    name=_NAME,
    provider=Provider(access=Access(profile="provider"), allow=("222222222222",)),
    consumer=Consumer(access=Access(profile="consumer")),
)
_BOTH: Final = (Side.PROVIDER, Side.CONSUMER)


@click.command()
@together(
    option("--tls", is_flag=True, help="By HTTPS and a private DNS name, as a link is used in production."),
    output_options,
)
@click.pass_context
def demo(ctx: click.Context, /, *, tls: bool, **_: Any) -> None:
    """See the whole thing work, without an AWS account.

    Starts a throw-away sandbox with two accounts, makes the provider and the consumer side, accepts the connection, has
    a function fetch a page through the link, takes everything away and leaves nothing. Interrupted, the same command
    goes on.

    \b
    plinkctl demo
    plinkctl demo --tls
    plinkctl demo -o json | jq .data.request
    """
    from plinkctl.aws.patience import Stop  # noqa: PLC0415

    stop = Stop()
    runs: list[Run] = []

    def whole(observer: Callable[[Event], None], report: Report) -> Mapping[str, Any]:
        needs_extra()
        return _demo(observer, report, stop, runs, tls=tls)

    def unresolved() -> list[str]:
        return runs[-1].unresolved() if runs else []

    with signals.heeded(stop, unresolved=unresolved, resume=resuming_command()):
        leave(ctx, "demo", whole, stop=stop)


def _demo(
    observer: Callable[[Event], None], report: Report, stop: "Stop", runs: "list[Run]", *, tls: bool
) -> Mapping[str, Any]:
    from plinkctl.sandbox import daemon  # noqa: PLC0415

    folder = home(f"{_NAME}-tls" if tls else _NAME)
    if daemon.find(folder / "sandbox") is None:
        shutil.rmtree(folder, ignore_errors=True)  # states of a sandbox that is no more
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    running = daemon.start(folder / "sandbox", "brisk", idle_seconds=_IDLE)
    if stop:
        raise Stopped
    _point_at(running)
    try:
        link = _secured(running, stop) if tls else _LINK
        data = _walk_through(link, _runs(observer, report, stop, folder, runs))
    except _EndedError:
        return {}  # sandbox and states stay, so that the same command goes on
    daemon.stop(folder / "sandbox")
    shutil.rmtree(folder, ignore_errors=True)
    return data


def _point_at(running: "Running") -> None:
    """Make this process a client of the sandbox and of nothing else, whatever the user's shell says."""
    from plinkctl.sandbox import daemon  # noqa: PLC0415

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(daemon.environment(running))


def _runs(
    observer: Callable[[Event], None], report: Report, stop: "Stop", folder: Path, made: "list[Run]"
) -> "Callable[[str, Link], Run]":
    """Makes the run of each step, and keeps it in `made`; all tell one observer, one report gathers errors."""
    from plinkctl.app.run import Run  # noqa: PLC0415
    from plinkctl.aws.patience import SystemClock  # noqa: PLC0415

    def make(command: str, link: Link) -> "Run":
        run = Run(
            command=command,
            link=link,
            place=folder / "state",
            observer=observer,
            stop=stop,
            clock=SystemClock(stop),
            grace=1.0,  # the sandbox shows at once what it made
            report=report,
        )
        made.append(run)
        return run

    return make


def _walk_through(link: Link, run: "Callable[[str, Link], Run]") -> dict[str, Any]:
    """The steps of the two parties, in their order."""
    from plinkctl.app import connections, proof, teardown, up  # noqa: PLC0415

    here = run("demo", link)
    states = [state for side in _BOTH if (state := here.state(side)) is not None]
    leaving = any(record.phase is Phase.DELETING for state in states for record in state.live.values())
    seen: dict[str, Any] = {}
    shown: dict[str, Any] = {}
    if not leaving:
        offered = _must(here, up.provider_up(run("provider up", link)))
        link = replace(link, consumer=replace(link.consumer or Consumer(), service_name=offered["service_name"]))
        asked = up.consumer_up(run("consumer up", link), wait=False)
        here.report.held.clear()  # the next step is the answer
        accepted = _must(
            here, connections.accept(run("accept", link), endpoint_ids=[asked["endpoint_id"]], accounts=(), wait=True)
        )
        stands = _must(here, up.consumer_up(run("consumer up", link), wait=True))
        proven = _must(here, proof.prove(run("verify", link)))
        seen = {key: value for key, value in {**offered, **stands}.items() if key in _SHOWN}
        seen |= {"accepted": accepted["accepted"], "checks": proven["checks"]}
        shown = {"ok": proven["ok"], "request": proven["request"]}
    gone = _must(here, teardown.teardown(run("teardown", link), _BOTH, agree=lambda _: None))
    return {**seen, **gone, **shown}  # the proof last: it is what people came to see


class _EndedError(Exception):
    """A step had an error; the report has it."""


def _must(run: "Run", data: dict[str, Any]) -> dict[str, Any]:
    """Go on only if the step had no error."""
    if run.report.errors:
        raise _EndedError
    return data


def _secured(running: "Running", stop: "Stop") -> Link:
    """The same link by HTTPS and a private DNS name, with the domain that the provider has in the sandbox's DNS."""
    from plinkctl.aws.session import Clients  # noqa: PLC0415

    dns = Clients(Access(profile="provider"), ("route53",), stop=stop)
    zones = dns.read("route53", "list_hosted_zones_by_name", DNSName=_DOMAIN)["HostedZones"]
    if not zones:  # an interrupted demo has it already
        zones = [dns.write("route53", "create_hosted_zone", Name=_DOMAIN, CallerReference=_NAME)["HostedZone"]]
    zone_id = str(zones[0]["Id"]).rpartition("/")[2]
    provider = replace(
        _LINK.provider or Provider(),
        private_dns_name=f"api.{_DOMAIN}",
        dns=Dns(zone_id=zone_id, resolvers=(running.dns,)),
        tls=Tls(certificate=REQUESTED),
    )
    consumer = replace(_LINK.consumer or Consumer(), private_dns=True, https=True, port=provider.tls.port)
    return replace(_LINK, provider=provider, consumer=consumer)
