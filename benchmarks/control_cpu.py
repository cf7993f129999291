"""What the control plane pays for one completed target, in units of what the kernel is paid."""

from __future__ import annotations

from statistics import median

from benchmarks.costs import cpu_of_kernel, cpu_of_threads
from benchmarks.crowd import Count, crowd
from benchmarks.figure import Figure, Outcome, middle
from benchmarks.plane import plane


def measure(*, quick: bool) -> list[Outcome]:
    agents, rounds, spawns = (20, 2, 20) if quick else (1000, 7, 300)
    costs: list[float] = []
    kernel: list[float] = []
    counts: list[Count] = []
    with plane() as control, crowd(control) as fleet:
        fleet.join(agents)
        fleet.perform(agents)  # the first is not like the others
        fleet.check()
        for _ in range(rounds):
            kernel.append(cpu_of_kernel(spawns))
            before = cpu_of_threads(control.pid)
            done = fleet.perform(agents)
            costs.append((cpu_of_threads(control.pid) - before) / agents)
            counts.append(done)
            fleet.check()
    requests = sum(count.requests for count in counts) / (rounds * agents)
    kicks = sum(count.kicks for count in counts) / (rounds * agents)
    return [
        Figure(
            name="control plane's CPU per target / kernel's per command",
            value=median(cost / unit for cost, unit in zip(costs, kernel, strict=True)),
            unit="ratio",
            target=0.75,
            raw=f"{middle(costs)} / {middle(kernel)}; {agents} agents, {requests:.2f} requests and"
            f" {kicks:.2f} kicks a target, {-(-agents // 100)} RunCommand calls",
        )
    ]
