"""Which hosts the control plane serves, which are refused, and which are none of our business.

What belongs to the real service and is not served is refused: a rehearsal fails rather than
touch a real account.
"""

from __future__ import annotations

import re
import socket
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from cloudhand.wire.hosts import normal

REAL_DOMAINS = ("aliyuncs.com", "aliyun.com", "alibabacloud.com")

_SERVED = re.compile(
    r"""(
        (ecs|oos|ram|sts|vpc|location) (-vpc)? ([.-] [a-z]{2,3}(-[a-z0-9]+)+)?
        | location-readonly
    ) \.aliyuncs\.com""",
    re.VERBOSE,
)
# Where machines ask who they are; whoever answers there hands out real credentials.
_METADATA = (
    ip_network("100.100.100.200/32"),
    ip_network("169.254.0.0/16"),
    ip_network("fe80::/10"),
    ip_network("fd00:ec2::/32"),
)
_TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("::/96"))
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "instance-data"})


class Place(StrEnum):
    """What becomes of a request to a host."""

    SERVED = "served"  # by the control plane
    REAL = "real"  # refused: the real service
    METADATA = "metadata"  # refused: instance metadata
    ELSEWHERE = "elsewhere"  # passed on


def place(host: str) -> Place:
    """Decide by name; an address may be written in any way that resolvers understand."""
    name = normal(host)
    address = _address(name)
    if address is not None:
        return Place.METADATA if is_metadata(address) else Place.ELSEWHERE
    if _SERVED.fullmatch(name):
        return Place.SERVED
    if any(name == domain or name.endswith("." + domain) for domain in REAL_DOMAINS):
        return Place.REAL
    return Place.METADATA if name in _METADATA_NAMES else Place.ELSEWHERE


def is_metadata(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        address = _inner(address) or address
    return any(address in network for network in _METADATA)


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The address of the older kind that this one leads to."""
    if any(address in network for network in _TRANSLATED):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        pass
    try:
        # Resolvers take 1684300998 and 0x64.100.25800 for addresses, too.
        return IPv4Address(socket.inet_aton(name)) if name and name[0].isdigit() else None
    except OSError:
        return None
