"""Permissions boundaries of users, which moto does not know: kept, told, and held in `principals`.

As for roles: a policy that exists, told by GetUser and not by lists, and not to be deleted while it is one.
"""

from __future__ import annotations

import copy
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.iam.exceptions import DeleteConflictException, NotFoundException
from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse

from plinkctl.sandbox.patch import action, override


def boundary_of(user: Any) -> str | None:
    """The ARN of the policy that bounds a user; None if none does."""
    told = getattr(user, "permissions_boundary", None)
    return str(told["PermissionsBoundaryArn"]) if told else None


def _bound(backend: Any, arn: str) -> dict[str, str]:
    if arn not in backend.managed_policies:
        raise NotFoundException(f"Scope ARN: {arn} does not exist or is not attachable.")
    return {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}


@override(IamResponse, "create_user")
def _create_user(original: Any, self: Any) -> ActionResult:
    """CreateUser."""
    arn = self._get_param("PermissionsBoundary")
    bound = _bound(self.backend, arn) if arn else None
    answer: ActionResult = original(self)
    self.backend.get_user(self._get_param("UserName")).permissions_boundary = bound
    return answer


@override(IamResponse, "list_users")
def _list_users(original: Any, self: Any) -> ActionResult:
    """ListUsers: without what AWS gives only for one user at a time."""
    result = dict(original(self).result)
    result["Users"] = [copy.copy(user) for user in result["Users"]]
    for user in result["Users"]:
        user.permissions_boundary = None
    return ActionResult(result)


@action(IamResponse, "put_user_permissions_boundary")
def _put(self: Any) -> ActionResult:
    """PutUserPermissionsBoundary: the first one, or another."""
    user = self.backend.get_user(self._get_param("UserName"))
    user.permissions_boundary = _bound(self.backend, self._get_param("PermissionsBoundary"))
    return EmptyResult()


@action(IamResponse, "delete_user_permissions_boundary")
def _delete(self: Any) -> ActionResult:
    """DeleteUserPermissionsBoundary: of a user who has one."""
    user = self.backend.get_user(self._get_param("UserName"))
    if boundary_of(user) is None:
        raise NotFoundException(f"The permissions boundary of user {user.name} cannot be found.")
    user.permissions_boundary = None
    return EmptyResult()


@override(IAMBackend, "delete_policy")
def _delete_policy(original: Any, self: Any, policy_arn: str) -> None:
    """DeletePolicy: not while a role or a user has it, attached or as their boundary."""
    roles = [(*role.managed_policies, role.permissions_boundary_arn) for role in self.roles.values()]
    users = [(*user.managed_policies, boundary_of(user)) for user in self.users.values()]
    if any(policy_arn in held for held in (*roles, *users)):
        raise DeleteConflictException("Cannot delete a policy attached to entities.")
    original(self, policy_arn)
