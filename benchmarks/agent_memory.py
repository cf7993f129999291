"""What an idle agent keeps in memory, with four others beside it."""

from __future__ import annotations

import time
from statistics import median

from benchmarks.costs import children, pss
from benchmarks.figure import Figure, Outcome, middle
from benchmarks.machines import RealAgent, real_agents
from benchmarks.plane import plane

_AGENTS = 5
_HOLDER_BOUND = 30.0  # seconds; a holder leaves when it has had nothing to do for ten


def measure(*, quick: bool) -> list[Outcome]:
    return [_idle(quick=quick, tls=False, target=10), _idle(quick=quick, tls=True, target=14)]


def _idle(*, quick: bool, tls: bool, target: float) -> Outcome:
    with plane(tls=tls) as control, real_agents(control, _AGENTS) as agents:
        if not quick:
            for invoke_id in control.run([agent.instance_id for agent in agents]):
                control.wait(invoke_id, gap=0.01)
            _await_idle(agents)
        sizes = [pss(agent.pid) / 2**20 for agent in agents]
    return Figure(
        name=f"idle agent's PSS{', TLS' if tls else ''}",
        value=median(sizes),
        unit="MiB",
        target=target,
        raw=f"{middle(sizes, 'MiB', 1)}; {_AGENTS} agents, after a command each",
    )


def _await_idle(agents: list[RealAgent]) -> None:
    """Until no holder is left that could share the memory of its agent."""
    deadline = time.monotonic() + _HOLDER_BOUND
    while any(_living(child) for agent in agents for child in children(agent.pid)):
        if time.monotonic() > deadline:
            raise RuntimeError("the agents did not become idle")
        time.sleep(0.1)


def _living(pid: int) -> bool:
    try:
        return pss(pid) > 0
    except (OSError, AssertionError):  # it has ended, and has no memory any more
        return False
