"""A file that an agent is given to write."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Mapping

from cloudhand.wire import checked

try:  # The built-in module spares the agent the 3 MiB of libcrypto that hashlib loads.
    from _md5 import md5 as _md5  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from hashlib import md5 as _md5

_LONGEST_CONTENT = 1024 * 1024  # characters of base64


@dataclass(frozen=True)
class FileTask:
    """One file for one machine."""

    task_id: str
    name: str
    directory: str  # made where it is missing
    content: bytes
    owner: str = ""  # empty: the agent's own user
    group: str = ""  # empty: the agent's own group
    mode: str = ""  # octal; empty: 0644
    overwrite: bool = False
    timeout: int = 60  # seconds

    def to_json(self) -> "dict[str, Any]":
        content = base64.b64encode(self.content)
        return {
            "task": {
                "taskID": self.task_id,
                "name": self.name,
                "destination": self.directory,
                "content": content.decode(),
                "contentType": "Base64",
                # Of the text, not of what it encodes; the published agent compares.
                "signature": _md5(content).hexdigest(),
                "owner": self.owner,
                "group": self.group,
                "mode": self.mode,
                "overwrite": self.overwrite,
                "timeout": self.timeout,
            },
            "output": {},
        }

    @classmethod
    def from_json(cls, item: "Mapping[str, Any]") -> "FileTask":
        """ValueError for an item that is no file."""
        task = checked.entry(item, "task")
        task_id = checked.text(task, "taskID")
        if not task_id:
            raise ValueError("taskID is missing")
        content = checked.text(task, "content", longest=_LONGEST_CONTENT)
        return cls(
            task_id=task_id,
            name=checked.text(task, "name"),
            directory=checked.text(task, "destination"),
            content=base64.b64decode(content, validate=True),
            owner=checked.text(task, "owner"),
            group=checked.text(task, "group"),
            mode=checked.text(task, "mode"),
            overwrite=task.get("overwrite") is True,
        )
