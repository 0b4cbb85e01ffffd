"""The one door of the local AWS: an HTTP server on loopback in front of moto.

What concerns every call is here and nowhere else: who may come in, one lock around moto's state, latency, too many
calls, faults on request, the log of calls, and errors a client can read. What an action does is moto's and the patches'
affair; what the function's traffic does is `fabric`'s. The functions of the sandbox really run code, so a stranger at
this door would own the account of whoever started it: browsers, other hosts and unknown keys are turned away before
anything is looked at.
"""

from __future__ import annotations

import contextlib
import io
import logging
import secrets
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from werkzeug.wrappers import Response

from plinkctl.sandbox import world
from plinkctl.sandbox.access import gate
from plinkctl.sandbox.door import control, protocol, refusals, strikes, threshold
from plinkctl.sandbox.door.calls import Calls
from plinkctl.sandbox.door.faults import Late
from plinkctl.sandbox.door.moto import Moto
from plinkctl.sandbox.door.wires import HOST, WIRE, Listener, Wire, loopback
from plinkctl.sandbox.fabric.wire import Fabric
from plinkctl.sandbox.names.server import PublicDns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from plinkctl.sandbox.access.principals import Caller
    from plinkctl.sandbox.door.rules import Rule
    from plinkctl.sandbox.keeping import Keeper, Kept

_log: Final = logging.getLogger(__name__)


class Gateway:
    """The WSGI application. It holds the log of calls and knows how long nobody has called.

    Args:
        sandbox: the world behind it; it must be the current one of the process.
        fabric: the data path of that world.
        token: what opens the control paths.

    Attributes:
        moto: what answers calls that are let through.
        keeper: what puts the world aside, if it is kept at all.
    """

    def __init__(self, sandbox: world.World, fabric: Fabric, *, token: str) -> None:
        self.world: world.World = sandbox
        self.fabric = fabric
        self.calls = Calls()
        self.keeper: Keeper | None = None
        self._token = token
        self.moto = Moto(sandbox.lock, self.changed)
        self._tally = threading.Lock()
        self._inside = 0
        self._last = time.monotonic()

    @contextlib.contextmanager
    def still(self) -> Iterator[None]:
        """Let nothing change for a moment: neither resources nor what the door itself counts."""
        with self.world.lock, self._tally:
            yield

    def changed(self) -> None:
        """Say that something has changed that is to survive this process."""
        if self.keeper is not None:
            self.keeper.changed()

    @property
    def numbers(self) -> tuple[int, int]:
        """Of the last call and the last flow."""
        return (self.calls.last, self.fabric.last)

    def idle(self) -> float:
        """Seconds since the last API call ended; 0 while one is being answered."""
        with self._tally:
            return 0.0 if self._inside else time.monotonic() - self._last

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request (WSGI). What a fault does to the connection is left in `environ` (see `wires`)."""
        try:
            response = self._answer(environ)
        except Exception:  # noqa: BLE001 - the traceback is for the sandbox's own log, never for a client
            _log.exception("a request failed")
            response = threshold.turned_away(environ, "an internal error of the local AWS; its log has more", 500)
        return response(environ, start_response)

    def _answer(self, environ: dict[str, Any]) -> Response:
        if refused := threshold.unwelcome(environ):
            return threshold.turned_away(environ, refused, 403)
        # The whole body before the lock: a slow caller must not hold up the others.
        try:
            body = threshold.body(environ)
        except threshold.UnreadableError as error:
            return threshold.turned_away(environ, str(error), error.status)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"] = io.BytesIO(body)
        if environ.get("PATH_INFO", "").startswith(control.PREFIX):
            return control.answer(self, environ, body, token=self._token)
        with self._tally:
            self._inside += 1
        try:
            return self._logged(environ, body)
        finally:
            with self._tally:
                self._inside -= 1
                self._last = time.monotonic()

    def _logged(self, environ: dict[str, Any], body: bytes) -> Response:
        started = time.monotonic()
        asked = protocol.read(environ, body)
        fault = None
        with self.world.lock:
            caller = gate.identify(asked, environ, body)
        if isinstance(caller, Response):
            account, response = None, caller
        else:
            account = caller.account
            self.land()
            response, environ[WIRE], fault = self._decided(_Call(self, environ, body, asked, caller))
        if asked.service == "ec2":  # moto writes these words in every answer; the log must be able to find a call
            given = response.headers.get("x-amzn-RequestId", "-").encode()
            response.set_data(response.get_data().replace(b">request-id<", b">" + given + b"<"))
        self.calls.note(asked, account, response, since=started, fault=fault)
        return response

    def _decided(self, call: _Call) -> tuple[Response, Wire, str | None]:
        """What comes of a call: a fault, if a rule is for it; a refusal, if there were too many; else moto's answer."""
        sandbox = self.world
        with self._tally:
            found = sandbox.faults.strikes(call.asked, call.account)
            slow = [strike.rule for strike in found if strike.rule.effect == "latency"]
        if found:
            self.changed()  # how often a rule has fired
        # Latency is the sandbox's time; a frozen clock has none. That of a rule is real, as the caller's patience is.
        if (speed := sandbox.clock.speed) > 0 and (latency := sandbox.profile.latency):
            time.sleep(latency / speed)
        _wait(slow, "before")
        said = [f"{rule.name}: {rule.effect} of {rule.seconds} s, {rule.when}" for rule in slow]
        if found and found[-1].rule.effect != "latency":
            response, wire, words = strikes.carry_out(found[-1], call)
            said.append(words)
        else:
            response, wire = call.effect(), Wire()
        _wait(slow, "after")
        return response, wire, "; ".join(said) or None

    def admitted(self, call: _Call) -> bool:
        """Whether the call is not one too many."""
        sandbox = self.world
        with self._tally:
            return sandbox.buckets.take(call.asked, call.account, sandbox.clock.now(), sandbox.profile.throttle)

    def land(self) -> None:
        """Let the late effects land whose moment has come. Called before whatever looks at the state by this door."""
        with self._tally:
            due = self.world.faults.landing(self.world.clock.now())
        for late in due:
            started = time.monotonic()
            asked = protocol.read(late.environ, late.body)
            environ = {**late.environ, "wsgi.errors": sys.stderr, "wsgi.input": io.BytesIO(late.body)}
            response = self.moto.answer(environ, asked)  # it was admitted when it came
            self.calls.note(asked, late.account, response, since=started, fault=f"{late.rule}: landed late")


@dataclass(frozen=True, slots=True)
class _Call:
    """One API call on its way: what `strikes` needs of it."""

    gateway: Gateway
    environ: dict[str, Any]
    body: bytes
    asked: protocol.Asked
    caller: Caller

    @property
    def account(self) -> str:
        """Of whoever calls."""
        return self.caller.account

    def effect(self, body: bytes | None = None) -> Response:
        """Let it take effect, unless it is one call too many; the answer."""
        if not self.gateway.admitted(self):
            return refusals.throttled(self.asked)
        sent = self.body if body is None else body
        environ = {**self.environ, "wsgi.input": io.BytesIO(sent), "CONTENT_LENGTH": str(len(sent))}
        with self.gateway.world.lock:
            if refused := gate.refused(self.asked, environ, sent, self.caller):
                return refused
        return self.gateway.moto.answer(environ, self.asked)

    def first_answer(self, rule: Rule, answer: bytes) -> bytes:
        """The body the same call had when this rule fired on it first; from then on this one."""
        with self.gateway._tally:
            return self.gateway.world.faults.first_answer(rule, self.account, self.asked.digest, answer)

    def later(self, seconds: float, rule: str) -> None:
        """Let it take effect so many seconds of the sandbox's clock from now."""
        kept = {name: value for name, value in self.environ.items() if isinstance(value, str | int | tuple)}
        sandbox = self.gateway.world
        with self.gateway._tally:
            sandbox.faults.late.append(Late(sandbox.clock.now() + seconds, rule, self.account, kept, self.body))


def _wait(rules: list[Rule], when: str) -> None:
    """Wait as long as those rules say that wait then."""
    if seconds := sum(rule.seconds or 0.0 for rule in rules if rule.when == when):
        time.sleep(seconds)


class Server:
    """A sandbox that is being served from a thread of this process. Close it, or use it with `with`.

    Attributes:
        url, port: what clients take as endpoint URL, and its port, which answers at [::1] too where the machine has it.
        token: what opens the control paths (see `control`).
        gateway: the application.
        dns: what answers as public DNS would.
    """

    def __init__(self, gateway: Gateway, *, token: str, port: int, rather: int = 0) -> None:
        self.gateway = gateway
        self.world = gateway.world
        self.token = token
        self._listeners: list[Listener] = []
        for bound in loopback(port, rather=rather):
            with bound:
                self._listeners.append(Listener(bound, gateway))
        self.port = self._listeners[0].port
        self.url = f"http://{HOST}:{self.port}"
        try:
            # Not the very next: the kernel gives every other port to connections that go out, this one among them.
            self.dns = PublicDns(self.world, rather=self.port + 2)
        except OSError:
            for one in self._listeners:
                one.server_close()
            raise
        self._threads = [
            threading.Thread(target=one.serve_forever, args=(0.05,), daemon=True, name="gateway")
            for one in self._listeners
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop serving. Running requests of this process are not waited for."""
        for listener, thread in zip(self._listeners, self._threads, strict=True):
            listener.shutdown()
            thread.join()
            listener.server_close()
        self.dns.close()
        self.gateway.fabric.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(
    sandbox: world.World, port: int = 0, *, token: str | None = None, kept: Kept | None = None, rather: int = 0
) -> Server:
    """Begin a world, so that it is the one of this process, and serve it on loopback.

    Args:
        sandbox: the world.
        port: TCP port; 0 takes a free one.
        token: what opens the control paths; a random one if not given.
        kept: what was put aside of that world, to take up again.
        rather: with port 0, the one to take if it is free.

    Raises:
        OSError: the port is taken.
        patch.IncompatibleMoto: the installed moto does not fit.
    """
    world.begin(sandbox, kept.resources if kept else None)
    token = token or secrets.token_urlsafe(32)
    with contextlib.ExitStack() as opened:
        fabric = Fabric(sandbox)
        opened.callback(fabric.close)
        gateway = Gateway(sandbox, fabric, token=token)
        if kept:
            gateway.calls.go_on_from(kept.numbers[0])
            fabric.go_on_from(kept.numbers[1])
        gateway.moto.warm_up()
        server = Server(gateway, token=token, port=port, rather=rather)
        opened.pop_all()  # from here on they are the server's to close
        return server
