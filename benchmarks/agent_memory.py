"""What an idle agent keeps in memory, with four others beside it."""

from __future__ import annotations

from statistics import median

from benchmarks.costs import await_idle, pss
from benchmarks.figure import Figure, Outcome, middle
from benchmarks.machines import real_agents
from benchmarks.plane import plane

_AGENTS = 5


def measure(*, quick: bool) -> list[Outcome]:
    return [_idle(quick=quick, tls=False, target=10), _idle(quick=quick, tls=True, target=14)]


def _idle(*, quick: bool, tls: bool, target: float) -> Outcome:
    with plane(tls=tls) as control, real_agents(control, _AGENTS) as agents:
        if not quick:
            for invoke_id in control.run([agent.instance_id for agent in agents]):
                control.wait(invoke_id, gap=0.01)
            await_idle([agent.pid for agent in agents])
        sizes = [pss(agent.pid) / 2**20 for agent in agents]
    return Figure(
        name=f"idle agent's PSS{', TLS' if tls else ''}",
        value=median(sizes),
        unit="MiB",
        target=target,
        raw=f"{middle(sizes, 'MiB', 1)}; {_AGENTS} agents, after a command each",
    )
