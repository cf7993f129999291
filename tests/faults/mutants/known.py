"""Ways to break Cloudhand of which it is known that the fault matrix finds them.

Each is one change of one file: a text that stands there once, and what comes in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Mutant:
    name: str
    path: str  # below src/cloudhand
    before: str
    after: str
    tier: Literal["virtual", "real"]  # which half of the matrix finds it
    words: tuple[str, ...]  # of its command: a part of the matrix that is soon played


_RESTARTS = "agent.power,agent.after-power,plane.stored,plane.heard"
_FEW = ("--boots=0", "--workers=2", "--seats=8", "--runs=16")
_SOON = ("--until-found", "--workers=1")

# Of the control plane.
_PLANE = (
    Mutant(
        name="acknowledge before commit",
        path="control/deliveries.py",
        before="        ack = await self._database.write(work)\n",
        after="        ack = wire.Ack()\n"
        "        __import__('asyncio').ensure_future(self._database.write(work))\n",
        tier="virtual",
        words=(*_SOON, "--points=store.commit", "--faults=SIGKILL control plane"),
    ),
    Mutant(
        name="no second kick",
        path="control/deadlines.py",
        before='        self._pokes.kick(waiting.instance_ids, Kick.RUN, InvokeId(""))\n',
        after="",
        tier="virtual",
        words=(*_SOON, "--points=plane.handed-out,plane.beat", "--faults=reorder,5xx,duplicate"),
    ),
    Mutant(
        name="a lost connection is a restart",
        path="control/agents.py",
        before="await tx.agents.gone(instance_id, at=now if for_good else now + BACK_WITHIN)",
        after="await booted(tx, instance_id, None, now)",
        tier="virtual",
        words=(*_SOON, f"--points={_RESTARTS}", "--faults=connection cut,half-open connection"),
    ),
    Mutant(
        name="output that comes twice is kept twice",
        path="control/deliveries.py",
        before="position=report.offset",
        after="position=None",
        tier="virtual",
        words=(*_SOON, "--points=agent.spawned,agent.before-journal", "--faults=duplicate"),
    ),
    Mutant(
        name="a restart is done when it was ordered",
        path="control/power_actions.py",
        before="        return await self._next_step(tx, action, speaker, now, told=False)\n\n"
        "    async def asked_again",
        after="        await booted(tx, speaker.id, None, now)\n        return wire.Ack()\n\n"
        "    async def asked_again",
        tier="virtual",
        words=(*_SOON, "--points=agent.power", "--faults=SIGKILL agent"),
    ),
    Mutant(
        name="what was assumed is never corrected",
        path="control/deliveries.py",
        before="            target.final\n            and target.inferred\n",
        after="            False and target.final\n            and target.inferred\n",
        tier="virtual",
        words=(*_SOON, "--points=agent.spool,agent.exit", "--faults=power cut"),
    ),
    Mutant(
        name="deadlines follow a clock that is set",
        path="control/deadlines.py",
        before="tx.moments.shift(by, now=now)",
        after="tx.moments.shift(timedelta(), now=now)",
        tier="virtual",
        words=(*_SOON, "--points=agent.spawned,plane.stored", "--faults=clock +1 day,clock -1 day"),
    ),
    Mutant(
        name="a stop is not told to who asks for work",
        path="control/deliveries.py",
        before="                    stop.append(target.task_id)\n                    continue\n",
        after="                    continue\n",
        tier="virtual",
        words=(*_SOON, "--points=agent.spawned,agent.spawn", "--faults=duplicate,slow 1 byte/s"),
    ),
    Mutant(
        name="nobody waits for who is late",
        path="control/settings.py",
        before="delivery_window: timedelta = timedelta(seconds=60)",
        after="delivery_window: timedelta = timedelta(seconds=3)",
        tier="virtual",
        words=(
            *_SOON,
            "--points=plane.asked,plane.recorded",
            "--faults=half-open connection",
        ),
    ),
    Mutant(
        name="a machine that went down has not stopped",
        path="reconcilers/lifecycles.py",
        before="            await tx.power_actions.move(\n"
        '                action, power.Event.STOPPED, at=now, source="lifecycles", done_at=now\n'
        "            )\n",
        after="            continue\n",
        tier="virtual",
        words=(*_SOON, "--points=agent.report,agent.ack", "--faults=SIGKILL agent,duplicate"),
    ),
)

# Of the agent.
_AGENT = (
    Mutant(
        name="the journal is not synced",
        path="agent/journal.py",
        before="            if durable:\n                os.fsync(self._file)\n",
        after="",
        tier="real",
        words=(*_FEW, "--points=agent.spawned,agent.spawn", "--faults=power cut"),
    ),
    Mutant(
        name="only the leader is killed",
        path="agent/ending.py",
        before="        spool.ask_to_outlast(self._folder)\n        before =",
        after="        self._first_only = True\n        before =",
        tier="real",
        words=(*_FEW, "--points=agent.spawned", "--faults=duplicate,SIGKILL agent"),
    ),
    Mutant(
        name="the machine goes down before the result is told",
        path="agent/reporter.py",
        before="        if acts:\n            ack = self._deliver(",
        after="        if acts:\n"
        "            self._go_down(entry, report)\n"
        "            ack = self._deliver(",
        tier="real",
        words=(*_FEW, "--points=agent.before-power,agent.power", "--faults=SIGKILL agent"),
    ),
    Mutant(
        name="who starts anew forgets what it began",
        path="agent/journal.py",
        before="            started = entry.holder_pid or entry.report",
        after="            started = entry.report",
        tier="real",
        words=(*_FEW, "--points=agent.spawned", "--faults=SIGKILL agent"),
    ),
    Mutant(
        name="a script is begun before it is written down",
        path="agent/runner.py",
        before="self._journal.started(task.task_id, pid=holder.pid, start=holder.start)",
        after="holder.give(self._placed(prepared.script))\n"
        "                faults.point('agent.spawned')\n"
        "                self._journal.started(task.task_id, pid=holder.pid, start=holder.start)\n"
        "                return holder",
        tier="real",
        words=(*_FEW, "--points=agent.spawned", "--faults=SIGKILL agent"),
    ),
    Mutant(
        name="a result is told four times and given up",
        path="agent/reporter.py",
        before="        while not self._closing.is_set():\n"
        "            report = self._with_output(report)\n",
        after="        for _ in range(4):\n            report = self._with_output(report)\n",
        tier="real",
        words=(*_FEW, "--points=agent.report", "--faults=5xx,connection cut"),
    ),
    Mutant(
        name="output is thrown away before it is told",
        path="agent/reporter.py",
        before='        faults.point("agent.report")\n',
        after="        spool.remove(self.folder(entry.task_id))\n"
        '        faults.point("agent.report")\n',
        tier="real",
        words=(*_FEW, "--points=agent.report", "--faults=SIGKILL agent,duplicate"),
    ),
)

MUTANTS = (*_PLANE, *_AGENT)
