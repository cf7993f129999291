"""/install.sh: all that makes a machine one of ours, in one file that is piped into a shell."""

from __future__ import annotations

import base64
import re
import textwrap
from importlib import resources
from typing import Any
from urllib.parse import parse_qs

from cloudhand.control.upgrades import Releases
from cloudhand.core.upgrade import Release
from cloudhand.gateway.channel import Receive, Send

PATH = "/install.sh"
PIN_HEADER = "x-cloudhand-pin"  # of our key, as `curl --pinnedpubkey` takes it

_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")
_ID = re.compile(r"[0-9A-Fa-f-]{36}")
_CODE = re.compile(r"[A-Za-z0-9+/=-]{1,100}")
_UNCLEAR = "the address is not that of `cloudhand invite`: activation and code are missing\n"


class Installer:
    """An ASGI application for one path.

    What a machine installs calls the control plane as whoever fetched this did.
    """

    def __init__(self, releases: Releases, authority: str, pin: str) -> None:
        """``authority``: PEM of ours; ``pin``: of our key. Both are empty without https."""
        self._authority = authority
        self._pin = pin
        self._text = resources.files("cloudhand.server").joinpath("install.sh").read_text()
        self._releases = releases

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        activation, code = (asked.get(name, [""])[-1] for name in ("activation", "code"))
        known = _HOST.fullmatch(host) and _ID.fullmatch(activation) and _CODE.fullmatch(code)
        if known:
            offered = await self._releases.offered()
            server = f"{scope['scheme']}://{host}"
            status, body = 200, self._script(offered, server, activation, code)
        else:
            status, body = 400, _UNCLEAR
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (PIN_HEADER.encode(), self._pin.encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode()})

    def _script(self, offered: Release, server: str, activation: str, code: str) -> str:
        agent = base64.b64encode(offered.package).decode()
        said = {
            "@SERVER@": server,
            "@ACTIVATION_ID@": activation,
            "@ACTIVATION_CODE@": code,
            "@AUTHORITY@": self._authority.strip(),
            "@MANIFEST@": offered.manifest,
            "@RELEASE_KEY@": "\n".join(textwrap.wrap(offered.key, 76)),
            "@AGENT@": "\n".join(textwrap.wrap(agent, 76)),
        }
        return re.sub("|".join(said), lambda mark: said[mark[0]], self._text)
