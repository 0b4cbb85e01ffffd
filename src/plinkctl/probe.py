"""The probe function's code: runs in Lambda, makes one HTTP request through the endpoint, returns what it saw.

It is sent to AWS as it is, alone, so it imports the standard library only. The target comes from the environment
that plinkctl sets, never from the event: whoever may invoke it cannot point it elsewhere. It fails loudly: anything
but an HTTP answer is an exception, which Lambda reports as a FunctionError.
"""

import http.client
import ipaddress
import os
import socket
import time

_MOST = 65536  # bytes of body to return; Lambda's own limit is 6 MB, a proof needs far less


def handler(event, context):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Request `http://<endpoint>:<port>/` once and return status, body and duration."""
    host = os.environ["CONSUMER_VPC_ENDPOINT_DNS_NAME"]
    port = int(os.environ["PORT"])
    timeout = float(os.environ["REQUEST_TIMEOUT"])
    url = f"http://{host}:{port}/" if port != 80 else f"http://{host}/"
    print(f"GET {url}")  # noqa: T201  (the log group is where a function speaks)
    _refuse_the_machine(host, port)  # type: ignore[no-untyped-call]
    begun = time.monotonic()
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/", headers={"User-Agent": "plinkctl-probe"})
        response = connection.getresponse()
        body = response.read(_MOST).decode("utf-8", "replace")
    finally:
        connection.close()
    duration_ms = round((time.monotonic() - begun) * 1000, 1)
    print(f"Response: {response.status} in {duration_ms} ms: {body}")  # noqa: T201
    return {
        "url": url,
        "status": response.status,
        "body": body,
        "content_type": response.getheader("Content-Type"),
        "duration_ms": duration_ms,
    }


def _refuse_the_machine(host, port):  # type: ignore[no-untyped-def]
    """No endpoint is at the machine's own or a link-local address, where metadata and credentials are handed out."""
    for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = ipaddress.ip_address(str(found[4][0]).partition("%")[0])
        metadata = address in ipaddress.ip_network("fd00:ec2::/32")
        if address.is_link_local or address.is_loopback or address.is_unspecified or metadata:
            raise ValueError(f"{host} is at {address}, where no endpoint can be")
