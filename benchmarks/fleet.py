"""Simulated agents: they speak the agent protocol truly, and run nothing.

Each joins with an activation, signs every request, beats, says its inventory, opens a channel,
over which it asks from then on, and for each kick fetches its work and reports that it ended. As
the real agent does for a script that is soon over, it sends one report for each task. Orders come
as lines of JSON, and so do the answers.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import Any

import uvloop

from benchmarks.child import begin, orders
from benchmarks.link import Connection, Link, Opcode, Server, register
from cloudhand.wire import agent as wire

_JOINING_AT_ONCE = 50
_OUTPUT = b"helloworld\n"


class Total:
    """What all agents have done."""

    def __init__(self) -> None:
        self.acknowledged = self.kicks = 0
        self.links: list[Link] = []
        self.changed = asyncio.Event()

    def done(self) -> None:
        self.acknowledged += 1
        self.changed.set()

    @property
    def requests(self) -> int:
        return sum(link.requests for link in self.links)

    async def reaches(self, acknowledged: int) -> dict[str, int]:
        while self.acknowledged < acknowledged:
            self.changed.clear()
            await self.changed.wait()
        names = ("acknowledged", "requests", "kicks")
        return {name: getattr(self, name) for name in names}


class Agent:
    def __init__(self, server: Server, total: Total) -> None:
        self._link = Link(server)
        self._total = total
        total.links.append(self._link)
        self._beats = 0
        self._started = time.monotonic()

    async def join(self, activation: str, code: str) -> Connection:
        """Until it is online; its open channel."""
        await register(self._link, activation, code)
        await self.beat()
        inventory = wire.Inventory(boot_id=self._link.boot_id)
        await self._link.ask(
            "POST", wire.INVENTORY_PATH, {}, json.dumps(inventory.to_json()).encode()
        )
        await self._fetch(wire.Fetch(reason="startup", cold_start=True))
        return await self._link.open_channel()

    @property
    def instance_id(self) -> str:
        return self._link.instance_id

    async def beat(self) -> None:
        heartbeat = wire.Heartbeat(
            uptime=int(time.monotonic() * 1000),
            timestamp=int(time.time() * 1000),
            pid=1,
            process_uptime=int((time.monotonic() - self._started) * 1000),
            index=self._beats,
            seq_no=self._beats,
            cold_start=self._beats == 0,
        )
        self._beats += 1
        answer = await self._link.ask("GET", wire.HEARTBEAT_PATH, heartbeat.to_query())
        loop = asyncio.get_running_loop()
        loop.call_later(answer["nextInterval"] / 1000, begin, self.beat())

    async def listen(self, channel: Connection) -> None:
        while True:
            opcode, payload = await channel.frame()
            match opcode:
                case Opcode.BINARY:
                    self._link.answered(payload)
                case Opcode.TEXT:
                    self._total.kicks += 1
                    begin(self._kicked(payload.decode(), channel))
                case Opcode.PING:
                    channel.send_frame(Opcode.PONG, payload)
                case Opcode.CLOSE:
                    raise ConnectionResetError("the control plane closed a channel")

    async def _kicked(self, message: str, channel: Connection) -> None:
        words = message.split(" ")
        await self._fetch(wire.Fetch(reason="kickoff", task_id=words[3] if words[1:] else ""))
        channel.send_frame(Opcode.TEXT, f"accept:{message}".encode())

    async def _fetch(self, fetch: wire.Fetch) -> None:
        answer = await self._link.ask("POST", wire.TASK_LIST_PATH, fetch.to_query())
        for task in wire.Worklist.from_json(answer).run:
            begin(self._perform(task))

    async def _perform(self, task: wire.Task) -> None:
        now = int(time.time() * 1000)
        report = wire.Report(
            kind=wire.FINISH, task_id=task.task_id, output=_OUTPUT, start=now, end=now, offset=0
        )
        await self._link.ask("POST", wire.REPORT_PATH + report.kind, report.to_query(), _OUTPUT)
        self._total.done()


async def _serve(server: Server) -> None:
    total = Total()
    async for order in orders():
        match order:
            case {"join": activations}:
                answer: Any = await _join(server, total, activations)
            case {"until": acknowledged}:
                answer = await total.reaches(acknowledged)
        print(json.dumps(answer), flush=True)


async def _join(server: Server, total: Total, activations: list[tuple[str, str, int]]) -> list[str]:
    places = asyncio.Semaphore(_JOINING_AT_ONCE)

    async def one(activation: str, code: str) -> str:
        async with places:
            agent = Agent(server, total)
            begin(agent.listen(await agent.join(activation, code)))
            return agent.instance_id

    wanted = [one(id_, code) for id_, code, count in activations for _ in range(count)]
    return await asyncio.gather(*wanted)


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    url, ca = sys.argv[1:]
    uvloop.run(_serve(Server(url, ca)))


if __name__ == "__main__":
    main()
