"""What the plugin manager of published agents says and asks. Ours has no plugins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Tuple

from cloudhand.wire import checked

REPORT_PATH = "/luban/api/v1/plugin/report_status"
LIST_PATH = "/luban/api/v1/plugin/list"
UPDATE_PATH = "/luban/api/v2/plugin/update_check"

# Seconds, as agents have them of their own: between looks at the plugins, at their heart-beats,
# and at whether they are out of date.
INTERVALS = {"scanInterval": 900, "pullInterval": 300, "refreshInterval": 1800}

_MOST = 200  # plugins in one report
_LONGEST_NAME, _LONGEST_VERSION = 255, 32


@dataclass(frozen=True)
class PluginStatus:
    name: str
    status: str  # PERSIST_RUNNING, ONCE_INSTALLED, REMOVED …
    version: str = ""


def statuses_from_json(body: "Mapping[str, Any]") -> "Tuple[PluginStatus, ...]":
    """ValueError for fields of the wrong type, or too many of them."""
    entries = checked.entries(body, "plugin")
    if len(entries) > _MOST:
        raise ValueError(f"plugin has more than {_MOST} entries")
    found = tuple(
        PluginStatus(
            name=checked.text(entry, "name", longest=_LONGEST_NAME),
            status=checked.text(entry, "status"),
            version=checked.text(entry, "version", longest=_LONGEST_VERSION),
        )
        for entry in entries
    )
    if not all(one.name for one in found):
        raise ValueError("a plugin has no name")
    return found
