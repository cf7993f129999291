"""What lies between one machine and its control plane, and what of it fails."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException


class Lost(Exception):
    """A request, or its answer, did not arrive."""


class Work(Protocol):
    """Counts who is at work, so that time passes only when nobody is."""

    busy: int


@dataclass
class Unwatched:
    """Work, where time passes by itself."""

    busy: int = 0


@dataclass(frozen=True, kw_only=True)
class Asked:
    path: str
    query: Mapping[str, str]
    body: bytes


class Network:
    """``refused``: by the last part of their paths, what requests are answered in place of the
    control plane. ``mute``: paths whose requests arrive, and whose answers do not."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        work: Work,
        *,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self.url = url  # of the control plane, without a slash at its end
        self.work = work
        self.down = False
        self.refused: dict[str, int] = {}
        self.mute: set[str] = set()
        self.asked: list[Asked] = []
        self._client = client
        self._trusted = trusted

    async def ask(
        self, method: str, path: str, query: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Status and body; Lost."""
        self.work.busy += 1
        try:
            if self.down:
                raise Lost
            self.asked.append(Asked(path=path, query=dict(parse_qsl(query)), body=body))
            last = path.rpartition("/")[2]
            if last in self.refused:
                return self.refused[last], b"not from the control plane"
            answer = await self._answered(method, f"{path}?{query}", body, headers)
            if last in self.mute:
                raise Lost
        except (httpx.HTTPError, OSError) as error:
            raise Lost from error
        else:
            return answer
        finally:
            self.work.busy -= 1

    async def _answered(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        if target.isascii() and " " not in target:
            answer = await self._client.request(
                method, self.url + target, content=body, headers=headers
            )
            return answer.status_code, answer.content
        # The agent sends it as it is, which other clients do not.
        where = httpx.URL(self.url)
        reader, writer = await asyncio.open_connection(where.host, where.port)
        sent = {"Host": where.host, "Content-Length": str(len(body)), "Connection": "close"}
        lines = [f"{name}: {value}" for name, value in {**sent, **headers}.items()]
        writer.write("\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode() + body)
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        return int(said.split()[1]), said.partition(b"\r\n\r\n")[2]

    async def connect(self, path: str, headers: Mapping[str, str], **how: Any) -> ClientConnection:
        """The kick channel; Lost."""
        self.work.busy += 1
        try:
            if self.down:
                raise Lost
            return await connect(
                self.url.replace("http", "ws", 1) + path,
                additional_headers=headers,
                compression=None,
                proxy=None,
                ping_interval=None,
                max_queue=None,
                ssl=self._trusted,
                **how,
            )
        except (OSError, WebSocketException) as error:
            raise Lost from error
        finally:
            self.work.busy -= 1

    def said(self, kind: str, task_id: str = "") -> list[Asked]:
        """Requests whose path ends so, of one task if one is named."""
        return [
            one
            for one in self.asked
            if one.path.rpartition("/")[2] == kind and task_id in ("", one.query.get("taskId"))
        ]
