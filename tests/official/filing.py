"""A file on a machine with the published agent: written and told of at every hand-out."""

from __future__ import annotations

import base64
import binascii
import grp
import hashlib
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write(task: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The kind of the report, and what it says. In the order of the agent's own checks."""
    directory = Path(task["destination"] or "/root")
    if not task["name"]:
        return _invalid("FileNameInvalid", task["name"])
    if not task["content"]:
        return _invalid("EmptyFile", "")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _failed(4)
    try:
        content = base64.b64decode(task["content"], validate=True)
    except binascii.Error:
        return _invalid("InvalidFileContent", "")
    # Of the text, not of what it encodes.
    if hashlib.md5(task["content"].encode()).hexdigest() != task["signature"].lower():
        return _invalid("InvalidSignature", task["signature"])
    path = directory / task["name"]
    if path.exists() and not task["overwrite"]:
        return _invalid("FileExist", task["name"])
    try:
        path.write_bytes(content)
    except OSError:
        return _failed(1)
    try:
        path.chmod(int(task["mode"] or "0644", 8))
    except ValueError:
        return _invalid("InvalidFileMode", task["mode"])
    return _owned(task)


def _owned(task: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Said after the file has been written."""
    for name, param, known in (
        (task["owner"], "FileOwnerNotExist", {one.pw_name for one in pwd.getpwall()}),
        (task["group"], "FileGroupNotExist", {one.gr_name for one in grp.getgrall()}),
    ):
        if name and name not in known:
            return _invalid(param, name)
    return "finish", {"status": "Success", "errorcode": "0"}


def _invalid(param: str, value: str) -> tuple[str, dict[str, str]]:
    return "invalid", {"param": param, "value": value}


def _failed(code: int) -> tuple[str, dict[str, str]]:
    return "finish", {"status": "Failed", "errorcode": str(code)}
