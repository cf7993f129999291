"""Machines and their agents, without processes and sockets: a provider joined to the desk.

A machine's agent does what our agent does: registers, beats, says its inventory, fetches. What
its scripts do is for the test to say.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from cloudhand.control.control import Control
from cloudhand.control.pokes import Kick, Work
from cloudhand.control.provider import Boot, Observed, Power, ProviderError
from cloudhand.control.speaker import Speaker
from cloudhand.core.ids import BootId, InstanceId, InvokeId
from cloudhand.gateway.desk import Desk
from cloudhand.wire import agent as wire
from cloudhand.wire.receipt import Receipt
from cloudhand.wire.release import UPGRADED, Order, Outcome

Behaviour = Callable[["Machine", wire.Task], wire.Report | None]
Filing = Callable[["Machine", wire.FileTask], wire.Report | None]
Upgrading = Callable[["Machine", Order], Outcome | None]


@dataclass
class Machine:
    """One machine. ``journal`` survives its restarts, as the real one does."""

    instance_id: InstanceId
    boot: Boot | None = None  # None: a managed instance
    power: Power = Power.STOPPED
    boots: int = 0
    has_agent: bool = True
    connected: bool = True  # whether its agent can reach the desk
    registered: bool = False
    time_zone: str = ""
    refusals: dict[str, str] = field(default_factory=dict)  # of its own, as its agent says
    package: str = "0" * 64  # of its agent
    upgradable: bool = False
    receipt: Receipt | None = None  # of stops, as its agent says
    agent_age: timedelta = timedelta()  # when it beats
    orders: list[Order] = field(default_factory=list)  # to upgrade its agent, as they came
    running: dict[str, wire.Task] = field(default_factory=dict)
    unacknowledged: dict[str, wire.Report] = field(default_factory=dict)
    ever_started: list[str] = field(default_factory=list)
    files: dict[str, wire.FileTask] = field(default_factory=dict)  # that were written, by task

    @property
    def boot_id(self) -> BootId:
        return BootId(f"boot-{self.instance_id}-{self.boots}")


def succeed(machine: Machine, task: wire.Task) -> wire.Report | None:
    return finish(task, 0, b"helloworld\n")


def write(machine: Machine, file: wire.FileTask) -> wire.Report | None:
    return wire.Report(kind=wire.FINISH, task_id=file.task_id, file=True)


def hang(machine: Machine, file: wire.FileTask) -> wire.Report | None:
    """Never says what became of it."""
    return None


def run_on(machine: Machine, task: wire.Task) -> wire.Report | None:
    """Never ends by itself."""
    return None


def exit_with(code: int, output: bytes = b"") -> Behaviour:
    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        return finish(task, code, output)

    return behave


def finish(task: wire.Task, code: int, output: bytes) -> wire.Report:
    return wire.Report(
        kind=wire.FINISH,
        task_id=task.task_id,
        output=output,
        offset=0,
        start=1_000,
        end=2_000,
        exit_code=code,
        power=wire.POWER_BY_EXIT_CODE.get(code, ""),
    )


class Machines:
    """control.provider.Provider, and the agents of its machines."""

    name = "machines"

    def __init__(self, behave: Behaviour = succeed) -> None:
        self.behave = behave
        self.filing: Filing = write
        self.upgrading: Upgrading = lambda machine, order: Outcome(order.id, UPGRADED)
        self.machines: dict[InstanceId, Machine] = {}
        self.calls: list[str] = []
        self.failing: set[str] = set()  # names of calls that fail
        self._desk: Desk | None = None
        self._control: Control | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self.busy = 0  # agents at work
        self.waiting: list[asyncio.Task[None]] = []  # agents that were told to ask again
        self._held: dict[
            tuple[InstanceId, str], tuple[Machine, wire.Report]
        ] = {}  # what they ask about

    def join(self, control: Control, tasks: asyncio.TaskGroup) -> None:
        """Connect the agents to a control plane."""
        self._control = control
        self._desk = Desk(control)
        self._tasks = tasks
        control.pokes.on_kick(self._kicked)
        for machine in self.machines.values():
            if machine.registered and machine.has_agent:
                self._kicked(machine.instance_id, Kick.RUN, InvokeId(""))  # it asks by itself
        held, self._held = self._held, {}
        for machine, report in held.values():
            self._spawn(self.end(machine, report))

    def _call(self, name: str, instance_id: InstanceId) -> None:
        self.calls.append(f"{name} {instance_id}")
        if name in self.failing:
            raise ProviderError(f"cannot {name} {instance_id}: it was told to fail")

    async def create(self, boot: Boot) -> None:
        self._call("create", boot.instance_id)
        machine = self.machines.setdefault(boot.instance_id, Machine(boot.instance_id, boot))
        machine.boot = boot

    async def start(self, instance_id: InstanceId) -> None:
        self._call("start", instance_id)
        if self.machines[instance_id].power is Power.STOPPED:
            self.power_on(instance_id)

    async def stop(self, instance_id: InstanceId, *, force: bool) -> None:
        self._call("stop", instance_id)
        self.power_off(instance_id)

    async def reboot(
        self, instance_id: InstanceId, *, force: bool, from_boot_id: BootId | None
    ) -> None:
        self._call("reboot", instance_id)
        if self.machines[instance_id].boot_id == from_boot_id:
            self.restart(instance_id)

    async def release(self, instance_id: InstanceId) -> None:
        self._call("release", instance_id)
        self.machines.pop(instance_id, None)

    async def observe(self, instance_id: InstanceId) -> Observed:
        machine = self.machines.get(instance_id)
        if machine is None:
            return Observed(power=Power.GONE)
        running = machine.power is Power.RUNNING
        return Observed(power=machine.power, boot_id=machine.boot_id if running else None)

    async def changes(self) -> AsyncIterator[InstanceId]:
        await asyncio.Event().wait()  # hints may be lost, and here all are
        yield InstanceId("")

    async def close(self) -> None:
        pass

    def power_on(self, instance_id: InstanceId) -> None:
        machine = self.machines[instance_id]
        machine.power = Power.RUNNING
        machine.boots += 1
        self._lose_running(machine)
        self.start_agent(machine)

    def power_off(self, instance_id: InstanceId) -> None:
        machine = self.machines[instance_id]
        machine.power = Power.STOPPED

    def restart(self, instance_id: InstanceId) -> None:
        self.power_off(instance_id)
        self.power_on(instance_id)

    def _lose_running(self, machine: Machine) -> None:
        for task_id in machine.running:
            machine.unacknowledged[task_id] = wire.Report(
                kind=wire.INTERRUPTED, task_id=task_id, error_code="InstanceRestarted", start=1_000
            )
        machine.running.clear()

    def start_agent(self, machine: Machine) -> None:
        if machine.has_agent:
            self._spawn(self._start_agent(machine))

    def _spawn(self, work: object) -> None:
        assert self._tasks is not None
        self.busy += 1
        self._tasks.create_task(self._count(work))

    async def _count(self, work: object) -> None:
        try:
            await work  # type: ignore[misc, unused-ignore]
        finally:
            self.busy -= 1

    async def _start_agent(self, machine: Machine) -> None:
        if not machine.connected:
            return
        assert self._desk is not None
        if machine.boot is not None and not machine.registered:
            await self._desk.register(registration(machine.boot), address="127.0.0.1")
            machine.registered = True
        await self.beat(machine)
        orders = await self._desk.inventory(
            await self.speaker(machine),
            wire.Inventory(
                boot_id=machine.boot_id,
                running=tuple(machine.running),
                unacknowledged=tuple(machine.unacknowledged),
            ),
        )
        for task_id in orders.stop:
            machine.running.pop(task_id, None)
        await self._report_all(machine)
        fetch = wire.Fetch(reason="startup", time_zone=machine.time_zone)
        await self._fetch(machine, fetch)

    async def beat(self, machine: Machine) -> None:
        assert self._desk is not None
        beat = wire.Heartbeat(
            uptime=1_000,
            timestamp=0,
            pid=7,
            process_uptime=machine.agent_age // timedelta(milliseconds=1),
            index=0,
            seq_no=1,
            refusals=machine.refusals,
            release="0.1.0",
            package=machine.package,
            upgradable=machine.upgradable,
        )
        speaker = await self.speaker(machine)
        await self._desk.beat(speaker, beat, version=wire.COMPATIBLE_VERSION)

    async def speaker(self, machine: Machine) -> Speaker:
        assert self._control is not None
        agent = await self._control.agents.get(machine.instance_id)
        assert agent is not None
        return Speaker(agent=agent, boot_id=machine.boot_id)

    def _kicked(self, instance_id: InstanceId, kick: Kick, work: Work) -> None:
        machine = self.machines.get(instance_id)
        if machine is None or machine.power is not Power.RUNNING or not machine.connected:
            return
        if machine.has_agent:
            self._spawn(self._fetch(machine, wire.Fetch(reason="kickoff", task_id=work)))

    async def _upgrade(self, machine: Machine, order: Order) -> None:
        """It becomes whatever is offered to it."""
        assert self._desk is not None
        machine.orders.append(order)
        outcome = self.upgrading(machine, order)
        if outcome is None:
            return
        if outcome.outcome == UPGRADED:
            machine.package = hashlib.sha256(await self._desk.package()).hexdigest()
            await self.beat(machine)
        await self._desk.upgraded(await self.speaker(machine), outcome)

    async def _fetch(self, machine: Machine, fetch: wire.Fetch) -> None:
        assert self._desk is not None
        speaker = await self.speaker(machine)
        worklist = await self._desk.fetch(speaker, fetch)
        if worklist.upgrade is not None:
            await self._upgrade(machine, worklist.upgrade)
        for task_id in worklist.stop:
            machine.running.pop(task_id, None)
            await self.say(
                machine,
                wire.Report(
                    kind=wire.STOPPED,
                    task_id=task_id,
                    start=1_000,
                    end=2_000,
                    result="killed",
                    receipt=machine.receipt,
                ),
            )
        for file in worklist.file:
            if file.task_id not in machine.files:
                machine.files[file.task_id] = file
                said = self.filing(machine, file)
                if said is not None:
                    machine.unacknowledged[file.task_id] = said
                    await self._report_all(machine)
        for task in worklist.test:
            await self.say(machine, wire.Report(kind=wire.VERIFIED, task_id=task.task_id))
        for task in worklist.run:
            if task.task_id not in machine.ever_started:
                await self._start(machine, task)

    async def _start(self, machine: Machine, task: wire.Task) -> None:
        machine.ever_started.append(task.task_id)
        machine.running[task.task_id] = task
        await self.say(machine, wire.Report(kind=wire.RUNNING, task_id=task.task_id, start=1_000))
        report = self.behave(machine, task)
        if report is not None:
            await self.end(machine, report)

    async def end(self, machine: Machine, report: wire.Report) -> None:
        """End a task; do what its exit code asks for once that is acknowledged."""
        machine.running.pop(report.task_id, None)
        machine.unacknowledged[report.task_id] = report
        ack = await self._report_all(machine)
        if not ack.proceed:
            self._ask_again(machine, report, ack.hold)
        elif ack.refused:
            return
        elif report.power == "stop":
            self.power_off(machine.instance_id)
        elif report.power == "restart":
            self.restart(machine.instance_id)

    def _ask_again(self, machine: Machine, report: wire.Report, hold: int) -> None:
        """After so many ms, if its machine has not gone down meanwhile."""
        assert self._tasks is not None and self._control is not None
        clock, boot_id = self._control.clock, machine.boot_id
        key = machine.instance_id, report.task_id
        self._held[key] = (machine, report)

        async def later() -> None:
            await clock.sleep_until(clock.now() + timedelta(milliseconds=hold))
            self._held.pop(key)
            if machine.boot_id == boot_id and machine.power is Power.RUNNING:
                self._spawn(self.end(machine, report))

        self.waiting.append(self._tasks.create_task(later()))

    async def _report_all(self, machine: Machine) -> wire.Ack:
        """What was said to the last of them."""
        ack = wire.Ack()
        for task_id, report in list(machine.unacknowledged.items()):
            if machine.connected:
                ack = await self.say(machine, report)
                if ack.proceed:
                    machine.unacknowledged.pop(task_id, None)
        return ack

    async def say(self, machine: Machine, report: wire.Report) -> wire.Ack:
        assert self._desk is not None
        return await self._desk.report(await self.speaker(machine), report)


def registration(boot: Boot) -> wire.Registration:
    return wire.Registration(
        activation_id=boot.activation_id,
        activation_code=boot.activation_code,
        machine_id=f"machine-{boot.instance_id}",
        region_id=boot.region_id,
        hostname=boot.hostname,
        os_version="Linux_test",
        agent_version=wire.COMPATIBLE_VERSION,
        intranet_ip="10.0.0.1",
    )
