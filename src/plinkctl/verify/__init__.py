"""Does the link work, and if not, which layer broke first: a list of small checks, from the states to the request.

Each check looks at one thing and says `ok`, `failed`, `warning`, or `unknown` where it is not ours to see. The
request is the proof; the checks before it say why it could not come.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from plinkctl.aws.faults import Nature, unanswered
from plinkctl.aws.session import Clients
from plinkctl.errors import AwsError
from plinkctl.kinds.base import gone
from plinkctl.link import Side
from plinkctl.state import Record, State
from plinkctl.verify.symptoms import symptom


@dataclass(frozen=True, kw_only=True)
class Check:
    """One answer.

    Args:
        layer: `endpoint`, `service`, `connection`, `function`, `targets`, `request`, `tls` or `names`.
        name: What was checked, in words.
        side: Whose side it is on.
        result: `ok`, `failed`, `warning` or `unknown`.
        detail: What was seen.
        fix: The command or the sentence that repairs it, or an empty string.
    """

    layer: str
    name: str
    side: str
    result: str
    detail: str
    fix: str = ""

    def to_json(self) -> dict[str, str]:
        """As the CLI's contract has it."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Half:
    """One side as far as it can be seen: its state, and clients where there are credentials for it.

    Args:
        state: What is recorded.
        aws: Its clients, or None.
        unseen: Why there are no clients.
    """

    state: State
    aws: Clients | None = None
    unseen: str = "no credentials for this side"

    def record(self, name: str) -> Record | None:
        """A live record with an ID."""
        record = self.state.live.get(name)
        return record if record is not None and record.id else None


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What the request brought, as the function told it.

    Args:
        url: What it asked for.
        status: The HTTP status.
        body: The answer's body.
        duration_ms: How long it took, in milliseconds.
        addresses: What the name resolved to inside the VPC.
        tls: `name`, `version`, `names`, `days_left`, `issuer` as the certificate says; None without TLS.
    """

    url: str
    status: int
    body: str
    duration_ms: float
    addresses: tuple[str, ...] = ()
    tls: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """As the CLI's contract has it; what TLS and DNS showed only where there is any TLS."""
        told = asdict(self)
        return told if self.tls else {key: told[key] for key in ("url", "status", "body", "duration_ms")}


_P, _C = Side.PROVIDER.value, Side.CONSUMER.value
_NOT_OURS: Final = "not ours to see: no state of this side here"


def states(provider: Half | None, consumer: Half) -> list[Check]:
    """The checks of everything around the request, in the order of the path."""
    return [
        _endpoint(consumer),
        _service(provider),
        openness(provider),
        _connection(provider, consumer),
        _targets(provider),
        _function(consumer),
    ]


def request(
    provider: Half | None, consumer: Half, *, by: str = "endpoint", layer: str = "request"
) -> tuple[Check, Proof | None]:
    """Have the probe function make a request, and read what it says.

    Args:
        provider: The provider's half, or None.
        consumer: The consumer's.
        by: By which name: `endpoint`, its own, or `private`.
        layer: Of the check.

    Raises:
        AwsError: The function could not be asked, which says nothing of the link.
    """
    name = "the probe function gets the answer" + (" by the private name" if by == "private" else "")
    function = consumer.record("function")
    if function is None or consumer.aws is None:
        fix = "plinkctl consumer up"
        return Check(layer=layer, name=name, side=_C, result="failed", detail="there is no function", fix=fix), None
    try:
        event = json.dumps({"by": by}).encode()
        reply = consumer.aws.write("lambda", "invoke", FunctionName=function.id, Payload=event)
    except AwsError as error:
        if error.nature == Nature.DENIED or unanswered(error):
            raise
        _pass_on(error)
        fix = "run plinkctl verify again in a minute" if error.nature in {Nature.NOT_YET, Nature.BUSY} else ""
        return Check(layer=layer, name=name, side=_C, result="failed", detail=str(error.why), fix=fix), None
    payload = json.loads(reply["Payload"] or b"null")
    if reply.get("FunctionError") or not isinstance(payload, dict):
        detail, fix = symptom(payload if isinstance(payload, dict) else {})
        return Check(layer=layer, name=name, side=_C, result="failed", detail=detail, fix=fix), None
    proof = Proof(
        url=str(payload["url"]),
        status=int(payload["status"]),
        body=str(payload["body"]),
        duration_ms=float(payload["duration_ms"]),
        addresses=tuple(payload.get("addresses", ())),
        tls=payload.get("tls"),
    )
    return _judge(name, proof, provider, layer), proof


def worth_another_try(check: Check) -> bool:
    """Whether a failed request may be only early: DNS names, health checks and Lambda lag behind a fresh link."""
    return check.result == "failed" and check.fix.startswith("run plinkctl verify again")


def _judge(name: str, proof: Proof, provider: Half | None, layer: str) -> Check:
    """The answer is right when it is the one the listener gives; unknown listeners may say anything below 500."""
    way = "alb-tls-listener" if proof.tls else "alb-listener"
    listener = provider.record(way) if provider else None
    wanted: Mapping[str, Any] | None = listener.params.get("response") if listener else None
    got = f"HTTP {proof.status} {proof.body!r} in {proof.duration_ms:g} ms"
    if wanted is None:
        ok, expected = proof.status < 500, "an answer below 500"
    else:
        ok = (proof.status, proof.body) == (wanted["status"], wanted["body"])
        expected = f"HTTP {wanted['status']} {wanted['body']!r}"
    if ok:
        return Check(layer=layer, name=name, side=_C, result="ok", detail=f"{got} from {proof.url}")
    detail = f"{got} from {proof.url}; expected {expected}"
    return Check(layer=layer, name=name, side=_C, result="failed", detail=detail, fix="plinkctl provider up")


def _endpoint(consumer: Half) -> Check:
    name = "the endpoint is available"
    record = consumer.record("endpoint")
    if record is None:
        return Check(
            layer="endpoint", name=name, side=_C, result="failed", detail="no endpoint", fix="plinkctl consumer up"
        )
    return _described(
        consumer,
        layer="endpoint",
        name=name,
        look=lambda aws: _only(
            aws.read("ec2", "describe_vpc_endpoints", VpcEndpointIds=[record.id])["VpcEndpoints"], "State"
        ),
        good="available",
        identifier=record.id,
        fixes={
            "pendingacceptance": f"the provider runs: plinkctl accept --endpoint-id {record.id}",
            "pending": "run plinkctl verify again in a minute",
            "rejected": "plinkctl teardown consumer, then plinkctl consumer up",
        },
        missing="plinkctl consumer up",
    )


def _service(provider: Half | None) -> Check:
    name = "the endpoint service is available"
    record = provider.record("service") if provider else None
    if provider is None or record is None:
        return Check(layer="service", name=name, side=_P, result="unknown", detail=_NOT_OURS)
    return _described(
        provider,
        layer="service",
        name=name,
        look=lambda aws: _only(
            aws.read("ec2", "describe_vpc_endpoint_service_configurations", ServiceIds=[record.id])[
                "ServiceConfigurations"
            ],
            "ServiceState",
        ),
        good="available",
        identifier=record.id,
        fixes={},
        missing="plinkctl provider up",
    )


def openness(provider: Half | None) -> Check:
    """Whether anybody may connect whom the state does not know of: somebody may have opened the service by hand."""
    name = "only those asked for may connect"
    record = provider.record("service") if provider else None
    if provider is None or record is None or provider.aws is None:
        detail = provider.unseen if provider and record else _NOT_OURS
        return Check(layer="service", name=name, side=_P, result="unknown", detail=detail)
    wanted = frozenset(record.params.get("principals") or ())
    try:
        found = provider.aws.pages(
            "ec2", "describe_vpc_endpoint_service_permissions", "AllowedPrincipals", ServiceId=record.id
        )
        described = provider.aws.read("ec2", "describe_vpc_endpoint_service_configurations", ServiceIds=[record.id])
    except AwsError as error:
        _pass_on(error)
        return Check(layer="service", name=name, side=_P, result="unknown", detail=str(error.why))
    more = sorted({str(item["Principal"]) for item in found} - wanted)
    told = ["anybody (*) may ask to connect" if "*" in more else f"also allowed: {', '.join(more)}"] if more else []
    accepting = any(not one["AcceptanceRequired"] for one in described["ServiceConfigurations"])  # none: not seen now
    if record.params.get("acceptance_required") and accepting:
        told.append("nobody has to be accepted any more")
    if told:
        detail = f"{'; '.join(told)}; plinkctl did not do that"
        return Check(layer="service", name=name, side=_P, result="warning", detail=detail, fix="plinkctl provider up")
    return Check(layer="service", name=name, side=_P, result="ok", detail=", ".join(sorted(wanted)) or "nobody")


def _connection(provider: Half | None, consumer: Half) -> Check:
    name = "the provider has accepted the endpoint"
    service = provider.record("service") if provider else None
    endpoint = consumer.record("endpoint")
    if provider is None or service is None or endpoint is None:
        return Check(layer="connection", name=name, side=_P, result="unknown", detail=_NOT_OURS)

    def look(aws: Clients) -> str:
        filters = [{"Name": "service-id", "Values": [service.id]}]
        found = aws.pages("ec2", "describe_vpc_endpoint_connections", "VpcEndpointConnections", Filters=filters)
        return next((str(c["VpcEndpointState"]) for c in found if c["VpcEndpointId"] == endpoint.id), "not connected")

    fixes = {"pendingacceptance": f"plinkctl accept --endpoint-id {endpoint.id}"}
    return _described(
        provider,
        layer="connection",
        name=name,
        look=look,
        good="available",
        identifier=endpoint.id,
        fixes=fixes,
        missing="plinkctl provider up",
    )


def _targets(provider: Half | None) -> Check:
    name = "the ALB is a healthy target of the NLB"
    group = (provider.record("tls-targets") or provider.record("target-group")) if provider else None
    if provider is None or group is None:
        return Check(layer="targets", name=name, side=_P, result="unknown", detail=_NOT_OURS)

    def look(aws: Clients) -> str:
        found = aws.read("elbv2", "describe_target_health", TargetGroupArn=group.id)["TargetHealthDescriptions"]
        seen = [t["TargetHealth"] for t in found] or [{"State": "not registered"}]
        worst = next((h for h in seen if h["State"] != "healthy"), seen[0])
        return " ".join(str(worst[key]) for key in ("State", "Reason", "Description") if worst.get(key))

    return _described(
        provider,
        layer="targets",
        name=name,
        look=look,
        good="healthy",
        identifier="the ALB",
        fixes={"initial": "run plinkctl verify again in a minute"},
        missing="plinkctl provider up",
    )


def _function(consumer: Half) -> Check:
    name = "the probe function is active"
    record = consumer.record("function")
    if record is None:
        return Check(
            layer="function", name=name, side=_C, result="failed", detail="no function", fix="plinkctl consumer up"
        )

    def look(aws: Clients) -> str:
        found = aws.read("lambda", "get_function", FunctionName=record.id)["Configuration"]
        # What it says is proof only if it is ours: its code by the checksum, and where it sends its request.
        told = (found.get("CodeSha256"), found.get("Environment", {}).get("Variables", {}))
        if told != (record.params.get("code"), record.params.get("environment")):
            return "changed by somebody: its code or its environment is not what plinkctl gave it"
        state = str(found.get("State", "Active"))
        # Lambda puts a function that idles to sleep, and only an invocation wakes it: the request below does.
        return "Active" if state == "Inactive" else state

    return _described(
        consumer,
        layer="function",
        name=name,
        look=look,
        good="active",
        identifier=record.id,
        fixes={
            "pending": "run plinkctl verify again in a minute",
            "failed": "plinkctl teardown consumer, then plinkctl consumer up",
        },
        missing="plinkctl consumer up",
    )


def _described(
    half: Half,
    *,
    layer: str,
    name: str,
    look: Callable[[Clients], str | None],
    good: str,
    identifier: str,
    fixes: Mapping[str, str],
    missing: str,
) -> Check:
    """Read one state and hold it against the good one, without case."""
    side = half.state.side.value
    if half.aws is None:
        return Check(layer=layer, name=name, side=side, result="unknown", detail=half.unseen)
    try:
        seen = look(half.aws)
    except AwsError as error:
        _pass_on(error)
        if not gone(error):
            return Check(layer=layer, name=name, side=side, result="unknown", detail=str(error.why))
        seen = None
    if seen is None:
        detail = f"{identifier} does not exist"
        return Check(layer=layer, name=name, side=side, result="failed", detail=detail, fix=missing)
    result = "ok" if seen.lower() == good else "failed"
    fix = "" if result == "ok" else fixes.get(seen.lower().partition(" ")[0], missing)
    return Check(layer=layer, name=name, side=side, result=result, detail=f"{identifier} is {seen}", fix=fix)


def _only(found: Sequence[Mapping[str, Any]], key: str) -> str | None:
    """What the one that was asked for says; None where AWS shows none, as a lagging read does without an error."""
    return str(found[0][key]) if found else None


def _pass_on(error: AwsError) -> None:
    """Credentials that ended say nothing of the link."""
    if error.nature == Nature.CREDENTIALS:
        raise error
