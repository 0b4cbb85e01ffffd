"""Real AWS as a target: two profiles, real time, and everything that is made is tagged, written down and deleted again.

What a test makes is seen in the answers to its calls, whatever the test does; so a test that fails leaves nothing.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any, Final, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from target import Side

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

TAG: Final = "plinkctl-conformance"
_STEP: Final = 5.0

#: How long a call that does not find what was just made is repeated: AWS tells of new things a little later.
_UNSEEN: Final = 4
_UNSEEN_STEP: Final = 2.0

#: Waited after each creation, for lists and filters leave out what is too new without a word.
_SEEN: Final = 5.0
_MAKING: Final = ("Create", "Authorize", "Import", "Put", "Attach")

#: Creation -> where its answer has the IDs, and the call and parameter that delete one. Deleted in the order of this
#: table, so what stands on others comes first.
_DELETIONS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "CreateFunction": ("functions", "FunctionName", "delete_function", "FunctionName"),
    "CreateVpcEndpoint": ("ec2", "VpcEndpoint.VpcEndpointId", "delete_vpc_endpoints", "VpcEndpointIds[]"),
    "CreateVpcEndpointConnectionNotification": (
        "ec2",
        "ConnectionNotification.ConnectionNotificationId",
        "delete_vpc_endpoint_connection_notifications",
        "ConnectionNotificationIds[]",
    ),
    "CreateVpcEndpointServiceConfiguration": (
        "ec2",
        "ServiceConfiguration.ServiceId",
        "delete_vpc_endpoint_service_configurations",
        "ServiceIds[]",
    ),
    "CreateLoadBalancer": ("elb", "LoadBalancers.0.LoadBalancerArn", "delete_load_balancer", "LoadBalancerArn"),
    "CreateTargetGroup": ("elb", "TargetGroups.0.TargetGroupArn", "delete_target_group", "TargetGroupArn"),
    "ImportCertificate": ("acm", "CertificateArn", "delete_certificate", "CertificateArn"),
    "CreateTopic": ("sns", "TopicArn", "delete_topic", "TopicArn"),
    "CreateSecurityGroup": ("ec2", "GroupId", "delete_security_group", "GroupId"),
    "CreateSubnet": ("ec2", "Subnet.SubnetId", "delete_subnet", "SubnetId"),
    "CreateVpc": ("ec2", "Vpc.VpcId", "delete_vpc", "VpcId"),
    "CreateRole": ("iam", "Role.RoleName", "delete_role", "RoleName"),
    "CreateLogGroup": ("logs", "logGroupName", "delete_log_group", "logGroupName"),
}
_GONE: Final = ("NotFound", "NoSuchEntity", "ResourceNotFoundException", "NotFoundException")


class AwsTarget:
    """Two accounts of AWS; see `target.Target`.

    Args:
        profiles: the profiles of the provider and of the consumer.
        patience: how many seconds of waiting one second asked for is; below 1 for something faster than AWS.
        say: where it tells what it could not delete.
    """

    real = True

    def __init__(self, profiles: tuple[str, str], *, patience: float = 1.0, say: Callable[[str], Any] = print) -> None:
        self.run, self._patience, self._say = uuid.uuid4().hex[:8], patience, say
        self._made: list[tuple[Side, str, str]] = []
        self.provider, self.consumer = (self._side(one) for one in profiles)
        self.region = str(self.provider.session.region_name)
        shared = [self._zones(side) for side in (self.provider, self.consumer)]
        self.zones = [zone for zone in shared[0] if zone in shared[1]]

    def _side(self, profile: str) -> Side:
        session = boto3.Session(profile_name=profile)
        side: Side = Side(session, "", lambda *asked: self._client(side, *asked))
        side.account = str(side.sts.get_caller_identity()["Account"])
        return side

    @staticmethod
    def _zones(side: Side) -> list[str]:
        usual = [
            {"Name": "zone-type", "Values": ["availability-zone"]},
            {"Name": "opt-in-status", "Values": ["opt-in-not-required", "opted-in"]},
        ]
        return sorted(
            zone["ZoneId"] for zone in side.ec2.describe_availability_zones(Filters=usual)["AvailabilityZones"]
        )

    def _client(self, side: Side, session: boto3.Session, service: str, region: str | None) -> Any:
        settings = Config(retries={"mode": "standard", "total_max_attempts": 8}, parameter_validation=False)
        client = session.client(service, region_name=region, config=settings)
        events = client.meta.events
        events.register("provide-client-params", self._tag)
        events.register("before-call", self._ask)
        events.register("after-call", lambda **told: self._keep(side, **told))
        events.register("needs-retry", self._unseen)
        return client

    # -------------------------------------------------------------------------------- what calls are told

    def _tag(self, params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any]:
        """Add the run's tag to what a call makes, where the call takes tags."""
        if model.name not in _DELETIONS or model.input_shape is None:
            return params
        kind = model.input_shape.members.get("TagSpecifications")
        if kind is not None:
            prefix = {"CreateVpcEndpointServiceConfiguration": "vpc-endpoint-service", "CreateVpc": "vpc"}
            names = prefix | {"CreateSubnet": "subnet", "CreateSecurityGroup": "security-group"}
            names |= {"CreateVpcEndpoint": "vpc-endpoint"}
            if model.name in names:
                tag = {"ResourceType": names[model.name], "Tags": [{"Key": TAG, "Value": self.run}]}
                return params | {"TagSpecifications": [*params.get("TagSpecifications", []), tag]}
            return params
        if "Tags" in model.input_shape.members and model.input_shape.members["Tags"].type_name == "list":
            if model.name != "ImportCertificate" or "CertificateArn" not in params:
                return params | {"Tags": [*params.get("Tags", []), {"Key": TAG, "Value": self.run}]}
            return params
        name = next((one for one in ("Tags", "tags") if one in model.input_shape.members), None)
        if name and model.input_shape.members[name].type_name == "map":
            return params | {name: {TAG: self.run} | params.get(name, {})}
        return params

    @staticmethod
    def _ask(params: dict[str, Any], context: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name == "CreateLogGroup":
            context["conformance"] = json.loads(params["body"])

    def _keep(self, side: Side, parsed: Mapping[str, Any], model: Any, context: Mapping[str, Any], **_: Any) -> None:
        """Write down what a call made, and give it time to be seen."""
        if "Error" in parsed or not model.name.startswith(_MAKING):
            return
        time.sleep(_SEEN * self._patience)
        if model.name not in _DELETIONS:
            return
        made: Any = context["conformance"] if model.name == "CreateLogGroup" else parsed
        for key in _DELETIONS[model.name][1].split("."):
            made = made[int(key)] if key.isdigit() else made[key]
        self._made.append((side, model.name, str(made)))

    def _unseen(self, response: Any, attempts: int, operation: Any, **_: Any) -> float | None:
        """Repeat what does not find a thing that may have been made just now."""
        if response is None or attempts > _UNSEEN or operation.name.startswith("Delete"):
            return None
        code = str(response[1].get("Error", {}).get("Code", ""))
        return _UNSEEN_STEP * self._patience if code.endswith(_GONE) else None

    # ---------------------------------------------------------------------------------------- a target

    def name(self, text: str) -> str:
        return f"pc-{self.run}-{text}"

    def until(self, probe: Callable[[], T], seconds: float = 900) -> T:
        end = time.monotonic() + seconds * self._patience
        while not (found := probe()) and time.monotonic() < end:
            time.sleep(_STEP * self._patience)
        return found

    def pass_by(self, seconds: float) -> None:
        time.sleep(seconds * self._patience)

    def clean(self) -> None:
        """Delete what was made since the last time, in order, and again until it is gone or an hour is over."""
        kinds = list(_DELETIONS)
        left = sorted(self._made, key=lambda one: kinds.index(one[1]))
        self._made = []
        end = time.monotonic() + 3600 * self._patience
        while left and time.monotonic() < end:
            left = [one for one in left if not self._delete(*one)]
            if left:
                time.sleep(_STEP * self._patience)
        for _, kind, made in left:
            self._say(f"could not be deleted, please look: {kind} {made}")

    def _delete(self, side: Side, kind: str, made: str) -> bool:
        """Whether it is gone."""
        service, _, call, parameter = _DELETIONS[kind]
        client = side.client(service)
        many = parameter.endswith("[]")
        try:
            if kind == "CreateRole":
                for policy in client.list_attached_role_policies(RoleName=made)["AttachedPolicies"]:
                    client.detach_role_policy(RoleName=made, PolicyArn=policy["PolicyArn"])
                for policy in client.list_role_policies(RoleName=made)["PolicyNames"]:
                    client.delete_role_policy(RoleName=made, PolicyName=policy)
            if kind == "CreateVpcEndpointServiceConfiguration":
                mine = [{"Name": "service-id", "Values": [made]}]
                found = client.describe_vpc_endpoint_connections(Filters=mine)["VpcEndpointConnections"]
                if ids := [one["VpcEndpointId"] for one in found]:
                    client.reject_vpc_endpoint_connections(ServiceId=made, VpcEndpointIds=ids)
            if kind == "CreateSecurityGroup":
                self._free(client, made)
            answer = getattr(client, call)(**{parameter.removesuffix("[]"): [made] if many else made})
        except ClientError as error:
            return str(error.response["Error"]["Code"]).endswith(_GONE)
        if kind == "CreateVpcEndpoint" and not answer["Unsuccessful"]:
            mine = [{"Name": "vpc-endpoint-id", "Values": [made]}]
            return not client.describe_vpc_endpoints(Filters=mine)["VpcEndpoints"]
        return all(one["Error"]["Code"].endswith(_GONE) for one in answer.get("Unsuccessful", []))

    @staticmethod
    def _free(client: Any, group: str) -> None:
        """Take away a group's rules, which may name other groups."""
        [found] = client.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        if found["IpPermissions"]:
            client.revoke_security_group_ingress(GroupId=group, IpPermissions=found["IpPermissions"])
        if found["IpPermissionsEgress"]:
            client.revoke_security_group_egress(GroupId=group, IpPermissions=found["IpPermissionsEgress"])
