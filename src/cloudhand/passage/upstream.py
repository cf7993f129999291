"""The proxy that was configured before us, and the hosts that went around it.

Read from the inherited variables as curl and Python read them; the control plane itself is
always reached directly.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from cloudhand.passage.hosts import normal

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
    direct: tuple[str, ...]  # entries of NO_PROXY

    def choose(self, scheme: str, host: str, port: int) -> Upstream | Unusable | None:
        """The proxy for a request; None: go directly."""
        name = normal(host)
        if any(_matches(entry, name, port) for entry in self.direct):
            return None
        return self.by_scheme.get(scheme)


def inherited(environ: Mapping[str, str]) -> Inherited:
    catch_all = _value(environ, "all_proxy")
    found = {scheme: _value(environ, f"{scheme}_proxy") or catch_all for scheme in _PORTS}
    entries = _value(environ, "no_proxy").replace(",", " ").split()
    return Inherited(
        by_scheme={scheme: _parse(text) for scheme, text in found.items() if text},
        direct=tuple(entry.lower() for entry in entries),
    )


def _value(environ: Mapping[str, str], name: str) -> str:
    return (environ.get(name) or environ.get(name.upper()) or "").strip()


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


def _matches(entry: str, name: str, port: int) -> bool:
    if entry == "*":
        return True
    head, colon, digits = entry.rpartition(":")
    if colon and digits.isdigit() and (head.endswith("]") or ":" not in head):
        return int(digits) == port and _matches(head, name, port)
    if "/" in entry:
        return _in_network(entry, name)
    wanted = normal(entry).removeprefix("*").removeprefix(".")
    return bool(wanted) and (name == wanted or name.endswith("." + wanted))


def _in_network(entry: str, name: str) -> bool:
    try:
        return ip_address(name) in ip_network(entry, strict=False)
    except ValueError:
        return False
