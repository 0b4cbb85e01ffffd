"""Every kind against a sandbox in which a whole link stands: each of its calls may be repeated, none adopts a stranger.

The link is made once for all tests here; none of them may change what it is made of.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cases import NODES, Case, cases
from links import Stories, public_zone, secured

from plinkctl.app import up
from plinkctl.aws.faults import Nature
from plinkctl.engine.steps import alike, plain
from plinkctl.errors import AwsError, RefusedError
from plinkctl.kinds import KINDS
from plinkctl.kinds.base import Ctx, Presence
from plinkctl.link import Consumer
from plinkctl.sandbox import daemon, remote

AWAITED = {"issued_certificate", "public_record"}
RELATIONS = {"target", "acceptance", "private_dns_verification", "endpoint_private_dns"} | AWAITED
"""There or not, made by whomever: they carry no tags."""

TAGLESS = RELATIONS | {"dns_record"}
LINEAGE = "plinkctl:lineage"


@pytest.fixture(scope="module")
def standing(sandbox_factory: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Case]]:
    running = sandbox_factory("instant")
    remote.reset(running)
    folder = tmp_path_factory.mktemp("states")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in daemon.environment(running).items():
            patch.setenv(name, value)
        link = secured(running, public_zone(), plain="keep")
        stories = Stories(
            folder, replace(link, consumer=replace(link.consumer or Consumer(), private_zone="api.internal"))
        )
        stories(up.both_up)
        assert stories.last.exit == 0
        yield cases(folder)
    remote.reset(running)


@pytest.fixture(params=NODES, ids=str)
def case(request: pytest.FixtureRequest, standing: dict[str, Case]) -> Case:
    return standing[NODES[request.param]]


def ids_swept(case: Case, lineage: str) -> list[str]:
    """What a sweep for this lineage finds."""
    return [str(found.attrs["id"]) for found in case.kind.sweep(case.ctx, LINEAGE, lineage)]


def stranger(case: Case) -> Ctx:
    """What the kind would know of the next incarnation of the same node."""
    return replace(case.ctx, op="z" * 26)


def test_reads_with_nothing_in_their_lists_are_understood(case: Case, sandbox_factory: Any) -> None:
    """A read that lags may have nothing where there is something, at any depth."""
    running = sandbox_factory("instant")
    rules = [{"action": f"*:{verb}*", "effect": "empty"} for verb in ("Describe", "List", "Get")]
    remote.set_faults(running, {"rules": rules}, replace=True)
    try:
        assert (case.kind.find(case.ctx) or case.record.attrs)["id"] == case.record.id
        assert isinstance(case.kind.probe(case.ctx, case.record.attrs).presence, Presence)
        assert isinstance(case.kind.blockers(case.ctx, case.record.attrs), str)
    finally:
        remote.clear_faults(running)


def test_every_kind_is_tested_here() -> None:
    elsewhere = {"imported_certificate", "private_dns_offer"}  # not in one link with the others
    assert set(NODES) | elsewhere == set(KINDS)


def test_what_we_made_is_found(case: Case) -> None:
    if case.kind.name in AWAITED:
        pytest.skip("it only waits")
    found = case.kind.find(case.ctx)
    assert found is not None
    assert found["id"] == case.record.id
    assert plain(found) == found, "attributes must be JSON values as they come"


def test_what_another_op_made_is_not_adopted(case: Case) -> None:
    if case.kind.name in RELATIONS:
        pytest.skip("a relation is there or not")
    if case.kind.name == "dns_record":
        pytest.skip("a name has one record of a type, whichever incarnation made it")
    if case.kind.name == "listener":  # the place itself is taken: balancer and port
        with pytest.raises(RefusedError):
            case.kind.find(stranger(case))
    else:
        assert case.kind.find(stranger(case)) is None


def test_a_probe_sees_it_ready_with_settings_as_wanted_and_tags_as_given(case: Case) -> None:
    seen = case.kind.probe(case.ctx, case.record.attrs)
    assert seen.presence is Presence.READY
    wanted = {key: value for key, value in case.record.params.items() if key in case.kind.settings}
    assert {key: plain(seen.settings[key]) for key in wanted} == wanted
    assert seen.attrs["id"] == case.record.id
    if case.kind.name not in TAGLESS:
        assert seen.tags is not None
        assert {key: seen.tags.get(key) for key in case.ctx.tags} == case.ctx.tags


def _created_again(case: Case) -> str:
    """The ID of what a second create gives, or the nature of its refusal."""
    try:
        return str(case.kind.create(case.ctx)["id"])
    except AwsError as error:
        return error.nature


def test_a_second_create_of_the_same_op_makes_no_second_thing(case: Case) -> None:
    if case.kind.blind:
        pytest.skip("it would, and the engine knows")
    # Accepting twice is refused by the sandbox; what AWS says is not known, so the kind looks before.
    assert _created_again(case) in {case.record.id, Nature.EXISTS} or case.kind.name == "acceptance"
    if case.kind.name in AWAITED:
        pytest.skip("it only waits")
    found = case.kind.find(case.ctx)
    assert found is not None
    assert found["id"] == case.record.id
    if case.kind.name not in TAGLESS:
        assert ids_swept(case, case.ctx.lineage).count(case.record.id) == 1


def test_an_update_may_be_repeated(case: Case) -> None:
    wanted = {key: value for key, value in case.record.params.items() if key in case.kind.settings}
    if not wanted or case.kind.name == "target":
        pytest.skip("it has nothing to update")
    for _ in range(2):
        case.kind.update(case.ctx, case.record.attrs, wanted)
    seen = case.kind.probe(case.ctx, case.record.attrs)
    assert {key: plain(seen.settings[key]) for key in wanted} == wanted


def test_tags_can_be_set_and_dropped_again_and_again(case: Case) -> None:
    if case.kind.name in TAGLESS:
        pytest.skip("it has no tags")
    for _ in range(2):
        case.kind.retag(case.ctx, case.record.attrs, put={"team": "a & b"}, drop=[])
    assert (case.kind.probe(case.ctx, case.record.attrs).tags or {})["team"] == "a & b"
    for _ in range(2):
        case.kind.retag(case.ctx, case.record.attrs, put={}, drop=["team", "never there"])
    seen = case.kind.probe(case.ctx, case.record.attrs).tags or {}
    assert seen == case.ctx.tags


def test_the_sweep_sees_it_with_its_tags_and_not_for_another_lineage(case: Case) -> None:
    swept = case.kind.sweep(case.ctx, LINEAGE, case.ctx.lineage)
    if case.kind.name in TAGLESS:
        assert swept == []
        return
    (found,) = (item for item in swept if item.tags["plinkctl:op"] == case.record.op)
    assert {key: found.tags.get(key) for key in case.ctx.tags} == case.ctx.tags
    assert found.attrs["id"] == case.record.id
    assert case.kind.probe(replace(case.ctx, params={}), found.attrs).presence is Presence.READY
    assert case.kind.sweep(case.ctx, "plinkctl:link", case.ctx.link) == swept
    assert case.kind.sweep(case.ctx, LINEAGE, "another") == []


def test_a_probe_tells_the_frozen_parameters_that_it_was_made_with(case: Case) -> None:
    if case.kind.name in TAGLESS:
        pytest.skip("a relation is what it relates, a record what it says")
    seen = case.kind.probe(replace(case.ctx, params={}), case.record.attrs)
    wanted = {key: value for key, value in case.record.params.items() if key not in case.kind.settings}
    assert set(seen.frozen) == set(wanted)
    assert all(alike(seen.frozen[key], value) for key, value in wanted.items())
    assert plain(seen.frozen) == seen.frozen


@pytest.mark.parametrize("name", ["vpc", "subnet", "security_group", "load_balancer", "target_group"])
def test_nobody_can_take_it_away_while_others_stand_on_it(standing: dict[str, Case], name: str) -> None:
    """What the engine waits for when it is told to: a refusal of nature BUSY, and words for what is in the way."""
    case = standing[NODES[name]]
    with pytest.raises(AwsError) as caught:
        case.kind.delete(case.ctx, case.record.attrs)
    assert caught.value.nature == Nature.BUSY
    assert case.kind.blockers(case.ctx, case.record.attrs) or caught.value.answer.message


def test_a_service_with_a_live_connection_is_not_deleted_without_consent(standing: dict[str, Case]) -> None:
    service, endpoint = standing["provider/service"], standing["consumer/endpoint"]
    with pytest.raises(RefusedError) as caught:
        service.kind.delete(service.ctx, service.record.attrs)
    assert endpoint.record.id in caught.value.message
    assert endpoint.ctx.account in caught.value.message
    assert service.kind.probe(service.ctx, service.record.attrs).presence is Presence.READY


@pytest.mark.parametrize("name", ["load_balancer", "target_group", "role", "log_group", "function"])
def test_a_stranger_under_our_very_name_is_refused(standing: dict[str, Case], name: str) -> None:
    """Somebody made a thing with the name our next one would have: it has a name of ours and no tag of ours."""
    case = standing[NODES[name]]
    before = stranger(case)
    untagged = _Untagged(**{field: getattr(before, field) for field in before.__dataclass_fields__})
    attrs = case.kind.create(untagged)
    try:
        with pytest.raises(RefusedError) as caught:
            case.kind.find(before)
        assert caught.value.code == "foreign"
    finally:
        if name == "function":  # its interface is that of the standing function, which Lambda does not let go of
            case.ctx.aws.write("lambda", "delete_function", FunctionName=attrs["id"])
        else:
            case.kind.delete(untagged, attrs)


@dataclass(frozen=True, kw_only=True)
class _Untagged(Ctx):
    """Makes things as somebody else would: without our tags."""

    @property
    def tags(self) -> dict[str, str]:
        return {"owner": "somebody"}


def test_a_foreign_listener_on_our_port_is_refused(standing: dict[str, Case]) -> None:
    case = standing["provider/alb-listener"]
    other = replace(stranger(case), params={**case.record.params})
    with pytest.raises(RefusedError):
        case.kind.find(other)
    assert case.kind.find(replace(other, params={**case.record.params, "port": 8080})) is None
