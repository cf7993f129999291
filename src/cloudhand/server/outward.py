"""Messages to addresses of the world, which are not to reach what is near.

Whoever writes a template names the address. One of this machine, of its network or of a cloud's
metadata service could do there what its author may not.
"""

from __future__ import annotations

import asyncio
import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, urlsplit

_TIMEOUT = 10  # seconds
KEY_HEADER = "X-Cloudhand-Key"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Outward:
    """orchestration.action.Poster. ``allowed``: near networks that may be reached all the same."""

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    async def __call__(self, url: str, *, headers: Mapping[str, str], body: bytes, key: str) -> int:
        return await asyncio.to_thread(self._post, url, {**headers, KEY_HEADER: key}, body)

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        parts, host, port = _place(url)
        sock = socket.create_connection((self._address(host, port), port), timeout=_TIMEOUT)
        if parts.scheme == "https":
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = sock
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", target, body=body, headers=dict(headers))
            return connection.getresponse().status
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(f"it does not speak HTTP: {error}") from None
        finally:
            connection.close()

    def _address(self, host: str, port: int) -> str:
        """What a name stands for, looked up once: it could change after it was looked at."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:  # no name has such letters, or so many
            raise OSError(f"cannot find {host}") from None
        except OSError as error:
            raise OSError(f"cannot find {host}: {error.strerror}") from None
        for *_, where in found:
            address = ipaddress.ip_address(where[0])
            near = not address.is_global or address.is_multicast
            if near and not any(address in network for network in self._allowed):
                raise PermissionError(f"{host} is an address of this machine or its network")
        return str(found[0][4][0])


def _place(url: str) -> tuple[SplitResult, str, int]:
    """Its parts, among them host and port; OSError unless it is an address of http or https."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise OSError("its address is not one of http or https") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OSError("its address is not one of http or https")
    return parts, parts.hostname, port
