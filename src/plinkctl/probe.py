"""The probe function's code: runs in Lambda, makes requests through the endpoint, returns what it saw.

It is sent to AWS as it is, alone, so it imports the standard library only. The target comes from the environment
that plinkctl sets, never from the event: whoever may invoke it cannot point it elsewhere. The event only chooses which
of those names to ask by. It fails loudly: anything but an HTTP answer is an exception, which Lambda reports as a
FunctionError.
"""

import http.client
import ipaddress
import os
import socket
import ssl
import time

_MOST = 65536  # bytes of body to return; Lambda's own limit is 6 MB, a proof needs far less


def handler(event, context):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Make one request and return status, body and duration, and what TLS and DNS showed.

    `{"by": "private"}` asks by the private name; anything else by the endpoint's own name, and in TLS for the
    certificate of the server's name, which is how the link is tested without private DNS.
    """
    private = isinstance(event, dict) and event.get("by") == "private"
    host = os.environ["PRIVATE_NAME" if private else "CONSUMER_VPC_ENDPOINT_DNS_NAME"]
    port = int(os.environ["PORT"])
    timeout = float(os.environ["REQUEST_TIMEOUT"])
    name = os.environ.get("SERVER_NAME")
    scheme, usual = ("https", 443) if name else ("http", 80)
    url = f"{scheme}://{host}/" if port == usual else f"{scheme}://{host}:{port}/"
    print(f"GET {url}")  # noqa: T201  (the log group is where a function speaks)
    _refuse_the_machine(host, port)  # type: ignore[no-untyped-call]
    begun = time.monotonic()
    found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    tls = None
    try:
        connection.connect()
        if name:
            tls = _secured(connection, name)  # type: ignore[no-untyped-call]
        asked = name or host  # a port that is not the usual one belongs into the header (RFC 9110, 7.2)
        headers = {"User-Agent": "plinkctl-probe", "Host": asked if port == usual else f"{asked}:{port}"}
        connection.request("GET", "/", headers=headers)
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
        "addresses": sorted({address[0] for *_, address in found}),
        "tls": tls,
    }


def _secured(connection, name):  # type: ignore[no-untyped-def]
    """Begin TLS, with the chain and the name checked; what the certificate says."""
    context = ssl.create_default_context(cadata=os.environ.get("TRUSTED") or None)
    connection.sock = context.wrap_socket(connection.sock, server_hostname=name)
    shown = connection.sock.getpeercert()
    return {
        "name": name,
        "version": connection.sock.version(),
        "names": [value for kind, value in shown.get("subjectAltName", ()) if kind == "DNS"],
        "days_left": int((ssl.cert_time_to_seconds(shown["notAfter"]) - time.time()) // 86400),
        "issuer": ", ".join(value for part in shown.get("issuer", ()) for _, value in part),
    }


def _refuse_the_machine(host, port):  # type: ignore[no-untyped-def]
    """No endpoint is at the machine's own or a link-local address, where metadata and credentials are handed out."""
    for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = ipaddress.ip_address(str(found[4][0]).partition("%")[0])
        metadata = address in ipaddress.ip_network("fd00:ec2::/32")
        if address.is_link_local or address.is_loopback or address.is_unspecified or metadata:
            raise ValueError(f"{host} is at {address}, where no endpoint can be")
