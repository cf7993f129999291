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

MUTANTS = (
    Mutant(
        name="acknowledge before commit",
        path="control/deliveries.py",
        before='        ack = await self._database.write(work)\n        faults.point("plane.stored")\n',
        after="        ack = wire.Ack()\n"
        '        faults.point("plane.stored")\n'
        "        await self._database.write(work)\n",
        tier="virtual",
        words=("--points=plane.stored", "--faults=SIGKILL control plane"),
    ),
    Mutant(
        name="no second kick",
        path="control/deadlines.py",
        before='        self._pokes.kick(waiting.instance_ids, Kick.RUN, InvokeId(""))\n',
        after="",
        tier="virtual",
        words=("--points=plane.handed-out,plane.beat", "--faults=reorder,5xx,duplicate"),
    ),
    Mutant(
        name="a lost connection is a restart",
        path="control/agents.py",
        before="            await tx.agents.gone(instance_id, at=now if for_good else now + BACK_WITHIN)\n",
        after="            await booted(tx, instance_id, None, now)\n",
        tier="virtual",
        words=(f"--points={_RESTARTS}", "--faults=connection cut,half-open connection"),
    ),
    Mutant(
        name="output that comes twice is kept twice",
        path="control/deliveries.py",
        before="position=report.offset",
        after="position=None",
        tier="virtual",
        words=("--points=agent.spawned,agent.before-journal", "--faults=duplicate"),
    ),
    Mutant(
        name="a restart is done when it was ordered",
        path="control/power_actions.py",
        before="        return await self._next_step(tx, action, speaker, now, told=False)\n\n"
        "    async def asked_again",
        after="        await booted(tx, speaker.id, None, now)\n        return wire.Ack()\n\n"
        "    async def asked_again",
        tier="virtual",
        words=("--points=agent.power", "--faults=SIGKILL agent"),
    ),
    Mutant(
        name="what was assumed is never corrected",
        path="control/deliveries.py",
        before="            target.final\n            and target.inferred\n",
        after="            False and target.final\n            and target.inferred\n",
        tier="virtual",
        words=("--points=agent.spool,agent.exit", "--faults=power cut"),
    ),
    Mutant(
        name="deadlines follow a clock that is set",
        path="control/deadlines.py",
        before="        await self._database.write(lambda tx: tx.moments.shift(by, now=now))\n",
        after="",
        tier="virtual",
        words=("--points=agent.spawned,plane.stored", "--faults=clock +1 day,clock -1 day"),
    ),
    Mutant(
        name="who came back unseen is not looked at",
        path="store/instances.py",
        before="AND (due_at IS NULL OR due_at > ?)",
        after="AND due_at > ?",
        tier="virtual",
        words=("--points=plane.asked,plane.recorded,agent.before-journal", "--faults=power cut"),
    ),
    Mutant(
        name="what was fetched in another boot is handed out again",
        path="control/deliveries.py",
        before="                if target.state is not State.PENDING:\n"
        "                    await close(tx, target, _forgotten(target, boot_id), now)\n",
        after="                if target.state is not State.PENDING:\n"
        "                    continue\n",
        tier="virtual",
        words=("--points=agent.spawned,agent.spawn", "--faults=power cut"),
    ),
    Mutant(
        name="nothing is said of what died with the control plane",
        path="control/agents.py",
        before="            await tx.agents.all_gone(at=until, beat_after=until - ONLINE_WITHIN)\n",
        after="            await tx.agents.all_gone(at=until, beat_after=until)\n",
        tier="virtual",
        words=("--points=plane.recorded",),
    ),
)
