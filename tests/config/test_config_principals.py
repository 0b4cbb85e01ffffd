"""Principals as AWS takes them, and the words for those it would refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plinkctl.config import partition_of, principal_arn
from plinkctl.config.schema import rule
from plinkctl.errors import UsageError

ACCOUNTS = st.text("0123456789", min_size=12, max_size=12)
NAMES = st.text("abcXYZ019_+=,.@-", min_size=1, max_size=64)
PARTITIONS = st.sampled_from(["aws", "aws-cn", "aws-us-gov"])
RESOURCES = st.just("root") | st.builds("{}/{}".format, st.sampled_from(["role", "user"]), NAMES)


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("eu-central-1", "aws"),
        ("us-east-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-east-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("us-isof-south-1", "aws-iso-f"),
        ("eusc-de-east-1", "aws-eusc"),
    ],
)
def test_every_region_has_its_partition(region: str, partition: str) -> None:
    assert partition_of(region) == partition


@given(account=ACCOUNTS, partition=PARTITIONS)
def test_a_bare_account_becomes_its_root(account: str, partition: str) -> None:
    assert principal_arn(account, partition) == f"arn:{partition}:iam::{account}:root"


@given(account=ACCOUNTS, partition=PARTITIONS, resource=RESOURCES)
def test_an_arn_stays_as_it_is(account: str, partition: str, resource: str) -> None:
    arn = f"arn:{partition}:iam::{account}:{resource}"
    assert principal_arn(arn, partition) == arn


def test_the_asterisk_stays_as_it_is() -> None:
    assert principal_arn("*", "aws") == "*"


@given(account=ACCOUNTS, role=NAMES, session=NAMES)
def test_a_session_is_refused_with_the_role_behind_it(account: str, role: str, session: str) -> None:
    with pytest.raises(UsageError) as caught:
        principal_arn(f"arn:aws:sts::{account}:assumed-role/{role}/{session}", "aws")
    assert caught.value.message.endswith(f"allow what stands behind it: arn:aws:iam::{account}:role/{role}")


@given(account=ACCOUNTS, kind=st.sampled_from(["role", "user"]), path=st.lists(NAMES, min_size=1), name=NAMES)
def test_a_path_is_refused_with_the_arn_without_it(account: str, kind: str, path: list[str], name: str) -> None:
    with pytest.raises(UsageError) as caught:
        principal_arn(f"arn:aws:iam::{account}:{kind}/{'/'.join(path)}/{name}", "aws")
    assert caught.value.message.endswith(f"strip it: arn:aws:iam::{account}:{kind}/{name}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", '"" is not a principal; allowed are a 12-digit account and the ARN of'),
        ("everybody", '"everybody" is not a principal'),
        ("22222222222", '"22222222222" has 11 digits; an account ID has 12; was a leading zero lost?'),
        ("2222-2222-2222", '"2222-2222-2222" has separators; write "222222222222"'),
        ("222222222222\n", '"222222222222\\n" is not a principal'),
        ("٢٢٢٢٢٢٢٢٢٢٢٢", "is not a principal"),
        ("arn:aws:iam", '"arn:aws:iam" is not a whole ARN; such as arn:aws:iam::222222222222:role/NAME'),
        ("arn:amazon:iam::222222222222:root", 'names an unknown partition, "amazon"'),
        ("arn:aws:iam::222:root", '"222" has 3 digits; an account ID has 12'),
        ("arn:aws:iam::*:root", '"*" is not an account ID; it has 12 digits'),
        ("arn:aws:s3::222222222222:bucket", 'belongs to "s3"; only IAM accounts, roles and users can be allowed'),
        ("arn:aws:iam::222222222222:role/*", "is neither an account's root nor one role or user"),
        ("arn:aws:iam::222222222222:group/x", "is neither an account's root nor one role or user"),
        ("arn:aws:iam::222222222222:role/", "is neither an account's root nor one role or user"),
        ("arn:aws:iam::222222222222:*", "is neither an account's root nor one role or user"),
        ("arn:aws:sts::222222222222:federated-user/x", "allow what stands behind it: arn:aws:iam::222222222222:root"),
        ("arn:aws-cn:iam::222222222222:root", "is in partition aws-cn, the provider's region in aws"),
    ],
)
def test_what_aws_would_refuse_is_refused_here_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        principal_arn(text, "aws")
    assert problem in caught.value.message
    assert caught.value.message.isprintable()


@given(
    st.text(max_size=40)
    | st.builds("arn:{}:{}::{}:{}".format, PARTITIONS, st.sampled_from(["iam", "sts"]), ACCOUNTS, RESOURCES | NAMES)
)
def test_any_text_gives_a_principal_or_a_reason_and_the_published_pattern_agrees(text: str) -> None:
    import jsonschema_rs

    found = rule(("provider", "allow", 0))
    assert found is not None
    published = jsonschema_rs.is_valid({"type": "string", "pattern": found["pattern"]}, text)
    partition = text.split(":")[1] if text.startswith("arn:") and ":" in text else "aws"
    try:
        principal_arn(text, partition)
        accepted = True
    except UsageError:
        accepted = False
    assert accepted == published
