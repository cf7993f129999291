"""What an inventory says, however it is written, to machines: groups in groups, and variables.

Of variables those count that say how Ansible itself comes onto a machine, with its precedence: what
is nearer to the machine wins.
"""

from __future__ import annotations

import re
import shlex
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cloudhand.cli.adopt.hosts import Host, place
from cloudhand.cli.errors import Mistake

ALL, _UNGROUPED = "all", "ungrouped"
_MOST = 10_000  # machines of one inventory
_BY_SSH = ("ssh", "smart", "paramiko", "paramiko_ssh", "libssh", "ansible.builtin.ssh")
_BECOMING = ("sudo", "doas", "ansible.builtin.sudo", "community.general.doas")
_PASSWORDS = (
    "ansible_password", "ansible_ssh_pass", "ansible_ssh_password",
    "ansible_become_pass", "ansible_become_password", "ansible_sudo_pass",
)  # fmt: skip
_TRUE, _FALSE = ("yes", "true", "on", "1", "y", "t"), ("no", "false", "off", "0", "n", "f")
_RANGE = re.compile(r"\[(?P<first>\w*):(?P<last>\w+)(?::(?P<step>\d+))?\]")


class Unreadable(Mistake):
    """What stands in an inventory is not understood."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")


@dataclass(frozen=True, kw_only=True)
class Said:
    """The value of a variable."""

    text: str
    where: str  # FILE:LINE
    sealed: bool = False  # by Ansible's vault


class Draft:
    def __init__(self) -> None:
        self._hosts: dict[str, dict[str, Said]] = {}
        self._direct: dict[str, set[str]] = {}  # of each host, the groups that name it
        self._parents: dict[str, set[str]] = {ALL: set(), _UNGROUPED: {ALL}}
        self._said: dict[str, dict[str, Said]] = {}  # by group

    @property
    def groups(self) -> list[str]:
        return list(self._parents)

    @property
    def names(self) -> list[str]:
        return list(self._hosts)

    def group(self, name: str) -> None:
        self._parents.setdefault(name, set())

    def child(self, parent: str, name: str) -> None:
        self.group(parent)
        self.group(name)
        self._parents[name].add(parent)

    def variables(self, group: str, said: Mapping[str, Said]) -> None:
        self._said.setdefault(group, {}).update(said)

    def hosts(self, group: str, pattern: str, said: Mapping[str, Said], where: str) -> None:
        """Those that a name stands for, which may have ranges and a port; Unreadable."""
        self.group(group)
        try:
            name, port = place(pattern)
            names = list(_expanded(name))
        except ValueError as error:
            raise Unreadable(where, str(error)) from None
        given = {**({"ansible_port": Said(text=str(port), where=where)} if port else {}), **said}
        for one in names:
            self.host(one, given)
            self._direct[one].add(group)
        if len(self._hosts) > _MOST:
            raise Unreadable(where, f"these are more than {_MOST} machines")

    def host(self, name: str, said: Mapping[str, Said]) -> None:
        self._hosts.setdefault(name, {}).update(said)
        self._direct.setdefault(name, set())

    def machines(self) -> Iterator[Host]:
        """In the order in which they were named; Unreadable."""
        for name, own in self._hosts.items():
            groups = {ALL, *self._above(self._direct[name])}
            said: dict[str, Said] = {}
            for group in sorted(groups, key=lambda group: (self._depth(group), group)):
                said |= self._said.get(group, {})
            named = tuple(sorted(groups - {ALL, _UNGROUPED}))
            yield _host(name, named, {**said, **own})

    def passwords(self) -> list[str]:
        """Where there are some, which nothing here uses."""
        everywhere = [*self._said.values(), *self._hosts.values()]
        found = {said[name].where for said in everywhere for name in _PASSWORDS if name in said}
        return sorted(found)

    def check(self, where: str) -> None:
        """Unreadable where a group contains itself."""
        for group in self._parents:
            above = self._above(self._parents[group])
            if group in above:
                raise Unreadable(where, f"the group {group} contains itself")

    def _above(self, groups: set[str]) -> set[str]:
        found: set[str] = set()
        left = set(groups)
        while left:
            found |= left
            left = {parent for group in left for parent in self._parents[group]} - found
        return found

    def _depth(self, group: str) -> int:
        """Of the longest way from ``all``; no group contains itself."""
        if group == ALL:
            return 0
        return 1 + max((self._depth(parent) for parent in self._parents[group]), default=0)


def _expanded(pattern: str) -> Iterator[str]:
    """web[01:03] is web01, web02, web03; ValueError."""
    found = _RANGE.search(pattern)
    if not found:
        if set(pattern) & set("[]"):
            raise ValueError(f"{pattern} has no range like [01:20] or [a:c]")
        yield pattern
        return
    head, tail = pattern[: found.start()], pattern[found.end() :]
    for middle in _between(found["first"] or "0", found["last"], int(found["step"] or 1)):
        for rest in _expanded(tail) if "[" in tail else (tail,):
            yield f"{head}{middle}{rest}"


def _between(first: str, last: str, step: int) -> Iterator[str]:
    wrong = f"[{first}:{last}] is no range like [01:20] or [a:c]"
    letters = string.ascii_letters
    if first.isdecimal() and last.isdecimal():
        width = len(first) if first.startswith("0") and len(first) > 1 else 0
        begin, end = int(first), int(last)
        if width and width != len(last):
            raise ValueError(f"{wrong}: both ends are to be of the same length")
    elif len(first) == len(last) == 1 and first in letters and last in letters:
        width, begin, end = -1, letters.index(first), letters.index(last)
    else:
        raise ValueError(wrong)
    if step < 1 or begin > end or end - begin > _MOST * step:
        raise ValueError(wrong)
    for number in range(begin, end + 1, step):
        yield letters[number] if width < 0 else f"{number:0{width}d}"


class _Variables:
    """Those of one machine, by name, as plain text; Unreadable."""

    def __init__(self, said: Mapping[str, Said]) -> None:
        self._said = said

    def where(self, *names: str) -> str:
        return next(self._said[name].where for name in names if name in self._said)

    def one(self, *names: str) -> str:
        """The first that is there; empty if none is."""
        for name in names:
            if name in self._said:
                return self._plain(name, self._said[name])
        return ""

    def words(self, *names: str) -> Iterator[str]:
        for name in names:
            try:
                yield from shlex.split(self.one(name))
            except ValueError:
                raise Unreadable(self.where(name), f"{name} has an open quotation") from None

    def port(self) -> int | None:
        names = ("ansible_port", "ansible_ssh_port")
        text = self.one(*names)
        if text and not (text.isdecimal() and 0 < int(text) < 65536):
            raise Unreadable(self.where(*names), f"{text} is no port")
        return int(text) if text else None

    def flag(self, name: str, *, default: bool) -> bool:
        text = self.one(name).lower()
        if text and text not in _TRUE + _FALSE:
            raise Unreadable(self.where(name), f"{name} is yes or no, not {text}")
        return text in _TRUE if text else default

    def _plain(self, name: str, said: Said) -> str:
        if said.sealed:
            raise Unreadable(
                said.where, f"{name} is in Ansible's vault, which is not opened here: write it out"
            )
        if "{{" in said.text or "{%" in said.text:
            raise Unreadable(
                said.where, f"{name} is {said.text}, which Ansible alone evaluates: write it out"
            )
        return said.text


def _host(name: str, groups: tuple[str, ...], said: Mapping[str, Said]) -> Host:
    given = _Variables(said)
    arguments = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
    return Host(
        name=name,
        address=given.one("ansible_host", "ansible_ssh_host") or name,
        port=given.port(),
        user=given.one("ansible_user", "ansible_ssh_user"),
        key=given.one("ansible_ssh_private_key_file", "ansible_private_key_file"),
        options=tuple(given.words(*arguments)),
        become=_become(given),
        groups=groups,
        obstacle=_obstacle(given),
    )


def _become(given: _Variables) -> str:
    if not given.flag("ansible_become", default=True):
        return ""
    method = given.one("ansible_become_method") or "sudo"
    return given.one("ansible_become_exe") or method.rpartition(".")[2]


def _obstacle(given: _Variables) -> str:
    connection = given.one("ansible_connection") or "ssh"
    method = given.one("ansible_become_method") or "sudo"
    if connection not in _BY_SSH:
        return f"its ansible_connection is {connection}, and this goes over ssh"
    if method not in _BECOMING:
        return f"its ansible_become_method is {method}, and this knows sudo and doas"
    return ""
