"""What one more idle agent costs the control plane in memory."""

from __future__ import annotations

from statistics import median

from benchmarks.costs import pss
from benchmarks.crowd import crowd
from benchmarks.figure import Figure, Outcome, middle
from benchmarks.plane import plane


def measure(*, quick: bool) -> list[Outcome]:
    return [
        _per_agent(quick=quick, tls=False, target=40),
        _per_agent(quick=quick, tls=True, target=70),
    ]


def _per_agent(*, quick: bool, tls: bool, target: float) -> Outcome:
    few, many = (5, 25) if quick else (500, 5000)
    # What is left of a moment of much work differs from run to run.
    rounds = [_grown(few, many, tls=tls) for _ in range(1 if quick else 3)]
    growths = [(after - before) / 1024 / (many - few) for before, after in rounds]
    befores, afters = zip(*rounds, strict=True)
    return Figure(
        name=f"control plane's PSS per agent{', TLS' if tls else ''}",
        value=median(growths),
        unit="KiB",
        target=target,
        raw=f"{middle(growths, 'KiB', 1)}; {median(befores) / 2**20:.1f} MiB with {few} agents,"
        f" {median(afters) / 2**20:.1f} MiB with {many}",
    )


def _grown(few: int, many: int, *, tls: bool) -> tuple[int, int]:
    """Bytes of the control plane with few agents and with many, after a command each."""
    with plane(tls=tls) as control, crowd(control) as fleet:
        fleet.join(few)
        fleet.perform(few)
        fleet.check()
        before = pss(control.pid)
        fleet.join(many - few)
        fleet.perform(many)
        fleet.check()
        return before, pss(control.pid)
