"""Terminal sessions between the gateway and published agents. Ours has none yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from cloudhand.wire import checked

LIST_PATH = "/luban/api/v1/session/list"
STATUS_PATH = "/luban/api/v1/session/status"
AGENT_PATH = "/luban/session/backend"  # where an agent opens its end
USER_PATH = "/session"  # where its user does

# Bits a second. Anything from 1 to 16383 ends the whole agent, since it divides by zero; 0 is its
# own choice.
_FLOW_LIMIT = 0


@dataclass(frozen=True)
class Offer:
    """A session as an agent is given it."""

    channel_id: str
    command_line: str = ""
    username: str = ""
    password_name: str = ""
    target_server: str = ""
    port_number: str = ""  # in digits

    def to_json(self) -> "dict[str, Any]":
        return {
            "channelId": self.channel_id,
            "cmdContent": self.command_line,
            "username": self.username,
            "windowsPasswordName": self.password_name,
            "passwordName": self.password_name,  # what later agents read
            "websocketUrl": "",  # which nobody reads
            "targetHost": self.target_server,
            "portNumber": self.port_number,
            "flowLimit": _FLOW_LIMIT,
        }


@dataclass(frozen=True)
class Report:
    """What an agent says when a session has ended, or could not begin."""

    channel_id: str
    succeeded: bool
    error_code: str = ""  # Ok, Notified, Timeout, Open_channel_failed …

    @classmethod
    def from_query(cls, query: "Mapping[str, str]") -> "Report":
        """ValueError for what is no end."""
        status = query.get("status", "")
        if status not in ("Success", "Failed"):
            raise ValueError("status is neither Success nor Failed")
        return cls(
            channel_id=checked.text(query, "channelId"),
            succeeded=status == "Success",
            error_code=checked.text(query, "errorcode", longest=64),
        )
