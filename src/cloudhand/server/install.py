"""/install.sh: all that makes a machine one of ours, in one file that is piped into a shell.

For a machine that our agent does not run on, the script fetches the published one from here, too.
"""

from __future__ import annotations

import base64
import re
import textwrap
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cloudhand.control.upgrades import Releases
from cloudhand.core.upgrade import Release
from cloudhand.gateway.channel import Receive, Send
from cloudhand.server.published import FOLDER, Offer, PublishedAgents

PATH = "/install.sh"
PROGRAMS = "/agents/"  # and the digest of one
PIN_HEADER = "x-cloudhand-pin"  # of our key, as `curl --pinnedpubkey` takes it

_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")
_ID = re.compile(r"[0-9A-Fa-f-]{36}")
_CODE = re.compile(r"[A-Za-z0-9+/=-]{1,100}")
_UNCLEAR = "the address is not that of `cloudhand invite`: activation and code are missing\n"


@dataclass(frozen=True, kw_only=True)
class Plane:
    """What a machine is told of its control plane."""

    region_id: str
    state: Path
    authority: str  # PEM of ours; empty without https
    pin: str  # of our key; empty without https


class Installer:
    """An ASGI application for the script, and for what that fetches.

    What a machine installs calls the control plane as whoever fetched this did.
    """

    def __init__(self, plane: Plane, releases: Releases, published: PublishedAgents) -> None:
        self._plane = plane
        self._releases = releases
        self._published = published
        self._text = _source("install.sh").replace("@PUBLISHED_AGENT@\n", _source("published.sh"))

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["path"] == PATH:
            await self._invite(scope, send)
        else:
            await self._hand_out(scope["path"].removeprefix(PROGRAMS), send)

    async def _hand_out(self, digest: str, send: Send) -> None:
        pieces = await self._published.pieces(digest)
        if pieces is None:
            await _reply(send, 404, "there is no such agent any more: paste the line again\n")
            return
        headers = [(b"content-type", b"application/octet-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _invite(self, scope: Any, send: Send) -> None:
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        activation, code = (asked.get(name, [""])[-1] for name in ("activation", "code"))
        known = _HOST.fullmatch(host) and _ID.fullmatch(activation) and _CODE.fullmatch(code)
        if known:
            offered = await self._releases.offered()
            said = {
                "@SERVER@": f"{scope['scheme']}://{host}",
                "@ACTIVATION_ID@": activation,
                "@ACTIVATION_CODE@": code,
                **self._ours(offered),
                **self._theirs(await self._published.offer()),
            }
            body = re.sub("|".join(said), lambda mark: said[mark[0]], self._text)
            await _reply(send, 200, body, self._plane.pin)
        else:
            await _reply(send, 400, _UNCLEAR, self._plane.pin)

    def _ours(self, offered: Release) -> dict[str, str]:
        agent = base64.b64encode(offered.package).decode()
        return {
            "@AUTHORITY@": self._plane.authority.strip(),
            "@MANIFEST@": offered.manifest,
            "@RELEASE_KEY@": "\n".join(textwrap.wrap(offered.key, 76)),
            "@AGENT@": "\n".join(textwrap.wrap(agent, 76)),
        }

    def _theirs(self, offer: Offer) -> dict[str, str]:
        programs = [f"{name} {one.digest}" for name, one in sorted(offer.programs.items())]
        return {
            "@REGION@": self._plane.region_id,
            "@FOLDER@": str(self._plane.state.absolute() / FOLDER),
            "@PROGRAMS@": "\n".join(programs),
            "@OBSTACLES@": "\n".join(offer.obstacles),
        }


def _source(name: str) -> str:
    return resources.files("cloudhand.server").joinpath(name).read_text()


async def _reply(send: Send, status: int, text: str, pin: str = "") -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (PIN_HEADER.encode(), pin.encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
