"""By what machines join: the address of the control plane for them, and its installer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

import typer

from cloudhand.cli.endpoint import Endpoint
from cloudhand.cli.errors import Mistake

PATH = "/install.sh"

At = Annotated[
    str,
    typer.Option(
        help="URL by which they reach the control plane; else as `serve --name` said.",
        metavar="URL",
    ),
]


def address(endpoint: Endpoint, at: str) -> str:
    """By which other machines reach it: what was said, else what it knows of itself; Mistake."""
    url = (at or _reachable(endpoint)).rstrip("/")
    if urlsplit(url).scheme not in ("http", "https"):
        raise Mistake(f"{url} is no address: write http://HOST:PORT or https://HOST:PORT")
    return url


def _reachable(endpoint: Endpoint) -> str:
    if endpoint.public_url:
        return endpoint.public_url
    host = urlsplit(endpoint.url).hostname or ""
    if endpoint.state is None and host not in ("localhost", "127.0.0.1", "::1"):
        return endpoint.url
    raise Mistake(
        f"it listens at {endpoint.url}, where other machines do not reach it: start it with"
        " `cloudhand serve --listen 0.0.0.0:8650 --tls --name HOST`, or say --at URL"
    )


def installer(made: Mapping[str, Any]) -> str:
    """Where the installer is that carries an activation, as CreateActivation answered."""
    asked = {"activation": made["ActivationId"], "code": made["ActivationCode"]}
    return f"{PATH}?{urlencode(asked)}"
