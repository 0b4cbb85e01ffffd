"""The probe function's execution role: it may write to its one log group and have a network interface, no more."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from plinkctl.errors import AwsError
from plinkctl.kinds.base import (
    ABSENT,
    Attrs,
    Ctx,
    Kind,
    Patience,
    Presence,
    Seen,
    Tagged,
    as_dict,
    as_list,
    ignore_gone,
    ours,
)

PATH: Final = "/plinkctl/"
POLICY: Final = "probe"
TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_INTERFACE_ACTIONS: Final = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)


class Role(Kind):
    """Setting `log_group_arn`: where the policy lets it write. Names are unique, so a second create is refused.

    Setting `boundary`, where one is wanted: the permissions boundary, given at creation, since users may only be
    allowed to make roles that have it. One that is not wanted is left alone: it can only be somebody's safeguard.
    """

    name = "role"
    title = "IAM role"
    client = "iam"
    patience = Patience(ready_within=120, gone_within=300, usual="seconds")
    settings = frozenset({"log_group_arn", "boundary"})

    def find(self, ctx: Ctx) -> Attrs | None:
        """By name, then by tag."""
        role = self._role(ctx, ctx.unique_name(64))
        if role is None or not ours(ctx, as_dict(role.get("Tags")), f"the role {role['RoleName']}"):
            return None
        return self._attrs(role)

    def create(self, ctx: Ctx) -> Attrs:
        """CreateRole; the policy is a setting."""
        boundary = ctx.params.get("boundary")
        reply = ctx.aws.write(
            "iam",
            "create_role",
            RoleName=ctx.unique_name(64),
            Path=PATH,
            AssumeRolePolicyDocument=json.dumps(TRUST),
            Description=f"probe function of the plinkctl link {ctx.link}",
            Tags=as_list(ctx.tags),
            **({"PermissionsBoundary": boundary} if boundary else {}),
        )
        return self._attrs(reply["Role"])

    def probe(self, ctx: Ctx, attrs: Attrs) -> Seen:
        """Its policy, as the log group it names, and its boundary."""
        role = self._role(ctx, attrs["name"])
        if role is None:
            return ABSENT
        return Seen(
            presence=Presence.READY,
            attrs=self._attrs(role),
            settings={
                "log_group_arn": self._log_group_arn(ctx, attrs),
                "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            },
            tags=as_dict(role.get("Tags")),
        )

    def update(self, ctx: Ctx, attrs: Attrs, changes: Mapping[str, Any]) -> None:
        """PutRolePermissionsBoundary first, as rights are; PutRolePolicy replaces the whole document."""
        if "boundary" in changes:
            ctx.aws.write(
                "iam",
                "put_role_permissions_boundary",
                RoleName=attrs["name"],
                PermissionsBoundary=changes["boundary"],
            )
        if "log_group_arn" in changes:
            ctx.aws.write(
                "iam",
                "put_role_policy",
                RoleName=attrs["name"],
                PolicyName=POLICY,
                PolicyDocument=json.dumps(policy(changes["log_group_arn"])),
            )

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """The policy first: IAM refuses to delete a role that has one."""
        for operation, params in (("delete_role_policy", {"PolicyName": POLICY}), ("delete_role", {})):
            try:
                ctx.aws.write("iam", operation, RoleName=attrs["name"], **params)
            except AwsError as error:
                ignore_gone(error)

    def retag(self, ctx: Ctx, attrs: Attrs, *, put: Mapping[str, str], drop: Sequence[str]) -> None:
        """TagRole and UntagRole."""
        if put:
            ctx.aws.write("iam", "tag_role", RoleName=attrs["name"], Tags=as_list(put))
        if drop:
            ctx.aws.write("iam", "untag_role", RoleName=attrs["name"], TagKeys=list(drop))

    def sweep(self, ctx: Ctx, tag: str, value: str) -> list[Tagged]:
        """By path, then by tag: no AWS API finds roles by tag."""
        found: list[Tagged] = []
        for role in ctx.aws.pages("iam", "list_roles", "Roles", PathPrefix=PATH):
            reply = ctx.aws.peek("iam", "list_role_tags", RoleName=role["RoleName"])
            if reply and (tags := as_dict(reply["Tags"])).get(tag) == value:
                found.append(Tagged(attrs=self._attrs(role), tags=tags))
        return found

    def _role(self, ctx: Ctx, name: str) -> dict[str, Any] | None:
        reply = ctx.aws.peek("iam", "get_role", RoleName=name)
        return dict(reply["Role"]) if reply else None

    def _log_group_arn(self, ctx: Ctx, attrs: Attrs) -> str | None:
        """The log group of the policy, if the policy is exactly ours; anything else counts as drift."""
        reply = ctx.aws.peek("iam", "get_role_policy", RoleName=attrs["name"], PolicyName=POLICY)
        if reply is None:
            return None
        document = reply["PolicyDocument"]
        if isinstance(document, str):
            document = json.loads(unquote(document))
        try:
            arn = str(document["Statement"][0]["Resource"]).removesuffix(":*")
        except (KeyError, IndexError, TypeError):
            return None
        return arn if document == policy(arn) else None

    def _attrs(self, role: Mapping[str, Any]) -> Attrs:
        return {"id": role["Arn"], "arn": role["Arn"], "name": role["RoleName"]}


def policy(log_group_arn: str) -> dict[str, Any]:
    """What the function may do.

    No `logs:CreateLogGroup`: a late log line would bring a deleted group back (aws-facts.md 1.5), which is why the
    managed policies are not used. The interface calls have no resource that could be named beforehand; Lambda makes
    them for the function, whose own code is denied them: calls of the code, and only these, have the condition key
    `lambda:SourceFunctionArn` (Lambda's guide to functions in a VPC).
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": f"{log_group_arn}:*",
            },
            {"Effect": "Allow", "Action": list(_INTERFACE_ACTIONS), "Resource": "*"},
            {
                "Effect": "Deny",
                "Action": list(_INTERFACE_ACTIONS),
                "Resource": "*",
                "Condition": {"ArnLike": {"lambda:SourceFunctionArn": "arn:*:lambda:*:*:function:*"}},
            },
        ],
    }
