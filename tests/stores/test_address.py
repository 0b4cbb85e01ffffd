"""The address of a place in a bucket: what is one, and what is refused in words."""

import pytest

from plinkctl.errors import Exit, UsageError
from plinkctl.stores.address import Address, parse


@pytest.mark.parametrize(
    ("named", "address"),
    [
        ("s3://our-states", Address(bucket="our-states")),
        ("s3://our-states/", Address(bucket="our-states")),
        ("s3://our.states/a/b_c/", Address(bucket="our.states", prefix="a/b_c")),
        (
            "s3://our-states/links?region=eu-west-1&profile=a%20b&owner=123456789012",
            Address(bucket="our-states", prefix="links", region="eu-west-1", profile="a b", owner="123456789012"),
        ),
    ],
)
def test_what_is_an_address(named: str, address: Address) -> None:
    assert parse(named) == address


def test_its_keys_and_its_name() -> None:
    assert parse("s3://our-states").key("shop", "provider.json") == "shop/provider.json"
    address = parse("s3://our-states/links/?owner=123456789012")
    assert address.key("shop", "provider.json") == "links/shop/provider.json"
    assert str(address) == "s3://our-states/links"


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("https://our-states/links", "folders and in S3 buckets"),
        ("s3://", "no name of a bucket"),
        ("s3:///links", "no name of a bucket"),
        ("s3://Our_States/links", "no name of a bucket"),
        ("s3://10.0.0.1/links", "no name of a bucket"),
        ("s3://a..b/links", "no name of a bucket"),
        ("s3://me:secret@our-states/links", "no name of a bucket"),
        ("s3://our-states:80/links", "no name of a bucket"),
        ("s3://our-states/../other", "'..' cannot be a part"),
        ("s3://our-states/a/./b", "'.' cannot be a part"),
        ("s3://our-states/a//b", "'' cannot be a part"),
        ("s3://our-states/%2e%2e/other", "'%2e%2e' cannot be a part"),
        ("s3://our-states/a\\b", "cannot be a part"),
        ("s3://our-states/a\nb", "a character that no address has"),
        ("s3://our-states/links#part", "a character that no address has"),
        (f"s3://our-states/{'a' * 600}", "512 are allowed"),
        ("s3://our-states/links?region=nowhere", "not a region"),
        ("s3://our-states/links?owner=me", "not a 12-digit account"),
        ("s3://our-states/links?region=eu-west-1&region=eu-west-2", "given twice"),
        ("s3://our-states/links?endpoint=http://127.0.0.1", "'endpoint' is not known"),
        ("s3://our-states/links?region", "bad query field"),
    ],
)
def test_what_is_none(named: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(named)
    assert caught.value.exit_code == Exit.USAGE
    assert said in str(caught.value.why)
    assert "--state FOLDER" in str(caught.value.hint)
