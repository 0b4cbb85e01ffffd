"""moto behind the door: its applications, one for each service, and whatever goes wrong in it told readably."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.wrappers import Response

from plinkctl.sandbox.access.enforce import DeniedError
from plinkctl.sandbox.door import blame, catalogue, protocol, refusals
from plinkctl.sandbox.manners.visibility import READS

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from flask import Flask

_log: Final = logging.getLogger(__name__)
#: Loaded before the first caller comes, who would otherwise wait for their modules.
_WARM: Final = ("ec2", "elbv2", "iam", "sts", "awslambda", "logs")
#: Calls that read by their name, and yet give away keys.
_GIVING: Final = frozenset({"GetSessionToken", "GetFederationToken"})


class Moto:
    """moto's answers to API calls.

    Args:
        lock: the world's; held while moto works.
        changed: called after each call that may have changed something.
    """

    def __init__(self, lock: threading.RLock, changed: Callable[[], None]) -> None:
        self._lock, self._changed = lock, changed
        self._app = DomainDispatcherApplication(_backend_app)

    def warm_up(self) -> None:
        """Load the services a link needs, so that no first call has to wait for imports."""
        for service in _WARM:
            self._app.app_instances[service] = _backend_app(service)

    def answer(self, environ: dict[str, Any], asked: protocol.Asked) -> Response:
        """moto's answer, or an answer in its place: whatever goes wrong, the client gets something it can read."""
        if wrong := catalogue.unanswerable(asked):
            return refusals.refusal(asked, wrong.code, wrong.message, status=wrong.status)
        # moto would believe this header before the key, and answer for the other account.
        environ.pop("HTTP_X_MOTO_ACCOUNT_ID", None)
        try:
            with self._lock:
                try:
                    return Response.from_app(self._app, environ, buffered=True)
                finally:
                    if not asked.action.startswith(READS) or asked.action in _GIVING:
                        self._changed()
        except DeniedError as denied:
            return refusals.denied(asked, str(denied))
        except NotImplementedError as error:
            return refusals.refusal(
                asked, "InvalidAction", f"The local AWS does not implement {asked.service}:{asked.action} ({error})"
            )
        except (NotFound, MethodNotAllowed):
            return refusals.refusal(
                asked,
                "UnknownOperationException",
                f"The local AWS knows no {asked.service}: {asked.action}",
                status=404,
            )
        except HTTPException as error:
            if type(error).__module__.startswith("werkzeug."):  # a web page; moto's own are written for their service
                return refusals.puzzling(asked)
            return Response.force_type(error.get_response(environ), environ)
        except Exception as error:  # noqa: BLE001 - the traceback is for the sandbox's own log, never for a client
            return _told(asked, error)


def _told(asked: protocol.Asked, error: Exception) -> Response:
    """What the caller is told of a failure inside."""
    if wrong := catalogue.unheard_of(asked) or catalogue.lacking(asked):
        return refusals.refusal(asked, wrong.code, wrong.message, status=wrong.status)
    motos = blame.motos(error)
    if motos and isinstance(error, ImportError):  # moto has modules that are installed with it only on request
        lacks = f"it would need the Python module {error.name}, which is no part of the sandbox"
        return refusals.refusal(
            asked, "InvalidAction", f"The local AWS does not implement {asked.service}:{asked.action}; {lacks}"
        )
    _log.exception("%s:%s failed", asked.service, asked.action)
    if motos:
        return refusals.puzzling(asked)
    code = "InternalError" if asked.protocol in ("ec2", "rest-xml") else "InternalFailure"
    return refusals.refusal(asked, code, "An internal error of the local AWS; its log has more", status=500)


def _backend_app(service: Any) -> Flask:
    """moto's application for one service, with errors let through to the gateway instead of made into web pages."""
    app = create_backend_app(service)
    app.debug = False
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.config["TRAP_HTTP_EXCEPTIONS"] = True
    return app
