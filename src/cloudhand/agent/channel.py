"""The kick channel: a WebSocket on which the gateway says "look".

While the channel is down, work is found by
asking for it every few seconds.
"""

from __future__ import annotations

import threading
import time
from typing import Callable, List, Optional

from cloudhand.agent import log
from cloudhand.agent.client import Client
from cloudhand.agent.comeback import Comeback
from cloudhand.agent.line import Line
from cloudhand.wire import agent as wire

Fetch = Callable[[wire.Fetch], None]

_ABOUT_ONE = (
    ["kick_vm", "task", "run"],
    ["kick_vm", "task", "stop"],
    ["kick_vm", "file", "create"],
)


class Channel:
    """Runs in a thread of its own; ``fetch`` is called from it, and raises what a client does."""

    def __init__(self, client: Client, fetch: Fetch, closing: threading.Event) -> None:
        self._client = client
        self._fetch = fetch
        self._closing = closing
        self._line: Optional[Line] = None
        self._comeback = Comeback(time.monotonic())

    def run(self) -> None:
        """Keep the channel open until the agent ends."""
        comeback = self._comeback
        while not self._closing.is_set():
            opened_at = time.monotonic()
            try:
                self._serve()
            except Exception as error:  # an outermost loop: whatever it was, kicks must go on
                if not self._closing.is_set():
                    log.info(f"channel: {error}")
            comeback.ended(opened_at=opened_at, now=time.monotonic())
            while time.monotonic() < comeback.open_at and not self._closing.is_set():
                moment = min(comeback.open_at, comeback.look_at)
                self._closing.wait(max(moment - time.monotonic(), 0))
                if time.monotonic() >= comeback.look_at:
                    answered = self._look()
                    comeback.looked(time.monotonic(), answered=answered)

    def close(self) -> None:
        line = self._line
        if line is not None:
            line.leave()

    def _look(self) -> bool:
        """Ask for work without having been kicked; whether somebody answered."""
        try:
            self._fetch(wire.Fetch(reason="kickoff"))
        except (wire.Unavailable, wire.Rejected) as error:
            log.info(f"channel: down, and {error}")
            return False
        return True

    def _serve(self) -> None:
        connection, rest, takes_requests = self._client.upgrade()
        line = self._line = Line(connection, rest)
        self._comeback.opened()
        log.info("channel: open")
        try:
            if takes_requests:
                self._client.ask_over(line)
            # What was asked for while there was no channel.
            self._fetch(wire.Fetch(reason="kickoff"))
            while not self._closing.is_set():
                while line.kicks:
                    line.reply(self._kicked(line.kicks.pop(0)))
                line.read()
        finally:
            self._line = None
            self._client.ask_over(None)
            if self._closing.is_set():
                line.leave()  # whoever wanted the end may have come before there was a line
            line.close()

    def _kicked(self, message: str) -> str:
        """Do what a kick asks for; the answer to it."""
        fetch = _fetch_for(message.split(" "))
        if fetch is None and message != "kick_vm noop":
            return f"unknow:{message}"  # sic: so the published agent spells it
        if fetch is not None:
            self._fetch(fetch)
        return f"accept:{message}"


def _fetch_for(words: "List[str]") -> Optional[wire.Fetch]:
    if words == ["kick_vm"]:
        return wire.Fetch(reason="kickoff")
    if len(words) == 4 and words[:3] in _ABOUT_ONE:
        return wire.Fetch(reason="kickoff", task_id=words[3])
    return None
