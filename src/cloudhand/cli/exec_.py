"""`cloudhand exec`: run a program written for Alibaba Cloud, unchanged, against Cloudhand."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from cloudhand import passage
from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import Endpoint, find_endpoint
from cloudhand.cli.errors import Mistake

EPILOG = (
    "Exit codes: that of COMMAND, 128 + N if signal N ended it; 127 and 126 if it was not found or"
    " could not be run; 2 not understood; 3 no control plane was"
    " found, or it refused or could not be reached."
)


def command(
    command: Annotated[
        list[str],
        typer.Argument(help="The program and its arguments, after --.", metavar="-- COMMAND"),
    ],
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Run a program written for Alibaba Cloud against a running control plane.

    Its calls to ecs, oos, ram, sts, vpc and location reach Cloudhand; every other host of Alibaba
    Cloud is refused by name, so that a rehearsal never touches a real account. The exit code is
    that of the program.

    The program finds its access key in ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET
    and ALIBABA_CLOUD_REGION_ID (ALICLOUD_ACCESS_KEY, ALICLOUD_SECRET_KEY, ALICLOUD_REGION; for
    `cloudhand` itself CLOUDHAND_ACCESS_KEY_ID and so on), the
    control plane in CLOUDHAND_ENDPOINT, the way to it in HTTP_PROXY and HTTPS_PROXY, and whom to
    trust in SSL_CERT_FILE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, NODE_EXTRA_CA_CERTS and
    ALIBABA_CLOUD_CA_BUNDLE; PYTHONPATH has a hook for clients that ask none of these.
    """
    asked = find_endpoint(state, endpoint, ca)
    _reach(asked)
    with passage.open_passage(
        destination(asked), identity(asked), environ=os.environ
    ) as environment:
        code = passage.run(command, environment)
    sys.exit(code)


def destination(endpoint: Endpoint) -> passage.Destination:
    parts = urlsplit(endpoint.url)
    assert parts.hostname is not None
    tls = parts.scheme == "https"
    return passage.Destination(
        host=parts.hostname,
        port=parts.port or (443 if tls else 80),
        tls=tls,
        ca_pem=_authority(endpoint.ca) if endpoint.ca else None,
    )


def _reach(endpoint: Endpoint) -> None:
    """ClientError now rather than the program's own words for it later."""
    client = Client(endpoint)
    try:
        client.call("DescribeRegions")
    finally:
        client.close()


def _authority(ca: str) -> bytes:
    try:
        return Path(ca).read_bytes()
    except OSError as error:
        why = str(error.strerror).lower()
        raise Mistake(f"cannot use the authority {ca}: {why}") from None


def identity(endpoint: Endpoint) -> passage.Identity:
    return passage.Identity(
        access_key_id=endpoint.access_key_id,
        access_key_secret=endpoint.access_key_secret,
        region_id=endpoint.region_id,
    )
