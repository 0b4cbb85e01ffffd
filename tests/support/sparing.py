"""What makes SDK clients cheap in tests, which make thousands of them in one process."""

from functools import cache
from typing import Any

from botocore.client import ClientCreator
from botocore.model import ServiceModel


@cache
def share_methods() -> None:
    """Let all clients of a service have the same methods, for the rest of this process.

    botocore makes them anew for each client, from the same model (client.py, `_create_methods`): of EC2's there are
    750, and they are a quarter of what a command costs. They hold nothing but the names of the operations.
    """
    make = ClientCreator._create_methods
    made: dict[tuple[str, str], dict[str, Any]] = {}

    def methods(creator: ClientCreator, model: ServiceModel) -> dict[str, Any]:
        key = (model.service_name, model.api_version)
        if key not in made:
            made[key] = make(creator, model)
        return dict(made[key])

    ClientCreator._create_methods = methods
