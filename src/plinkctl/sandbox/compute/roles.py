"""Roles and log groups, as far as functions need them: when a role can be used, and what it may do.

IAM is told of a change at once and believes it a little later; so a new role, and rights given a moment ago, are not
yet seen by Lambda. What callers may do is another matter, see `access`.
"""

from __future__ import annotations

import copy
import json
from fnmatch import fnmatchcase
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.models import AWSManagedPolicy, IAMBackend, Role, iam_backends
from moto.iam.policy_validation import IAMTrustPolicyDocumentValidator
from moto.iam.responses import IamResponse
from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogsBackend

from plinkctl.sandbox import world
from plinkctl.sandbox.access.conditions import UnknownCondition, holds
from plinkctl.sandbox.manners.quotas import refuse_more
from plinkctl.sandbox.manners.visibility import born, changing
from plinkctl.sandbox.patch import override

#: What Lambda needs of a function's role to put the function into a VPC, in the order it complains.
INTERFACE_RIGHTS: Final = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DeleteNetworkInterface",
)
_LOG_RIGHTS: Final = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")

#: AWS's own policies that can be attached; moto has all of them or none, and all are too many.
_MANAGED: Final = {
    "AWSLambdaBasicExecutionRole": _LOG_RIGHTS,
    "AWSLambdaVPCAccessExecutionRole": (
        *_LOG_RIGHTS,
        *INTERFACE_RIGHTS,
        "ec2:DescribeSubnets",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ),
}


@override(IAMBackend, "_init_aws_policies")
def _managed_policies(_original: Any, self: Any) -> list[Any]:
    """The two policies of AWS a function's role is usually given."""
    return [
        AWSManagedPolicy.from_data(
            name,
            self.account_id,
            self.region_name,
            {
                "Path": "/service-role/",
                "DefaultVersionId": "v1",
                "Document": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": list(rights), "Resource": "*"}],
                },
                "CreateDate": "2015-04-09T15:03:43+00:00",
                "UpdateDate": "2015-04-09T15:03:43+00:00",
            },
        )
        for name, rights in _MANAGED.items()
    ]


@override(IAMBackend, "create_role")
def _create_role(
    original: Any, self: Any, role_name: str, assume_role_policy_document: str, *args: Any, **kwargs: Any
) -> Any:
    """CreateRole: its age counts by the clock of the sandbox, and its trust policy is read at once."""
    IAMTrustPolicyDocumentValidator(assume_role_policy_document).validate()
    refuse_more("roles", len(self.roles))
    boundary = kwargs.get("permissions_boundary") or next(iter(args[1:2]), None)
    if boundary and boundary not in self.managed_policies:
        raise NotFoundException(f"Scope ARN: {boundary} does not exist or is not attachable.")
    role = original(self, role_name, assume_role_policy_document, *args, **kwargs)
    role.create_date = world.moment(world.now())
    role.sandbox_since, role.sandbox_rights_since = world.now(), {}
    born(self, "role", self.roles, role.id, role.name, role.arn)
    changing(self, "tags", role.name, role, "tags", new=True)
    return role


@override(IAMBackend, "tag_role")
def _tag_role(original: Any, self: Any, role_name: str, tags: list[dict[str, str]]) -> None:
    """TagRole, seen a little later."""
    changing(self, "tags", role_name, self.get_role(role_name), "tags")
    original(self, role_name, tags)


@override(IAMBackend, "untag_role")
def _untag_role(original: Any, self: Any, role_name: str, tag_keys: list[str]) -> None:
    """UntagRole, seen a little later."""
    changing(self, "tags", role_name, self.get_role(role_name), "tags")
    original(self, role_name, tag_keys)


@override(IAMBackend, "get_role")
def _get_role(_original: Any, self: Any, role_name: str) -> Any:
    """The role of that name, or IAM's words for there being none."""
    found = next((role for role in self.roles.values() if role.name == role_name), None)
    if found is None:
        raise NotFoundException(f"The role with name {role_name} cannot be found.")
    return found


@override(IAMBackend, "put_role_permissions_boundary")
def _put_boundary(original: Any, self: Any, role_name: str, permissions_boundary: str) -> None:
    """PutRolePermissionsBoundary: a policy that exists."""
    if permissions_boundary not in self.managed_policies:
        raise NotFoundException(f"Scope ARN: {permissions_boundary} does not exist or is not attachable.")
    original(self, role_name, permissions_boundary)


@override(IAMBackend, "delete_role_permissions_boundary")
def _delete_boundary(original: Any, self: Any, role_name: str) -> None:
    """DeleteRolePermissionsBoundary: of a role that has one."""
    if not self.get_role(role_name).permissions_boundary_arn:
        raise NotFoundException(f"The permissions boundary of role {role_name} cannot be found.")
    original(self, role_name)


@override(IAMBackend, "remove_role_from_instance_profile")
def _leave_profile(original: Any, self: Any, profile_name: str, role_name: str) -> None:
    """RemoveRoleFromInstanceProfile: a role that is in it."""
    if self.get_role(role_name) not in self.get_instance_profile(profile_name).roles:
        raise NotFoundException(f"The role with name {role_name} cannot be found in {profile_name}.")
    original(self, profile_name, role_name)


@override(IAMBackend, "update_role")
def _update_role(_original: Any, self: Any, role_name: str, role_description: Any, max_session_duration: Any) -> Any:
    """UpdateRole: what the request does not name stays as it is."""
    role = self.get_role(role_name)
    if role_description is not None:
        role.description = role_description
    if max_session_duration is not None:
        role.max_session_duration = max_session_duration
    return role


@override(IamResponse, "update_role")
def _update(_original: Any, self: Any) -> ActionResult:
    """UpdateRole."""
    self.backend.update_role(
        self._get_param("RoleName"), self._get_param("Description"), self._get_param("MaxSessionDuration")
    )
    return ActionResult({})


@override(Role, "put_policy")
def _put_policy(original: Any, self: Any, policy_name: str, policy_json: str) -> None:
    """PutRolePolicy: the same document again changes nothing, not even its age."""
    if self.policies.get(policy_name) != policy_json:
        self.sandbox_rights_since[policy_name] = world.now()
    original(self, policy_name, policy_json)


@override(IAMBackend, "attach_role_policy")
def _attach_policy(original: Any, self: Any, policy_arn: str, role_name: str) -> None:
    """AttachRolePolicy: attaching twice is no error."""
    role = self.get_role(role_name)
    if policy_arn in role.managed_policies:
        return
    refuse_more("managed-policies-per-role", len(role.managed_policies))
    original(self, policy_arn, role_name)
    role.sandbox_rights_since[policy_arn] = world.now()


@override(IamResponse, "list_roles")
def _list_roles(original: Any, self: Any) -> ActionResult:
    """ListRoles: without their tags, which AWS gives only one role at a time."""
    result = dict(original(self).result)
    result["Roles"] = [copy.copy(role) for role in result["Roles"]]
    for role in result["Roles"]:
        role.tags, role.permissions_boundary_arn = [], None
    return ActionResult(result)


def find_role(account: str, arn: str) -> Any:
    """The role of that ARN in that account, moto's object; None if there is none."""
    roles = iam_backends[account]["aws"].get_roles()
    return next((role for role in roles if role.arn == arn), None)


def assumable(role: Any) -> bool:
    """Whether Lambda can assume the role: it trusts Lambda, and it is old enough for that to be known."""
    if role is None or world.now() < role.sandbox_since + world.current().profile.role:
        return False
    for statement in _statements(role.assume_role_policy_document):
        services = _listed(statement.get("Principal", {}).get("Service"))
        if statement["Effect"] == "Allow" and "lambda.amazonaws.com" in services:
            return any(fnmatchcase("sts:AssumeRole", one) for one in _listed(statement["Action"]))
    return False


def allows(role: Any, action: str) -> bool:
    """Whether the role's policies, inline and attached, allow Lambda an action on at least some resource.

    Resources are not looked at; a denial anywhere outweighs. Lambda's own calls have no keys that conditions ask for,
    not even `lambda:SourceFunctionArn`, which those of the function's code have.
    """
    settled = world.now() - world.current().profile.role
    documents = [
        document
        for name, document in [
            *role.policies.items(),
            *[(policy.arn, _document(policy)) for policy in role.managed_policies.values()],
        ]
        if role.sandbox_rights_since.get(name, 0.0) <= settled
    ]
    effects = {
        statement["Effect"]
        for document in documents
        for statement in _statements(document)
        if any(fnmatchcase(action.lower(), one.lower()) for one in _listed(statement.get("Action")))
        and _applies(statement)
    }
    return effects == {"Allow"}


def _applies(statement: dict[str, Any]) -> bool:
    try:
        return holds(statement.get("Condition") or {}, {})
    except UnknownCondition:
        return bool(statement["Effect"] == "Deny")


def _document(policy: Any) -> Any:
    return next(one.document for one in policy.versions if one.version_id == policy.default_version_id)


def _statements(document: Any) -> list[dict[str, Any]]:
    read = json.loads(document) if isinstance(document, str) else document
    return _listed(read["Statement"])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


# ------------------------------------------------------------------------------------------ log groups


def _log_group(backend: Any, arn: str) -> Any:
    """The log group of an ARN, with or without the `:*` at its end. Raises ResourceNotFoundException."""
    wanted = arn.removesuffix(":*")
    for group in backend.groups.values():
        if group.arn.removesuffix(":*") == wanted:
            return group
    raise ResourceNotFoundException("The specified resource does not exist.")


@override(LogsBackend, "create_log_group")
def _create_log_group(original: Any, self: Any, log_group_name: str, tags: dict[str, str], **kwargs: Any) -> Any:
    """CreateLogGroup, seen at once but for its tags: Terraform's next call sets the retention, and is not repeated."""
    if log_group_name not in self.groups:
        refuse_more("log-groups", len(self.groups))
    group = original(self, log_group_name, tags, **kwargs)
    changing(self, "tags", log_group_name, self.tagger.tags, group.arn, new=True)
    return group


@override(LogsBackend, "delete_log_group")
def _delete_log_group(original: Any, self: Any, log_group_name: str) -> None:
    """DeleteLogGroup, its tags with it; moto would give them to the next group of that name."""
    if group := self.groups.get(log_group_name):
        self.tagger.delete_all_tags_for_resource(group.arn)
    original(self, log_group_name)


@override(LogsBackend, "list_tags_for_resource")
def _list_log_tags(original: Any, self: Any, resource_arn: str) -> Any:
    """ListTagsForResource: of what exists."""
    return original(self, _log_group(self, resource_arn).arn)


@override(LogsBackend, "tag_resource")
def _tag_log_group(original: Any, self: Any, arn: str, tags: dict[str, str]) -> None:
    """TagResource: of what exists, seen a little later."""
    group = _log_group(self, arn)
    changing(self, "tags", group.name, self.tagger.tags, group.arn)
    original(self, group.arn, tags)


@override(LogsBackend, "untag_resource")
def _untag_log_group(original: Any, self: Any, arn: str, tag_keys: list[str]) -> None:
    """UntagResource: of what exists, seen a little later."""
    group = _log_group(self, arn)
    changing(self, "tags", group.name, self.tagger.tags, group.arn)
    original(self, group.arn, tag_keys)
