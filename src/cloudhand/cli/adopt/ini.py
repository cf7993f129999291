"""Ansible's inventories in the manner of INI files, as its plugin `ini` reads them."""

from __future__ import annotations

import ast
import re
import shlex

from cloudhand.cli.adopt.draft import Draft, Said, Unreadable

_SECTION = re.compile(r"\[(?P<group>[^:\]\s]+)(?::(?P<kind>\w+))?\]\s*(?:#.*)?")
_CHILD = re.compile(r"(?P<group>[^:\]\s#]+)\s*(?:#.*)?")
_KINDS = ("hosts", "children", "vars")


def read(text: str, path: str) -> Draft:
    """``path``: what it is called where something is not understood; Unreadable."""
    draft = Draft()
    group, kind = "ungrouped", "hosts"
    there = {"all", "ungrouped"}
    meant: dict[str, str] = {}  # groups that are to be there, and where that was said
    for number, line in enumerate(text.splitlines(), 1):
        where, line = f"{path}:{number}", line.strip()
        if not line or line[0] in "#;":
            continue
        if section := _SECTION.fullmatch(line):
            group, kind = section["group"], section["kind"] or "hosts"
            if kind not in _KINDS:
                raise Unreadable(where, f"[{group}:{kind}] is none of {', '.join(_KINDS)}")
            # Variables alone make no group.
            there |= {group} if kind != "vars" else set()
            meant.setdefault(group, where)
        elif kind == "hosts":
            _hosts(draft, group, line, where)
        elif kind == "children":
            child = _child(line, where)
            meant.setdefault(child, where)
            draft.child(group, child)
        else:
            draft.variables(group, {_name(line, where): _value(line, where)})
    for name, where in meant.items():
        if name not in there:
            raise Unreadable(where, f"there is no group {name}")
        draft.group(name)
    draft.check(path)
    return draft


def _child(line: str, where: str) -> str:
    found = _CHILD.fullmatch(line)
    if not found:
        raise Unreadable(where, f"{line} is not the name of one group")
    return found["group"]


def _hosts(draft: Draft, group: str, line: str, where: str) -> None:
    try:
        pattern, *pairs = shlex.split(line, comments=True)
    except ValueError:
        raise Unreadable(where, "a quotation is not closed") from None
    said = {_name(pair, where): _value(pair, where) for pair in pairs}
    draft.hosts(group, pattern, said, where)


def _name(pair: str, where: str) -> str:
    name, equals, _ = pair.partition("=")
    if not equals or not name.strip():
        raise Unreadable(where, f"{pair} is not NAME=VALUE")
    return name.strip()


def _value(pair: str, where: str) -> Said:
    """As Python reads it, if it does: that takes quotation marks away, and comments."""
    text = pair.partition("=")[2].strip()
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = text
    return Said(text=str(value) if isinstance(value, str | int | float) else text, where=where)
