"""What one more idle agent costs the control plane in memory."""

from __future__ import annotations

from benchmarks.costs import pss
from benchmarks.crowd import crowd
from benchmarks.figure import Figure, Outcome
from benchmarks.plane import plane


def measure(*, quick: bool) -> list[Outcome]:
    return [
        _per_agent(quick=quick, tls=False, target=40),
        _per_agent(quick=quick, tls=True, target=70),
    ]


def _per_agent(*, quick: bool, tls: bool, target: float) -> Outcome:
    few, many = (5, 25) if quick else (500, 5000)
    with plane(tls=tls) as control, crowd(control) as fleet:
        fleet.join(few)
        fleet.perform(few)
        fleet.check()
        before = pss(control.pid)
        fleet.join(many - few)
        fleet.perform(many)
        fleet.check()
        after = pss(control.pid)
    return Figure(
        name=f"control plane's PSS per agent{', TLS' if tls else ''}",
        value=(after - before) / 1024 / (many - few),
        unit="KiB",
        target=target,
        raw=f"{before / 2**20:.1f} MiB with {few} agents, {after / 2**20:.1f} MiB with {many}",
    )
