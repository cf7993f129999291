"""Machines that ssh knows the way to, and how they are named where one types them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address

from cloudhand.cli.errors import Mistake

GROUP = "group:"  # begins the key of the tag that each group becomes
YES = "yes"  # its value
_TAG_LIMIT = 20  # of one machine
# Ranges have colons in their brackets.
_PLACE = re.compile(r"(?P<host>(?:\[[^]]*\]|[^][:])+)(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, kw_only=True)
class Host:
    """One machine, and what ssh is told to reach it. Empty: as ssh itself knows."""

    name: str
    address: str  # or a name of ssh's
    port: int | None = None
    user: str = ""
    key: str = ""  # path of a private one
    options: tuple[str, ...] = ()  # more words for ssh
    become: str = "sudo"  # the program that makes one root; empty: none may
    groups: tuple[str, ...] = ()
    obstacle: str = ""  # why ssh is not the way there
    tags: dict[str, str] = field(default_factory=dict)  # besides those of its groups

    @property
    def labels(self) -> dict[str, str]:
        return {**{f"{GROUP}{name}": YES for name in self.groups}, **self.tags}


def place(text: str) -> tuple[str, int | None]:
    """HOST, HOST:PORT, or an address of version 6, in brackets where a port follows; ValueError."""
    if _version_6(text):
        return text, None
    found = _PLACE.fullmatch(text)
    if not found:
        raise ValueError(f"{text} is no HOST and no HOST:PORT")
    host, port = found["host"], int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{port} is no port")
    return (host[1:-1] if _version_6(host.strip("[]")) else host), port


def _version_6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def typed(text: str) -> Host:
    """What was typed as HOST, USER@HOST or USER@HOST:PORT; Mistake."""
    user, _, rest = text.rpartition("@")
    try:
        name, port = place(rest)
    except ValueError as error:
        raise Mistake(f"cannot use {text}: {error}") from None
    if "[" in name or name.startswith("-"):
        raise Mistake(f"cannot use {text}: it is like web1, root@web1 or root@web1:2222")
    return Host(name=name, address=name, port=port, user=user)


def once(hosts: Iterable[Host]) -> list[Host]:
    """Each name once; Mistake where one name means two machines."""
    found: dict[str, Host] = {}
    for host in hosts:
        if found.setdefault(host.name, host) != host:
            raise Mistake(f"{host.name} was named twice, in different ways")
    return list(found.values())


def limited(hosts: Sequence[Host], limits: Iterable[str]) -> list[Host]:
    """Those that are named, or in a group that is; Mistake for what names none."""
    wanted = [name for text in limits for name in re.split(r"[,\s]+", text) if name]
    kept: set[str] = set()
    for name in wanted:
        if re.search(r"[!&*?:\[\]~]", name) and not any(host.name == name for host in hosts):
            raise Mistake(f"cannot use --limit {name}: it is the name of a machine or a group")
        fitting = {host.name for host in hosts if name in ("all", host.name, *host.groups)}
        if not fitting:
            raise Mistake(f"no machine is named {name}, or in a group of that name")
        kept |= fitting
    return [host for host in hosts if host.name in kept or not wanted]


def check_labels(hosts: Iterable[Host]) -> None:
    """Mistake if one has more tags than a machine may have."""
    for host in hosts:
        if len(host.labels) > _TAG_LIMIT:
            raise Mistake(
                f"{host.name} would have {len(host.labels)} tags, of its groups and of --tag, and a"
                f" machine has at most {_TAG_LIMIT}"
            )
