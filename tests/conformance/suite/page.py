"""Writes docs/reference/sandbox-fidelity.md from the list of facts and the tests that prove them: `python page.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from facts import HERE, REAL, Fact, facts, left_out, proofs, sorted_places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE: Final[Path] = HERE.parents[1] / "docs" / "reference" / "sandbox-fidelity.md"

_SECTIONS: Final = {
    "0": "What shapes a link",
    "1": "Call by call",
    "2": "Order",
    "3": "Deletion",
    "4": "States of a connection",
    "5": "Availability Zones",
    "6": "Principals, names, DNS, regions, address types",
    "7": "The data path",
    "10": "Errors",
}

_COLUMNS: Final = "| fact | | source | who says so | reproduced | on AWS |\n" + "| --- " * 6 + "|"

_HEAD: Final = """\
# How faithful the sandbox is

<!-- Written by tests/conformance/suite/page.py from tests/conformance/facts.toml. Change those. -->

What is known of AWS about PrivateLink and what a link stands on, as far as a client of its APIs can see it; one fact a
row, with who says so, and the test that proves that the sandbox does so as well. The tests use plain boto3 over HTTP
and no code of plinkctl.

| | facts |
| --- | --- |
| that a client can observe | {all} |
| reproduced by the sandbox | {reproduced} |
| not reproduced | {not_reproduced} |
| of which nobody says what AWS does, and the sandbox holds our own choice | {unknown} |
| that the same tests can see on real AWS | {on_aws} |

Who says so: **sourced**, a named public source; **weak**, one log or one project's comment; **inferred**, concluded
from sourced facts; **unknown**, nobody: what is written is our own choice, one that is safe for a caller.

The keys of the sources: BC botocore's models; CLI the recorded examples of the AWS CLI; SAR the service authorization
reference; ERR EC2's page of error codes; IDEM EC2's page on idempotency; PLG the PrivateLink guide; NLBG the guide of
network load balancers; LDG the Lambda guide; THR EC2's page on throttling; TF Terraform's AWS provider, its source and
issues; HS HyperShift; AVO OpenShift's VPC endpoint operator; DS delstack; LBC the AWS load balancer controller; NUKE
aws-nuke; SDK503 reports to AWS's SDKs; ALCH a run of alchemy against a real account; WEB messages found in public
repositories.

The column **on AWS** says what it takes to see a fact there: `free` nothing, `balancers` load balancers for an hour,
`link` a whole link for an hour; the rest the suite does not try: `luck` cannot be provoked, only met; `quota` takes a
quota used up, `days` days, `setup` a public domain, another region or a limited user. The sandbox does such things when
it is asked to, by a setting, its clock or a [fault rule](sandbox-faults.md); never by chance.

## Running the tests against AWS

Without the switch they never do. With it, two profiles are needed, which may be of one account:

```sh
export PLINKCTL_CONFORMANCE_PROVIDER_PROFILE=one PLINKCTL_CONFORMANCE_CONSUMER_PROFILE=two
pytest --confcutdir=tests/conformance tests/conformance --real-aws
```

It says first what it costs at most. Nothing of the sandbox is used then; names carry the ID of the run, whatever takes
tags is tagged `plinkctl-conformance`, and everything is deleted again in order, also after a failure. The tests
have not been run against AWS yet; a sample of them runs so against a sandbox in another process, in AWS's place.
"""


def render() -> str:
    """The page."""
    return "\n".join([*_head(), *_tables(), *_missing(), *_left_out()]) + "\n"


def _head() -> Iterator[str]:
    told = list(facts().values())
    yield _HEAD.format(
        all=len(told),
        reproduced=sum(fact.reproduced for fact in told),
        not_reproduced=sum(not fact.reproduced for fact in told),
        unknown=sum(fact.confidence == "unknown" for fact in told),
        on_aws=sum(REAL[fact.real] is None and fact.reproduced for fact in told),
    )


def _tables() -> Iterator[str]:
    for section, title in _SECTIONS.items():
        mine = [fact for fact in facts().values() if fact.section == section]
        yield f"## {title}\n\n{_COLUMNS}"
        yield from (_row(fact) for fact in mine)
        yield ""


def _row(fact: Fact) -> str:
    tests = proofs().get(fact.id, [])
    shown = ", ".join(f"`{test.replace('::', '` `')}`" for test in tests) if fact.reproduced else f"no: {fact.why}"
    return f"| `{fact.id}` | {fact.says} | {fact.source} | {fact.confidence} | {shown} | {fact.real} |"


def _missing() -> Iterator[str]:
    yield "## Not reproduced\n"
    missing = [fact for fact in facts().values() if not fact.reproduced]
    yield from (f"- `{fact.id}`: {fact.why}." for fact in missing)
    if not missing:
        yield "Nothing."
    yield ""


def _left_out() -> Iterator[str]:
    yield "## Not among the facts\n\nWhat is known besides, but cannot be seen by a client of the APIs.\n"
    order = sorted_places([one.place for one in left_out()])
    for one in sorted(left_out(), key=lambda one: order.index(one.place)):
        yield f"- {one.says} {one.why[0].upper()}{one.why[1:]}."


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
