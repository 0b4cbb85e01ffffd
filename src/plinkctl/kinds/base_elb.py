"""What all kinds of ELBv2 share: ARNs as IDs, and tags that only a call of their own can read."""

from collections.abc import Mapping, Sequence

from plinkctl.errors import AwsError
from plinkctl.kinds.base import NAME_PREFIX, Attrs, Ctx, Kind, as_dict, as_list, gone

_TAGS_A_CALL = 20  # DescribeTags takes at most 20 ARNs


class ElbKind(Kind):
    """What load balancers, target groups and listeners share: ARNs as IDs, tags by a call of their own."""

    client = "elbv2"

    def retag(self, ctx: Ctx, attrs: Attrs, *, put: Mapping[str, str], drop: Sequence[str]) -> None:
        """AddTags overwrites, RemoveTags ignores what is not there: both repeatable."""
        if put:
            ctx.aws.write("elbv2", "add_tags", ResourceArns=[attrs["id"]], Tags=as_list(put))
        if drop:
            ctx.aws.write("elbv2", "remove_tags", ResourceArns=[attrs["id"]], TagKeys=list(drop))


def tags_of(ctx: Ctx, arn: str) -> dict[str, str]:
    """The tags of one ELBv2 resource; none where AWS does not show any yet."""
    told = ctx.aws.read("elbv2", "describe_tags", ResourceArns=[arn])["TagDescriptions"]
    return as_dict(told[0]["Tags"]) if told else {}


def tagged(ctx: Ctx, arns: list[str], tag: str, value: str) -> dict[str, dict[str, str]]:
    """Those of the ARNs that carry the tag, with all their tags.

    ELBv2 cannot filter by tag, so only what has a name of ours is asked: an account may have thousands.
    """
    arns = [arn for arn in arns if f"/{NAME_PREFIX}" in arn]
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(arns), _TAGS_A_CALL):
        batch = arns[start : start + _TAGS_A_CALL]
        try:
            reply = ctx.aws.read("elbv2", "describe_tags", ResourceArns=batch)
        except AwsError as error:
            if not gone(error):
                raise
            if len(batch) > 1:  # one of them was deleted between the two reads: the others must still be asked
                for one in batch:
                    found |= tagged(ctx, [one], tag, value)
            continue
        seen = {described["ResourceArn"]: as_dict(described["Tags"]) for described in reply["TagDescriptions"]}
        found |= {arn: tags for arn, tags in seen.items() if tags.get(tag) == value}
    return found
