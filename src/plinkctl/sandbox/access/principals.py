"""Who calls, and what was written for them: moto's users, roles and sessions read as policies.

A session hangs on moto's key, so that it goes with a reset and comes back with a snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from moto.iam.models import iam_backends

from plinkctl.sandbox import world
from plinkctl.sandbox.access.policy import Policies, parsed
from plinkctl.sandbox.access.users import boundary_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session of a role, or of a user who asked for one.

    Attributes:
        token: what must come with each of its calls.
        expires: seconds of the sandbox's clock.
        name: the session's name; empty for a user's.
        role_arn, role_id: of the role it is of; empty for a user's.
        policy: the session policy given when it was made.
        tags: its tags.
        transitive: the keys of those that go over into whatever session is begun with this one.
    """

    token: str = field(repr=False)
    expires: float
    name: str = ""
    role_arn: str = ""
    role_id: str = ""
    policy: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    transitive: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller: the account, the secret that proves it, and the user (moto's) or the session of a role."""

    account: str
    secret: str = field(repr=False)
    user: Any = None
    session: Session | None = None

    @property
    def arn(self) -> str:
        """As AWS writes it in refusals: the user's, or the session's own."""
        if self.session is None or not self.session.role_arn:
            return str(self.user.arn)
        role = self.session.role_arn.rpartition("/")[2]
        return f"arn:aws:sts::{self.account}:assumed-role/{role}/{self.session.name}"

    @property
    def principal(self) -> str:
        """What conditions compare (`aws:PrincipalArn`): of a session, its role."""
        return (self.session.role_arn if self.session else "") or self.arn

    @property
    def id(self) -> str:
        """What GetCallerIdentity calls UserId."""
        if self.session is None or not self.session.role_arn:
            return str(self.user.id)
        return f"{self.session.role_id}:{self.session.name}"


def find(key: str) -> Caller | None:
    """Whose key it is; None for nobody's, or one made inactive. Call it with the world's lock held."""
    for account in world.current().accounts if key else ():
        iam = iam_backends[account.id]["aws"]
        held = iam.access_keys.get(key)
        if held is None or held.status != "Active":
            continue
        session = getattr(held, "sandbox_session", None)
        user = iam.users.get(held.user_name) if held.user_name else None
        if session is not None or user is not None:
            return Caller(account.id, held.secret_access_key, user, session)
    return None


def policies(caller: Caller) -> Policies:
    """What was written for a caller: of the user and their groups, or of the role as it is now."""
    iam = iam_backends[caller.account]["aws"]
    if (user := caller.user) is not None:
        groups = iam.get_groups_for_user(user.name)
        documents = [*_documents(user), *[one for group in groups for one in _documents(group)]]
        return Policies(identity=documents, boundary=boundary(iam, boundary_of(user)))
    role = next((one for one in iam.get_roles() if one.arn == caller.principal), None)
    session = caller.session.policy if caller.session else None
    return Policies(
        identity=_documents(role) if role else [],
        boundary=boundary(iam, role.permissions_boundary_arn if role else None),
        session=parsed(session) if session else None,
    )


def context(caller: Caller, region: str) -> dict[str, list[str]]:
    """The condition keys every request of a caller has."""
    moment = world.moment(world.now())
    found = {
        "aws:principalarn": caller.principal,
        "aws:principalaccount": caller.account,
        "aws:principaltype": "User" if caller.user is not None else "AssumedRole",
        "aws:userid": caller.id,
        "aws:requestedregion": region,
        "aws:currenttime": moment.isoformat(),
        "aws:epochtime": str(int(moment.timestamp())),
        # AWS is reached by TLS; here loopback stands for it, or a policy that demands it would shut all out.
        "aws:securetransport": "true",
        "aws:viaawsservice": "false",
        "aws:sourceip": "127.0.0.1",
        "ec2:region": region,
    }
    if caller.user is not None:
        found["aws:username"] = caller.user.name
    tags = {f"aws:principaltag/{key}": value for key, value in _tags(caller).items()}
    return {key: [value] for key, value in (found | tags).items()}


def _tags(caller: Caller) -> dict[str, str]:
    """Those of the user, or of the role, keys in lower case; a session's own come before its role's."""
    iam: Any = iam_backends[caller.account]["aws"]
    if caller.user is not None:
        tags = iam.tagger.list_tags_for_resource(caller.user.arn)["Tags"]
    else:
        role = next((one for one in iam.get_roles() if one.arn == caller.principal), None)
        tags = (role.tags if role else None) or []
    found = {tag["Key"].lower(): tag["Value"] for tag in tags}
    own = caller.session.tags if caller.session else {}
    return found | {key.lower(): value for key, value in own.items()}


def _documents(holder: Any) -> list[Any]:
    return [document for _, document in written_for(holder)]


def written_for(holder: Any) -> list[tuple[str, Any]]:
    """The policies of a user, group or role, each with its name: inline, then attached."""
    inline = [(str(name), parsed(document)) for name, document in holder.policies.items()]
    return inline + [(policy.name, _default_version(policy)) for policy in holder.managed_policies.values()]


def _default_version(policy: Any) -> Any:
    return parsed(next(one.document for one in policy.versions if one.version_id == policy.default_version_id))


def boundary(iam: Any, arn: str | None) -> Any:
    """A permissions boundary; one that has been deleted meanwhile allows nothing."""
    if not arn:
        return None
    policy = iam.managed_policies.get(arn)
    return _default_version(policy) if policy else {"Statement": []}
