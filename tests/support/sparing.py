"""What makes SDK clients cheap in tests, which make thousands of them in one process.

botocore reads a service's model from its file for each session, and makes from it the 750 methods of EC2 for each
client (loaders.py, client.py). That is half of what a command costs here. Models and methods depend on nothing but
the file, and hold nothing of a session or client. Only S3's model is changed by a client (handlers.py takes the bucket
out of its paths), and moto reads the same file; so that one is read anew.
"""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from botocore.client import ClientCreator
from botocore.loaders import JSONFileLoader


@cache
def share_models() -> None:
    """Let all clients of a service have the same model and methods, for the rest of this process."""
    _once(JSONFileLoader, "load_file", lambda path: None if f"{os.sep}s3{os.sep}" in path else path)
    _once(ClientCreator, "_load_service_model", lambda *name: name)
    _once(ClientCreator, "_create_methods", lambda model: (model.service_name, model.api_version), copy=dict)


def _once(owner: type, name: str, key: Callable[..., Any], copy: Callable[[Any], Any] = lambda found: found) -> None:
    """Let a method do its work once for each key, and give the same again, or a copy, whatever it is called on; where
    the key is None, it works each time."""
    work, known = getattr(owner, name), dict[Any, Any]()

    def called(self: object, *given: Any, **named: Any) -> Any:
        about = key(*given, *named.values())
        if about is None:
            return work(self, *given, **named)
        if about not in known:
            known[about] = work(self, *given, **named)
        return copy(known[about])

    setattr(owner, name, called)
