"""Who calls, and what was written for them: moto's users, roles and sessions read as policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from plinkctl.sandbox.access.policy import Policies, parsed


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller: their ARN as AWS writes it in refusals, the ARN conditions compare, their name, their policies."""

    arn: str
    principal: str
    name: str
    policies: Policies


def caller(account: str, key: str) -> Caller | None:
    """The caller a key of that account belongs to: a user, or the session of a role. None for nobody's."""
    iam = iam_backends[account]["aws"]
    if known := iam.access_keys.get(key):
        user = iam.get_user(known.user_name or "")
        groups = iam.get_groups_for_user(user.name)
        documents = [*_documents(user), *[one for group in groups for one in _documents(group)]]
        boundary = _boundary(iam, getattr(user, "permissions_boundary_arn", None))
        return Caller(user.arn, user.arn, user.name, Policies(identity=documents, boundary=boundary))
    for session in sts_backends[account]["aws"].assumed_roles:
        if session.access_key_id == key:
            role = next((one for one in iam.get_roles() if one.arn == session.role_arn), None)
            policies = Policies(
                identity=_documents(role) if role else [],
                boundary=_boundary(iam, role.permissions_boundary_arn if role else None),
                session=parsed(session.policy) if session.policy else None,
            )
            return Caller(session.arn, session.role_arn, session.session_name, policies)
    return None


def _documents(holder: Any) -> list[Any]:
    """The policies of a user, group or role: inline, then attached."""
    inline = [parsed(document) for document in holder.policies.values()]
    return inline + [_default_version(policy) for policy in holder.managed_policies.values()]


def _default_version(policy: Any) -> Any:
    return parsed(next(one.document for one in policy.versions if one.version_id == policy.default_version_id))


def _boundary(iam: Any, arn: str | None) -> Any:
    """A permissions boundary; one that has been deleted meanwhile allows nothing."""
    if not arn:
        return None
    policy = iam.managed_policies.get(arn)
    return _default_version(policy) if policy else {"Statement": []}
