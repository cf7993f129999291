"""Names of hosts as they are compared, and which of them NO_PROXY has reached without a proxy."""

from __future__ import annotations

from typing import Mapping


def normal(host: str) -> str:
    """A host as it is compared: lower case, without brackets, zone and closing dot."""
    bare = host.strip()
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    name = bare.partition("%")[0].rstrip(".").lower()
    try:
        # Full-width letters and dots mean the same host to a resolver.
        return name if name.isascii() else name.encode("idna").decode("ascii").rstrip(".")
    except UnicodeError:
        return name


def said(environ: "Mapping[str, str]", name: str) -> str:
    """What a variable says that may be spelled in either case; the lower one wins."""
    return (environ.get(name) or environ.get(name.upper()) or "").strip()


def direct(no_proxy: str, host: str, port: int) -> bool:
    """Whether a host is reached without the proxy.

    As curl has it, and what more Python's clients, Go and others know: ports, and names that begin
    with a star.
    """
    name = normal(host)
    return any(_matches(entry, name, port) for entry in no_proxy.replace(",", " ").split())


def _matches(entry: str, name: str, port: int) -> bool:
    if entry == "*":
        return True
    head, colon, digits = entry.rpartition(":")
    if colon and digits.isdigit() and (head.endswith("]") or ":" not in head):
        return int(digits) == port and _matches(head, name, port)
    wanted = normal(entry)
    if "/" in wanted or ":" in wanted:
        return _in_network(wanted, name)
    wanted = wanted.lstrip("*").lstrip(".")
    return bool(wanted) and (name == wanted or name.endswith("." + wanted))


def _in_network(network: str, name: str) -> bool:
    """An address without a length is a network of one, however it is spelled."""
    import ipaddress  # the agent has it in memory only where there is such an entry

    try:
        return ipaddress.ip_address(name) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
