"""The one door to AWS: `read` (with `peek` and `pages`) and `write`. The only module that knows boto3.

Reads are retried by the SDK, and here where the answer broke off; writes never are, since an SDK retry after a lost
answer makes a second VPC and reports success (reliability.md finding 1). What botocore raises leaves here as our
AwsError. `write` also reads the `Unsuccessful` lists that hide failures in a 200. Once the user asked to stop, nothing
more is sent, and what SDKs would try again is not.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    ConfigNotFound,
    ConfigParseError,
    IncompleteReadError,
    InvalidConfigError,
    ProfileNotFound,
)
from botocore.loaders import Loader, create_loader

from plinkctl import __version__
from plinkctl.aws import faults
from plinkctl.aws.patience import Stop
from plinkctl.errors import AccessError, AwsAnswer, AwsError, PlinkError, RefusedError, Stopped, UsageError
from plinkctl.link import Access
from plinkctl.redaction import know, redacted

SERVICES: Final = ("ec2", "elbv2", "iam", "logs", "lambda", "acm", "route53")

T = TypeVar("T")

_CONNECT_TIMEOUT: Final = 5
_READ_TIMEOUT: Final = 70  # above the longest run of the probe function (60 s), or Invoke would be given up too early
_HALVES: Final = 2  # answers that broke off before a read is given up at the third
_POOL: Final = 16  # workers of a walk: fewer connections than workers would make them wait for each other

MOST_PAGES: Final = 1000  # of one list; accounts with more are not what this is for
MOST_CREATIONS: Final = 200  # of one side in one run; the largest link has some 110 parts

# The suffixes of botocore's partitions (endpoints.json), with the newer names.
_AWS: Final = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
    ".c2s.ic.gov",
    ".sc2s.sgov.gov",
    ".cloud.adc-e.uk",
    ".csp.hci.ic.gov",
)

_ACTING: Final[ContextVar[str]] = ContextVar("op", default="")
"""The operation that the call under way in this thread is for."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A call that came back.

    Args:
        service: Client name.
        operation: Method name.
        outcome: `ok`, or AWS's error code.
        request_id: By which AWS knows it.
        seconds: How long it took.
        writes: Whether it was sent to change something.
        op: The operation it was for, or an empty string.
    """

    service: str
    operation: str
    outcome: str
    request_id: str | None
    seconds: float
    writes: bool
    op: str


OnCall = Callable[[Answered], None]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whom AWS sees, and where."""

    account: str
    arn: str
    partition: str
    region: str


class Clients:
    """One side's clients, made eagerly because boto3 clients cannot be made safely in threads.

    Args:
        access: How to reach the account.
        services: boto3 client names that the command will use.
        stop: Once set, every call raises Stopped.
        on_call: Told of each call that came back.

    Raises:
        UsageError: No such profile, or no region.
        AccessError: No credentials.
    """

    def __init__(
        self,
        access: Access,
        services: Iterable[str] = SERVICES,
        *,
        stop: Stop,
        on_call: OnCall = lambda *_: None,
    ) -> None:
        self._access = access
        self._stop = stop
        self._on_call = on_call
        self._op = ""
        self._made: list[str] = []
        self._others: dict[str, Clients] = {}
        self._lock = threading.Lock()
        self.services = frozenset(services)
        try:
            core = botocore.session.Session(profile=access.profile)
            core.register_component("data_loader", _models(core.get_config_variable("data_path")))
            core.register("before-parse", _refuse_half)
            session = boto3.Session(botocore_session=core)
            region = region_of(access, session)
            names = ("sts", *services)
            self._reading = _clients(session, names, region, access.endpoint_url, attempts=5)
            self._writing = _clients(session, names, region, access.endpoint_url, attempts=1)
            self.endpoint_url = elsewhere(client.meta.endpoint_url for client in self._writing.values())
            for client in (*self._reading.values(), *self._writing.values()):
                client.meta.events.register("before-send", self._know_secrets)
            for client in self._writing.values():
                client.meta.events.register("before-send", _name_the_operation)
            for client in self._reading.values():
                kind = client.meta.service_model.service_id.hyphenize()
                client.meta.events.register_first(f"needs-retry.{kind}", self._not_once_more)
            know(core.get_scoped_config().get("external_id"))
            credentials = self._credentials = session.get_credentials()
        except PlinkError:
            raise
        except ProfileNotFound as error:
            raise UsageError(
                f"there is no AWS profile {access.profile or os.environ.get('AWS_PROFILE')!r}",
                hint="aws configure list-profiles shows those there are",
                code="no_profile",
            ) from error
        except (ValueError, ConfigNotFound, ConfigParseError, InvalidConfigError) as error:  # e.g. no such endpoint URL
            raise UsageError("the AWS configuration cannot be used", why=str(error)) from error
        except Exception as error:
            ours = faults.translate(error, service="sts", operation="get_caller_identity")
            if ours is None:
                raise
            raise ours from error
        if credentials is None:
            _no_credentials("no credentials were found", access)
        self.region = region

    def acting(self, op: str) -> "Clients":
        """The same clients, whose writes name this operation in their user agent: CloudTrail then shows which was ours.

        Args:
            op: The operation id; an empty one is not told.
        """
        theirs = copy(self)
        theirs._op = op  # noqa: SLF001 (a copy of ourselves)
        return theirs

    def through(self, profile: str, service: str) -> "Clients":
        """Clients of another account that one thing is in: a zone may be neither side's.

        Args:
            profile: Its AWS profile.
            service: The one client that is needed there.

        Raises:
            UsageError: No such profile.
            AccessError: No credentials.
        """
        with self._lock:  # boto3 sessions cannot be made in several threads at once
            if profile not in self._others:
                access = replace(self._access, profile=profile, region=self.region, account=None)
                self._others[profile] = Clients(access, (service,), stop=self._stop, on_call=self._on_call)
            return self._others[profile].acting(self._op)

    def identity(self) -> Identity:
        """Ask AWS who we are. Needs no permission; the first call of every command.

        Raises:
            AccessError: The credentials are not accepted.
            UsageError: There is nobody at the endpoint.
        """
        try:
            reply = self.read("sts", "get_caller_identity")
        except AwsError as error:
            if error.code != "unreachable":
                raise
            # The very first call, so nothing was made: a wrong region or endpoint, not a failing AWS.
            raise UsageError("cannot reach AWS", why=error.why, hint=error.hint, code="unreachable") from error
        arn = str(reply["Arn"])
        return Identity(account=str(reply["Account"]), arn=arn, partition=arn.split(":")[1], region=self.region)

    def read(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """One call that changes nothing, with the SDK's retries.

        Raises:
            AwsError: AWS refused it.
            Stopped: The user asked to stop.
        """
        return self._whole(lambda: self._call(self._reading[service], service, operation, params))

    def peek(self, service: str, operation: str, **params: Any) -> dict[str, Any] | None:
        """One read of what may not be there: None when AWS says that it is not.

        Raises:
            AwsError: AWS refused it for another reason.
        """
        try:
            return self.read(service, operation, **params)
        except AwsError as error:
            if error.nature == faults.Nature.GONE:
                return None
            raise

    def pages(self, service: str, operation: str, key: str, **params: Any) -> list[dict[str, Any]]:
        """All items of a paginated read.

        Args:
            service: Client name.
            operation: Method name, which must have a paginator.
            key: The list's name in each page.
            params: The call's parameters.
        """
        if not self._reading[service].can_paginate(operation):
            return list(self.read(service, operation, **params)[key])
        return self._whole(lambda: self._pages(service, operation, key, params))

    def _pages(self, service: str, operation: str, key: str, params: dict[str, Any]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        begun = self._begun()
        try:
            paginator = self._reading[service].get_paginator(operation)
            for number, page in enumerate(paginator.paginate(**params), 1):
                if number > MOST_PAGES:
                    raise faults.endless(service, operation, number)
                items.extend(page.get(key, ()))  # S3 leaves an empty list out
                self._told(service, operation, "ok", page, begun)
        except Exception as error:  # noqa: BLE001  (_raise lets through what is not botocore's)
            self._raise(error, service, operation, begun)
        return items

    def write(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """One mutating call, sent once.

        Raises:
            AwsError: AWS refused it, in an error or in an `Unsuccessful` list; nature UNCLEAR when the answer was lost.
            RefusedError: It would be one creation too many.
            Stopped: The user asked to stop; nothing was sent.
        """
        if operation.startswith("create_"):
            self._bound_creation()
        with _acting(self._op):
            reply = self._call(self._writing[service], service, operation, params, writes=True)
        if failure := faults.unsuccessful(reply, service=service, operation=operation):
            raise failure
        return reply

    def _whole(self, look: Callable[[], T]) -> T:
        """Read again what broke off: the SDK tries again what did not come at all, but not what came in half."""
        for _ in range(_HALVES):
            try:
                return look()
            except AwsError as error:
                if error.answer.code not in faults.BROKEN_OFF:
                    raise
        return look()

    def _call(
        self, client: Any, service: str, operation: str, params: dict[str, Any], *, writes: bool = False
    ) -> dict[str, Any]:
        begun = self._begun()
        try:
            reply: dict[str, Any] = getattr(client, operation)(**params)
            for stream in ("Payload", "Body"):  # of Invoke and GetObject: an answer may also break while it is read
                if stream in reply:
                    reply[stream] = reply[stream].read()
        except Exception as error:  # noqa: BLE001  (_raise lets through what is not botocore's)
            self._raise(error, service, operation, begun, writes=writes)
        hidden = faults.unsuccessful(reply, service=service, operation=operation)
        self._told(service, operation, hidden.answer.code if hidden else "ok", reply, begun, writes=writes)
        return reply

    def _bound_creation(self) -> None:
        """A fault of ours must end before the account is full: others have filled whole quotas in a loop.

        Raises:
            RefusedError: This run has sent more creations than any link has parts.
        """
        self._made.append("")  # copies of these clients share the list, and appending is one step for all threads
        if len(self._made) > MOST_CREATIONS:
            raise RefusedError(
                f"this run has sent {MOST_CREATIONS} creations, more than any link has parts",
                why="something makes the same thing again and again; nothing more is made",
                hint="plinkctl status",
                code="too_many_creations",
            )

    def _begun(self) -> float:
        if self._stop:
            raise Stopped
        return time.monotonic()

    def _not_once_more(self, **_: Any) -> bool | None:
        """Asked by botocore after each attempt of a read: once stopped it must not begin another, of 70 s maybe."""
        return False if self._stop else None

    def _know_secrets(self, **_: Any) -> None:
        """Before each request, as they change: what it is signed with must not come back in an error.

        They were fresh a moment ago, when the request was signed, so nobody is asked for new ones here.
        """
        frozen = self._credentials.get_frozen_credentials()
        know(frozen.access_key, frozen.secret_key, frozen.token)

    def _raise(self, error: Exception, service: str, operation: str, begun: float, *, writes: bool = False) -> NoReturn:
        ours = faults.translate(error, service=service, operation=operation)
        if ours is None:
            raise error
        meta = {"ResponseMetadata": {"RequestId": ours.answer.request_id}}
        self._told(service, operation, ours.answer.code, meta, begun, writes=writes)
        raise ours from error

    def _told(
        self,
        service: str,
        operation: str,
        outcome: str,
        reply: dict[str, Any],
        begun: float,
        *,
        writes: bool = False,
    ) -> None:
        answered = Answered(
            service=service,
            operation=operation,
            outcome=outcome,
            request_id=reply.get("ResponseMetadata", {}).get("RequestId"),
            seconds=time.monotonic() - begun,
            writes=writes,
            op=self._op,
        )
        self._on_call(answered)


def region_of(access: Access, session: boto3.Session | None = None) -> str:
    """The region a side works in: flag or file, AWS_REGION, AWS_DEFAULT_REGION, the profile's.

    boto3 alone would not look at AWS_REGION, which every other AWS tool honours.

    Raises:
        UsageError: None of them says.
    """
    region = access.region or os.environ.get("AWS_REGION")
    if not region:
        region = (session or boto3.Session(profile_name=access.profile)).region_name
    if not region:
        raise UsageError("no AWS region is set", hint="--region REGION, or set AWS_REGION", code="no_region")
    return str(region)


@cache
def _models(path: str | None) -> Loader:
    """One for all sides: reading the services' models again is most of what clients cost."""
    return create_loader(path)


def _clients(
    session: boto3.Session, names: Iterable[str], region: str, url: str | None, *, attempts: int
) -> dict[str, Any]:
    config = Config(
        region_name=region,
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_READ_TIMEOUT,
        max_pool_connections=_POOL,
        retries={"mode": "standard", "total_max_attempts": attempts},
        user_agent_extra=f"plinkctl/{__version__}",
    )
    return {name: session.client(name, endpoint_url=url, config=config) for name in names}


@contextmanager
def _acting(op: str) -> Iterator[None]:
    before = _ACTING.set(op)
    try:
        yield
    finally:
        _ACTING.reset(before)


def _name_the_operation(request: Any, **_: Any) -> None:
    """Put the operation id behind our name in the user agent, which no signature covers.

    As late as this, since botocore builds the header anew once the request is signed.
    """
    if op := _ACTING.get():
        agent = request.headers["User-Agent"]
        request.headers["User-Agent"] = f"{agent.decode() if isinstance(agent, bytes) else agent} op/{op}"


def elsewhere(urls: Iterable[str]) -> str | None:
    """The endpoints that are not AWS's, to be announced: a forgotten override is a trap.

    Asked of the clients themselves, so it does not matter which flag, variable, profile or section says it, and for
    which service.
    """
    found = {redacted(url) for url in urls if not (urlsplit(url).hostname or "").endswith(_AWS)}
    return ", ".join(sorted(found)) or None


def _refuse_half(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
    """Refuse an answer that broke off.

    botocore does not hold the length of a body against what its head says (httpsession.py), and its JSON parser takes
    half a document for one without any members: a list that broke off would be an empty one.

    Raises:
        IncompleteReadError: There is less than was said; what the call did is unclear.
    """
    body, stated = response_dict["body"], response_dict["headers"].get("Content-Length", "")
    if operation_model.http.get("method") == "HEAD" or not isinstance(body, bytes) or not stated.isdecimal():
        return
    if len(body) < int(stated):
        raise IncompleteReadError(actual_bytes=len(body), expected_bytes=int(stated))


def _no_credentials(why: str, access: Access) -> NoReturn:
    profile = f" for profile {access.profile}" if access.profile else ""
    raise AccessError(
        f"there are no AWS credentials{profile}",
        answer=AwsAnswer(service="sts", operation="GetCallerIdentity", code="NoCredentials", message=why),
        nature=faults.Nature.CREDENTIALS,
        hint="aws configure, or: aws sso login; or try it without an account: plinkctl demo",
        code="no_credentials",
    )
