"""The proxy that was configured before us, and the hosts that went around it.

Read from the inherited variables as curl and Python read them; the control plane itself is
always reached directly.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from cloudhand.wire import hosts

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Upstream:
    host: str
    port: int
    tls: bool  # the way to the proxy itself
    authorization: bytes | None  # value of Proxy-Authorization


@dataclass(frozen=True, kw_only=True)
class Unusable:
    """A configured proxy that we cannot speak to; going around it would not be what was asked."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Inherited:
    """How the world beyond was reached before us."""

    by_scheme: Mapping[str, Upstream | Unusable]  # keys "http" and "https"
    no_proxy: str

    def choose(self, scheme: str, host: str, port: int) -> Upstream | Unusable | None:
        """The proxy for a request; None: go directly."""
        return None if hosts.direct(self.no_proxy, host, port) else self.by_scheme.get(scheme)


def inherited(environ: Mapping[str, str]) -> Inherited:
    catch_all = hosts.said(environ, "all_proxy")
    found = {scheme: hosts.said(environ, f"{scheme}_proxy") or catch_all for scheme in _PORTS}
    return Inherited(
        by_scheme={scheme: _parse(text) for scheme, text in found.items() if text},
        no_proxy=hosts.said(environ, "no_proxy"),
    )


def _parse(text: str) -> Upstream | Unusable:
    shown = text.rpartition("@")[2]  # never show a password
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError:
        return Unusable(reason=f"the inherited proxy {shown} has no valid address")
    if parts.scheme not in _PORTS or not parts.hostname:
        return Unusable(reason=f"the inherited proxy {shown} is not an http or https proxy")
    return Upstream(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls=parts.scheme == "https",
        authorization=_basic(parts.username, parts.password),
    )


def _basic(user: str | None, password: str | None) -> bytes | None:
    if user is None:
        return None
    return b"Basic " + base64.b64encode(f"{unquote(user)}:{unquote(password or '')}".encode())
