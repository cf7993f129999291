"""Simulated machines that live through outages, restarts and cut lines, as the real agent does.

Their pauses are the real agent's own (`cloudhand.agent.comeback`, `cloudhand.agent.backoff`).
`python -m benchmarks.returning URL [MARKS]` takes orders as lines of JSON and answers with such.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import uvloop

from benchmarks.child import begin, orders
from benchmarks.link import Connection, Link, Opcode, Refused, Server, register
from benchmarks.tasks import Mischief, Tasks
from cloudhand.agent.backoff import Backoff
from cloudhand.agent.comeback import Comeback, beats
from cloudhand.agent.enrolment import RETRY_FIRST, RETRY_LAST
from cloudhand.wire import agent as wire

_JOINING_AT_ONCE = 50
_SOURCES = 16  # addresses of this machine, so that ports suffice
_DARK = 2.0  # seconds at most that a machine needs to restart
_SWITCHED_ON = 8.0  # seconds at most after which somebody starts one that stopped


@dataclass(frozen=True, kw_only=True)
class Weather:
    """What happens to a machine by itself, as rates: times an hour."""

    cuts: float = 0.0  # of its line
    crashes: float = 0.0  # of its agent, while scripts run on
    failures: float = 0.0  # of its power
    mischief: Mischief = Mischief()

    @classmethod
    def of(cls, said: dict[str, Any]) -> Weather:
        return cls(**{**said, "mischief": Mischief(**said.get("mischief", {}))})


class Machine:
    def __init__(self, link: Link, *, random: Random, weather: Weather, marks: Path | None) -> None:
        self.open = False  # its channel
        self.off = False
        self._link = link
        self._random = random
        self._weather = weather
        self._ends = asyncio.Event()  # of this agent
        self._beats = 0
        self._unheard = False  # the last heart-beat failed
        self._failing = beats()
        self.tasks = Tasks(
            link, random=random, mischief=weather.mischief, marks=marks, power=self._powered
        )

    async def live(self) -> None:
        """For ever, one agent after the other."""
        while True:
            self._ends.clear()
            agent = asyncio.create_task(self._agent())
            weather = asyncio.create_task(self._suffer())
            ends = asyncio.create_task(self._ends.wait())
            await asyncio.wait({agent, ends}, return_when=asyncio.FIRST_COMPLETED)
            for one in (agent, weather, ends):
                one.cancel()
            done = await asyncio.gather(agent, weather, ends, return_exceptions=True)
            self._link.cut()
            self.tasks.agent_ended()
            for failure in done:
                if isinstance(failure, Exception):
                    raise failure
            await self._dark()

    async def _dark(self) -> None:
        """If it has lost its power, until that is back."""
        if self.off:
            self.tasks.boot_ended()
            await asyncio.sleep(self._random.uniform(0.2, self._outage))
            self._link.boot_id = str(uuid.uuid4())
            self.off = False

    def _powered(self, kind: str) -> None:
        self.off, self._outage = True, _DARK if kind == "restart" else _SWITCHED_ON
        self._ends.set()

    async def _suffer(self) -> None:
        weather = self._weather
        rates = {"cut": weather.cuts, "crash": weather.crashes, "fail": weather.failures}
        if not any(rates.values()):
            return
        while True:
            await asyncio.sleep(self._random.expovariate(sum(rates.values()) / 3600))
            match self._random.choices(list(rates), list(rates.values()))[0]:
                case "cut":
                    self._link.cut()
                case "crash":
                    self._ends.set()
                case "fail":
                    self._powered("restart")

    async def _agent(self) -> None:
        """As `Life` does: joined, it keeps its channel, and beats."""
        orders = await self._join()
        self.tasks.agent_began()
        for task_id in orders.stop:
            self.tasks.stop(task_id)
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._keep_channel())
            loops.create_task(self._keep_beating())

    async def _join(self) -> wire.Orders:
        backoff = Backoff(RETRY_FIRST, RETRY_LAST)
        while True:
            with contextlib.suppress(OSError, Refused):
                self._interval = await self._beat()
                inventory = json.dumps(self.tasks.inventory().to_json()).encode()
                said = await self._link.ask("POST", wire.INVENTORY_PATH, {}, inventory)
                await self._fetch(wire.Fetch(reason="startup", cold_start=self._beats == 1))
                return wire.Orders.from_json(said)
            await asyncio.sleep(backoff.pause())

    async def _keep_channel(self) -> None:
        """As `Channel.run` does."""
        clock = asyncio.get_running_loop().time
        comeback = self._comeback = Comeback(clock())
        while True:
            opened_at = clock()
            with contextlib.suppress(OSError, EOFError, Refused):
                await self._serve()
            comeback.ended(opened_at=opened_at, now=clock())
            while clock() < comeback.open_at:
                moment = min(comeback.open_at, comeback.look_at)
                await asyncio.sleep(max(moment - clock(), 0))
                if clock() >= comeback.look_at:
                    answered = False
                    with contextlib.suppress(OSError, Refused):
                        await self._fetch(wire.Fetch(reason="kickoff"))
                        answered = True
                    comeback.looked(clock(), answered=answered)

    async def _serve(self) -> None:
        channel = await self._link.open_channel()
        self._comeback.opened()
        self.open = True
        try:
            async with asyncio.TaskGroup() as kicked:
                kicked.create_task(self._look("", channel))
                await self._listen(channel, kicked)
        except* (OSError, EOFError, Refused) as errors:
            raise ConnectionResetError("the channel ended") from errors
        finally:
            self.open = False
            self._link.lost()

    async def _listen(self, channel: Connection, kicked: asyncio.TaskGroup) -> None:
        while True:
            opcode, payload = await channel.frame()
            match opcode:
                case Opcode.BINARY:
                    self._link.answered(payload)
                case Opcode.TEXT:
                    kicked.create_task(self._look(payload.decode(), channel))
                case Opcode.PING:
                    channel.send_frame(Opcode.PONG, payload)
                case Opcode.CLOSE:
                    raise ConnectionResetError("the control plane closed a channel")

    async def _look(self, kick: str, channel: Connection) -> None:
        """For what a kick tells of; without one, for what was asked for meanwhile."""
        words = kick.split(" ")
        await self._fetch(wire.Fetch(reason="kickoff", task_id=words[3] if words[1:] else ""))
        if kick:
            channel.send_frame(Opcode.TEXT, f"accept:{kick}".encode())

    async def _fetch(self, fetch: wire.Fetch) -> None:
        answer = await self._link.ask("POST", wire.TASK_LIST_PATH, fetch.to_query())
        self.tasks.take(wire.Worklist.from_json(answer))
        if self._unheard:
            await self._try_to_beat()

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            self._interval = await self._try_to_beat()

    async def _try_to_beat(self) -> float:
        """Seconds to the next one."""
        try:
            pause = await self._beat()
        except (OSError, Refused):
            self._unheard = True
            return self._failing.pause()
        self._unheard = False
        self._failing.reset()
        return pause

    async def _beat(self) -> float:
        """Seconds to the next one."""
        heartbeat = wire.Heartbeat(
            uptime=int(time.monotonic() * 1000),
            timestamp=int(time.time() * 1000),
            pid=1,
            process_uptime=1000,
            index=self._beats,
            seq_no=self._beats,
            cold_start=self._beats == 0,
        )
        answer = await self._link.ask("GET", wire.HEARTBEAT_PATH, heartbeat.to_query())
        self._beats += 1
        return float(answer["nextInterval"]) / 1000


class Crowd:
    def __init__(self, server: Server, marks: Path | None) -> None:
        self._server = server
        self._marks = marks
        self._machines: list[Machine] = []
        self._by_second: Counter[int] = Counter()

    async def join(
        self, activations: list[tuple[str, str, int]], seed: int, weather: dict[str, Any]
    ) -> list[str]:
        """Their ids; each is online soon."""
        places, random = asyncio.Semaphore(_JOINING_AT_ONCE), Random(seed)
        told = Weather.of(weather)

        async def one(activation: str, code: str) -> str:
            number = len(self._machines) + 1
            link = Link(self._server, source=f"127.0.0.{2 + number % _SOURCES}")
            own = Random(random.random())
            machine = Machine(link, random=own, weather=told, marks=self._marks)
            self._machines.append(machine)
            async with places:
                await register(link, activation, code)
            begin(machine.live())
            return link.instance_id

        wanted = [one(id_, code) for id_, code, count in activations for _ in range(count)]
        return await asyncio.gather(*wanted)

    def told(self) -> dict[str, Any]:
        return {
            "machines": len(self._machines),
            "open": sum(machine.open for machine in self._machines),
            "acknowledged": sum(machine.tasks.acknowledged for machine in self._machines),
            "connections": self._server.connections,
            "failures": self._server.failures,
            "by_second": dict(self._by_second),
        }

    async def keep_counting(self) -> None:
        """Connections by the second since the epoch."""
        before = self._server.connections
        while True:
            second = int(time.time())
            await asyncio.sleep(second + 1 - time.time())
            now = self._server.connections
            self._by_second[second] += now - before
            before = now


async def _serve(url: str, marks: Path | None) -> None:
    crowd = Crowd(Server(url, ""), marks)
    begin(crowd.keep_counting())
    async for order in orders():
        match order:
            case {"join": activations, "seed": seed, "weather": weather}:
                answer: Any = await crowd.join(activations, seed, weather)
            case {"told": _}:
                answer = crowd.told()
        print(json.dumps(answer), flush=True)


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    url, *marks = sys.argv[1:]
    uvloop.run(_serve(url, Path(marks[0]) if marks else None))


if __name__ == "__main__":
    main()
